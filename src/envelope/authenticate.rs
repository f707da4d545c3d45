//! Authentication: whose message this is, whether it is for us and fresh. No decryption key.

use super::header::{Header, MalformedEnvelope, Parts, Suite};
use crate::crypto::{Digest, KeyId, PublicKey, sha256};
use crate::domain::limits::{CLOCK_AHEAD_MAX_MS, DELIVERY_WINDOW_MAX_MS, ENVELOPE_MAX_BYTES};
use crate::domain::{AuthorityId, Timestamp};

/// Bytes that somebody sent. Nothing is known of them.
pub struct Incoming(pub bytes::Bytes);

/// What the receiver knows of the peer whose connection brought the bytes.
pub struct SenderTrust<'a> {
    /// Who the peer is, by its TLS certificate.
    pub peer: &'a AuthorityId,
    /// Its signing keys that its card says were valid at a time.
    pub keys: &'a dyn Fn(Timestamp) -> Vec<PublicKey>,
    /// The lowest suite that we accept from it.
    pub min_suite: Suite,
}

/// A message that its sender signed for us, fresh and complete. Only [`authenticate`] makes one,
/// and only with one can a receipt be issued (I1, I2).
pub struct AuthenticMessage {
    pub(super) parts: Parts,
    bytes: bytes::Bytes,
    digest: Digest,
}

impl AuthenticMessage {
    /// A message that this node authenticated before it stored it. The store seals what it keeps,
    /// so the bytes that come out are those that went in.
    ///
    /// # Errors
    /// [`MalformedEnvelope`] when they are not: then the store is damaged.
    pub fn from_store(stored: Vec<u8>) -> Result<Self, MalformedEnvelope> {
        let bytes = bytes::Bytes::from(stored);
        let parts = Parts::parse(&bytes)?;
        let digest = sha256(&bytes);
        Ok(Self { parts, bytes, digest })
    }

    /// What it says in clear.
    pub fn header(&self) -> &Header {
        &self.parts.header
    }
    /// The envelope's bytes.
    pub fn bytes(&self) -> &bytes::Bytes {
        &self.bytes
    }
    /// SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Why a message is not accepted. All of it is the peer's fault and permanent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// Over [`ENVELOPE_MAX_BYTES`].
    #[error("the envelope has {0} bytes, {ENVELOPE_MAX_BYTES} at most")]
    TooLarge(usize),
    /// Breaks a rule of the format.
    #[error(transparent)]
    Malformed(#[from] MalformedEnvelope),
    /// Names another sender than the connection's.
    #[error("the message is signed as {0}, which is not the authority that sent it")]
    WrongSender(AuthorityId),
    /// Is for somebody else.
    #[error("the message is for {0}, not for this authority")]
    WrongRecipient(AuthorityId),
    /// Its delivery window is over.
    #[error("the message expired at {0}")]
    Expired(Timestamp),
    /// Was made later than our clock allows.
    #[error("the message was made at {0}, which is in the future here: compare the clocks")]
    FromTheFuture(Timestamp),
    /// Its window is longer than allowed, or ends before it begins.
    #[error("the delivery window is longer than 400 days or ends before it begins")]
    Window,
    /// Its id was given at another time: ids stand in the order of their times, and one of a time that
    /// has not come would stand before all others for as long.
    #[error(
        "the message id is of {0}: it must be of at most 5 minutes after the message was made, and of at \
         most 400 days before"
    )]
    IdTime(Timestamp),
    /// Its suite is below what we accept.
    #[error("the message uses a weaker signature suite than this authority accepts")]
    WeakSuite,
    /// Signed by a key that is not in the sender's card for that time.
    #[error("the message is signed by a key that the sender's card does not have")]
    UnknownSigner(KeyId),
    /// The signatures are not those that the suite demands.
    #[error("the signatures are not those that the suite demands")]
    WrongSigners,
    /// A signature does not verify.
    #[error("the signature does not verify: the message was altered or signed by another key")]
    BadSignature,
}

impl AuthenticateError {
    /// The closed code that goes into the signed refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "MESSAGE_TOO_LARGE",
            Self::Malformed(_) => "MALFORMED_ENVELOPE",
            Self::WrongSender(_) => "WRONG_SENDER",
            Self::WrongRecipient(_) => "WRONG_RECIPIENT",
            Self::Expired(_) => "MESSAGE_EXPIRED",
            Self::FromTheFuture(_) => "MESSAGE_FROM_THE_FUTURE",
            Self::Window => "BAD_DELIVERY_WINDOW",
            Self::IdTime(_) => "BAD_MESSAGE_ID",
            Self::WeakSuite => "WEAK_SUITE",
            Self::UnknownSigner(_) => "UNKNOWN_SIGNER",
            Self::WrongSigners => "WRONG_SIGNERS",
            Self::BadSignature => "BAD_SIGNATURE",
        }
    }
}

