//! What an organisation is sent, and what is taken from it.

use super::*;
use crate::crypto::random;
use crate::domain::RequestId;
use crate::domain::request::{Body, Content, Note, ProtectionReferral, content_from_toml};
use crate::exchange::rows::SENT;
use crate::exchange::testing::{Lone, desk, pair};

/// `b` is known at `a` as an organisation.
async fn with_organisation() -> (Lone, Lone) {
    let (a, b) = pair().await;
    let card = b.card_with(|body| body.kind = AuthorityKind::InternationalOrganisation);
    let words = card.fingerprint().words();
    a.x().add_peer(card.clone(), &words).await.expect("confirmed");
    b.x().publish_card(card, None).await.expect("published");
    (a, b)
}

fn referral() -> Content {
    let file = r#"
        kind = "PROTECTION_REFERRAL"
        [referral]
        persons = ["V-7F3A"]
        consent = { given = true, by = "person", date = "2026-10-09" }
        reason = "Cannot go back."
        needs = ["refugee_status"]
        language = "en"
    "#;
    content_from_toml(file).expect("a referral")
}

fn figures() -> Content {
    let file = r#"
        kind = "STATISTICS_RETURN"
        [statistics]
        from = "2025-01-01"
        until = "2025-12-31"
        as_of = "2026-01-15T09:00:00.000Z"
        smallest = 5
        [[statistics.lines]]
        way = "made"
        dimension = "total"
        requests = 0
        [[statistics.lines]]
        way = "received"
        dimension = "total"
        requests = 12
    "#;
    content_from_toml(file).expect("a return")
}

fn note(kind: MessageKind) -> Content {
    Content::note(kind, Note { text: "Said.".into(), language: "en".into(), ..Note::default() })
}

fn submission(from: &Lone, to: &Lone, content: Content) -> Submission {
    Submission { request: RequestId::new(random()), content, ..from.submission(to, &[]) }
}

async fn refused(from: &Lone, to: &Lone, content: Content) -> String {
    let done = from.x().submit(&desk(), submission(from, to, content)).await;
    done.map(drop).expect_err("refused").to_string()
}

#[tokio::test]
async fn case_content_goes_to_no_organisation_and_comes_from_none() {
    let (a, b) = with_organisation().await;
    for (from, to) in [(&a, &b), (&b, &a)] {
        let said = refused(from, to, note(MessageKind::SpontaneousInformation)).await;
        assert!(said.contains("content.kind: a SPONTANEOUS_INFORMATION is case content"), "{said}");
        assert!(said.contains("xb.pps is an international organisation"), "{said}");
        assert!(said.contains("UNTOC 18(13)"), "{said}");
    }
    for content in [referral(), figures()] {
        let kind = content.kind;
        let view = a.x().submit(&desk(), submission(&a, &b, content)).await;
        let view = view.map_err(|error| error.to_string()).expect("sent");
        assert_eq!((view.row.direction, view.row.case_id.as_str()), (SENT, ""), "{kind}");
        b.arrives(&a, view.id).await;
        b.x().consign_all().await.expect("consigned");
        assert_eq!(b.row(view.id).refusal_code, "", "{kind}");
    }
}

#[tokio::test]
async fn of_a_person_no_file_is_sent_and_without_consent_nothing() {
    let (a, b) = with_organisation().await;
    let package = a.upload(b"what she said").await;
    let with_file = Submission {
        request: RequestId::new(random()),
        content: referral(),
        ..a.submission(&b, &[package.id])
    };
    let said = a.x().submit(&desk(), with_file).await.map(drop).expect_err("refused").to_string();
    assert!(said.contains("packages: must be none"), "{said}");
    let mut silent = referral();
    let Body::Referral(ProtectionReferral { consent, .. }) = &mut silent.body else {
        panic!("a referral")
    };
    *consent = None;
    let said = refused(&a, &b, silent).await;
    assert!(said.contains("content.referral.consent: is missing"), "{said}");
    assert!(said.contains("Trafficking Protocol 6, 14"), "{said}");
}

#[tokio::test]
async fn what_belongs_to_no_case_is_given_none() {
    let (a, b) = with_organisation().await;
    let case = Some(crate::domain::CaseId::parse("ROG-XA-OAG-2026-000001").expect("a case"));
    let named = Submission { case, ..submission(&a, &b, referral()) };
    let said = a.x().submit(&desk(), named).await.map(drop).expect_err("refused").to_string();
    assert!(said.contains("case_id: must not be given"), "{said}");
}

/// An organisation whose software knows no rules sends a request all the same: the receiving node
/// sees by the signed header what it is, and by the content what it carries.
#[tokio::test]
async fn a_node_that_breaks_the_rule_is_not_believed() {
    let (a, b) = pair().await;
    let sent = b.submit(&a, &[]).await;
    let package = b.upload(b"an annex").await;
    let carries = Submission {
        request: RequestId::new(random()),
        content: referral(),
        ..b.submission(&a, &[package.id])
    };
    let carries = b.x().submit(&desk(), carries).await.map_err(|e| e.to_string()).expect("sent").id;
    // From now on `a` knows what `b` is.
    let card = b.card_with(|body| body.kind = AuthorityKind::InternationalOrganisation);
    let words = card.fingerprint().words();
    a.x().add_peer(card, &words).await.expect("confirmed");
    let peer = a.x().directory.get(&b.x().me).expect("trusted");
    assert!(!a.x().permits(&peer, MessageKind::SpontaneousInformation.purpose()));
    assert!(a.x().permits(&peer, MessageKind::ProtectionReferral.purpose()));
    assert!(a.x().permits(&peer, "rogatory.v1.MessageContent/NOTHING"), "for the opening to judge");
    for (id, code) in [(sent, KIND_NOT_PERMITTED), (carries, CASE_CONTENT)] {
        a.arrives(&b, id).await;
        a.x().consign_all().await.expect("judged");
        let row = a.row(id);
        assert_eq!((row.refusal_code.as_str(), row.inbox_position), (code, 0));
    }
    assert_eq!(a.found().await, [""; 0], "the log says so too");
}

/// What a peer publishes is asked of what is written for it.
#[tokio::test]
async fn a_profile_in_a_card_is_asked_of_requests_to_that_authority() {
    let (a, b) = pair().await;
    let asks = |lone: &Lone, to: &Lone| {
        let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/request-tip.json"));
        let request = crate::domain::request::request_from_json(file).expect("an example");
        let content = Content::request(MessageKind::Request, request);
        let found = lone.x().check_content(Some(&to.x().me), &content).expect("checked").0;
        found.into_iter().filter(|one| one.instrument == "PROFILE").map(|one| one.need).collect()
    };
    let before: Vec<crate::domain::request::Need> = asks(&a, &b);
    let costs = crate::domain::request::UndertakingKind::Costs;
    let card = b.card_with(|body| body.profile.undertakings = vec![costs]);
    a.x().add_peer(card, "").await.expect("newer");
    let after: Vec<crate::domain::request::Need> = asks(&a, &b);
    assert_eq!(before, []);
    assert_eq!(after, [crate::domain::request::Need::UndertakingCosts]);
}
