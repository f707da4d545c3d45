//! Packages on their way into a vault: what arrives is what was signed, or is refused by name; a
//! transfer that breaks goes on where it broke.

use std::path::Path;

use crate::support::package::package;
use rogatory::crypto::random;
use rogatory::domain::{PackageId, Timestamp};
use rogatory::envelope::stream::SEALED_CHUNK_BYTES;
use rogatory::store::arrival::Arrival;
use rogatory::store::vault::{Bounds, Owner, PackageReader, Vault, VaultError};

/// Whoever sends what arrives here.
const FROM: Owner = Owner::Peer([1; 16]);
const OTHER: Owner = Owner::Peer([2; 16]);

fn list(arrival: &mut Arrival, reader: &PackageReader, chunks: usize) {
    arrival.begin_push();
    arrival.list(reader.sizes(), &[]).expect("the sizes");
    let hashes = reader.leaves(0, chunks).expect("the hashes");
    arrival.list(&[], &hashes).expect("the hashes");
}

fn refused(result: Result<(), VaultError>) -> &'static str {
    match result {
        Err(VaultError::Refused(rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_package_arrives_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    let to = Vault::open(&dir.path().join("to")).expect("a vault");
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
    list(&mut arrival, &reader, chunks.len());
    for (number, chunk) in chunks.iter().enumerate() {
        assert!(!arrival.is_whole());
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    arrival.finish().expect("durable");
    assert!(arrival.progress().complete && to.contains(&shape));
    let mut there = to.reader(&shape).expect("readable");
    let mut number = 0;
    for exhibit in 0..shape.exhibits {
        for index in 0..there.chunk_count(exhibit) {
            assert_eq!(there.chunk(exhibit, index).expect("sound"), chunks[number]);
            number += 1;
        }
    }
    assert_eq!(number as u64, shape.chunks);
}

#[test]
fn what_was_not_signed_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    let (_, other, other_chunks) = package(dir.path(), 2);
    let to = Vault::open(&dir.path().join("to")).expect("a vault");
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
    arrival.begin_push();
    assert!(arrival.chunk(0, &chunks[0]).is_err(), "chunks come after their list");
    // The list of another package, too many sizes, too many hashes.
    arrival.list(other.sizes(), &[]).expect("the same sizes");
    let hashes = other.leaves(0, chunks.len()).expect("hashes");
    assert!(refused(arrival.list(&[], &hashes)).contains("not the one that its message"));
    arrival.begin_push();
    assert!(refused(arrival.list(&[16; 5], &[])).contains("more exhibits"));
    arrival.begin_push();
    assert!(refused(arrival.list(&[], &[0; 33])).contains("32 bytes"));
    list(&mut arrival, &reader, chunks.len());
    // A chunk of another package, out of order, cut short, altered, and one too many.
    assert!(refused(arrival.chunk(0, &other_chunks[0])).contains("not the one that was signed"));
    assert!(refused(arrival.chunk(1, &chunks[1])).contains("out of its order"));
    arrival.chunk(0, &chunks[0]).expect("stored");
    assert!(refused(arrival.chunk(0, &chunks[0])).contains("out of its order"));
    assert!(refused(arrival.chunk(1, &chunks[1][..100])).contains("length"));
    let mut altered = chunks[1].clone();
    altered[7] ^= 1;
    assert!(refused(arrival.chunk(1, &altered)).contains("not the one that was signed"));
    assert!(matches!(arrival.finish(), Err(VaultError::Missing)), "not before all is there");
    for (number, chunk) in chunks.iter().enumerate().skip(1) {
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    let extra = refused(arrival.chunk(chunks.len() as u64, &chunks[0]));
    assert!(extra.contains("out of its order"));
    arrival.finish().expect("durable");
}

#[test]
fn a_transfer_that_broke_goes_on_where_it_broke() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    for broken_at in 0..=chunks.len() {
        let to = Vault::open(&dir.path().join(format!("to-{broken_at}"))).expect("a vault");
        let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
        list(&mut arrival, &reader, chunks.len());
        for (number, chunk) in chunks.iter().enumerate().take(broken_at) {
            arrival.chunk(number as u64, chunk).expect("stored");
        }
        drop(arrival);
        let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened again");
        let progress = arrival.progress();
        assert_eq!((progress.listed, progress.chunks), (true, broken_at as u64));
        for (number, chunk) in chunks.iter().enumerate().skip(broken_at) {
            arrival.chunk(number as u64, chunk).expect("stored");
        }
        arrival.finish().expect("durable");
        assert!(to.contains(&shape));
    }
}

#[test]
fn what_a_power_cut_left_of_a_transfer_is_verified_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    let to = Vault::open(&dir.path().join("to")).expect("a vault");
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
    list(&mut arrival, &reader, chunks.len());
    for (number, chunk) in chunks.iter().enumerate().take(4) {
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    drop(arrival);
    // The second chunk of the third exhibit was never really written.
    let file = dir.path().join("to/incoming").join(shape.name()).join("2");
    let mut bytes = std::fs::read(&file).expect("there");
    bytes[SEALED_CHUNK_BYTES..].fill(0);
    std::fs::write(&file, bytes).expect("written");
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened again");
    assert_eq!(arrival.progress().chunks, 3, "cut off at the first difference");
    for (number, chunk) in chunks.iter().enumerate().skip(3) {
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    arrival.finish().expect("durable");
}

/// A vault in which each peer may have so many bytes.
fn with_quota(dir: &Path, peer_quota_bytes: u64) -> Vault {
    Vault::bounded(dir, Bounds { reserve_bytes: 0, peer_quota_bytes }).expect("a vault")
}

#[test]
fn what_a_peer_brings_counts_until_a_message_carries_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, reader, chunks) = package(dir.path(), 1);
    let (two, other_reader, other_chunks) = package(dir.path(), 2);
    let quota = one.sealed_bytes + one.sealed_bytes / 2;
    let to = with_quota(&dir.path().join("to"), quota);
    let mut arrival = Arrival::open(&to, &one, FROM).expect("within the quota");
    list(&mut arrival, &reader, chunks.len());
    let over = Arrival::open(&to, &two, FROM).err().expect("over it");
    assert!(matches!(over, VaultError::OverQuota(_)), "{over}");
    let mut of_other = Arrival::open(&to, &two, OTHER).expect("another peer has its own");
    list(&mut of_other, &other_reader, other_chunks.len());
    let taken = Arrival::open(&to, &two, FROM).err().expect("it is another's");
    assert!(matches!(taken, VaultError::Busy(_)), "{taken}");
    drop((arrival, of_other));
    // After a restart it counts just the same; whole, it does until a message carries it.
    let to = with_quota(&dir.path().join("to"), quota);
    assert!(Arrival::open(&to, &two, FROM).is_err());
    let mut arrival = Arrival::open(&to, &one, FROM).expect("it goes on");
    for (number, chunk) in chunks.iter().enumerate() {
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    arrival.finish().expect("durable");
    let three = package(dir.path(), 3).0;
    assert!(Arrival::open(&to, &three, FROM).is_err(), "it is there, and nobody's yet");
    to.claim(&one.name()).expect("a message carries it");
    assert!(to.contains(&one));
    Arrival::open(&to, &three, FROM).expect("room again");
}

#[test]
fn chunks_and_lists_leave_the_reserve_of_the_disk_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    let root = dir.path().join("to");
    let mut arrival = Arrival::open(&with_quota(&root, u64::MAX), &shape, FROM).expect("opened");
    list(&mut arrival, &reader, chunks.len());
    arrival.chunk(0, &chunks[0]).expect("stored");
    drop(arrival);
    // More than any disk has must stay free.
    let bounds = Bounds { reserve_bytes: u64::MAX / 2, peer_quota_bytes: u64::MAX };
    let full = Vault::bounded(&root, bounds).expect("a vault");
    let id = PackageId::new(Timestamp::from_unix_ms(1_000), random());
    let refused = [
        Arrival::open(&full, &shape, FROM).err().expect("no room to go on"),
        Arrival::open(&full, &package(dir.path(), 2).0, FROM).err().expect("no room to begin"),
        full.begin(id).err().expect("nor for our own"),
    ];
    for error in refused {
        assert!(matches!(error, VaultError::Full(_)), "{error}");
    }
    let with_room = with_quota(&root, u64::MAX);
    let arrival = Arrival::open(&with_room, &shape, FROM).expect("room again");
    assert_eq!(arrival.progress().chunks, 1, "nothing was lost");
}

#[test]
fn what_is_removed_is_gone_whatever_is_in_the_way_and_what_is_worked_on_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (shape, reader, chunks) = package(dir.path(), 1);
    let root = dir.path().join("to");
    let to = with_quota(&root, u64::MAX);
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
    list(&mut arrival, &reader, chunks.len());
    let name = shape.name();
    assert!(!to.remove(&name).expect("asked"), "it is being worked on");
    drop(arrival);
    let left = to.unclaimed().expect("listed");
    assert_eq!((left.len(), left[0].complete, left[0].owner), (1, false, FROM));
    assert!(to.remove(&name).expect("removed"));
    assert!(to.unclaimed().expect("listed").is_empty());
    assert_eq!(Arrival::open(&to, &shape, FROM).expect("anew").progress().chunks, 0);
    // What a crash leaves of a removal, or of an arrival whose mark was never written.
    for left in ["swept-incoming-x", "own-x", "unmarked"] {
        std::fs::create_dir_all(root.join("incoming").join(left).join("deeper")).expect("made");
    }
    let mut arrival = Arrival::open(&to, &shape, FROM).expect("opened");
    list(&mut arrival, &reader, chunks.len());
    drop(arrival);
    let again = with_quota(&root, u64::MAX);
    assert_eq!(again.sweep().expect("swept"), 3);
    assert!(Arrival::open(&again, &shape, FROM).expect("opened").progress().listed, "this stays");
}
