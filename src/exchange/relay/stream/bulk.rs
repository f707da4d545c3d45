//! Packages on their way to a peer, one message at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Stream, fault};
use crate::exchange::courier::{Courier, Trouble};
use crate::exchange::links::Throttle;
use crate::exchange::outbox::Item;
use crate::exchange::packages::{Broken, Moved, push_all};
use crate::exchange::schedule::pause_ms;
use crate::exchange::{ActionError, Exchange, Peer, rows};

/// Pauses before a package whose push broke is pushed again: from the first where something of it
/// went through, else longer each time.
const PAUSE_FIRST_MS: u64 = 500;
const PAUSE_MAX_MS: u64 = 60_000;
/// Whether quiet hours are over is looked at this often: clocks may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The key of a message, and how the push of its packages ended.
pub(super) type Pushed = (Vec<u8>, Result<(), Broken>);

/// What is pushed, and what waits for that. It outlives a stream: where that broke, and the push did
/// not, nothing of it is begun anew.
pub(in crate::exchange::relay) struct Bulk {
    pub(super) throttle: Arc<Throttle>,
    waiting: VecDeque<Item>,
    pushing: JoinSet<Pushed>,
    /// Of what is pushed.
    key: Option<Vec<u8>>,
    /// Something came through.
    moved: Arc<Moved>,
    /// Pushes that broke since something came through.
    broken: u32,
    exchange: Arc<Exchange>,
    peer: Arc<Peer>,
}

impl Drop for Bulk {
    /// No answer comes over a stream that has ended.
    fn drop(&mut self) {
        self.throttle.hung_up();
    }
}

impl Bulk {
    pub(in crate::exchange::relay) fn new(exchange: &Arc<Exchange>, peer: &Arc<Peer>) -> Self {
        Self {
            throttle: exchange.throttle(peer.authority()),
            waiting: VecDeque::new(),
            pushing: JoinSet::new(),
            key: None,
            moved: Arc::default(),
            broken: 0,
            exchange: exchange.clone(),
            peer: peer.clone(),
        }
    }

    /// Whether it goes to the peer as its card is now.
    pub(in crate::exchange::relay) fn is_to(&self, peer: &Peer) -> bool {
        self.peer.card.digest() == peer.card.digest()
    }

    /// The stream has ended: what waits is given back to the queue, and comes again on the next.
    pub(in crate::exchange::relay) fn hung_up(&mut self) {
        self.waiting.clear();
        self.throttle.hung_up();
    }

    /// Takes a message whose packages have to be there before it.
    pub(super) fn put(&mut self, item: Item) {
        if self.key.as_ref() != Some(&item.row.key()) {
            self.waiting.push_back(item);
        }
    }

    /// Whether something of a package has arrived at the peer.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.has()
    }

    /// The end of the push that is under way; while none is, it waits for the time for one.
    pub(super) async fn next(&mut self) -> Result<Option<Pushed>, Trouble> {
        match self.pushing.join_next().await {
            Some(done) => {
                self.key = None;
                done.map(Some).map_err(fault)
            }
            None if self.waiting.is_empty() => std::future::pending().await,
            None => {
                tokio::time::sleep(LOOK_AGAIN).await;
                Ok(None)
            }
        }
    }

    /// Begins the next push, unless one is under way or it is not the time for one.
    fn begin(&mut self, courier: &Arc<dyn Courier>) {
        if !self.pushing.is_empty() {
            return;
        }
        let closed = self.throttle.closed(self.exchange.now());
        let why = closed.map(|closed| closed.to_string()).unwrap_or_default();
        for item in &self.waiting {
            self.exchange.outbox.waits(self.peer.authority(), &item.row.key(), &why);
        }
        let next = if closed.is_none() { self.waiting.pop_front() } else { None };
        let Some(item) = next else { return };
        let (exchange, courier) = (self.exchange.clone(), courier.clone());
        let (peer, moved) = (self.peer.clone(), self.moved.clone());
        self.key = Some(item.row.key());
        self.pushing.spawn(async move {
            let key = item.row.key();
            (key, push_all(exchange, courier, peer, item.row, moved).await)
        });
    }

    /// How long a package whose push broke waits.
    fn pause(&mut self) -> Duration {
        self.broken = if self.moved.take() { 0 } else { self.broken + 1 };
        Duration::from_millis(pause_ms(self.broken, PAUSE_FIRST_MS, PAUSE_MAX_MS, 1.0))
    }
}

impl Stream {
    pub(super) fn needs_packages(&self, item: &Item) -> Result<bool, ActionError> {
        if item.row.is_receipt() || item.packages_there {
            return Ok(false);
        }
        let row = rows::message(&self.exchange.store, item.row.message()?)?;
        Ok(row.is_some_and(|row| !row.packages.is_empty()))
    }

    pub(super) fn push_next(&mut self) {
        self.bulk.begin(&self.courier);
    }

    pub(super) fn pushed(&mut self, pushed: Option<Pushed>) {
        let Some((key, result)) = pushed else { return };
        let peer = self.peer.authority();
        self.moved |= self.bulk.has_moved();
        match result {
            Ok(()) => {
                self.moved = true;
                self.exchange.outbox.packages_there(peer, &key, true);
            }
            // It is taken up again at once, and waits with the others.
            Err(closed) if closed.is_closed() => {
                tracing::info!(%peer, why = %closed, "a package waits");
                self.exchange.outbox.give_back(peer, &key, &closed.to_string());
            }
            Err(broken) => {
                tracing::warn!(%peer, trouble = %broken, "a package does not go through");
                let (exchange, peer, pause) =
                    (self.exchange.clone(), peer.clone(), self.bulk.pause());
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    exchange.outbox.give_back(&peer, &key, &broken.to_string());
                    exchange.outbox.wake(&peer).notify_one();
                });
            }
        }
    }
}
