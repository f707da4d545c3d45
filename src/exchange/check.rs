//! The self-check: what the node keeps must be what its log leads to.
//!
//! The log is replayed from its first entry, apart from any state that is kept in memory, and its
//! root computed anew. Then every message, peer and agency that the node has a row of is held
//! against the replayed state. The node goes on meanwhile: a row that seems to differ is read once
//! more in a commit of its own, which sees rows and log at one moment, and only then told.

mod compare;
mod kept;

use std::collections::{BTreeMap, BTreeSet};

use super::replayed::fault;
use super::rows::{self, AgencyRow, DraftRow, PeerRow};
use super::{ActionError, Exchange, annex};
use crate::audit::entry::Entry;
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::audit::replay::{Finding, Severity, State};
use crate::card::Card;
use crate::crypto::{Digest, sha256};
use crate::domain::MessageId;
use crate::store::{BodySlot, Direction, Position, Table, Tx};
use compare::{Recorded, difference};
use kept::{Kept, KeptPeer, stray};

/// Entries, and rows, that are read at once.
const PAGE: usize = 256;
/// Divergences that are told; the others are counted.
const TOLD_MAX: u64 = 100;

/// What is told while a check goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// How far it is: entries that were replayed, of how many.
    Log(u64, u64),
    /// Messages that were compared, of how many.
    Rows(u64, u64),
    /// An entry that breaks a rule, or is worth a look.
    Finding(Finding),
    /// Something that the node keeps and its log says otherwise.
    Divergence(Divergence),
}

/// What the log leads to, and what the node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// As in `message 01934f3e-…`, `peer xb.pps`.
    pub what: String,
    /// What differs.
    pub detail: String,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Entries that were replayed.
    pub size: u64,
    /// The root that they lead to.
    pub root: Digest,
    /// The digest of the state that they lead to.
    pub digest: Digest,
    /// Messages that were compared.
    pub messages: u64,
    /// Entries that break a rule.
    pub errors: u64,
    /// Entries that are worth a look.
    pub notices: u64,
    /// Divergences, also those that were not told.
    pub divergences: u64,
}

/// Takes what is told; false when nobody listens any more.
pub type Tell<'a> = dyn FnMut(Told) -> bool + 'a;

impl Exchange {
    /// Replays the whole log and holds what this node keeps against it; with `bodies` every stored
    /// body too. Blocks.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when log or rows cannot be read; [`ActionError::Unavailable`] when
    /// nobody listens any more.
    pub fn check_state(
        &self,
        bodies: bool,
        tell: &mut Tell<'_>,
    ) -> Result<CheckReport, ActionError> {
        let mut check = Check::new(self, tell);
        let head = self.store.head();
        let (end, head) = (head.end().number(), head.checkpoint.clone());
        check.replay(end)?;
        let (root, digest) = (check.frontier.root(), check.state.digest());
        if root != head.root {
            let detail = format!("its {} entries lead to another root than was signed", head.size);
            check.diverges("the log", detail)?;
        }
        check.messages(bodies)?;
        check.strays(Table::Inbox)?;
        check.strays(Table::Holds)?;
        check.peers()?;
        check.agencies()?;
        check.drafts()?;
        Ok(CheckReport { size: head.size, root, digest, ..check.report })
    }
}

struct Check<'a, 'b> {
    exchange: &'a Exchange,
    tell: &'a mut Tell<'b>,
    state: State,
    frontier: Frontier,
    recorded: Recorded,
    report: CheckReport,
}

impl<'a, 'b> Check<'a, 'b> {
    fn new(exchange: &'a Exchange, tell: &'a mut Tell<'b>) -> Self {
        let report = CheckReport {
            size: 0,
            root: [0; 32],
            digest: [0; 32],
            messages: 0,
            errors: 0,
            notices: 0,
            divergences: 0,
        };
        Self {
            exchange,
            tell,
            state: State::new(exchange.me.clone()),
            frontier: Frontier::new(),
            recorded: Recorded::default(),
            report,
        }
    }

    fn tell(&mut self, told: Told) -> Result<(), ActionError> {
        match (self.tell)(told) {
            true => Ok(()),
            false => Err(ActionError::Unavailable("the client went away".into())),
        }
    }

