//! The answering end of a peer's stream to us.
//!
//! Frames are judged as they come, up to [`PENDING_MAX`] at once so that they share a commit, and
//! answered in their order; a receipt is proved at the moment it is sent, under our newest
//! checkpoint, so each answer's checkpoint extends the one before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::accept::Accepted;
use super::heads::{HeadError, OwnHead, Taken, hashes, steps};
use super::issue::Issued;
use super::suspend::distrusted;
use super::{ActionError, Exchange, Peer};
use crate::audit::cosigned::SignedCheckpoint;
use crate::pb::v1 as pb;
use crate::store::Position;
use pb::relay_request::Frame as Asked;
use pb::relay_response::Frame as Answered;

/// Frames of one peer that are being judged: as many as a group commit is likely to take, and
/// no more envelopes in memory than this (I7).
pub const PENDING_MAX: usize = 64;

/// The protocol version that this code speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a frame came to; the answer is made of it when its turn comes.
enum Judged {
    Answer(Answered),
    Receipt(Issued),
    /// Says why and ends the stream.
    End(pb::Refusal),
}

type Judging = Pin<Box<dyn Future<Output = (u64, Judged)> + Send>>;

/// The answering end of one stream.
pub struct Session {
    exchange: Arc<Exchange>,
    peer: Arc<Peer>,
    /// The peer's checkpoint that was verified last on this stream.
    proven: Option<SignedCheckpoint>,
    greeted: bool,
    /// The log of ours that this stream shows.
    log: u32,
}

impl Session {
    /// For a peer that its TLS certificate has named.
    pub fn new(exchange: Arc<Exchange>, peer: Arc<Peer>) -> Self {
        Self { exchange, peer, proven: None, greeted: false, log: 0 }
    }

    /// Answers frames until the peer ends the stream or breaks a rule. May be dropped at any await.
    ///
    /// # Errors
    /// Says why the stream ends before its time: the peer opened another, or is trusted no more.
    pub async fn run(
        mut self,
        mut asked: mpsc::Receiver<pb::RelayRequest>,
        answers: mpsc::Sender<pb::RelayResponse>,
    ) -> Result<(), ActionError> {
        let place = self.exchange.streams.take(self.peer.authority());
        let mut judging: FuturesOrdered<Judging> = FuturesOrdered::new();
        let mut trust = self.exchange.directory.changes();
        let mut open = true;
        // For the next frame, before it is read: those of an older stream may be judged still.
        let mut permit = None;
        while open || !judging.is_empty() {
            let wanted = open && judging.len() < PENDING_MAX;
            tokio::select! {
                biased;
                () = place.taken.cancelled() => return Err(replaced()),
                Ok(()) = trust.changed() => {
                    if !self.is_trusted() {
                        return Err(distrusted());
                    }
                }
                Some((sequence, judged)) = judging.next(), if !judging.is_empty() => {
                    if !self.answer(sequence, judged, &answers).await { return Ok(()); }
                }
                free = place.frames.clone().acquire_owned(), if wanted && permit.is_none() => {
                    permit = free.ok();
                }
                frame = asked.recv(), if wanted && permit.is_some() => {
                    match (frame, permit.take()) {
                        (Some(frame), Some(permit)) => {
                            judging.push_back(self.judge(frame, permit).await);
                        }
                        _ => open = false,
                    }
                }
            }
        }
        Ok(())
    }

    fn is_trusted(&self) -> bool {
        // With a newer card, another key may be the right one: the stream is opened anew.
        self.exchange.still_trusts(&self.peer)
    }

    /// Sends an answer; false when the stream is over.
    async fn answer(
        &mut self,
        sequence: u64,
        judged: Judged,
        answers: &mpsc::Sender<pb::RelayResponse>,
    ) -> bool {
        let (frame, go_on) = match judged {
            Judged::Answer(frame) => (frame, true),
            Judged::End(refusal) => (Answered::Refused(refusal), false),
            Judged::Receipt(issued) => match self.signed(&issued) {
                Ok(Some(receipt)) => {
                    (delivered(pb::deliver_reply::Outcome::Receipt(receipt)), true)
                }
                // It is durable, and what the peer delivers again gets the same (I5).
                Ok(None) => (Answered::Refused(succeeded()), false),
                Err(error) => {
                    tracing::error!(%error, "a receipt cannot be proved");
                    (delivered(pb::deliver_reply::Outcome::Retry(unavailable())), true)
                }
            },
        };
        let response = pb::RelayResponse { sequence, frame: Some(frame) };
        answers.send(response).await.is_ok() && go_on
    }

