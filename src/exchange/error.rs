//! Why an action is not done, by whose fault it is.

use crate::domain::MessageId;
use crate::store::vault::VaultError;
use crate::store::{CommitError, StoreFault};

/// A field of a request and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, as in `content.request.assistance[1].description`.
    pub field: String,
    /// The rule, for people.
    pub rule: String,
}

impl Violation {
    /// Of one field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

/// Why something that a client or an operator asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The caller's: fields that break rules, all of them.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
    /// The caller's: a submission whose fields break rules, all of them; and our log says so.
    #[error("{}", list(.violations))]
    Refused {
        /// The fields.
        violations: Vec<Violation>,
        /// Origin of our log.
        origin: String,
        /// Index of the `SubmissionRejection` there.
        entry: u64,
    },
    /// The caller's: there is no such thing, or it is not the caller's to see.
    #[error("{0}")]
    NotFound(String),
    /// The caller's: it may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The caller's: the state of things does not allow it. The code is for programs.
    #[error("{message}")]
    Conflict {
        /// UPPER_SNAKE.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The weather: too much is waiting, or the peer cannot be reached; try again.
    #[error("{0}")]
    Unavailable(String),
    /// The caller's, or the disk's: it has reached a bound. The code is for programs.
    #[error("{message}")]
    Exhausted {
        /// UPPER_SNAKE.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The caller's: it went silent in the middle of a call.
    #[error("{0}")]
    Stalled(&'static str),
    /// Ours: a fault that an operator must look at.
    #[error("{0}")]
    Fault(String),
}

impl ActionError {
    /// One field that breaks a rule.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, rule)])
    }

    /// A message that is not there, or not for the caller to see.
    pub(super) fn no_message(id: MessageId) -> Self {
        Self::NotFound(format!("there is no message {id}"))
    }

    /// A state of things that does not allow the action.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    /// A bound that is reached.
    pub fn exhausted(code: &'static str, message: impl Into<String>) -> Self {
        Self::Exhausted { code, message: message.into() }
    }

    /// The other error, for the two that only say that the node must be looked at.
    pub(crate) fn fault(error: impl std::fmt::Display) -> Self {
        Self::Fault(error.to_string())
    }
}

fn list(violations: &[Violation]) -> String {
    let lines: Vec<String> =
        violations.iter().map(|v| format!("{}: {}", v.field, v.rule)).collect();
    lines.join("; ")
}

impl From<StoreFault> for ActionError {
    fn from(error: StoreFault) -> Self {
        Self::fault(error)
    }
}

impl From<VaultError> for ActionError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Refused(rule) => Self::invalid("package", rule),
            VaultError::Missing => Self::NotFound(error.to_string()),
            VaultError::Busy(why) => Self::Unavailable(format!("{why}: try again later")),
            VaultError::OverQuota(what) => Self::exhausted(
                "QUOTA_REACHED",
                format!("{what} is here already without a message: deliver or finish some first"),
            ),
            VaultError::Full(room) => {
                // How much is left is for the operator, not for whoever fills it.
                tracing::warn!(left = %room, "evidence is refused: the disk of the vault is full");
                let message =
                    "this node has no room for more evidence: its operator must make some";
                Self::exhausted("DISK_FULL", message)
            }
            VaultError::Io(_) | VaultError::Damaged(_) => Self::fault(error),
        }
    }
}

impl From<CommitError<ActionError>> for ActionError {
    fn from(error: CommitError<ActionError>) -> Self {
        match error {
            CommitError::Rejected(error) => error,
            CommitError::Busy => {
                Self::Unavailable("too many commits are waiting: try again in a moment".into())
            }
            CommitError::Frozen => rolled_back(),
            other => Self::fault(other),
        }
    }
}

/// Nothing is taken: the log is an older copy of itself (I3).
pub(crate) fn rolled_back() -> ActionError {
    ActionError::conflict(
        "LOG_ROLLED_BACK",
        "a longer log of this node is known than the node itself has: it was restored from an \
         older copy and takes nothing until its operator has put back what it lacks (`rogatory \
         recover`, docs/storage.md)",
    )
}
