//! The configuration: one TOML file, read and judged whole before any port is bound.

mod address;
mod approval;
mod clock;
mod evidence;
mod file;
mod finding;
mod links;
mod reconcile;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use crate::audit::note::VerifierKey;
use crate::card::is_endpoint;
use crate::domain::AuthorityId;
use crate::domain::clock::Targets;
use crate::domain::limits::{DELIVERY_WINDOW_DEFAULT_MS, DELIVERY_WINDOW_MAX_MS};
use crate::domain::time::DAY_MS;
use crate::exchange::retention::Rules;
use address::{address, optional_address, refuse_taken};
pub use evidence::Evidence;
use file::{Lines, Reader, Section};
pub use finding::{ConfigError, Finding, Severity};

/// A configuration that was judged.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose node.
    pub authority: AuthorityId,
    /// The directory that relative paths start from: that of the file.
    pub home: PathBuf,
    /// Where other nodes call.
    pub exchange_listen: SocketAddr,
    /// Where agencies call.
    pub agency_listen: SocketAddr,
    /// What agencies' profiles say instead, host:port; `None`: where the listener is bound.
    pub agency_endpoint: Option<String>,
    /// The operator's Unix socket.
    pub operator_socket: PathBuf,
    /// Journal, index and vault.
    pub data: PathBuf,
    /// The high-water mark, outside `data`.
    pub mark: PathBuf,
    /// Peers that must have shown what they hold of this log before the first entry after a start.
    pub ask_peers: usize,
    /// How much of the disk evidence may take, and for how long.
    pub evidence: Evidence,
    /// What witnessing needs.
    pub witness: WitnessConfig,
    /// Private keys.
    pub keys: PathBuf,
    /// The passphrase of the home's key; `None` where the key is in clear or a systemd credential
    /// brings it.
    pub passphrase_file: Option<PathBuf>,
    /// Which signature suite this node signs with.
    pub suite: u32,
    /// Delivery window where clients do not say, in milliseconds.
    pub delivery_window_ms: i64,
    /// First pause before a peer is tried again, in milliseconds.
    pub retry_first_ms: u64,
    /// Longest pause, in milliseconds.
    pub retry_cap_ms: u64,
    /// What bulk may take of the links to single peers.
    pub links: crate::exchange::links::Rules,
    /// How often what peers' logs and ours say of each other is compared.
    pub reconcile: crate::exchange::reconcile::Rules,
    /// How long each duty in a request may take.
    pub targets: Targets,
    /// How long the content of closed messages is kept.
    pub retention: Rules,
    /// What a second official has to approve.
    pub approval: crate::exchange::drafts::Rules,
    /// What is traced, as in `info` or `rogatory=debug`.
    pub trace_filter: String,
    /// Whether traces are JSON.
    pub trace_json: bool,
    /// The file, as it was named.
    file: PathBuf,
    /// Where its keys stand.
    lines: Lines,
}

/// What witnessing needs; nothing of it is needed for peers to witness each other.
#[derive(Clone, Debug, Default)]
pub struct WitnessConfig {
    /// The policy of witnesses (C2SP tlog-policy), where there is one.
    pub policy: Option<PathBuf>,
    /// Peers with which the newest checkpoints of third logs are shared.
    pub gossip: BTreeSet<AuthorityId>,
    /// Where the witness answers over HTTP (C2SP tlog-witness), if it does.
    pub listen: Option<SocketAddr>,
    /// Logs of strangers that this node is a witness of.
    pub logs: Vec<VerifierKey>,
    /// Certificates by which foreign witnesses with an https URL are checked, PEM.
    pub ca: Option<PathBuf>,
    /// Whether this node cosigns with its ML-DSA-44 key too.
    pub post_quantum: bool,
}

/// In the place of an authority id that cannot be read; ISO 3166 gives ZZ to nobody.
const NOBODY: &str = "zz.unknown";
const RETRY_FIRST_MS: u64 = 500;
const RETRY_CAP_SECONDS: u64 = 300;
const DAY_SECONDS: u64 = 24 * 3600;
/// A century: more is a slip of the hand, and "for ever" is said by leaving the key away.
const RETENTION_DAYS_MAX: u64 = 36_525;

