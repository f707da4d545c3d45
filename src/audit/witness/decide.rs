//! The decision, without any state of its own.

use super::AddCheckpoint;
use crate::audit::checkpoint::{Checkpoint, CheckpointError};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::evidence::Evidence;
use crate::audit::merkle::{self, ProofError, empty_root, shown_old_root};
use crate::audit::note::{Note, NoteError, VerifierKey, quoted};

/// A checkpoint that may be cosigned, once it is durable. Only [`decide`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    state: SignedCheckpoint,
    changed: bool,
}

impl Accepted {
    /// What the witness then holds of the log: the checkpoint with the log's own lines.
    pub fn state(&self) -> &SignedCheckpoint {
        &self.state
    }

    /// Whether that is more than it held before. If not, nothing need be written.
    pub fn changed(&self) -> bool {
        self.changed
    }
}

/// Why a witness does not cosign. The names of the reasons are the answers of tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// 404: the witness has no key of such a log.
    #[error("no log {origin:?} is known here")]
    UnknownLog {
        /// The log that the checkpoint names.
        origin: String,
    },
    /// 403: no signature by a key of the log, or one that fails.
    #[error("the checkpoint is not signed by its log: {0}")]
    NotSigned(#[source] NoteError),
    /// 400: no note, or not a checkpoint in it.
    #[error("the checkpoint is malformed: {0}")]
    Malformed(#[source] CheckpointError),
    /// 422: lines that no monitor can audit.
    #[error("the checkpoint has extension lines, which this witness does not cosign")]
    Extension,
    /// 400: the old tree would be the larger one.
    #[error("a tree of {size} entries cannot extend one of {old}")]
    Shrinks {
        /// Entries in the old tree, by the request.
        old: u64,
        /// Entries under the checkpoint.
        size: u64,
    },
    /// 409: the witness holds another size than the request starts from.
    #[error("the last checkpoint cosigned here has {held} entries")]
    Conflict {
        /// Entries that it holds; zero for a log of which it has cosigned nothing.
        held: u64,
    },
    /// 422: no entries, but not the root of the empty tree.
    #[error("a tree without entries has the root of the empty tree")]
    EmptyRoot,
    /// 422: the size that the witness holds, with another root.
    #[error("another checkpoint of {size} entries was cosigned here, with another root")]
    OtherRoot {
        /// Entries under both.
        size: u64,
    },
    /// 429: the log advances more often than the witness follows.
    #[error("this log advances faster than this witness follows: come again with a later one")]
    TooOften,
    /// 422: the proof does not show that the checkpoint extends what the witness holds.
    #[error("the checkpoint is not proven to extend the last one that was cosigned here: {0}")]
    Inconsistent(#[source] ProofError),
}

impl RefusalReason {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownLog { .. } => 404,
            Self::NotSigned(_) => 403,
            Self::Malformed(_) | Self::Shrinks { .. } => 400,
            Self::Conflict { .. } => 409,
            Self::TooOften => 429,
            Self::Extension | Self::EmptyRoot | Self::OtherRoot { .. } | Self::Inconsistent(_) => {
                422
            }
        }
    }

    /// The closed code, as `witness.refused` has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownLog { .. } => "UNKNOWN_LOG",
            Self::NotSigned(_) => "NOT_SIGNED",
            Self::Malformed(_) => "BAD_CHECKPOINT",
            Self::Extension => "EXTENSION_LINES",
            Self::Shrinks { .. } => "LOG_SHRUNK",
            Self::Conflict { .. } => "OTHER_SIZE",
            Self::TooOften => "TOO_OFTEN",
            Self::EmptyRoot => "EMPTY_ROOT",
            Self::OtherRoot { .. } => "OTHER_ROOT",
            Self::Inconsistent(_) => "LOG_INCONSISTENT",
        }
    }
}

/// A refusal, and what it proves about the log, if anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WitnessRefusal {
    /// Why.
    pub reason: RefusalReason,
    /// The log has signed two pasts: the note that is held, the one that was shown, and what makes
    /// them contradict each other. To be kept, whatever is answered.
    pub evidence: Option<Box<Evidence>>,
}

impl From<RefusalReason> for WitnessRefusal {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, evidence: None }
    }
}

/// A request whose checkpoint its log has signed. Only [`Signed::verify`] makes one: it needs no
/// state, so nobody need be kept waiting for it.
pub struct Signed<'a> {
    shown: SignedCheckpoint,
    request: &'a AddCheckpoint,
}

