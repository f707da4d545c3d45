//! A peer's node that answers what it likes: its home is opened, its TLS is real, and every answer
//! to a delivered message is made by hand.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rogatory::api::identity::Identity;
use rogatory::api::listen::Known;
use rogatory::api::tls;
use rogatory::audit::Checkpoint;
use rogatory::audit::entry::{Entry, EntryDraft, Event};
use rogatory::crypto::keys::{Algorithm, Role, SigningSecret};
use rogatory::crypto::{random, sha256};
use rogatory::domain::MessageId;
use rogatory::node::{OpenNode, now};
use rogatory::pb::v1 as pb;
use rogatory::receipt::Receipt;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::Node;
use pb::exchange_service_server::{ExchangeService, ExchangeServiceServer};
use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

/// What is wrong with the answer to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    AlteredReceipt,
    OtherMessage,
    OtherEnvelope,
    OtherPeer,
    EventThatDecidesNothing,
    ForeignCheckpoint,
    BrokenConsistency,
    Nothing,
    OtherKind,
    OtherSequence,
}

impl Fault {
    pub const ALL: [(Fault, &'static str); 10] = [
        (Fault::AlteredReceipt, "BAD_RECEIPT"),
        (Fault::OtherMessage, "UNKNOWN_MESSAGE"),
        (Fault::OtherEnvelope, "BAD_RECEIPT"),
        (Fault::OtherPeer, "BAD_RECEIPT"),
        (Fault::EventThatDecidesNothing, "BAD_RECEIPT"),
        (Fault::ForeignCheckpoint, "UNKNOWN_LOG"),
        (Fault::BrokenConsistency, "LOG_INCONSISTENT"),
        (Fault::Nothing, "with nothing"),
        (Fault::OtherKind, "what was not asked"),
        (Fault::OtherSequence, "what was not asked"),
    ];
}

/// The impostor, serving.
pub struct Impostor {
    /// One for each Hello that has come; it is answered when a permit is added to `go_on`.
    pub hellos: mpsc::Receiver<()>,
    pub go_on: Arc<Semaphore>,
}

impl Impostor {
    /// Serves in place of a node that does not run; answers honestly once `faults` have been.
    pub async fn serve(node: &mut Node, faults: &[Fault]) -> Self {
        let listener = node.exchange_port();
        let node = node.open().await;
        let config = tls::exchange_server(&node.exchange, node.identity.clone()).expect("TLS");
        let (hello, hellos) = mpsc::channel(64);
        let go_on = Arc::new(Semaphore::new(0));
        let state = State {
            node: Arc::new(node),
            faults: Arc::new(Mutex::new(faults.iter().copied().collect())),
            hello,
            go_on: go_on.clone(),
        };
        let (connected, incoming) = mpsc::channel(4);
        tokio::spawn(async move {
            let (acceptor, cut) = (TlsAcceptor::from(config), CancellationToken::new());
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(tcp).await {
                    let known = Known::new(stream, Identity::LocalOperator, &cut, None);
                    let _ = connected.send(Ok::<_, std::io::Error>(known)).await;
                }
            }
        });
        let router =
            tonic::transport::Server::builder().add_service(ExchangeServiceServer::new(state));
        tokio::spawn(router.serve_with_incoming(ReceiverStream::new(incoming)));
        Self { hellos, go_on }
    }
}

#[derive(Clone)]
struct State {
    node: Arc<OpenNode>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    hello: mpsc::Sender<()>,
    go_on: Arc<Semaphore>,
}

fn hashes(digests: Vec<[u8; 32]>) -> Vec<bytes::Bytes> {
    digests.iter().map(|hash| hash.to_vec().into()).collect()
}

