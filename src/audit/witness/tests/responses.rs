//! The text of an answer.

use super::*;
use crate::audit::cosignature::CosignatureError;
use crate::domain::limits::WITNESS_RESPONSE_MAX_BYTES;

fn witnesses() -> [Cosigner; 2] {
    [
        cosigner("xb.oag/witness", 11, Algorithm::Ed25519),
        cosigner("xb.oag/witness", 11, Algorithm::MlDsa44),
    ]
}

fn both() -> Vec<WitnessKey> {
    witnesses().map(|witness| witness.key().clone()).to_vec()
}

fn answer(log: &TestLog, size: u64) -> String {
    response_text(&witnesses().map(|witness| log.cosigned_by(&witness, size, AT)))
}

#[test]
fn an_answer_is_a_line_a_key() {
    let (log, _) = logs();
    let text = answer(&log, 7);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.starts_with("\u{2014} xb.oag/witness ")));
    let mut signed = log.signed(7);
    assert_eq!(take_response(&mut signed, text.as_bytes(), &both()), Ok(2));
    assert_eq!(signed.to_note(), log.checkpoint(7).sign(&log.key) + &text);
    assert_eq!(take_response(&mut signed, text.as_bytes(), &both()), Ok(0), "nothing new");
    let mut signed = log.signed(7);
    assert_eq!(take_response(&mut signed, text.as_bytes(), &both()[..1]), Ok(1));
}

#[test]
fn answers_worth_nothing_are_refused() {
    let (log, _) = logs();
    let good = answer(&log, 7);
    let invalid = CosignatureError::Invalid("xb.oag/witness".into());
    let unknown = cosigner("xc.moj/witness", 5, Algorithm::Ed25519);
    let unknown = response_text(&[log.cosigned_by(&unknown, 7, AT)]);
    let line = CosignatureError::Line;
    for (defect, bad, expected) in [
        ("empty", String::new(), ResponseError::Lines),
        ("no newline at the end", good.trim_end().to_owned(), ResponseError::Lines),
        ("only a newline", "\n".to_owned(), line.clone().into()),
        ("a blank line", format!("{good}\n"), line.clone().into()),
        ("no signature line", "<html>\n".to_owned(), line.into()),
        ("a line by someone unknown", unknown.clone(), ResponseError::NoKnownKey),
        ("of another checkpoint", answer(&log, 8), invalid.clone().into()),
        ("a bad one after a good one", format!("{good}{}", answer(&log, 8)), invalid.into()),
        ("too many", unknown.repeat(65), ResponseError::Lines),
        ("too long", "x".repeat(WITNESS_RESPONSE_MAX_BYTES) + "\n", ResponseError::Lines),
    ] {
        let mut signed = log.signed(7);
        assert_eq!(take_response(&mut signed, bad.as_bytes(), &both()), Err(expected), "{defect}");
        assert_eq!(signed, log.signed(7), "{defect}: nothing was taken");
    }
    let mut signed = log.signed(7);
    let refused = take_response(&mut signed, b"\xff\n", &both());
    assert_eq!(refused, Err(ResponseError::Lines), "not a text");
    let mixed = format!("{unknown}\u{2014} xd.moj/witness AAAAAAAA\n{good}");
    assert_eq!(take_response(&mut signed, mixed.as_bytes(), &both()), Ok(2), "unknown are ignored");
}

#[test]
fn a_size_is_a_decimal_and_a_newline() {
    for size in [0, 1, 5, u64::MAX] {
        assert_eq!(parse_conflict(conflict_text(size).as_bytes()), Some(size));
    }
    for bad in ["", "\n", "5", "05\n", "+5\n", "-1\n", "5 \n", "5\n\n", "18446744073709551616\n"] {
        assert_eq!(parse_conflict(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(parse_conflict(b"\xff\n"), None);
}
