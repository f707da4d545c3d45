//! Packages that come over several streams: in whatever order the pieces come, what is stored is what
//! was signed; what breaks a rule is refused by name, and concerns nobody else.

use std::path::Path;
use std::time::Duration;

use crate::support::hostile::{Hostile, PieceStream};
use crate::support::package::{PIECE_BYTES, package, parts, pieces, reference};
use crate::support::*;
use rogatory::domain::limits::PUSH_STREAMS;
use rogatory::pb::v1 as pb;
use rogatory::store::vault::PackageShape;

use pb::push_package_request::Part;

/// Far above what it takes, and below any bound in time that would end a thing by itself.
const AT_ONCE: Duration = Duration::from_secs(30);

struct World {
    peer: Hostile,
    victim: Node,
    shape: PackageShape,
    list: Part,
    chunks: Vec<Vec<u8>>,
}

/// A peer that has announced a package, and whom it announced it to.
async fn announced(dir: &Path) -> World {
    let (home, mut victim) = pair(dir).await;
    victim.start().await;
    let peer = Hostile::new(&home, &victim).await;
    let (shape, reader, chunks) = package(dir, 1);
    let list = parts(&reader, &chunks).remove(0);
    let world = World { peer, victim, shape, list, chunks };
    world.offer().await;
    world
}

impl World {
    async fn offer(&self) -> pb::PackageProgress {
        let mut draft = self.peer.draft();
        draft.packages = vec![reference(&self.shape)];
        let envelope = self.peer.signed(draft).bytes().clone();
        let held = self.peer.offer(envelope).await.expect("announced");
        held.packages[0].clone()
    }

    async fn stream(&self, push: u8) -> PieceStream {
        self.peer.stream(self.shape.id, [push; 16]).await
    }

    fn pieces(&self) -> Vec<Part> {
        self.chunks.iter().enumerate().flat_map(|(n, chunk)| pieces(n, chunk)).collect()
    }

