//! Our stream to a peer: one task that connects, compares logs, sends what waits and records what
//! the peer proves. Store-and-forward: the peer may be down for days.

mod stream;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::stream::Stream;
use self::stream::bulk::Bulk;
use super::courier::{Courier, Trouble};
use super::schedule::pause_ms;
use super::{Exchange, LinkState, Peer};
use crate::crypto::random;
use crate::domain::AuthorityId;

/// Runs a relay task for every peer in the directory, until `stop`.
pub async fn supervise(
    exchange: Arc<Exchange>,
    courier: Arc<dyn Courier>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let mut changes = exchange.directory.changes();
    let mut running = BTreeSet::new();
    loop {
        let mut peers = exchange.directory.all();
        peers.retain(|peer| peer.suspended.is_none());
        running.retain(|name| peers.iter().any(|peer| peer.authority() == name));
        for peer in peers {
            if running.insert(peer.authority().clone()) {
                let name = peer.authority().clone();
                tasks.spawn(run(exchange.clone(), courier.clone(), name, stop.child_token()));
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// Serves one peer until it leaves the directory, or `stop`.
async fn run(
    exchange: Arc<Exchange>,
    courier: Arc<dyn Courier>,
    name: AuthorityId,
    stop: CancellationToken,
) {
    let (mut attempt, mut bulk) = (0, None);
    while let Some(peer) = exchange.directory.get(&name).filter(|peer| peer.suspended.is_none()) {
        let mut useful = false;
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            () = departed(&exchange, &peer) => Trouble("the directory has changed".into()),
            ended = stream(&exchange, &courier, &peer, &mut bulk, &mut useful) => ended,
        };
        attempt = if useful { 0 } else { attempt };
        exchange.outbox.give_all_back(&name, &ended.0);
        let clock_offset_ms = exchange.link(&name).clock_offset_ms;
        let trouble = ended.0.clone();
        exchange.set_link(&name, LinkState { connected: false, trouble, clock_offset_ms });
        let pause = pause(&exchange, attempt);
        tracing::info!(peer = %name, trouble = %ended, pause_ms = pause.as_millis(), "no link");
        attempt += 1;
        let kicked = exchange.outbox.kicked(&name);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = departed(&exchange, &peer) => bulk = None,
            () = kicked.notified() => {}
        }
    }
}

/// Ends when the peer's card is no longer the one that the stream was opened with.
async fn departed(exchange: &Exchange, peer: &Peer) {
    let mut changes = exchange.directory.changes();
    loop {
        let now = exchange.directory.get(peer.authority());
        let same = |now: &Peer| now.suspended.is_none() && now.card.digest() == peer.card.digest();
        if !now.is_some_and(|now| same(&now)) {
            return;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn pause(exchange: &Exchange, attempt: u32) -> Duration {
    let jitter = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
    let settings = &exchange.settings;
    let ms = pause_ms(attempt, settings.retry_first_ms, settings.retry_cap_ms, jitter);
    Duration::from_millis(ms)
}

/// A stream that lasts so long counts as one that works.
const WORKS_AFTER_MS: i64 = 60_000;

/// One stream, from connecting to its end; `bulk` is what goes on without it, unless one of the logs is
/// not believed. Says why it ended, and whether it was of use: one that breaks at the first message each
/// time must not be tried without a pause.
async fn stream(
    exchange: &Arc<Exchange>,
    courier: &Arc<dyn Courier>,
    peer: &Arc<Peer>,
    bulk: &mut Option<Bulk>,
    useful: &mut bool,
) -> Trouble {
    let link = match courier.relay(peer.clone()).await {
        Ok(link) => link,
        Err(trouble) => return trouble,
    };
    bulk.take_if(|bulk| !bulk.is_to(peer));
    let mut stream = match Stream::greet(exchange, courier, peer, link, bulk).await {
        Ok(stream) => stream,
        Err(trouble) => return trouble,
    };
    let began = exchange.now().unix_ms();
    let ended = stream.pump().await;
    *useful = stream.has_moved() || exchange.now().unix_ms() - began > WORKS_AFTER_MS;
    *bulk = Some(stream.into_bulk());
    match ended {
        Err(trouble) => trouble,
        Ok(()) => Trouble("the peer ended the stream".into()),
    }
}
