//! A node that was restored from an older copy of its machine, mark and all: only peers know.

use std::path::Path;

use crate::support::*;
use rogatory::audit::entry::Event;
use rogatory::client::Profile;
use rogatory::pb::v1 as pb;
use tonic::Code;

use pb::agency_service_client::AgencyServiceClient;

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.expect("cp runs").success());
}

/// A and B have exchanged one message when A is copied, and another one after it. Then A is the
/// copy again.
async fn restored(root: &Path) -> (Node, Node) {
    let (mut a, mut b) = pair(root).await;
    a.start().await;
    b.start().await;
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    drop(desk);
    a.stop().await;
    let kept = root.join("kept");
    copy(&a.home, &kept);
    a.start().await;
    let mut desk = known_desk(&a).await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    drop(desk);
    a.stop().await;
    std::fs::remove_dir_all(&a.home).expect("removed");
    copy(&kept, &a.home);
    (a, b)
}

/// The desk with the profile that it was given before.
async fn known_desk(node: &Node) -> Agency {
    let profile = Profile::read(&node.home.join("desk.toml")).expect("a profile");
    AgencyServiceClient::new(profile.connect().await.expect("connects"))
}

async fn becomes_read_only(node: &Node) -> pb::Status {
    let look = async {
        loop {
            let status = status(node).await;
            if status.warnings.iter().any(|warning| warning.contains("a longer log")) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, look).await.expect("it finds out")
}

async fn is_refused(node: &Node, to: &Node) {
    let refused = known_desk(node).await.submit_message(submission(to)).await;
    let refused = refused.expect_err("nothing is taken");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("older copy"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_asks_its_peers_first_appends_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = restored(dir.path()).await;
    let path = a.home.join("rogatory.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, text.replace("# ask_peers = 0", "ask_peers = 1")).expect("written");
    let before = a.open().await.store.head().checkpoint.size;
    a.start().await;
    let found = becomes_read_only(&a).await;
    assert_eq!(found.log_size, before, "not even its start");
    is_refused(&a, &b).await;
    a.stop().await;
    b.stop().await;
    // A restart changes nothing, and neither does a peer that does not answer.
    a.start().await;
    assert_eq!(becomes_read_only(&a).await.log_size, before);
    is_refused(&a, &b).await;
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_needs_no_peer_asks_those_that_it_reaches() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = restored(dir.path()).await;
    let before = a.open().await.store.head().checkpoint.size;
    a.start().await;
    assert_eq!(becomes_read_only(&a).await.log_size, before, "not even its start");
    is_refused(&a, &b).await;
    a.stop().await;
    b.stop().await;
}

/// What an operator does where no node runs is an entry as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_a_node_asks_them_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = restored(dir.path()).await;
    let before = a.open().await.store.head().checkpoint.size;
    let local = rogatory::node::Local::connect(&a.home, None).await.expect("opened here");
    assert!(local.is_offline());
    let mut operator = pb::operator_service_client::OperatorServiceClient::new(local.channel());
    let revoke = pb::RevokeAgencyRequest { agency: "desk".into() };
    let refused = operator.revoke_agency(revoke).await.expect_err("a second past");
    assert!(refused.message().contains("rogatory recover"), "{refused}");
    local.close().await;
    assert_eq!(a.open().await.store.head().checkpoint.size, before);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_reaches_nobody_is_caught_by_its_peer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = restored(dir.path()).await;
    b.stop().await;
    a.start().await;
    b.start().await;
    becomes_read_only(&a).await;
    is_refused(&a, &b).await;
    // What the writer had begun when the store froze has ended.
    let found = status(&a).await;
    is_refused(&a, &b).await;
    let list = pb::ListMessagesRequest::default();
    let received = b.desk().await.list_messages(list).await.expect("listed").into_inner();
    assert_eq!(received.messages.len(), 2, "nothing of the second past has come");
    let again = status(&a).await;
    assert_eq!(again.log_size, found.log_size, "and it grows no more");
    a.stop().await;
    b.stop().await;
}

async fn has_logged_its_start(node: &Node) -> bool {
    events(node).await.contains(&Event::NodeStarted)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_both_ask_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    for node in [&a, &b] {
        let path = node.home.join("rogatory.toml");
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::write(&path, text.replace("# ask_peers = 0", "ask_peers = 1")).expect("written");
    }
    a.start().await;
    let waits = a.operator().await.list_agencies(pb::ListAgenciesRequest {}).await;
    assert!(waits.is_ok(), "it can be looked at while it waits");
    assert!(!has_logged_its_start(&a).await, "nobody has answered it");
    b.start().await;
    for node in [&a, &b] {
        let starts = async { while !has_logged_its_start(node).await {} };
        tokio::time::timeout(DEADLINE, starts).await.expect("it has logged its start");
    }
    a.stop().await;
    b.stop().await;
}
