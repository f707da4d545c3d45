//! Honest peers: what is alike, what got lost, what is on its way.

use super::*;
use crate::exchange::rows::peer_key;
use crate::store::Direction;

#[tokio::test]
async fn two_idle_nodes_do_not_write_for_ever() {
    let (a, b) = two().await;
    whole(&a, &b).await;
    whole(&b, &a).await;
    for node in [(&a, &b), (&b, &a)] {
        let done = node.0.reconcile(node.1).await;
        assert_eq!((done.code, classes(&done)), (None, vec![]), "{done:?}");
        assert_eq!(done.counts().collect::<Vec<_>>(), [("matched", 2)]);
        assert!(done.logged.is_some(), "the first of the day");
    }
    let sizes = (a.size(), b.size());
    for _ in 0..5 {
        for (node, other) in [(&a, &b), (&b, &a)] {
            let done = node.reconcile(other).await;
            assert_eq!((done.code, done.logged), (None, None));
        }
    }
    assert_eq!((a.size(), b.size()), sizes, "at rest");
    a.lone.wait_days(1);
    for _ in 0..2 {
        a.reconcile(&b).await;
    }
    assert_eq!(a.reconciled().len(), 2, "one a day");
    assert_eq!(a.reconciled()[1].code, None);
    assert_eq!((a.size(), b.size()), (sizes.0 + 1, sizes.1));
}

#[tokio::test]
async fn a_round_goes_on_where_the_last_one_ended_and_settled_messages_leave_nothing() {
    let (mut a, mut b) = two().await;
    let open = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, open).await;
    tell(&b, &a, open, &[]).await;
    whole(&a, &b).await;
    let first = a.reconcile(&b).await;
    assert_eq!(a.asked()[0].from_number, 1);
    let key = peer_key(&a.x().home, &b.name());
    let unsettled = |a: &Node| {
        let rows = a.x().store.scan(Table::Unsettled, &key, None, Direction::Forward, 10);
        rows.expect("reads").len()
    };
    assert_eq!(unsettled(&a), 1, "what may still be handed over");

    b.courier = None;
    a.lone.restart();
    a.reach(&b);
    hand_over(&b, open).await;
    tell(&b, &a, open, &[]).await;
    let second = a.reconcile(&b).await;
    assert_eq!(a.asked()[0].from_number, first.theirs + 1);
    assert_eq!((second.code, classes(&second)), (None, vec![]));
    assert_eq!(unsettled(&a), 0);
    assert_eq!(a.x().last_reconciled(&b.name()).expect("reads"), Some((second.at, String::new())));
}

#[tokio::test]
async fn a_lost_receipt_is_recorded_from_the_log_of_the_peer() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    hand_over(&b, id).await;
    tell(&b, &a, id, &["RelayAcceptance", "ContentConsignment", "ContentHandover"]).await;
    assert_eq!(a.state(id), DeliveryState::Queued);
    // A crash of the sender's machine, a frame lost: hours pass.
    a.lone.wait_ms(2 * HOUR_MS);
    let done = a.reconcile(&b).await;
    assert_eq!(classes(&done), ["lost_receipt"; 3]);
    assert_eq!(actions(&done), ["recorded"; 3]);
    assert_eq!(done.code, None, "nothing is left wrong");
    assert_eq!(a.state(id), DeliveryState::HandedOver);
    assert_eq!(a.lone.row(id).receipts.len(), 3);
    assert_eq!(a.x().outbox.waiting(&b.name()), 0, "it does not wait any more");
    let logged = a.reconciled();
    assert_eq!(logged[0].document, Some(done.digest));
    assert!(done.report.contains("item lost_receipt"), "{}", done.report);

    let again = a.reconcile(&b).await;
    assert_eq!((classes(&again), again.code), (vec![], None));
    assert!(again.logged.is_some(), "that it is well again is news");
    let size = a.size();
    assert_eq!(a.reconcile(&b).await.logged, None);
    assert_eq!(a.size(), size);
    // Should the receipt come after all, it is a repeat.
    tell(&b, &a, id, &[]).await;
    assert_eq!(a.lone.row(id).receipts.len(), 3);
}

