//! The private keys of a home: one file each, mode 0600, wrapped under the home's key.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::home_key::UnlockError;
use crate::crypto::keys::{Role, Seed};
use crate::crypto::{HomeKey, HomeKeyFile};

/// Why the keys of a home cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner may read it.
    #[error("{}: others may read this private key (mode {mode:o}): chmod 600 it", path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not of the form.
    #[error("{}: the key file is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// The home's key does not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

/// A private key on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    role: Role,
    algorithm: String,
    key_id: String,
    /// nonce, ciphertext and tag under the home's key, base64.
    wrapped: String,
}

/// The unlocked keys of a home.
pub struct HomeKeys {
    dir: PathBuf,
    home: HomeKey,
    insecure: bool,
}

impl HomeKeys {
    /// Makes the directory, the home's key and every private key.
    ///
    /// # Errors
    /// [`KeyFileError::Io`].
    pub fn create(dir: &Path, passphrase: Option<&[u8]>) -> Result<Self, KeyFileError> {
        let home = HomeKey::generate();
        let file = match passphrase {
            Some(passphrase) => HomeKeyFile::wrap(&home, passphrase)
                .map_err(|_| UnlockError::Damaged("its Argon2 parameters are out of bounds"))?,
            None => HomeKeyFile::insecure_plain(&home),
        };
        let keys = Self { dir: dir.to_owned(), home, insecure: file.is_insecure() };
        write_json(&dir.join("home.key"), &file)?;
        for role in Role::ALL {
            keys.write(role, &Seed::generate())?;
        }
        Ok(keys)
    }

    /// Unlocks the keys in a directory.
    ///
    /// # Errors
    /// [`KeyFileError`], which says which file and what to do.
    pub fn unlock(dir: &Path, passphrase: Option<&[u8]>) -> Result<Self, KeyFileError> {
        let path = dir.join("home.key");
        let file: HomeKeyFile = read_json(&path)?;
        let home = file.unlock(passphrase)?;
        Ok(Self { dir: dir.to_owned(), home, insecure: file.is_insecure() })
    }

    /// Whether the home's key stands in clear.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// The home's key.
    pub fn home(&self) -> &HomeKey {
        &self.home
    }

    /// The secret of a role.
    ///
    /// # Errors
    /// [`KeyFileError`], also where the file is another role's.
    pub fn seed(&self, role: Role) -> Result<Seed, KeyFileError> {
        let path = self.path(role);
        let damaged = |why: &str| KeyFileError::Damaged { path: path.clone(), why: why.into() };
        let file: KeyFile = read_json(&path)?;
        let wrapped = BASE64.decode(&file.wrapped).map_err(|_| damaged("it is not base64"))?;
        let seed = self
            .home
            .aead("keys")
            .open_random(role.as_str().as_bytes(), &wrapped)
            .map_err(|_| damaged("it does not open with this home's key as this role's"))?;
        Seed::from_slice(&seed).ok_or_else(|| damaged("it has not 32 bytes"))
    }

    fn write(&self, role: Role, seed: &Seed) -> Result<(), KeyFileError> {
        let sealed = self.home.aead("keys").seal_random(role.as_str().as_bytes(), seed.expose());
        let file = KeyFile {
            role,
            algorithm: role.algorithm().as_str().to_owned(),
            key_id: seed.public(role.algorithm()).id().to_string(),
            wrapped: BASE64.encode(sealed),
        };
        write_json(&self.path(role), &file)
    }

    fn path(&self, role: Role) -> PathBuf {
        self.dir.join(format!("{}.key", role.as_str()))
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), KeyFileError> {
    let json = serde_json::to_string_pretty(value).expect("key files are strings and numbers");
    let json = Zeroizing::new(json + "\n");
    write_private(path, json.as_bytes())
        .map_err(|source| KeyFileError::Io { path: path.to_owned(), source })
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    serde_json::from_str(&text)
        .map_err(|e| KeyFileError::Damaged { path: path.to_owned(), why: e.to_string() })
}

/// Writes a new file that only its owner can read, durably; an existing one is left alone.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
