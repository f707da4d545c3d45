//! Adding up, in whatever order.

use std::collections::BTreeMap;

use super::facts::is_overdue;
use super::{Column, Dimension, Facts, Period, ReturnLine, StatisticsReturn, Times, Way, What};
use crate::domain::Timestamp;
use crate::domain::clock::Duty;

/// The duties whose times are counted, with their columns.
const TIMED: [(Duty, Column); 3] = [
    (Duty::Acknowledgement, Column::Acknowledged),
    (Duty::Decision, Column::Decided),
    (Duty::Execution, Column::Executed),
];

/// What the requests of one line add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    counts: BTreeMap<Column, u64>,
    bytes: u64,
    /// Seconds, in the order of [`TIMED`].
    times: [Vec<u64>; TIMED.len()],
}

/// Requests of a period, added up. Memory is about 24 bytes a request and line that it stands in: some
/// 300 a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    period: Period,
    as_of: Timestamp,
    lines: BTreeMap<(Way, Dimension, String), Sums>,
    requests: u64,
}

impl Tally {
    /// Of no request yet. `as_of` is when their clocks are looked at.
    pub fn new(period: Period, as_of: Timestamp) -> Self {
        let total = |way| ((way, Dimension::Total, String::new()), Sums::default());
        let lines = [Way::Made, Way::Received].map(total).into();
        Self { period, as_of, lines, requests: 0 }
    }

    /// The period.
    pub fn period(&self) -> &Period {
        &self.period
    }

    /// Requests that were added.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Adds a request, if it was made in the period.
    pub fn add(&mut self, facts: &Facts) {
        if !self.period.has(facts.request.at()) {
            return;
        }
        self.requests += 1;
        let one = Sums::of(facts, self.as_of);
        for (dimension, value) in places(facts) {
            self.lines.entry((facts.way, dimension, value)).or_default().join(&one);
        }
    }

    /// Adds what another one of the same period has.
    pub fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        for (place, sums) in other.lines {
            self.lines.entry(place).or_default().join(&sums);
        }
    }

    /// The tables, with every count in them.
    pub fn finish(self) -> StatisticsReturn {
        let line = |((way, dimension, value), sums): ((Way, Dimension, String), Sums)| {
            sums.line(ReturnLine::new(way, dimension, &value))
        };
        StatisticsReturn {
            from: self.period.from().to_owned(),
            until: self.period.until().to_owned(),
            as_of: self.as_of.to_string(),
            smallest: 0,
            lines: self.lines.into_iter().map(line).collect(),
        }
    }
}

/// The lines in which a request stands.
fn places(facts: &Facts) -> Vec<(Dimension, String)> {
    use Dimension as D;
    let What { instruments, offences, assistance } = &facts.what;
    let of = |dimension: D, word: &str| (dimension, word.to_owned());
    let mut places = vec![
        of(D::Total, ""),
        of(D::Year, &format!("{:04}", facts.request.at().year())),
        of(D::Peer, facts.peer.as_str()),
        of(D::Kind, facts.kind.as_str()),
        of(D::Urgency, facts.urgency.as_str()),
        of(D::Outcome, facts.outcome().as_str()),
    ];
    places.extend(instruments.iter().map(|one| of(D::Instrument, one)));
    places.extend(offences.iter().map(|one| of(D::Offence, one)));
    places.extend(assistance.iter().map(|one| of(D::Assistance, one)));
    places.extend(facts.grounds.iter().map(|one| of(D::Ground, one)));
    places
}

impl Sums {
    fn of(facts: &Facts, as_of: Timestamp) -> Self {
        let clocks = facts.clocks(as_of);
        let mut sums = Self { bytes: facts.evidence_bytes, ..Self::default() };
        for (column, count) in [
            (Column::Requests, 1),
            (Column::Overdue, u64::from(is_overdue(&clocks))),
            (Column::InfoRounds, facts.info_rounds),
            (Column::WithHearing, u64::from(facts.has_hearing)),
            (Column::WithCosts, u64::from(facts.has_costs)),
            (Column::WithEvidence, u64::from(facts.has_evidence)),
        ] {
            sums.counts.insert(column, count);
        }
        for (times, (duty, _)) in sums.times.iter_mut().zip(TIMED) {
            times.extend(facts.took(duty, &clocks));
        }
        sums
    }

    fn join(&mut self, other: &Self) {
        for (column, count) in &other.counts {
            *self.counts.entry(*column).or_default() += count;
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (times, more) in self.times.iter_mut().zip(&other.times) {
            times.extend(more);
        }
    }

    fn line(self, mut line: ReturnLine) -> ReturnLine {
        for column in Column::ALL {
            *line.cell_mut(column) = Some(self.counts.get(&column).copied().unwrap_or(0));
        }
        line.evidence_bytes = Some(self.bytes);
        for (times, (_, column)) in self.times.into_iter().zip(TIMED) {
            if let Some(place) = line.times_mut(column) {
                *place = Times::of(times);
            }
        }
        line
    }
}

impl Times {
    /// Of as many seconds as there are.
    fn of(mut seconds: Vec<u64>) -> Self {
        seconds.sort_unstable();
        // The smallest time that enough of them do not exceed (nearest rank).
        let rank = |percent: usize| {
            let place = (seconds.len() * percent).div_ceil(100).max(1) - 1;
            seconds.get(place).copied()
        };
        let count = Some(seconds.len() as u64);
        Self { count, median_seconds: rank(50), p90_seconds: rank(90) }
    }
}