#[tokio::test]
async fn a_receipt_on_its_way_is_no_fault_and_is_taken_all_the_same() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    tell(&b, &a, id, &["ContentConsignment"]).await;
    let done = a.reconcile(&b).await;
    assert_eq!(classes(&done), ["receipt_in_transit"]);
    assert_eq!((actions(&done), done.code), (vec!["recorded"], None));
    assert_eq!(a.state(id), DeliveryState::Consigned);
}

#[tokio::test]
async fn an_answer_that_was_overtaken_is_asked_for_again() {
    let (mut a, mut b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    tell(&b, &a, id, &["RelayAcceptance"]).await;
    assert_eq!(a.state(id), DeliveryState::Consigned);
    b.courier = None;
    a.lone.restart();
    a.reach(&b);
    assert_eq!(a.x().outbox.waiting(&b.name()), 1, "it is delivered once more");
    assert!(a.x().hold(id).await.is_err(), "and not kept back: the peer has it");
    assert_eq!(a.lone.found().await, [""; 0]);
    tell(&b, &a, id, &["ContentConsignment"]).await;
    assert_eq!(a.x().outbox.waiting(&b.name()), 0);
    let left = a.x().store.get(Table::Outbox, id.as_bytes()).expect("reads");
    assert!(left.is_none());
    assert_eq!(a.lone.found().await, [""; 0]);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_awaited_longer_than_the_window() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    tell(&b, &a, id, &["RelayAcceptance"]).await;
    a.lone.wait_days(31);
    assert_eq!(a.x().expire_due().await.expect("looked"), 1);
    assert_eq!(a.x().outbox.waiting(&b.name()), 0);
    assert_eq!(a.state(id), DeliveryState::Consigned);
    assert!(a.lone.entries(Event::RelayFailure).is_empty(), "the peer did answer");
    assert_eq!(a.lone.found().await, [""; 0]);
}

#[tokio::test]
async fn what_no_agency_took_reaches_its_sender_and_a_late_hand_over_wins() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    b.lone.wait_days(31);
    a.lone.wait_days(31);
    assert_eq!(b.x().fail_handovers().await.expect("a round"), 1);
    tell(&b, &a, id, &[]).await;
    let row = a.lone.row(id);
    assert_eq!((row.delivery(), row.refusal_code.as_str()), (DeliveryState::Consigned, ""));
    assert!(row.has_receipt("ContentHandoverFailure", &b.name()));
    hand_over(&b, id).await;
    tell(&b, &a, id, &[]).await;
    assert_eq!(a.state(id), DeliveryState::HandedOver);
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, classes(&done)), (None, vec![]), "{done:?}");
    assert_eq!(a.lone.found().await, [""; 0]);
    assert_eq!(b.lone.found().await, [""; 0]);
}

#[tokio::test]
async fn what_the_peer_has_not_recorded_is_sent_again() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    carry(&a, &b, id).await;
    tell(&b, &a, id, &["ContentConsignment"]).await;
    b.x().outbox.done(&a.name().to_string(), &receipt_key(id, "ContentConsignment"));
    let forget = move |tx: &mut crate::store::Tx<'_>| {
        tx.delete(Table::Outbox, &receipt_key(id, "ContentConsignment"));
        Ok::<_, ActionError>(())
    };
    b.x().store.commit(forget).await.expect("commits");
    assert_eq!(b.reconcile(&a).await.code, None, "within its time");
    assert_eq!(b.x().outbox.waiting(&a.name()), 0);
    b.lone.wait_ms(2 * HOUR_MS);
    let done = b.reconcile(&a).await;
    assert_eq!((classes(&done), actions(&done)), (vec!["lost_receipt"], vec!["sent again"]));
    assert_eq!(b.x().outbox.waiting(&a.name()), 1);
    b.reconcile(&a).await;
    assert_eq!(b.x().outbox.waiting(&a.name()), 1, "once");
}

fn receipt_key(id: MessageId, event: &str) -> Vec<u8> {
    [id.as_bytes().as_slice(), event.as_bytes()].concat()
}

