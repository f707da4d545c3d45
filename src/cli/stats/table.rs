//! Statistics as tables for people.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::case::span;
use crate::cli::out::Out;
use crate::domain::statistics::{Column, Dimension, ReturnLine, StatisticsReturn, Times, Way};

/// What stands for a count that is not shown.
const HIDDEN: &str = "*";

/// Writes the tables: received and made by year, as the ASEAN secretariat asks for them, then the one
/// that is wanted, or all.
pub(crate) fn print(figures: &StatisticsReturn, by: Option<Dimension>, out: &mut Out) {
    let period = format!("{} to {}", figures.from, figures.until);
    let fields = [("requests made", period), ("as of", figures.as_of.clone())];
    out.record(&fields, &Value::Null);
    years(figures, out);
    let always = |one: Dimension| matches!(one, Dimension::Total | Dimension::Year);
    let wanted = |one: Dimension| by.is_none_or(|by| by == one);
    let in_tables = |one: Dimension| wanted(one) && !always(one);
    for dimension in Dimension::ALL.iter().copied() {
        if in_tables(dimension) {
            table(figures, dimension, out);
        }
    }
    let has_times = |line: &ReturnLine| {
        [line.acknowledgement, line.decision, line.execution]
            .iter()
            .any(|times| times.median_seconds.is_some())
    };
    if figures.lines.iter().any(|line| in_tables(line.dimension) && has_times(line)) {
        out.talk(
            "note: in brackets: within which time half of those counted were done, and within which \
             nine in ten",
        );
    }
    let mut shown =
        figures.lines.iter().filter(|line| wanted(line.dimension) || always(line.dimension));
    let is_hidden = |line: &ReturnLine| Column::ALL.iter().any(|one| line.cell(*one).is_none());
    if figures.smallest > 0 && shown.any(is_hidden) {
        let least = figures.smallest;
        out.talk(&format!(
            "note: {HIDDEN} is a count below {least}, or one that would give such a count away"
        ));
    }
}

/// A year in a line, both ways.
fn years(figures: &StatisticsReturn, out: &mut Out) {
    let mut years: BTreeMap<&str, [String; 2]> = BTreeMap::new();
    for line in &figures.lines {
        let name = match line.dimension {
            Dimension::Year => line.value.as_str(),
            Dimension::Total => "all",
            _ => continue,
        };
        let both = years.entry(name).or_insert_with(|| ["0".to_owned(), "0".to_owned()]);
        both[usize::from(line.way == Way::Made)] = count(line.requests);
    }
    let rows: Vec<Vec<String>> = years
        .into_iter()
        .map(|(year, [received, made])| vec![year.to_owned(), received, made])
        .collect();
    out.data("");
    out.list(&["year", "received", "made"], &rows, Clone::clone, |_| Value::Null);
}

fn table(figures: &StatisticsReturn, dimension: Dimension, out: &mut Out) {
    let lines: Vec<&ReturnLine> =
        figures.lines.iter().filter(|line| line.dimension == dimension).collect();
    if lines.is_empty() {
        return;
    }
    let name = dimension.as_str();
    let header = [
        name,
        "way",
        "requests",
        "overdue",
        "acknowledged",
        "decided",
        "executed",
        "info rounds",
        "hearings",
        "costs",
        "evidence",
    ];
    out.data("");
    out.list(&header, &lines, |line| row(line), |_| Value::Null);
}

fn row(line: &ReturnLine) -> Vec<String> {
    vec![
        line.value.clone(),
        line.way.to_string(),
        count(line.requests),
        count(line.overdue),
        times(&line.acknowledgement),
        times(&line.decision),
        times(&line.execution),
        count(line.info_rounds),
        count(line.with_hearing),
        count(line.with_costs),
        count(line.with_evidence),
    ]
}

fn count(cell: Option<u64>) -> String {
    cell.map_or_else(|| HIDDEN.to_owned(), |count| count.to_string())
}

/// How many, and in brackets how long half of them and nine in ten took.
fn times(times: &Times) -> String {
    let counted = count(times.count);
    match (times.median_seconds, times.p90_seconds) {
        (Some(median), Some(p90)) => format!("{counted} ({}, {})", span(median), span(p90)),
        (Some(median), None) => format!("{counted} ({})", span(median)),
        _ => counted,
    }
}
