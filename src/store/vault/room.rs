//! How much the vault may take: what must stay free on its disk, and what one peer may bring.

use std::fmt;

use super::{Vault, VaultError};

/// Files that must stay free, where the file system counts them: the journal and the index make a
/// few hundred in their life, and stop for good where they cannot.
const FILES_RESERVE: u64 = 10_000;

/// What an operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the file system that evidence leaves free, for all else that the node writes.
    pub reserve_bytes: u64,
    /// Bytes that one peer may have here and no message of it carries yet.
    pub peer_quota_bytes: u64,
}

impl Default for Bounds {
    /// None.
    fn default() -> Self {
        Self { reserve_bytes: 0, peer_quota_bytes: u64::MAX }
    }
}

/// What is left on the disk of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Files; [`u64::MAX`] where the file system does not count them.
    pub files: u64,
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.bytes >> 20)?;
        if self.files < FILES_RESERVE { write!(f, " and {} files", self.files) } else { Ok(()) }
    }
}

impl Vault {
    /// What is left on its disk.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn room(&self) -> Result<Room, VaultError> {
        let disk = rustix::fs::statvfs(&self.root).map_err(std::io::Error::from)?;
        let files = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
        Ok(Room { bytes: disk.f_bavail.saturating_mul(disk.f_frsize), files })
    }

    /// Whether `more` bytes would leave free what must stay free.
    ///
    /// # Errors
    /// [`VaultError::Full`] when not; [`VaultError::Io`].
    pub fn check_room(&self, more: u64) -> Result<(), VaultError> {
        let room = self.room()?;
        let enough = room.bytes >= self.bounds.reserve_bytes.saturating_add(more);
        match enough && room.files >= FILES_RESERVE {
            true => Ok(()),
            false => Err(VaultError::Full(room)),
        }
    }
}
