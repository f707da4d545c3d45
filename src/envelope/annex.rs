//! Sealed annexes: the particulars of persons, for named officials and for nobody else.
//!
//! The sender's client seals an annex, so that not even the sender's node sees it. Its key is made
//! of two parts. One is sealed to each of the officials, the other to the recipient's node, which
//! releases it after its log says to whom: the officials cannot open an annex unseen, and the node
//! cannot open it at all.

mod seal;

use std::fmt;

use prost::Message as _;
use zeroize::Zeroizing;

pub use self::seal::seal_annex;
use crate::crypto::primitives::{AeadKey, NONCE_BYTES, TAG_BYTES, hkdf_sha256, pae};
use crate::crypto::{Digest, KeyId, PublicKey, SealingSecret, sha256};
use crate::domain::limits::{
    ANNEX_MAX_BYTES, ANNEX_OFFICIALS_MAX, ANNEX_PERSONS_MAX, ANNEX_SEALED_MAX_BYTES,
    WRAPPED_KEYS_MAX,
};
use crate::domain::{AnnexId, AuthorityId, MessageId};
use crate::pb::v1 as pb;

const VERSION: u32 = 1;
/// The smallest padded annex. Larger ones have twice this, four times, and so on.
const PADDED_MIN_BYTES: usize = 4 << 10;
/// What stands before the text: its length.
const LENGTH_BYTES: usize = 4;
const PART_BYTES: usize = 32;
const REF_MAX_BYTES: usize = 64;
const OFFICIAL_ID_MAX_BYTES: usize = 64;
/// The key seals one plaintext, so its nonce is zero.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Why an annex cannot be sealed, read or opened. None of it says what is in one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnexError {
    /// Over [`ANNEX_MAX_BYTES`].
    #[error("the annex has {0} bytes, {ANNEX_MAX_BYTES} at most")]
    TooLarge(usize),
    /// No official, or more than [`ANNEX_OFFICIALS_MAX`].
    #[error("an annex is for 1 to {ANNEX_OFFICIALS_MAX} officials")]
    Officials,
    /// The recipient's card has no sealing key, or one that does not seal.
    #[error("the recipient's card has no key that the annex can be sealed to")]
    Keys,
    /// A rule of the form is broken.
    #[error("not a sealed annex: {0}")]
    Malformed(&'static str),
    /// It does not open: it is for others, or was altered.
    #[error("the annex does not open with this key: it is for others, or was altered")]
    Sealed,
}

/// An annex as it is meant. Has no `Debug`: it holds plaintext (I6).
pub struct AnnexDraft {
    /// Its name.
    pub id: AnnexId,
    /// Who sends it.
    pub sender: AuthorityId,
    /// Whose officials it is for.
    pub recipient: AuthorityId,
    /// The persons whom it is about, as the request calls them.
    pub refs: Vec<String>,
    /// What is said of them.
    pub plaintext: Zeroizing<Vec<u8>>,
}

/// A named official: the id in the card, and the key.
pub struct NamedOfficial {
    /// As in `victims-desk`.
    pub id: String,
    /// Its key.
    pub key: PublicKey,
}

/// A sealed annex by what can be checked without any key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnexRef {
    /// Its name.
    pub id: AnnexId,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub sealed_bytes: u32,
}

/// A sealed annex whose form is right.
#[derive(Clone)]
pub struct SealedAnnex {
    bytes: bytes::Bytes,
    parts: pb::SealedAnnex,
    id: AnnexId,
    sender: AuthorityId,
    recipient: AuthorityId,
    digest: Digest,
}

impl fmt::Debug for SealedAnnex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedAnnex({})", self.id)
    }
}

/// What an official's key opens of an annex. Has no `Debug`: half of a key.
pub struct OfficialPart {
    part: Zeroizing<[u8; PART_BYTES]>,
    /// Shows the node that the share was opened.
    pub token: Zeroizing<[u8; PART_BYTES]>,
    /// Whose it is: the id in the card.
    pub official: String,
}

/// The node's part of an annex's key, which nothing leads out of but a release.
pub struct Withheld {
    part: Zeroizing<Vec<u8>>,
}

/// What a release is bound to, so that it fits one annex of one message and one official.
#[derive(Clone, Copy)]
pub struct ReleaseContext {
    /// SHA-256 of the annex.
    pub annex: Digest,
    /// The message that it goes with.
    pub message: MessageId,
    /// SHA-256 of that message's envelope.
    pub envelope: Digest,
    /// Whose key it is released to.
    pub official: KeyId,
}

impl ReleaseContext {
    fn info(&self) -> Vec<u8> {
        let parts: [&[u8]; 4] =
            [&self.annex, self.message.as_bytes(), &self.envelope, self.official.as_bytes()];
        pae("rogatory/v1/annex-release", &parts)
    }
}

