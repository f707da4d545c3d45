//! Opening: the content of an authentic message, checked against what its sender committed to.

use prost::Message as _;
use zeroize::Zeroizing;

use super::authenticate::AuthenticMessage;
use super::header::{Header, MalformedEnvelope, Parts};
use super::seal::{CONTENT_NONCE, ContentKeys, wrap_info};
use crate::crypto::{Digest, SealingSecret, sha256};
use crate::pb::v1 as pb;

/// A message that was authenticated and whose content is what its sender signed for. Has no
/// `Debug`: it holds plaintext (I6).
pub struct OpenedMessage {
    authentic: AuthenticMessage,
    body: pb::MessageBody,
}

impl OpenedMessage {
    /// The authentic message that was opened.
    pub fn authentic(&self) -> &AuthenticMessage {
        &self.authentic
    }
    /// The content.
    pub fn body(&self) -> &pb::MessageBody {
        &self.body
    }
}

/// Why an authentic message cannot be opened. The sender's fault, all but [`OpenError::NoKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is sealed to keys that we do not hold.
    #[error("the message is sealed to keys that this node does not hold")]
    NoKey,
    /// Unwrapping, decryption, or a commitment failed.
    #[error("the message does not open: a cryptographic check failed")]
    Sealed,
    /// What came out is no message body.
    #[error("the message opens to something that is no message body")]
    Body,
    /// The stored bytes are no envelope.
    #[error(transparent)]
    Malformed(#[from] MalformedEnvelope),
}

impl OpenError {
    /// The closed code that goes into the signed refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "NO_DECRYPTION_KEY",
            Self::Sealed => "SEAL_BROKEN",
            Self::Body | Self::Malformed(_) => "MALFORMED_BODY",
        }
    }
}

/// Opens an authentic message with whichever of `secrets` it is sealed to.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    authentic: AuthenticMessage,
    secrets: &[&SealingSecret],
) -> Result<OpenedMessage, OpenError> {
    let body = open_parts(&authentic.parts, secrets)?;
    Ok(OpenedMessage { authentic, body })
}

/// Opens again what this node has stored: its own messages with the archive key, received ones
/// with the sealing key. They were authenticated before they were stored.
///
/// # Errors
/// [`OpenError`].
pub fn reopen(
    stored: &[u8],
    secrets: &[&SealingSecret],
) -> Result<(Header, pb::MessageBody), OpenError> {
    let parts = Parts::parse(stored)?;
    let body = open_parts(&parts, secrets)?;
    Ok((parts.header, body))
}

/// What shows the content of a message to somebody who has only the commitment to it. Has no
/// `Debug`: it holds plaintext (I6).
pub struct Revealed {
    /// What the message says in clear.
    pub header: Header,
    /// The salt of the header's commitment.
    pub salt: Digest,
    /// The exact bytes that were sealed: `SHA-256(salt || plaintext)` is the commitment.
    pub plaintext: Zeroizing<Vec<u8>>,
}

impl Revealed {
    /// The content.
    ///
    /// # Errors
    /// [`OpenError::Body`] when it is no message body.
    pub fn body(&self) -> Result<pb::MessageBody, OpenError> {
        pb::MessageBody::decode(self.plaintext.as_slice()).map_err(|_| OpenError::Body)
    }
}

/// Opens again what this node has stored, as [`reopen`] does, for somebody who is to check the
/// content against the log.
///
/// # Errors
/// [`OpenError`].
pub fn reveal(stored: &[u8], secrets: &[&SealingSecret]) -> Result<Revealed, OpenError> {
    let parts = Parts::parse(stored)?;
    let (keys, plaintext) = open_plaintext(&parts, secrets)?;
    Ok(Revealed { header: parts.header, salt: keys.salt(), plaintext })
}

fn open_parts(parts: &Parts, secrets: &[&SealingSecret]) -> Result<pb::MessageBody, OpenError> {
    let (_, plaintext) = open_plaintext(parts, secrets)?;
    pb::MessageBody::decode(plaintext.as_slice()).map_err(|_| OpenError::Body)
}

fn open_plaintext(
    parts: &Parts,
    secrets: &[&SealingSecret],
) -> Result<(ContentKeys, Zeroizing<Vec<u8>>), OpenError> {
    let header_digest = sha256(&parts.header_bytes);
    let dek = unwrap_key(&parts.keys, secrets, |id| wrap_info(&header_digest, id))?;
    let keys = ContentKeys::derive(&dek);
    // AES-GCM commits to no key: without this a sender could show two readers two plaintexts.
    if keys.commitment != parts.header.key_commitment {
        return Err(OpenError::Sealed);
    }
    let mut buffer = Zeroizing::new(parts.ciphertext.to_vec());
    let plaintext = keys
        .cipher
        .open_in_place(CONTENT_NONCE, &header_digest, &mut buffer)
        .map_err(|_| OpenError::Sealed)?;
    if keys.commit(plaintext) != parts.header.plaintext_commitment {
        return Err(OpenError::Sealed);
    }
    let len = plaintext.len();
    buffer.truncate(len);
    Ok((keys, buffer))
}

/// The key that was wrapped for one of `secrets`; `info` says what it was bound to.
pub(super) fn unwrap_key(
    keys: &[pb::WrappedKey],
    secrets: &[&SealingSecret],
    info: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    let mine = keys.iter().find_map(|key| {
        let secret = secrets.iter().find(|s| s.public().id().as_bytes()[..] == key.key_id[..])?;
        Some((key, secret))
    });
    let (key, secret) = mine.ok_or(OpenError::NoKey)?;
    let info = info(&key.key_id);
    let dek =
        secret.open(&key.encapsulated, &info, &key.ciphertext).map_err(|_| OpenError::Sealed)?;
    dek.as_slice().try_into().map(Zeroizing::new).map_err(|_| OpenError::Sealed)
}
