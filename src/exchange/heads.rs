//! What this node holds of the logs of others, and what others hold of its own (I3).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prost::Message as _;

use super::rows::{self, HeadRow, peer_key};
use super::{ActionError, Directory, Exchange, Peer};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::verify_consistency;
use crate::audit::note::VerifierKey;
use crate::crypto::{Digest, HomeKey};
use crate::domain::AuthorityId;
use crate::store::{Store, Table, Tx};

/// A checkpoint that was verified, with its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
}

/// The largest verified checkpoint of each peer.
pub struct Heads {
    held: Mutex<BTreeMap<AuthorityId, Held>>,
}

/// Why a peer's log is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No valid checkpoint of the peer's log.
    #[error("the checkpoint is not a valid one of the peer's log: {0}")]
    Checkpoint(String),
    /// Smaller than what it showed before.
    #[error("the peer shows a log of {shown} entries, but showed {held} before: it lost entries")]
    Shrunk {
        /// Entries now.
        shown: u64,
        /// Entries before.
        held: u64,
    },
    /// No extension of what it showed before.
    #[error("the peer's log does not extend what it showed before: its past was changed")]
    Inconsistent,
}

impl HeadError {
    /// The closed code for the peer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "BAD_CHECKPOINT",
            Self::Shrunk { .. } => "LOG_SHRUNK",
            Self::Inconsistent => "LOG_INCONSISTENT",
        }
    }
}

impl Heads {
    pub(super) fn load(
        store: &Store,
        home: &HomeKey,
        directory: &Directory,
    ) -> Result<Self, ActionError> {
        let mut held = BTreeMap::new();
        for peer in directory.all() {
            let key = peer_key(home, peer.authority());
            if let Some(row) = rows::load::<HeadRow>(store, Table::Heads, &key)? {
                // Signed by a key that the card may since have dropped, and verified then.
                let checkpoint =
                    Checkpoint::parse_unverified(&row.checkpoint).map_err(ActionError::fault)?;
                let one = Held { checkpoint, note: row.checkpoint };
                held.insert(peer.authority().clone(), one);
            }
        }
        Ok(Self { held: Mutex::new(held) })
    }

    /// What is held of a peer's log.
    pub fn of(&self, peer: &AuthorityId) -> Option<Held> {
        self.held().get(peer).cloned()
    }

    fn raise(&self, peer: &AuthorityId, head: &Held) {
        let mut held = self.held();
        let larger = held.get(peer).is_none_or(|h| h.checkpoint.size < head.checkpoint.size);
        if larger {
            held.insert(peer.clone(), head.clone());
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Verifies that `note` is a checkpoint of the peer's log that extends `before`.
///
/// # Errors
/// [`HeadError`]: what the peer would have to explain.
pub fn verify_head(
    peer: &Peer,
    note: &str,
    before: Option<&Checkpoint>,
    proof: &[Digest],
) -> Result<Held, HeadError> {
    verify_head_with(peer.card.log_keys(), note, before, proof)
}

fn verify_head_with(
    keys: &[VerifierKey],
    note: &str,
    before: Option<&Checkpoint>,
    proof: &[Digest],
) -> Result<Held, HeadError> {
    let checkpoint =
        Checkpoint::verify(note, keys).map_err(|e| HeadError::Checkpoint(e.to_string()))?;
    if let Some(before) = before {
        if checkpoint.size < before.size {
            let (shown, held) = (checkpoint.size, before.size);
            return Err(HeadError::Shrunk { shown, held });
        }
        verify_consistency(before.size, &before.root, checkpoint.size, &checkpoint.root, proof)
            .map_err(|_| HeadError::Inconsistent)?;
    }
    Ok(Held { checkpoint, note: note.to_owned() })
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
        self.go_read_only();
        tracing::error!(held = theirs.size, ours = ours.checkpoint.size, "log rolled back");
        Ok(OwnHead::NotOurs { size: theirs.size })
    }

    /// Keeps a verified head of a peer, durably, before anything is answered to the peer.
    pub(crate) async fn keep_head(
        &self,
        peer: &AuthorityId,
        head: Held,
    ) -> Result<(), ActionError> {
        let (key, name) = (peer_key(&self.home, peer), peer.clone());
        let kept = head.clone();
        self.store
            .commit(move |tx| {
                put_head(tx, &key, &kept)?;
                Ok::<_, ActionError>(())
            })
            .await?;
        self.heads.raise(&name, &head);
        Ok(())
    }

    pub(crate) fn raise_head(&self, peer: &AuthorityId, head: &Held) {
        self.heads.raise(peer, head);
    }
}

/// Writes a head unless a larger one is there.
pub(crate) fn put_head(tx: &mut Tx<'_>, key: &[u8; 16], head: &Held) -> Result<(), ActionError> {
    if let Some(row) = rows::load_in::<HeadRow>(tx, Table::Heads, key)? {
        let held = Checkpoint::parse_unverified(&row.checkpoint).map_err(ActionError::fault)?;
        if held.size == head.checkpoint.size && held.root != head.checkpoint.root {
            let message = "LOG_INCONSISTENT: the peer signed two logs of one size".into();
            return Err(ActionError::Fault(message));
        }
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
