//! A push over several streams, at its receiving end.
//!
//! Each stream is read by a task of its own, and what comes is put in order in one window; whoever
//! completes the chunk that is next hands on all that follow. No stream waits for another: what lies
//! beyond the window is refused, and an honest peer does not send it, for it is told how far the push
//! is. So the piece that is missing is always on a stream that is read, or on one that broke, and then
//! it is sent again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::receiving::Receiving;
use super::window::{Given, Window};
use super::windows::InUse;
use crate::domain::PackageId;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::vault::PackageShape;
use pb::push_package_request::Part;

/// A push that brings nothing new for this long, on whatever stream, is over; and so is a stream whose
/// other end does not take what it is told.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// A stream says first what it is about.
const START_WITHIN: Duration = Duration::from_secs(60);

/// What makes the streams of one push one.
pub type PushId = [u8; 16];

/// How a push ended: whether all of the package is here.
type Ended = Result<bool, ActionError>;

/// A push over several streams. The last stream that goes ends it.
pub(super) struct Joined {
    pub(super) push: PushId,
    state: Mutex<State>,
    /// Who has it hands chunks on.
    feed: tokio::sync::Mutex<Option<Receiving>>,
    /// Counts what streams have to be told of.
    news: watch::Sender<u64>,
}

struct State {
    window: InUse,
    /// What is still to come of the list: sizes, and hashes.
    sizes: u64,
    hashes: u64,
    /// When something new came last.
    fresh: Instant,
    ended: Option<Ended>,
}

