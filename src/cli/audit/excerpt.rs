//! An excerpt as it lies in a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::chain::{Alone, Link, follow, links};
use super::trusted;
use super::verify::{self, quorum, read_bounded, seen, witnessing_json};
use crate::audit::entry::Entry;
use crate::audit::excerpt::{HEADER, Scope, entry_path, is_excerpt};
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::policy::Policy;
use crate::audit::proof::TlogProof;
use crate::audit::verify::excerpt::{ExcerptFailure, ExcerptReport, Numbers, verify_excerpt};
use crate::audit::verify::{Trust, VerifyFailure, WitnessSeen};
use crate::card::Card;
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
        "`audit verify --excerpt`, `audit show` and `audit replay` take excerpts; the proof of an entry \
         is its file below entries/",
    ))
}

/// The first entry of the log, if its proof can be read. It proves nothing.
pub(super) fn first_entry(dir: &Path) -> Option<Vec<u8>> {
    let text = read_bounded(&dir.join(entry_path(0))).ok()??;
    Some(TlogProof::parse(&String::from_utf8(text).ok()?).ok()?.extra)
}

/// An excerpt, and the card that it is read with.
pub(super) struct ExcerptDir {
    dir: PathBuf,
    card: Card,
    alone: Alone,
}

impl ExcerptDir {
    pub(super) fn new(dir: &Path, card: Card, alone: Alone) -> Self {
        Self { dir: dir.to_owned(), card, alone }
    }

    pub(super) fn card(&self) -> &Card {
        &self.card
    }

    /// The number of the newest log, as positions have it.
    pub(super) fn newest(&self) -> Result<u32, Failure> {
        match self.alone.without_earlier {
            true => Ok(0),
            false => Ok(links(&self.dir)?.len() as u32 - 1),
        }
    }

