//! Where the demo works, and what becomes of it afterwards.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::crypto::random;

/// Bytes of the directory's path: what a Unix socket's path leaves of it, the sockets of the homes
/// among them.
const PATH_MAX_BYTES: usize = 80;

/// The directory. It goes when this is dropped, unless it is to be kept.
pub(super) struct Place {
    dir: PathBuf,
    /// Whether somebody can look into it afterwards.
    pub(super) kept: bool,
}

impl Place {
    /// Makes the directory; one that was named is kept.
    pub(super) fn new(named: Option<PathBuf>, keep: bool) -> Result<Self> {
        let kept = keep || named.is_some();
        let temporary = || {
            let name = format!("rogatory-demo-{}", hex::encode(random::<4>()));
            std::env::temp_dir().join(name)
        };
        let dir = std::path::absolute(named.unwrap_or_else(temporary))?;
        ensure!(
            dir.as_os_str().len() <= PATH_MAX_BYTES,
            "{} is too long a path for the sockets below it: {PATH_MAX_BYTES} bytes at most",
            dir.display()
        );
        let cannot = || format!("{} cannot be made", dir.display());
        // Homes have private keys in clear here, so nobody else may look.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(cannot)?;
        let empty = fs::read_dir(&dir).with_context(cannot)?.next().is_none();
        ensure!(empty, "{} is not empty: name a new directory", dir.display());
        let place = Self { dir, kept };
        for below in ["traces", "run", "received", "receipts", "exports", "officials"] {
            fs::create_dir(place.below(below))
                .with_context(|| format!("{below} cannot be made"))?;
        }
        Ok(place)
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path below it.
    pub(super) fn below(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join(path)
    }

    /// The last lines of every node's trace, under its file name.
    pub(super) fn traces(&self) -> Vec<(String, Vec<String>)> {
        let files = fs::read_dir(self.below("traces")).into_iter().flatten().flatten();
        let mut traces: Vec<_> = files
            .filter_map(|file| {
                let text = fs::read(file.path()).ok()?;
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().rev().take(LINES_SHOWN).collect();
                let lines = lines.into_iter().rev().map(str::to_owned).collect();
                Some((file.file_name().to_string_lossy().into_owned(), lines))
            })
            .collect();
        traces.sort();
        traces
    }
}

const LINES_SHOWN: usize = 12;

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is in the system's temporary directory, and so its to remove.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_temporary_place_goes_and_a_named_one_stays() {
        let gone = Place::new(None, false).expect("made").dir().to_owned();
        assert!(!gone.exists());
        let root = tempfile::tempdir().expect("made");
        let named = root.path().join("demo");
        drop(Place::new(Some(named.clone()), false).expect("made"));
        assert!(named.join("traces").is_dir());
        assert!(Place::new(Some(named), false).is_err(), "it is not empty any more");
    }

    #[test]
    fn a_path_too_long_for_sockets_is_refused() {
        let long = std::env::temp_dir().join("x".repeat(90));
        assert!(Place::new(Some(long.clone()), false).is_err());
        assert!(!long.exists());
    }
}
