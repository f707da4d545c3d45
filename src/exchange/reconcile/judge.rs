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
pub(super) const PAGE: usize = 512;

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
    /// What is wrong, and what may be so yet; each as far as it is listed.
    wrong: Vec<Difference>,
    open: Vec<Difference>,
    /// Wrong ones that are not.
    pub(super) unlisted: BTreeMap<Class, u64>,
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
            let number = number_of(&item, theirs);
            let found = Difference { item, number, action: Action::None };
            // What is on its way takes no place from what is wrong, however much of it there is.
            match found.is_noteworthy() {
                true if self.wrong.len() < DIFFERENCES_MAX => self.wrong.push(found),
                true => *self.unlisted.entry(found.item.class).or_default() += 1,
                false if self.open.len() < DIFFERENCES_MAX => self.open.push(found),
                false => {}
            }
        }
    }

    /// What is listed, what is wrong first.
    pub(super) fn differences(&mut self) -> Vec<Difference> {
        let wrong = std::mem::take(&mut self.wrong);
        let open = std::mem::take(&mut self.open);
        wrong.into_iter().chain(open).take(DIFFERENCES_MAX).collect()
    }
}

/// The number of the peer's entry that an item names.
fn number_of(item: &Item, theirs: &[Fact]) -> Option<u64> {
    let index = item.b?;
    theirs.iter().find(|fact| fact.index == index).map(|fact| fact.number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::Event;
    use crate::domain::Timestamp;

    fn fact(number: u64, id: MessageId, event: Event) -> Fact {
        Fact {
            message: id,
            index: number,
            number,
            at: Timestamp::from_unix_ms(number.cast_signed()),
            event,
            recorded: false,
            envelope: Some([1; 32]),
            code: None,
            seen: None,
            elsewhere: false,
            unshown: false,
        }
    }

    #[test]
    fn what_is_on_its_way_hides_nothing_that_is_wrong() {
        let ends = |size| Ends { size, at: Timestamp::from_unix_ms(1_000_000) };
        let extent = Extent { ours: ends(1_000_000), theirs: ends(1_000_000), grace_ms: 1 };
        let mut judged = Judged::default();
        let count = DIFFERENCES_MAX as u64 + 10;
        for number in 0..2 * count {
            let id = MessageId::new(Timestamp::from_unix_ms(number.cast_signed()), [0; 10]);
            let (submitted, accepted) = (Event::SubmissionAcceptance, Event::RelayAcceptance);
            // The first half was withdrawn; the second was accepted and never submitted.
            let (ours, theirs) = match number < count {
                true => {
                    let withdrawn = fact(2 * number + 1, id, Event::MessageCancelled);
                    (vec![fact(2 * number, id, submitted), withdrawn], vec![])
                }
                false => (vec![], vec![fact(2 * number, id, accepted)]),
            };
            judged.take(vec![], id, &ours, &theirs, extent);
        }
        let differences = judged.differences();
        assert_eq!(differences.len(), DIFFERENCES_MAX);
        assert!(differences.iter().all(|found| found.item.class == Class::MissingAtSender));
        assert_eq!(judged.unlisted, [(Class::MissingAtSender, 10)].into());
        assert_eq!(judged.counts[&Class::NotRelayed], count);
    }
}
