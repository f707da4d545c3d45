//! The other pasts of logs that were found already.
//!
//! The log that is held grows, and the same fork contradicts each of its checkpoints: it is known
//! by its own checkpoint, or whoever keeps an old one could have the same accusation made for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::checkpoint::Checkpoint;
use crate::audit::evidence::Evidence;
use crate::card::Card;
use crate::crypto::Digest;
use crate::domain::Timestamp;
use crate::exchange::ActionError;
use crate::exchange::rows;
use crate::pb::store::v1::EvidenceRow;
use crate::store::{Store, Table};

/// Evidence that is kept against one log, of up to a quarter megabyte each: the first convicts it,
/// and a few more show how it went on (I7). What suspends its owner once more is kept beyond that:
/// before each of those an operator has looked and resumed it.
pub(super) const KEPT_PER_LOG_MAX: usize = 16;

/// What is kept against each log, by origin.
#[derive(Default)]
pub(crate) struct Pasts(Mutex<BTreeMap<String, Found>>);

#[derive(Default)]
struct Found {
    kept: usize,
    /// Size and root of every checkpoint in it: those that were held too, for one who took over
    /// the other past under a new card is not accused of the old one.
    checkpoints: BTreeSet<(u64, Digest)>,
    last: Option<Timestamp>,
}

impl Pasts {
    pub(crate) fn load(store: &Store) -> Result<Self, ActionError> {
        let pasts = Self::default();
        for row in rows::all::<EvidenceRow>(store, Table::Evidence)? {
            // What cannot be read accuses nobody.
            if let Ok(evidence) = Evidence::parse(&row.text) {
                pasts.keep(&evidence, Timestamp::from_unix_ms(row.at_ms))?;
            }
        }
        Ok(pasts)
    }

    /// Notes evidence that is durable.
    pub(super) fn keep(&self, evidence: &Evidence, at: Timestamp) -> Result<(), ActionError> {
        let (first, second) = evidence.checkpoints().map_err(ActionError::fault)?;
        let mut pasts = self.lock();
        let found = pasts.entry(first.origin).or_default();
        found.kept += 1;
        found.checkpoints.extend([(first.size, first.root), (second.size, second.root)]);
        found.last = found.last.max(Some(at));
        Ok(())
    }

    /// Whether this other past of a log was found before.
    pub(super) fn knows(&self, shown: &Checkpoint) -> bool {
        let known = (shown.size, shown.root);
        self.lock().get(&shown.origin).is_some_and(|found| found.checkpoints.contains(&known))
    }

    /// Whether more evidence against a log is to be kept.
    pub(super) fn has_room(&self, origin: &str) -> bool {
        self.lock().get(origin).is_none_or(|found| found.kept < KEPT_PER_LOG_MAX)
    }

    /// When evidence against any of the logs of a card was found last.
    pub(crate) fn found_last(&self, card: &Card) -> Option<Timestamp> {
        let pasts = self.lock();
        let of_card = pasts.iter().filter(|(origin, _)| card.owns_log(origin));
        of_card.filter_map(|(_, found)| found.last).max()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