impl Config {
    /// Reads and judges a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], with everything that is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::sound(Self::look(path))
    }

    /// Judges the text of a configuration.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::sound(Self::judge(path, text))
    }

    fn sound((config, findings): (Option<Self>, Vec<Finding>)) -> Result<Self, ConfigError> {
        match (config, ConfigError::of(&findings)) {
            (Some(config), None) => Ok(config),
            (_, error) => Err(error.expect("without a configuration there is a finding")),
        }
    }

    /// Reads a file of which something may be wrong, so that the rest of a home can be looked at
    /// all the same: what breaks a rule is found, and the default stands in its place. Nothing may
    /// run on it. `None` where the file cannot be read or is no TOML.
    pub(crate) fn look(path: &Path) -> (Option<Self>, Vec<Finding>) {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::judge(path, &text),
            Err(error) => {
                let finding = Finding {
                    severity: Severity::Error,
                    file: Some(path.to_owned()),
                    line: None,
                    key: None,
                    message: format!("the configuration cannot be read: {error}"),
                    hint: "`rogatory init` writes one; --config names another".into(),
                };
                (None, vec![finding])
            }
        }
    }

    fn judge(path: &Path, text: &str) -> (Option<Self>, Vec<Finding>) {
        let (mut reader, root) = Reader::begin(path, text);
        let config = root.map(|root| Self::from_tables(path, &mut reader, root));
        reader.findings.sort_by_key(|finding| finding.line);
        (config, reader.findings)
    }

    fn from_tables<'a>(path: &Path, reader: &mut Reader<'a>, mut root: Section<'a>) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let home = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut config = Self::of_home(path, home);
        if let Some(text) = reader.needed(&mut root, "authority") {
            match AuthorityId::parse(&text) {
                Ok(authority) => config.authority = authority,
                Err(error) => {
                    let hint = "use the id that `rogatory init` was given";
                    reader.refuse("authority", error, hint);
                }
            }
        }
        config.listeners(reader, &mut root);
        config.places(reader, &mut root);
        config.sending(reader, &mut root);
        config.witnessing(reader, &mut root);
        config.evidence = Evidence::read(reader, &mut root);
        config.links = links::read(reader, &mut root, &config.authority);
        config.reconcile = reconcile::read(reader, &mut root);
        config.targets = clock::read(reader, &mut root);
        config.keeping(reader, &mut root);
        config.approval = approval::read(reader, &mut root);
        config.traces(reader, &mut root);
        reader.end(root);
        config.lines = std::mem::take(&mut reader.lines);
        config
    }

    /// Everything at its default; the authority and the addresses have none, and say nothing.
    fn of_home(file: &Path, home: PathBuf) -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            authority: AuthorityId::parse(NOBODY).expect("two letters, a dot, a name"),
            exchange_listen: nowhere,
            agency_listen: nowhere,
            agency_endpoint: None,
            operator_socket: home.join("run/operator.sock"),
            data: home.join("data"),
            mark: home.join("high-water"),
            ask_peers: 0,
            evidence: Evidence::default(),
            witness: WitnessConfig::default(),
            keys: home.join("keys"),
            passphrase_file: None,
            suite: 1,
            delivery_window_ms: DELIVERY_WINDOW_DEFAULT_MS,
            retry_first_ms: RETRY_FIRST_MS,
            retry_cap_ms: RETRY_CAP_SECONDS * 1000,
            links: crate::exchange::links::Rules::new(),
            reconcile: reconcile::DEFAULT,
            targets: Targets::default(),
            retention: Rules::default(),
            approval: approval::nothing(),
            trace_filter: "info".into(),
            trace_json: false,
            file: file.to_owned(),
            lines: Lines::new(),
            home,
        }
    }

    fn listeners<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let mut exchange = reader.section(root, "exchange");
        let mut agencies = reader.section(root, "agencies");
        let nodes = address(reader, &mut exchange, "exchange.listen");
        let own = address(reader, &mut agencies, "agencies.listen");
        if let (Some(nodes), Some(own)) = (nodes, own) {
            refuse_taken(reader, ("agencies.listen", own), &[("exchange.listen", nodes)]);
        }
        self.exchange_listen = nodes.unwrap_or(self.exchange_listen);
        self.agency_listen = own.unwrap_or(self.agency_listen);
        self.agency_endpoint = reader.text(&mut agencies, "agencies.endpoint");
        if let Some(endpoint) = self.agency_endpoint.as_deref().filter(|text| !is_endpoint(text)) {
            let hint = "as in \"mla.example:8443\": a name or an address, and a port";
            reader.refuse("agencies.endpoint", format!("{endpoint:?} is not HOST:PORT"), hint);
        }
        reader.end(exchange);
        reader.end(agencies);
    }

    fn witnessing<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let mut section = reader.section(root, "witness");
        let home = self.home.clone();
        let place = |text: String| home.join(text);
        self.witness.policy = reader.text(&mut section, "witness.policy").map(place);
        self.witness.ca = reader.text(&mut section, "witness.ca").map(place);
        self.witness.listen = optional_address(reader, &mut section, "witness.listen");
        if let Some(own) = self.witness.listen {
            let nodes = ("exchange.listen", self.exchange_listen);
            let others = [nodes, ("agencies.listen", self.agency_listen)];
            refuse_taken(reader, ("witness.listen", own), &others);
        }
        let post_quantum = reader.flag(&mut section, "witness.post_quantum");
        self.witness.post_quantum = post_quantum.unwrap_or_default();
        let peers = reader.texts(&mut section, "witness.gossip_with", |text| {
            AuthorityId::parse(text).map_err(|error| error.to_string())
        });
        self.witness.gossip = peers.into_iter().collect();
        self.witness.logs = reader.texts(&mut section, "witness.logs", |text| {
            VerifierKey::parse(text).map_err(|error| error.to_string())
        });
        reader.end(section);
    }

    fn places<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let home = self.home.clone();
        let set = |place: &mut PathBuf, text: Option<String>| {
            *place = text.map_or_else(|| place.clone(), |text| home.join(text));
        };
        let mut operator = reader.section(root, "operator");
        set(&mut self.operator_socket, reader.text(&mut operator, "operator.socket"));
        reader.end(operator);
        let mut store = reader.section(root, "store");
        set(&mut self.data, reader.text(&mut store, "store.data"));
        set(&mut self.mark, reader.text(&mut store, "store.mark"));
        if let Some(peers) = reader.number(&mut store, "store.ask_peers", 0..=1000) {
            self.ask_peers = peers as usize;
        }
        reader.end(store);
        // It would be restored from the same old copy that it is there to notice (I3).
        if self.mark.starts_with(&self.data) {
            let hint = "put it where backups of the data directory do not reach";
            reader.refuse("store.mark", "lies inside store.data", hint);
        }
        let mut keys = reader.section(root, "keys");
        set(&mut self.keys, reader.text(&mut keys, "keys.directory"));
        self.passphrase_file =
            reader.text(&mut keys, "keys.passphrase_file").map(|text| self.home.join(text));
        let suite = reader.number(&mut keys, "keys.signature_suite", 1..=2);
        self.suite = suite.map_or(self.suite, |suite| if suite == 2 { 2 } else { 1 });
        reader.end(keys);
    }

    fn sending<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let mut delivery = reader.section(root, "delivery");
        let mut number = |key, most| reader.number(&mut delivery, key, 1..=most);
        let most = (DELIVERY_WINDOW_MAX_MS / DAY_MS).unsigned_abs();
        let days = number("delivery.window_days", most).and_then(|days| i64::try_from(days).ok());
        self.delivery_window_ms = days.map_or(self.delivery_window_ms, |days| days * DAY_MS);
        let first = number("delivery.retry_first_ms", DAY_SECONDS * 1000);
        self.retry_first_ms = first.unwrap_or(self.retry_first_ms);
        let cap = number("delivery.retry_cap_seconds", DAY_SECONDS);
        self.retry_cap_ms = cap.map_or(self.retry_cap_ms, |seconds| seconds * 1000);
        reader.end(delivery);
    }

    fn keeping<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let mut retention = reader.section(root, "retention");
        let mut days = |key| {
            let days = reader.number(&mut retention, key, 1..=RETENTION_DAYS_MAX);
            days.and_then(|days| i64::try_from(days).ok()).map(|days| days * DAY_MS)
        };
        self.retention = Rules {
            sent_ms: days("retention.erase_sent_after_days"),
            received_ms: days("retention.erase_received_after_days"),
        };
        reader.end(retention);
    }

    fn traces<'a>(&mut self, reader: &mut Reader<'a>, root: &mut Section<'a>) {
        let mut trace = reader.section(root, "trace");
        if let Some(filter) = reader.text(&mut trace, "trace.filter") {
            match check_filter(&filter) {
                Ok(()) => self.trace_filter = filter,
                Err(why) => reader.refuse("trace.filter", why, FILTER_HINT),
            }
        }
        self.trace_json = reader.flag(&mut trace, "trace.json").unwrap_or(self.trace_json);
        reader.end(trace);
    }

    /// Something that is wrong with what a key says, or its default.
    pub(crate) fn finding(
        &self,
        severity: Severity,
        key: &'static str,
        message: String,
        hint: &str,
    ) -> Finding {
        Finding {
            severity,
            file: Some(self.file.clone()),
            line: self.lines.get(key).copied(),
            key: Some(key.to_owned()),
            message,
            hint: hint.to_owned(),
        }
    }

    /// Whether the file names an authority.
    pub(crate) fn is_named(&self) -> bool {
        self.authority.as_str() != NOBODY
    }
}

/// What to say where a trace filter is wrong.
pub(crate) const FILTER_HINT: &str =
    "a level (error, warn, info, debug, trace, off), or target=level, with commas between them";

/// Whether a text is a filter for traces. A single word that is no level would be taken for a
/// target, and everything else would be silent: it is refused.
///
/// # Errors
/// Says why not.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map_err(|error| format!("{filter:?} is no filter: {error}"))?;
    let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let words = filter.split(',').map(str::trim);
    let bare = words.filter(|word| !word.contains(['=', '[', ']', '{', '}']));
    match bare.into_iter().find(|word| !is_level(word)) {
        Some(word) => Err(format!("{word:?} is neither a level nor target=level")),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
