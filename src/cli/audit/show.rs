//! `rogatory audit show`: entries of an export, for people and programs.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};

use super::dir::ExportDir;
use super::excerpt::ExcerptDir;
use super::when::{Place, shown};
use crate::audit::Position;
use crate::audit::entry::{Entry, Event};
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;
use crate::domain::{AuthorityId, MessageId};

/// Shows entries of an exported log, or of an excerpt
///
/// Entries that are named by their numbers are proven to stand under the signed checkpoint. A
/// search reads, and verifies, the whole export.
///
///   rogatory audit show export/ 0 17 1:5
///   rogatory audit show export/ --message ID
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    export: ExportDir,
    /// The entries, from 0; of a log before the newest as LOG:INDEX, as in 1:17
    #[arg(required_unless_present_any = ["message", "peer", "event"])]
    #[arg(conflicts_with_all = ["message", "peer", "event"])]
    index: Vec<Place>,
    /// Those about this message
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// Those with this authority
    #[arg(long, value_name = "AUTHORITY")]
    peer: Option<AuthorityId>,
    /// Those of this event, as in RelayAcceptance
    #[arg(long, value_name = "EVENT")]
    event: Option<EventName>,
    /// At most so many of those that are found
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
}

#[derive(Clone, Copy)]
struct EventName(Event);

impl FromStr for EventName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let event = Event::parse(text).map(Self);
        event.ok_or("no such event: docs/audit.md lists them")
    }
}

pub(super) fn run(args: ShowArgs, out: &mut Out) -> Result<(), Failure> {
    if let Some(excerpt) = args.export.excerpt(out)? {
        return in_excerpt(&args, &excerpt, out);
    }
    let export = args.export.open(out)?;
    let logs = export.logs().count() as u32;
    if !args.index.is_empty() {
        return args.index.iter().try_for_each(|place| {
            let place = place.of(logs)?;
            let (bytes, _) = export.log(place.log).entry(place.index)?;
            show_bytes(place, logs, &bytes, out)
        });
    }
    let mut found = Found { logs, ..Found::default() };
    export.verify(out, &mut |index, entry| found.take(&args, index, entry))?;
    found.tell(out);
    Ok(())
}

/// Entries of an excerpt, all of which is verified first.
fn in_excerpt(args: &ShowArgs, excerpt: &ExcerptDir, out: &mut Out) -> Result<(), Failure> {
    let logs = excerpt.newest()? + 1;
    let wanted = args.index.iter().map(|place| place.of(logs)).collect::<Result<Vec<_>, _>>()?;
    let (mut found, mut named) = (Found { logs, ..Found::default() }, BTreeMap::new());
    excerpt.entries(out, &mut |place, entry| {
        let position = Position::from_number(place);
        if wanted.contains(&position) {
            named.insert(position, entry.encode());
        }
        found.take(args, place, entry);
    })?;
    if args.index.is_empty() {
        found.tell(out);
        return Ok(());
    }
    wanted.into_iter().try_for_each(|place| {
        let bytes = named.get(&place).ok_or_else(|| {
            let message = format!("the excerpt does not have entry {}", shown(place, logs));
            Failure::new(Exit::NotFound, message)
        })?;
        show_bytes(place, logs, bytes, out)
    })
}

/// What a search has found.
#[derive(Default)]
struct Found {
    listed: Vec<(u64, Entry)>,
    total: u64,
    /// Among how many logs.
    logs: u32,
}

impl Found {
    fn take(&mut self, args: &ShowArgs, index: u64, entry: &Entry) {
        let fits = args.message.is_none_or(|message| entry.message == Some(message))
            && args.peer.as_ref().is_none_or(|peer| entry.peer.as_ref() == Some(peer))
            && args.event.is_none_or(|event| entry.event == event.0);
        if fits {
            self.total += 1;
            if self.listed.len() < args.limit {
                self.listed.push((index, entry.clone()));
            }
        }
    }

    fn tell(&self, out: &mut Out) {
        let Self { listed, total, logs } = self;
        let header = ["entry", "time", "event", "by", "peer", "no.", "message", "code"];
        out.list(
            &header,
            listed,
            |(index, entry)| row(*index, *logs, entry),
            |(index, entry)| to_json(*index, &entry.encode()),
        );
        if *total > listed.len() as u64 {
            out.talk(&format!("{total} entries were found: --limit N shows more"));
        }
    }
}

fn show_bytes(place: Position, logs: u32, bytes: &[u8], out: &mut Out) -> Result<(), Failure> {
    let named = shown(place, logs);
    let entry = Entry::parse(bytes).map_err(|error| {
        Failure::new(Exit::VerificationFailed, format!("entry {named}: {error}"))
    })?;
    if out.is_json() {
        out.json(&to_json(place.number(), bytes));
        return Ok(());
    }
    // Under the names of the documentation, in the order in which they stand in the entry.
    let fields: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let mut rows = vec![("entry", named), ("event", entry.event.to_string())];
    for (name, value) in fields.as_object().into_iter().flatten() {
        if let Some((word, _)) = NAMES.iter().find(|(_, key)| key == name) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            rows.push((word, value));
        }
    }
    out.record(&rows, &Value::Null);
    out.data("");
    Ok(())
}

/// What the keys of an entry mean, in a few letters.
const NAMES: [(&str, &str); 17] = [
    ("time (at)", "at"),
    ("issuer (by)", "by"),
    ("card", "card"),
    ("reason (code)", "code"),
    ("document (doc)", "doc"),
    ("envelope (env)", "env"),
    ("key", "key"),
    ("message (mid)", "mid"),
    ("commitment (pay)", "pay"),
    ("peer", "peer"),
    ("package (pkg)", "pkg"),
    ("number with peer (pseq)", "pseq"),
    ("receipt (rcpt)", "rcpt"),
    ("other log (rem)", "rem"),
    ("software (soft)", "soft"),
    ("nonce", "nonce"),
    ("agency (who)", "who"),
];

fn row(index: u64, logs: u32, entry: &Entry) -> Vec<String> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    vec![
        shown(Position::from_number(index), logs),
        entry.at.to_string(),
        entry.event.to_string(),
        text(entry.by.as_ref().map(AuthorityId::as_str)),
        text(entry.peer.as_ref().map(AuthorityId::as_str)),
        entry.peer_seq.map(|seq| seq.to_string()).unwrap_or_default(),
        entry.message.map(|id| id.to_string()).unwrap_or_default(),
        text(entry.code.as_deref()),
    ]
}

/// The entry as it stands in the log, and its number.
fn to_json(index: u64, bytes: &[u8]) -> Value {
    let entry: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let Position { log, index } = Position::from_number(index);
    json!({ "index": index, "log": log, "entry": entry })
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
