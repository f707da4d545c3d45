//! Our own log, for whoever may read it: auditors, and the export.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::replayed::StateDigest;
use super::rows::{self, MessageRow};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::export::{
    CARDS, ExportError, LeftOut, POLICY_PATH, RECEIPTS, Source, earlier_dir, write_export,
};
use crate::audit::manifest::MANIFEST_PATH;
use crate::card::Card;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId};
use crate::store::{Direction, Head, Position, Table};

/// Message rows that are read at once for their receipts.
const PAGE: usize = 256;

/// What is wanted of an export.
#[derive(Clone, Debug, Default)]
pub struct ExportWish {
    /// The receipts of peers.
    pub receipts: bool,
    /// What the client holds, as [`LeftOut::new`] takes it.
    pub held: Vec<u8>,
    /// Where what somebody has already ends: the logs before that one are left out, and of that one
    /// what cannot change any more; at most as many entries as it has.
    pub since: Position,
}

/// A state of one of our logs, for those who know no store.
pub type LogHead = Head;

/// A place in our logs, for those who know no store.
pub type LogPlace = Position;

/// Which of our logs an entry stands in, from 0, the oldest first.
pub fn log_of(position: u64) -> u32 {
    Position::from_number(position).log
}

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

    /// The origins of our logs, in their order.
    pub(crate) fn log_origins(&self) -> Vec<String> {
        let heads = self.store.sealed().into_iter().chain([self.store.head()]);
        heads.map(|head| head.checkpoint.origin.clone()).collect()
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

    /// Writes an export of the log as it is now, and of those before it, while everything goes on, but
    /// for the files that are left out. `sink` gives false when nobody wants more.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read, [`ActionError::Conflict`] when no
    /// manifest has room for so many receipts.
    pub fn export_log(
        &self,
        wish: &ExportWish,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let (cards, newest) = {
            // Nobody changes a card meanwhile: those beside the log are the last ones that it has.
            let _turn = self.directory.blocking_turn();
            (self.card_files(|_| true).collect::<Result<Vec<_>, _>>()?, self.store.head())
        };
        self.export_one(&newest, "", &cards, wish, sink)?;
        // Not one that has ended since: what is exported of it stands at the top.
        let wanted = wish.since.log..newest.log;
        for ended in self.store.sealed().into_iter().filter(|ended| wanted.contains(&ended.log)) {
            self.export_one(&ended, &earlier_dir(&ended.checkpoint.origin), &cards, wish, sink)?;
        }
        Ok(())
    }

    /// One log: an export of its own, in the folder `under`.
    fn export_one(
        &self,
        head: &Head,
        under: &str,
        cards: &[(String, Vec<u8>)],
        wish: &ExportWish,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let checkpoint = self.cosigned(head);
        let since = match wish.since {
            Position { log, index } if log == head.log => index.min(head.checkpoint.size),
            _ => 0,
        };
        let left_out = RefCell::new(LeftOut::new(&wish.held, since));
        let receipts = wish.receipts.then(|| Receipts::new(self, head));
        let source = Source {
            checkpoint: &checkpoint,
            key: &self.keys.log,
            entries: &mut |from, limit| {
                let entries = self.log_entries(head.log, from, limit)?;
                left_out.borrow_mut().see(from, &entries);
                Ok(entries)
            },
            extras: &mut cards
                .iter()
                .cloned()
                .map(Ok)
                .chain(self.policy_file())
                .chain(receipts.into_iter().flatten()),
            progress: &mut |_, _| {},
        };
        let mut write = |path: &str, bytes: &[u8]| {
            // The manifest is what says that the rest is there.
            let has = path != MANIFEST_PATH && left_out.borrow().leaves_out(under, path, bytes);
            match has || sink(&format!("{under}{path}"), bytes) {
                true => Ok(()),
                false => Err(ActionError::Unavailable("the client went away".into())),
            }
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
    pub(super) fn policy_file(
        &self,
    ) -> impl Iterator<Item = Result<(String, Vec<u8>), ActionError>> + use<> {
        let file = self.settings.policy_file.clone();
        file.into_iter().map(|file| Ok((POLICY_PATH.to_owned(), file)))
    }

    /// Our card, and those of the peers that are wanted, as files.
    pub(super) fn card_files(
        &self,
        wanted: impl Fn(&AuthorityId) -> bool,
    ) -> std::vec::IntoIter<Result<(String, Vec<u8>), ActionError>> {
        let (own, peers) = (self.card(), self.directory.all());
        let peers = peers.iter().filter(|peer| wanted(peer.authority()));
        let cards = std::iter::once(&*own).chain(peers.map(|peer| &peer.card));
        let file = |card: &Card| {
            let path = format!("{CARDS}{}.card", card.authority());
            Ok((path, card.text().as_bytes().to_vec()))
        };
        cards.map(file).collect::<Vec<_>>().into_iter()
    }
}

/// The receipts that peers gave us, read a page of messages at a time.
struct Receipts<'a> {
    exchange: &'a Exchange,
    /// Those that the entries below this one record.
    end: Position,
    after: Option<Vec<u8>>,
    ready: VecDeque<(String, Vec<u8>)>,
}

impl<'a> Receipts<'a> {
    /// As of a state of a log: what is recorded while the export is written is not of it.
    fn new(exchange: &'a Exchange, head: &Head) -> Self {
        let end = Position::new(head.log, head.checkpoint.size);
        Self { exchange, end, after: None, ready: VecDeque::new() }
    }

    fn read_page(&mut self) -> Result<bool, ActionError> {
        let (store, after) = (&self.exchange.store, self.after.take());
        let page = store.scan(Table::Messages, b"", after.as_deref(), Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        self.after = Some(last.clone());
        for (key, row) in &page {
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            let row: MessageRow = rows::decode(row)?;
            let here = |receipt: &rows::ReceiptRow| {
                let recorded = Position::from_number(receipt.recorded);
                recorded.log == self.end.log && recorded.index < self.end.index
            };
            self.ready.extend(files_of(id, row, here));
        }
        Ok(true)
    }
}

/// The receipts of peers that a message has and that are wanted, as files.
pub(super) fn files_of(
    id: MessageId,
    row: MessageRow,
    wanted: impl Fn(&rows::ReceiptRow) -> bool,
) -> impl Iterator<Item = (String, Vec<u8>)> {
    let received = row.receipts.into_iter().filter(|receipt| !receipt.text.is_empty());
    received.filter(move |receipt| wanted(receipt)).map(move |receipt| {
        let path = format!("{RECEIPTS}{id}.{}.{}.tlog-proof", receipt.event, receipt.issuer);
        (path, receipt.text.into_bytes())
    })
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
