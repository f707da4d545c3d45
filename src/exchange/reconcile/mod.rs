//! Reconciling: what the log of a peer and ours say of each other, compared over the wire.
//!
//! Each round reads the entries that the peer's log has about us, by their number among those, from
//! where the last one ended; each with the proof that it stands under a checkpoint that extends the
//! one held of that log. Then it reads our own about the peer, and judges every message of which
//! not all is said yet by the rules of [`crate::audit::reconcile`]. What a lost frame or a lost row
//! can explain is put right: receipts are recorded or sent again, messages queued again, and none
//! of it can be done twice (I5). What nothing can explain is told, and never smoothed over.
//!
//! A round logs `peer.reconciled` where what is wrong has changed, and once a day: one each round
//! would be an entry about the peer, which the peer's next round would read, and so for ever.

mod apart;
mod fetch;
mod heal;
mod judge;
mod read;
mod report;
mod round;
mod serve;
mod table;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

pub use self::apart::{Difference, Reconciliation};
use self::round::Round;
use self::table::row_of;
use super::{ActionError, Exchange, Peer};
use crate::crypto::{Digest, random, sha256};
use crate::domain::{AuthorityId, Timestamp};

/// How often, and how long what is on its way may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Between two rounds with each peer, in milliseconds; 0: only when an operator asks.
    pub interval_ms: u64,
    /// What the other log still lacks after this long is no longer on its way, in milliseconds.
    pub grace_ms: i64,
}

/// The first round comes no later than this after the start: what was lost with a crash is missed
/// then.
const FIRST: Duration = Duration::from_secs(300);
/// Rounds that are under way at once: a slow peer keeps no other from its turn.
const AT_ONCE: usize = 8;
/// The longest round: sixty thousand entries take seconds from a peer that answers.
const ROUND_WITHIN: Duration = Duration::from_secs(600);
/// A page of numbers that could not be written is tried again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The peers with which a round is under way: one at a time with each.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Arc<Mutex<BTreeSet<AuthorityId>>>);

/// Ends with what it is for.
struct Turn {
    rounds: Arc<Mutex<BTreeSet<AuthorityId>>>,
    peer: AuthorityId,
}

impl Rounds {
    fn begin(&self, peer: &AuthorityId) -> Option<Turn> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer.clone());
        fresh.then(|| Turn { rounds: self.0.clone(), peer: peer.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.peer);
    }
}

/// Numbers what an older store has not, then reconciles with every connected peer now and then,
/// until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = number_all(&exchange) => {}
    }
    let interval = Duration::from_millis(exchange.settings.reconcile.interval_ms);
    if interval.is_zero() {
        return;
    }
    // Not all nodes at once, where all were started at once.
    let mut pause = interval.min(FIRST).mul_f64(0.5 + 0.5 * fraction());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let rounds = futures_util::stream::iter(exchange.directory.all());
        let rounds = rounds.for_each_concurrent(AT_ONCE, |peer| {
            let exchange = exchange.clone();
            async move { exchange.reconcile_connected(&peer).await }
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = rounds => {}
        }
        pause = interval.mul_f64(0.9 + 0.2 * fraction());
    }
}

/// From 0 to 1.
fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX)
}

async fn number_all(exchange: &Exchange) {
    loop {
        match exchange.store.number_page().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "entries about peers cannot be numbered");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
}

impl Exchange {
    async fn reconcile_connected(self: &Arc<Self>, peer: &Arc<Peer>) {
        if peer.suspended.is_some() || !self.link(peer.authority()).connected {
            return;
        }
        let name = peer.authority();
        match tokio::time::timeout(ROUND_WITHIN, self.reconcile(peer)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::info!(peer = %name, %error, "no round of reconciling"),
            // What was read is kept: the next round goes on from there.
            Err(_) => tracing::warn!(peer = %name, "a round of reconciling takes too long"),
        }
    }

    /// Compares what the log of a peer and ours say of each other, from where that was done last,
    /// and puts right what can be.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] when the peer does not answer, nothing of its log is held yet,
    /// or an older store is still being numbered; [`ActionError::Conflict`] with code `SUSPENDED`,
    /// or `RECONCILING` where another round with the peer is under way.
    pub async fn reconcile(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
    ) -> Result<Reconciliation, ActionError> {
        self.check_writable()?;
        let name = peer.authority();
        if let Some(code) = &peer.suspended {
            let message = format!("{name} is suspended: {code}");
            return Err(ActionError::conflict("SUSPENDED", message));
        }
        let busy = || {
            let message = format!("a round with {name} is under way: ask again in a moment");
            ActionError::conflict("RECONCILING", message)
        };
        // Where no node runs there is nobody to ask.
        self.courier()?;
        let _turn = self.reconciling.begin(name).ok_or_else(busy)?;
        self.check_numbered()?;
        Round::begin(self, peer).await?.run().await
    }

    /// The report that the last `peer.reconciled` entry about a peer has the digest of, and that
    /// digest.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] where none was logged; [`ActionError::Fault`] when the row cannot
    /// be read.
    pub fn logged_report(&self, peer: &AuthorityId) -> Result<(String, Digest), ActionError> {
        let none = || ActionError::NotFound(format!("no reconciling with {peer} was logged"));
        let row = row_of(self, peer)?.filter(|row| !row.report.is_empty()).ok_or_else(none)?;
        let digest = sha256(row.report.as_bytes());
        Ok((row.report, digest))
    }

    fn check_numbered(&self) -> Result<(), ActionError> {
        match self.store.is_numbered()? {
            true => Ok(()),
            false => Err(ActionError::Unavailable(
                "entries of before the last update are still being numbered: try again later"
                    .into(),
            )),
        }
    }

    /// When both logs were compared last, and what was wrong then as a code, empty where nothing
    /// was; `None` where they never were.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the row cannot be read.
    pub fn last_reconciled(
        &self,
        peer: &AuthorityId,
    ) -> Result<Option<(Timestamp, String)>, ActionError> {
        let row = row_of(self, peer)?.filter(|row| row.at_ms != 0);
        Ok(row.map(|row| (Timestamp::from_unix_ms(row.at_ms), row.code)))
    }
}

#[cfg(test)]
mod tests;
