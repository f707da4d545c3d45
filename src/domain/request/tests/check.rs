//! One bad value a row: a complete request is spoilt in one place, and that place is found.

use super::*;
use Severity::{Error, Warning};

type Row = (&'static str, fn(&mut MlaRequest), &'static str, &'static str, Severity);

/// Two lines a row: what is done to the request; what must be found.
macro_rules! rows {
    ($(
        $defect:literal: |$r:ident| $spoil:expr =>
        $severity:ident, $field:expr, $paragraph:expr;
    )+) => {
        &[$(($defect, |$r| $spoil, $field, $paragraph, $severity)),+]
    };
}

fn found_alone(rows: &[Row]) {
    for (defect, spoil, field, paragraph, severity) in rows {
        let mut request = complete();
        spoil(&mut request);
        let found = request.check();
        assert_eq!(short(&found), [(*field, *paragraph, *severity)], "{defect}");
        assert!(!found[0].message.is_empty(), "{defect}");
    }
}

fn bases(codes: &[&str]) -> Vec<Instrument> {
    codes.iter().map(|code| Instrument::parse(code).expect(code)).collect()
}

/// Another basis, and so no word on why UNTOC applies.
fn rest_on(request: &mut MlaRequest, codes: &[&str]) {
    request.legal_basis = bases(codes);
    request.transnationality = None;
}

fn ask(request: &mut MlaRequest, assistance_type: AssistanceType) {
    request.assistance[0].assistance_type = assistance_type;
}

fn deadline(request: &mut MlaRequest) -> &mut Deadline {
    request.deadline.as_mut().expect("a complete request has one")
}

fn secrecy(request: &mut MlaRequest) -> &mut Confidentiality {
    request.confidentiality.as_mut().expect("a complete request has it")
}

#[test]
fn a_complete_request_has_no_findings() {
    assert_eq!(complete().check(), []);
}

#[test]
fn what_must_be_there_is_missed_with_its_paragraph() {
    found_alone(rows! {
        "no id": |r| r.requesting_authority.id = None =>
            Error, "requesting_authority.id", "UNTOC 18(15)(a)";
        "no name": |r| r.requesting_authority.name.clear() =>
            Error, "requesting_authority.name", "UNTOC 18(15)(a)";
        "no country": |r| r.requesting_authority.country.clear() =>
            Error, "requesting_authority.country", "UNTOC 18(15)(a)";
        "no contact": |r| r.requesting_authority.contact.clear() =>
            Error, "requesting_authority.contact", "UNTOC 18(15)(a)";
        "no signer": |r| r.requesting_authority.signer.clear() =>
            Error, "requesting_authority.signer", "UNTOC 18(14)";
        "no competent authority": |r| r.competent_authority.name.clear() =>
            Error, "competent_authority.name", "UNTOC 18(15)(b)";
        "no functions": |r| r.competent_authority.functions.clear() =>
            Error, "competent_authority.functions", "UNTOC 18(15)(b)";
        "no subject": |r| r.subject.clear() =>
            Error, "subject", "UNTOC 18(15)(b)";
        "blank subject": |r| r.subject = " \u{a0}".into() =>
            Error, "subject", "UNTOC 18(15)(b)";
        "no nature": |r| r.nature = None =>
            Error, "nature", "UNTOC 18(15)(b)";
        "no offence": |r| r.offences.clear() =>
            Error, "offences", "UNTOC 18(15)(b)";
        "offence without title": |r| r.offences[0].title.clear() =>
            Error, "offences[0].title", "UNTOC 18(15)(b)";
        "no facts": |r| r.facts_summary.clear() =>
            Error, "facts_summary", "UNTOC 18(15)(c)";
        "nothing asked": |r| r.assistance.clear() =>
            Error, "assistance", "UNTOC 18(15)(d)";
        "asked without description": |r| r.assistance[0].description.clear() =>
            Error, "assistance[0].description", "UNTOC 18(15)(d)";
        "person without reference": |r| r.persons[1].reference.clear() =>
            Error, "persons[1].ref", "UNTOC 18(15)(e)";
        "no purpose": |r| r.purpose.clear() =>
            Error, "purpose", "UNTOC 18(15)(f)";
        "transnational, but how": |r| r.transnationality = Some(Transnationality::default()) =>
            Error, "transnationality.link", "UNTOC 3(2)";
        "deadline without date": |r| deadline(r).date.clear() =>
            Error, "deadline.date", "UNTOC 18(24)";
        "deadline without reason": |r| deadline(r).reason.clear() =>
            Error, "deadline.reason", "UNTOC 18(24)";
        "urgent without ground": |r| r.urgency.ground.clear() =>
            Warning, "urgency.ground", "UNTOC 18(13)";
        "emergency without ground": |r| {
            r.urgency = Urgency { level: UrgencyLevel::Emergency, ground: "\t".into() };
        } =>
            Error, "urgency.ground", "CETS 224 10";
        "no word on secrecy": |r| r.confidentiality = None =>
            Error, "confidentiality", "UNTOC 18(20)";
        "secret without reason": |r| secrecy(r).reason.clear() =>
            Warning, "confidentiality.reason", "UNTOC 18(20)";
        "no language": |r| r.language.clear() =>
            Error, "language", "UNTOC 18(14)";
        "translation without language": |r| r.translations[0].language.clear() =>
            Error, "translations[0].language", "UNTOC 18(14)";
        "no signature": |r| r.authenticity.signature.clear() =>
            Error, "authenticity.signature", "UNTOC 18(14)";
        "empty certification": |r| r.authenticity.certifications[0].clear() =>
            Error, "authenticity.certifications[0]", "form";
        "related case without name": |r| {
            r.related_cases[0].case_id = None;
            r.related_cases[0].reference.clear();
        } =>
            Error, "related_cases[0].reference", "form";
    });
}

#[test]
fn texts_and_lists_have_bounds_and_no_control_characters() {
    found_alone(rows! {
        "long subject": |r| r.subject = "é".repeat(LINE_MAX_CHARS + 1) =>
            Error, "subject", "form";
        "long facts": |r| r.facts_summary = "x".repeat(TEXT_MAX_CHARS + 1) =>
            Error, "facts_summary", "form";
        "long question": |r| r.assistance[0].questions[0] = "x".repeat(ITEM_MAX_CHARS + 1) =>
            Error, "assistance[0].questions[0]", "form";
        "many questions": |r| r.assistance[0].questions = vec!["Why?".into(); LIST_MAX + 1] =>
            Error, "assistance[0].questions", "form";
        "empty item": |r| r.assistance[0].items[0].clear() =>
            Error, "assistance[0].items[0]", "form";
        "bell in a place": |r| r.assistance[0].places[0].push('\u{7}') =>
            Error, "assistance[0].places[0]", "form";
        "line feed in a line": |r| r.stage = "a\nb".into() =>
            Error, "stage", "form";
        "escape in a text": |r| r.purpose.push('\u{1b}') =>
            Error, "purpose", "form";
        "carriage return": |r| r.facts_summary.push('\r') =>
            Error, "facts_summary", "form";
        "C1 control": |r| r.ne_bis_in_idem.push('\u{85}') =>
            Error, "ne_bis_in_idem", "form";
        "right-to-left override": |r| r.costs.as_mut().expect("set").ordinary.push('\u{202e}') =>
            Error, "costs.ordinary", "form";
        "NUL in the law": |r| r.offences[0].statute_text.push('\0') =>
            Error, "offences[0].statute_text", "form";
        "NUL in an undertaking": |r| r.undertakings[0].text.push('\0') =>
            Error, "undertakings[0].text", "form";
        "NUL in a court order": |r| r.assistance[0].court_order.push('\0') =>
            Error, "assistance[0].court_order", "form";
        "NUL in a procedure": |r| r.assistance[0].particular_procedure.push('\0') =>
            Error, "assistance[0].particular_procedure", "form";
        "NUL in a channel": |r| r.prior_contacts[0].channel.push('\0') =>
            Error, "prior_contacts[0].channel", "form";
        "NUL in a note": |r| r.dual_criminality.as_mut().expect("set").note.push('\0') =>
            Error, "dual_criminality.note", "form";
        "NUL in a location": |r| r.persons[0].location.push('\0') =>
            Error, "persons[0].location", "form";
    });
}

#[test]
fn codes_dates_and_tags_have_a_shape() {
    found_alone(rows! {
        "country of three letters": |r| r.persons[0].nationality = "XAA".into() =>
            Error, "persons[0].nationality", "form";
        "country in lower case": |r| r.persons[0].nationality = "xa".into() =>
            Error, "persons[0].nationality", "form";
        "country of another authority": |r| r.requesting_authority.country = "XA".into() =>
            Error, "requesting_authority.country", "UNTOC 18(15)(a)";
        "language by its name": |r| r.language = "english".into() =>
            Error, "language", "form";
        "language with a blank": |r| r.language = "en ".into() =>
            Error, "language", "form";
        "language without end": |r| r.language = format!("en{}", "-abcdefgh".repeat(4)) =>
            Error, "language", "form";
        "translation without tag": |r| r.translations[0].language = "zh_Hant".into() =>
            Error, "translations[0].language", "form";
        "deadline on no day": |r| deadline(r).date = "2027-02-29".into() =>
            Error, "deadline.date", "form";
        "deadline by the clock": |r| deadline(r).date = "2027-02-12T00".into() =>
            Error, "deadline.date", "form";
        "secret until never": |r| secrecy(r).until = "12.02.2027".into() =>
            Error, "confidentiality.until", "form";
        "contact of a signed year": |r| r.prior_contacts[0].date = "+026-07-22".into() =>
            Error, "prior_contacts[0].date", "form";
        "reference in lower case": |r| r.persons[0].reference = "p1".into() =>
            Error, "persons[0].ref", "form";
        "reference without end": |r| r.persons[0].reference = "P".repeat(31) + "-1" =>
            Error, "persons[0].ref", "form";
        "reference of two persons": |r| r.persons[2].reference = "P1".into() =>
            Error, "persons[2].ref", "form";
        "basis twice": |r| r.legal_basis = bases(&["UNTOC", "UNTOC"]) =>
            Error, "legal_basis[1]", "form";
    });
}

#[test]
fn victims_and_witnesses_have_an_alias_and_nothing_else() {
    const VICTIM: &str = "Trafficking Protocol 6(1)";
    found_alone(rows! {
        "victim without alias": |r| r.persons[1].alias.clear() =>
            Error, "persons[1].alias", VICTIM;
        "victim with a nationality": |r| r.persons[1].nationality = "XA".into() =>
            Error, "persons[1].nationality", VICTIM;
        "victim with a place": |r| r.persons[1].location = "Shelter".into() =>
            Error, "persons[1].location", VICTIM;
        "witness without alias": |r| r.persons[2].alias.clear() =>
            Error, "persons[2].alias", "UNTOC 24";
        "witness with a place": |r| r.persons[2].location = "Port".into() =>
            Error, "persons[2].location", "UNTOC 24";
        "a name for an alias": |r| r.persons[1].alias = "Jane Roe".into() =>
            Error, "persons[1].alias", "form";
        "a name in capitals for an alias": |r| r.persons[1].alias = "ROE".into() =>
            Error, "persons[1].alias", "form";
    });
}

#[test]
fn what_rests_on_the_basis() {
    found_alone(rows! {
        "no basis": |r| rest_on(r, &[]) =>
            Error, "legal_basis", "UNTOC 18(7)";
        "reciprocity before a treaty": |r| r.legal_basis = bases(&["RECIPROCITY", "UNTOC"]) =>
            Warning, "legal_basis", "UNTOC 18(7)";
        "no treaty and no reciprocity": |r| rest_on(r, &["RECIPROCITY"]) =>
            Error, "undertakings", "UNTOC 18(1)";
        "transnational without UNTOC": |r| {
            r.legal_basis = bases(&["UNCAC"]);
            r.offences[0].family = OffenceFamily::Corruption;
        } =>
            Warning, "transnationality", "UNTOC 18(1)";
        "UNTOC, but why": |r| r.transnationality = None =>
            Warning, "transnationality", "UNTOC 18(1)";
        "asset recovery under UNTOC": |r| ask(r, AssistanceType::AssetRecovery) =>
            Warning, "assistance[0].type", "UNCAC 46(3)(k)";
        "seizure without dual criminality": |r| {
            ask(r, AssistanceType::SearchSeizureFreezing);
            r.dual_criminality = None;
        } =>
            Warning, "dual_criminality", "UNTOC 18(9)";
        "freezing without dual criminality": |r| {
            rest_on(r, &["UNCAC"]);
            r.offences[0].family = OffenceFamily::MoneyLaundering;
            ask(r, AssistanceType::AssetFreezing);
            r.dual_criminality = None;
        } =>
            Warning, "dual_criminality", "UNCAC 46(9)";
    });
}

#[test]
fn asean_asks_for_more() {
    let mut request = complete();
    request.legal_basis = bases(&["ASEAN-MLAT", "UNTOC"]);
    request.stage.clear();
    request.offences[0].max_penalty.clear();
    request.offences[0].statute_text.clear();
    request.assistance[0].questions.clear();
    assert_eq!(
        short(&request.check()),
        [
            ("stage", "ASEAN MLAT 6", Warning),
            ("offences[0].max_penalty", "ASEAN MLAT 6", Warning),
            ("offences[0].statute_text", "ASEAN MLAT 6", Warning),
            ("assistance[0].questions", "ASEAN MLAT 6(2)", Warning),
            ("undertakings", "ASEAN MLAT 3(1)(g)", Warning),
            ("undertakings", "ASEAN MLAT 3(1)(i)", Warning),
        ],
    );
}

#[test]
fn service_of_documents_alone_needs_no_facts() {
    let mut request = complete();
    request.facts_summary.clear();
    request.assistance[0].assistance_type = AssistanceType::ServiceOfDocuments;
    assert_eq!(request.check(), []);
    let mut other = request.assistance[0].clone();
    other.assistance_type = AssistanceType::Records;
    request.assistance.push(other);
    assert_eq!(short(&request.check()), [("facts_summary", "UNTOC 18(15)(c)", Error)]);
}

#[test]
fn reciprocity_is_enough_where_it_is_undertaken() {
    let mut request = complete();
    rest_on(&mut request, &["RECIPROCITY"]);
    request.undertakings[0].kind = UndertakingKind::Reciprocity;
    assert_eq!(request.check(), []);
}

#[test]
fn everything_is_found_at_once() {
    let found = MlaRequest::default().check();
    let errors: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(
        errors,
        [
            "requesting_authority.name",
            "requesting_authority.country",
            "requesting_authority.contact",
            "requesting_authority.signer",
            "requesting_authority.id",
            "competent_authority.name",
            "competent_authority.functions",
            "subject",
            "nature",
            "offences",
            "facts_summary",
            "assistance",
            "purpose",
            "confidentiality",
            "language",
            "authenticity.signature",
            "legal_basis",
        ],
    );
    assert!(found.iter().all(|one| one.severity == Error));
    assert_eq!(found[8].to_string(), "error: nature: is missing [UNTOC 18(15)(b)]");
}
