//! A package of our own on its way into the vault.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::{Owner, PackageShape, Vault, VaultError, create, layout_digest, write_sizes};
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::primitives::blake3;
use crate::domain::PackageId;
use crate::domain::limits::EXHIBITS_PER_PACKAGE_MAX;

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
    pub(super) fn begin(vault: &Vault, id: PackageId) -> Result<Self, VaultError> {
        let dir = vault.root.join("incoming").join(format!("own-{id}"));
        fs::create_dir(&dir)?;
        Ok(Self {
            vault: vault.clone(),
            id,
            leaves: io::BufWriter::new(create(&dir.join("leaves"))?),
            dir,
            exhibit: None,
            sizes: Vec::new(),
            frontier: Frontier::new(),
            finished: false,
        })
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
        let file = create(&self.dir.join(self.sizes.len().to_string()))?;
        self.exhibit = Some((file, 0));
        Ok(())
    }

    /// Appends a sealed chunk to the exhibit that was begun.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Full`]; [`VaultError::Refused`] when none was begun.
    pub fn chunk(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        self.vault.check_room(sealed.len() as u64)?;
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
        // Marked until its row is durable: a crash between the two leaves nothing that is not found.
        self.vault.mark(&shape.name(), Owner::Own(self.id), 0)?;
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
