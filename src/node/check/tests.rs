//! What only a test can bring about; tests/cli/config_check.txt has the rest.

use std::fs;

use super::*;
use crate::domain::{AuthorityId, Timestamp};
use crate::home::InitOptions;
use crate::node::now;

/// A home that was made at a time; its log was not.
fn home_of(dir: &Path, at: Timestamp, passphrase: Option<&str>) -> Config {
    let options = InitOptions {
        home: dir.join("home"),
        authority: AuthorityId::parse("xa.oag").expect("valid"),
        name: "Office A".into(),
        country: "XA".into(),
        endpoint: Some("localhost:7443".into()),
        listen: None,
        agency_listen: None,
        passphrase: passphrase.map(|text| text.as_bytes().to_vec().into()),
        passphrase_file: None,
        insecure_plain_keys: passphrase.is_none(),
        languages: vec!["en".into()],
        functions: vec!["mla".into()],
        suite: 1,
    };
    crate::home::init(&options, at).expect("made");
    fs::create_dir(options.home.join("data/journal")).expect("made");
    Config::read(&options.home.join("rogatory.toml")).expect("valid")
}

fn told(config: &Config, why: Why) -> Vec<(Severity, String)> {
    let findings = home(config, None, why).findings;
    findings.into_iter().map(|one| (one.severity, one.message)).collect()
}

fn says(told: &[(Severity, String)], severity: Severity, text: &str) -> bool {
    told.iter().any(|(how, message)| *how == severity && message.contains(text))
}

const YEAR_MS: i64 = 365 * crate::domain::time::DAY_MS;

#[test]
fn a_card_ends_and_is_not_valid_before_its_time() {
    let dir = tempfile::tempdir().expect("a directory");
    for (at, severity, text) in [
        (now().plus_ms(-3 * YEAR_MS), Severity::Error, "ended at"),
        (now().plus_ms(-2 * YEAR_MS + 1000 * 3600), Severity::Warning, "ends at"),
        (now().plus_ms(YEAR_MS), Severity::Error, "which is to come"),
    ] {
        let config = home_of(dir.path(), at, None);
        let found = told(&config, Why::Check);
        assert!(says(&found, severity, text), "{text}: {found:?}");
        // One that has ended is still the card of these keys.
        assert!(!found.iter().any(|(_, message)| message.contains("does not have")), "{found:?}");
        fs::remove_dir_all(dir.path().join("home")).expect("removed");
    }
}

#[test]
fn a_home_whose_card_has_ended_can_still_be_opened_by_its_operator() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now().plus_ms(-3 * YEAR_MS), None);
    assert!(says(&told(&config, Why::Start), Severity::Error, "ended at"));
    assert!(says(&told(&config, Why::Open), Severity::Warning, "ended at"));
    let warnings = warnings(&config);
    assert!(warnings.iter().any(|text| text.contains("in clear")), "{warnings:?}");
}

#[test]
fn without_a_passphrase_a_node_does_not_start_and_an_operator_is_asked_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now(), Some("correct horse battery"));
    let missing = "is not set";
    assert!(says(&told(&config, Why::Start), Severity::Error, missing));
    assert!(says(&told(&config, Why::Check), Severity::Warning, missing));
    assert!(told(&config, Why::Open).iter().all(|(_, message)| !message.contains(missing)));
}

#[test]
fn a_look_leaves_no_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now(), None);
    let all = |dir: &Path| {
        let found = fs::read_dir(dir).expect("readable");
        let mut names: Vec<_> = found.map(|one| one.expect("readable").file_name()).collect();
        names.sort();
        names
    };
    let before = (all(&config.home), all(&config.data));
    home(&config, None, Why::Check);
    assert_eq!((all(&config.home), all(&config.data)), before);
}
