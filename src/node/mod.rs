//! A node: a home that was opened, and the listeners, relays and workers around it.

mod check;
mod keys;
mod local;
mod open;
mod recover;
mod registrar;
mod routers;
mod serve;

use std::path::{Path, PathBuf};

pub use keys::{Changed, KeyShown, change_key, change_officials, list_keys};
pub use local::Local;
pub use open::{OpenNode, OpenOutcome};
pub use recover::{EXPORT_TOO_OLD, Known, Recovery};
pub use serve::{Bound, Patience, serve, serve_bound};

pub use crate::exchange::recover::{Lost, PAGE, Page, Recovered};
pub use crate::home::InitOptions;

use crate::card::Card;
use crate::config::{Config, ConfigError, Finding};
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
    // A home whose node could not start is not made.
    let file = config_of(&options.home);
    let config = Config::parse(&file, &crate::home::config_text(&options))?;
    let card = crate::home::init(&options, now())?;
    let passphrase = options.passphrase.as_ref().map(|p| p.as_slice());
    open::create_log(&config, &card, passphrase)?;
    Ok(card)
}

/// A configuration and its home, as they would be found by a node that starts.
pub struct Checked {
    /// The configuration, if the node would start with it.
    pub config: Option<Config>,
    /// Everything that is wrong, and what should be looked at.
    pub findings: Vec<Finding>,
}

/// Looks at a configuration and its home as a node does before it starts, without binding a port
/// or opening the store.
pub fn check_config(path: &Path) -> Checked {
    let (config, mut findings) = Config::look(path);
    if let Some(config) = &config {
        findings.extend(check::home(config, None, check::Why::Check).findings);
    }
    let config = config.filter(|_| ConfigError::of(&findings).is_none());
    Checked { config, findings }
}

/// The file of a home's configuration.
pub const CONFIG_FILE: &str = "rogatory.toml";

/// The configuration of a home.
pub(crate) fn config_of(home: &Path) -> PathBuf {
    home.join(CONFIG_FILE)
}
