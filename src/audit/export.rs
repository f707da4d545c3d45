//! Writes an export: all of a log in files that any C2SP tlog-tiles client reads.
//!
//! Every tile is made from the entries while they pass, so that an export never depends on what
//! some store holds for tiles, and it is signed only if the entries lead to the checkpoint's root.
//! Entries pass in bundles of 256; what is kept is one open tile a level and one line a file.

mod left_out;

use std::collections::BTreeMap;

use super::bundle::bundle_bytes;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH, Manifest, is_export_path};
use super::merkle::{Frontier, leaf_hash};
use super::note::NoteError;
use super::tiles::{TILE_WIDTH, TileBuilder, TileId, entries_path, tile_bytes};
use crate::crypto::{SigningSecret, sha256};

pub use left_out::LeftOut;

/// The path of the checkpoint.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// The path of the policy of witnesses that the node has set, if it has.
pub const POLICY_PATH: &str = "policy";

/// The folder of the authorities' cards, `<authority>.card`.
pub const CARDS: &str = "cards/";

/// The folder of the receipts, `<name>.tlog-proof`.
pub const RECEIPTS: &str = "receipts/";

/// The folder of the logs before the newest one, each an export of its own in a folder of its year.
pub const EARLIER: &str = "earlier/";

/// The folder of an earlier log, by its origin.
pub fn earlier_dir(origin: &str) -> String {
    let label = origin.rsplit_once('/').map_or(origin, |(_, label)| label);
    format!("{EARLIER}{label}/")
}

/// What an export is made from.
pub struct Source<'a, E> {
    /// The signed checkpoint, with whatever cosignatures it has gathered; the export has exactly the
    /// entries under it.
    pub checkpoint: &'a str,
    /// The log's key, which signs the manifest.
    pub key: &'a SigningSecret,
    /// Gives the entries from an index on, at most as many as asked for, and at least one.
    pub entries: &'a mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
    /// Cards and receipts, with their paths below [`CARDS`] and [`RECEIPTS`], and the policy file
    /// under [`POLICY_PATH`].
    pub extras: &'a mut dyn Iterator<Item = Result<(String, Vec<u8>), E>>,
    /// Told how many entries are written, of how many.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The state of the log that the export shows.
    pub checkpoint: Checkpoint,
    /// Files, the manifest included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why an export was not finished. Without a manifest what was written is no export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError<E> {
    /// The source or the sink failed.
    #[error(transparent)]
    Io(E),
    /// The checkpoint handed in is malformed.
    #[error("the log's own checkpoint is malformed")]
    Checkpoint(#[source] CheckpointError),
    /// The source has no such entry, or it is too long to be one.
    #[error("the log has no sound entry {0}")]
    Entry(u64),
    /// The entries are not those under the checkpoint.
    #[error("the entries do not lead to the root of the checkpoint")]
    Root,
    /// A card, receipt or policy has a path that it must not have, or that another file has.
    #[error("{0:?} cannot be a file of an export")]
    Path(String),
    /// Its manifest would be larger than any verifier reads.
    #[error("the export would have too many files for one manifest: leave the receipts out")]
    TooManyFiles,
    /// The manifest cannot be signed with this key.
    #[error("the manifest cannot be signed")]
    Sign(#[source] NoteError),
}

/// Takes a file of an export: its relative path and its bytes.
pub type Sink<'a, E> = dyn FnMut(&str, &[u8]) -> Result<(), E> + 'a;

/// Writes the files of an export through `sink`, the manifest last.
///
/// # Errors
/// [`ExportError`].
pub fn write_export<'a, E>(
    source: Source<'_, E>,
    sink: &'a mut Sink<'a, E>,
) -> Result<Exported, ExportError<E>> {
    let checkpoint = Checkpoint::parse_unverified(source.checkpoint);
    let checkpoint = checkpoint.map_err(ExportError::Checkpoint)?;
    let mut out = Out { sink, files: BTreeMap::new(), bytes: 0, listed: MANIFEST_HEAD_BYTES };
    write_log(&checkpoint, source.entries, source.progress, &mut out)?;
    out.file(CHECKPOINT_PATH.to_owned(), source.checkpoint.as_bytes())?;
    for extra in source.extras {
        let (path, bytes) = extra.map_err(ExportError::Io)?;
        if !is_extra(&path) {
            return Err(ExportError::Path(path));
        }
        out.file(path, &bytes)?;
    }
    let files = std::mem::take(&mut out.files);
    let (origin, size) = (checkpoint.origin.clone(), checkpoint.size);
    let manifest = Manifest { origin, size, files };
    let note = manifest.sign(source.key).map_err(ExportError::Sign)?;
    out.write(MANIFEST_PATH, note.as_bytes())?;
    Ok(Exported { checkpoint, files: manifest.files.len() as u64 + 1, bytes: out.bytes })
}

