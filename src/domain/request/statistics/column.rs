//! The numbers of a line that count something.

use super::{ReturnLine, StatisticsDimension as Dimension, StatisticsWay as Way, Times};

/// A number of a line that counts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Requests.
    Requests,
    /// Those in which a duty of the requested authority is overdue.
    Overdue,
    /// Rounds in which information was asked for.
    InfoRounds,
    /// Those in which a hearing was arranged.
    WithHearing,
    /// Those in which costs were asked for.
    WithCosts,
    /// Those for which evidence was sent.
    WithEvidence,
    /// Those that were acknowledged.
    Acknowledged,
    /// Those that were decided on.
    Decided,
    /// Those that were executed.
    Executed,
}

impl Column {
    /// All of them, the requests first.
    pub const ALL: [Self; 9] = [
        Self::Requests,
        Self::Overdue,
        Self::InfoRounds,
        Self::WithHearing,
        Self::WithCosts,
        Self::WithEvidence,
        Self::Acknowledged,
        Self::Decided,
        Self::Executed,
    ];

    /// Its field in a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Overdue => "overdue",
            Self::InfoRounds => "info_rounds",
            Self::WithHearing => "with_hearing",
            Self::WithCosts => "with_costs",
            Self::WithEvidence => "with_evidence",
            Self::Acknowledged => "acknowledgement.count",
            Self::Decided => "decision.count",
            Self::Executed => "execution.count",
        }
    }

    /// Whether it counts some of the requests of its line: then how many it leaves out can be told by
    /// subtraction.
    pub fn is_part(self) -> bool {
        !matches!(self, Self::Requests | Self::InfoRounds)
    }

    /// Whether it says by what it means how many requests there are of some outcomes.
    pub(in crate::domain) fn is_defined(self) -> bool {
        matches!(self, Self::Overdue | Self::Acknowledged | Self::Decided | Self::Executed)
    }
}

impl ReturnLine {
    /// What stands in a column; `None` where it is not shown.
    pub fn cell(&self, column: Column) -> Option<u64> {
        match column {
            Column::Requests => self.requests,
            Column::Overdue => self.overdue,
            Column::InfoRounds => self.info_rounds,
            Column::WithHearing => self.with_hearing,
            Column::WithCosts => self.with_costs,
            Column::WithEvidence => self.with_evidence,
            Column::Acknowledged => self.acknowledgement.count,
            Column::Decided => self.decision.count,
            Column::Executed => self.execution.count,
        }
    }

    /// The same, to be changed.
    pub fn cell_mut(&mut self, column: Column) -> &mut Option<u64> {
        match column {
            Column::Requests => &mut self.requests,
            Column::Overdue => &mut self.overdue,
            Column::InfoRounds => &mut self.info_rounds,
            Column::WithHearing => &mut self.with_hearing,
            Column::WithCosts => &mut self.with_costs,
            Column::WithEvidence => &mut self.with_evidence,
            Column::Acknowledged => &mut self.acknowledgement.count,
            Column::Decided => &mut self.decision.count,
            Column::Executed => &mut self.execution.count,
        }
    }

    /// What a duty took, beside the column that counts it.
    pub(crate) fn times_mut(&mut self, column: Column) -> Option<&mut Times> {
        match column {
            Column::Acknowledged => Some(&mut self.acknowledgement),
            Column::Decided => Some(&mut self.decision),
            Column::Executed => Some(&mut self.execution),
            _ => None,
        }
    }

    pub(in crate::domain) fn place(&self) -> (Way, Dimension, &str) {
        (self.way, self.dimension, &self.value)
    }

    /// Whether a count is too small to be shown, or leaves out too few.
    pub(in crate::domain) fn is_small(&self, column: Column, least: u64) -> bool {
        let few = |count: u64| count > 0 && count < least;
        let rest = |count: u64| self.requests.and_then(|all| all.checked_sub(count));
        self.cell(column)
            .is_some_and(|count| few(count) || (column.is_part() && rest(count).is_some_and(few)))
    }
}
