//! What an authority reports of the requests of a year: counts, and how long they took.
//!
//! The form of the tables only, and what is wrong with a return that somebody else has counted. How they
//! are counted, and how small counts are kept from being learnt, is in `domain::statistics`.

mod column;
mod judge;
mod reckon;
mod values;

use serde::{Deserialize, Serialize};

pub use self::column::Column;
pub use self::judge::{LineFault, audit_lines};
pub(in crate::domain) use self::reckon::{Told, told};
pub use self::values::{OFFENCES, UNKNOWN};
pub(in crate::domain) use self::values::{ground, instrument};

use super::finding::{Finding, Lacks};
use super::words::words;
use super::{Need, Target, rules};
use crate::domain::Timestamp;
use crate::domain::limits::{RETURN_LINES_MAX, SMALLEST_CELL};
use crate::domain::period::Period;

words! {
    /// Which way requests went, as the authority sees it that reports.
    StatisticsWay {
        /// It made them.
        Made = "made",
        /// It received them.
        Received = "received",
    }
}

words! {
    /// By what the requests of a table are told apart.
    StatisticsDimension {
        /// By nothing: all of them, in one line.
        Total = "total",
        /// By the calendar year in which they were made.
        Year = "year",
        /// By the other authority.
        Peer = "peer",
        /// By the kind of the message that carries the request.
        Kind = "kind",
        /// By the legal basis; a request that names several is counted under each.
        Instrument = "instrument",
        /// By the family of the offences; likewise.
        Offence = "offence",
        /// By what is asked for; likewise.
        Assistance = "assistance",
        /// By urgency.
        Urgency = "urgency",
        /// By what became of them.
        Outcome = "outcome",
        /// By the ground of refusal or postponement; a request may have several, or none.
        Ground = "ground",
    }
}

words! {
    /// What became of a request, as its requested authority has said.
    Outcome {
        /// It is not decided on.
        Pending = "pending",
        /// It was put off: UNTOC 18(25).
        Postponed = "postponed",
        /// It was accepted, and not all is done: UNTOC 18(17).
        Accepted = "accepted",
        /// All was done: UNTOC 18(17).
        Executed = "executed",
        /// It was refused: UNTOC 18(21).
        Refused = "refused",
        /// It went back to be mended: UNTOC 18(21)(a).
        Returned = "returned",
        /// Its requesting authority needs it no more: UNTOC 18(24).
        Withdrawn = "withdrawn",
    }
}

impl StatisticsDimension {
    /// Whether each request stands in one line of the table, and no more, so that its lines add up.
    pub fn adds_up(self) -> bool {
        matches!(
            self,
            Self::Total | Self::Year | Self::Peer | Self::Kind | Self::Urgency | Self::Outcome
        )
    }
}

/// The body of a `STATISTICS_RETURN`.
///
/// A number that is absent is not shown: it is small, or would give away one that is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatisticsReturn {
    /// The first day, `YYYY-MM-DD`, UTC: the requests are those made from then on.
    pub from: String,
    /// The last day, likewise.
    pub until: String,
    /// As of when their outcome and their clocks are, RFC 3339 with milliseconds.
    pub as_of: String,
    /// The smallest count that is shown beside none; 0 where all are.
    pub smallest: u32,
    /// The lines, by way, dimension and value; each once.
    pub lines: Vec<ReturnLine>,
}

/// The requests of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnLine {
    /// Which way they went.
    pub way: StatisticsWay,
    /// By what they are told apart.
    pub dimension: StatisticsDimension,
    /// What they have in common; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// In how many of them a duty of the requested authority is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<u64>,
    /// How often information was asked for: UNTOC 18(16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info_rounds: Option<u64>,
    /// In how many of them a hearing was arranged: UNTOC 18(18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_hearing: Option<u64>,
    /// In how many of them costs were asked for: UNTOC 18(28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_costs: Option<u64>,
    /// For how many of them evidence was sent: UNTOC 18(3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_evidence: Option<u64>,
    /// Bytes of that evidence, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_bytes: Option<u64>,
    /// Until they were acknowledged.
    #[serde(default, skip_serializing_if = "Times::is_silent")]
    pub acknowledgement: Times,
    /// Until they were decided on.
    #[serde(default, skip_serializing_if = "Times::is_silent")]
    pub decision: Times,
    /// From the acceptance until everything was sent.
    #[serde(default, skip_serializing_if = "Times::is_silent")]
    pub execution: Times,
}

/// How long something took, as the clocks count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// In how many requests it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Half of them took at most this long, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_seconds: Option<u64>,
    /// Nine in ten took at most this long, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90_seconds: Option<u64>,
}

impl Times {
    fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

impl ReturnLine {
    /// A line in which nothing is said yet.
    pub fn new(way: StatisticsWay, dimension: StatisticsDimension, value: &str) -> Self {
        let (requests, overdue, info_rounds, with_hearing, with_costs) = Default::default();
        let (with_evidence, evidence_bytes) = Default::default();
        let (acknowledgement, decision, execution) = Default::default();
        Self {
            way,
            dimension,
            value: value.to_owned(),
            requests,
            overdue,
            info_rounds,
            with_hearing,
            with_costs,
            with_evidence,
            evidence_bytes,
            acknowledgement,
            decision,
            execution,
        }
    }
}

impl StatisticsReturn {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Lacks::default();
        self.walk(&mut found);
        rules::judge(found.into_list(), &[], &Target::default())
    }

    pub(super) fn walk(&self, found: &mut Lacks) {
        self.days(found);
        let message =
            format!("is below {SMALLEST_CELL}: what leaves an authority shows no small counts");
        let bare = self.smallest < SMALLEST_CELL;
        found.add_if(bare, "smallest", Need::ReturnSmallest, &message);
        if self.lines.len() > RETURN_LINES_MAX {
            let message = format!("has more than {RETURN_LINES_MAX} lines");
            return found.add("lines", Need::ReturnLines, &message);
        }
        for fault in audit_lines(self) {
            found.add(&fault.field, fault.need, &fault.message);
        }
    }

    fn days(&self, found: &mut Lacks) {
        let period = Period::parse(&self.from, &self.until);
        let whole = period.as_ref().is_ok_and(|period| period.whole_year().is_some());
        let message = "is not the first day of a calendar year of which `until` is the last";
        found.add_if(!whole, "from", Need::ReturnPeriod, message);
        let as_of = Timestamp::parse(&self.as_of).ok();
        let message = "is no time, as in 2027-02-01T09:00:00.000Z";
        found.add_if(as_of.is_none(), "as_of", Need::ReturnAsOf, message);
        let (Ok(period), Some(as_of)) = (period, as_of) else { return };
        let message = "is before the end of the year: more may be counted";
        found.add_if(as_of < period.end(), "as_of", Need::ReturnYearOver, message);
    }
}
