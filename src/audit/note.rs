//! Signed notes: a text with signature lines under it (C2SP signed-note v1.0.0).
//!
//! Here a note is signed and verified with Ed25519 keys (type 0x01). A verifier knows keys by name
//! and id together, ignores the lines of all others, and refuses a note where any line of a known
//! key fails. Lines of witnesses (types 0x04 and 0x06) are [`super::cosignature`]'s to verify.

mod key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::SigningSecret;
use crate::crypto::keys::Algorithm;
use key::key_id;

pub(crate) use key::quoted;
pub use key::{KeyType, NAME_MAX_BYTES, VerifierKey, WitnessKey, is_key_name, is_key_text};

/// Signature lines in one note. SPEC: at least 16 must be accepted; more should be bounded.
pub const SIGNATURES_MAX: usize = 64;

const LINE_START: &str = "\u{2014} ";

/// Why a text is not a key, not a note, or not signed by anyone known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Empty, too long, or has white space, a control character or a plus sign.
    #[error("{0:?} is not a key name")]
    Name(String),
    /// Not `<name>+<8 hex digits>+<base64>`, or the id is not the one of name and key.
    #[error("{0:?} is not a verifier key")]
    Key(String),
    /// A key of a type that is unknown, or that has another use.
    #[error("a key of type {0:#04x} has no use here")]
    KeyType(u8),
    /// The text does not end in a newline.
    #[error("the text of the note does not end in a newline")]
    Unterminated,
    /// A character that notes must not have.
    #[error("the note has a control character")]
    ControlCharacter,
    /// Nothing parts text and signatures.
    #[error("the note has no blank line before its signatures")]
    NoBlankLine,
    /// No line after the blank one.
    #[error("the note has no signature line")]
    NoSignature,
    /// More lines than [`SIGNATURES_MAX`].
    #[error("the note has more than {SIGNATURES_MAX} signature lines")]
    TooManySignatures,
    /// A line that is not a signature line.
    #[error("signature line {0} of the note is malformed")]
    SignatureLine(usize),
    /// The line of a known key does not verify.
    #[error("the signature by {0} is not valid")]
    BadSignature(String),
    /// Every line is by someone unknown.
    #[error("no signature on the note is by a known key")]
    NoKnownKey,
}

/// One signature line, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// Whose signature it claims to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key that it claims.
    pub fn key_id(&self) -> [u8; 4] {
        self.id
    }

    /// What follows the key id: the signature itself, for a cosignature after its time.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn new(name: &str, id: [u8; 4], bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), id, bytes }
    }

    /// Whether it claims the same key.
    pub(super) fn same_key(&self, other: &Self) -> bool {
        (self.id, &self.name) == (other.id, &other.name)
    }

    /// The line, without a newline: the only spelling that parses.
    pub(super) fn to_line(&self) -> String {
        let blob = [self.id.as_slice(), &self.bytes].concat();
        format!("{LINE_START}{} {}", self.name, STANDARD.encode(blob))
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let blob = STANDARD.decode(blob).ok()?;
        let (id, bytes) = blob.split_first_chunk::<4>()?;
        let whole = is_key_name(name) && !bytes.is_empty();
        whole.then(|| Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

/// A note whose form is right; who signed it is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Parses a whole note. The caller bounds its length.
    ///
    /// # Errors
    /// [`NoteError`], which says what is wrong with the form.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::ControlCharacter);
        }
        // SPEC: the last blank line parts text and signatures; a text may have blank lines too.
        let at = note.rfind("\n\n").ok_or(NoteError::NoBlankLine)?;
        let (text, rest) = note.split_at(at + 1);
        let lines = &rest[1..];
        if lines.is_empty() {
            return Err(NoteError::NoSignature);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unterminated)?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let parsed = |(at, line)| Signature::parse(line).ok_or(NoteError::SignatureLine(at + 1));
        let signatures = lines.split('\n').enumerate().map(parsed).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// What is signed, with its last newline. Say nothing with it before [`Note::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in their order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The whole note, byte for byte what was parsed.
    pub fn to_text(&self) -> String {
        let lines = self.signatures.iter().map(|line| line.to_line() + "\n");
        format!("{}\n{}", self.text, lines.collect::<String>())
    }

    /// The note with only the lines that `keep` keeps, each once; one without any line is none.
    pub(super) fn filtered(&self, keep: impl Fn(&Signature) -> bool) -> Self {
        let mut signatures: Vec<Signature> = Vec::new();
        for line in self.signatures.iter().filter(|line| keep(line)) {
            if !signatures.contains(line) {
                signatures.push(line.clone());
            }
        }
        Self { text: self.text.clone(), signatures }
    }

    pub(super) fn push(&mut self, line: Signature) {
        self.signatures.push(line);
    }

    /// Checks every line that is by one of `keys`.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] when the line of a known key fails, even where another one
    /// verifies; [`NoteError::NoKnownKey`] when no line is by a known key.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Verified<'_>, NoteError> {
        let mut signers: Vec<VerifierKey> = Vec::new();
        for (at, line) in self.signatures.iter().enumerate() {
            // Anybody can repeat a line that is public, to have it verified many times.
            if self.signatures[..at].contains(line) {
                continue;
            }
            // SPEC: name and id together are the identity; lines of unknown keys are ignored. Ids
            // have 32 bits, so two keys of one name may share one: either may have signed.
            let known = keys.iter().filter(|k| k.name() == line.name && k.key_id() == line.id);
            let mut known = known.peekable();
            if known.peek().is_none() {
                continue;
            }
            let signer = known
                .find(|k| k.public().verify(self.text.as_bytes(), &line.bytes).is_ok())
                .ok_or_else(|| NoteError::BadSignature(line.name.clone()))?;
            if !signers.contains(signer) {
                signers.push(signer.clone());
            }
        }
        if signers.is_empty() {
            return Err(NoteError::NoKnownKey);
        }
        Ok(Verified { text: &self.text, signers })
    }
}

/// What remains of a note when its signatures held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    text: &'a str,
    signers: Vec<VerifierKey>,
}

impl<'a> Verified<'a> {
    /// The signed text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The known keys that signed it, each once, at least one.
    pub fn signers(&self) -> &[VerifierKey] {
        &self.signers
    }
}

/// A whole note: the text, a blank line, one signature line by `key` under `name`.
///
/// # Errors
/// [`NoteError::Name`], [`NoteError::KeyType`] for a key that is not Ed25519,
/// [`NoteError::Unterminated`] and [`NoteError::ControlCharacter`] for a text that no note has.
pub fn sign_note(text: &str, name: &str, key: &SigningSecret) -> Result<String, NoteError> {
    if !is_key_name(name) {
        return Err(NoteError::Name(quoted(name)));
    }
    if key.public().algorithm() != Algorithm::Ed25519 {
        return Err(NoteError::KeyType(0xff));
    }
    if !text.ends_with('\n') {
        return Err(NoteError::Unterminated);
    }
    if text.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::ControlCharacter);
    }
    Ok(join(text, name, key))
}

/// [`sign_note`] for texts and names that are right by construction.
pub(super) fn join(text: &str, name: &str, key: &SigningSecret) -> String {
    let id = key_id(name, KeyType::Note, key.public().bytes());
    let line = Signature::new(name, id, key.sign(text.as_bytes()));
    format!("{text}\n{}\n", line.to_line())
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
