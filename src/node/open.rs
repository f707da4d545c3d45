//! Opening a home: keys, card, store, vault, exchange. Nothing is bound yet.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{SOFTWARE, check, now};
use crate::api::tls::NodeIdentity;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::policy::Policy;
use crate::audit::witness::Cosigner;
use crate::card::Card;
use crate::config::Config;
use crate::crypto::keys::{Role, SealingSecret, SigningSecret};
use crate::exchange::sweep::Keep;
use crate::exchange::{Exchange, Keys, KeysInUse, Parts, Settings};
use crate::home::{HomeKeys, witness_name};
use crate::store::vault::{Bounds, Vault};
use crate::store::{self, Behind, OpenError, Opened, Store, Tx, limits};

/// A home that was opened.
pub struct OpenNode {
    /// The configuration.
    pub config: Config,
    /// The exchange over its store.
    pub exchange: Arc<Exchange>,
    /// The store, to be stopped at the end.
    pub store: Store,
    /// The unlocked keys.
    pub keys: Arc<HomeKeys>,
    /// The node's certificate.
    pub identity: NodeIdentity,
    /// The certificate that issued those of the agencies.
    pub agency_ca: CertificateDer<'static>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
    /// What opening the store found.
    pub outcome: OpenOutcome,
}

/// A home that another process has open is waited for so long.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether another process has the home open.
pub(super) fn is_held(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<OpenError>(), Some(OpenError::Held { .. }))
}

/// What opening the store found.
pub type OpenOutcome = Opened;

impl OpenNode {
    /// Opens the home that a configuration names.
    ///
    /// # Errors
    /// Says which file, and what to do.
    pub fn open(config: Config, passphrase: Option<&[u8]>) -> anyhow::Result<Self> {
        Self::open_with(config, passphrase, Store::open)
    }

    /// The same where its log may be behind what is known of it: read-only until that is put back.
    ///
    /// # Errors
    /// As [`OpenNode::open`].
    pub(super) fn open_behind(
        config: Config,
        passphrase: Option<&[u8]>,
        behind: &Behind,
    ) -> anyhow::Result<Self> {
        Self::open_with(config, passphrase, |settings| Store::open_behind(settings, behind))
    }

    fn open_with(
        config: Config,
        passphrase: Option<&[u8]>,
        open: impl FnOnce(store::Settings) -> Result<(Store, Opened), OpenError>,
    ) -> anyhow::Result<Self> {
        let card = check::read_card(&config)?;
        let warnings = check::warnings(&config);
        let keys = HomeKeys::unlock(&config.keys, passphrase)?;
        check_keys(&card, &keys)?;
        let (store, outcome) = open(settings(&config, &card, &keys)?)?;
        let bounds = Bounds {
            reserve_bytes: config.evidence.reserve_bytes,
            peer_quota_bytes: config.evidence.peer_quota_bytes,
        };
        let vault = Vault::bounded(&config.data.join("vault"), bounds)?;
        let swept = vault.sweep()?;
        if swept > 0 {
            tracing::info!(swept, "evidence that a stop had cut off was removed");
        }
        let (policy, policy_file) = policy(&config)?;
        let exchange = Exchange::new(Parts {
            keys: exchange_keys(&config, &keys)?,
            home: keys.home().clone(),
            store: store.clone(),
            vault,
            settings: Settings {
                delivery_window_ms: config.delivery_window_ms,
                retry_first_ms: config.retry_first_ms,
                retry_cap_ms: config.retry_cap_ms,
                links: config.links.clone(),
                retention: config.retention,
                approval: config.approval.clone(),
                keep: Keep {
                    unfinished_ms: config.evidence.unfinished_ms,
                    unsubmitted_ms: config.evidence.unsubmitted_ms,
                },
                agency_quota_bytes: config.evidence.agency_quota_bytes,
                software: SOFTWARE.to_owned(),
                gossip: config.witness.gossip.clone(),
                reconcile: config.reconcile,
                targets: config.targets.clone(),
                policy_file: policy_file.clone(),
                witnessed_logs: config.witness.logs.clone(),
            },
            policy,
            clock: Box::new(now),
            card,
        })?;
        let tls = config.home.join("tls");
        Ok(Self {
            identity: identity(&tls, &keys)?,
            agency_ca: named(&tls.join("agency-ca.pem"))?,
            keys: Arc::new(keys),
            warnings,
            exchange,
            store,
            config,
            outcome,
        })
    }

