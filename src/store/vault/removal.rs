//! Taking packages out of the vault.
//!
//! In two steps, because a message that names a package may just have seen that it is there: first
//! it is set aside, so that nobody finds it any more; later, when no message has come to name it,
//! its bytes go. Both can be repeated.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{PackageShape, Vault, VaultError, sync_dir};

impl Vault {
    fn aside(&self, shape: &PackageShape) -> PathBuf {
        self.root.join("removing").join(shape.name())
    }

    /// Whether a package is set aside.
    pub fn is_aside(&self, shape: &PackageShape) -> bool {
        self.aside(shape).is_dir()
    }

    /// Sets a complete package aside, if it is here: from now on it is not.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn set_aside(&self, shape: &PackageShape) -> Result<(), VaultError> {
        self.shift(self.complete(shape), self.aside(shape))
    }

    /// Puts a package back that was set aside, unless it has come anew meanwhile.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn put_back(&self, shape: &PackageShape) -> Result<(), VaultError> {
        match self.contains(shape) {
            true => self.clear_aside(shape),
            false => self.shift(self.aside(shape), self.complete(shape)),
        }
    }

    /// Removes the bytes of a package that was set aside; false, and nothing is removed, while
    /// somebody holds it.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn remove_aside(&self, shape: &PackageShape) -> Result<bool, VaultError> {
        // Whoever comes to hold it from now on does not find it.
        match self.is_held(shape) {
            true => Ok(false),
            false => self.clear_aside(shape).map(|()| true),
        }
    }

    fn clear_aside(&self, shape: &PackageShape) -> Result<(), VaultError> {
        match fs::remove_dir_all(self.aside(shape)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => sync_dir(&self.root.join("removing")),
        }
    }

    fn shift(&self, from: PathBuf, to: PathBuf) -> Result<(), VaultError> {
        match fs::rename(from, to) {
            // It was not here, or a stop came between an earlier call and what follows it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        sync_dir(&self.root.join("removing"))?;
        sync_dir(&self.root.join("packages"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random;
    use crate::domain::{PackageId, Timestamp};

    fn package(vault: &Vault) -> PackageShape {
        let id = PackageId::new(Timestamp::from_unix_ms(1_000), random());
        let mut writer = vault.begin(id).expect("begun");
        writer.begin_exhibit().expect("begun");
        writer.chunk(&[7; 100]).expect("written");
        writer.end_exhibit().expect("ended");
        writer.finish().expect("finished")
    }

    #[test]
    fn a_package_goes_in_two_steps_and_can_come_back_between_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(dir.path()).expect("a vault");
        let (shape, other) = (package(&vault), package(&vault));
        vault.set_aside(&shape).expect("set aside");
        vault.set_aside(&shape).expect("twice is once");
        assert!(vault.is_aside(&shape) && !vault.contains(&shape));
        assert!(matches!(vault.reader(&shape).err(), Some(VaultError::Missing)));
        vault.put_back(&shape).expect("put back");
        assert!(!vault.is_aside(&shape) && vault.contains(&shape));
        let mut reader = vault.reader(&shape).expect("whole");
        reader.chunk(0, 0).expect("sound");
        vault.set_aside(&shape).expect("set aside");
        assert!(!vault.remove_aside(&shape).expect("held") && vault.is_aside(&shape));
        reader.chunk(0, 0).expect("it reads on");
        drop(reader);
        assert!(vault.remove_aside(&shape).expect("removed"));
        assert!(vault.remove_aside(&shape).expect("twice is once"));
        vault.put_back(&shape).expect("nothing to put back");
        assert!(!vault.is_aside(&shape) && !vault.contains(&shape));
        assert!(vault.contains(&other), "and nothing else goes");
    }

    #[test]
    fn what_came_anew_stays_when_the_old_is_put_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(dir.path()).expect("a vault");
        let shape = package(&vault);
        vault.set_aside(&shape).expect("set aside");
        fs::create_dir(vault.complete(&shape)).expect("came anew");
        vault.put_back(&shape).expect("put back");
        assert!(!vault.is_aside(&shape) && vault.contains(&shape));
    }
}