impl State {
    /// The answer to a frame; `shown` is the size of our log that the caller saw last.
    async fn answer(&self, frame: Ask, shown: &mut u64) -> Answer {
        match frame {
            Ask::Hello(hello) => {
                self.hello.send(()).await.expect("the test listens");
                self.go_on.acquire().await.expect("open").forget();
                Answer::Hello(self.hello(&hello, shown))
            }
            Ask::Checkpoint(update) => {
                let size = Checkpoint::parse_unverified(&update.checkpoint).expect("one").size;
                Answer::Checkpoint(pb::CheckpointReply { size, ..Default::default() })
            }
            Ask::Deliver(deliver) => self.deliver(&deliver, shown).await,
            Ask::Ping(_) => Answer::Pong(pb::Pong { now_ms: now().unix_ms() }),
            other => panic!("not expected: {other:?}"),
        }
    }

    fn hello(&self, hello: &pb::Hello, shown: &mut u64) -> pb::HelloReply {
        let head = self.node.store.head();
        let held = Checkpoint::parse_unverified(&hello.held_checkpoint).map_or(0, |c| c.size);
        *shown = head.checkpoint.size;
        let proof = self.node.store.consistency(0, held, *shown).expect("a proof");
        pb::HelloReply {
            held_card_version: 0,
            version: 1,
            software: "impostor".into(),
            now_ms: now().unix_ms(),
            checkpoint: head.note.clone(),
            consistency: hashes(proof),
            held_checkpoint: String::new(),
            earlier: Vec::new(),
        }
    }

    async fn deliver(&self, deliver: &pb::Deliver, shown: &mut u64) -> Answer {
        use pb::deliver_reply::Outcome;
        let fault = self.faults.lock().expect("not poisoned").pop_front();
        let entry = Entry::parse(&deliver.entry).expect("the sender's entry");
        let mut message = entry.message.expect("of a message");
        let mut envelope = sha256(&deliver.envelope);
        let (me, mut peer) = (self.node.exchange.me().clone(), entry.by.expect("by the sender"));
        let mut event = Event::RelayAcceptance;
        match fault {
            Some(Fault::OtherMessage) => message = MessageId::new(now(), random()),
            Some(Fault::OtherEnvelope) => envelope = [7; 32],
            Some(Fault::OtherPeer) => peer = me.clone(),
            Some(Fault::EventThatDecidesNothing) => event = Event::SubmissionAcceptance,
            Some(Fault::Nothing) => {
                return Answer::Deliver(pb::DeliverReply { outcome: None });
            }
            Some(Fault::OtherKind) => return Answer::Pong(pb::Pong::default()),
            _ => {}
        }
        let mut draft = EntryDraft::new(event).by(me.clone()).peer(peer.clone()).message(message);
        draft = draft.envelope(envelope);
        if event == Event::SubmissionAcceptance {
            draft = draft.payload([1; 32]);
        }
        let place = rogatory::audit::entry::Coordinates {
            origin: format!("{peer}/log/2026"),
            index: deliver.index,
            size: deliver.index + 1,
            root: [0; 32],
        };
        if peer == me {
            draft = draft.receipt([2; 32]).remote(place);
        } else if event == Event::RelayAcceptance {
            draft = draft.remote(place);
        }
        let mut receipt = self.receipt(draft, shown).await;
        match fault {
            Some(Fault::AlteredReceipt) => {
                receipt.text = receipt.text.replacen("index ", "index 1", 1);
            }
            Some(Fault::ForeignCheckpoint) => {
                receipt.text = receipt.text.replace("/log/", "/lag/");
            }
            Some(Fault::BrokenConsistency) => receipt.consistency = vec![vec![9; 32].into(); 2],
            _ => {}
        }
        Answer::Deliver(pb::DeliverReply { outcome: Some(Outcome::Receipt(receipt)) })
    }

