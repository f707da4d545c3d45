//! An export as it lies in a directory: verified as a whole, or read in places.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::chain::{Alone, links};
use super::excerpt::{self, ExcerptDir};
use super::trusted::{one_of, trusted_card};
use super::verify;
use crate::audit::bundle::entries_of;
use crate::audit::entry::Entry;
use crate::audit::export::CHECKPOINT_PATH;
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::merkle::{
    Frontier, NodeId, consistency_proof, inclusion_proof, leaf_hash, verify_consistency,
    verify_inclusion,
};
use crate::audit::tiles::{
    TILE_WIDTH, TileId, entries_path, node_from_tile, node_in_tile, parse_tile, width_at,
};
use crate::audit::verify::Report;
use crate::audit::{Checkpoint, Position};
use crate::card::Card;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::cli::out::Out;
use crate::crypto::Digest;
use crate::node::CONFIG_FILE;

/// An export and what it is verified with.
#[derive(Args)]
pub(super) struct ExportDir {
    /// The export
    dir: PathBuf,
    /// The card of the authority whose log it is
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The fingerprint that the card must have: twelve words or 64 hex digits
    #[arg(long, value_name = "WORDS|HEX")]
    fingerprint: Option<String>,
    #[command(flatten)]
    alone: Alone,
}

impl ExportDir {
    #[cfg(test)]
    pub(super) fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), card: None, fingerprint: None, alone: Alone::default() }
    }

    #[cfg(test)]
    pub(super) fn with_card(dir: &Path, card: &Path) -> Self {
        Self { card: Some(card.to_owned()), ..Self::of(dir) }
    }

    pub(super) fn open(&self, out: &mut Out) -> Result<Export, Failure> {
        let (card, fingerprint) = (self.card.as_deref(), self.fingerprint.as_deref());
        Export::open(&self.dir, card, fingerprint, self.alone, out)
    }

    /// The same where it is an excerpt, for commands that know what to do with one.
    pub(super) fn excerpt(&self, out: &mut Out) -> Result<Option<ExcerptDir>, Failure> {
        no_export(&self.dir).map_or(Ok(()), Err)?;
        if !excerpt::is_one(&self.dir) {
            return Ok(None);
        }
        let (card, fingerprint) = (self.card.as_deref(), self.fingerprint.as_deref());
        let card = trusted_card(&self.dir, card, fingerprint, out)?;
        Ok(Some(ExcerptDir::new(&self.dir, card, self.alone)))
    }
}

/// What is wrong with a path at which no export lies, and what to name instead; `None` where one may
/// lie there: whether it is sound, its verification says.
pub(super) fn no_export(dir: &Path) -> Option<Failure> {
    let has = |name: &str| dir.join(name).exists();
    let path = dir.display();
    let what = match fs::metadata(dir) {
        Err(error) => {
            return Some(Failure::file(dir, "cannot be read", &error).hint(AN_EXPORT));
        }
        Ok(_) if has(CHECKPOINT_PATH) || has(MANIFEST_PATH) => return irregular(dir),
        Ok(found) if !found.is_dir() => {
            format!("{path} is a file, and an export of a log is a directory")
        }
        Ok(_) if has(CONFIG_FILE) => {
            let what = format!("{path} is the home of a node, and no export of its log");
            let hint = format!("`rogatory audit export --home {path} --out DIR` makes one");
            return Some(Failure::new(Exit::BadInput, what).hint(hint));
        }
        Ok(_) => {
            format!("{path} is no export of a log: it has neither a checkpoint nor a manifest")
        }
    };
    Some(Failure::new(Exit::BadInput, what).hint(AN_EXPORT))
}

/// What would be read first, and is no file: a pipe would be waited for without end.
fn irregular(dir: &Path) -> Option<Failure> {
    let paths = [CHECKPOINT_PATH, MANIFEST_PATH].map(|name| dir.join(name));
    let is_other = |path: &&PathBuf| fs::metadata(path).is_ok_and(|found| !found.is_file());
    let path = paths.iter().find(is_other)?;
    Some(Failure::bad_file(path, "is not a regular file").hint(AN_EXPORT))
}

const AN_EXPORT: &str = "name the directory that `rogatory audit export --out DIR` has made, or \
                         that an authority has sent";

/// That an export lies there, and no excerpt of a log.
fn whole(dir: &Path) -> Result<(), Failure> {
    no_export(dir).map_or(Ok(()), Err)?;
    excerpt::refuse(dir)
}

/// An export whose checkpoint is signed by the log that the card names.
pub(super) struct Export {
    dir: PathBuf,
    card: Card,
    checkpoint: Checkpoint,
    note: String,
    alone: Alone,
    /// The logs before it, the oldest first; empty in one of those.
    earlier: Vec<Export>,
}

