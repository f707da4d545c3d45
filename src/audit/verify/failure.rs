//! What can be wrong with an export.

use super::{CardFault, ReceiptFault};
use crate::audit::checkpoint::CheckpointError;
use crate::audit::entry::{EntryError, Event};
use crate::audit::export::{CHECKPOINT_PATH, POLICY_PATH};
use crate::audit::manifest::{MANIFEST_PATH, ManifestError};
use crate::audit::policy::{PolicyError, PolicyFailure};
use crate::audit::succession::SuccessionError;
use crate::domain::{AuthorityId, Timestamp};

/// Why an export is not to be believed: the first fault, with the file or the entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyFailure {
    /// The manifest is malformed, of another log, or not signed by a trusted key.
    #[error("{MANIFEST_PATH}: {0}")]
    Manifest(#[source] ManifestError),
    /// The file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the reader said.
        why: String,
    },
    /// The file should be there.
    #[error("{path}: is missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// The file is there, and the manifest does not list it.
    #[error("{path}: is not listed in the manifest")]
    Unlisted {
        /// The file.
        path: String,
    },
    /// The manifest lists a file that an export of this log and size does not have.
    #[error("{path}: does not belong in an export of this size")]
    Unexpected {
        /// The file.
        path: String,
    },
    /// The file's bytes are not those that the manifest lists.
    #[error("{path}: is not the file that the manifest lists{}", first_entry(.entry))]
    Altered {
        /// The file.
        path: String,
        /// In a bundle, the first entry that differs from the tree, where that can be told.
        entry: Option<u64>,
    },
    /// The checkpoint is malformed or not signed by a trusted key.
    #[error("{CHECKPOINT_PATH}: {0}")]
    Checkpoint(#[source] CheckpointError),
    /// The auditor's policy does not accept the log, or the line of a witness that it knows is
    /// wrong.
    #[error("{CHECKPOINT_PATH}: {0}")]
    Policy(#[source] PolicyFailure),
    /// The quorum of the auditor's policy is not reached.
    #[error(
        "{CHECKPOINT_PATH}: the quorum of the policy is not reached; these witnesses have not \
         cosigned it: {}", .missing.join(", ")
    )]
    Quorum {
        /// The witnesses that the quorum counts and that have not, by their names in the policy.
        missing: Vec<String>,
    },
    /// The policy in the export is none.
    #[error("{POLICY_PATH}: {0}")]
    ExportedPolicy(#[source] PolicyError),
    /// Manifest and checkpoint are of different states.
    #[error("{CHECKPOINT_PATH}: has {checkpoint} entries where the manifest has {manifest}")]
    Size {
        /// Entries that the manifest says.
        manifest: u64,
        /// Entries that the checkpoint says.
        checkpoint: u64,
    },
    /// A log has at least its first entry.
    #[error("{CHECKPOINT_PATH}: the log is empty")]
    Empty,
    /// The bundle ends early, late, or inside an entry.
    #[error("{path}: does not hold exactly {expected} entries; entry {entry} is at fault")]
    Bundle {
        /// The file.
        path: String,
        /// Entries that it should hold.
        expected: usize,
        /// The first entry that is absent, cut off, or too much.
        entry: u64,
    },
    /// An entry is malformed or breaks the rules of its event.
    #[error("entry {index}: {source}")]
    Entry {
        /// The entry.
        index: u64,
        /// What is wrong with it.
        source: EntryError,
    },
    /// The first entry does not open this log.
    #[error("entry 0: is {event}, not the log.opened of this log")]
    NotOpened {
        /// What it is.
        event: Event,
    },
    /// It opens this log with a key that is not that of the log.
    #[error("entry 0: names {key} as the key of this log, which it is not")]
    OpenedWith {
        /// The key.
        key: String,
    },
    /// The log goes on from one that is not there.
    #[error(
        "entry 0: the log goes on from {origin} with {size} entries, which is not in the export: a \
         log is missing"
    )]
    Earlier {
        /// The log that is missing.
        origin: String,
        /// How many entries it had.
        size: u64,
    },
    /// The oldest log is not the one with which the authority began.
    #[error("entry 0: {origin} goes on from no log, and is not {named}, which the card names")]
    First {
        /// The log.
        origin: String,
        /// The first log of the authority.
        named: String,
    },
    /// The newest log has ended: the one that follows is not there.
    #[error("the log has ended, and {next}, which follows, is not in the export: a log is missing")]
    Later {
        /// The log that is missing, or its key where that is not one.
        next: String,
    },
    /// The log does not follow the one that lies before it.
    #[error("entry 0: {0}")]
    Succession(#[source] SuccessionError),
    /// A log is opened once, first, and sealed once, last.
    #[error("entry {index}: {event} cannot stand here")]
    Misplaced {
        /// The entry.
        index: u64,
        /// Its event.
        event: Event,
    },
    /// The entry is older than the one before it.
    #[error("entry {index}: {at} is before {before}, the time of the entry before it")]
    TimeRunsBack {
        /// The entry.
        index: u64,
        /// Its time.
        at: Timestamp,
        /// The time of the entry before it.
        before: Timestamp,
    },
    /// The numbers of the entries with a peer have a gap or repeat.
    #[error("entry {index}: number {found} with {peer}, where {expected} follows")]
    Sequence {
        /// The entry.
        index: u64,
        /// The peer.
        peer: AuthorityId,
        /// The number that would follow.
        expected: u64,
        /// The number it has.
        found: u64,
    },
    /// The entry states something in the name of a third authority.
    #[error("entry {index}: is by {by}, which is neither the log's owner nor the peer")]
    Attribution {
        /// The entry.
        index: u64,
        /// Whom it names.
        by: AuthorityId,
    },
    /// A tile is not what the entries give.
    #[error("{path}: is not the tile of these entries{}", first_entry(.entry))]
    Tile {
        /// The file.
        path: String,
        /// In a tile of leaf hashes, the first entry that differs.
        entry: Option<u64>,
    },
    /// Entries and tiles agree with each other, but not with what the log signed.
    #[error("{CHECKPOINT_PATH}: the entries lead to another root than the one signed")]
    Root,
    /// A card is not one that the log has.
    #[error("{path}: {fault}")]
    Card {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        fault: CardFault,
    },
    /// A receipt does not fit the log.
    #[error("{path}: {fault}")]
    Receipt {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        fault: ReceiptFault,
    },
}

