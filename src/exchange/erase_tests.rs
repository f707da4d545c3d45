use super::*;
use crate::audit::entry::Event;
use crate::domain::delivery::DeliveryState;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, conflict, desk, encoded, operator};

fn reason(code: &str) -> Reason {
    Reason::parse(code).expect("a code")
}

async fn two() -> (Lone, Lone) {
    let one = Lone::new("xa.oag", Rules::default());
    let other = Lone::new("xb.pps", Rules::default());
    one.meet(&other).await;
    (one, other)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn an_erased_message_is_gone_and_its_proofs_are_not() {
    let (a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    a.becomes(id, DeliveryState::HandedOver).await;
    let before = a.view(id);
    assert!(before.body.is_some());
    assert_eq!(before.details.reference, "our file on the witness");
    assert!(!contains(&encoded(&before.row), "witness"), "nothing that must go stands in a row");

    let erased = a.x().erase(&operator(), id, reason("COURT_ORDER")).await.expect("erased");
    assert!(!erased.earlier);
    let logged = a.entries(Event::EraseBody);
    assert_eq!(logged.len(), 1);
    let (index, entry) = &logged[0];
    assert_eq!((*index, entry.code.as_deref()), (erased.entry, Some("COURT_ORDER")));
    assert_eq!(entry.message, Some(id));
    assert_eq!(entry.envelope, Some(before.row.digest()));
    assert_eq!(entry.payload, Some(before.row.payload()));
    assert_eq!(entry.who, Some(a.x().handle("operator")));

    let after = a.view(id);
    assert!(after.body.is_none());
    assert_eq!(after.details, Default::default());
    let said = after.row.erased.as_ref().expect("it says so");
    assert_eq!((said.at_ms, said.code.as_str()), (erased.at.unix_ms(), "COURT_ORDER"));
    assert_eq!(said.entry_index, erased.entry);
    assert_eq!((after.row.case_id.as_str(), after.row.details_slot), ("", None));
    assert_eq!(after.row.envelope_digest, before.row.envelope_digest, "a repeat is known as one");
    let (_, receipts) = a.x().receipts(&desk(), id).expect("readable");
    assert_eq!(receipts[0].event, "SubmissionAcceptance");
}

#[tokio::test]
async fn erasing_twice_is_erasing_once() {
    let (mut a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    a.becomes(id, DeliveryState::Rejected).await;
    let first = a.x().erase(&operator(), id, reason("WITHDRAWN")).await.expect("erased");
    for _ in 0..2 {
        let again = a.x().erase(&operator(), id, reason("COURT_ORDER")).await.expect("answered");
        assert_eq!(again, Erased { earlier: true, ..first.clone() });
        a.restart();
    }
    assert_eq!(a.entries(Event::EraseBody).len(), 1);
    assert!(a.view(id).body.is_none());
}

#[tokio::test]
async fn what_is_still_needed_is_not_erased_and_the_refusal_says_what_to_do() {
    let (a, b) = two().await;
    let erase = async |lone: &Lone, id| lone.x().erase(&operator(), id, reason("WITHDRAWN")).await;
    let id = a.submit(&b, &[]).await;
    assert_eq!(conflict(erase(&a, id).await), "STILL_QUEUED");
    b.arrives(&a, id).await;
    assert_eq!(conflict(erase(&b, id).await), "NOT_OPENED");
    b.x().consign_all().await.expect("consigned");
    b.x().set_hold(&operator(), id, Some(reason("AUDIT"))).await.expect("held");
    assert_eq!(conflict(erase(&b, id).await), "ON_HOLD");
    let text = erase(&b, id).await.expect_err("on hold").to_string();
    assert!(text.contains("(AUDIT)") && text.contains("release it first"), "{text}");
    assert!(b.view(id).body.is_some(), "all is there");
    assert!(b.entries(Event::EraseBody).is_empty());
    b.x().release_hold(&operator(), id, None).await.expect("released");
    erase(&b, id).await.expect("erased");
    a.becomes(id, DeliveryState::Relayed).await;
    erase(&a, id).await.expect("erased");
    let unknown = MessageId::new(a.x().now(), [7; 10]);
    assert!(matches!(erase(&a, unknown).await, Err(ActionError::NotFound(_))));
}

#[tokio::test]
async fn holds_are_listed_and_change_once() {
    let (a, b) = two().await;
    let mut ids = [a.submit(&b, &[]).await, a.submit(&b, &[]).await];
    // Made in one millisecond, so in any order.
    ids.sort();
    let [one, two] = ids;
    let set = async |id, code: &str| {
        let reason = (!code.is_empty()).then(|| reason(code));
        a.x().set_hold(&operator(), id, reason).await
    };
    let first = set(one, "").await.expect("held");
    assert_eq!(set(one, "").await.expect("the same"), first);
    let second = set(one, "PROCEEDINGS").await.expect("another reason");
    assert_eq!(set(one, "PROCEEDINGS").await.expect("the same"), second);
    assert_eq!(set(one, "").await.expect("it is on hold"), second);
    set(two, "AUDIT").await.expect("held");
    let listed = a.x().holds(None, 10).expect("readable");
    assert_eq!(listed.iter().map(|hold| hold.id).collect::<Vec<_>>(), [one, two]);
    assert_eq!(a.x().holds(Some(one), 10).expect("readable"), listed[1..]);
    assert_eq!(a.entries(Event::HoldSet).len(), 3);
    let ended = a.x().release_hold(&operator(), one, Some(reason("PROCEEDINGS"))).await;
    assert_eq!(ended.expect("released"), second);
    let again = a.x().release_hold(&operator(), one, None).await;
    assert!(matches!(again, Err(ActionError::NotFound(_))), "{again:?}");
    let released = a.entries(Event::HoldReleased);
    assert_eq!(released.len(), 1);
    assert_eq!(released[0].1.code.as_deref(), Some("PROCEEDINGS"));
    // Too late for what is gone.
    a.becomes(one, DeliveryState::Rejected).await;
    a.x().erase(&operator(), one, reason("WITHDRAWN")).await.expect("erased");
    assert_eq!(conflict(set(one, "AUDIT").await), "ERASED");
}

#[tokio::test]
async fn what_is_missing_without_an_erasure_is_a_fault_that_names_the_message() {
    let (a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    let slot = BodySlot(a.row(id).body_slot);
    let unsaid = move |tx: &mut Tx<'_>| {
        tx.erase(slot);
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(unsaid).await.expect("committed");
    for missing in
        [a.x().view(&desk(), id, true).map(drop), a.x().read(&desk(), id).await.map(drop)]
    {
        let Err(ActionError::Fault(text)) = missing else { panic!("{missing:?}") };
        assert!(text.contains(&id.to_string()) && text.contains("without an erasure"), "{text}");
    }
    assert!(a.x().view(&desk(), id, false).is_ok(), "the rest can be seen");
}

#[tokio::test]
async fn what_was_erased_is_not_answered() {
    let (a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    b.arrives(&a, id).await;
    b.x().consign_all().await.expect("consigned");
    b.x().erase(&operator(), id, reason("COURT_ORDER")).await.expect("erased");
    let mut reply = b.submission(&a, &[]);
    reply.in_reply_to = Some(id);
    let refused = b.x().submit(&desk(), reply).await.map(|view| view.id).expect_err("refused");
    assert!(refused.to_string().contains("was erased"), "{refused}");
    // The agency may have fetched it before: it can still confirm that.
    let digest = b.row(id).digest();
    b.x().confirm(&desk(), id, digest).await.expect("confirmed");
    assert_eq!(b.entries(Event::ContentHandover).len(), 1);
    assert!(b.row(id).erased.is_some());
}
