//! What our own log leads to when it is replayed: the same fold that an auditor runs over an
//! export, kept up to date so that asking costs little.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::{ActionError, Exchange};
use crate::audit::replay::{FeedError, Finding, Severity, State};
use crate::audit::{Checkpoint, Entry};
use crate::crypto::Digest;
use crate::domain::AuthorityId;
use crate::store::{Head, Position, Store};

/// Entries that are read at once.
const PAGE: usize = 512;
/// Entries after which a replay in the background looks whether anybody still wants it.
const SLICE: u64 = 16_384;
/// A replay of this many entries, over a state of ten times as many messages, is waited for: some
/// tens of milliseconds.
pub(super) const WAITED_FOR: u64 = 2_000;

/// The state that the log leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDigest {
    /// The log's state that was replayed: size and root.
    pub checkpoint: Checkpoint,
    /// The digest of what it leads to ([`State::digest`]).
    pub digest: Digest,
    /// Entries of all logs that were replayed.
    pub entries: u64,
    /// Messages in it.
    pub messages: u64,
    /// Entries that break a rule of their order.
    pub errors: u64,
    /// Entries that are worth a look.
    pub notices: u64,
}

/// The fold over our own log, as far as it has come.
pub(crate) struct Replayed {
    fold: Mutex<Fold>,
    latest: Mutex<Option<Arc<StateDigest>>>,
}

struct Fold {
    state: State,
    errors: u64,
    notices: u64,
}

impl Fold {
    fn new(me: AuthorityId) -> Self {
        Self { state: State::new(me), errors: 0, notices: 0 }
    }

    /// Applies entries up to a position.
    fn feed(&mut self, store: &Store, end: u64) -> Result<(), ActionError> {
        let Self { state, errors, notices } = self;
        let mut count = |_, _: &Entry, found: Vec<Finding>| {
            for finding in found {
                match finding.severity() {
                    Severity::Error => {
                        tracing::error!(%finding, "our own log breaks a rule of its order");
                        *errors += 1;
                    }
                    Severity::Notice => *notices += 1,
                }
            }
        };
        let fed = state.feed(end, PAGE, &mut |from, limit| store.entries(from, limit), &mut count);
        fed.map_err(fault)
    }

    fn digest(&self, head: &Head) -> StateDigest {
        StateDigest {
            checkpoint: head.checkpoint.clone(),
            digest: self.state.digest(),
            entries: self.state.total(),
            messages: self.state.message_count() as u64,
            errors: self.errors,
            notices: self.notices,
        }
    }
}

impl Replayed {
    pub(super) fn new(me: &AuthorityId) -> Self {
        Self { fold: Mutex::new(Fold::new(me.clone())), latest: Mutex::default() }
    }

    /// A fold that panicked half-way through an entry is begun anew.
    fn anew<'a>(&'a self, poisoned: PoisonError<MutexGuard<'a, Fold>>) -> MutexGuard<'a, Fold> {
        let mut fold = poisoned.into_inner();
        *fold = Fold::new(fold.state.owner().clone());
        self.fold.clear_poison();
        fold
    }

    /// Replays to the newest entry and waits for whoever is at it.
    pub(super) fn bring_up(&self, store: &Store) -> Result<Arc<StateDigest>, ActionError> {
        let mut fold = self.fold.lock().unwrap_or_else(|poisoned| self.anew(poisoned));
        // Read under the lock: nobody has replayed further than this.
        let head = store.head();
        if let Some(latest) = self.at(&head) {
            return Ok(latest);
        }
        fold.feed(store, head.end().number())?;
        let digest = Arc::new(fold.digest(&head));
        *self.latest() = Some(digest.clone());
        Ok(digest)
    }

    /// Replays some entries, unless somebody is at it; gives whether more are left.
    fn go_on(&self, store: &Store) -> Result<bool, ActionError> {
        let mut fold = match self.fold.try_lock() {
            Ok(fold) => fold,
            Err(TryLockError::Poisoned(poisoned)) => self.anew(poisoned),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let head = store.head();
        let end = head.end().number();
        let upto = next_stop(store, &fold.state, end);
        fold.feed(store, upto)?;
        if upto < end {
            return Ok(true);
        }
        let digest = fold.digest(&head);
        *self.latest() = Some(Arc::new(digest));
        Ok(false)
    }

    fn at(&self, head: &Head) -> Option<Arc<StateDigest>> {
        self.latest().clone().filter(|latest| latest.checkpoint == head.checkpoint)
    }

    fn latest(&self) -> MutexGuard<'_, Option<Arc<StateDigest>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a slice that begins at the end of a state ends: within one log.
fn next_stop(store: &Store, state: &State, end: u64) -> u64 {
    let at = state.end();
    let ends = store.head_of(at.log).map_or(end, |head| head.end().number());
    match at.number() < ends {
        true => ends.min(at.number() + SLICE),
        // Of the log that follows.
        false => end.min(Position::new(at.log + 1, SLICE).number()),
    }
}

impl Exchange {
    /// What the whole log leads to, replayed for this alone.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub(super) fn replayed_state(&self) -> Result<State, ActionError> {
        let mut fold = Fold::new(self.me.clone());
        fold.feed(&self.store, self.store.head().end().number())?;
        Ok(fold.state)
    }

    /// What the log leads to, as of some size not long ago: brought up to date at once where that
    /// takes no time, and otherwise in the background for whoever asks next. `None` while the log
    /// is replayed for the first time.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub async fn recent_state_digest(
        self: &Arc<Self>,
    ) -> Result<Option<Arc<StateDigest>>, ActionError> {
        let head = self.store.head();
        if let Some(latest) = self.replayed.at(&head) {
            return Ok(Some(latest));
        }
        let known = self.replayed.latest().clone();
        let (from, messages) = known.map_or((0, 0), |known| (known.entries, known.messages));
        let exchange = Arc::downgrade(self);
        let replaying = tokio::task::spawn_blocking(move || replay(&exchange));
        let ended = self.store.sealed();
        let before: u64 = ended.iter().map(|ended| ended.checkpoint.size).sum();
        let left = (before + head.checkpoint.size).saturating_sub(from);
        if left <= WAITED_FOR && messages <= 10 * WAITED_FOR {
            replaying.await.map_err(ActionError::fault)??;
        }
        Ok(self.replayed.latest().clone())
    }
}

/// Replays as long as there is an exchange whose log it is.
fn replay(exchange: &Weak<Exchange>) -> Result<(), ActionError> {
    while let Some(exchange) = exchange.upgrade() {
        let more = exchange.replayed.go_on(&exchange.store);
        if let Err(error) = &more {
            tracing::error!(%error, "our own log cannot be replayed");
        }
        if !more? {
            break;
        }
    }
    Ok(())
}

pub(super) fn fault<E: Into<ActionError> + std::fmt::Display>(error: FeedError<E>) -> ActionError {
    match error {
        FeedError::Read(error) => error.into(),
        other => ActionError::fault(other),
    }
}
