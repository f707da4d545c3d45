//! Days as people write them.

use crate::domain::Timestamp;

/// A day of the calendar.
pub(crate) fn day(text: &str) -> Result<String, String> {
    match Timestamp::end_of_day(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("it is no day of the calendar in the form YYYY-MM-DD, as in 2026-11-23".into()),
    }
}

/// A day of the calendar, or a time.
pub(crate) fn day_or_time(text: &str) -> Result<String, String> {
    if day(text).is_ok() || Timestamp::parse(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err("it is neither a day, as in 2026-11-23, nor a time, as in 2026-11-23T16:28:01.123Z".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_as_they_are_written() {
        assert_eq!(day("2026-11-23"), Ok("2026-11-23".to_owned()));
        assert!(day_or_time("2026-11-23").is_ok());
        assert!(day_or_time("2026-11-23T16:28:01.123Z").is_ok());
        for bad in ["", "2026-02-30", "26-11-23", "23.11.2026", "tomorrow"] {
            assert!(day(bad).is_err() && day_or_time(bad).is_err(), "{bad:?}");
        }
        assert!(day("2026-11-23T16:28:01.123Z").is_err(), "a time is no day");
    }
}
