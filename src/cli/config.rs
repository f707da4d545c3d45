//! `rogatory config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Failure;
use super::out::Out;
use crate::node;

/// Judges a node's configuration
#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Reads a configuration as the node would, and starts nothing
    Check {
        /// The configuration
        #[arg(long, env = "ROGATORY_CONFIG", hide_env_values = true, value_name = "FILE")]
        config: PathBuf,
    },
}

pub(crate) fn run(args: ConfigArgs, out: &mut Out) -> Result<(), Failure> {
    let ConfigCommand::Check { config: path } = args.command;
    let (config, warnings) = node::check_config(&path)?;
    for warning in &warnings {
        out.talk(&format!("warning: {warning}"));
    }
    let fields = [
        ("authority", config.authority.to_string()),
        ("home", config.home.display().to_string()),
        ("for nodes", config.exchange_listen.to_string()),
        ("for agencies", config.agency_listen.to_string()),
        ("for operators", config.operator_socket.display().to_string()),
    ];
    let json = json!({
        "ok": true,
        "authority": config.authority,
        "home": config.home.display().to_string(),
        "exchange_listen": config.exchange_listen,
        "agency_listen": config.agency_listen,
        "operator_socket": config.operator_socket.display().to_string(),
        "warnings": warnings,
    });
    out.record(&fields, &json);
    Ok(())
}
