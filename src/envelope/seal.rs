//! Sealing and signing: from what is meant to the exact bytes that travel.

use prost::Message as _;
use zeroize::Zeroizing;

use super::annex::AnnexRef;
use super::header::{Header, PackageRef, Suite, to_be_signed};
use crate::crypto::keys::Algorithm;
use crate::crypto::primitives::{AeadKey, NONCE_BYTES, hkdf_sha256, pae, random};
use crate::crypto::{Digest, PublicKey, Sha256, SigningSecret, sha256};
use crate::domain::limits::{
    ANNEXES_PER_MESSAGE_MAX, BODY_MAX_BYTES, DELIVERY_WINDOW_MAX_MS, PACKAGES_PER_MESSAGE_MAX,
    WRAPPED_KEYS_MAX,
};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::pb::v1 as pb;

/// A message as it is meant, before any cryptography.
pub struct Draft {
    /// Its name.
    pub message: MessageId,
    /// We.
    pub sender: AuthorityId,
    /// Whom it is for.
    pub recipient: AuthorityId,
    /// What the body is, as in `rogatory.v1.MessageContent/REQUEST`.
    pub purpose: String,
    /// Now.
    pub created: Timestamp,
    /// End of the delivery window.
    pub expires: Timestamp,
    /// What it answers.
    pub in_reply_to: Option<MessageId>,
    /// The version of our card.
    pub sender_card_version: u64,
    /// The packages that it carries.
    pub packages: Vec<PackageRef>,
    /// The sealed annexes that go with it.
    pub annexes: Vec<AnnexRef>,
    /// The encoded [`pb::MessageBody`].
    pub plaintext: Zeroizing<Vec<u8>>,
}

/// Why a draft cannot be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The body is over [`BODY_MAX_BYTES`].
    #[error("the message has {0} bytes, {BODY_MAX_BYTES} at most: put long texts into an exhibit")]
    BodyTooLarge(usize),
    /// More packages than [`PACKAGES_PER_MESSAGE_MAX`].
    #[error("the message carries {0} evidence packages, {PACKAGES_PER_MESSAGE_MAX} at most")]
    TooManyPackages(usize),
    /// More annexes than [`ANNEXES_PER_MESSAGE_MAX`].
    #[error("the message carries {0} annexes, {ANNEXES_PER_MESSAGE_MAX} at most")]
    TooManyAnnexes(usize),
    /// The window ends before it begins, or lasts longer than [`DELIVERY_WINDOW_MAX_MS`].
    #[error("the delivery window must end after now and within 400 days")]
    Window,
    /// No recipient key, too many, or one that does not seal.
    #[error("the recipient's card has no sealing key that this node can use")]
    RecipientKeys,
    /// The signing keys are not those of the suite.
    #[error("the signing keys at hand are not those of the signature suite")]
    SignerKeys,
}

/// A message whose content only its recipient and our archive can read; not yet signed.
pub struct SealedMessage {
    header: Header,
    header_bytes: Vec<u8>,
    keys: Vec<pb::WrappedKey>,
    ciphertext: Vec<u8>,
}

/// A sealed message with its signatures, as the exact bytes that are stored and carried.
pub struct SignedMessage {
    header: Header,
    bytes: bytes::Bytes,
    digest: Digest,
}