    /// Replays the log from where it stands up to a position.
    fn replay(&mut self, end: u64) -> Result<(), ActionError> {
        while self.state.end().number() < end {
            let upto = self.next_stop(end)?;
            let mut found = Vec::new();
            let (frontier, recorded) = (&mut self.frontier, &mut self.recorded);
            let mut read = |from: u64, limit: usize| -> Result<_, ActionError> {
                let entries = self.exchange.store.entries(from, limit)?;
                entries.iter().for_each(|bytes| frontier.push(leaf_hash(bytes)));
                Ok(entries)
            };
            let mut each = |index, entry: &Entry, more: Vec<Finding>| {
                recorded.note(index, entry);
                found.extend(more);
            };
            self.state.feed(upto, PAGE, &mut read, &mut each).map_err(fault)?;
            self.found(found)?;
            let (done, all) = (self.state.total(), self.entries_up_to(end));
            self.tell(Told::Log(done, all.max(done)))?;
        }
        Ok(())
    }

    /// How many entries of all logs lie before a position.
    fn entries_up_to(&self, end: u64) -> u64 {
        let Position { log, index } = Position::from_number(end);
        let ended = self.exchange.store.sealed().into_iter().filter(|ended| ended.log < log);
        ended.map(|ended| ended.checkpoint.size).sum::<u64>() + index
    }

    /// Where the next page ends: within one log. Between two, the root of the one that has ended is
    /// held against what was signed.
    fn next_stop(&mut self, end: u64) -> Result<u64, ActionError> {
        let at = self.state.end();
        let log = self.exchange.store.head_of(at.log);
        let ends = log.as_ref().map_or(end, |head| head.end().number());
        if at.number() < ends {
            return Ok(end.min(ends).min(at.number() + PAGE as u64));
        }
        let root = std::mem::take(&mut self.frontier).root();
        if let Some(log) = log.filter(|log| log.checkpoint.root != root) {
            let detail = format!("{} leads to another root than was signed", log.checkpoint.origin);
            self.diverges("the log", detail)?;
        }
        Ok(end.min(Position::new(at.log + 1, PAGE as u64).number()))
    }

    fn found(&mut self, found: Vec<Finding>) -> Result<(), ActionError> {
        for finding in found {
            match finding.severity() {
                Severity::Error => self.report.errors += 1,
                Severity::Notice => self.report.notices += 1,
            }
            self.tell(Told::Finding(finding))?;
        }
        Ok(())
    }

    fn diverges(&mut self, what: &str, detail: String) -> Result<(), ActionError> {
        self.report.divergences += 1;
        if self.report.divergences <= TOLD_MAX {
            let what = what.to_owned();
            self.tell(Told::Divergence(Divergence { what, detail }))?;
        }
        Ok(())
    }

