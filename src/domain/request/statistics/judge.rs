//! What is wrong with the lines of a return.

use std::collections::BTreeMap;

use super::reckon::told;
use super::values::is_value;
use super::{
    Column, ReturnLine, StatisticsDimension as Dimension, StatisticsReturn, StatisticsWay as Way,
};
use crate::domain::request::Need;

/// Something that is wrong with the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// Where, as in `lines[3].overdue`.
    pub field: String,
    /// The rule.
    pub need: Need,
    /// What is wrong.
    pub message: String,
}

fn fault(field: String, need: Need, message: &str) -> LineFault {
    LineFault { field, need, message: message.to_owned() }
}

/// Everything that is wrong with the lines: their form first, and only where that is sound, whether
/// the counts agree, and whether what is not shown stays so.
pub fn audit_lines(of: &StatisticsReturn) -> Vec<LineFault> {
    let form = form(&of.lines);
    if !form.is_empty() {
        return form;
    }
    let mut found: Vec<LineFault> = Vec::new();
    for (number, line) in of.lines.iter().enumerate() {
        found.extend(within(number, line));
    }
    for table in tables(&of.lines) {
        found.extend(Column::ALL.into_iter().filter_map(|column| sums(&table, column)));
    }
    // Where the counts contradict each other, nothing follows from them.
    if found.is_empty() {
        found.extend(shown(of));
    }
    if found.is_empty() {
        found.extend(reckoned(of));
    }
    found
}

fn form(lines: &[ReturnLine]) -> Vec<LineFault> {
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if !is_value(line.dimension, &line.value) {
            let message = format!("is none that requests are told apart by, by {}", line.dimension);
            found.push(fault(format!("lines[{number}].value"), Need::ReturnValue, &message));
        }
        let before = number.checked_sub(1).map(|before| lines[before].place());
        if before.is_some_and(|before| before >= line.place()) {
            let message = "does not follow the line before by way, dimension and value";
            found.push(fault(format!("lines[{number}]"), Need::ReturnLines, message));
        }
    }
    for way in Way::ALL {
        let is_total = |line: &ReturnLine| line.way == *way && line.dimension == Dimension::Total;
        if !lines.iter().any(is_total) {
            let message = format!("have no total of the requests that were {way}");
            found.push(fault("lines".into(), Need::ReturnLines, &message));
        }
    }
    found
}

/// What one line says by itself.
fn within(number: usize, line: &ReturnLine) -> Option<LineFault> {
    let at = |column: Column| format!("lines[{number}].{}", column.as_str());
    let more = Column::ALL.into_iter().find(|column| {
        let both = line.requests.zip(line.cell(*column));
        column.is_part() && both.is_some_and(|(all, some)| some > all)
    });
    more.map(|column| fault(at(column), Need::ReturnSums, "is more than there are requests"))
}

/// The lines of one way and dimension, with their numbers, and the total of that way.
struct Table<'a> {
    adds_up: bool,
    total: &'a ReturnLine,
    lines: Vec<(usize, &'a ReturnLine)>,
}

fn tables(lines: &[ReturnLine]) -> Vec<Table<'_>> {
    let mut tables: BTreeMap<(Way, Dimension), Vec<(usize, &ReturnLine)>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        tables.entry((line.way, line.dimension)).or_default().push((number, line));
    }
    let totals: BTreeMap<Way, &ReturnLine> = lines
        .iter()
        .filter(|line| line.dimension == Dimension::Total)
        .map(|line| (line.way, line))
        .collect();
    let table = |((way, dimension), lines): ((Way, Dimension), _)| {
        let total = totals.get(&way).copied()?;
        Some(Table { adds_up: dimension.adds_up(), total, lines })
    };
    tables.into_iter().filter(|((_, d), _)| *d != Dimension::Total).filter_map(table).collect()
}

impl Table<'_> {
    /// What is shown of a column, added up, and how many of its cells are not.
    fn shown(&self, column: Column) -> (u64, usize) {
        let cells = self.lines.iter().map(|(_, line)| line.cell(column));
        cells.fold((0, 0), |(sum, missing), cell| match cell {
            Some(count) => (u64::saturating_add(sum, count), missing),
            None => (sum, missing + 1),
        })
    }

    fn field(&self, column: Column) -> String {
        let (first, _) = self.lines.first().copied().unwrap_or((0, self.total));
        format!("lines[{first}].{}", column.as_str())
    }
}

/// Whether a column contradicts the total.
fn sums(table: &Table<'_>, column: Column) -> Option<LineFault> {
    let total = table.total.cell(column)?;
    let (sum, missing) = table.shown(column);
    let none = "and the other lines of its table do not add up to the total";
    if table.adds_up && (sum > total || (missing == 0 && sum != total)) {
        return Some(fault(table.field(column), Need::ReturnSums, none));
    }
    let over = table.lines.iter().find(|(_, line)| line.cell(column).is_some_and(|n| n > total));
    let (number, _) = over?;
    let field = format!("lines[{number}].{}", column.as_str());
    Some(fault(field, Need::ReturnSums, "is more than the total"))
}

/// What is shown that should not be, or can be told from what is.
fn shown(of: &StatisticsReturn) -> Vec<LineFault> {
    let least = u64::from(of.smallest);
    let mut found = Vec::new();
    for (number, line) in of.lines.iter().enumerate() {
        let mut add = |field: &str, message: &str| {
            found.push(fault(format!("lines[{number}].{field}"), Need::ReturnSmall, message));
        };
        for column in Column::ALL {
            if line.is_small(column, least) {
                add(column.as_str(), "is a small count, or leaves out a small one");
            } else if line.requests.is_none() && line.cell(column).is_some() {
                add(column.as_str(), "is shown, and the requests of the line are not");
            }
        }
        for (field, column, times) in [
            ("acknowledgement", Column::Acknowledged, line.acknowledgement),
            ("decision", Column::Decided, line.decision),
            ("execution", Column::Executed, line.execution),
        ] {
            let enough = |least: u64| line.cell(column).is_some_and(|count| count >= least);
            let median = times.median_seconds.is_some() && !enough(least);
            let p90 = times.p90_seconds.is_some() && !enough(2 * least);
            if median || p90 {
                add(field, "tells a time of too few requests");
            }
        }
    }
    for table in tables(&of.lines).iter().filter(|table| table.adds_up) {
        found.extend(Column::ALL.into_iter().filter_map(|column| residue(table, column, least)));
    }
    found
}

/// Whether what is not shown of a column follows from the total.
fn residue(table: &Table<'_>, column: Column, least: u64) -> Option<LineFault> {
    let total = table.total.cell(column)?;
    let (sum, missing) = table.shown(column);
    let rest = total.saturating_sub(sum);
    let told = missing == 1 || (missing > 1 && rest > 0 && rest < least);
    let message = "can be told by subtracting what is shown from the total";
    told.then(|| fault(table.field(column), Need::ReturnSmall, message))
}

/// What follows from all that is shown.
fn reckoned(of: &StatisticsReturn) -> impl Iterator<Item = LineFault> {
    let told = told(&of.lines, u64::from(of.smallest));
    told.into_iter().map(|one| {
        let field = format!("lines[{}].{}", one.line, one.column.as_str());
        let message = "is a small count that can be told from the other tables and columns";
        fault(field, Need::ReturnSmall, message)
    })
}
