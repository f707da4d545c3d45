//! The private keys of a home: one file each, mode 0600, wrapped under the home's key.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::home_key::UnlockError;
use crate::crypto::keys::{Role, Seed};
use crate::crypto::{HomeKey, HomeKeyFile, PublicKey};
use crate::domain::AuthorityId;

/// Why the keys of a home cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{}: this key file cannot be used: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner may read it.
    #[error("{}: others may read this private key (mode {mode:o})", path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is somebody else's, who could read it, or put another in its place.
    #[error("{}: this private key belongs to user {owner}, and not to {me}, who asks for it",
        path.display())]
    Owner {
        /// Which file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The user id of this process.
        me: u32,
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

impl KeyFileError {
    /// Which file, where it is one file's fault.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::Mode { path, .. }
            | Self::Owner { path, .. }
            | Self::Damaged { path, .. } => Some(path),
            Self::Unlock(_) => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Mode { path, .. } => {
                format!("chmod 600 {}, and think about who has read it", path.display())
            }
            Self::Owner { .. } => "run this as the node's own user, or give the file to it".into(),
            Self::Io { .. } | Self::Damaged { .. } => {
                "restore it from a backup: all of keys/ belongs together".into()
            }
            Self::Unlock(_) => "give the home's own passphrase".into(),
        }
    }
}

/// The file of the home's key, in the directory of the keys.
pub(super) const HOME_KEY: &str = "home.key";

/// The name under which a key of the witness cosigns: one for each key, since a line of a note is
/// told by the name and 32 bits of the key.
pub fn witness_name(authority: &AuthorityId, role: Role) -> String {
    format!("{authority}/{}", role.as_str())
}

/// The file of a role's key.
pub(super) fn key_path(dir: &Path, role: Role) -> PathBuf {
    dir.join(format!("{}.key", role.as_str()))
}

/// A private key on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    role: Role,
    algorithm: String,
    pub(super) key_id: String,
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
        write_json(&dir.join(HOME_KEY), &file)?;
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
        let path = dir.join(HOME_KEY);
        let file: HomeKeyFile = read_json(&path)?;
        let home = file.unlock(passphrase)?;
        Ok(Self { dir: dir.to_owned(), home, insecure: file.is_insecure() })
    }

    /// Whether there is a key for a role.
    pub fn has(&self, role: Role) -> bool {
        self.path(role).exists()
    }

    /// The public key of a role.
    ///
    /// # Errors
    /// As [`HomeKeys::seed`].
    pub fn public(&self, role: Role) -> Result<PublicKey, KeyFileError> {
        Ok(self.seed(role)?.public(role.algorithm()))
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
        self.seed_at(&self.path(role), role)
    }

    /// The secret in a file of a role.
    pub(super) fn seed_at(&self, path: &Path, role: Role) -> Result<Seed, KeyFileError> {
        let damaged = |why: &str| KeyFileError::Damaged { path: path.to_owned(), why: why.into() };
        let file: KeyFile = read_json(path)?;
        let wrapped = BASE64.decode(&file.wrapped).map_err(|_| damaged("it is not base64"))?;
        let seed = self
            .home
            .aead("keys")
            .open_random(role.as_str().as_bytes(), &wrapped)
            .map_err(|_| damaged("it does not open with this home's key as this role's"))?;
        Seed::from_slice(&seed).ok_or_else(|| damaged("it has not 32 bytes"))
    }

    /// The secrets that messages were sealed to before the present one.
    ///
    /// # Errors
    /// As [`HomeKeys::seed`].
    pub fn retired_sealing(&self) -> Result<Vec<Seed>, KeyFileError> {
        retired_sealing(&self.dir)?.iter().map(|path| self.seed_at(path, Role::Sealing)).collect()
    }

    /// The public key of a role that was announced and is not in use yet.
    ///
    /// # Errors
    /// As [`HomeKeys::seed`].
    pub fn next(&self, role: Role) -> Result<Option<PublicKey>, KeyFileError> {
        let path = self.next_path(role);
        match path.exists() {
            true => Ok(Some(self.seed_at(&path, role)?.public(role.algorithm()))),
            false => Ok(None),
        }
    }

    pub(super) fn next_path(&self, role: Role) -> PathBuf {
        self.dir.join(format!("{}.next.key", role.as_str()))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn write(&self, role: Role, seed: &Seed) -> Result<(), KeyFileError> {
        self.write_at(&self.path(role), role, seed)
    }

    /// Writes a new file for a role's secret.
    pub(super) fn write_at(
        &self,
        path: &Path,
        role: Role,
        seed: &Seed,
    ) -> Result<(), KeyFileError> {
        let sealed = self.home.aead("keys").seal_random(role.as_str().as_bytes(), seed.expose());
        let file = KeyFile {
            role,
            algorithm: role.algorithm().as_str().to_owned(),
            key_id: seed.public(role.algorithm()).id().to_string(),
            wrapped: BASE64.encode(sealed),
        };
        write_json(path, &file)
    }

    pub(super) fn path(&self, role: Role) -> PathBuf {
        key_path(&self.dir, role)
    }
}

