//! A push over several streams, at its sending end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::deal::{Batch, Deal, Gone, Lengths};
use super::send::{Broken, ListParts, Moved};
use super::window::{PIECE_BYTES, SEALED_BYTES};
use crate::crypto::random;
use crate::exchange::courier::{Bulk, Courier, Trouble};
use crate::exchange::links::Throttle;
use crate::exchange::pieces::piece;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::vault::{PackageReader, PackageShape};
use pb::push_package_request::Part;

/// A round trip of this length and more is worth several streams: what one of them may have on its way
/// is halved by each packet that is lost, and grows again by a packet a round trip.
const LONG: Duration = Duration::from_millis(100);
const STREAMS_ON_LONG: usize = 4;
/// A peer that answers nothing of what it was sent for this long is not waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pauses before a stream that broke is opened again.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Parts that wait for the network, of each stream.
const PARTS_AHEAD: usize = 2;
/// Chunks that were read and whose pieces may go over several streams.
const CHUNKS_READ: usize = 4;

/// A push. All streams share it.
pub(super) struct Push {
    pub(super) exchange: Arc<Exchange>,
    pub(super) courier: Arc<dyn Courier>,
    pub(super) peer: Arc<Peer>,
    pub(super) shape: PackageShape,
    pub(super) throttle: Arc<Throttle>,
    id: [u8; 16],
    /// The first stream still has to bring the list.
    unlisted: AtomicBool,
    reader: Arc<Mutex<PackageReader>>,
    layout: Layout,
    read: tokio::sync::Mutex<Vec<(u64, Bytes)>>,
    deal: Mutex<Deal>,
    changed: Notify,
}

/// The lengths of chunks.
struct Layout {
    sizes: Vec<u64>,
    /// The number of each exhibit's first chunk.
    starts: Vec<u64>,
}

impl Layout {
    fn new(sizes: &[u64]) -> Self {
        let starts = sizes.iter().scan(0, |next, size| {
            let start = *next;
            *next += size.div_ceil(SEALED_BYTES as u64);
            Some(start)
        });
        Self { starts: starts.collect(), sizes: sizes.to_vec() }
    }

    /// The exhibit that a chunk is of, and its number there.
    fn place(&self, number: u64) -> (usize, u64) {
        let exhibit = self.starts.partition_point(|start| *start <= number).saturating_sub(1);
        (exhibit, number - self.starts.get(exhibit).copied().unwrap_or(0))
    }
}

impl Lengths for Layout {
    fn length(&self, number: u64) -> usize {
        let (exhibit, index) = self.place(number);
        let size = self.sizes.get(exhibit).copied().unwrap_or(0);
        let left = size.saturating_sub(index * SEALED_BYTES as u64);
        usize::try_from(left).unwrap_or(SEALED_BYTES).min(SEALED_BYTES)
    }
}

/// A connection that is being opened.
pub(super) type Connecting = JoinHandle<Result<Box<dyn Bulk>, Trouble>>;

/// The connection of a stream.
enum By {
    Open(Arc<dyn Bulk>),
    Opening(Connecting),
    /// A new one, after a pause.
    Anew(Duration),
}

/// How many streams are worth it, where the operator has not said so.
pub(super) fn streams_on(round_trip: Duration) -> usize {
    if round_trip < LONG { 1 } else { STREAMS_ON_LONG }
}

/// What a push goes between.
#[derive(Clone)]
pub(super) struct Between {
    pub(super) exchange: Arc<Exchange>,
    pub(super) courier: Arc<dyn Courier>,
    pub(super) peer: Arc<Peer>,
    pub(super) moved: Arc<Moved>,
}

impl Push {
    /// One of a package, of which the peer has said what it holds.
    pub(super) fn new(
        between: &Between,
        shape: PackageShape,
        reader: PackageReader,
        progress: &pb::PackageProgress,
    ) -> Arc<Self> {
        let Between { exchange, courier, peer, .. } = between.clone();
        let deal = Deal::new(shape.chunks, progress.chunks, progress.ahead.to_vec());
        Arc::new(Self {
            throttle: exchange.throttle(peer.authority()),
            layout: Layout::new(reader.sizes()),
            reader: Arc::new(Mutex::new(reader)),
            read: tokio::sync::Mutex::default(),
            deal: Mutex::new(deal),
            changed: Notify::new(),
            id: random(),
            unlisted: AtomicBool::new(false),
            exchange,
            courier,
            peer,
            shape,
        })
    }

