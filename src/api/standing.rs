//! Whether a call that lasts may go on: the node runs, and whoever called may still call.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use super::identity::{self, Identity};
use crate::exchange::gates::Pass;
use crate::exchange::{Exchange, Role};

/// What ends by itself, as certificates do, is noticed this late at most.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The standing of whoever made a call, for as long as the call lasts.
pub struct Standing {
    exchange: Arc<Exchange>,
    identity: Option<Identity>,
    role: Option<Role>,
    stop: CancellationToken,
    peers: watch::Receiver<u64>,
    agencies: watch::Receiver<u64>,
    again: Interval,
    _pass: Option<Pass>,
}

impl Standing {
    /// Of the caller of a request: of a peer, or of an agency where a role is demanded. `pass` is
    /// given back when the call is over.
    pub fn new<T>(
        exchange: &Arc<Exchange>,
        request: &Request<T>,
        role: Option<Role>,
        stop: &CancellationToken,
        pass: Option<Pass>,
    ) -> Self {
        let mut again = tokio::time::interval(LOOK_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.reset();
        Self {
            peers: exchange.directory().changes(),
            agencies: exchange.agency_changes(),
            exchange: exchange.clone(),
            identity: request.extensions().get::<Identity>().cloned(),
            role,
            stop: stop.clone(),
            again,
            _pass: pass,
        }
    }

    /// Ready when the call must end, with what its caller is told.
    pub async fn lost(&mut self) -> Status {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Status::unavailable("the node is stopping"),
                // Both senders live as long as the exchange, which is held here.
                _ = self.peers.changed() => {}
                _ = self.agencies.changed() => {}
                _ = self.again.tick() => {}
            }
            if let Err(status) = self.check() {
                return status;
            }
        }
    }

    fn check(&self) -> Result<(), Status> {
        let identity = self.identity.as_ref();
        match self.role {
            None => identity::peer_of(&self.exchange, identity).map(drop),
            Some(role) => identity::caller_of(&self.exchange, identity, role).map(drop),
        }
    }
}
