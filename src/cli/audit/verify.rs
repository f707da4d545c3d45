//! `rogatory audit verify`: needs an export and a card, and no node.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::export::{CARDS, CHECKPOINT_PATH};
use crate::audit::manifest::MANIFEST_MAX_BYTES;
use crate::audit::verify::{Report, Trust, VerifyFailure, verify_export_with};
use crate::card::Card;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_text};
use crate::cli::out::{Out, Unit};
use crate::cli::peer;

/// Verifies an exported log, without any node
///
/// Everything is computed anew: the digest of every file, every entry, the tree, the signatures,
/// the receipts. The first thing that is wrong is named. What it proves rests on the card: take
/// one whose fingerprint you have compared with the authority.
///
///   rogatory audit verify export/ --card xb.pps.card
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyArgs {
    /// The export
    dir: PathBuf,
    /// The card of the authority whose log it is
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The fingerprint that the card must have: twelve words or 64 hex digits
    #[arg(long, value_name = "WORDS|HEX")]
    fingerprint: Option<String>,
}

pub(super) fn run(args: VerifyArgs, out: &mut Out) -> Result<(), Failure> {
    let card = match &args.card {
        Some(card) => read_card(card)?,
        None => exported_card(&args.dir)?,
    };
    if let Some(fingerprint) = &args.fingerprint {
        peer::compare(&card, fingerprint)?;
    }
    let whose_word = args.card.is_none() && args.fingerprint.is_none();
    match verify(&args.dir, &card, out, &mut |_, _| {})? {
        Ok(report) => print(&report, &card, whose_word, out),
        Err(failure) => return Err(refuse(&args.dir, &failure, out)),
    }
    if whose_word {
        warn(&card, out);
    }
    Ok(())
}

/// The card that the export itself brings for the log that it says it is of.
pub(super) fn exported_card(dir: &Path) -> Result<Card, Failure> {
    let hint = "give the authority's card with --card";
    let failed = |failure: Failure| failure.or_hint(hint);
    let path = dir.join(CHECKPOINT_PATH);
    let text = read_text(&path).map_err(failed)?;
    let unproven = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::VerificationFailed, format!("{}: {why}", path.display()))
    };
    let checkpoint = Checkpoint::parse_unverified(&text).map_err(|error| unproven(&error))?;
    let (authority, _) = checkpoint
        .origin
        .split_once("/log/")
        .filter(|(authority, _)| !authority.contains('/'))
        .ok_or_else(|| unproven(&"names no log of an authority"))?;
    let card = read_card(&dir.join(format!("{CARDS}{authority}.card"))).map_err(failed)?;
    match card.authority().as_str() == authority {
        true => Ok(card),
        false => Err(unproven(&format!("the export's card of {authority} is of another"))),
    }
}

type Verified = Result<Report, VerifyFailure>;

/// Verifies an export with a card; `each` gets the entries, which are proven once this returns a
/// report.
pub(super) fn verify(
    dir: &Path,
    card: &Card,
    out: &Out,
    each: &mut dyn FnMut(u64, &Entry),
) -> Result<Verified, Failure> {
    let present: Vec<String> = files_below(dir)?.into_iter().map(|file| file.name).collect();
    let trust = Trust {
        origin: card.log_origin().to_owned(),
        keys: card.log_keys().to_vec(),
        authority: card.authority().clone(),
    };
    let bar = out.progress("verifying", 1, Unit::Entries);
    let handle = bar.handle();
    let mut progress = |done, total| {
        handle.set_length(total);
        bar.at(done);
    };
    let mut read = |path: &str| read_bounded(&dir.join(path));
    Ok(verify_export_with(&mut read, &present, &trust, each, &mut progress))
}

pub(super) fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MANIFEST_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > MANIFEST_MAX_BYTES {
        true => Err(io::Error::other("is larger than any file of an export")),
        false => Ok(Some(bytes)),
    }
}

pub(super) fn refuse(dir: &Path, failure: &VerifyFailure, out: &mut Out) -> Failure {
    let message = failure.to_string();
    if out.is_json() {
        let (path, entry) = (failure.path(), failure.entry());
        out.json(&json!({ "ok": false, "path": path, "entry": entry, "message": message }));
    }
    Failure::new(Exit::VerificationFailed, format!("{}: {message}", dir.display()))
        .hint("the export is not to be believed: keep it as it is, and ask for another")
}

fn print(report: &Report, card: &Card, whose_word: bool, out: &mut Out) {
    if out.is_json() {
        return out.json(&report_json(report, card, whose_word));
    }
    let peers = report.peers.iter().map(|(peer, count)| format!("{peer}: {count}"));
    let events = report.events.iter().map(|(event, count)| format!("{event}: {count}"));
    let fields = [
        ("log", report.checkpoint.origin.clone()),
        ("verified", format!("{} entries, all sound", report.entries)),
        ("root", hex::encode(report.checkpoint.root)),
        ("from", report.first_at.to_string()),
        ("to", report.last_at.to_string()),
        ("events", events.collect::<Vec<_>>().join("\n")),
        ("with peers", peers.collect::<Vec<_>>().join("\n")),
        ("receipts issued", report.receipts_issued.to_string()),
        ("receipts received", received(report)),
        ("fingerprint", card.fingerprint().words()),
    ];
    out.record(&fields, &Value::Null);
}

fn received(report: &Report) -> String {
    format!("{} of {} recorded", report.receipts_received, report.receipts_recorded)
}

fn report_json(report: &Report, card: &Card, whose_word: bool) -> Value {
    let events: serde_json::Map<String, Value> =
        report.events.iter().map(|(event, count)| (event.to_string(), json!(count))).collect();
    let peers: serde_json::Map<String, Value> =
        report.peers.iter().map(|(peer, count)| (peer.to_string(), json!(count))).collect();
    json!({
        "ok": true,
        "authority": card.authority(),
        "log_origin": report.checkpoint.origin,
        "entries": report.entries,
        "root": hex::encode(report.checkpoint.root),
        "first_at": report.first_at,
        "last_at": report.last_at,
        "events": events,
        "peers": peers,
        "receipts_issued": report.receipts_issued,
        "receipts_received": report.receipts_received,
        "receipts_recorded": report.receipts_recorded,
        "card_fingerprint": card.fingerprint().hex(),
        "card_from_export": whose_word,
    })
}

pub(super) fn warn(card: &Card, out: &mut Out) {
    let (whose, fingerprint) = (card.authority(), card.fingerprint());
    out.talk("WARNING: the key is the export's own word: whoever wrote the export chose it.");
    out.talk(&format!("WARNING: this proves nothing until {whose} reads out this fingerprint:"));
    out.talk(&format!("WARNING:   {}", fingerprint.words()));
    out.talk(&format!("WARNING:   {}", fingerprint.hex()));
    out.talk("WARNING: then say --fingerprint \"…\", or give the card that you trust with --card.");
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