/// Whether a path is one of a card, a receipt or the policy.
pub(super) fn is_extra(path: &str) -> bool {
    if path == POLICY_PATH {
        return true;
    }
    let name = match path.strip_prefix(CARDS) {
        Some(name) => name.strip_suffix(".card"),
        None => path.strip_prefix(RECEIPTS).and_then(|name| name.strip_suffix(".tlog-proof")),
    };
    is_export_path(path) && name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

struct Out<'a, E> {
    sink: &'a mut Sink<'a, E>,
    files: BTreeMap<String, [u8; 32]>,
    bytes: u64,
    /// Bytes of the manifest so far.
    listed: usize,
}

/// Header lines and signature of a manifest take less.
const MANIFEST_HEAD_BYTES: usize = 4096;

impl<E> Out<'_, E> {
    /// Writes a file that the manifest lists.
    fn file(&mut self, path: String, bytes: &[u8]) -> Result<(), ExportError<E>> {
        if self.files.contains_key(&path) {
            return Err(ExportError::Path(path));
        }
        // Digest in hex, two spaces, path, line feed.
        self.listed += 64 + 2 + path.len() + 1;
        if self.listed > MANIFEST_MAX_BYTES {
            return Err(ExportError::TooManyFiles);
        }
        self.write(&path, bytes)?;
        self.files.insert(path, sha256(bytes));
        Ok(())
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError<E>> {
        (self.sink)(path, bytes).map_err(ExportError::Io)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn tile(&mut self, tile: TileId, hashes: &[[u8; 32]]) -> Result<(), ExportError<E>> {
        self.file(tile.path(hashes.len() as u16), &tile_bytes(hashes))
    }
}

/// Streams the entries: bundles, and the tiles that come of them.
fn write_log<E>(
    checkpoint: &Checkpoint,
    entries: &mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
    progress: &mut dyn FnMut(u64, u64),
    out: &mut Out<'_, E>,
) -> Result<(), ExportError<E>> {
    let (mut tiles, mut frontier) = (TileBuilder::new(), Frontier::new());
    for first in (0..checkpoint.size).step_by(TILE_WIDTH) {
        let width = (checkpoint.size - first).min(TILE_WIDTH as u64) as usize;
        let bundle = read_bundle(first, width, entries)?;
        let bytes = bundle_bytes(&bundle).ok_or(ExportError::Entry(first))?;
        out.file(entries_path(first / TILE_WIDTH as u64, width as u16), &bytes)?;
        for entry in &bundle {
            let leaf = leaf_hash(entry);
            frontier.push(leaf);
            tiles.push(leaf, &mut |tile, hashes| out.tile(tile, hashes))?;
        }
        progress(frontier.size(), checkpoint.size);
    }
    tiles.finish(&mut |tile, hashes| out.tile(tile, hashes))?;
    if frontier.root() == checkpoint.root { Ok(()) } else { Err(ExportError::Root) }
}

fn read_bundle<E>(
    first: u64,
    width: usize,
    entries: &mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
) -> Result<Vec<Vec<u8>>, ExportError<E>> {
    let mut bundle: Vec<Vec<u8>> = Vec::with_capacity(width);
    while bundle.len() < width {
        let next = first + bundle.len() as u64;
        let more = entries(next, width - bundle.len()).map_err(ExportError::Io)?;
        if more.is_empty() {
            return Err(ExportError::Entry(next));
        }
        bundle.extend(more.into_iter().take(width - bundle.len()));
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_no_manifest_has_room_for_are_refused() {
        let mut sink = |_: &str, _: &[u8]| Ok::<_, &str>(());
        let listed = MANIFEST_MAX_BYTES - 200;
        let mut out = Out { sink: &mut sink, files: BTreeMap::new(), bytes: 0, listed };
        assert_eq!(out.file("receipts/a.tlog-proof".into(), b"x"), Ok(()));
        assert_eq!(out.file("receipts/b.tlog-proof".into(), b"x"), Ok(()));
        let third = out.file("receipts/c.tlog-proof".into(), b"x");
        assert_eq!(third, Err(ExportError::TooManyFiles));
    }
}
