//! `rogatory log`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::OperatorAccess;
use super::exit::Failure;
use super::out::Out;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// The audit logs of this node: one for each year
#[derive(Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: Option<LogCommand>,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Lists the logs, the oldest first (what `rogatory log` does alone)
    List,
    /// Ends the newest log and begins the next one
    ///
    /// A node does this by itself when the year (UTC) changes. By hand it is for the day on which an
    /// auditor wants a closed log. Peers follow by themselves. A witness that is no peer must be told
    /// the name of the new log, and a policy that lists logs must list it.
    Seal {
        /// Origin of the log to end, as in xa.oag/log/2026: nothing is ended twice
        origin: String,
    },
}

pub(crate) async fn run(args: LogArgs, out: &mut Out) -> Result<(), Failure> {
    let LogArgs { access, command } = args;
    let ask = async |channel, _: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        let logs = match command {
            None | Some(LogCommand::List) => client.list_logs(pb::ListLogsRequest {}).await?,
            Some(LogCommand::Seal { origin }) => {
                client.seal_log(pb::SealLogRequest { origin }).await?
            }
        };
        Ok(logs.into_inner().logs)
    };
    let logs = access.at(out, ask).await?;
    out.list(&["log", "entries", "state", "root"], &logs, row, to_json);
    Ok(())
}

fn state(log: &pb::Log) -> &'static str {
    if log.sealed { "sealed" } else { "open" }
}

fn row(log: &pb::Log) -> Vec<String> {
    vec![log.origin.clone(), log.size.to_string(), state(log).to_owned(), log.root.clone()]
}

fn to_json(log: &pb::Log) -> Value {
    json!({
        "log_origin": log.origin,
        "log_size": log.size,
        "state": state(log),
        "log_root": log.root,
    })
}
