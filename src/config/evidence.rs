//! The section `[evidence]`: how much of the disk evidence may take, and for how long.

use super::file::{Reader, Section};
use crate::domain::time::DAY_MS;

/// What was set, or its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Bytes of its disk that evidence leaves free.
    pub reserve_bytes: u64,
    /// Bytes that one peer may have here without a message that carries them.
    pub peer_quota_bytes: u64,
    /// Bytes that one agency may have uploaded here and not sent.
    pub agency_quota_bytes: u64,
    /// How long is kept what a peer does not go on with, in milliseconds.
    pub unfinished_ms: i64,
    /// How long is kept what an agency does not submit, in milliseconds.
    pub unsubmitted_ms: i64,
}

/// What journal and index grow by while an operator makes room.
const RESERVE_MIB: u64 = 1024;
/// A few telephones and a computer.
const PEER_QUOTA_GIB: u64 = 512;
const AGENCY_QUOTA_GIB: u64 = 512;
/// As long as a delivery window: a peer may be down in the middle of a package.
const KEEP_DAYS: i64 = 30;
/// As long as the longest of them.
const KEEP_MAX_DAYS: u64 = 400;

/// An exbibyte, in MiB and in GiB: a larger number is a slip.
const EIB_MIB: u64 = 1 << 40;
const EIB_GIB: u64 = 1 << 30;

impl Default for Evidence {
    fn default() -> Self {
        Self {
            reserve_bytes: RESERVE_MIB << 20,
            peer_quota_bytes: PEER_QUOTA_GIB << 30,
            agency_quota_bytes: AGENCY_QUOTA_GIB << 30,
            unfinished_ms: KEEP_DAYS * DAY_MS,
            unsubmitted_ms: KEEP_DAYS * DAY_MS,
        }
    }
}

impl Evidence {
    /// Reads the section; what breaks a rule is found, and its default stays.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'a>) -> Self {
        let mut section = reader.section(root, "evidence");
        let mut evidence = Self::default();
        if let Some(mib) = reader.number(&mut section, "evidence.reserve_mib", 1..=EIB_MIB) {
            evidence.reserve_bytes = mib << 20;
        }
        if let Some(gib) = reader.number(&mut section, "evidence.peer_quota_gib", 1..=EIB_GIB) {
            evidence.peer_quota_bytes = gib << 30;
        }
        if let Some(gib) = reader.number(&mut section, "evidence.agency_quota_gib", 1..=EIB_GIB) {
            evidence.agency_quota_bytes = gib << 30;
        }
        let days = |reader: &mut Reader<'a>, section: &mut Section<'a>, key| {
            let days = reader.number(section, key, 1..=KEEP_MAX_DAYS)?;
            i64::try_from(days).ok().map(|days| days * DAY_MS)
        };
        let unfinished = days(reader, &mut section, "evidence.unfinished_days");
        evidence.unfinished_ms = unfinished.unwrap_or(evidence.unfinished_ms);
        let unsubmitted = days(reader, &mut section, "evidence.unsubmitted_days");
        evidence.unsubmitted_ms = unsubmitted.unwrap_or(evidence.unsubmitted_ms);
        reader.end(section);
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn judged(section: &str) -> Result<Evidence, ConfigError> {
        let text = format!(
            "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n[agencies]\n\
             listen = \"127.0.0.1:8443\"\n[evidence]\n{section}\n"
        );
        let path = std::path::Path::new("/etc/rogatory/rogatory.toml");
        Config::parse(path, &text).map(|config| config.evidence)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let days = 30 * 24 * 3600 * 1000;
        let default = judged("").expect("valid");
        assert_eq!((default.reserve_bytes, default.peer_quota_bytes), (1 << 30, 512 << 30));
        assert_eq!(default.agency_quota_bytes, 512 << 30);
        assert_eq!((default.unfinished_ms, default.unsubmitted_ms), (days, days));
        let set = judged("reserve_mib = 5\nunsubmitted_days = 1").expect("valid");
        assert_eq!((set.reserve_bytes, set.unsubmitted_ms), (5 << 20, 24 * 3600 * 1000));
    }

    #[test]
    fn slips_are_named_with_their_line() {
        for section in [
            "reserve_mib = 0",
            "peer_quota_gib = 1073741825",
            "agency_quota_gib = 0",
            "unfinished_days = 401",
            "unsubmitted_days = 0",
            "unsubmited_days = 5",
        ] {
            let error = judged(section).expect_err(section).to_string();
            let key = section.split(' ').next().expect("a key");
            assert!(error.contains("rogatory.toml:7: ") && error.contains(key), "{error}");
        }
    }
}
