use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::audit::note::NAME_MAX_BYTES;
use crate::audit::proof::{PATH_MAX, TlogProof};
use crate::audit::testing::{TestLog, cosigner, secret, verifier};
use crate::audit::witness::Cosigner;
use crate::crypto::keys::Algorithm::{Ed25519, MlDsa44};
use crate::domain::limits::ENTRY_MAX_BYTES;

const AT: u64 = 1_795_000_000;

fn log() -> TestLog {
    TestLog::new("xa.moj", 1)
}

fn two() -> [Cosigner; 2] {
    [cosigner("xb.oag/witness", 11, Ed25519), cosigner("xc.pps/witness", 12, MlDsa44)]
}

fn keys(of: &[Cosigner]) -> Vec<WitnessKey> {
    of.iter().map(|cosigner| cosigner.key().clone()).collect()
}

fn times(signed: &SignedCheckpoint, keys: &[WitnessKey]) -> Vec<(String, u64)> {
    let cosigners = signed.cosigners(keys).expect("all lines verify");
    let time = |c: &Cosigned| (c.key().name().to_owned(), c.at().unix_seconds());
    cosigners.all().iter().map(time).collect()
}

/// The same note with one more line as it is.
fn with_line(signed: &SignedCheckpoint, line: &str) -> SignedCheckpoint {
    SignedCheckpoint::assume_verified(&format!("{}{line}\n", signed.to_note())).expect("a note")
}

/// The line with another last byte.
fn spoilt(line: &str) -> String {
    let (name, blob) = line.rsplit_once(' ').expect("three words");
    let mut blob = STANDARD.decode(blob).expect("base64");
    *blob.last_mut().expect("a signature") ^= 1;
    format!("{name} {}", STANDARD.encode(blob))
}

#[test]
fn cosignatures_stand_under_the_logs_own() {
    let (log, two) = (log(), two());
    let signed = log.cosigned(1, &[&two[0], &two[1]], AT);
    let note = signed.to_note();
    assert_eq!(note.lines().filter(|line| line.starts_with('\u{2014}')).count(), 3);
    assert!(note.starts_with(&log.head().sign(&log.key)), "the log's line is first");
    assert_eq!(
        times(&signed, &keys(&two)),
        [("xb.oag/witness".to_owned(), AT), ("xc.pps/witness".to_owned(), AT)]
    );
    assert_eq!(SignedCheckpoint::verify(&note, &[log.verifier()]), Ok(signed.clone()));
    assert_eq!(SignedCheckpoint::assume_verified(&note), Ok(signed.clone()));
    assert_eq!(times(&signed, &[]), []);
    assert!(signed.cosigners(&keys(&two)).expect("sound").by(two[0].key()).is_some());
}

#[test]
fn a_key_has_one_line_and_the_newest_stays() {
    let (log, [witness, other]) = (log(), two());
    let known = [witness.key().clone(), other.key().clone()];
    let mut signed = log.cosigned(1, &[&witness, &other], AT);
    for (at, added, newest) in [(AT, false, AT), (AT - 1, false, AT), (AT + 9, true, AT + 9)] {
        let line = log.cosigned_by(&witness, 1, at);
        assert_eq!(signed.add(&line, witness.key()), Ok(added), "{at}");
        assert_eq!(signed.to_note().lines().count(), 7, "never a line more");
        let cosigners = signed.cosigners(&known).expect("sound");
        assert_eq!(cosigners.by(witness.key()).expect("it has").at().unix_seconds(), newest);
        assert_eq!(cosigners.all().len(), 2);
    }
}

#[test]
fn one_witness_may_have_a_key_of_each_type() {
    let log = log();
    let two = [cosigner("xb.oag/witness", 11, Ed25519), cosigner("xb.oag/witness", 11, MlDsa44)];
    let signed = log.cosigned(1, &[&two[0], &two[1]], AT);
    assert_eq!(signed.cosigners(&keys(&two)).expect("sound").all().len(), 2);
}

#[test]
fn what_does_not_verify_is_not_added() {
    let (mut log, [witness, other]) = (log(), two());
    log.push_many(4);
    let mut signed = log.signed(3);
    let before = signed.clone();
    let line = log.cosigned_by(&witness, 3, AT);
    let bad = Cosignature::parse(&spoilt(&line.to_line())).expect("well formed");
    let name = || witness.key().name().to_owned();
    for (defect, line, key, expected) in [
        ("of another checkpoint", log.cosigned_by(&witness, 4, AT), &witness, "Invalid"),
        ("altered", bad, &witness, "Invalid"),
        ("by another witness", line, &other, "OtherKey"),
    ] {
        let expected = match expected {
            "Invalid" => CosignatureError::Invalid(name()),
            _ => CosignatureError::OtherKey(name()),
        };
        assert_eq!(signed.add(&line, key.key()), Err(expected), "{defect}");
        assert_eq!(signed, before, "{defect}");
    }
}

