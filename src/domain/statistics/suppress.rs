//! Keeping small counts from being learnt.
//!
//! Two steps, table by table and column by column. First every count from 1 to below the smallest is
//! taken out, and in a column that counts some of the requests also one that leaves out so few. Then
//! more are taken out, the smallest first, until what is missing cannot be told from the total and the
//! rest: two cells at least are missing, and together they are none or enough. A line whose requests
//! are not shown shows nothing. docs/statistics.md says what this protects, and what not.

use super::{Column, Dimension, ReturnLine, StatisticsReturn, Times, Way};

/// Times are rounded up to so many seconds: to the second, one would tell of single cases.
const TIME_GRAIN_SECONDS: u64 = 3600;

/// Bytes of evidence are rounded up to so many.
const BYTES_GRAIN: u64 = 1 << 20;

/// Takes out of a return what is smaller than `smallest`, and what would give it away.
#[must_use]
pub fn suppress(mut whole: StatisticsReturn, smallest: u32) -> StatisticsReturn {
    whole.smallest = smallest;
    let least = u64::from(smallest);
    for way in Way::ALL.iter().copied() {
        for dimension in Dimension::ALL.iter().copied() {
            let is_it = |line: &&mut ReturnLine| line.way == way && line.dimension == dimension;
            let mut table: Vec<_> = whole.lines.iter_mut().filter(is_it).collect();
            table_of(&mut table, least);
        }
    }
    whole
}

fn table_of(table: &mut [&mut ReturnLine], least: u64) {
    let before: Vec<ReturnLine> = table.iter().map(|line| (**line).clone()).collect();
    column_of(table, &before, Column::Requests, least);
    for line in table.iter_mut().filter(|line| line.requests.is_none()) {
        **line = ReturnLine::new(line.way, line.dimension, &line.value);
    }
    for column in Column::ALL.into_iter().skip(1) {
        column_of(table, &before, column, least);
    }
    table.iter_mut().for_each(|line| blur(line, least));
}

/// Whether a count is too small to be shown, or leaves out too few.
pub(super) fn is_small(line: &ReturnLine, column: Column, least: u64) -> bool {
    let few = |count: u64| count > 0 && count < least;
    let rest = |count: u64| line.requests.and_then(|all| all.checked_sub(count));
    line.cell(column)
        .is_some_and(|count| few(count) || (column.is_part() && rest(count).is_some_and(few)))
}

fn column_of(table: &mut [&mut ReturnLine], before: &[ReturnLine], column: Column, least: u64) {
    for (line, whole) in table.iter_mut().zip(before) {
        if is_small(whole, column, least) {
            *line.cell_mut(column) = None;
        }
    }
    // The total has nothing beside it.
    while table.len() > 1 && gives_away(table, before, column, least) {
        let shown = table.iter_mut().filter(|line| line.cell(column).is_some());
        // What is none says little: it goes last.
        let next = shown.min_by_key(|line| {
            let count = line.cell(column).unwrap_or(0);
            (count == 0, count)
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
