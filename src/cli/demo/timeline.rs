//! One story out of three logs: their entries in the order of their times, joined by message.

use anyhow::Result;
use serde_json::{Value, json};

use super::logs::Log;
use super::teller::Teller;
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
    /// Where the other side has recorded it, as in `xc.moj #14`.
    kept: Option<String>,
}

/// Says the timeline.
pub(super) fn tell(logs: &[Log], told: &Told, teller: &mut Teller<'_>) -> Result<()> {
    let mut lines: Vec<Line> = logs.iter().flat_map(|log| of_log(log, logs, told)).collect();
    lines.sort_by(|a, b| (a.at, &a.log, a.index).cmp(&(b.at, &b.log, b.index)));
    teller.line("(\"also\" is where the other side's log has the same fact, proof included.)");
    teller.line(&row("time (UTC)", "log", "entry", "what happened", "event", "also"));
    for line in &lines {
        let (at, entry) = (line.at.to_string(), format!("#{}", line.index));
        // Hours to milliseconds: one day is enough here.
        let at = at.get(11..23).unwrap_or(&at);
        let kept = line.kept.as_deref().unwrap_or_default();
        teller.line(&row(at, &line.log, &entry, &line.what, line.event.as_str(), kept));
    }
    let all: usize = logs.iter().map(|log| log.entries.len()).sum();
    // Recorded receipts were told with the entries that they record.
    let recorded = |log: &Log| log.entries.iter().filter(|e| e.is_recorded_receipt()).count();
    let shown = lines.len() + logs.iter().map(recorded).sum::<usize>();
    let rest = all.saturating_sub(shown);
    teller.line(&format!(
        "{rest} more are about keys, peers, agencies, and who was given what to read."
    ));
    teller.json(&json!({
        "step": "timeline",
        "entries": lines.iter().map(Line::json).collect::<Vec<_>>(),
    }));
    Ok(())
}

fn row(at: &str, log: &str, entry: &str, what: &str, event: &str, kept: &str) -> String {
    let row = format!("{at:<12}  {log:<6}  {entry:>5}  {what:<44}  {event:<20}  {kept}");
    row.trim_end().to_owned()
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
        (Event::NodeStarted, _) => "the node starts".into(),
        (Event::NodeRecovered, _) => "it was killed; nothing of its state is lost".into(),
        (Event::NodeStopped, _) => "the node stops".into(),
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
