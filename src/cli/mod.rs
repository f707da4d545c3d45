//! The command line: one file a command, and what they share.
//!
//! Promises: standard output has data and nothing else; a command ends with the [`exit`] code that
//! says whose turn it is; it never asks a question. Commands for agencies speak to a node with a
//! profile; commands for operators speak to the home's own socket, or open the home where no node
//! runs; what verifies (receipts, logs) needs no node at all.

pub mod args;
pub mod catalogue;
pub mod exit;
pub mod out;
mod patience;

mod agency;
mod annex;
mod audit;
mod cancel;
mod card;
mod case;
mod cases;
mod check;
mod closed;
mod completions;
mod config;
mod confirm;
mod connect;
mod container;
mod day;
mod demo;
mod directory;
mod disclose;
mod draft;
mod erase;
mod evidence;
mod exhibit;
mod fetch;
mod files;
mod framework;
mod hold;
mod inbox;
mod init;
mod key;
mod list;
mod log;
mod official;
mod pack;
mod peer;
mod pouch;
mod queue;
mod receipt;
mod refusal;
mod reply;
mod screen;
mod send;
mod serve;
mod share;
mod show;
mod stats;
mod status;
mod submit;
#[cfg(test)]
mod testing;
mod vault;
mod verify_package;
mod view;

pub use args::Cli;
pub use catalogue::MessageLanguage;
pub use exit::{Exit, Failure};
pub use out::{Format, Out};

use args::Command;

/// Does what the command line says.
///
/// # Errors
/// [`Failure`], which says how the process is to end.
pub async fn run(cli: Cli, out: &mut Out) -> Result<(), Failure> {
    match cli.command {
        // What is large is boxed, so that the others need no stack for it.
        Command::Demo(args) => Box::pin(demo::run(args, out)).await,
        Command::Init(args) => init::run(args, out),
        Command::Serve(args) => Box::pin(serve::run(args)).await,
        Command::Config(args) => config::run(args, out),
        Command::Card(args) => Box::pin(card::run(args, out)).await,
        Command::Key(args) => Box::pin(key::run(args, out)).await,
        Command::Official(args) => Box::pin(official::run(args, out)).await,
        Command::Recover(args) => Box::pin(audit::recover::run(args, out)).await,
        Command::Peer(args) => Box::pin(peer::run(args, out)).await,
        Command::Directory(args) => Box::pin(directory::run(args, out)).await,
        Command::Framework(args) => Box::pin(framework::run(args, out)).await,
        Command::Agency(args) => Box::pin(agency::run(args, out)).await,
        Command::Status(args) => Box::pin(status::run(args, out)).await,
        Command::Queue(args) => Box::pin(queue::run(args, out)).await,
        Command::Pouch(args) => Box::pin(pouch::run(args, out)).await,
        Command::Erase(args) => Box::pin(erase::run(args, out)).await,
        Command::Hold(args) => Box::pin(hold::run(args, out)).await,
        Command::Log(args) => Box::pin(log::run(args, out)).await,
        Command::Vault(args) => Box::pin(vault::run(args, out)).await,
        Command::Check(args) => check::run(args, out).await,
        Command::Submit(args) => Box::pin(submit::run(*args, out)).await,
        Command::Inbox(args) => Box::pin(inbox::run(args, out)).await,
        Command::List(args) => Box::pin(list::run(args, out)).await,
        Command::Show(args) => Box::pin(show::run(args, out)).await,
        Command::Cases(args) => Box::pin(cases::run(args, out)).await,
        Command::Stats(args) => Box::pin(stats::run(args, out)).await,
        Command::Case(args) => Box::pin(case::run(args, out)).await,
        Command::Reply(args) => Box::pin(reply::run(*args, out)).await,
        Command::Fetch(args) => Box::pin(fetch::run(args, out)).await,
        Command::Exhibit(args) => Box::pin(exhibit::run(args, out)).await,
        Command::Pack(args) => Box::pin(pack::run(args, out)).await,
        Command::VerifyPackage(args) => verify_package::run(args, out),
        Command::Confirm(args) => Box::pin(confirm::run(args, out)).await,
        Command::Cancel(args) => Box::pin(cancel::run(args, out)).await,
        Command::Draft(args) => Box::pin(draft::run(args, out)).await,
        Command::Share(args) => Box::pin(share::share(args, out)).await,
        Command::Unshare(args) => Box::pin(share::unshare(args, out)).await,
        Command::Annex(args) => Box::pin(annex::run(args, out)).await,
        Command::Receipt(args) => Box::pin(receipt::run(args, out)).await,
        Command::Audit(args) => Box::pin(audit::run(args, out)).await,
        Command::Disclose(args) => Box::pin(disclose::run(args, out)).await,
        Command::Completions(args) => {
            completions::run(args, out);
            Ok(())
        }
    }
}

/// Tells why a command was not done, if it was not, and gives the code to end with.
pub fn finish(result: Result<(), Failure>, mut out: Out) -> Exit {
    if let Err(failure) = &result {
        out.failure(failure);
    }
    let mut again = out.again();
    let written = out.finish();
    match (result, written) {
        (Err(failure), _) => failure.code,
        (Ok(()), Err(failure)) => {
            again.failure(&failure);
            failure.code
        }
        (Ok(()), Ok(())) => Exit::Done,
    }
}
