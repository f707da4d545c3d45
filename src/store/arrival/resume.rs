//! What an earlier try stored is verified again from disk, since a power cut may have taken part of
//! it, and cut off at the first difference. A part at a time: a transfer may be a terabyte in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{Arrival, SEALED_CHUNK_BYTES};
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::primitives::blake3;
use crate::disk::Syncing;
use crate::store::vault::{VaultError, layout_digest, read_sizes};

/// Hashes of the list that are read in one part: 2 MiB.
const HASHES_PER_PART: u64 = 1 << 16;
/// Chunks that are read in one part: 16 MiB, some ten milliseconds of work.
const CHUNKS_PER_PART: u64 = 64;

/// Where the verification is.
pub(super) enum Resuming {
    List { sizes: Vec<u64>, hashes: BufReader<File>, frontier: Frontier },
    Chunks,
}

impl Resuming {
    pub(super) fn open(dir: &Path) -> Result<Self, VaultError> {
        let sizes = read_sizes(dir)?;
        let hashes = BufReader::with_capacity(256 << 10, File::open(dir.join("leaves"))?);
        Ok(Self::List { sizes, hashes, frontier: Frontier::new() })
    }
}

impl Arrival {
    /// Verifies the next part of what an earlier try stored; false when nothing is left to verify.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn verify_some(&mut self) -> Result<bool, VaultError> {
        self.resuming = match self.resuming.take() {
            None => None,
            Some(Resuming::List { sizes, hashes, frontier }) => {
                self.verify_list(sizes, hashes, frontier)?
            }
            Some(Resuming::Chunks) => self.verify_chunks()?.then_some(Resuming::Chunks),
        };
        Ok(self.resuming.is_some())
    }

    fn verify_list(
        &mut self,
        sizes: Vec<u64>,
        mut hashes: BufReader<File>,
        mut frontier: Frontier,
    ) -> Result<Option<Resuming>, VaultError> {
        let end = self.shape.chunks.min(frontier.size() + HASHES_PER_PART);
        let mut hash = [0; 32];
        while frontier.size() < end && hashes.read_exact(&mut hash).is_ok() {
            frontier.push(leaf_hash(&hash));
        }
        if frontier.size() == end && end < self.shape.chunks {
            return Ok(Some(Resuming::List { sizes, hashes, frontier }));
        }
        let whole =
            frontier.root() == self.shape.root && layout_digest(&sizes) == self.shape.layout_digest;
        if !whole {
            // A power cut took part of the list: begin anew.
            fs::remove_file(self.dir.join("sizes"))?;
            return Ok(None);
        }
        self.sizes = sizes;
        self.leaves = Some(hashes.into_inner());
        self.syncing = Some(Syncing::begin(&self.dir)?);
        Ok(Some(Resuming::Chunks))
    }

    /// False when all that is sound was found.
    fn verify_chunks(&mut self) -> Result<bool, VaultError> {
        let end = self.shape.chunks.min(self.next.number + CHUNKS_PER_PART);
        let mut buffer = Vec::new();
        while self.next.number < end {
            let path = self.dir.join(self.next.exhibit.to_string());
            if self.file.is_none() {
                match OpenOptions::new().read(true).write(true).open(&path) {
                    Ok(file) => self.file = Some(file),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    Err(error) => return Err(error.into()),
                }
            }
            let len = usize::try_from(self.length_of(self.next)?).unwrap_or(0);
            let expected = self.leaf(self.next.number)?;
            let at = self.next.index * SEALED_CHUNK_BYTES;
            let Some(file) = self.file.as_mut() else { return Ok(false) };
            buffer.resize(len, 0);
            if file.read_exact_at(&mut buffer, at).is_err() || blake3(&buffer) != expected {
                file.set_len(at)?;
                return Ok(false);
            }
            self.advance()?;
        }
        Ok(end < self.shape.chunks)
    }
}