/// The files of sealing keys that are kept for what was sealed to them, by name.
pub(super) fn retired_sealing(dir: &Path) -> Result<Vec<PathBuf>, KeyFileError> {
    let io = |source| KeyFileError::Io { path: dir.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_prefix("sealing.").and_then(|name| name.strip_suffix(".key"));
        if id.is_some_and(|id| id.len() == 32) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), KeyFileError> {
    let json = serde_json::to_string_pretty(value).expect("key files are strings and numbers");
    let json = Zeroizing::new(json + "\n");
    write_private(path, json.as_bytes())
        .map_err(|source| KeyFileError::Io { path: path.to_owned(), source })
}

pub(super) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let data = fs::metadata(path).map_err(io)?;
    private(path, data.permissions().mode() & 0o777, data.uid(), acting_user())?;
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    serde_json::from_str(&text)
        .map_err(|e| KeyFileError::Damaged { path: path.to_owned(), why: e.to_string() })
}

/// Whether a private key is its user's alone, who is this process.
fn private(path: &Path, mode: u32, owner: u32, me: Option<u32>) -> Result<(), KeyFileError> {
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { path: path.to_owned(), mode });
    }
    match me {
        Some(me) if me != owner => Err(KeyFileError::Owner { path: path.to_owned(), owner, me }),
        _ => Ok(()),
    }
}

/// The user that this process acts as; `None` where the system does not say.
fn acting_user() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

/// Writes a new file that only its owner can read, durably; an existing one is left alone.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::Algorithm;

    #[test]
    fn a_private_key_is_its_users_alone() {
        let check = |mode, owner, me| private(Path::new("signing.key"), mode, owner, me);
        for mode in [0o600, 0o400] {
            assert!(check(mode, 7, Some(7)).is_ok());
            assert!(check(mode, 7, None).is_ok(), "the system does not say who asks");
        }
        for mode in [0o640, 0o604, 0o644, 0o666, 0o620] {
            assert!(matches!(check(mode, 7, Some(7)), Err(KeyFileError::Mode { .. })));
        }
        let text = check(0o600, 7, Some(0)).expect_err("somebody else's").to_string();
        assert!(text.contains("user 7, and not to 0"), "{text}");
    }

    #[test]
    fn who_asks_is_whoever_owns_what_was_just_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let owner = fs::metadata(dir.path()).expect("there").uid();
        assert!(acting_user().is_none_or(|me| me == owner));
    }

    #[test]
    fn a_look_finds_what_is_wrong_with_every_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = HomeKeys::create(dir.path(), None);
        let id = made.expect("made").seed(Role::Log).expect("opens").public(Algorithm::Ed25519);
        let seen = HomeKeys::look(dir.path());
        assert_eq!((seen.sealed, seen.faults.len()), (Some(false), 0));
        assert_eq!(seen.id(Role::Log), Some(id.id().to_string().as_str()));
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(dir.path().join("log.key"), readable).expect("its mode is set");
        fs::write(dir.path().join("home.key"), "{}").expect("written");
        for absent in ["root.key", "tls.key"] {
            fs::remove_file(dir.path().join(absent)).expect("removed");
        }
        let seen = HomeKeys::look(dir.path());
        let name = |fault: &KeyFileError| {
            let path = fault.path().expect("a file's fault");
            path.file_name().expect("a name").to_owned()
        };
        let names: Vec<_> = seen.faults.iter().map(name).collect();
        assert_eq!(names, ["home.key", "tls.key", "log.key"]);
        assert_eq!((seen.sealed, seen.id(Role::Log)), (None, None));
    }
}
