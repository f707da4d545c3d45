//! One story out of several logs: their entries in the order of their times, joined by message.

use anyhow::Result;
use serde_json::{Value, json};

use super::logs::Log;
use super::teller::{Teller, narrated};
use super::told::{Sent, Told};
use crate::audit::{Entry, Event};
use crate::domain::Timestamp;

/// A line of the timeline.
struct Line {
    at: Timestamp,
    log: String,
    index: u64,
    event: Event,
    what: String,
    /// It is about the node, and not about a message.
    of_node: bool,
    /// Where the other side has recorded it, as in `xc.moj #14`.
    kept: Option<String>,
}

/// Says the timeline: for people a line a message, for programs one an entry.
pub(super) fn tell(logs: &[Log], told: &Told, teller: &mut Teller<'_>) -> Result<()> {
    let mut lines: Vec<Line> = logs.iter().flat_map(|log| of_log(log, logs, told)).collect();
    lines.sort_by(|a, b| (a.at, &a.log, a.index).cmp(&(b.at, &b.log, b.index)));
    teller.text(
        "(Signed in the sender's log; arrived, opened and in hand in the recipient's, which gives the \
         sender each with its proof. The numbers are those of the entries.)",
    );
    let heads = ["signed", "arrived", "opened", "in hand"];
    teller.line(&row("time (UTC)", "message", "from", "to", &heads.map(str::to_owned)));
    told.sent.iter().for_each(|sent| teller.line(&of_message(sent, logs)));
    for line in lines.iter().filter(|line| line.of_node) {
        let what = teller.told(&line.what);
        teller.line(&format!("{}  {} #{}: {what}", clock(line.at), line.log, line.index));
    }
    let all: usize = logs.iter().map(|log| log.entries.len()).sum();
    // Recorded receipts were told with the entries that they record.
    let recorded = |log: &Log| log.entries.iter().filter(|e| e.is_recorded_receipt()).count();
    let shown = lines.len() + logs.iter().map(recorded).sum::<usize>();
    let rest = all.saturating_sub(shown);
    teller.text(&format!(
        "{rest} more are about keys, peers, agencies, and who was given what to read."
    ));
    teller.json(&json!({
        "step": "timeline",
        "entries": lines.iter().map(Line::json).collect::<Vec<_>>(),
    }));
    Ok(())
}

/// What happens to a message, in this order.
const LIFE: [Event; 4] = [
    Event::SubmissionAcceptance,
    Event::RelayAcceptance,
    Event::ContentConsignment,
    Event::ContentHandover,
];

fn of_message(sent: &Sent, logs: &[Log]) -> String {
    let mut at = None;
    let entries = LIFE.map(|event| {
        let stated = |(_, entry): &(u64, &Entry)| {
            entry.event == event && entry.message == Some(sent.id) && !entry.is_recorded_receipt()
        };
        let found = logs.iter().find_map(|log| (0..).zip(&log.entries).find(stated));
        at = at.or(found.map(|(_, entry)| entry.at));
        found.map_or_else(String::new, |(index, _)| format!("#{index}"))
    });
    let at = at.map(clock).unwrap_or_default();
    row(&at, sent.label, sent.from.as_str(), sent.to.as_str(), &entries)
}

fn row(at: &str, what: &str, from: &str, to: &str, entries: &[String; 4]) -> String {
    let [signed, arrived, opened, in_hand] = entries;
    let row = format!(
        "{at:<10}  {what:<32}  {from:<9}  {to:<9}  {signed:>7}  {arrived:>7}  {opened:>7}  {in_hand:>7}"
    );
    row.trim_end().to_owned()
}

/// Hours to milliseconds: one day is enough here.
fn clock(at: Timestamp) -> String {
    let at = at.to_string();
    at.get(11..19).unwrap_or(&at).to_owned()
}

fn of_log(log: &Log, logs: &[Log], told: &Told) -> Vec<Line> {
    let own = (0..).zip(&log.entries).filter(|(_, entry)| !entry.is_recorded_receipt());
    own.filter_map(|(index, entry)| {
        let sent = entry.message.and_then(|id| told.of(id));
        Some(Line {
            at: entry.at,
            log: log.owner.to_string(),
            index,
            event: entry.event,
            what: words(entry.event, sent)?,
            of_node: sent.is_none(),
            kept: recorded(log, index, entry, logs),
        })
    })
    .collect()
}

/// What an entry says, for people; nothing for entries that tell nothing of the story.
fn words(event: Event, sent: Option<&Sent>) -> Option<String> {
    let label = sent.map(|sent| sent.label);
    Some(match (event, label) {
        (Event::SubmissionAcceptance, Some(label)) => format!("{label}: signed, sealed, on disk"),
        (Event::RelayAcceptance, Some(label)) => format!("{label}: arrived, authentic, on disk"),
        (Event::ContentConsignment, Some(label)) => format!("{label}: opened, in the inbox"),
        (Event::ContentHandover, Some(label)) => format!("{label}: its desk has it"),
        (Event::NodeStarted, _) => narrated("the node starts").into(),
        (Event::NodeRecovered, _) => narrated("it was killed; nothing of its state is lost").into(),
        (Event::NodeStopped, _) => narrated("the node stops").into(),
        _ => return None,
    })
}

/// Where another log speaks of this entry.
fn recorded(log: &Log, index: u64, entry: &Entry, logs: &[Log]) -> Option<String> {
    if !entry.event.is_receipt() {
        return None;
    }
    let others = logs.iter().filter(|other| other.owner != log.owner);
    let mut found = others.flat_map(|other| {
        let same = move |(_, theirs): &(u64, &Entry)| {
            let here = theirs.remote.as_ref().is_some_and(|remote| {
                remote.index == index && remote.origin == log.report.checkpoint.origin
            });
            // A receipt that was recorded, or the acceptance of what was submitted.
            here && theirs.message == entry.message && theirs.event.is_receipt()
        };
        let at = (0_u64..).zip(&other.entries).find(same);
        at.map(|(at, _)| format!("{} #{at}", other.owner))
    });
    found.next()
}

impl Line {
    fn json(&self) -> Value {
        json!({
            "time": self.at.to_string(), "log": self.log, "entry": self.index,
            "event": self.event.as_str(), "what": self.what, "also": self.kept,
        })
    }
}
