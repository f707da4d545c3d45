//! `ExchangeService`: what the nodes of peers call.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::answers::{Answers, answers};
use super::identity;
use super::standing::Standing;
use super::status::{invalid, to_status};
use crate::domain::{MessageId, PackageId};
use crate::exchange::gates::Pass;
use crate::exchange::packages::joined;
use crate::exchange::session::{PENDING_MAX, Session};
use crate::exchange::{Exchange, Peer};
use crate::pb::v1 as pb;
use pb::exchange_service_server::ExchangeService;
use pb::push_package_request::Part;

/// The service.
pub struct ExchangeApi {
    exchange: Arc<Exchange>,
    stop: CancellationToken,
}

impl ExchangeApi {
    /// Ends its streams at `stop`, so that a graceful stop is not held up by them.
    pub fn new(exchange: Arc<Exchange>, stop: CancellationToken) -> Self {
        Self { exchange, stop }
    }

    fn peer<T>(&self, request: &Request<T>) -> Result<Arc<Peer>, Status> {
        identity::peer(&self.exchange, request)
    }

    fn standing<T>(&self, request: &Request<T>, pass: Option<Pass>) -> Standing {
        Standing::new(&self.exchange, request, None, &self.stop, pass)
    }

    /// Takes the parts of a push until no more come, and says what is held then.
    async fn receive(
        &self,
        peer: &Peer,
        mut parts: Streaming<pb::PushPackageRequest>,
    ) -> Result<pb::PackageProgress, Status> {
        let start = tokio::time::timeout(PUSH_SILENCE_MAX, parts.message()).await;
        let Ok(Ok(Some(pb::PushPackageRequest { part: Some(Part::Start(start)) }))) = start else {
            return Err(invalid("part", "the first part must be a start"));
        };
        let id = PackageId::from_slice(&start.package_id)
            .map_err(|error| invalid("start.package_id", error))?;
        let offers = self.exchange.offers();
        let mut receiving =
            offers.begin(&self.exchange, peer.authority(), id).map_err(to_status)?;
        // A link that broke, or went silent: what arrived stays, and the next push goes on.
        let mut given_up = std::pin::pin!(receiving.given_up());
        loop {
            let part = tokio::select! {
                biased;
                () = &mut given_up => break,
                part = tokio::time::timeout(PUSH_SILENCE_MAX, parts.message()) => part,
            };
            let Ok(Ok(Some(pb::PushPackageRequest { part: Some(part) }))) = part else { break };
            if !receiving.part(part).await {
                break;
            }
        }
        let progress = receiving.finish().await;
        if progress.as_ref().map_or(true, |progress| progress.complete) {
            offers.forget(peer.authority(), id);
        }
        progress.map_err(to_status)
    }
}

/// Parts until the peer has sent none for this long; then the push is over, and can be resumed.
const PUSH_SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(60);

/// Frames that wait for the session: it takes them up as fast as it may judge them.
const FRAMES_AHEAD: usize = 4;

/// Parts of a push that wait for the window, and answers that wait for the network.
const PARTS_AHEAD: usize = 1;
const TOLD_AHEAD: usize = 4;

/// Passes on what comes over a stream until either end has gone.
fn frames<T: Send + 'static>(mut stream: Streaming<T>, ahead: usize) -> mpsc::Receiver<T> {
    let (ask, asked) = mpsc::channel(ahead);
    tokio::spawn(async move {
        // The other end's going is noticed while the peer says nothing, too: a request that is
        // still read would keep the stream open, and with it the connection.
        let reading = async {
            // A frame that does not decode, or is too large, ends the stream like its end does.
            while let Some(Ok(frame)) = stream.next().await {
                if ask.send(frame).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = ask.closed() => {}
            () = reading => {}
        }
    });
    asked
}

#[tonic::async_trait]
impl ExchangeService for ExchangeApi {
    type RelayStream = Answers<pb::RelayResponse>;
    type PushPiecesStream = Answers<pb::PushPiecesResponse>;

    async fn relay(
        &self,
        request: Request<Streaming<pb::RelayRequest>>,
    ) -> Result<Response<Self::RelayStream>, Status> {
        let peer = self.peer(&request)?;
        let standing = self.standing(&request, None);
        let asked = frames(request.into_inner(), FRAMES_AHEAD);
        let (answer, answered) = mpsc::channel(PENDING_MAX);
        let session = Session::new(self.exchange.clone(), peer).run(asked, answer);
        Ok(Response::new(answers(answered, session, standing)))
    }

