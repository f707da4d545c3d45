//! Evidence of equivocation: that a log has signed two pasts, in one text that anybody can verify
//! offline with the log's key.
//!
//! It always has two checkpoints of one log, and what makes them contradict each other:
//!
//! - the same size with different roots;
//! - a path that shows the larger tree to have another beginning than the smaller one;
//! - an entry, proven in one tree, in whose place the other tree has another entry.
//!
//! What is only suspicious is not evidence: a missing proof, a log that shrank, a peer that does
//! not answer. [`Evidence::verify`] believes nothing but the keys that it is given, and no log that
//! only ever grew can be accused with it, short of a broken hash or a stolen key.

mod text;
mod verdict;

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosigned::SignedCheckpoint;
use super::merkle::{ProofError, leaf_hash, verify_consistency, verify_inclusion};
use super::note::VerifierKey;
use super::proof::TlogProof;
use crate::crypto::{Digest, sha256};
use crate::domain::limits::EVIDENCE_MAX_BYTES;

pub use text::HEADER;
pub use verdict::Verdict;

/// The two notes and the contradiction. Its form is right; whether it proves anything, only
/// [`Evidence::verify`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    first: String,
    second: String,
    claim: Claim,
}

/// What makes the two checkpoints contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// They have one size and two roots.
    SameSize,
    /// The second is larger, and its first entries have this root, not the first's.
    OtherPrefix { root: Digest, path: Vec<Digest> },
    /// The first has this entry at the index, the second another leaf.
    OtherEntry(Box<OtherEntry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OtherEntry {
    pub(super) index: u64,
    pub(super) entry: Vec<u8>,
    pub(super) path: Vec<Digest>,
    pub(super) leaf: Digest,
    pub(super) leaf_path: Vec<Digest>,
}

/// Which of the two checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that comes first in the text.
    First,
    /// The other one.
    Second,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// Why a text accuses nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Longer than any evidence may be.
    #[error("the evidence has {0} bytes, more than {EVIDENCE_MAX_BYTES}")]
    TooLarge(usize),
    /// The first line is not [`HEADER`].
    #[error("the text does not begin with {HEADER}")]
    Header,
    /// Not the parts that evidence has: the claim and two notes, with a blank line between them.
    #[error("the evidence is not a claim and two signed notes, parted by blank lines")]
    Parts,
    /// The second line names no known contradiction.
    #[error("{0:?} is no contradiction that evidence can claim")]
    Claim(String),
    /// A line of the claim is wrong, missing, or too much.
    #[error("line {0} of the evidence is not what its claim has there")]
    Line(usize),
    /// A checkpoint is malformed, or its log has not signed it.
    #[error("the {which} checkpoint: {source}")]
    Checkpoint {
        /// Which one.
        which: Which,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The checkpoints are of two logs.
    #[error("the checkpoints are of two logs, {0} and {1}")]
    TwoLogs(String, String),
    /// One size was claimed and there are two.
    #[error("the checkpoints have {0} and {1} entries, not one size")]
    Sizes(u64, u64),
    /// Two roots were claimed and there is one.
    #[error("the checkpoints have the same root: they say the same")]
    SameRoot,
    /// The first tree is not a part of the second by its size.
    #[error("the first checkpoint has {first} entries, which is no beginning of {second}")]
    NotSmaller {
        /// Entries of the first.
        first: u64,
        /// Entries of the second.
        second: u64,
    },
    /// The second tree begins as the first one.
    #[error("the second tree begins exactly as the first one: they agree")]
    SameBeginning,
    /// The same entry stands in both.
    #[error("both trees have the same entry in that place")]
    SameEntry,
    /// A path does not lead to the root of its checkpoint.
    #[error("the path to the {which} checkpoint: {source}")]
    Path {
        /// Whose root it should lead to.
        which: Which,
        /// In what it fails.
        source: ProofError,
    },
}

impl Evidence {
    /// Two checkpoints of one size with different roots.
    ///
    /// # Errors
    /// [`EvidenceError`] when they do not contradict each other so.
    pub fn same_size(
        first: &SignedCheckpoint,
        second: &SignedCheckpoint,
    ) -> Result<Self, EvidenceError> {
        Self::of(first.to_note(), second.to_note(), Claim::SameSize)
    }

    /// A smaller and a larger checkpoint, and `path`, a consistency proof by which the larger tree
    /// begins with a tree of `root` rather than with the smaller one.
    ///
    /// # Errors
    /// [`EvidenceError`] when they do not contradict each other so.
    pub fn other_prefix(
        first: &SignedCheckpoint,
        second: &SignedCheckpoint,
        root: Digest,
        path: Vec<Digest>,
    ) -> Result<Self, EvidenceError> {
        Self::of(first.to_note(), second.to_note(), Claim::OtherPrefix { root, path })
    }

    /// A receipt, whose `extra` is its entry, and a checkpoint of the same log with another `leaf`
    /// in that place, by its inclusion proof `leaf_path`.
    ///
    /// # Errors
    /// [`EvidenceError`] when they do not contradict each other so.
    pub fn other_entry(
        receipt: &TlogProof,
        second: &SignedCheckpoint,
        leaf: Digest,
        leaf_path: Vec<Digest>,
    ) -> Result<Self, EvidenceError> {
        let claim = OtherEntry {
            index: receipt.index,
            entry: receipt.extra.clone(),
            path: receipt.hashes.clone(),
            leaf,
            leaf_path,
        };
        let claim = Claim::OtherEntry(Box::new(claim));
        Self::of(receipt.checkpoint.clone(), second.to_note(), claim)
    }

    fn of(first: String, second: String, claim: Claim) -> Result<Self, EvidenceError> {
        let evidence = Self { first, second, claim };
        let (first, second) = evidence.checkpoints()?;
        evidence.claim.check(&first, &second)?;
        // What does not come back from its text is no evidence for others.
        Self::parse(&evidence.to_text())
    }

    /// SHA-256 of the text: what the entry `witness.equivocation` has as `doc`.
    pub fn digest(&self) -> Digest {
        sha256(self.to_text().as_bytes())
    }

    /// The two signed notes, verbatim.
    pub fn notes(&self) -> (&str, &str) {
        (&self.first, &self.second)
    }

    /// The log that the first note names, unverified: whose keys to look for.
    pub fn origin(&self) -> &str {
        self.first.split('\n').next().unwrap_or_default()
    }

    /// Checks that the log, by its `keys` (those of other names are ignored), has signed both
    /// checkpoints, and that both cannot be true of a log that only grows.
    ///
    /// # Errors
    /// [`EvidenceError`]: then it accuses nobody.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Verdict, EvidenceError> {
        let (first, second) = self.checkpoints()?;
        let of_this_log = keys.iter().filter(|key| key.name() == first.origin);
        let keys: Vec<VerifierKey> = of_this_log.cloned().collect();
        for (which, note) in [(Which::First, &self.first), (Which::Second, &self.second)] {
            Checkpoint::verify(note, &keys)
                .map_err(|source| EvidenceError::Checkpoint { which, source })?;
        }
        self.claim.check(&first, &second)?;
        Ok(Verdict::new(&self.claim, &first, &second))
    }

    /// Both checkpoints, of one log, whoever has signed them.
    ///
    /// # Errors
    /// [`EvidenceError::Checkpoint`], [`EvidenceError::TwoLogs`].
    pub fn checkpoints(&self) -> Result<(Checkpoint, Checkpoint), EvidenceError> {
        let parse = |which, note: &str| {
            Checkpoint::parse_unverified(note)
                .map_err(|source| EvidenceError::Checkpoint { which, source })
        };
        let first = parse(Which::First, &self.first)?;
        let second = parse(Which::Second, &self.second)?;
        match first.origin == second.origin {
            true => Ok((first, second)),
            false => Err(EvidenceError::TwoLogs(first.origin, second.origin)),
        }
    }
}

