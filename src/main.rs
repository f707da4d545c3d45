//! The `rogatory` program: arguments, run, exit code.

use std::process::ExitCode;

use rogatory::cli::{self, Cli, Out};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(exit) => return ExitCode::from(exit as u8),
    };
    let mut out = Out::new(cli.output, cli.language());
    let result = cli::run(cli, &mut out).await;
    ExitCode::from(cli::finish(result, out) as u8)
}
