//! A courier without a network: it asks one other exchange what `api::exchange` would ask it, and
//! can be made to bring another answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::domain::AuthorityId;
use crate::exchange::courier::{Bulk, Carried, Courier, Link, Trouble};
use crate::exchange::heads::hashes;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;

/// What an answer is made into on its way.
pub(in crate::exchange) type Lie = Box<dyn Fn(&mut pb::GetEntriesResponse) + Send + Sync>;

/// Carries questions of one authority to one other, whomever they are for.
pub(in crate::exchange) struct Memory {
    me: AuthorityId,
    other: Arc<Exchange>,
    lie: Mutex<Option<Lie>>,
    entries: Mutex<Vec<pb::GetEntriesRequest>>,
    proofs: Mutex<Vec<pb::GetConsistencyRequest>>,
    silent: AtomicBool,
}

impl Memory {
    /// Gives `asks` its way to `other`.
    pub(in crate::exchange) fn between(asks: &Exchange, other: &Arc<Exchange>) -> Arc<Self> {
        let (me, other) = (asks.me.clone(), other.clone());
        let (lie, entries, proofs, silent) = Default::default();
        let courier = Arc::new(Self { me, other, lie, entries, proofs, silent });
        let carries: Arc<dyn Courier> = courier.clone();
        asks.set_courier(&carries);
        courier
    }

    pub(in crate::exchange) fn lies(&self, lie: Lie) {
        *self.lie.lock().expect("whole") = Some(lie);
    }

    /// What was asked for since, of entries.
    pub(in crate::exchange) fn asked(&self) -> Vec<pb::GetEntriesRequest> {
        std::mem::take(&mut *self.entries.lock().expect("whole"))
    }

    /// What was asked for since, of proofs.
    pub(in crate::exchange) fn asked_proofs(&self) -> Vec<pb::GetConsistencyRequest> {
        std::mem::take(&mut *self.proofs.lock().expect("whole"))
    }

    /// Whether no proof is given to anybody from now on.
    pub(in crate::exchange) fn falls_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    fn prove(
        &self,
        ask: &pb::GetConsistencyRequest,
    ) -> Result<Option<pb::GetConsistencyResponse>, ActionError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(ActionError::Unavailable("another time".into()));
        }
        let head = self.other.log_head_of(&ask.origin)?;
        if ask.new_size > head.checkpoint.size {
            return Ok(None);
        }
        let proof = self.other.log_consistency(head.log, ask.old_size, ask.new_size)?;
        Ok(Some(pb::GetConsistencyResponse { hashes: hashes(&proof) }))
    }
}

fn carried<T: Send + 'static>(answer: Result<T, ActionError>) -> Carried<T> {
    let answer = answer.map_err(|error| Trouble(error.to_string()));
    Box::pin(async move { answer })
}

fn nothing<T: Send + 'static>() -> Carried<T> {
    Box::pin(async { Err(Trouble("not in these tests".into())) })
}

impl Courier for Memory {
    fn relay(&self, _: Arc<Peer>) -> Carried<Link> {
        nothing()
    }

    fn bulk(&self, _: Arc<Peer>) -> Carried<Box<dyn Bulk>> {
        nothing()
    }

    fn receipt(&self, _: Arc<Peer>, _: pb::GetReceiptRequest) -> Carried<pb::GetReceiptResponse> {
        nothing()
    }

    fn consistency(
        &self,
        _: Arc<Peer>,
        ask: pb::GetConsistencyRequest,
    ) -> Carried<Option<pb::GetConsistencyResponse>> {
        let answer = self.prove(&ask);
        self.proofs.lock().expect("whole").push(ask);
        carried(answer)
    }

    fn entries(&self, _: Arc<Peer>, ask: pb::GetEntriesRequest) -> Carried<pb::GetEntriesResponse> {
        let mut answer = self.other.page_for(&self.me, &ask);
        self.entries.lock().expect("whole").push(ask);
        if let (Ok(answer), Some(lie)) = (&mut answer, &*self.lie.lock().expect("whole")) {
            lie(answer);
        }
        carried(answer)
    }

    fn share(
        &self,
        _: Arc<Peer>,
        _: pb::ShareCheckpointsRequest,
    ) -> Carried<pb::ShareCheckpointsResponse> {
        nothing()
    }
}
