//! The help and the refusals of the argument parser, in another language than English.

use clap::Command;
use clap::builder::StyledStr;

use super::Catalogue;

impl Catalogue {
    /// A command with all of its help, and that of the commands below it, in this language.
    pub(crate) fn help(&self, command: Command) -> Command {
        if self.whole.is_empty() {
            return command;
        }
        let said = |text: &StyledStr| self.paragraphs(&text.to_string());
        let mut told = command.clone().mut_subcommands(|below| self.help(below)).mut_args(|arg| {
            let (short, long) = (arg.get_help().map(said), arg.get_long_help().map(said));
            let arg = short.into_iter().fold(arg, clap::Arg::help);
            long.into_iter().fold(arg, clap::Arg::long_help)
        });
        told = command.get_about().map(said).into_iter().fold(told, Command::about);
        told = command.get_long_about().map(said).into_iter().fold(told, Command::long_about);
        command.get_after_long_help().map(said).into_iter().fold(told, Command::after_long_help)
    }

    /// What the parser says: a help with its headings, or why it does not take a command line. Each
    /// line is a message.
    pub(crate) fn lines(&self, said: &str) -> String {
        let line = |line: &str| {
            let (before, text) = set_in(line);
            format!("{before}{}", self.told(&text))
        };
        said.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn paragraphs(&self, text: &str) -> String {
        let line = |(before, text): &(&str, String)| format!("{before}{}", self.told(text));
        let lines = |lines: &Vec<_>| lines.iter().map(line).collect::<Vec<_>>().join("\n");
        paragraphs(text).iter().map(lines).collect::<Vec<_>>().join("\n\n")
    }
}

/// The messages of a help, paragraph by paragraph, each with what stands before it. A paragraph is one
/// message, however it is broken into lines; one that is set in, an example or a table, has one a line.
pub fn paragraphs(text: &str) -> Vec<Vec<(&str, String)>> {
    let message = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split("\n\n")
        .map(|text| match text.lines().any(|line| line.starts_with(' ')) {
            true => text.lines().map(set_in).collect(),
            false => vec![("", message(text))],
        })
        .collect()
}

/// A line and how far it is set in; of a table, its last column and what stands before that.
fn set_in(line: &str) -> (&str, String) {
    let text = line.rsplit_once("  ").map_or(line, |(_, text)| text).trim_start();
    (&line[..line.len() - text.len()], text.to_owned())
}

/// The whole help of a command, and of those below it.
pub fn helps(command: &Command) -> Vec<String> {
    let of_args = command.get_arguments().flat_map(|arg| [arg.get_help(), arg.get_long_help()]);
    let own = [command.get_about(), command.get_long_about(), command.get_after_long_help()];
    let all = own.into_iter().chain(of_args).flatten();
    let mut found: Vec<String> = all.map(StyledStr::to_string).collect();
    found.extend(command.get_subcommands().flat_map(helps));
    found
}
