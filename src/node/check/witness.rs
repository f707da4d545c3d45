//! A look at what the witnesses need.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Look;
use crate::audit::policy::Policy;

impl Look<'_> {
    pub(super) fn witness(&mut self) {
        let read = |path| std::fs::read(path).map_err(|error: std::io::Error| error.to_string());
        if let Some(path) = &self.config.witness.policy {
            let parsed =
                read(path).and_then(|file| Policy::parse(&file).map_err(|error| error.to_string()));
            if let Err(why) = parsed {
                let message = format!("{}: {why}", path.display());
                self.refuse("witness.policy", message, "docs/audit-log.md says what a policy is");
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
}
