//! To a peer's vault: what it does not hold yet, from where it says.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::PARTS_AHEAD;
use crate::exchange::courier::{Courier, Trouble};
use crate::exchange::rows::{self, OutboxRow, shape_of};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::BodySlot;
use crate::store::vault::{PackageReader, PackageShape};
use pb::push_package_request::Part;

/// Sizes in one part of the list, and hashes: 64 KiB and 128 KiB.
const SIZES_PER_PART: usize = 8192;
const HASHES_PER_PART: u64 = 4096;

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
        let reader = exchange.vault.reader(&shape).map_err(|e| Trouble(e.to_string()))?;
        let (parts, taken) = mpsc::channel(PARTS_AHEAD);
        let id = shape.id;
        let reading =
            tokio::task::spawn_blocking(move || read_parts(reader, &shape, &progress, &parts));
        let pushed = courier.push(peer.clone(), taken).await;
        let read = reading.await.map_err(|e| Trouble(e.to_string()))?;
        read.map_err(|error| Trouble(format!("package {id}: {error}")))?;
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

/// The blocking half: reads the vault and fills the channel. Ends early when nobody takes parts
/// any more; the push says why.
fn read_parts(
    mut reader: PackageReader,
    shape: &PackageShape,
    progress: &pb::PackageProgress,
    parts: &mpsc::Sender<pb::PushPackageRequest>,
) -> Result<(), ActionError> {
    let send = |part| parts.blocking_send(pb::PushPackageRequest { part: Some(part) }).is_ok();
    let package_id = shape.id.as_bytes().to_vec().into();
    if !send(Part::Start(pb::PackageStart { package_id })) {
        return Ok(());
    }
    if !progress.listed && !send_list(&reader, shape, &send)? {
        return Ok(());
    }
    let mut number = 0;
    for exhibit in 0..shape.exhibits {
        let chunks = reader.chunk_count(exhibit);
        if number + chunks <= progress.chunks {
            number += chunks;
            continue;
        }
        for index in 0..chunks {
            if number >= progress.chunks {
                let data = reader.chunk(exhibit, index)?.into();
                if !send(Part::Chunk(pb::SealedChunk { number, data })) {
                    return Ok(());
                }
            }
            number += 1;
        }
    }
    Ok(())
}

fn send_list(
    reader: &PackageReader,
    shape: &PackageShape,
    send: &impl Fn(Part) -> bool,
) -> Result<bool, ActionError> {
    for sizes in reader.sizes().chunks(SIZES_PER_PART) {
        let list = pb::PackageList { sealed_sizes: sizes.to_vec(), ..Default::default() };
        if !send(Part::List(list)) {
            return Ok(false);
        }
    }
    let mut from = 0;
    while from < shape.chunks {
        let count = (shape.chunks - from).min(HASHES_PER_PART);
        let hashes = reader.leaves(from, usize::try_from(count).unwrap_or(0))?;
        let list = pb::PackageList { chunk_hashes: hashes.into(), ..Default::default() };
        if !send(Part::List(list)) {
            return Ok(false);
        }
        from += count;
    }
    Ok(true)
}
