//! Cosignatures: a witness says when it saw a checkpoint (C2SP tlog-cosignature).
//!
//! A cosignature says: at this time, of all that I have seen of this log, this checkpoint has the
//! largest tree, and it extends every other. It is one more signature line under the checkpoint.
//! Two forms are known: Ed25519 (type 0x04) signs time and text; ML-DSA-44 (type 0x06) signs the
//! name of the witness as well.
//!
//! What is made and verified here always covers a whole checkpoint: no subtree, and never without
//! a time.

use std::fmt;

use super::checkpoint::Checkpoint;
use super::note::{KeyType, NoteError, Signature, WitnessKey};
use crate::crypto::SigningSecret;
use crate::domain::Timestamp;

/// SPEC: both sorts of signature stand behind a `u64` with the time.
const TIME_BYTES: usize = 8;
const ED25519_BYTES: usize = TIME_BYTES + 64;
const ML_DSA_44_BYTES: usize = TIME_BYTES + 2420;

/// When a witness signed: whole seconds since 1970-01-01T00:00:00Z, 1 to 2^63 - 1.
///
/// SPEC: zero makes no statement about the largest tree, so here it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CosignedAt(u64);

impl CosignedAt {
    /// From seconds; `None` for zero and for what is above 2^63 - 1.
    pub fn from_unix_seconds(seconds: u64) -> Option<Self> {
        (1..=i64::MAX as u64).contains(&seconds).then_some(Self(seconds))
    }

    /// Seconds since the epoch.
    pub fn unix_seconds(self) -> u64 {
        self.0
    }

    /// The same instant, in the range of [`Timestamp`]: a verifier may refuse what lies ahead of
    /// its clock.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_unix_ms((self.0 as i64).saturating_mul(1000))
    }
}

impl From<Timestamp> for CosignedAt {
    /// The second that `at` lies in; the first one, which is no time here, counts as the next.
    fn from(at: Timestamp) -> Self {
        Self(at.unix_seconds().max(1))
    }
}

impl fmt::Display for CosignedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// Why a line is not the cosignature of a witness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// Not a signature line of a note.
    #[error("a cosignature is one signature line: a dash, the name of the witness, base64")]
    Line,
    /// Neither 72 bytes nor 2428 behind the key id.
    #[error("the cosignature by {0} has not the length of one")]
    Length(String),
    /// No time, or one above 2^63 - 1.
    #[error("the cosignature by {0} has no time between 1 and 2^63 - 1")]
    Time(String),
    /// By another key than the one that was asked about.
    #[error("the cosignature by {0} is by another key")]
    OtherKey(String),
    /// Not a signature by this key over this checkpoint and time.
    #[error("the cosignature by {0} is not valid for this checkpoint")]
    Invalid(String),
    /// The checkpoint has as many lines, or bytes, as it may have.
    #[error("the checkpoint has no room for the cosignature by {0}")]
    Full(String),
}

/// The line of a witness; who it is really by, only [`Cosignature::verify`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    line: Signature,
    at: CosignedAt,
}

impl Cosignature {
    /// Parses a line, without a newline.
    ///
    /// # Errors
    /// [`CosignatureError`], which says what is wrong with the form.
    pub fn parse(line: &str) -> Result<Self, CosignatureError> {
        Self::from_line(&Signature::parse(line).ok_or(CosignatureError::Line)?)
    }

    pub(super) fn from_line(line: &Signature) -> Result<Self, CosignatureError> {
        if ![ED25519_BYTES, ML_DSA_44_BYTES].contains(&line.bytes().len()) {
            return Err(CosignatureError::Length(line.name().to_owned()));
        }
        let time = line.bytes().first_chunk::<TIME_BYTES>();
        let at = time.and_then(|time| CosignedAt::from_unix_seconds(u64::from_be_bytes(*time)));
        let at = at.ok_or_else(|| CosignatureError::Time(line.name().to_owned()))?;
        Ok(Self { line: line.clone(), at })
    }