    async fn offer_packages(
        &self,
        request: Request<pb::OfferPackagesRequest>,
    ) -> Result<Response<pb::OfferPackagesResponse>, Status> {
        let peer = self.peer(&request)?;
        let offers = self.exchange.offers();
        let envelope = request.into_inner().envelope;
        let held = offers.offer(&self.exchange, &peer, envelope).await.map_err(to_status)?;
        Ok(Response::new(held))
    }

    async fn push_package(
        &self,
        request: Request<Streaming<pb::PushPackageRequest>>,
    ) -> Result<Response<pb::PushPackageResponse>, Status> {
        let peer = self.peer(&request)?;
        let pass = self.exchange.gates().pushes.enter(peer.authority().as_str());
        let mut standing = self.standing(&request, Some(pass.map_err(to_status)?));
        tokio::select! {
            biased;
            status = standing.lost() => Err(status),
            progress = self.receive(&peer, request.into_inner()) => {
                Ok(Response::new(pb::PushPackageResponse { progress: Some(progress?) }))
            }
        }
    }

    async fn push_pieces(
        &self,
        request: Request<Streaming<pb::PushPackageRequest>>,
    ) -> Result<Response<Self::PushPiecesStream>, Status> {
        let peer = self.peer(&request)?;
        let pass = self.exchange.gates().push_streams.enter(peer.authority().as_str());
        let standing = self.standing(&request, Some(pass.map_err(to_status)?));
        let parts = frames(request.into_inner(), PARTS_AHEAD);
        let (tell, told) = mpsc::channel(TOLD_AHEAD);
        let serving = joined::serve(self.exchange.clone(), peer, parts, tell);
        Ok(Response::new(answers(told, serving, standing)))
    }

    async fn get_receipt(
        &self,
        request: Request<pb::GetReceiptRequest>,
    ) -> Result<Response<pb::GetReceiptResponse>, Status> {
        let peer = self.peer(&request)?;
        let request = request.into_inner();
        let id = MessageId::from_slice(&request.message_id)
            .map_err(|error| invalid("message_id", error))?;
        let held = request.held_size;
        let receipt = self.exchange.receipt_for(&peer, id, request.event, held).await;
        let (text, proof) = receipt.map_err(to_status)?;
        let consistency = proof.iter().map(|hash| hash.to_vec().into()).collect();
        Ok(Response::new(pb::GetReceiptResponse { text, consistency }))
    }

    async fn get_consistency(
        &self,
        request: Request<pb::GetConsistencyRequest>,
    ) -> Result<Response<pb::GetConsistencyResponse>, Status> {
        self.peer(&request)?;
        let pb::GetConsistencyRequest { old_size, new_size, origin } = request.into_inner();
        let head = self.exchange.log_head_of(&origin).map_err(to_status)?;
        let newest = head.checkpoint.size;
        if old_size > new_size || new_size > newest {
            return Err(invalid("new_size", format!("must be between old_size and {newest}")));
        }
        let proof = self.exchange.log_consistency(head.log, old_size, new_size);
        let proof = proof.map_err(to_status)?;
        let hashes = proof.iter().map(|hash| hash.to_vec().into()).collect();
        Ok(Response::new(pb::GetConsistencyResponse { hashes }))
    }

    async fn get_entries(
        &self,
        request: Request<pb::GetEntriesRequest>,
    ) -> Result<Response<pb::GetEntriesResponse>, Status> {
        let peer = self.peer(&request)?;
        let page = self.exchange.entries_for(&peer, request.into_inner()).await;
        page.map(Response::new).map_err(to_status)
    }

    async fn share_checkpoints(
        &self,
        request: Request<pb::ShareCheckpointsRequest>,
    ) -> Result<Response<pb::ShareCheckpointsResponse>, Status> {
        let peer = self.peer(&request)?;
        if !self.exchange.gossips_with(peer.authority()) {
            return Ok(Response::new(pb::ShareCheckpointsResponse::default()));
        }
        let checkpoints = self.exchange.checkpoints_for(&peer);
        let told = request.into_inner().checkpoints;
        let exchange = self.exchange.clone();
        tokio::spawn(async move { exchange.hear(&peer, told).await });
        Ok(Response::new(pb::ShareCheckpointsResponse { checkpoints }))
    }
}
