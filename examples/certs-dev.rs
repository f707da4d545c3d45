//! Makes a certificate authority, a server and a client certificate for trying TLS tools.
//!
//! ```sh
//! cargo run --example certs-dev            # writes certs-dev/{ca,server,client}.{pem,key}
//! cargo run --example certs-dev -- --force # again, over what is there
//! ```
//!
//! Worthless for production: the keys lie in clear, and the node neither uses nor trusts them. A
//! node's own certificates are made by `rogatory init`, those of its agencies by
//! `rogatory agency add`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// Short, so that nobody comes to rely on them.
const VALID_DAYS: i64 = 30;
/// Names under which the server is reached in trials.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn main() -> anyhow::Result<()> {
    let mut force = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--force" => force = true,
            other => bail!("{other:?} is not understood: the only option is --force"),
        }
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-dev");
    fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    if !force {
        refuse_if_there(&dir)?;
    }
    let mut written = Vec::new();
    for (name, certificate, key) in make()? {
        written.push(write(&dir.join(format!("{name}.pem")), &certificate)?);
        written.push(write(&dir.join(format!("{name}.key")), &key)?);
    }
    let mut out = io::stdout().lock();
    for path in written {
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// All files or none: a new CA beside old certificates would only confuse.
fn refuse_if_there(dir: &Path) -> anyhow::Result<()> {
    for name in ["ca", "server", "client"] {
        for ending in ["pem", "key"] {
            let path = dir.join(format!("{name}.{ending}"));
            if path.symlink_metadata().is_ok() {
                bail!("{} is there already: --force writes over it", path.display());
            }
        }
    }
    Ok(())
}

/// Name, certificate and private key of each, PEM.
fn make() -> anyhow::Result<Vec<(&'static str, String, String)>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = params("rogatory certs-dev CA, worthless", &[])?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let mut made = vec![("ca", ca.self_signed(&ca_key)?.pem(), ca_key.serialize_pem())];
    let issuer = Issuer::new(ca, ca_key);
    for (name, names, usage) in [
        ("server", SERVER_NAMES.as_slice(), ExtendedKeyUsagePurpose::ServerAuth),
        ("client", [].as_slice(), ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate()?;
        let mut leaf = params(&format!("rogatory certs-dev {name}, worthless"), names)?;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![usage];
        leaf.use_authority_key_identifier_extension = true;
        made.push((name, leaf.signed_by(&key, &issuer)?.pem(), key.serialize_pem()));
    }
    Ok(made)
}

fn params(name: &str, names: &[&str]) -> anyhow::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // Clocks differ: valid from an hour ago.
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(VALID_DAYS);
    Ok(params)
}

/// Writes a file that only its owner can read, whoever could read the one before.
fn write(path: &Path, pem: &str) -> anyhow::Result<PathBuf> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(pem.as_bytes())?;
    Ok(path.to_owned())
}