    fn is_there(&self) -> bool {
        self.victim.home.join("data/vault/packages").join(self.shape.name()).exists()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_come_in_any_order_over_any_stream_and_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut world = announced(dir.path()).await;
    let mut streams = Vec::new();
    for _ in 0..PUSH_STREAMS.each {
        let mut stream = world.stream(1).await;
        stream.until(|told| told.taken == 1).await.expect("it has joined");
        streams.push(stream);
    }
    let refused = world.stream(1).await.refused().await;
    assert!(refused.contains("16 streams of pushes of this caller"), "{refused}");
    let all = world.pieces();
    // From the last to the first, and the list after half of them.
    for (n, part) in all.iter().rev().enumerate() {
        if n == all.len() / 2 {
            streams[0].send(world.list.clone()).await;
        }
        streams[n % 16].send(part.clone()).await;
        streams[(n + 3) % 16].send(part.clone()).await;
    }
    for stream in &mut streams {
        let told = stream.until(|told| told.complete).await.expect("it is whole");
        assert!(told.taken > 0);
    }
    assert!(world.is_there());
    world.victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_push_brought_is_not_sent_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut world = announced(dir.path()).await;
    let mut stream = world.stream(1).await;
    stream.send(world.list.clone()).await;
    let all = world.pieces();
    // All but the first piece of the first chunk, and the third of the last but one.
    let last = pieces(3, &world.chunks[3]);
    let without = |part: &&Part| **part != all[0] && **part != last[2];
    for part in all.iter().filter(without) {
        stream.send(part.clone()).await;
    }
    let sent = all.len() as u64;
    stream.until(|told| told.taken == sent).await.expect("it is taken");
    drop(stream);
    let told = world.offer().await;
    assert_eq!((told.streams, told.chunks, told.listed), (8, 0, true));
    assert_eq!(told.ahead[..4], [0, 0xff, 0xff, 0xff ^ 0b100]);
    let mut stream = world.stream(2).await;
    stream.send(all[0].clone()).await;
    stream.until(|told| told.chunks == 3).await.expect("the others were there");
    stream.send(last[2].clone()).await;
    stream.until(|told| told.complete).await.expect("it is whole");
    assert!(world.is_there());
    world.victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_ends_the_push_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut world = announced(dir.path()).await;
    let piece = |number: u64, offset: usize, length: usize, bytes: usize| {
        let (offset, length) = (offset as u32, length as u32);
        Part::Piece(pb::SealedPiece { number, offset, length, data: vec![0; bytes].into() })
    };
    let end = world.shape.chunks;
    let start = Part::Start(pb::PackageStart::default());
    let chunk = Part::Chunk(pb::SealedChunk::default());
    let whole = 8 * PIECE_BYTES;
    for (part, rule) in [
        (piece(end, 0, whole, PIECE_BYTES), "does not have"),
        (piece(u64::MAX, 0, whole, PIECE_BYTES), "does not have"),
        (piece(0, 1, whole, PIECE_BYTES), "not whole"),
        (piece(0, 0, whole, 7), "not whole"),
        (piece(0, 0, whole + 1, PIECE_BYTES), "262160"),
        (start, "one start"),
        (chunk, "chunks come in pieces"),
    ] {
        let progress = world.offer().await;
        assert_eq!((progress.streams, progress.ahead.len()), (8, 0), "{rule}");
        let mut stream = world.stream(1).await;
        stream.send(part).await;
        let refused = stream.refused().await;
        assert!(refused.contains(rule), "{rule}: {refused}");
    }
    // Whole, in its place, and not what was signed.
    world.offer().await;
    let mut streams = [world.stream(3).await, world.stream(3).await];
    streams[1].until(|told| told.taken == 1).await.expect("it has joined");
    streams[0].send(world.list.clone()).await;
    let length = world.chunks[0].len();
    streams[0].send(piece(0, 0, length, length)).await;
    // What is next is judged with what follows it.
    for part in world.pieces().into_iter().skip(1) {
        streams[0].send(part).await;
    }
    for stream in &mut streams {
        let refused = stream.refused().await;
        assert!(refused.contains("not the one that was signed"), "{refused}");
    }
    assert!(!world.is_there());
    world.victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_joins_a_push_of_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut world = announced(dir.path()).await;
    let mut stream = world.stream(1).await;
    stream.until(|told| told.taken == 1).await.expect("it has begun");
    let refused = world.stream(2).await.refused().await;
    assert!(refused.contains("another push of the package goes on"), "{refused}");
    let refused = world.peer.push_parts(world.shape.id, vec![world.list.clone()]).await;
    let refused = refused.expect_err("one push at a time").to_string();
    assert!(refused.contains("being pushed"), "{refused}");
    // Another authority that knows the ids of package and push.
    let mut other = Node::new(dir.path(), "xc.moj").await;
    other.trust(&world.victim).await;
    world.victim.trust(&other).await;
    let stranger = Hostile::new(&other, &world.victim).await;
    let refused = stranger.stream(world.shape.id, [1; 16]).await.refused().await;
    assert!(refused.contains("offer the package before"), "{refused}");
    other.stop().await;
    // Who offers it again has given the push up.
    let offered = tokio::time::timeout(AT_ONCE, world.offer()).await.expect("it waits for nobody");
    assert_eq!(offered.streams, 8);
    let refused = stream.refused().await;
    assert!(refused.contains("offered again"), "{refused}");
    let mut stream = world.stream(2).await;
    stream.send(world.list.clone()).await;
    for part in world.pieces() {
        stream.send(part).await;
    }
    stream.until(|told| told.complete).await.expect("it is whole");
    world.victim.stop().await;
}

fn links(node: &Node, rules: &str) {
    let path = node.home.join("rogatory.toml");
    let known = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, format!("{known}\n[links.\"xb.pps\"]\n{rules}\n")).expect("written");
}

async fn sent(desk: &mut Agency, to: &Node, bytes: usize) -> pb::Message {
    let package = upload(desk, vec![("exhibit", vec![3; bytes])]).await;
    let request = pb::SubmitMessageRequest { packages: vec![package.name], ..submission(to) };
    desk.submit_message(request).await.expect("submitted").into_inner()
}

