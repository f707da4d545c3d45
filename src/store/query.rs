//! The reading side. Any number of threads, none of which waits for the writer's disk, but one that
//! asks for a body at the very moment in which it is erased.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::StoreFault;
use super::index::{Direction, Index, Row, scan_limit};
use super::journal::Reader;
use super::limits::ENTRIES_MAX;
use super::slots::{BodySlot, Slot, Slots, open_body};
use super::tables::{Bodies, Place, RowCodec, Table, meta, numbered, tile_key};
use super::tree::read_node;
use crate::audit::Position;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::{consistency_proof, inclusion_proof, root_at};
use crate::audit::tiles::{TileId, parse_tile};
use crate::crypto::{Digest, HomeKey};

/// A state of one of the node's logs that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which of them, from 0.
    pub log: u32,
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// The checkpoint as a note signed by the log's key.
    pub note: String,
}

impl Head {
    /// Where the log ends: behind every entry that it covers, and before every later one.
    pub fn end(&self) -> Position {
        Position::new(self.log, self.checkpoint.size)
    }

    /// Whether the entry at a position is under it.
    pub fn covers(&self, entry: u64) -> bool {
        let entry = Position::from_number(entry);
        entry.log == self.log && entry.index < self.checkpoint.size
    }
}

/// The heads of all logs.
struct Logs {
    /// Of those that have ended, in their order.
    sealed: Vec<Arc<Head>>,
    newest: Arc<Head>,
}

/// Everything that can be read of an open store.
pub(super) struct View {
    pub(super) index: Index,
    pub(super) slots: Arc<Slots>,
    pub(super) codec: RowCodec,
    reader: Reader,
    home: HomeKey,
    logs: RwLock<Logs>,
    erasing: RwLock<()>,
}

impl View {
    pub(super) fn new(
        index: Index,
        slots: Arc<Slots>,
        reader: Reader,
        home: HomeKey,
        sealed: Vec<Head>,
        newest: Head,
    ) -> Self {
        let codec = RowCodec::new(&home);
        let sealed = sealed.into_iter().map(Arc::new).collect();
        let logs = RwLock::new(Logs { sealed, newest: Arc::new(newest) });
        Self { index, slots, codec, reader, home, logs, erasing: RwLock::default() }
    }

    /// Held by the writer from the first slot that it overwrites until the index says so too.
    pub(super) fn erasing(&self) -> RwLockWriteGuard<'_, ()> {
        self.erasing.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a commit says that a body was erased.
    fn is_erased(&self, slot: BodySlot) -> Result<bool, StoreFault> {
        Ok(self.index.get(&numbered(meta::ERASED, slot.0))?.is_some())
    }

