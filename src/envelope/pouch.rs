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
//! was cut off or joined from two does not open. Who made it, its last part says, by a signature over
//! all before it: on a link TLS says who speaks, and refusals are logged against whoever that is.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::Message as _;
use zeroize::Zeroizing;

use super::open::unwrap_key;
use super::seal::{signatures, wrap};
use super::stream::{ExhibitCipher, SEALED_CHUNK_BYTES};
use super::{OpenError, Suite};
use crate::crypto::primitives::{pae, random};
use crate::crypto::{Digest, PublicKey, SealingSecret, Sha256, SigningSecret, sha256};
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, POUCH_PART_MAX_BYTES, WRAPPED_KEYS_MAX};
use crate::domain::{AuthorityId, PackageId, Timestamp};
use crate::pb::v1 as pb;
use pb::pouch_part::Part;

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
    /// Not signed by its maker, or not by all keys that the suite demands.
    #[error("the pouch is not signed by a key that its sender's card has for {0}")]
    Signature(Timestamp),
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
    // One head has one spelling: what the signature covers is what is read.
    if wire.encode_to_vec() != head {
        return Err(PouchError::Head("it has what no head has".into()));
    }
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

/// SHA-256 of a head without its keys: what binds these to it.
fn bare_digest(head: &pb::PouchHead) -> Digest {
    sha256(&pb::PouchHead { keys: Vec::new(), ..head.clone() }.encode_to_vec())
}

