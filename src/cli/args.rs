//! The command line as a whole: the commands, and what all of them take.

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::catalogue::{Catalogue, MessageLanguage};
use super::exit::{EXIT_CODES, Exit};
use super::out::{Format, Out};
use super::{
    agency, annex, audit, cancel, card, case, cases, check, completions, config, confirm, demo,
    directory, disclose, draft, erase, exhibit, fetch, framework, hold, inbox, init, key, list,
    log, official, pack, peer, pouch, queue, receipt, reply, serve, share, show, stats, status,
    submit, vault, verify_package,
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
    /// The language of messages; without it LC_ALL, LC_MESSAGES or LANG say it
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "LANG",
        env = "ROGATORY_LANG",
        hide_env = true
    )]
    pub messages_in: Option<MessageLanguage>,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Cli {
    /// What the command line says. Its help and its refusals are in the language that it asks for, also
    /// where something else in it is wrong.
    ///
    /// # Errors
    /// How the process ends, where nothing is left to do: help was asked for, or the line is wrong.
    pub fn read() -> Result<Self, Exit> {
        let variable = |name: &str| std::env::var(name).ok();
        let language = MessageLanguage::of_arguments(std::env::args().skip(1))
            .or_else(|| MessageLanguage::of_tag(&variable("ROGATORY_LANG")?))
            .unwrap_or_else(|| MessageLanguage::of_surroundings(variable));
        let catalogue = Catalogue::of(language);
        let matches = catalogue.help(Self::command()).try_get_matches();
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| {
            if language == MessageLanguage::En {
                error.exit();
            }
            let mut out = Out::new(Format::Table, MessageLanguage::En);
            let told = catalogue.lines(&error.render().to_string());
            if error.use_stderr() {
                out.talk(&told);
                Exit::Usage
            } else {
                out.data(&told);
                Exit::Done
            }
        })
    }

    /// The language of messages: what was asked for, or what the surroundings say.
    pub fn language(&self) -> MessageLanguage {
        let variable = |name: &str| std::env::var(name).ok();
        self.messages_in.unwrap_or_else(|| MessageLanguage::of_surroundings(variable))
    }
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
    Pouch(pouch::PouchArgs),
    Erase(erase::EraseArgs),
    Hold(hold::HoldArgs),
    Log(log::LogArgs),
    Vault(vault::VaultArgs),
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
    Exhibit(exhibit::ExhibitArgs),
    Pack(pack::PackArgs),
    VerifyPackage(verify_package::VerifyPackageArgs),
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
