//! Looking at a configuration and its home before anything is opened or bound: all that would keep
//! the node from starting is told at once. Nothing is changed.

mod card;
mod keys;
mod places;
mod witness;

use std::path::Path;

use zeroize::Zeroizing;

use crate::config::{Config, ConfigError, FILTER_HINT, Finding, Severity, check_filter};

pub(super) use card::read_card;

/// Why somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The node is about to start.
    Start,
    /// Somebody wants to know whether it would.
    Check,
    /// A command is about to open the home of a node that does not run.
    Open,
    /// The same, and its data directory may have to be begun anew.
    Begin,
}

impl Why {
    /// Whether whoever asks is about to open the home, and finds out what is wrong in a moment.
    fn opens(self) -> bool {
        matches!(self, Why::Open | Why::Begin)
    }
}

/// A passphrase, where there is one.
pub(super) type Passphrase = Option<Zeroizing<Vec<u8>>>;

/// What was seen.
pub(super) struct Looked {
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// The passphrase, where there is one and its file may be used.
    pub passphrase: Passphrase,
}

impl Looked {
    /// The passphrase, if nothing is wrong.
    pub(super) fn sound(self) -> Result<Passphrase, ConfigError> {
        match ConfigError::of(&self.findings) {
            Some(error) => Err(error),
            None => Ok(self.passphrase),
        }
    }
}

/// A look at a home, as it goes on.
struct Look<'a> {
    config: &'a Config,
    why: Why,
    findings: Vec<Finding>,
}

/// Looks at the home of a configuration. `given` is the passphrase file of the command line.
pub(super) fn home(config: &Config, given: Option<&Path>, why: Why) -> Looked {
    let mut look = Look { config, why, findings: Vec::new() };
    look.environment();
    let seen = look.keys();
    let passphrase = look.passphrase(seen.as_ref(), given);
    look.card(seen.as_ref());
    look.data();
    look.mark();
    look.agencies();
    look.socket();
    look.witness(seen.as_ref());
    Looked { findings: look.findings, passphrase }
}

/// What an operator should look at although the node starts.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let findings = home(config, None, Why::Open).findings;
    let told = |one: Finding| match one.key {
        Some(key) => format!("{key}: {}", one.message),
        None => one.message,
    };
    findings.into_iter().filter(|one| !one.is_error()).map(told).collect()
}

/// The configuration of a node that is about to start, and its passphrase.
///
/// # Errors
/// Everything that is wrong with the file and with the home.
pub(super) fn before_start(path: &Path) -> Result<(Config, Passphrase), ConfigError> {
    let (config, mut findings) = Config::look(path);
    let Some(config) = config else {
        return Err(ConfigError::of(&findings).expect("there is no configuration for a reason"));
    };
    let looked = home(&config, None, Why::Start);
    findings.extend(looked.findings);
    let passphrase = Looked { findings, ..looked }.sound()?;
    Ok((config, passphrase))
}

impl Look<'_> {
    fn note(
        &mut self,
        severity: Severity,
        file: Option<&Path>,
        message: impl ToString,
        hint: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            file: file.map(Path::to_owned),
            line: None,
            key: None,
            message: message.to_string(),
            hint: hint.into(),
        });
    }

    /// A file for which the node would not start.
    fn refuse_file(&mut self, file: &Path, message: impl ToString, hint: impl Into<String>) {
        self.note(Severity::Error, Some(file), message, hint);
    }

    /// A key of the configuration for which the node would not start.
    fn refuse(&mut self, key: &'static str, message: String, hint: &str) {
        self.findings.push(self.config.finding(Severity::Error, key, message, hint));
    }

    fn warn(&mut self, key: &'static str, message: String, hint: &str) {
        self.findings.push(self.config.finding(Severity::Warning, key, message, hint));
    }

    /// A node would trace everything or nothing for a filter that it does not understand.
    fn environment(&mut self) {
        let Ok(filter) = std::env::var(crate::telemetry::FILTER_VARIABLE) else { return };
        if let Err(why) = check_filter(&filter) {
            self.findings.push(Finding {
                severity: Severity::Error,
                file: None,
                line: None,
                key: Some(crate::telemetry::FILTER_VARIABLE.into()),
                message: why,
                hint: FILTER_HINT.into(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