    fn deal(&self) -> MutexGuard<'_, Deal> {
        self.deal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pushes over this connection and those that are being opened, until all of it is there.
    pub(super) async fn run(
        self: Arc<Self>,
        first: Arc<dyn Bulk>,
        others: Vec<Connecting>,
        list: Option<ListParts>,
    ) -> Result<(), Broken> {
        self.unlisted.store(list.is_some(), Ordering::Relaxed);
        let count = 1 + others.len();
        let mut lines = JoinSet::new();
        lines.spawn(self.clone().line(0, By::Open(first), list));
        for (other, connecting) in others.into_iter().enumerate() {
            lines.spawn(self.clone().line(1 + other, By::Opening(connecting), None));
        }
        let (mut failed, mut in_vain, mut answered) = (vec![0_u32; count], 0, 0);
        // What broke first says why; what breaks behind it says that the push is over.
        let mut why = None;
        while let Some(done) = lines.join_next().await {
            let (line, ended) = done.map_err(|error| Broken::ours(&error))?;
            let Gone { was_of_use, lost_list, answers } = self.closed(line);
            let Err(broken) = ended else { return Ok(()) };
            if answers > answered {
                (in_vain, why) = (0, None);
            }
            in_vain += 1;
            answered = answers;
            tracing::debug!(peer = %self.peer.authority(), %broken, line, "a stream of a push broke");
            if broken.is_final() {
                return Err(broken);
            }
            let first = why.get_or_insert(broken);
            // Without the list nobody can go on; and what none of them can do is begun anew.
            if lost_list || in_vain > count + 1 {
                return Err(first.clone());
            }
            failed[line] = if was_of_use { 0 } else { failed[line] + 1 };
            let pause = PAUSE_FIRST.saturating_mul(1 << failed[line].min(8)).min(PAUSE_MAX);
            lines.spawn(self.clone().line(line, By::Anew(pause), None));
        }
        Err(Broken::weather(Trouble("no stream of the push is left".into())))
    }

    /// What became of a stream; what it had not brought goes over the others.
    fn closed(&self, line: usize) -> Gone {
        let gone = self.deal().gone(line);
        self.changed.notify_waiters();
        let lost_list = gone.lost_list || (line == 0 && self.unlisted.load(Ordering::Relaxed));
        Gone { lost_list, ..gone }
    }

    /// One stream, to its end: well only where all of the package is there.
    async fn line(
        self: Arc<Self>,
        line: usize,
        by: By,
        list: Option<ListParts>,
    ) -> (usize, Result<(), Broken>) {
        (line, self.carry(line, by, list).await)
    }

    async fn carry(&self, line: usize, by: By, list: Option<ListParts>) -> Result<(), Broken> {
        let bulk = match by {
            By::Open(bulk) => bulk,
            By::Opening(connecting) => {
                connecting.await.map_err(|error| Broken::ours(&error))??.into()
            }
            By::Anew(pause) => {
                tokio::time::sleep(pause).await;
                self.courier.bulk(self.peer.clone()).await?.into()
            }
        };
        let (out, parts) = mpsc::channel(PARTS_AHEAD);
        let mut told = bulk.pieces(parts);
        self.deal().opened(line, bulk.round_trip(), Instant::now());
        tokio::select! {
            sent = self.send(line, list, &out) => sent,
            heard = self.hear(line, &mut told) => heard,
        }
    }

    async fn send(
        &self,
        line: usize,
        list: Option<ListParts>,
        out: &mpsc::Sender<pb::PushPackageRequest>,
    ) -> Result<(), Broken> {
        let package_id = self.shape.id.as_bytes().to_vec().into();
        let start = pb::PackageStart { package_id, push_id: self.id.to_vec().into() };
        self.put(line, Part::Start(start), 0, out).await;
        let mut left = list;
        while let Some(list) = left.take() {
            let Some((part, rest)) = piece(move || list.next()).await? else { break };
            left = Some(rest);
            let bytes = self.paced(prost::Message::encoded_len(&part)).await?;
            self.put(line, Part::List(part), bytes, out).await;
        }
        if line == 0 {
            self.unlisted.store(false, Ordering::Relaxed);
        }
        loop {
            self.has_room(line).await;
            self.paced(PIECE_BYTES).await?;
            let batch = self.next(line).await;
            self.throttle.owe((batch.count - 1) * PIECE_BYTES);
            let sealed = self.sealed(batch.number).await?;
            let piece = cut(batch, &sealed);
            send(out, Part::Piece(piece)).await;
        }
    }