    /// As [`OpenNode::open`], but waits a few seconds for a home that is open already: a command
    /// that ends lets go of it in a moment.
    ///
    /// # Errors
    /// As [`OpenNode::open`]; the one of the last attempt.
    pub async fn open_in_turn(config: Config, passphrase: Option<&[u8]>) -> anyhow::Result<Self> {
        let (waiting, mut told) = (Instant::now(), false);
        loop {
            match Self::open(config.clone(), passphrase) {
                Err(error) if is_held(&error) && waiting.elapsed() < LET_GO_WITHIN => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!("{error:#}: waiting for it to end");
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                opened => return opened,
            }
        }
    }

    /// Logs that the node has started, and whether it recovered.
    ///
    /// # Errors
    /// When the commit fails.
    pub async fn log_start(&self) -> anyhow::Result<()> {
        let event = match self.outcome.recovered {
            true => Event::NodeRecovered,
            false => Event::NodeStarted,
        };
        self.exchange.log_node(event).await?;
        self.exchange.log_keys(&in_use(&self.keys, &self.exchange.card())?).await?;
        self.exchange.log_card().await?;
        self.exchange.log_policy().await?;
        self.exchange.log_suspensions().await?;
        Ok(())
    }
}

/// Makes the store of a new home with the first entries of its log.
pub(super) fn create_log(
    config: &Config,
    card: &Card,
    passphrase: Option<&[u8]>,
) -> anyhow::Result<()> {
    let keys = HomeKeys::unlock(&config.keys, passphrase)?;
    let (store, _) = Store::create(settings(config, card, &keys)?)?;
    let log_key = card.log_keys().first().context("a card has a log key")?.to_string();
    let in_use = in_use(&keys, card)?;
    let first_entries = move |tx: &mut Tx<'_>| {
        tx.append(EntryDraft::new(Event::LogOpened).key(&log_key).software(SOFTWARE));
        in_use.log_first(tx);
        Ok::<_, std::convert::Infallible>(())
    };
    // On a thread of its own: the caller may be in an async task, which must not block.
    let committed =
        std::thread::scope(|scope| scope.spawn(|| store.commit_blocking(first_entries)).join());
    committed
        .map_err(|_| anyhow::anyhow!("the log cannot be opened: its thread panicked"))?
        .map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))?;
    store.stop();
    Ok(())
}

/// The keys that the log tells of; those of TLS and agencies show in certificates.
pub(super) fn in_use(keys: &HomeKeys, card: &Card) -> anyhow::Result<KeysInUse> {
    let mut in_use = KeysInUse::default();
    let roles = [
        Role::Signing,
        Role::SigningPq,
        Role::Sealing,
        Role::Archive,
        Role::Witness,
        Role::WitnessPq,
    ];
    for role in roles.into_iter().filter(|role| *role != Role::WitnessPq || keys.has(*role)) {
        in_use.add(role.as_str(), keys.public(role)?.id());
        if let Some(next) = keys.next(role)? {
            in_use.add(&format!("{}-next", role.as_str()), next.id());
        }
    }
    for (official, key) in card.officials() {
        in_use.add(&format!("official-{}", official.id), key.id());
    }
    Ok(in_use)
}

