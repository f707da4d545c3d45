//! The configuration: one TOML file, read and judged whole before any port is bound.

mod evidence;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

pub use self::evidence::Evidence;
use self::evidence::EvidenceFile;
use crate::domain::AuthorityId;
use crate::domain::limits::{DELIVERY_WINDOW_DEFAULT_MS, DELIVERY_WINDOW_MAX_MS};

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
    /// How much of the disk evidence may take, and for how long.
    pub evidence: Evidence,
    /// What is traced, as in `info` or `rogatory=debug`.
    pub trace_filter: String,
    /// Whether traces are JSON.
    pub trace_json: bool,
}

/// Why a configuration is refused: where, what and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    message: String,
    hint: String,
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    authority: Spanned<String>,
    exchange: Listener,
    agencies: Agencies,
    #[serde(default)]
    operator: Operator,
    #[serde(default)]
    store: StoreFile,
    #[serde(default)]
    keys: KeysFile,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default)]
    evidence: EvidenceFile,
    #[serde(default)]
    trace: Trace,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    listen: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Agencies {
    listen: Spanned<String>,
    endpoint: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Operator {
    socket: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    data: Option<PathBuf>,
    mark: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    directory: Option<PathBuf>,
    passphrase_file: Option<PathBuf>,
    signature_suite: Option<Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Delivery {
    window_days: Option<Spanned<u32>>,
    retry_first_ms: Option<Spanned<u64>>,
    retry_cap_seconds: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Trace {
    filter: Option<String>,
    json: Option<bool>,
}

const RETRY_FIRST_MS: u64 = 500;
const RETRY_CAP_SECONDS: u64 = 300;
const DAY_SECONDS: u64 = 24 * 3600;

impl Config {
    /// Reads and judges a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], with file, line and a hint.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.to_owned(),
            line: None,
            message: format!("the configuration cannot be read: {error}"),
            hint: "`rogatory init` writes one; --config names another".into(),
        })?;
        Self::parse(path, &text)
    }

    /// Judges the text of a configuration.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let judge = Judge { path, text };
        let file: File = toml::from_str(text).map_err(|error| judge.syntax(&error))?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let home = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
        let under = |given: Option<PathBuf>, default: &str| {
            home.join(given.unwrap_or_else(|| PathBuf::from(default)))
        };
        let authority = AuthorityId::parse(file.authority.get_ref()).map_err(|e| {
            judge.at(&file.authority, e, "use the id that `rogatory init` was given")
        })?;
        let data = under(file.store.data, "data");
        let mark = judge.mark(file.store.mark, &home, &data)?;
        Ok(Self {
            authority,
            exchange_listen: judge.address(&file.exchange.listen)?,
            agency_listen: judge.address(&file.agencies.listen)?,
            agency_endpoint: file.agencies.endpoint,
            operator_socket: under(file.operator.socket, "run/operator.sock"),
            keys: under(file.keys.directory, "keys"),
            passphrase_file: file.keys.passphrase_file.map(|path| home.join(path)),
            suite: judge.suite(file.keys.signature_suite)?,
            delivery_window_ms: judge.window(file.delivery.window_days)?,
            retry_first_ms: judge.pause(
                file.delivery.retry_first_ms,
                RETRY_FIRST_MS,
                DAY_SECONDS * 1000,
            )?,
            retry_cap_ms: judge.pause(
                file.delivery.retry_cap_seconds,
                RETRY_CAP_SECONDS,
                DAY_SECONDS,
            )? * 1000,
            evidence: file.evidence.judge(&judge)?,
            trace_filter: file.trace.filter.unwrap_or_else(|| "info".into()),
            trace_json: file.trace.json.unwrap_or(false),
            data,
            mark,
            home,
        })
    }
}

