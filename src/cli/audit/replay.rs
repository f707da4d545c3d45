//! `rogatory audit replay`: what an export leads to, and whether its order is legal.

pub(super) mod disclosed;
mod excerpt;
mod print;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::dir::ExportDir;
use super::when::Until;
use crate::audit::entry::Entry;
use crate::audit::replay::{Finding, Life, Severity, State};
use crate::audit::{Checkpoint, Position};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::create;
use crate::cli::out::Out;
use crate::domain::{MessageId, Timestamp};
use disclosed::Disclosed;

/// Replays an exported log: what became of every message, and whether the order is legal
///
/// The export is verified on the way. The digest of the state that the log leads to is the one that
/// `rogatory status` shows at the node, for a log of the same size. An entry that breaks a rule of
/// the order is an error; what is legal and odd is a notice. Of an excerpt, the messages that it has
/// are replayed.
///
///   rogatory audit replay export/ --card xb.pps.card
///   rogatory audit replay export/ --message ID --until 2026-11-23T16:28:01Z
///   rogatory audit replay export/ --disclosure case-42.jsonl
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    export: ExportDir,
    /// Tells the life of this message
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// Replays no further than this entry, or this time; an entry of a log before the newest as LOG:INDEX
    #[arg(long, value_name = "ENTRY|TIME")]
    until: Option<Until>,
    /// Proves that these contents, which `rogatory disclose` wrote, are those of the log
    #[arg(long, value_name = "FILE")]
    disclosure: Option<PathBuf>,
    /// Writes the state as text: its SHA-256 is the state digest
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
}

/// Findings that are listed; all are counted.
const LISTED_MAX: usize = 1000;

/// What was found in a log.
#[derive(Default)]
struct Findings {
    listed: Vec<Finding>,
    errors: u64,
    notices: u64,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        match finding.severity() {
            Severity::Error => self.errors += 1,
            Severity::Notice => self.notices += 1,
        }
        // Errors are never crowded out by notices.
        let room = self.listed.len() < LISTED_MAX;
        let is_error = finding.severity() == Severity::Error;
        let notice = || self.listed.iter().rposition(|f| f.severity() == Severity::Notice);
        match (room, is_error.then(notice).flatten()) {
            (true, _) => self.listed.push(finding),
            (false, Some(at)) => {
                self.listed.remove(at);
                self.listed.push(finding);
            }
            (false, None) => {}
        }
    }
}

/// The state that was come to, and what was seen on the way.
struct Replayed {
    state: State,
    findings: Findings,
    life: Option<Life>,
    /// Entries in the export, replayed or not.
    of: u64,
    /// The number of its newest log.
    newest: u32,
}

pub(super) fn run(args: ReplayArgs, out: &mut Out) -> Result<(), Failure> {
    if let Some(excerpt) = args.export.excerpt(out)? {
        return excerpt::run(args, &excerpt, out);
    }
    let export = args.export.open(out)?;
    let disclosed = args.disclosure.as_deref().map(Disclosed::read).transpose()?;
    let newest = export.logs().count() as u32 - 1;
    let mut replayed = Replayed {
        state: State::new(export.card().authority().clone()),
        findings: Findings::default(),
        life: args.message.map(Life::of),
        of: export.total(),
        newest,
    };
    let end = End::of(args.until, newest + 1)?;
    end.is_there(&mut export.logs().map(|(_, log)| log.checkpoint()))?;
    export.verify(out, &mut |index, entry| {
        if end.has(index, entry) {
            replayed.take(index, entry);
        }
    })?;
    if let Some(file) = &args.dump {
        dump(&replayed.state, file)?;
    }
    let proved = disclosed.map(|disclosed| disclosed.prove(&replayed.state, false)).transpose()?;
    let proved = proved.map(|(proved, _)| proved);
    print::all(&replayed, proved.as_deref(), export.checkpoint(), out);
    replayed.conclude()
}

/// Where a replay ends.
#[derive(Clone, Copy)]
enum End {
    /// With the logs.
    Never,
    /// With this entry.
    Entry(Position),
    /// With the last entry that is not later.
    Time(Timestamp),
}

impl End {
    fn of(until: Option<Until>, logs: u32) -> Result<Self, Failure> {
        match until {
            None => Ok(Self::Never),
            Some(Until::Entry(place)) => place.of(logs).map(Self::Entry),
            Some(Until::Time(at)) => Ok(Self::Time(at)),
        }
    }

    fn has(self, place: u64, entry: &Entry) -> bool {
        match self {
            Self::Never => true,
            Self::Entry(last) => Position::from_number(place) <= last,
            Self::Time(last) => entry.at <= last,
        }
    }

    /// Whether the logs, the oldest first, have the entry with which it ends.
    fn is_there(self, logs: &mut dyn Iterator<Item = &Checkpoint>) -> Result<(), Failure> {
        let Self::Entry(Position { log, index }) = self else { return Ok(()) };
        match logs.nth(log as usize) {
            Some(Checkpoint { origin, size, .. }) if index >= *size => {
                let message =
                    format!("{origin} has {size} entries, from 0: there is no entry {index}");
                Err(Failure::new(Exit::NotFound, message)
                    .hint("name one that is there, or a time, with --until, or leave it away"))
            }
            _ => Ok(()),
        }
    }
}

impl Replayed {
    fn take(&mut self, index: u64, entry: &Entry) {
        for finding in self.state.apply(index, entry) {
            self.findings.add(finding);
        }
        if let Some(life) = &mut self.life {
            life.observe(index, entry, &self.state);
        }
    }

    fn conclude(&self) -> Result<(), Failure> {
        if let Some(life) = self.life.as_ref().filter(|life| life.moments().is_empty()) {
            let message = format!("no entry is about message {}", life.message());
            return Err(Failure::new(Exit::NotFound, message));
        }
        match self.findings.errors {
            0 => Ok(()),
            errors => {
                let first = self.findings.listed.iter().find(|f| f.severity() == Severity::Error);
                let first = first.map(|first| format!(": {first}")).unwrap_or_default();
                let message = format!("{errors} entries break a rule of their order{first}");
                Err(Failure::new(Exit::VerificationFailed, message).hint(
                    "the log is what its owner signed, and says what cannot be: ask its owner",
                ))
            }
        }
    }
}

fn dump(state: &State, path: &Path) -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::file(path, "cannot be written", &e);
    let mut file = std::io::BufWriter::new(create(path)?);
    state.dump(&mut |line| file.write_all(line.as_bytes())).map_err(cannot)?;
    let file = file.into_inner().map_err(|e| cannot(e.into_error()))?;
    file.sync_all().map_err(cannot)
}

#[cfg(test)]
mod tests;
