use std::path::Path;

use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, cosigner, delivery, envelope, message};
use crate::audit::witness::Cosigner;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;
use crate::crypto::keys::Algorithm;

/// The witness of xa.moj, as [`card_of`] has it, and one that no card has.
fn witnesses() -> [Cosigner; 2] {
    [
        cosigner("xa.moj/witness", 78, Algorithm::Ed25519),
        cosigner("auditor.example/w", 12, Algorithm::Ed25519),
    ]
}

/// Writes a receipt of xb.oag about message 3, exchanged with xa.moj, and the cards of both.
fn fixture(dir: &Path) {
    let mut log = TestLog::new("xb.oag", 2);
    for number in 1..=5 {
        log.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", number));
    }
    let checkpoint = log.cosigned(6, &[&witnesses()[0]], 1_795_000_000).to_note();
    let receipt = Receipt::new(&log.entries[3], 3, log.proof(3, 6), checkpoint);
    let other = TestLog::new("xa.moj", 1);
    for (name, text) in [
        ("receipt", receipt.expect("a receipt").text()),
        ("card", card_of(&log).text()),
        ("other", card_of(&other).text()),
    ] {
        std::fs::write(dir.join(name), text).expect("written");
    }
}

fn args(dir: &Path) -> VerifyArgs {
    let (file, card) = (dir.join("receipt"), dir.join("card"));
    let level = LevelArgs::default();
    VerifyArgs { file, card, message: None, envelope: None, peer: None, level }
}

fn authority(name: &str) -> AuthorityId {
    AuthorityId::parse(name).expect("valid")
}

#[test]
fn what_was_expected_is_proven() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let (mut out, data, talk) = memory(Format::Json);
    let args = VerifyArgs {
        message: Some(message(3)),
        envelope: Some(envelope(3)),
        peer: Some(authority("xa.moj")),
        ..args(dir.path())
    };
    run(args, &mut out).expect("proven");
    let json = data.json();
    assert_eq!((&json["ok"], &json["event"]), (&json!(true), &json!("RelayAcceptance")));
    assert_eq!((&json["log_index"], &json["log_size"]), (&json!(3), &json!(6)));
    assert!(!talk.text().contains("note:"), "{}", talk.text());
}

#[test]
fn what_was_not_expected_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let (mut out, data, talk) = memory(Format::Table);
    run(args(dir.path()), &mut out).expect("in the log");
    assert!(data.text().contains(&message(3).to_string()), "{}", data.text());
    let note = "nothing was expected of: message, envelope, peer.";
    assert!(talk.text().contains(note), "{}", talk.text());
    assert!(talk.text().contains("only that the log of xb.oag contains"), "{}", talk.text());
}

#[test]
fn what_is_something_else_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let args = || args(dir.path());
    for (why, args) in [
        ("another message", VerifyArgs { message: Some(message(4)), ..args() }),
        ("other bytes", VerifyArgs { envelope: Some(envelope(4)), ..args() }),
        ("another authority", VerifyArgs { peer: Some(authority("xc.moj")), ..args() }),
        ("is the card of xa.moj", VerifyArgs { card: dir.path().join("other"), ..args() }),
        ("malformed", VerifyArgs { file: dir.path().join("card"), ..args() }),
    ] {
        let (mut out, data, _) = memory(Format::Json);
        let failure = run(args, &mut out).expect_err(why);
        assert_eq!(failure.code, Exit::VerificationFailed, "{why}");
        assert!(failure.message.contains(why), "{why}: {failure}");
        assert_eq!(data.text(), "");
    }
}

#[test]
fn a_changed_receipt_proves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let path = dir.path().join("receipt");
    let text = std::fs::read_to_string(&path).expect("there");
    std::fs::write(&path, text.replace("\nindex 3\n", "\nindex 2\n")).expect("written");
    let (mut out, ..) = memory(Format::Table);
    let failure = run(args(dir.path()), &mut out).expect_err("another place");
    assert!(failure.message.contains("does not prove"), "{failure}");
}

#[test]
fn a_card_that_is_none_is_bad_input() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let args = VerifyArgs { card: dir.path().join("receipt"), ..args(dir.path()) };
    let (mut out, ..) = memory(Format::Table);
    assert_eq!(run(args, &mut out).expect_err("no card").code, Exit::BadInput);
}

/// Verifies for a level; the failure, or what is printed.
fn with_level(dir: &Path, level: LevelArgs) -> Result<serde_json::Value, Failure> {
    let (mut out, data, _) = memory(Format::Json);
    run(VerifyArgs { level, ..args(dir) }, &mut out).map(|()| data.json())
}

fn policy_file(dir: &Path, quorum: &str) -> LevelArgs {
    let [own, auditor] = witnesses().map(|witness| witness.key().to_string());
    let text = format!("witness own {own}\nwitness auditor {auditor}\n{quorum}\n");
    let path = dir.join("policy");
    std::fs::write(&path, text).expect("written");
    LevelArgs { policy: Some(path), peer_card: None }
}

#[test]
fn the_level_is_told_where_it_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let unasked = with_level(dir.path(), LevelArgs::default()).expect("proven");
    assert_eq!(unasked["standing"], json!(null));
    let card = LevelArgs { peer_card: Some(dir.path().join("other")), policy: None };
    let told = with_level(dir.path(), card).expect("proven");
    assert_eq!(told["standing"]["level"], "L1");
    assert_eq!(told["standing"]["cosigned"][0]["key"], witnesses()[0].key().to_string());
    for (quorum, level) in [("quorum own", "L2"), ("quorum none", "L0")] {
        let told = with_level(dir.path(), policy_file(dir.path(), quorum)).expect("satisfied");
        assert_eq!(told["standing"]["level"], level, "{quorum}");
    }
    let (mut out, data, _) = memory(Format::Table);
    let level = policy_file(dir.path(), "quorum own");
    run(VerifyArgs { level, ..args(dir.path()) }, &mut out).expect("satisfied");
    let told = "L2: cosigned by the quorum of the policy";
    assert!(data.text().contains(told), "{}", data.text());
    assert!(data.text().contains("xa.moj/witness at 2026-11-18T11:06:40"), "{}", data.text());
}

#[test]
fn a_level_that_is_not_reached_is_a_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    fixture(dir.path());
    let peer_card = |name: &str| Some(dir.path().join(name));
    for (why, code, level) in [
        ("by: auditor", Exit::VerificationFailed, policy_file(dir.path(), "quorum auditor")),
        (
            "not of an exchange with xb.oag",
            Exit::VerificationFailed,
            LevelArgs { peer_card: peer_card("card"), policy: None },
        ),
        ("cannot be read", Exit::NotFound, LevelArgs { peer_card: peer_card("no"), policy: None }),
    ] {
        let failure = with_level(dir.path(), level).expect_err(why);
        assert_eq!(failure.code, code, "{why}");
        assert!(failure.message.contains(why), "{failure}");
    }
}
