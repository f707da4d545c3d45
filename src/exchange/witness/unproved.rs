//! What the owner of a log does not prove: of two checkpoints that it has signed, that the larger
//! extends the smaller.
//!
//! Nobody else can prove it, and whoever has two pasts never will. That it does not is no evidence
//! of anything, so nobody is suspended for it; but it must not go unsaid for ever either.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PROVES_WITHIN;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::exchange::heads::HeadError;
use crate::exchange::{Exchange, Peer};

/// Rounds in which the owner of a log was there and proved nothing, until that is a suspicion.
const ROUNDS: u32 = 3;
/// The code under which it is logged.
const NO_PROOF: &str = "NO_PROOF";

/// Two checkpoints of one log that are to be of one past.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) held: SignedCheckpoint,
    pub(super) heard: SignedCheckpoint,
}

/// What was asked for, and how often.
#[derive(Clone, Debug)]
struct Asked {
    pair: Pair,
    rounds: u32,
    /// The newest that its owner had shown here then.
    shown: Option<Checkpoint>,
}

/// Why two checkpoints are not known to be of one past.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Missing {
    /// The weather, perhaps.
    #[error("{0}")]
    NoAnswer(String),
    /// The owner says that its log never had the size of a checkpoint that its key has signed.
    #[error("its owner says that it never was as large")]
    Beyond,
    /// It does not show that the one extends the other.
    #[error("its owner's proof proves nothing")]
    WrongProof,
}

/// Of each log the first two checkpoints of which this was not proved, until it is.
#[derive(Debug, Default)]
pub(super) struct Unproved(Mutex<BTreeMap<String, Asked>>);

impl Unproved {
    /// Whether what was heard is asked for in each round already.
    pub(super) fn has(&self, heard: &Checkpoint) -> bool {
        let known = |asked: &Asked| asked.pair.heard.checkpoint() == heard;
        self.lock().get(&heard.origin).is_some_and(known)
    }

    fn all(&self) -> Vec<Asked> {
        self.lock().values().cloned().collect()
    }

    fn forget(&self, origin: &str) {
        self.lock().remove(origin);
    }

    /// Counts a round without a proof: of the first pair, or of one for which `at_once` is enough.
    /// Whether that is a suspicion now.
    fn count(&self, pair: &Pair, shown: Option<&Checkpoint>, at_once: bool) -> bool {
        let mut all = self.lock();
        let origin = pair.heard.checkpoint().origin.clone();
        let began = || Asked { pair: pair.clone(), rounds: 0, shown: shown.cloned() };
        let asked = all.entry(origin).or_insert_with(began);
        let same = asked.pair.heard.checkpoint() == pair.heard.checkpoint();
        if at_once && !same && asked.rounds < ROUNDS {
            *asked = began();
        } else if !same {
            return false;
        }
        // What it has shown by then says of no later round that it was there.
        asked.shown = shown.cloned();
        asked.rounds = if at_once { ROUNDS } else { asked.rounds.saturating_add(1) };
        asked.rounds >= ROUNDS
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Has the owner of a log prove that two of its checkpoints are of one past. What that shows is
    /// heeded; what it does not show is asked for again.
    pub(super) async fn put_to_owner(self: &Arc<Self>, owner: &Arc<Peer>, pair: &Pair) {
        let origin = &pair.heard.checkpoint().origin;
        match self.proved(owner, pair).await {
            Ok(()) if self.hearing.unproved.has(pair.heard.checkpoint()) => {
                self.hearing.unproved.forget(origin);
                self.alerts.settle(origin);
            }
            Ok(()) => {}
            Err(missing) => self.not_proved(owner, pair, &missing).await,
        }
    }

    /// The same once more for everything that was not proved.
    pub(super) async fn ask_again(self: &Arc<Self>) {
        for Asked { pair, .. } in self.hearing.unproved.all() {
            let known = [&pair.held, &pair.heard].map(|head| self.known_log(&head.to_note()));
            let [Some((owner, _)), Some(_)] = known else {
                // Its owner has gone, or has another log under this name by now.
                let origin = &pair.heard.checkpoint().origin;
                self.hearing.unproved.forget(origin);
                self.alerts.settle(origin);
                continue;
            };
            if owner.suspended.is_none() {
                self.put_to_owner(&owner, &pair).await;
            }
        }
    }

    async fn proved(self: &Arc<Self>, owner: &Arc<Peer>, pair: &Pair) -> Result<(), Missing> {
        let asking = self.proof_between(owner, &pair.held, &pair.heard);
        let answer = tokio::time::timeout(PROVES_WITHIN, asking).await;
        let answer = answer.map_err(|_| Missing::NoAnswer("no answer in time".into()))?;
        let proof = answer.map_err(|error| Missing::NoAnswer(error.to_string()))?;
        let proof = proof.ok_or(Missing::Beyond)?;
        match self.compare(owner, &pair.held, &pair.heard, proof).await {
            Err(HeadError::Inconsistent) => Err(Missing::WrongProof),
            // What else is wrong is heeded.
            _ => Ok(()),
        }
    }

    async fn not_proved(self: &Arc<Self>, owner: &Arc<Peer>, pair: &Pair, missing: &Missing) {
        let (name, heard) = (owner.authority(), pair.heard.checkpoint());
        let held = pair.held.checkpoint().size;
        tracing::info!(owner = %name, log = heard.origin, held, heard = heard.size, %missing, "not proved");
        let shown = self.head_of(owner).map(|head| head.checkpoint().clone());
        let at_once = !matches!(missing, Missing::NoAnswer(_));
        let counts = at_once || self.is_there(owner, pair, shown.as_ref());
        if !(counts && self.hearing.unproved.count(pair, shown.as_ref(), at_once)) {
            return;
        }
        if let Err(error) = self.suspect(Some(name), &pair.heard.to_note(), NO_PROOF).await {
            tracing::error!(%error, "that a log's owner proves nothing cannot be logged");
        }
        let (origin, notes) = (&heard.origin, (pair.held.to_note(), pair.heard.to_note()));
        tracing::debug!(held = notes.0, heard = notes.1, "what is not proved");
        let (a, b) = (held.min(heard.size), held.max(heard.size));
        self.alerts.raise(
            origin,
            format!(
                "{name} does not prove that its log {origin} with {b} entries extends what it was \
                 with {a}, though it has signed both ({missing}): that is suspicion and no evidence: \
                 ask {name} by another road, and compare exports of both sides with `rogatory audit \
                 reconcile`"
            ),
        );
    }

    /// Whether the owner of a log could be asked: one that is away proves nothing, and shows nothing
    /// either. The first time it is only noted.
    fn is_there(&self, owner: &Peer, pair: &Pair, shown: Option<&Checkpoint>) -> bool {
        let before = self.hearing.unproved.lock().get(&pair.heard.checkpoint().origin).cloned();
        let Some(before) = before else { return true };
        self.link(owner.authority()).connected || before.shown.as_ref() != shown
    }
}

#[cfg(test)]
#[path = "unproved_tests.rs"]
mod tests;