impl Claim {
    /// Whether the two checkpoints contradict each other in this way.
    fn check(&self, first: &Checkpoint, second: &Checkpoint) -> Result<(), EvidenceError> {
        match self {
            Self::SameSize if first.size != second.size => {
                Err(EvidenceError::Sizes(first.size, second.size))
            }
            Self::SameSize if first.root == second.root => Err(EvidenceError::SameRoot),
            Self::SameSize => Ok(()),
            Self::OtherPrefix { root, path } => check_prefix(first, second, root, path),
            Self::OtherEntry(other) => other.check(first, second),
        }
    }
}

fn check_prefix(
    first: &Checkpoint,
    second: &Checkpoint,
    root: &Digest,
    path: &[Digest],
) -> Result<(), EvidenceError> {
    if !(1..second.size).contains(&first.size) {
        return Err(EvidenceError::NotSmaller { first: first.size, second: second.size });
    }
    if *root == first.root {
        return Err(EvidenceError::SameBeginning);
    }
    verify_consistency(first.size, root, second.size, &second.root, path)
        .map_err(|source| EvidenceError::Path { which: Which::Second, source })
}

impl OtherEntry {
    fn check(&self, first: &Checkpoint, second: &Checkpoint) -> Result<(), EvidenceError> {
        let entry = leaf_hash(&self.entry);
        if entry == self.leaf {
            return Err(EvidenceError::SameEntry);
        }
        for (which, leaf, checkpoint, path) in [
            (Which::First, &entry, first, &self.path),
            (Which::Second, &self.leaf, second, &self.leaf_path),
        ] {
            verify_inclusion(leaf, self.index, checkpoint.size, path, &checkpoint.root)
                .map_err(|source| EvidenceError::Path { which, source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
