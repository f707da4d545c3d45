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
    /// Whether something is wrong with the file of a role's key.
    pub fn is_faulty(&self, role: Role) -> bool {
        let name = key_path(Path::new(""), role);
        self.faults.iter().any(|fault| fault.path().is_some_and(|path| path.ends_with(&name)))
    }

    /// The id of a role's key, as its file says it.
    pub fn id(&self, role: Role) -> Option<&str> {
        self.ids.get(&role).map(String::as_str)
    }
}

impl HomeKeys {
    /// Looks at the files of a directory, without opening any key. The root key may be kept
    /// elsewhere, since no running node needs it; and older homes have no [`Role::WitnessPq`].
    pub fn look(dir: &Path) -> KeysSeen {
        let mut seen = KeysSeen { sealed: None, faults: Vec::new(), ids: BTreeMap::new() };
        match read_json::<HomeKeyFile>(&dir.join(HOME_KEY)) {
            Ok(file) => seen.sealed = Some(!file.is_insecure()),
            Err(fault) => seen.faults.push(fault),
        }
        for role in Role::ALL {
            let path = key_path(dir, role);
            if matches!(role, Role::Root | Role::WitnessPq) && !path.exists() {
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
