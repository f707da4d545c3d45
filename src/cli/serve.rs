//! `rogatory serve`.

use std::path::PathBuf;

use clap::Args;

use super::exit::Failure;
use crate::node;

/// Runs the node until it is told to stop
///
/// SIGTERM or SIGINT end it: what is under way is finished first. Traces go to standard error.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The node's configuration
    #[arg(long, env = "ROGATORY_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    Ok(node::serve(&args.config).await?)
}
