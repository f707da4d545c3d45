use std::path::Path;

use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, delivery, envelope, message};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;

/// Writes a receipt of xb.oag about message 3, exchanged with xa.moj, and the cards of both.
fn fixture(dir: &Path) {
    let mut log = TestLog::new("xb.oag", 2);
    for number in 1..=5 {
        log.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", number));
    }
    let head = log.head();
    let hashes = log.proof(3, head.size);
    let receipt = Receipt::new(&log.entries[3], 3, hashes, head.sign(&log.key));
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
    VerifyArgs { file, card, message: None, envelope: None, peer: None }
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
