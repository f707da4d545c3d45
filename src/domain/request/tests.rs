//! Tests of requests, notes, contents and their files.

mod bodies;
mod check;
mod content;
mod file;
mod languages;
mod note;
mod parties;
mod peer;

use super::*;

/// A request with every field set and nothing wrong with it.
fn complete() -> MlaRequest {
    let file = r#"{
        "requesting_authority": {"id": "xc.moj", "name": "Ministry of Justice", "country": "XC",
            "contact": "Desk 2, mla@moj.example", "signer": "Director"},
        "competent_authority": {"name": "Prosecutor", "functions": "Prosecutes."},
        "subject": "Trafficking in persons", "nature": "prosecution", "stage": "Indicted",
        "offences": [{"family": "trafficking_in_persons", "instrument": "UNTOC-TIP-PROTOCOL",
            "title": "Trafficking", "provision": "Section 214", "max_penalty": "12 years",
            "statute_text": "Whoever recruits\nis liable."}],
        "dual_criminality": {"asserted": true, "note": "Protocol, Article 3."},
        "facts_summary": "First paragraph.\n\n\tSecond.",
        "assistance": [{"type": "statement", "description": "Hear P2.",
            "particular_procedure": "By video.", "questions": ["When?"], "items": ["Photographs"],
            "places": ["Quay Street"], "court_order": "Of 9 October 2026."}],
        "persons": [{"ref": "P1", "role": "accused", "alias": "RECRUITER-1", "nationality": "XA",
            "location": "Arkesh"}, {"ref": "P2", "role": "victim", "alias": "VICTIM-1",
            "child": true}, {"ref": "P3", "role": "witness", "alias": "WITNESS-1"}],
        "purpose": "Evidence at trial.",
        "transnationality": {"organized_group": true, "link": "Three States."},
        "deadline": {"date": "2027-02-12", "reason": "Trial on 15 March 2027."},
        "urgency": {"level": "urgent", "ground": "Custody."},
        "confidentiality": {"fact_secret": true, "until": "2027-03-15", "reason": "At large."},
        "language": "en", "translations": [{"language": "zh-Hant", "certified": true, "exhibit": 0}],
        "authenticity": {"signature": "Electronic", "certifications": ["Registrar's"]},
        "undertakings": [{"kind": "specialty", "text": "As in 18(19)."}],
        "prior_contacts": [{"date": "2026-07-22", "channel": "Police", "summary": "Asked."}],
        "related_cases": [{"relation": "transit", "authority": "xb.pps",
            "case_id": "ROG-XC-MOJ-2026-000018", "reference": "77"}],
        "ne_bis_in_idem": "None.",
        "costs": {"ordinary": "Requested State", "extraordinary_expected": true},
        "legal_basis": ["UNTOC", "UNTOC-TIP-PROTOCOL"], "confirms_oral": true
    }"#;
    request_from_json(file).expect("a complete request")
}

/// What was found, as `field | paragraph | severity`, so that tables can name it.
fn short(found: &[Finding]) -> Vec<(&str, &str, Severity)> {
    found.iter().map(|one| (one.field.as_str(), one.paragraph.as_str(), one.severity)).collect()
}

const NO_PLAIN_TEXT: &str = "Quay Street";

#[test]
fn debug_shows_no_text() {
    let request = complete();
    let bilateral = Instrument::parse("BILATERAL:Quay Street Treaty").expect("a basis");
    let shown = [
        format!("{request:?}"),
        format!("{:?}", request.assistance),
        format!("{:?}", request.persons),
        format!("{:?}", Content::request(crate::domain::MessageKind::Request, request)),
        format!("{:?}", Note { text: "Quay Street".to_owned(), ..Note::default() }),
        format!("{bilateral:?}"),
    ];
    for text in shown {
        assert!(!text.contains(NO_PLAIN_TEXT), "{text}");
    }
    assert_eq!(format!("{:?}", complete()), "MlaRequest { .. }");
}

#[test]
fn codes_of_legal_bases_come_back_and_others_are_refused() {
    let named = Instrument::parse("BILATERAL:Corvane–Arkesh Treaty of 1998").expect("a basis");
    assert_eq!(named.rank(), 0);
    for basis in Instrument::FIXED.into_iter().chain([named]) {
        assert_eq!(Instrument::parse(&basis.to_string()), Ok(basis));
    }
    let long = format!("BILATERAL:{}", "x".repeat(121));
    for bad in
        ["", "untoc", "UNTOC ", "BILATERAL", "BILATERAL:", "BILATERAL: x", "BILATERAL:a\nb", &long]
    {
        assert_eq!(Instrument::parse(bad), Err(UnknownInstrument), "{bad:?}");
    }
}

#[test]
fn words_in_files_are_those_of_as_str() {
    for one in AssistanceType::ALL {
        assert_eq!(serde_json::to_string(one).expect("a word"), format!("\"{one}\""));
    }
    for one in Decision::ALL {
        assert_eq!(serde_json::to_string(one).expect("a word"), format!("\"{one}\""));
    }
}
