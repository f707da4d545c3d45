//! What evidence may take of a node's disk: a reserve that stays free, a quota for each peer, and a
//! sweep of what nobody comes for (I7). What a message carries is never touched.
#![allow(missing_docs)]

mod support;

use std::path::Path;

use rogatory::exchange::packages::Upload;
use rogatory::exchange::submit::Submission;
use rogatory::exchange::sweep::Swept;
use rogatory::exchange::{ActionError, Caller, Role};
use rogatory::node::{OpenNode, now};
use rogatory::pb::v1 as pb;
use rogatory::store::vault::PackageShape;
use support::hostile::{Hostile, at, receipt_of};
use support::package::{package, parts, reference};
use support::*;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// More than any disk has.
const NO_ROOM: (&str, &str) = ("# reserve_mib = 1024", "reserve_mib = 1099511627776");

/// The packages in a part of a node's vault, and marks.
fn names(home: &Path, part: &str) -> Vec<String> {
    let entries = std::fs::read_dir(home.join("data/vault").join(part)).expect("there");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("readable").file_name().into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

fn announced(peer: &Hostile, shapes: &[&PackageShape]) -> rogatory::envelope::SignedMessage {
    let packages = shapes.iter().map(|shape| reference(shape)).collect();
    peer.signed(rogatory::envelope::Draft { packages, ..peer.draft() })
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_room_left_evidence_is_refused_and_messages_are_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    b.configure(NO_ROOM.0, NO_ROOM.1);
    b.start().await;
    let mut desk = b.desk().await;
    let head = pb::ExhibitHead { original_name: "a".into(), ..pb::ExhibitHead::default() };
    let part = Some(pb::upload_package_request::Part::Exhibit(head));
    let parts = tokio_stream::iter([pb::UploadPackageRequest { part }]);
    let refused = desk.upload_package(parts).await.expect_err("no room");
    assert_eq!((refused.code(), &*reason(&refused)), (tonic::Code::ResourceExhausted, "DISK_FULL"));
    let mut peer = Hostile::new(&a, &b).await;
    let shape = package(dir.path(), 1).0;
    let refused = peer.offer(announced(&peer, &[&shape]).bytes().clone()).await;
    let trouble = refused.expect_err("no room").to_string();
    assert!(trouble.contains("no room for more evidence"), "{trouble}");
    let status = b.operator().await.get_status(pb::GetStatusRequest {}).await.expect("told");
    let warnings = status.into_inner().warnings.join("\n");
    assert!(warnings.contains("evidence is refused"), "{warnings}");
    peer.greet().await;
    receipt_of(&peer.deliver_draft(peer.draft()).await);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_brings_no_more_than_its_quota_before_a_message_carries_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    b.configure("# peer_quota_gib = 512", "peer_quota_gib = 1");
    b.start().await;
    let peer = Hostile::new(&a, &b).await;
    // Announced sizes: nothing of it needs to exist.
    let sized = |seed: u8, mib: u64| {
        let mut shape = package(dir.path(), seed).0;
        shape.sealed_bytes = mib << 20;
        shape.chunks = shape.sealed_bytes.div_ceil((256 << 10) + 16);
        shape
    };
    let (huge, first, second) = (sized(1, 1_025), sized(2, 600), sized(3, 600));
    let refused = peer.offer(announced(&peer, &[&huge]).bytes().clone()).await;
    let trouble = refused.expect_err("larger than the quota").to_string();
    assert!(trouble.contains("is here already without a message"), "{trouble}");
    peer.offer(announced(&peer, &[&first]).bytes().clone()).await.expect("within it");
    peer.offer(announced(&peer, &[&second]).bytes().clone()).await.expect("nothing is here yet");
    let begin = |shape: &PackageShape| {
        let list = pb::PackageList { chunk_hashes: vec![7; 32].into(), ..Default::default() };
        (shape.id, vec![pb::push_package_request::Part::List(list)])
    };
    let (id, list) = begin(&first);
    let progress = peer.push_parts(id, list).await.expect("begun");
    assert!(!progress.complete);
    // Both are announced, but only one fits.
    let (id, list) = begin(&second);
    let trouble = peer.push_parts(id, list).await.expect_err("over the quota").to_string();
    assert!(trouble.contains("ResourceExhausted"), "{trouble}");
    assert_eq!(names(&b.home, "incoming"), [first.name()]);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_gives_up_is_swept_and_what_a_message_carries_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    b.start().await;
    let mut peer = Hostile::new(&a, &b).await;
    let [carried, abandoned, broken] = [1, 2, 3].map(|seed| package(dir.path(), seed));
    for (shape, reader, chunks) in [&carried, &abandoned] {
        peer.offer(announced(&peer, &[shape]).bytes().clone()).await.expect("announced");
        let pushed = peer.push_parts(shape.id, parts(reader, chunks)).await.expect("pushed");
        assert!(pushed.complete);
    }
    let (shape, reader, chunks) = &broken;
    peer.offer(announced(&peer, &[shape]).bytes().clone()).await.expect("announced");
    let mut some = parts(reader, chunks);
    some.truncate(3);
    peer.push_parts(shape.id, some).await.expect("begun");
    assert_eq!(names(&b.home, "unclaimed").len(), 3);
    peer.greet().await;
    let packages = vec![reference(&carried.0)];
    let draft = rogatory::envelope::Draft { packages, ..peer.draft() };
    receipt_of(&peer.deliver_draft(draft).await);
    let mut left = [abandoned.0.name(), broken.0.name()];
    left.sort();
    assert_eq!(names(&b.home, "unclaimed"), left);
    b.stop().await;

    // A crash between the commit and the mark: the mark is back.
    let mark = b.home.join("data/vault/unclaimed").join(carried.0.name());
    std::fs::write(&mark, format!("peer {} 5\n", "07".repeat(16))).expect("written");
    let node = b.open().await;
    let swept = node.exchange.sweep(at(29 * DAY_MS)).await.expect("swept");
    assert_eq!(swept, Swept::default(), "it may still come");
    assert!(!mark.exists(), "a message carries it");
    let swept = node.exchange.sweep(at(31 * DAY_MS)).await.expect("swept");
    assert_eq!(swept, Swept { unfinished: 2, unsubmitted: 0 });
    assert_eq!(names(&b.home, "packages"), [carried.0.name()]);
    assert!(names(&b.home, "incoming").is_empty() && names(&b.home, "unclaimed").is_empty());
}

fn desk() -> Caller {
    Caller { name: "desk".into(), roles: vec![Role::Submit, Role::Read], all_cases: true }
}

async fn sealed(node: &OpenNode) -> PackageShape {
    let mut upload = Upload::begin(node.exchange.clone(), &desk()).expect("begun");
    upload.exhibit("x", "", Vec::new()).await.expect("taken");
    upload.data(vec![1; 300 << 10].into()).await.expect("taken");
    upload.finish(1).await.expect("sealed")
}

async fn submit(node: &OpenNode, to: &Node, package: &PackageShape) -> Result<(), ActionError> {
    use rogatory::envelope::wire::content_from_pb;
    let content = note(pb::MessageKind::SpontaneousInformation, "Two vessels sail.");
    let submission = Submission {
        request: request_id().parse().expect("an id"),
        recipient: to.authority().clone(),
        content: content_from_pb(content).expect("valid"),
        packages: vec![package.id],
        annexes: Vec::new(),
        reference: String::new(),
        window_ms: None,
        case: None,
        in_reply_to: None,
    };
    node.exchange.submit(&desk(), submission).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_never_submitted_is_swept_and_one_that_was_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, b) = pair(dir.path()).await;
    let node = a.open().await;
    let [kept, given_up, late] = [sealed(&node).await, sealed(&node).await, sealed(&node).await];
    submit(&node, &b, &kept).await.expect("submitted");
    let swept = node.exchange.sweep(at(29 * DAY_MS)).await.expect("swept");
    assert_eq!(swept, Swept::default());
    submit(&node, &b, &late).await.expect("nothing is lost before its time");
    let swept = node.exchange.sweep(at(31 * DAY_MS)).await.expect("swept");
    assert_eq!(swept, Swept { unfinished: 0, unsubmitted: 1 });
    let mut packages = [kept.name(), late.name()];
    packages.sort();
    assert_eq!(names(&a.home, "packages"), packages);
    assert!(names(&a.home, "unclaimed").is_empty());
    let gone = submit(&node, &b, &given_up).await.expect_err("it is gone");
    assert!(matches!(gone, ActionError::Refused { .. }), "{gone:?}");
    let swept = node.exchange.sweep(at(31 * DAY_MS)).await.expect("swept");
    assert_eq!(swept, Swept::default(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_a_sweep_is_settled_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, _b) = pair(dir.path()).await;
    let node = a.open().await;
    let kept = sealed(&node).await;
    node.exchange.sweep(now()).await.expect("swept");
    let marks = a.home.join("data/vault/unclaimed");
    // Marked, and the row not gone yet; and a package whose row went, and whose bytes did not.
    let text = |id| format!("own {id} 0\n");
    std::fs::write(marks.join(kept.name()), text(kept.id)).expect("written");
    let orphan = package(dir.path(), 1).0;
    let from = dir.path().join("from-1/packages").join(orphan.name());
    drop(node);
    std::fs::rename(from, a.home.join("data/vault/packages").join(orphan.name())).expect("moved");
    std::fs::write(marks.join(orphan.name()), text(orphan.id)).expect("written");
    let mark = std::fs::File::options().write(true).open(marks.join(orphan.name())).expect("there");
    mark.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set");
    let node = a.open().await;
    let swept = node.exchange.sweep(now()).await.expect("swept");
    assert_eq!(swept, Swept { unfinished: 0, unsubmitted: 1 });
    assert_eq!(names(&a.home, "packages"), [kept.name()]);
    assert!(names(&a.home, "unclaimed").is_empty());
}
