use super::*;
use crate::audit::entry::Event;
use crate::audit::merkle::verify_consistency;
use crate::audit::testing::{TestLog, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::export_of;
use crate::receipt::Receipt;

const ENTRIES: u64 = 600;

fn log() -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    for number in 1..ENTRIES {
        log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
    }
    log
}

fn prove(dir: &std::path::Path, index: Option<u64>, old: Option<u64>) -> Result<String, Failure> {
    let (mut out, data, _) = memory(Format::Table);
    let index = index.map(|index| index.to_string().parse().expect("a place"));
    let old = old.map(|old| old.to_string().parse().expect("a place"));
    run(ProveArgs { export: ExportDir::of(dir), index, old, out: None }, &mut out)?;
    Ok(data.text())
}

#[test]
fn every_entry_has_a_proof_that_stands_alone() {
    let (log, dir) = (log(), tempfile::tempdir().expect("a directory"));
    export_of(&log, dir.path());
    for index in [0, 1, 255, 256, 511, 512, ENTRIES - 1] {
        let text = prove(dir.path(), Some(index), None).expect("proves");
        let proof = TlogProof::parse(&text).expect("a proof");
        assert_eq!(proof.extra, log.entries[index as usize]);
        let head = proof.verify(&proof.extra, &[log.verifier()]).expect("verifies");
        assert_eq!(head, log.head());
    }
    let text = prove(dir.path(), Some(17), None).expect("proves");
    assert!(Receipt::parse(&text).is_ok(), "the proof of a delivery event is a receipt");
}

#[test]
fn every_earlier_state_has_a_proof_that_it_is_extended() {
    let (log, dir) = (log(), tempfile::tempdir().expect("a directory"));
    export_of(&log, dir.path());
    for old in [0, 1, 255, 256, 300, 599, ENTRIES] {
        let text = prove(dir.path(), None, Some(old)).expect("proves");
        let (head, note) = text.split_once("\n\n").expect("a blank line");
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some(format!("old {old}").as_str()));
        let hashes: Vec<_> = lines
            .map(|line| STANDARD.decode(line).expect("base64").try_into().expect("32 bytes"))
            .collect();
        assert_eq!(note, log.head().sign(&log.key));
        let (before, now) = (log.checkpoint(old), log.head());
        verify_consistency(old, &before.root, now.size, &now.root, &hashes).expect("extends");
    }
}

#[test]
fn what_is_not_there_or_not_sound_is_not_proved() {
    let (log, dir) = (log(), tempfile::tempdir().expect("a directory"));
    export_of(&log, dir.path());
    for (index, old) in [(Some(ENTRIES), None), (None, Some(ENTRIES + 1))] {
        assert_eq!(prove(dir.path(), index, old).expect_err("none").code, Exit::NotFound);
    }
    let tile = dir.path().join("tile/0/001");
    let mut bytes = std::fs::read(&tile).expect("there");
    bytes[40] ^= 1;
    std::fs::write(&tile, bytes).expect("written");
    let failure = prove(dir.path(), Some(300), None).expect_err("another tile");
    assert_eq!(failure.code, Exit::VerificationFailed);
    let failure = prove(dir.path(), None, Some(300)).expect_err("another tile");
    assert_eq!(failure.code, Exit::VerificationFailed);
}

#[test]
fn a_proof_is_written_to_a_new_file_only() {
    let (log, dir) = (log(), tempfile::tempdir().expect("a directory"));
    export_of(&log, &dir.path().join("export"));
    let file = dir.path().join("17.tlog-proof");
    let args = || ProveArgs {
        export: ExportDir::of(&dir.path().join("export")),
        index: Some("17".parse().expect("a place")),
        old: None,
        out: Some(file.clone()),
    };
    let (mut out, data, _) = memory(Format::Json);
    run(args(), &mut out).expect("proves");
    assert_eq!((&data.json()["index"], &data.json()["size"]), (&json!(17), &json!(ENTRIES)));
    assert!(TlogProof::parse(&std::fs::read_to_string(&file).expect("there")).is_ok());
    let (mut out, ..) = memory(Format::Json);
    assert_eq!(run(args(), &mut out).expect_err("it is there").code, Exit::Failed);
}

#[test]
fn an_entry_of_an_earlier_log_is_proved_under_the_checkpoint_of_that_log() {
    let (mut first, dir) = (log(), tempfile::tempdir().expect("a directory"));
    let second = first.succeed(1);
    let export = dir.path().join("export");
    export_of(&second, &export);
    export_of(&first, &export.join("earlier/2026"));
    let card = dir.path().join("xa.moj.card");
    std::fs::write(&card, crate::cli::testing::card_of(&first).text()).expect("written");
    let (mut out, data, _) = memory(Format::Json);
    let args = ProveArgs {
        export: ExportDir::with_card(&export, &card),
        index: Some("1:17".parse().expect("a place")),
        old: None,
        out: None,
    };
    run(args, &mut out).expect("proves");
    let json = data.json();
    assert_eq!((&json["index"], &json["log"]), (&json!(17), &json!(0)));
    assert_eq!(json["log_origin"], "xa.moj/log/2026");
    let proof = TlogProof::parse(json["text"].as_str().expect("a text")).expect("a proof");
    assert_eq!(proof.extra, first.entries[17]);
    assert_eq!(proof.verify(&proof.extra, &[first.verifier()]), Ok(first.head()));
    let (mut out, data, _) = memory(Format::Json);
    let args = ProveArgs {
        export: ExportDir::with_card(&export, &card),
        index: None,
        old: Some("1:17".parse().expect("a place")),
        out: None,
    };
    run(args, &mut out).expect("proves");
    let text = data.json()["text"].as_str().expect("a text").to_owned();
    assert!(text.starts_with("old 17\n") && text.contains("\nxa.moj/log/2026\n"), "{text}");
}
