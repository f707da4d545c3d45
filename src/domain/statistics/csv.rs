//! The tables as CSV (RFC 4180), one line of a return a row.

use super::{Column, ReturnLine, StatisticsReturn};

/// The columns of times: field, and what stands there.
const SECONDS: [&str; 6] = [
    "acknowledgement_median_seconds",
    "acknowledgement_p90_seconds",
    "decision_median_seconds",
    "decision_p90_seconds",
    "execution_median_seconds",
    "execution_p90_seconds",
];

/// A return as CSV with a header. A cell that is empty is not shown. Nothing has to be quoted: values
/// are codes and ids.
pub fn to_csv(of: &StatisticsReturn) -> String {
    let counts = Column::ALL.map(|column| column.as_str().replace('.', "_"));
    let mut text = format!(
        "from,until,as_of,smallest,way,dimension,value,{},evidence_bytes,{}\r\n",
        counts.join(","),
        SECONDS.join(",")
    );
    for line in &of.lines {
        let start = [&of.from, &of.until, &of.as_of].map(String::as_str).join(",");
        let place = format!("{},{},{},{}", of.smallest, line.way, line.dimension, line.value);
        text.push_str(&format!("{start},{place},{}\r\n", cells(line).join(",")));
    }
    text
}

fn cells(line: &ReturnLine) -> Vec<String> {
    let counts = Column::ALL.map(|column| line.cell(column));
    let times = [line.acknowledgement, line.decision, line.execution];
    let times = times.iter().flat_map(|times| [times.median_seconds, times.p90_seconds]);
    let all = counts.into_iter().chain([line.evidence_bytes]).chain(times);
    all.map(|cell| cell.map_or_else(String::new, |count| count.to_string())).collect()
}
