//! What the peer answers, and what becomes of it.

use std::sync::Arc;

use super::{Awaited, Stream, disbelieved, refused};
use crate::exchange::ActionError;
use crate::exchange::courier::Trouble;
use crate::exchange::record::RecordError;
use crate::pb::v1 as pb;
use crate::store::{Head, Table};
use pb::relay_response::Frame as Answer;

impl Stream {
    pub(super) async fn heed(&mut self, answer: pb::RelayResponse) -> Result<(), Trouble> {
        self.heard_ms = self.exchange.now().unix_ms();
        let awaited = self.awaited.remove(&answer.sequence);
        if awaited.as_ref().is_some_and(Awaited::is_urgent) {
            self.bulk.throttle.answered();
        }
        match (answer.frame, awaited) {
            (Some(Answer::Checkpoint(reply)), Some(Awaited::Checkpoint(head))) => {
                self.cosigned(&head, reply);
                Ok(())
            }
            (Some(Answer::Pong(_)), Some(Awaited::Ping)) => Ok(()),
            (Some(Answer::Card(reply)), Some(Awaited::Card)) => {
                self.card_answered(&reply);
                Ok(())
            }
            (Some(Answer::Deliver(reply)), Some(Awaited::Message(key))) => match reply.outcome {
                Some(pb::deliver_reply::Outcome::Receipt(receipt)) => {
                    self.proved(key, &receipt).await
                }
                Some(pb::deliver_reply::Outcome::Retry(retry)) => self.retry(&key, &retry),
                None => Err(Trouble("the peer answers a message with nothing".into())),
            },
            (Some(Answer::Receipt(_)), Some(Awaited::Receipt(key))) => {
                self.receipt_arrived(key);
                Ok(())
            }
            // It stays in flight, so that this stream does not try it again; the next one does.
            (Some(Answer::Refused(refusal)), Some(Awaited::Receipt(_))) => {
                let (peer, code) = (self.peer.authority(), &refusal.code);
                tracing::warn!(%peer, %code, "the peer refuses a receipt");
                Ok(())
            }
            // The next stream begins with the log that follows; nothing is wrong.
            (Some(Answer::Refused(refusal)), _) if refusal.code == "LOG_SUCCEEDED" => {
                self.moved = true;
                Err(refused(&refusal))
            }
            (Some(Answer::Refused(refusal)), _) => {
                if matches!(refusal.code.as_str(), "CHECKPOINT_BASE" | "LOG_SUCCESSION") {
                    // What was shown on another stream got lost with it.
                    self.exchange.shown.reset(self.peer.authority());
                }
                Err(refused(&refusal))
            }
            _ => Err(Trouble("the peer answers what was not asked".into())),
        }
    }

    fn card_answered(&mut self, reply: &pb::CardReply) {
        let peer = self.peer.authority();
        self.exchange.note_our_card_at(peer, reply.version);
        match &reply.refused {
            None => self.moved = true,
            Some(refusal) => {
                let refused = refused(refusal);
                tracing::warn!(%peer, %refused, "the peer does not take our newer card");
            }
        }
    }

    /// Keeps the peer's cosignatures, on a task of its own: nothing waits for them.
    fn cosigned(&self, head: &Arc<Head>, reply: pb::CheckpointReply) {
        let lines = [reply.cosignature, reply.cosignature_pq];
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        let lines: String = lines.map(|line| line + "\n").collect();
        if lines.is_empty() || self.peer.card.witness_keys().is_empty() {
            return;
        }
        let (exchange, peer, head) = (self.exchange.clone(), self.peer.clone(), head.clone());
        tokio::spawn(async move {
            let keys = peer.card.witness_keys();
            if let Err(error) = exchange.gather_lines(&head, lines.as_bytes(), keys).await {
                let peer = peer.authority();
                tracing::warn!(%peer, %error, "the peer's cosignatures are not kept");
            }
        });
    }

    async fn proved(&mut self, key: Vec<u8>, receipt: &pb::SignedReceipt) -> Result<(), Trouble> {
        let proved =
            self.exchange.prove_answer(&self.peer, receipt).await.map_err(
                |error| match &error {
                    RecordError::Head(error) => disbelieved(&self.peer, error),
                    error => Trouble(format!("{}: {error}", error.code())),
                },
            )?;
        let of_this = key == proved.id.as_bytes();
        if !of_this {
            return Err(Trouble("BAD_RECEIPT: the receipt is for another message".into()));
        }
        let (exchange, peer) = (self.exchange.clone(), self.peer.clone());
        self.recording.spawn(async move {
            let done = exchange.commit_receipt(&peer, proved).await;
            (key, done.map_err(|error| error.to_string()))
        });
        Ok(())
    }

    fn retry(&mut self, key: &[u8], retry: &pb::Refusal) -> Result<(), Trouble> {
        let peer = self.peer.authority();
        match retry.code.as_str() {
            "PACKAGES_MISSING" => self.exchange.outbox.packages_there(peer, key, false),
            "CHECKPOINT_TOO_OLD" => {
                self.ours = None;
                self.exchange.outbox.give_back(peer, key, &retry.message);
            }
            // Not now: the pause before the next stream is what the peer needs.
            _ => return Err(refused(retry)),
        }
        Ok(())
    }

    fn receipt_arrived(&mut self, key: Vec<u8>) {
        let exchange = self.exchange.clone();
        self.recording.spawn(async move {
            let deleted = key.clone();
            let done = exchange
                .store
                .commit(move |tx| {
                    tx.delete(Table::Outbox, &deleted);
                    Ok::<_, ActionError>(())
                })
                .await;
            (key, done.map(|_| ()).map_err(|error| error.to_string()))
        });
    }

    pub(super) fn recorded(
        &mut self,
        (key, done): (Vec<u8>, Result<(), String>),
    ) -> Result<(), Trouble> {
        done.map_err(|error| Trouble(format!("a receipt cannot be recorded: {error}")))?;
        self.moved = true;
        self.exchange.outbox.done(self.peer.authority().as_str(), &key);
        Ok(())
    }
}
