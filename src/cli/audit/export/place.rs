//! Where an export is put together, and its files.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::files::create;
use crate::crypto::{Digest, Sha256};

/// Bytes that are hashed at once.
const PIECE_BYTES: usize = 256 << 10;

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

pub(super) fn lock(dir: &Path, target: &Path) -> Result<File, Failure> {
    let cannot = |e: io::Error| Failure::file(dir, "cannot be locked", &e);
    let file = File::open(dir).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another command is exporting to {}", target.display());
            Err(Failure::new(Exit::Failed, message).hint("wait for it, or name another directory"))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::file(path, "cannot be removed", &error))
        }
        _ => Ok(()),
    }
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
    let cannot = |e: io::Error| Failure::file(path, "cannot be read", &e);
    let mut file = File::open(path).map_err(cannot)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece).map_err(cannot)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&piece[..read]),
        }
    }
}
