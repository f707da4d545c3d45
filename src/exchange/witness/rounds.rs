//! Rounds of cosigning: all witnesses are shown the same checkpoints, at most one a second.
//!
//! Streams also show checkpoints in between, with what they carry; but were those the only ones,
//! each witness would cosign others, and no checkpoint would ever have enough.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::exchange::Exchange;
use crate::store::Head;

/// How often the log is looked at. An idle node shows nothing: its log does not grow.
const EVERY: Duration = Duration::from_secs(1);

/// The checkpoint of the present round.
pub(crate) struct Round(watch::Sender<Option<Arc<Head>>>);

impl Default for Round {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Round {
    /// The rounds to come, the present one included.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Head>>> {
        let mut rounds = self.0.subscribe();
        rounds.mark_changed();
        rounds
    }
}

/// Begins a round whenever the log has grown, until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => exchange.begin_round(),
        }
    }
}

impl Exchange {
    pub(crate) fn begin_round(&self) {
        let head = self.store.head();
        self.round.0.send_if_modified(|round| {
            let grown = round.as_ref().is_none_or(|last| last.end() < head.end());
            if grown {
                *round = Some(head);
            }
            grown
        });
    }
}
