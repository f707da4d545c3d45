//! What a peer may not answer: the message stays in the queue, nothing is recorded, and the operator
//! is told what was wrong.

use crate::support::impostor::{Fault, Impostor};
use crate::support::*;
use rogatory::audit::entry::{Entry, Event};
use rogatory::audit::evidence::Evidence;
use rogatory::pb::v1 as pb;

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_prove_nothing_leave_the_message_in_the_queue() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    let faults = Fault::ALL.map(|(fault, _)| fault);
    let mut impostor = Impostor::serve(&mut b, &faults).await;
    // What it holds of A's log is asked once, before anything else.
    impostor.go_on.add_permits(1);
    a.start().await;
    hello(&mut impostor).await;
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let mut operator = a.operator().await;
    hello(&mut impostor).await;
    impostor.go_on.add_permits(1);
    for (fault, code) in Fault::ALL {
        // It comes back, so the answer before was judged.
        hello(&mut impostor).await;
        let queue = operator.list_queue(pb::ListQueueRequest {}).await.expect("listed");
        let items = queue.into_inner().items;
        assert_eq!(items.len(), 1, "{fault:?}: the message waits");
        assert!(items[0].trouble.contains(code), "{fault:?}: {}", items[0].trouble);
        impostor.go_on.add_permits(1);
    }
    let done = reaches(&mut desk, &sent.name, pb::DeliveryState::Relayed).await;
    assert_eq!(done.receipts, ["RelayAcceptance xb.pps"]);
    a.stop().await;
    let store = a.open().await.store;
    let entries = store.entries(0, 100).expect("readable");
    let recorded = entries.iter().map(|entry| Entry::parse(entry).expect("an entry"));
    let recorded = recorded.filter(|entry| entry.event == Event::RelayAcceptance);
    assert_eq!(recorded.count(), 1, "and nothing else was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_past_that_a_receipt_shows_is_kept_and_suspends_the_peer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    let impostor = Impostor::serve(&mut b, &[]).await;
    impostor.go_on.add_permits(8);
    a.start().await;
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Relayed).await;
    let refresh = pb::RefreshReceiptsRequest { parent: sent.name.clone() };
    let refused = desk.refresh_receipts(refresh).await.expect_err("no receipt");
    assert!(refused.message().contains("two pasts"), "{refused:?}");
    let evidence = a.auditor().await.list_evidence(pb::ListEvidenceRequest {}).await;
    let evidence = evidence.expect("listed").into_inner().evidence;
    assert_eq!(evidence.len(), 1);
    let text = Evidence::parse(&evidence[0].text).expect("evidence");
    text.verify(b.card.log_keys()).expect("it proves two pasts");
    let peers = a.operator().await.list_peers(pb::ListPeersRequest {}).await;
    assert_eq!(peers.expect("listed").into_inner().peers[0].suspended, "LOG_EQUIVOCATION");
    a.stop().await;
}

async fn hello(impostor: &mut Impostor) {
    let said = tokio::time::timeout(DEADLINE, impostor.hellos.recv()).await;
    said.expect("it comes").expect("it listens");
}
