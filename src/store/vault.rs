//! The vault: sealed chunks of evidence packages, as files.
//!
//! ```text
//! vault/incoming/<name>/   a package that is not complete: removed, or resumed
//! vault/packages/<name>/   a complete one: sizes, leaves, 0, 1, 2, … (one file an exhibit)
//! vault/removing/<name>/   one that no message names any more
//! ```
//!
//! A package is complete when its files and directories are on disk and its directory has its
//! final name; only then may a row or an entry name it (I4). Names are digests, so nothing here
//! says whose a package is or what is in it. Trusted for nothing: every chunk is checked against
//! the signed root when it is read for anybody.

mod removal;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::primitives::{blake3, pae};
use crate::crypto::{Digest, Sha256, sha256};
use crate::domain::PackageId;
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, EXHIBITS_PER_PACKAGE_MAX};

const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + CHUNK_TAG_BYTES) as u64;

/// What a package is, for whoever holds no key of it. The signed header says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageShape {
    /// Its id.
    pub id: PackageId,
    /// RFC 6962 root over the BLAKE3 hashes of the sealed chunks.
    pub root: Digest,
    /// Sealed chunks.
    pub chunks: u64,
    /// Bytes of them.
    pub sealed_bytes: u64,
    /// SHA-256 over the sealed sizes of the exhibits, u64 little endian.
    pub layout_digest: Digest,
    /// Sealed exhibits, the manifest included.
    pub exhibits: u32,
}

impl PackageShape {
    /// Its name in the vault: a digest of all that the signed header says of it.
    pub fn name(&self) -> String {
        let counts = [self.chunks, self.sealed_bytes, u64::from(self.exhibits)];
        let counts: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        let parts = [self.id.as_bytes().as_slice(), &self.root, &self.layout_digest, &counts];
        hex::encode(&sha256(&pae("rogatory/v1/vault", &parts))[..20])
    }
}

/// Why the vault does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The disk. Ours: nothing is acknowledged after it.
    #[error("the evidence vault cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// What was sent breaks a rule, or is not what the signed header says.
    #[error("{0}")]
    Refused(&'static str),
    /// No such package, or not all of it.
    #[error("the package is not (or not wholly) in the vault")]
    Missing,
    /// What is on disk is not what was verified when it was stored.
    #[error("chunk {0} of the package is damaged on disk: restore it from a backup or its sender")]
    Damaged(u64),
}

/// The directory of packages.
#[derive(Clone)]
pub struct Vault {
    root: PathBuf,
}

impl Vault {
    /// Opens or makes the vault.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn open(root: &Path) -> Result<Self, VaultError> {
        for dir in ["incoming", "packages", "removing"] {
            fs::create_dir_all(root.join(dir))?;
        }
        sync_dir(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Whether a complete package is here.
    pub fn contains(&self, shape: &PackageShape) -> bool {
        self.complete(shape).is_dir()
    }

    /// Makes sure that complete packages have their names on disk: between a rename and the sync
    /// of its directory a package is seen that a loss of power would take (I4).
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn settle(&self) -> Result<(), VaultError> {
        sync_dir(&self.root.join("packages"))
    }

    /// Begins a package of our own.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn begin(&self, id: PackageId) -> Result<PackageWriter, VaultError> {
        let dir = self.root.join("incoming").join(format!("own-{id}"));
        fs::create_dir(&dir)?;
        Ok(PackageWriter {
            vault: self.clone(),
            id,
            leaves: io::BufWriter::new(create(&dir.join("leaves"))?),
            dir,
            exhibit: None,
            sizes: Vec::new(),
            frontier: Frontier::new(),
            finished: false,
        })
    }

