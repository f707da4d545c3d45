//! What waits to be relayed, in memory, beside the rows that make it survive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::heads::hashes;
use super::rows::{self, MessageRow, OutboxRow};
use super::{ActionError, annex};
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;
use crate::store::{BodySlot, Head, Position, Store, Table};

/// Something that waits.
#[derive(Clone)]
pub(crate) struct Item {
    pub row: OutboxRow,
    /// On its way right now; a link that breaks gives it back.
    pub in_flight: bool,
    /// The peer holds all packages of it.
    pub packages_there: bool,
    /// Tries since this node started.
    pub attempts: u32,
    /// It may have reached the peer: it was tried, now or before a restart.
    pub begun: bool,
    /// It cannot be sent, and it is this node's fault: it waits for the operator, and keeps no
    /// other waiting.
    pub broken: bool,
    /// What went wrong last, for people.
    pub trouble: String,
    /// Why its packages are not on their way though the link is up; empty where they are.
    pub waits: String,
}

#[derive(Default)]
struct Lane {
    items: BTreeMap<Vec<u8>, Item>,
    wake: Arc<Notify>,
    kick: Arc<Notify>,
}

/// The lanes, one a peer: a peer that is down keeps no other waiting.
#[derive(Default)]
pub struct Outbox {
    lanes: Mutex<BTreeMap<String, Lane>>,
}

impl Outbox {
    pub(super) fn load(store: &Store) -> Result<Self, ActionError> {
        let outbox = Self::default();
        for row in rows::all(store, Table::Outbox)? {
            outbox.put(row, true);
        }
        Ok(outbox)
    }

    /// Called once the row is durable.
    pub(super) fn insert(&self, row: OutboxRow) {
        self.put(row, false);
    }

    /// The same for what may have been sent before.
    pub(super) fn insert_again(&self, row: OutboxRow) {
        self.put(row, true);
    }

    fn put(&self, row: OutboxRow, begun: bool) {
        let item = Item {
            begun,
            in_flight: false,
            packages_there: false,
            attempts: 0,
            broken: false,
            trouble: String::new(),
            waits: String::new(),
            row,
        };
        let mut lanes = self.lanes();
        let lane = lanes.entry(item.row.peer.clone()).or_default();
        lane.items.insert(item.row.key(), item);
        lane.wake.notify_one();
    }

    /// What wakes the relay of a peer.
    pub(super) fn wake(&self, peer: &AuthorityId) -> Arc<Notify> {
        self.lanes().entry(peer.to_string()).or_default().wake.clone()
    }

    /// What ends the pause of a peer's relay before its time.
    pub(super) fn kicked(&self, peer: &AuthorityId) -> Arc<Notify> {
        self.lanes().entry(peer.to_string()).or_default().kick.clone()
    }

    /// Has the peer tried at once.
    pub(super) fn kick(&self, peer: &str) {
        if let Some(lane) = self.lanes().get(peer) {
            // Only a relay that pauses now: no permit is kept for the pause after next.
            lane.kick.notify_waiters();
            lane.wake.notify_one();
        }
    }

    /// Takes an item out that nobody has begun to send; `None` when it is on its way or gone.
    pub(super) fn withdraw(&self, peer: &str, key: &[u8]) -> Option<Item> {
        let mut lanes = self.lanes();
        let lane = lanes.get_mut(peer)?;
        match lane.items.get(key) {
            Some(item) if !item.begun => lane.items.remove(key),
            _ => None,
        }
    }

    /// Everything that waits for one peer.
    pub(super) fn of(&self, peer: &AuthorityId) -> Vec<Item> {
        let lanes = self.lanes();
        lanes
            .get(peer.as_str())
            .map_or_else(Vec::new, |lane| lane.items.values().cloned().collect())
    }

    /// It may reach the peer by another road than the link: it is not to be withdrawn any more. False
    /// when it is not here.
    pub(super) fn begin(&self, peer: &str, key: &[u8]) -> bool {
        self.change(peer, key, |item| item.begun = true)
    }

    /// Takes up to `limit` items that can go now, oldest first; each is in flight until
    /// [`Outbox::give_back`] or [`Outbox::done`].
    pub(super) fn take(&self, peer: &AuthorityId, limit: usize) -> Vec<Item> {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(peer.as_str()) else { return Vec::new() };
        let waits = |item: &Item| item.in_flight || item.row.held || item.broken;
        let ready = lane.items.values_mut().filter(|item| !waits(item));
        let mut taken = Vec::new();
        for item in ready.take(limit) {
            item.in_flight = true;
            item.attempts = item.attempts.saturating_add(1);
            item.begun = true;
            taken.push(item.clone());
        }
        taken
    }

