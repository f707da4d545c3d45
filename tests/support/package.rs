//! A package of evidence without anybody's key: sealed sizes, and bytes that stand for chunks.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::path::Path;

use rogatory::crypto::random;
use rogatory::domain::{PackageId, Timestamp};
use rogatory::envelope::PackageRef;
use rogatory::envelope::stream::SEALED_CHUNK_BYTES;
use rogatory::pb::v1 as pb;
use rogatory::store::vault::{PackageReader, PackageShape, Vault};

use pb::push_package_request::Part;

/// Sealed sizes: an empty exhibit, one chunk, two chunks to the byte, two and a bit.
pub const SIZES: [usize; 4] = [16, 5_000, 2 * SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES + 100];

/// A package in a vault of its own, with its chunks in order.
pub fn package(dir: &Path, seed: u8) -> (PackageShape, PackageReader, Vec<Vec<u8>>) {
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

/// What a header says of it.
pub fn reference(shape: &PackageShape) -> PackageRef {
    PackageRef {
        id: shape.id,
        root: shape.root,
        chunks: shape.chunks,
        sealed_bytes: shape.sealed_bytes,
        layout_digest: shape.layout_digest,
        exhibits: shape.exhibits,
    }
}

/// The parts of a push: the list, then the chunks.
pub fn parts(reader: &PackageReader, chunks: &[Vec<u8>]) -> Vec<Part> {
    let hashes = reader.leaves(0, chunks.len()).expect("hashes");
    let sealed_sizes = reader.sizes().to_vec();
    let list = pb::PackageList { sealed_sizes, chunk_hashes: hashes.into() };
    let chunk = |(number, data): (usize, &Vec<u8>)| {
        Part::Chunk(pb::SealedChunk { number: number as u64, data: data.clone().into() })
    };
    std::iter::once(Part::List(list)).chain(chunks.iter().enumerate().map(chunk)).collect()
}

/// Bytes of a piece of a sealed chunk.
pub const PIECE_BYTES: usize = SEALED_CHUNK_BYTES / 8;

/// The pieces of a sealed chunk.
pub fn pieces(number: usize, chunk: &[u8]) -> Vec<Part> {
    let piece = |(n, data): (usize, &[u8])| {
        Part::Piece(pb::SealedPiece {
            number: number as u64,
            offset: (n * PIECE_BYTES) as u32,
            length: chunk.len() as u32,
            data: data.to_vec().into(),
        })
    };
    chunk.chunks(PIECE_BYTES).enumerate().map(piece).collect()
}