    async fn receipt(&self, draft: EntryDraft, shown: &mut u64) -> pb::SignedReceipt {
        let store = &self.node.store;
        let logged =
            store.commit(move |tx| Ok::<_, std::convert::Infallible>(tx.append(draft))).await;
        let index = logged.expect("committed").value;
        let head = store.head();
        let size = head.checkpoint.size;
        let entry = store.entry(index).expect("readable").expect("there");
        let proof = store.inclusion(index, size).expect("a proof");
        let receipt = Receipt::new(&entry, index, proof, head.note.clone()).expect("well-formed");
        let from_size = std::mem::replace(shown, size);
        let consistency = hashes(store.consistency(0, from_size, size).expect("a proof"));
        pb::SignedReceipt { text: receipt.text().to_owned(), consistency, from_size }
    }
}

#[tonic::async_trait]
impl ExchangeService for State {
    type RelayStream = ReceiverStream<Result<pb::RelayResponse, Status>>;

    async fn relay(
        &self,
        request: Request<Streaming<pb::RelayRequest>>,
    ) -> Result<Response<Self::RelayStream>, Status> {
        let (reply, replies) = mpsc::channel(16);
        let (state, mut frames) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            let mut shown = 0;
            while let Some(Ok(request)) = frames.next().await {
                let delivers = matches!(request.frame, Some(Ask::Deliver(_)));
                let next = state.faults.lock().expect("not poisoned").front().copied();
                let answer = state.answer(request.frame.expect("a frame"), &mut shown).await;
                let wrong = delivers && next == Some(Fault::OtherSequence);
                let sequence = request.sequence + u64::from(wrong) * 1000;
                let answer = pb::RelayResponse { sequence, frame: Some(answer) };
                if reply.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(replies.into()))
    }

    async fn offer_packages(
        &self,
        _: Request<pb::OfferPackagesRequest>,
    ) -> Result<Response<pb::OfferPackagesResponse>, Status> {
        Err(Status::unimplemented("no packages here"))
    }

    async fn push_package(
        &self,
        _: Request<Streaming<pb::PushPackageRequest>>,
    ) -> Result<Response<pb::PushPackageResponse>, Status> {
        Err(Status::unimplemented("no packages here"))
    }

    type PushPiecesStream = ReceiverStream<Result<pb::PushPiecesResponse, Status>>;

    async fn push_pieces(
        &self,
        _: Request<Streaming<pb::PushPackageRequest>>,
    ) -> Result<Response<Self::PushPiecesStream>, Status> {
        Err(Status::unimplemented("no packages here"))
    }

    /// The newest entry, under a checkpoint of another past of the same size.
    async fn get_receipt(
        &self,
        _: Request<pb::GetReceiptRequest>,
    ) -> Result<Response<pb::GetReceiptResponse>, Status> {
        let store = &self.node.store;
        let size = store.head().checkpoint.size;
        let entry = store.entry(size - 1).expect("readable").expect("there");
        let proof = store.inclusion(size - 1, size).expect("a proof");
        let seed = self.node.keys.seed(Role::Log).expect("the key");
        let key = SigningSecret::new(&seed, Algorithm::Ed25519).expect("it signs");
        let fork = Checkpoint { root: [7; 32], ..store.head().checkpoint.clone() }.sign(&key);
        let receipt = Receipt::new(&entry, size - 1, proof, fork).expect("well-formed");
        let text = receipt.text().to_owned();
        Ok(Response::new(pb::GetReceiptResponse { text, consistency: Vec::new() }))
    }

    async fn get_consistency(
        &self,
        _: Request<pb::GetConsistencyRequest>,
    ) -> Result<Response<pb::GetConsistencyResponse>, Status> {
        Err(Status::unimplemented("no proofs here"))
    }

    async fn get_entries(
        &self,
        _: Request<pb::GetEntriesRequest>,
    ) -> Result<Response<pb::GetEntriesResponse>, Status> {
        Err(Status::unimplemented("no entries here"))
    }

    async fn share_checkpoints(
        &self,
        _: Request<pb::ShareCheckpointsRequest>,
    ) -> Result<Response<pb::ShareCheckpointsResponse>, Status> {
        Err(Status::unimplemented("no gossip here"))
    }
}
