//! A node: a home that was opened, and the listeners, relays and workers around it.

mod local;
mod open;
mod registrar;
mod serve;

use std::path::{Path, PathBuf};

pub use local::Local;
pub use open::{OpenNode, OpenOutcome};
pub use serve::{Bound, serve, serve_bound};

pub use crate::home::InitOptions;

use crate::card::Card;
use crate::config::{Config, ConfigError};
use crate::domain::Timestamp;

/// The name of this program and its version, as it stands in logs and on wires.
pub const SOFTWARE: &str = concat!("rogatory ", env!("CARGO_PKG_VERSION"));

/// The time now, by the system's clock.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map(|since| since.as_millis()).unwrap_or(0);
    Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Makes the home of a node, and the first entries of its log.
///
/// # Errors
/// When an option breaks a rule, the directory is in use, or the disk refuses.
pub fn init(options: InitOptions) -> anyhow::Result<Card> {
    let card = crate::home::init(&options, now())?;
    let config = Config::read(&options.home.join("rogatory.toml"))?;
    let passphrase = options.passphrase.as_ref().map(|p| p.as_slice());
    open::create_log(&config, &card, passphrase)?;
    Ok(card)
}

/// Reads and judges a configuration, and says what an operator should look at, without binding a
/// port or opening the store.
///
/// # Errors
/// [`ConfigError`], with file, line and a hint.
pub fn check_config(path: &Path) -> Result<(Config, Vec<String>), ConfigError> {
    let config = Config::read(path)?;
    let warnings = open::warnings(&config);
    Ok((config, warnings))
}

/// The configuration of a home.
pub(crate) fn config_of(home: &Path) -> PathBuf {
    home.join("rogatory.toml")
}
