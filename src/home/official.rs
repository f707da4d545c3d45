//! The key of an official: a file of its own, made and kept by the official, never by a node.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::card::is_official_id;
use crate::crypto::home_key::UnlockError;
use crate::crypto::keys::{Algorithm, HomeKey, Seed};
use crate::crypto::{HomeKeyFile, PublicKey, SealingSecret};

/// No key file needs more.
const FILE_MAX_BYTES: u64 = 64 << 10;
/// What the private key is wrapped for, and for nothing else.
const LABEL: &str = "official";

/// Why the file of an official's key is not one.
#[derive(Debug, thiserror::Error)]
pub enum OfficialKeyError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{}: {rule}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        rule: &'static str,
    },
    /// It does not open.
    #[error("{}: {}", path.display(), told(source))]
    Locked {
        /// Which.
        path: PathBuf,
        /// Why.
        source: UnlockError,
    },
}

impl OfficialKeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "does it exist, and may you read it?",
            Self::Damaged { .. } => "`rogatory official new` makes a key: restore it from a backup",
            Self::Locked { source: UnlockError::PassphraseNeeded, .. } => {
                "give the file with its passphrase: --passphrase-file"
            }
            Self::Locked { .. } => "it is the passphrase that was given to `rogatory official new`",
        }
    }
}

fn told(error: &UnlockError) -> &'static str {
    match error {
        UnlockError::WrongPassphrase => "the passphrase does not open this key",
        UnlockError::PassphraseNeeded => "the key is under a passphrase, and none was given",
        UnlockError::Damaged(rule) => rule,
    }
}

/// What an official gives to the operator of the home: the public key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialPublic {
    /// Its id, as it is to stand in the card.
    pub official: String,
    /// X-Wing.
    pub algorithm: Algorithm,
    /// The public key, base64.
    pub key: String,
}

impl OfficialPublic {
    /// Reads the file that `rogatory official new` writes beside the key.
    ///
    /// # Errors
    /// [`OfficialKeyError`].
    pub fn read(path: &Path) -> Result<(Self, PublicKey), OfficialKeyError> {
        let public: Self = read(path)?;
        let damaged = |rule| OfficialKeyError::Damaged { path: path.to_owned(), rule };
        if public.algorithm != Algorithm::XWing || !is_official_id(&public.official) {
            return Err(damaged("it is not the public key of an official"));
        }
        let bytes = BASE64.decode(&public.key).map_err(|_| damaged("its key is not base64"))?;
        let key = PublicKey::new(public.algorithm, bytes);
        Ok((public, key.map_err(|_| damaged("its key has not the length of its algorithm"))?))
    }
}

/// The file of an official's private key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialKeyFile {
    /// Its id.
    pub official: String,
    /// Id of the key, lower-case hex.
    pub key_id: String,
    /// What the private key is wrapped under, itself under a passphrase.
    lock: HomeKeyFile,
    /// nonce, ciphertext and tag, base64.
    wrapped: String,
}

impl OfficialKeyFile {
    /// A fresh key, under a passphrase or, for trials only, in clear.
    ///
    /// # Errors
    /// [`UnlockError`] when the passphrase cannot be used.
    pub fn generate(
        official: &str,
        passphrase: Option<&[u8]>,
    ) -> Result<(Self, OfficialPublic), UnlockError> {
        let (lock_key, seed) = (HomeKey::generate(), Seed::generate());
        let lock = match passphrase {
            Some(passphrase) => HomeKeyFile::wrap(&lock_key, passphrase)
                .map_err(|_| UnlockError::Damaged("its Argon2 parameters are out of bounds"))?,
            None => HomeKeyFile::insecure_plain(&lock_key),
        };
        let public = seed.public(Algorithm::XWing);
        let wrapped = lock_key.aead(LABEL).seal_random(official.as_bytes(), seed.expose());
        let file = Self {
            official: official.to_owned(),
            key_id: public.id().to_string(),
            lock,
            wrapped: BASE64.encode(wrapped),
        };
        let key = BASE64.encode(public.bytes());
        let public =
            OfficialPublic { official: official.to_owned(), algorithm: Algorithm::XWing, key };
        Ok((file, public))
    }

