//! Gossip: what a peer holds of third logs, held against what this node holds of them.
//!
//! Opt-in, peer by peer: it shows who deals with whom. A checkpoint that a third authority's log key
//! has signed is believed of nobody; it is put to that authority, which must prove that it belongs
//! to the log that it shows here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::unproved::{Pair, Unproved};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::domain::AuthorityId;
use crate::exchange::{Exchange, Peer};
use crate::pb::v1 as pb;

/// Checkpoints that are told and heard at once.
pub const SHARED_MAX: usize = 256;
/// How often. What it is there to find happened on purpose, and is not in a hurry.
const EVERY: Duration = Duration::from_secs(60);

/// What comes of what is heard.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// The peers whose checkpoints are being compared: those of each are, once at a time.
    turns: Arc<Mutex<BTreeSet<AuthorityId>>>,
    /// What the owners of logs have not proved yet.
    pub(super) unproved: Unproved,
}

/// Ends with what it is for.
struct Turn {
    hearing: Arc<Mutex<BTreeSet<AuthorityId>>>,
    from: AuthorityId,
}

impl Hearing {
    fn begin(&self, from: &AuthorityId) -> Option<Turn> {
        let fresh = self.turns.lock().unwrap_or_else(PoisonError::into_inner).insert(from.clone());
        fresh.then(|| Turn { hearing: self.turns.clone(), from: from.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.from);
    }
}

/// Tells and hears, until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = exchange.ask_again() => {}
        }
        for peer in exchange.directory.all() {
            if exchange.gossips_with(peer.authority()) && peer.suspended.is_none() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = exchange.share(&peer) => {}
                }
            }
        }
    }
}

impl Exchange {
    /// Whether the operator wants to share checkpoints with a peer.
    pub fn gossips_with(&self, peer: &AuthorityId) -> bool {
        self.settings.gossip.contains(peer)
    }

    /// The newest checkpoints of third logs, for a peer: of those in the directory, not its own. How
    /// logs have ended is told too, behind the newest of all: two ends of one log are two pasts.
    pub fn checkpoints_for(&self, peer: &Peer) -> Vec<String> {
        let third = |other: &Arc<Peer>| other.authority() != peer.authority();
        let others = self.directory.all().into_iter().filter(third);
        let mut newest = Vec::new();
        let mut ended = Vec::new();
        for other in others {
            let mut all = self.heads.all_from(other.card.log_origin());
            newest.extend(all.pop());
            ended.extend(all.into_iter().rev());
        }
        newest.into_iter().chain(ended).take(SHARED_MAX).map(|head| head.to_note()).collect()
    }

    async fn share(self: &Arc<Self>, peer: &Arc<Peer>) {
        let checkpoints = self.checkpoints_for(peer);
        let shared = pb::ShareCheckpointsRequest { checkpoints };
        let told = match self.courier() {
            Ok(courier) => courier.share(peer.clone(), shared).await,
            Err(_) => return,
        };
        match told {
            Ok(told) => self.hear(peer, told.checkpoints).await,
            Err(trouble) => {
                tracing::info!(peer = %peer.authority(), %trouble, "no checkpoints were shared");
            }
        }
    }

    /// Puts what a peer tells of third logs to their owners.
    pub async fn hear(self: &Arc<Self>, from: &Peer, notes: Vec<String>) {
        let Some(_turn) = self.hearing.begin(from.authority()) else {
            return tracing::info!(from = %from.authority(), "still comparing what it told before");
        };
        // One checkpoint of each log: whoever repeats old ones makes this node ask their owner.
        let mut asked = BTreeSet::new();
        for note in notes.into_iter().take(SHARED_MAX) {
            let Some((owner, heard)) = self.known_log(&note) else { continue };
            let origin = &heard.checkpoint().origin;
            let known = self.hearing.unproved.has(heard.checkpoint());
            if known || owner.suspended.is_some() || !asked.insert(origin.clone()) {
                continue;
            }
            // Its owner is asked for a proof of each: not as often as somebody likes to tell.
            let whose = format!("{} {}", from.authority(), owner.authority());
            // Of a log that is not known here nothing is held that it could contradict.
            let Some(held) = self.heads.of(origin) else { continue };
            let free = held.checkpoint().size == heard.checkpoint().size;
            if free || self.budgets.heard.take(&whose, self.now()) {
                self.put_to_owner(&owner, &Pair { held, heard }).await;
            }
        }
    }

    /// The peer whose log key has signed a note.
    pub(super) fn known_log(&self, note: &str) -> Option<(Arc<Peer>, SignedCheckpoint)> {
        let origin = Checkpoint::parse_unverified(note).ok()?.origin;
        let peers = self.directory.all();
        let owner = peers.into_iter().find(|peer| peer.card.owns_log(&origin))?;
        let keys = owner.card.log_keys_of(&origin);
        let heard = SignedCheckpoint::verify(note, &keys).ok()?.bare(&keys);
        Some((owner, heard))
    }
}
