//! The private keys and their passphrase, without opening them where that can be helped.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use super::{Look, Why};
use crate::config::Severity;
use crate::crypto::home_key::UnlockError;
use crate::crypto::keys::Role;
use crate::home::{
    CREDENTIAL, HomeKeys, KeyFileError, KeysSeen, PassphraseError, credential, read_passphrase,
};

const DIRECTORY: &str = "keys.directory";
const PASSPHRASE: &str = "keys.passphrase_file";

impl Look<'_> {
    /// Every key file; `None` where not even the directory can be read.
    pub(super) fn keys(&mut self) -> Option<KeysSeen> {
        let dir = &self.config.keys;
        if let Err(error) = fs::read_dir(dir) {
            let hint = "mount its disk, or restore it from a backup";
            self.refuse(DIRECTORY, format!("{} cannot be read: {error}", dir.display()), hint);
            return None;
        }
        let seen = HomeKeys::look(dir);
        for fault in &seen.faults {
            self.key_file(fault);
        }
        if seen.sealed == Some(false) {
            let message = "the private keys stand in clear on disk: for demos only";
            let hint = "a real home is made with `rogatory init --passphrase-file FILE`";
            self.note(Severity::Warning, Some(dir), message, hint);
        }
        Some(seen)
    }

    fn key_file(&mut self, fault: &KeyFileError) {
        let text = fault.to_string();
        match fault.path() {
            Some(path) => {
                let text = text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text);
                self.refuse_file(path, text, fault.hint());
            }
            None => self.note(Severity::Error, None, text, fault.hint()),
        }
    }

    /// The passphrase: from the file that was given, the one in the configuration, or the systemd
    /// credential.
    pub(super) fn passphrase(
        &mut self,
        seen: Option<&KeysSeen>,
        given: Option<&Path>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let of_systemd = credential().filter(|path| path.exists());
        let configured = self.config.passphrase_file.clone();
        let Some(path) = given.map(Path::to_owned).or(configured).or(of_systemd) else {
            if seen.is_some_and(|seen| seen.sealed == Some(true)) {
                self.without_passphrase();
            }
            return None;
        };
        let passphrase = match read_passphrase(&path) {
            Ok(passphrase) => passphrase,
            Err(error) => {
                self.passphrase_file(&error);
                return None;
            }
        };
        // A node that starts opens its keys in a moment, and says the same.
        let whole = seen.is_some_and(|seen| seen.faults.is_empty());
        if self.why == Why::Check && whole {
            self.unlock(&path, &passphrase);
        }
        Some(passphrase)
    }

    fn passphrase_file(&mut self, error: &PassphraseError) {
        let configured = self.config.passphrase_file.as_deref() == Some(error.path());
        match configured {
            true => {
                let message = format!("{}: {error}", error.path().display());
                self.refuse(PASSPHRASE, message, &error.hint());
            }
            false => self.refuse_file(error.path(), error, error.hint()),
        }
    }

    fn without_passphrase(&mut self) {
        let missing = format!(
            "is not set, and there is no systemd credential {CREDENTIAL}; but the home's key is \
             under a passphrase"
        );
        let hint = "set it, or have systemd load the credential as deploy/rogatory.service does";
        let asked_systemd = std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
        match self.why {
            // Its command says that it wants --passphrase-file.
            Why::Open | Why::Begin => {}
            Why::Check if !asked_systemd => {
                let message = format!(
                    "is not set, and whether systemd brings the credential {CREDENTIAL} cannot be \
                     seen from here"
                );
                self.warn(PASSPHRASE, message, hint);
            }
            Why::Check | Why::Start => self.refuse(PASSPHRASE, missing, hint),
        }
    }

    fn unlock(&mut self, path: &Path, passphrase: &[u8]) {
        let dir = &self.config.keys;
        let keys = match HomeKeys::unlock(dir, Some(passphrase)) {
            Ok(keys) => keys,
            Err(KeyFileError::Unlock(UnlockError::WrongPassphrase)) => {
                let message = format!("what {} holds does not open the home's key", path.display());
                self.refuse(
                    PASSPHRASE,
                    message,
                    "give the passphrase that this home was made with",
                );
                return;
            }
            Err(fault) => return self.refuse(DIRECTORY, fault.to_string(), &fault.hint()),
        };
        let elsewhere = |role: &Role| matches!(role, Role::Root | Role::WitnessPq);
        let there = Role::ALL.into_iter().filter(|role| keys.has(*role) || !elsewhere(role));
        let faults: Vec<_> = there.filter_map(|role| keys.seed(role).err()).collect();
        faults.iter().for_each(|fault| self.key_file(fault));
    }
}
