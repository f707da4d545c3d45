//! Asking the witnesses of the policy that have a URL for their cosignatures.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Poster;
use crate::audit::note::WitnessKey;
use crate::audit::policy::PolicyWitness;
use crate::audit::witness::{AddCheckpoint, parse_conflict};
use crate::exchange::courier::Trouble;
use crate::exchange::{ActionError, Exchange};
use crate::store::Head;

/// A witness that is asked over HTTP: all keys that the policy has for one place.
pub(super) struct Asked {
    pub(super) name: String,
    keys: Vec<WitnessKey>,
    pub(super) url: String,
    /// Which of our logs it was shown last, and what it has cosigned of it in this process.
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
pub(super) fn by_url(witnesses: &[PolicyWitness]) -> Vec<Asked> {
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
        // A log that takes nothing keeps no line either, and grows no more.
        if exchange.is_read_only() {
            continue;
        }
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

/// The last checkpoint of each log that has ended and that this witness has not cosigned, be it that
/// it was away then and the node has been started anew since; and then the one of the round. One that
/// does not want an old log has said so; one that does not know the new one yet is told of it each
/// time, until somebody has told it the log's key.
async fn ask_in_order(
    exchange: &Exchange,
    poster: &dyn Poster,
    witness: &mut Asked,
    head: &Head,
) -> Result<(), Trouble> {
    while witness.log < head.log {
        let ended = exchange.store.head_of(witness.log);
        let lacks = |ended: &Arc<Head>| !exchange.gathered.has_lines(ended.end(), &witness.keys);
        if let Some(ended) = ended.filter(lacks) {
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
pub(super) enum Unasked {
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
    let (size, mut old) = (head.checkpoint.size, witness.old);
    if old == size {
        return Ok(());
    }
    let trouble = |error: &dyn std::fmt::Display| Trouble(error.to_string());
    for _ in 0..2 {
        let body = exchange.witness_request(head, old).map_err(|e| trouble(&e))?;
        let url = format!("{}/add-checkpoint", witness.url.trim_end_matches('/'));
        let (status, body) = poster.post(url, body).await?;
        match status {
            200 => {
                let gathered = exchange.gather_lines(head, &body, &witness.keys).await;
                gathered.map_err(|e| trouble(&e))?;
                witness.old = size;
                exchange.agrees(witness, head);
                return Ok(());
            }
            409 => {
                let held = parse_conflict(&body);
                let held = held.ok_or_else(|| Trouble("a conflict without a size".into()))?;
                // SPEC: tlog-witness v1.0.0 has 409 for another root of the same size too.
                if held > size || (held, old) == (size, size) {
                    let more = (held > size).then_some(held);
                    return Err(exchange.contradicted(poster, witness, head, more).await);
                }
                old = held;
            }
            422 => return Err(exchange.contradicted(poster, witness, head, None).await),
            status => return Err(refused(status, &body)),
        }
    }
    Err(Trouble("it holds another size each time".into()).into())
}

fn refused(status: u16, body: &[u8]) -> Unasked {
    let text = String::from_utf8_lossy(body);
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let trouble = Trouble(format!("HTTP {status}: {text}"));
    match status {
        400..=499 => Unasked::Refused(trouble),
        _ => Unasked::Trouble(trouble),
    }
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
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