impl Withheld {
    /// Seals the part to an official's key: the encapsulated secret and the ciphertext. Only
    /// `exchange::issue` calls it, with the proof that the log says so.
    pub(crate) fn seal_to(
        &self,
        official: &PublicKey,
        context: &ReleaseContext,
    ) -> Result<(Vec<u8>, Vec<u8>), AnnexError> {
        official.seal(&context.info(), &self.part).map_err(|_| AnnexError::Keys)
    }
}

/// `SHA-256(PAE(…))` of everything in an annex but keys and ciphertexts: what all of them are bound
/// to.
fn context(annex: &pb::SealedAnnex) -> Digest {
    let list = |parts: Vec<&[u8]>| pae("rogatory/v1/annex-list", &parts);
    let refs = list(annex.refs.iter().map(String::as_bytes).collect());
    let officials = annex.officials.iter();
    let officials =
        list(officials.flat_map(|one| [one.official.as_bytes(), one.key_id.as_ref()]).collect());
    let node = list(annex.node.iter().map(|key| key.key_id.as_ref()).collect());
    sha256(&pae(
        "rogatory/v1/annex",
        &[
            &annex.version.to_le_bytes(),
            &annex.annex_id,
            annex.sender.as_bytes(),
            annex.recipient.as_bytes(),
            &refs,
            &officials,
            &node,
        ],
    ))
}

fn share_info(whose: &str, context: &Digest, key_id: &[u8]) -> Vec<u8> {
    pae("rogatory/v1/annex-share", &[whose.as_bytes(), context, key_id])
}

fn token_digest(context: &Digest, token: &[u8]) -> Digest {
    sha256(&pae("rogatory/v1/annex-token", &[context, token]))
}

/// Cipher and commitment: `HKDF(officials' part || node's part, label || context)`.
fn keys(official: &[u8], node: &[u8], context: &Digest) -> (AeadKey, Digest) {
    let both = Zeroizing::new([official, node].concat());
    let derive = |label: &[u8]| {
        let info = [label, context.as_slice()].concat();
        hkdf_sha256::<32>(b"rogatory/v1/annex-key", &both, &info)
    };
    (AeadKey::new(&derive(b"cipher")), *derive(b"key-commitment"))
}

fn unpadded(buffer: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (length, rest) = buffer.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    rest.get(..length).map(|text| Zeroizing::new(text.to_vec()))
}

impl SealedAnnex {
    /// Reads the bytes of a sealed annex.
    ///
    /// # Errors
    /// [`AnnexError::Malformed`], with the rule.
    pub fn parse(bytes: bytes::Bytes) -> Result<Self, AnnexError> {
        let rule = AnnexError::Malformed;
        if bytes.len() > ANNEX_SEALED_MAX_BYTES {
            return Err(rule("it is larger than 64 KiB"));
        }
        let parts =
            pb::SealedAnnex::decode(bytes.clone()).map_err(|_| rule("it does not decode"))?;
        check_shape(&parts)?;
        Ok(Self {
            id: AnnexId::from_slice(&parts.annex_id).map_err(|_| rule("its id is no UUIDv7"))?,
            sender: AuthorityId::parse(&parts.sender)
                .map_err(|_| rule("its sender is no authority id"))?,
            recipient: AuthorityId::parse(&parts.recipient)
                .map_err(|_| rule("its recipient is no authority id"))?,
            digest: sha256(&bytes),
            parts,
            bytes,
        })
    }

    /// Its name.
    pub fn id(&self) -> AnnexId {
        self.id
    }
    /// Who sealed it, as it says itself; the header that has its digest proves it.
    pub fn sender(&self) -> &AuthorityId {
        &self.sender
    }
    /// Whose officials it is for.
    pub fn recipient(&self) -> &AuthorityId {
        &self.recipient
    }
    /// The persons whom it is about, as the request calls them.
    pub fn refs(&self) -> &[String] {
        &self.parts.refs
    }
    /// Its officials: id in the card, and key id.
    pub fn officials(&self) -> impl Iterator<Item = (&str, KeyId)> {
        let shares = self.parts.officials.iter();
        shares.filter_map(|one| Some((one.official.as_str(), KeyId::from_slice(&one.key_id)?)))
    }
    /// The keys of the recipient's node that it is sealed to.
    pub fn node_keys(&self) -> impl Iterator<Item = KeyId> {
        self.parts.node.iter().filter_map(|one| KeyId::from_slice(&one.key_id))
    }
    /// Its bytes.
    pub fn bytes(&self) -> &bytes::Bytes {
        &self.bytes
    }
    /// What a header names it by.
    pub fn reference(&self) -> AnnexRef {
        let sealed_bytes = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        AnnexRef { id: self.id, digest: self.digest, sealed_bytes }
    }

    /// Whether the token is the one in this official's share.
    pub fn is_token_of(&self, official: &KeyId, token: &[u8]) -> bool {
        let share =
            self.parts.officials.iter().find(|one| one.key_id[..] == official.as_bytes()[..]);
        let shown = token_digest(&context(&self.parts), token);
        share.is_some_and(|share| share.token_digest[..] == shown[..])
    }

