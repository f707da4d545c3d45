//! Witnesses that are no peers, and logs of strangers: C2SP tlog-witness in both directions.

mod ask;
mod held;

use std::sync::Arc;

pub use self::ask::run;
pub use self::held::ask_before;
use super::Cosigned;
use crate::audit::note::VerifierKey;
use crate::audit::witness::{AddCheckpoint, RefusalReason, WitnessRefusal, conflict_text};
use crate::crypto::sha256;
use crate::exchange::courier::Carried;
use crate::exchange::heads::HeadError;
use crate::exchange::rows::{self, HeadRow, head_key};
use crate::exchange::{Exchange, Peer};
use crate::store::Table;

/// What carries a request to a foreign witness.
pub trait Poster: Send + Sync + 'static {
    /// Posts a body; gives the status and the body of the answer.
    fn post(&self, url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)>;
    /// Gets what stands there; gives the status and the body of the answer.
    fn get(&self, url: String) -> Carried<(u16, Vec<u8>)>;
}

/// What is answered to a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
}

impl WitnessAnswer {
    fn text(status: u16, body: String) -> Self {
        Self { status, media_type: "text/plain; charset=utf-8", body }
    }
}

impl Exchange {
    /// Answers `add-checkpoint` (C2SP tlog-witness) of a peer's or a known stranger's log.
    pub async fn add_checkpoint(self: &Arc<Self>, body: &[u8]) -> WitnessAnswer {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return WitnessAnswer::text(400, format!("{error}\n")),
        };
        if let Err(error) = self.check_writable() {
            return WitnessAnswer::text(503, format!("{error}\n"));
        }
        let (peer, keys) = self.keys_of(request.origin());
        let peer = peer.as_deref();
        let may_advance = || self.budgets.advances.take(request.origin(), self.now());
        let cosigned = match self.heads.witness(&keys, &request, peer.is_some(), may_advance) {
            Ok(taken) => self.cosign_pq(&taken, self.cosign(&taken)).await,
            Err(refusal) => {
                if let Some(evidence) = refusal.evidence.clone() {
                    let owner = peer.map(|peer| peer.authority());
                    let error = HeadError::Equivocation(evidence);
                    self.heed(owner, request.note(), &error).await;
                }
                return refused(&refusal);
            }
        };
        let Cosigned { line: Some(line), line_pq, .. } = &cosigned else {
            return WitnessAnswer::text(
                500,
                "the checkpoint has no room for a cosignature\n".into(),
            );
        };
        let lines = std::iter::once(line).chain(line_pq);
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        // Durable before it leaves (I1).
        match self.keep_head(peer, cosigned).await {
            Ok(()) => WitnessAnswer::text(200, body),
            Err(error) => {
                tracing::error!(%error, "a checkpoint cannot be kept");
                WitnessAnswer::text(503, "not now: try again later\n".into())
            }
        }
    }

    /// The newest checkpoint that was cosigned here of the log with this SHA-256 of its origin.
    pub fn cosigned_checkpoint(&self, origin_hash: &[u8; 32]) -> Option<String> {
        let named = |origin: &String| sha256(origin.as_bytes()) == *origin_hash;
        let origin = self.heads.origins().into_iter().find(named)?;
        let key = head_key(&self.home, &origin);
        let row: Option<HeadRow> = rows::load(&self.store, Table::Heads, &key).ok()?;
        row.map(|row| row.checkpoint)
    }

    /// Who owns a log, if it is a peer, and the keys that may sign it.
    fn keys_of(&self, origin: &str) -> (Option<Arc<Peer>>, Vec<VerifierKey>) {
        let peers = self.directory.all();
        let peer = peers.into_iter().find(|peer| peer.card.owns_log(origin));
        match peer {
            // What a suspended peer shows is looked at, but not cosigned.
            Some(peer) if peer.suspended.is_some() => (Some(peer), Vec::new()),
            Some(peer) => {
                let keys = peer.card.log_keys_of(origin);
                (Some(peer), keys)
            }
            None => {
                let strangers = &self.settings.witnessed_logs;
                let keys = strangers.iter().filter(|key| key.name() == origin).cloned().collect();
                (None, keys)
            }
        }
    }
}

fn refused(refusal: &WitnessRefusal) -> WitnessAnswer {
    if let RefusalReason::Conflict { held } = refusal.reason {
        let body = conflict_text(held);
        return WitnessAnswer { status: 409, media_type: "text/x.tlog.size", body };
    }
    WitnessAnswer::text(refusal.reason.status(), format!("{refusal}\n"))
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
