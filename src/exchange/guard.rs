//! Before the first entry after a start: what do peers hold of our log?
//!
//! The high-water mark notices a restored data directory, but a restored machine takes the mark
//! along. Then peers are the guard (I3): each is asked once what it holds of this log before anything
//! is appended to it, by a node or by a command where none runs, and as many as the operator wants must
//! have shown it. The witnesses that are asked over HTTP are asked too
//! ([`ask_before`](super::witness::foreign::ask_before)).

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::courier::{Courier, Trouble};
use super::heads::OwnHead;
use super::schedule::pause_ms;
use super::session::PROTOCOL_VERSION;
use super::{Exchange, Peer};
use crate::crypto::random;
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;
use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

/// How long a peer that does not answer keeps a node from its first entry that needs none of them.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Asks each peer what it holds of our log, and waits until all have answered, or the time for that
/// is over and `needed` of them have; until the log turns out to be an older copy, or `stop`. A peer
/// that holds nothing has answered. Fewer peers than needed in the directory: all of them. Where some
/// are needed, each is asked until it answers, and otherwise once.
pub async fn agree(
    exchange: &Arc<Exchange>,
    courier: &Arc<dyn Courier>,
    needed: usize,
    stop: &CancellationToken,
) {
    if needed == 0 {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = ask_all(exchange, courier) => {}
        }
        return;
    }
    let mut asking = JoinSet::new();
    for peer in trusted(exchange) {
        asking.spawn(ask_until_told(exchange.clone(), courier.clone(), peer));
    }
    let mut missing = needed.min(asking.len());
    // The quickest may know less than those behind it.
    let all_had_time = tokio::time::sleep(ANSWERS_WITHIN);
    tokio::pin!(all_had_time);
    while !exchange.is_read_only() && (missing > 0 || !all_had_time.is_elapsed()) {
        tracing::info!(missing, "waiting for peers to show what they hold of this log");
        tokio::select! {
            () = stop.cancelled() => return,
            told = asking.join_next() => match told {
                Some(Ok(())) => missing = missing.saturating_sub(1),
                Some(Err(error)) => tracing::error!(%error, "asking a peer failed"),
                None => return,
            },
            () = &mut all_had_time, if !all_had_time.is_elapsed() => {}
        }
    }
}

/// What peers said of our log.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Those that did not say, by name.
    pub silent: Vec<AuthorityId>,
    /// Checkpoints that our log signed and does not have, with who holds them, by name.
    pub not_ours: Vec<(AuthorityId, String)>,
}

/// Asks each peer once. One that cannot be reached now may hold a longer log of ours: its first Hello
/// tells.
pub async fn ask_all(exchange: &Arc<Exchange>, courier: &Arc<dyn Courier>) -> Heard {
    let mut asking = JoinSet::new();
    for peer in trusted(exchange) {
        let (exchange, courier) = (exchange.clone(), courier.clone());
        asking.spawn(async move {
            let asked = tokio::time::timeout(ANSWERS_WITHIN, ask(&exchange, &*courier, &peer));
            let told = match asked.await {
                Ok(told) => told,
                Err(_) => Err(Trouble("it does not answer".to_owned())),
            };
            (peer.authority().clone(), told)
        });
    }
    let mut heard = Heard::default();
    for (peer, told) in asking.join_all().await {
        match told {
            Ok(note) => heard.not_ours.extend(note.map(|note| (peer, note))),
            Err(trouble) => {
                tracing::debug!(%peer, %trouble, "not told what the peer holds");
                heard.silent.push(peer);
            }
        }
    }
    heard.silent.sort();
    heard.not_ours.sort();
    heard
}

/// The peers that are asked: of who is suspended nothing is believed.
pub fn trusted(exchange: &Exchange) -> Vec<Arc<Peer>> {
    let peers = exchange.directory.all().into_iter();
    peers.filter(|peer| peer.suspended.is_none()).collect()
}

async fn ask_until_told(exchange: Arc<Exchange>, courier: Arc<dyn Courier>, peer: Arc<Peer>) {
    for attempt in 0.. {
        match ask(&exchange, &*courier, &peer).await {
            Ok(_) => return,
            Err(trouble) => {
                tracing::info!(peer = %peer.authority(), %trouble, "not told what the peer holds");
            }
        }
        let jitter = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
        let settings = &exchange.settings;
        let ms = pause_ms(attempt, settings.retry_first_ms, settings.retry_cap_ms, jitter);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// One Hello; nothing else is said on that stream. Gives the checkpoint that the peer holds, where our
/// log does not have it.
async fn ask(
    exchange: &Exchange,
    courier: &dyn Courier,
    peer: &Arc<Peer>,
) -> Result<Option<String>, Trouble> {
    let mut link = courier.relay(peer.clone()).await?;
    let closed = || Trouble("the peer closed the stream".into());
    let hello = pb::RelayRequest { sequence: 0, frame: Some(Ask::Hello(hello(exchange, peer))) };
    link.ask.send(hello).await.map_err(|_| closed())?;
    let answer = link.answers.recv().await.ok_or_else(closed)??;
    let Some(Answer::Hello(reply)) = answer.frame else {
        return Err(Trouble("the peer answers the Hello with something else".into()));
    };
    match exchange.compare_own_head(&reply.held_checkpoint) {
        Ok(OwnHead::Nothing | OwnHead::Ours(_)) => Ok(None),
        // It has frozen the store by now.
        Ok(OwnHead::NotOurs { .. }) => Ok(Some(reply.held_checkpoint)),
        Ok(OwnHead::NotSigned) => {
            Err(Trouble("the peer holds a checkpoint that our log did not sign".into()))
        }
        Err(error) => Err(Trouble(error.to_string())),
    }
}

/// How every stream to a peer begins.
pub(super) fn hello(exchange: &Exchange, peer: &Peer) -> pb::Hello {
    pb::Hello {
        versions: vec![PROTOCOL_VERSION],
        software: exchange.software().to_owned(),
        now_ms: exchange.now().unix_ms(),
        held_checkpoint: exchange.head_of(peer).map(|held| held.to_note()).unwrap_or_default(),
        recipient: peer.authority().to_string(),
    }
}
