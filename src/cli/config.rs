//! `rogatory config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::files::must_be_there;
use super::out::{Out, without_numbers};
use crate::config::{Config, ConfigError, Finding};
use crate::node;

/// Judges a node's configuration
#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Looks at a configuration and its home as the node would, and starts nothing
    ///
    /// Everything that would keep the node from starting is told at once: keys, passphrase, card,
    /// certificates, directories, addresses. No port is bound and the store is not opened, so a
    /// node may run meanwhile. Run it as the node's user.
    ///
    ///   rogatory config check --home /var/lib/rogatory
    #[command(verbatim_doc_comment)]
    Check {
        /// The configuration
        #[arg(long, env = "ROGATORY_CONFIG", hide_env_values = true, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The node's home, in place of the rogatory.toml in it
        #[arg(long, env = "ROGATORY_HOME", hide_env_values = true, value_name = "DIR")]
        home: Option<PathBuf>,
    },
}

/// What to say where there is no configuration.
pub(crate) const NO_CONFIG: &str = "`rogatory init` makes a home with a configuration in it";

pub(crate) fn run(args: ConfigArgs, out: &mut Out) -> Result<(), Failure> {
    let ConfigCommand::Check { config, home } = args.command;
    let in_home = || home.map(|home| home.join(node::CONFIG_FILE));
    let path = config.or_else(in_home).ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no configuration")
            .hint("name it with --config or --home")
    })?;
    must_be_there(&path, NO_CONFIG)?;
    let checked = node::check_config(&path);
    if out.is_json() {
        out.json(&json_of(checked.config.as_ref(), &checked.findings));
    }
    for warning in checked.findings.iter().filter(|one| !one.is_error()) {
        out.talk(&format!("warning: {warning}"));
        out.talk(&format!("hint: {}", warning.hint));
    }
    if let Some(error) = ConfigError::of(&checked.findings) {
        return Err(error.into());
    }
    if let (Some(config), false) = (&checked.config, out.is_json()) {
        print(config, out);
    }
    Ok(())
}

fn print(config: &Config, out: &mut Out) {
    let fields = [
        ("authority", config.authority.to_string()),
        ("home", config.home.display().to_string()),
        ("for nodes", config.exchange_listen.to_string()),
        ("for agencies", config.agency_listen.to_string()),
        ("for operators", config.operator_socket.display().to_string()),
    ];
    out.record(&fields, &Value::Null);
}

fn json_of(config: Option<&Config>, findings: &[Finding]) -> Value {
    let mut json = json!({
        "ok": config.is_some(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if let Some(config) = config {
        json["authority"] = json!(config.authority);
        json["home"] = json!(config.home.display().to_string());
        json["exchange_listen"] = json!(config.exchange_listen);
        json["agency_listen"] = json!(config.agency_listen);
        json["operator_socket"] = json!(config.operator_socket.display().to_string());
    }
    json
}

fn finding(one: &Finding) -> Value {
    json!({
        "severity": one.severity.as_str(),
        "file": one.file.as_ref().map(|file| file.display().to_string()),
        "line": one.line,
        "key": one.key,
        "message": without_numbers(&one.message),
        "hint": one.hint,
    })
}