#[test]
fn a_bad_line_of_a_known_key_spoils_the_note() {
    let (log, two) = (log(), two());
    let signed = log.cosigned(1, &[&two[0]], AT);
    for witness in &two {
        let line = log.cosigned_by(witness, 1, AT + 1).to_line();
        let (name, blob) = line.rsplit_once(' ').expect("three words");
        let blob = STANDARD.decode(blob).expect("base64");
        let with = |blob: &[u8]| format!("{name} {}", STANDARD.encode(blob));
        let timeless = [&blob[..4], &[0; 8], &blob[12..]].concat();
        for (defect, bad) in [
            ("altered", spoilt(&line)),
            ("cut off", with(&blob[..blob.len() - 1])),
            ("no time", with(&timeless)),
        ] {
            let bad = with_line(&signed, &bad);
            assert!(bad.cosigners(&keys(&two)).is_err(), "{defect}");
            let unknown = [cosigner("xd.moj/witness", 13, Ed25519).key().clone()];
            assert_eq!(times(&bad, &unknown), [], "{defect}: unknown lines are ignored");
            // The log's signature is not the witness's business, and the reverse.
            assert!(SignedCheckpoint::verify(&bad.to_note(), &[log.verifier()]).is_ok());
        }
    }
}

#[test]
fn a_bad_line_makes_way_for_a_good_one() {
    let (log, [witness, _]) = (log(), two());
    let line = log.cosigned_by(&witness, 1, AT);
    let mut signed = with_line(&log.signed(1), &spoilt(&line.to_line()));
    assert!(signed.cosigners(&[witness.key().clone()]).is_err());
    assert_eq!(signed.add(&line, witness.key()), Ok(true));
    assert_eq!(times(&signed, &[witness.key().clone()]), [("xb.oag/witness".to_owned(), AT)]);
}

#[test]
fn of_two_good_lines_of_a_key_the_newest_counts() {
    let (log, [witness, _]) = (log(), two());
    for (first, second) in [(AT, AT + 5), (AT + 5, AT)] {
        let signed = log.cosigned(1, &[&witness], first);
        let both = with_line(&signed, &log.cosigned_by(&witness, 1, second).to_line());
        assert_eq!(times(&both, &[witness.key().clone()]), [("xb.oag/witness".to_owned(), AT + 5)]);
    }
}

#[test]
fn there_is_an_end_to_lines() {
    let log = log();
    let mut signed = log.signed(1);
    for number in 1..SIGNATURES_MAX {
        let witness = cosigner(&format!("w{number}"), number as u8, Ed25519);
        let line = log.cosigned_by(&witness, 1, AT);
        assert_eq!(signed.add(&line, witness.key()), Ok(true));
    }
    let before = signed.clone();
    let witness = cosigner("one-too-many", 200, Ed25519);
    let line = log.cosigned_by(&witness, 1, AT);
    let full = Err(CosignatureError::Full("one-too-many".into()));
    assert_eq!(signed.add(&line, witness.key()), full);
    assert_eq!(signed, before);
    let first = cosigner("w1", 1, Ed25519);
    let newer = log.cosigned_by(&first, 1, AT + 1);
    assert_eq!(signed.add(&newer, first.key()), Ok(true), "a newer line needs no room");
}

#[test]
fn there_is_an_end_to_bytes() {
    let log = log();
    let mut signed = log.signed(1);
    let long = "n".repeat(NAME_MAX_BYTES - 3);
    let mut added = 0;
    loop {
        let witness = cosigner(&format!("{long}{added}"), 7, MlDsa44);
        match signed.add(&log.cosigned_by(&witness, 1, AT), witness.key()) {
            Ok(true) => added += 1,
            other => {
                assert!(matches!(other, Err(CosignatureError::Full(_))), "{other:?}");
                break;
            }
        }
    }
    assert!(added >= 16, "{added} of the largest that we make");
    assert!(signed.to_note().len() <= CHECKPOINT_MAX_BYTES);
}

#[test]
fn sixteen_of_the_longest_signatures_fit_a_checkpoint_and_its_receipt() {
    // ML-DSA-87 is the longest that a note is likely to have; its keys are unknown here.
    let mut log = log();
    log.origin = "o".repeat(NAME_MAX_BYTES);
    let blob = STANDARD.encode([&[1u8; 12][..], &[7; 4627]].concat());
    let lines = (0..15).map(|_| format!("\u{2014} {} {blob}\n", "n".repeat(NAME_MAX_BYTES)));
    let text = Checkpoint { size: u64::MAX, ..log.head() }.sign(&log.key);
    let note = text + &lines.collect::<String>();
    let keys = [verifier(&log.origin, &secret(1))];
    assert!(SignedCheckpoint::verify(&note, &keys).is_ok());
    // Whatever a checkpoint has, there is room for it in a proof.
    let checkpoint = "c".repeat(CHECKPOINT_MAX_BYTES);
    let (extra, hashes) = (vec![1; ENTRY_MAX_BYTES], vec![[1; 32]; PATH_MAX]);
    let proof = TlogProof { extra, index: u64::MAX, hashes, checkpoint };
    assert_eq!(TlogProof::parse(&proof.to_text()), Ok(proof));
}

#[test]
fn what_is_not_signed_by_the_log_is_none() {
    let log = log();
    let forged = log.head().sign(&secret(2));
    assert!(SignedCheckpoint::verify(&forged, &[log.verifier()]).is_err());
    assert!(SignedCheckpoint::assume_verified("text").is_err());
}
