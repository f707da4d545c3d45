//! The command line as its users meet it: what the real program writes for what they type, held
//! against the readable transcripts in `tests/cli/`.
//!
//! ```text
//! $ COMMAND      is run by sh in a new directory, with the program on the path
//! ~ COMMAND      the same, again and again until it writes what follows
//! | TEXT         a line on standard output        ! TEXT   on standard error
//! ? CODE         the exit code, where it is not 0
//! + HOME         starts the node of a home        - HOME   stops it
//! # TEXT         is for readers
//! ```
//!
//! What differs from run to run is named: `[ID1]`, `[HEX1]`, `[WORDS1]`, `[PORT1]`, `[TIME]`,
//! `[YEAR]`, `[VERSION]`, `[DIR]`; commands use the same names. `[..]` stands for anything within
//! a line. `TRANSCRIPTS=write cargo test --test cli` writes what it sees: read the difference
//! before you believe it.
#![allow(missing_docs)]

#[path = "cli/names.rs"]
mod names;
#[path = "support/ports.rs"]
mod ports;
#[path = "cli/transcript.rs"]
mod transcript;

use std::path::Path;

use clap::CommandFactory as _;

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { transcript::holds(stringify!($name)); })*
        const ALL: &[&str] = &[$(stringify!($name)),*];
    };
}

transcripts! {
    help
    init
    config_check
    cards_and_peers
    keys
    recover
    logs
    agencies
    annexes
    requests_that_break_rules
    check
    exchange
    pouches
    drafts
    cases
    hearings
    receipts
    containers
    exhibits
    evidence
    directory
    framework
    stats
    languages
    messages
    no_node
    output
}

#[test]
fn every_transcript_is_run() {
    let dir = std::fs::read_dir(transcript::directory()).expect("readable");
    for file in dir {
        let path = file.expect("readable").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("UTF-8");
        let is_transcript = path.extension() == Some(std::ffi::OsStr::new("txt"));
        assert!(!is_transcript || ALL.contains(&name), "{name} is not in the list of transcripts");
    }
}

#[test]
fn the_help_of_every_command_is_in_the_transcript() {
    let text = std::fs::read_to_string(transcript::directory().join("help.txt")).expect("there");
    let mut open = vec![("rogatory help".to_owned(), rogatory::cli::Cli::command())];
    while let Some((line, command)) = open.pop() {
        assert!(text.contains(&format!("$ {line}\n")), "`{line}` is not in tests/cli/help.txt");
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            open.push((format!("{line} {}", sub.get_name()), sub.clone()));
        }
    }
}

/// docs/cli.md has a table of the fields that each command gives.
#[test]
fn every_field_of_the_json_is_documented() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let docs = std::fs::read_to_string(docs).expect("there");
    let mut objects = 0;
    for name in ALL {
        let path = transcript::directory().join(format!("{name}.txt"));
        let text = std::fs::read_to_string(path).expect("there");
        for line in text.lines().filter_map(|line| line.strip_prefix("| ")) {
            let line = line.replace("[N]", "0").replace(":[..],", ":0,");
            let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&line) else {
                continue;
            };
            objects += 1;
            for field in fields.keys() {
                assert!(docs.contains(&format!("`{field}`")), "docs/cli.md has no `{field}`");
            }
        }
    }
    assert!(objects > 10, "only {objects} objects are in the transcripts");
}

/// docs/cli.md has a row for every exit code, and says which transcript ends with it.
#[test]
fn every_exit_code_is_met() {
    let mut met = std::collections::BTreeSet::from([0]);
    for name in ALL {
        let path = transcript::directory().join(format!("{name}.txt"));
        let text = std::fs::read_to_string(path).expect("there");
        met.extend(text.lines().filter_map(|line| line.strip_prefix("? ")?.parse::<u8>().ok()));
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let docs = std::fs::read_to_string(docs).expect("there");
    for code in [0, 1, 2, 3, 4, 5, 6, 7] {
        assert!(met.contains(&code), "no transcript ends with {code}");
    }
    for code in met {
        assert!(docs.contains(&format!("\n| {code} |")), "docs/cli.md says nothing of {code}");
    }
}
