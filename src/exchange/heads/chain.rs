//! The chain of one log's checkpoints. Pure.

use std::collections::VecDeque;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::verify_consistency;
use crate::crypto::Digest;

/// A checkpoint that was verified, with its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
}

/// Why another log is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No valid checkpoint of the log.
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
    /// Signed twice at one size, with different roots: proof of two pasts.
    #[error("the peer's log has signed two pasts of {} entries", .shown.checkpoint.size)]
    Equivocation {
        /// What it showed before.
        held: Box<Held>,
        /// What it shows now.
        shown: Box<Held>,
    },
    /// The proof starts from another tree than the one held. Not a fault: one of the two sides has
    /// started anew, or a stream broke.
    #[error("the proof starts from {from} entries, and {held} are held: say Hello again")]
    Base {
        /// Where the proof starts.
        from: u64,
        /// What is held.
        held: u64,
    },
}

impl HeadError {
    /// The closed code for the peer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => "BAD_CHECKPOINT",
            Self::Shrunk { .. } => "LOG_SHRUNK",
            Self::Inconsistent => "LOG_INCONSISTENT",
            Self::Equivocation { .. } => "LOG_EQUIVOCATION",
            Self::Base { .. } => "CHECKPOINT_BASE",
        }
    }
}

/// Heads that are remembered behind the newest: streams overtake each other by a few.
const REMEMBERED: usize = 256;

/// Checkpoints of one log, each proved to extend the one before; the newest last.
pub(super) struct Chain {
    earlier: VecDeque<Held>,
    newest: Held,
}

impl Chain {
    pub(super) fn new(newest: Held) -> Self {
        Self { earlier: VecDeque::new(), newest }
    }

    pub(super) fn newest(&self) -> &Held {
        &self.newest
    }

    /// Takes a head that the log's key has signed, with its proof from the tree of `from` entries.
    pub(super) fn take(
        &mut self,
        head: &Held,
        from: u64,
        proof: &[Digest],
    ) -> Result<(), HeadError> {
        let (newest, next) = (&self.newest.checkpoint, &head.checkpoint);
        if next.size <= newest.size {
            return self.known(head);
        }
        if from != newest.size {
            return Err(HeadError::Base { from, held: newest.size });
        }
        verify_consistency(newest.size, &newest.root, next.size, &next.root, proof)
            .map_err(|_| HeadError::Inconsistent)?;
        self.earlier.push_back(std::mem::replace(&mut self.newest, head.clone()));
        if self.earlier.len() > REMEMBERED {
            self.earlier.pop_front();
        }
        Ok(())
    }

    /// One that is not larger must be one of those in the chain.
    fn known(&self, head: &Held) -> Result<(), HeadError> {
        let size = head.checkpoint.size;
        let mut chain = self.earlier.iter().chain([&self.newest]);
        match chain.find(|held| held.checkpoint.size == size) {
            Some(held) if held.checkpoint.root == head.checkpoint.root => Ok(()),
            Some(held) => Err(HeadError::Equivocation {
                held: Box::new(held.clone()),
                shown: Box::new(head.clone()),
            }),
            None => Err(HeadError::Shrunk { shown: size, held: self.newest.checkpoint.size }),
        }
    }
}
