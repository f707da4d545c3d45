//! The passphrase of a home: where it comes from, and what its file must be like.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Name of the systemd credential that brings the passphrase.
pub const CREDENTIAL: &str = "rogatory-passphrase";

/// Why a passphrase file is refused.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// It cannot be read.
    #[error("the passphrase file cannot be read: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has nothing in it.
    #[error("the passphrase file is empty")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// Everybody on the machine may read it.
    #[error("everybody on this machine may read this passphrase file (mode {mode:o})")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl PassphraseError {
    /// Which file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::Empty { path } | Self::Mode { path, .. } => path,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "does it exist, and may the node's user read it?".into(),
            Self::Empty { .. } => "put the passphrase into it, on one line".into(),
            Self::Mode { path, .. } => {
                format!("chmod 600 {}, and think about who has read it", path.display())
            }
        }
    }
}

/// Reads a passphrase file; line breaks at its end are not part of it.
///
/// # Errors
/// [`PassphraseError`].
pub fn read_passphrase(path: &Path) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let io = |source| PassphraseError::Io { path: path.to_owned(), source };
    let data = fs::metadata(path).map_err(io)?;
    let mode = data.permissions().mode() & 0o777;
    // Not the bits of the group: systemd and others give a secret to one user with an access list,
    // which shows there. A pipe is nobody else's whatever its mode.
    if data.is_file() && mode & 0o007 != 0 {
        return Err(PassphraseError::Mode { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(fs::read(path).map_err(io)?);
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    match bytes.is_empty() {
        true => Err(PassphraseError::Empty { path: path.to_owned() }),
        false => Ok(bytes),
    }
}

/// The file of the systemd credential, if systemd says where credentials are.
pub fn credential() -> Option<PathBuf> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    Some(Path::new(&directory).join(CREDENTIAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, text: &str, mode: u32) -> PathBuf {
        let path = dir.join("passphrase");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode is set");
        path
    }

    #[test]
    fn a_passphrase_ends_before_its_line_break() {
        let dir = tempfile::tempdir().expect("a directory");
        for (text, passphrase) in [("one two\n", "one two"), ("a\r\n", "a"), (" b ", " b ")] {
            let path = file(dir.path(), text, 0o600);
            assert_eq!(*read_passphrase(&path).expect("read"), passphrase.as_bytes());
        }
    }

    #[test]
    fn a_file_that_cannot_be_the_passphrases_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let refused = |path: &Path| read_passphrase(path).expect_err("refused");
        for mode in [0o604, 0o602, 0o644] {
            let error = refused(&file(dir.path(), "one two", mode));
            assert!(matches!(error, PassphraseError::Mode { .. }), "{error}");
        }
        assert!(read_passphrase(&file(dir.path(), "one two", 0o440)).is_ok(), "an access list");
        let error = refused(&file(dir.path(), "\r\n", 0o600));
        assert!(matches!(error, PassphraseError::Empty { .. }), "{error}");
        for path in [dir.path().join("none"), dir.path().to_owned()] {
            let error = refused(&path);
            assert!(matches!(error, PassphraseError::Io { .. }), "{error}");
            assert_eq!(error.path(), path);
        }
    }
}
