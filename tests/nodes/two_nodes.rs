//! Two nodes over real mutual TLS: the way of a message from agency to agency and its receipts
//! back.

use crate::support::*;
use rogatory::crypto::keys::Role;
use rogatory::home::KeyChange;
use rogatory::node::{Changed, change_key};
use rogatory::pb::v1 as pb;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_crosses_and_every_receipt_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);

    let sent = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    assert_eq!(sent.state(), pb::DeliveryState::Queued);
    assert!(sent.case_id.starts_with("ROG-XA-OAG-"), "{}", sent.case_id);

    let got = next_in_inbox(&mut receiver, 0).await;
    assert_eq!(got.message_id, sent.message_id);
    assert_eq!(got.envelope_digest, sent.envelope_digest);
    assert_eq!(got.case_id, sent.case_id);
    let full = pb::GetMessageRequest { name: got.name.clone() };
    let full = receiver.get_message(full).await.expect("readable").into_inner();
    assert_eq!(full.content, Some(example_request()));

    reaches(&mut sender, &sent.name, pb::DeliveryState::Consigned).await;
    let confirm = pb::ConfirmHandoverRequest {
        name: got.name.clone(),
        envelope_digest: got.envelope_digest.clone(),
    };
    receiver.confirm_handover(confirm).await.expect("confirmed");
    reaches(&mut sender, &sent.name, pb::DeliveryState::HandedOver).await;
    let mut receipts = has_receipts(&mut sender, &sent.name, 3).await.receipts;
    receipts.sort_unstable();
    let events = ["ContentConsignment", "ContentHandover", "RelayAcceptance"];
    assert_eq!(receipts, events.map(|event| format!("{event} {}", b.authority())));
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_carries_evidence_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);
    let sent = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let got = next_in_inbox(&mut receiver, 0).await;

    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let exhibits = vec![("camera/gate 4.bin", big.clone()), ("empty.txt", Vec::new())];
    let package = upload(&mut receiver, exhibits).await;
    let reply = pb::ReplyMessageRequest {
        name: got.name,
        request_id: request_id(),
        content: Some(note(pb::MessageKind::EvidencePackage, "The records asked for.")),
        packages: vec![package.name.clone()],
        ..pb::ReplyMessageRequest::default()
    };
    let reply = receiver.reply_message(reply).await.expect("replied").into_inner();

    let answer = next_in_inbox(&mut sender, 0).await;
    assert_eq!(answer.in_reply_to, sent.message_id);
    assert_eq!(answer.case_id, sent.case_id);
    assert_eq!(answer.packages, std::slice::from_ref(&package));
    let list = pb::ListExhibitsRequest {
        parent: answer.name.clone(),
        package: package.name.clone(),
        ..pb::ListExhibitsRequest::default()
    };
    let exhibits = sender.list_exhibits(list).await.expect("listed").into_inner().exhibits;
    assert_eq!(exhibits.len(), 2);
    assert_eq!(exhibits[0].original_name, "camera/gate 4.bin");
    assert_eq!(exhibits[0].sha256, hex::encode(rogatory::crypto::sha256(&big)));
    let bytes = download(&mut sender, &answer.name, &package.name, 0).await.expect("opens");
    assert_eq!(bytes, big);
    let empty = download(&mut sender, &answer.name, &package.name, 1).await.expect("opens");
    assert!(empty.is_empty());
    reaches(&mut receiver, &reply.name, pb::DeliveryState::Consigned).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_down_gets_its_messages_when_it_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    let mut sender = a.desk().await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        let message = sender.submit_message(submission(&b)).await.expect("submitted");
        sent.push(message.into_inner());
    }
    // The sender too stops and comes back before the peer does.
    a.stop().await;
    a.start().await;
    let mut sender = a.agency("second", &["read"], true).await;
    b.start().await;
    for message in &sent {
        reaches(&mut sender, &message.name, pb::DeliveryState::Consigned).await;
    }
    let mut receiver = b.desk().await;
    let list = receiver.list_messages(pb::ListMessagesRequest::default()).await.expect("listed");
    assert_eq!(list.into_inner().messages.len(), 5, "none is lost, none is twice");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_submission_gets_the_first_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, b) = pair(dir.path()).await;
    a.start().await;
    let mut sender = a.desk().await;
    let request = submission(&b);
    let first = sender.submit_message(request.clone()).await.expect("submitted").into_inner();
    let again = sender.submit_message(request.clone()).await.expect("answered").into_inner();
    assert_eq!(first.message_id, again.message_id);
    let other = pb::SubmitMessageRequest { reference: "other".into(), ..request };
    let refused = sender.submit_message(other).await.expect_err("other content");
    assert_eq!(refused.code(), tonic::Code::AlreadyExists);
    a.stop().await;
}

/// Changes a key once whoever had the home open has let go of it.
async fn change(node: &mut Node, change: KeyChange) -> Changed {
    let changing = async {
        loop {
            match change_key(&node.home, None, change).await {
                Ok(changed) => return changed,
                Err(error) if format!("{error:#}").contains("no node runs in it") => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("the key is not changed: {error:#}"),
            }
        }
    };
    let changed = tokio::time::timeout(DEADLINE, changing).await.expect("the store is let go of");
    node.card = changed.card.clone();
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_and_sealed_before_keys_were_changed_still_arrives() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    let mut desk = a.desk().await;
    // Signed with a's old key, and sealed to b's old one; b is down.
    let early = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    a.stop().await;
    let added = change(&mut a, KeyChange::Add(Role::Signing)).await;
    assert_eq!((added.logged.added.len(), added.logged.retired.len()), (1, 0));
    b.trust(&a).await;
    let rotated = change(&mut a, KeyChange::Rotate(Role::Signing)).await;
    assert_eq!((rotated.logged.added.len(), rotated.logged.retired.len()), (0, 1));
    let sealing = change(&mut b, KeyChange::Rotate(Role::Sealing)).await;
    assert_eq!((sealing.logged.added.len(), sealing.logged.retired.len()), (1, 1));
    a.start().await;
    b.start().await;
    let mut desk = a.connect("desk").await;
    reaches(&mut desk, &early.name, pb::DeliveryState::Consigned).await;
    // With b's old card, and then with the new one; signed with the key that b was told of.
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    a.trust(&b).await;
    b.trust(&a).await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    // What b has stored opens whichever of its keys it was sealed to.
    let mut reader = b.desk().await;
    let request = pb::ListMessagesRequest::default();
    let inbox = reader.list_messages(request).await.expect("listed").into_inner().messages;
    assert_eq!(inbox.len(), 3);
    for message in inbox {
        let request = pb::GetMessageRequest { name: message.name };
        let message = reader.get_message(request).await.expect("readable").into_inner();
        assert!(message.content.is_some(), "{message:?}");
    }
    let running = change_key(&b.home, None, KeyChange::Rotate(Role::Witness)).await;
    let refused = format!("{:#}", running.err().expect("a node runs"));
    assert!(refused.contains("no node runs in it"), "{refused}");
    a.stop().await;
    b.stop().await;
}
