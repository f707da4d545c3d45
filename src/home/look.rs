//! What can be seen of a home's keys without its passphrase.

use std::collections::BTreeMap;
use std::path::Path;

use super::HomeKeys;
use super::keys::{HOME_KEY, KeyFile, KeyFileError, key_path, read_json};
use crate::crypto::HomeKeyFile;
use crate::crypto::keys::Role;

/// What was seen.
pub struct KeysSeen {
    /// Whether the home's key stands under a passphrase; `None` where its file tells nothing.
    pub sealed: Option<bool>,
    /// What is wrong with files.
    pub faults: Vec<KeyFileError>,
    ids: BTreeMap<Role, String>,
}

impl KeysSeen {
    /// The id of a role's key, as its file says it.
    pub fn id(&self, role: Role) -> Option<&str> {
        self.ids.get(&role).map(String::as_str)
    }
}

impl HomeKeys {
    /// Looks at the files of a directory, without opening any key. The root key may be kept
    /// elsewhere, since no running node needs it.
    pub fn look(dir: &Path) -> KeysSeen {
        let mut seen = KeysSeen { sealed: None, faults: Vec::new(), ids: BTreeMap::new() };
        match read_json::<HomeKeyFile>(&dir.join(HOME_KEY)) {
            Ok(file) => seen.sealed = Some(!file.is_insecure()),
            Err(fault) => seen.faults.push(fault),
        }
        for role in Role::ALL {
            let path = key_path(dir, role);
            if role == Role::Root && !path.exists() {
                continue;
            }
            match read_json::<KeyFile>(&path) {
                Ok(file) => {
                    seen.ids.insert(role, file.key_id);
                }
                Err(fault) => seen.faults.push(fault),
            }
        }
        seen
    }
}
