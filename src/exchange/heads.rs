//! What this node holds of the logs of others, and what others hold of its own (I3).
//!
//! Of each log one chain is held: every checkpoint in it was proved to extend the one before, on
//! whichever stream it came. Two pasts that are shown on two streams therefore never both get in.
//! A log's owner proves each checkpoint from the one that it showed this node last, on any stream
//! ([`Shown`]); streams overtake each other, so a proof that starts from what is not here yet is
//! waited for.

mod chain;
mod shown;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::watch;

use self::chain::Chain;
pub use self::chain::{HeadError, Held};
pub(crate) use self::shown::Shown;
use super::rows::{self, HeadRow, head_key};
use super::{ActionError, Exchange, Peer};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::note::VerifierKey;
use crate::crypto::Digest;
use crate::store::{Store, Table, Tx};

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
            // Signed by a key that the card may since have dropped, and verified then.
            let checkpoint =
                Checkpoint::parse_unverified(&row.checkpoint).map_err(ActionError::fault)?;
            let origin = checkpoint.origin.clone();
            chains.insert(origin, Chain::new(Held { checkpoint, note: row.checkpoint }));
        }
        Ok(Self { chains: Mutex::new(chains), advanced: watch::Sender::new(0) })
    }

    /// What is held of a log.
    pub fn of(&self, origin: &str) -> Option<Held> {
        self.chains().get(origin).map(|chain| chain.newest().clone())
    }

    /// Takes a checkpoint that proves itself an extension, from the tree of `from` entries, of
    /// everything held. In memory: the caller makes it durable before it answers.
    ///
    /// # Errors
    /// [`HeadError`]: what the log's owner would have to explain, except [`HeadError::Base`].
    pub(crate) fn take(
        &self,
        keys: &[VerifierKey],
        note: &str,
        from: u64,
        proof: &[Digest],
    ) -> Result<Held, HeadError> {
        let checkpoint =
            Checkpoint::verify(note, keys).map_err(|e| HeadError::Checkpoint(e.to_string()))?;
        let head = Held { checkpoint, note: note.to_owned() };
        let mut chains = self.chains();
        match chains.get_mut(&head.checkpoint.origin) {
            Some(chain) => chain.take(&head, from, proof)?,
            None if from == 0 => {
                chains.insert(head.checkpoint.origin.clone(), Chain::new(head.clone()));
            }
            None => return Err(HeadError::Base { from, held: 0 }),
        }
        drop(chains);
        self.advanced.send_modify(|count| *count += 1);
        Ok(head)
    }

    /// As [`Heads::take`], but waits a little for what the proof starts from.
    pub(crate) async fn take_in_turn(
        &self,
        keys: &[VerifierKey],
        note: &str,
        from: u64,
        proof: &[Digest],
    ) -> Result<Held, HeadError> {
        let mut advanced = self.advanced.subscribe();
        let taking = async {
            loop {
                advanced.mark_unchanged();
                match self.take(keys, note, from, proof) {
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
            Err(_) => self.take(keys, note, from, proof),
        }
    }

    /// Forgets a log: its owner has made another under the same name, and an operator believes it.
    pub(super) fn forget(&self, origin: &str) {
        self.chains().remove(origin);
    }

    fn chains(&self) -> MutexGuard<'_, BTreeMap<String, Chain>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a peer says that it holds of our log, compared with our log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnHead {
    /// It holds nothing of ours.
    Nothing,
    /// It holds this size, which is ours too.
    Ours(u64),
    /// It holds a checkpoint that we signed and no longer have: our log was rolled back or forked.
    NotOurs {
        /// What it holds.
        size: u64,
    },
    /// What it shows is not signed by our log key.
    NotSigned,
}

impl Exchange {
    /// What is held of a peer's log.
    pub fn head_of(&self, peer: &Peer) -> Option<Held> {
        self.heads.of(peer.card.log_origin())
    }

    /// Compares what a peer holds of our log with what we have.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when our log cannot be read.
    pub(crate) fn compare_own_head(&self, note: &str) -> Result<OwnHead, ActionError> {
        if note.is_empty() {
            return Ok(OwnHead::Nothing);
        }
        let Ok(theirs) = Checkpoint::verify(note, self.card.log_keys()) else {
            return Ok(OwnHead::NotSigned);
        };
        let ours = self.store.head();
        let same =
            theirs.size <= ours.checkpoint.size && self.store.root_at(theirs.size)? == theirs.root;
        if same {
            return Ok(OwnHead::Ours(theirs.size));
        }
        // Our own signature over a log that we do not have: this node was restored from an older
        // copy. It must not append, or it would become an equivocator (I3).
        self.store.freeze(note)?;
        tracing::error!(held = theirs.size, ours = ours.checkpoint.size, "log rolled back");
        Ok(OwnHead::NotOurs { size: theirs.size })
    }

    /// Makes a taken head durable, before anything is answered to its owner.
    pub(crate) async fn keep_head(&self, head: &Held) -> Result<(), ActionError> {
        let (key, kept) = (self.head_key(head), head.clone());
        self.store
            .commit(move |tx| {
                put_head(tx, &key, &kept)?;
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    pub(crate) fn head_key(&self, head: &Held) -> [u8; 16] {
        head_key(&self.home, &head.checkpoint.origin)
    }
}

/// Writes a head unless a larger one is there. All come from one chain, so the larger one extends
/// the smaller.
pub(crate) fn put_head(tx: &mut Tx<'_>, key: &[u8; 16], head: &Held) -> Result<(), ActionError> {
    if let Some(row) = rows::load_in::<HeadRow>(tx, Table::Heads, key)? {
        let held = Checkpoint::parse_unverified(&row.checkpoint).map_err(ActionError::fault)?;
        if held.size >= head.checkpoint.size {
            return Ok(());
        }
    }
    let row = HeadRow { checkpoint: head.note.clone() };
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
