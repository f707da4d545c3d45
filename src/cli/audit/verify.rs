//! `rogatory audit verify`: needs an export and a card, and no node.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::chain::{self, Alone, Link};
use super::dir::no_export;
use super::excerpt::{self, ExcerptDir};
use super::trusted::{exported_card, warn};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::excerpt::Scope;
use crate::audit::export::{CHECKPOINT_PATH, RECEIPTS};
use crate::audit::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH};
use crate::audit::policy::Policy;
use crate::audit::verify::{
    Report, Trust, VerifyFailure, WitnessSeen, Witnessing, verify_export_with,
};
use crate::card::Card;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_policy, read_text};
use crate::cli::out::{Out, Unit};
use crate::cli::peer;
use crate::domain::{AuthorityId, MessageId};

/// Verifies an exported log, or an excerpt of one, without any node
///
/// Everything is computed anew: the digest of every file, every entry, the tree, the signatures,
/// the receipts. The first thing that is wrong is named. What it proves rests on the card: take
/// one whose fingerprint you have compared with the authority. An excerpt, which shows only some of
/// the entries, is verified where --excerpt says that it is one.
///
///   rogatory audit verify export/ --card xb.pps.card --policy witnesses.policy
///   rogatory audit verify excerpt/ --card xb.pps.card --excerpt --peer xa.oag
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
    /// The policy of witnesses (C2SP tlog-policy) that the exported checkpoint must satisfy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Verifies an excerpt; without this, an excerpt is refused, since it leaves entries out
    #[arg(long)]
    excerpt: bool,
    /// The authority that the excerpt must be about, as you asked for it
    #[arg(long, value_name = "AUTHORITY", requires = "excerpt")]
    peer: Option<AuthorityId>,
    /// The message that the excerpt must be about, as you asked for it
    #[arg(long, value_name = "ID", requires = "excerpt", conflicts_with = "peer")]
    message: Option<MessageId>,
    #[command(flatten)]
    alone: Alone,
}

impl VerifyArgs {
    fn scope(&self) -> Option<Scope> {
        self.peer.clone().map(Scope::Peer).or_else(|| self.message.map(Scope::Message))
    }
}

pub(super) fn run(args: VerifyArgs, out: &mut Out) -> Result<(), Failure> {
    as_asked(&args.dir, args.excerpt, out)?;
    let card = match &args.card {
        Some(card) => read_card(card)?,
        None => exported_card(&args.dir)?,
    };
    if let Some(fingerprint) = &args.fingerprint {
        peer::compare(&card, fingerprint)?;
    }
    if let Some(path) = &args.card {
        same_log(&args.dir, path, &card, out)?;
    }
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let whose_word = args.card.is_none() && args.fingerprint.is_none();
    if args.excerpt {
        let excerpt = ExcerptDir::new(&args.dir, card, args.alone);
        return excerpt.verify(policy, args.scope().as_ref(), whose_word, out);
    }
    let reports = verify(&args.dir, &card, policy, args.alone, out, &mut |_, _| {})?;
    print(&reports, &card, whose_word, out);
    if whose_word {
        warn(&card, out);
    }
    Ok(())
}

/// Whether it is what the auditor asked for. The exporter chooses by the first line of the manifest, and
/// could give an excerpt, which verifies, to whoever takes it for the whole log.
fn as_asked(dir: &Path, excerpt: bool, out: &mut Out) -> Result<(), Failure> {
    if let Some(failure) = no_export(dir) {
        tell_failure(&failure.message, None, out);
        return Err(failure);
    }
    let (is, hint) = match (excerpt::is_one(dir), excerpt) {
        (true, false) => (
            "is an excerpt, which leaves entries of the log out",
            "if an excerpt is what you asked for, say --excerpt; otherwise ask for the whole log",
        ),
        (false, true) if dir.join(MANIFEST_PATH).exists() => {
            ("is no excerpt", "leave --excerpt away to verify it as an export of the whole log")
        }
        _ => return Ok(()),
    };
    let message = format!("{} {is}", dir.display());
    tell_failure(&message, Some(MANIFEST_PATH), out);
    Err(Failure::new(Exit::BadInput, message).hint(hint))
}

/// A failure that is about no entry, for programs.
pub(super) fn tell_failure(message: &str, path: Option<&str>, out: &mut Out) {
    if out.is_json() {
        let nothing = Value::Null;
        out.json(&json!({ "ok": false, "path": path, "entry": nothing, "message": message }));
    }
}

