//! Checkpoints: what a log says of its whole state (C2SP tlog-checkpoint v1.0.0).
//!
//! Three lines: origin, size, root. Extension lines are refused, because no monitor can audit
//! them. There is no time in a checkpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::empty_root;
use super::note::{self, Note, NoteError, VerifierKey, is_key_name};
use crate::crypto::{Digest, SigningSecret};
use crate::domain::AuthorityId;
use crate::domain::limits::CHECKPOINT_MAX_BYTES;

/// The size of a tree and its root, under the name of its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log, as [`origin`] names it.
    pub origin: String,
    /// Entries in the log.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

/// Why a text is not a checkpoint, or not one that is believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Longer than any checkpoint may be.
    #[error("the checkpoint has {0} bytes, more than {CHECKPOINT_MAX_BYTES}")]
    TooLarge(usize),
    /// Not three lines that each end in a newline.
    #[error("a checkpoint has three lines, and each ends in a newline")]
    Lines,
    /// The first line is no name.
    #[error("the first line of the checkpoint is not an origin")]
    Origin,
    /// The second line is no number, or has leading zeros.
    #[error("the second line of the checkpoint is not a decimal size")]
    Size,
    /// The third line is not the base64 of 32 bytes.
    #[error("the third line of the checkpoint is not the base64 of a root")]
    Root,
    /// A tree without entries has a root of its own.
    #[error("the checkpoint has no entries, but not the root of the empty tree")]
    EmptyRoot,
    /// More lines than three.
    #[error("the checkpoint has extension lines")]
    Extension,
    /// The note around it is malformed, or nobody known signed it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed by a known key, but of another log.
    #[error("the checkpoint is of {origin}, and no key of that log has signed it")]
    OtherOrigin {
        /// The log that the checkpoint names.
        origin: String,
    },
}

/// The origin of an authority's log of a year: `<authority>/log/<year>`.
pub fn origin(authority: &AuthorityId, year: i32) -> String {
    format!("{authority}/log/{year:04}")
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Parses the text of a checkpoint, in the one spelling that [`Checkpoint::text`] writes.
    ///
    /// # Errors
    /// [`CheckpointError`], which names the line.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse_lines(text)?;
        match checkpoint.size == 0 && checkpoint.root != empty_root() {
            true => Err(CheckpointError::EmptyRoot),
            false => Ok(checkpoint),
        }
    }

    /// The same for a witness, which answers what is wrong with an empty tree in its own order.
    pub(super) fn parse_lines(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        // SPEC: extension lines are not recommended; here they are not allowed.
        if lines.next().is_some() {
            return Err(CheckpointError::Extension);
        }
        if !is_key_name(origin) {
            return Err(CheckpointError::Origin);
        }
        let size = parse_decimal(size).ok_or(CheckpointError::Size)?;
        let root = parse_hash(root).ok_or(CheckpointError::Root)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The note: the text with the log's signature under it. The name of the signer is the origin.
    ///
    /// An origin that is no key name, or a key that is not Ed25519, gives a note that nobody
    /// accepts; [`origin`] makes only good ones.
    pub fn sign(&self, key: &SigningSecret) -> String {
        note::join(&self.text(), &self.origin, key)
    }

    /// Parses a note and checks that the log it names has signed it: one of `keys` whose name is
    /// the origin.
    ///
    /// # Errors
    /// [`CheckpointError`]. Signatures of other keys are checked as well, but none replaces the
    /// log's own.
    pub fn verify(note: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        if note.len() > CHECKPOINT_MAX_BYTES {
            return Err(CheckpointError::TooLarge(note.len()));
        }
        let note = Note::parse(note)?;
        let verified = note.verify(keys)?;
        let checkpoint = Self::parse_text(verified.text())?;
        // SPEC: tlog-checkpoint: the signing key's name is the origin.
        if verified.signers().iter().any(|key| key.name() == checkpoint.origin) {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherOrigin { origin: checkpoint.origin })
        }
    }

    /// Parses a note without checking any signature, to learn whose keys to look for.
    ///
    /// # Errors
    /// [`CheckpointError`], for a malformed note or checkpoint.
    pub fn parse_unverified(note: &str) -> Result<Self, CheckpointError> {
        if note.len() > CHECKPOINT_MAX_BYTES {
            return Err(CheckpointError::TooLarge(note.len()));
        }
        Self::parse_text(Note::parse(note)?.text())
    }
}

/// SPEC: ASCII decimal without leading zeros, unless it is zero.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// 32 bytes in base64 with padding, in their one spelling.
pub(super) fn parse_hash(text: &str) -> Option<Digest> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
