//! A package of our own on its way into the vault.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::kept::name_of;
use super::{
    InUse, NOT_BEGUN, Owner, PackageShape, Vault, VaultError, create, layout_digest,
    remove_if_there, write_sizes,
};
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::primitives::blake3;
use crate::disk::Syncing;
use crate::domain::PackageId;
use crate::domain::limits::EXHIBITS_PER_PACKAGE_MAX;

/// Takes the sealed chunks of a package of our own, exhibit after exhibit.
pub struct PackageWriter {
    pub(super) vault: Vault,
    pub(super) id: PackageId,
    dir: PathBuf,
    leaves: io::BufWriter<File>,
    /// The one that was begun, and its sealed bytes.
    pub(super) exhibit: Option<(File, u64)>,
    sizes: Vec<u64>,
    frontier: Frontier,
    syncing: Syncing,
    /// How many syncs of the vault had failed when it was begun.
    failures: u64,
    finished: bool,
    /// Of one that stays when it is cut off.
    pub(super) notes: Option<File>,
    pub(super) held: Option<InUse>,
}

impl PackageWriter {
    pub(super) fn begin(vault: &Vault, id: PackageId) -> Result<Self, VaultError> {
        fs::create_dir(vault.root.join("incoming").join(name_of(id)))?;
        Self::reopen(vault, id)
    }

    /// In a directory that is there: nothing in it counts.
    pub(super) fn reopen(vault: &Vault, id: PackageId) -> Result<Self, VaultError> {
        let dir = vault.root.join("incoming").join(name_of(id));
        for made in ["leaves", "sizes"] {
            remove_if_there(&dir.join(made))?;
        }
        Ok(Self {
            failures: vault.sync_failures(),
            vault: vault.clone(),
            id,
            syncing: Syncing::begin(&dir)?,
            leaves: io::BufWriter::new(create(&dir.join("leaves"))?),
            dir,
            exhibit: None,
            sizes: Vec::new(),
            frontier: Frontier::new(),
            finished: false,
            notes: None,
            held: None,
        })
    }

    pub(super) fn next_exhibit(&self) -> PathBuf {
        self.dir.join(self.sizes.len().to_string())
    }

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
        let path = self.next_exhibit();
        if self.notes.is_some() {
            remove_if_there(&path)?;
        }
        let file = create(&path)?;
        self.exhibit = Some((file, 0));
        Ok(())
    }

    /// Appends a sealed chunk to the exhibit that was begun.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Full`]; [`VaultError::Refused`] when none was begun.
    pub fn chunk(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        self.vault.check_room(sealed.len() as u64)?;
        let (file, _) = self.exhibit.as_mut().ok_or(VaultError::Refused(NOT_BEGUN))?;
        file.write_all(sealed)?;
        self.count(sealed)
    }

    /// Counts a chunk that is written.
    pub(super) fn count(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        let (_, size) = self.exhibit.as_mut().ok_or(VaultError::Refused(NOT_BEGUN))?;
        *size += sealed.len() as u64;
        let hash = blake3(sealed);
        self.leaves.write_all(&hash)?;
        self.frontier.push(leaf_hash(&hash));
        Ok(())
    }

    /// Ends the exhibit: its bytes are on disk, or will be when the package ends.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Refused`] when none was begun.
    pub fn end_exhibit(&mut self) -> Result<(), VaultError> {
        let (file, size) = self.exhibit.take().ok_or(VaultError::Refused(NOT_BEGUN))?;
        if let Err(error) = self.syncing.written(&file, size) {
            // It may be in memory only what it should be: nobody goes on with it.
            let _ = fs::remove_file(self.next_exhibit());
            return Err(error.into());
        }
        self.sizes.push(size);
        Ok(())
    }

    /// Ends the package: all of it is on disk under its final name.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn finish(mut self) -> Result<PackageShape, VaultError> {
        self.remove_behind()?;
        self.leaves.flush()?;
        self.leaves.get_ref().sync_all()?;
        write_sizes(&self.dir, &self.sizes)?;
        if let Err(error) = self.vault.sync_all(&mut self.syncing, self.failures) {
            // Dropped, it takes all of it along.
            self.notes = None;
            return Err(error);
        }
        let shape = PackageShape {
            id: self.id,
            root: self.frontier.root(),
            chunks: self.frontier.size(),
            sealed_bytes: self.sizes.iter().sum(),
            layout_digest: layout_digest(&self.sizes),
            exhibits: self.exhibits(),
        };
        // Marked until its row is durable: a crash between the two leaves nothing that is not found.
        self.vault.mark(&shape.name(), Owner::Own(self.id), 0)?;
        self.vault.promote(&self.dir, &shape)?;
        self.finished = true;
        Ok(shape)
    }

    /// Removes exhibits that an earlier upload of this package had behind its last one.
    fn remove_behind(&self) -> Result<(), VaultError> {
        for found in fs::read_dir(&self.dir)? {
            let found = found?;
            let number = found.file_name().to_str().and_then(|name| name.parse::<usize>().ok());
            if number.is_some_and(|number| number >= self.sizes.len()) {
                fs::remove_file(found.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for PackageWriter {
    fn drop(&mut self) {
        if !self.finished && self.notes.is_none() {
            // A cut upload leaves nothing; what this misses, `Vault::sweep` finds at the next start.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
