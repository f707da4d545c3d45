//! What is in the vault, as its files say, and whether it still is what was verified.

use std::fs;
use std::io;
use std::path::Path;

use super::{Owner, PackageReader, PackageShape, Vault, VaultError, read_sizes};
use crate::audit::merkle::{Frontier, leaf_hash};

/// What the vault takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Whole packages.
    pub packages: u64,
    /// Sealed bytes of them.
    pub bytes: u64,
    /// Bytes of what is on its way in or out.
    pub passing_bytes: u64,
    /// What is marked: whose, and how many bytes count.
    pub marked: Vec<(Owner, u64)>,
}

/// Hashes that are read at once: 128 KiB.
const HASHES_AT_ONCE: u64 = 4096;

impl Vault {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn survey(&self) -> Result<Survey, VaultError> {
        let mut survey = Survey { marked: self.charges(), ..Survey::default() };
        for package in fs::read_dir(self.root.join("packages"))? {
            let sizes = match read_sizes(&package?.path()) {
                // It went meanwhile, or is damaged: a check names it.
                Err(VaultError::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(VaultError::Damaged(_)) => Vec::new(),
                read => read?,
            };
            survey.packages += 1;
            survey.bytes = sizes.iter().fold(survey.bytes, |sum, size| sum.saturating_add(*size));
        }
        for passing in ["incoming", "removing", "uploads"] {
            survey.passing_bytes += bytes_below(&self.root.join(passing))?;
        }
        Ok(survey)
    }

    /// What must stay free, and what one peer may bring.
    pub fn bounds(&self) -> super::Bounds {
        self.bounds
    }
}

/// Bytes of all files below a directory, of which some may go meanwhile.
fn bytes_below(dir: &Path) -> io::Result<u64> {
    let mut sum = 0_u64;
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let items = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            items => items?,
        };
        for item in items {
            let item = item?;
            match item.metadata() {
                Ok(found) if found.is_dir() => open.push(item.path()),
                Ok(found) => sum = sum.saturating_add(found.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sum)
}

impl PackageReader {
    /// That the hashes on the disk are those that the signed root is over.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] where they are not; [`VaultError::Io`].
    pub fn check_leaves(&self, shape: &PackageShape) -> Result<(), VaultError> {
        let mut frontier = Frontier::new();
        while frontier.size() < shape.chunks {
            let from = frontier.size();
            let count = (shape.chunks - from).min(HASHES_AT_ONCE);
            let hashes = self.leaves(from, usize::try_from(count).unwrap_or(0))?;
            for hash in hashes.as_chunks::<32>().0 {
                frontier.push(leaf_hash(hash));
            }
        }
        match frontier.root() == shape.root {
            true => Ok(()),
            false => Err(VaultError::Damaged(0)),
        }
    }
}