fn first_entry(entry: &Option<u64>) -> String {
    entry.map(|index| format!("; entry {index} is the first that differs")).unwrap_or_default()
}

impl VerifyFailure {
    /// The entry at fault, where the fault is in one.
    pub fn entry(&self) -> Option<u64> {
        use VerifyFailure::*;
        match self {
            Altered { entry, .. } | Tile { entry, .. } => *entry,
            Bundle { entry: index, .. }
            | Entry { index, .. }
            | Misplaced { index, .. }
            | TimeRunsBack { index, .. }
            | Sequence { index, .. }
            | Attribution { index, .. } => Some(*index),
            NotOpened { .. }
            | OpenedWith { .. }
            | Earlier { .. }
            | First { .. }
            | Succession(_) => Some(0),
            _ => None,
        }
    }

    /// The file at fault, where the fault is in one rather than in what an entry says.
    pub fn path(&self) -> Option<&str> {
        use VerifyFailure::*;
        match self {
            Manifest(_) => Some(MANIFEST_PATH),
            Checkpoint(_) | Policy(_) | Quorum { .. } | Size { .. } | Empty | Root => {
                Some(CHECKPOINT_PATH)
            }
            ExportedPolicy(_) => Some(POLICY_PATH),
            Unreadable { path, .. }
            | Missing { path }
            | Unlisted { path }
            | Unexpected { path }
            | Altered { path, .. }
            | Bundle { path, .. }
            | Tile { path, .. }
            | Card { path, .. }
            | Receipt { path, .. } => Some(path),
            _ => None,
        }
    }
}
