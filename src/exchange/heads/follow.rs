//! From one log to the next: what is shown of our own logs, and what is believed of those of peers.

use std::sync::Arc;

use prost::Message as _;

use super::{HeadError, Heads, Taken, digests, hashes};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::succession::Succession;
use crate::audit::witness::{AddCheckpoint, decide};
use crate::exchange::rows::{HeadRow, head_key, load_in};
use crate::exchange::suspend::Trust;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::{Head, Position, Store, Table};

/// One log of a peer is followed to the next at a time: two that are shown on two streams never both
/// follow the same one.
#[derive(Default)]
pub(crate) struct Following(tokio::sync::Mutex<()>);

impl Exchange {
    /// Takes what a peer shows of one of its logs: of the one that is held, of an earlier one, or of
    /// the one that follows, with the proof that it does.
    pub(crate) async fn take_update(
        self: &Arc<Self>,
        peer: &Peer,
        update: &pb::CheckpointUpdate,
    ) -> Result<Taken, HeadError> {
        let request = super::request(update.from_size, &update.consistency, &update.checkpoint)?;
        let Some(shown) = &update.succession else { return self.take_head(peer, &request).await };
        if self.heads.is_in_line(peer.card.log_origin(), request.origin()) {
            return self.take_head(peer, &request).await;
        }
        let taken = self.take_successor(peer, &request, shown).await;
        if let Err(error) = &taken {
            self.heed(Some(peer.authority()), request.note(), error).await;
        }
        taken
    }

    /// A log that follows the one that is held. That it does is durable before it is believed: a
    /// restart must not follow another one (I3).
    async fn take_successor(
        self: &Arc<Self>,
        peer: &Peer,
        request: &AddCheckpoint,
        shown: &pb::Succession,
    ) -> Result<Taken, HeadError> {
        let refuse = |error: &dyn std::fmt::Display| HeadError::Succession(error.to_string());
        let keys = peer.card.log_keys_of(request.origin());
        if keys.is_empty() {
            return Err(HeadError::UnknownLog(request.origin().to_owned()));
        }
        let accepted = decide(None, &keys, request).map_err(|refusal| refuse(&refusal))?;
        let first = accepted.state().clone();
        let proof = parse(shown).ok_or_else(|| refuse(&"a hash of its proof has not 32 bytes"))?;
        // The end of the old log may be on its way on another stream.
        if let Some(end) = proof.goes_on_from() {
            let held = |heads: &Heads| heads.of(&end.origin).map(|held| held.checkpoint().size);
            self.heads.wait_for(|heads| held(heads) >= Some(end.size)).await;
        }
        let _turn = self.following.0.lock().await;
        let held = self.head_of(peer);
        let held = held.ok_or_else(|| refuse(&"nothing is held of the log before it"))?;
        if *held.checkpoint().origin == *request.origin() {
            // Another stream was first.
            return self.take_head(peer, request).await;
        }
        proof
            .verify(held.checkpoint(), first.checkpoint(), &keys)
            .map_err(|error| refuse(&error))?;
        if !self.budgets.successions.take(peer.authority().as_str(), self.now()) {
            return Err(HeadError::Unavailable("too many logs for one authority".into()));
        }
        let following = self.keep_successor(peer, held, first.clone());
        following.await.map_err(|error| HeadError::Unavailable(error.to_string()))?;
        Ok(Taken { head: first, accepted: Some(accepted) })
    }

