//! Hours of the week in which no bulk is carried.

use super::Timestamp;

const MINUTE_MS: i64 = 60_000;
const MINUTES_A_DAY: usize = 24 * 60;
const MINUTES_A_WEEK: usize = 7 * MINUTES_A_DAY;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// 1970-01-01 was a Thursday.
const EPOCH_DAY: i64 = 3;
/// Civil time is never further from UTC.
const OFFSET_MAX_MINUTES: i64 = 14 * 60;

/// The form of a period.
pub const FORM: &str =
    "days, hours and zone, as in \"Mon-Fri 08:00-18:00 UTC\" or \"Sat,Sun 22:00-06:00 UTC+07:00\"";

/// Periods that come back every week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuietHours {
    /// Of each minute of the week (UTC, from Monday on) whether it is quiet; empty where none is.
    minutes: Vec<bool>,
}

impl QuietHours {
    /// Adds a period.
    ///
    /// # Errors
    /// Says why the text is none, or that it leaves no minute of the week.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (days, (from, minutes), offset) =
            parse(text).ok_or_else(|| format!("{text:?} is no period of the week"))?;
        let mut quiet = self.minutes.clone();
        quiet.resize(MINUTES_A_WEEK, false);
        for day in days {
            let first = (day * MINUTES_A_DAY + from) as i64 - offset;
            for minute in first..first + minutes as i64 {
                quiet[minute.rem_euclid(MINUTES_A_WEEK as i64) as usize] = true;
            }
        }
        if quiet.iter().all(|quiet| *quiet) {
            return Err(format!("{text:?} leaves no minute of the week in which evidence may go"));
        }
        self.minutes = quiet;
        Ok(())
    }

    /// The end of the quiet hours that this time lies in; `None` where it lies in none.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let minute = now.unix_ms().div_euclid(MINUTE_MS);
        let of_week = (minute + EPOCH_DAY * MINUTES_A_DAY as i64) % MINUTES_A_WEEK as i64;
        let of_week = usize::try_from(of_week).ok()?;
        let from_now = self.minutes.iter().cycle().skip(of_week).take(self.minutes.len());
        let quiet = from_now.take_while(|quiet| **quiet).count() as i64;
        (quiet > 0).then(|| Timestamp::from_unix_ms((minute + quiet) * MINUTE_MS))
    }
}

/// Days, the first minute and how many, and the zone's minutes ahead of UTC.
fn parse(text: &str) -> Option<(Vec<usize>, (usize, usize), i64)> {
    let mut words = text.split(' ');
    let (days, hours, zone) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let parts = days.split(',').map(parse_days).collect::<Option<Vec<_>>>()?;
    Some((parts.concat(), parse_hours(hours)?, parse_zone(zone)?))
}

fn parse_days(text: &str) -> Option<Vec<usize>> {
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    match text.split_once('-') {
        None => Some(vec![day(text)?]),
        Some((first, last)) => {
            let (first, last) = (day(first)?, day(last)?);
            let count = (last + 7 - first) % 7 + 1;
            Some((first..first + count).map(|day| day % 7).collect())
        }
    }
}

/// A period that ends before it begins goes on into the next day.
fn parse_hours(text: &str) -> Option<(usize, usize)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (parse_minute(from)?, parse_minute(to)?);
    if from == to || from == MINUTES_A_DAY {
        return None;
    }
    let to = if to < from { to + MINUTES_A_DAY } else { to };
    Some((from, to - from))
}

fn parse_minute(text: &str) -> Option<usize> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<usize>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= MINUTES_A_DAY).then_some(at)
}

fn parse_zone(text: &str) -> Option<i64> {
    let ahead = text.strip_prefix("UTC")?;
    let (sign, ahead) = match ahead.split_at_checked(1) {
        None => return Some(0),
        Some(("+", ahead)) => (1, ahead),
        Some(("-", ahead)) => (-1, ahead),
        Some(_) => return None,
    };
    let minutes = i64::try_from(parse_minute(ahead)?).ok()?;
    (minutes <= OFFSET_MAX_MINUTES).then_some(sign * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(periods: &[&str]) -> QuietHours {
        let mut quiet = QuietHours::default();
        for period in periods {
            quiet.add(period).expect(period);
        }
        quiet
    }

    fn until(quiet: &QuietHours, now: &str) -> Option<String> {
        let now = Timestamp::parse(&format!("{now}:30.000Z")).expect("a time");
        quiet.until(now).map(|until| until.to_string()[..16].to_owned())
    }

    #[test]
    fn working_hours_are_quiet_and_nothing_else() {
        let quiet = quiet(&["Mon-Fri 08:00-18:00 UTC"]);
        // 2026-11-27 is a Friday.
        let ends = Some("2026-11-27T18:00".to_owned());
        assert_eq!(until(&quiet, "2026-11-27T07:59"), None);
        assert_eq!(until(&quiet, "2026-11-27T08:00"), ends);
        assert_eq!(until(&quiet, "2026-11-27T17:59"), ends);
        assert_eq!(until(&quiet, "2026-11-27T18:00"), None);
        assert_eq!(until(&quiet, "2026-11-28T12:00"), None);
        assert_eq!(until(&QuietHours::default(), "2026-11-27T12:00"), None);
    }

    #[test]
    fn periods_go_over_midnight_over_the_week_and_into_each_other() {
        let night = quiet(&["Sun 22:00-06:00 UTC", "Mon 06:00-09:00 UTC"]);
        // 2026-11-29 is a Sunday.
        let ends = Some("2026-11-30T09:00".to_owned());
        assert_eq!(until(&night, "2026-11-29T23:00"), ends);
        assert_eq!(until(&night, "2026-11-30T05:00"), ends);
        let bangkok = quiet(&["Mon 00:00-24:00 UTC+07:00"]);
        assert_eq!(until(&bangkok, "2026-11-29T16:59"), None);
        assert_eq!(until(&bangkok, "2026-11-29T17:00"), Some("2026-11-30T17:00".into()));
        let weekend = quiet(&["Fri-Mon 00:00-24:00 UTC"]);
        assert_eq!(until(&weekend, "2026-11-27T00:00"), Some("2026-12-01T00:00".into()));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        let mut hours = QuietHours::default();
        for bad in [
            "",
            "Mon-Fri 08:00-18:00",
            "mon 08:00-18:00 UTC",
            "Mon 8:00-18:00 UTC",
            "Mon 08:60-18:00 UTC",
            "Mon 08:00-24:01 UTC",
            "Mon 24:00-06:00 UTC",
            "Mon 08:00-08:00 UTC",
            "Mon 08:00-18:00 CET",
            "Mon 08:00-18:00 UTC+7",
            "Mon 08:00-18:00 UTC+15:00",
            "Mon  08:00-18:00 UTC",
            "Mon 08:00-18:00 UTC x",
            "Mon- 08:00-18:00 UTC",
        ] {
            let error = hours.add(bad).expect_err(bad);
            assert!(error.contains("no period of the week"), "{error}");
        }
        assert_eq!(hours, QuietHours::default());
        let error = hours.add("Mon-Sun 00:00-24:00 UTC").expect_err("for ever");
        assert!(error.contains("leaves no minute"), "{error}");
    }
}
