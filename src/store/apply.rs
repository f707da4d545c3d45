//! From a frame of the journal to rows of the index: one function, for commits and for recovery.

use prost::Message as _;

use super::StoreFault;
use super::index::{Batch, Index};
use super::journal::frame::HEADER_BYTES;
use super::tables::{Bodies, Place, Table, keyed, meta, numbered, tile_key};
use super::tree::Growth;
use crate::audit::tiles::tile_bytes;
use crate::pb::store::v1::{Applied, Commit};

/// A frame that is durable, and what it does to the tree.
pub(super) struct Durable<'a> {
    pub(super) sequence: u64,
    pub(super) place: Place,
    pub(super) end: u64,
    pub(super) commit: &'a Commit,
    pub(super) growth: &'a Growth,
}

/// Adds to a batch everything that a frame changes in the index. Applying a frame again changes
/// nothing: all rows are written whole, and none is read.
pub(super) fn apply(frame: &Durable<'_>, batch: &mut Batch) -> Result<(), StoreFault> {
    let commit = frame.commit;
    if !commit.entries.is_empty() {
        let first = commit.tree_size - commit.entries.len() as u64;
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
    for (tile, hashes) in &frame.growth.tiles {
        batch.put(tile_key(*tile), tile_bytes(hashes));
    }
    batch.put(keyed(meta::APPLIED, b""), encode_applied(&applied(frame)));
    Ok(())
}

fn applied(frame: &Durable<'_>) -> Applied {
    Applied {
        sequence: frame.sequence,
        segment: frame.place.segment,
        offset: frame.place.offset,
        end: frame.end,
        tree_size: frame.growth.size,
        tree_root: frame.growth.root.to_vec(),
        at_ms: frame.commit.at_ms,
        next_slot: frame.commit.next_slot,
        frontier: frame.growth.frontier.clone(),
    }
}

/// How far the index has come. `None` where it does not say so in a readable way.
pub(super) fn read_applied(index: &Index) -> Result<Option<Applied>, StoreFault> {
    let row = index.get(&keyed(meta::APPLIED, b""))?;
    Ok(row.and_then(|row| decode_applied(&row)))
}

/// With a checksum: the index is a place where bits are lost.
fn encode_applied(applied: &Applied) -> Vec<u8> {
    let mut bytes = applied.encode_to_vec();
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

fn decode_applied(bytes: &[u8]) -> Option<Applied> {
    let (bytes, crc) = bytes.split_last_chunk::<4>()?;
    let applied = Applied::decode(bytes).ok()?;
    (crc32c::crc32c(bytes).to_be_bytes() == *crc).then_some(applied)
}

fn unknown_table(frame: &Durable<'_>, number: u32) -> StoreFault {
    StoreFault::Journal {
        segment: frame.place.segment,
        offset: frame.place.offset,
        what: format!("table {number} was made by a newer version: start that version again"),
    }
}
