//! Whoever has a return and knows what its tables and columns mean cannot compute what it does not show.
//!
//! The attacker here solves all the equations between cells at once, which is another way than that by
//! which small counts are covered.

use proptest::prelude::*;

use super::tests::{DONE, counted, facts, line, some};
use super::*;
use crate::domain::lifecycle::RequestState as S;
use crate::domain::limits::SMALLEST_CELL;
use crate::domain::request::Need;

/// Equations hold modulo a prime: counts are far below it.
const PRIME: u64 = 2_147_483_647;

/// An equation between cells that are not shown: their factors, and behind them what they add up to.
type Equation = Vec<u64>;

/// What is known of one way of a return.
struct Attack<'a> {
    lines: Vec<&'a ReturnLine>,
    /// The place of each cell among the unknown ones.
    unknown: Vec<[Option<usize>; Column::ALL.len()]>,
    size: usize,
    equations: Vec<Equation>,
}

impl<'a> Attack<'a> {
    fn new(shown: &'a StatisticsReturn, way: Way, strict: bool) -> Self {
        let lines: Vec<_> = shown.lines.iter().filter(|line| line.way == way).collect();
        let mut size = 0;
        let mut place = |cell: Option<u64>| {
            let place = cell.is_none().then_some(size);
            size += usize::from(cell.is_none());
            place
        };
        let unknown = lines.iter().map(|line| Column::ALL.map(|c| place(line.cell(c)))).collect();
        let mut attack = Self { lines, unknown, size, equations: Vec::new() };
        attack.sums();
        attack.definitions(strict);
        attack
    }

    /// The sum of some cells, each so many times, is none.
    fn knows(&mut self, terms: &[(usize, Column, i64)]) {
        let mut equation = vec![0; self.size + 1];
        for (line, column, factor) in terms {
            let number = Column::ALL.iter().position(|one| one == column).expect("a column");
            let factor = factor.rem_euclid(PRIME as i64) as u64;
            match self.lines[*line].cell(*column) {
                None => {
                    let at = self.unknown[*line][number].expect("unknown");
                    equation[at] = (equation[at] + factor) % PRIME;
                }
                Some(count) => {
                    let known = (PRIME - factor) * count % PRIME;
                    equation[self.size] = (equation[self.size] + known) % PRIME;
                }
            }
        }
        self.equations.push(equation);
    }

    fn sums(&mut self) {
        let of = |lines: &[&ReturnLine], dimension| -> Vec<usize> {
            let places = 0..lines.len();
            places.filter(|place| lines[*place].dimension == dimension).collect()
        };
        let total = of(&self.lines, Dimension::Total)[0];
        for dimension in Dimension::ALL.iter().filter(|one| **one != Dimension::Total) {
            let table = of(&self.lines, *dimension);
            for column in Column::ALL.into_iter().filter(|_| !table.is_empty()) {
                if dimension.adds_up() {
                    let mut terms = vec![(total, column, -1)];
                    terms.extend(table.iter().map(|place| (*place, column, 1)));
                    self.knows(&terms);
                }
                // A line of all requests is the total.
                let all = self.lines[total].requests;
                let is_all = |place: &usize| all.is_some() && self.lines[*place].requests == all;
                let whole: Vec<usize> = table.iter().copied().filter(is_all).collect();
                for place in whole {
                    self.knows(&[(total, column, -1), (place, column, 1)]);
                }
            }
        }
    }

    /// What the columns mean by definition; where it is `strict`, also that nobody decides on what is
    /// put off or withdrawn.
    fn definitions(&mut self, strict: bool) {
        for place in 0..self.lines.len() {
            if self.lines[place].dimension != Dimension::Outcome {
                continue;
            }
            let outcome = self.lines[place].value.clone();
            let all = |column| vec![(place, Column::Requests, -1), (place, column, 1)];
            let none = |column| vec![(place, column, 1)];
            let (decided, acknowledged) = (Column::Decided, Column::Acknowledged);
            let known = match outcome.as_str() {
                "executed" => vec![all(Column::Executed), all(decided), all(acknowledged)],
                "accepted" => vec![none(Column::Executed), all(decided), all(acknowledged)],
                "refused" | "returned" => {
                    let both = [all(decided), all(acknowledged)];
                    [&[none(Column::Executed), none(Column::Overdue)][..], &both].concat()
                }
                "pending" => vec![none(Column::Executed), none(decided)],
                _ if strict => vec![none(Column::Executed), none(decided)],
                _ => vec![none(Column::Executed)],
            };
            known.iter().for_each(|terms| self.knows(terms));
        }
    }

