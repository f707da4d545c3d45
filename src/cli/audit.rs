//! `rogatory audit`.

mod export;
mod verify;

use clap::{Args, Subcommand};

use super::exit::Failure;
use super::out::Out;

/// Exports the node's log and verifies exports
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    Export(Box<export::ExportArgs>),
    Verify(verify::VerifyArgs),
}

pub(crate) async fn run(args: AuditArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        AuditCommand::Export(args) => export::run(*args, out).await,
        AuditCommand::Verify(args) => verify::run(args, out),
    }
}
