//! Keeping small counts from being learnt.
//!
//! Three steps. First, table by table and column by column, every count from 1 to below the smallest is
//! taken out, and in a column that counts some of the requests also one that leaves out so few. Then
//! more are taken out, the smallest first, until what is missing cannot be told from the total and the
//! rest: two cells at least are missing, and together they are none or enough. A line whose requests
//! are not shown shows nothing. Last, what can be reckoned from all tables and columns together is
//! covered likewise. docs/statistics.md says what this protects, and what not.

use super::{Column, Dimension, ReturnLine, StatisticsReturn, Times, Way};
use crate::domain::request::{Outcome, Told, told};

/// Times are rounded up to so many seconds: to the second, one would tell of single cases.
const TIME_GRAIN_SECONDS: u64 = 3600;

/// Bytes of evidence are rounded up to so many.
const BYTES_GRAIN: u64 = 1 << 20;

/// Counts of one column of a table that are tried as cover for one that can be told.
const COVERS_MAX: usize = 8;

/// Takes out of a return what is smaller than `smallest`, and what would give it away.
#[must_use]
pub fn suppress(mut whole: StatisticsReturn, smallest: u32) -> StatisticsReturn {
    whole.smallest = smallest;
    let least = u64::from(smallest);
    let mut figures = Figures { before: whole.lines.clone(), shown: whole.lines, least };
    figures.settle();
    while let Some(one) = figures.told().first() {
        figures.cover(*one);
    }
    whole.lines = figures.shown;
    whole.lines.iter_mut().for_each(|line| blur(line, least));
    whole
}

/// A cell: the number of its line, and its column.
type Cell = (usize, Column);

/// The lines as they were counted, and what is shown of them so far.
#[derive(Clone)]
struct Figures {
    before: Vec<ReturnLine>,
    shown: Vec<ReturnLine>,
    least: u64,
}

impl Figures {
    /// Takes out what is small, and what each table gives away by itself.
    fn settle(&mut self) {
        let Self { before, shown, least } = self;
        for way in Way::ALL.iter().copied() {
            for dimension in Dimension::ALL.iter().copied() {
                let is_it = |line: &ReturnLine| line.way == way && line.dimension == dimension;
                let before: Vec<_> = before.iter().filter(|line| is_it(line)).cloned().collect();
                let mut table: Vec<_> = shown.iter_mut().filter(|line| is_it(line)).collect();
                table_of(&mut table, &before, *least);
            }
        }
    }

    fn told(&self) -> Vec<Told> {
        told(&self.shown, self.least)
    }

    /// How many cells are shown.
    fn size(&self) -> usize {
        let cells =
            |line: &ReturnLine| Column::ALL.into_iter().filter_map(|c| line.cell(c)).count();
        self.shown.iter().map(cells).sum()
    }

    fn without(&self, cells: &[Cell]) -> Self {
        let mut without = self.clone();
        for (line, column) in cells {
            *without.shown[*line].cell_mut(*column) = None;
        }
        without.settle();
        without
    }

    /// Takes out what keeps a count from being told: of what helps, that which leaves the most.
    fn cover(&mut self, one: Told) {
        let now = self.told().len();
        let tried = self.covers(one).into_iter().map(|cells| self.without(&cells));
        let best = tried.min_by_key(|one| (one.told().len(), usize::MAX - one.size()));
        *self = match best.filter(|best| best.told().len() < now) {
            Some(best) => best,
            None => self.without(&self.all_of(one)),
        };
    }

    /// Cells of which any may help: one of the same column and table, or a total.
    fn covers(&self, Told { line, column }: Told) -> Vec<Vec<Cell>> {
        let mut beside = self.cells(line, column, self.shown[line].dimension);
        beside.truncate(COVERS_MAX);
        let mut covers: Vec<Vec<Cell>> = beside.into_iter().map(|cell| vec![cell]).collect();
        let mut columns = Column::ALL.to_vec();
        columns.retain(|one| *one == column || one.is_defined());
        for one in columns {
            covers.push(self.total(line, one));
            covers.extend(one.is_defined().then(|| self.column(line, one)));
        }
        covers.retain(|cells| !cells.is_empty());
        covers
    }

    /// The shown cells of a column in a table of the same way as a line: the smallest first, and last
    /// those that are none.
    fn cells(&self, line: usize, column: Column, dimension: Dimension) -> Vec<Cell> {
        let way = self.shown[line].way;
        let is_it = |line: &ReturnLine| line.way == way && line.dimension == dimension;
        let lines = self.shown.iter().enumerate().filter(|(_, line)| is_it(line));
        let mut cells: Vec<(u64, usize)> =
            lines.filter_map(|(number, line)| line.cell(column).map(|n| (n, number))).collect();
        cells.sort_by_key(|(count, number)| (*count == 0, *count, *number));
        cells.into_iter().map(|(_, number)| (number, column)).collect()
    }

    /// The total of a column, with as many cells of each table that they do not add up to it.
    fn total(&self, line: usize, column: Column) -> Vec<Cell> {
        let mut cells = self.cells(line, column, Dimension::Total);
        if cells.is_empty() {
            return cells;
        }
        let all = self.before[cells[0].0].requests;
        for dimension in Dimension::ALL.iter().filter(|one| **one != Dimension::Total) {
            let beside = self.cells(line, column, *dimension);
            let is_total = |cell: &Cell| self.before[cell.0].requests == all;
            match dimension.adds_up() {
                true => cells.extend(beside.into_iter().take(2)),
                false => cells.extend(beside.into_iter().filter(is_total)),
            }
        }
        cells
    }

