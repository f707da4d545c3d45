//! The pouch: what would go over a link, as a file that a courier carries and one node opens.
//!
//! ```text
//! file  = "rogatory pouch 1\n" || u32be(length of head) || head || chunks
//! head  = PouchHead: from whom, for whom, when, and the pouch's key under each key of the recipient
//! chunk = STREAM, as an exhibit of a package is sealed, over the parts one after the other
//! part  = varint(length) || PouchPart
//! ```
//!
//! The key is wrapped for this head alone, and the last chunk says that it is the last: a pouch that
//! was cut off or joined from two does not open. It says nothing of who made it. That each message
//! and receipt in it says for itself, by the same signatures and proofs as on the link.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::Message as _;
use zeroize::Zeroizing;

use super::stream::{ExhibitCipher, SEALED_CHUNK_BYTES};
use crate::crypto::primitives::{pae, random};
use crate::crypto::{Digest, PublicKey, SealingSecret, Sha256, sha256};
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, POUCH_PART_MAX_BYTES, WRAPPED_KEYS_MAX};
use crate::domain::{AuthorityId, PackageId, Timestamp};
use crate::pb::v1 as pb;

/// The first bytes of a pouch.
pub const MAGIC: &[u8] = b"rogatory pouch 1\n";
/// The wrapped keys, with room.
const HEAD_MAX_BYTES: usize = 32 << 10;

/// What a pouch says in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PouchHead {
    /// Who made it, as it says.
    pub sender: AuthorityId,
    /// Whose node opens it.
    pub recipient: AuthorityId,
    /// When it was made, by its maker's clock.
    pub created: Timestamp,
}

/// Why bytes are no pouch, or not one for this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PouchError {
    /// Another kind of file.
    #[error("the file is no pouch: it does not begin with {:?}", String::from_utf8_lossy(MAGIC).trim_end())]
    NotAPouch,
    /// The head does not decode, or a value in it breaks a rule.
    #[error("the head of the pouch is damaged: {0}")]
    Head(String),
    /// Sealed to keys that are not at hand.
    #[error("the pouch is sealed to keys that this node does not hold")]
    NoKey,
    /// No key to seal it to, or one that does not seal.
    #[error("the recipient's card has no sealing key that this node can use")]
    RecipientKeys,
    /// A chunk does not open: changed, moved or cut off.
    #[error("chunk {0} of the pouch does not open: the file is damaged, or not all of it")]
    Chunk(u32),
    /// What came out is no part.
    #[error("the pouch holds what is no part of one: {0}")]
    Part(&'static str),
}

/// Reads the clear beginning of a file; `None` while it is too short to say. Beside the head, where
/// the chunks begin.
///
/// # Errors
/// [`PouchError::NotAPouch`] or [`PouchError::Head`].
pub fn read_head(bytes: &[u8]) -> Result<Option<(PouchHead, usize)>, PouchError> {
    Ok(parse_head(bytes)?.map(|(head, _, at)| (head, at)))
}

type Parsed = (PouchHead, pb::PouchHead, usize);

fn parse_head(bytes: &[u8]) -> Result<Option<Parsed>, PouchError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(PouchError::NotAPouch);
    }
    let Some((length, rest)) = bytes[known..].split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > HEAD_MAX_BYTES {
        return Err(PouchError::Head(format!("{length} bytes, {HEAD_MAX_BYTES} at most")));
    }
    let Some(head) = rest.get(..length) else { return Ok(None) };
    let wire = pb::PouchHead::decode(head).map_err(|error| PouchError::Head(error.to_string()))?;
    let authority = |field: &str, text: &str| {
        AuthorityId::parse(text).map_err(|error| PouchError::Head(format!("{field}: {error}")))
    };
    let head = PouchHead {
        sender: authority("sender", &wire.sender)?,
        recipient: authority("recipient", &wire.recipient)?,
        created: Timestamp::from_unix_ms(wire.created_ms),
    };
    Ok(Some((head, wire, MAGIC.len() + 4 + length)))
}

