//! The store: what makes a commit durable, and everything that is read back.
//!
//! ```text
//!            commit(closure)                      get · scan · entry · inclusion · body
//!                 │                                              ▲
//!            bounded queue                                       │
//!                 ▼                                              │
//!   ┌───────── writer ──────────┐   barrier    ┌──────────┐   ┌──┴──────┐
//!   │ closures → one frame      │ ───────────▶ │ journal  │ ─▶│ index   │
//!   └───────────────────────────┘  fdatasync   └──────────┘   │ (sled)  │
//!      slots: keys of bodies      mark: how far, elsewhere    └─────────┘
//! ```
//!
//! # Promises
//!
//! - What [`Store::commit`] gives as [`Committed`] survives a loss of power, whole (I1). Entries,
//!   bodies and rows of one commit become true together or not at all.
//! - The log only grows. A store that is behind what its high-water mark or its index has seen does
//!   not open (I3).
//! - A row never names a body or an entry that is not on disk (I4).
//! - On disk, entries, values of rows and bodies are encrypted under the home's key (I6). In clear
//!   are keys of rows, positions, sizes, hashes and times of files.
//! - Everything has a limit: [`limits`] (I7).
//!
//! # What it will not do
//!
//! It never tries a failed write again, never appends behind damage, never cuts what may have been
//! acknowledged, never believes the index more than the journal, and never decrypts an envelope. It
//! has no private key: the signer of checkpoints is handed to it. It does not delete old entries.
//!
//! # The order of a commit, and what a crash behind each step means
//!
//! | step | a crash behind it |
//! |---|---|
//! | 0. keys for bodies are made ahead and synced | nothing has happened; unused keys are used later |
//! | 1. closures run, changes are staged in memory | nothing has happened |
//! | 2. tree grows, bodies and rows are sealed | nothing has happened |
//! | 3. the frame is written to the journal | a torn tail, cut at the next start; or it is whole and counts |
//! | 4. **`fdatasync`: the barrier** | the commit stands; the next start does what follows |
//! | 5. slots of erased bodies are overwritten and synced | the next start overwrites them again |
//! | 6. the high-water mark is raised | it is behind by one, which is allowed |
//! | 7. the checkpoint is signed | it is signed again, with the same bytes |
//! | 8. the index applies the frame | the index has it; after a loss of power it is rebuilt |
//! | 9. those who wait are told | they ask again, and find the commit |
//!
//! Any error from step 3 on stops the store for good: everyone who waits gets
//! [`CommitError::Stopped`], [`Store::stopped`] becomes ready, and the process should end. Whether
//! the last commits are durable is then *unknown* until the next start; none of them was
//! acknowledged.
//!
//! `docs/storage.md` has the formats and what is trusted for what.

mod apply;
pub mod arrival;
mod catch_up;
mod commit;
mod errors;
mod files;
mod frozen;
mod handle;
mod index;
mod job;
mod journal;
pub mod limits;
mod mark;
mod numbers;
mod open;
mod put_back;
mod query;
mod replay;
mod slots;
mod tables;
mod tree;
mod tx;
pub mod vault;

use std::path::PathBuf;

pub use crate::audit::Position;
use crate::audit::checkpoint::Checkpoint;
use crate::crypto::{Digest, HomeKey};
use crate::domain::Timestamp;

pub use self::errors::{CommitError, Misuse, OpenError, Stopped, StoreFault};
pub use self::frozen::is_frozen;
pub use self::handle::Store;
pub use self::index::{Direction, Row};
pub use self::job::Committed;
pub use self::put_back::{Behind, StaysFrozen, StillBehind};
pub use self::query::Head;
pub use self::slots::BodySlot;
pub use self::tables::Table;
pub use self::tx::Tx;

/// Signs a checkpoint as a note. Called with durable states only, and with the same state again
/// after a restart: the signature must then be the same.
pub type Sign = Box<dyn Fn(&Checkpoint) -> String + Send>;

/// The time now.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// What a store needs to open.
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// The high-water file; outside the data directory, best on another disk.
    pub mark: PathBuf,
    /// The key that everything stands under.
    pub home: HomeKey,
    /// The origin of the store's first log, by which its files know each other. Later logs have theirs
    /// from [`Store::succeed`].
    pub origin: String,
    /// Signs checkpoints, each under the name of its log.
    pub sign: Sign,
    /// Gives the time of entries. It may go back; the log does not.
    pub clock: Clock,
    /// Told how a long opening goes on.
    pub progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// Length of a journal segment: [`limits::SEGMENT_BYTES`], less in tests. It may change between
    /// openings.
    pub segment_bytes: u64,
}

/// How an opening goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The index is opening, which takes about a second per million rows.
    OpeningIndex,
    /// The journal is being applied to the index.
    Replaying {
        /// The segment it is at.
        segment: u64,
        /// The last segment.
        of: u64,
        /// Entries applied so far.
        entries: u64,
    },
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The store had not been stopped in order.
    pub recovered: bool,
    /// Why the index was rebuilt from the journal, if it was.
    pub rebuilt: Option<String>,
    /// Bytes of an unfinished frame that were cut. Nobody was told of it.
    pub torn_bytes: u64,
    /// Frames that were applied to the index.
    pub replayed: u64,
    /// Entries in the newest log.
    pub entries: u64,
    /// Logs, the newest one included.
    pub logs: u32,
    /// It takes no commit: somebody, a peer or an export, has this checkpoint, which the log has signed
    /// and does not have ([`Store::freeze`]).
    pub frozen: Option<String>,
    /// How far the high-water mark knows the log to go, and the root there, where that is further than
    /// the journal does ([`Store::open_behind`]).
    pub ahead: Option<(Position, Digest)>,
    /// There was no high-water mark: a restored backup would not have been noticed here. Compare
    /// with peers before the first append.
    pub mark_missing: bool,
    /// The file system, where it is one on which the store was never tried.
    pub file_system: Option<String>,
}

impl Opened {
    fn trace(&self) {
        if self.recovered {
            let (torn, replayed) = (self.torn_bytes, self.replayed);
            tracing::info!(torn, replayed, rebuilt = self.rebuilt, "the store was recovered");
        }
        if self.mark_missing {
            tracing::warn!("there was no high-water mark; a restored backup is not noticed here");
        }
        if self.frozen.is_some() {
            tracing::error!("the store takes nothing: a longer log of this node is known");
        }
        if let Some(name) = &self.file_system {
            tracing::warn!(name, "the store was never tried on this file system");
        }
    }
}

#[cfg(test)]
mod tests;
