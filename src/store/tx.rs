//! A transaction: what a commit's closure may do, and what is staged until the frame is written.

use std::collections::BTreeMap;

use super::index::{Direction, Row, scan_limit};
use super::limits::{
    BODY_COST, GROUP_BYTES, GROUP_ENTRIES, GROUP_ROW_BYTES, ROW_COST, ROW_KEY_MAX_BYTES,
    ROW_VALUE_MAX_BYTES, STORED_BODY_MAX_BYTES, TX_BYTES_MAX, TX_ENTRIES_MAX, TX_ROW_BYTES_MAX,
};
use super::query::View;
use super::slots::BodySlot;
use super::{Misuse, StoreFault, Table, numbers};
use crate::audit::Position;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::EntryDraft;
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::crypto::random;
use crate::domain::Timestamp;

/// Changes of rows by table and key; `None` removes.
type Rows = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

/// What is staged and not yet durable.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) rows: Rows,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) erased: Vec<BodySlot>,
    /// The end of the log before, and the beginning of the one that the entries stand in.
    pub(super) succession: Option<Succession>,
    /// The time of the newest entry that was put back.
    pub(super) latest: Option<Timestamp>,
    bytes: usize,
    row_bytes: usize,
}

impl Staged {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.entries.is_empty()
            && self.bodies.is_empty()
            && self.erased.is_empty()
            && self.succession.is_none()
    }

    /// Whether a group has enough.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GROUP_BYTES
            || self.row_bytes >= GROUP_ROW_BYTES
            || self.entries.len() >= GROUP_ENTRIES
    }

    /// Takes over what an accepted transaction has staged.
    pub(super) fn absorb(&mut self, other: Staged) {
        self.rows.extend(other.rows);
        self.entries.extend(other.entries);
        self.bodies.extend(other.bodies);
        self.erased.extend(other.erased);
        self.succession = self.succession.take().or(other.succession);
        self.latest = self.latest.max(other.latest);
        self.bytes += other.bytes;
        self.row_bytes += other.row_bytes;
    }
}

/// How a log ends and the next one begins.
pub(super) struct Succession {
    /// log.sealed, verbatim.
    pub(super) sealed: Vec<u8>,
    /// Origin of the next log.
    pub(super) origin: String,
}

/// Where numbers go on: the state of the logs before a group.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Behind the last entry.
    pub(super) end: Position,
    pub(super) next_slot: u64,
    /// The newest log's tree, where the transaction may end that log.
    pub(super) ends: Option<Frontier>,
}

/// Why a transaction cannot commit, whatever its closure says.
pub(super) enum Spoilt {
    Misuse(Misuse),
    Fault(StoreFault),
}

