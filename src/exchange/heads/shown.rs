//! What each peer has been shown of our own log, on any stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::AuthorityId;
use crate::store::{Head, Position, Store};

/// How much of our logs each peer was shown last. One order for all streams to a peer, so that
/// each proof starts where the one before it ended.
#[derive(Default)]
pub(crate) struct Shown(Mutex<BTreeMap<AuthorityId, Position>>);

impl Shown {
    /// The newest head, to be shown next, and where its proof must start.
    pub(crate) fn next(&self, peer: &AuthorityId, store: &Store) -> (Position, Arc<Head>) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        // Read under the lock: what another stream shows next is not smaller.
        let head = store.head();
        (std::mem::replace(last, head.end()), head)
    }

    /// The same on a stream that shows one log: where that has ended, its last head. `None` where the
    /// peer was shown another log on another stream.
    pub(crate) fn next_of(
        &self,
        peer: &AuthorityId,
        log: u32,
        store: &Store,
    ) -> Option<(Position, Arc<Head>)> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        let head = store.head_of(log).filter(|_| last.log == log)?;
        Some((std::mem::replace(last, head.end()), head))
    }

    /// The head of a round, to be shown next, if the peer has not seen more; where its proof
    /// must start.
    pub(crate) fn up_to(&self, peer: &AuthorityId, head: &Head) -> Option<Position> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        let end = head.end();
        (*last <= end).then(|| std::mem::replace(last, end))
    }

    /// The answer to our Hello says that the peer holds so much. Another stream may have shown it
    /// more since.
    pub(crate) fn at_least(&self, peer: &AuthorityId, end: Position) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        *last = end.max(*last);
    }

    /// The newest head, to be shown in the answer to a Hello of the peer: whatever another stream has
    /// shown it before is not larger.
    pub(crate) fn greet(&self, peer: &AuthorityId, store: &Store) -> Arc<Head> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let head = store.head();
        shown.insert(peer.clone(), head.end());
        head
    }

    /// What was shown last got lost on the way; the next Hello says what the peer holds.
    pub(crate) fn reset(&self, peer: &AuthorityId) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(peer.clone(), Position::default());
    }
}
