//! What can be reckoned of counts that are not shown.
//!
//! Whoever has a return knows more than its cells: tables add up to the total, a part is no more than
//! its whole, and by what the columns mean some cells are none or all. From that follows between which
//! numbers each count lies. Where both are the same small number, it is told.

use super::{Column, Outcome, ReturnLine, StatisticsDimension as Dimension, StatisticsWay as Way};
use crate::domain::MessageKind;
use crate::domain::request::UrgencyLevel;

/// Numbers of a line: each column, and what each leaves out of the requests.
const WIDTH: usize = 2 * Column::ALL.len();

/// How often all rules are gone through: few times tell all. A peer may make rules that would go on
/// for ever.
const ROUNDS: usize = 64;

/// A count that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Told {
    /// The number of its line.
    pub(in crate::domain) line: usize,
    /// Its column, or that which leaves out as many.
    pub(in crate::domain) column: Column,
}

/// Between which numbers a count lies, both included.
#[derive(Clone, Copy)]
struct Range {
    least: u64,
    most: u64,
}

/// What holds between counts.
enum Law {
    /// One is as much as the others together.
    Sum(usize, Vec<usize>),
    /// One is no more than the other.
    AtMost(usize, usize),
}

/// Every count of one way.
struct Reckoning {
    ranges: Vec<Range>,
    laws: Vec<Law>,
}