    /// The receipt, under a checkpoint that extends what the peer was shown last; in a log that has
    /// ended under its last one. `None` for one that stands in a log which this stream does not show.
    fn signed(&self, issued: &Issued) -> Result<Option<pb::SignedReceipt>, ActionError> {
        let store = &self.exchange.store;
        if issued.log() < self.log {
            let last = store.head_of(issued.log());
            let last = last.ok_or_else(|| ActionError::Fault("a log is missing".into()))?;
            return issued.signed(store, last.checkpoint.size, &last).map(Some);
        }
        if issued.log() > self.log {
            return Ok(None);
        }
        match self.exchange.shown.next_of(self.peer.authority(), self.log, store) {
            Some((from, head)) => issued.signed(store, from.index, &head).map(Some),
            None => Ok(None),
        }
    }

    async fn judge(&mut self, request: pb::RelayRequest, permit: OwnedSemaphorePermit) -> Judging {
        let sequence = request.sequence;
        let now = |judged| -> Judging { Box::pin(async move { (sequence, judged) }) };
        match (self.greeted, request.frame) {
            (false, Some(Asked::Hello(hello))) => now(self.hello(&hello)),
            (true, Some(Asked::Checkpoint(update))) => {
                self.exchange.pace_advance(self.peer.authority()).await;
                self.checkpoint(sequence, &update).await
            }
            (true, Some(Asked::Deliver(deliver))) => self.deliver(sequence, deliver, permit),
            (true, Some(Asked::Receipt(receipt))) => self.receipt(sequence, receipt, permit),
            (true, Some(Asked::Card(update))) => self.card(sequence, update, permit),
            (true, Some(Asked::Ping(_))) => {
                let now_ms = self.exchange.now().unix_ms();
                now(Judged::Answer(Answered::Pong(pb::Pong { now_ms })))
            }
            _ => now(end("UNEXPECTED_FRAME", "the first frame, and no other, is a Hello")),
        }
    }

    fn hello(&mut self, hello: &pb::Hello) -> Judged {
        if !hello.versions.contains(&PROTOCOL_VERSION) {
            return end("NO_COMMON_VERSION", "this node speaks version 1");
        }
        if hello.recipient != self.exchange.me.as_str() {
            return end("WRONG_RECIPIENT", "this is the node of another authority");
        }
        let shown = match self.exchange.compare_own_head(&hello.held_checkpoint) {
            Ok(OwnHead::Nothing) => Position::default(),
            Ok(OwnHead::Ours(end)) => end,
            Ok(OwnHead::NotSigned) => {
                return end("BAD_CHECKPOINT", "the checkpoint you hold was not signed by our log");
            }
            Ok(OwnHead::NotOurs { .. }) => {
                return end("LOG_ROLLED_BACK", "this node's log is behind what it showed you");
            }
            Err(error) => return fault(&error),
        };
        match self.hello_reply(shown) {
            Ok(reply) => {
                // It is back: what waits for it need not wait for the end of our pause.
                self.exchange.kick_peer(self.peer.authority());
                Judged::Answer(Answered::Hello(reply))
            }
            Err(error) => fault(&error),
        }
    }

    fn hello_reply(&mut self, held: Position) -> Result<pb::HelloReply, ActionError> {
        let store = &self.exchange.store;
        let head = self.exchange.shown.greet(self.peer.authority(), store);
        let (earlier, from) = match held.log == head.log {
            true => (Vec::new(), held.index),
            false => (steps(store, held, &head)?, head.checkpoint.size),
        };
        let consistency = store.consistency(head.log, from, head.checkpoint.size)?;
        self.greeted = true;
        self.log = head.log;
        self.proven = self.exchange.head_of(&self.peer);
        Ok(pb::HelloReply {
            version: PROTOCOL_VERSION,
            software: self.exchange.software().to_owned(),
            now_ms: self.exchange.now().unix_ms(),
            checkpoint: head.note.clone(),
            consistency: hashes(&consistency),
            held_checkpoint: self.proven.as_ref().map(|h| h.to_note()).unwrap_or_default(),
            held_card_version: self.peer.card.version(),
            earlier: earlier.into_iter().map(|(_, update)| update).collect(),
        })
    }

