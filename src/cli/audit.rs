//! `rogatory audit`.

mod equivocations;
mod evidence;
mod export;
mod verify;

use clap::{Args, Subcommand};

use super::exit::Failure;
use super::out::Out;

/// Exports the node's log, and verifies exports and evidence against logs
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    Equivocations(Box<equivocations::EquivocationsArgs>),
    Evidence(evidence::EvidenceArgs),
    Export(Box<export::ExportArgs>),
    Verify(verify::VerifyArgs),
}

pub(crate) async fn run(args: AuditArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        AuditCommand::Equivocations(args) => equivocations::run(*args, out).await,
        AuditCommand::Evidence(args) => evidence::run(args, out),
        AuditCommand::Export(args) => export::run(*args, out).await,
        AuditCommand::Verify(args) => verify::run(args, out),
    }
}