fn wrap_info(bare: &Digest, key_id: &[u8]) -> Vec<u8> {
    pae("rogatory/v1/pouch", &[bare, key_id])
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

/// What the maker signs: the head as it stands, all parts as they stand, and what it holds of the
/// reader's log.
fn to_be_signed(head: &Digest, parts: &Digest, held: &str) -> Vec<u8> {
    pae("rogatory/v1/pouch-end", &[head, parts, held.as_bytes()])
}

/// Seals parts into the bytes of a pouch.
pub struct PouchSealer {
    chunks: Chunks,
    plain: Zeroizing<Vec<u8>>,
    head: Digest,
    parts: Sha256,
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
        let bare = bare_digest(&wire);
        wire.keys = wrap(&key, |id| wrap_info(&bare, id), recipients)
            .map_err(|_| PouchError::RecipientKeys)?;
        let head = wire.encode_to_vec();
        let length = u32::try_from(head.len()).map_err(|_| PouchError::RecipientKeys)?;
        let first = Bytes::from([MAGIC, &length.to_be_bytes(), &head].concat());
        let mut whole = Sha256::new();
        whole.update(&first);
        let chunks = Chunks { key, pouch, number: 0 };
        let (plain, head, parts) = (Zeroizing::default(), sha256(&first), Sha256::new());
        Ok((Self { chunks, plain, head, parts, whole }, first))
    }

    /// Adds a part; gives the chunks that are full now.
    pub fn part(&mut self, part: &pb::PouchPart) -> Vec<Bytes> {
        let part = part.encode_length_delimited_to_vec();
        self.parts.update(&part);
        self.add(&part)
    }

    fn add(&mut self, part: &[u8]) -> Vec<Bytes> {
        self.plain.extend_from_slice(part);
        let mut full = Vec::new();
        // What is exactly one chunk may be the last.
        while self.plain.len() > CHUNK_BYTES {
            let rest = self.plain.split_off(CHUNK_BYTES);
            let chunk = std::mem::replace(&mut *self.plain, rest);
            full.push(self.seal(chunk, false));
        }
        full
    }

    /// Signs it, with what is held of the reader's log. The last bytes, and the SHA-256 of the whole file.
    pub fn finish(mut self, held: &str, signers: &[&SigningSecret]) -> (Bytes, Digest) {
        let parts = std::mem::replace(&mut self.parts, Sha256::new()).finish();
        let message = to_be_signed(&self.head, &parts, held);
        let signatures = signatures(signers, &message);
        let end = pb::PouchEnd { held_checkpoint: held.to_owned(), signatures };
        let end = pb::PouchPart { part: Some(Part::End(end)) };
        let mut last = self.add(&end.encode_length_delimited_to_vec()).concat();
        let chunk = std::mem::take(&mut *self.plain);
        last.extend_from_slice(&self.seal(chunk, true));
        (last.into(), self.whole.finish())
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
    first: Digest,
    parts: Sha256,
    end: Option<pb::PouchEnd>,
    whole: Sha256,
}

/// The end of a pouch: who made it, if its signature verifies.
pub struct Closed {
    /// SHA-256 of the file.
    pub digest: Digest,
    message: Vec<u8>,
    end: pb::PouchEnd,
}

impl Closed {
    /// Holds the signatures against the keys of the maker's card; gives what it holds of the reader's log.
    ///
    /// # Errors
    /// [`PouchError::Signature`].
    pub fn verify(
        &self,
        head: &PouchHead,
        keys: &[PublicKey],
        min_suite: Suite,
    ) -> Result<&str, PouchError> {
        let failed = || PouchError::Signature(head.created);
        let mut signed = Vec::new();
        for signature in &self.end.signatures {
            let key = keys.iter().find(|key| key.id().as_bytes()[..] == signature.key_id[..]);
            let key = key.ok_or_else(failed)?;
            key.verify(&self.message, &signature.signature).map_err(|_| failed())?;
            signed.push(key.algorithm());
        }
        match min_suite.algorithms().iter().all(|algorithm| signed.contains(algorithm)) {
            true => Ok(&self.end.held_checkpoint),
            false => Err(failed()),
        }
    }
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
        let bare = bare_digest(&wire);
        let key = unwrap_key(&wire.keys, secrets, |id| wrap_info(&bare, id));
        let key = key.map_err(|error| match error {
            OpenError::NoKey => PouchError::NoKey,
            _ => PouchError::Head("its key does not open".into()),
        })?;
        let mut whole = Sha256::new();
        whole.update(&first[..at]);
        let chunks = Chunks { key, pouch, number: 0 };
        let (sealed, plain) = (BytesMut::from(&first[at..]), BytesMut::new());
        let (first, parts, end) = (sha256(&first[..at]), Sha256::new(), None);
        Ok(Some(Self { head, chunks, sealed, plain, first, parts, end, whole }))
    }

    /// What it says in clear.
    pub fn head(&self) -> &PouchHead {
        &self.head
    }

    /// Takes more of the file. [`PouchOpener::part`] gives what is whole then.
    ///
    /// # Errors
    /// [`PouchError::Chunk`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PouchError> {
        self.sealed.extend_from_slice(bytes);
        // What is exactly one chunk may be the last.
        while self.sealed.len() > SEALED_CHUNK_BYTES {
            let chunk = self.sealed.split_to(SEALED_CHUNK_BYTES);
            self.open(chunk, false)?;
        }
        Ok(())
    }

    /// Says that the file ends here: what is left of it is its last chunk.
    ///
    /// # Errors
    /// [`PouchError::Chunk`].
    pub fn end(&mut self) -> Result<(), PouchError> {
        let chunk = self.sealed.split();
        self.open(chunk, true)
    }

    /// Closes it, once the file has ended and all parts were taken.
    ///
    /// # Errors
    /// [`PouchError::Part`] where it is not all of a pouch.
    pub fn close(self) -> Result<Closed, PouchError> {
        let end = self.end.filter(|_| self.plain.is_empty());
        let end = end.ok_or(PouchError::Part("the last one is cut off"))?;
        let message = to_be_signed(&self.first, &self.parts.finish(), &end.held_checkpoint);
        Ok(Closed { digest: self.whole.finish(), message, end })
    }

    fn open(&mut self, mut chunk: BytesMut, last: bool) -> Result<(), PouchError> {
        self.whole.update(&chunk);
        let number = self.chunks.number;
        let opened = self.chunks.cipher().open(number, last, &mut chunk);
        self.plain.extend_from_slice(opened.map_err(|_| PouchError::Chunk(number))?);
        self.chunks.number = number.checked_add(1).ok_or(PouchError::Chunk(number))?;
        Ok(())
    }

    /// The next part that is whole; none behind the end. What it holds is a copy: what is kept of a pouch
    /// keeps nothing else of it in memory.
    ///
    /// # Errors
    /// [`PouchError::Part`].
    pub fn part(&mut self) -> Result<Option<Part>, PouchError> {
        let Some((length, prefix)) = varint(&self.plain)? else { return Ok(None) };
        let Some(bytes) = self.plain.get(..prefix + length) else { return Ok(None) };
        let part = pb::PouchPart::decode(&bytes[prefix..]).ok().and_then(|part| part.part);
        let part = part.ok_or(PouchError::Part("one does not decode"))?;
        match part {
            _ if self.end.is_some() => return Err(PouchError::Part("one stands behind the end")),
            Part::End(end) => self.end = Some(end),
            part => {
                self.parts.update(bytes);
                self.plain.advance(prefix + length);
                return Ok(Some(part));
            }
        }
        self.plain.advance(prefix + length);
        // What stands behind it is an error.
        self.part()
    }
}

/// The length before a part, and how many bytes it takes; `None` while it is not all there.
fn varint(bytes: &[u8]) -> Result<Option<(usize, usize)>, PouchError> {
    let mut rest = bytes;
    match prost::decode_length_delimiter(&mut rest) {
        Ok(0) => Err(PouchError::Part("one says nothing")),
        Ok(length) if length <= POUCH_PART_MAX_BYTES => {
            Ok(Some((length, bytes.len() - rest.len())))
        }
        Ok(_) => Err(PouchError::Part("one is too long")),
        Err(_) if bytes.len() < 10 => Ok(None),
        Err(_) => Err(PouchError::Part("one has no length")),
    }
}

#[cfg(test)]
#[path = "pouch_tests.rs"]
mod tests;
