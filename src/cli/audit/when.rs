//! Points and spans of time, and places in logs, as people write them.

use std::str::FromStr;

use crate::audit::Position;
use crate::cli::exit::{Exit, Failure};
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
    Entry(Place),
    /// The last entry that is not later.
    Time(Timestamp),
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(place) => Ok(Self::Entry(place)),
            Err(_) => When::from_str(text).map(|when| Self::Time(when.0)).map_err(
                |_| "an entry is a number or LOG:INDEX; a time is written 2026-11-23T16:28:01Z (UTC), or 2026-11-23",
            ),
        }
    }
}

/// An entry: its number, behind the number of its log from 1; without that, of the newest log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    log: Option<u32>,
    index: u64,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "an entry is a number, from 0, or LOG:INDEX with the number of its log, from 1";
        let (log, index) = match text.split_once(':') {
            Some((log, index)) => (Some(log.parse().map_err(|_| rule)?), index),
            None => (None, text),
        };
        Ok(Self { log, index: index.parse().map_err(|_| rule)? })
    }
}

impl Place {
    /// Where that is in so many logs.
    pub(super) fn of(self, logs: u32) -> Result<Position, Failure> {
        let log = self.log.unwrap_or(logs);
        if (1..=logs).contains(&log) {
            return Ok(Position::new(log - 1, self.index));
        }
        let message = match logs {
            1 => format!("there is one log: there is no log {log}"),
            _ => format!("there are {logs} logs, from 1, the oldest first: there is no log {log}"),
        };
        Err(Failure::new(Exit::NotFound, message))
    }
}

/// A position in so many logs, as [`Place`] reads it.
pub(super) fn shown(place: Position, logs: u32) -> String {
    match logs {
        1 => place.to_string(),
        _ => place.in_its_log(),
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
        assert_eq!("41".parse(), Ok(Until::Entry(Place { log: None, index: 41 })));
        assert_eq!("1:41".parse(), Ok(Until::Entry(Place { log: Some(1), index: 41 })));
        assert!(matches!("2026-11-23".parse(), Ok(Until::Time(_))));
    }

    #[test]
    fn entries_are_named_alone_or_in_their_log_and_read_as_they_are_shown() {
        let place = |text: &str| text.parse::<Place>().expect(text);
        assert_eq!(place("17").of(3), Ok(Position::new(2, 17)));
        assert_eq!(place("1:17").of(3), Ok(Position::new(0, 17)));
        for (logs, log, text) in [(1, 0, "17"), (3, 0, "1:17"), (3, 2, "3:17")] {
            let position = Position::new(log, 17);
            assert_eq!(shown(position, logs), text);
            assert_eq!(place(text).of(logs), Ok(position));
        }
        for (text, logs) in [("0:17", 3), ("4:17", 3), ("2:17", 1)] {
            assert_eq!(place(text).of(logs).expect_err(text).code, Exit::NotFound);
        }
        for bad in ["", ":", "1:", ":1", "-1", "1:2:3", "1 of log 2"] {
            assert!(bad.parse::<Place>().is_err(), "{bad:?}");
        }
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
