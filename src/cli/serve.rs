//! `rogatory serve`.

use std::path::PathBuf;

use clap::Args;

use super::config::NO_CONFIG;
use super::exit::Failure;
use super::files::must_be_there;
use crate::home::KeyFileError;
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
    must_be_there(&args.config, NO_CONFIG)?;
    node::serve(&args.config).await.map_err(|error| {
        let locked = error.chain().any(|cause| {
            matches!(cause.downcast_ref::<KeyFileError>(), Some(KeyFileError::Unlock(_)))
        });
        let failure = Failure::from(error);
        match locked {
            true => failure.hint(LOCKED),
            false => failure,
        }
    })
}

const LOCKED: &str = "give the passphrase that this home was made with: keys.passphrase_file, or \
                      the systemd credential rogatory-passphrase";
