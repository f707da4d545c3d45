//! The vault: sealed chunks of evidence packages, as files.
//!
//! ```text
//! vault/incoming/<name>/   a package that is not complete: removed, or resumed
//! vault/uploads/<id>       notes of an upload that can be gone on with
//! vault/packages/<name>/   a complete one: sizes, leaves, 0, 1, 2, … (one file an exhibit)
//! vault/removing/<name>/   one that no message names any more
//! vault/unclaimed/<name>   a mark: no row names these bytes yet; whose they are
//! ```
//!
//! A package is complete when its files and directories are on disk and its directory has its
//! final name; only then may a row or an entry name it (I4). Names are digests, so nothing here
//! says whose a package is or what is in it. Trusted for nothing: every chunk is checked against
//! the signed root when it is read for anybody.
//!
//! What is here without a row is marked before its first byte is, so that it is found and removed
//! when nobody comes for it; what peers bring counts towards their quota until then (I7).

mod kept;
mod reader;
mod room;
mod survey;
mod unclaimed;
mod writer;

mod removal;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::kept::KeptNotes;
pub use self::reader::PackageReader;
pub use self::room::{Bounds, Room};
pub use self::survey::Survey;
use self::unclaimed::Ledger;
pub use self::unclaimed::{InUse, Owner, Unclaimed};
pub use self::writer::PackageWriter;
use crate::crypto::primitives::pae;
use crate::crypto::{Digest, Sha256, sha256};
use crate::disk::Syncing;
use crate::domain::PackageId;
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES};

const NOT_BEGUN: &str = "no exhibit was begun";
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
    /// The disk has no more room than must stay free. Nothing is lost; an operator makes room.
    #[error("the disk of the evidence vault is full but for {0}: make room, or add a disk")]
    Full(Room),
    /// What an authority has brought, and no message carries yet, has reached its quota.
    #[error("{0} of one authority is here already without a message")]
    OverQuota(&'static str),
    /// Somebody else is at it.
    #[error("{0}")]
    Busy(&'static str),
    /// No such package, or not all of it.
    #[error("the package is not (or not wholly) in the vault")]
    Missing,
    /// What is on disk is not what was verified when it was stored.
    #[error("chunk {0} of the package is damaged on disk: restore it from a backup or its sender")]
    Damaged(u64),
}

/// The directory of packages. Clones are handles of the same one.
#[derive(Clone)]
pub struct Vault {
    root: PathBuf,
    bounds: Bounds,
    ledger: Arc<Ledger>,
    failures: Arc<AtomicU64>,
}

impl Vault {
    /// Opens or makes the vault, without bounds.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn open(root: &Path) -> Result<Self, VaultError> {
        Self::bounded(root, Bounds::default())
    }

    /// Opens or makes the vault.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn bounded(root: &Path, bounds: Bounds) -> Result<Self, VaultError> {
        for dir in ["incoming", "packages", "removing", "unclaimed", "uploads"] {
            fs::create_dir_all(root.join(dir))?;
        }
        sync_dir(root)?;
        let ledger = Arc::new(Ledger::load(&root.join("unclaimed"))?);
        Ok(Self { root: root.to_owned(), bounds, ledger, failures: Arc::default() })
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
    /// [`VaultError::Full`], [`VaultError::Io`].
    pub fn begin(&self, id: PackageId) -> Result<PackageWriter, VaultError> {
        self.check_room(0)?;
        PackageWriter::begin(self, id)
    }

    /// Removes what a stop cut off: uploads, removals, and arrivals that bear no mark. Called once
    /// at start, before anything arrives.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn sweep(&self) -> Result<usize, VaultError> {
        let mut swept = 0;
        for entry in fs::read_dir(self.root.join("incoming"))? {
            let entry = entry?;
            // Uploads and what is being removed have names that no mark has.
            if !self.ledger.has(&entry.file_name().to_string_lossy()) {
                fs::remove_dir_all(entry.path())?;
                swept += 1;
            }
        }
        self.sweep_notes()?;
        Ok(swept)
    }

    /// Opens a complete package for reading.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when it is not here, [`VaultError::Io`].
    pub fn reader(&self, shape: &PackageShape) -> Result<PackageReader, VaultError> {
        PackageReader::open(self.complete(shape), shape, self.hold(shape))
    }

    /// Brings the files of a package to the disk. Where that fails, what others have left half done may
    /// have been hit too, and is only in memory what it should be: all of it begins anew.
    /// What somebody is at finds out when it ends: one sync has failed more than when it was begun.
    pub(super) fn sync_all(&self, syncing: &mut Syncing, failures: u64) -> Result<(), VaultError> {
        let synced = syncing.finish();
        if synced.is_err() {
            self.failures.fetch_add(1, Ordering::AcqRel);
            self.distrust()?;
        }
        synced?;
        match self.sync_failures() == failures {
            true => Ok(()),
            false => Err(io::Error::other("a sync of the vault failed meanwhile").into()),
        }
    }

    /// How many syncs of many files have failed.
    pub(super) fn sync_failures(&self) -> u64 {
        self.failures.load(Ordering::Acquire)
    }

    /// Lets nobody go on with what is half done and idle: its list goes, or its notes.
    fn distrust(&self) -> Result<(), VaultError> {
        for half in fs::read_dir(self.root.join("incoming"))? {
            let half = half?;
            if !self.ledger.is_held(&half.file_name().to_string_lossy()) {
                remove_if_there(&half.path().join("sizes"))?;
            }
        }
        for notes in fs::read_dir(self.root.join("uploads"))? {
            let notes = notes?;
            if !self.ledger.is_held(&format!("own-{}", notes.file_name().to_string_lossy())) {
                remove_if_there(&notes.path())?;
            }
        }
        Ok(())
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

pub(super) fn remove_if_there(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), VaultError> {
    Ok(File::open(dir)?.sync_all()?)
}
