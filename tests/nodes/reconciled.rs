//! Two nodes whose logs are compared over the wire: a receipt that was lost comes back, and what
//! cannot be explained is told.

use crate::support::*;
use rogatory::pb::v1 as pb;
use rogatory::store::Table;

/// A round with a peer, once the stream to it is up.
async fn reconcile(at: &Node, with: &Node) -> pb::Reconciliation {
    let request = pb::ReconcilePeerRequest { authority: with.authority().to_string() };
    let asking = async {
        let mut operator = at.operator().await;
        loop {
            match operator.reconcile_peer(request.clone()).await {
                Ok(done) => return done.into_inner(),
                Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}"),
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("a round")
}

/// What waits to be sent is gone from the stopped node, as if its frame had been lost for good.
async fn forget_receipts(at: &Node) -> usize {
    let node = at.open().await;
    let rows = node.store.scan(Table::Outbox, b"", None, rogatory::store::Direction::Forward, 10);
    let keys: Vec<_> = rows.expect("reads").into_iter().map(|(key, _)| key).collect();
    let lost = keys.len();
    let forget = move |tx: &mut rogatory::store::Tx<'_>| {
        keys.iter().for_each(|key| tx.delete(Table::Outbox, key));
        Ok::<_, std::convert::Infallible>(())
    };
    node.store.commit(forget).await.expect("commits");
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_was_lost_is_found_in_the_log_of_the_peer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);
    let sent = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let got = next_in_inbox(&mut receiver, 0).await;
    has_receipts(&mut sender, &sent.name, 2).await;
    // That a has the receipts is not yet known to b.
    has_sent_all(&b).await;
    a.stop().await;
    let confirm = pb::ConfirmHandoverRequest {
        name: got.name.clone(),
        envelope_digest: got.envelope_digest.clone(),
    };
    receiver.confirm_handover(confirm).await.expect("confirmed");
    b.stop().await;
    assert_eq!(forget_receipts(&b).await, 1);

    a.start().await;
    b.start().await;
    let found = reconcile(&a, &b).await;
    assert!(found.complete && found.code.is_empty(), "{found:?}");
    let items: Vec<_> = found.items.iter().map(|i| (i.event.as_str(), i.action.as_str())).collect();
    assert_eq!(items, [("ContentHandover", "recorded")]);
    let mut sender = a.connect("desk").await;
    reaches(&mut sender, &sent.name, pb::DeliveryState::HandedOver).await;
    has_receipts(&mut sender, &sent.name, 3).await;

    let rested = reconcile(&a, &b).await;
    assert_eq!((rested.items.len(), rested.code.as_str()), (0, ""));
    let of_b = reconcile(&b, &a).await;
    assert_eq!((of_b.items.len(), of_b.code.as_str()), (0, ""), "{of_b:?}");
    let status = status_of(&a, &b).await;
    assert_eq!((status.reconcile_time, status.reconcile_code), (rested.reconcile_time, "".into()));
    a.stop().await;
    b.stop().await;
}

/// Ends the newest log of a node, and begins the next one.
async fn seal(node: &Node) {
    let mut operator = node.operator().await;
    let logs = operator.list_logs(pb::ListLogsRequest {}).await.expect("listed").into_inner().logs;
    let origin = logs.last().expect("one is open").origin.clone();
    operator.seal_log(pb::SealLogRequest { origin }).await.expect("sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_before_a_log_ended_is_found_in_that_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);
    let old = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let got = next_in_inbox(&mut receiver, 0).await;
    has_receipts(&mut sender, &old.name, 2).await;
    // From here on a goes on reading, in a log that ends soon.
    let first = reconcile(&a, &b).await;
    assert!(first.complete && first.code.is_empty(), "{first:?}");
    has_sent_all(&b).await;
    a.stop().await;
    let confirm = pb::ConfirmHandoverRequest {
        name: got.name.clone(),
        envelope_digest: got.envelope_digest.clone(),
    };
    receiver.confirm_handover(confirm).await.expect("confirmed");
    b.stop().await;
    assert_eq!(forget_receipts(&b).await, 1);
    b.start().await;
    // The log between says nothing about a.
    seal(&b).await;
    seal(&b).await;
    a.start().await;
    seal(&a).await;
    let mut sender = a.connect("desk").await;
    let new = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    has_receipts(&mut sender, &new.name, 2).await;

    let found = reconcile(&a, &b).await;
    assert!(found.complete && found.code.is_empty(), "{found:?}");
    let items: Vec<_> = found.items.iter().map(|i| (i.event.as_str(), i.action.as_str())).collect();
    assert_eq!(items, [("ContentHandover", "recorded")], "{found:?}");
    assert_eq!(found.items[0].log_peer, Some(0), "the one that has ended");
    assert!(found.entries_peer > first.entries_peer, "{found:?}");
    reaches(&mut sender, &old.name, pb::DeliveryState::HandedOver).await;
    has_receipts(&mut sender, &old.name, 3).await;
    let rested = reconcile(&a, &b).await;
    assert_eq!((rested.items.len(), rested.code.as_str()), (0, ""), "{rested:?}");

    // b has never read a's log: it begins with the one that has ended.
    let of_b = reconcile(&b, &a).await;
    assert!(of_b.complete && of_b.items.is_empty() && of_b.code.is_empty(), "{of_b:?}");
    let matched = of_b.counts.iter().find(|count| count.class == "matched");
    assert_eq!(matched.map(|matched| matched.count), Some(2), "{of_b:?}");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_log_is_told_so_by_what_its_peer_has() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let _ = reconcile(&a, &b).await;
    b.stop().await;
    // Something of a's that a's log does not have, in the log of its peer.
    let node = b.open().await;
    let peer = node.exchange.directory().get(a.authority()).expect("a peer");
    let held = node.exchange.head_of(&peer).expect("it has shown its log");
    let held = rogatory::audit::succession::end_of(held.checkpoint());
    let draft =
        rogatory::audit::entry::EntryDraft::new(rogatory::audit::entry::Event::RelayAcceptance)
            .by(b.authority().clone())
            .peer(a.authority().clone())
            .message(rogatory::domain::MessageId::new(
                rogatory::domain::Timestamp::from_unix_ms(1_795_000_000_000),
                rogatory::crypto::random(),
            ))
            .envelope([7; 32])
            .remote(held);
    let append =
        move |tx: &mut rogatory::store::Tx<'_>| Ok::<_, std::convert::Infallible>(tx.append(draft));
    node.store.commit(append).await.expect("commits");
    drop(node);
    b.start().await;
    let wrong = reconcile(&a, &b).await;
    assert_eq!(wrong.code, "MISSING_AT_SENDER");
    assert!(wrong.items.iter().any(|item| item.wrong && item.class == "missing_at_sender"));
    assert!(wrong.log_index.is_some());
    assert_eq!(status_of(&a, &b).await.reconcile_code, "MISSING_AT_SENDER");
    let status = a.operator().await.get_status(pb::GetStatusRequest {}).await;
    let warnings = status.expect("a status").into_inner().warnings;
    assert!(warnings.iter().any(|text| text.contains("peer reconcile xb.pps")), "{warnings:?}");
    a.stop().await;
    b.stop().await;
}