async fn queued(node: &Node) -> Vec<pb::QueueItem> {
    let listed = node.operator().await.list_queue(pb::ListQueueRequest {}).await;
    listed.expect("listed").into_inner().items
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sends_over_as_many_streams_as_it_is_told_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    links(&a, "streams = 5");
    a.start().await;
    b.start().await;
    let (mut desk, mut inbox) = (a.desk().await, b.desk().await);
    let bytes: Vec<u8> = (0..9_000_000_u32).map(|n| (n / 7) as u8).collect();
    let package = upload(&mut desk, vec![("large", bytes.clone())]).await;
    let packages = vec![package.name.clone()];
    let request = pb::SubmitMessageRequest { packages, ..submission(&b) };
    let message = desk.submit_message(request).await.expect("submitted").into_inner();
    reaches(&mut desk, &message.name, pb::DeliveryState::Consigned).await;
    let came = download(&mut inbox, &message.name, &package.name, 0).await.expect("opens");
    assert!(came == bytes);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_for_one_peer_takes_nothing_from_another_and_requests_overtake_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    let mut c = Node::new(dir.path(), "xc.moj").await;
    a.trust(&c).await;
    c.trust(&a).await;
    // What goes to one of them would take the better part of an hour.
    links(&a, "bulk_kib_per_second = 4\nstreams = 3");
    for node in [&mut a, &mut b, &mut c] {
        node.start().await;
    }
    let mut desk = a.desk().await;
    let large = sent(&mut desk, &b, 9 << 20).await;
    let incoming = b.home.join("data/vault/incoming");
    let begun = async {
        while std::fs::read_dir(&incoming).map_or(0, Iterator::count) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, begun).await.expect("it is on its way");
    let to_other = sent(&mut desk, &c, 4 << 20).await;
    reaches(&mut desk, &to_other.name, pb::DeliveryState::Consigned).await;
    let request = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &request.name, pb::DeliveryState::Consigned).await;
    let waiting = queued(&a).await;
    let (_, id) = large.name.rsplit_once('/').expect("a name");
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!((waiting[0].message_id.as_str(), waiting[0].state.as_str()), (id, "sending"));
    for node in [&mut a, &mut b, &mut c] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_evidence_waits_and_says_so_and_requests_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    // All of the week but a minute that is two days away.
    let away = rogatory::node::now().plus_ms(2 * 24 * 3600 * 1000).date_time();
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let today = usize::from(away.weekday().number_days_from_monday());
    let (today, others) =
        (day[today], format!("{}-{}", day[(today + 1) % 7], day[(today + 6) % 7]));
    let whole = format!("\"{others} 00:00-24:00 UTC\"");
    links(
        &a,
        &format!("quiet = [{whole}, \"{today} 00:00-12:00 UTC\", \"{today} 12:01-24:00 UTC\"]"),
    );
    a.start().await;
    b.start().await;
    let mut desk = a.desk().await;
    let large = sent(&mut desk, &b, 1000).await;
    let request = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &request.name, pb::DeliveryState::Consigned).await;
    let told = async {
        loop {
            let waiting = queued(&a).await;
            if !waiting[0].trouble.is_empty() {
                return waiting;
            }
        }
    };
    let waiting = tokio::time::timeout(DEADLINE, told).await.expect("it is told");
    let until = format!(
        "quiet hours until {:04}-{:02}-{:02} 12:00 UTC",
        away.year(),
        u8::from(away.month()),
        away.day()
    );
    assert!(large.name.ends_with(&waiting[0].message_id), "{waiting:?}");
    assert_eq!((waiting[0].state.as_str(), waiting[0].trouble.as_str()), ("queued", &*until));
    let peer = status(&a).await.peers.remove(0);
    assert_eq!((peer.connected, peer.trouble), (true, until));
    a.stop().await;
    b.stop().await;
}
