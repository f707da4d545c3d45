//! What this node holds of the logs of others, and what others hold of its own (I3).
//!
//! Of each log one chain is held: every checkpoint in it was proved to extend the one before, on
//! whichever stream it came. Two pasts that are shown on two streams therefore never both get in.
//! A log's owner proves each checkpoint from the one that it showed this node last, on any stream
//! (`Shown`); streams overtake each other, so a proof that starts from what is not here yet is
//! waited for.

mod chain;
mod follow;
mod shown;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::watch;

use self::chain::Chain;
pub use self::chain::{HeadError, Taken};
pub(crate) use self::follow::{Following, steps, succession};
pub(crate) use self::shown::Shown;
use super::rows::{self, HeadRow, head_key};
use super::{ActionError, Exchange, Peer};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::note::VerifierKey;
use crate::audit::witness::{AddCheckpoint, RefusalReason, Signed, WitnessRefusal, decide_signed};
use crate::crypto::Digest;
use crate::store::{Position, Store, Table, Tx};

/// The other stream, if it lives, brings what is missing within this time.
const OVERTAKEN_FOR: Duration = Duration::from_secs(2);

/// The verified checkpoints of other logs, by origin.
pub struct Heads {
    chains: Mutex<BTreeMap<String, Chain>>,
    advanced: watch::Sender<u64>,
}

impl Heads {
    pub(super) fn load(store: &Store) -> Result<Self, ActionError> {
        let mut chains = BTreeMap::new();
        for row in rows::all::<HeadRow>(store, Table::Heads)? {
            let head =
                SignedCheckpoint::assume_verified(&row.checkpoint).map_err(ActionError::fault)?;
            let origin = head.checkpoint().origin.clone();
            chains.insert(origin, Chain::new(head).followed_by(&row.successor));
        }
        Ok(Self { chains: Mutex::new(chains), advanced: watch::Sender::new(0) })
    }

    /// What is held of the newest of the logs that follow each other from `first` on.
    pub fn newest_from(&self, first: &str) -> Option<SignedCheckpoint> {
        let chains = self.chains();
        let mut chain = chains.get(first)?;
        // Each was taken after the one before it, so this ends.
        while let Some(next) = chain.successor().and_then(|next| chains.get(next)) {
            chain = next;
        }
        Some(chain.newest().clone())
    }

    /// The logs that follow each other from `first` on, with what is held of each; none where
    /// nothing is held of the first.
    pub(crate) fn all_from(&self, first: &str) -> Vec<SignedCheckpoint> {
        let chains = self.chains();
        let mut all = Vec::new();
        let mut next = chains.get(first);
        while let Some(chain) = next {
            all.push(chain.newest().clone());
            next = chain.successor().and_then(|origin| chains.get(origin));
        }
        all
    }

    /// Whether a log is one of those that follow each other from `first` on.
    pub(crate) fn is_in_line(&self, first: &str, origin: &str) -> bool {
        let chains = self.chains();
        let mut next = Some(first);
        while let Some(name) = next.filter(|name| chains.contains_key(*name)) {
            if name == origin {
                return true;
            }
            next = chains.get(name).and_then(Chain::successor);
        }
        false
    }

    /// Ends what is held of a log towards another one: from here on it does not grow, whatever comes
    /// on another stream while that is made durable. False where it is not that state that is held,
    /// or another log follows already.
    pub(super) fn end(&self, held: &SignedCheckpoint, origin: &str) -> bool {
        let mut chains = self.chains();
        let chain = chains.get_mut(&held.checkpoint().origin);
        chain.is_some_and(|chain| chain.end(held.checkpoint(), origin))
    }

    /// Takes that back: it could not be made durable.
    pub(super) fn go_on(&self, held: &SignedCheckpoint) {
        if let Some(chain) = self.chains().get_mut(&held.checkpoint().origin) {
            chain.go_on();
        }
    }

    /// Begins the log that follows one that was ended.
    pub(super) fn follow(&self, first: SignedCheckpoint) {
        let origin = first.checkpoint().origin.clone();
        self.chains().entry(origin).or_insert_with(|| Chain::new(first));
        self.advanced.send_modify(|count| *count += 1);
    }

