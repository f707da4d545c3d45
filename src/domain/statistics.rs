//! Statistics: what requests add up to.
//!
//! Pure, so that a node and an auditor who has its log and the bodies count the same way. A request is
//! reduced to [`Facts`], which name nobody and no case; a [`Tally`] adds them up, in any order, to a
//! [`StatisticsReturn`]; [`suppress`] keeps small counts from being learnt of it.
//!
//! A request belongs to the period in which its message id was given: both authorities see the same
//! id, so what one has made in a year is what the other has received of that year. Drafts for an
//! opinion (`DRAFT_CONSULTATION`) are no requests and never count.

mod compare;
mod csv;
mod facts;
mod life;
mod suppress;
mod tally;

pub use self::compare::{Difference, compare};
pub use self::csv::to_csv;
pub use self::facts::{Facts, Heard, What};
pub use self::life::{Life, Said};
pub use self::suppress::suppress;
pub use self::tally::Tally;
pub use crate::domain::period::{InvalidPeriod, Period};
pub use crate::domain::request::{
    Column, LineFault, OFFENCES, Outcome, ReturnLine, StatisticsDimension as Dimension,
    StatisticsReturn, StatisticsWay as Way, Times, UNKNOWN, audit_lines,
};

#[cfg(test)]
mod life_tests;
#[cfg(test)]
mod secrecy_tests;
#[cfg(test)]
mod tests;