    /// The node's part of the key.
    ///
    /// # Errors
    /// [`AnnexError::Sealed`] when it is sealed to none of these keys, or was altered.
    pub fn withheld(&self, secrets: &[&SealingSecret]) -> Result<Withheld, AnnexError> {
        let mine = self.parts.node.iter().find_map(|key| {
            let id =
                |secret: &&&SealingSecret| secret.public().id().as_bytes()[..] == key.key_id[..];
            Some((key, secrets.iter().find(id)?))
        });
        let (key, secret) = mine.ok_or(AnnexError::Sealed)?;
        let info = share_info("node", &context(&self.parts), &key.key_id);
        let part = secret.open(&key.encapsulated, &info, &key.ciphertext);
        Ok(Withheld { part: part.map_err(|_| AnnexError::Sealed)? })
    }

    /// What an official's key opens of it: half of the key.
    ///
    /// # Errors
    /// [`AnnexError::Sealed`] when it names no such official, or was altered.
    pub fn official_part(&self, secret: &SealingSecret) -> Result<OfficialPart, AnnexError> {
        let id = secret.public().id();
        let share = self.parts.officials.iter().find(|one| one.key_id[..] == id.as_bytes()[..]);
        let share = share.ok_or(AnnexError::Sealed)?;
        let info = share_info("official", &context(&self.parts), &share.key_id);
        let both = secret.open(&share.encapsulated, &info, &share.ciphertext);
        let both = both.map_err(|_| AnnexError::Sealed)?;
        let (part, token) = both.split_first_chunk().ok_or(AnnexError::Sealed)?;
        Ok(OfficialPart {
            part: Zeroizing::new(*part),
            token: Zeroizing::new(token.try_into().map_err(|_| AnnexError::Sealed)?),
            official: share.official.clone(),
        })
    }

    /// Opens it with both parts: the official's, and the one that the node has released to it.
    ///
    /// # Errors
    /// [`AnnexError::Sealed`] when a part is another annex's, another message's or another
    /// official's, or something was altered.
    pub fn open(
        &self,
        official: &OfficialPart,
        secret: &SealingSecret,
        released: (&[u8], &[u8]),
        release: (MessageId, Digest),
    ) -> Result<Zeroizing<Vec<u8>>, AnnexError> {
        let (message, envelope) = release;
        let official_key = secret.public().id();
        let bound =
            ReleaseContext { annex: self.digest, message, envelope, official: official_key };
        let node = secret.open(released.0, &bound.info(), released.1);
        let node = node.map_err(|_| AnnexError::Sealed)?;
        let context = context(&self.parts);
        let (cipher, commitment) = keys(&*official.part, &node, &context);
        if commitment[..] != self.parts.key_commitment[..] {
            return Err(AnnexError::Sealed);
        }
        let mut buffer = Zeroizing::new(self.parts.ciphertext.to_vec());
        let text = cipher.open_in_place(NONCE, &context, &mut buffer);
        unpadded(text.map_err(|_| AnnexError::Sealed)?).ok_or(AnnexError::Sealed)
    }
}

fn check_shape(parts: &pb::SealedAnnex) -> Result<(), AnnexError> {
    let id_ok = |id: &[u8]| id.len() == 16;
    let refs_ok = (1..=ANNEX_PERSONS_MAX).contains(&parts.refs.len())
        && parts.refs.iter().all(|one| (1..=REF_MAX_BYTES).contains(&one.len()));
    let officials_ok = (1..=ANNEX_OFFICIALS_MAX).contains(&parts.officials.len())
        && parts.officials.iter().all(|one| {
            let named = (1..=OFFICIAL_ID_MAX_BYTES).contains(&one.official.len());
            named && id_ok(&one.key_id) && one.token_digest.len() == PART_BYTES
        });
    let node_ok = (1..=WRAPPED_KEYS_MAX).contains(&parts.node.len())
        && parts.node.iter().all(|one| id_ok(&one.key_id));
    let size = parts.ciphertext.len().saturating_sub(TAG_BYTES);
    let size_ok = (PADDED_MIN_BYTES..=ANNEX_MAX_BYTES + LENGTH_BYTES).contains(&size)
        && size.is_power_of_two();
    let rule = match () {
        () if parts.version != VERSION => "its version is unknown",
        () if !refs_ok => "it names no person, or too many",
        () if !officials_ok => "it names no official, or too many",
        () if !node_ok => "it has no part of its key for the recipient's node",
        () if parts.key_commitment.len() != 32 => "its key commitment has not 32 bytes",
        () if !size_ok => "its ciphertext is not padded as the format says",
        () => return Ok(()),
    };
    Err(AnnexError::Malformed(rule))
}

#[cfg(test)]
#[path = "annex_tests.rs"]
mod tests;
