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
