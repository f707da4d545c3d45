//! A look at what the witnesses need.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{Look, Why, read_card};
use crate::audit::policy::Policy;
use crate::config::Severity;
use crate::crypto::keys::Role;
use crate::home::KeysSeen;

const POST_QUANTUM: &str = "witness.post_quantum";

impl Look<'_> {
    pub(super) fn witness(&mut self, seen: Option<&KeysSeen>) {
        if let Some(seen) = seen {
            self.witness_keys(seen);
        }
        let read = |path| std::fs::read(path).map_err(|error: std::io::Error| error.to_string());
        if let Some(path) = &self.config.witness.policy {
            let parsed =
                read(path).and_then(|file| Policy::parse(&file).map_err(|error| error.to_string()));
            if let Err(why) = parsed {
                let message = format!("{}: {why}", path.display());
                self.refuse("witness.policy", message, "docs/audit.md says what a policy is");
            }
        }
        if let Some(path) = &self.config.witness.ca {
            let parsed = read(path).and_then(|file| {
                let all = CertificateDer::pem_slice_iter(&file).collect::<Result<Vec<_>, _>>();
                all.map_err(|error| error.to_string())
            });
            let why = match parsed {
                Ok(all) if all.is_empty() => "has no certificate".to_owned(),
                Ok(_) => return,
                Err(why) => why,
            };
            let message = format!("{}: {why}", path.display());
            self.refuse("witness.ca", message, "give a PEM file with the certificates of the CA");
        }
    }

    /// Peers count the cosignatures of keys that the card names, and of no others.
    fn witness_keys(&mut self, seen: &KeysSeen) {
        let asked = self.config.witness.post_quantum;
        // A key file that cannot be read has been told.
        let absent = seen.id(Role::WitnessPq).is_none() && !seen.is_faulty(Role::WitnessPq);
        if asked && absent {
            let message = "is true, and this home, which is older, has no key for it".to_owned();
            let hint = "stop the node and make one with `rogatory key add witness-pq`";
            match self.why {
                // The command that makes it opens the home.
                Why::Open | Why::Begin => self.warn(POST_QUANTUM, message, hint),
                Why::Check | Why::Start => self.refuse(POST_QUANTUM, message, hint),
            }
        }
        let Ok(card) = read_card(self.config) else { return };
        for role in [Role::Witness, Role::WitnessPq] {
            let Some(id) = seen.id(role) else { continue };
            let named = card.witness_keys().iter().any(|key| key.public().id().to_string() == id);
            if !named && (asked || role == Role::Witness) {
                let message = format!(
                    "the card does not have this home's {} key: peers do not count what it cosigns",
                    role.as_str()
                );
                let path = self.config.home.join("card.txt");
                let hint = "card.txt and keys/ belong together: restore them from one backup";
                self.note(Severity::Warning, Some(&path), message, hint);
            }
        }
    }
}