/// The counts from 1 to below `least` that are not shown and can be told, whichever way they went.
pub(in crate::domain) fn told(lines: &[ReturnLine], least: u64) -> Vec<Told> {
    let mut found: Vec<Told> = Vec::new();
    for way in Way::ALL {
        let of_way = || lines.iter().enumerate().filter(|(_, line)| line.way == *way);
        let own: Vec<&ReturnLine> = of_way().map(|(_, line)| line).collect();
        // What is hardly ever otherwise is told too; and it must not hide what always is so.
        for strict in [true, false] {
            let mut reckoning = Reckoning::new(&own, strict);
            reckoning.settle();
            let told = of_way().enumerate().flat_map(|(place, (number, line))| {
                let column = reckoning.tells(place, line, least);
                column.map(|column| Told { line: number, column })
            });
            for one in told.collect::<Vec<_>>() {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
    }
    found
}

fn count_of(line: usize, column: usize) -> usize {
    line * WIDTH + column
}

fn rest_of(line: usize, column: usize) -> usize {
    count_of(line, column) + Column::ALL.len()
}

impl Reckoning {
    fn new(lines: &[&ReturnLine], strict: bool) -> Self {
        let ranges = lines.iter().flat_map(|line| ranges(line, strict)).collect();
        let mut reckoning = Self { ranges, laws: Vec::new() };
        (0..lines.len()).for_each(|line| reckoning.parts_of(line));
        for dimension in Dimension::ALL.iter().filter(|one| **one != Dimension::Total) {
            reckoning.adds_up(lines, *dimension);
        }
        let place = |dimension, value: &str| {
            lines.iter().position(|line| line.dimension == dimension && line.value == value)
        };
        let emergency = place(Dimension::Kind, MessageKind::EmergencyRequest.as_str())
            .zip(place(Dimension::Urgency, UrgencyLevel::Emergency.as_str()));
        if let Some((kind, urgency)) = emergency {
            reckoning.is_within(kind, urgency);
        }
        reckoning
    }

    /// A column and what it leaves out are the requests of the line; what was executed was decided on.
    fn parts_of(&mut self, line: usize) {
        let place = |one| Column::ALL.iter().position(|column| *column == one);
        for (column, _) in Column::ALL.iter().enumerate().filter(|(_, column)| column.is_part()) {
            let parts = vec![count_of(line, column), rest_of(line, column)];
            self.laws.push(Law::Sum(count_of(line, 0), parts));
        }
        if let Some((executed, decided)) = place(Column::Executed).zip(place(Column::Decided)) {
            let (executed, decided) = (count_of(line, executed), count_of(line, decided));
            self.laws.push(Law::AtMost(executed, decided));
        }
    }

    /// The lines of a table are the total together, or each is some of it.
    fn adds_up(&mut self, lines: &[&ReturnLine], dimension: Dimension) {
        let total = lines.iter().position(|line| line.dimension == Dimension::Total);
        let Some(total) = total else { return };
        let of_table = |(_, line): &(usize, &&ReturnLine)| line.dimension == dimension;
        let table: Vec<usize> =
            lines.iter().enumerate().filter(of_table).map(|(place, _)| place).collect();
        if !dimension.adds_up() {
            return table.iter().for_each(|line| self.is_within(*line, total));
        }
        // A return without a table says nothing by that.
        for slot in (0..WIDTH).filter(|_| !table.is_empty()) {
            let parts = table.iter().map(|line| line * WIDTH + slot).collect();
            self.laws.push(Law::Sum(total * WIDTH + slot, parts));
        }
    }

    /// The requests of one line all stand in another.
    fn is_within(&mut self, line: usize, other: usize) {
        let slots = (0..WIDTH).map(|slot| (line * WIDTH + slot, other * WIDTH + slot));
        self.laws.extend(slots.map(|(less, more)| Law::AtMost(less, more)));
    }

    /// Goes through the laws until nothing more follows.
    fn settle(&mut self) {
        let laws = std::mem::take(&mut self.laws);
        for _ in 0..ROUNDS {
            let changed = laws.iter().fold(false, |changed, law| self.follows(law) | changed);
            if !changed {
                return;
            }
        }
    }

    fn follows(&mut self, law: &Law) -> bool {
        match law {
            Law::AtMost(less, more) => {
                let (least, most) = (self.ranges[*less].least, self.ranges[*more].most);
                self.narrow(*less, 0, most) | self.narrow(*more, least, u64::MAX)
            }
            Law::Sum(whole, parts) => {
                let sum = |end: fn(&Range) -> u64| -> u128 {
                    parts.iter().map(|part| u128::from(end(&self.ranges[*part]))).sum()
                };
                let (least, most) = (sum(|range| range.least), sum(|range| range.most));
                let changed = self.narrow(*whole, fit(least), fit(most));
                let all = self.ranges[*whole];
                parts.iter().fold(changed, |changed, part| {
                    let Range { least: own_least, most: own_most } = self.ranges[*part];
                    let other_most = most - u128::from(own_most);
                    let other_least = least - u128::from(own_least);
                    let from = u128::from(all.least).saturating_sub(other_most);
                    let until = u128::from(all.most).saturating_sub(other_least);
                    self.narrow(*part, fit(from), fit(until)) | changed
                })
            }
        }
    }

    /// Whether more is known than before. From what contradicts itself nothing follows.
    fn narrow(&mut self, of: usize, least: u64, most: u64) -> bool {
        let range = &mut self.ranges[of];
        let (least, most) = (least.max(range.least), most.min(range.most));
        let is_new = (least, most) != (range.least, range.most) && least <= most;
        if is_new {
            *range = Range { least, most };
        }
        is_new
    }

    /// The first column of a line of which a small count is told that is not shown.
    fn tells(&self, place: usize, line: &ReturnLine, least: u64) -> Option<Column> {
        let is_told =
            |range: &Range| range.least == range.most && range.least > 0 && range.least < least;
        let columns = Column::ALL.into_iter().enumerate();
        let mut hidden = columns.filter(|(_, column)| line.cell(*column).is_none());
        let told = hidden.find(|(number, column)| {
            let (count, rest) = (count_of(place, *number), rest_of(place, *number));
            is_told(&self.ranges[count]) || (column.is_part() && is_told(&self.ranges[rest]))
        });
        told.map(|(_, column)| column)
    }
}

fn fit(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// What a line says of its counts by itself.
fn ranges(line: &ReturnLine, strict: bool) -> Vec<Range> {
    let is = |count: u64| Range { least: count, most: count };
    let any = Range { least: 0, most: u64::MAX };
    let outcome = Outcome::ALL.iter().find(|one| one.as_str() == line.value);
    let outcome = outcome.filter(|_| line.dimension == Dimension::Outcome);
    let none = |column, rest| outcome.is_some_and(|one| is_none(*one, column, rest, strict));
    let count = |column: Column| match line.cell(column) {
        Some(count) => is(count),
        // A line stands there for a request.
        None if column == Column::Requests && line.dimension != Dimension::Total => {
            Range { least: 1, ..any }
        }
        None if none(column, false) => is(0),
        None => any,
    };
    let rest =
        |column: Column| match line.requests.zip(line.cell(column)).filter(|_| column.is_part()) {
            Some((all, some)) => is(all.saturating_sub(some)),
            None if none(column, true) => is(0),
            None => any,
        };
    Column::ALL.into_iter().map(count).chain(Column::ALL.into_iter().map(rest)).collect()
}

/// Whether no request with an outcome is counted in a column, or left out of it, by what the column
/// means; where that is `strict`, also what is hardly ever so.
fn is_none(outcome: Outcome, column: Column, rest: bool, strict: bool) -> bool {
    use Outcome as O;
    let is_decided = matches!(outcome, O::Accepted | O::Executed | O::Refused | O::Returned);
    match (column, rest) {
        (Column::Executed, rest) => rest == (outcome == O::Executed),
        // What was accepted may still be withdrawn or put off.
        (Column::Decided, false) => outcome == O::Pending || (strict && !is_decided),
        (Column::Decided, true) => is_decided,
        (Column::Acknowledged, true) => !matches!(outcome, O::Pending | O::Withdrawn),
        (Column::Overdue, false) => matches!(outcome, O::Refused | O::Returned | O::Withdrawn),
        _ => false,
    }
}
