//! What only a test can bring about; tests/cli/config_check.txt has the rest.

use std::fs;

use super::*;
use crate::card::{Card, CardBody};
use crate::crypto::SigningSecret;
use crate::crypto::keys::{Algorithm, Role};
use crate::domain::{AuthorityId, Timestamp};
use crate::home::{HomeKeys, InitOptions, KeyChange, change_key};
use crate::node::now;

/// A home that was made at a time; its log was not.
fn home_of(dir: &Path, at: Timestamp, passphrase: Option<&str>) -> Config {
    let options = InitOptions {
        kind: crate::domain::AuthorityKind::default(),
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

/// As homes were made before there was a second key of the witness.
fn make_older(config: &Config) {
    let keys = HomeKeys::unlock(&config.keys, None).expect("unlocked");
    let root = SigningSecret::new(&keys.seed(Role::Root).expect("opens"), Algorithm::Ed25519);
    let card = read_card(config).expect("a card");
    let older = CardBody { witness_pq: String::new(), ..card.body().clone() };
    let older = Card::sign(&older, &root.expect("it signs")).expect("signed");
    fs::write(config.home.join("card.txt"), older.text()).expect("written");
    fs::remove_file(config.keys.join("witness-pq.key")).expect("removed");
}

#[test]
fn an_older_home_starts_and_is_told_what_it_lacks_where_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now(), None);
    make_older(&config);
    let about = |config: &Config| {
        let found = told(config, Why::Start).into_iter();
        found
            .filter(|(_, text)| text.contains("witness") || text.contains("key"))
            .filter(|(_, text)| !text.contains("in clear"))
            .collect::<Vec<_>>()
    };
    assert_eq!(about(&config), []);
    let path = config.home.join("rogatory.toml");
    let text = fs::read_to_string(&path).expect("readable");
    let asked = text.replace("[witness]\n", "[witness]\npost_quantum = true\n");
    fs::write(&path, asked).expect("written");
    let asked = Config::read(&path).expect("valid");
    let found = home(&asked, None, Why::Start).findings;
    let missing = found.iter().find(|one| one.key.as_deref() == Some("witness.post_quantum"));
    let missing = missing.expect("found");
    assert_eq!(missing.severity, Severity::Error);
    assert!(missing.hint.contains("rogatory key add witness-pq"), "{}", missing.hint);
    let opens = told(&asked, Why::Open);
    assert!(says(&opens, Severity::Warning, "has no key for it"), "{opens:?}");
    let keys = HomeKeys::unlock(&asked.keys, None).expect("unlocked");
    let added = change_key(&asked.home, &keys, KeyChange::Add(Role::WitnessPq), now());
    assert_eq!(added.expect("added").witness_keys().len(), 2);
    assert_eq!(about(&asked), []);
}

#[test]
fn a_witness_key_that_the_card_does_not_name_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now(), None);
    fs::copy(config.keys.join("witness.key"), dir.path().join("before")).expect("copied");
    let keys = HomeKeys::unlock(&config.keys, None).expect("unlocked");
    let changed = change_key(&config.home, &keys, KeyChange::Rotate(Role::Witness), now());
    changed.expect("changed");
    fs::copy(dir.path().join("before"), config.keys.join("witness.key")).expect("copied");
    let found = told(&config, Why::Start);
    assert!(says(&found, Severity::Warning, "this home's witness key"), "{found:?}");
}

#[test]
fn a_change_of_keys_that_was_cut_off_keeps_the_node_from_starting() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = home_of(dir.path(), now(), None);
    fs::copy(config.home.join("card.txt"), config.home.join("card.txt.new")).expect("copied");
    let cut_off = "begun and not ended";
    assert!(says(&told(&config, Why::Start), Severity::Error, cut_off));
    assert!(says(&told(&config, Why::Open), Severity::Warning, cut_off));
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
