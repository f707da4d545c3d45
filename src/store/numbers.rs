//! Where the entries about each peer stand in the log, by their number among them (`pseq`).
//!
//! The row of an entry is written with it. A store that is older than this table gets the rows that
//! it lacks by one walk over its log, a page at a time, while everything goes on; a setting says
//! how far it has come.

use super::index::Direction;
use super::{CommitError, Position, Store, StoreFault, Table, Tx};
use crate::audit::entry::Entry;

/// The setting that says how far the walk has come: the next entry, and the first that has its row
/// anyhow; both big-endian.
const WALKED: &[u8] = b"numbers-walked";
/// Entries that are read at once; their rows fit one transaction.
const PAGE: usize = 512;

/// The name of the counter of a peer's entries.
pub(super) fn counter(peer: &str) -> String {
    format!("peer/{peer}")
}

/// How far the walk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Walked {
    next: u64,
    until: u64,
}

impl Walked {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (next, until) = bytes.split_first_chunk::<8>()?;
        let until = u64::from_be_bytes(until.try_into().ok()?);
        Some(Self { next: u64::from_be_bytes(*next), until })
    }

    fn encode(self) -> Vec<u8> {
        [self.next.to_be_bytes(), self.until.to_be_bytes()].concat()
    }
}

impl Store {
    /// The number of the newest entry about a peer; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn last_number(&self, peer: &str) -> Result<u64, StoreFault> {
        let key = self.inner.view.counter_key(&counter(peer));
        let last = self.get(Table::Counters, &key)?.unwrap_or_default();
        match last.as_slice() {
            [] => Ok(0),
            bytes => number(bytes, Table::Counters),
        }
    }

    /// Numbers of entries about a peer from `from` on, each with the entry's place in the log; at
    /// most `limit`, and at most [`SCAN_MAX`](super::limits::SCAN_MAX).
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn numbered(
        &self,
        peer: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, StoreFault> {
        let view = &self.inner.view;
        let after = view.number_key(peer, from.saturating_sub(1));
        let prefix = &after[..after.len() - 8];
        let rows = self.scan(Table::Numbers, prefix, Some(&after), Direction::Forward, limit)?;
        let place = |(key, value): &(Vec<u8>, Vec<u8>)| {
            let of_peer = number(&key[prefix.len()..], Table::Numbers)?;
            Ok((of_peer, number(value, Table::Numbers)?))
        };
        rows.iter().map(place).collect()
    }

    /// Whether all entries have their rows.
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn is_numbered(&self) -> Result<bool, StoreFault> {
        Ok(self.walked()?.is_some_and(|walked| walked.next >= walked.until))
    }

    fn walked(&self) -> Result<Option<Walked>, StoreFault> {
        let row = self.get(Table::Settings, WALKED)?;
        let walked = |row: Vec<u8>| Walked::decode(&row).ok_or(StoreFault::Row(Table::Settings));
        row.map(walked).transpose()
    }

    /// Writes the rows of the next page of entries that may lack them; gives whether none is left.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn number_page(&self) -> Result<bool, CommitError<StoreFault>> {
        // What is appended from now on has its row from the start.
        let head = self.head();
        let walked = self.walked().map_err(CommitError::Rejected)?;
        let begin = Walked { next: 0, until: head.end().number() };
        let Walked { next, until } = walked.unwrap_or(begin);
        if next >= until && walked.is_some() {
            return Ok(true);
        }
        let page = self.entries(next, PAGE).map_err(CommitError::Rejected)?;
        // Behind the last entry of a log comes the first of the next.
        let log = Position::from_number(next).log;
        let behind = match page.len() as u64 {
            0 if log < head.log => Position::new(log + 1, 0).number(),
            0 => until,
            read => next + read,
        };
        let view = self.inner.view.clone();
        let done = self.commit(move |tx: &mut Tx<'_>| {
            for (index, bytes) in (next..).zip(&page) {
                let entry = Entry::parse(bytes).map_err(|_| StoreFault::Row(Table::Numbers))?;
                if let (Some(peer), Some(number)) = (&entry.peer, entry.peer_seq) {
                    let key = view.number_key(peer.as_str(), number);
                    tx.put(Table::Numbers, &key, index.to_be_bytes());
                }
            }
            tx.put(Table::Settings, WALKED, Walked { next: behind, until }.encode());
            Ok(behind >= until)
        });
        done.await.map(|done| done.value)
    }
}

fn number(bytes: &[u8], table: Table) -> Result<u64, StoreFault> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| StoreFault::Row(table))
}
