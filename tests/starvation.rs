//! No client, no peer and no stranger keeps a node from the others, from its operator, or from
//! stopping (I7).
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use rogatory::domain::limits::{AGENCY_CONNECTIONS, DOWNLOADS, HANDSHAKES, UPLOADS};
use rogatory::node::Patience;
use rogatory::pb::v1 as pb;
use support::hostile::Hostile;
use support::package::{package, parts, reference};
use support::*;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use pb::relay_request::Frame as Ask;
use pb::upload_package_request::Part;

/// Of a node that cuts nothing: it stops because nobody is left, or it hangs.
const ENDLESS: Patience = Patience { calls: Duration::MAX, rest: Duration::MAX };

/// Far above what it takes, and below the minute after which everything is looked at again.
const AT_ONCE: Duration = Duration::from_secs(30);

/// More than all that lies between a vault and a client that does not read: a flow-control window.
const EXHIBIT_BYTES: usize = 24 << 20;

/// An upload that began and says nothing more: how it ends.
async fn idle_upload(mut agency: Agency) -> Status {
    let (part, parts) = mpsc::channel(1);
    let head = pb::ExhibitHead { original_name: "x".into(), ..pb::ExhibitHead::default() };
    let head = pb::UploadPackageRequest { part: Some(Part::Exhibit(head)) };
    part.send(head).await.expect("room");
    let parts = tokio_stream::wrappers::ReceiverStream::new(parts);
    agency.upload_package(parts).await.expect_err("it is never whole")
}

/// A message that carries a large exhibit, at its sender.
async fn large_message(desk: &mut Agency, to: &Node) -> pb::Message {
    let package = upload(desk, vec![("large", vec![7; EXHIBIT_BYTES])]).await;
    let request = pb::SubmitMessageRequest { packages: vec![package.name], ..submission(to) };
    desk.submit_message(request).await.expect("submitted").into_inner()
}

/// A download that is opened and not read.
async fn unread_download(
    desk: &mut Agency,
    message: &pb::Message,
) -> Result<tonic::Streaming<pb::DownloadExhibitResponse>, Status> {
    let request = pb::DownloadExhibitRequest {
        parent: message.name.clone(),
        package: message.packages[0].name.clone(),
        ..pb::DownloadExhibitRequest::default()
    };
    desk.download_exhibit(request).await.map(tonic::Response::into_inner)
}

/// Reads a download to its end.
async fn read_on(
    pieces: &mut tonic::Streaming<pb::DownloadExhibitResponse>,
) -> (usize, Option<Status>) {
    let mut bytes = 0;
    loop {
        match pieces.message().await {
            Ok(Some(piece)) => bytes += piece.data.len(),
            Ok(None) => return (bytes, None),
            Err(status) => return (bytes, Some(status)),
        }
    }
}

async fn status_is_told(node: &Node) {
    let mut operator = node.operator().await;
    let status = operator.get_status(pb::GetStatusRequest {});
    let status = tokio::time::timeout(DEADLINE, status).await.expect("in time").expect("told");
    assert_eq!(status.into_inner().authority, node.authority().as_str());
}

async fn evidence_goes_in_and_out(agency: &mut Agency, to: &Node) {
    let work = async {
        let package = upload(agency, vec![("x", vec![5; 1 << 20])]).await;
        let packages = vec![package.name.clone()];
        let request = pb::SubmitMessageRequest { packages, ..submission(to) };
        let message = agency.submit_message(request).await.expect("submitted").into_inner();
        let bytes = download(agency, &message.name, &package.name, 0).await.expect("opens");
        assert_eq!(bytes, vec![5; 1 << 20]);
    };
    tokio::time::timeout(DEADLINE, work).await.expect("nobody is in the way");
}

/// Starts a node that is to stop without cutting anything.
async fn start_patient(node: &mut Node) {
    node.patience = ENDLESS;
    node.start().await;
}

/// Nobody is waited for.
async fn stops(node: &mut Node) {
    assert_eq!(node.patience, ENDLESS, "it would cut what it waits for");
    node.stop().await;
}

