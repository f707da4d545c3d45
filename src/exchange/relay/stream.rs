//! One stream to a peer, from the Hello to its end.

mod answers;
pub(super) mod bulk;
mod frames;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::bulk::Bulk;
use crate::exchange::courier::{Courier, Link, Trouble};
use crate::exchange::guard::hello;
use crate::exchange::heads::{HeadError, OwnHead, Taken, request, steps};
use crate::exchange::outbox::Item;
use crate::exchange::session::PENDING_MAX;
use crate::exchange::{ActionError, Exchange, LinkState, Peer};
use crate::pb::v1 as pb;
use crate::store::{Head, Position};
use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

/// An idle stream is asked for a sign of life this often; one that gives none for three times as
/// long is dead (a half-open connection looks just like an idle one).
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENCE_MAX_MS: i64 = 45_000;
/// Logs that a peer may have begun since it was heard last: a Hello of more than a lifetime.
const LOGS_MAX: usize = 64;

/// What an answer is awaited for.
enum Awaited {
    Checkpoint(Arc<Head>),
    Message(Vec<u8>),
    Receipt(Vec<u8>),
    Card,
    Ping,
}

impl Awaited {
    /// Whether bulk is to hold back for it.
    fn is_urgent(&self) -> bool {
        matches!(self, Self::Message(_) | Self::Receipt(_))
    }
}

pub(super) struct Stream {
    exchange: Arc<Exchange>,
    courier: Arc<dyn Courier>,
    peer: Arc<Peer>,
    link: Link,
    sequence: u64,
    awaited: BTreeMap<u64, Awaited>,
    /// Our checkpoint that the peer was shown last on this stream.
    ours: Option<Arc<Head>>,
    /// Commits of what the peer proved, each with the key of what waited for it.
    recording: JoinSet<(Vec<u8>, Result<(), String>)>,
    bulk: Bulk,
    heard_ms: i64,
    /// Something has arrived at the peer.
    moved: bool,
    /// The checkpoints that all peers are to cosign.
    rounds: watch::Receiver<Option<Arc<Head>>>,
    /// Where the one ended that was shown last on this stream.
    round: Option<Position>,
    /// Our cards that take the place of another.
    cards: watch::Receiver<u64>,
    /// The version of our card that the peer is known to have; `None` where it takes none on a stream.
    has_card: Option<u64>,
}

impl Stream {
    /// Exchanges Hellos and compares what each holds of the other's log, before anything else.
    pub(super) async fn greet(
        exchange: &Arc<Exchange>,
        courier: &Arc<dyn Courier>,
        peer: &Arc<Peer>,
        mut link: Link,
        bulk: &mut Option<Bulk>,
    ) -> Result<Self, Trouble> {
        let held = exchange.head_of(peer);
        let hello = pb::Hello {
            held_checkpoint: held.as_ref().map(|held| held.to_note()).unwrap_or_default(),
            ..hello(exchange, peer)
        };
        let hello = pb::RelayRequest { sequence: 0, frame: Some(Ask::Hello(hello)) };
        link.ask.send(hello).await.map_err(|_| closed())?;
        let reply = match link.answers.recv().await.ok_or_else(closed)??.frame {
            Some(Answer::Hello(reply)) => reply,
            Some(Answer::Refused(refusal)) => {
                // Nothing goes on to who does not believe our log.
                bulk.take_if(|_| !["UNAVAILABLE", "LOG_SUCCEEDED"].contains(&&*refusal.code));
                return Err(refused(&refusal));
            }
            _ => return Err(Trouble("the peer answers the Hello with something else".into())),
        };
        // Nor to who shows another past; the weather ends nothing.
        let going_on = bulk.take();
        let theirs = take_reply(exchange, peer, &reply).await;
        let theirs = theirs.map_err(|error| disbelieved(peer, &error))?;
        let theirs = exchange.cosign_pq(&theirs, exchange.cosign(&theirs)).await;
        let ours_end = match exchange.compare_own_head(&reply.held_checkpoint).map_err(fault)? {
            OwnHead::Nothing => Position::default(),
            OwnHead::Ours(end) => end,
            OwnHead::NotSigned => {
                return Err(Trouble(
                    "the peer holds a checkpoint that our log did not sign".into(),
                ));
            }
            OwnHead::NotOurs { size } => {
                let ours = exchange.store.head().checkpoint.size;
                return Err(Trouble(format!(
                    "LOG_ROLLED_BACK: the peer holds a log of {size} entries of this node, which \
                     has {ours}: it was restored from an older copy"
                )));
            }
        };
        exchange.keep_head(Some(peer), theirs).await.map_err(fault)?;
        exchange.shown.at_least(peer.authority(), ours_end);
        let now_ms = exchange.now().unix_ms();
        let clock_offset_ms = reply.now_ms.saturating_sub(now_ms);
        let state = LinkState { connected: true, trouble: String::new(), clock_offset_ms };
        exchange.set_link(peer.authority(), state);
        tracing::info!(peer = %peer.authority(), software = %reply.software, "link is up");
        Ok(Self {
            exchange: exchange.clone(),
            courier: courier.clone(),
            peer: peer.clone(),
            link,
            sequence: 0,
            awaited: BTreeMap::new(),
            ours: None,
            recording: JoinSet::new(),
            bulk: going_on.unwrap_or_else(|| Bulk::new(exchange, peer)),
            heard_ms: now_ms,
            moved: false,
            rounds: exchange.round.subscribe(),
            round: None,
            cards: exchange.card_changes(),
            has_card: exchange.our_card_said_at(peer.authority(), reply.held_card_version),
        })
    }

