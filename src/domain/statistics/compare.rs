//! One count of the same requests against another, cell by cell.

use std::collections::BTreeMap;

use super::{Column, Dimension, ReturnLine, StatisticsReturn, Times, Way};

/// A cell in which two returns differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which way the requests went.
    pub way: Way,
    /// By what they are told apart.
    pub dimension: Dimension,
    /// What they have in common.
    pub value: String,
    /// The field.
    pub field: &'static str,
    /// What was reported; nothing where it is not shown, or there is no such line.
    pub reported: Option<u64>,
    /// What was counted, likewise.
    pub counted: Option<u64>,
}

/// Every cell in which `reported` is not what `counted` has. Bytes of evidence are left out: bodies do
/// not say them. Times may differ by `tolerance_seconds`.
pub fn compare(
    reported: &StatisticsReturn,
    counted: &StatisticsReturn,
    tolerance_seconds: u64,
) -> Vec<Difference> {
    let mut places: BTreeMap<_, (Option<&ReturnLine>, Option<&ReturnLine>)> = BTreeMap::new();
    for line in &reported.lines {
        places.entry(line.place()).or_default().0 = Some(line);
    }
    for line in &counted.lines {
        places.entry(line.place()).or_default().1 = Some(line);
    }
    let mut found = Vec::new();
    for ((way, dimension, value), (said, own)) in places {
        for (field, reported, counted, tolerance) in cells(said, own, tolerance_seconds) {
            if !is_near(reported, counted, tolerance) {
                let value = value.to_owned();
                found.push(Difference { way, dimension, value, field, reported, counted });
            }
        }
    }
    found
}

type Cell = (&'static str, Option<u64>, Option<u64>, u64);

fn cells(said: Option<&ReturnLine>, own: Option<&ReturnLine>, tolerance: u64) -> Vec<Cell> {
    let cell = |line: Option<&ReturnLine>, column| line.and_then(|line| line.cell(column));
    let count = |column: Column| (column.as_str(), cell(said, column), cell(own, column), 0);
    let mut cells: Vec<Cell> = Column::ALL.into_iter().map(count).collect();
    let times = |line: Option<&ReturnLine>| {
        line.map(|line| [line.acknowledgement, line.decision, line.execution]).unwrap_or_default()
    };
    let names = [
        ("acknowledgement.median_seconds", "acknowledgement.p90_seconds"),
        ("decision.median_seconds", "decision.p90_seconds"),
        ("execution.median_seconds", "execution.p90_seconds"),
    ];
    for ((said, own), (median, p90)) in times(said).into_iter().zip(times(own)).zip(names) {
        let (said, own): (Times, Times) = (said, own);
        cells.push((median, said.median_seconds, own.median_seconds, tolerance));
        cells.push((p90, said.p90_seconds, own.p90_seconds, tolerance));
    }
    cells
}

fn is_near(one: Option<u64>, other: Option<u64>, tolerance: u64) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= tolerance,
        (one, other) => one == other,
    }
}
