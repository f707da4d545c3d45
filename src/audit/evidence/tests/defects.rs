//! What accuses nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::audit::note::{NoteError, sign_note};
use crate::audit::proof::PATH_MAX;

#[test]
fn malformed_texts_are_refused() {
    use EvidenceError::*;
    let [same, prefix, entry] =
        [same_size(), other_prefix(5, 8), other_entry(3, 4, 13)].map(|evidence| evidence.to_text());
    let line = |text: &str, at: usize| text.lines().nth(at).expect("a line").to_owned();
    let (root, hash, leaf) = (line(&prefix, 2), line(&prefix, 3), line(&entry, 6));
    let many = format!("{hash}\n").repeat(PATH_MAX + 1);
    let claims = |what: &str| same.replace("same-size", what);
    for (defect, bad, expected) in [
        ("empty", String::new(), Header),
        ("other version", same.replace("/v1/", "/v2/"), Header),
        ("carriage return", same.replacen('\n', "\r\n", 1), Header),
        ("no blank lines", same.replace("\n\n", "\n"), Parts),
        ("one note", same.rsplitn(3, "\n\n").last().expect("a part").to_owned() + "\n", Parts),
        ("three notes", format!("{same}\n{}", same.split_once("\n\n").expect("two").1), Parts),
        ("a blank line at the end", format!("{same}\n"), Parts),
        ("a blank line between", same.replacen("\n\n", "\n\n\n\n", 1), Parts),
        ("no claim", claims(""), Claim(String::new())),
        ("an unknown claim", claims("other-colour"), Claim("other-colour".into())),
        ("upper case", claims("Same-Size"), Claim("Same-Size".into())),
        ("a line too much", claims("same-size\nroot AAAA"), Line(3)),
        ("no root", prefix.replace(&format!("{root}\n"), ""), Line(3)),
        ("short root", prefix.replace(&root, "root AAAA"), Line(3)),
        ("two roots", prefix.replace(&root, &format!("{root}\n{root}")), Line(4)),
        ("bad hash", prefix.replacen(&hash, "hash AAAA", 1), Line(4)),
        ("a hash without its word", prefix.replacen("hash ", "", 1), Line(4)),
        ("too many hashes", prefix.replace(&format!("{hash}\n"), &many), Line(4 + PATH_MAX)),
        ("index with a leading zero", entry.replace("index 3", "index 03"), Line(3)),
        ("entry not base64", entry.replace("entry ", "entry ?"), Line(4)),
        ("no leaf", entry.replace(&format!("{leaf}\n"), ""), Line(11)),
        ("two leaves", entry.replace(&leaf, &format!("{leaf}\n{leaf}")), Line(8)),
        ("something behind", entry.replacen("\n\n", "\nleaf\n\n", 1), Line(12)),
        (
            "too large",
            format!("{same}{}", "x".repeat(EVIDENCE_MAX_BYTES)),
            TooLarge(same.len() + EVIDENCE_MAX_BYTES),
        ),
    ] {
        assert_eq!(Evidence::parse(&bad), Err(expected), "{defect}");
    }
    for (defect, bad, which) in [
        ("first checkpoint", same.replacen("\n7\n", "\n07\n", 1), Which::First),
        ("second checkpoint", same.trim_end().to_owned(), Which::Second),
        (
            "notes run together",
            same.replacen("=\n\nxa", "=\nxa", 1).replacen("=\n\u{2014}", "=\n\n\u{2014}", 1),
            Which::First,
        ),
    ] {
        match Evidence::parse(&bad) {
            Err(Checkpoint { which: found, .. }) => assert_eq!(found, which, "{defect}"),
            Err(Parts) if defect == "notes run together" => {}
            other => panic!("{defect}: {other:?}"),
        }
    }
}

/// The text with one note in the place of another, whoever signed it.
fn with_note(evidence: &Evidence, old: &str, new: &str) -> Result<Verdict, EvidenceError> {
    let text = evidence.to_text();
    assert!(text.contains(old), "the note to replace");
    Evidence::parse(&text.replace(old, new))?.verify(&keys())
}