/// A card of another log says nothing about the export, good or bad. What cannot be read here is
/// named by the verification.
fn same_log(dir: &Path, path: &Path, card: &Card, out: &mut Out) -> Result<(), Failure> {
    let text = read_text(&dir.join(CHECKPOINT_PATH)).unwrap_or_default();
    let origin = Checkpoint::parse_unverified(&text).map(|checkpoint| checkpoint.origin);
    let Some(origin) = origin.ok().filter(|origin| !card.owns_log(origin)) else {
        return Ok(());
    };
    let (path, dir, whose, log) =
        (path.display(), dir.display(), card.authority(), card.log_origin());
    let message =
        format!("{path}: is the card of {whose}, for the log {log}; but {dir} is of {origin}");
    tell_failure(&message, None, out);
    let hint = "give the card that names this log with --card";
    Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
}

/// Verifies all logs of an export with a card, and that each follows the one before it; the policy is
/// for the newest one. `each` gets the entries with their positions, which are proven once this
/// returns the reports, the oldest log's first.
pub(super) fn verify(
    dir: &Path,
    card: &Card,
    policy: Option<Policy>,
    alone: Alone,
    out: &mut Out,
    each: &mut dyn FnMut(u64, &Entry),
) -> Result<Vec<Report>, Failure> {
    let reports = chain::follow(dir, card, policy, alone, out, &mut |link, trust, first, out| {
        let mut each = |index: u64, entry: &Entry| each(first + index, entry);
        verify_one(link, trust, out, &mut each)?
            .map_err(|failure| refuse(dir, &link.prefix, &failure, out))
    })?;
    match cards_fit(reports.last()) {
        Ok(()) => Ok(reports),
        Err(failure) => Err(refuse(dir, "", &failure, out)),
    }
}

/// Where the log has ended, one that follows may name the cards beside it.
pub(super) fn cards_fit(newest: Option<&Report>) -> Result<(), VerifyFailure> {
    match newest.filter(|newest| newest.successor.is_none()) {
        Some(newest) => newest.cards.fit(),
        None => Ok(()),
    }
}

fn verify_one(
    link: &Link,
    trust: &Trust,
    out: &Out,
    each: &mut dyn FnMut(u64, &Entry),
) -> Result<Result<Report, VerifyFailure>, Failure> {
    let present = link.files()?;
    let mut progress = out.counting("verifying", Unit::Entries);
    let mut read = |path: &str| read_bounded(&link.dir.join(path));
    Ok(verify_export_with(&mut read, &present, trust, each, &mut progress))
}

pub(super) fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A pipe would be waited for without end.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("is not a regular file"));
    }
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

pub(super) fn refuse(dir: &Path, prefix: &str, failure: &VerifyFailure, out: &mut Out) -> Failure {
    let message = failure.to_string();
    if out.is_json() {
        let (path, entry) = (failure.path().map(|path| format!("{prefix}{path}")), failure.entry());
        out.json(&json!({ "ok": false, "path": path, "entry": entry, "message": message }));
    }
    let hint = match failure {
        VerifyFailure::Missing { path }
            if path.starts_with("tile/") || path.starts_with(RECEIPTS) =>
        {
            "if it has only what is new since some entries (`audit export --since`), merge it into \
             an export of those: `rogatory audit merge`"
        }
        VerifyFailure::Quorum { .. } => {
            "ask for an export of a checkpoint that these witnesses have cosigned, or ask them what \
             they hold of this log"
        }
        VerifyFailure::Later { .. } => {
            "ask for an export of today; --without-later verifies what there is up to this log's end"
        }
        VerifyFailure::Earlier { .. } => {
            "ask for a whole export; --without-earlier verifies this log alone, and takes what it says \
             of the time before as said"
        }
        _ => "the export is not to be believed: keep it as it is, and ask for another",
    };
    let dir = dir.join(prefix);
    Failure::new(Exit::VerificationFailed, format!("{}: {message}", dir.display())).hint(hint)
}

