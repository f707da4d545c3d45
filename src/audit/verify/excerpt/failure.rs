//! What can be wrong with an excerpt.

use super::super::VerifyFailure;
use crate::audit::excerpt::{Scope, entry_path};
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::proof::TlogProofError;
use crate::domain::Timestamp;

/// Why an excerpt is not to be believed: the first fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExcerptFailure {
    /// A fault that an export can have too.
    #[error(transparent)]
    Export(#[from] VerifyFailure),
    /// The proof is none, or proves nothing.
    #[error("{}: {source}", entry_path(*.index))]
    Proof {
        /// The entry.
        index: u64,
        /// Why not.
        source: TlogProofError,
    },
    /// The proof is of another entry than the name of its file says.
    #[error("{}: is the proof of entry {found}", entry_path(*.index))]
    OtherIndex {
        /// The entry that the name says.
        index: u64,
        /// The entry that it is of.
        found: u64,
    },
    /// The proof is under another checkpoint than that of the excerpt.
    #[error("{}: is proven under another checkpoint than that of the excerpt", entry_path(*.index))]
    OtherCheckpoint {
        /// The entry.
        index: u64,
    },
    /// The first entry of the log is not there.
    #[error("{}: is missing: every excerpt has the first entry of the log", entry_path(0))]
    NoFirst,
    /// It is of something else than the excerpt of the log before.
    #[error("{MANIFEST_PATH}: is of: {scope}; the excerpt of the log before is of: {before}")]
    OtherScope {
        /// What it is of.
        scope: Scope,
        /// What the one before is of.
        before: Scope,
    },
    /// It belongs to another excerpt than that of the log before.
    #[error(
        "{MANIFEST_PATH}: is of an excerpt that was made at {made}; that of the log before is of one made at \
         {before}"
    )]
    OtherExcerpt {
        /// When its excerpt was made.
        made: Timestamp,
        /// When that of the one before was.
        before: Timestamp,
    },
    /// The entry concerns something else.
    #[error("entry {index}: does not belong in an excerpt of: {scope}")]
    OutOfScope {
        /// The entry.
        index: u64,
        /// What the excerpt is of.
        scope: Scope,
    },
}

impl ExcerptFailure {
    /// The entry at fault, where the fault is in one.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Export(failure) => failure.entry(),
            Self::NoFirst => Some(0),
            Self::OtherScope { .. } | Self::OtherExcerpt { .. } => None,
            Self::Proof { index, .. }
            | Self::OtherIndex { index, .. }
            | Self::OtherCheckpoint { index }
            | Self::OutOfScope { index, .. } => Some(*index),
        }
    }

    /// The file at fault, where the fault is in one.
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Export(failure) => failure.path().map(str::to_owned),
            Self::OtherScope { .. } | Self::OtherExcerpt { .. } => Some(MANIFEST_PATH.to_owned()),
            _ => self.entry().map(entry_path),
        }
    }
}