    /// Waits a little for what another stream brings; gives whether it came.
    pub(crate) async fn wait_for(&self, came: impl Fn(&Self) -> bool) -> bool {
        let mut advanced = self.advanced.subscribe();
        let waiting = async {
            loop {
                advanced.mark_unchanged();
                if came(self) || advanced.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whatever came at the last moment counts.
        let _ = tokio::time::timeout(OVERTAKEN_FOR, waiting).await;
        came(self)
    }

    /// What is held of a log.
    pub fn of(&self, origin: &str) -> Option<SignedCheckpoint> {
        self.chains().get(origin).map(|chain| chain.newest().clone())
    }

    /// As [`Heads::take_in_turn`], at once.
    #[cfg(test)]
    pub(crate) fn take(
        &self,
        keys: &[VerifierKey],
        request: &AddCheckpoint,
        still: &(dyn Fn() -> bool + Sync),
    ) -> Result<Taken, HeadError> {
        self.take_signed(&verified(keys, request)?, still)
    }

    fn take_signed(
        &self,
        signed: &Signed<'_>,
        still: &(dyn Fn() -> bool + Sync),
    ) -> Result<Taken, HeadError> {
        let origin = signed.request().origin();
        let mut chains = self.chains();
        // Under the lock: see `forget`.
        if !still() {
            return Err(HeadError::UnknownLog(origin.to_owned()));
        }
        let taken = match chains.get_mut(origin) {
            Some(chain) => chain.take(signed)?,
            None => {
                let (chain, taken) = Chain::begin(signed)?;
                chains.insert(origin.to_owned(), chain);
                taken
            }
        };
        drop(chains);
        self.advanced.send_modify(|count| *count += 1);
        Ok(taken)
    }

    /// Takes a checkpoint that proves itself an extension of everything held, and waits a little for
    /// what its proof starts from. In memory: the caller makes it durable before it answers. `still`
    /// says whether `keys` are the log's keys still.
    ///
    /// # Errors
    /// [`HeadError`]: what the log's owner would have to explain, except [`HeadError::Base`].
    pub(crate) async fn take_in_turn(
        &self,
        keys: &[VerifierKey],
        request: &AddCheckpoint,
        still: &(dyn Fn() -> bool + Sync),
    ) -> Result<Taken, HeadError> {
        // Before the lock, which all logs share.
        let signed = verified(keys, request)?;
        let mut advanced = self.advanced.subscribe();
        let taking = async {
            loop {
                advanced.mark_unchanged();
                match self.take_signed(&signed, still) {
                    Err(HeadError::Base { from, held }) if from > held => {
                        if advanced.changed().await.is_err() {
                            return Err(HeadError::Base { from, held });
                        }
                    }
                    done => return done,
                }
            }
        };
        match tokio::time::timeout(OVERTAKEN_FOR, taking).await {
            Ok(done) => done,
            // Whatever came at the last moment counts.
            Err(_) => self.take_signed(&signed, still),
        }
    }

    /// As a witness of strangers takes it: every refusal in the words of tlog-witness. A log that
    /// `streams` takes no step here: its owner proves each from what it showed on its own streams,
    /// and anybody may have a newer checkpoint of it. `may_advance` is asked once the step is
    /// proven, so that nobody but the log itself uses up what it may have.
    ///
    /// # Errors
    /// [`WitnessRefusal`].
    pub(crate) fn witness(
        &self,
        keys: &[VerifierKey],
        request: &AddCheckpoint,
        streams: bool,
        may_advance: impl FnOnce() -> bool,
    ) -> Result<Taken, WitnessRefusal> {
        let signed = Signed::verify(keys, request)?;
        let mut chains = self.chains();
        let state = chains.get(request.origin()).map(Chain::newest);
        let accepted = decide_signed(state, &signed)?;
        if streams && accepted.changed() {
            let held = state.map_or(0, |state| state.checkpoint().size);
            return Err(RefusalReason::Conflict { held }.into());
        }
        if accepted.changed() && !may_advance() {
            return Err(RefusalReason::TooOften.into());
        }
        let taken = match chains.get_mut(request.origin()) {
            Some(chain) => chain.push(accepted),
            None => {
                let head = accepted.state().clone();
                chains.insert(request.origin().to_owned(), Chain::new(head.clone()));
                Taken { head, accepted: Some(accepted) }
            }
        };
        drop(chains);
        self.advanced.send_modify(|count| *count += 1);
        Ok(taken)
    }

    /// The logs of which something is held.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.chains().keys().cloned().collect()
    }

    /// Forgets logs: their owner has made others under the same names, and an operator believes it.
    /// That is durable already; `change` puts the new card in the place of the old one. No stream
    /// comes between the two, to begin the old log anew or to be measured by it.
    pub(super) fn forget(&self, origins: &[String], change: impl FnOnce()) {
        let mut chains = self.chains();
        change();
        chains.retain(|origin, _| !origins.contains(origin));
    }

    fn chains(&self) -> MutexGuard<'_, BTreeMap<String, Chain>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signature of the log, without any lock.
fn verified<'a>(keys: &[VerifierKey], request: &'a AddCheckpoint) -> Result<Signed<'a>, HeadError> {
    Signed::verify(keys, request).map_err(|reason| HeadError::of(&reason))
}

