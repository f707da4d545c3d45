//! Points and spans of time, as people write them.

use std::str::FromStr;

use crate::domain::Timestamp;

/// A time: RFC 3339 in UTC, with or without a fraction, or a date alone, which is its midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(pub(super) Timestamp);

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = match text.strip_suffix('Z') {
            Some(time) if !time.contains('.') => format!("{time}.000Z"),
            Some(_) => text.to_owned(),
            None => format!("{text}T00:00:00.000Z"),
        };
        Timestamp::parse(&whole)
            .map(Self)
            .map_err(|_| "a time is written 2026-11-23T16:28:01Z (UTC), or 2026-11-23")
    }
}

/// A place in a log: a number of its entries, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// This entry is the last.
    Index(u64),
    /// The last entry that is not later.
    Time(Timestamp),
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(index) => Ok(Self::Index(index)),
            Err(_) => When::from_str(text).map(|when| Self::Time(when.0)),
        }
    }
}

/// A span of time: a number with s, m, h or d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) i64);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a span is a number with s, m, h or d behind it, as in 90m or 24h";
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(rule)?;
        let unit = match unit {
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(rule),
        };
        let number: u32 = number.parse().map_err(|_| rule)?;
        Ok(Self(i64::from(number) * unit))
    }
}

/// Milliseconds as people read them.
pub(super) fn words(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..120 => format!("{}.{} s", seconds, ms % 1000 / 100),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_places_are_read() {
        let at = |text: &str| text.parse::<When>().expect(text).0.to_string();
        assert_eq!(at("2026-11-23"), "2026-11-23T00:00:00.000Z");
        assert_eq!(at("2026-11-23T16:28:01Z"), "2026-11-23T16:28:01.000Z");
        assert_eq!(at("2026-11-23T16:28:01.123Z"), "2026-11-23T16:28:01.123Z");
        for bad in ["", "now", "2026-13-01", "16:28", "2026-11-23T16:28:01"] {
            assert!(bad.parse::<When>().is_err(), "{bad:?}");
        }
        assert_eq!("41".parse(), Ok(Until::Index(41)));
        assert!(matches!("2026-11-23".parse(), Ok(Until::Time(_))));
    }

    #[test]
    fn spans_are_read_and_told() {
        for (text, ms) in [("30s", 30_000), ("90m", 5_400_000), ("24h", 86_400_000), ("0d", 0)] {
            assert_eq!(text.parse(), Ok(Span(ms)));
        }
        for bad in ["", "h", "3", "3x", "-1h", "é"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
        let told = [999, 1_900, 120_000, 7_200_000, 172_800_000].map(words);
        assert_eq!(told, ["999 ms", "1.9 s", "2 min", "2 h", "2 d"]);
    }
}
