//! Nodes that are killed while they work: what was acknowledged is there, once.
//!
//! A client submits message after message and repeats each with its request_id until it is
//! acknowledged, as agencies' systems do; again and again one of the nodes is killed while a
//! submission is on its way. In the end every acknowledged message is at the peer exactly once,
//! nothing else is, and both logs verify.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::process::{Process, connect};
use crate::support::*;
use rogatory::pb::v1 as pb;
use rogatory::pb::v1::upload_package_request::Part;

const MESSAGES: usize = 90;
/// A node is killed during every one of these many submissions, the two in turn.
const KILL_EVERY: usize = 6;

/// Two nodes that know each other and run, each with the profile of a desk.
fn two(dir: &Path) -> [(Process, PathBuf); 2] {
    let (mut a, mut b) = (Process::new(dir, "xa.oag"), Process::new(dir, "xb.pps"));
    a.trust(&b);
    b.trust(&a);
    let (at_a, at_b) = (a.agency("desk", "submit,read"), b.agency("desk", "submit,read"));
    a.start();
    b.start();
    [(a, at_a), (b, at_b)]
}

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
    let [(mut a, at_a), (mut b, at_b)] = two(dir.path());
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

/// How often the node is killed while it takes an upload.
const UPLOAD_KILLS: usize = 8;
const PIECE: usize = 256 << 10;

/// What the node has of an upload, once it is up again and nobody else is at it.
async fn upload_standing(agency: &mut Agency, upload_id: &str) -> pb::Upload {
    let asking = async {
        loop {
            let name = format!("uploads/{upload_id}");
            match agency.get_upload(pb::GetUploadRequest { name }).await {
                Ok(upload) => return upload.into_inner(),
                Err(status) if status.code() == tonic::Code::NotFound => break,
                Err(status) => assert!(is_weather(&status), "{status:?}"),
            }
            tokio::task::yield_now().await;
        }
        pb::Upload::default()
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("it answers in the end")
}

/// The parts of two exhibits behind what the node has.
fn parts_behind(at: &pb::Upload, upload_id: &str, files: &[Vec<u8>; 2]) -> Vec<Part> {
    let total_bytes = files.iter().map(|file| file.len() as u64).sum();
    let (exhibits, bytes) = (at.exhibits, at.bytes);
    let mut parts = vec![Part::Start(pb::UploadStart {
        upload_id: upload_id.into(),
        exhibits,
        bytes,
        total_bytes,
    })];
    let mut behind = usize::try_from(bytes).expect("small");
    for (number, file) in files.iter().enumerate().skip(exhibits as usize) {
        if behind == 0 {
            let original_name = format!("{number}.bin");
            parts.push(Part::Exhibit(pb::ExhibitHead { original_name, ..Default::default() }));
        }
        parts.extend(file[behind..].chunks(PIECE).map(|piece| Part::Data(piece.to_vec().into())));
        behind = 0;
    }
    parts.push(Part::End(pb::UploadEnd { exhibits: 2 }));
    parts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_outlives_the_node_that_takes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let [(mut a, at_a), (b, at_b)] = two(dir.path());
    let image: Vec<u8> = (0..10 * PIECE + 77).map(|at| (at * 31 % 251) as u8).collect();
    let files = [image, b"small".to_vec()];
    let upload_id = request_id();
    let mut had = (0, 0);
    for _ in 0..UPLOAD_KILLS {
        let mut sender = connect(&at_a).await;
        let at = upload_standing(&mut sender, &upload_id).await;
        assert!((at.exhibits, at.bytes) >= had, "what it had is there still: {at:?}, {had:?}");
        had = (at.exhibits, at.bytes);
        let (parts, taken) = tokio::sync::mpsc::channel(1);
        let taken = tokio_stream::wrappers::ReceiverStream::new(taken);
        let uploading = tokio::spawn(async move { sender.upload_package(taken).await });
        // Everything but the end, so that it is killed in the middle.
        for part in parts_behind(&at, &upload_id, &files).into_iter().take(4) {
            let _ = parts.send(pb::UploadPackageRequest { part: Some(part) }).await;
        }
        a.kill();
        assert!(uploading.await.expect("no panic").is_err());
        a.start();
    }
    let mut sender = connect(&at_a).await;
    let at = upload_standing(&mut sender, &upload_id).await;
    let parts = parts_behind(&at, &upload_id, &files).into_iter();
    let parts = parts.map(|part| pb::UploadPackageRequest { part: Some(part) });
    let sealed = sender.upload_package(tokio_stream::iter(parts.collect::<Vec<_>>())).await;
    let sealed = sealed.expect("sealed").into_inner();
    a.kill();
    a.start();
    let mut sender = connect(&at_a).await;
    let at = upload_standing(&mut sender, &upload_id).await;
    assert_eq!(at.package.as_ref(), Some(&sealed), "whoever was not told asks");
    let request = pb::SubmitMessageRequest {
        request_id: request_id(),
        recipient: b.authority.into(),
        content: Some(example_request()),
        packages: vec![sealed.name.clone()],
        ..pb::SubmitMessageRequest::default()
    };
    let id = submit_until_acknowledged(&mut sender, &request).await;
    let name = format!("messages/{id}");
    reaches(&mut sender, &name, pb::DeliveryState::Consigned).await;
    let mut receiver = connect(&at_b).await;
    for (number, file) in (0..).zip(&files) {
        let came = download(&mut receiver, &name, &sealed.name, number).await.expect("opens");
        assert!(came == *file, "exhibit {number}");
    }
}
