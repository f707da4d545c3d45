//! Bodies of forms of their own: hearings, transfers, costs, extraditions, protection, nationality.

use super::*;
use crate::domain::MessageKind;
use crate::domain::request::{CaseRelation, Finding};
use Severity::{Error, Warning};

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/messages/", $name))
    };
}

const HEARING: &str = example!("hearing-of-a-victim.toml");
const ASKED: &str = example!("person-transfer-request.toml");
const CONSENT: &str = example!("person-transfer-consent.toml");
const SAFE: &str = example!("safe-conduct.toml");
const COSTS: &str = example!("costs-of-an-examination.toml");
const ARREST: &str = example!("extradition-provisional-arrest.toml");
const SURRENDER: &str = example!("extradition-surrender.toml");
const PROTECTION: &str = example!("victim-protection.toml");
const ANSWER: &str = example!("nationality-answer.toml");

fn read(file: &str) -> Content {
    content_from_toml(file).expect("of the form")
}

/// What is found where something in a file is another thing.
fn with(file: &str, from: &str, to: &str) -> Vec<Finding> {
    assert!(file.contains(from), "{from} is not there");
    read(&file.replacen(from, to, 1)).check()
}

#[track_caller]
fn finds(found: &[Finding], expected: &[(&str, &str, Severity)]) {
    assert_eq!(short(found), expected);
}

#[test]
fn a_hearing_that_is_proposed_need_not_know_everything() {
    let file = "kind = \"HEARING_ARRANGEMENT\"\n[hearing]\nstage = \"proposed\"\n\
                persons = [\"V-1\"]\nlanguage = \"en\"";
    finds(&read(file).check(), &[]);
    let confirmed = with(file, "proposed", "confirmed");
    let paragraph = "UNTOC 18(18)";
    let expected = [
        ("hearing.means", paragraph, Error),
        ("hearing.start", paragraph, Error),
        ("hearing.presided_by", paragraph, Warning),
        ("hearing.attended_by", paragraph, Warning),
        ("hearing.link_tested", "UNTOC 24(2)(b)", Warning),
        ("hearing.record", paragraph, Warning),
        ("hearing.consent", paragraph, Warning),
    ];
    finds(&confirmed, &expected);
}

#[test]
fn the_hour_of_a_hearing_has_its_offset() {
    for bad in ["2027-03-01", "2027-03-01T09:00:00", "2027-03-01 9:00", "2027-02-30T09:00:00Z"] {
        let found = with(HEARING, "2027-03-01T09:00:00+07:00", bad);
        finds(&found, &[("hearing.start", "form", Error)]);
    }
    finds(&with(HEARING, "2027-03-01T09:00:00+07:00", "2027-03-01T02:00:00Z"), &[]);
    let late = with(HEARING, "2027-02-22", "2027-03-02");
    finds(&late, &[("hearing.link_tested", "form", Error)]);
    finds(&with(HEARING, "minutes = 150", "minutes = 1441"), &[("hearing.minutes", "form", Error)]);
    let tongue = with(HEARING, "[\"th\", \"id\"]", "[\"th\", \"Thai\"]");
    finds(&tongue, &[("hearing.interpreters[1]", "form", Error)]);
}

#[test]
fn a_child_who_is_heard_has_a_guardian_and_measures() {
    let child = HEARING.replace("persons = ", "child = true\npersons = ");
    finds(&read(&child).check(), &[("hearing.consent.by", "Trafficking Protocol 6(4)", Warning)]);
    assert_eq!(Handling::of(&read(&child), None), Handling::ProtectedChild);
    assert_eq!(Handling::of(&read(HEARING), None), Handling::Protected);
    assert_eq!(Handling::of(&read(COSTS), None), Handling::Ordinary);
}

#[test]
fn nobody_is_transferred_who_has_not_agreed() {
    let paragraph = "UNTOC 18(10)(a)";
    let said_no = with(CONSENT, "given = true", "given = false");
    finds(&said_no, &[("transfer_consent.consent.given", paragraph, Error)]);
    for by in ["guardian", "representative"] {
        let other = with(CONSENT, "by = \"person\"", &format!("by = \"{by}\""));
        finds(&other, &[("transfer_consent.consent.by", paragraph, Error)]);
    }
    let untold = with(CONSENT, "informed = true", "informed = false");
    finds(&untold, &[("transfer_consent.informed", paragraph, Error)]);
    let (head, _) = CONSENT.split_once("[transfer_consent.consent]").expect("its last table");
    finds(&read(head).check(), &[("transfer_consent.consent", paragraph, Error)]);
    let refused = CONSENT.replace("given = true", "given = false");
    finds(&with(&refused, "agreed = true", "agreed = false"), &[]);
}

#[test]
fn no_profile_renounces_consent_to_a_transfer() {
    use crate::domain::profile::Profile;
    let off = |need: &str| {
        format!("[[rules]]\ninstrument = \"UNTOC\"\nneed = \"{need}\"\nseverity = \"off\"\n")
    };
    let profile = format!("{}{}", off("transfer_consent"), off("transfer_return_by"));
    let profile: Profile = toml::from_str(&profile).expect("a profile");
    let target = Target { profile: Some(&profile), ..Target::default() };
    let file = CONSENT.replace("given = true", "given = false").replace("return_by", "#");
    let found = read(&file).check_for(&target);
    finds(&found, &[("transfer_consent.consent.given", "UNTOC 18(10)(a)", Error)]);
}

