//! The `rogatory` program: arguments, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use rogatory::cli::{self, Cli, Out};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::new(cli.output);
    let result = cli::run(cli, &mut out).await;
    ExitCode::from(cli::finish(result, out) as u8)
}
