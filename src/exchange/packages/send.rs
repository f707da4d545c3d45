//! To a peer's vault: what it does not hold yet, from where it says.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::PARTS_AHEAD;
use crate::exchange::courier::{Courier, Trouble};
use crate::exchange::pieces::{fill, piece};
use crate::exchange::rows::{self, OutboxRow, shape_of};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::BodySlot;
use crate::store::vault::{PackageReader, PackageShape};
use pb::push_package_request::Part;

/// Sizes in one part of the list, and hashes: 64 KiB and 128 KiB.
const SIZES_PER_PART: usize = 8192;
const HASHES_PER_PART: u64 = 4096;

/// A peer that takes nothing for this long is not waited for: the push goes on another time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pushes all packages of a queued message that the peer does not hold.
pub(crate) async fn push_all(
    exchange: &Arc<Exchange>,
    courier: &dyn Courier,
    peer: &Arc<Peer>,
    row: &OutboxRow,
) -> Result<(), Trouble> {
    let (envelope, shapes) = announced(exchange, row).map_err(|e| Trouble(e.to_string()))?;
    let offer = pb::OfferPackagesRequest { envelope };
    let held = courier.offer(peer.clone(), offer).await?;
    for shape in shapes {
        let progress = held.packages.iter().find(|held| held.package_id == shape.id.as_bytes()[..]);
        let progress = progress.cloned().unwrap_or_default();
        if progress.complete {
            continue;
        }
        let (vault, id) = (exchange.vault.clone(), shape.id);
        let parts = piece(move || Ok(Parts::new(vault.reader(&shape)?, shape, &progress))).await;
        let mut parts = parts.map_err(|error| Trouble(format!("package {id}: {error}")))?;
        let (out, taken) = mpsc::channel(PARTS_AHEAD);
        let reading = async move { fill(move || parts.next(), &out, PATIENCE).await };
        let mut pushing = courier.push(peer.clone(), taken);
        let pushed = tokio::select! {
            biased;
            read = reading => {
                read.map_err(|error| Trouble(format!("package {id}: {error}")))?;
                pushing.await
            }
            pushed = &mut pushing => pushed,
        };
        if !pushed?.progress.unwrap_or_default().complete {
            return Err(Trouble(format!("the peer does not hold package {id} completely yet")));
        }
    }
    Ok(())
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
                Some(Part::Start(pb::PackageStart { package_id }))
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