    /// Solves them; nothing where they contradict each other.
    fn solved(mut self) -> Option<Self> {
        let mut row = 0;
        for column in 0..self.size {
            let Some(pivot) = (row..self.equations.len()).find(|r| self.equations[*r][column] != 0)
            else {
                continue;
            };
            self.equations.swap(row, pivot);
            let inverse = power(self.equations[row][column], PRIME - 2);
            let own: Equation = self.equations[row].iter().map(|n| n * inverse % PRIME).collect();
            for (number, other) in self.equations.iter_mut().enumerate() {
                let factor = other[column];
                if number != row && factor != 0 {
                    for (cell, own) in other.iter_mut().zip(&own).filter(|(_, own)| **own != 0) {
                        *cell = (*cell + (PRIME - factor) * own) % PRIME;
                    }
                }
            }
            self.equations[row] = own;
            row += 1;
        }
        let sound = self.equations[row..].iter().all(|equation| equation[self.size] == 0);
        self.equations.truncate(row);
        sound.then_some(self)
    }

    /// What some cells add up to, each so many times, if that can be told.
    fn value(&self, terms: &[(usize, u64)]) -> Option<u64> {
        let mut wanted = vec![0; self.size + 1];
        terms.iter().for_each(|(place, factor)| wanted[*place] = *factor);
        for equation in &self.equations {
            let pivot = equation.iter().position(|n| *n != 0).filter(|at| *at < self.size)?;
            let factor = wanted[pivot];
            if factor != 0 {
                for (cell, own) in wanted.iter_mut().zip(equation) {
                    *cell = (*cell + (PRIME - factor) * own) % PRIME;
                }
            }
        }
        let is_told = wanted[..self.size].iter().all(|n| *n == 0);
        is_told.then(|| (PRIME - wanted[self.size]) % PRIME)
    }
}

fn power(of: u64, mut times: u64) -> u64 {
    let (mut base, mut found) = (of, 1);
    while times > 0 {
        if times % 2 == 1 {
            found = found * base % PRIME;
        }
        base = base * base % PRIME;
        times /= 2;
    }
    found
}

/// The first small count that is not shown and follows from what is.
fn computed(shown: &StatisticsReturn, whole: &StatisticsReturn) -> Option<String> {
    for (way, strict) in
        [Way::Made, Way::Received].into_iter().flat_map(|w| [(w, true), (w, false)])
    {
        let Some(attack) = Attack::new(shown, way, strict).solved() else { continue };
        let truth = whole.lines.iter().filter(|line| line.way == way);
        for ((line, unknown), truth) in attack.lines.iter().zip(&attack.unknown).zip(truth) {
            for (column, place) in Column::ALL.into_iter().zip(unknown) {
                let Some(place) = place else { continue };
                let count = truth.cell(column).expect("counted");
                let all = truth.requests.expect("counted");
                // A count that nobody shows, and one that leaves so few out.
                let rest = match unknown[0] {
                    Some(all) => attack.value(&[(all, 1), (*place, PRIME - 1)]),
                    None => attack.value(&[(*place, 1)]).map(|n| (all + PRIME - n) % PRIME),
                };
                let is_small = |found: Option<u64>, truth: u64| {
                    found == Some(truth) && (1..u64::from(SMALLEST_CELL)).contains(&truth)
                };
                if is_small(attack.value(&[(*place, 1)]), count)
                    || (column.is_part() && is_small(rest, all - count))
                {
                    let (dimension, value) = (line.dimension, &line.value);
                    return Some(format!("{way} {dimension} {value} {}: {count}", column.as_str()));
                }
            }
        }
    }
    None
}

const ACCEPTED: &[S] = &[S::Received, S::UnderReview, S::Accepted];
const REFUSED: &[S] = &[S::Received, S::UnderReview, S::Consulting, S::Refused];
const POSTPONED: &[S] = &[S::Received, S::UnderReview, S::Consulting, S::Postponed];
const WITHDRAWN: &[S] = &[S::Received, S::UnderReview, S::Withdrawn];
const PENDING: &[S] = &[S::Received];

