//! The command line as a whole: the commands, and what all of them take.

use clap::{Parser, Subcommand};

use super::exit::EXIT_CODES;
use super::out::Format;
use super::{
    agency, annex, audit, cancel, card, case, cases, check, completions, config, confirm, demo,
    directory, disclose, draft, erase, fetch, framework, hold, inbox, init, key, list, log,
    official, peer, queue, receipt, reply, serve, share, show, stats, status, submit,
};

/// Exchanges requests for mutual legal assistance between the authorities of States
///
/// Each authority runs one node. It signs, seals and relays messages and evidence to the nodes of
/// other authorities, and keeps a log of every step that anybody can check: each delivery is
/// proven by a receipt. `rogatory demo` shows all of it on this machine.
#[derive(Parser)]
#[command(name = "rogatory", version, after_long_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// How data is written to standard output
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Format,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Serve(serve::ServeArgs),
    Config(config::ConfigArgs),
    Card(card::CardArgs),
    Key(key::KeyArgs),
    Official(official::OfficialArgs),
    Recover(audit::recover::RecoverArgs),
    Peer(peer::PeerArgs),
    Directory(directory::DirectoryArgs),
    Framework(framework::FrameworkArgs),
    Agency(agency::AgencyArgs),
    Status(status::StatusArgs),
    Queue(queue::QueueArgs),
    Erase(erase::EraseArgs),
    Hold(hold::HoldArgs),
    Log(log::LogArgs),
    Check(check::CheckArgs),
    Submit(Box<submit::SubmitArgs>),
    Inbox(inbox::InboxArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Cases(cases::CasesArgs),
    Case(case::CaseArgs),
    Stats(stats::StatsArgs),
    Reply(Box<reply::ReplyArgs>),
    Fetch(fetch::FetchArgs),
    Confirm(confirm::ConfirmArgs),
    Cancel(cancel::CancelArgs),
    Draft(draft::DraftArgs),
    Share(share::ShareArgs),
    Unshare(share::UnshareArgs),
    Annex(annex::AnnexArgs),
    Receipt(receipt::ReceiptArgs),
    Audit(audit::AuditArgs),
    Disclose(disclose::DiscloseArgs),
    Completions(completions::CompletionsArgs),
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
