//! From a peer into our vault: only what a signed message has announced, verified chunk by chunk.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

use super::joined::{Joined, PushId};
use super::receiving::{Receiving, take, to_pb};
use super::windows::Windows;

use crate::domain::limits::{STREAMS_PER_PUSH_MAX, UNCLAIMED_PER_PEER_MAX};
use crate::domain::{AuthorityId, PackageId};
use crate::exchange::gates::Pass;
use crate::exchange::pieces::{fold, gather, piece};
use crate::exchange::rows::{peer_key, shape_of_ref};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::arrival::{Arrival, Progress};
use crate::store::vault::{Owner, PackageShape};
use pb::push_package_request::Part;

/// A package that was announced. Its arrival is opened by the first who gets the lock, which
/// verifies again what is on disk: one at a time, whoever asks and goes away. A push has the
/// arrival to itself; where one failed there is none, and the package is offered again.
struct Offered {
    peer: AuthorityId,
    shape: PackageShape,
    arrival: Arc<tokio::sync::Mutex<Option<Arrival>>>,
    pushed: Mutex<Pushed>,
}

/// The push that is under way, if one is.
#[derive(Default)]
struct Pushed {
    stop: CancellationToken,
    joined: Weak<Joined>,
}

/// A push that was given up ends within this; then the package is free to be offered again.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The packages that peers have announced and not finished, by their name in the vault. In memory:
/// a peer that lost its connection announces them again, and what arrived is found in the vault.
#[derive(Default)]
pub struct Offers {
    offered: Mutex<BTreeMap<String, Arc<Offered>>>,
    windows: Windows,
}

