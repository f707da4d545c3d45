//! How a home's key is kept: wrapped under a passphrase, or, for demos only, in clear.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::keys::HomeKey;
use super::primitives::{AeadKey, Opaque, argon2id, random};

/// Memory and passes of Argon2id: the second choice that RFC 9106 section 4 recommends (64 MiB,
/// three passes), with one lane since the node starts once and waits for it.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;

const WRAP_AAD: &[u8] = b"rogatory/v1/home-key";

/// The file `keys/home.key`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kept", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HomeKeyFile {
    /// Wrapped with AES-256-GCM under `Argon2id(passphrase, salt)`.
    Passphrase {
        /// 16 bytes, base64.
        salt: String,
        /// Argon2's memory in KiB.
        memory_kib: u32,
        /// Argon2's passes.
        passes: u32,
        /// nonce, ciphertext and tag, base64.
        wrapped: String,
    },
    /// In clear: whoever can read the file can read the home. Only ever made on demand.
    InsecurePlain {
        /// The key, base64.
        key: String,
    },
}

/// Why a home's key cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// The passphrase is not the one that the key was wrapped under, or the file was altered.
    #[error("the passphrase does not open the home's key")]
    WrongPassphrase,
    /// The home's key is under a passphrase and none was given.
    #[error("the home's key is under a passphrase and none was given")]
    PassphraseNeeded,
    /// The file is not of this form.
    #[error("the key file is damaged: {0}")]
    Damaged(&'static str),
}

impl HomeKeyFile {
    /// Wraps a key under a passphrase.
    ///
    /// # Errors
    /// [`Opaque`] when Argon2 refuses its parameters.
    pub fn wrap(key: &HomeKey, passphrase: &[u8]) -> Result<Self, Opaque> {
        let salt = random::<16>();
        let kek = argon2id(passphrase, &salt, MEMORY_KIB, PASSES)?;
        let wrapped = AeadKey::new(&kek).seal_random(WRAP_AAD, key.expose());
        Ok(Self::Passphrase {
            salt: BASE64.encode(salt),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            wrapped: BASE64.encode(wrapped),
        })
    }

    /// Keeps a key in clear.
    pub fn insecure_plain(key: &HomeKey) -> Self {
        Self::InsecurePlain { key: BASE64.encode(key.expose()) }
    }

    /// Whether the key stands in clear, which is said at every start.
    pub fn is_insecure(&self) -> bool {
        matches!(self, Self::InsecurePlain { .. })
    }

    /// Opens the key.
    ///
    /// # Errors
    /// [`UnlockError`], which tells a wrong passphrase from a missing one.
    pub fn unlock(&self, passphrase: Option<&[u8]>) -> Result<HomeKey, UnlockError> {
        match self {
            Self::InsecurePlain { key } => {
                let key = decode(key)?;
                HomeKey::from_slice(&key).ok_or(UnlockError::Damaged("the key has not 32 bytes"))
            }
            Self::Passphrase { salt, memory_kib, passes, wrapped } => {
                let passphrase = passphrase.ok_or(UnlockError::PassphraseNeeded)?;
                let salt = decode(salt)?;
                let salt = salt.as_slice().try_into().map_err(|_| damaged_salt())?;
                // A file that asks for more than ours would let who can write it exhaust memory.
                if *memory_kib > 4 * MEMORY_KIB || *passes > 4 * PASSES {
                    return Err(UnlockError::Damaged("its Argon2 parameters are out of bounds"));
                }
                let kek = argon2id(passphrase, salt, *memory_kib, *passes)
                    .map_err(|_| UnlockError::Damaged("its Argon2 parameters are out of bounds"))?;
                let key = AeadKey::new(&kek)
                    .open_random(WRAP_AAD, &decode(wrapped)?)
                    .map_err(|_| UnlockError::WrongPassphrase)?;
                HomeKey::from_slice(&key).ok_or(UnlockError::Damaged("the key has not 32 bytes"))
            }
        }
    }
}

fn damaged_salt() -> UnlockError {
    UnlockError::Damaged("the salt has not 16 bytes")
}

fn decode(text: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, UnlockError> {
    let bytes = BASE64.decode(text).map_err(|_| UnlockError::Damaged("it is not base64"))?;
    Ok(zeroize::Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unlocked(file: &HomeKeyFile, passphrase: Option<&[u8]>) -> HomeKey {
        match file.unlock(passphrase) {
            Ok(key) => key,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn only_the_passphrase_opens_it() {
        let key = HomeKey::generate();
        let file = HomeKeyFile::wrap(&key, b"correct horse").expect("wraps");
        let json = serde_json::to_string(&file).expect("json");
        let file: HomeKeyFile = serde_json::from_str(&json).expect("reads");
        assert!(!file.is_insecure());
        let opened = unlocked(&file, Some(b"correct horse"));
        assert_eq!(opened.expose(), key.expose());
        assert_eq!(file.unlock(Some(b"wrong")).err(), Some(UnlockError::WrongPassphrase));
        assert_eq!(file.unlock(None).err(), Some(UnlockError::PassphraseNeeded));
    }

    #[test]
    fn a_plain_key_needs_no_passphrase_and_says_so() {
        let key = HomeKey::generate();
        let file = HomeKeyFile::insecure_plain(&key);
        assert!(file.is_insecure());
        assert_eq!(unlocked(&file, None).expose(), key.expose());
    }
}
