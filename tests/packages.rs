//! Packages on their way into a vault: what arrives is what was signed, or is refused by name; a
//! transfer that breaks goes on where it broke.
#![allow(missing_docs)]

use std::path::Path;

use rogatory::crypto::random;
use rogatory::domain::{PackageId, Timestamp};
use rogatory::envelope::stream::SEALED_CHUNK_BYTES;
use rogatory::store::arrival::Arrival;
use rogatory::store::vault::{PackageReader, PackageShape, Vault, VaultError};

/// Sealed sizes: an empty exhibit, one chunk, two chunks to the byte, two and a bit.
const SIZES: [usize; 4] = [16, 5_000, 2 * SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES + 100];

/// A package in a vault of its own, with its chunks in order.
fn package(dir: &Path, seed: u8) -> (PackageShape, PackageReader, Vec<Vec<u8>>) {
    let vault = Vault::open(&dir.join(format!("from-{seed}"))).expect("a vault");
    let id = PackageId::new(Timestamp::from_unix_ms(1_000), random());
    let mut writer = vault.begin(id).expect("begun");
    let mut chunks = Vec::new();
    for (exhibit, size) in SIZES.into_iter().enumerate() {
        writer.begin_exhibit().expect("begun");
        let bytes: Vec<u8> = (0..size).map(|n| (n * 7 + exhibit) as u8 ^ seed).collect();
        for chunk in bytes.chunks(SEALED_CHUNK_BYTES) {
            writer.chunk(chunk).expect("written");
            chunks.push(chunk.to_vec());
        }
        writer.end_exhibit().expect("ended");
    }
    let shape = writer.finish().expect("finished");
    assert!(vault.contains(&shape));
    let reader = vault.reader(&shape).expect("readable");
    (shape, reader, chunks)
}

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
    let mut arrival = Arrival::open(&to, &shape).expect("opened");
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
    let mut arrival = Arrival::open(&to, &shape).expect("opened");
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
        let mut arrival = Arrival::open(&to, &shape).expect("opened");
        list(&mut arrival, &reader, chunks.len());
        for (number, chunk) in chunks.iter().enumerate().take(broken_at) {
            arrival.chunk(number as u64, chunk).expect("stored");
        }
        drop(arrival);
        let mut arrival = Arrival::open(&to, &shape).expect("opened again");
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
    let mut arrival = Arrival::open(&to, &shape).expect("opened");
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
    let mut arrival = Arrival::open(&to, &shape).expect("opened again");
    assert_eq!(arrival.progress().chunks, 3, "cut off at the first difference");
    for (number, chunk) in chunks.iter().enumerate().skip(3) {
        arrival.chunk(number as u64, chunk).expect("stored");
    }
    arrival.finish().expect("durable");
}
