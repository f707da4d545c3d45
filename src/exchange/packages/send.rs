//! To a peer's vault: what it does not hold yet, from where it says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::PARTS_AHEAD;
use super::lines::{Between, Connecting, Push, streams_on};
use crate::domain::limits::STREAMS_PER_PUSH_MAX;
use crate::exchange::courier::{Bulk, Courier, Trouble};
use crate::exchange::links::{Closed, Throttle};
use crate::exchange::pieces::{fill, piece};
use crate::exchange::rows::{self, OutboxRow, shape_of};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::BodySlot;
use crate::store::vault::{PackageReader, PackageShape, Vault};
use pb::push_package_request::Part;

/// Sizes in one part of the list, and hashes: 64 KiB and 128 KiB.
const SIZES_PER_PART: usize = 8192;
const HASHES_PER_PART: u64 = 4096;

/// A peer that takes nothing for this long is not waited for: the push goes on another time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a push is over before all of it is there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{trouble}")]
pub(crate) struct Broken {
    trouble: Trouble,
    /// Until when no other try is of use.
    closed: Option<Closed>,
    ours: bool,
}

impl Broken {
    pub(super) fn weather(trouble: Trouble) -> Self {
        Self { trouble, closed: None, ours: false }
    }

    pub(super) fn ours(error: &dyn std::fmt::Display) -> Self {
        Self { trouble: Trouble(format!("this node: {error}")), closed: None, ours: true }
    }

    pub(super) fn closed(closed: Closed) -> Self {
        Self { trouble: Trouble(closed.to_string()), closed: Some(closed), ours: false }
    }

    /// Whether another stream would end in the same way.
    pub(super) fn is_final(&self) -> bool {
        self.ours || self.closed.is_some()
    }

    /// Whether it is only not the time for it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        Self::weather(trouble)
    }
}

impl From<ActionError> for Broken {
    fn from(error: ActionError) -> Self {
        Self::ours(&error)
    }
}

/// Pushes all packages of a queued message that the peer does not hold.
pub(crate) async fn push_all(
    exchange: Arc<Exchange>,
    courier: Arc<dyn Courier>,
    peer: Arc<Peer>,
    row: OutboxRow,
    moved: Arc<Moved>,
) -> Result<(), Broken> {
    let throttle = exchange.throttle(peer.authority());
    if let Some(closed) = throttle.closed(exchange.now()) {
        return Err(Broken::closed(closed));
    }
    let (envelope, shapes) = announced(&exchange, &row)?;
    let between = Between { exchange, courier, peer, moved };
    let mut bulk = between.bulk().await?;
    // They are opened while the peer looks what it has: a round trip is long.
    let mut others = between.others(bulk.round_trip());
    let held = bulk.offer(pb::OfferPackagesRequest { envelope }).await?;
    between.moved.holds(&row.message_id, &held.packages);
    for (n, shape) in shapes.into_iter().enumerate() {
        let progress = held.packages.iter().find(|held| held.package_id == shape.id.as_bytes()[..]);
        let progress = progress.cloned().unwrap_or_default();
        if progress.complete {
            continue;
        }
        if n > 0 {
            bulk = between.bulk().await?;
            others = between.others(bulk.round_trip());
        }
        let (this, those) = (bulk.clone(), std::mem::take(&mut others));
        push(&between, this, those, shape, progress).await?;
    }
    Ok(())
}

/// Whether pushes get a peer any further, by what it says with each offer that it holds of a message. What
/// it took and could not store, on a full disk, is no progress.
#[derive(Default)]
pub(crate) struct Moved {
    /// The chunks that it held last, by message.
    held: Mutex<BTreeMap<Vec<u8>, u64>>,
    moved: AtomicBool,
}

