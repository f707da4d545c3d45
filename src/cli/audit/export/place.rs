//! Where an export is put together, and its files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create, hashed};
use crate::crypto::Digest;

/// The same directory under a name beside which another can stand: without a slash at the end, and
/// where a link leads to it, in its own place.
pub(super) fn whole_path(target: &Path) -> Result<PathBuf, Failure> {
    let plain: PathBuf = target.components().collect();
    let whole = match plain.file_name() {
        Some(_) if !plain.is_symlink() => Ok(plain),
        _ => fs::canonicalize(target),
    };
    let whole = whole.map_err(|e| Failure::file(target, "cannot be read", &e))?;
    match whole.file_name() {
        Some(_) => Ok(whole),
        None => Err(Failure::new(Exit::Failed, format!("{} has no name", target.display()))
            .hint("name a directory below it with --out")),
    }
}

/// A directory beside another one.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// One file under two names, or two where the file system has no links.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => copy(from, to),
    }
}

/// A file of its own, which nobody writes who can write the other.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::file(to, "cannot be written", &e);
    let mut file = create(to)?;
    let mut source = File::open(from).map_err(|e| Failure::file(from, "cannot be read", &e))?;
    io::copy(&mut source, &mut file).map_err(cannot)?;
    file.sync_all().map_err(cannot)
}

pub(super) fn digest_of(path: &Path) -> Result<Digest, Failure> {
    let hashed = File::open(path).and_then(|mut file| hashed(&mut file, |_| {}));
    Ok(hashed.map_err(|e| Failure::file(path, "cannot be read", &e))?.finish())
}
