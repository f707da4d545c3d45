//! What is signed in clear, parsed once and valid by existing.

use prost::Message as _;

use super::annex::AnnexRef;
use crate::crypto::keys::Algorithm;
use crate::crypto::primitives::{TAG_BYTES, pae};
use crate::crypto::{Digest, KeyId, sha256};
use crate::domain::limits::{
    ANNEX_SEALED_MAX_BYTES, ANNEXES_PER_MESSAGE_MAX, BODY_MAX_BYTES, CHUNK_BYTES, CHUNK_TAG_BYTES,
    CHUNKS_PER_EXHIBIT_MAX, EXHIBITS_PER_PACKAGE_MAX, PACKAGES_PER_MESSAGE_MAX, WRAPPED_KEYS_MAX,
};
use crate::domain::{AnnexId, AuthorityId, MessageId, PackageId, Timestamp};
use crate::pb::v1 as pb;

/// The version of the envelope that this code writes and reads.
pub(super) const VERSION: u32 = 1;

/// Which algorithms sign. Everything else is the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Ed25519.
    One,
    /// Ed25519 and ML-DSA-65 over the same bytes: both must verify.
    Two,
}

impl Suite {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Suite::One => 1,
            Suite::Two => 2,
        }
    }

    /// What it is signed with, in this order.
    pub fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Suite::One => &[Algorithm::Ed25519],
            Suite::Two => &[Algorithm::Ed25519, Algorithm::MlDsa65],
        }
    }

    /// From the number on the wire.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Suite::One),
            2 => Some(Suite::Two),
            _ => None,
        }
    }
}

/// An evidence package by what can be checked without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRef {
    /// Its name.
    pub id: PackageId,
    /// RFC 6962 root over the BLAKE3 hashes of its sealed chunks.
    pub root: Digest,
    /// Sealed chunks.
    pub chunks: u64,
    /// Bytes of all sealed chunks.
    pub sealed_bytes: u64,
    /// SHA-256 over the sealed size of each exhibit, u64 little endian.
    pub layout_digest: Digest,
    /// Sealed exhibits; the last is the manifest.
    pub exhibits: u32,
}

/// The signed header of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which algorithms signed.
    pub suite: Suite,
    /// The message's name.
    pub message: MessageId,
    /// Who sent it.
    pub sender: AuthorityId,
    /// Whom it is for.
    pub recipient: AuthorityId,
    /// What the body is.
    pub purpose: String,
    /// When it was made, by the sender's clock.
    pub created: Timestamp,
    /// When its delivery window ends.
    pub expires: Timestamp,
    /// What it answers.
    pub in_reply_to: Option<MessageId>,
    /// Whose signatures it bears.
    pub signers: Vec<KeyId>,
    /// To which keys it is sealed.
    pub recipients: Vec<KeyId>,
    /// Bytes of its plaintext.
    pub plaintext_bytes: u64,
    /// Salted commitment to its plaintext.
    pub plaintext_commitment: Digest,
    /// Commitment to its content key.
    pub key_commitment: Digest,
    /// The sender's card in force.
    pub sender_card_version: u64,
    /// The packages that it carries.
    pub packages: Vec<PackageRef>,
    /// The sealed annexes that go with it.
    pub annexes: Vec<AnnexRef>,
}

