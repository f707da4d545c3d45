//! Entries: what the log says, one event each.
//!
//! An entry is canonical JSON (RFC 8785, with ASCII keys, strings and integers below 2^53 only) of
//! at most [`ENTRY_MAX_BYTES`]. It is stored and hashed verbatim and never written anew. The set of
//! fields is closed, and for each event it is fixed which must and which may be there
//! ([`Event::fields`]). No entry has a name of a person, a case number, free text, or the hash of a
//! plaintext (I6).

mod draft;
mod event;
mod rules;
mod wire;

use crate::crypto::Digest;
use crate::domain::limits::ENTRY_MAX_BYTES;
use crate::domain::{AuthorityId, MessageId, PackageId, Timestamp};

pub use draft::EntryDraft;
pub use event::Event;
pub use rules::{Field, Fields};

/// Random bytes in an entry, so that its hash, which peers see in proofs, cannot be guessed.
pub const NONCE_BYTES: usize = 16;

/// The largest integer in an entry: what every JSON reader keeps exactly (RFC 7493 section 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Where in a counterpart's log something stands, under which of its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinates {
    /// The counterpart's log. Key `o`.
    pub origin: String,
    /// The entry there, from 0; below `size`, except in an empty tree. Key `i`.
    pub index: u64,
    /// Entries under the checkpoint. Key `n`.
    pub size: u64,
    /// Root of the checkpoint. Key `r`.
    pub root: Digest,
}

/// One entry. A value may break the rules of its event until [`Entry::check`] has seen it; what
/// [`Entry::parse`] gives keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the log took it; never earlier than the entry before. Key `at`.
    pub at: Timestamp,
    /// What happened. Key `ev`.
    pub event: Event,
    /// Random. Key `nonce`.
    pub nonce: [u8; NONCE_BYTES],
    /// Who issued the event, where it is a receipt that we recorded or issued. Key `by`.
    pub by: Option<AuthorityId>,
    /// Reason of a refusal or a change, `[A-Z][A-Z0-9_]{0,63}`. Key `code`.
    pub code: Option<String>,
    /// SHA-256 of a card's file. Key `card`.
    pub card: Option<Digest>,
    /// SHA-256 of a file that the entry is about: evidence, a policy, a report. Key `doc`.
    pub document: Option<Digest>,
    /// SHA-256 of the whole envelope. Key `env`.
    pub envelope: Option<Digest>,
    /// The envelope's salted commitment to the plaintext. Key `pay`.
    pub payload: Option<Digest>,
    /// A key: its verifier text, or its id in 32 hex digits. Key `key`.
    pub key: Option<String>,
    /// The message. Key `mid`.
    pub message: Option<MessageId>,
    /// The evidence package. Key `pkg`.
    pub package: Option<PackageId>,
    /// The counterpart. Key `peer`.
    pub peer: Option<AuthorityId>,
    /// Number of this entry among those with this peer, from 1 without gaps. Key `pseq`.
    pub peer_seq: Option<u64>,
    /// SHA-256 of the text of the receipt that was recorded. Key `rcpt`.
    pub receipt: Option<Digest>,
    /// The counterpart's log coordinates. Key `rem`.
    pub remote: Option<Coordinates>,
    /// The program: `rogatory 0.1.0`. Key `soft`.
    pub software: Option<String>,
    /// Blinded handle of an agency or operator, 32 hex digits. Key `who`.
    pub who: Option<String>,
}

/// Why bytes are not an entry, or an entry breaks the rules of its event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// More than [`ENTRY_MAX_BYTES`].
    #[error("the entry has {0} bytes, more than {ENTRY_MAX_BYTES}")]
    TooLarge(usize),
    /// Not JSON, a field that entries do not have, or a value of another type or form.
    #[error("the entry is not of the schema: {0}")]
    Schema(String),
    /// A version of the schema that this program does not know.
    #[error("the entry has version {0}, not 1")]
    Version(u64),
    /// The same values in another spelling: order of keys, spaces, escapes.
    #[error("the entry is not in its canonical form")]
    NotCanonical,
    /// A field that the event requires is absent.
    #[error("{event} needs the field {field}")]
    Missing {
        /// The event.
        event: Event,
        /// The absent field.
        field: Field,
    },
    /// A field that the event does not have.
    #[error("{event} does not have the field {field}")]
    NotAllowed {
        /// The event.
        event: Event,
        /// The field too much.
        field: Field,
    },
    /// A value outside what its field allows.
    #[error("the field {0} has a value that it does not allow")]
    Value(Field),
}

impl Entry {
    /// The canonical bytes. They parse again if [`Entry::check`] passes.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Parses exactly what [`Entry::encode`] writes.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_MAX_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let entry = wire::decode(bytes)?;
        entry.check()?;
        // One entry has one spelling: whoever hashes what it read hashes what was logged.
        if entry.encode() == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }

    /// Checks the rules of the event: which fields, with which values.
    ///
    /// # Errors
    /// [`EntryError::Missing`], [`EntryError::NotAllowed`] or [`EntryError::Value`].
    pub fn check(&self) -> Result<(), EntryError> {
        rules::check(self)
    }

    /// Whether the entry records a receipt that the counterpart issued; otherwise whatever it
    /// states, this log's owner states.
    pub fn is_recorded_receipt(&self) -> bool {
        self.event.is_receipt() && self.receipt.is_some()
    }
}

#[cfg(test)]
mod tests;
