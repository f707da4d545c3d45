//! Whether a body fits its kind.

use super::*;
use crate::domain::MessageKind;
use Severity::Error;

fn note() -> Note {
    Note { text: "As agreed.".to_owned(), language: "en".to_owned(), ..Note::default() }
}

#[test]
fn each_kind_has_one_body_that_fits() {
    for kind in MessageKind::ALL.iter().copied() {
        let request = Content::request(kind, complete()).check();
        let note = Content::note(kind, note()).check();
        let misfit = |found: &[Finding], body: &str| {
            found.iter().any(|one| one.field == body && one.severity == Error)
        };
        assert_eq!(misfit(&request, "request"), !kind.is_request(), "{kind}");
        assert_eq!(misfit(&note, "note"), kind.is_request(), "{kind}");
    }
}

#[test]
fn a_good_content_of_each_kind_has_no_findings() {
    for kind in MessageKind::ALL.iter().copied() {
        let content = if kind.is_request() {
            let mut request = complete();
            if kind == MessageKind::EmergencyRequest {
                request.urgency.level = UrgencyLevel::Emergency;
            }
            Content::request(kind, request)
        } else {
            let decision = (kind == MessageKind::Decision).then_some(Decision::Accept);
            let proposes = kind == MessageKind::ConditionsProposed;
            let conditions = proposes.then(|| "No other use.".to_owned()).into_iter().collect();
            Content::note(kind, Note { decision, conditions, ..note() })
        };
        assert_eq!(content.check(), [], "{kind}");
    }
}

#[test]
fn one_misfit_is_found() {
    let related = complete().related_cases;
    let mut nameless = related.clone();
    nameless[0].case_id = None;
    nameless[0].reference.clear();
    let emergency = Content::request(MessageKind::EmergencyRequest, complete());
    let twice =
        Content { related_cases: related, ..Content::request(MessageKind::Request, complete()) };
    let nowhere =
        Content { related_cases: nameless, ..Content::note(MessageKind::StatusReport, note()) };
    let more = Note { more_to_follow: true, ..note() };
    let decided = Note { decision: Some(Decision::Accept), ..note() };
    let refused = Note { decision: Some(Decision::Refuse), ..Note::default() };
    let progress = Note { progress: Some(Progress::UnderReview), ..note() };
    let conditions = Note { conditions: vec!["No use in another case.".to_owned()], ..note() };
    let returned = Note { decision: Some(Decision::Return), ..note() };
    let defect = Defect { field: "purpose".to_owned(), text: "is missing".to_owned() };
    let grounds = vec!["POSTPONE_ONGOING_PROCEEDING".to_owned()];
    let postponed = Note { decision: Some(Decision::Postpone), grounds, ..note() };
    let looked_at = Note { review_date: "2027-03-31".to_owned(), ..decided.clone() };
    type Row<'a> = (&'a str, Content, &'a [(&'a str, &'a str, Severity)]);
    let rows: Vec<Row<'_>> = vec![
        ("calm emergency", emergency, &[("request.urgency.level", "CETS 224 10", Error)]),
        ("related cases twice", twice, &[("related_cases", "form", Error)]),
        ("related case without name", nowhere, &[("related_cases[0].reference", "form", Error)]),
        (
            "decision that decides nothing",
            Content::note(MessageKind::Decision, note()),
            &[("note.decision", "UNTOC 18(17)", Error)],
        ),
        (
            "decision in a report",
            Content::note(MessageKind::StatusReport, decided.clone()),
            &[("note.decision", "form", Error)],
        ),
        (
            "more of a report",
            Content::note(MessageKind::StatusReport, more),
            &[("note.more_to_follow", "form", Error)],
        ),
        (
            "progress of a decision",
            Content::note(MessageKind::Consultation, progress),
            &[("note.progress", "form", Error)],
        ),
        (
            "proposal of nothing",
            Content::note(MessageKind::ConditionsProposed, note()),
            &[("note.conditions", "UNTOC 18(26)", Error)],
        ),
        (
            "conditions of a refusal",
            Content::note(MessageKind::ConditionsDeclined, conditions),
            &[("note.conditions", "form", Error)],
        ),
        (
            "returned for nothing",
            Content::note(MessageKind::Decision, returned),
            &[("note.defects", "UNTOC 18(21)(a)", Error)],
        ),
        (
            "defects of what is accepted",
            Content::note(MessageKind::Decision, Note { defects: vec![defect], ..decided.clone() }),
            &[("note.defects", "form", Error)],
        ),
        (
            "postponed for ever",
            Content::note(MessageKind::Decision, postponed),
            &[("note.review_date", "UNTOC 18(25)", Severity::Warning)],
        ),
        (
            "accepted and looked at again",
            Content::note(MessageKind::Decision, looked_at),
            &[("note.review_date", "form", Error)],
        ),
        (
            "silent report",
            Content::note(MessageKind::StatusReport, Note::default()),
            &[("note.text", "form", Error)],
        ),
        (
            "silent refusal",
            Content::note(MessageKind::Decision, refused),
            &[("note.text", "UNTOC 18(23)", Error), ("note.grounds", "UNTOC 18(23)", Error)],
        ),
    ];
    for (defect, content, expected) in rows {
        assert_eq!(short(&content.check()), expected, "{defect}");
    }
}

#[test]
fn what_the_body_lacks_is_found_under_its_name() {
    let mut request = complete();
    request.assistance[0].description.clear();
    let found = Content::request(MessageKind::Request, request).check();
    assert_eq!(short(&found), [("request.assistance[0].description", "UNTOC 18(15)(d)", Error)]);
}

#[test]
fn a_test_may_be_silent() {
    assert_eq!(Content::note(MessageKind::Test, Note::default()).check(), []);
}
