//! Our own log, for whoever may read it: auditors, and the export.

use std::collections::VecDeque;
use std::sync::Arc;

use super::replayed::StateDigest;
use super::rows::{self, MessageRow};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::export::{
    CARDS, ExportError, POLICY_PATH, RECEIPTS, Source, earlier_dir, write_export,
};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::store::{Direction, Head, Position, Table};

/// Message rows that are read at once for their receipts.
const PAGE: usize = 256;

/// A state of one of our logs, for those who know no store.
pub type LogHead = Head;

/// The index of an entry in its log, from the position that stands in rows.
pub fn index_in_log(position: u64) -> u64 {
    Position::from_number(position).index
}

impl Exchange {
    /// Logs that the node started, recovered or stops.
    ///
    /// # Errors
    /// [`ActionError`] when the commit fails.
    pub async fn log_node(&self, event: Event) -> Result<(), ActionError> {
        let software = self.settings.software.clone();
        self.store
            .commit(move |tx| {
                tx.append(EntryDraft::new(event).software(&software));
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    /// The newest checkpoint.
    pub fn log_head(&self) -> Arc<Head> {
        self.store.head()
    }

    /// How the logs before the newest one have ended, in their order.
    pub fn log_ends(&self) -> Vec<Arc<Head>> {
        self.store.sealed()
    }

    /// The newest checkpoint of one of our logs; of the newest where none is named.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for a log that is none of ours.
    pub fn log_head_of(&self, origin: &str) -> Result<Arc<Head>, ActionError> {
        let head = match origin {
            "" => Some(self.store.head()),
            origin => self.store.head_named(origin),
        };
        head.ok_or_else(|| ActionError::NotFound(format!("this node has no log {origin:?}")))
    }

    /// Entries of a log from an index on.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_entries(
        &self,
        log: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, ActionError> {
        Ok(self.store.entries(Position::new(log, from).number(), limit)?)
    }

    /// The proof that an entry of a log is under a tree.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_inclusion(
        &self,
        log: u32,
        index: u64,
        size: u64,
    ) -> Result<Vec<Digest>, ActionError> {
        Ok(self.store.inclusion(Position::new(log, index).number(), size)?)
    }

    /// The proof that a tree of a log extends another.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_consistency(
        &self,
        log: u32,
        old: u64,
        size: u64,
    ) -> Result<Vec<Digest>, ActionError> {
        Ok(self.store.consistency(log, old, size)?)
    }

    /// How many accepted messages are still to be opened.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn unopened(&self) -> Result<usize, ActionError> {
        Ok(self.store.scan(Table::Unopened, b"", None, Direction::Forward, PAGE)?.len())
    }

    /// Replays the log up to its newest entry, a page at a time, from where it was replayed to
    /// last, and gives what it leads to. Blocks, for minutes the first time if there are millions
    /// of entries.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn replayed_state_digest(&self) -> Result<Arc<StateDigest>, ActionError> {
        self.replayed.bring_up(&self.store)
    }

    /// Writes an export of the log as it is now, while everything goes on, with the receipts of
    /// peers if they are wanted. `sink` gives false when nobody wants more.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read, [`ActionError::Conflict`] when no
    /// manifest has room for so many receipts.
    pub fn export_log(
        &self,
        receipts: bool,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let newest = self.store.head();
        self.export_one(&newest, receipts, sink)?;
        for ended in self.store.sealed() {
            let under = earlier_dir(&ended.checkpoint.origin);
            self.export_one(&ended, receipts, &mut |path, bytes| {
                sink(&format!("{under}{path}"), bytes)
            })?;
        }
        Ok(())
    }

    /// One log: an export of its own.
    fn export_one(
        &self,
        head: &Head,
        receipts: bool,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let checkpoint = self.cosigned(head);
        let gone = || ActionError::Unavailable("the client went away".into());
        let receipts = receipts.then(|| Receipts::new(self, head.log));
        let source = Source {
            checkpoint: &checkpoint,
            key: &self.keys.log,
            entries: &mut |from, limit| self.log_entries(head.log, from, limit),
            extras: &mut self
                .cards()
                .chain(self.policy_file())
                .chain(receipts.into_iter().flatten()),
            progress: &mut |_, _| {},
        };
        let mut write = |path: &str, bytes: &[u8]| match sink(path, bytes) {
            true => Ok(()),
            false => Err(gone()),
        };
        match write_export(source, &mut write) {
            Ok(_) => Ok(()),
            Err(ExportError::Io(error)) => Err(error),
            Err(error @ ExportError::TooManyFiles) => {
                Err(ActionError::conflict("TOO_MANY_RECEIPTS", error.to_string()))
            }
            Err(error) => Err(ActionError::Fault(error.to_string())),
        }
    }

    /// The policy of witnesses, where one was set.
    fn policy_file(&self) -> impl Iterator<Item = Result<(String, Vec<u8>), ActionError>> {
        let file = self.settings.policy_file.clone();
        file.into_iter().map(|file| Ok((POLICY_PATH.to_owned(), file)))
    }

    fn cards(&self) -> impl Iterator<Item = Result<(String, Vec<u8>), ActionError>> {
        let peers = self.directory.all();
        let cards = peers.iter().map(|peer| peer.card.clone());
        let cards: Vec<_> = std::iter::once(self.card.clone()).chain(cards).collect();
        cards.into_iter().map(|card| {
            let path = format!("{CARDS}{}.card", card.authority());
            Ok((path, card.text().as_bytes().to_vec()))
        })
    }
}

/// The receipts that peers gave us, read a page of messages at a time.
struct Receipts<'a> {
    exchange: &'a Exchange,
    /// Those that this log records.
    log: u32,
    after: Option<Vec<u8>>,
    ready: VecDeque<(String, Vec<u8>)>,
}

impl<'a> Receipts<'a> {
    fn new(exchange: &'a Exchange, log: u32) -> Self {
        Self { exchange, log, after: None, ready: VecDeque::new() }
    }

    fn read_page(&mut self) -> Result<bool, ActionError> {
        let (store, after) = (&self.exchange.store, self.after.take());
        let page = store.scan(Table::Messages, b"", after.as_deref(), Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        self.after = Some(last.clone());
        for (key, row) in &page {
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            let row: MessageRow = rows::decode(row)?;
            let here = |receipt: &&rows::ReceiptRow| {
                let recorded = Position::from_number(receipt.recorded);
                !receipt.text.is_empty() && recorded.log == self.log
            };
            for receipt in row.receipts.iter().filter(here) {
                let path =
                    format!("{RECEIPTS}{id}.{}.{}.tlog-proof", receipt.event, receipt.issuer);
                self.ready.push_back((path, receipt.text.clone().into_bytes()));
            }
        }
        Ok(true)
    }
}

impl Iterator for Receipts<'_> {
    type Item = Result<(String, Vec<u8>), ActionError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.read_page() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
