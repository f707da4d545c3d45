//! What is known of the links to peers, and how much of them bulk may take.
//!
//! Messages and receipts go first: while the peer takes long to answer one, bulk to it holds back, but
//! for half of the time at most. Each peer has a throttle of its own, so none waits for another.

mod throttle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::throttle::{Closed, Throttle};
use super::Exchange;
use crate::domain::AuthorityId;
use crate::domain::quiet::QuietHours;

/// What the operator chose for the link to one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Bytes of packages a second; `None`: as many as go.
    pub bulk_bytes_per_second: Option<u64>,
    /// When no package is pushed.
    pub quiet: QuietHours,
    /// Streams that carry a package; `None`: as the round trip wants it.
    pub streams: Option<usize>,
}

/// The rules, by peer.
pub type Rules = BTreeMap<AuthorityId, Rule>;

/// How our stream to a peer is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it is up.
    pub connected: bool,
    /// Why it is not; empty when it is.
    pub trouble: String,
    /// The peer's clock less ours when it was last seen, in milliseconds.
    pub clock_offset_ms: i64,
}

/// The links to all peers.
#[derive(Default)]
pub(super) struct Links {
    states: Mutex<BTreeMap<AuthorityId, LinkState>>,
    throttles: Mutex<BTreeMap<AuthorityId, Arc<Throttle>>>,
}

impl Exchange {
    /// How our stream to a peer is.
    pub fn link(&self, peer: &AuthorityId) -> LinkState {
        lock(&self.links.states).get(peer).cloned().unwrap_or_default()
    }

    pub(crate) fn set_link(&self, peer: &AuthorityId, state: LinkState) {
        lock(&self.links.states).insert(peer.clone(), state);
    }

    /// Why packages for a peer wait though the link is up, for people; empty where none does.
    pub fn bulk_waits(&self, peer: &AuthorityId) -> String {
        self.outbox.why_bulk_waits(peer)
    }

    /// Whom the rules name that is not in the directory: yet, or by a slip.
    pub(crate) fn rules_of_nobody(&self) -> Vec<AuthorityId> {
        let directory = self.directory();
        let unknown = self.settings.links.keys().filter(|peer| directory.get(peer).is_none());
        unknown.cloned().collect()
    }

    /// What bulk to a peer has to pass.
    pub(crate) fn throttle(&self, peer: &AuthorityId) -> Arc<Throttle> {
        let rule = || self.settings.links.get(peer).cloned().unwrap_or_default();
        let mut throttles = lock(&self.links.throttles);
        let throttle = throttles.entry(peer.clone());
        throttle.or_insert_with(|| Arc::new(Throttle::new(rule()))).clone()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
