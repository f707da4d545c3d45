//! A node's rows against its own log, from outside: what differs is found and named, and what is
//! just moving is not.

use std::convert::Infallible;

use crate::support::checked::{check, traffic};
use crate::support::*;
use prost::Message as _;
use rogatory::domain::MessageId;
use rogatory::pb::store::v1::{MessageRow, OutboxRow};
use rogatory::pb::v1 as pb;
use rogatory::store::{Table, Tx};

/// Changes rows of a home that is not open, behind its log.
async fn tamper<F>(node: &Node, change: F)
where
    F: FnOnce(&mut Tx<'_>) + Send + 'static,
{
    let open = node.open().await;
    let store = open.store.clone();
    let changed = store.commit(move |tx| {
        change(tx);
        Ok::<_, Infallible>(())
    });
    changed.await.expect("changed");
    drop(open);
    tokio::task::spawn_blocking(move || store.stop()).await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_not_what_the_log_says_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b, sent) = traffic(dir.path()).await;
    a.stop().await;
    b.stop().await;
    let sound = check(&a).await;
    assert_eq!(sound.divergences, [], "also of a home that no node runs in");

    let id = MessageId::parse(&sent.message_id).expect("an id");
    let row = move |tx: &mut Tx<'_>| {
        let bytes = tx.get(Table::Messages, id.as_bytes()).expect("there");
        MessageRow::decode(bytes.as_slice()).expect("a row")
    };
    let put = move |tx: &mut Tx<'_>, row: &MessageRow| {
        tx.put(Table::Messages, id.as_bytes(), row.encode_to_vec());
    };
    // Receipts may overtake each other.
    let place = |row: &MessageRow, event: &str| {
        row.receipts.iter().position(|receipt| receipt.event == event).expect("there")
    };
    let waiting = OutboxRow { peer: "xb.pps".into(), ..OutboxRow::default() };
    type Change = Box<dyn FnOnce(&mut Tx<'_>) + Send>;
    let changes: [(&str, Change); 5] = [
        (
            "state: HANDED_OVER by the log, REJECTED by the row",
            Box::new(move |tx| {
                let row = MessageRow { state: pb::DeliveryState::Rejected as i32, ..row(tx) };
                put(tx, &row);
            }),
        ),
        (
            "another RelayAcceptance",
            Box::new(move |tx| {
                let mut row = row(tx);
                let relayed = place(&row, "RelayAcceptance");
                row.receipts[relayed].text.push(' ');
                put(tx, &row);
            }),
        ),
        (
            "lacks this ContentHandover",
            Box::new(move |tx| {
                let mut row = row(tx);
                let handed_over = place(&row, "ContentHandover");
                row.receipts.remove(handed_over);
                put(tx, &row);
            }),
        ),
        (
            "queue: - by the log, waiting by the outbox",
            Box::new(move |tx| {
                tx.put(Table::Outbox, id.as_bytes(), waiting.encode_to_vec());
            }),
        ),
        ("there is no row", Box::new(move |tx| tx.delete(Table::Messages, id.as_bytes()))),
    ];
    let original = {
        let open = a.open().await;
        let read = move || {
            let row = open.store.get(Table::Messages, id.as_bytes()).expect("readable");
            let replayed = open.exchange.replayed_state_digest().expect("replayed");
            open.store.stop();
            (row.expect("a row"), hex::encode(replayed.digest))
        };
        let (row, digest) = tokio::task::spawn_blocking(read).await.expect("read");
        assert_eq!(digest, sound.report.state_digest);
        row
    };
    let restore = move |tx: &mut Tx<'_>, original: Vec<u8>| {
        tx.put(Table::Messages, id.as_bytes(), original);
        tx.delete(Table::Outbox, id.as_bytes());
    };
    for (says, change) in changes {
        let row = original.clone();
        tamper(&a, move |tx| {
            restore(tx, row);
            change(tx);
        })
        .await;
        let found = check(&a).await;
        assert_eq!(found.divergences.len(), 1, "{says}: {:?}", found.divergences);
        assert_eq!(found.divergences[0].what, format!("message {id}"));
        assert!(found.divergences[0].detail.contains(says), "{:?}", found.divergences[0]);
    }
    tamper(&a, move |tx| restore(tx, original)).await;
    assert_eq!(check(&a).await.divergences, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_nothing_in_what_is_just_moving() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let mut sender = a.desk().await;
    let requests: Vec<_> = (0..40).map(|_| submission(&b)).collect();
    let sending = tokio::spawn(async move {
        for request in requests {
            sender.submit_message(request).await.expect("submitted");
        }
    });
    loop {
        // Once more when all is sent: some of it is still on its way.
        let done = sending.is_finished();
        for node in [&a, &b] {
            let checked = check(node).await;
            assert_eq!(checked.divergences, [], "{}", node.authority());
        }
        if done {
            break;
        }
    }
    sending.await.expect("no panic");
    a.stop().await;
    b.stop().await;
}