/// What a peer says that it holds of our log, compared with our log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnHead {
    /// It holds nothing of ours.
    Nothing,
    /// It holds this much, which is ours too.
    Ours(Position),
    /// It holds a checkpoint that we signed and no longer have: our log was rolled back or forked.
    NotOurs {
        /// What it holds.
        size: u64,
    },
    /// What it shows is not signed by our log key.
    NotSigned,
}

impl Exchange {
    /// What is held of a peer's newest log.
    pub fn head_of(&self, peer: &Peer) -> Option<SignedCheckpoint> {
        self.heads.newest_from(peer.card.log_origin())
    }

    /// Compares what a peer holds of our log with what we have.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when our log cannot be read.
    pub(crate) fn compare_own_head(&self, note: &str) -> Result<OwnHead, ActionError> {
        if note.is_empty() {
            return Ok(OwnHead::Nothing);
        }
        let origin = Checkpoint::parse_unverified(note).map(|theirs| theirs.origin);
        let keys = origin.map(|origin| self.card().log_keys_of(&origin)).unwrap_or_default();
        let Ok(theirs) = Checkpoint::verify(note, &keys) else {
            return Ok(OwnHead::NotSigned);
        };
        // A log of ours that is not known here was begun after the copy was made.
        let ours = self.store.head_named(&theirs.origin);
        if let Some(ours) = &ours
            && theirs.size <= ours.checkpoint.size
            && self.store.root_at(ours.log, theirs.size)? == theirs.root
        {
            return Ok(OwnHead::Ours(Position::new(ours.log, theirs.size)));
        }
        let ours = ours.map_or(0, |ours| ours.checkpoint.size);
        // Our own signature over a log that we do not have: this node was restored from an older
        // copy. It must not append, or it would become an equivocator (I3).
        self.store.freeze(note)?;
        tracing::error!(held = theirs.size, ours, log = theirs.origin, "log rolled back");
        Ok(OwnHead::NotOurs { size: theirs.size })
    }

    pub(crate) fn head_key(&self, head: &SignedCheckpoint) -> [u8; 16] {
        head_key(&self.home, &head.checkpoint().origin)
    }
}

/// A checkpoint of a peer as a stream brings it.
///
/// # Errors
/// [`HeadError::Checkpoint`] for a proof or a note that no checkpoint has.
pub(crate) fn request(
    from: u64,
    proof: &[bytes::Bytes],
    note: &str,
) -> Result<AddCheckpoint, HeadError> {
    let refuse = |why: &dyn std::fmt::Display| HeadError::Checkpoint(why.to_string());
    let proof = digests(proof).ok_or_else(|| refuse(&"a hash of its proof has not 32 bytes"))?;
    AddCheckpoint::new(from, proof, note.to_owned()).map_err(|error| refuse(&error))
}

/// Writes a head unless a larger one is there. All come from one chain, so the larger one extends
/// the smaller.
pub(crate) fn put_head(
    tx: &mut Tx<'_>,
    key: &[u8; 16],
    head: &SignedCheckpoint,
) -> Result<(), ActionError> {
    let mut row = rows::load_in::<HeadRow>(tx, Table::Heads, key)?.unwrap_or_default();
    if !row.checkpoint.is_empty() {
        let held = Checkpoint::parse_unverified(&row.checkpoint).map_err(ActionError::fault)?;
        if held.size >= head.checkpoint().size {
            return Ok(());
        }
    }
    row.checkpoint = head.to_note();
    tx.put(Table::Heads, key, row.encode_to_vec());
    Ok(())
}

/// Hashes from the wire; `None` unless each has 32 bytes.
pub(crate) fn digests(bytes: &[bytes::Bytes]) -> Option<Vec<Digest>> {
    bytes.iter().map(|hash| hash.as_ref().try_into().ok()).collect()
}

/// Hashes for the wire.
pub(crate) fn hashes(digests: &[Digest]) -> Vec<bytes::Bytes> {
    digests.iter().map(|hash| bytes::Bytes::copy_from_slice(hash)).collect()
}

#[cfg(test)]
mod tests;