/// The policy of witnesses that the configuration names, and its file.
fn policy(config: &Config) -> anyhow::Result<(Policy, Option<Vec<u8>>)> {
    let Some(path) = &config.witness.policy else { return Ok((Policy::none(), None)) };
    let file = std::fs::read(path).with_context(|| path.display().to_string())?;
    let policy = Policy::parse(&file).with_context(|| path.display().to_string())?;
    Ok((policy, Some(file)))
}

fn settings(config: &Config, card: &Card, keys: &HomeKeys) -> anyhow::Result<store::Settings> {
    let log = signer(keys, Role::Log)?;
    Ok(store::Settings {
        data: config.data.clone(),
        mark: config.mark.clone(),
        home: keys.home().clone(),
        origin: card.log_origin().to_owned(),
        sign: Box::new(move |checkpoint: &Checkpoint| checkpoint.sign(&log)),
        clock: Box::new(now),
        progress: Box::new(|progress| match progress {
            store::Progress::OpeningIndex => tracing::info!("opening the index"),
            store::Progress::Replaying { segment, of, entries } => {
                tracing::info!(segment, of, entries, "applying the journal to the index");
            }
        }),
        segment_bytes: limits::SEGMENT_BYTES,
    })
}

fn signer(keys: &HomeKeys, role: Role) -> anyhow::Result<SigningSecret> {
    SigningSecret::new(&keys.seed(role)?, role.algorithm())
        .map_err(|_| anyhow::anyhow!("the {} key does not sign", role.as_str()))
}

fn exchange_keys(config: &Config, keys: &HomeKeys) -> anyhow::Result<Keys> {
    let pq = match config.suite {
        2 => Some(signer(keys, Role::SigningPq)?),
        _ => None,
    };
    let cosigner = |role: Role| {
        anyhow::Ok(Cosigner::new(&witness_name(&config.authority, role), signer(keys, role)?)?)
    };
    // Without the key no node starts, but the command that makes it opens the home.
    let post_quantum = config.witness.post_quantum && keys.has(Role::WitnessPq);
    let witness_pq = post_quantum.then(|| cosigner(Role::WitnessPq)).transpose()?;
    Ok(Keys {
        signing: signer(keys, Role::Signing)?,
        signing_pq: pq,
        sealing: SealingSecret::new(&keys.seed(Role::Sealing)?),
        sealing_retired: keys.retired_sealing()?.iter().map(SealingSecret::new).collect(),
        archive: SealingSecret::new(&keys.seed(Role::Archive)?),
        log: signer(keys, Role::Log)?,
        witness: cosigner(Role::Witness)?,
        witness_pq,
    })
}

/// The card must be that of these keys: with another, peers would refuse everything we send.
fn check_keys(card: &Card, keys: &HomeKeys) -> anyhow::Result<()> {
    let signing = keys.seed(Role::Signing)?.public(Role::Signing.algorithm());
    if !card.signing_keys(now()).contains(&signing) {
        bail!("the card does not have this home's signing key, or it is not valid any more");
    }
    let log = keys.seed(Role::Log)?.public(Role::Log.algorithm());
    if !card.log_keys().iter().any(|key| *key.public() == log) {
        bail!("the card does not have this home's log key");
    }
    Ok(())
}

/// Reads a certificate.
///
/// # Errors
/// When the file cannot be read or holds none; does not name it.
pub(super) fn certificate(path: &Path) -> anyhow::Result<CertificateDer<'static>> {
    let text = std::fs::read(path).context("the certificate cannot be read")?;
    CertificateDer::from_pem_slice(&text)
        .map_err(|error| anyhow::anyhow!("is no certificate: {error}"))
}

fn named(path: &Path) -> anyhow::Result<CertificateDer<'static>> {
    certificate(path).with_context(|| path.display().to_string())
}

fn identity(tls: &Path, keys: &HomeKeys) -> anyhow::Result<NodeIdentity> {
    let key = keys.seed(Role::Tls)?.to_ed25519_pkcs8().to_vec();
    Ok(NodeIdentity {
        chain: vec![named(&tls.join("node.pem"))?],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)),
    })
}