    fn logs(&self) -> RwLockReadGuard<'_, Logs> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn head(&self) -> Arc<Head> {
        self.logs().newest.clone()
    }

    /// How logs have ended, in their order.
    pub(super) fn sealed(&self) -> Vec<Arc<Head>> {
        self.logs().sealed.clone()
    }

    /// The newest head of the log with this origin. All under one lock: a log that ends meanwhile is
    /// found before or behind its end, and never missed.
    pub(super) fn head_named(&self, origin: &str) -> Option<Arc<Head>> {
        let logs = self.logs();
        let mut heads = logs.sealed.iter().chain([&logs.newest]);
        heads.find(|head| head.checkpoint.origin == origin).cloned()
    }

    /// The newest head of one of the logs.
    pub(super) fn head_of(&self, log: u32) -> Option<Arc<Head>> {
        let logs = self.logs();
        match log == logs.newest.log {
            true => Some(logs.newest.clone()),
            false => logs.sealed.get(log as usize).cloned(),
        }
    }

    /// The newest head; where it begins a log, with how the one before ended.
    pub(super) fn set_head(&self, sealed: Option<Arc<Head>>, newest: Arc<Head>) {
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.sealed.extend(sealed);
        logs.newest = newest;
    }

    /// Names of counters may be those of peers: they do not stand in a key (I6).
    pub(super) fn counter_key(&self, name: &str) -> [u8; 16] {
        self.home.blind("store/counter", name.as_bytes())
    }

    /// The key of a number with a peer: all of a peer stand together, in their order.
    pub(super) fn number_key(&self, peer: &str, number: u64) -> Vec<u8> {
        let mut key = self.home.blind("store/numbers", peer.as_bytes()).to_vec();
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let sealed = self.index.get(&table.key(key))?;
        sealed.map(|sealed| self.open_row(table, key, &sealed)).transpose()
    }

    /// Without the limit of a scan.
    pub(super) fn rows(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        let after = after.map(|after| table.key(after));
        let rows = self.index.scan(&table.key(prefix), after.as_deref(), direction, limit)?;
        let open = |(key, sealed): Row| {
            let value = self.open_row(table, &key[1..], &sealed)?;
            Ok((key[1..].to_vec(), value))
        };
        rows.into_iter().map(open).collect()
    }

    pub(super) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        self.rows(table, prefix, after, direction, scan_limit(limit))
    }

    fn open_row(&self, table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreFault> {
        self.codec.open(table, key, sealed).inspect_err(|fault| {
            self.index.doubted(fault.to_string());
        })
    }

    pub(super) fn entry(&self, position: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        let log = Position::from_number(position).log;
        if !self.head_of(log).is_some_and(|head| head.covers(position)) {
            return Ok(None);
        }
        let (first, entries) = self.frame_of(position)?;
        Ok(entries.into_iter().nth((position - first) as usize))
    }

    pub(super) fn entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
        let log = Position::from_number(from).log;
        let size = self.head_of(log).map_or(from, |head| head.end().number());
        let end = from.saturating_add(limit.min(ENTRIES_MAX) as u64).min(size);
        let mut out = Vec::new();
        let mut next = from;
        while next < end {
            let (first, entries) = self.frame_of(next)?;
            let wanted = entries.into_iter().skip((next - first) as usize);
            out.extend(wanted.take((end - next) as usize));
            next = from + out.len() as u64;
        }
        Ok(out)
    }

    /// The entries of the frame that holds a position, and the position of the first. A frame that
    /// ends a log and begins the next one has entries of both.
    fn frame_of(&self, index: u64) -> Result<(u64, Vec<Vec<u8>>), StoreFault> {
        let row = self.index.at_or_below(&numbered(meta::FRAMES, index))?;
        let found = row.as_ref().and_then(|(key, place)| {
            let first = key.strip_prefix(&[meta::FRAMES])?.try_into().ok()?;
            Some((u64::from_be_bytes(first), Place::decode(place)?))
        });
        let lost = || self.index.doubted(format!("no place for entry {index}"));
        let (first, place) = found.ok_or_else(lost)?;
        let record = self.reader.record(place)?;
        let entries = match record.succession {
            Some(ended) if Position::from_number(first).log < record.log => {
                vec![ended.sealed_entry]
            }
            _ => record.entries,
        };
        if (index - first) < entries.len() as u64 { Ok((first, entries)) } else { Err(lost()) }
    }

    pub(super) fn body(&self, slot: BodySlot) -> Result<Option<Vec<u8>>, StoreFault> {
        if self.is_erased(slot)? {
            return Ok(None);
        }
        let row = self.index.at_or_below(&numbered(meta::BODIES, slot.0))?;
        let place = row.as_ref().and_then(|(key, bodies)| {
            let first = key.strip_prefix(&[meta::BODIES])?.try_into().ok()?;
            Bodies::place(bodies, slot.0 - u64::from_be_bytes(first))
        });
        let place = place.ok_or(StoreFault::NoSuchSlot(slot.0))?;
        let key = match self.slots.read(slot)? {
            Slot::Key(key) => key,
            // Erased this moment: the frame that says so is durable, and not yet applied. The rows
            // of its commit must be there for whoever is told that the body is not.
            Slot::Erased => {
                drop(self.erasing.read().unwrap_or_else(PoisonError::into_inner));
                let said = self.is_erased(slot)?;
                return if said { Ok(None) } else { Err(StoreFault::SlotErased(slot.0)) };
            }
            Slot::Damaged => return Err(StoreFault::SlotDamaged(slot.0)),
        };
        let opened = open_body(&key, slot, &self.reader.body(place)?);
        let Place { segment, offset, .. } = place;
        let what = || format!("the body of slot {} does not open under its key", slot.0);
        opened.map(Some).ok_or_else(|| StoreFault::Journal { segment, offset, what: what() })
    }

    pub(super) fn tile(&self, log: u32, tile: TileId) -> Result<Vec<Digest>, StoreFault> {
        read_tile(&self.index, log, tile)
    }

    pub(super) fn inclusion(&self, position: u64, size: u64) -> Result<Vec<Digest>, StoreFault> {
        let Position { log, index } = Position::from_number(position);
        self.within(log, size)?;
        if index >= size {
            return Err(StoreFault::OutOfRange { asked: index, size });
        }
        let mut tiles = cached(&self.index, log);
        inclusion_proof(index, size, |node| read_node(node, &mut tiles))
    }

    pub(super) fn consistency(
        &self,
        log: u32,
        old: u64,
        size: u64,
    ) -> Result<Vec<Digest>, StoreFault> {
        self.within(log, size)?;
        if old > size {
            return Err(StoreFault::OutOfRange { asked: old, size });
        }
        let mut tiles = cached(&self.index, log);
        consistency_proof(old, size, |node| read_node(node, &mut tiles))
    }

    pub(super) fn root_at(&self, log: u32, size: u64) -> Result<Digest, StoreFault> {
        self.within(log, size)?;
        let mut tiles = cached(&self.index, log);
        root_at(size, |node| read_node(node, &mut tiles))
    }

    fn within(&self, log: u32, asked: u64) -> Result<(), StoreFault> {
        let size = self.head_of(log).map_or(0, |head| head.checkpoint.size);
        if asked <= size { Ok(()) } else { Err(StoreFault::OutOfRange { asked, size }) }
    }
}

/// The hashes of a tile; none where it does not exist.
pub(super) fn read_tile(index: &Index, log: u32, tile: TileId) -> Result<Vec<Digest>, StoreFault> {
    match index.get(&tile_key(log, tile))? {
        None => Ok(Vec::new()),
        Some(bytes) => parse_tile(&bytes).ok_or_else(|| {
            index.doubted(format!("tile {} of level {} is damaged", tile.index, tile.level))
        }),
    }
}

/// Reads each tile once: a proof asks for several nodes of each.
pub(super) fn cached(
    index: &Index,
    log: u32,
) -> impl FnMut(TileId) -> Result<Vec<Digest>, StoreFault> {
    let mut read: BTreeMap<TileId, Vec<Digest>> = BTreeMap::new();
    move |tile| {
        if let Some(hashes) = read.get(&tile) {
            return Ok(hashes.clone());
        }
        let hashes = read_tile(index, log, tile)?;
        read.insert(tile, hashes.clone());
        Ok(hashes)
    }
}