/// What binds a wrapped key to the head that it stands in.
fn wrap_info(head: &pb::PouchHead, key_id: &[u8]) -> Vec<u8> {
    let bare = pb::PouchHead { keys: Vec::new(), ..head.clone() };
    pae("rogatory/v1/pouch", &[&sha256(&bare.encode_to_vec()), key_id])
}

/// The key of a pouch, and how far its chunks have come.
struct Chunks {
    key: Zeroizing<[u8; 32]>,
    pouch: PackageId,
    number: u32,
}

impl Chunks {
    fn cipher(&self) -> ExhibitCipher<'_> {
        ExhibitCipher::new(&self.key, self.pouch, 0)
    }
}

/// Seals parts into the bytes of a pouch.
pub struct PouchSealer {
    chunks: Chunks,
    plain: Zeroizing<Vec<u8>>,
    whole: Sha256,
}

impl PouchSealer {
    /// For a recipient with these keys; beside it the first bytes of the file.
    ///
    /// # Errors
    /// [`PouchError::RecipientKeys`].
    pub fn new(head: &PouchHead, recipients: &[&PublicKey]) -> Result<(Self, Bytes), PouchError> {
        if !(1..=WRAPPED_KEYS_MAX).contains(&recipients.len()) {
            return Err(PouchError::RecipientKeys);
        }
        let (key, pouch) =
            (Zeroizing::new(random::<32>()), PackageId::new(head.created, random::<10>()));
        let mut wire = pb::PouchHead {
            sender: head.sender.to_string(),
            recipient: head.recipient.to_string(),
            created_ms: head.created.unix_ms(),
            pouch_id: pouch.as_bytes().to_vec().into(),
            keys: Vec::new(),
        };
        for recipient in recipients {
            let id = recipient.id();
            let sealed = recipient.seal(&wrap_info(&wire, id.as_bytes()), &*key);
            let (encapsulated, ciphertext) = sealed.map_err(|_| PouchError::RecipientKeys)?;
            wire.keys.push(pb::WrappedKey {
                key_id: id.as_bytes().to_vec().into(),
                encapsulated: encapsulated.into(),
                ciphertext: ciphertext.into(),
            });
        }
        let head = wire.encode_to_vec();
        let length = u32::try_from(head.len()).map_err(|_| PouchError::RecipientKeys)?;
        let first = Bytes::from([MAGIC, &length.to_be_bytes(), &head].concat());
        let mut whole = Sha256::new();
        whole.update(&first);
        let chunks = Chunks { key, pouch, number: 0 };
        Ok((Self { chunks, plain: Zeroizing::default(), whole }, first))
    }

    /// Adds a part; gives the chunks that are full now.
    pub fn part(&mut self, part: &pb::PouchPart) -> Vec<Bytes> {
        self.plain.extend_from_slice(&part.encode_length_delimited_to_vec());
        let mut full = Vec::new();
        // What is exactly one chunk may be the last.
        while self.plain.len() > CHUNK_BYTES {
            let rest = self.plain.split_off(CHUNK_BYTES);
            let chunk = std::mem::replace(&mut *self.plain, rest);
            full.push(self.seal(chunk, false));
        }
        full
    }

    /// The last chunk, and the SHA-256 of the whole file.
    pub fn finish(mut self) -> (Bytes, Digest) {
        let chunk = std::mem::take(&mut *self.plain);
        let last = self.seal(chunk, true);
        (last, self.whole.finish())
    }

    fn seal(&mut self, mut chunk: Vec<u8>, last: bool) -> Bytes {
        let mut sealed = Vec::with_capacity(chunk.len() + CHUNK_TAG_BYTES);
        sealed.append(&mut chunk);
        self.chunks.cipher().seal(self.chunks.number, last, &mut sealed);
        self.chunks.number += 1;
        self.whole.update(&sealed);
        sealed.into()
    }
}

/// Opens a pouch while its bytes come. Has no `Debug`: it holds the key.
pub struct PouchOpener {
    head: PouchHead,
    chunks: Chunks,
    sealed: BytesMut,
    plain: BytesMut,
    whole: Sha256,
}

