//! Witnesses that are no peers, and logs of strangers: C2SP tlog-witness in both directions.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Cosigned;
use crate::audit::note::{VerifierKey, WitnessKey};
use crate::audit::policy::PolicyWitness;
use crate::audit::witness::{
    AddCheckpoint, RefusalReason, WitnessRefusal, conflict_text, parse_conflict,
};
use crate::crypto::sha256;
use crate::exchange::courier::{Carried, Trouble};
use crate::exchange::heads::HeadError;
use crate::exchange::rows::{self, HeadRow, head_key};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::store::{Head, Table};

/// What carries a request to a foreign witness.
pub trait Poster: Send + Sync + 'static {
    /// Posts a body; gives the status and the body of the answer.
    fn post(&self, url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)>;
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

/// A witness that is asked over HTTP: all keys that the policy has for one place.
struct Asked {
    name: String,
    keys: Vec<WitnessKey>,
    url: String,
    /// Which of our logs it was shown last, and what it holds of it, as far as we know.
    log: u32,
    old: u64,
    /// Why it did not cosign last, so that the same is not traced each second.
    trouble: Option<String>,
}

/// A witness that does not answer is not asked at every round.
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// Asks each witness of the policy that has a URL at every round, until `stop`. None delays another.
/// Each is one of `tasks`.
pub fn run(
    exchange: &Arc<Exchange>,
    poster: &Arc<dyn Poster>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    for asked in by_url(exchange.policy.witnesses()) {
        let (exchange, poster, stop) = (exchange.clone(), poster.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = ask_for_ever(exchange, poster, asked) => {}
            }
        });
    }
}

/// A witness with several keys answers with a line of each, and need be asked once.
fn by_url(witnesses: &[PolicyWitness]) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    for witness in witnesses {
        let Some(url) = witness.url.clone() else { continue };
        match all.iter_mut().find(|asked| asked.url == url) {
            Some(asked) => asked.keys.push(witness.key.clone()),
            None => {
                let (name, keys) = (witness.name.clone(), vec![witness.key.clone()]);
                all.push(Asked { name, keys, url, log: 0, old: 0, trouble: None });
            }
        }
    }
    all
}

async fn ask_for_ever(exchange: Arc<Exchange>, poster: Arc<dyn Poster>, mut witness: Asked) {
    let mut rounds = exchange.round.subscribe();
    while rounds.changed().await.is_ok() {
        let Some(head) = rounds.borrow_and_update().clone() else { continue };
        match ask_in_order(&exchange, &*poster, &mut witness, &head).await {
            Ok(()) => witness.trouble = None,
            Err(trouble) => {
                if witness.trouble.as_ref() != Some(&trouble.0) {
                    tracing::warn!(witness = witness.name, %trouble, "the witness does not cosign");
                }
                witness.trouble = Some(trouble.0);
                tokio::time::sleep(PAUSE_AFTER_TROUBLE).await;
                // Also where nothing more is logged: the last checkpoint of the day wants its quorum.
                rounds.mark_changed();
            }
        }
    }
}

/// The last checkpoint of each log that has ended since, and then the one of the round. One that does not
/// want the old log any more has said so; one that does not know the new one yet is told of it each
/// time, until somebody has told it the log's key.
async fn ask_in_order(
    exchange: &Exchange,
    poster: &dyn Poster,
    witness: &mut Asked,
    head: &Head,
) -> Result<(), Trouble> {
    while witness.log < head.log {
        if let (true, Some(ended)) = (witness.old > 0, exchange.store.head_of(witness.log)) {
            match ask(exchange, poster, witness, &ended).await {
                Err(Unasked::Trouble(trouble)) => return Err(trouble),
                Ok(()) | Err(Unasked::Refused(_)) => {}
            }
        }
        (witness.log, witness.old) = (witness.log + 1, 0);
    }
    ask(exchange, poster, witness, head).await.map_err(Unasked::trouble)
}

/// Why a witness has not cosigned.
enum Unasked {
    /// It says no, and will say so again.
    Refused(Trouble),
    /// Another time it may.
    Trouble(Trouble),
}

impl Unasked {
    fn trouble(self) -> Trouble {
        match self {
            Self::Refused(trouble) | Self::Trouble(trouble) => trouble,
        }
    }
}

impl From<Trouble> for Unasked {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// One round with one witness; a second try where it holds another size than we thought.
async fn ask(
    exchange: &Exchange,
    poster: &dyn Poster,
    witness: &mut Asked,
    head: &Head,
) -> Result<(), Unasked> {
    if witness.old == head.checkpoint.size {
        return Ok(());
    }
    let trouble = |error: &dyn std::fmt::Display| Trouble(error.to_string());
    for _ in 0..2 {
        let body = exchange.witness_request(head, witness.old).map_err(|e| trouble(&e))?;
        let url = format!("{}/add-checkpoint", witness.url.trim_end_matches('/'));
        let (status, body) = poster.post(url, body).await?;
        match status {
            200 => {
                let gathered = exchange.gather_lines(head, &body, &witness.keys).await;
                gathered.map_err(|e| trouble(&e))?;
                witness.old = head.checkpoint.size;
                return Ok(());
            }
            409 => {
                let held = parse_conflict(&body);
                witness.old = held.ok_or_else(|| Trouble("a conflict without a size".into()))?;
                if witness.old > head.checkpoint.size {
                    // A later round, or the other process of a node that was copied: our peers tell.
                    let held = format!("it holds {} entries of this log", witness.old);
                    return Err(Trouble(held).into());
                }
            }
            status => {
                let text = String::from_utf8_lossy(&body);
                let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
                let trouble = Trouble(format!("HTTP {status}: {text}"));
                return Err(match status {
                    400..=499 => Unasked::Refused(trouble),
                    _ => Unasked::Trouble(trouble),
                });
            }
        }
    }
    Err(Trouble("it holds another size each time".into()).into())
}

impl Exchange {
    fn witness_request(&self, head: &Head, old: u64) -> Result<Vec<u8>, ActionError> {
        let proof = match old {
            // SPEC: tlog-witness: no proof where the witness has seen nothing.
            0 => Vec::new(),
            old => self.store.consistency(head.log, old, head.checkpoint.size)?,
        };
        let request = AddCheckpoint::new(old, proof, head.note.clone());
        Ok(request.map_err(ActionError::fault)?.to_text().into_bytes())
    }

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