    /// Removes what uploads left behind that a stop cut off; called once at start.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn sweep(&self) -> Result<usize, VaultError> {
        let mut swept = 0;
        for entry in fs::read_dir(self.root.join("incoming"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("own-") {
                fs::remove_dir_all(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Opens a complete package for reading.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when it is not here, [`VaultError::Io`].
    pub fn reader(&self, shape: &PackageShape) -> Result<PackageReader, VaultError> {
        let dir = self.complete(shape);
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
        Ok(PackageReader { leaves, dir, sizes, starts, open: None })
    }

    pub(super) fn incoming(&self, shape: &PackageShape) -> PathBuf {
        self.root.join("incoming").join(shape.name())
    }

    pub(super) fn complete(&self, shape: &PackageShape) -> PathBuf {
        self.root.join("packages").join(shape.name())
    }

    /// Gives a finished directory its final name. All its files are synced; the directory is
    /// synced before the rename and its new parent after it, so that no crash shows half of it.
    pub(super) fn promote(&self, from: &Path, shape: &PackageShape) -> Result<(), VaultError> {
        sync_dir(from)?;
        let to = self.complete(shape);
        if to.is_dir() {
            // The same content under the same digest: what is there is as good.
            fs::remove_dir_all(from)?;
        } else {
            fs::rename(from, &to)?;
        }
        sync_dir(&self.root.join("packages"))?;
        sync_dir(&self.root.join("incoming"))?;
        Ok(())
    }
}

/// Takes the sealed chunks of a package of our own, exhibit after exhibit.
pub struct PackageWriter {
    vault: Vault,
    id: PackageId,
    dir: PathBuf,
    leaves: io::BufWriter<File>,
    exhibit: Option<(File, u64)>,
    sizes: Vec<u64>,
    frontier: Frontier,
    finished: bool,
}

impl PackageWriter {
    /// The number that the next exhibit gets.
    pub fn exhibits(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// Begins the next exhibit.
    ///
    /// # Errors
    /// [`VaultError::Refused`] beyond [`EXHIBITS_PER_PACKAGE_MAX`] and the manifest.
    pub fn begin_exhibit(&mut self) -> Result<(), VaultError> {
        if self.sizes.len() > EXHIBITS_PER_PACKAGE_MAX {
            return Err(VaultError::Refused("a package has 100,000 exhibits at most"));
        }
        let file = create(&self.dir.join(self.sizes.len().to_string()))?;
        self.exhibit = Some((file, 0));
        Ok(())
    }

    /// Appends a sealed chunk to the exhibit that was begun.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Refused`] when none was begun.
    pub fn chunk(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        let (file, size) =
            self.exhibit.as_mut().ok_or(VaultError::Refused("no exhibit was begun"))?;
        file.write_all(sealed)?;
        *size += sealed.len() as u64;
        let hash = blake3(sealed);
        self.leaves.write_all(&hash)?;
        self.frontier.push(leaf_hash(&hash));
        Ok(())
    }

    /// Ends the exhibit: its bytes are on disk.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Refused`] when none was begun.
    pub fn end_exhibit(&mut self) -> Result<(), VaultError> {
        let (file, size) =
            self.exhibit.take().ok_or(VaultError::Refused("no exhibit was begun"))?;
        file.sync_all()?;
        self.sizes.push(size);
        Ok(())
    }

    /// Ends the package: all of it is on disk under its final name.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn finish(mut self) -> Result<PackageShape, VaultError> {
        self.leaves.flush()?;
        self.leaves.get_ref().sync_all()?;
        write_sizes(&self.dir, &self.sizes)?;
        let shape = PackageShape {
            id: self.id,
            root: self.frontier.root(),
            chunks: self.frontier.size(),
            sealed_bytes: self.sizes.iter().sum(),
            layout_digest: layout_digest(&self.sizes),
            exhibits: self.exhibits(),
        };
        self.vault.promote(&self.dir, &shape)?;
        self.finished = true;
        Ok(shape)
    }
}

impl Drop for PackageWriter {
    fn drop(&mut self) {
        if !self.finished {
            // A cut upload leaves nothing; what this misses, `Vault::sweep` finds at the next start.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Reads a complete package.
pub struct PackageReader {
    dir: PathBuf,
    sizes: Vec<u64>,
    /// The number in the package of each exhibit's first chunk.
    starts: Vec<u64>,
    leaves: File,
    open: Option<(u32, File)>,
}

impl PackageReader {
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

/// SHA-256 over the sizes, u64 little endian.
pub(super) fn layout_digest(sizes: &[u64]) -> Digest {
    let mut hasher = Sha256::new();
    for size in sizes {
        hasher.update(&size.to_le_bytes());
    }
    hasher.finish()
}

pub(super) fn read_sizes(dir: &Path) -> Result<Vec<u64>, VaultError> {
    let mut bytes = Vec::new();
    File::open(dir.join("sizes"))?.read_to_end(&mut bytes)?;
    let (sizes, rest) = bytes.as_chunks::<8>();
    match rest.is_empty() {
        true => Ok(sizes.iter().map(|size| u64::from_le_bytes(*size)).collect()),
        false => Err(VaultError::Damaged(0)),
    }
}

pub(super) fn write_sizes(dir: &Path, sizes: &[u64]) -> Result<(), VaultError> {
    let mut file = create(&dir.join("sizes"))?;
    let bytes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    file.write_all(&bytes)?;
    Ok(file.sync_all()?)
}

/// A new file that only the node's user can read.
pub(super) fn create(path: &Path) -> Result<File, VaultError> {
    let mut options = OpenOptions::new();
    Ok(options.write(true).create_new(true).mode(0o600).open(path)?)
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), VaultError> {
    Ok(File::open(dir)?.sync_all()?)
}