    /// Whether anything has arrived at the peer by it.
    pub(super) fn has_moved(&self) -> bool {
        self.moved || self.bulk.has_moved()
    }

    /// What goes on though the stream has ended.
    pub(super) fn into_bulk(self) -> Bulk {
        let mut bulk = self.bulk;
        bulk.hung_up();
        bulk
    }

    /// Sends and records until the stream ends.
    pub(super) async fn pump(&mut self) -> Result<(), Trouble> {
        let wake = self.exchange.outbox.wake(self.peer.authority());
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.tick().await;
        self.announce().await?;
        loop {
            let woken = wake.notified();
            self.fill().await?;
            tokio::select! {
                biased;
                answer = self.link.answers.recv() => match answer {
                    None => return Ok(()),
                    Some(answer) => self.heed(answer?).await?,
                },
                Some(done) = self.recording.join_next(), if !self.recording.is_empty() => {
                    self.recorded(done.map_err(fault)?)?;
                }
                done = self.bulk.next() => self.pushed(done?),
                () = woken => {}
                Ok(()) = self.rounds.changed() => self.show_round().await?,
                Ok(()) = self.cards.changed() => self.announce().await?,
                _ = ping.tick() => self.ping().await?,
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Trouble> {
        if self.exchange.now().unix_ms() - self.heard_ms > SILENCE_MAX_MS {
            return Err(Trouble("the peer has been silent for 45 seconds".into()));
        }
        self.ask(Ask::Ping(pb::Ping {}), Awaited::Ping).await
    }

    /// Sends our card to a peer that goes by an older one. Once on a stream: a peer that does not take it
    /// now is not asked before the next one.
    async fn announce(&mut self) -> Result<(), Trouble> {
        let card = self.exchange.card();
        if self.has_card.is_none_or(|has| has >= card.version()) {
            return Ok(());
        }
        self.has_card = Some(card.version());
        let update = pb::CardUpdate { card: card.text().to_owned() };
        self.ask(Ask::Card(update), Awaited::Card).await
    }

    async fn ask(&mut self, frame: Ask, awaited: Awaited) -> Result<(), Trouble> {
        self.sequence += 1;
        if awaited.is_urgent() {
            self.bulk.throttle.asked(self.exchange.now());
        }
        self.awaited.insert(self.sequence, awaited);
        let request = pb::RelayRequest { sequence: self.sequence, frame: Some(frame) };
        self.link.ask.send(request).await.map_err(|_| closed())
    }

    /// Sends what waits, as far as the window allows.
    async fn fill(&mut self) -> Result<(), Trouble> {
        let room = PENDING_MAX.saturating_sub(self.awaited.len());
        if room == 0 {
            return Ok(());
        }
        let items = self.exchange.outbox.take(self.peer.authority(), room);
        let mut ready = Vec::new();
        for item in items {
            match self.needs_packages(&item) {
                Ok(true) => self.bulk.put(item),
                Ok(false) => ready.push(item),
                Err(error) => self.break_off(&item, &error),
            }
        }
        self.push_next();
        // Log by log: what stands in one that has ended is proved under its last checkpoint.
        ready.sort_by_key(|item| item.row.entry_index);
        for item in ready {
            self.show_log(item.row.entry_index).await?;
            self.send(item).await?;
        }
        Ok(())
    }

    /// What is damaged here keeps nothing else from the peer.
    fn break_off(&self, item: &Item, error: &ActionError) {
        let peer = self.peer.authority();
        tracing::error!(%peer, %error, "something in the queue cannot be sent");
        self.exchange.outbox.break_off(peer, &item.row.key(), &format!("this node: {error}"));
    }

    /// Shows the peer a checkpoint that covers the entry, if it has not seen one.
    async fn show_log(&mut self, entry: u64) -> Result<(), Trouble> {
        if self.ours.as_ref().is_some_and(|head| head.covers(entry)) {
            return Ok(());
        }
        // The round first, so that all witnesses see it; what covers the entry is not smaller.
        self.show_round().await?;
        let store = &self.exchange.store;
        let (from, head) = self.exchange.shown.next(self.peer.authority(), store);
        self.show(from, head, false).await?;
        match self.exchange.store.head_of(Position::from_number(entry).log) {
            // The peer has been shown it on the way to the newest one; now what follows is under it.
            Some(ended) if self.ours.as_ref().is_some_and(|ours| ended.log < ours.log) => {
                self.show(ended.end(), ended, false).await
            }
            _ => Ok(()),
        }
    }

    /// Shows the peer the checkpoint of the present round, once on this stream, unless it has seen
    /// more. Also where it has seen this very one, in a Hello or with a receipt: those it did not
    /// cosign for us.
    async fn show_round(&mut self) -> Result<(), Trouble> {
        let round = self.rounds.borrow_and_update().clone();
        let Some(head) = round.filter(|head| self.round < Some(head.end())) else {
            return Ok(());
        };
        self.round = Some(head.end());
        match self.exchange.shown.up_to(self.peer.authority(), &head) {
            Some(from) => self.show(from, head, true).await,
            None => Ok(()),
        }
    }

    /// Shows the peer a head and, where it begins another log than the peer knows, how that follows.
    /// What the peer has already is shown again: it says under which head the next frames are.
    async fn show(&mut self, from: Position, head: Arc<Head>, round: bool) -> Result<(), Trouble> {
        let mut steps = steps(&self.exchange.store, from, &head).map_err(fault)?;
        if steps.is_empty() {
            let (checkpoint, from_size) = (head.note.clone(), head.checkpoint.size);
            let update = pb::CheckpointUpdate { checkpoint, from_size, ..Default::default() };
            steps.push((head, update));
        }
        for (head, update) in steps {
            let update = pb::CheckpointUpdate { round, ..update };
            self.ask(Ask::Checkpoint(update), Awaited::Checkpoint(head.clone())).await?;
            self.ours = Some(head);
        }
        Ok(())
    }

    async fn send(&mut self, item: Item) -> Result<(), Trouble> {
        match self.frame(&item) {
            Ok((frame, awaited)) => self.ask(frame, awaited).await,
            Err(error) => {
                self.break_off(&item, &error);
                Ok(())
            }
        }
    }
}

/// What the answer to our Hello shows of the peer's log, and of those before it.
async fn take_reply(
    exchange: &Arc<Exchange>,
    peer: &Peer,
    reply: &pb::HelloReply,
) -> Result<Taken, HeadError> {
    for update in reply.earlier.iter().take(LOGS_MAX) {
        let taken = exchange.take_update(peer, update).await?;
        let kept = exchange.keep_head(Some(peer), exchange.cosign(&taken)).await;
        kept.map_err(|error| HeadError::Unavailable(error.to_string()))?;
    }
    let held = exchange.head_of(peer).map_or(0, |held| held.checkpoint().size);
    let request = request(held, &reply.consistency, &reply.checkpoint)?;
    exchange.take_head(peer, &request).await
}

fn disbelieved(peer: &Peer, error: &HeadError) -> Trouble {
    tracing::error!(peer = %peer.authority(), %error, "the peer's log is not believed");
    Trouble(format!("{}: {error}", error.code()))
}

fn closed() -> Trouble {
    Trouble("the peer closed the stream".into())
}

fn refused(refusal: &pb::Refusal) -> Trouble {
    // From the peer: shown to operators, so bounded and without control characters.
    let text: String = refusal.message.chars().filter(|c| !c.is_control()).take(300).collect();
    let code: String = refusal.code.chars().filter(char::is_ascii_graphic).take(64).collect();
    Trouble(format!("{code}: {text}"))
}

fn fault(error: impl std::fmt::Display) -> Trouble {
    Trouble(format!("this node: {error}"))
}
