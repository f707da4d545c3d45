//! What earlier requests say of persons, beside the annexes that say who they are.

use super::*;

const VICTIM: &str = "[[persons]]\nref = \"P3\"\nrole = \"victim\"\nalias = \"VICTIM-1\"\n";
const SUSPECT: &str = "[[persons]]\nref = \"P3\"\nrole = \"suspect\"\nalias = \"VICTIM-1\"\n";
const CHANGE: &str = "[[role_changes]]\nref = \"P3\"\nfrom = \"victim\"\nto = \"suspect\"\n\
                      reason = \"Order of the High Court of 3 November 2026\"\n";

#[tokio::test]
async fn a_victim_becomes_a_suspect_by_an_explicit_act_only() {
    let (a, b) = pair().await;
    let of = |persons: &str| Submission { content: content(&a, persons), ..a.submission(&b, &[]) };
    let first = submit(&a, of(VICTIM)).await.expect("submitted");
    let case = crate::domain::CaseId::parse(&a.row(first).case_id).expect("a case");
    let later = |persons: &str| {
        let mut later = Submission { case: Some(case.clone()), ..of(persons) };
        later.content.kind = MessageKind::SupplementaryRequest;
        later
    };
    let silent = submit(&a, later(SUSPECT)).await.expect_err("refused before it is signed");
    assert!(silent.contains("content.request.persons[0].role: is suspect"), "{silent}");
    assert!(silent.contains("role_changes"), "{silent}");
    assert_eq!(a.entries(Event::SubmissionAcceptance).len(), 1);
    let said = format!("{SUSPECT}{CHANGE}");
    let changed = submit(&a, later(&said)).await.expect("an explicit act");
    submit(&a, later(SUSPECT)).await.expect("what the person is now");
    let unfounded = submit(&a, of(&said)).await.expect_err("in a case of its own");
    assert!(unfounded.contains("content.request.role_changes[0].from"), "{unfounded}");
    for id in [first, changed] {
        assert_eq!(deliver(&a, &b, id, |_| ()).await, None);
        b.x().consign_all().await.expect("consigned");
        assert!(b.view(id).details.findings.is_empty());
    }
}