#[test]
fn both_notes_must_be_signed_by_the_log() {
    let (log, fork) = two_pasts();
    let signed = |log: &TestLog| log.checkpoint(7).sign(&log.key);
    let no_key = |which| {
        let source = CheckpointError::Note(NoteError::NoKnownKey);
        Err(EvidenceError::Checkpoint { which, source })
    };
    let bad = |which| {
        let source = CheckpointError::Note(NoteError::BadSignature(log.origin.clone()));
        Err(EvidenceError::Checkpoint { which, source })
    };
    for (which, of) in [(Which::First, &log), (Which::Second, &fork)] {
        let (evidence, note) = (same_size(), signed(of));
        let forged = of.checkpoint(7).sign(&secret(9));
        assert_eq!(with_note(&evidence, &note, &forged), no_key(which), "by a stranger");
        let peer = sign_note(&of.checkpoint(7).text(), "xb.oag/log/2026", &secret(2));
        let peer = with_note(&evidence, &note, &peer.expect("signs"));
        assert_eq!(peer, no_key(which), "by another log that is trusted");
        let moved =
            note.replace(&STANDARD.encode(of.checkpoint(7).root), &STANDARD.encode([5; 32]));
        assert_eq!(with_note(&evidence, &note, &moved), bad(which), "an altered root");
    }
    assert_eq!(same_size().verify(&[]), no_key(Which::First), "without any key");
    let others = [verifier("xb.oag/log/2026", &log.key)];
    assert_eq!(same_size().verify(&others), no_key(Which::First), "the key of another name");
    let line =
        crate::audit::testing::cosigner(&log.origin, 1, crate::crypto::keys::Algorithm::Ed25519);
    let line = log.cosigned_by(&line, 7, 1_795_000_000).to_line();
    let cosigned = format!("{}\n{line}\n", log.checkpoint(7).text());
    let refused = with_note(&same_size(), &signed(&log), &cosigned);
    assert_eq!(refused, no_key(Which::First), "a cosignature is no signature of the log");
}

#[test]
fn a_claim_that_does_not_hold_accuses_nobody() {
    use EvidenceError::*;
    let (log, fork) = two_pasts();
    let other = TestLog::new("xb.oag", 2);
    let two = || TwoLogs(log.origin.clone(), other.origin.clone());
    let same = |a: &SignedCheckpoint, b: &SignedCheckpoint| Evidence::same_size(a, b).err();
    assert_eq!(same(&log.signed(7), &log.signed(7)), Some(SameRoot), "the same note");
    assert_eq!(same(&log.signed(2), &fork.signed(2)), Some(SameRoot), "before they part");
    assert_eq!(same(&log.signed(7), &fork.signed(8)), Some(Sizes(7, 8)), "two sizes");
    assert_eq!(same(&log.signed(1), &other.signed(1)), Some(two()), "two logs");

    let prefix = |first: &SignedCheckpoint, second: &SignedCheckpoint, root, path| {
        Evidence::other_prefix(first, second, root, path).err()
    };
    let path = || fork.consistency(5, 8);
    let root = fork.checkpoint(5).root;
    let not_there = |source| Some(Path { which: Which::Second, source });
    let (five, eight) = (log.signed(5), fork.signed(8));
    assert_eq!(prefix(&five, &eight, root, path()), None, "the sound one");
    let honest = log.checkpoint(5).root;
    let kept = log.consistency(5, 8);
    assert_eq!(prefix(&five, &log.signed(8), honest, kept), Some(SameBeginning));
    assert_eq!(
        prefix(&five, &eight, [5; 32], path()),
        not_there(ProofError::OldRootMismatch),
        "a root that the path does not lead to"
    );
    assert_eq!(
        prefix(&five, &log.signed(8), root, path()),
        not_there(ProofError::RootMismatch),
        "a path that leads to another tree"
    );
    assert_eq!(
        prefix(&five, &eight, root, path()[1..].to_vec()),
        not_there(ProofError::TooShort),
        "a path cut off"
    );
    let not_smaller = |first, second| Some(NotSmaller { first, second });
    assert_eq!(prefix(&eight, &five, root, path()), not_smaller(8, 5), "the larger one first");
    assert_eq!(prefix(&five, &fork.signed(5), root, Vec::new()), not_smaller(5, 5), "one size");
    let empty = crate::audit::merkle::empty_root();
    let none = crate::audit::Checkpoint { size: 0, root: empty, origin: log.origin.clone() };
    let none = SignedCheckpoint::verify(&none.sign(&log.key), &keys()).expect("signed");
    assert_eq!(prefix(&none, &eight, [5; 32], Vec::new()), not_smaller(0, 8), "nothing before");
    assert_eq!(prefix(&log.signed(1), &other.signed(1), root, path()), Some(two()), "two logs");
}

