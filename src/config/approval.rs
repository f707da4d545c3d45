//! The section `[approval]`: what a second official has to approve.

use std::collections::BTreeSet;

use super::file::{Reader, Section};
use crate::domain::MessageKind;
use crate::domain::time::DAY_MS;
use crate::exchange::drafts::Rules;

/// As long as a delivery window.
const WAIT_DAYS: i64 = 30;
/// As long as the longest of them.
const WAIT_MAX_DAYS: u64 = 400;

/// Nothing has to be approved.
pub(super) fn nothing() -> Rules {
    Rules { kinds: BTreeSet::new(), wait_ms: WAIT_DAYS * DAY_MS }
}

/// Reads the section; what breaks a rule is found, and its default stays: nothing has to be approved.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'a>) -> Rules {
    let mut section = reader.section(root, "approval");
    let kinds = reader.texts(&mut section, "approval.kinds", kind);
    let days = reader.number(&mut section, "approval.wait_days", 1..=WAIT_MAX_DAYS);
    let days = days.and_then(|days| i64::try_from(days).ok()).unwrap_or(WAIT_DAYS);
    reader.end(section);
    Rules { kinds: kinds.into_iter().collect(), wait_ms: days * DAY_MS }
}

fn kind(text: &str) -> Result<MessageKind, String> {
    MessageKind::parse(text)
        .map_err(|_| format!("{text:?} is no kind of message: docs/request.md lists them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn judged(section: &str) -> Result<Rules, ConfigError> {
        let text = format!(
            "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n[agencies]\n\
             listen = \"127.0.0.1:8443\"\n[approval]\n{section}\n"
        );
        let path = std::path::Path::new("/etc/rogatory/rogatory.toml");
        Config::parse(path, &text).map(|config| config.approval)
    }

    #[test]
    fn nothing_has_to_be_approved_but_what_is_named() {
        let default = judged("").expect("valid");
        assert_eq!((default.kinds.len(), default.wait_ms), (0, 30 * DAY_MS));
        let set = judged("kinds = [\"REQUEST\", \"DECISION\"]\nwait_days = 1").expect("valid");
        let kinds = [MessageKind::Request, MessageKind::Decision];
        assert_eq!((set.kinds, set.wait_ms), (kinds.into(), DAY_MS));
    }

    #[test]
    fn slips_are_named_with_their_line() {
        for section in [
            "kinds = [\"REQEST\"]",
            "kinds = \"REQUEST\"",
            "wait_days = 0",
            "wait_days = 401",
            "kind = [\"REQUEST\"]",
        ] {
            let error = judged(section).expect_err(section).to_string();
            let key = section.split(' ').next().expect("a key");
            assert!(error.contains("rogatory.toml:7: ") && error.contains(key), "{error}");
        }
    }
}