    /// Verified at once, so that the frames behind it can refer to it; durable before the answer.
    async fn checkpoint(&mut self, sequence: u64, update: &pb::CheckpointUpdate) -> Judging {
        let taken = match self.take_head(update).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(peer = %self.peer.authority(), %error, "a checkpoint is refused");
                let judged = end(error.code(), error.to_string());
                return Box::pin(async move { (sequence, judged) });
            }
        };
        let cosigned = self.exchange.cosign(&taken);
        self.proven = Some(cosigned.head.clone());
        let (exchange, peer, round) = (self.exchange.clone(), self.peer.clone(), update.round);
        Box::pin(async move {
            let cosigned = match round {
                true => exchange.cosign_pq(&taken, cosigned).await,
                false => cosigned,
            };
            let size = cosigned.head.checkpoint().size;
            let cosignature = cosigned.line.clone().unwrap_or_default();
            let cosignature_pq = cosigned.line_pq.clone().unwrap_or_default();
            // Durable before it leaves: a witness that forgets can be led to sign two pasts (I1).
            let judged = match exchange.keep_head(Some(&peer), cosigned).await {
                Ok(()) => {
                    let reply = pb::CheckpointReply { size, cosignature, cosignature_pq };
                    Judged::Answer(Answered::Checkpoint(reply))
                }
                Err(error) => fault(&error),
            };
            (sequence, judged)
        })
    }

    async fn take_head(&self, update: &pb::CheckpointUpdate) -> Result<Taken, HeadError> {
        self.exchange.take_update(&self.peer, update).await
    }

    fn deliver(
        &mut self,
        sequence: u64,
        deliver: pb::Deliver,
        permit: OwnedSemaphorePermit,
    ) -> Judging {
        let Some(proven) = self.proven.clone() else {
            let judged = end("NO_CHECKPOINT", "send a checkpoint before messages");
            return Box::pin(async move { (sequence, judged) });
        };
        let (exchange, peer) = (self.exchange.clone(), self.peer.clone());
        spawned(sequence, permit, async move {
            match exchange.accept(&peer, &proven, deliver).await {
                Ok(Accepted::Issued(issued)) => Judged::Receipt(issued),
                Ok(Accepted::Retry { code, message }) => {
                    let refusal = pb::Refusal { code: code.into(), message };
                    Judged::Answer(delivered(pb::deliver_reply::Outcome::Retry(refusal)))
                }
                Err(error) => {
                    tracing::error!(%error, peer = %peer.authority(), "a message is not accepted");
                    Judged::Answer(delivered(pb::deliver_reply::Outcome::Retry(unavailable())))
                }
            }
        })
    }

    fn card(&self, sequence: u64, update: pb::CardUpdate, permit: OwnedSemaphorePermit) -> Judging {
        let (exchange, peer) = (self.exchange.clone(), self.peer.clone());
        spawned(sequence, permit, async move {
            match exchange.take_card(&peer, &update.card).await {
                Ok(reply) => Judged::Answer(Answered::Card(reply)),
                Err(error) => fault(&error),
            }
        })
    }

    fn receipt(
        &mut self,
        sequence: u64,
        receipt: pb::ReceiptDelivery,
        permit: OwnedSemaphorePermit,
    ) -> Judging {
        let Some(proven) = self.proven.clone() else {
            let judged = end("NO_CHECKPOINT", "send a checkpoint before receipts");
            return Box::pin(async move { (sequence, judged) });
        };
        let (exchange, peer) = (self.exchange.clone(), self.peer.clone());
        spawned(sequence, permit, async move {
            match exchange.record(&peer, &receipt.text, &proven).await {
                Ok(()) => Judged::Answer(Answered::Receipt(pb::ReceiptReply {})),
                Err(error) => {
                    tracing::warn!(%error, peer = %peer.authority(), "a receipt is refused");
                    let (code, message) = (error.code().into(), error.to_string());
                    Judged::Answer(Answered::Refused(pb::Refusal { code, message }))
                }
            }
        })
    }
}

/// On a task of its own, so that judging begins before the answer's turn comes. It goes on where
/// the stream ends meanwhile, and keeps its permit as long.
fn spawned(
    sequence: u64,
    permit: OwnedSemaphorePermit,
    judge: impl Future<Output = Judged> + Send + 'static,
) -> Judging {
    let task = tokio::spawn(async move {
        let judged = judge.await;
        drop(permit);
        judged
    });
    Box::pin(async move {
        let judged = task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "judging a frame failed");
            end("UNAVAILABLE", "the node could not judge the frame: try again")
        });
        (sequence, judged)
    })
}

fn replaced() -> ActionError {
    ActionError::conflict("STREAM_REPLACED", "this stream has ended here: open another")
}

fn delivered(outcome: pb::deliver_reply::Outcome) -> Answered {
    Answered::Deliver(pb::DeliverReply { outcome: Some(outcome) })
}

fn end(code: &str, message: impl Into<String>) -> Judged {
    Judged::End(pb::Refusal { code: code.into(), message: message.into() })
}

fn fault(error: &ActionError) -> Judged {
    tracing::error!(%error, "a stream cannot be answered");
    Judged::End(unavailable())
}

fn succeeded() -> pb::Refusal {
    let message = "this node has begun another log: say Hello again".into();
    pb::Refusal { code: "LOG_SUCCEEDED".into(), message }
}

fn unavailable() -> pb::Refusal {
    pb::Refusal { code: "UNAVAILABLE".into(), message: "not now: try again later".into() }
}