/// Authenticates what a peer sent us.
///
/// # Errors
/// [`AuthenticateError`]: the first rule that is broken, cheap rules first.
pub fn authenticate(
    incoming: Incoming,
    me: &AuthorityId,
    trust: &SenderTrust<'_>,
    now: Timestamp,
) -> Result<AuthenticMessage, AuthenticateError> {
    let Incoming(bytes) = incoming;
    bounded(&bytes)?;
    let parts = Parts::parse(&bytes)?;
    check_addresses(&parts.header, me, trust.peer)?;
    check_times(&parts.header, now)?;
    if parts.header.suite < trust.min_suite {
        return Err(AuthenticateError::WeakSuite);
    }
    check_signatures(&parts, &(trust.keys)(parts.header.created))?;
    let digest = sha256(&bytes);
    Ok(AuthenticMessage { parts, bytes, digest })
}

/// Who sent an envelope, as it says itself: for finding the card to verify it with, and for nothing
/// else.
///
/// # Errors
/// [`AuthenticateError::TooLarge`] or [`AuthenticateError::Malformed`].
pub fn claimed_sender(envelope: &[u8]) -> Result<AuthorityId, AuthenticateError> {
    bounded(envelope)?;
    Ok(Parts::parse(envelope)?.header.sender)
}

/// What an envelope says in clear that its sender signed, whoever it is for and whenever that was: for
/// those who look at it years later. It is no message to be taken.
///
/// # Errors
/// [`AuthenticateError`].
pub fn signed_header(
    envelope: &[u8],
    sender: &AuthorityId,
    keys: &dyn Fn(Timestamp) -> Vec<PublicKey>,
) -> Result<Header, AuthenticateError> {
    bounded(envelope)?;
    let parts = Parts::parse(envelope)?;
    if parts.header.sender != *sender {
        return Err(AuthenticateError::WrongSender(parts.header.sender));
    }
    check_signatures(&parts, &keys(parts.header.created))?;
    Ok(parts.header)
}

fn bounded(envelope: &[u8]) -> Result<(), AuthenticateError> {
    match envelope.len() {
        0..=ENVELOPE_MAX_BYTES => Ok(()),
        bytes => Err(AuthenticateError::TooLarge(bytes)),
    }
}

fn check_addresses(
    header: &Header,
    me: &AuthorityId,
    peer: &AuthorityId,
) -> Result<(), AuthenticateError> {
    if header.sender != *peer {
        return Err(AuthenticateError::WrongSender(header.sender.clone()));
    }
    if header.recipient != *me {
        return Err(AuthenticateError::WrongRecipient(header.recipient.clone()));
    }
    Ok(())
}

fn check_times(header: &Header, now: Timestamp) -> Result<(), AuthenticateError> {
    let window = header.expires.unix_ms() - header.created.unix_ms();
    if !(1..=DELIVERY_WINDOW_MAX_MS).contains(&window) {
        return Err(AuthenticateError::Window);
    }
    if header.created > now.plus_ms(CLOCK_AHEAD_MAX_MS) {
        return Err(AuthenticateError::FromTheFuture(header.created));
    }
    // Duplicates are known for ever, so expiry is what bounds how late a *first* arrival may be.
    if header.expires < now {
        return Err(AuthenticateError::Expired(header.expires));
    }
    // The id of a draft is older than its message by as long as the approval took.
    let late = header.message.at().unix_ms() - header.created.unix_ms();
    if !(-DELIVERY_WINDOW_MAX_MS..=CLOCK_AHEAD_MAX_MS).contains(&late) {
        return Err(AuthenticateError::IdTime(header.message.at()));
    }
    Ok(())
}

fn check_signatures(parts: &Parts, keys: &[PublicKey]) -> Result<(), AuthenticateError> {
    let demanded = parts.header.suite.algorithms();
    if parts.header.signers.len() != demanded.len() {
        return Err(AuthenticateError::WrongSigners);
    }
    let message = parts.to_be_signed();
    for ((id, signature), algorithm) in
        parts.header.signers.iter().zip(&parts.signatures).zip(demanded)
    {
        let key = keys.iter().find(|key| key.id() == *id);
        let key = key.ok_or(AuthenticateError::UnknownSigner(*id))?;
        // The key's record fixes its algorithm; the suite fixes which algorithm stands where.
        if key.algorithm() != *algorithm {
            return Err(AuthenticateError::WrongSigners);
        }
        key.verify(&message, &signature.signature).map_err(|_| AuthenticateError::BadSignature)?;
    }
    Ok(())
}