    /// Verifies all of it, and gives each entry with its position to `each` on the way. The reports
    /// are those of its logs, the oldest first.
    pub(super) fn entries(
        &self,
        out: &mut Out,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<Vec<ExcerptReport>, Failure> {
        self.verified(None, out, each)
    }

    fn verified(
        &self,
        policy: Option<Policy>,
        out: &mut Out,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<Vec<ExcerptReport>, Failure> {
        let mut one = |link: &Link, trust: &Trust<ExcerptReport>, first, out: &mut Out| {
            let mut each = |index: u64, entry: &Entry| each(first + index, entry);
            let mut read = |path: &str| read_bounded(&link.dir.join(path));
            verify_excerpt(&mut read, &link.files()?, trust, &mut each)
                .map_err(|failure| self.fail(&link.prefix, &failure, out))
        };
        let reports = follow(&self.dir, &self.card, policy, self.alone, out, &mut one)?;
        let newest = reports.last().filter(|newest| newest.successor.is_none());
        match newest.map_or(Ok(()), ExcerptReport::cards_fit) {
            Ok(()) => Ok(reports),
            Err(failure) => Err(self.fail("", &failure.into(), out)),
        }
    }

    fn fail(&self, prefix: &str, failure: &ExcerptFailure, out: &mut Out) -> Failure {
        if let ExcerptFailure::Export(
            failure @ (VerifyFailure::Quorum { .. } | VerifyFailure::Earlier { .. }),
        ) = failure
        {
            return verify::refuse(&self.dir, prefix, failure, out);
        }
        let message = failure.to_string();
        if out.is_json() {
            let path = failure.path().map(|path| format!("{prefix}{path}"));
            let entry = failure.entry();
            out.json(&json!({ "ok": false, "path": path, "entry": entry, "message": message }));
        }
        let dir = self.dir.join(prefix);
        Failure::new(Exit::VerificationFailed, format!("{}: {message}", dir.display()))
            .hint("the excerpt is not to be believed: keep it as it is, and ask for another")
    }

    /// `audit verify` of an excerpt, which must be about what was asked for, where that is said.
    pub(super) fn verify(
        &self,
        policy: Option<Policy>,
        asked: Option<&Scope>,
        whose_word: bool,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let reports = self.verified(policy, out, &mut |_, _| {})?;
        let Some((report, earlier)) = reports.split_last() else { return Ok(()) };
        if let Some(asked) = asked.filter(|asked| **asked != report.scope) {
            return Err(self.of_another(asked, &report.scope, out));
        }
        if out.is_json() {
            out.json(&self.report_json(report, earlier, whose_word));
        } else {
            out.record(&self.fields(report, earlier), &Value::Null);
        }
        out.talk(&proves(report));
        if !report.proves_cards() {
            out.talk(
                "note: cards of peers in it are held against no entry: take those that you trust",
            );
        }
        if whose_word {
            trusted::warn(&self.card, out);
        }
        Ok(())
    }

    /// A sound excerpt of something else proves nothing about what was asked for.
    fn of_another(&self, asked: &Scope, scope: &Scope, out: &mut Out) -> Failure {
        let dir = self.dir.display();
        let message = format!("{dir} is an excerpt of {scope}; you asked for {asked}");
        verify::tell_failure(&message, Some(MANIFEST_PATH), out);
        Failure::new(Exit::VerificationFailed, message)
            .hint("ask the exporter again for the excerpt that you need, by that name")
    }

    fn fields(
        &self,
        report: &ExcerptReport,
        earlier: &[ExcerptReport],
    ) -> Vec<(&'static str, String)> {
        let told = &report.told;
        let earlier = earlier.iter().map(|log| format!("{}: {}", log.checkpoint.origin, of(log)));
        let events = told.events.iter().map(|(event, count)| format!("{event}: {count}"));
        let peers = told.peers.iter().map(|(peer, numbers)| numbers_of(peer, numbers));
        let mut fields = vec![
            ("log", report.checkpoint.origin.clone()),
            ("earlier logs", earlier.collect::<Vec<_>>().join("\n")),
            ("excerpt of", report.scope.to_string()),
            ("made", report.made.at.to_string()),
            ("verified", of(report)),
            ("root", hex::encode(report.checkpoint.root)),
            ("to", told.last_at.to_string()),
            ("events", events.collect::<Vec<_>>().join("\n")),
            ("with peers", peers.collect::<Vec<_>>().join("\n")),
            ("messages", told.messages.len().to_string()),
            ("receipt files", format!("{} of other logs", told.receipts)),
            ("fingerprint", self.card.fingerprint().words()),
        ];
        fields.retain(|(name, value)| *name != "earlier logs" || !value.is_empty());
        if let Some(witnessing) = &report.witnessing {
            let cosigned: Vec<String> =
                witnessing.cosigned.iter().map(|one: &WitnessSeen| seen(one)).collect();
            fields.push(("quorum", quorum(witnessing)));
            fields.push(("cosigned by", cosigned.join("\n")));
            fields.push(("not cosigned by", witnessing.missing.join("\n")));
        }
        fields
    }

    fn report_json(
        &self,
        report: &ExcerptReport,
        earlier: &[ExcerptReport],
        whose_word: bool,
    ) -> Value {
        let told = &report.told;
        let events: Map<String, Value> =
            told.events.iter().map(|(event, count)| (event.to_string(), json!(count))).collect();
        json!({
            "ok": true,
            "excerpt": report.scope.to_string(),
            "excerpt_id": hex::encode(report.made.id),
            "made_at": report.made.at,
            "authority": self.card.authority(),
            "log_origin": report.checkpoint.origin,
            "earlier": earlier.iter().map(earlier_json).collect::<Vec<_>>(),
            "size": report.checkpoint.size,
            "entries": report.entries,
            "root": hex::encode(report.checkpoint.root),
            "successor": report.successor,
            "last_at": told.last_at,
            "events": events,
            "peers": peers_json(&told.peers),
            "messages": told.messages.len(),
            "receipts_received": told.receipts,
            "policy_exported": report.policy_exported.map(hex::encode),
            "witnessing": report.witnessing.as_ref().map(witnessing_json),
            "card_fingerprint": self.card.fingerprint().hex(),
            "card_from_export": whose_word,
        })
    }
}

fn of(report: &ExcerptReport) -> String {
    format!("{} of {} entries, all proven", report.entries, report.checkpoint.size)
}

fn earlier_json(report: &ExcerptReport) -> Value {
    json!({
        "log_origin": report.checkpoint.origin,
        "size": report.checkpoint.size,
        "entries": report.entries,
        "root": hex::encode(report.checkpoint.root),
    })
}

fn numbers_of(peer: &AuthorityId, numbers: &Numbers) -> String {
    let Numbers { from, count, last } = numbers;
    match numbers.is_whole() {
        true => format!("{peer}: numbers {from} to {last}, none missing"),
        false => format!("{peer}: {count} of the numbers up to {last}"),
    }
}

fn peers_json(peers: &BTreeMap<AuthorityId, Numbers>) -> Map<String, Value> {
    let numbers = |Numbers { from, count, last }: &Numbers| json!({ "from": from, "entries": count, "last": last });
    peers.iter().map(|(peer, of_peer)| (peer.to_string(), numbers(of_peer))).collect()
}

/// What a sound excerpt says about what it leaves out.
fn proves(report: &ExcerptReport) -> String {
    let (owner, size) = (&report.checkpoint.origin, report.checkpoint.size);
    match &report.scope {
        Scope::Peer(peer) => {
            let Some(Numbers { from, last, .. }) = report.told.peers.get(peer) else {
                return format!(
                    "note: that there is nothing with {peer} is what the owner of {owner} has signed"
                );
            };
            format!(
                "note: where its owner gave each number once, between the numbers {from} and {last} \
                 nothing with {peer} is missing; that nothing came after {last} is what the owner of \
                 {owner} has signed"
            )
        }
        Scope::Case | Scope::Message(_) => {
            format!(
                "note: that these are all the entries, of {size}, is what the owner of {owner} has \
                 signed"
            )
        }
    }
}

#[cfg(test)]
#[path = "excerpt_tests.rs"]
mod tests;
