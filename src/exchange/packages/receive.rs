//! From a peer into our vault: only what a signed message has announced, verified chunk by chunk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::sync::mpsc;

use super::PARTS_AHEAD;
use crate::domain::limits::PACKAGES_PER_MESSAGE_MAX;
use crate::domain::{AuthorityId, PackageId};
use crate::exchange::rows::shape_of_ref;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::arrival::{Arrival, Progress};
use crate::store::vault::{PackageShape, Vault, VaultError};
use pb::push_package_request::Part;

/// Packages that one peer may have announced and not finished: a few messages' worth.
const OFFERED_PER_PEER_MAX: usize = 4 * PACKAGES_PER_MESSAGE_MAX;

/// A package that was announced. Its arrival is opened by the first who gets the lock, which
/// verifies again what is on disk: one at a time, whoever asks and goes away.
struct Offered {
    peer: AuthorityId,
    id: PackageId,
    shape: PackageShape,
    arrival: Mutex<Option<Arrival>>,
}

/// The packages that peers have announced and not finished, by their name in the vault. In memory:
/// a peer that lost its connection announces them again, and what arrived is found in the vault.
#[derive(Default)]
pub struct Offers(Mutex<BTreeMap<String, Arc<Offered>>>);

impl Offers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Offered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the announcement of a signed message and says what is already here.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] when the message does not authenticate,
    /// [`ActionError::Unavailable`] when too much is announced, or a package is being pushed.
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
            let offered = self.insert(peer.authority(), shape)?;
            let vault = exchange.vault.clone();
            // Off the network's threads; it goes on when the caller goes away, and the next call
            // finds it done.
            let opened = tokio::task::spawn_blocking(move || progress_of(&offered, &vault));
            packages.push(opened.await.map_err(ActionError::fault)??);
        }
        Ok(pb::OfferPackagesResponse { packages })
    }

    fn insert(&self, peer: &AuthorityId, shape: PackageShape) -> Result<Arc<Offered>, ActionError> {
        let mut offers = self.lock();
        let name = shape.name();
        if let Some(known) = offers.get(&name) {
            if known.peer == *peer {
                return Ok(known.clone());
            }
            let message = "another authority is sending the same package";
            return Err(ActionError::Unavailable(message.into()));
        }
        if offers.values().filter(|offered| offered.peer == *peer).count() >= OFFERED_PER_PEER_MAX {
            // One that nobody is pushing is forgotten: announced again, it goes on where it was.
            let mut of_peer = offers.iter().filter(|(_, offered)| offered.peer == *peer);
            let idle = of_peer.find(|(_, offered)| Arc::strong_count(offered) == 1);
            let Some(idle) = idle.map(|(name, _)| name.clone()) else {
                let message = "too many packages are being pushed at once: finish some first";
                return Err(ActionError::Unavailable(message.into()));
            };
            offers.remove(&idle);
        }
        let (peer, id) = (peer.clone(), shape.id);
        let offered = Arc::new(Offered { peer, id, shape, arrival: Mutex::new(None) });
        Ok(offers.entry(name).or_insert(offered).clone())
    }

    fn find(&self, peer: &AuthorityId, id: PackageId) -> Option<Arc<Offered>> {
        self.lock().values().find(|offered| offered.peer == *peer && offered.id == id).cloned()
    }

    /// Begins to take the parts of an announced package.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] when it was not announced.
    pub fn begin(&self, peer: &AuthorityId, id: PackageId) -> Result<Receiving, ActionError> {
        let offered = self.find(peer, id).ok_or_else(|| {
            ActionError::conflict("NOT_ANNOUNCED", "offer the package before pushing it")
        })?;
        let (parts, mut taken) = mpsc::channel::<Part>(PARTS_AHEAD);
        let writing = tokio::task::spawn_blocking(move || {
            // One push at a time: a second one for the same package would interleave chunks.
            let mut arrival = try_lock(&offered)?;
            let arrival = arrival.as_mut().ok_or_else(|| {
                ActionError::conflict("NOT_ANNOUNCED", "offer the package before pushing it")
            })?;
            arrival.begin_push();
            while let Some(part) = taken.blocking_recv() {
                take(arrival, part)?;
            }
            if arrival.is_whole() {
                arrival.finish()?;
            }
            Ok(arrival.progress())
        });
        Ok(Receiving { id, parts, writing })
    }

    /// Forgets a package that is complete, or whose push failed: offered again, what is on disk is
    /// verified again.
    pub fn forget(&self, peer: &AuthorityId, id: PackageId) {
        self.lock().retain(|_, offered| offered.peer != *peer || offered.id != id);
    }
}

fn try_lock(offered: &Offered) -> Result<MutexGuard<'_, Option<Arrival>>, ActionError> {
    match offered.arrival.try_lock() {
        Ok(arrival) => Ok(arrival),
        // A panic left the arrival in an unknown state: it is opened and verified anew.
        Err(TryLockError::Poisoned(poisoned)) => {
            let mut arrival = poisoned.into_inner();
            *arrival = None;
            Ok(arrival)
        }
        Err(TryLockError::WouldBlock) => Err(ActionError::Unavailable(
            "the package is being pushed or verified already: offer it again later".into(),
        )),
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

fn progress_of(offered: &Offered, vault: &Vault) -> Result<pb::PackageProgress, ActionError> {
    let mut arrival = try_lock(offered)?;
    if arrival.is_none() {
        *arrival = Some(Arrival::open(vault, &offered.shape)?);
    }
    let progress = arrival.as_ref().map(Arrival::progress);
    progress.map(|progress| to_pb(offered.id, progress)).ok_or_else(|| ActionError::fault("opened"))
}

fn to_pb(id: PackageId, progress: Progress) -> pb::PackageProgress {
    pb::PackageProgress {
        package_id: id.as_bytes().to_vec().into(),
        listed: progress.listed,
        chunks: progress.chunks,
        complete: progress.complete,
    }
}
