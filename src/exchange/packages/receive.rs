//! From a peer into our vault: only what a signed message has announced, verified chunk by chunk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::PARTS_AHEAD;
use crate::domain::limits::PACKAGES_PER_MESSAGE_MAX;
use crate::domain::{AuthorityId, PackageId};
use crate::exchange::rows::shape_of_ref;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::arrival::{Arrival, Progress};
use crate::store::vault::VaultError;
use pb::push_package_request::Part;

/// Packages that one peer may have announced and not finished: a few messages' worth.
const OFFERED_PER_PEER_MAX: usize = 4 * PACKAGES_PER_MESSAGE_MAX;

type Key = (AuthorityId, PackageId);
type Shared = Arc<Mutex<Arrival>>;

/// The packages that peers have announced and not finished. In memory: a peer that lost its
/// connection announces them again, and what arrived is found in the vault.
#[derive(Default)]
pub struct Offers(Mutex<BTreeMap<Key, Shared>>);

impl Offers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the announcement of a signed message and says what is already here.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] when the message does not authenticate,
    /// [`ActionError::Unavailable`] when too much is announced.
    pub async fn offer(
        &self,
        exchange: &Arc<Exchange>,
        peer: &Peer,
        envelope: bytes::Bytes,
    ) -> Result<pb::OfferPackagesResponse, ActionError> {
        exchange.check_writable()?;
        // Only what the peer has signed for is stored for it.
        let message = exchange
            .authenticate(peer, envelope)
            .map_err(|error| ActionError::Forbidden(format!("{}: {error}", error.code())))?;
        let mut packages = Vec::new();
        for package in &message.header().packages {
            let shape = shape_of_ref(package);
            if exchange.vault.contains(&shape) {
                packages.push(to_pb(package.id, Progress::complete(&shape)));
                continue;
            }
            let key = (peer.authority().clone(), package.id);
            let known = self.lock().get(&key).cloned();
            let arrival = match known {
                Some(arrival) => arrival,
                None => {
                    let vault = exchange.vault.clone();
                    // Verifies again what an earlier connection left: off the network's threads.
                    let opened = tokio::task::spawn_blocking(move || Arrival::open(&vault, &shape));
                    let arrival = Arc::new(Mutex::new(opened.await.map_err(ActionError::fault)??));
                    self.insert(key, arrival)?
                }
            };
            packages.push(progress_of(package.id, &arrival)?);
        }
        Ok(pb::OfferPackagesResponse { packages })
    }

    fn insert(&self, key: Key, arrival: Shared) -> Result<Shared, ActionError> {
        let mut offers = self.lock();
        let of_peer = offers.keys().filter(|(peer, _)| *peer == key.0).count();
        if of_peer >= OFFERED_PER_PEER_MAX {
            // One that nobody is pushing is forgotten: announced again, it goes on where it was.
            let mut of_peer = offers.iter().filter(|((peer, _), _)| *peer == key.0);
            let idle = of_peer.find(|(_, arrival)| Arc::strong_count(arrival) == 1);
            let Some(idle) = idle.map(|(key, _)| key.clone()) else {
                let message = "too many packages are being pushed at once: finish some first";
                return Err(ActionError::Unavailable(message.into()));
            };
            offers.remove(&idle);
        }
        Ok(offers.entry(key).or_insert(arrival).clone())
    }

    /// Begins to take the parts of an announced package.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] when it was not announced.
    pub fn begin(&self, peer: &AuthorityId, id: PackageId) -> Result<Receiving, ActionError> {
        let known = self.lock().get(&(peer.clone(), id)).cloned();
        let arrival = known.ok_or_else(|| {
            ActionError::conflict("NOT_ANNOUNCED", "offer the package before pushing it")
        })?;
        let (parts, mut taken) = mpsc::channel::<Part>(PARTS_AHEAD);
        let writing = tokio::task::spawn_blocking(move || {
            // One push at a time: a second one for the same package would interleave chunks.
            let Ok(mut arrival) = arrival.try_lock() else {
                return Err(ActionError::Unavailable("the package is being pushed already".into()));
            };
            while let Some(part) = taken.blocking_recv() {
                take(&mut arrival, part)?;
            }
            if arrival.is_whole() {
                arrival.finish()?;
            }
            Ok(arrival.progress())
        });
        Ok(Receiving { id, parts, writing })
    }

    /// Forgets a package that is complete.
    pub fn forget(&self, peer: &AuthorityId, id: PackageId) {
        self.lock().remove(&(peer.clone(), id));
    }
}

/// A package that is being received.
pub struct Receiving {
    id: PackageId,
    parts: mpsc::Sender<Part>,
    writing: tokio::task::JoinHandle<Result<Progress, ActionError>>,
}

impl Receiving {
    /// Takes the next part; false when there is no use in more, and [`Receiving::finish`] says why.
    pub async fn part(&self, part: Part) -> bool {
        self.parts.send(part).await.is_ok()
    }

    /// Ends: what is stored now. Complete means verified and durable.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] names the rule that a part broke.
    pub async fn finish(self) -> Result<pb::PackageProgress, ActionError> {
        drop(self.parts);
        let progress = self.writing.await.map_err(ActionError::fault)??;
        Ok(to_pb(self.id, progress))
    }
}

fn take(arrival: &mut Arrival, part: Part) -> Result<(), VaultError> {
    match part {
        Part::List(list) => arrival.list(&list.sealed_sizes, &list.chunk_hashes),
        Part::Chunk(chunk) => arrival.chunk(chunk.number, &chunk.data),
        Part::Start(_) => Err(VaultError::Refused("a push has one start")),
    }
}

fn progress_of(id: PackageId, arrival: &Shared) -> Result<pb::PackageProgress, ActionError> {
    let arrival = arrival
        .try_lock()
        .map_err(|_| ActionError::Unavailable("the package is being pushed already".into()))?;
    Ok(to_pb(id, arrival.progress()))
}

fn to_pb(id: PackageId, progress: Progress) -> pb::PackageProgress {
    pb::PackageProgress {
        package_id: id.as_bytes().to_vec().into(),
        listed: progress.listed,
        chunks: progress.chunks,
        complete: progress.complete,
    }
}
