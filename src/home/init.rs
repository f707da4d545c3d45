//! Making a home: keys, certificates, card, configuration, and the first entries of the log.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::certificates::{self, Issued};
use super::change::BACKDATED_MS;
use super::keys::{HomeKeys, witness_name};
use crate::audit::checkpoint;
use crate::audit::note::{VerifierKey, WitnessKey};
use crate::card::{Card, CardBody, CardKey, LogKeys, TlsTrust};
use crate::crypto::SigningSecret;
use crate::crypto::keys::{Algorithm, Role};
use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, AuthorityKind, Profile, Timestamp};

/// What a new home is to be.
pub struct InitOptions {
    /// Where; must not exist, or be an empty directory.
    pub home: PathBuf,
    /// Whose.
    pub authority: AuthorityId,
    /// What it is.
    pub kind: AuthorityKind,
    /// The authority's name for people.
    pub name: String,
    /// ISO 3166-1 alpha-2, either case; must be that of the authority id.
    pub country: String,
    /// Where peers reach the node, host:port; the exchange listener's address if absent.
    pub endpoint: Option<String>,
    /// Address of the exchange listener; `0.0.0.0:7443` if absent.
    pub listen: Option<String>,
    /// Address of the agency listener; `127.0.0.1:8443` if absent.
    pub agency_listen: Option<String>,
    /// The passphrase of the home's key.
    pub passphrase: Option<Zeroizing<Vec<u8>>>,
    /// Where the passphrase stands, for the configuration.
    pub passphrase_file: Option<PathBuf>,
    /// Keeps the home's key in clear: for demos.
    pub insecure_plain_keys: bool,
    /// Languages of the card.
    pub languages: Vec<String>,
    /// Functions of the card.
    pub functions: Vec<String>,
    /// Signature suite that the node signs with, 1 or 2.
    pub suite: u32,
}

/// Cards, keys and certificates of a new home last this long: two years.
const VALID_MS: i64 = 2 * 365 * DAY_MS;
/// A passphrase shorter than this is refused: it guards everything, and is typed by nobody.
const PASSPHRASE_MIN_BYTES: usize = 12;

const KIND_HINT: &str = "the id of an international organisation begins with un, eu or a code for \
                         exercises, and it is made with --organisation";

const LISTEN: &str = "0.0.0.0:7443";
const AGENCY_LISTEN: &str = "127.0.0.1:8443";

/// Why no home is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// An option breaks a rule, or two do not go together.
    #[error("{what}")]
    Option {
        /// Which, and how.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Anybody with a copy of the home would find it out.
    #[error("the passphrase has fewer than {PASSPHRASE_MIN_BYTES} bytes")]
    WeakPassphrase,
}

impl InitError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Option { hint, .. } => hint,
            Self::WeakPassphrase => "nobody types it: `openssl rand -base64 33` makes a good one",
        }
    }
}

/// Makes a home. What was begun is removed again when something fails.
///
/// # Errors
/// When an option breaks a rule, the directory is in use, or the disk refuses.
pub fn init(options: &InitOptions, now: Timestamp) -> anyhow::Result<Card> {
    check(options)?;
    let home = &options.home;
    let existed = home.exists();
    if existed && fs::read_dir(home).with_context(|| shown(home))?.next().is_some() {
        bail!("{} is not empty: a home is made in a new directory", home.display());
    }
    let made = fill(options, now);
    if made.is_err() {
        // Half a home would look like one.
        for part in ["keys", "tls", "data", "run", "agencies"] {
            let _ = fs::remove_dir_all(home.join(part));
        }
        for part in ["card.txt", "rogatory.toml", "high-water"] {
            let _ = fs::remove_file(home.join(part));
        }
        if !existed {
            let _ = fs::remove_dir(home);
        }
    }
    made
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn check(options: &InitOptions) -> Result<(), InitError> {
    let refuse = |what: String, hint| Err(InitError::Option { what, hint });
    match (&options.passphrase, options.insecure_plain_keys) {
        (Some(passphrase), false) if passphrase.len() < PASSPHRASE_MIN_BYTES => {
            return Err(InitError::WeakPassphrase);
        }
        (Some(_), false) | (None, true) => {}
        (Some(_), true) | (None, false) => {
            let what = "the keys of a home stand under a passphrase, or in clear".to_owned();
            return refuse(what, "give --passphrase-file, or for a trial --insecure-plain-keys");
        }
    }
    let listen = options.listen.as_deref().unwrap_or(LISTEN);
    let anywhere = listen.parse::<std::net::SocketAddr>().is_ok_and(|at| at.ip().is_unspecified());
    if options.endpoint.is_none() && anywhere {
        let what = format!("peers cannot call {listen}, where this node would listen");
        return refuse(what, "give --endpoint, the host and port that they reach");
    }
    if options.country.to_ascii_lowercase() != options.authority.country() {
        let (country, authority) = (&options.country, &options.authority);
        let what = format!("the country {country} is not that of the authority id {authority}");
        return refuse(what, "leave --country away");
    }
    if !options.kind.fits(&options.authority) {
        let (authority, kind) = (&options.authority, options.kind.about());
        let what = format!("{authority} cannot be the id of {kind}");
        return refuse(what, KIND_HINT);
    }
    Ok(())
}

fn fill(options: &InitOptions, now: Timestamp) -> anyhow::Result<Card> {
    let home = &options.home;
    for part in ["", "keys", "tls", "data", "run", "agencies"] {
        let mut builder = fs::DirBuilder::new();
        let dir = home.join(part);
        builder.recursive(true).mode(0o700).create(&dir).with_context(|| shown(&dir))?;
    }
    let passphrase = options.passphrase.as_ref().map(|p| p.as_slice());
    let keys = HomeKeys::create(&home.join("keys"), passphrase)?;
    let root_ca = write_certificates(options, &keys, now)?;
    let card = make_card(options, &keys, &root_ca, now)?;
    write(&home.join("card.txt"), card.text())?;
    write(&home.join("rogatory.toml"), &config_text(options))?;
    Ok(card)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| shown(path))
}