#[test]
fn an_entry_that_is_in_its_place_accuses_nobody() {
    use EvidenceError::*;
    let (log, fork) = two_pasts();
    let (leaf, path) = (fork.leaves()[3], fork.proof(3, 13));
    let entry = |receipt: &TlogProof, second: &SignedCheckpoint, leaf, path: &[Digest]| {
        Evidence::other_entry(receipt, second, leaf, path.to_vec()).err()
    };
    let (good, head) = (receipt(&log, 3, 4), fork.signed(13));
    let not_there = |which, source| Some(Path { which, source });
    assert_eq!(entry(&good, &head, leaf, &path), None, "the sound one");
    let own = (log.leaves()[3], log.proof(3, 13));
    assert_eq!(entry(&good, &log.signed(13), own.0, &own.1), Some(SameEntry));
    let before = receipt(&log, 2, 4);
    let common = (fork.leaves()[2], fork.proof(2, 13));
    assert_eq!(entry(&before, &head, common.0, &common.1), Some(SameEntry), "before they part");
    for (defect, receipt) in [
        ("another entry", TlogProof { extra: log.entries[2].clone(), ..good.clone() }),
        ("no entry", TlogProof { extra: Vec::new(), ..good.clone() }),
        (
            "another checkpoint",
            TlogProof { checkpoint: fork.checkpoint(4).sign(&log.key), ..good.clone() },
        ),
    ] {
        let expected = not_there(Which::First, ProofError::RootMismatch);
        assert_eq!(entry(&receipt, &head, leaf, &path), expected, "{defect}");
    }
    let outside = TlogProof { index: 4, ..good.clone() };
    let out_of_range = ProofError::OutOfRange { index: 4, size: 4 };
    assert_eq!(entry(&outside, &head, leaf, &path), not_there(Which::First, out_of_range));
    let mismatch = not_there(Which::Second, ProofError::RootMismatch);
    assert_eq!(entry(&good, &head, [5; 32], &path), mismatch, "a leaf that is not there");
    assert_eq!(entry(&good, &head, leaf, &fork.proof(4, 13)), mismatch, "the path of another leaf");
    let short = not_there(Which::Second, ProofError::TooShort);
    assert_eq!(entry(&good, &head, leaf, &path[1..]), short, "a node for a leaf");
    let small = not_there(Which::Second, ProofError::OutOfRange { index: 3, size: 3 });
    assert_eq!(entry(&good, &fork.signed(3), leaf, &path), small, "a tree without that place");
    let unsigned = TlogProof { checkpoint: "text".into(), ..good };
    let refused = entry(&unsigned, &head, leaf, &path);
    assert!(matches!(refused, Some(Checkpoint { which: Which::First, .. })), "{refused:?}");
}

#[test]
fn every_flipped_byte_accuses_nobody_or_is_the_same_accusation() {
    for evidence in [same_size(), other_prefix(5, 8), other_entry(3, 4, 13)] {
        let text = evidence.to_text();
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1;
            let accused = String::from_utf8(bad)
                .ok()
                .and_then(|bad| Evidence::parse(&bad).ok())
                .and_then(|bad| bad.verify(&keys()).ok());
            assert_eq!(accused, None, "byte {at}");
        }
    }
}