    /// Sends what is no piece.
    async fn put(
        &self,
        line: usize,
        part: Part,
        bytes: usize,
        out: &mpsc::Sender<pb::PushPackageRequest>,
    ) {
        self.deal().sends(line, bytes, Instant::now());
        send(out, part).await;
    }

    async fn paced(&self, bytes: usize) -> Result<usize, Broken> {
        let now = || self.exchange.now();
        self.throttle.pass(now, bytes).await.map_err(Broken::closed)?;
        Ok(bytes)
    }

    async fn has_room(&self, line: usize) {
        self.when(|deal| deal.has_room(line).then_some(())).await;
    }

    async fn next(&self, line: usize) -> Batch {
        self.when(|deal| deal.take(line, &self.layout, Instant::now())).await
    }

    /// Waits until the deal gives something.
    async fn when<T>(&self, mut look: impl FnMut(&mut Deal) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.deal()) {
                return found;
            }
            changed.await;
        }
    }

    /// A sealed chunk, which is read once for all of its pieces.
    async fn sealed(&self, number: u64) -> Result<Bytes, Broken> {
        let mut read = self.read.lock().await;
        if let Some((_, sealed)) = read.iter().find(|(of, _)| *of == number) {
            return Ok(sealed.clone());
        }
        let (exhibit, index) = self.layout.place(number);
        let reader = self.reader.clone();
        let reading = piece(move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let exhibit = u32::try_from(exhibit).map_err(ActionError::fault)?;
            Ok(Bytes::from(reader.chunk(exhibit, index)?))
        });
        let sealed = reading.await?;
        if read.len() >= CHUNKS_READ {
            read.remove(0);
        }
        read.push((number, sealed.clone()));
        Ok(sealed)
    }

    async fn hear(
        &self,
        line: usize,
        told: &mut mpsc::Receiver<Result<pb::PushPiecesResponse, Trouble>>,
    ) -> Result<(), Broken> {
        loop {
            let answer = match tokio::time::timeout(PATIENCE, told.recv()).await {
                Ok(Some(answer)) => answer?,
                Ok(None) => {
                    return Err(Trouble("the peer ended a stream of the push".into()).into());
                }
                Err(_) if self.deal().waits(line) => {
                    return Err(Trouble("the peer takes nothing of a push".into()).into());
                }
                Err(_) => continue,
            };
            let pb::PushPiecesResponse { taken, chunks, complete } = answer;
            if complete {
                return Ok(());
            }
            self.deal().told(line, taken, chunks, Instant::now());
            self.changed.notify_waiters();
        }
    }
}

/// Whoever reads the channel says why it does no more.
async fn send(out: &mpsc::Sender<pb::PushPackageRequest>, part: Part) {
    if out.send(pb::PushPackageRequest { part: Some(part) }).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn cut(batch: Batch, sealed: &Bytes) -> pb::SealedPiece {
    let Batch { number, first, count } = batch;
    let from = (first * PIECE_BYTES).min(sealed.len());
    let to = ((first + count) * PIECE_BYTES).min(sealed.len());
    let small = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let data = sealed.slice(from..to);
    pb::SealedPiece { number, offset: small(from), length: small(sealed.len()), data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_found_in_its_exhibit() {
        let sealed = SEALED_BYTES as u64;
        let layout = Layout::new(&[16, 2 * sealed, sealed + 100, 5_000]);
        let places: Vec<_> = (0..6).map(|number| layout.place(number)).collect();
        assert_eq!(places, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0)]);
        let lengths: Vec<_> = (0..6).map(|number| layout.length(number)).collect();
        assert_eq!(lengths, [16, SEALED_BYTES, SEALED_BYTES, SEALED_BYTES, 100, 5_000]);
    }
}
