//! `rogatory audit reconcile`: two exports held against each other.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::chain::Alone;
use super::dir::Export;
use super::when::{Span, When};
use crate::audit::Position;
use crate::audit::reconcile::{
    Beyond, Class, Item, Log, Options, ReconcileError, Summary, Which, reconcile,
};
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Unit};

/// Compares the exported logs of two authorities: what each says of what they exchanged
///
/// Both exports are verified first. In flight alone is not wrong, nor is what one export ends too
/// early for, which is told; a receipt that was not recorded, another content, a state in which
/// the other log never was are.
///
///   rogatory audit reconcile xa/ xb/ --card-a xa.oag.card --card-b xb.pps.card --grace 24h
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ReconcileArgs {
    /// The export of one authority
    a: PathBuf,
    /// The export of the other one
    b: PathBuf,
    /// The card of the first authority
    #[arg(long, value_name = "FILE")]
    card_a: Option<PathBuf>,
    /// The card of the second authority
    #[arg(long, value_name = "FILE")]
    card_b: Option<PathBuf>,
    /// The fingerprint that the first card must have
    #[arg(long, value_name = "WORDS|HEX")]
    fingerprint_a: Option<String>,
    /// The fingerprint that the second card must have
    #[arg(long, value_name = "WORDS|HEX")]
    fingerprint_b: Option<String>,
    #[command(flatten)]
    alone: Alone,
    /// Only messages that began at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// What the other side still lacks after this long is wrong: a number with s, m, h or d
    ///
    /// Without it a message may be on its way for ever, and a receipt for no time at all.
    #[arg(long, value_name = "SPAN")]
    grace: Option<Span>,
    /// At most so many items are listed; all are counted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
}

pub(super) fn run(args: ReconcileArgs, out: &mut Out) -> Result<(), Failure> {
    let open = |dir: &Path, card: &Option<PathBuf>, fingerprint: &Option<String>, out: &mut Out| {
        Export::open(dir, card.as_deref(), fingerprint.as_deref(), args.alone, out)
    };
    let a = open(&args.a, &args.card_a, &args.fingerprint_a, out)?;
    let b = open(&args.b, &args.card_b, &args.fingerprint_b, out)?;
    for export in [&a, &b] {
        export.verify(out, &mut |_, _| {})?;
    }
    let options = Options {
        since: args.since.map(|when| when.0),
        grace_ms: args.grace.map(|span| span.0),
        ..Options::default()
    };
    let mut items = Items { listed: Vec::new(), limit: args.limit };
    let summary = compare(&a, &b, &options, &mut items, out)?;
    let names = [&a, &b].map(|export| export.card().authority().as_str());
    tell(&summary, &items.listed, names, out);
    conclude(&summary, &items.listed)
}

fn compare(
    a: &Export,
    b: &Export,
    options: &Options,
    items: &mut Items,
    out: &Out,
) -> Result<Summary, Failure> {
    let bar = out.progress("comparing", 1, Unit::Entries);
    // Each log is read once a part, and how many parts there are shows on the way.
    let begins = |export: &Export| bar.handle().inc_length(export.total());
    let origins = |export: &Export| -> Vec<String> {
        export.logs().map(|(_, log)| log.checkpoint().origin.clone()).collect()
    };
    let summary = reconcile(
        &Log {
            authority: a.card().authority(),
            origins: &origins(a),
            from_first: a.is_from_first(),
            entries: &|| {
                begins(a);
                Box::new(a.all_entries().inspect(|_| bar.add(1)))
            },
            leaves: &|| Box::new(a.all_leaves()),
        },
        &Log {
            authority: b.card().authority(),
            origins: &origins(b),
            from_first: b.is_from_first(),
            entries: &|| {
                begins(b);
                Box::new(b.all_entries().inspect(|_| bar.add(1)))
            },
            leaves: &|| Box::new(b.all_leaves()),
        },
        options,
        &mut |item| items.add(item),
    );
    summary.map_err(|error| match error {
        ReconcileError::Read(failure) => failure,
        same @ ReconcileError::Same(_) => Failure::new(Exit::BadInput, same.to_string()),
    })
}

/// Items that are listed: those that are wrong before those that are not.
struct Items {
    listed: Vec<Item>,
    limit: usize,
}

impl Items {
    fn add(&mut self, item: Item) {
        if self.listed.len() < self.limit {
            return self.listed.push(item);
        }
        let harmless = self.listed.iter().rposition(|listed| !listed.class.is_wrong());
        if let (true, Some(at)) = (item.class.is_wrong(), harmless) {
            self.listed.remove(at);
            self.listed.push(item);
        }
    }
}

