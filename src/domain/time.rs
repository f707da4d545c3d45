//! Points in time, as the wire and the log write them.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Milliseconds since 1970-01-01T00:00:00Z, always UTC; years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not a time: RFC 3339 in UTC with milliseconds, as in 2026-11-23T16:28:01.123Z"
)]
pub struct InvalidTimestamp {
    given: String,
}

/// A day, in milliseconds: times here are UTC, whose days all have as many.
pub const DAY_MS: i64 = 24 * 3600 * 1000;

/// The last millisecond of the year 9999, the last that RFC 3339 can write.
const UNIX_MS_MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch; what lies outside 1970 to 9999 is brought to its edge.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms.clamp(0, UNIX_MS_MAX))
    }

    /// Milliseconds since the epoch.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub fn unix_seconds(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// This time plus `ms` milliseconds (which may be negative), within the range of the type.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// The calendar year, in UTC.
    pub fn year(self) -> i32 {
        self.date_time().year()
    }

    /// The same instant for libraries that speak `time`.
    pub fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .expect("the constructor keeps the range that OffsetDateTime has")
    }

    /// The end of a day of the calendar (UTC), as in `2026-11-23`; `None` where that is none.
    pub fn end_of_day(date: &str) -> Option<Self> {
        let midnight = Self::parse(&format!("{date}T00:00:00.000Z")).ok()?;
        Some(midnight.plus_ms(DAY_MS))
    }

    /// Parses RFC 3339 of exactly the form that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`InvalidTimestamp`], which quotes the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let refuse = || InvalidTimestamp { given: text.chars().take(80).collect() };
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refuse())?;
        let ms = parsed.unix_timestamp_nanos().div_euclid(1_000_000);
        let at = Self::from_unix_ms(i64::try_from(ms).map_err(|_| refuse())?);
        // One instant has one spelling: what does not come back the same is refused.
        if at.to_string() == text { Ok(at) } else { Err(refuse()) }
    }
}

const FORM: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.date_time().format(FORM).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;
    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> String {
        at.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_where_the_next_one_begins() {
        let ends = Timestamp::end_of_day("2026-12-31").map(String::from);
        assert_eq!(ends.as_deref(), Some("2027-01-01T00:00:00.000Z"));
        for bad in ["", "2026-02-30", "2026-2-3", "tomorrow"] {
            assert_eq!(Timestamp::end_of_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_instant_has_one_spelling() {
        let at = Timestamp::from_unix_ms(1_795_451_281_123);
        assert_eq!(at.to_string(), "2026-11-23T16:28:01.123Z");
        assert_eq!(Timestamp::parse("2026-11-23T16:28:01.123Z"), Ok(at));
        for bad in [
            "2026-11-23T16:28:01Z",
            "2026-11-23T16:28:01.1234Z",
            "2026-11-23 16:28:01.123Z",
            "2026-11-23T17:28:01.123+01:00",
            "2026-13-01T00:00:00.000Z",
            "",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn the_edges_hold() {
        assert_eq!(Timestamp::from_unix_ms(-5).unix_ms(), 0);
        assert_eq!(Timestamp::from_unix_ms(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_unix_ms(0).plus_ms(i64::MIN).unix_ms(), 0);
    }
}
