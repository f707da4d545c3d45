use std::fs;

use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{card_of, export_of};

/// Writes an export of the log of xa.moj with 300 entries, and gives its card.
fn export(dir: &Path) -> Card {
    let mut log = TestLog::new("xa.moj", 1);
    for number in 1..300 {
        log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
    }
    export_of(&log, dir)
}

fn args(dir: &Path) -> VerifyArgs {
    VerifyArgs { dir: dir.to_owned(), card: None, fingerprint: None }
}

#[test]
fn a_sound_export_verifies_with_the_card_that_is_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let card = export(&dir.path().join("export"));
    let file = dir.path().join("card");
    fs::write(&file, card.text()).expect("written");
    let (mut out, data, talk) = memory(Format::Json);
    let args = VerifyArgs { card: Some(file), ..args(&dir.path().join("export")) };
    run(args, &mut out).expect("sound");
    let json = data.json();
    assert_eq!((&json["ok"], &json["entries"]), (&json!(true), &json!(300)));
    assert_eq!(json["events"]["RelayAcceptance"], 299);
    assert_eq!(json["peers"]["xb.oag"], 299);
    assert_eq!(json["card_from_export"], false);
    assert_eq!(talk.text(), "");
}

#[test]
fn the_exports_own_card_is_no_proof_until_its_fingerprint_was_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let fingerprint = export(dir.path()).fingerprint();
    let (mut out, data, talk) = memory(Format::Table);
    run(args(dir.path()), &mut out).expect("sound");
    assert!(data.text().contains("300 entries, all sound"), "{}", data.text());
    assert!(talk.text().contains("the export's own word"), "{}", talk.text());
    assert!(talk.text().contains(&fingerprint.hex()), "{}", talk.text());
    let (mut out, _, talk) = memory(Format::Table);
    let compared = VerifyArgs { fingerprint: Some(fingerprint.words()), ..args(dir.path()) };
    run(compared, &mut out).expect("sound");
    assert_eq!(talk.text(), "");
}

#[test]
fn another_fingerprint_or_card_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    export(&dir.path().join("export"));
    let stranger = card_of(&TestLog::new("xc.moj", 3));
    let file = dir.path().join("card");
    fs::write(&file, stranger.text()).expect("written");
    let args = || args(&dir.path().join("export"));
    let words = stranger.fingerprint().words();
    for (code, args) in [
        (Exit::VerificationFailed, VerifyArgs { fingerprint: Some(words), ..args() }),
        (Exit::VerificationFailed, VerifyArgs { card: Some(file), ..args() }),
        (Exit::BadInput, VerifyArgs { fingerprint: Some("two words".into()), ..args() }),
        (Exit::NotFound, VerifyArgs { card: Some(dir.path().join("none")), ..args() }),
        (Exit::NotFound, VerifyArgs { dir: dir.path().join("none"), ..args() }),
    ] {
        let (mut out, ..) = memory(Format::Table);
        assert_eq!(run(args, &mut out).expect_err("refused").code, code);
    }
}

#[test]
fn a_changed_byte_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    let path = dir.path().join("tile/entries/001.p/44");
    let mut bytes = fs::read(&path).expect("there");
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("written");
    let (mut out, data, _) = memory(Format::Json);
    let failure = run(args(dir.path()), &mut out).expect_err("changed");
    assert_eq!(failure.code, Exit::VerificationFailed);
    let json = data.json();
    assert_eq!((&json["ok"], &json["entry"]), (&json!(false), &json!(299)));
    assert_eq!(json["path"], "tile/entries/001.p/44");
    assert!(failure.message.contains("entry 299"), "{failure}");
}

#[test]
fn a_file_too_many_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    fs::write(dir.path().join("tile/note.txt"), "x").expect("written");
    let (mut out, ..) = memory(Format::Table);
    let failure = run(args(dir.path()), &mut out).expect_err("one too many");
    assert!(failure.message.contains("tile/note.txt"), "{failure}");
}
