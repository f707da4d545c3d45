use super::*;
use crate::domain::MessageId;
use crate::exchange::accept::Accepted;
use crate::exchange::heads::{hashes, request};
use crate::exchange::retention::Rules;
use crate::exchange::rows::message;
use crate::exchange::testing::Lone;
use crate::pb::v1 as pb;
use crate::store::BodySlot;

async fn two() -> (Lone, Lone) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    (a, b)
}

fn peer(a: &Lone, b: &Lone) -> Arc<Peer> {
    a.x().directory.get(&b.x().me).expect("a peer")
}

/// What a frame brings that was read before the directory changed.
fn delivery(from: &Lone, id: MessageId) -> pb::Deliver {
    let (store, row) = (&from.x().store, from.row(id));
    let size = store.head().checkpoint.size;
    pb::Deliver {
        envelope: store.body(BodySlot(row.body_slot)).expect("readable").expect("there").into(),
        entry: store.entry(row.entry_index).expect("readable").expect("there").into(),
        index: row.entry_index,
        inclusion: hashes(&store.inclusion(row.entry_index, size).expect("a proof")),
        annexes: Vec::new(),
    }
}

#[tokio::test]
async fn what_was_judged_before_a_suspension_is_not_committed_after_it() {
    let (a, b) = two().await;
    let (bad, good) = (a.submit(&b, &[]).await, a.submit(&b, &[]).await);
    let sender = peer(&b, &a);
    let shown = request(0, &[], &a.x().log_head().note).expect("a request");
    let proven = b.x().take_head(&sender, &shown).await.expect("taken").head;
    let deliver = |id| b.x().accept(&sender, &proven, delivery(&a, id));
    b.x().suspend_peer(&a.x().me, "COURT_ORDER", None).await.expect("suspended");
    let late = deliver(good).await;
    assert!(matches!(late, Err(ActionError::Forbidden(_))), "{late:?}");
    let mut forged = delivery(&a, bad);
    forged.inclusion.clear();
    let late = b.x().accept(&sender, &proven, forged).await;
    assert!(matches!(late, Err(ActionError::Forbidden(_))), "nor is it refused: {late:?}");
    assert!(message(&b.x().store, good).expect("readable").is_none());
    assert!(b.entries(Event::RelayAcceptance).is_empty());
    assert!(b.entries(Event::RelayRejection).is_empty());
    b.x().resume_peer(&a.x().me, None).await.expect("resumed");
    let taken = deliver(good).await;
    assert!(matches!(taken, Ok(Accepted::Issued(_))), "{taken:?}");
    // The same for a card that has been replaced, and for one who is no peer any more.
    b.x().remove_peer(&a.x().me).await.expect("removed");
    let late = deliver(bad).await;
    assert!(matches!(late, Err(ActionError::Forbidden(_))), "{late:?}");
}
