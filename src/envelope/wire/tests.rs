//! Contents there and back, and what is refused on the way in.

mod arbitrary;
mod bodies;
mod figures;
mod notes;

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::domain::request::MlaRequest;
use arbitrary::content;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Domain, generated type, bytes, and back: nothing is lost and nothing is made up, be the
    /// content complete or not.
    #[test]
    fn contents_come_back(content in content()) {
        let bytes = content_to_pb(&content).encode_to_vec();
        let again = content_from_pb(pb::MessageContent::decode(bytes.as_slice())?);
        prop_assert!(again.as_ref() == Ok(&content));
    }

    /// Putting texts into NFC a second time changes nothing; the originals put back give what was
    /// there; and a check objects to no text for its form any more.
    #[test]
    fn the_normal_form_loses_nothing(content in content()) {
        let content = Content { originals: Vec::new(), ..content };
        let normal = content.clone().normalised();
        prop_assert!(normal.clone().normalised() == normal);
        let mut given = serde_json::to_value(&normal)?;
        given.as_object_mut().expect("fields").remove("originals");
        for_texts(&mut given, String::new(), &mut |path, text| {
            if let Some(original) = normal.originals.iter().find(|one| one.field == path) {
                text.clone_from(&original.text);
            }
        });
        prop_assert_eq!(given, serde_json::to_value(&content)?);
    }

    /// Every text that a body can have is in the table of texts, or is known to be none.
    #[test]
    fn every_text_has_a_part(content in content()) {
        let mut value = serde_json::to_value(&content)?;
        let body = value.as_object_mut().expect("fields");
        for beside in ["kind", "related_cases", "translations", "originals"] {
            body.remove(beside);
        }
        let known = known_texts();
        let mut unknown = Vec::new();
        for_texts(&mut value, String::new(), &mut |path, _| {
            let path: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
            if !path.starts_with("request.translations[]") && !known.contains(&path) {
                unknown.push(path);
            }
        });
        prop_assert!(unknown.is_empty(), "rules/texts.toml does not say: {:?}", unknown);
    }

    /// Whatever decodes is read or refused, and a check of it comes to an end.
    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(decoded) = pb::MessageContent::decode(bytes.as_slice())
            && let Ok(content) = content_from_pb(decoded)
        {
            content.check();
        }
    }
}

/// Goes through every text of a value with its path.
fn for_texts(value: &mut serde_json::Value, path: String, see: &mut impl FnMut(&str, &mut String)) {
    match value {
        serde_json::Value::String(text) => see(&path, text),
        serde_json::Value::Array(entries) => {
            for (n, entry) in entries.iter_mut().enumerate() {
                for_texts(entry, format!("{path}[{n}]"), see);
            }
        }
        serde_json::Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (name, field) in fields {
                for_texts(field, format!("{path}{dot}{name}"), see);
            }
        }
        _ => {}
    }
}

/// What the table has, and the codes, words, dates and ids that nobody translates.
fn known_texts() -> BTreeSet<String> {
    let table: toml::Table =
        toml::from_str(include_str!("../../domain/request/rules/texts.toml")).expect("the table");
    let mut known: BTreeSet<String> = table
        .iter()
        .flat_map(|(form, lists)| {
            let lists = lists.as_table().expect("lists").values();
            let texts = lists.flat_map(|list| list.as_array().expect("a list"));
            texts.map(move |text| format!("{form}.{}", text.as_str().expect("a path")))
        })
        .collect();
    known.extend(include_str!("tests/no_texts.txt").lines().map(str::to_owned));
    known
}

#[test]
fn kinds_have_the_numbers_and_words_of_the_wire() {
    for kind in MessageKind::ALL.iter().copied() {
        let on_wire = kind_to_pb(kind);
        assert_eq!(i32::from(on_wire), kind as i32, "{kind}");
        assert_eq!(on_wire.as_str_name(), format!("MESSAGE_KIND_{kind}"));
        assert_eq!(kind_from_pb(kind as i32), Ok(kind));
    }
}

