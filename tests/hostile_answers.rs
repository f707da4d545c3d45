//! What a peer may not answer: the message stays in the queue, nothing is recorded, and the operator
//! is told what was wrong.
#![allow(missing_docs)]

mod support;

use rogatory::audit::entry::{Entry, Event};
use rogatory::pb::v1 as pb;
use support::impostor::{Fault, Impostor};
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_prove_nothing_leave_the_message_in_the_queue() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    let faults = Fault::ALL.map(|(fault, _)| fault);
    let mut impostor = Impostor::serve(&mut b, &faults).await;
    a.start().await;
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

async fn hello(impostor: &mut Impostor) {
    let said = tokio::time::timeout(DEADLINE, impostor.hellos.recv()).await;
    said.expect("it comes").expect("it listens");
}