impl Moved {
    fn holds(&self, message: &[u8], progress: &[pb::PackageProgress]) {
        let chunks = progress.iter().fold(0_u64, |sum, one| sum.saturating_add(one.chunks));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if chunks > held.insert(message.to_vec(), chunks).unwrap_or_default() {
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it has been so.
    pub(crate) fn has(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// The same, from now on.
    pub(crate) fn take(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }
}

impl Between {
    async fn bulk(&self) -> Result<Arc<dyn Bulk>, Trouble> {
        Ok(self.courier.bulk(self.peer.clone()).await?.into())
    }

    /// Connections for the other streams of a push: as many as the operator wants, or the round trip.
    fn others(&self, round_trip: Duration) -> Vec<Connecting> {
        let wanted = self.exchange.throttle(self.peer.authority()).streams();
        let count = wanted.unwrap_or_else(|| streams_on(round_trip)).min(STREAMS_PER_PUSH_MAX);
        (1..count).map(|_| tokio::spawn(self.courier.bulk(self.peer.clone()))).collect()
    }
}

/// Pushes one package; a peer that knows nothing of several streams gets it over one.
async fn push(
    between: &Between,
    bulk: Arc<dyn Bulk>,
    mut others: Vec<Connecting>,
    shape: PackageShape,
    progress: pb::PackageProgress,
) -> Result<(), Broken> {
    let (vault, id, opened) = (between.exchange.vault.clone(), shape.id, shape.clone());
    let wanted = progress.streams > 0 && !progress.listed;
    let reading = piece(move || {
        let list = wanted.then(|| ListParts::of(&vault, &opened)).transpose()?;
        Ok((vault.reader(&opened)?, list))
    });
    let (reader, list) =
        reading.await.map_err(|error| Broken::ours(&format!("package {id}: {error}")))?;
    match usize::try_from(progress.streams).unwrap_or(usize::MAX) {
        0 => {
            let throttle = between.exchange.throttle(between.peer.authority());
            let parts = Parts::new(reader, shape, &progress);
            in_order(between, &throttle, &*bulk, parts).await
        }
        most => {
            others.truncate(most - 1);
            Push::new(between, shape, reader, &progress).run(bulk, others, list).await
        }
    }
}

/// Pushes over one stream, one chunk after the other.
async fn in_order(
    between: &Between,
    throttle: &Throttle,
    bulk: &dyn Bulk,
    mut parts: Parts,
) -> Result<(), Broken> {
    let id = parts.shape.id;
    let (out, mut read) = mpsc::channel(PARTS_AHEAD);
    let (pass, passed) = mpsc::channel(1);
    let reading =
        async move { fill(move || parts.next(), &out, PATIENCE).await.map_err(Broken::from) };
    let pacing = async move {
        while let Some(part) = read.recv().await {
            let bytes = prost::Message::encoded_len(&part);
            let now = || between.exchange.now();
            throttle.pass(now, bytes).await.map_err(Broken::closed)?;
            if pass.send(part).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let mut pushing = bulk.push(passed);
    let pushed = tokio::select! {
        biased;
        read = async { tokio::try_join!(reading, pacing) } => {
            read?;
            pushing.await
        }
        pushed = &mut pushing => pushed,
    };
    if !pushed?.progress.unwrap_or_default().complete {
        let text = format!("the peer does not hold package {id} completely yet");
        return Err(Trouble(text).into());
    }
    Ok(())
}

/// The parts of a list, read one after the other.
pub(super) struct ListParts(Parts);

impl ListParts {
    fn of(vault: &Vault, shape: &PackageShape) -> Result<Self, ActionError> {
        let nothing = pb::PackageProgress::default();
        Ok(Self(Parts::new(vault.reader(shape)?, shape.clone(), &nothing)))
    }

    /// The next part and the others; `None` where there is none.
    pub(super) fn next(mut self) -> Result<Option<(pb::PackageList, Self)>, ActionError> {
        while !matches!(self.0.next, Next::Chunk { .. }) {
            let part = self.0.next()?.and_then(|part| part.part);
            if let Some(Part::List(list)) = part {
                return Ok(Some((list, self)));
            }
        }
        Ok(None)
    }
}

fn announced(
    exchange: &Exchange,
    row: &OutboxRow,
) -> Result<(bytes::Bytes, Vec<PackageShape>), ActionError> {
    let missing = || ActionError::Fault("a queued message is missing from the store".into());
    let row = rows::message(&exchange.store, row.message()?)?.ok_or_else(missing)?;
    let envelope = exchange.store.body(BodySlot(row.body_slot))?;
    let shapes = row.packages.iter().map(shape_of).collect::<Result<_, _>>()?;
    Ok((envelope.ok_or_else(missing)?.into(), shapes))
}

/// The parts of a push, read from the vault one after the other.
pub(in crate::exchange) struct Parts {
    reader: PackageReader,
    shape: PackageShape,
    next: Next,
    /// The first chunk that the peer does not hold.
    first: u64,
}

/// What comes next.
enum Next {
    Start { listed: bool },
    Sizes { from: usize },
    Hashes { from: u64 },
    Chunk { number: u64, exhibit: u32, index: u64 },
}

impl Parts {
    /// Those that a peer lacks who has so much already.
    pub(in crate::exchange) fn new(
        reader: PackageReader,
        shape: PackageShape,
        progress: &pb::PackageProgress,
    ) -> Self {
        let next = Next::Start { listed: progress.listed };
        Self { reader, shape, next, first: progress.chunks }
    }

    /// The next one; `None` behind the last.
    pub(in crate::exchange) fn next(
        &mut self,
    ) -> Result<Option<pb::PushPackageRequest>, ActionError> {
        let part = match self.next {
            Next::Start { listed } => {
                self.next = if listed { self.first_chunk() } else { Next::Sizes { from: 0 } };
                let package_id = self.shape.id.as_bytes().to_vec().into();
                Some(Part::Start(pb::PackageStart { package_id, ..Default::default() }))
            }
            Next::Sizes { from } => Some(self.sizes(from)),
            Next::Hashes { from } => Some(self.hashes(from)?),
            Next::Chunk { number, exhibit, index } => self.chunk(number, exhibit, index)?,
        };
        Ok(part.map(|part| pb::PushPackageRequest { part: Some(part) }))
    }

    fn sizes(&mut self, from: usize) -> Part {
        let sizes: Vec<u64> =
            self.reader.sizes().iter().skip(from).take(SIZES_PER_PART).copied().collect();
        let from = from + sizes.len();
        self.next = match from < self.reader.sizes().len() {
            true => Next::Sizes { from },
            false => Next::Hashes { from: 0 },
        };
        Part::List(pb::PackageList { sealed_sizes: sizes, ..Default::default() })
    }

    fn hashes(&mut self, from: u64) -> Result<Part, ActionError> {
        let count = (self.shape.chunks - from).min(HASHES_PER_PART);
        let hashes = self.reader.leaves(from, usize::try_from(count).unwrap_or(0))?;
        let from = from + count;
        self.next =
            if from < self.shape.chunks { Next::Hashes { from } } else { self.first_chunk() };
        Ok(Part::List(pb::PackageList { chunk_hashes: hashes.into(), ..Default::default() }))
    }

    /// The chunk that the peer lacks first: whole exhibits before it are skipped.
    fn first_chunk(&self) -> Next {
        let (mut number, mut exhibit) = (0, 0);
        while exhibit < self.shape.exhibits {
            let chunks = self.reader.chunk_count(exhibit);
            if self.first < number + chunks {
                let index = self.first.saturating_sub(number);
                return Next::Chunk { number: number + index, exhibit, index };
            }
            number += chunks;
            exhibit += 1;
        }
        Next::Chunk { number, exhibit, index: 0 }
    }

    fn chunk(
        &mut self,
        number: u64,
        exhibit: u32,
        index: u64,
    ) -> Result<Option<Part>, ActionError> {
        if exhibit >= self.shape.exhibits {
            return Ok(None);
        }
        let data = self.reader.chunk(exhibit, index)?.into();
        self.next = match index + 1 < self.reader.chunk_count(exhibit) {
            true => Next::Chunk { number: number + 1, exhibit, index: index + 1 },
            false => Next::Chunk { number: number + 1, exhibit: exhibit + 1, index: 0 },
        };
        Ok(Some(Part::Chunk(pb::SealedChunk { number, data })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_peer_holds_with_the_next_offer_is_progress() {
        let moved = Moved::default();
        let holds = |message: &[u8], chunks| {
            moved.holds(message, &[pb::PackageProgress { chunks, ..Default::default() }]);
        };
        holds(b"a", 0);
        assert!(!moved.has());
        holds(b"a", 7);
        assert!(moved.has() && moved.take() && !moved.has());
        // A full disk takes, and holds no more than before; what it holds of another is not compared.
        for message in [b"a", b"b", b"a", b"b"] {
            holds(message, if message == b"a" { 7 } else { 0 });
            assert!(!moved.take());
        }
        holds(b"a", 8);
        assert!(moved.take());
        let many = pb::PackageProgress { chunks: u64::MAX, ..Default::default() };
        moved.holds(b"a", &[many.clone(), many]);
    }
}
