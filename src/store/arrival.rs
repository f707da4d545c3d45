//! The arrival of a peer's package: every chunk is verified before it is stored, the whole is on
//! disk before anyone says so (I1, I2, I4), and a transfer that broke goes on where it broke.

mod resume;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use self::resume::Resuming;
use super::vault::{
    InUse, Owner, PackageShape, Vault, VaultError, create, layout_digest, remove_if_there,
    sync_dir, write_sizes,
};
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::primitives::blake3;
use crate::disk::Syncing;
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES};

const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + CHUNK_TAG_BYTES) as u64;

/// How much of a package is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The sizes and the hashes of all chunks are here and fit the signed digests.
    pub listed: bool,
    /// Chunks stored and verified, from the first on.
    pub chunks: u64,
    /// All of it is on disk.
    pub complete: bool,
}

impl Progress {
    /// Of a package that is here already.
    pub fn complete(shape: &PackageShape) -> Self {
        Self { listed: true, chunks: shape.chunks, complete: true }
    }
}

/// A package that is on its way in.
pub struct Arrival {
    vault: Vault,
    shape: PackageShape,
    owner: Owner,
    dir: PathBuf,
    /// What an earlier try left is not verified to its end yet.
    resuming: Option<Resuming>,
    sizes: Vec<u64>,
    list: Option<List>,
    leaves: Option<File>,
    /// The next chunk: its number in the package, its exhibit and its number there.
    next: Cursor,
    file: Option<File>,
    /// Where something of it is on disk.
    syncing: Option<Syncing>,
    /// How many syncs of the vault had failed when it was begun.
    failures: u64,
    /// A write or sync failed.
    spoilt: bool,
    /// Not swept while this is here.
    _held: InUse,
}

struct List {
    leaves: io::BufWriter<File>,
    frontier: Frontier,
}

#[derive(Clone, Copy, Default)]
struct Cursor {
    number: u64,
    exhibit: usize,
    index: u64,
}

impl Arrival {
    /// Begins a package, or goes on with one: all of it that an earlier try stored is verified.
    ///
    /// # Errors
    /// As [`Arrival::begin`] and [`Arrival::verify_some`].
    pub fn open(vault: &Vault, shape: &PackageShape, owner: Owner) -> Result<Self, VaultError> {
        let mut arrival = Self::begin(vault, shape, owner)?;
        while arrival.verify_some()? {}
        Ok(arrival)
    }

    /// Begins a package, or goes on with one: then [`Arrival::verify_some`] comes first. Nothing is
    /// on disk before the list is.
    ///
    /// # Errors
    /// [`VaultError::Busy`] when another brings it; [`VaultError::OverQuota`];
    /// [`VaultError::Full`]; [`VaultError::Io`].
    pub fn begin(vault: &Vault, shape: &PackageShape, owner: Owner) -> Result<Self, VaultError> {
        let held = vault.hold(shape);
        let mut arrival = Self {
            vault: vault.clone(),
            shape: shape.clone(),
            owner,
            dir: vault.incoming(shape),
            resuming: None,
            sizes: Vec::new(),
            list: None,
            leaves: None,
            next: Cursor::default(),
            file: None,
            syncing: None,
            failures: vault.sync_failures(),
            spoilt: false,
            _held: held,
        };
        if !vault.contains(shape) {
            vault.check_arrival(shape, owner)?;
            if arrival.dir.join("sizes").exists() {
                arrival.resuming = Some(Resuming::open(&arrival.dir)?);
            }
        }
        Ok(arrival)
    }

    /// What is here.
    pub fn progress(&self) -> Progress {
        let complete = self.vault.contains(&self.shape);
        let chunks = if complete { self.shape.chunks } else { self.next.number };
        Progress { listed: complete || self.leaves.is_some(), chunks, complete }
    }

    /// Every chunk is here, so [`Arrival::finish`] can be.
    pub fn is_whole(&self) -> bool {
        self.progress().complete || self.next.number == self.shape.chunks
    }

    /// Takes the next piece of the lists: sealed sizes first, then hashes of chunks.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when the whole list is not the one that was signed;
    /// [`VaultError::OverQuota`]; [`VaultError::Full`]; [`VaultError::Io`].
    pub fn list(&mut self, sizes: &[u64], hashes: &[u8]) -> Result<(), VaultError> {
        if self.leaves.is_some() {
            return Err(VaultError::Refused("the list of the package is complete already"));
        }
        if self.sizes.len() + sizes.len() > self.shape.exhibits as usize {
            return Err(VaultError::Refused("the list has more exhibits than the signed header"));
        }
        self.sizes.extend_from_slice(sizes);
        self.list_hashes(hashes)?;
        let listed = self.list.as_ref().map_or(0, |list| list.frontier.size());
        if listed == self.shape.chunks && self.sizes.len() == self.shape.exhibits as usize {
            self.seal_list()?;
        }
        Ok(())
    }

    fn list_hashes(&mut self, hashes: &[u8]) -> Result<(), VaultError> {
        let (hashes, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(VaultError::Refused("a chunk hash has not 32 bytes"));
        }
        self.vault.check_room(hashes.len() as u64 * 32)?;
        if self.list.is_none() {
            self.vault.admit(&self.shape, self.owner)?;
            fs::create_dir_all(&self.dir)?;
            let path = self.dir.join("leaves");
            remove_if_there(&path)?;
            let leaves = io::BufWriter::new(create(&path)?);
            self.list = Some(List { leaves, frontier: Frontier::new() });
        }
        let list = self.list.as_mut().ok_or(VaultError::Missing)?;
        for hash in hashes {
            if list.frontier.size() == self.shape.chunks {
                return Err(VaultError::Refused("the list has more chunks than the signed header"));
            }
            list.leaves.write_all(hash)?;
            list.frontier.push(leaf_hash(hash));
        }
        Ok(())
    }

