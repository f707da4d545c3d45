//! Files that commands read and write, with errors that name them.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::exit::{Exit, Failure, code_of_io};
use crate::audit::policy::Policy;
use crate::card::{Card, CardError};
use crate::crypto::Sha256;
use crate::crypto::primitives::Sha512;
use crate::home::{self, PassphraseError};

/// No text that is read here needs more: requests and cards are smaller.
const TEXT_MAX_BYTES: u64 = 1 << 20;

/// Bytes that are hashed at once.
const PIECE_BYTES: usize = 256 << 10;

/// Reads a text that a person has written or was sent.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    read_long_text(path, TEXT_MAX_BYTES)
}

/// Reads a text that may be longer than what people write by hand.
pub(crate) fn read_long_text(path: &Path, most: u64) -> Result<String, Failure> {
    let text = String::from_utf8(read_bytes(path, most)?);
    text.map_err(|_| Failure::bad_file(path, "is not UTF-8 text"))
}

fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let cannot = |e: &std::io::Error| Failure::file(path, "cannot be read", e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| cannot(&e))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| cannot(&e))?;
    if bytes.len() as u64 > most {
        let why = format!("is larger than {} MiB: it is not what is asked for", most >> 20);
        return Err(Failure::bad_file(path, why));
    }
    Ok(bytes)
}

/// Reads a policy of witnesses, which need not be UTF-8.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_bytes(path, TEXT_MAX_BYTES)?)
        .map_err(|error| Failure::bad_file(path, error))
}

/// Reads the card of an authority.
pub(crate) fn read_card(path: &Path) -> Result<Card, Failure> {
    Card::parse(&read_text(path)?).map_err(|error| {
        let code = match error {
            CardError::Signature => Exit::VerificationFailed,
            _ => Exit::BadInput,
        };
        Failure::new(code, format!("{}: {error}", path.display()))
            .hint("ask the authority for its card: `rogatory card export` writes one")
    })
}

/// Reads a passphrase file.
pub(crate) fn read_passphrase(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    home::read_passphrase(path).map_err(|error| {
        let code = match &error {
            PassphraseError::Io { source, .. } => code_of_io(source).unwrap_or(Exit::Failed),
            PassphraseError::Empty { .. } | PassphraseError::Mode { .. } => Exit::BadInput,
        };
        Failure::new(code, format!("{}: {error}", path.display())).hint(error.hint())
    })
}

/// Whether a file is there at all: whoever names none there needs another hint than whoever has
/// a mistake in it.
pub(crate) fn must_be_there(path: &Path, hint: &str) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::file(path, "cannot be read", &error).hint(hint)),
    }
}

/// A new file that only its owner can read. An old one stays as it is, and is an error.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    create_as(path, path)
}

/// The same for a file that people know by another name.
fn create_as(path: &Path, named: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => Failure::file(named, "cannot be made", &error),
    })
}

/// Writes a new file, down to the disk. It gets its name when all of it is there, so that nobody
/// takes a part for the whole.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let partial = Partial::of(path);
    let cannot = |e| Failure::file(path, "cannot be written", &e);
    let mut file = partial.create()?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(cannot)?;
    partial.admit(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => cannot(error),
    })
}

/// Whether a new file can get this name: before what it is to hold is paid for.
pub(crate) fn create_new_name(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Partial::of(path).create().map(drop)
}

fn exists(path: &Path) -> Failure {
    let message = format!("{} exists, and is not overwritten", path.display());
    Failure::new(Exit::Failed, message).hint("name another file, or move that one away")
}

/// A file that is not whole yet, beside the one that it will be. It goes when it is dropped, also
/// where that is because a command is interrupted.
pub(crate) struct Partial {
    path: PathBuf,
    /// The name that it was asked for under.
    named: PathBuf,
}

impl Partial {
    /// For a file of this name.
    pub(crate) fn of(path: &Path) -> Self {
        let mut name = path.to_owned().into_os_string();
        name.push(".partial");
        Self { path: name.into(), named: path.to_owned() }
    }

    /// At this very place.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { named: path.clone(), path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it. What another command left behind has no use any more.
    pub(crate) fn create(&self) -> Result<File, Failure> {
        let _ = fs::remove_file(&self.path);
        create_as(&self.path, &self.named)
    }

    /// Gives it its name, if nobody has it.
    pub(crate) fn admit(self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            // Some file systems, as those of memory sticks, have no links.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::rename(&self.path, path),
            linked => linked,
        }
    }

    /// Gives it its name, in the place of who has it.
    pub(crate) fn replace(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A directory, with those above it, that only its owner can enter; fine if it is there.
pub(crate) fn create_directory(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| Failure::file(path, "cannot be made", &e))
}

/// A new directory, or one that is empty.
pub(crate) fn empty_directory(path: &Path) -> Result<(), Failure> {
    create_directory(path)?;
    let cannot = |e| Failure::file(path, "cannot be read", &e);
    match fs::read_dir(path).map_err(cannot)?.next() {
        None => Ok(()),
        Some(_) => {
            let message = format!("{} is not empty", path.display());
            Err(Failure::new(Exit::Failed, message).hint("name a new directory with --out"))
        }
    }
}

/// Locks a file or directory against another command that does the same; `busy` says what that does.
pub(crate) fn lock(path: &Path, busy: String) -> Result<File, Failure> {
    let cannot = |e: io::Error| Failure::file(path, "cannot be locked", &e);
    let file = File::open(path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::new(Exit::Failed, busy).hint("wait for it, or name another directory"))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::file(path, "cannot be removed", &error))
        }
        _ => Ok(()),
    }
}

/// Hashes a file, or a part of one, from where it stands to its end; `read` is told of each piece.
pub(crate) fn hashed(file: &mut impl Read, mut read: impl FnMut(u64)) -> io::Result<Sha256> {
    let mut hash = Sha256::new();
    pieces(file, |piece| {
        hash.update(piece);
        read(piece.len() as u64);
    })?;
    Ok(hash)
}

/// The same with SHA-512; gives its 64 bytes.
pub(crate) fn hashed_512(file: &mut impl Read, mut read: impl FnMut(u64)) -> io::Result<Vec<u8>> {
    let mut hash = Sha512::new();
    pieces(file, |piece| {
        hash.update(piece);
        read(piece.len() as u64);
    })?;
    Ok(hash.finish())
}

fn pieces(file: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Brings what was made in a directory to the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Failure> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|e| Failure::file(path, "cannot be brought to the disk", &e))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_the_owners_alone_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b");
        create_directory(path.parent().expect("a parent")).expect("made");
        write_new(&path, b"one").expect("written");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let failure = write_new(&path, b"two").expect_err("it is there");
        assert_eq!(failure.code, Exit::Failed);
        assert_eq!(fs::read(&path).expect("there"), b"one");
    }

    #[test]
    fn a_directory_that_is_in_use_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(empty_directory(dir.path()), Ok(()));
        fs::write(dir.path().join("x"), "x").expect("written");
        assert_eq!(empty_directory(dir.path()).expect_err("in use").code, Exit::Failed);
    }

    #[test]
    fn a_file_that_cannot_be_made_is_told_by_the_name_that_was_given() {
        let failure = write_new(Path::new("/nowhere/x.csv"), b"").expect_err("no directory");
        assert!(failure.message.starts_with("/nowhere/x.csv cannot be made"), "{failure}");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let failure = read_text(Path::new("/nowhere/at/all")).expect_err("not there");
        assert_eq!(failure.code, Exit::NotFound);
        assert!(failure.message.starts_with("/nowhere/at/all cannot be read"));
    }
}
