//! Notes, spoilt in one place each.

use super::*;
use crate::domain::{PackageId, Timestamp};
use Severity::{Error, Warning};

macro_rules! rows {
    ($(
        $defect:literal: |$n:ident| $spoil:expr =>
        $severity:ident, $field:expr, $paragraph:expr;
    )+) => {
        &[$(($defect, |$n| $spoil, $field, $paragraph, $severity)),+]
    };
}

fn refusal(grounds: &[&str]) -> Note {
    Note {
        text: "The search would disclose a protected source.".to_owned(),
        language: "en".to_owned(),
        grounds: grounds.iter().map(|&code| code.to_owned()).collect(),
        decision: Some(Decision::Refuse),
        ..Note::default()
    }
}

fn defect(field: &str, text: &str) -> Defect {
    Defect { field: field.to_owned(), text: text.to_owned() }
}

fn damaged(text: &str) -> ExhibitVerdict {
    let package = PackageId::new(Timestamp::from_unix_ms(1_795_000_000_000), [7; 10]);
    let text = text.to_owned();
    ExhibitVerdict { package, exhibit: 3, verdict: Verdict::Damaged, text }
}

#[test]
fn a_receipt_complains_of_what_is_not_whole() {
    let mut note = Note { verdicts: vec![damaged("The disk does not open.")], ..Note::default() };
    assert_eq!(note.check(), []);
    assert!(note.has_damage());
    note.verdicts[0].verdict = Verdict::Ok;
    assert!(!note.has_damage());
}

#[test]
fn a_reasoned_refusal_has_no_findings() {
    assert_eq!(refusal(&["ESSENTIAL_INTERESTS"]).check(), []);
    for ground in GROUNDS.iter().filter(|ground| ground.refuses) {
        assert_eq!(refusal(&[ground.code]).check(), [], "{}", ground.code);
    }
}

#[test]
fn one_bad_value_is_found() {
    type Row = (&'static str, fn(&mut Note), &'static str, &'static str, Severity);
    let rows: &[Row] = rows! {
        "no reasons": |n| n.text.clear() =>
            Error, "text", "UNTOC 18(23)";
        "no grounds": |n| n.grounds.clear() =>
            Error, "grounds", "UNTOC 18(23)";
        "postponed without grounds": |n| {
            n.decision = Some(Decision::Postpone);
            n.grounds.clear();
        } =>
            Error, "grounds", "UNTOC 18(23)";
        "bank secrecy": |n| n.grounds = vec!["BANK_SECRECY".into()] =>
            Error, "grounds", "UNTOC 18(8)";
        "fiscal": |n| n.grounds = vec!["FISCAL".into()] =>
            Error, "grounds", "UNTOC 18(22)";
        "both together": |n| n.grounds = vec!["FISCAL".into(), "BANK_SECRECY".into()] =>
            Error, "grounds", "UNTOC 18(22)";
        "refused because a proceeding goes on": |n| {
            n.grounds = vec!["POSTPONE_ONGOING_PROCEEDING".into()];
        } =>
            Error, "grounds", "UNTOC 18(21)";
        "refused because of that and a bank": |n| {
            n.grounds = vec!["POSTPONE_ONGOING_PROCEEDING".into(), "BANK_SECRECY".into()];
        } =>
            Error, "grounds", "UNTOC 18(21)";
        "postponed on a ground to refuse": |n| n.decision = Some(Decision::Postpone) =>
            Error, "grounds", "UNTOC 18(25)";
        "unknown ground": |n| n.grounds = vec!["ROYAL_PREROGATIVE".into()] =>
            Warning, "grounds[0]", "UNTOC 18(21)";
        "ground in prose": |n| n.grounds.push("essential interests".into()) =>
            Error, "grounds[1]", "form";
        "empty ground": |n| n.grounds.push(String::new()) =>
            Error, "grounds[1]", "form";
        "ground that begins with a digit": |n| n.grounds.push("1ST".into()) =>
            Error, "grounds[1]", "form";
        "long ground": |n| n.grounds.push("X".repeat(65)) =>
            Error, "grounds[1]", "form";
        "ground twice": |n| n.grounds.push("ESSENTIAL_INTERESTS".into()) =>
            Error, "grounds[1]", "form";
        "text without language": |n| n.language.clear() =>
            Error, "language", "UNTOC 18(14)";
        "language by its name": |n| n.language = "English".into() =>
            Error, "language", "form";
        "long text": |n| n.text = "x".repeat(TEXT_MAX_CHARS + 1) =>
            Error, "text", "form";
        "control character": |n| n.text.push('\u{8}') =>
            Error, "text", "form";
        "no day": |n| n.review_date = "2027-02-30".into() =>
            Error, "review_date", "form";
        "empty condition": |n| n.conditions.push(" ".into()) =>
            Error, "conditions[0]", "form";
        "defect of no field": |n| n.defects.push(defect("", "is missing")) =>
            Error, "defects[0].field", "UNTOC 18(21)(a)";
        "defect without words": |n| n.defects.push(defect("purpose", "")) =>
            Error, "defects[0].text", "UNTOC 18(21)(a)";
        "long word on an exhibit": |n| n.verdicts.push(damaged(&"x".repeat(TEXT_MAX_CHARS + 1))) =>
            Error, "verdicts[0].text", "form";
    };
    for (defect, spoil, field, paragraph, severity) in rows {
        let mut note = refusal(&["ESSENTIAL_INTERESTS"]);
        spoil(&mut note);
        assert_eq!(short(&note.check()), [(*field, *paragraph, *severity)], "{defect}");
    }
}

#[test]
fn a_forbidden_ground_may_stand_beside_another() {
    assert_eq!(refusal(&["BANK_SECRECY", "ESSENTIAL_INTERESTS"]).check(), []);
}

#[test]
fn a_postponement_rests_on_a_proceeding_that_goes_on_and_talk_on_anything() {
    let postponed = |grounds: &[&str]| Note {
        decision: Some(Decision::Postpone),
        review_date: "2027-06-30".to_owned(),
        ..refusal(grounds)
    };
    for ground in GROUNDS {
        let found = postponed(&[ground.code]).check();
        assert_eq!(found.is_empty(), ground.postpones, "{}: {found:?}", ground.code);
        assert!(!(ground.refuses && ground.postpones), "{}", ground.code);
    }
    assert_eq!(postponed(&["BANK_SECRECY", "POSTPONE_ONGOING_PROCEEDING"]).check(), []);
    // A treaty may have a ground that has no code here.
    let unknown = postponed(&["SEASON_OF_FLOODS", "FISCAL"]).check();
    assert!(unknown.iter().all(|one| one.severity == Warning), "{unknown:?}");
    let mut talk = refusal(&["BANK_SECRECY"]);
    talk.decision = None;
    assert_eq!(talk.check(), []);
}
