//! Putting back what an older copy of a store lacks: the entries, verbatim, that somebody kept (I3).
//!
//! An older copy must not append: what it signed would be a second past. But it may append exactly
//! the entries that it once had, for that is the past which everybody knows. Until it has all of
//! them it stays frozen, over crashes too; whoever puts back begins where the log ends.

use super::commit::Message;
use super::job::{Committed, Work};
use super::numbers::counter;
use super::{CommitError, Misuse, OpenError, Opened, Settings, Store, StoreFault, Tx, open};
use crate::audit::checkpoint::{Checkpoint, CheckpointError};
use crate::audit::entry::{Entry, EntryError};

/// How far a log is known to go, for a store that may be behind.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The checkpoint that is to be reached, as a signed note. Where the store is frozen already,
    /// that reason stays.
    pub note: String,
    /// Begins an empty store where there is none. Without this that is an error: the disk may only
    /// not be mounted.
    pub from_nothing: bool,
}

/// Why a store stays frozen.
#[derive(Debug, thiserror::Error)]
pub enum StillBehind {
    /// The reason that was kept is no checkpoint.
    #[error("the checkpoint for which the log was frozen cannot be read")]
    Unreadable(#[source] CheckpointError),
    /// The log does not go as far.
    #[error("a checkpoint of {size} entries of {origin} is known, and the log does not hold them")]
    Lacking {
        /// The log.
        origin: String,
        /// Its entries under the checkpoint.
        size: u64,
    },
    /// The log holds other entries: it has two pasts.
    #[error(
        "a checkpoint of {size} entries of {origin} is known whose root is another: the log was \
         forked, and stays read-only for ever"
    )]
    Forked {
        /// The log.
        origin: String,
        /// Its entries under the checkpoint.
        size: u64,
    },
    /// Something cannot be read or written.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// Why a store stays frozen, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("the log stays read-only: {0}{1}")]
pub struct StaysFrozen(#[source] StillBehind, &'static str);

impl StillBehind {
    /// With what to do about it.
    pub fn hinted(self) -> StaysFrozen {
        let hint = match self {
            Self::Lacking { .. } => ": put back an export that is newer",
            _ => "",
        };
        StaysFrozen(self, hint)
    }
}

impl Store {
    /// Opens a store that may be an older copy of itself, frozen: it takes nothing but what
    /// [`Store::put_back`] puts back. An index and a high-water mark that are ahead refuse nothing
    /// here, and stay where they are.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::Missing`] where there is no store and none is to be begun.
    pub fn open_behind(settings: Settings, behind: &Behind) -> Result<(Self, Opened), OpenError> {
        open::open_behind(settings, behind)
    }

    /// Runs `closure` in a commit of its own on a store that is frozen. It puts back what the log
    /// once had ([`Tx::put_back`]). It may append something else only behind the last of that, which
    /// is the caller's to see to ([`Store::covers`]): anywhere else it would be a second past.
    ///
    /// # Errors
    /// As [`Store::commit`]; [`CommitError::Stopped`] where the store is not frozen.
    pub async fn put_back<T, E, F>(&self, closure: F) -> Result<Committed<T>, CommitError<E>>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (job, outcome) = Work::new(closure);
        self.enqueue(Message::PutBack(Box::new(job)))?;
        outcome.await.unwrap_or_else(|_| Err(self.why_stopped().into()))
    }

    /// Takes commits again, if the log holds everything that is known of it.
    ///
    /// # Errors
    /// [`StillBehind`]; the store is then frozen as before.
    pub fn thaw(&self) -> Result<(), StillBehind> {
        let Some(note) = self.frozen() else { return Ok(()) };
        self.covers(&note)?;
        Ok(self.inner.frozen.thaw()?)
    }

    /// Whether the log extends a checkpoint of one of its states.
    ///
    /// # Errors
    /// [`StillBehind`].
    pub fn covers(&self, note: &str) -> Result<(), StillBehind> {
        let Checkpoint { origin, size, root } =
            Checkpoint::parse_unverified(note).map_err(StillBehind::Unreadable)?;
        match self.head_named(&origin).filter(|head| size <= head.checkpoint.size) {
            None => Err(StillBehind::Lacking { origin, size }),
            Some(head) if self.root_at(head.log, size)? != root => {
                Err(StillBehind::Forked { origin, size })
            }
            Some(_) => Ok(()),
        }
    }
}

impl Tx<'_> {
    /// Adds an entry that the log once had, as it was, and gives its position. Its number with a
    /// peer must be the next one. Only in [`Store::put_back`].
    pub fn put_back(&mut self, bytes: &[u8]) -> u64 {
        let position = self.next_index();
        match Entry::parse(bytes) {
            Ok(entry) => self.put_back_entry(&entry, bytes, position),
            Err(error) => self.misuse(Misuse::Entry(EntryError::to_string(&error))),
        }
        position
    }

    fn put_back_entry(&mut self, entry: &Entry, bytes: &[u8], position: u64) {
        if let (Some(peer), Some(found)) = (&entry.peer, entry.peer_seq) {
            let next = self.counter(&counter(peer.as_str()));
            if next != found {
                return self.misuse(Misuse::PutBack { peer: peer.to_string(), found, next });
            }
            self.number(peer.as_str(), found, position);
        }
        self.not_before(entry.at);
        self.stage_entry(bytes.to_vec());
    }

    /// Ends the newest log as it once ended, with `sealed`, and begins the one named `origin`, which
    /// must then be given its first entry. Only in [`Store::put_back`], and before anything else.
    pub fn put_back_end(&mut self, origin: &str, sealed: &[u8]) {
        match Entry::parse(sealed) {
            Ok(entry) => self.not_before(entry.at),
            Err(error) => self.misuse(Misuse::Entry(error.to_string())),
        }
        self.end_log(origin, sealed.to_vec());
    }
}