impl SignedMessage {
    /// What it says in clear.
    pub fn header(&self) -> &Header {
        &self.header
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

/// What is derived from a content key: `HKDF(DEK, label)` for each use.
pub(super) struct ContentKeys {
    pub cipher: AeadKey,
    salt: Zeroizing<[u8; 32]>,
    pub commitment: Digest,
}

impl ContentKeys {
    pub(super) fn derive(dek: &[u8; 32]) -> Self {
        let part = |label: &[u8]| hkdf_sha256::<32>(b"rogatory/v1/content", dek, label);
        Self {
            cipher: AeadKey::new(&part(b"cipher")),
            salt: part(b"plaintext-salt"),
            commitment: *part(b"key-commitment"),
        }
    }

    /// The salt of the commitment. It says nothing of the key that it is derived from.
    pub(super) fn salt(&self) -> Digest {
        *self.salt
    }

    /// `SHA-256(salt || plaintext)`: opened in court by showing salt and plaintext, guessed by
    /// nobody before.
    pub(super) fn commit(&self, plaintext: &[u8]) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(&*self.salt);
        hasher.update(plaintext);
        hasher.finish()
    }
}

/// The content key seals one plaintext, so its nonce is zero.
pub(super) const CONTENT_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

pub(super) fn wrap_info(header_digest: &Digest, key_id: &[u8]) -> Vec<u8> {
    pae("rogatory/v1/content-key", &[header_digest, key_id])
}

/// Seals a draft to every given key; `signers` are the keys that will sign it.
///
/// # Errors
/// [`SealError`], before anything is computed that would have to be thrown away.
pub fn seal(
    draft: Draft,
    recipients: &[&PublicKey],
    signers: &[&PublicKey],
) -> Result<SealedMessage, SealError> {
    let suite = check(&draft, recipients, signers)?;
    let dek = Zeroizing::new(random::<32>());
    let keys = ContentKeys::derive(&dek);
    let header = Header {
        suite,
        message: draft.message,
        sender: draft.sender,
        recipient: draft.recipient,
        purpose: draft.purpose,
        created: draft.created,
        expires: draft.expires,
        in_reply_to: draft.in_reply_to,
        signers: signers.iter().map(|key| key.id()).collect(),
        recipients: recipients.iter().map(|key| key.id()).collect(),
        plaintext_bytes: draft.plaintext.len() as u64,
        plaintext_commitment: keys.commit(&draft.plaintext),
        key_commitment: keys.commitment,
        sender_card_version: draft.sender_card_version,
        packages: draft.packages,
        annexes: draft.annexes,
    };
    let header_bytes = header.encode();
    let header_digest = sha256(&header_bytes);
    let mut ciphertext = draft.plaintext.to_vec();
    keys.cipher.seal_in_place(CONTENT_NONCE, &header_digest, &mut ciphertext);
    let keys = wrap(&dek, |id| wrap_info(&header_digest, id), recipients)?;
    Ok(SealedMessage { header, header_bytes, keys, ciphertext })
}

fn check(
    draft: &Draft,
    recipients: &[&PublicKey],
    signers: &[&PublicKey],
) -> Result<Suite, SealError> {
    if draft.plaintext.len() > BODY_MAX_BYTES {
        return Err(SealError::BodyTooLarge(draft.plaintext.len()));
    }
    if draft.packages.len() > PACKAGES_PER_MESSAGE_MAX {
        return Err(SealError::TooManyPackages(draft.packages.len()));
    }
    if draft.annexes.len() > ANNEXES_PER_MESSAGE_MAX {
        return Err(SealError::TooManyAnnexes(draft.annexes.len()));
    }
    let window = draft.expires.unix_ms() - draft.created.unix_ms();
    if !(1..=DELIVERY_WINDOW_MAX_MS).contains(&window) {
        return Err(SealError::Window);
    }
    if !(1..=WRAPPED_KEYS_MAX).contains(&recipients.len()) {
        return Err(SealError::RecipientKeys);
    }
    match signers.iter().map(|key| key.algorithm()).collect::<Vec<_>>().as_slice() {
        [Algorithm::Ed25519] => Ok(Suite::One),
        [Algorithm::Ed25519, Algorithm::MlDsa65] => Ok(Suite::Two),
        _ => Err(SealError::SignerKeys),
    }
}

/// A key under each key of a recipient; `info` binds each to its place.
pub(super) fn wrap(
    dek: &[u8; 32],
    info: impl Fn(&[u8]) -> Vec<u8>,
    recipients: &[&PublicKey],
) -> Result<Vec<pb::WrappedKey>, SealError> {
    let one = |key: &&PublicKey| {
        let id = key.id();
        let (encapsulated, ciphertext) =
            key.seal(&info(id.as_bytes()), dek).map_err(|_| SealError::RecipientKeys)?;
        Ok(pb::WrappedKey {
            key_id: id.as_bytes().to_vec().into(),
            encapsulated: encapsulated.into(),
            ciphertext: ciphertext.into(),
        })
    };
    recipients.iter().map(one).collect()
}

/// The signature of each of these keys over a message.
pub(super) fn signatures(signers: &[&SigningSecret], message: &[u8]) -> Vec<pb::Signature> {
    let one = |key: &&SigningSecret| pb::Signature {
        key_id: key.public().id().as_bytes().to_vec().into(),
        signature: key.sign(message).into(),
    };
    signers.iter().map(one).collect()
}

/// Signs a sealed message with the keys that it was sealed for.
///
/// # Errors
/// [`SealError::SignerKeys`] when these are other keys.
pub fn sign(sealed: SealedMessage, signers: &[&SigningSecret]) -> Result<SignedMessage, SealError> {
    let given: Vec<_> = signers.iter().map(|key| key.public().id()).collect();
    if given != sealed.header.signers {
        return Err(SealError::SignerKeys);
    }
    let message = to_be_signed(&sealed.header_bytes, &sealed.keys, &sealed.ciphertext);
    let signatures = signatures(signers, &message);
    let envelope = pb::Envelope {
        header: sealed.header_bytes.into(),
        keys: sealed.keys,
        ciphertext: sealed.ciphertext.into(),
        signatures,
    };
    let bytes = bytes::Bytes::from(envelope.encode_to_vec());
    let digest = sha256(&bytes);
    Ok(SignedMessage { header: sealed.header, bytes, digest })
}