fn print(reports: &[Report], card: &Card, whose_word: bool, out: &mut Out) {
    let Some((report, earlier)) = reports.split_last() else { return };
    let first_at = reports[0].first_at;
    let mut counts = BTreeMap::new();
    for (event, count) in reports.iter().flat_map(|report| &report.events) {
        *counts.entry(event).or_insert(0) += count;
    }
    if out.is_json() {
        return out.json(&report_json(report, earlier, card, whose_word));
    }
    let earlier = earlier
        .iter()
        .map(|log| format!("{}: {} entries, all sound", log.checkpoint.origin, log.entries));
    let earlier: Vec<String> = earlier.collect();
    let peers = report.peers.iter().map(|(peer, count)| format!("{peer}: {count}"));
    let events = counts.iter().map(|(event, count)| format!("{event}: {count}"));
    let mut fields = vec![
        ("log", report.checkpoint.origin.clone()),
        ("verified", format!("{} entries, all sound", report.entries)),
        ("root", hex::encode(report.checkpoint.root)),
        ("from", first_at.to_string()),
        ("to", report.last_at.to_string()),
        ("events", events.collect::<Vec<_>>().join("\n")),
        ("with peers", peers.collect::<Vec<_>>().join("\n")),
        ("receipt files", receipt_files(report)),
        ("fingerprint", card.fingerprint().words()),
    ];
    if !earlier.is_empty() {
        fields.insert(1, ("earlier logs", earlier.join("\n")));
    }
    if let Some(witnessing) = &report.witnessing {
        fields.push(("quorum", quorum(witnessing)));
        let seen = witnessing.cosigned.iter().map(seen);
        fields.push(("cosigned by", seen.collect::<Vec<_>>().join("\n")));
        fields.push(("not cosigned by", witnessing.missing.join("\n")));
    }
    if let Some(exported) = exported_policy(report) {
        fields.push(("exported policy", exported.to_owned()));
    }
    out.record(&fields, &Value::Null);
}

pub(super) fn quorum(witnessing: &Witnessing) -> String {
    match witnessing.quorum {
        true => "reached".to_owned(),
        false => "none is asked for".to_owned(),
    }
}

pub(super) fn seen(seen: &WitnessSeen) -> String {
    let (witness, key) = (&seen.witness.name, &seen.witness.key);
    format!("{witness} ({}, {}) at {}", key.name(), key.public().algorithm(), seen.at)
}

/// What the policy in the export is, as far as the log tells.
fn exported_policy(report: &Report) -> Option<&'static str> {
    let exported = report.policy_exported?;
    let given = report.witnessing.as_ref().is_some_and(|given| given.policy == exported);
    Some(match (report.policy_set == Some(exported), given) {
        (true, true) => "the one that the log says was set last, and the one given here",
        (true, false) => "the one that the log says was set last",
        (false, true) => "the one given here; not the one that the log says was set last",
        (false, false) => "not the one that the log says was set last",
    })
}

/// What of receipts lies in the export as a file. That they were issued or recorded, the log says.
fn receipt_files(report: &Report) -> String {
    let Report { receipts_issued, receipts_received, receipts_recorded, .. } = report;
    format!(
        "{receipts_issued} of this log, {receipts_received} of other logs (this one recorded \
         {receipts_recorded})"
    )
}

fn report_json(report: &Report, earlier: &[Report], card: &Card, whose_word: bool) -> Value {
    let events: serde_json::Map<String, Value> =
        report.events.iter().map(|(event, count)| (event.to_string(), json!(count))).collect();
    let peers: serde_json::Map<String, Value> =
        report.peers.iter().map(|(peer, count)| (peer.to_string(), json!(count))).collect();
    json!({
        "ok": true,
        "authority": card.authority(),
        "log_origin": report.checkpoint.origin,
        "earlier": earlier.iter().map(earlier_json).collect::<Vec<_>>(),
        "entries": report.entries,
        "root": hex::encode(report.checkpoint.root),
        "successor": report.successor,
        "first_at": report.first_at,
        "last_at": report.last_at,
        "events": events,
        "peers": peers,
        "receipts_issued": report.receipts_issued,
        "receipts_received": report.receipts_received,
        "receipts_recorded": report.receipts_recorded,
        "policy_set": report.policy_set.map(hex::encode),
        "policy_exported": report.policy_exported.map(hex::encode),
        "witnessing": report.witnessing.as_ref().map(witnessing_json),
        "card_fingerprint": card.fingerprint().hex(),
        "card_from_export": whose_word,
    })
}

fn earlier_json(report: &Report) -> Value {
    json!({
        "log_origin": report.checkpoint.origin,
        "entries": report.entries,
        "root": hex::encode(report.checkpoint.root),
    })
}

pub(super) fn witnessing_json(witnessing: &Witnessing) -> Value {
    let seen = |seen: &WitnessSeen| {
        json!({
            "name": seen.witness.name,
            "key": seen.witness.key.to_string(),
            "algorithm": seen.witness.key.public().algorithm(),
            "at": seen.at.timestamp(),
        })
    };
    json!({
        "policy": hex::encode(witnessing.policy),
        "quorum": if witnessing.quorum { "reached" } else { "none" },
        "cosigned": witnessing.cosigned.iter().map(seen).collect::<Vec<_>>(),
        "missing": witnessing.missing,
    })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