fn write_certificates(
    options: &InitOptions,
    keys: &HomeKeys,
    now: Timestamp,
) -> anyhow::Result<Issued> {
    let validity = (now.plus_ms(-BACKDATED_MS), now.plus_ms(VALID_MS));
    let tls = options.home.join("tls");
    let authority = &options.authority;
    let root = keys.seed(Role::Root)?;
    let name = certificates::root_name(authority);
    let ca = certificates::self_signed_ca(&name, &root, validity.0, validity.1)?;
    let node = certificates::issue_node(authority, &name, &root, &keys.seed(Role::Tls)?, validity)?;
    let agency_name = certificates::agency_ca_name(authority);
    let agency_seed = keys.seed(Role::AgencyCa)?;
    let agency = certificates::self_signed_ca(&agency_name, &agency_seed, validity.0, validity.1)?;
    write(&tls.join("ca.pem"), &ca.pem)?;
    write(&tls.join("node.pem"), &node.pem)?;
    write(&tls.join("agency-ca.pem"), &agency.pem)?;
    Ok(Issued { key_digest: node.key_digest, ..ca })
}

fn make_card(
    options: &InitOptions,
    keys: &HomeKeys,
    tls: &Issued,
    now: Timestamp,
) -> anyhow::Result<Card> {
    let until = now.plus_ms(VALID_MS);
    let public = |role: Role| keys.public(role);
    let from = now.plus_ms(-BACKDATED_MS);
    let dated = |role: Role| anyhow::Ok(CardKey::new(&public(role)?, from, until));
    let authority = options.authority.clone();
    let origin = checkpoint::origin(&authority, now.year());
    let log = public(Role::Log)?;
    let log = log.bytes().try_into().context("an Ed25519 key has 32 bytes")?;
    let log = VerifierKey::ed25519(&origin, log)?;
    let witness = |role: Role| {
        anyhow::Ok(WitnessKey::new(&witness_name(&authority, role), &public(role)?)?.to_string())
    };
    let (witness, witness_pq) = (witness(Role::Witness)?, witness(Role::WitnessPq)?);
    let listen = options.listen.as_deref().unwrap_or(LISTEN);
    let body = CardBody {
        officials: Vec::new(),
        v: 1,
        kind: options.kind,
        name: options.name.clone(),
        names: Vec::new(),
        country: options.country.to_ascii_uppercase(),
        version: 1,
        issued: now,
        expires: until,
        endpoint: options.endpoint.clone().unwrap_or_else(|| listen.to_owned()),
        functions: options.functions.clone(),
        languages: options.languages.clone(),
        profile: Profile::default(),
        min_suite: 1,
        root: BASE64.encode(public(Role::Root)?.bytes()),
        tls: TlsTrust { ca: BASE64.encode(&tls.der), pins: vec![hex::encode(tls.key_digest)] },
        signing: vec![dated(Role::Signing)?, dated(Role::SigningPq)?],
        sealing: vec![dated(Role::Sealing)?],
        log: LogKeys { keys: vec![log.to_string()], origin },
        witness,
        witness_pq,
        authority,
    };
    let root = SigningSecret::new(&keys.seed(Role::Root)?, Algorithm::Ed25519)
        .map_err(|_| anyhow::anyhow!("the root key does not sign"))?;
    Ok(Card::sign(&body, &root)?)
}

/// The configuration of a new home.
pub(crate) fn config_text(options: &InitOptions) -> String {
    let passphrase = match &options.passphrase_file {
        Some(path) => format!("passphrase_file = {:?}", path.display().to_string()),
        None => "# passphrase_file = \"/run/secrets/rogatory-passphrase\"".to_owned(),
    };
    include_str!("rogatory.toml.in")
        .replace("@AUTHORITY@", options.authority.as_str())
        .replace("@LISTEN@", options.listen.as_deref().unwrap_or(LISTEN))
        .replace("@AGENCY_LISTEN@", options.agency_listen.as_deref().unwrap_or(AGENCY_LISTEN))
        .replace("@PASSPHRASE@", &passphrase)
        .replace("@SUITE@", &options.suite.to_string())
}
