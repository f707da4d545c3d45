//! Judging the messages of which not all is said yet.

use std::collections::BTreeMap;

use super::apart::{Action, DIFFERENCES_MAX, Difference};
use super::table::facts_of;
use crate::audit::reconcile::{Class, Ends, Fact, Item, Side, is_settled, judge_message};
use crate::domain::MessageId;
use crate::exchange::rows;
use crate::exchange::{ActionError, Exchange};
use crate::pb::store::v1::UnsettledRow;
use crate::store::{Direction, Table};

/// Rows that are read at once.
const PAGE: usize = 512;

/// How far both logs were read, and how long what is on its way may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) ours: Ends,
    pub(super) theirs: Ends,
    pub(super) grace_ms: i64,
}

/// What all open messages come to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) counts: BTreeMap<Class, u64>,
    pub(super) differences: Vec<Difference>,
    /// Keys of messages to which nothing more can happen.
    pub(super) settled: Vec<Vec<u8>>,
}

impl Exchange {
    /// Judges every unsettled message of a peer. Blocks.
    pub(super) fn judge_unsettled(
        &self,
        peer: &[u8; 16],
        extent: Extent,
    ) -> Result<Judged, ActionError> {
        let mut judged = Judged::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (table, from) = (Table::Unsettled, after.as_deref());
            let page = self.store.scan(table, peer, from, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(judged) };
            after = Some(last.clone());
            for (key, row) in page {
                let id = MessageId::from_slice(&key[peer.len()..]).map_err(ActionError::fault)?;
                let row: UnsettledRow = rows::decode(&row)?;
                let (ours, theirs) = (facts_of(id, &row.ours)?, facts_of(id, &row.theirs)?);
                judged.take(key, id, &ours, &theirs, extent);
            }
        }
    }
}

impl Judged {
    fn take(
        &mut self,
        key: Vec<u8>,
        id: MessageId,
        ours: &[Fact],
        theirs: &[Fact],
        extent: Extent,
    ) {
        let a = Side { facts: ours, ends: extent.ours };
        let b = Side { facts: theirs, ends: extent.theirs };
        // Beyond what is known of the peer's log: the next round knows more.
        let Some(items) = judge_message(id, a, b, Some(extent.grace_ms)) else { return };
        if items.is_empty() {
            *self.counts.entry(Class::Matched).or_default() += 1;
        }
        if is_settled(ours, theirs, &items) {
            self.settled.push(key);
        }
        for item in items {
            *self.counts.entry(item.class).or_default() += 1;
            if self.differences.len() < DIFFERENCES_MAX {
                let number = number_of(&item, theirs);
                self.differences.push(Difference { item, number, action: Action::None });
            }
        }
    }
}

/// The number of the peer's entry that an item names.
fn number_of(item: &Item, theirs: &[Fact]) -> Option<u64> {
    let index = item.b?;
    theirs.iter().find(|fact| fact.index == index).map(|fact| fact.number)
}
