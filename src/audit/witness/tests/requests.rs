//! The text of a request.

use super::*;
use crate::domain::limits::{CHECKPOINT_MAX_BYTES, WITNESS_REQUEST_MAX_BYTES};

#[test]
fn a_request_has_the_lines_of_the_specification() {
    let (log, _) = logs();
    let request = extends(&log, 5, 7);
    let text = request.to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "old 5");
    assert!(lines[1..5].iter().all(|line| line.len() == 44), "{text}");
    assert_eq!(lines[5..7], ["", "xa.moj/log/2026"]);
    assert!(text.ends_with(&log.checkpoint(7).sign(&log.key)));
    assert_eq!((request.old(), request.proof().len()), (5, 4));
    assert_eq!(request.origin(), "xa.moj/log/2026");
    let first = extends(&log, 0, 7).to_text();
    assert!(first.starts_with("old 0\n\nxa.moj/log/2026\n7\n"), "{first}");
}

#[test]
fn malformed_requests_are_refused() {
    use RequestError::*;
    let (log, _) = logs();
    let good = extends(&log, 5, 7).to_text();
    let hash = good.lines().nth(1).expect("a hash").to_owned();
    let hashes = |count: usize| format!("old 5\n{}\nx\n", format!("{hash}\n").repeat(count));
    let long = |bytes: usize| "x".repeat(bytes);
    for (defect, bad, expected) in [
        ("empty", String::new(), NoBlankLine),
        ("no blank line", good.replace("\n\n", "\n"), NoBlankLine),
        ("no old size", good.replace("old 5\n", ""), Old),
        ("a number alone", good.replace("old 5", "5"), Old),
        ("upper case", good.replace("old", "Old"), Old),
        ("two spaces", good.replace("old 5", "old  5"), Old),
        ("leading zero", good.replace("old 5", "old 05"), Old),
        ("negative", good.replace("old 5", "old -5"), Old),
        ("space after the size", good.replace("old 5", "old 5 "), Old),
        ("too large a size", good.replace("old 5", "old 18446744073709551616"), Old),
        ("carriage return", good.replace("old 5\n", "old 5\r\n"), Old),
        ("blank line first", format!("\n{good}"), Old),
        ("short hash", good.replacen(&hash, "AAAA", 1), Hash(0)),
        ("hash without padding", good.replacen('=', "", 1), Hash(0)),
        ("a hash too many", hashes(PROOF_LINES_MAX + 1), Hash(PROOF_LINES_MAX)),
        ("long checkpoint", format!("old 0\n\n{}", long(CHECKPOINT_MAX_BYTES + 1)), Checkpoint),
        ("too large", long(WITNESS_REQUEST_MAX_BYTES + 1), TooLarge(WITNESS_REQUEST_MAX_BYTES + 1)),
    ] {
        assert_eq!(AddCheckpoint::parse(bad.as_bytes()), Err(expected), "{defect}");
    }
    assert_eq!(AddCheckpoint::parse(b"old 0\n\n\xff"), Err(NotText));
    let full = AddCheckpoint::parse(hashes(PROOF_LINES_MAX).as_bytes()).expect("as many as may be");
    assert_eq!(full.proof().len(), PROOF_LINES_MAX);
    let largest = ask(u64::MAX, vec![[1; 32]; PROOF_LINES_MAX], long(CHECKPOINT_MAX_BYTES));
    assert_eq!(AddCheckpoint::parse(largest.to_text().as_bytes()), Ok(largest));
}

#[test]
fn what_cannot_be_asked_is_not_made() {
    let hashes = vec![[0; 32]; PROOF_LINES_MAX + 1];
    let made = AddCheckpoint::new(5, hashes, String::new());
    assert_eq!(made, Err(RequestError::Hash(PROOF_LINES_MAX)));
    let made = AddCheckpoint::new(5, Vec::new(), "x".repeat(CHECKPOINT_MAX_BYTES + 1));
    assert_eq!(made, Err(RequestError::Checkpoint));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_comes_back(
        old in any::<u64>(),
        proof in vec(any::<[u8; 32]>(), 0..=PROOF_LINES_MAX),
        note in "\\PC{0,40}(\n\\PC{0,40}){0,6}",
    ) {
        let request = ask(old, proof, note);
        prop_assert_eq!(AddCheckpoint::parse(request.to_text().as_bytes()), Ok(request));
    }

    #[test]
    fn no_octets_are_a_fault(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(request) = AddCheckpoint::parse(&bytes) {
            prop_assert_eq!(request.to_text().into_bytes(), bytes);
            let _ = decide(None, &keys(), &request);
        }
    }
}