/// The file being judged, for errors that say where.
struct Judge<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Judge<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        before.iter().filter(|b| **b == b'\n').count() + 1
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        ConfigError {
            file: self.path.to_owned(),
            line: error.span().map(|span| self.line(span.start)),
            message: error.message().to_owned(),
            hint: "docs/configuration.md lists every key; unknown ones are refused so that a \
                   misspelt one is not silently without effect"
                .into(),
        }
    }

    fn at<T>(&self, value: &Spanned<T>, message: impl fmt::Display, hint: &str) -> ConfigError {
        ConfigError {
            file: self.path.to_owned(),
            line: Some(self.line(value.span().start)),
            message: message.to_string(),
            hint: hint.to_owned(),
        }
    }

    fn address(&self, value: &Spanned<String>) -> Result<SocketAddr, ConfigError> {
        value.get_ref().parse().map_err(|_| {
            let message = format!("listen = {:?} is not ADDRESS:PORT", value.get_ref());
            self.at(
                value,
                message,
                "as in \"0.0.0.0:7443\" or \"[::]:7443\"; names are not looked up",
            )
        })
    }

    /// A mark that lies inside the data directory would be restored from the same old copy that
    /// it is there to notice (I3).
    fn mark(
        &self,
        given: Option<Spanned<PathBuf>>,
        home: &Path,
        data: &Path,
    ) -> Result<PathBuf, ConfigError> {
        let Some(given) = given else { return Ok(home.join("high-water")) };
        let mark = home.join(given.get_ref());
        if mark.starts_with(data) {
            let message = "store.mark lies inside store.data";
            let hint = "put it where backups of the data directory do not reach";
            return Err(self.at(&given, message, hint));
        }
        Ok(mark)
    }

    fn suite(&self, given: Option<Spanned<u32>>) -> Result<u32, ConfigError> {
        match given {
            None => Ok(1),
            Some(value) if (1..=2).contains(value.get_ref()) => Ok(value.into_inner()),
            Some(value) => {
                let message = format!("keys.signature_suite = {} is unknown", value.get_ref());
                Err(self.at(&value, message, "1 is Ed25519, 2 is Ed25519 and ML-DSA-65"))
            }
        }
    }

    fn window(&self, given: Option<Spanned<u32>>) -> Result<i64, ConfigError> {
        let Some(value) = given else { return Ok(DELIVERY_WINDOW_DEFAULT_MS) };
        let ms = i64::from(*value.get_ref()) * 24 * 3600 * 1000;
        match (1..=DELIVERY_WINDOW_MAX_MS).contains(&ms) {
            true => Ok(ms),
            false => {
                let message = format!("delivery.window_days = {} is out of range", value.get_ref());
                Err(self.at(&value, message, "1 to 400 days"))
            }
        }
    }

    fn pause(
        &self,
        given: Option<Spanned<u64>>,
        default: u64,
        most: u64,
    ) -> Result<u64, ConfigError> {
        match given {
            None => Ok(default),
            Some(value) if (1..=most).contains(value.get_ref()) => Ok(value.into_inner()),
            Some(value) => {
                Err(self.at(&value, "a pause is out of range", "1 or more, a day at most"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n\
                        [agencies]\nlisten = \"127.0.0.1:8443\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/etc/rogatory/rogatory.toml"), text)
    }

    #[test]
    fn the_least_configuration_has_every_default() {
        let config = parse(GOOD).expect("valid");
        assert_eq!(config.data, Path::new("/etc/rogatory/data"));
        assert_eq!(config.mark, Path::new("/etc/rogatory/high-water"));
        assert_eq!(config.delivery_window_ms, DELIVERY_WINDOW_DEFAULT_MS);
        assert_eq!((config.retry_first_ms, config.retry_cap_ms, config.suite), (500, 300_000, 1));
    }

    #[test]
    fn errors_name_file_line_and_rule() {
        for (text, line, says) in [
            (GOOD.replace("th.oag", "TH"), 1, "authority id"),
            (GOOD.replace("127.0.0.1:7443", "localhost"), 3, "ADDRESS:PORT"),
            (format!("{GOOD}[store]\nmark = \"data/mark\"\n"), 7, "inside store.data"),
            (format!("{GOOD}[stor]\n"), 6, "unknown field"),
            (format!("{GOOD}[keys]\nsignature_suite = 3\n"), 7, "is unknown"),
            (format!("{GOOD}[delivery]\nwindow_days = 0\n"), 7, "out of range"),
            (format!("{GOOD}[delivery]\nretry_first_ms = 0\n"), 7, "out of range"),
        ] {
            let error = parse(&text).expect_err(says);
            let shown = error.to_string();
            assert!(shown.starts_with(&format!("/etc/rogatory/rogatory.toml:{line}: ")), "{shown}");
            assert!(shown.contains(says), "{shown}");
            assert!(!error.hint().is_empty());
        }
    }
}