fn full() -> pb::MessageContent {
    let request = pb::MlaRequest {
        requesting_authority: Some(pb::RequestingAuthority::default()),
        urgency: Some(pb::Urgency { level: 1, ..Default::default() }),
        offences: vec![pb::Offence { family: 1, ..Default::default() }],
        assistance: vec![pb::Assistance { r#type: 1, ..Default::default() }],
        persons: vec![pb::Person { role: 1, ..Default::default() }; 3],
        undertakings: vec![pb::Undertaking { kind: 1, ..Default::default() }],
        related_cases: vec![related()],
        legal_basis: vec!["UNTOC".to_owned(), "UNCAC".to_owned()],
        ..Default::default()
    };
    pb::MessageContent {
        kind: 3,
        body: Some(pb::message_content::Body::Request(request)),
        related_cases: vec![related()],
        ..Default::default()
    }
}

fn related() -> pb::RelatedCase {
    pb::RelatedCase { relation: 1, authority: "xa.oag".to_owned(), ..Default::default() }
}

fn of_request(content: &mut pb::MessageContent) -> &mut pb::MlaRequest {
    match &mut content.body {
        Some(pb::message_content::Body::Request(request)) => request,
        _ => panic!("the full content has a request"),
    }
}

/// Two lines a row: what is done to the content; the path of the refusal.
macro_rules! rows {
    ($($defect:literal: |$c:ident| $spoil:expr => $path:literal;)+) => {
        &[$(($defect, |$c| $spoil, $path)),+]
    };
}

type Row = (&'static str, fn(&mut pb::MessageContent), &'static str);

fn are_refused(rows: &[Row]) {
    assert!(content_from_pb(full()).is_ok());
    for (defect, spoil, path) in rows {
        let mut content = full();
        spoil(&mut content);
        let error = content_from_pb(content).expect_err(defect);
        assert_eq!(error.path, *path, "{defect}");
        assert!(error.to_string().starts_with(&format!("{path}: is ")), "{defect}: {error}");
    }
}

#[test]
fn what_cannot_be_read_of_statements_and_persons_is_refused() {
    are_refused(rows! {
        "unknown subject": |c| {
            let statement = pb::FrameworkStatement { subject: 8, ..Default::default() };
            let framework = pb::FrameworkUpdate { statements: vec![statement] };
            c.body = Some(pb::message_content::Body::Framework(framework));
        } =>
            "framework.statements[0].subject";
        "consent of nobody": |c| {
            let consent = Some(pb::Consent::default());
            let referral = pb::ProtectionReferral { consent, ..Default::default() };
            c.body = Some(pb::message_content::Body::Referral(referral));
        } =>
            "referral.consent.by";
        "unknown need": |c| {
            let going = pb::VoluntaryReturn { needs: vec![1, 12], ..Default::default() };
            c.body = Some(pb::message_content::Body::VoluntaryReturn(going));
        } =>
            "voluntary_return.needs[1]";
        "unknown stage": |c| {
            let hearing = pb::HearingArrangement { stage: 6, ..Default::default() };
            c.body = Some(pb::message_content::Body::Hearing(hearing));
        } =>
            "hearing.stage";
        "a measure that is none": |c| {
            let protection = pb::VictimProtection { measures: vec![1, 0], ..Default::default() };
            c.body = Some(pb::message_content::Body::Protection(protection));
        } =>
            "protection.measures[1]";
        "a role that is none": |c| {
            let change = pb::RoleChange { from: 1, to: 9, ..Default::default() };
            let role_changes = vec![change];
            let protection = pb::VictimProtection { role_changes, ..Default::default() };
            c.body = Some(pb::message_content::Body::Protection(protection));
        } =>
            "protection.role_changes[0].to";
        "unknown bearer": |c| {
            let items = vec![pb::CostItem { bearer: 4, ..Default::default() }];
            let costs = pb::CostConsultation { items, ..Default::default() };
            c.body = Some(pb::message_content::Body::Costs(costs));
        } =>
            "costs.items[0].bearer";
        "unknown instrument": |c| {
            let instrument = "untoc".to_owned();
            let notice = pb::ExtraditionNotice { instrument, ..Default::default() };
            c.body = Some(pb::message_content::Body::Extradition(notice));
        } =>
            "extradition.instrument";
        "unknown finding": |c| {
            let answers = vec![pb::NationalityStatus { finding: 5, ..Default::default() }];
            let answer = pb::NationalityAnswer { answers, ..Default::default() };
            c.body = Some(pb::message_content::Body::NationalityAnswer(answer));
        } =>
            "nationality_answer.answers[0].finding";
        "unknown purpose": |c| {
            let asked = pb::TransferRequest { purpose: 4, ..Default::default() };
            c.body = Some(pb::message_content::Body::TransferRequest(asked));
        } =>
            "transfer_request.purpose";
        "consent of nobody to a transfer": |c| {
            let consent = Some(pb::Consent::default());
            let said = pb::TransferConsent { consent, ..Default::default() };
            c.body = Some(pb::message_content::Body::TransferConsent(said));
        } =>
            "transfer_consent.consent.by";
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_its_path() {
    let rows: &[Row] = rows! {
        "no kind": |c| c.kind = 0 =>
            "kind";
        "unknown kind": |c| c.kind = 48 =>
            "kind";
        "negative kind": |c| c.kind = -1 =>
            "kind";
        "no body": |c| c.body = None =>
            "body";
        "unknown nature": |c| of_request(c).nature = 9 =>
            "request.nature";
        "unknown family": |c| of_request(c).offences[0].family = 99 =>
            "request.offences[0].family";
        "no family": |c| of_request(c).offences[0].family = 0 =>
            "request.offences[0].family";
        "unknown instrument": |c| of_request(c).offences[0].instrument = "UN".into() =>
            "request.offences[0].instrument";
        "no type": |c| of_request(c).assistance[0].r#type = 0 =>
            "request.assistance[0].type";
        "unknown type": |c| of_request(c).assistance[0].r#type = 12 =>
            "request.assistance[0].type";
        "unknown role": |c| of_request(c).persons[2].role = 7 =>
            "request.persons[2].role";
        "no level": |c| of_request(c).urgency = Some(pb::Urgency::default()) =>
            "request.urgency.level";
        "unknown undertaking": |c| of_request(c).undertakings[0].kind = 7 =>
            "request.undertakings[0].kind";
        "unknown basis": |c| of_request(c).legal_basis[1] = "uncac".into() =>
            "request.legal_basis[1]";
        "authority id in capitals": |c| {
            let id = "XC".to_owned();
            let authority = pb::RequestingAuthority { id, ..Default::default() };
            of_request(c).requesting_authority = Some(authority);
        } =>
            "request.requesting_authority.id";
        "unknown relation in a request": |c| of_request(c).related_cases[0].relation = 7 =>
            "request.related_cases[0].relation";
        "unknown relation": |c| c.related_cases[0].relation = 7 =>
            "related_cases[0].relation";
        "related case of nobody": |c| c.related_cases[0].authority.clear() =>
            "related_cases[0].authority";
        "case id of another form": |c| c.related_cases[0].case_id = "ROG-1".into() =>
            "related_cases[0].case_id";
        "unknown decision": |c| {
            let note = pb::Note { decision: 6, ..Default::default() };
            c.body = Some(pb::message_content::Body::Note(note));
        } =>
            "note.decision";
    };
    are_refused(rows);
}

#[test]
fn what_is_not_said_is_read_as_such() {
    let empty = pb::MlaRequest::default();
    let body = Some(pb::message_content::Body::Request(empty));
    let content = pb::MessageContent { kind: 3, body, ..Default::default() };
    let read = content_from_pb(content).expect("an empty request");
    assert!(read == Content::request(MessageKind::Request, MlaRequest::default()));
}
