//! What is waited for, each with a deadline that only a hang reaches.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use rogatory::audit::entry::{Entry, Event};
use rogatory::pb::v1 as pb;

use super::{Agency, DEADLINE, Node};

async fn get(agency: &mut Agency, name: &str) -> pb::Message {
    let request = pb::GetMessageRequest { name: name.into() };
    agency.get_message(request).await.expect("readable").into_inner()
}

/// Waits until a message is in a state. Not all receipts that lead there need to be here by then:
/// see [`has_receipts`].
pub async fn reaches(agency: &mut Agency, name: &str, state: pb::DeliveryState) -> pb::Message {
    let look = async {
        loop {
            // Each look is a round trip, so the node gets its turns.
            let message = get(agency, name).await;
            if message.state() == state {
                return message;
            }
        }
    };
    match tokio::time::timeout(DEADLINE, look).await {
        Ok(message) => message,
        Err(_) => panic!("message {name} does not become {state:?}"),
    }
}

/// Waits until a message has so many receipts: later ones may overtake the first, in which case its
/// state is ahead of them, and their order is any.
pub async fn has_receipts(agency: &mut Agency, name: &str, count: usize) -> pb::Message {
    let look = async {
        loop {
            let message = get(agency, name).await;
            if message.receipts.len() >= count {
                return message;
            }
        }
    };
    let message = tokio::time::timeout(DEADLINE, look).await.expect("all receipts");
    assert_eq!(message.receipts.len(), count, "{:?}", message.receipts);
    message
}

pub async fn status(node: &Node) -> pb::Status {
    let answer = node.operator().await.get_status(pb::GetStatusRequest {}).await;
    answer.expect("answered").into_inner()
}

/// The events of a short log, in its order.
pub async fn events(node: &Node) -> Vec<Event> {
    let request = pb::ListEntriesRequest { page_size: 1000, ..pb::ListEntriesRequest::default() };
    let listed = node.auditor().await.list_entries(request).await.expect("listed").into_inner();
    listed.entries.iter().map(|entry| Entry::parse(entry).expect("an entry").event).collect()
}

/// What a node says of its peer.
pub async fn status_of(at: &Node, with: &Node) -> pb::PeerStatus {
    let peers = status(at).await.peers;
    peers.into_iter().find(|peer| peer.authority == with.authority().as_str()).expect("a peer")
}

/// Waits until no message and no receipt waits for a peer: it has answered to all of them, and the
/// node has made that durable.
pub async fn has_sent_all(node: &Node) {
    let look = async { while status(node).await.peers.iter().any(|peer| peer.queued > 0) {} };
    tokio::time::timeout(DEADLINE, look).await.expect("nothing waits");
}

/// The next message of the inbox behind a position.
pub async fn next_in_inbox(agency: &mut Agency, after_position: u64) -> pb::Message {
    let request = pb::WatchInboxRequest { after_position };
    let mut watch = agency.watch_inbox(request).await.expect("watches").into_inner();
    let next = tokio::time::timeout(DEADLINE, watch.message()).await.expect("something comes");
    next.expect("no error").expect("a message").message.expect("it is there")
}