#[tokio::test]
async fn a_message_that_waits_nowhere_is_queued_again_and_only_once() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    let waits = a.reconcile(&b).await;
    assert_eq!((classes(&waits), actions(&waits)), (vec!["in_flight"], vec!["waits in the queue"]));
    assert_eq!(a.x().outbox.waiting(&b.name()), 1);

    a.x().outbox.done(b.name().as_str(), id.as_bytes());
    let forget = move |tx: &mut crate::store::Tx<'_>| {
        tx.delete(Table::Outbox, id.as_bytes());
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(forget).await.expect("commits");
    a.lone.wait_ms(2 * HOUR_MS);
    let done = a.reconcile(&b).await;
    assert_eq!((classes(&done), actions(&done)), (vec!["overdue"], vec!["queued again"]));
    assert_eq!(done.code, None);
    assert_eq!(a.x().outbox.waiting(&b.name()), 1);
    let again = a.reconcile(&b).await;
    assert_eq!(actions(&again), ["waits in the queue"]);
    assert_eq!(a.x().outbox.waiting(&b.name()), 1);

    carry(&a, &b, id).await;
    tell(&b, &a, id, &[]).await;
    let done = a.reconcile(&b).await;
    assert_eq!((classes(&done), done.code), (vec![], None));
}

#[tokio::test]
async fn what_comes_while_a_round_is_under_way_is_for_the_next() {
    let (a, b) = two().await;
    let id = b.lone.submit(&a.lone, &[]).await;
    // As if it had been submitted and accepted behind the checkpoint that the peer answers with.
    let before = b.x().store.head();
    let (size, note) = (before.checkpoint.size - 1, b.x().clone());
    carry(&b, &a, id).await;
    let held = size;
    a.is_told(move |answer| {
        if answer.checkpoint.is_empty() {
            return answer.entries.clear();
        }
        let root = note.store.root_at(0, size).expect("reads");
        let origin = before.checkpoint.origin.clone();
        let earlier = crate::audit::checkpoint::Checkpoint { origin, size, root };
        answer.checkpoint = earlier.sign(&note.keys.log);
        answer.consistency.clear();
        answer.entries.clear();
    });
    let peer = a.peer(&b);
    a.x().heads.forget(&[peer.card.log_origin().to_owned()], || {});
    let root = b.x().store.root_at(0, held).expect("reads");
    let origin = peer.card.log_origin().to_owned();
    let earlier = crate::audit::checkpoint::Checkpoint { origin, size: held, root };
    let request = request(0, &[], &earlier.sign(&b.x().keys.log)).expect("a request");
    a.x().take_head(&peer, &request).await.expect("taken");
    let done = a.reconcile(&b).await;
    assert_eq!((classes(&done), done.code), (vec![], None), "{done:?}");
}

#[tokio::test]
async fn many_entries_are_read_in_pages() {
    let (a, b) = two().await;
    let about = || EntryDraft::new(Event::PeerUpdated).peer(a.name()).card([7; 32]);
    for _ in 0..600 {
        b.append(about()).await;
    }
    show(&b, &a).await;
    let done = a.reconcile(&b).await;
    assert!(done.complete && done.code.is_none(), "{done:?}");
    assert_eq!(done.theirs, b.x().store.last_number(a.name().as_str()).expect("reads"));
    let asked = a.asked();
    assert_eq!(asked.len(), 4, "three pages, and that there is no more");
    assert!(asked[1..].iter().all(|ask| ask.size == asked[1].size), "under one checkpoint");
}

#[tokio::test]
async fn one_round_at_a_time_and_only_with_who_is_trusted() {
    let (a, b) = two().await;
    let peer = a.peer(&b);
    let turn = a.x().reconciling.begin(&b.name()).expect("free");
    let busy = a.x().reconcile(&peer).await;
    assert!(matches!(busy, Err(ActionError::Conflict { code: "RECONCILING", .. })), "{busy:?}");
    drop(turn);
    a.x().suspend_peer(&b.name(), "SUSPENDED", None).await.expect("suspended");
    let refused = a.x().reconcile(&a.peer(&b)).await;
    assert!(matches!(refused, Err(ActionError::Conflict { code: "SUSPENDED", .. })));
}
