//! Statistics on the wire.

use super::words::{Word as _, word};
use super::{WireError, list};
use crate::domain::limits::RETURN_LINES_MAX;
use crate::domain::request as domain;
use crate::pb::v1 as pb;

/// A return for the wire.
pub fn statistics_to_pb(figures: &domain::StatisticsReturn) -> pb::StatisticsReturn {
    pb::StatisticsReturn {
        from: figures.from.clone(),
        until: figures.until.clone(),
        as_of: figures.as_of.clone(),
        smallest: figures.smallest,
        lines: figures.lines.iter().map(line_to_pb).collect(),
    }
}

/// A return from the wire.
///
/// # Errors
/// [`WireError`] names the first field that cannot be read.
pub fn statistics_from_pb(
    figures: pb::StatisticsReturn,
) -> Result<domain::StatisticsReturn, WireError> {
    let pb::StatisticsReturn { from, until, as_of, smallest, lines } = figures;
    let lines = list("lines", lines, line_from_pb)?;
    Ok(domain::StatisticsReturn { from, until, as_of, smallest, lines })
}

/// A return that somebody sends: of more lines than one may have none is read.
pub(super) fn sent_from_pb(
    figures: pb::StatisticsReturn,
) -> Result<domain::StatisticsReturn, WireError> {
    if figures.lines.len() > RETURN_LINES_MAX {
        return Err(WireError::new("lines", "has more than 1000 lines"));
    }
    statistics_from_pb(figures)
}

fn line_to_pb(line: &domain::ReturnLine) -> pb::StatisticsLine {
    pb::StatisticsLine {
        way: line.way.number(),
        dimension: line.dimension.number(),
        value: line.value.clone(),
        requests: line.requests,
        overdue: line.overdue,
        info_rounds: line.info_rounds,
        with_hearing: line.with_hearing,
        with_costs: line.with_costs,
        with_evidence: line.with_evidence,
        evidence_bytes: line.evidence_bytes,
        acknowledgement: times_to_pb(line.acknowledgement),
        decision: times_to_pb(line.decision),
        execution: times_to_pb(line.execution),
    }
}

fn line_from_pb(line: pb::StatisticsLine) -> Result<domain::ReturnLine, WireError> {
    Ok(domain::ReturnLine {
        way: word(line.way, "way")?,
        dimension: word(line.dimension, "dimension")?,
        value: line.value,
        requests: line.requests,
        overdue: line.overdue,
        info_rounds: line.info_rounds,
        with_hearing: line.with_hearing,
        with_costs: line.with_costs,
        with_evidence: line.with_evidence,
        evidence_bytes: line.evidence_bytes,
        acknowledgement: times_from_pb(line.acknowledgement),
        decision: times_from_pb(line.decision),
        execution: times_from_pb(line.execution),
    })
}

/// Times of which nothing is said are absent.
fn times_to_pb(times: domain::Times) -> Option<pb::StatisticsTimes> {
    let domain::Times { count, median_seconds, p90_seconds } = times;
    let said = times != domain::Times::default();
    said.then_some(pb::StatisticsTimes { count, median_seconds, p90_seconds })
}

fn times_from_pb(times: Option<pb::StatisticsTimes>) -> domain::Times {
    let pb::StatisticsTimes { count, median_seconds, p90_seconds } = times.unwrap_or_default();
    domain::Times { count, median_seconds, p90_seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_of_too_many_lines_is_not_read() {
        let line = domain::ReturnLine::new(
            domain::StatisticsWay::Made,
            domain::StatisticsDimension::Total,
            "",
        );
        let of = |count: usize| pb::StatisticsReturn {
            lines: vec![line_to_pb(&line); count],
            ..Default::default()
        };
        assert!(sent_from_pb(of(RETURN_LINES_MAX)).is_ok());
        let refused = sent_from_pb(of(RETURN_LINES_MAX + 1)).expect_err("too many");
        assert!(refused.to_string().contains(&format!("{RETURN_LINES_MAX} lines")), "{refused}");
    }
}
