//! What one log saw of the other beyond where the export of that one ends.

use super::facts::Facts;
use super::{Ends, Log};
use crate::audit::Position;
use crate::audit::succession::order_of;
use crate::domain::Timestamp;

/// How far two clocks may be apart before what one says of the time of the other is proof, in
/// milliseconds.
const CLOCKS_APART_MS: i64 = 3_600_000;

/// A state of a log that the other side names, and that lies beyond where its export ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The entry that names it.
    pub entry: u64,
    /// When that was logged, by the clock of its log.
    pub at: Timestamp,
    /// The log that was seen.
    pub origin: String,
    /// Its entries then.
    pub size: u64,
    /// The newest log of the export.
    pub newest: String,
    /// Entries that it has there.
    pub has: u64,
    /// Time of the last one, by its own clock.
    pub ends: Timestamp,
}

impl Beyond {
    /// The latest state of the other log that a side names, where that ends before it.
    pub(super) fn found<E>(facts: &Facts, other: &Log<'_, E>, ends: Ends) -> Option<Self> {
        let (entry, at, seen) = facts.latest.as_ref()?;
        let newest = other.origins.last()?;
        let has = Position::from_number(ends.size.saturating_sub(1)).index + 1;
        let later = match seen.origin == *newest {
            true => seen.size > has,
            false => order_of(newest).is_some_and(|order| order_of(&seen.origin) > Some(order)),
        };
        later.then(|| Self {
            entry: *entry,
            at: *at,
            origin: seen.origin.clone(),
            size: seen.size,
            newest: newest.clone(),
            has,
            ends: ends.at,
        })
    }

    /// Whether the export goes on, in time, long after the state that it does not have, also where its
    /// clock was ahead by so much: no clock explains that.
    pub(super) fn is_proof(&self, ahead_ms: i64) -> bool {
        let later_ms = self.ends.unix_ms().saturating_sub(self.at.unix_ms());
        later_ms > ahead_ms.saturating_add(CLOCKS_APART_MS)
    }

    /// What was seen, and what there is.
    pub fn told(&self) -> String {
        let Self { at, origin, size, newest, has, ends, .. } = self;
        format!(
            "at {at} it saw {origin} with {size} entries; the export has {newest} with {has}, until \
             {ends}"
        )
    }
}
