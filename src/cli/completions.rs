//! `rogatory completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::out::Out;

/// Writes completions for a shell
///
///   rogatory completions bash > /etc/bash_completion.d/rogatory
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: CompletionsArgs, out: &mut Out) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rogatory", &mut script);
    out.data(&String::from_utf8_lossy(&script));
}
