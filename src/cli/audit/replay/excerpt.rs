//! Replays the messages of an excerpt. What depends on the rest of the log is not judged: which
//! peers were added, which agencies had access, whether the node ran.

use serde_json::{Value, json};

use super::print::{self, findings_json, life_json, proved_json};
use super::{Disclosed, Findings, ReplayArgs, Replayed, is_within};
use crate::audit::entry::Entry;
use crate::audit::replay::{Finding, Life, Queue, Rule, State};
use crate::audit::verify::excerpt::ExcerptReport;
use crate::cli::audit::excerpt::ExcerptDir;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;

/// Rules that only all of a log can tell to be kept.
const NEED_ALL: [Rule; 6] = [
    Rule::OutOfPlace,
    Rule::Sequence,
    Rule::PeerNeverAdded,
    Rule::AgencyUnknown,
    Rule::RevokedAgency,
    Rule::NotRunning,
];

/// Entries as they follow each other in the excerpt, and which ones they are in the log.
struct Told {
    replayed: Replayed,
    places: Vec<u64>,
}

impl Told {
    fn take(&mut self, index: u64, entry: &Entry) {
        let at = self.places.len() as u64;
        self.places.push(index);
        for finding in self.replayed.state.apply(at, entry) {
            if finding.message.is_some() && !NEED_ALL.contains(&finding.rule) {
                self.replayed.findings.add(Finding { index, ..finding });
            }
        }
        if let Some(life) = &mut self.replayed.life {
            life.observe(index, entry, &self.replayed.state);
        }
    }
}

pub(super) fn run(args: ReplayArgs, excerpt: &ExcerptDir, out: &mut Out) -> Result<(), Failure> {
    if args.dump.is_some() {
        let message = "an excerpt leads to no state: only all of a log does";
        return Err(Failure::new(Exit::BadInput, message).hint("leave --dump away"));
    }
    let disclosed = args.disclosure.as_deref().map(Disclosed::read).transpose()?;
    let replayed = Replayed {
        state: State::new(excerpt.card().authority().clone()),
        findings: Findings::default(),
        life: args.message.map(Life::of),
        of: 0,
    };
    let mut told = Told { replayed, places: Vec::new() };
    let report = excerpt.entries(out, &mut |index, entry| {
        if is_within(args.until, 0, index, entry) {
            told.take(index, entry);
        }
    })?;
    let Told { replayed, places } = told;
    let mut proved = disclosed.map(|disclosed| disclosed.prove(&replayed.state)).transpose()?;
    for proved in proved.iter_mut().flatten() {
        proved.entry = places.get(proved.entry as usize).copied().unwrap_or(proved.entry);
    }
    if out.is_json() {
        let mut json = to_json(&replayed, &report);
        if let Some(proved) = &proved {
            json["proved"] = proved.iter().map(proved_json).collect();
        }
        out.json(&json);
    } else {
        out.record(&fields(&replayed, &report), &Value::Null);
        print::tables(&replayed, proved.as_deref(), out);
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
        ("replayed", format!("{} of {} entries", state.entries(), report.checkpoint.size)),
        ("until", state.at().to_string()),
        ("messages", states.collect::<Vec<_>>().join("\n")),
        ("waiting", waiting.to_string()),
        ("receipts", format!("{issued} issued, {recorded} recorded")),
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
        "entries": state.entries(),
        "of_entries": report.checkpoint.size,
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