impl Joined {
    /// One that begins; `listed` where the list has come before.
    pub(super) fn new(
        push: PushId,
        shape: &PackageShape,
        listed: bool,
        window: InUse,
        receiving: Receiving,
    ) -> Arc<Self> {
        let left = |count| if listed { 0 } else { count };
        let state = State {
            window,
            sizes: left(u64::from(shape.exhibits)),
            hashes: left(shape.chunks),
            fresh: Instant::now(),
            ended: None,
        };
        let (state, feed) = (Mutex::new(state), tokio::sync::Mutex::new(Some(receiving)));
        Arc::new(Self { push, state, feed, news: watch::Sender::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, whatever its streams do.
    pub(super) async fn end(&self, ended: Ended) {
        self.state().end(ended);
        self.news.send_modify(|news| *news += 1);
        // What was handed on is stored, and the package is free for the next push.
        self.feed.lock().await.take();
    }

    /// Takes a part of any of the streams.
    async fn take(&self, part: Part) -> Result<(), ActionError> {
        match part {
            Part::Piece(piece) => {
                let given = Given {
                    number: piece.number,
                    offset: piece.offset as usize,
                    length: piece.length as usize,
                    data: piece.data,
                };
                let new = self.state().take(given);
                if !new.map_err(|rule| ActionError::invalid("piece", rule))? {
                    return Ok(());
                }
            }
            Part::List(list) => self.list(list).await?,
            Part::Start(_) => return Err(ActionError::invalid("part", "a push has one start")),
            Part::Chunk(_) => {
                return Err(ActionError::invalid("part", "chunks come in pieces here"));
            }
        }
        self.hand_on().await
    }

    async fn list(&self, list: pb::PackageList) -> Result<(), ActionError> {
        let (sizes, hashes) = (list.sealed_sizes.len(), list.chunk_hashes.len() / 32);
        let mut feed = self.feed.lock().await;
        if let Some(receiving) = feed.as_mut() {
            receiving.part(Part::List(list)).await;
            receiving.settle().await;
        }
        let mut state = self.state();
        // A part that brings nothing is no sign of life.
        if sizes + hashes > 0 {
            state.fresh = Instant::now();
        }
        state.sizes = state.sizes.saturating_sub(sizes as u64);
        state.hashes = state.hashes.saturating_sub(hashes as u64);
        Ok(())
    }

    /// Hands on all chunks that are next, and ends the package where that was the last.
    async fn hand_on(&self) -> Result<(), ActionError> {
        let mut feed = self.feed.lock().await;
        let Some(receiving) = feed.as_mut() else { return Ok(()) };
        let (mut wanted, mut handed) = (true, false);
        while wanted && let Some((number, data)) = self.next() {
            wanted = receiving.part(Part::Chunk(pb::SealedChunk { number, data })).await;
            handed = true;
            self.news.send_modify(|news| *news += 1);
        }
        // On a slow link the next one takes long, and this one is safe only on the disk.
        if handed && wanted {
            wanted = receiving.settle().await;
        }
        if wanted && !self.is_through() {
            return Ok(());
        }
        let Some(receiving) = feed.take() else { return Ok(()) };
        drop(feed);
        let ended = receiving.finish().await.map(|progress| progress.complete);
        self.end(ended).await;
        Ok(())
    }

    fn next(&self) -> Option<(u64, bytes::Bytes)> {
        let mut state = self.state();
        if !state.is_listed() {
            return None;
        }
        state.window.window()?.next()
    }

    fn is_through(&self) -> bool {
        let mut state = self.state();
        state.is_listed() && state.window.window().is_some_and(|window| window.is_through())
    }

    /// What a stream of which so much was taken is told; and how the push ended, if it did.
    fn told(&self, taken: u64) -> (pb::PushPiecesResponse, Option<Ended>) {
        let mut state = self.state();
        let complete = state.ended == Some(Ok(true));
        let chunks = state.window.window().map_or(0, |window| window.base());
        (pb::PushPiecesResponse { taken, chunks, complete }, state.ended.clone())
    }

    /// When it is over unless something new comes.
    fn silent_at(&self) -> Instant {
        self.state().fresh + SILENCE_MAX
    }
}

impl State {
    fn is_listed(&self) -> bool {
        self.sizes == 0 && self.hashes == 0
    }

    fn end(&mut self, ended: Ended) {
        if matches!(ended, Err(ActionError::Invalid(_)) | Ok(true)) {
            self.window.discard();
        }
        self.ended.get_or_insert(ended);
    }

    fn take(&mut self, given: Given) -> Result<bool, &'static str> {
        let Some(window) = self.window.window() else { return Ok(false) };
        let new = Window::take(window, given)?;
        if new {
            self.fresh = Instant::now();
        }
        Ok(new)
    }
}

/// Reads one stream of a push until it ends, and says what was taken of it.
///
/// # Errors
/// Why the push, or this stream of it, is over.
pub async fn serve(
    exchange: Arc<Exchange>,
    peer: Arc<Peer>,
    mut parts: mpsc::Receiver<pb::PushPackageRequest>,
    told: mpsc::Sender<pb::PushPiecesResponse>,
) -> Result<(), ActionError> {
    let start = tokio::time::timeout(START_WITHIN, parts.recv()).await;
    let Ok(Some(pb::PushPackageRequest { part: Some(Part::Start(start)) })) = start else {
        return Err(ActionError::invalid("part", "the first part must be a start"));
    };
    let id = PackageId::from_slice(&start.package_id)
        .map_err(|error| ActionError::invalid("start.package_id", error.to_string()))?;
    let push = PushId::try_from(&start.push_id[..])
        .map_err(|_| ActionError::invalid("start.push_id", "must have 16 bytes"))?;
    let joined = exchange.offers().join(&exchange, peer.authority(), id, push)?;
    // Where all of it is here already, only its end is missing, and no part will come.
    let done = match joined.hand_on().await {
        Ok(()) => read(&joined, &mut parts, &told).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &done {
        joined.end(Err(error.clone())).await;
    }
    if !matches!(done, Ok(false)) {
        exchange.offers().forget_push(peer.authority(), id, &joined);
    }
    done.map(drop)
}

/// Whether all of the package is here; not where the stream just ended.
async fn read(
    joined: &Joined,
    parts: &mut mpsc::Receiver<pb::PushPackageRequest>,
    told: &mpsc::Sender<pb::PushPiecesResponse>,
) -> Ended {
    let mut news = joined.news.subscribe();
    let mut taken = 1;
    loop {
        let (answer, ended) = joined.told(taken);
        if matches!(ended, Some(Err(_))) {
            return ended.unwrap_or(Ok(false));
        }
        match told.send_timeout(answer, SILENCE_MAX).await {
            Ok(()) if ended.is_none() => {}
            // It has gone, or takes nothing.
            Ok(()) | Err(_) => return Ok(ended.is_some()),
        }
        tokio::select! {
            _ = news.changed() => {}
            part = parts.recv() => match part.and_then(|part| part.part) {
                Some(part) => {
                    joined.take(part).await?;
                    taken += 1;
                }
                None => return Ok(false),
            },
            () = tokio::time::sleep_until(joined.silent_at()) => {
                if joined.silent_at() <= Instant::now() {
                    return Ok(false);
                }
            }
        }
    }
}
