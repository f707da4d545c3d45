//! The one seam: what carries frames to a peer. tonic in production, memory in tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Peer;
use crate::pb::v1 as pb;

/// Why a peer cannot be reached or does not answer: the weather. Text for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// What a courier gives back, later.
pub type Carried<T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send>>;

/// An open relay stream. Dropping it ends the stream.
pub struct Link {
    /// Frames to the peer.
    pub ask: mpsc::Sender<pb::RelayRequest>,
    /// Its answers; the stream is over at the first trouble or at the end of the channel.
    pub answers: mpsc::Receiver<Result<pb::RelayResponse, Trouble>>,
}

/// A connection for bulk. Dropping it closes it.
pub trait Bulk: Send + Sync {
    /// How long a round trip took when it was opened.
    fn round_trip(&self) -> Duration;

    /// Announces packages.
    fn offer(&self, offer: pb::OfferPackagesRequest) -> Carried<pb::OfferPackagesResponse>;

    /// Pushes a package in order; ends when `parts` does.
    fn push(
        &self,
        parts: mpsc::Receiver<pb::PushPackageRequest>,
    ) -> Carried<pb::PushPackageResponse>;

    /// Opens one of several streams of a push, at once: what goes wrong is the last that it tells.
    fn pieces(
        &self,
        parts: mpsc::Receiver<pb::PushPackageRequest>,
    ) -> mpsc::Receiver<Result<pb::PushPiecesResponse, Trouble>>;
}

/// Carries frames to peers. Implementations make sure that whoever answers is the peer.
pub trait Courier: Send + Sync + 'static {
    /// Opens a relay stream.
    fn relay(&self, peer: Arc<Peer>) -> Carried<Link>;

    /// Opens a connection for bulk.
    fn bulk(&self, peer: Arc<Peer>) -> Carried<Box<dyn Bulk>>;

    /// Asks for a receipt at its best level.
    fn receipt(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetReceiptRequest,
    ) -> Carried<pb::GetReceiptResponse>;

    /// Asks for a consistency proof of the peer's log. `None` where the peer answers that it has no
    /// such log, or that this never had such a size.
    fn consistency(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetConsistencyRequest,
    ) -> Carried<Option<pb::GetConsistencyResponse>>;

    /// Asks for entries of the peer's log about us.
    fn entries(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetEntriesRequest,
    ) -> Carried<pb::GetEntriesResponse>;

    /// Tells what is held of third logs, and is told.
    fn share(
        &self,
        peer: Arc<Peer>,
        shared: pb::ShareCheckpointsRequest,
    ) -> Carried<pb::ShareCheckpointsResponse>;
}
