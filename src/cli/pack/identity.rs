//! Who signs a container: the key and certificates of a profile, or of files.

use std::path::{Path, PathBuf};

use clap::Args;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::Sealer;
use super::tsa::{Tsa, Url};
use crate::asic::cms::Identity;
use crate::cli::connect::AgencyAccess;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::cli::out::Out;
use crate::crypto::{Certificate, Ecdsa};

const NO_SEAL: &str = "have it renewed with `rogatory agency renew NAME`, or name a key and its \
                       certificates with --key and --cert";

/// How a container is signed and stamped.
#[derive(Args)]
pub(crate) struct SealArgs {
    /// The private key that signs it, in place of the profile's: ECDSA over P-256 or P-384, in PEM
    /// without a passphrase
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The certificate of that key, and behind it those above it, in PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Asks this authority for a time-stamp (RFC 3161) over the signature: it sees a digest
    #[arg(long, value_name = "URL")]
    tsa: Option<Url>,
    /// The certificates that the server of an https URL is checked by, in PEM
    #[arg(long, value_name = "FILE", requires = "tsa")]
    tsa_ca: Option<PathBuf>,
}

impl SealArgs {
    /// Whether any of them is given.
    pub(crate) fn is_given(&self) -> bool {
        self.key.is_some() || self.tsa.is_some()
    }

    /// What they name, read before any work is done.
    pub(crate) fn sealer(&self, access: &AgencyAccess, out: &mut Out) -> Result<Sealer, Failure> {
        let identity = match (&self.key, &self.cert) {
            (Some(key), Some(cert)) => of_files(key, cert)?,
            _ => of_profile(access, out)?,
        };
        let tsa = match &self.tsa {
            Some(url) => Some(Tsa::new(url.clone(), self.tsa_ca.as_deref())?),
            None => None,
        };
        Ok(Sealer { identity, tsa })
    }
}

fn of_files(key: &Path, cert: &Path) -> Result<Identity, Failure> {
    let chain = certificates(cert)?;
    let key_of = Zeroizing::new(read_text(key)?);
    let key_of = private_key(&key_of).ok_or_else(|| {
        Failure::bad_file(key, "is no ECDSA key over P-256 or P-384, in PEM without a passphrase")
            .hint(
                "other keys sign what many tools do not verify: have a certificate for such a key",
            )
    })?;
    let at = |error| Failure::bad_file(cert, error).hint("--cert names the certificate of --key");
    Identity::new(chain, key_of).map_err(at)
}

fn of_profile(access: &AgencyAccess, out: &mut Out) -> Result<Identity, Failure> {
    let profile = access.profile(out)?.ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no profile and no key to sign with")
            .hint("name a profile with --profile or ROGATORY_PROFILE, or give --key and --cert")
    })?;
    let (Some(chain), Some(key)) = (&profile.seal_certificate, &profile.seal_key) else {
        let message = "the profile has no key that signs containers: it was made by an older node";
        return Err(Failure::new(Exit::Failed, message).hint(NO_SEAL));
    };
    let bad = |why: &str| {
        Failure::new(Exit::BadInput, format!("the profile's seal_key: {why}")).hint(NO_SEAL)
    };
    let chain = parsed(chain).ok_or_else(|| bad("its certificates are none"))?;
    let key = private_key(key).ok_or_else(|| bad("it is no ECDSA key"))?;
    Identity::new(chain, key).map_err(|error| bad(&error.to_string()))
}

fn private_key(pem: &str) -> Option<Ecdsa> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    Ecdsa::from_der(key.secret_der()).ok()
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    parsed(&read_text(path)?).ok_or_else(|| {
        Failure::bad_file(path, "has no certificates in PEM, or one that is damaged")
    })
}

fn parsed(pem: &str) -> Option<Vec<Certificate>> {
    let parse = |der: Result<CertificateDer<'_>, _>| Certificate::parse(&der.ok()?).ok();
    let all: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(parse).collect();
    all.filter(|all| !all.is_empty())
}
