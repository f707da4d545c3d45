//! The courier of production: gRPC over mutual TLS. Bulk has connections of its own, so that a
//! receipt never waits behind a gigabyte.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::tls::{self, NodeIdentity};
use crate::exchange::courier::{Bulk, Carried, Courier, Link, Trouble};
use crate::exchange::session::PENDING_MAX;
use crate::exchange::{Exchange, Peer};
use crate::pb::v1 as pb;
use pb::exchange_service_client::ExchangeServiceClient;

/// The largest control frame: an envelope, its proof, and room.
pub const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// Opening a stream or announcing packages takes one round trip; resuming a package reads what is
/// there first.
const CALL_DEADLINE: Duration = Duration::from_secs(120);

/// Carries frames over TLS.
pub struct TonicCourier {
    exchange: Arc<Exchange>,
    identity: Arc<NodeIdentity>,
}

impl TonicCourier {
    /// Calls peers as the node with this certificate.
    pub fn new(exchange: Arc<Exchange>, identity: NodeIdentity) -> Self {
        Self { exchange, identity: Arc::new(identity) }
    }

    fn connect(&self, peer: Arc<Peer>) -> Carried<ExchangeServiceClient<Channel>> {
        let (exchange, identity) = (self.exchange.clone(), self.identity.clone());
        Box::pin(async move {
            let config = tls::exchange_client(&exchange, &peer, NodeIdentity::clone(&identity))
                .map_err(trouble)?;
            let endpoint = peer.card.body().endpoint.clone();
            let name = tls::server_name(peer.authority());
            let connector = tower::service_fn(move |_| {
                tls::connect(endpoint.clone(), name.clone(), config.clone())
            });
            let channel = Endpoint::from_shared(format!("https://{}", peer.authority()))
                .map_err(trouble)?
                .initial_stream_window_size(tls::STREAM_WINDOW_BYTES)
                .initial_connection_window_size(tls::CONNECTION_WINDOW_BYTES)
                .http2_keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(20))
                .connect_with_connector(connector)
                .await
                .map_err(trouble)?;
            Ok(ExchangeServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_MAX_BYTES)
                .max_encoding_message_size(MESSAGE_MAX_BYTES))
        })
    }
}

impl Courier for TonicCourier {
    fn relay(&self, peer: Arc<Peer>) -> Carried<Link> {
        let connecting = self.connect(peer);
        Box::pin(async move {
            let mut client = connecting.await?;
            let (ask, asked) = mpsc::channel(PENDING_MAX);
            let (answer, answers) = mpsc::channel(PENDING_MAX);
            // The headers come at once: the service answers a stream before its first frame.
            let opened = deadline(client.relay(ReceiverStream::new(asked))).await?;
            let mut replies = opened.into_inner();
            tokio::spawn(async move {
                while let Some(reply) = replies.next().await {
                    let over = reply.is_err();
                    if answer.send(reply.map_err(of_status)).await.is_err() || over {
                        return;
                    }
                }
            });
            Ok(Link { ask, answers })
        })
    }

    fn bulk(&self, peer: Arc<Peer>) -> Carried<Box<dyn Bulk>> {
        let began = Instant::now();
        let connecting = self.connect(peer);
        Box::pin(async move {
            let client = connecting.await?;
            // One round trip for TCP and one for TLS.
            let bulk = TonicBulk { client, round_trip: began.elapsed() / 2 };
            Ok(Box::new(bulk) as Box<dyn Bulk>)
        })
    }

    fn receipt(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetReceiptRequest,
    ) -> Carried<pb::GetReceiptResponse> {
        let connecting = self.connect(peer);
        Box::pin(async move {
            let mut client = connecting.await?;
            Ok(deadline(client.get_receipt(ask)).await?.into_inner())
        })
    }

    fn consistency(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetConsistencyRequest,
    ) -> Carried<Option<pb::GetConsistencyResponse>> {
        let connecting = self.connect(peer);
        Box::pin(async move {
            let mut client = connecting.await?;
            deadline(async { known(client.get_consistency(ask).await) }).await
        })
    }

    fn entries(
        &self,
        peer: Arc<Peer>,
        ask: pb::GetEntriesRequest,
    ) -> Carried<pb::GetEntriesResponse> {
        let connecting = self.connect(peer);
        Box::pin(async move {
            let mut client = connecting.await?;
            Ok(deadline(client.get_entries(ask)).await?.into_inner())
        })
    }

    fn share(
        &self,
        peer: Arc<Peer>,
        shared: pb::ShareCheckpointsRequest,
    ) -> Carried<pb::ShareCheckpointsResponse> {
        let connecting = self.connect(peer);
        Box::pin(async move {
            let mut client = connecting.await?;
            Ok(deadline(client.share_checkpoints(shared)).await?.into_inner())
        })
    }
}

/// A connection for bulk.
struct TonicBulk {
    client: ExchangeServiceClient<Channel>,
    round_trip: Duration,
}

impl Bulk for TonicBulk {
    fn round_trip(&self) -> Duration {
        self.round_trip
    }

    fn offer(&self, offer: pb::OfferPackagesRequest) -> Carried<pb::OfferPackagesResponse> {
        let mut client = self.client.clone();
        Box::pin(async move { Ok(deadline(client.offer_packages(offer)).await?.into_inner()) })
    }

    fn push(
        &self,
        parts: mpsc::Receiver<pb::PushPackageRequest>,
    ) -> Carried<pb::PushPackageResponse> {
        let mut client = self.client.clone();
        Box::pin(async move {
            let pushed = client.push_package(ReceiverStream::new(parts)).await;
            Ok(pushed.map_err(of_status)?.into_inner())
        })
    }

    fn pieces(
        &self,
        parts: mpsc::Receiver<pb::PushPackageRequest>,
    ) -> mpsc::Receiver<Result<pb::PushPiecesResponse, Trouble>> {
        let mut client = self.client.clone();
        let (tell, told) = mpsc::channel(TOLD_AHEAD);
        tokio::spawn(async move {
            let gone = tell.clone();
            let answering = async {
                let mut answers =
                    client.push_pieces(ReceiverStream::new(parts)).await?.into_inner();
                while let Some(answer) = answers.message().await? {
                    if tell.send(Ok(answer)).await.is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let answered: Result<(), Status> = tokio::select! {
                () = gone.closed() => return,
                answered = answering => answered,
            };
            if let Err(status) = answered {
                let _ = gone.send(Err(of_status(status))).await;
            }
        });
        told
    }
}

/// Answers to a push that wait to be looked at.
const TOLD_AHEAD: usize = 16;

async fn deadline<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Trouble> {
    match tokio::time::timeout(CALL_DEADLINE, call).await {
        Ok(done) => done.map_err(of_status),
        Err(_) => Err(Trouble("the peer does not answer".into())),
    }
}

/// `None` for a log or a size that the peer says it never had.
fn known<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if matches!(status.code(), Code::InvalidArgument | Code::NotFound) => Ok(None),
        Err(status) => Err(status),
    }
}

/// The innermost cause is what operators need: "connection refused", "the certificate is that
/// of …"; tonic's own words around it say nothing.
fn trouble(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Trouble {
    let error = error.into();
    let mut cause: &dyn std::error::Error = &*error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Trouble(cause.to_string())
}

fn of_status(status: Status) -> Trouble {
    use std::error::Error as _;
    match status.source() {
        Some(source) => {
            let mut cause = source;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            Trouble(cause.to_string())
        }
        None => {
            let text: String =
                status.message().chars().filter(|c| !c.is_control()).take(300).collect();
            Trouble(format!("{:?}: {text}", status.code()))
        }
    }
}