/// Why bytes are not an envelope: they break this rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an envelope: {0}")]
pub struct MalformedEnvelope(pub &'static str);

/// An envelope taken apart: exact header bytes beside what they say.
pub(super) struct Parts {
    pub header_bytes: bytes::Bytes,
    pub header: Header,
    pub keys: Vec<pb::WrappedKey>,
    pub ciphertext: bytes::Bytes,
    pub signatures: Vec<pb::Signature>,
}

impl Parts {
    pub(super) fn parse(envelope: &[u8]) -> Result<Self, MalformedEnvelope> {
        let envelope = pb::Envelope::decode(envelope).map_err(|_| rule("it does not decode"))?;
        let header = pb::Header::decode(envelope.header.clone())
            .map_err(|_| rule("its header does not decode"))?;
        let header = Header::from_pb(&header)?;
        let parts = Self {
            header_bytes: envelope.header,
            header,
            keys: envelope.keys,
            ciphertext: envelope.ciphertext,
            signatures: envelope.signatures,
        };
        parts.check_shape()?;
        Ok(parts)
    }

    /// Keys and signatures are exactly those that the header names, in its order: nothing can be
    /// stripped or added without the header saying so.
    fn check_shape(&self) -> Result<(), MalformedEnvelope> {
        let named = |ids: &[KeyId], given: Vec<&[u8]>| {
            ids.len() == given.len()
                && ids.iter().zip(given).all(|(id, given)| id.as_bytes().as_slice() == given)
        };
        let keys = self.keys.iter().map(|key| key.key_id.as_ref()).collect();
        if !named(&self.header.recipients, keys) {
            return Err(rule("its wrapped keys are not those that its header names"));
        }
        let signatures = self.signatures.iter().map(|sig| sig.key_id.as_ref()).collect();
        if !named(&self.header.signers, signatures) {
            return Err(rule("its signatures are not those that its header names"));
        }
        if self.ciphertext.len() as u64 != self.header.plaintext_bytes + TAG_BYTES as u64 {
            return Err(rule("its ciphertext has not the length that its header says"));
        }
        Ok(())
    }

    /// `PAE("rogatory/v1/envelope", header, SHA-256(keys), SHA-256(ciphertext))`: what every
    /// signature of the suite is over.
    pub(super) fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.header_bytes, &self.keys, &self.ciphertext)
    }
}

pub(super) fn to_be_signed(header: &[u8], keys: &[pb::WrappedKey], ciphertext: &[u8]) -> Vec<u8> {
    let fields: Vec<&[u8]> = keys
        .iter()
        .flat_map(|key| [key.key_id.as_ref(), key.encapsulated.as_ref(), key.ciphertext.as_ref()])
        .collect();
    let keys = sha256(&pae("rogatory/v1/wrapped-keys", &fields));
    pae("rogatory/v1/envelope", &[header, &keys, &sha256(ciphertext)])
}

fn rule(rule: &'static str) -> MalformedEnvelope {
    MalformedEnvelope(rule)
}

fn digest(bytes: &[u8]) -> Result<Digest, MalformedEnvelope> {
    bytes.try_into().map_err(|_| rule("a digest has not 32 bytes"))
}

fn key_ids(ids: &[bytes::Bytes]) -> Result<Vec<KeyId>, MalformedEnvelope> {
    if ids.is_empty() || ids.len() > WRAPPED_KEYS_MAX {
        return Err(rule("it names no key, or more than allowed"));
    }
    let one = |id: &bytes::Bytes| KeyId::from_slice(id).ok_or(rule("a key id has not 16 bytes"));
    ids.iter().map(one).collect()
}

impl PackageRef {
    fn from_pb(from: &pb::PackageRef) -> Result<Self, MalformedEnvelope> {
        let exhibits_ok = (1..=EXHIBITS_PER_PACKAGE_MAX + 1).contains(&(from.exhibits as usize));
        let chunks_max = CHUNKS_PER_EXHIBIT_MAX.saturating_mul(u64::from(from.exhibits));
        let sealed_chunk = (CHUNK_BYTES + CHUNK_TAG_BYTES) as u64;
        // Every exhibit has a chunk, an empty one too, and a chunk has its tag at least.
        let chunks_ok = (u64::from(from.exhibits)..=chunks_max).contains(&from.chunks);
        let bytes_ok = from.sealed_bytes >= from.chunks.saturating_mul(CHUNK_TAG_BYTES as u64)
            && from.sealed_bytes <= from.chunks.saturating_mul(sealed_chunk);
        if !(exhibits_ok && chunks_ok && bytes_ok) {
            return Err(rule("a package's sizes do not fit each other or the limits"));
        }
        Ok(Self {
            id: PackageId::from_slice(&from.package_id)
                .map_err(|_| rule("a package id is no UUIDv7"))?,
            root: digest(&from.root)?,
            chunks: from.chunks,
            sealed_bytes: from.sealed_bytes,
            layout_digest: digest(&from.layout_digest)?,
            exhibits: from.exhibits,
        })
    }

    fn to_pb(&self) -> pb::PackageRef {
        pb::PackageRef {
            package_id: self.id.as_bytes().to_vec().into(),
            root: self.root.to_vec().into(),
            chunks: self.chunks,
            sealed_bytes: self.sealed_bytes,
            layout_digest: self.layout_digest.to_vec().into(),
            exhibits: self.exhibits,
        }
    }
}