impl Offers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Offered>>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the announcement of a signed message and says what is already here. A push of one of its
    /// packages ends: whoever offers it again has given that up.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] when the message does not authenticate,
    /// [`ActionError::Unavailable`] when too much is announced, or a package is being verified;
    /// [`ActionError::Exhausted`] when the peer has reached a bound, or the disk.
    pub async fn offer(
        &self,
        exchange: &Arc<Exchange>,
        peer: &Peer,
        envelope: bytes::Bytes,
    ) -> Result<pb::OfferPackagesResponse, ActionError> {
        exchange.check_writable()?;
        let pass = Arc::new(exchange.gates.offers.enter(peer.authority().as_str())?);
        // Only what the peer has signed for is stored for it.
        let message = exchange
            .authenticate(peer, envelope, None)
            .map_err(|error| ActionError::Forbidden(format!("{}: {error}", error.code())))?;
        let mut packages = Vec::new();
        for package in &message.header().packages {
            let shape = shape_of_ref(package);
            if exchange.vault.contains(&shape) {
                packages.push(to_pb(package.id, Progress::complete(&shape)));
                continue;
            }
            let offered = self.insert(peer.authority(), shape)?;
            // It goes on when the caller goes away, and the next call finds it done.
            let opened = tokio::spawn(open(exchange.clone(), offered.clone(), pass.clone()));
            let progress = opened.await.map_err(ActionError::fault)??;
            packages.push(self.with_streams(&offered, progress));
        }
        Ok(pb::OfferPackagesResponse { packages })
    }

    /// How the package is best pushed from here on.
    fn with_streams(&self, offered: &Offered, told: pb::PackageProgress) -> pb::PackageProgress {
        let (peer, name) = (&offered.peer, offered.shape.name());
        if told.complete || !self.windows.has_room(peer) {
            return told;
        }
        let ahead = self.windows.ahead(peer, &name, told.chunks).into();
        let streams = u32::try_from(STREAMS_PER_PUSH_MAX).unwrap_or(1);
        pb::PackageProgress { streams, ahead, ..told }
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
        if offers.values().filter(|offered| offered.peer == *peer).count() >= UNCLAIMED_PER_PEER_MAX
        {
            // One that nobody is pushing is forgotten: announced again, it goes on where it was.
            let mut of_peer = offers.iter().filter(|(_, offered)| offered.peer == *peer);
            let idle = of_peer.find(|(_, offered)| offered.is_idle());
            let Some(idle) = idle.map(|(name, _)| name.clone()) else {
                let message = "too many packages are being pushed at once: finish some first";
                return Err(ActionError::Unavailable(message.into()));
            };
            offers.remove(&idle);
        }
        let (arrival, pushed) = Default::default();
        let offered = Arc::new(Offered { peer: peer.clone(), shape, arrival, pushed });
        Ok(offers.entry(name).or_insert(offered).clone())
    }

    fn find(&self, peer: &AuthorityId, id: PackageId) -> Option<Arc<Offered>> {
        self.lock()
            .values()
            .find(|offered| offered.peer == *peer && offered.shape.id == id)
            .cloned()
    }

    /// Begins to take the parts of an announced package.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] when it was not announced; [`ActionError::Unavailable`] when it is
    /// being pushed or verified.
    pub fn begin(
        &self,
        exchange: &Arc<Exchange>,
        peer: &AuthorityId,
        id: PackageId,
    ) -> Result<Receiving, ActionError> {
        let offered = self.find(peer, id).ok_or_else(not_announced)?;
        let stop = CancellationToken::new();
        let receiving = begin(exchange, &offered, stop.clone())?;
        *offered.pushed() = Pushed { stop, joined: Weak::new() };
        Ok(receiving)
    }

    /// Adds a stream to a push of an announced package; the first one begins it.
    ///
    /// # Errors
    /// As [`Offers::begin`]; [`ActionError::Conflict`] when another push of the package goes on.
    pub(super) fn join(
        &self,
        exchange: &Arc<Exchange>,
        peer: &AuthorityId,
        id: PackageId,
        push: PushId,
    ) -> Result<Arc<Joined>, ActionError> {
        let offered = self.find(peer, id).ok_or_else(not_announced)?;
        let mut pushed = offered.pushed();
        if let Some(joined) = pushed.joined.upgrade() {
            if joined.push != push {
                let message = "another push of the package goes on: offer it again to end that one";
                return Err(ActionError::conflict("ANOTHER_PUSH", message));
            }
            return Ok(joined);
        }
        let stop = CancellationToken::new();
        let receiving = begin(exchange, &offered, stop.clone())?;
        let Progress { listed, chunks, .. } = receiving.began;
        let shape = &offered.shape;
        let window = self.windows.take(peer, &shape.name(), chunks, shape.chunks)?;
        let joined = Joined::new(push, shape, listed, window, receiving);
        *pushed = Pushed { stop, joined: Arc::downgrade(&joined) };
        Ok(joined)
    }

    /// Forgets a package that is complete, or whose push failed: offered again, what is on disk is
    /// verified again.
    pub fn forget(&self, peer: &AuthorityId, id: PackageId) {
        if let Some(offered) = self.find(peer, id) {
            self.windows.forget(&offered.shape.name());
        }
        self.lock().retain(|_, offered| offered.peer != *peer || offered.shape.id != id);
    }

    /// The same at the end of a push over several streams, unless the package was offered again since.
    pub(super) fn forget_push(&self, peer: &AuthorityId, id: PackageId, push: &Arc<Joined>) {
        let of_it = |offered: &Offered| offered.pushed().joined.as_ptr() == Arc::as_ptr(push);
        if self.find(peer, id).is_some_and(|offered| of_it(&offered)) {
            self.forget(peer, id);
        }
    }

    /// Forgets packages by their names, unless somebody is at them.
    pub(in crate::exchange) fn forget_idle(&self, names: &[String]) {
        for name in names {
            self.windows.forget(name);
        }
        self.lock().retain(|name, offered| !names.contains(name) || !offered.is_idle());
    }
}