impl Export {
    /// Reads card and checkpoint; warns where the card is the export's own.
    pub(super) fn open(
        dir: &Path,
        card: Option<&Path>,
        fingerprint: Option<&str>,
        alone: Alone,
        out: &mut Out,
    ) -> Result<Self, Failure> {
        whole(dir)?;
        let card = trusted_card(dir, card, fingerprint, out)?;
        Self::all(dir, card, alone)
    }

    /// With the one of these cards that is of its authority; where there is none, with its own, of which
    /// it warns.
    pub(super) fn open_with_one_of(
        dir: &Path,
        cards: &[Card],
        alone: Alone,
        out: &mut Out,
    ) -> Result<Self, Failure> {
        whole(dir)?;
        Self::all(dir, one_of(cards, dir, out)?, alone)
    }

    /// All logs in a folder.
    fn all(dir: &Path, card: Card, alone: Alone) -> Result<Self, Failure> {
        let mut links = links(dir)?;
        links.pop();
        if alone.without_earlier {
            links.clear();
        }
        let earlier = links.iter().map(|link| Self::one(&link.dir, card.clone(), alone));
        let earlier = earlier.collect::<Result<_, _>>()?;
        Ok(Self { earlier, ..Self::one(dir, card, alone)? })
    }

    /// One that was verified with the card just now.
    pub(super) fn verified(dir: &Path, card: Card) -> Result<Self, Failure> {
        Self::all(dir, card, Alone::default())
    }

    /// The folder of this log.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// Whether the tree of its first `size` entries has this root; proven under the checkpoint.
    pub(super) fn extends(&self, size: u64, root: &Digest) -> Result<bool, Failure> {
        let newest = &self.checkpoint;
        let proof = consistency_proof(size, newest.size, |node| self.node(node))?;
        Ok(verify_consistency(size, root, newest.size, &newest.root, &proof).is_ok())
    }

    /// The bytes of entries of one bundle, from an index on, up to another; each is proven to stand
    /// under the checkpoint, whoever has written the files since they were verified.
    pub(super) fn some(&self, from: u64, until: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let width = TILE_WIDTH as u64;
        let until = until.min((from / width + 1) * width);
        let mut bundle = self.bundle(from / width)?;
        bundle.truncate((until - from / width * width) as usize);
        let entries = bundle.split_off((from % width) as usize);
        for (index, bytes) in (from..).zip(&entries) {
            self.prove(index, bytes)?;
        }
        Ok(entries)
    }

    /// The proof that an entry stands under the checkpoint.
    fn prove(&self, index: u64, bytes: &[u8]) -> Result<Vec<Digest>, Failure> {
        let Checkpoint { size, root, .. } = &self.checkpoint;
        let proof = inclusion_proof(index, *size, |node| self.node(node))?;
        verify_inclusion(&leaf_hash(bytes), index, *size, &proof, root)
            .map_err(|error| self.bad("tile", &format!("entry {index}: {error}")))?;
        Ok(proof)
    }

    /// One of its logs.
    fn one(dir: &Path, card: Card, alone: Alone) -> Result<Self, Failure> {
        let path = dir.join(CHECKPOINT_PATH);
        let note = read_text(&path).map_err(not_there)?;
        let unproven = |why: String| {
            Failure::new(Exit::VerificationFailed, format!("{}: {why}", path.display()))
        };
        let origin = Checkpoint::parse_unverified(&note).map(|checkpoint| checkpoint.origin);
        let origin = origin.map_err(|e| unproven(e.to_string()))?;
        if !card.owns_log(&origin) {
            return Err(unproven(format!("is of {origin}, the card of {}", card.log_origin())));
        }
        let checkpoint = Checkpoint::verify(&note, &card.log_keys_of(&origin))
            .map_err(|e| unproven(e.to_string()))?;
        Ok(Self { dir: dir.to_owned(), card, checkpoint, note, alone, earlier: Vec::new() })
    }

    /// All logs, the oldest first, with their numbers.
    pub(super) fn logs(&self) -> impl Iterator<Item = (u32, &Self)> {
        (0..).zip(self.earlier.iter().chain([self]))
    }

    /// The log of a number that is below that of [`Self::logs`].
    pub(super) fn log(&self, number: u32) -> &Self {
        self.earlier.get(number as usize).unwrap_or(self)
    }

    /// Entries in all logs.
    pub(super) fn total(&self) -> u64 {
        self.logs().map(|(_, log)| log.checkpoint.size).sum()
    }

