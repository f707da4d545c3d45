//! The chain of one log's checkpoints. Pure.

use std::collections::VecDeque;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::evidence::Evidence;
use crate::audit::witness::{Accepted, RefusalReason, Signed, WitnessRefusal, decide_signed};

/// Why another log is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Another log than before, and no proof that it follows.
    #[error("the log does not follow the one before it: {0}")]
    Succession(String),
    /// Not now: our own store takes nothing.
    #[error("not now: {0}")]
    Unavailable(String),
    /// The log is none of those that this node knows.
    #[error("no log {0:?} is known here")]
    UnknownLog(String),
    /// No valid checkpoint of the log.
    #[error("the checkpoint is not a valid one of the log: {0}")]
    Checkpoint(String),
    /// Smaller than what it showed before.
    #[error("the log has {shown} entries, but showed {held} before: it lost entries")]
    Shrunk {
        /// Entries now.
        shown: u64,
        /// Entries before.
        held: u64,
    },
    /// No extension of what it showed before. Suspicion only: a wrong proof proves nothing.
    #[error("the log does not extend what it showed before: its past was changed")]
    Inconsistent,
    /// Proof of two pasts.
    #[error("the log has signed two pasts: the evidence is kept")]
    Equivocation(Box<Evidence>),
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
            Self::Succession(_) => "LOG_SUCCESSION",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::UnknownLog(_) => "UNKNOWN_LOG",
            Self::Checkpoint(_) => "BAD_CHECKPOINT",
            Self::Shrunk { .. } => "LOG_SHRUNK",
            Self::Inconsistent => "LOG_INCONSISTENT",
            Self::Equivocation(_) => "LOG_EQUIVOCATION",
            Self::Base { .. } => "CHECKPOINT_BASE",
        }
    }

    pub(in crate::exchange) fn of(reason: &RefusalReason) -> Self {
        match reason {
            RefusalReason::UnknownLog { origin } => Self::UnknownLog(origin.clone()),
            RefusalReason::Inconsistent(_) => Self::Inconsistent,
            other => Self::Checkpoint(other.to_string()),
        }
    }
}

/// A checkpoint that was taken: one of the chain.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The checkpoint, with the log's own signatures only.
    pub head: SignedCheckpoint,
    /// That it may be cosigned: it was the newest when it came.
    pub accepted: Option<Accepted>,
}

/// Heads that are remembered behind the newest: streams overtake each other by a few.
const REMEMBERED: usize = 256;

/// Checkpoints of one log, each proved to extend the one before; the newest last.
pub(super) struct Chain {
    earlier: VecDeque<SignedCheckpoint>,
    newest: SignedCheckpoint,
    /// The log that follows, where this one has ended.
    successor: Option<String>,
}

impl Chain {
    pub(super) fn new(newest: SignedCheckpoint) -> Self {
        Self { earlier: VecDeque::new(), newest, successor: None }
    }

    /// The same with what follows; an empty name for nothing. The first one stays.
    pub(super) fn followed_by(mut self, origin: &str) -> Self {
        if self.successor.is_none() && !origin.is_empty() {
            self.successor = Some(origin.to_owned());
        }
        self
    }

    /// Ends it as `held`, towards `origin`.
    pub(super) fn end(&mut self, held: &Checkpoint, origin: &str) -> bool {
        let free = self.successor.as_deref().is_none_or(|successor| successor == origin);
        let ends = free && self.newest.checkpoint() == held;
        if ends {
            self.successor = Some(origin.to_owned());
        }
        ends
    }

    pub(super) fn go_on(&mut self) {
        self.successor = None;
    }

    pub(super) fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
    }

    /// Begins with whatever the log shows first.
    pub(super) fn begin(signed: &Signed<'_>) -> Result<(Self, Taken), HeadError> {
        let from = signed.request().old();
        let accepted = decide_signed(None, signed).map_err(|refusal| match refusal.reason {
            RefusalReason::Conflict { held } => HeadError::Base { from, held },
            reason => HeadError::of(&reason),
        })?;
        let head = accepted.state().clone();
        Ok((Self::new(head.clone()), Taken { head, accepted: Some(accepted) }))
    }

    pub(super) fn newest(&self) -> &SignedCheckpoint {
        &self.newest
    }

    /// Takes a head that proves itself an extension of the newest, or is one of the chain.
    pub(super) fn take(&mut self, signed: &Signed<'_>) -> Result<Taken, HeadError> {
        match decide_signed(Some(&self.newest), signed) {
            Ok(accepted) if accepted.changed() && self.successor.is_some() => {
                Err(HeadError::Succession("it has ended, and has grown since".into()))
            }
            Ok(accepted) => Ok(self.push(accepted)),
            Err(refusal) => self.known(signed, refusal),
        }
    }

    pub(super) fn push(&mut self, accepted: Accepted) -> Taken {
        let head = accepted.state().clone();
        if accepted.changed() {
            self.earlier.push_back(std::mem::replace(&mut self.newest, head.clone()));
            if self.earlier.len() > REMEMBERED {
                self.earlier.pop_front();
            }
        }
        Taken { head, accepted: Some(accepted) }
    }

    /// What is no extension of the newest may be one that was taken before.
    fn known(&self, signed: &Signed<'_>, refusal: WitnessRefusal) -> Result<Taken, HeadError> {
        if let Some(evidence) = refusal.evidence {
            return Err(HeadError::Equivocation(evidence));
        }
        let (RefusalReason::Conflict { .. } | RefusalReason::Shrinks { .. }) = refusal.reason
        else {
            return Err(HeadError::of(&refusal.reason));
        };
        let shown = signed.shown();
        let (size, held) = (shown.checkpoint().size, self.newest.checkpoint().size);
        if size > held {
            return Err(HeadError::Base { from: signed.request().old(), held });
        }
        let mut chain = self.earlier.iter().chain([&self.newest]);
        match chain.find(|known| known.checkpoint().size == size) {
            Some(known) if known.checkpoint().root == shown.checkpoint().root => {
                Ok(Taken { head: known.clone(), accepted: None })
            }
            Some(known) => Err(match Evidence::same_size(known, shown) {
                Ok(evidence) => HeadError::Equivocation(Box::new(evidence)),
                Err(error) => HeadError::Checkpoint(error.to_string()),
            }),
            None => Err(HeadError::Shrunk { shown: size, held }),
        }
    }
}