    /// On a task of its own: a stream that ends in between must not leave disk and memory with
    /// different logs.
    async fn keep_successor(
        self: &Arc<Self>,
        peer: &Peer,
        held: SignedCheckpoint,
        first: SignedCheckpoint,
    ) -> Result<(), ActionError> {
        let (ended, origin) = (held.checkpoint().origin.clone(), first.checkpoint().origin.clone());
        if !self.heads.end(&held, &origin) {
            return Err(ActionError::Unavailable("the log before it goes on".into()));
        }
        let (exchange, trust, name) = (self.clone(), self.trust_in(peer), peer.authority().clone());
        let keeping = tokio::spawn(async move {
            let kept = exchange.commit_successor(trust, &held, &first).await;
            match &kept {
                Ok(()) => {
                    tracing::info!(peer = %name, ended, log = origin, "a new log");
                    exchange.heads.follow(first);
                }
                Err(_) => exchange.heads.go_on(&held),
            }
            kept
        });
        keeping.await.unwrap_or_else(|error| Err(ActionError::fault(error)))
    }

    async fn commit_successor(
        &self,
        trust: Trust,
        held: &SignedCheckpoint,
        first: &SignedCheckpoint,
    ) -> Result<(), ActionError> {
        let key = |head: &SignedCheckpoint| head_key(&self.home, &head.checkpoint().origin);
        let (old, new) = (key(held), key(first));
        let (held, first) = (held.clone(), first.clone());
        self.store
            .commit(move |tx| {
                trust.check(tx)?;
                super::put_head(tx, &old, &held)?;
                let mut row = load_in::<HeadRow>(tx, Table::Heads, &old)?.unwrap_or_default();
                let origin = &first.checkpoint().origin;
                if !row.successor.is_empty() && row.successor != *origin {
                    let message = format!("{} follows the log already", row.successor);
                    return Err(ActionError::conflict("LOG_SUCCESSION", message));
                }
                row.successor.clone_from(origin);
                tx.put(Table::Heads, &old, row.encode_to_vec());
                super::put_head(tx, &new, &first)
            })
            .await?;
        Ok(())
    }
}

fn parse(shown: &pb::Succession) -> Option<Succession> {
    Some(Succession {
        sealed: shown.sealed_entry.to_vec(),
        sealed_proof: digests(&shown.sealed_inclusion)?,
        opened: shown.opened_entry.to_vec(),
        opened_proof: digests(&shown.opened_inclusion)?,
    })
}

/// What leads from a place in our logs to a head, log by log: each with its proof, and where a log
/// begins with the proof that it follows. None where both are the same place.
pub(crate) fn steps(
    store: &Store,
    from: Position,
    head: &Arc<Head>,
) -> Result<Vec<(Arc<Head>, pb::CheckpointUpdate)>, ActionError> {
    let mut steps = Vec::new();
    for log in from.log..=head.log {
        let lost = || ActionError::Fault(format!("how log {log} ended is not known"));
        let end = match log == head.log {
            true => head.clone(),
            false => store.head_of(log).ok_or_else(lost)?,
        };
        let begins = log > from.log;
        let from_size = if begins { 0 } else { from.index };
        if begins || from_size != end.checkpoint.size {
            let proof = store.consistency(log, from_size, end.checkpoint.size)?;
            let update = pb::CheckpointUpdate {
                checkpoint: end.note.clone(),
                from_size,
                consistency: hashes(&proof),
                succession: begins.then(|| succession(store, &end)).transpose()?,
                round: false,
            };
            steps.push((end, update));
        }
    }
    Ok(steps)
}

/// That the log of a head follows the one before it.
pub(crate) fn succession(store: &Store, head: &Head) -> Result<pb::Succession, ActionError> {
    let lost = || ActionError::Fault(format!("log {} does not follow any", head.log));
    let before = head.log.checked_sub(1).and_then(|log| store.head_of(log)).ok_or_else(lost)?;
    let size = before.checkpoint.size;
    let last = Position::new(before.log, size.saturating_sub(1)).number();
    let first = Position::new(head.log, 0).number();
    Ok(pb::Succession {
        sealed_entry: store.entry(last)?.ok_or_else(lost)?.into(),
        sealed_inclusion: hashes(&store.inclusion(last, size)?),
        opened_entry: store.entry(first)?.ok_or_else(lost)?.into(),
        opened_inclusion: hashes(&store.inclusion(first, head.checkpoint.size)?),
    })
}
