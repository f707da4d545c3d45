//! What can go wrong in the store, and what the operator does about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tables::Table;
use crate::audit::Position;

/// A fault of ours: something on disk cannot be read, or is not what was written. Never the
/// caller's or a peer's doing.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The index failed or panicked. At the next start it is rebuilt from the journal.
    #[error("the index failed ({0}); restart the node: it is then rebuilt from the journal")]
    Index(String),
    /// A value of the index is not what was written there.
    #[error("a row of {0:?} in the index is damaged; restart the node: the index is then rebuilt")]
    Row(Table),
    /// A place in the journal does not hold what the index says.
    #[error("journal segment {segment} at byte {offset}: {what}")]
    Journal {
        /// Number of the segment.
        segment: u64,
        /// Where in its file.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The key of a body is unreadable and was not erased: the body is lost.
    #[error("slot {0} is damaged and was not erased; restore the file slots from its own backup")]
    SlotDamaged(u64),
    /// The key of a body is gone, and no commit erased it: the body is lost.
    #[error(
        "the key of slot {0} was overwritten, and no commit says so; restore the file slots from \
         its own backup"
    )]
    SlotErased(u64),
    /// No body was ever stored under this slot.
    #[error("no body was ever stored under slot {0}")]
    NoSuchSlot(u64),
    /// A proof or a range beyond the log's size.
    #[error("entry {asked} was asked for in a log of {size}")]
    OutOfRange {
        /// Index or size asked for.
        asked: u64,
        /// Entries in the log.
        size: u64,
    },
    /// The index's copy of the Merkle tree is not the log's.
    #[error("the index lacks a part of the Merkle tree; restart the node: it is then rebuilt")]
    Tree,
}

impl StoreFault {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Why a store does not open. None of these changes anything that counts: all can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is held by another process: stop the node that uses this directory, or name another",
        lock.display()
    )]
    Held {
        /// The lock file.
        lock: PathBuf,
    },
    /// There is no store here.
    #[error("{} holds no journal: create the home first, or mount its disk", data.display())]
    Missing {
        /// The data directory.
        data: PathBuf,
    },
    /// There is a store here already.
    #[error("{} already holds a journal: open it, or name an empty directory", data.display())]
    Exists {
        /// The data directory.
        data: PathBuf,
    },
    /// The settings cannot work.
    #[error("the store's settings cannot work: {0}")]
    Settings(&'static str),
    /// The home's key is not the one that the journal was written under.
    #[error(
        "the home's key is not the one that {} was written under: use the key file that belongs \
         to this home; nothing is damaged",
        data.display()
    )]
    WrongKey {
        /// The data directory.
        data: PathBuf,
    },
    /// The journal is of another log.
    #[error("{} belongs to another log than {expected}", data.display())]
    OtherLog {
        /// The data directory.
        data: PathBuf,
        /// The origin in the settings.
        expected: String,
    },
    /// Something that was acknowledged is damaged (I1, I3).
    #[error(
        "{} is damaged at byte {offset}: {what}. Entries that were acknowledged are behind or in \
         it, so nothing is cut. Copy the data directory away, restore this file from a backup that \
         is at least as new, and start again", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The journal ends before what was acknowledged (I3).
    #[error(
        "{held_by} has seen {} (commit {held_sequence}), and the journal has \
         {} (commit {found_sequence}): this is an old copy, or its end was lost. The \
         node would give a second past. Bring the newest journal back; if it is gone for good, \
         put back what an export of this log has: `rogatory recover`, with --from-nothing where \
         there is no journal at all",
        held_size.as_count(), found_size.as_count()
    )]
    RolledBack {
        /// Which file knows more.
        held_by: String,
        /// The size it knows.
        held_size: Position,
        /// The commit it knows.
        held_sequence: u64,
        /// The size of the journal's log.
        found_size: Position,
        /// The journal's last commit.
        found_sequence: u64,
    },
    /// The high-water mark and the journal know different logs (I3).
    #[error(
        "the high-water mark {} and the journal have different roots at size {size}: the two \
         directories do not belong together, or the log was forked. Bring back the one that \
         belongs to the other", mark.display()
    )]
    OtherHistory {
        /// The mark's file.
        mark: PathBuf,
        /// The size at which they differ.
        size: u64,
    },
    /// The high-water mark is unreadable or of another log.
    #[error(
        "the high-water mark {} {what}: compare the log's size with what peers hold, then move \
         the file away and start again", path.display()
    )]
    Mark {
        /// The mark's file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Keys of stored bodies are missing.
    #[error(
        "{} has keys for {held} of {used} bodies: restore it from its own backup (ordinary backups \
         leave it out)", path.display()
    )]
    SlotsLost {
        /// The slot table.
        path: PathBuf,
        /// Bodies that the journal holds.
        used: u64,
        /// Keys that are there.
        held: u64,
    },
    /// The index does not open in time. It was set aside and will be rebuilt.
    #[error("the index did not open in time and was set aside as {}: start again", aside.display())]
    IndexHangs {
        /// Where it is now.
        aside: PathBuf,
    },
    /// Something cannot be read or written.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// The store has stopped and takes nothing more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store has stopped: {reason}")]
pub struct Stopped {
    /// It was asked to. Otherwise a write failed, and the process should end: what the disk holds
    /// is only known after a restart.
    pub orderly: bool,
    /// Why.
    pub reason: Arc<str>,
}

/// What a transaction did that no transaction may do: a fault in the calling code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// More than [`TX_BYTES_MAX`](super::limits::TX_BYTES_MAX),
    /// [`TX_ROW_BYTES_MAX`](super::limits::TX_ROW_BYTES_MAX) or
    /// [`TX_ENTRIES_MAX`](super::limits::TX_ENTRIES_MAX).
    #[error("the transaction stages more than one may: {0}")]
    TooMuch(&'static str),
    /// A key, value or body above its limit, or an empty key.
    #[error("a {what} of {bytes} bytes is outside its limit")]
    Size {
        /// Key, value or body.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// An entry that breaks the rules of its event.
    #[error("the entry is not one: {0}")]
    Entry(String),
    /// A log that is ended behind other entries of the same commit, in an ordinary commit, or without
    /// a first entry of the next one.
    #[error("a log is ended in a commit of its own, with the first entry of the next one")]
    Succession,
    /// What is put back is not the next entry of the log: its number with the peer is another.
    #[error("the entry that is put back has the number {found} with {peer}, and {next} follows")]
    PutBack {
        /// The counterpart.
        peer: String,
        /// Its number.
        found: u64,
        /// The number that the log goes on with.
        next: u64,
    },
    /// An erasure of something that was never stored.
    #[error("slot {0} holds no body")]
    NoSuchSlot(u64),
}

/// Why a commit gave no [`Committed`](super::Committed).
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// The closure said no; nothing of it was stored.
    #[error("{0}")]
    Rejected(E),
    /// Too many are waiting; nothing was stored. Try again later.
    #[error("too many commits are waiting: try again later")]
    Busy,
    /// The store is an older copy of itself and takes nothing ([`Store::freeze`](super::Store::freeze)).
    #[error("a longer log of this node is known than the node itself has: it takes nothing")]
    Frozen,
    /// The store has stopped. Whether this commit is durable is *unknown* until the next start;
    /// nobody may be told that it is, or that it is not.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The closure panicked; nothing of it was stored.
    #[error("the transaction panicked: {0}")]
    Panicked(String),
    /// The closure did what none may do; nothing of it was stored.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// Something that the closure read cannot be read; nothing of it was stored.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}