impl PouchOpener {
    /// Begins with the first bytes of a file, of which there may be more than the head; `None` while
    /// there are too few.
    ///
    /// # Errors
    /// [`PouchError`].
    pub fn begin(first: &[u8], secrets: &[&SealingSecret]) -> Result<Option<Self>, PouchError> {
        let Some((head, wire, at)) = parse_head(first)? else { return Ok(None) };
        let pouch = PackageId::from_slice(&wire.pouch_id);
        let pouch = pouch.map_err(|error| PouchError::Head(format!("pouch_id: {error}")))?;
        let mine = wire.keys.iter().find_map(|key| {
            let id = |s: &&&SealingSecret| s.public().id().as_bytes()[..] == key.key_id[..];
            Some((key, secrets.iter().find(id)?))
        });
        let (key, secret) = mine.ok_or(PouchError::NoKey)?;
        let info = wrap_info(&wire, &key.key_id);
        let damaged = || PouchError::Head("its key does not open".into());
        let opened = secret.open(&key.encapsulated, &info, &key.ciphertext);
        let opened = opened.map_err(|_| damaged())?;
        let key = opened.as_slice().try_into().map_err(|_| damaged())?;
        let mut whole = Sha256::new();
        whole.update(&first[..at]);
        let chunks = Chunks { key: Zeroizing::new(key), pouch, number: 0 };
        let (sealed, plain) = (BytesMut::from(&first[at..]), BytesMut::new());
        Ok(Some(Self { head, chunks, sealed, plain, whole }))
    }

    /// What it says in clear.
    pub fn head(&self) -> &PouchHead {
        &self.head
    }

    /// Takes more of the file; gives the parts that are whole now.
    ///
    /// # Errors
    /// [`PouchError::Chunk`] or [`PouchError::Part`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<pb::PouchPart>, PouchError> {
        self.sealed.extend_from_slice(bytes);
        // What is exactly one chunk may be the last.
        while self.sealed.len() > SEALED_CHUNK_BYTES {
            let chunk = self.sealed.split_to(SEALED_CHUNK_BYTES);
            self.open(chunk, false)?;
        }
        self.parts()
    }

    /// Ends the file: its last parts, and its SHA-256.
    ///
    /// # Errors
    /// [`PouchError`] where it is not all of a pouch.
    pub fn finish(mut self) -> Result<(Vec<pb::PouchPart>, Digest), PouchError> {
        let chunk = self.sealed.split();
        self.open(chunk, true)?;
        let parts = self.parts()?;
        match self.plain.is_empty() {
            true => Ok((parts, self.whole.finish())),
            false => Err(PouchError::Part("the last one is cut off")),
        }
    }

    fn open(&mut self, mut chunk: BytesMut, last: bool) -> Result<(), PouchError> {
        self.whole.update(&chunk);
        let number = self.chunks.number;
        let opened = self.chunks.cipher().open(number, last, &mut chunk);
        self.plain.extend_from_slice(opened.map_err(|_| PouchError::Chunk(number))?);
        self.chunks.number = number.checked_add(1).ok_or(PouchError::Chunk(number))?;
        Ok(())
    }

    fn parts(&mut self) -> Result<Vec<pb::PouchPart>, PouchError> {
        let mut parts = Vec::new();
        while let Some((length, prefix)) = varint(&self.plain)? {
            if self.plain.len() < prefix + length {
                break;
            }
            self.plain.advance(prefix);
            let part = self.plain.split_to(length).freeze();
            let undecoded = |_| PouchError::Part("one does not decode");
            parts.push(pb::PouchPart::decode(part).map_err(undecoded)?);
        }
        Ok(parts)
    }
}

/// The length before a part, and how many bytes it takes; `None` while it is not all there.
fn varint(bytes: &[u8]) -> Result<Option<(usize, usize)>, PouchError> {
    let mut rest = bytes;
    match prost::encoding::decode_varint(&mut rest) {
        Ok(length) if length as usize <= POUCH_PART_MAX_BYTES => {
            Ok(Some((length as usize, bytes.len() - rest.len())))
        }
        Ok(_) => Err(PouchError::Part("one is too long")),
        Err(_) if bytes.len() < 10 => Ok(None),
        Err(_) => Err(PouchError::Part("one has no length")),
    }
}

#[cfg(test)]
#[path = "pouch_tests.rs"]
mod tests;