/// A transaction. It sees everything that earlier commits did, also those that will become durable
/// in the same frame; what it stages is seen by nobody else until it is durable.
///
/// Its methods give plain values. Where one cannot (a limit, a damaged row) it notes that, gives
/// something harmless, and the commit ends in [`CommitError::Misuse`](super::CommitError::Misuse)
/// or [`CommitError::Fault`](super::CommitError::Fault) whatever the closure returns.
pub struct Tx<'a> {
    view: &'a View,
    group: &'a Staged,
    base: Base,
    at: Timestamp,
    own: Staged,
    spoilt: Option<Spoilt>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(view: &'a View, group: &'a Staged, base: Base, at: Timestamp) -> Self {
        Self { view, group, base, at, own: Staged::default(), spoilt: None }
    }

    /// What it has staged, if it may.
    pub(super) fn finish(self) -> Result<Staged, Spoilt> {
        match self.spoilt {
            Some(spoilt) => Err(spoilt),
            None if self.own.succession.is_some() && self.own.entries.is_empty() => {
                Err(Spoilt::Misuse(Misuse::Succession))
            }
            None => Ok(self.own),
        }
    }

    /// The time of this commit: that of all its entries. Never before that of an earlier commit.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The position that the next appended entry gets: also where the newest log ends so far.
    pub fn next_index(&self) -> u64 {
        self.first_position() + self.own.entries.len() as u64
    }

    /// The position of the first entry of this transaction.
    pub(super) fn first_position(&self) -> u64 {
        self.base.end.number() + self.group.entries.len() as u64
    }

    /// The origin of the newest log.
    pub fn origin(&self) -> String {
        self.view.head().checkpoint.origin.clone()
    }

    /// Ends the newest log with `sealed` and begins the one named `origin`, which must then be given
    /// its first entry. Gives how the old log ends. Only in [`Store::succeed`](super::Store::succeed),
    /// and before anything else is appended.
    pub fn succeed(&mut self, origin: &str, sealed: EntryDraft) -> Checkpoint {
        let entry = sealed.into_entry(self.at, random(), None);
        if let Err(error) = entry.check() {
            self.misuse(Misuse::Entry(error.to_string()));
        }
        self.end_log(origin, entry.encode())
    }

    /// Ends the newest log with an entry as it is to be hashed.
    pub(super) fn end_log(&mut self, origin: &str, bytes: Vec<u8>) -> Checkpoint {
        let untouched = self.own.entries.is_empty() && self.group.entries.is_empty();
        let Some(mut tree) = self.base.ends.take().filter(|_| untouched) else {
            let nothing = Checkpoint { origin: String::new(), size: 0, root: [0; 32] };
            return self.spoil(Spoilt::Misuse(Misuse::Succession), nothing);
        };
        tree.push(leaf_hash(&bytes));
        let old = &self.view.head().checkpoint.origin;
        let end = Checkpoint { origin: old.clone(), size: tree.size(), root: tree.root() };
        self.base.end = Position::new(self.base.end.log + 1, 0);
        self.own.succession = Some(Succession { sealed: bytes, origin: origin.to_owned() });
        end
    }

    /// The value of a row, as this commit would leave it.
    pub fn get(&mut self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        let place = (table, key.to_vec());
        if let Some(staged) = self.own.rows.get(&place).or_else(|| self.group.rows.get(&place)) {
            return staged.clone();
        }
        let read = self.view.get(table, key);
        read.unwrap_or_else(|fault| self.spoil(Spoilt::Fault(fault), None))
    }

    /// Rows of a table whose keys begin with `prefix`, as [`Store::scan`](super::Store::scan)
    /// gives them, with everything staged so far.
    pub fn scan(
        &mut self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Vec<Row> {
        let wanted = |key: &[u8]| {
            let beyond = after.is_none_or(|after| match direction {
                Direction::Forward => key > after,
                Direction::Backward => key < after,
            });
            beyond && key.starts_with(prefix)
        };
        let both = self.group.rows.iter().chain(&self.own.rows);
        let staged: BTreeMap<&[u8], &Option<Vec<u8>>> = both
            .filter(|((of, key), _)| *of == table && wanted(key))
            .map(|((_, key), value)| (key.as_slice(), value))
            .collect();
        // As many more as could be removed: at least `limit` remain, or there are no others.
        let limit = scan_limit(limit);
        let removed = staged.values().filter(|value| value.is_none()).count();
        let rows = self.view.rows(table, prefix, after, direction, limit + removed);
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = match rows {
            Ok(rows) => rows.into_iter().collect(),
            Err(fault) => return self.spoil(Spoilt::Fault(fault), Vec::new()),
        };
        for (key, value) in staged {
            match value {
                Some(value) => rows.insert(key.to_vec(), value.clone()),
                None => rows.remove(key),
            };
        }
        match direction {
            Direction::Forward => rows.into_iter().take(limit).collect(),
            Direction::Backward => rows.into_iter().rev().take(limit).collect(),
        }
    }

    /// Writes a row. Keys have 1 to [`ROW_KEY_MAX_BYTES`], values at most
    /// [`ROW_VALUE_MAX_BYTES`]. The key is kept in clear: blind names.
    pub fn put(&mut self, table: Table, key: &[u8], value: impl Into<Vec<u8>>) {
        let value = value.into();
        if value.len() > ROW_VALUE_MAX_BYTES {
            return self.misuse(Misuse::Size { what: "value", bytes: value.len() });
        }
        self.stage_row(table, key, Some(value));
    }

    /// Removes a row, if it is there.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.stage_row(table, key, None);
    }

    fn stage_row(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        if !(1..=ROW_KEY_MAX_BYTES).contains(&key.len()) {
            return self.misuse(Misuse::Size { what: "key", bytes: key.len() });
        }
        if self.count_row(key.len() + value.as_ref().map_or(0, Vec::len)) {
            self.own.rows.insert((table, key.to_vec()), value);
        }
    }

    /// Adds an entry to the audit log and gives its index there. The store adds time, nonce and,
    /// where there is a counterpart, its number among the entries with it.
    pub fn append(&mut self, draft: EntryDraft) -> u64 {
        let index = self.next_index();
        let peer_seq = draft.counterpart().map(|peer| numbers::counter(peer.as_str()));
        let peer_seq = peer_seq.map(|name| self.counter(&name));
        if let (Some(peer), Some(number)) = (draft.counterpart(), peer_seq) {
            self.number(peer.as_str(), number, index);
        }
        let entry = draft.into_entry(self.at, random(), peer_seq);
        match entry.check() {
            Ok(()) => self.stage_entry(entry.encode()),
            Err(error) => self.misuse(Misuse::Entry(error.to_string())),
        }
        index
    }

    /// Adds an entry as it is to be hashed.
    pub(super) fn stage_entry(&mut self, bytes: Vec<u8>) {
        if self.own.entries.len() == TX_ENTRIES_MAX {
            self.misuse(Misuse::TooMuch("entries"));
        } else if self.count(bytes.len()) {
            self.own.entries.push(bytes);
        }
    }

    /// Notes where the entry with a number of a peer stands.
    pub(super) fn number(&mut self, peer: &str, number: u64, position: u64) {
        let key = self.view.number_key(peer, number);
        self.put(Table::Numbers, &key, position.to_be_bytes());
    }

    /// That an entry was put back which has this time.
    pub(super) fn not_before(&mut self, at: Timestamp) {
        self.own.latest = self.own.latest.max(Some(at));
    }

    /// Stores bytes in a way that they can be erased, at most [`STORED_BODY_MAX_BYTES`]: an
    /// envelope, and whatever else must not stay in the journal for ever, as rows do.
    pub fn body(&mut self, bytes: Vec<u8>) -> BodySlot {
        let slot = BodySlot(self.next_slot());
        if bytes.len() > STORED_BODY_MAX_BYTES {
            self.misuse(Misuse::Size { what: "body", bytes: bytes.len() });
        } else if self.count(bytes.len() + BODY_COST) {
            self.own.bodies.push(bytes);
        }
        slot
    }

    /// Erases a body. When the commit returns, its key is overwritten on disk.
    pub fn erase(&mut self, slot: BodySlot) {
        if slot.0 >= self.next_slot() {
            self.misuse(Misuse::NoSuchSlot(slot.0));
        } else if self.count_row(8) {
            self.own.erased.push(slot);
        }
    }

    fn next_slot(&self) -> u64 {
        self.base.next_slot + (self.group.bodies.len() + self.own.bodies.len()) as u64
    }

    /// The next value of a counter: 1, 2, 3, without gaps as long as commits succeed.
    pub fn counter(&mut self, name: &str) -> u64 {
        let key = self.view.counter_key(name);
        let last = self.get(Table::Counters, &key).unwrap_or_default();
        let next = match last.as_slice() {
            [] => 1,
            bytes => match bytes.try_into() {
                Ok(bytes) => u64::from_be_bytes(bytes) + 1,
                Err(_) => self.spoil(Spoilt::Fault(StoreFault::Row(Table::Counters)), 0),
            },
        };
        self.put(Table::Counters, &key, next.to_be_bytes());
        next
    }

    /// Counts a row of the index, as [`Tx::count`] does.
    fn count_row(&mut self, bytes: usize) -> bool {
        self.own.row_bytes += bytes + ROW_COST;
        if self.own.row_bytes > TX_ROW_BYTES_MAX {
            self.misuse(Misuse::TooMuch("rows"));
            return false;
        }
        self.count(bytes + ROW_COST)
    }

    /// Counts what is staged; false, and spoilt, where it is too much.
    fn count(&mut self, bytes: usize) -> bool {
        self.own.bytes += bytes;
        let fits = self.own.bytes <= TX_BYTES_MAX;
        if !fits {
            self.misuse(Misuse::TooMuch("bytes"));
        }
        fits
    }

    pub(super) fn misuse(&mut self, misuse: Misuse) {
        self.spoil(Spoilt::Misuse(misuse), ());
    }

    /// Notes the first thing that went wrong.
    fn spoil<T>(&mut self, spoilt: Spoilt, instead: T) -> T {
        self.spoilt.get_or_insert(spoilt);
        instead
    }
}