    /// Signs. Only for a checkpoint that was parsed: [`super::witness::Cosigner`] takes no other.
    pub(super) fn sign(
        checkpoint: &Checkpoint,
        key: &WitnessKey,
        secret: &SigningSecret,
        at: CosignedAt,
    ) -> Result<Self, NoteError> {
        let message = message(checkpoint, key, at);
        let message = message.ok_or_else(|| NoteError::Name(checkpoint.origin.clone()))?;
        let bytes = [&at.0.to_be_bytes(), secret.sign(&message).as_slice()].concat();
        Ok(Self { line: Signature::new(key.name(), key.key_id(), bytes), at })
    }

    /// The line, without a newline.
    pub fn to_line(&self) -> String {
        self.line.to_line()
    }

    /// The witness that it claims.
    pub fn name(&self) -> &str {
        self.line.name()
    }

    /// The time that it claims.
    pub fn at(&self) -> CosignedAt {
        self.at
    }

    pub(super) fn line(&self) -> &Signature {
        &self.line
    }

    /// Whether name and id are those of `key`, so that it must verify with it.
    pub fn claims(&self, key: &WitnessKey) -> bool {
        claims(&self.line, key)
    }

    /// Which of `keys` has cosigned `checkpoint` with it. Ids have 32 bits: two keys of one name may
    /// share one, and either may have signed.
    ///
    /// # Errors
    /// [`CosignatureError::OtherKey`] or [`CosignatureError::Invalid`].
    pub fn signer<'k>(
        &self,
        checkpoint: &Checkpoint,
        keys: &'k [WitnessKey],
    ) -> Result<&'k WitnessKey, CosignatureError> {
        let mut refused = CosignatureError::OtherKey(self.name().to_owned());
        for key in keys.iter().filter(|key| self.claims(key)) {
            match self.verify(checkpoint, key) {
                Ok(()) => return Ok(key),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// Checks that `key` has cosigned `checkpoint`.
    ///
    /// # Errors
    /// [`CosignatureError::OtherKey`] or [`CosignatureError::Invalid`].
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        key: &WitnessKey,
    ) -> Result<(), CosignatureError> {
        if !self.claims(key) {
            return Err(CosignatureError::OtherKey(self.name().to_owned()));
        }
        let signature = &self.line.bytes()[TIME_BYTES..];
        let valid = message(checkpoint, key, self.at)
            .is_some_and(|message| key.public().verify(&message, signature).is_ok());
        if valid { Ok(()) } else { Err(CosignatureError::Invalid(self.name().to_owned())) }
    }
}

/// SPEC: signed-note: name and id together are the identity.
pub(super) fn claims(line: &Signature, key: &WitnessKey) -> bool {
    line.name() == key.name() && line.key_id() == key.key_id()
}

/// Whether a line has the length of a cosignature with ML-DSA-44.
pub(super) fn is_ml_dsa_44(line: &Signature) -> bool {
    line.bytes().len() == ML_DSA_44_BYTES
}

/// What is signed. `None` for an origin that no checkpoint has: it is empty or above 255 bytes.
fn message(checkpoint: &Checkpoint, key: &WitnessKey, at: CosignedAt) -> Option<Vec<u8>> {
    if key.key_type() != KeyType::CosignatureMlDsa44 {
        let text = format!("cosignature/v1\ntime {}\n{}", at.0, checkpoint.text());
        return Some(text.into_bytes());
    }
    let mut message = b"subtree/v1\n\0".to_vec();
    push_name(&mut message, key.name())?;
    message.extend_from_slice(&at.0.to_be_bytes());
    push_name(&mut message, &checkpoint.origin)?;
    // SPEC: a whole tree begins at leaf 0 and ends at its size.
    message.extend_from_slice(&0u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size.to_be_bytes());
    message.extend_from_slice(&checkpoint.root);
    Some(message)
}

/// SPEC: `opaque<1..2^8-1>`.
fn push_name(message: &mut Vec<u8>, name: &str) -> Option<()> {
    let length = u8::try_from(name.len()).ok().filter(|length| *length > 0)?;
    message.push(length);
    message.extend_from_slice(name.as_bytes());
    Some(())
}

#[cfg(test)]
#[path = "cosignature_tests.rs"]
mod tests;
