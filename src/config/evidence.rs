//! The section `[evidence]`: how much of the disk evidence may take, and for how long.

use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, Judge};

/// What was set, or its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Bytes of its disk that evidence leaves free.
    pub reserve_bytes: u64,
    /// Bytes that one peer may have here without a message that carries them.
    pub peer_quota_bytes: u64,
    /// How long is kept what a peer does not go on with, in milliseconds.
    pub unfinished_ms: i64,
    /// How long is kept what an agency does not submit, in milliseconds.
    pub unsubmitted_ms: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceFile {
    reserve_mib: Option<Spanned<u64>>,
    peer_quota_gib: Option<Spanned<u64>>,
    unfinished_days: Option<Spanned<u64>>,
    unsubmitted_days: Option<Spanned<u64>>,
}

/// What journal and index grow by while an operator makes room.
const RESERVE_MIB: u64 = 1024;
/// A few telephones and a computer.
const PEER_QUOTA_GIB: u64 = 512;
/// As long as a delivery window: a peer may be down in the middle of a package.
const KEEP_DAYS: u64 = 30;
/// As long as the longest of them.
const KEEP_MAX_DAYS: u64 = 400;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// An exbibyte, in MiB and in GiB: a larger number is a slip.
const EIB_MIB: u64 = 1 << 40;
const EIB_GIB: u64 = 1 << 30;

impl EvidenceFile {
    pub(super) fn judge(self, judge: &Judge<'_>) -> Result<Evidence, ConfigError> {
        let reserve = ("evidence.reserve_mib", RESERVE_MIB, EIB_MIB);
        let quota = ("evidence.peer_quota_gib", PEER_QUOTA_GIB, EIB_GIB);
        let unfinished = ("evidence.unfinished_days", KEEP_DAYS, KEEP_MAX_DAYS);
        let unsubmitted = ("evidence.unsubmitted_days", KEEP_DAYS, KEEP_MAX_DAYS);
        let ms = |days: u64| i64::try_from(days * DAY_MS).unwrap_or(i64::MAX);
        Ok(Evidence {
            reserve_bytes: number(judge, self.reserve_mib, reserve)? << 20,
            peer_quota_bytes: number(judge, self.peer_quota_gib, quota)? << 30,
            unfinished_ms: ms(number(judge, self.unfinished_days, unfinished)?),
            unsubmitted_ms: ms(number(judge, self.unsubmitted_days, unsubmitted)?),
        })
    }
}

fn number(
    judge: &Judge<'_>,
    given: Option<Spanned<u64>>,
    (key, default, most): (&str, u64, u64),
) -> Result<u64, ConfigError> {
    match given {
        None => Ok(default),
        Some(value) if (1..=most).contains(value.get_ref()) => Ok(value.into_inner()),
        Some(value) => {
            let message = format!("{key} = {} is out of range", value.get_ref());
            Err(judge.at(&value, message, &format!("1 to {most}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(section: &str) -> Result<Evidence, ConfigError> {
        let text = format!(
            "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n[agencies]\n\
             listen = \"127.0.0.1:8443\"\n[evidence]\n{section}\n"
        );
        let path = std::path::Path::new("/etc/rogatory/rogatory.toml");
        crate::config::Config::parse(path, &text).map(|config| config.evidence)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let days = 30 * 24 * 3600 * 1000;
        let default = judged("").expect("valid");
        assert_eq!((default.reserve_bytes, default.peer_quota_bytes), (1 << 30, 512 << 30));
        assert_eq!((default.unfinished_ms, default.unsubmitted_ms), (days, days));
        let set = judged("reserve_mib = 5\nunsubmitted_days = 1").expect("valid");
        assert_eq!((set.reserve_bytes, set.unsubmitted_ms), (5 << 20, 24 * 3600 * 1000));
    }

    #[test]
    fn slips_are_named_with_their_line() {
        for (section, says) in [
            ("reserve_mib = 0", "evidence.reserve_mib = 0 is out of range"),
            ("peer_quota_gib = 1073741825", "evidence.peer_quota_gib = 1073741825 is out of"),
            ("unfinished_days = 401", "evidence.unfinished_days = 401 is out of range"),
            ("unsubmitted_days = 0", "evidence.unsubmitted_days = 0 is out of range"),
            ("unsubmited_days = 5", "unknown field"),
        ] {
            let error = judged(section).expect_err(says).to_string();
            assert!(error.contains("rogatory.toml:7: ") && error.contains(says), "{error}");
        }
    }
}
