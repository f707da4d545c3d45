//! What each peer has been shown of our own log, on any stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::AuthorityId;
use crate::store::{Head, Store};

/// The size of our log that each peer was shown last. One order for all streams to a peer, so that
/// each proof starts where the one before it ended.
#[derive(Default)]
pub(crate) struct Shown(Mutex<BTreeMap<AuthorityId, u64>>);

impl Shown {
    /// The newest head, to be shown next, and the size that its proof must start from.
    pub(crate) fn next(&self, peer: &AuthorityId, store: &Store) -> (u64, Arc<Head>) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        // Read under the lock: what another stream shows next is not smaller.
        let head = store.head();
        (std::mem::replace(last, head.checkpoint.size), head)
    }

    /// The head of a round, to be shown next, if the peer has not seen as much; the size that its
    /// proof must start from.
    pub(crate) fn up_to(&self, peer: &AuthorityId, head: &Head) -> Option<u64> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        let size = head.checkpoint.size;
        (*last < size).then(|| std::mem::replace(last, size))
    }

    /// The answer to our Hello says that the peer holds so much. Another stream may have shown it
    /// more since.
    pub(crate) fn at_least(&self, peer: &AuthorityId, size: u64) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = shown.entry(peer.clone()).or_default();
        *last = size.max(*last);
    }

    /// The answer to a Hello of the peer has shown it so much; or, with 0, what was shown last got
    /// lost on the way, and the next Hello says what the peer holds.
    pub(crate) fn reset(&self, peer: &AuthorityId, size: u64) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.insert(peer.clone(), size);
    }
}
