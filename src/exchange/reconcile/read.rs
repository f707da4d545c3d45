//! Reading both logs from where the last round ended.

use prost::Message as _;

use super::fetch::{From, Misfit, Proven, RoundError};
use super::round::Round;
use super::serve::PAGE_MAX;
use super::table::{FACTS_AT_ONCE, Whose, check_few, note_fact, unsettled_key};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Entry;
use crate::audit::reconcile::{Fact, Seen};
use crate::domain::MessageId;
use crate::exchange::ActionError;
use crate::exchange::issue::own_entry;
use crate::exchange::rows;
use crate::pb::store::v1::UnsettledRow;
use crate::store::{Head, Table};

/// Pages of one round: some sixty thousand entries; then it is the turn of the next peer.
const PAGES_MAX: usize = 256;

impl Round<'_> {
    /// Reads what the peer's log says since the last round. Gives the checkpoint that it was proven
    /// under, and whether that was all.
    pub(super) async fn read_theirs(
        &mut self,
        held: &SignedCheckpoint,
    ) -> Result<(SignedCheckpoint, bool), RoundError> {
        let before = &self.row.checkpoint;
        let before = (!before.is_empty()).then(|| SignedCheckpoint::assume_verified(before));
        let before = before.transpose().map_err(ActionError::fault)?;
        let fetch = self.fetch();
        let (under, mut page) = fetch.first(held, before.as_ref(), self.from(held)).await?;
        self.row.origin.clone_from(&under.checkpoint().origin);
        self.row.checkpoint = under.to_note();
        for _ in 0..PAGES_MAX {
            if page.is_empty() {
                return Ok((under, true));
            }
            self.take_theirs(page).await?;
            page = fetch.page(&under, self.from(&under), 0).await?;
        }
        Ok((under, false))
    }

    fn from(&self, log: &SignedCheckpoint) -> From {
        let same = self.row.origin == log.checkpoint().origin;
        From { number: self.row.theirs + 1, index: if same { self.row.behind } else { 0 } }
    }

    /// Notes what a page of the peer's says, and then that it was read.
    async fn take_theirs(&mut self, page: Vec<Proven>) -> Result<(), RoundError> {
        let mut facts = Vec::new();
        for proven in &page {
            let Some(entry) = &proven.entry else { continue };
            self.check_seen(proven.index, entry)?;
            let origin = &self.exchange.store.head().checkpoint.origin;
            let Some(fact) = Fact::of(proven.index, entry, origin) else { continue };
            let row = self.unsettled(fact.message)?;
            check_few(row.as_ref(), &facts, &fact)?;
            if row.is_some() || !self.was_settled(fact.message)? {
                facts.push(fact);
            }
        }
        if let Some(last) = page.last() {
            (self.row.theirs, self.row.behind) = (last.number, last.index + 1);
        }
        Ok(self.keep(Whose::Theirs, facts).await?)
    }

    /// What the peer saw of our log must have been so: it keeps our signed checkpoint, and we have
    /// the log.
    fn check_seen(&self, index: u64, entry: &Entry) -> Result<(), RoundError> {
        let head = self.exchange.store.head();
        let Some(seen) = Seen::of(entry, &head.checkpoint.origin) else { return Ok(()) };
        let ours = match seen.size <= head.checkpoint.size {
            true => self.exchange.store.root_at(seen.size).map_err(ActionError::from)?,
            false => [0; 32],
        };
        if ours == seen.root {
            return Ok(());
        }
        let detail = format!(
            "entry {index} saw this node's log with {} entries and the root {}, which it never had",
            seen.size,
            hex::encode(seen.root)
        );
        Err(Misfit::new("OTHER_PAST", detail).into())
    }

    /// Reads what our log says since the last round, up to a head.
    pub(super) async fn read_ours(
        &mut self,
        head: &Head,
        under: &SignedCheckpoint,
    ) -> Result<bool, ActionError> {
        let name = self.peer.authority().as_str();
        let store = &self.exchange.store;
        for _ in 0..PAGES_MAX {
            let page = store.numbered(name, self.row.ours + 1, PAGE_MAX)?;
            let covered = |(_, index): &(u64, u64)| *index < head.checkpoint.size;
            let page: Vec<_> = page.into_iter().take_while(covered).collect();
            let Some((last, _)) = page.last().copied() else { return Ok(true) };
            let mut facts = Vec::new();
            for (_, index) in page {
                let entry = own_entry(store, index)?;
                let origin = &under.checkpoint().origin;
                let Some(fact) = Fact::of(index, &entry, origin) else { continue };
                let known = self.unsettled(fact.message)?.is_some();
                if known || !self.was_settled(fact.message)? {
                    facts.push(fact);
                }
            }
            self.row.ours = last;
            self.keep(Whose::Ours, facts).await?;
        }
        Ok(false)
    }

    fn unsettled(&self, id: MessageId) -> Result<Option<UnsettledRow>, ActionError> {
        let key = unsettled_key(&self.key, id);
        rows::load(&self.exchange.store, Table::Unsettled, &key)
    }

    /// Whether a message began before what was read in this round: with no row, all was said of it.
    fn was_settled(&self, id: MessageId) -> Result<bool, ActionError> {
        let store = &self.exchange.store;
        let row = rows::message(store, id)?;
        let Some(row) = row.filter(|row| row.peer == self.peer.authority().as_str()) else {
            return Ok(false);
        };
        let first: Entry = own_entry(store, row.entry_index)?;
        Ok(first.peer_seq.is_some_and(|number| number <= self.row.ours))
    }

    /// Makes what was read durable. A crash in between leaves facts that are read again, and then
    /// change nothing.
    async fn keep(&self, whose: Whose, facts: Vec<Fact>) -> Result<(), ActionError> {
        let (key, store) = (self.key, &self.exchange.store);
        for some in facts.chunks(FACTS_AT_ONCE) {
            let some = some.to_vec();
            store
                .commit(move |tx| some.iter().try_for_each(|f| note_fact(tx, &key, whose, f)))
                .await?;
        }
        let row = self.row.encode_to_vec();
        store
            .commit(move |tx| {
                tx.put(Table::Reconciled, &key, row);
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }
}
