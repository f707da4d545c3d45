//! Replays the messages of an excerpt. What depends on the rest of the log is not judged: which
//! peers were added, which agencies had access, whether the node ran.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::print::{self, findings_json, life_json, proved_json};
use super::{Disclosed, End, Findings, ReplayArgs, Replayed};
use crate::audit::Position;
use crate::audit::entry::Entry;
use crate::audit::replay::{Finding, Life, Queue, Rule, State};
use crate::audit::verify::excerpt::ExcerptReport;
use crate::cli::audit::excerpt::ExcerptDir;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;
use crate::domain::MessageId;

/// Rules that only all of a log can tell to be kept.
const NEED_ALL: [Rule; 6] = [
    Rule::OutOfPlace,
    Rule::Sequence,
    Rule::PeerNeverAdded,
    Rule::AgencyUnknown,
    Rule::RevokedAgency,
    Rule::NotRunning,
];

/// Entries as they follow each other in the excerpts of the logs, and which ones they are there.
struct Told {
    replayed: Replayed,
    places: BTreeMap<u64, u64>,
    /// Where the next one follows.
    next: Position,
}

impl Told {
    fn take(&mut self, place: u64, entry: &Entry) {
        let log = Position::from_number(place).log;
        if log != self.next.log {
            self.next = Position::new(log, 0);
        }
        let at = self.next.number();
        self.next.index += 1;
        self.places.insert(at, place);
        for finding in self.replayed.state.apply(at, entry) {
            if finding.message.is_some() && !NEED_ALL.contains(&finding.rule) {
                self.replayed.findings.add(Finding { index: place, ..finding });
            }
        }
        if let Some(life) = &mut self.replayed.life {
            life.observe(place, entry, &self.replayed.state);
        }
    }
}

pub(super) fn run(args: ReplayArgs, excerpt: &ExcerptDir, out: &mut Out) -> Result<(), Failure> {
    if args.dump.is_some() {
        let message = "an excerpt leads to no state: only all of a log does";
        return Err(Failure::new(Exit::BadInput, message).hint("leave --dump away"));
    }
    let disclosed = args.disclosure.as_deref().map(Disclosed::read).transpose()?;
    let newest = excerpt.newest()?;
    let replayed = Replayed {
        state: State::new(excerpt.card().authority().clone()),
        findings: Findings::default(),
        life: args.message.map(Life::of),
        of: 0,
        newest,
    };
    let mut told = Told { replayed, places: BTreeMap::new(), next: Position::default() };
    let end = End::of(args.until, newest + 1)?;
    let reports = excerpt.entries(out, &mut |place, entry| {
        if end.has(place, entry) {
            told.take(place, entry);
        }
    })?;
    let Told { mut replayed, places, .. } = told;
    replayed.of = reports.iter().map(|report| report.checkpoint.size).sum();
    let Some(report) = reports.last() else { return Ok(()) };
    end.is_there(&mut reports.iter().map(|report| &report.checkpoint))?;
    let proved = disclosed.map(|disclosed| disclosed.prove(&replayed.state, true)).transpose()?;
    let (mut proved, absent) = proved.unzip();
    for proved in proved.iter_mut().flatten() {
        proved.entry = places.get(&proved.entry).copied().unwrap_or(proved.entry);
    }
    let absent: Vec<MessageId> = absent.unwrap_or_default();
    if out.is_json() {
        let mut json = to_json(&replayed, report);
        if let Some(proved) = &proved {
            json["proved"] = proved.iter().map(proved_json).collect();
            json["absent"] = json!(absent);
        }
        out.json(&json);
    } else {
        out.record(&fields(&replayed, report), &Value::Null);
        print::tables(&replayed, proved.as_deref(), out);
    }
    if !absent.is_empty() {
        let count = absent.len();
        out.talk(&format!(
            "note: the excerpt has no entry about {count} of the disclosed messages: of these nothing is \
             proved"
        ));
    }
    replayed.conclude()
}

fn fields(replayed: &Replayed, report: &ExcerptReport) -> Vec<(&'static str, String)> {
    let Replayed { state, findings, .. } = replayed;
    let states = print::states(state).into_iter();
    let states = states.map(|((side, word), count)| format!("{} {word}: {count}", side.as_str()));
    let (issued, recorded) = print::receipts(state);
    let waiting = state.messages().filter(|message| message.queue != Queue::Gone).count();
    vec![
        ("log", report.checkpoint.origin.clone()),
        ("excerpt of", report.scope.to_string()),
        ("replayed", format!("{} of {} entries", state.total(), replayed.of)),
        ("until", state.at().to_string()),
        ("messages", states.collect::<Vec<_>>().join("\n")),
        ("waiting", waiting.to_string()),
        ("receipts", format!("{issued} issued, {recorded} recorded, as the log says")),
        ("errors", findings.errors.to_string()),
        ("notices", findings.notices.to_string()),
    ]
}

fn to_json(replayed: &Replayed, report: &ExcerptReport) -> Value {
    let Replayed { state, findings, life, .. } = replayed;
    let mut messages = json!({});
    for ((side, word), count) in print::states(state) {
        messages[side.as_str()][word] = count.into();
    }
    let (issued, recorded) = print::receipts(state);
    let mut json = json!({
        "ok": findings.errors == 0,
        "excerpt": report.scope.to_string(),
        "log_origin": report.checkpoint.origin,
        "entries": state.total(),
        "of_entries": replayed.of,
        "until": state.at(),
        "messages": messages,
        "receipts_issued": issued,
        "receipts_recorded": recorded,
    });
    findings_json(findings, &mut json);
    if let Some(life) = life {
        json["message"] = life_json(life);
    }
    json
}
