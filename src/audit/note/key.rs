//! The keys that notes are verified with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::NoteError;
use crate::crypto::keys::{Algorithm, PublicKey};
use crate::crypto::sha256;

/// Bytes of a key name: as much as a cosignature of type 0x06 could carry.
pub const NAME_MAX_BYTES: usize = 255;

/// SPEC: signed-note: the type of Ed25519 keys.
const ED25519: u8 = 0x01;

/// Whether a text can name a key: not empty, no Unicode white space, no control character, no `+`.
pub fn is_key_name(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    (1..=NAME_MAX_BYTES).contains(&text.len()) && !text.contains(bad)
}

/// A public key under the name of its owner. Text form `<name>+<key id>+<base64(type || key)>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: PublicKey,
}

impl VerifierKey {
    /// An Ed25519 key (type 0x01) under a name.
    ///
    /// # Errors
    /// [`NoteError::Name`] when the name is not one.
    pub fn ed25519(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name(quoted(name)));
        }
        let key = PublicKey::new(Algorithm::Ed25519, public.to_vec())
            .expect("Ed25519 public keys have 32 bytes");
        Ok(Self { name: name.to_owned(), id: key_id(name, public), key })
    }

    /// Parses the text form, in the one spelling that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`NoteError::Key`], [`NoteError::KeyType`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let refuse = || NoteError::Key(quoted(text));
        // Only the first two: base64 has plus signs of its own.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let bytes = STANDARD.decode(key).map_err(|_| refuse())?;
        let (kind, public) = bytes.split_first().ok_or_else(refuse)?;
        if *kind != ED25519 {
            return Err(NoteError::KeyType(*kind));
        }
        let parsed = Self::ed25519(name, public.try_into().map_err(|_| refuse())?)?;
        // Compares the id too: an id that is not the one of name and key is a mixed-up key.
        if parsed.to_string() == text { Ok(parsed) } else { Err(refuse()) }
    }

    /// Whose key it is; for the key of a log its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `SHA-256(name || 0x0A || type || key)[..4]`: tells keys of one name apart, no more.
    pub fn key_id(&self) -> [u8; 4] {
        self.id
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.key
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519], self.key.bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id))
    }
}

pub(super) fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), &[b'\n', ED25519], public].concat());
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A text as errors show it.
pub(super) fn quoted(text: &str) -> String {
    text.chars().take(120).collect()
}