/// A sender that does not look: what it says is noted where it arrives.
#[tokio::test]
async fn a_silent_change_that_arrives_is_noted() {
    let (a, b) = pair().await;
    let of = |persons: &str| Submission { content: content(&a, persons), ..a.submission(&b, &[]) };
    let first = submit(&a, of(VICTIM)).await.expect("submitted");
    assert_eq!(deliver(&a, &b, first, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    let case = crate::domain::CaseId::parse(&a.row(first).case_id).expect("a case");
    a.becomes(first, DeliveryState::HandedOver).await;
    a.wait_ms(1);
    let reason = Reason::parse("COURT_ORDER").expect("a code");
    a.x().erase(&operator(), first, reason).await.expect("it knows of nothing any more");
    let later = submit(&a, Submission { case: Some(case), ..of(SUSPECT) }).await.expect("sent");
    assert_eq!(deliver(&a, &b, later, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    let findings = b.view(later).details.findings;
    assert_eq!(findings[0].field, "request.persons[0].role");
    assert!(findings[0].message.starts_with("is suspect"), "{}", findings[0].message);
}

fn notice(from: &str, to: &str) -> Content {
    let file = format!(
        "kind = \"VICTIM_PROTECTION_NOTICE\"\n[protection]\npersons = [\"P3\"]\n\
         measures = [\"identity_withheld\"]\nlanguage = \"en\"\n[[protection.role_changes]]\n\
         ref = \"P3\"\nfrom = \"{from}\"\nto = \"{to}\"\nreason = \"She was recruited herself.\"\n"
    );
    crate::domain::request::content_from_toml(&file).expect("a notice")
}

#[tokio::test]
async fn a_notice_makes_a_suspect_a_victim_outside_of_a_request() {
    let (a, b) = pair().await;
    let of = |persons: &str| Submission { content: content(&a, persons), ..a.submission(&b, &[]) };
    let first = submit(&a, of(SUSPECT)).await.expect("submitted");
    assert_eq!(deliver(&a, &b, first, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    let case = crate::domain::CaseId::parse(&a.row(first).case_id).expect("a case");
    let tells = |content: Content| Submission {
        content,
        case: Some(case.clone()),
        reference: String::new(),
        ..a.submission(&b, &[])
    };
    let unfounded = submit(&a, tells(notice("witness", "victim"))).await.expect_err("no witness");
    assert!(unfounded.contains("content.protection.role_changes[0].from"), "{unfounded}");
    let told = submit(&a, tells(notice("suspect", "victim"))).await.expect("an explicit act");
    let later = |persons: &str| {
        let mut later = Submission { case: Some(case.clone()), ..of(persons) };
        later.content.kind = MessageKind::SupplementaryRequest;
        later
    };
    let silent = submit(&a, later(SUSPECT)).await.expect_err("she is a victim now");
    assert!(silent.contains("content.request.persons[0].role: is suspect"), "{silent}");
    submit(&a, later(VICTIM)).await.expect("as the notice says");
    assert_eq!(deliver(&a, &b, told, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    assert!(b.view(told).details.findings.is_empty());
}

#[tokio::test]
async fn the_requested_side_tells_who_a_person_of_the_request_is() {
    let (a, b) = pair().await;
    let asks = Submission { content: content(&a, SUSPECT), ..a.submission(&b, &[]) };
    let first = submit(&a, asks).await.expect("submitted");
    assert_eq!(deliver(&a, &b, first, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    let answers = |content: Content| Submission {
        content,
        in_reply_to: Some(first),
        reference: String::new(),
        ..b.submission(&a, &[])
    };
    let wrong = submit(&b, answers(notice("accused", "victim"))).await.expect_err("no accused");
    assert!(wrong.contains("content.protection.role_changes[0].from"), "{wrong}");
    let told = submit(&b, answers(notice("suspect", "victim"))).await.expect("it was found out");
    assert_eq!(deliver(&b, &a, told, |_| ()).await, None);
    a.x().consign_all().await.expect("consigned");
    assert!(a.view(told).details.findings.is_empty());
    let kinds = |lone: &Lone| lone.row(told).handling;
    assert_eq!((kinds(&a), kinds(&b)), (2, 2), "protected at both");
}

#[tokio::test]
async fn an_annex_goes_with_a_hearing_of_the_person_it_is_about() {
    let official = official("victims-desk");
    let (a, b) = two(&official).await;
    let asks = Submission { content: content(&a, VICTIM), ..a.submission(&b, &[]) };
    let first = submit(&a, asks).await.expect("submitted");
    let case = crate::domain::CaseId::parse(&a.row(first).case_id).expect("a case");
    let file = "kind = \"HEARING_ARRANGEMENT\"\n[hearing]\nstage = \"proposed\"\n\
                persons = [\"P3\"]\nchild = true\nlanguage = \"en\"";
    let hearing = |person: &str| Submission {
        content: crate::domain::request::content_from_toml(file).expect("a hearing"),
        annexes: vec![sealed_to(&a, &b, &[official.same()], &[person])],
        case: Some(case.clone()),
        reference: String::new(),
        ..a.submission(&b, &[])
    };
    let stranger = submit(&a, hearing("P9")).await.expect_err("nobody of that ref is heard");
    assert!(stranger.contains("names P9, who is no person of the message"), "{stranger}");
    let id = submit(&a, hearing("P3")).await.expect("about who is heard");
    assert_eq!(deliver(&a, &b, id, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    assert_eq!(b.row(id).annexes.len(), 1);
    assert_eq!(b.row(id).handling, 3, "a child is heard");
}
