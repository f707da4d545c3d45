//! `rogatory audit stats`: counts and times of an export.

mod figures;
mod held;

use clap::Args;
use serde_json::{Map, Value, json};

use super::dir::ExportDir;
use super::when::words;
use crate::audit::stats::{Span, Stats};
use crate::cli::exit::Failure;
use crate::cli::out::Out;

/// Counts what an exported log has, and says how long messages take
///
/// The export is verified on the way. Times are by the clock of the log's owner.
///
/// With a year and a disclosure the requests of that year are counted anew, as `rogatory stats` counts
/// them, and a return that was sent is held against that. Messages that are not disclosed are named.
///
///   rogatory audit stats export/ --card xb.pps.card
///   rogatory audit stats export/ --year 2026 --disclosure 2026.jsonl --compare return.json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    export: ExportDir,
    #[command(flatten)]
    held: held::HeldArgs,
}

pub(super) fn run(args: StatsArgs, out: &mut Out) -> Result<(), Failure> {
    let export = args.export.open(out)?;
    if let Some(year) = args.held.year {
        return held::run(&export, &args.held, year, out);
    }
    let mut stats = Stats::default();
    export.verify(out, &mut |_, entry| stats.observe(entry))?;
    if out.is_json() {
        out.json(&to_json(&stats, &export.checkpoint().origin));
        return Ok(());
    }
    let line = |(name, count): (String, u64)| format!("{name}: {count}");
    let lines = |all: Vec<(String, u64)>| all.into_iter().map(line).collect::<Vec<_>>().join("\n");
    let fields = [
        ("log", export.checkpoint().origin.clone()),
        ("entries", stats.entries.to_string()),
        ("from", stats.times.map(|(first, _)| first.to_string()).unwrap_or_default()),
        ("to", stats.times.map(|(_, last)| last.to_string()).unwrap_or_default()),
        ("events", lines(events(&stats))),
        ("with peers", lines(peers(&stats))),
        ("by month", lines(months(&stats))),
        ("reasons", lines(codes(&stats))),
    ];
    out.record(&fields, &Value::Null);
    out.data("");
    let header = ["time from … to …", "messages", "median", "nine in ten"];
    let spans: Vec<Span> = Span::ALL.into_iter().filter(|s| stats.span(*s).is_some()).collect();
    let row = |span: &Span| {
        let times = stats.span(*span);
        let told = |ms: Option<u64>| ms.map(words).unwrap_or_default();
        vec![
            span.as_str().to_owned(),
            times.map(|t| t.count.to_string()).unwrap_or_default(),
            told(times.map(|t| t.median_ms)),
            told(times.map(|t| t.p90_ms)),
        ]
    };
    out.list(&header, &spans, row, |_| Value::Null);
    Ok(())
}

fn events(stats: &Stats) -> Vec<(String, u64)> {
    let name = |recorded: bool| if recorded { " (recorded)" } else { "" };
    let events = stats.events.iter();
    events.map(|((event, recorded), n)| (format!("{event}{}", name(*recorded)), *n)).collect()
}

fn peers(stats: &Stats) -> Vec<(String, u64)> {
    stats.peers.iter().map(|(peer, count)| (peer.to_string(), *count)).collect()
}

fn months(stats: &Stats) -> Vec<(String, u64)> {
    stats.months.iter().map(|(month, count)| (month.clone(), *count)).collect()
}

fn codes(stats: &Stats) -> Vec<(String, u64)> {
    stats.codes.iter().map(|((event, code), n)| (format!("{event} {code}"), *n)).collect()
}

fn to_json(stats: &Stats, origin: &str) -> Value {
    let map = |all: Vec<(String, u64)>| -> Map<String, Value> {
        all.into_iter().map(|(name, count)| (name, json!(count))).collect()
    };
    let spans = Span::ALL.into_iter().filter_map(|span| {
        let times = stats.span(span)?;
        let (count, median, p90) = (times.count, times.median_ms, times.p90_ms);
        let json = json!({ "messages": count, "median_ms": median, "p90_ms": p90 });
        Some((span.as_str().to_owned(), json))
    });
    json!({
        "log_origin": origin,
        "entries": stats.entries,
        "first_at": stats.times.map(|(first, _)| first),
        "last_at": stats.times.map(|(_, last)| last),
        "events": map(events(stats)),
        "peers": map(peers(stats)),
        "months": map(months(stats)),
        "codes": map(codes(stats)),
        "times": spans.collect::<Map<_, _>>(),
    })
}

#[cfg(test)]
#[path = "stats_tests.rs"]
mod tests;
