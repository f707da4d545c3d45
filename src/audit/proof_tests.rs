use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::testing::{TestLog, cosigner};
use crate::crypto::keys::Algorithm;

fn log() -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    for _ in 0..12 {
        log.push(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"));
    }
    log
}

fn proof(log: &TestLog, index: u64) -> TlogProof {
    let head = log.head();
    TlogProof {
        extra: log.entries[index as usize].clone(),
        index,
        hashes: log.proof(index, head.size),
        checkpoint: head.sign(&log.key),
    }
}

#[test]
fn the_text_has_the_lines_of_the_specification() {
    let log = log();
    let text = proof(&log, 5).to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert!(lines[1].starts_with("extra "));
    assert_eq!(lines[2], "index 5");
    assert_eq!(lines[3..7].iter().map(|l| l.len()).collect::<Vec<_>>(), [44; 4]);
    assert_eq!(lines[7..9], ["", "xa.moj/log/2026"]);
    assert!(text.ends_with(&log.head().sign(&log.key)));
}

#[test]
fn every_proof_round_trips_and_verifies() {
    let log = log();
    for index in 0..13 {
        let mut proof = proof(&log, index);
        assert_eq!(TlogProof::parse(&proof.to_text()), Ok(proof.clone()));
        assert_eq!(proof.verify(&proof.extra, &[log.verifier()]), Ok(log.head()));
        let leaf = std::mem::take(&mut proof.extra);
        assert!(!proof.to_text().contains("extra"), "nothing extra, no line");
        assert_eq!(TlogProof::parse(&proof.to_text()), Ok(proof.clone()));
        assert_eq!(proof.verify(&leaf, &[log.verifier()]), Ok(log.head()));
    }
}

#[test]
fn malformed_texts_are_refused() {
    use TlogProofError::*;
    let good = proof(&log(), 5).to_text();
    let extra = good.lines().nth(1).expect("an extra line");
    let hash = good.lines().nth(3).expect("a hash");
    let many = format!("{hash}\n").repeat(PATH_MAX + 1);
    for (defect, bad, expected) in [
        ("empty", String::new(), Header),
        ("other version", good.replace("@v1", "@v2"), Header),
        ("carriage return", good.replacen('\n', "\r\n", 1), Header),
        ("no blank line", good.replace("\n\n", "\n"), NoBlankLine),
        ("empty extra", good.replace(extra, "extra "), Extra),
        ("extra not base64", good.replace(extra, "extra ???"), Extra),
        ("extra twice", good.replace(extra, &format!("{extra}\n{extra}")), Index),
        ("no index", good.replace("index 5\n", ""), Index),
        ("leading zero", good.replace("index 5", "index 05"), Index),
        ("negative index", good.replace("index 5", "index -5"), Index),
        ("space after the index", good.replace("index 5", "index 5 "), Index),
        (
            "index before extra",
            good.replace(&format!("{extra}\nindex 5"), &format!("index 5\n{extra}")),
            Hash(0),
        ),
        ("short hash", good.replace(hash, "AAAA"), Hash(0)),
        ("too many hashes", good.replace(&format!("{hash}\n"), &many), Hash(PATH_MAX)),
        (
            "too large",
            format!("{good}{}", "x".repeat(PROOF_TEXT_MAX_BYTES)),
            TooLarge(good.len() + PROOF_TEXT_MAX_BYTES),
        ),
    ] {
        assert_eq!(TlogProof::parse(&bad), Err(expected), "{defect}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let log = log();
    let keys = [log.verifier()];
    let good = proof(&log, 5);
    let leaf = good.extra.clone();
    let fails = |defect: &str, proof: TlogProof, leaf: &[u8]| {
        assert!(proof.verify(leaf, &keys).is_err(), "{defect}");
    };
    fails("another entry", good.clone(), &log.entries[6]);
    fails("another index", TlogProof { index: 4, ..good.clone() }, &leaf);
    fails("index outside", TlogProof { index: 13, ..good.clone() }, &leaf);
    let (_, rest) = good.hashes.split_last().expect("a path");
    fails("truncated path", TlogProof { hashes: rest.to_vec(), ..good.clone() }, &leaf);
    let older = log.checkpoint(9).sign(&log.key);
    fails("another checkpoint", TlogProof { checkpoint: older, ..good.clone() }, &leaf);
    assert_eq!(
        TlogProof { index: 13, ..good.clone() }.verify(&leaf, &keys),
        Err(TlogProofError::Path(ProofError::OutOfRange { index: 13, size: 13 }))
    );
    assert!(matches!(good.verify(&leaf, &[]), Err(TlogProofError::Checkpoint(_))));
    let moved = TlogProof { extra: b"anything".to_vec(), ..good };
    assert!(moved.verify(&leaf, &keys).is_ok(), "extra is not vouched for");
}

#[test]
fn cosignatures_change_nothing_for_who_does_not_know_them() {
    let log = log();
    let witness = cosigner("xb.oag/witness", 11, Algorithm::MlDsa44);
    let other = cosigner("xc.pps/witness", 12, Algorithm::Ed25519);
    let cosigned = log.cosigned(13, &[&witness, &other], 1_795_000_000);
    let plain = proof(&log, 5);
    let proof = TlogProof { checkpoint: cosigned.to_note(), ..plain.clone() };
    assert_eq!(TlogProof::parse(&proof.to_text()), Ok(proof.clone()));
    assert_eq!(proof.verify(&proof.extra, &[log.verifier()]), Ok(log.head()));
    let junk = format!("{}\u{2014} xd.moj/witness AAAAAAAA\n", proof.checkpoint);
    let junk = TlogProof { checkpoint: junk, ..plain };
    assert_eq!(junk.verify(&junk.extra, &[log.verifier()]), Ok(log.head()), "whatever it has");
}

#[test]
fn what_go_made_verifies_with_its_cosignatures() {
    let text = include_str!("vectors/cosigned.tlog-proof");
    let proof = TlogProof::parse(text).expect("a proof");
    assert_eq!(proof.to_text(), text);
    let key = include_str!("vectors/keys.txt").lines().next().expect("the log's key");
    let key = VerifierKey::parse(key).expect("a key");
    let checkpoint = proof.verify(b"entry 5", &[key]).expect("it verifies");
    assert_eq!((proof.index, checkpoint.size), (5, 13));
    assert_eq!(proof.extra, b"entry 5");
}
