//! A complete package, read a chunk at a time.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::{InUse, PackageShape, SEALED_CHUNK_BYTES, VaultError, layout_digest, read_sizes};
use crate::crypto::primitives::blake3;

/// Reads a complete package.
pub struct PackageReader {
    dir: PathBuf,
    sizes: Vec<u64>,
    /// The number in the package of each exhibit's first chunk.
    starts: Vec<u64>,
    leaves: File,
    open: Option<(u32, File)>,
    /// Its files are opened one after the other: they stay as long.
    _held: InUse,
}

impl PackageReader {
    pub(super) fn open(
        dir: PathBuf,
        shape: &PackageShape,
        held: InUse,
    ) -> Result<Self, VaultError> {
        if !dir.is_dir() {
            return Err(VaultError::Missing);
        }
        let sizes = read_sizes(&dir)?;
        if layout_digest(&sizes) != shape.layout_digest {
            return Err(VaultError::Damaged(0));
        }
        let mut next = 0;
        let mut starts = Vec::with_capacity(sizes.len());
        for size in &sizes {
            starts.push(next);
            next += size.div_ceil(SEALED_CHUNK_BYTES);
        }
        let leaves = File::open(dir.join("leaves"))?;
        Ok(Self { leaves, dir, sizes, starts, open: None, _held: held })
    }

    /// Sealed sizes of the exhibits.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// How many chunks an exhibit has; 0 where there is none.
    pub fn chunk_count(&self, exhibit: u32) -> u64 {
        self.sizes.get(exhibit as usize).map_or(0, |size| size.div_ceil(SEALED_CHUNK_BYTES))
    }

    /// BLAKE3 hashes of `count` chunks from `first` on, 32 bytes each.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn leaves(&self, first: u64, count: usize) -> Result<Vec<u8>, VaultError> {
        let mut hashes = vec![0; count * 32];
        self.leaves.read_exact_at(&mut hashes, first * 32)?;
        Ok(hashes)
    }

    /// The sealed chunk `index` of exhibit `exhibit`, checked against its hash.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when there is none; [`VaultError::Damaged`]; [`VaultError::Io`].
    pub fn chunk(&mut self, exhibit: u32, index: u64) -> Result<Vec<u8>, VaultError> {
        let start = *self.starts.get(exhibit as usize).ok_or(VaultError::Missing)?;
        let size = *self.sizes.get(exhibit as usize).ok_or(VaultError::Missing)?;
        let at = index.checked_mul(SEALED_CHUNK_BYTES).ok_or(VaultError::Missing)?;
        let len = size.checked_sub(at).filter(|rest| *rest > 0).ok_or(VaultError::Missing)?;
        let mut sealed = vec![0; usize::try_from(len.min(SEALED_CHUNK_BYTES)).unwrap_or(0)];
        self.file(exhibit)?.read_exact_at(&mut sealed, at)?;
        let number = start + index;
        match self.leaves(number, 1)? == blake3(&sealed) {
            true => Ok(sealed),
            false => Err(VaultError::Damaged(number)),
        }
    }

    fn file(&mut self, exhibit: u32) -> Result<&File, VaultError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != exhibit) {
            self.open = Some((exhibit, File::open(self.dir.join(exhibit.to_string()))?));
        }
        self.open.as_ref().map(|(_, file)| file).ok_or(VaultError::Missing)
    }
}