/// Requests of one peer with these ends, and what of them may leave.
fn published(ends: &[(usize, &[S])]) -> (StatisticsReturn, StatisticsReturn) {
    let states = ends.iter().flat_map(|(count, states)| vec![*states; *count]);
    let number =
        |(number, states): (usize, &[S])| facts(number as u64, Way::Received, "xb.pps", states);
    let whole = counted(&states.enumerate().map(number).collect::<Vec<_>>());
    let shown = suppress(whole.clone(), SMALLEST_CELL);
    assert_eq!(audit_lines(&shown), []);
    assert_eq!(computed(&shown, &whole), None);
    (shown, whole)
}

fn outcome(of: &StatisticsReturn, value: &str) -> Option<u64> {
    line(of, Way::Received, Dimension::Outcome, value).requests
}

#[test]
fn a_count_of_times_tells_no_outcome() {
    let ends = [(20, ACCEPTED), (6, DONE), (30, PENDING), (2, REFUSED)];
    let (shown, _) = published(&ends);
    let total = line(&shown, Way::Received, Dimension::Total, "");
    assert_eq!(
        (total.requests, total.decision.count, total.execution.count),
        (Some(58), Some(28), Some(6))
    );
    // Whatever is not needed as cover is shown.
    assert_eq!((outcome(&shown, "executed"), outcome(&shown, "pending")), (Some(6), Some(30)));
    assert_eq!((outcome(&shown, "refused"), outcome(&shown, "accepted")), (None, None));

    let ends = [(20, ACCEPTED), (30, DONE), (10, PENDING), (5, POSTPONED), (2, REFUSED)];
    let (shown, _) = published(&ends);
    assert_eq!((outcome(&shown, "executed"), outcome(&shown, "postponed")), (Some(30), Some(5)));
    assert_eq!((outcome(&shown, "refused"), outcome(&shown, "accepted")), (None, None));
}

#[test]
fn where_nothing_covers_an_outcome_a_count_of_times_goes() {
    let (shown, _) = published(&[(30, DONE), (40, PENDING), (2, REFUSED)]);
    let total = line(&shown, Way::Received, Dimension::Total, "");
    assert_eq!(total.requests, Some(72));
    assert!(total.decision.count.is_none() || total.execution.count.is_none(), "{total:?}");
    assert!(line(&shown, Way::Received, Dimension::Peer, "xb.pps").requests.is_some());
    published(&[(30, DONE), (40, PENDING), (2, WITHDRAWN), (3, POSTPONED)]);
    published(&[(30, DONE), (3, WITHDRAWN)]);
}

#[test]
fn lines_that_stand_there_for_a_request_each_tell_nothing_together() {
    let peers = ["xb.pps", "xc.moj", "xd.oag", "xe.min", "xf.oag"];
    let one = |(number, peer): (usize, &&str)| facts(number as u64, Way::Made, peer, PENDING);
    let whole = counted(&peers.iter().enumerate().map(one).collect::<Vec<_>>());
    let shown = suppress(whole.clone(), SMALLEST_CELL);
    assert_eq!(line(&shown, Way::Made, Dimension::Total, "").requests, None);
    let mut told = shown;
    for (line, whole) in told.lines.iter_mut().zip(&whole.lines) {
        if line.way == Way::Made && line.dimension != Dimension::Peer {
            line.clone_from(whole);
        }
    }
    let found = audit_lines(&told);
    assert!(found.iter().any(|one| one.need == Need::ReturnSmall), "{found:?}");
}

#[test]
fn a_part_that_is_more_than_the_rest_allows_tells_nothing() {
    // Seven are overdue: of what was accepted and executed, or nobody knows that it is seven. Were it of
    // what was accepted alone, one would be refused.
    let (shown, whole) = published(&[(7, ACCEPTED), (1, REFUSED), (20, DONE)]);
    assert_eq!(line(&whole, Way::Received, Dimension::Total, "").overdue, Some(7));
    let overdue = |dimension, value| line(&shown, Way::Received, dimension, value).overdue;
    let total = overdue(Dimension::Total, "");
    assert!(total.is_none() || overdue(Dimension::Outcome, "executed").is_none(), "{total:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn nothing_small_can_be_computed(all in some()) {
        let whole = counted(&all);
        let shown = suppress(whole.clone(), SMALLEST_CELL);
        prop_assert_eq!(computed(&shown, &whole), None);
        prop_assert_eq!(audit_lines(&shown), vec![]);
    }
}