    /// The list is whole: it is the signed one, or all of it goes.
    fn seal_list(&mut self) -> Result<(), VaultError> {
        let mut list = self.list.take().ok_or(VaultError::Missing)?;
        let fits = list.frontier.root() == self.shape.root
            && layout_digest(&self.sizes) == self.shape.layout_digest
            && total(&self.sizes) == Some(self.shape.sealed_bytes)
            && self.sizes.iter().map(|size| chunks_of(*size)).sum::<u64>() == self.shape.chunks
            && self.sizes.iter().all(|size| *size >= CHUNK_TAG_BYTES as u64);
        if !fits {
            self.sizes.clear();
            return Err(VaultError::Refused(
                "the list of the package is not the one that its message was signed over",
            ));
        }
        list.leaves.flush()?;
        list.leaves.get_ref().sync_all()?;
        remove_if_there(&self.dir.join("sizes"))?;
        write_sizes(&self.dir, &self.sizes)?;
        sync_dir(&self.dir)?;
        self.leaves = Some(File::open(self.dir.join("leaves"))?);
        self.syncing = Some(Syncing::begin(&self.dir)?);
        Ok(())
    }

    /// A push begins: a list that an earlier one left half sent is sent again from its start.
    pub fn begin_push(&mut self) {
        if self.leaves.is_none() {
            self.sizes.clear();
            self.list = None;
        }
    }

    /// Takes the next chunk; it is verified before it is stored.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a chunk that is not the next one or not the signed one;
    /// [`VaultError::Full`]; [`VaultError::Io`], after which this arrival takes nothing more: what a failed write or sync
    /// left of the exhibit is removed, and the next arrival begins it anew.
    pub fn chunk(&mut self, number: u64, sealed: &[u8]) -> Result<(), VaultError> {
        if self.spoilt {
            return Err(VaultError::Refused(
                "an earlier write of this package failed: offer it again",
            ));
        }
        let stored = self.store_chunk(number, sealed);
        if matches!(stored, Err(VaultError::Io(_))) {
            self.spoilt = true;
            self.file = None;
            let _ = fs::remove_file(self.dir.join(self.next.exhibit.to_string()));
        }
        stored
    }

    fn store_chunk(&mut self, number: u64, sealed: &[u8]) -> Result<(), VaultError> {
        if number != self.next.number || number >= self.shape.chunks {
            return Err(VaultError::Refused("a chunk is out of its order"));
        }
        if sealed.len() as u64 != self.length_of(self.next)? {
            return Err(VaultError::Refused("a chunk has not the length that its place has"));
        }
        if self.leaf(number)? != blake3(sealed) {
            return Err(VaultError::Refused("a chunk is not the one that was signed"));
        }
        self.vault.check_room(sealed.len() as u64)?;
        if self.file.is_none() {
            let path = self.dir.join(self.next.exhibit.to_string());
            remove_if_there(&path)?;
            self.file = Some(create(&path)?);
        }
        let file = self.file.as_mut().ok_or(VaultError::Missing)?;
        // At its place, not at the cursor: a write that failed half-way is written over.
        file.write_all_at(sealed, self.next.index * SEALED_CHUNK_BYTES)?;
        self.advance()
    }

    /// Moves to the next chunk; an exhibit that is whole is synced and closed.
    fn advance(&mut self) -> Result<(), VaultError> {
        let size = *self.sizes.get(self.next.exhibit).ok_or(VaultError::Missing)?;
        if self.next.index + 1 == chunks_of(size) {
            // A sync that fails is never tried again on the same bytes.
            if let (Some(file), Some(syncing)) = (self.file.take(), &mut self.syncing) {
                syncing.written(&file, size)?;
            }
            self.next.exhibit += 1;
            self.next.index = 0;
        } else {
            self.next.index += 1;
        }
        self.next.number += 1;
        Ok(())
    }

    /// All chunks are here: gives the package its final name, durably.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when chunks are missing; [`VaultError::Io`].
    pub fn finish(&mut self) -> Result<(), VaultError> {
        if self.vault.contains(&self.shape) {
            return Ok(());
        }
        if self.spoilt || self.leaves.is_none() || self.next.number != self.shape.chunks {
            return Err(VaultError::Missing);
        }
        for (exhibit, size) in self.sizes.iter().enumerate() {
            if fs::metadata(self.dir.join(exhibit.to_string()))?.len() != *size {
                return Err(VaultError::Missing);
            }
        }
        if let Some(syncing) = &mut self.syncing
            && let Err(error) = self.vault.sync_all(syncing, self.failures)
        {
            self.spoilt = true;
            // Nobody goes on with what is here.
            remove_if_there(&self.dir.join("sizes"))?;
            return Err(error);
        }
        self.vault.promote(&self.dir, &self.shape)
    }

    fn length_of(&self, at: Cursor) -> Result<u64, VaultError> {
        let size = *self.sizes.get(at.exhibit).ok_or(VaultError::Missing)?;
        Ok((size - at.index * SEALED_CHUNK_BYTES).min(SEALED_CHUNK_BYTES))
    }

    fn leaf(&self, number: u64) -> Result<[u8; 32], VaultError> {
        let leaves =
            self.leaves.as_ref().ok_or(VaultError::Refused("chunks come after their list"))?;
        let mut hash = [0; 32];
        leaves.read_exact_at(&mut hash, number * 32)?;
        Ok(hash)
    }
}

/// The sum, unless what a peer sent overflows it.
fn total(sizes: &[u64]) -> Option<u64> {
    sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size))
}

fn chunks_of(sealed_size: u64) -> u64 {
    sealed_size.div_ceil(SEALED_CHUNK_BYTES)
}