#[test]
fn uploads_and_downloads_that_nobody_goes_on_with_hold_no_thread() {
    let two_threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    two_threads.block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut a, b) = pair(dir.path()).await;
        start_patient(&mut a).await;
        let mut desk = a.desk().await;
        let mut other = a.agency("other", &["submit", "read"], false).await;
        let message = large_message(&mut desk, &b).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            // A connection each: unread ones would use up the window that they share.
            let mut reader = a.connect("desk").await;
            held.push(unread_download(&mut reader, &message).await.expect("opened"));
        }
        let mut uploads = JoinSet::new();
        for _ in 0..4 {
            uploads.spawn(idle_upload(desk.clone()));
        }
        evidence_goes_in_and_out(&mut other, &b).await;
        for mut download in held {
            let reading = read_on(&mut download);
            let (bytes, ended) = tokio::time::timeout(DEADLINE, reading).await.expect("it goes on");
            assert_eq!((bytes, ended.map(|status| status.code())), (EXHIBIT_BYTES, None));
        }
        stops(&mut a).await;
        while let Some(ended) = uploads.join_next().await {
            assert_eq!(ended.expect("no panic").code(), Code::Unavailable);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_that_opens_streams_without_end_keeps_no_other_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, b) = pair(dir.path()).await;
    start_patient(&mut a).await;
    let mut desk = a.desk().await;
    let mut other = a.agency("other", &["submit", "read"], false).await;
    let message = large_message(&mut desk, &b).await;
    // More than the runtime has threads for what blocks, over as many connections as it takes.
    let mut uploads = JoinSet::new();
    for _ in 0..4 {
        let greedy = a.connect("desk").await;
        for _ in 0..150 {
            uploads.spawn(idle_upload(greedy.clone()));
        }
    }
    for _ in UPLOADS.each..600 {
        let refused = tokio::time::timeout(DEADLINE, uploads.join_next()).await.expect("refused");
        let refused = refused.expect("more").expect("no panic");
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        assert_eq!(reason(&refused), "TOO_MANY_AT_ONCE");
    }
    let mut held = Vec::new();
    for _ in 0..DOWNLOADS.each {
        held.push(unread_download(&mut desk, &message).await.expect("opened"));
    }
    let refused = unread_download(&mut desk, &message).await.expect_err("enough");
    assert_eq!(reason(&refused), "TOO_MANY_AT_ONCE");
    evidence_goes_in_and_out(&mut other, &b).await;
    status_is_told(&a).await;
    // What ends makes room.
    held.clear();
    let again = async {
        while unread_download(&mut desk, &message).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, again).await.expect("there is room again");
    stops(&mut a).await;
    assert_eq!(uploads.len(), UPLOADS.each, "these were let in");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_say_nothing_keep_nobody_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    start_patient(&mut b).await;
    let mut peer = Hostile::new(&a, &b).await;
    let desk = b.desk().await;
    let config = b.config();
    let mut silent = Vec::new();
    for address in [config.exchange_listen, config.agency_listen] {
        for _ in 0..6 * HANDSHAKES.each {
            silent.push(TcpStream::connect(address).await.expect("connects"));
        }
    }
    // Both have ten seconds to shake hands, as the silent ones have.
    peer.greet().await;
    b.connect("desk").await.list_messages(pb::ListMessagesRequest::default()).await.expect("in");
    status_is_told(&b).await;
    drop(desk);
    stops(&mut b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_has_only_so_many_connections_and_others_have_theirs() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut a = Node::new(dir.path(), "xa.oag").await;
    a.start().await;
    let mut other = a.agency("other", &["read"], false).await;
    let mut open = vec![a.desk().await];
    let list = pb::ListMessagesRequest::default;
    while open.len() < AGENCY_CONNECTIONS.each {
        let mut one = a.connect("desk").await;
        one.list_messages(list()).await.expect("let in");
        open.push(one);
    }
    // It shakes hands, and is dropped before its first call.
    let path = a.home.join("desk.toml");
    let profile = rogatory::client::Profile::read(&path).expect("a profile");
    let refused = match profile.connect().await {
        Ok(channel) => {
            let mut one = pb::agency_service_client::AgencyServiceClient::new(channel);
            one.list_messages(list()).await.is_err()
        }
        Err(_) => true,
    };
    assert!(refused, "one too many");
    other.list_messages(list()).await.expect("the others are served");
    a.connect("other").await.list_messages(list()).await.expect("and let in");
    drop(open);
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_stream_of_a_peer_ends_the_older() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    start_patient(&mut b).await;
    let mut peer = Hostile::new(&a, &b).await;
    peer.greet().await;
    let mut older = Vec::new();
    for _ in 0..3 {
        older.push(peer.take_link());
        peer.open(Ask::Hello(peer.hello())).await.expect("a new stream");
    }
    for mut link in older {
        let ended = tokio::time::timeout(DEADLINE, link.answers.recv()).await.expect("it ends");
        let trouble = ended.expect("with a reason").expect_err("which says so").to_string();
        assert!(trouble.contains("this stream has ended here"), "{trouble}");
    }
    peer.ask(Ask::Ping(pb::Ping {})).await.expect("the newest goes on");
    stops(&mut b).await;
}

