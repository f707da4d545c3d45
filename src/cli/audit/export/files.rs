//! Whole files of a directory, of which some take a place in a new export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::place::{copy, digest_of, link};
use super::staging::log_folder;
use crate::cli::evidence::files_below;
use crate::cli::exit::Failure;
use crate::cli::files::remove;
use crate::crypto::Digest;

/// Whole files that may take a place in the new export.
pub(super) struct Files {
    pub(super) dir: PathBuf,
    /// The folder that they are to take in it, where that is not the one that they are in.
    under: String,
    /// By their paths in the new export.
    pub(super) digests: BTreeMap<String, Digest>,
    /// Whether somebody else may still be able to write them.
    foreign: bool,
}

impl Files {
    /// Reads all files of a directory of one's own.
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let mut digests = BTreeMap::new();
        for file in files_below(dir)? {
            digests.insert(file.name, digest_of(&file.path)?);
        }
        Ok(Self { dir: dir.to_owned(), under: String::new(), digests, foreign: false })
    }

    /// The same of a directory that somebody else has given.
    pub(super) fn read_foreign(dir: &Path) -> Result<Self, Failure> {
        Ok(Self { foreign: true, ..Self::read(dir)? })
    }

    /// Those of the newest log, as they stand in the folder that it has become.
    pub(super) fn newest_under(&self, folder: &str) -> Self {
        let newest = self.digests.iter().filter(|(path, _)| log_folder(path).is_empty());
        let digests = newest.map(|(path, digest)| (format!("{folder}{path}"), *digest)).collect();
        let (dir, foreign) = (self.dir.clone(), self.foreign);
        Self { dir, under: folder.to_owned(), digests, foreign }
    }

    /// Gives a file to another directory too.
    pub(super) fn give(&self, path: &str, to: &Path) -> Result<(), Failure> {
        let from = self.dir.join(path.strip_prefix(&self.under).unwrap_or(path));
        remove(to)?;
        match self.foreign {
            true => copy(&from, to),
            false => link(&from, to),
        }
    }
}