    pub(super) fn card(&self) -> &Card {
        &self.card
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint as it was signed.
    pub(super) fn note(&self) -> &str {
        &self.note
    }

    /// Verifies all of it, and gives each entry with its position to `each` on the way.
    pub(super) fn verify(
        &self,
        out: &mut Out,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<Vec<Report>, Failure> {
        verify::verify(&self.dir, &self.card, None, self.alone, out, each)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let full = self.dir.join(path);
        fs::read(&full).map_err(|e| not_there(Failure::file(&full, "cannot be read", &e)))
    }

    fn bad(&self, path: &str, why: &str) -> Failure {
        let message = format!("{}: {why}", self.dir.join(path).display());
        Failure::new(Exit::VerificationFailed, message)
            .hint("`rogatory audit verify` says what is wrong with the export")
    }

    /// The bytes of the entries of a bundle.
    fn bundle(&self, number: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let first = number * TILE_WIDTH as u64;
        let width = (self.checkpoint.size - first).min(TILE_WIDTH as u64) as u16;
        let path = entries_path(number, width);
        let bytes = self.read(&path)?;
        let entries: Result<Vec<_>, _> =
            entries_of(&bytes).map(|e| e.map(<[u8]>::to_vec)).collect();
        match entries {
            Ok(entries) if entries.len() == usize::from(width) => Ok(entries),
            _ => Err(self.bad(&path, "does not hold the entries that it should")),
        }
    }

    /// An entry, proven to stand under the checkpoint, and the proof.
    pub(super) fn entry(&self, index: u64) -> Result<(Vec<u8>, Vec<Digest>), Failure> {
        let size = self.checkpoint.size;
        if index >= size {
            let message = format!("the log has {size} entries, from 0: there is no entry {index}");
            return Err(Failure::new(Exit::NotFound, message));
        }
        let bundle = self.bundle(index / TILE_WIDTH as u64)?;
        let bytes = bundle[index as usize % TILE_WIDTH].clone();
        let proof = self.prove(index, &bytes)?;
        Ok((bytes, proof))
    }

    /// A node of the tree, from its tile.
    pub(super) fn node(&self, node: NodeId) -> Result<Digest, Failure> {
        let (tile, ..) = node_from_tile(node);
        let (path, hashes) = self.tile(tile)?;
        node_in_tile(node, &hashes).ok_or_else(|| self.bad(&path, "is not the tile it should be"))
    }

    fn tile(&self, tile: TileId) -> Result<(String, Vec<Digest>), Failure> {
        let path = tile.path(width_at(tile, self.checkpoint.size));
        let hashes = parse_tile(&self.read(&path)?);
        let hashes = hashes.ok_or_else(|| self.bad(&path, "is no tile"))?;
        Ok((path, hashes))
    }

    /// Whether its oldest log is the first one of its authority.
    pub(super) fn is_from_first(&self) -> bool {
        !self.alone.without_earlier
    }

    /// All entries of all logs with their positions, in their order. The end of each log is an error where
    /// they are not those under its checkpoint: whoever has written the files since they were verified.
    pub(super) fn all_entries(&self) -> impl Iterator<Item = Result<(u64, Entry), Failure>> {
        let parse = |(place, bytes): (u64, Vec<u8>)| {
            Entry::parse(&bytes).map(|entry| (place, entry)).map_err(|error| {
                let place = Position::from_number(place);
                self.bad("tile/entries", &format!("entry {place}: {error}"))
            })
        };
        self.all_bytes().map(move |entry| entry.and_then(parse))
    }

    /// All leaf hashes of all logs with their positions, in their order, from the entries.
    pub(super) fn all_leaves(&self) -> impl Iterator<Item = Result<(u64, Digest), Failure>> {
        self.all_bytes().map(|entry| entry.map(|(place, bytes)| (place, leaf_hash(&bytes))))
    }

    fn all_bytes(&self) -> impl Iterator<Item = Result<(u64, Vec<u8>), Failure>> {
        self.logs().flat_map(|(log, export)| {
            let places = Position::new(log, 0).number()..;
            let mut places = places.into_iter();
            export.proven().map(move |bytes| Ok((places.next().unwrap_or_default(), bytes?)))
        })
    }

    /// The bytes of the entries of this log; at their end an error, unless they lead to its root.
    fn proven(&self) -> impl Iterator<Item = Result<Vec<u8>, Failure>> {
        let bundles =
            (0..self.checkpoint.size.div_ceil(TILE_WIDTH as u64)).map(|number| self.bundle(number));
        let mut frontier = Frontier::new();
        let end = self.checkpoint.size;
        flattened(bundles).map(move |entry| {
            let entry = entry?;
            frontier.push(leaf_hash(&entry));
            match frontier.size() == end && frontier.root() != self.checkpoint.root {
                true => Err(self.bad("tile/entries", "was changed since it was verified")),
                false => Ok(entry),
            }
        })
    }
}

/// What an export lacks is no mistake of whoever names it: it is not to be believed.
fn not_there(failure: Failure) -> Failure {
    match failure.code {
        Exit::NotFound => Failure { code: Exit::VerificationFailed, ..failure },
        _ => failure,
    }
}

/// The items of pages one after the other; a page that cannot be read is one error.
fn flattened<I: IntoIterator>(
    pages: impl Iterator<Item = Result<I, Failure>>,
) -> impl Iterator<Item = Result<I::Item, Failure>> {
    pages.flat_map(|page| {
        let (items, error) = match page {
            Ok(items) => (Some(items), None),
            Err(error) => (None, Some(Err(error))),
        };
        items.into_iter().flatten().map(Ok).chain(error)
    })
}