impl Offered {
    /// Whether nobody is pushing or verifying it.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && Arc::strong_count(&self.arrival) == 1
    }

    fn pushed(&self) -> MutexGuard<'_, Pushed> {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the push that is under way and waits until the arrival is free.
    async fn free(&self) -> Result<Place, ActionError> {
        let joined = {
            let pushed = std::mem::take(&mut *self.pushed());
            pushed.stop.cancel();
            pushed.joined.upgrade()
        };
        if let Some(joined) = joined {
            let message = "the package was offered again, which ends this push";
            joined.end(Err(ActionError::conflict("ANOTHER_PUSH", message))).await;
        }
        let freed = tokio::time::timeout(ENDS_WITHIN, self.arrival.clone().lock_owned()).await;
        freed.map_err(|_| busy())
    }
}

fn not_announced() -> ActionError {
    ActionError::conflict("NOT_ANNOUNCED", "offer the package before pushing it")
}

fn busy() -> ActionError {
    let message = "the package is being pushed or verified already: offer it again later";
    ActionError::Unavailable(message.into())
}

/// Begins a push: one at a time, or chunks would interleave.
fn begin(
    exchange: &Arc<Exchange>,
    offered: &Arc<Offered>,
    stop: CancellationToken,
) -> Result<Receiving, ActionError> {
    let mut place = offered.arrival.clone().try_lock_owned().map_err(|_| busy())?;
    let arrival = place.take().ok_or_else(not_announced)?;
    let began = arrival.progress();
    let (parts, taken) = gather();
    let (exchange, shape) = (exchange.clone(), offered.shape.clone());
    let id = shape.id;
    let writing = tokio::spawn(async move {
        let arrival = receive(exchange, shape, arrival, taken).await?;
        let progress = arrival.progress();
        *place = Some(arrival);
        Ok(progress)
    });
    Ok(Receiving { id, began, parts, writing, stop })
}

type Place = OwnedMutexGuard<Option<Arrival>>;

/// Opens the arrival of an announced package, a piece of verifying at a time.
async fn open(
    exchange: Arc<Exchange>,
    offered: Arc<Offered>,
    _pass: Arc<Pass>,
) -> Result<pb::PackageProgress, ActionError> {
    let mut place = offered.free().await?;
    if place.is_none() {
        let owner = Owner::Peer(peer_key(&exchange.home, &offered.peer));
        let (vault, shape, now) = (exchange.vault.clone(), offered.shape.clone(), exchange.now());
        let begun = piece(move || {
            let arrival = Arrival::begin(&vault, &shape, owner)?;
            vault.touch(&shape, now)?;
            Ok(arrival)
        });
        let mut arrival = begun.await?;
        loop {
            let (next, more) = piece(move || {
                let more = arrival.verify_some()?;
                Ok((arrival, more))
            })
            .await?;
            arrival = next;
            if !more {
                break;
            }
        }
        *place = Some(arrival);
    }
    let progress = place.as_ref().map(Arrival::progress);
    progress
        .map(|progress| to_pb(offered.shape.id, progress))
        .ok_or_else(|| ActionError::fault("opened"))
}

/// Takes parts until no more come, and ends the package if all of it is here. Where it fails the
/// arrival is dropped: its state on disk is verified by the next offer.
async fn receive(
    exchange: Arc<Exchange>,
    shape: PackageShape,
    mut arrival: Arrival,
    taken: mpsc::Receiver<Vec<Part>>,
) -> Result<Arrival, ActionError> {
    arrival.begin_push();
    let arrival = match fold(arrival, taken, take).await? {
        ControlFlow::Continue(arrival) | ControlFlow::Break(arrival) => arrival,
    };
    let (vault, now) = (exchange.vault.clone(), exchange.now());
    piece(move || {
        let mut arrival = arrival;
        vault.touch(&shape, now)?;
        if arrival.is_whole() {
            arrival.finish()?;
        }
        Ok(arrival)
    })
    .await
}
