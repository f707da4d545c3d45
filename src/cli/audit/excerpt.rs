//! An excerpt as it lies in a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::verify::{self, quorum, read_bounded, seen, trust, witnessing_json};
use crate::audit::entry::Entry;
use crate::audit::excerpt::{HEADER, Scope, is_excerpt};
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::policy::Policy;
use crate::audit::verify::excerpt::{ExcerptFailure, ExcerptReport, Numbers, verify_excerpt};
use crate::audit::verify::{Before, VerifyFailure, WitnessSeen};
use crate::card::Card;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;
use crate::domain::AuthorityId;

/// Whether a directory says of itself that it is an excerpt.
pub(super) fn is_one(dir: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(dir.join(MANIFEST_PATH))
        .and_then(|file| file.take(HEADER.len() as u64 + 1).read_to_end(&mut start));
    read.is_ok() && is_excerpt(&start)
}

/// Refuses an excerpt where all of a log is needed.
pub(super) fn refuse(dir: &Path) -> Result<(), Failure> {
    if !is_one(dir) {
        return Ok(());
    }
    let message = format!("{} is an excerpt, and this command needs the whole log", dir.display());
    Err(Failure::new(Exit::BadInput, message).hint(
        "`audit verify`, `audit show` and `audit replay` take excerpts; the proof of an entry is its \
         file below entries/",
    ))
}

/// An excerpt, and the card that it is read with.
pub(super) struct ExcerptDir {
    dir: PathBuf,
    card: Card,
}

impl ExcerptDir {
    pub(super) fn new(dir: &Path, card: Card) -> Self {
        Self { dir: dir.to_owned(), card }
    }

    pub(super) fn card(&self) -> &Card {
        &self.card
    }

    /// Verifies all of it, and gives each entry to `each` on the way.
    pub(super) fn entries(
        &self,
        out: &mut Out,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<ExcerptReport, Failure> {
        self.verified(None, out, each)
    }

    fn verified(
        &self,
        policy: Option<Policy>,
        out: &mut Out,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<ExcerptReport, Failure> {
        let present: Vec<String> =
            files_below(&self.dir)?.into_iter().map(|file| file.name).collect();
        let mut read = |path: &str| read_bounded(&self.dir.join(path));
        let trust = trust(&self.dir, &self.card, policy, Before::NotAtHand);
        verify_excerpt(&mut read, &present, &trust, each)
            .map_err(|failure| self.fail(&failure, out))
    }

    fn fail(&self, failure: &ExcerptFailure, out: &mut Out) -> Failure {
        if let ExcerptFailure::Export(failure @ VerifyFailure::Quorum { .. }) = failure {
            return verify::refuse(&self.dir, "", failure, out);
        }
        let message = failure.to_string();
        if out.is_json() {
            let (path, entry) = (failure.path(), failure.entry());
            out.json(&json!({ "ok": false, "path": path, "entry": entry, "message": message }));
        }
        Failure::new(Exit::VerificationFailed, format!("{}: {message}", self.dir.display()))
            .hint("the excerpt is not to be believed: keep it as it is, and ask for another")
    }

    /// `audit verify` of an excerpt.
    pub(super) fn verify(
        &self,
        policy: Option<Policy>,
        whose_word: bool,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let report = self.verified(policy, out, &mut |_, _| {})?;
        if out.is_json() {
            out.json(&self.report_json(&report, whose_word));
        } else {
            out.record(&self.fields(&report), &Value::Null);
        }
        out.talk(&proves(&report));
        if whose_word {
            verify::warn(&self.card, out);
        }
        Ok(())
    }

    fn fields(&self, report: &ExcerptReport) -> Vec<(&'static str, String)> {
        let size = report.checkpoint.size;
        let events = report.events.iter().map(|(event, count)| format!("{event}: {count}"));
        let peers = report.peers.iter().map(|(peer, numbers)| numbers_of(peer, numbers));
        let mut fields = vec![
            ("log", report.checkpoint.origin.clone()),
            ("excerpt of", report.scope.to_string()),
            ("verified", format!("{} of {size} entries, all proven", report.entries)),
            ("root", hex::encode(report.checkpoint.root)),
            ("to", report.last_at.to_string()),
            ("events", events.collect::<Vec<_>>().join("\n")),
            ("with peers", peers.collect::<Vec<_>>().join("\n")),
            ("messages", report.messages.to_string()),
            ("receipts received", report.receipts.to_string()),
            ("fingerprint", self.card.fingerprint().words()),
        ];
        if let Some(witnessing) = &report.witnessing {
            let cosigned: Vec<String> =
                witnessing.cosigned.iter().map(|one: &WitnessSeen| seen(one)).collect();
            fields.push(("quorum", quorum(witnessing)));
            fields.push(("cosigned by", cosigned.join("\n")));
            fields.push(("not cosigned by", witnessing.missing.join("\n")));
        }
        fields
    }

    fn report_json(&self, report: &ExcerptReport, whose_word: bool) -> Value {
        let events: Map<String, Value> =
            report.events.iter().map(|(event, count)| (event.to_string(), json!(count))).collect();
        json!({
            "ok": true,
            "excerpt": report.scope.to_string(),
            "authority": self.card.authority(),
            "log_origin": report.checkpoint.origin,
            "size": report.checkpoint.size,
            "entries": report.entries,
            "root": hex::encode(report.checkpoint.root),
            "last_at": report.last_at,
            "events": events,
            "peers": peers_json(&report.peers),
            "messages": report.messages,
            "receipts_received": report.receipts,
            "policy_exported": report.policy_exported.map(hex::encode),
            "witnessing": report.witnessing.as_ref().map(witnessing_json),
            "card_fingerprint": self.card.fingerprint().hex(),
            "card_from_export": whose_word,
        })
    }
}

fn numbers_of(peer: &AuthorityId, numbers: &Numbers) -> String {
    let Numbers { count, last } = numbers;
    match count == last {
        true => format!("{peer}: numbers 1 to {last}, none missing"),
        false => format!("{peer}: {count} of the numbers up to {last}"),
    }
}

fn peers_json(peers: &BTreeMap<AuthorityId, Numbers>) -> Map<String, Value> {
    let numbers = |Numbers { count, last }: &Numbers| json!({ "entries": count, "last": last });
    peers.iter().map(|(peer, of_peer)| (peer.to_string(), numbers(of_peer))).collect()
}

/// What a sound excerpt says about what it leaves out.
fn proves(report: &ExcerptReport) -> String {
    let (owner, size) = (&report.checkpoint.origin, report.checkpoint.size);
    match &report.scope {
        Scope::Peer(peer) => {
            let last = report.peers.get(peer).map_or(0, |numbers| numbers.last);
            format!(
                "note: between the numbers 1 and {last} nothing with {peer} is missing; that nothing \
                 came after {last}, of {size} entries, is what the owner of {owner} has signed"
            )
        }
        Scope::Case | Scope::Message(_) => format!(
            "note: that these are all the entries, of {size}, is what the owner of {owner} has signed"
        ),
    }
}

#[cfg(test)]
#[path = "excerpt_tests.rs"]
mod tests;