fn conclude(summary: &Summary, items: &[Item]) -> Result<(), Failure> {
    if !summary.is_wrong() {
        return Ok(());
    }
    let wrong = summary.counts.iter().filter(|(class, _)| class.is_wrong());
    let counts: Vec<String> = wrong.map(|(class, n)| format!("{n} {}", class.as_str())).collect();
    let message = format!("the two logs do not agree: {}", counts.join(", "));
    let proof = items.iter().any(|item| {
        matches!(item.class, Class::MissingAtSender | Class::OtherPast | Class::DigestMismatch)
    });
    let hint = match proof {
        true => "keep both exports as they are: together they prove that a log has two pasts",
        false => "export both logs again; what is still wrong then, the two operators look into",
    };
    Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
}

fn tell(summary: &Summary, items: &[Item], names: [&str; 2], out: &mut Out) {
    if out.is_json() {
        return out.json(&to_json(summary, items, names));
    }
    let [a, b] = names;
    let counts = summary.counts.iter().map(|(class, n)| format!("{}: {n}", class.as_str()));
    let (b_ahead, a_ahead) = summary.ahead_ms;
    let mut fields = vec![
        ("A", format!("{a}, {} entries with {b}", summary.entries.0)),
        ("B", format!("{b}, {} entries with {a}", summary.entries.1)),
        ("messages", summary.messages.to_string()),
        ("found", counts.collect::<Vec<_>>().join("\n")),
        ("clocks", format!("A was ahead by at least {a_ahead} ms, B by at least {b_ahead} ms")),
    ];
    if summary.elsewhere > 0 {
        fields.push(("not looked up", format!("{} places in logs not at hand", summary.elsewhere)));
    }
    let (of_a, of_b) = &summary.beyond;
    for (name, beyond) in [("A on B", of_a), ("B on A", of_b)] {
        fields.extend(beyond.as_ref().map(|beyond| (name, beyond.told())));
    }
    out.record(&fields, &Value::Null);
    if !items.is_empty() {
        out.data("");
        let header = ["class", "message", "sent by", "event", "A", "B", "what"];
        out.list(&header, items, row, |_| Value::Null);
    }
}

fn row(item: &Item) -> Vec<String> {
    let entry = |place: Option<u64>| {
        place.map(|place| Position::from_number(place).to_string()).unwrap_or_default()
    };
    vec![
        item.class.as_str().to_owned(),
        item.message.map(|id| id.to_string()).unwrap_or_default(),
        item.sender.map_or("", name).to_owned(),
        item.event.map(|event| event.to_string()).unwrap_or_default(),
        entry(item.a),
        entry(item.b),
        item.detail.clone(),
    ]
}

fn name(which: Which) -> &'static str {
    match which {
        Which::A => "A",
        Which::B => "B",
    }
}

fn to_json(summary: &Summary, items: &[Item], [a, b]: [&str; 2]) -> Value {
    let counts: Map<String, Value> =
        summary.counts.iter().map(|(class, n)| (class.as_str().to_owned(), json!(n))).collect();
    let item = |item: &Item| {
        json!({
            "class": item.class.as_str(),
            "wrong": item.class.is_wrong(),
            "message_id": item.message,
            "sender": item.sender.map(name),
            "event": item.event.map(|event| event.as_str()),
            "entry_a": item.a.map(|place| Position::from_number(place).index),
            "log_a": item.a.map(|place| Position::from_number(place).log),
            "entry_b": item.b.map(|place| Position::from_number(place).index),
            "log_b": item.b.map(|place| Position::from_number(place).log),
            "at": item.at,
            "detail": item.detail,
        })
    };
    json!({
        "ok": !summary.is_wrong(),
        "a": a,
        "b": b,
        "entries_a": summary.entries.0,
        "entries_b": summary.entries.1,
        "messages": summary.messages,
        "counts": counts,
        "elsewhere": summary.elsewhere,
        "beyond_b": summary.beyond.0.as_ref().map(beyond),
        "beyond_a": summary.beyond.1.as_ref().map(beyond),
        "b_ahead_ms": summary.ahead_ms.0,
        "a_ahead_ms": summary.ahead_ms.1,
        "items": items.iter().map(item).collect::<Vec<_>>(),
    })
}

/// What the other side saw beyond the end of an export.
fn beyond(beyond: &Beyond) -> Value {
    let Beyond { at, origin, size, has, .. } = beyond;
    json!({ "at": at, "log_origin": origin, "size": size, "export_size": has })
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