    /// It has arrived, or will not: it no longer waits.
    pub(super) fn done(&self, peer: &str, key: &[u8]) {
        if let Some(lane) = self.lanes().get_mut(peer) {
            lane.items.remove(key);
        }
    }

    /// It is to be tried again.
    pub(super) fn give_back(&self, peer: &AuthorityId, key: &[u8], trouble: &str) {
        self.change(peer.as_str(), key, |item| {
            item.in_flight = false;
            item.waits.clear();
            trouble.clone_into(&mut item.trouble);
        });
    }

    /// Its packages wait, for this reason; or no longer, where there is none.
    pub(super) fn waits(&self, peer: &AuthorityId, key: &[u8], why: &str) {
        self.change(peer.as_str(), key, |item| why.clone_into(&mut item.waits));
    }

    /// Why packages for a peer wait; empty where none does.
    pub(super) fn why_bulk_waits(&self, peer: &AuthorityId) -> String {
        let lanes = self.lanes();
        let items = lanes.get(peer.as_str()).into_iter().flat_map(|lane| lane.items.values());
        let why = items.map(|item| &item.waits).find(|why| !why.is_empty());
        why.cloned().unwrap_or_default()
    }

    /// It cannot be sent until an operator has looked.
    pub(super) fn break_off(&self, peer: &AuthorityId, key: &[u8], trouble: &str) {
        self.change(peer.as_str(), key, |item| {
            item.in_flight = false;
            item.broken = true;
            trouble.clone_into(&mut item.trouble);
        });
    }

    /// The peer holds (or does not hold) all packages of a message.
    pub(super) fn packages_there(&self, peer: &AuthorityId, key: &[u8], there: bool) {
        self.change(peer.as_str(), key, |item| {
            item.in_flight = false;
            item.packages_there = there;
        });
        self.wake(peer).notify_one();
    }

    /// The link is gone: everything that was on its way is to be sent again.
    pub(super) fn give_all_back(&self, peer: &AuthorityId, trouble: &str) {
        if let Some(lane) = self.lanes().get_mut(peer.as_str()) {
            for item in lane.items.values_mut().filter(|item| item.in_flight) {
                item.in_flight = false;
                item.waits.clear();
                trouble.clone_into(&mut item.trouble);
            }
        }
    }

    /// Marks an item as held or released; false when it is not here.
    pub(super) fn hold(&self, peer: &str, key: &[u8], held: bool) -> bool {
        let found = self.change(peer, key, |item| {
            item.row.held = held;
            item.broken = false;
        });
        if let Some(lane) = self.lanes().get(peer) {
            lane.wake.notify_one();
        }
        found
    }

    fn change(&self, peer: &str, key: &[u8], change: impl FnOnce(&mut Item)) -> bool {
        let mut lanes = self.lanes();
        let item = lanes.get_mut(peer).and_then(|lane| lane.items.get_mut(key));
        item.map(change).is_some()
    }

    /// One item.
    pub(crate) fn get(&self, peer: &str, key: &[u8]) -> Option<Item> {
        self.lanes().get(peer).and_then(|lane| lane.items.get(key)).cloned()
    }

    /// Everything that waits, by peer, oldest first.
    pub(crate) fn all(&self) -> Vec<Item> {
        self.lanes().values().flat_map(|lane| lane.items.values().cloned()).collect()
    }

    /// How many items wait for a peer.
    pub fn waiting(&self, peer: &AuthorityId) -> usize {
        self.lanes().get(peer.as_str()).map_or(0, |lane| lane.items.len())
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<String, Lane>> {
        // A panic while the lock was held left at worst one item's flags half set: the rows are
        // what counts, and they are elsewhere.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queued message with the proof that our log has it under a head, the last one of that log that the
/// recipient is shown.
///
/// # Errors
/// [`ActionError::Fault`] when it is not in the store.
pub(super) fn delivery(
    store: &Store,
    row: &MessageRow,
    head: &Head,
) -> Result<pb::Deliver, ActionError> {
    let missing = || ActionError::Fault("a queued message is missing from the store".into());
    let envelope = store.body(BodySlot(row.body_slot))?.ok_or_else(missing)?;
    let entry = store.entry(row.entry_index)?.ok_or_else(missing)?;
    let inclusion = store.inclusion(row.entry_index, head.checkpoint.size)?;
    Ok(pb::Deliver {
        envelope: envelope.into(),
        entry: entry.into(),
        index: Position::from_number(row.entry_index).index,
        inclusion: hashes(&inclusion),
        annexes: annex::to_deliver(store, row)?,
    })
}
