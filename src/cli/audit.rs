//! `rogatory audit`.

mod anchors;
mod chain;
mod check;
mod compare;
mod custody;
mod dir;
mod equivocations;
mod evidence;
mod excerpt;
mod export;
mod prove;
mod reconcile;
pub(crate) mod recover;
mod replay;
mod show;
mod stats;
mod trusted;
mod verify;
mod when;

use clap::{Args, Subcommand};

use super::exit::Failure;
use super::out::Out;

/// Exports the node's log; verifies, replays and compares exports, and evidence against logs
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
    Merge(export::merge::MergeArgs),
    Verify(verify::VerifyArgs),
    Replay(Box<replay::ReplayArgs>),
    Compare(compare::CompareArgs),
    Reconcile(Box<reconcile::ReconcileArgs>),
    Custody(Box<custody::CustodyArgs>),
    Show(Box<show::ShowArgs>),
    Prove(prove::ProveArgs),
    Stats(stats::StatsArgs),
    Anchors(Box<anchors::AnchorsArgs>),
    Check(Box<check::CheckArgs>),
}

pub(crate) async fn run(args: AuditArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        AuditCommand::Equivocations(args) => equivocations::run(*args, out).await,
        AuditCommand::Evidence(args) => evidence::run(args, out),
        AuditCommand::Export(args) => export::run(*args, out).await,
        AuditCommand::Merge(args) => export::merge::run(args, out),
        AuditCommand::Verify(args) => verify::run(args, out),
        AuditCommand::Replay(args) => replay::run(*args, out),
        AuditCommand::Compare(args) => compare::run(args, out),
        AuditCommand::Reconcile(args) => reconcile::run(*args, out),
        AuditCommand::Custody(args) => custody::run(*args, out),
        AuditCommand::Show(args) => show::run(*args, out),
        AuditCommand::Prove(args) => prove::run(args, out),
        AuditCommand::Stats(args) => stats::run(args, out),
        AuditCommand::Anchors(args) => anchors::run(*args, out).await,
        AuditCommand::Check(args) => check::run(*args, out).await,
    }
}
