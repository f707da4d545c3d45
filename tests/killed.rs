//! Nodes that are killed while they work: what was acknowledged is there, once.
//!
//! A client submits message after message and repeats each with its request_id until it is
//! acknowledged, as agencies' systems do; again and again one of the nodes is killed while a
//! submission is on its way. In the end every acknowledged message is at the peer exactly once,
//! nothing else is, and both logs verify.
#![allow(missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use rogatory::pb::v1 as pb;
use support::process::{Process, connect};
use support::*;

const MESSAGES: usize = 90;
/// A node is killed during every one of these many submissions, the two in turn.
const KILL_EVERY: usize = 6;

async fn submit_until_acknowledged(
    agency: &mut Agency,
    request: &pb::SubmitMessageRequest,
) -> String {
    let acknowledged = async {
        loop {
            match agency.submit_message(request.clone()).await {
                Ok(message) => return message.into_inner().message_id,
                // The node was killed or is coming up: the same request again.
                Err(status) => assert!(is_weather(&status), "{status:?}"),
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, acknowledged).await.expect("it is acknowledged in the end")
}

fn is_weather(status: &tonic::Status) -> bool {
    use tonic::Code::{Cancelled, Internal, Unavailable, Unknown};
    matches!(status.code(), Unavailable | Unknown | Cancelled | Internal)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_nodes_lose_nothing_and_double_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = (Process::new(dir.path(), "xa.oag"), Process::new(dir.path(), "xb.pps"));
    a.trust(&b);
    b.trust(&a);
    let (at_a, at_b) = (a.agency("desk", "submit,read"), b.agency("desk", "submit,read"));
    a.start();
    b.start();
    let mut sender = connect(&at_a).await;
    let mut acknowledged = BTreeMap::new();
    for n in 0..MESSAGES {
        let mut request = pb::SubmitMessageRequest {
            request_id: request_id(),
            recipient: b.authority.into(),
            content: Some(example_request()),
            ..pb::SubmitMessageRequest::default()
        };
        if n == MESSAGES / 2 {
            let evidence = vec![("camera.bin", vec![7; 8 << 20])];
            request.packages = vec![upload(&mut sender, evidence).await.name];
        }
        let mut client = sender.clone();
        let asked = request.clone();
        let submitting =
            tokio::spawn(async move { submit_until_acknowledged(&mut client, &asked).await });
        if n % KILL_EVERY == KILL_EVERY - 1 {
            let victim = if (n / KILL_EVERY).is_multiple_of(2) { &mut b } else { &mut a };
            victim.kill();
            victim.start();
        }
        let id = submitting.await.expect("no panic");
        assert!(
            acknowledged.insert(id, request).is_none(),
            "every request has a message of its own"
        );
    }
    let mut sender = connect(&at_a).await;
    for id in acknowledged.keys() {
        reaches(&mut sender, &format!("messages/{id}"), pb::DeliveryState::Consigned).await;
    }
    let mut receiver = connect(&at_b).await;
    let list = pb::ListMessagesRequest { page_size: 1000, ..pb::ListMessagesRequest::default() };
    let there = receiver.list_messages(list).await.expect("listed").into_inner().messages;
    let ids: BTreeSet<_> = there.iter().map(|m| m.message_id.clone()).collect();
    let positions: BTreeSet<_> = there.iter().map(|m| m.inbox_position).collect();
    assert_eq!(ids, acknowledged.keys().cloned().collect(), "what was acknowledged, and no more");
    assert_eq!(there.len(), MESSAGES, "none is twice");
    assert_eq!(positions.len(), MESSAGES, "none has the place of another");
    a.stop();
    b.stop();
    let accepted = |report: &serde_json::Value| report.to_string();
    assert!(accepted(&a.verify_log()).contains("SubmissionAcceptance"));
    assert!(accepted(&b.verify_log()).contains("RelayAcceptance"));
}
