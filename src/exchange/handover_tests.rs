use super::*;
use crate::domain::MessageKind;
use crate::domain::Reason;
use crate::domain::request::{Content, Note};
use crate::exchange::retention::Rules;
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk, operator};

/// What arrived at the first node from the second, opened, and its window of 30 days.
async fn received() -> (Lone, Lone, MessageId) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    let id = b.submit(&a, &[]).await;
    a.arrives(&b, id).await;
    a.x().consign_all().await.expect("consigned");
    (a, b, id)
}

async fn round(lone: &Lone) -> usize {
    lone.x().fail_handovers().await.expect("a round")
}

async fn confirm(lone: &Lone, id: MessageId) -> MessageRow {
    let digest = lone.row(id).digest();
    let confirmed = lone.x().confirm(&desk(), id, digest).await;
    confirmed.map_err(|error| error.to_string()).expect("confirmed")
}

#[tokio::test]
async fn what_no_agency_took_within_its_window_is_said_once() {
    let (mut a, b, id) = received().await;
    a.wait_days(29);
    assert_eq!(round(&a).await, 0, "its window has not ended");
    a.restart();
    a.wait_days(2);
    assert_eq!(round(&a).await, 1);
    assert_eq!(round(&a).await, 0, "once");
    let logged = a.entries(Event::ContentHandoverFailure);
    assert_eq!(logged.len(), 1);
    let (place, entry) = &logged[0];
    assert_eq!((entry.code.as_deref(), entry.message), (Some(WINDOW_ENDED), Some(id)));
    assert_eq!((entry.by.as_ref(), entry.peer.as_ref()), (Some(&a.x().me), Some(&b.x().me)));
    let row = a.row(id);
    assert_eq!(row.delivery(), DeliveryState::Consigned, "it is there for an agency to take");
    let key = [id.as_bytes().as_slice(), b"ContentHandoverFailure"].concat();
    let told = a.x().outbox.get("xb.pps", &key).expect("its sender is told");
    assert_eq!(told.row.entry_index, *place);

    let row = confirm(&a, id).await;
    assert_eq!(row.delivery(), DeliveryState::HandedOver, "a late hand-over wins");
    assert_eq!(a.found().await, [""; 0]);
}

#[tokio::test]
async fn what_was_confirmed_or_is_a_test_fails_of_nothing() {
    let (a, b, id) = received().await;
    let test = Submission {
        content: Content::note(MessageKind::Test, Note::default()),
        ..b.submission(&a, &[])
    };
    let test = b.x().submit(&desk(), test).await.map_err(|e| e.to_string()).expect("sent").id;
    a.arrives(&b, test).await;
    a.x().consign_all().await.expect("consigned");
    confirm(&a, id).await;
    a.wait_days(400);
    assert_eq!(round(&a).await, 0);
    assert!(a.entries(Event::ContentHandoverFailure).is_empty());
}

#[tokio::test]
async fn what_was_erased_before_anybody_took_it_fails_when_its_window_ends() {
    let (a, _b, id) = received().await;
    let reason = Reason::parse("COURT_ORDER").expect("a code");
    a.x().erase(&operator(), id, reason).await.expect("erased");
    assert_eq!(round(&a).await, 0);
    a.wait_days(31);
    assert_eq!(round(&a).await, 1);
}

#[tokio::test]
async fn a_message_whose_row_is_damaged_keeps_no_other_waiting() {
    let (a, b, damaged) = received().await;
    a.wait_ms(1);
    b.wait_ms(1);
    let other = b.submit(&a, &[]).await;
    a.arrives(&b, other).await;
    a.x().consign_all().await.expect("consigned");
    let damage = move |tx: &mut Tx<'_>| {
        tx.put(Table::Messages, damaged.as_bytes(), vec![0xff]);
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(damage).await.expect("damaged");
    a.wait_days(31);
    assert_eq!(round(&a).await, 1);
    let logged = a.entries(Event::ContentHandoverFailure);
    assert_eq!(logged[0].1.message, Some(other));
}
