//! Reading both logs from where the last round ended.

use prost::Message as _;

use super::fetch::{From, Misfit, Proven, RoundError};
use super::judge::PAGE;
use super::round::{Round, place};
use super::serve::PAGE_MAX;
use super::table::{FACTS_AT_ONCE, Whose, check_few, note_fact, unsettled_key};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Entry;
use crate::audit::reconcile::Fact;
use crate::domain::MessageId;
use crate::exchange::ActionError;
use crate::exchange::issue::own_entry;
use crate::exchange::pieces::piece;
use crate::exchange::rows;
use crate::pb::store::v1::UnsettledRow;
use crate::store::{Direction, Head, Store, Table};

/// Pages of one round: some sixty thousand entries; then it is the turn of the next peer.
const PAGES_MAX: usize = 256;

/// Messages for us of which a peer's log speaks and that never came: a peer that is off line for
/// weeks has some; more than this fill our disk.
pub(super) const CLAIMED_MAX: usize = if cfg!(test) { 300 } else { 100_000 };

impl Round<'_> {
    /// Reads what the peer's logs say since the last round, one after the other; whether that was
    /// all. What the round believes of each is then that under which it was read.
    pub(super) async fn read_theirs(&mut self) -> Result<bool, RoundError> {
        let (exchange, key) = (self.exchange.clone(), self.key);
        self.claimed = piece(move || claimed_only(&exchange.store, &key)).await?;
        let known = self.logs.iter().position(|log| log.checkpoint().origin == self.row.origin);
        let mut pages = PAGES_MAX;
        for log in known.unwrap_or(0)..self.logs.len() {
            if !self.read_log(log, &mut pages).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn read_log(&mut self, log: usize, pages: &mut usize) -> Result<bool, RoundError> {
        let held = self.logs[log].clone();
        let fetch = self.fetch();
        let before = self.before(&held.checkpoint().origin)?;
        let from = self.from(&held);
        let (under, mut page) = fetch.first(&held, before.as_ref(), from).await?;
        self.logs[log] = under.clone();
        // A round begins in the log of the entry that was read last, not behind it: nothing proves
        // that a log which has ended had nothing more to say.
        if !page.is_empty() || before.is_some() || self.row.origin.is_empty() {
            if before.is_none() {
                self.row.behind = 0;
            }
            self.row.origin.clone_from(&under.checkpoint().origin);
            self.row.checkpoint = under.to_note();
        }
        while !page.is_empty() {
            self.take_theirs(log, page).await?;
            if *pages == 0 {
                return Ok(false);
            }
            *pages -= 1;
            page = fetch.page(&under, self.from(&under), 0).await?;
        }
        Ok(true)
    }

    /// The checkpoint under which the last round read this log.
    fn before(&self, origin: &str) -> Result<Option<SignedCheckpoint>, ActionError> {
        if self.row.checkpoint.is_empty() || self.row.origin != origin {
            return Ok(None);
        }
        let before = SignedCheckpoint::assume_verified(&self.row.checkpoint);
        before.map(Some).map_err(ActionError::fault)
    }

    fn from(&self, log: &SignedCheckpoint) -> From {
        let same = self.row.origin == log.checkpoint().origin;
        From { number: self.row.theirs + 1, index: if same { self.row.behind } else { 0 } }
    }

    /// Notes what a page of the peer's says, and then that it was read.
    async fn take_theirs(&mut self, log: usize, page: Vec<Proven>) -> Result<(), RoundError> {
        let origins = self.exchange.log_origins();
        let mut facts = Vec::new();
        for proven in &page {
            let Some(entry) = &proven.entry else { continue };
            self.check_seen(proven.index, entry)?;
            let index = place(log, proven.index);
            let Some(fact) = Fact::of(index, entry, &origins) else { continue };
            let row = self.unsettled(fact.message)?;
            check_few(row.as_ref(), &facts, &fact)?;
            if row.is_none() && self.was_settled(fact.message)? {
                continue;
            }
            self.claimed += usize::from(row.is_none());
            if self.claimed > CLAIMED_MAX {
                let detail = format!("more than {CLAIMED_MAX} messages that never came");
                return Err(Misfit::new("TOO_MANY_OPEN", detail).into());
            }
            facts.push(fact);
        }
        if let Some(last) = page.last() {
            (self.row.theirs, self.row.behind) = (last.number, last.index + 1);
        }
        Ok(self.keep(Whose::Theirs, facts).await?)
    }

    /// What the peer saw of our log must have been so: it keeps our signed checkpoint, and we have
    /// the log.
    fn check_seen(&self, index: u64, entry: &Entry) -> Result<(), RoundError> {
        let store = &self.exchange.store;
        let Some(seen) = &entry.remote else { return Ok(()) };
        let Some(log) = store.head_named(&seen.origin) else { return Ok(()) };
        let ours = match seen.size <= log.checkpoint.size {
            true => store.root_at(log.log, seen.size).map_err(ActionError::from)?,
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

    /// The origins of the peer's logs that are known by now. It may have begun another one since the
    /// round began: that is not read in this round, but what ours saw in it has a place there.
    fn origins_by_now(&self) -> Vec<String> {
        let origin = |log: &SignedCheckpoint| log.checkpoint().origin.clone();
        let began = self.logs.iter().map(origin);
        let now = self.exchange.heads.all_from(self.peer.card.log_origin());
        began.chain(now.iter().map(origin).skip(self.logs.len())).collect()
    }

    /// Reads what our log says since the last round, up to a head. What it saw beyond what was read
    /// of the peer's logs is judged in the next round.
    pub(super) async fn read_ours(&mut self, head: &Head) -> Result<bool, ActionError> {
        // Behind the head: an entry sees only what was taken before it.
        let origins = self.origins_by_now();
        let name = self.peer.authority().as_str();
        let store = &self.exchange.store;
        for _ in 0..PAGES_MAX {
            let page = store.numbered(name, self.row.ours + 1, PAGE_MAX)?;
            let covered = |(_, index): &(u64, u64)| *index < head.end().number();
            let page: Vec<_> = page.into_iter().take_while(covered).collect();
            let Some((last, _)) = page.last().copied() else { return Ok(true) };
            let mut facts = Vec::new();
            for (_, index) in page {
                let entry = own_entry(store, index)?;
                let Some(fact) = Fact::of(index, &entry, &origins) else { continue };
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

/// How many messages a peer's log alone speaks of. Blocks.
fn claimed_only(store: &Store, peer: &[u8; 16]) -> Result<usize, ActionError> {
    let (mut claimed, mut after) = (0, None::<Vec<u8>>);
    while claimed <= CLAIMED_MAX {
        let from = after.as_deref();
        let page = store.scan(Table::Unsettled, peer, from, Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (_, row) in &page {
            claimed += usize::from(rows::decode::<UnsettledRow>(row)?.ours.is_empty());
        }
    }
    Ok(claimed)
}
