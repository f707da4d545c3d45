//! Writes an excerpt of a log: its entries pass once, and those that are chosen are proven.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chosen, Excerpt, Made, entry_path, is_beside};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Entry;
use crate::audit::export::{CHECKPOINT_PATH, ExportError, RECEIPTS, Sink};
use crate::audit::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH, Manifest};
use crate::audit::note::VerifierKey;
use crate::audit::proof::TlogProof;
use crate::crypto::{Digest, SigningSecret, sha256};
use crate::domain::{AuthorityId, MessageId};

/// Entries that are read at once.
const PAGE: usize = 256;

/// Header lines and signature of a manifest take less.
const MANIFEST_HEAD_BYTES: usize = 4096;

/// Gives the proof that an entry is in the tree of so many.
pub type Prove<'a, E> = dyn FnMut(u64, u64) -> Result<Vec<Digest>, E> + 'a;

/// Files with their paths, one after the other.
pub type Extras<'a, E> = Box<dyn Iterator<Item = Result<(String, Vec<u8>), E>> + 'a>;

/// Gives the files beside the entries: cards and receipts, and the policy.
pub type Beside<'a, E> = dyn FnMut(&Excerpted) -> Extras<'a, E> + 'a;

/// What an excerpt is made from.
pub struct ExcerptSource<'a, E> {
    /// The signed checkpoint, with whatever cosignatures it has gathered.
    pub checkpoint: &'a str,
    /// The log's key, which signs the manifest.
    pub key: &'a SigningSecret,
    /// Which excerpt it is, the same for every log.
    pub made: Made,
    /// Chooses the entries, and has seen those of the logs before this one.
    pub chosen: &'a mut Chosen,
    /// Gives the entries of the log from an index on, at most as many as asked for, and at least
    /// one.
    pub entries: &'a mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
    /// Proves those that are chosen.
    pub prove: &'a mut Prove<'a, E>,
    /// Asked when the entries are written, for what belongs to them; receipts that none of them
    /// records are left out.
    pub beside: Box<Beside<'a, E>>,
}

/// What an excerpt has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpted {
    /// Entries, those that join the log to others included.
    pub entries: u64,
    /// Their messages.
    pub messages: BTreeSet<MessageId>,
    /// Their peers.
    pub peers: BTreeSet<AuthorityId>,
    /// The receipts that they record.
    pub recorded: BTreeSet<Digest>,
}

/// Writes the files of an excerpt through `sink`, the manifest last. What is kept is a line a file,
/// and the ids and digests of what is chosen.
///
/// # Errors
/// [`ExportError`].
pub fn write_excerpt<'a, E>(
    source: ExcerptSource<'_, E>,
    sink: &'a mut Sink<'a, E>,
) -> Result<Excerpted, ExportError<E>> {
    let checkpoint = Checkpoint::parse_unverified(source.checkpoint);
    let checkpoint = checkpoint.map_err(ExportError::Checkpoint)?;
    let bare = bare(source.checkpoint, &checkpoint.origin, source.key)?;
    let chosen = source.chosen;
    let mut out = Out { sink, files: BTreeMap::new(), listed: MANIFEST_HEAD_BYTES };
    let mut excerpted = Excerpted::default();
    let mut next = 0;
    while next < checkpoint.size {
        let limit = (checkpoint.size - next).min(PAGE as u64) as usize;
        let page = (source.entries)(next, limit).map_err(ExportError::Io)?;
        if page.is_empty() {
            return Err(ExportError::Entry(next));
        }
        for bytes in page.into_iter().take(limit) {
            let entry = Entry::parse(&bytes).map_err(|_| ExportError::Entry(next))?;
            if chosen.takes(next, &entry) {
                let hashes = (source.prove)(next, checkpoint.size).map_err(ExportError::Io)?;
                let proof =
                    TlogProof { extra: bytes, index: next, hashes, checkpoint: bare.clone() };
                out.file(entry_path(next), proof.to_text().as_bytes())?;
                excerpted.take(entry);
            }
            next += 1;
        }
    }
    out.file(CHECKPOINT_PATH.to_owned(), source.checkpoint.as_bytes())?;
    let mut beside = source.beside;
    for extra in beside(&excerpted) {
        let (path, bytes) = extra.map_err(ExportError::Io)?;
        if !is_beside(&path) {
            return Err(ExportError::Path(path));
        }
        if !path.starts_with(RECEIPTS) || excerpted.recorded.contains(&sha256(&bytes)) {
            out.file(path, &bytes)?;
        }
    }
    let files = std::mem::take(&mut out.files);
    let list = Manifest { origin: checkpoint.origin, size: checkpoint.size, files };
    let scope = chosen.scope().clone();
    let made = source.made;
    let note = Excerpt { scope, made, list }.sign(source.key).map_err(ExportError::Sign)?;
    (out.sink)(MANIFEST_PATH, note.as_bytes()).map_err(ExportError::Io)?;
    Ok(excerpted)
}

/// The checkpoint with the log's own line alone.
fn bare<E>(note: &str, origin: &str, key: &SigningSecret) -> Result<String, ExportError<E>> {
    let signed = SignedCheckpoint::assume_verified(note).map_err(ExportError::Checkpoint)?;
    let public = key.public().bytes().try_into().ok();
    let key = public.and_then(|public| VerifierKey::ed25519(origin, public).ok());
    Ok(signed.bare(key.as_slice()).to_note())
}

impl Excerpted {
    fn take(&mut self, entry: Entry) {
        self.entries += 1;
        self.messages.extend(entry.message);
        self.peers.extend(entry.peer);
        self.recorded.extend(entry.receipt);
    }
}

struct Out<'a, E> {
    sink: &'a mut Sink<'a, E>,
    files: BTreeMap<String, Digest>,
    /// Bytes of the manifest so far.
    listed: usize,
}

impl<E> Out<'_, E> {
    fn file(&mut self, path: String, bytes: &[u8]) -> Result<(), ExportError<E>> {
        if self.files.contains_key(&path) {
            return Err(ExportError::Path(path));
        }
        // Digest in hex, two spaces, path, line feed.
        self.listed += 64 + 2 + path.len() + 1;
        if self.listed > MANIFEST_MAX_BYTES {
            return Err(ExportError::TooManyFiles);
        }
        (self.sink)(&path, bytes).map_err(ExportError::Io)?;
        self.files.insert(path, sha256(bytes));
        Ok(())
    }
}