    /// Reads a key file; the key stays locked.
    ///
    /// # Errors
    /// [`OfficialKeyError`].
    pub fn read(path: &Path) -> Result<Self, OfficialKeyError> {
        read(path)
    }

    /// Whether the key stands in clear.
    pub fn is_insecure(&self) -> bool {
        self.lock.is_insecure()
    }

    /// Opens the key. `path` is for the error.
    ///
    /// # Errors
    /// [`OfficialKeyError::Locked`], which tells a wrong passphrase from a missing one.
    pub fn unlock(
        &self,
        path: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<SealingSecret, OfficialKeyError> {
        let locked = |source| OfficialKeyError::Locked { path: path.to_owned(), source };
        let damaged = |rule| OfficialKeyError::Damaged { path: path.to_owned(), rule };
        let lock = self.lock.unlock(passphrase).map_err(locked)?;
        let wrapped = BASE64.decode(&self.wrapped).map_err(|_| damaged("it is not base64"))?;
        let seed = lock.aead(LABEL).open_random(self.official.as_bytes(), &wrapped);
        let seed = seed.map_err(|_| damaged("its key was altered, or is another official's"))?;
        let seed = Seed::from_slice(&seed).ok_or_else(|| damaged("its key has not 32 bytes"))?;
        Ok(SealingSecret::new(&seed))
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, OfficialKeyError> {
    let io = |source| OfficialKeyError::Io { path: path.to_owned(), source };
    let damaged = |rule| OfficialKeyError::Damaged { path: path.to_owned(), rule };
    if fs::metadata(path).map_err(io)?.len() > FILE_MAX_BYTES {
        return Err(damaged("it is too large to be a key of an official"));
    }
    let bytes = zeroize::Zeroizing::new(fs::read(path).map_err(io)?);
    // What the parser quotes may be a part of the key.
    serde_json::from_slice(&bytes).map_err(|_| damaged("it is not the key of an official"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path, file: &OfficialKeyFile, public: &OfficialPublic) -> (PathBuf, PathBuf) {
        let (key, published) = (dir.join("desk.key"), dir.join("desk.key.pub"));
        fs::write(&key, serde_json::to_string(file).expect("JSON")).expect("written");
        fs::write(&published, serde_json::to_string(public).expect("JSON")).expect("written");
        (key, published)
    }

    #[test]
    fn only_the_passphrase_opens_the_key_of_an_official() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, public) = OfficialKeyFile::generate("desk-1", Some(b"correct")).expect("made");
        let (key, published) = written(dir.path(), &file, &public);
        let (read, public_key) = OfficialPublic::read(&published).expect("read");
        assert_eq!(read.official, "desk-1");
        let file = OfficialKeyFile::read(&key).expect("read");
        assert!(!file.is_insecure());
        let secret = file.unlock(&key, Some(b"correct")).expect("opens");
        assert_eq!(*secret.public(), public_key);
        for (passphrase, told) in [(Some(&b"wrong"[..]), "does not open"), (None, "none was given")]
        {
            let error = file.unlock(&key, passphrase).err().expect("locked");
            assert!(error.to_string().contains(told), "{error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_quoted() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut file, public) = OfficialKeyFile::generate("desk-1", None).expect("made");
        assert!(file.is_insecure());
        file.official = "desk-2".into();
        let (key, published) = written(dir.path(), &file, &public);
        let error = file.unlock(&key, None).err().expect("another official's");
        assert!(error.to_string().contains("another official's"), "{error}");
        for text in ["", "{\"secret\":\"x\"}", "{\"official\":\"secret\"}"] {
            fs::write(&published, text).expect("written");
            let error = OfficialPublic::read(&published).expect_err("no key").to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let none = OfficialKeyFile::read(&dir.path().join("none")).err().expect("not there");
        assert!(matches!(none, OfficialKeyError::Io { .. }), "{none}");
    }
}
