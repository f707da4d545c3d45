//! The keys that notes are verified with.
//!
//! A key's type is part of its value and of its Rust type: what takes a [`VerifierKey`] cannot be
//! given a [`WitnessKey`], so a cosignature is never taken for the signature of a log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::NoteError;
use crate::crypto::keys::{Algorithm, PublicKey};
use crate::crypto::sha256;

/// Bytes of a key name: as much as a cosignature of type 0x06 can carry.
pub const NAME_MAX_BYTES: usize = 255;

/// What a key signs, and how. SPEC: signed-note: signature types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyType {
    /// 0x01, Ed25519 over the text of a note: logs, cards, manifests.
    Note,
    /// 0x04, Ed25519 over a checkpoint with the time at which it was seen.
    CosignatureEd25519,
    /// 0x06, the same with ML-DSA-44, over the name of the witness as well.
    CosignatureMlDsa44,
}

impl KeyType {
    /// The byte that stands for it in keys and key ids.
    pub fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::CosignatureEd25519 => 0x04,
            Self::CosignatureMlDsa44 => 0x06,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Note, Self::CosignatureEd25519, Self::CosignatureMlDsa44]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Note | Self::CosignatureEd25519 => Algorithm::Ed25519,
            Self::CosignatureMlDsa44 => Algorithm::MlDsa44,
        }
    }
}

/// Whether a text can name a key: not empty, no Unicode white space, no control character, no `+`.
pub fn is_key_name(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    (1..=NAME_MAX_BYTES).contains(&text.len()) && !text.contains(bad)
}

/// Whether a text is a key of any type known here, in its one spelling.
pub fn is_key_text(text: &str) -> bool {
    NamedKey::parse(text).is_ok()
}

/// A public key under the name of its owner, which signs notes (type 0x01). Text form
/// `<name>+<key id>+<base64(type || key)>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey(NamedKey);

impl VerifierKey {
    /// An Ed25519 key under a name.
    ///
    /// # Errors
    /// [`NoteError::Name`] when the name is not one.
    pub fn ed25519(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        let key = PublicKey::new(Algorithm::Ed25519, public.to_vec())
            .expect("Ed25519 public keys have 32 bytes");
        NamedKey::new(name, KeyType::Note, key).map(Self)
    }

    /// Parses the text form, in the one spelling that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`NoteError::Key`], [`NoteError::Name`], or [`NoteError::KeyType`] for any other type: the
    /// key of a witness signs no notes.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let key = NamedKey::parse(text)?;
        match key.kind {
            KeyType::Note => Ok(Self(key)),
            other => Err(NoteError::KeyType(other.byte())),
        }
    }

    /// The same public key under another name.
    ///
    /// # Errors
    /// [`NoteError::Name`] when the name is not one.
    pub fn renamed(&self, name: &str) -> Result<Self, NoteError> {
        NamedKey::new(name, KeyType::Note, self.0.key.clone()).map(Self)
    }

    /// Whose key it is; for the key of a log its origin.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `SHA-256(name || 0x0A || type || key)[..4]`: tells keys of one name apart, no more.
    pub fn key_id(&self) -> [u8; 4] {
        self.0.id
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.0.key
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The key of a witness (type 0x04 or 0x06), which signs cosignatures and nothing else. Text form
/// as [`VerifierKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey(NamedKey);

impl WitnessKey {
    /// A key under a name; its algorithm decides its type.
    ///
    /// # Errors
    /// [`NoteError::Name`] when the name is not one, [`NoteError::KeyType`] for an algorithm that
    /// no cosignature has.
    pub fn new(name: &str, public: &PublicKey) -> Result<Self, NoteError> {
        let kind = match public.algorithm() {
            Algorithm::Ed25519 => KeyType::CosignatureEd25519,
            Algorithm::MlDsa44 => KeyType::CosignatureMlDsa44,
            Algorithm::MlDsa65 | Algorithm::XWing => return Err(NoteError::KeyType(0xff)),
        };
        NamedKey::new(name, kind, public.clone()).map(Self)
    }

    /// Parses the text form, in the one spelling that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`NoteError::Key`], [`NoteError::Name`], or [`NoteError::KeyType`] for any other type: the
    /// key of a log does not cosign.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let key = NamedKey::parse(text)?;
        match key.kind {
            KeyType::CosignatureEd25519 | KeyType::CosignatureMlDsa44 => Ok(Self(key)),
            KeyType::Note => Err(NoteError::KeyType(KeyType::Note.byte())),
        }
    }

    /// The witness.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// As [`VerifierKey::key_id`].
    pub fn key_id(&self) -> [u8; 4] {
        self.0.id
    }

    /// Which of the two types.
    pub fn key_type(&self) -> KeyType {
        self.0.kind
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.0.key
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedKey {
    name: String,
    id: [u8; 4],
    kind: KeyType,
    key: PublicKey,
}

impl NamedKey {
    fn new(name: &str, kind: KeyType, key: PublicKey) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name(quoted(name)));
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, kind, key.bytes()), kind, key })
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let refuse = || NoteError::Key(quoted(text));
        // Only the first two: base64 has plus signs of its own.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let bytes = STANDARD.decode(key).map_err(|_| refuse())?;
        let (kind, public) = bytes.split_first().ok_or_else(refuse)?;
        let kind = KeyType::from_byte(*kind).ok_or(NoteError::KeyType(*kind))?;
        let key = PublicKey::new(kind.algorithm(), public.to_vec()).map_err(|_| refuse())?;
        let parsed = Self::new(name, kind, key)?;
        // Compares the id too: an id that is not the one of name and key is a mixed-up key.
        if parsed.to_string() == text { Ok(parsed) } else { Err(refuse()) }
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.kind.byte()], self.key.bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id))
    }
}

pub(super) fn key_id(name: &str, kind: KeyType, public: &[u8]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), &[b'\n', kind.byte()], public].concat());
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A text as errors show it.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(120).collect()
}