impl<'a> Signed<'a> {
    /// Verifies the signature of the log, by its `keys` (those of other names are ignored).
    ///
    /// # Errors
    /// [`RefusalReason`].
    pub fn verify(keys: &[VerifierKey], request: &'a AddCheckpoint) -> Result<Self, RefusalReason> {
        Ok(Self { shown: authenticate(keys, request)?, request })
    }

    /// The checkpoint, with the log's own lines only.
    pub fn shown(&self) -> &SignedCheckpoint {
        &self.shown
    }

    /// The request.
    pub fn request(&self) -> &'a AddCheckpoint {
        self.request
    }
}

/// Decides whether a checkpoint may be cosigned: `state` is what the witness has cosigned last of
/// the log that the request names ([`AddCheckpoint::origin`]), `keys` what it trusts for that log
/// (keys of other names are ignored).
///
/// # Errors
/// [`WitnessRefusal`].
pub fn decide(
    state: Option<&SignedCheckpoint>,
    keys: &[VerifierKey],
    request: &AddCheckpoint,
) -> Result<Accepted, WitnessRefusal> {
    decide_signed(state, &Signed::verify(keys, request)?)
}

/// As [`decide`], for a request whose signature was verified.
///
/// # Errors
/// [`WitnessRefusal`].
pub fn decide_signed(
    state: Option<&SignedCheckpoint>,
    signed: &Signed<'_>,
) -> Result<Accepted, WitnessRefusal> {
    let Signed { shown, request } = signed;
    let Checkpoint { origin, size, root } = shown.checkpoint();
    // The wrong state would be a fault of the caller's; to sign on it would be one of ours.
    if state.is_some_and(|held| held.checkpoint().origin != *origin) {
        return Err(RefusalReason::UnknownLog { origin: origin.clone() }.into());
    }
    let refuse = |reason| WitnessRefusal { reason, evidence: contradiction(state, shown, request) };
    let old = request.old();
    if old > *size {
        return Err(refuse(RefusalReason::Shrinks { old, size: *size }));
    }
    let held = state.map_or(0, |held| held.checkpoint().size);
    if old != held {
        return Err(refuse(RefusalReason::Conflict { held }));
    }
    if *size == 0 && *root != empty_root() {
        return Err(refuse(RefusalReason::EmptyRoot));
    }
    let old_root = state.map_or_else(empty_root, |held| held.checkpoint().root);
    if old == *size && old_root != *root {
        return Err(refuse(RefusalReason::OtherRoot { size: *size }));
    }
    merkle::verify_consistency(old, &old_root, *size, root, request.proof())
        .map_err(|why| refuse(RefusalReason::Inconsistent(why)))?;
    let changed = state.is_none() || old < *size;
    Ok(Accepted { state: shown.clone(), changed })
}

/// The checkpoint of the request, if its log has signed it, with the log's own lines only. Whether
/// an empty tree has its root is left to the caller, whose order of answers is the specification's.
fn authenticate(
    keys: &[VerifierKey],
    request: &AddCheckpoint,
) -> Result<SignedCheckpoint, RefusalReason> {
    let malformed = |error: NoteError| RefusalReason::Malformed(error.into());
    let note = Note::parse(request.note()).map_err(malformed)?;
    let origin = request.origin();
    let keys = keys.iter().filter(|key| key.name() == origin);
    let keys: Vec<VerifierKey> = keys.cloned().collect();
    if keys.is_empty() {
        return Err(RefusalReason::UnknownLog { origin: quoted(origin) });
    }
    note.verify(&keys).map_err(RefusalReason::NotSigned)?;
    let checkpoint = Checkpoint::parse_lines(note.text()).map_err(|error| match error {
        CheckpointError::Extension => RefusalReason::Extension,
        error => RefusalReason::Malformed(error),
    })?;
    Ok(SignedCheckpoint::by_log(checkpoint, note, &keys))
}

/// What the two signed checkpoints prove together. Looked for whatever the request claims to start
/// from: a log that forked may well say that this witness knows nothing.
fn contradiction(
    state: Option<&SignedCheckpoint>,
    shown: &SignedCheckpoint,
    request: &AddCheckpoint,
) -> Option<Box<Evidence>> {
    let held = state?;
    let (a, b) = (held.checkpoint(), shown.checkpoint());
    let evidence = if a.size == b.size {
        Evidence::same_size(held, shown)
    } else {
        let root = shown_old_root(a.size, b.size, &b.root, request.proof())?;
        Evidence::other_prefix(held, shown, root, request.proof().to_vec())
    };
    evidence.ok().map(Box::new)
}