#[test]
fn days_are_in_their_order() {
    for (file, from, to, field) in [
        (ASKED, "2027-03-20", "2027-02-28", "transfer_request.return_by"),
        (CONSENT, "2027-03-20", "2027-02-28", "transfer_consent.return_by"),
        (SAFE, "2027-03-09", "2027-03-04", "safe_conduct.until"),
        (ARREST, "2027-02-19", "2027-01-09", "extradition.request_due"),
    ] {
        finds(&with(file, from, to), &[(field, "form", Error)]);
    }
    finds(&with(SAFE, "2027-03-09", "2027-03-05"), &[]);
}

#[test]
fn who_came_has_fifteen_days_to_leave_or_as_many_as_were_agreed() {
    let paragraph = "UNTOC 18(27)";
    finds(&with(SAFE, "= 15", "= 14"), &[("safe_conduct.days_to_leave", paragraph, Error)]);
    finds(&with(SAFE, "days_to_leave = 15", "days_to_leave = 7\ndays_agreed = true"), &[]);
    finds(&with(SAFE, "= 15", "= 16"), &[]);
    finds(&with(SAFE, "= 15", "= 36501"), &[("safe_conduct.days_to_leave", "form", Error)]);
}

#[test]
fn each_notice_of_an_extradition_says_its_own_part() {
    let wrong = with(ARREST, "language", "surrendered_on = \"2027-03-01\"\nlanguage");
    finds(&wrong, &[("extradition.surrendered_on", "form", Error)]);
    let other =
        with(SURRENDER, "EXTRADITION_LINK_SURRENDER", "EXTRADITION_LINK_EXTRADITION_REQUEST");
    let expected = [
        ("extradition.requested_on", "UNTOC 16", Error),
        ("extradition.instrument", "UNTOC 16(4)", Warning),
        ("extradition.surrendered_on", "form", Error),
        ("extradition.conditions", "form", Error),
        ("extradition.returns_to_serve", "form", Error),
    ];
    finds(&other, &expected);
}

#[test]
fn an_extradition_is_a_case_of_its_own() {
    let mut content = read(ARREST);
    assert_eq!(content.related_cases[0].relation, CaseRelation::Extradition);
    assert!(content.body.form() == Form::Extradition && content.kind.belongs_to_case());
    content.related_cases[0].relation = CaseRelation::Parallel;
    finds(&content.check(), &[("related_cases", "UNTOC 16", Warning)]);
    content.related_cases[0].relation = CaseRelation::Extradition;
    content.related_cases[0].reference.clear();
    finds(&content.check(), &[("related_cases[0].reference", "form", Error)]);
}

#[test]
fn a_role_changes_for_a_reason_and_of_a_person_of_the_notice() {
    let paragraph = "Trafficking Protocol 6";
    let stranger = with(PROTECTION, "ref = \"P3\"", "ref = \"P4\"");
    finds(&stranger, &[("protection.role_changes[0].ref", paragraph, Error)]);
    let none = with(PROTECTION, "from = \"suspect\"", "from = \"victim\"");
    finds(&none, &[("protection.role_changes[0].to", paragraph, Error)]);
}

#[test]
fn an_answer_is_about_each_person_once() {
    let twice = with(ANSWER, "V-91C0", "V-7F3A");
    finds(&twice, &[("nationality_answer.answers[1].person", "form", Error)]);
    let papers = with(ANSWER, "finding = \"national\"", "finding = \"not_national\"");
    finds(&papers, &[("nationality_answer.answers[0].document_by", "form", Error)]);
}

#[test]
fn a_note_is_no_body_of_these_kinds() {
    for kind in MessageKind::ALL.iter().copied() {
        let form = Form::of(kind);
        let note = Note { text: "a".into(), language: "en".into(), ..Note::default() };
        let refused = Content::note(kind, note).check();
        let told = refused.iter().find(|one| one.need == Need::FormBody);
        assert_eq!(told.is_some(), form != Form::Note, "{kind}");
        if let Some(told) = told {
            assert!(told.message.ends_with(&format!("give a {}", form.as_str())), "{told}");
        }
    }
}

#[test]
fn it_is_said_in_a_language_that_is_read_there() {
    let languages = ["en".to_owned(), "fr".to_owned()];
    let target = Target { languages: &languages, ..Target::default() };
    let found = read(HEARING).check_for(&target);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.field.as_str(), one.need), ("hearing.language", Need::NoteAcceptedLanguage));
    finds(&read(ASKED).check_for(&target), &[]);
}

#[test]
fn files_come_back_and_debug_shows_nothing() {
    for file in [HEARING, ASKED, CONSENT, SAFE, COSTS, ARREST, SURRENDER, PROTECTION, ANSWER] {
        let content = read(file);
        let json = serde_json::to_string(&content).expect("JSON");
        assert!(content_from_json(&json).expect("read") == content);
        let shown = format!("{content:?} {:?}", content.body);
        let said = content.body.persons().unwrap_or_default();
        assert!(said.iter().all(|person| !shown.contains(person)), "{shown}");
    }
}
