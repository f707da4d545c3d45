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
        let form = Form::of(kind);
        assert_eq!(misfit(&request, "request"), form != Form::Request, "{kind}");
        assert_eq!(misfit(&note, "note"), form != Form::Note, "{kind}");
    }
}

#[test]
fn a_good_content_of_each_kind_has_no_findings() {
    for kind in MessageKind::ALL.iter().copied() {
        // The other forms have tests of their own.
        if !matches!(Form::of(kind), Form::Request | Form::Note) {
            continue;
        }
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
            let asks = kind == MessageKind::UseConsentRequest;
            let use_purpose = if asks { "Another trial.".to_owned() } else { String::new() };
            let consent = (kind == MessageKind::UseConsentResponse).then_some(UseConsent::Granted);
            Content::note(kind, Note { decision, conditions, use_purpose, consent, ..note() })
        };
        assert_eq!(content.check(), [], "{kind}");
    }
}

type Row<'a> = (&'a str, Content, &'a [(&'a str, &'a str, Severity)]);

fn are_found(rows: Vec<Row<'_>>) {
    for (defect, content, expected) in rows {
        assert_eq!(short(&content.check()), expected, "{defect}");
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
    let silent = Content::note(MessageKind::StatusReport, Note::default());
    are_found(vec![
        ("calm emergency", emergency, &[("request.urgency.level", "CETS 224 10", Error)]),
        ("related cases twice", twice, &[("related_cases", "form", Error)]),
        ("related case without name", nowhere, &[("related_cases[0].reference", "form", Error)]),
        ("silent report", silent, &[("note.text", "form", Error)]),
    ]);
}

#[test]
fn what_a_kind_needs_is_missed() {
    let decides = |decision| Note { decision: Some(decision), ..note() };
    let is = Content::note;
    let kind = MessageKind::Decision;
    let refused = is(kind, Note { text: String::new(), ..decides(Decision::Refuse) });
    let reasons = [("note.text", "UNTOC 18(23)", Error), ("note.grounds", "UNTOC 18(23)", Error)];
    let grounds = vec!["POSTPONE_ONGOING_PROCEEDING".to_owned()];
    let postponed = is(kind, Note { grounds, ..decides(Decision::Postpone) });
    let proposal = is(MessageKind::ConditionsProposed, note());
    are_found(vec![
        ("a decision", is(kind, note()), &[("note.decision", "UNTOC 18(17)", Error)]),
        ("reasons", refused, &reasons),
        ("conditions", proposal, &[("note.conditions", "UNTOC 18(26)", Error)]),
        (
            "what does not conform",
            is(kind, decides(Decision::Return)),
            &[("note.defects", "UNTOC 18(21)(a)", Error)],
        ),
        (
            "when it is looked at again",
            postponed,
            &[("note.review_date", "UNTOC 18(25)", Severity::Warning)],
        ),
    ]);
}

#[test]
fn what_only_another_kind_says_is_found() {
    let decided = Note { decision: Some(Decision::Accept), ..note() };
    let defect = Defect { field: "purpose".to_owned(), text: "is missing".to_owned() };
    let conditions = vec!["No use in another case.".to_owned()];
    let is = Content::note;
    let report = MessageKind::StatusReport;
    are_found(vec![
        ("decision", is(report, decided.clone()), &[("note.decision", "form", Error)]),
        (
            "more to follow",
            is(report, Note { more_to_follow: true, ..note() }),
            &[("note.more_to_follow", "form", Error)],
        ),
        (
            "progress",
            is(MessageKind::Consultation, Note { progress: Some(Progress::UnderReview), ..note() }),
            &[("note.progress", "form", Error)],
        ),
        (
            "conditions",
            is(MessageKind::ConditionsDeclined, Note { conditions, ..note() }),
            &[("note.conditions", "form", Error)],
        ),
        (
            "defects",
            is(MessageKind::Decision, Note { defects: vec![defect], ..decided.clone() }),
            &[("note.defects", "form", Error)],
        ),
        (
            "review date",
            is(MessageKind::Decision, Note { review_date: "2027-03-31".to_owned(), ..decided }),
            &[("note.review_date", "form", Error)],
        ),
    ]);
}

#[test]
fn what_the_body_lacks_is_found_under_its_name() {
    let mut request = complete();
    request.assistance[0].description.clear();
    let found = Content::request(MessageKind::Request, request).check();
    assert_eq!(short(&found), [("request.assistance[0].description", "UNTOC 18(15)(d)", Error)]);
}

#[test]
fn what_a_part_says_needs_no_text() {
    let progress = Note { progress: Some(Progress::InExecution), ..Note::default() };
    let conditions = Note { conditions: vec!["No other use.".to_owned()], ..Note::default() };
    assert_eq!(Content::note(MessageKind::StatusReport, progress).check(), []);
    assert_eq!(Content::note(MessageKind::ConditionsProposed, conditions).check(), []);
}

#[test]
fn a_test_may_be_silent() {
    assert_eq!(Content::note(MessageKind::Test, Note::default()).check(), []);
}
