//! The days that are counted.

use crate::domain::Timestamp;
use crate::domain::time::DAY_MS;

/// From the first day to the last, whole days of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    from: String,
    until: String,
    start: Timestamp,
    end: Timestamp,
}

/// Why two days are no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// One of them is none.
    #[error("{day:?} is no day of the calendar in the form YYYY-MM-DD")]
    NoDay {
        /// Which: `from` or `until`.
        field: &'static str,
        /// What stands there.
        day: String,
    },
    /// A year that times here cannot write.
    #[error(
        "{0} is no year that can be counted: give all four digits of one of 1970 to 9999, as in 2026"
    )]
    NoYear(i32),
    /// Its first day is yet to come.
    #[error("{0} is yet to come: there is nothing to count from that day on")]
    NotBegun(String),
    /// The last is before the first.
    #[error("the last day is before the first one")]
    Backwards,
}

/// Characters of what is no day that are shown.
const SHOWN_MAX_CHARS: usize = 20;

impl InvalidPeriod {
    /// Which of the two days is wrong: `from` or `until`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoDay { field, .. } => field,
            Self::NoYear(_) | Self::NotBegun(_) => "from",
            Self::Backwards => "until",
        }
    }
}

fn end_of(field: &'static str, day: &str) -> Result<Timestamp, InvalidPeriod> {
    let shown = || day.chars().take(SHOWN_MAX_CHARS).collect();
    Timestamp::end_of_day(day).ok_or_else(|| InvalidPeriod::NoDay { field, day: shown() })
}

impl Period {
    /// From two days, `YYYY-MM-DD`, both of them counted.
    ///
    /// # Errors
    /// [`InvalidPeriod`].
    pub fn parse(from: &str, until: &str) -> Result<Self, InvalidPeriod> {
        let (start, end) = (end_of("from", from)?.plus_ms(-DAY_MS), end_of("until", until)?);
        if end <= start {
            return Err(InvalidPeriod::Backwards);
        }
        Ok(Self { from: from.to_owned(), until: until.to_owned(), start, end })
    }

    /// A calendar year.
    ///
    /// # Errors
    /// [`InvalidPeriod`] for a year that times here cannot write.
    pub fn year(year: i32) -> Result<Self, InvalidPeriod> {
        if !(1970..=9999).contains(&year) {
            return Err(InvalidPeriod::NoYear(year));
        }
        Self::parse(&format!("{year:04}-01-01"), &format!("{year:04}-12-31"))
    }

    /// The same where it has begun: what is yet to come would be counted as nothing, and be taken for
    /// a figure.
    ///
    /// # Errors
    /// [`InvalidPeriod::NotBegun`].
    pub fn begun(self, now: Timestamp) -> Result<Self, InvalidPeriod> {
        if self.start > now {
            return Err(InvalidPeriod::NotBegun(self.from));
        }
        Ok(self)
    }

    /// The first day.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The last day.
    pub fn until(&self) -> &str {
        &self.until
    }

    /// When it begins.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When it is over: what happens then is not in it.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether something that happened then is in it.
    pub fn has(&self, at: Timestamp) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// The year that it is, where it is one.
    pub fn whole_year(&self) -> Option<i32> {
        let year = self.start.year();
        (Self::year(year).as_ref() == Ok(self)).then_some(year)
    }
}