    /// All that is shown of a column of the same way as a line.
    fn column(&self, line: usize, column: Column) -> Vec<Cell> {
        let tables = Dimension::ALL.iter();
        tables.flat_map(|dimension| self.cells(line, column, *dimension)).collect()
    }

    /// All of a column; where nothing of it is shown, everything that went the same way.
    fn all_of(&self, Told { line, column }: Told) -> Vec<Cell> {
        let own = self.column(line, column);
        if own.is_empty() { self.column(line, Column::Requests) } else { own }
    }
}

fn table_of(table: &mut [&mut ReturnLine], before: &[ReturnLine], least: u64) {
    column_of(table, before, Column::Requests, least);
    for line in table.iter_mut().filter(|line| line.requests.is_none()) {
        **line = ReturnLine::new(line.way, line.dimension, &line.value);
    }
    for column in Column::ALL.into_iter().skip(1) {
        column_of(table, before, column, least);
    }
}

fn column_of(table: &mut [&mut ReturnLine], before: &[ReturnLine], column: Column, least: u64) {
    for (line, whole) in table.iter_mut().zip(before) {
        if whole.is_small(column, least) {
            *line.cell_mut(column) = None;
        }
    }
    // The total has nothing beside it.
    while table.len() > 1 && gives_away(table, before, column, least) {
        let alone = alone(table, before, column, least);
        let shown = table.iter_mut().filter(|line| line.cell(column).is_some());
        // What is none says little: it goes last.
        let next = shown.min_by_key(|line| {
            let count = line.cell(column).unwrap_or(0);
            (count == 0, !alone.contains(&group(line, least)), count)
        });
        let Some(next) = next else { return };
        *next.cell_mut(column) = None;
    }
}

/// Whether what is missing of a column can be told by subtracting the rest from the total.
fn gives_away(
    table: &[&mut ReturnLine],
    before: &[ReturnLine],
    column: Column,
    least: u64,
) -> bool {
    let missing = || table.iter().zip(before).filter(|(line, _)| line.cell(column).is_none());
    let sum: u64 = missing().filter_map(|(_, whole)| whole.cell(column)).sum();
    let left_out = missing().filter_map(|(_, whole)| {
        whole.requests.zip(whole.cell(column)).map(|(all, some)| all.saturating_sub(some))
    });
    let left_out: u64 = if column.is_part() { left_out.sum() } else { 0 };
    let few = |count: u64| count > 0 && count < least;
    match missing().count() {
        0 => false,
        1 => true,
        _ => few(sum) || few(left_out),
    }
}

/// Those outcomes among which one must cover another: how many of the others there are the counts of
/// times tell.
fn group(line: &ReturnLine, least: u64) -> u8 {
    use Outcome as O;
    let outcome = Outcome::ALL.iter().find(|one| one.as_str() == line.value);
    match outcome.filter(|_| line.dimension == Dimension::Outcome) {
        None => 0,
        Some(O::Executed) if line.requests.is_some_and(|count| count >= least) => 1,
        Some(O::Accepted | O::Executed | O::Refused | O::Returned) => 2,
        Some(O::Pending | O::Postponed | O::Withdrawn) => 3,
    }
}

/// The groups of which too little is missing to cover what is.
fn alone(table: &[&mut ReturnLine], before: &[ReturnLine], column: Column, least: u64) -> Vec<u8> {
    let missing = || table.iter().zip(before).filter(|(line, _)| line.cell(column).is_none());
    let of = |group_of: u8| {
        let cells = missing().filter(|(_, whole)| group(whole, least) == group_of);
        let sum: u64 = cells.clone().filter_map(|(_, whole)| whole.cell(column)).sum();
        (cells.count(), sum)
    };
    let is_alone = |group: &u8| {
        matches!(of(*group), (1, _)) || matches!(of(*group), (2.., sum) if sum < least)
    };
    (0..4).filter(is_alone).collect()
}

/// Takes out what rests on counts that are not shown, and rounds the rest.
fn blur(line: &mut ReturnLine, least: u64) {
    let up = |value: u64, grain: u64| value.div_ceil(grain).saturating_mul(grain);
    let evidence = line.evidence_bytes.filter(|_| line.with_evidence.is_some());
    line.evidence_bytes = evidence.map(|bytes| up(bytes, BYTES_GRAIN));
    for column in [Column::Acknowledged, Column::Decided, Column::Executed] {
        let Some(times) = line.times_mut(column) else { continue };
        let Times { count, median_seconds, p90_seconds } = *times;
        let enough = |least: u64| count.is_some_and(|count| count >= least);
        let hours = |seconds: u64| up(seconds, TIME_GRAIN_SECONDS);
        times.median_seconds = median_seconds.filter(|_| enough(least)).map(hours);
        // Of few times nine in ten is the longest of all, which is one request's.
        times.p90_seconds = p90_seconds.filter(|_| enough(2 * least)).map(hours);
    }
}