/// The example request, from another than its sender.
fn submission_of(from: &Node, to: &Node) -> pb::SubmitMessageRequest {
    let mut submission = submission(to);
    let body = submission.content.as_mut().and_then(|content| content.body.as_mut());
    let Some(pb::message_content::Body::Request(request)) = body else { panic!("a request") };
    let asks = request.requesting_authority.as_mut().expect("who asks");
    asks.id = from.authority().to_string();
    asks.country = from.authority().country().to_ascii_uppercase();
    submission
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_agency_loses_its_open_calls_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    let (mut desk, mut other) = (a.desk().await, a.agency("other", &["read"], true).await);
    let message = large_message(&mut desk, &b).await;
    let mut download = unread_download(&mut desk, &message).await.expect("opened");
    let uploading = tokio::spawn(idle_upload(desk.clone()));
    let watch = pb::WatchInboxRequest::default();
    let mut watched = desk.watch_inbox(watch).await.expect("watches").into_inner();
    let mut stays = other.watch_inbox(watch).await.expect("watches").into_inner();
    let revoke = pb::RevokeAgencyRequest { agency: "desk".into() };
    a.operator().await.revoke_agency(revoke).await.expect("revoked");
    let (bytes, ended) =
        tokio::time::timeout(AT_ONCE, read_on(&mut download)).await.expect("it ends");
    assert_eq!(ended.expect("not by itself").code(), Code::PermissionDenied);
    assert!(bytes < EXHIBIT_BYTES, "{bytes}");
    let watched = tokio::time::timeout(AT_ONCE, watched.message()).await.expect("it ends");
    assert_eq!(watched.expect_err("not by itself").code(), Code::PermissionDenied);
    let uploaded = tokio::time::timeout(AT_ONCE, uploading).await.expect("it ends");
    assert_eq!(uploaded.expect("no panic").code(), Code::PermissionDenied);
    // Who may still call is not disturbed.
    b.start().await;
    let request = submission_of(&b, &a);
    let sent = b.desk().await.submit_message(request).await.expect("submitted").into_inner();
    let came = tokio::time::timeout(DEADLINE, stays.message()).await.expect("something comes");
    let came = came.expect("no error").expect("a message").message.expect("it is there");
    assert_eq!(came.message_id, sent.message_id);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_peer_loses_its_push_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    b.start().await;
    let peer = Hostile::new(&a, &b).await;
    let (shape, reader, chunks) = package(dir.path(), 1);
    let mut draft = peer.draft();
    draft.packages = vec![reference(&shape)];
    peer.offer(peer.signed(draft).bytes().clone()).await.expect("announced");
    let (part, taken) = mpsc::channel(16);
    let start =
        pb::PackageStart { package_id: shape.id.as_bytes().to_vec().into(), ..Default::default() };
    let start = pb::push_package_request::Part::Start(start);
    let mut all = parts(&reader, &chunks);
    all.pop();
    for one in std::iter::once(start).chain(all) {
        part.send(pb::PushPackageRequest { part: Some(one) }).await.expect("room");
    }
    let pushing = tokio::spawn(peer.push(taken));
    let begun = async {
        while !b.home.join("data/vault/incoming").join(shape.name()).join("sizes").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, begun).await.expect("it is taken");
    let remove = pb::RemovePeerRequest { authority: peer.me().to_string() };
    b.operator().await.remove_peer(remove).await.expect("removed");
    let pushed = tokio::time::timeout(AT_ONCE, pushing).await.expect("it ends");
    let trouble = pushed.expect("no panic").expect_err("it has no right any more").to_string();
    assert!(trouble.contains("no longer in the directory"), "{trouble}");
    drop(part);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_though_a_client_takes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, b) = pair(dir.path()).await;
    // Whatever is left once the connections are cut, it would wait for.
    a.patience.rest = Duration::MAX;
    a.start().await;
    let mut desk = a.desk().await;
    let message = large_message(&mut desk, &b).await;
    let mut download = unread_download(&mut desk, &message).await.expect("opened");
    // While another is read to its end, this one fills what lies between.
    let mut beside = unread_download(&mut desk, &message).await.expect("opened");
    assert_eq!(read_on(&mut beside).await.0, EXHIBIT_BYTES);
    a.stop().await;
    let (bytes, ended) = read_on(&mut download).await;
    assert!(ended.is_some() && bytes < EXHIBIT_BYTES, "a part never looks like the whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_whatever_is_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    start_patient(&mut b).await;
    let mut peer = Hostile::new(&a, &b).await;
    peer.greet().await;
    let mut desk = b.agency("desk", &["submit", "read", "audit"], true).await;
    let watch = pb::WatchInboxRequest::default();
    let mut watched = desk.watch_inbox(watch).await.expect("watches").into_inner();
    let uploading = tokio::spawn(idle_upload(desk.clone()));
    let mut draft = peer.draft();
    let shape = package(dir.path(), 1).0;
    draft.packages = vec![reference(&shape)];
    peer.offer(peer.signed(draft).bytes().clone()).await.expect("announced");
    let (_part, taken) = mpsc::channel(1);
    let pushing = tokio::spawn(peer.push(taken));
    stops(&mut b).await;
    assert_eq!(watched.message().await.expect_err("it is told").code(), Code::Unavailable);
    assert_eq!(uploading.await.expect("no panic").code(), Code::Unavailable);
    assert!(pushing.await.expect("no panic").is_err());
    assert!(peer.ask(Ask::Ping(pb::Ping {})).await.is_err());
}
