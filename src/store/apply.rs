//! From a frame of the journal to rows of the index: one function, for commits and for recovery.

use prost::Message as _;

use super::StoreFault;
use super::index::{Batch, Index};
use super::journal::frame::HEADER_BYTES;
use super::tables::{Bodies, Place, Table, keyed, meta, numbered, tile_key};
use super::tree::Growth;
use crate::audit::Position;
use crate::audit::tiles::tile_bytes;
use crate::pb::store::v1::{Applied, Commit, SealedLog};

/// A frame that is durable, and what it does to the tree.
pub(super) struct Durable<'a> {
    pub(super) sequence: u64,
    pub(super) place: Place,
    pub(super) end: u64,
    pub(super) commit: &'a Commit,
    pub(super) grown: Grown<'a>,
    /// Of the log that its entries stand in.
    pub(super) origin: &'a str,
}

/// What a frame does to the trees.
#[derive(Clone, Copy)]
pub(super) struct Grown<'a> {
    /// The log that it ends, if it ends one.
    pub(super) ended: Option<&'a Ended>,
    pub(super) growth: &'a Growth,
}

/// A log that a frame ends.
pub(super) struct Ended {
    pub(super) log: u32,
    pub(super) origin: String,
    /// log.sealed, verbatim.
    pub(super) entry: Vec<u8>,
    pub(super) growth: Growth,
}

/// Adds to a batch everything that a frame changes in the index. Applying a frame again changes
/// nothing: all rows are written whole, and none is read.
pub(super) fn apply(frame: &Durable<'_>, batch: &mut Batch) -> Result<(), StoreFault> {
    let commit = frame.commit;
    if let Some(ended) = frame.grown.ended {
        end_log(ended, frame.place, batch);
    }
    if !commit.entries.is_empty() {
        let first = commit.tree_size - commit.entries.len() as u64;
        let first = Position::new(commit.log, first).number();
        batch.put(numbered(meta::FRAMES, first), frame.place.encode());
    }
    if !commit.body_bytes.is_empty() {
        let first = commit.next_slot - commit.body_bytes.len() as u64;
        let start = frame.place.offset + HEADER_BYTES as u64 + u64::from(frame.place.bytes);
        let bodies = Bodies { segment: frame.place.segment, start, bytes: &commit.body_bytes };
        batch.put(numbered(meta::BODIES, first), bodies.encode());
    }
    for slot in &commit.erased_slots {
        batch.put(numbered(meta::ERASED, *slot), Vec::new());
    }
    for row in &commit.rows {
        let table = Table::from_number(row.table).ok_or_else(|| unknown_table(frame, row.table))?;
        match &row.sealed_value {
            Some(value) => batch.put(table.key(&row.key), value.clone()),
            None => batch.remove(table.key(&row.key)),
        }
    }
    put_tiles(commit.log, frame.grown.growth, batch);
    batch.put(keyed(meta::APPLIED, b""), with_checksum(applied(frame).encode_to_vec()));
    Ok(())
}

fn put_tiles(log: u32, growth: &Growth, batch: &mut Batch) {
    for (tile, hashes) in &growth.tiles {
        batch.put(tile_key(log, *tile), tile_bytes(hashes));
    }
}

fn end_log(ended: &Ended, place: Place, batch: &mut Batch) {
    let Growth { size, root, .. } = ended.growth;
    let last = Position::new(ended.log, size - 1).number();
    batch.put(numbered(meta::FRAMES, last), place.encode());
    put_tiles(ended.log, &ended.growth, batch);
    let sealed = SealedLog { origin: ended.origin.clone(), size, root: root.to_vec() };
    batch.put(sealed_key(ended.log), with_checksum(sealed.encode_to_vec()));
}

fn sealed_key(log: u32) -> Vec<u8> {
    keyed(meta::SEALED, &log.to_be_bytes())
}

/// How the logs before `log` have ended. `None` where the index does not say so in a readable way.
pub(super) fn read_sealed(index: &Index, log: u32) -> Result<Option<Vec<SealedLog>>, StoreFault> {
    let read = |log| {
        let row = index.get(&sealed_key(log))?;
        Ok(row.and_then(|row| SealedLog::decode(checked(&row)?).ok()))
    };
    (0..log).map(read).collect()
}

fn applied(frame: &Durable<'_>) -> Applied {
    let growth = frame.grown.growth;
    Applied {
        sequence: frame.sequence,
        segment: frame.place.segment,
        offset: frame.place.offset,
        end: frame.end,
        tree_size: growth.size,
        tree_root: growth.root.to_vec(),
        at_ms: frame.commit.at_ms,
        next_slot: frame.commit.next_slot,
        frontier: growth.frontier.clone(),
        log: frame.commit.log,
        origin: frame.origin.to_owned(),
    }
}

/// How far the index has come. `None` where it does not say so in a readable way.
pub(super) fn read_applied(index: &Index) -> Result<Option<Applied>, StoreFault> {
    let row = index.get(&keyed(meta::APPLIED, b""))?;
    Ok(row.and_then(|row| Applied::decode(checked(&row)?).ok()))
}

/// With a checksum: the index is a place where bits are lost.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, crc) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(bytes).to_be_bytes() == *crc).then_some(bytes)
}

fn unknown_table(frame: &Durable<'_>, number: u32) -> StoreFault {
    StoreFault::Journal {
        segment: frame.place.segment,
        offset: frame.place.offset,
        what: format!("table {number} was made by a newer version: start that version again"),
    }
}