impl AnnexRef {
    fn from_pb(from: &pb::AnnexRef) -> Result<Self, MalformedEnvelope> {
        if !(1..=ANNEX_SEALED_MAX_BYTES).contains(&(from.sealed_bytes as usize)) {
            return Err(rule("an annex is larger than allowed"));
        }
        let id = AnnexId::from_slice(&from.annex_id);
        let id = id.map_err(|_| rule("an annex id is no UUIDv7"))?;
        Ok(Self { id, digest: digest(&from.digest)?, sealed_bytes: from.sealed_bytes })
    }

    fn to_pb(self) -> pb::AnnexRef {
        pb::AnnexRef {
            annex_id: self.id.as_bytes().to_vec().into(),
            digest: self.digest.to_vec().into(),
            sealed_bytes: self.sealed_bytes,
        }
    }
}

impl Header {
    fn from_pb(from: &pb::Header) -> Result<Self, MalformedEnvelope> {
        if from.version != VERSION {
            return Err(rule("its version is unknown"));
        }
        if from.plaintext_bytes > BODY_MAX_BYTES as u64 {
            return Err(rule("its body is larger than allowed"));
        }
        if from.packages.len() > PACKAGES_PER_MESSAGE_MAX {
            return Err(rule("it carries more packages than allowed"));
        }
        if from.annexes.len() > ANNEXES_PER_MESSAGE_MAX {
            return Err(rule("it carries more annexes than allowed"));
        }
        if from.purpose.is_empty() || from.purpose.len() > 128 || !from.purpose.is_ascii() {
            return Err(rule("its purpose is no short ASCII text"));
        }
        Ok(Self {
            suite: Suite::from_number(from.suite).ok_or(rule("its suite is unknown"))?,
            message: message_id(&from.message_id)?,
            sender: authority(&from.sender)?,
            recipient: authority(&from.recipient)?,
            purpose: from.purpose.clone(),
            created: time(from.created_ms)?,
            expires: time(from.expires_ms)?,
            in_reply_to: match from.in_reply_to.is_empty() {
                true => None,
                false => Some(message_id(&from.in_reply_to)?),
            },
            signers: key_ids(&from.signer_key_ids)?,
            recipients: key_ids(&from.recipient_key_ids)?,
            plaintext_bytes: from.plaintext_bytes,
            plaintext_commitment: digest(&from.plaintext_commitment)?,
            key_commitment: digest(&from.key_commitment)?,
            sender_card_version: from.sender_card_version,
            packages: from.packages.iter().map(PackageRef::from_pb).collect::<Result<_, _>>()?,
            annexes: from.annexes.iter().map(AnnexRef::from_pb).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let ids = |ids: &[KeyId]| ids.iter().map(|id| id.as_bytes().to_vec().into()).collect();
        pb::Header {
            version: VERSION,
            suite: self.suite.number(),
            message_id: self.message.as_bytes().to_vec().into(),
            sender: self.sender.to_string(),
            recipient: self.recipient.to_string(),
            purpose: self.purpose.clone(),
            created_ms: self.created.unix_ms(),
            expires_ms: self.expires.unix_ms(),
            in_reply_to: self.in_reply_to.map_or_else(Vec::new, |id| id.as_bytes().to_vec()).into(),
            signer_key_ids: ids(&self.signers),
            recipient_key_ids: ids(&self.recipients),
            plaintext_bytes: self.plaintext_bytes,
            plaintext_commitment: self.plaintext_commitment.to_vec().into(),
            key_commitment: self.key_commitment.to_vec().into(),
            sender_card_version: self.sender_card_version,
            packages: self.packages.iter().map(PackageRef::to_pb).collect(),
            annexes: self.annexes.iter().copied().map(AnnexRef::to_pb).collect(),
        }
        .encode_to_vec()
    }
}

fn message_id(bytes: &[u8]) -> Result<MessageId, MalformedEnvelope> {
    MessageId::from_slice(bytes).map_err(|_| rule("a message id is no UUIDv7"))
}

fn authority(text: &str) -> Result<AuthorityId, MalformedEnvelope> {
    AuthorityId::parse(text).map_err(|_| rule("sender or recipient is no authority id"))
}

fn time(ms: i64) -> Result<Timestamp, MalformedEnvelope> {
    let at = Timestamp::from_unix_ms(ms);
    if at.unix_ms() == ms { Ok(at) } else { Err(rule("a time lies outside 1970 to 9999")) }
}