    /// Goes through the rows and the replayed messages side by side, both in the order of their
    /// ids.
    fn messages(&mut self, bodies: bool) -> Result<(), ActionError> {
        let mut after: Option<MessageId> = None;
        loop {
            let key = after.map(|id| *id.as_bytes());
            let key = key.as_ref().map(<[u8; 16]>::as_slice);
            let store = &self.exchange.store;
            let page = store.scan(Table::Messages, b"", key, Direction::Forward, PAGE)?;
            let last = page.last().map(|(key, _)| MessageId::from_slice(key));
            let last = last.transpose().map_err(ActionError::fault)?;
            // Behind the last row there may still be messages without one.
            let replayed = self.state.messages_after(after).map(|message| message.id);
            let replayed = replayed.take_while(|id| last.is_none_or(|last| *id <= last));
            let mut ids: BTreeSet<MessageId> = replayed.collect();
            for (key, _) in &page {
                ids.insert(MessageId::from_slice(key).map_err(ActionError::fault)?);
            }
            ids.into_iter().try_for_each(|id| self.message(id, bodies))?;
            let total = self.state.message_count() as u64;
            self.tell(Told::Rows(self.report.messages.min(total), total))?;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    fn message(&mut self, id: MessageId, bodies: bool) -> Result<(), ActionError> {
        self.report.messages += 1;
        let store = &self.exchange.store;
        let kept = Kept::read(&self.exchange.home, id, |table, key| Ok(store.get(table, key)?))?;
        let slot = kept.row.as_ref().filter(|row| row.lost_ms == 0).map(|row| row.body_slot);
        let mut detail = difference(&self.state, &self.recorded, id, &kept);
        if detail.is_some() {
            detail = self.at_one_moment(id)?;
        }
        if let (None, true, Some(slot)) = (&detail, bodies, slot) {
            detail = self.body(id, slot)?;
            let row = kept.row.as_ref().filter(|_| detail.is_none());
            detail = row.and_then(|row| annex::difference(store, row)).or(detail);
        }
        match detail {
            Some(detail) => self.diverges(&format!("message {id}"), detail),
            None => Ok(()),
        }
    }

    /// Reads rows and size of the log in a commit, where nothing happens between the two, and
    /// replays up to there.
    fn at_one_moment(&mut self, id: MessageId) -> Result<Option<String>, ActionError> {
        let home = self.exchange.home.clone();
        let look = move |tx: &mut Tx<'_>| {
            let kept = Kept::read(&home, id, |table, key| Ok(tx.get(table, key)))?;
            Ok::<_, ActionError>((tx.next_index(), kept))
        };
        let (size, kept) = self.exchange.store.commit_blocking(look)?.value;
        self.replay(size)?;
        Ok(difference(&self.state, &self.recorded, id, &kept))
    }

    /// Rows of a table that name messages which do not know of it.
    fn strays(&mut self, table: Table) -> Result<(), ActionError> {
        let store = &self.exchange.store;
        let mut after = None::<Vec<u8>>;
        loop {
            let page = store.scan(table, b"", after.as_deref(), Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, _) in page {
                if stray(table, &key, |table, key| Ok(store.get(table, key)?))?.is_none() {
                    continue;
                }
                let look =
                    move |tx: &mut Tx<'_>| stray(table, &key, |table, key| Ok(tx.get(table, key)));
                if let Some((what, detail)) = store.commit_blocking(look)?.value {
                    self.diverges(&what, detail)?;
                }
            }
        }
    }

    /// Whether a stored body is the one whose digest the log has, or is gone as the log says.
    fn body(&self, id: MessageId, slot: u64) -> Result<Option<String>, ActionError> {
        let Some(message) = self.state.message(&id) else { return Ok(None) };
        let stored = match self.exchange.store.body(BodySlot(slot)) {
            Ok(stored) => stored,
            Err(error) => return Ok(Some(format!("its body cannot be read: {error}"))),
        };
        Ok(match stored {
            Some(_) if message.erased => Some("the log says that its body was erased".into()),
            Some(bytes) if message.envelope != Some(sha256(&bytes)) => {
                Some("its body is not the envelope that the log has".into())
            }
            None if !message.erased => Some("its body is gone, and no entry says so".into()),
            _ => None,
        })
    }

    fn peers(&mut self) -> Result<(), ActionError> {
        let mut kept = Vec::new();
        for row in self.whole_table::<PeerRow>(Table::Peers)? {
            let card = Card::parse(&row.card).map_err(ActionError::fault)?;
            kept.push(KeptPeer {
                name: card.authority().to_string(),
                card: card.digest(),
                removed: row.removed,
                suspended: !row.suspended.is_empty(),
            });
        }
        let wrong = compare::peers(&self.state, &kept).into_iter();
        wrong
            .map(|(peer, detail)| (format!("peer {peer}"), detail))
            .try_for_each(|(what, detail)| self.diverges(&what, detail))
    }

    fn agencies(&mut self) -> Result<(), ActionError> {
        let rows = self.whole_table::<AgencyRow>(Table::Agencies)?;
        let kept = rows.iter().map(|row| (self.exchange.handle(&row.name), row.revoked));
        let wrong = compare::agencies(&self.state, &kept.collect::<Vec<_>>()).into_iter();
        wrong
            .map(|(who, detail)| (format!("agency {who}"), detail))
            .try_for_each(|(what, detail)| self.diverges(&what, detail))
    }

    fn drafts(&mut self) -> Result<(), ActionError> {
        let rows = self.whole_table::<DraftRow>(Table::Drafts)?;
        let waiting = rows.iter().filter(|row| row.refused.is_empty());
        let kept = waiting.map(|row| (row.entry_index, self.exchange.handle(&row.agency)));
        let wrong = compare::drafts(&self.state, &kept.collect::<BTreeMap<_, _>>()).into_iter();
        wrong
            .map(|(place, detail)| (format!("the draft of entry {place}"), detail))
            .try_for_each(|(what, detail)| self.diverges(&what, detail))
    }

    /// All rows of a small table, read in a commit, and the log replayed up to that commit.
    fn whole_table<M>(&mut self, table: Table) -> Result<Vec<M>, ActionError>
    where
        M: prost::Message + Default + 'static,
    {
        let look = move |tx: &mut Tx<'_>| {
            let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
            loop {
                let page = tx.scan(table, b"", after.as_deref(), Direction::Forward, PAGE);
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (_, row) in &page {
                    found.push(rows::decode::<M>(row)?);
                }
            }
            Ok::<_, ActionError>((tx.next_index(), found))
        };
        let (size, found) = self.exchange.store.commit_blocking(look)?.value;
        self.replay(size)?;
        Ok(found)
    }
}

#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
