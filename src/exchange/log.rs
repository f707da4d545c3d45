//! Our own log, for whoever may read it: auditors, and the export.

use std::collections::VecDeque;
use std::sync::Arc;

use super::replayed::StateDigest;
use super::rows::{self, MessageRow};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::export::{CARDS, ExportError, POLICY_PATH, RECEIPTS, Source, write_export};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::store::{Direction, Head, Table};

/// Message rows that are read at once for their receipts.
const PAGE: usize = 256;

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

    /// Entries from an index on.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ActionError> {
        Ok(self.store.entries(from, limit)?)
    }

    /// The proof that an entry is under a tree.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, ActionError> {
        Ok(self.store.inclusion(index, size)?)
    }

    /// The proof that a tree extends another.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn log_consistency(&self, old: u64, size: u64) -> Result<Vec<Digest>, ActionError> {
        Ok(self.store.consistency(old, size)?)
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
        let checkpoint = self.newest_cosigned();
        let gone = || ActionError::Unavailable("the client went away".into());
        let source = Source {
            checkpoint: &checkpoint,
            key: &self.keys.log,
            entries: &mut |from, limit| Ok(self.store.entries(from, limit)?),
            extras: &mut self
                .cards()
                .chain(self.policy_file())
                .chain(receipts.then(|| Receipts::new(self)).into_iter().flatten()),
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
    after: Option<Vec<u8>>,
    ready: VecDeque<(String, Vec<u8>)>,
}

impl<'a> Receipts<'a> {
    fn new(exchange: &'a Exchange) -> Self {
        Self { exchange, after: None, ready: VecDeque::new() }
    }

    fn read_page(&mut self) -> Result<bool, ActionError> {
        let (store, after) = (&self.exchange.store, self.after.take());
        let page = store.scan(Table::Messages, b"", after.as_deref(), Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        self.after = Some(last.clone());
        for (key, row) in &page {
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            let row: MessageRow = rows::decode(row)?;
            for receipt in row.receipts.iter().filter(|receipt| !receipt.text.is_empty()) {
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
