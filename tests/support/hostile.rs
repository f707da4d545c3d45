//! A peer with valid credentials that sends what it likes: its home is opened but not served, and
//! every frame is made by hand.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::convert::Infallible;
use std::sync::Arc;

use rogatory::api::courier::TonicCourier;
use rogatory::audit::Checkpoint;
use rogatory::audit::entry::{EntryDraft, Event};
use rogatory::audit::merkle::{
    NodeId, complete_root, consistency_proof, infallible, leaf_hash, root_of,
};
use rogatory::crypto::keys::{Algorithm, Role, SigningSecret};
use rogatory::crypto::{Digest, random, sha256};
use rogatory::domain::{AuthorityId, MessageId, PackageId, Timestamp};
use rogatory::envelope::{Draft, SignedMessage, seal, sign};
use rogatory::exchange::Peer;
use rogatory::exchange::courier::{Courier as _, Link, Trouble};
use rogatory::node::{OpenNode, now};
use rogatory::pb::v1 as pb;
use rogatory::receipt::Receipt;

use tokio::sync::mpsc;

use super::{DEADLINE, Node};
use pb::push_package_request::Part;
use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

pub struct Hostile {
    pub node: OpenNode,
    pub victim: Arc<Peer>,
    courier: TonicCourier,
    line: Option<Line>,
    shown: u64,
}

/// One stream to the victim.
pub struct Line {
    link: Link,
    sequence: u64,
}

/// One of several streams of a push.
pub struct PieceStream {
    parts: mpsc::Sender<pb::PushPackageRequest>,
    told: mpsc::Receiver<Result<pb::PushPiecesResponse, Trouble>>,
}

impl PieceStream {
    pub async fn send(&self, part: Part) {
        // Why it does not go any more is told.
        let _ = self.parts.send(pb::PushPackageRequest { part: Some(part) }).await;
    }

    /// What is told once `enough` of it is.
    pub async fn until(
        &mut self,
        enough: impl Fn(&pb::PushPiecesResponse) -> bool,
    ) -> Result<pb::PushPiecesResponse, Trouble> {
        let telling = async {
            loop {
                let told = self.told.recv().await;
                let told = told.ok_or_else(|| Trouble("the end".into()))??;
                if enough(&told) {
                    return Ok(told);
                }
            }
        };
        tokio::time::timeout(DEADLINE, telling).await.expect("in time")
    }

    /// Why it ends.
    pub async fn refused(&mut self) -> String {
        self.until(|_| false).await.expect_err("it ends").to_string()
    }
}

impl Line {
    /// Sends a frame and gives its answer.
    pub async fn ask(&mut self, frame: Ask) -> Result<Answer, Trouble> {
        self.sequence += 1;
        let request = pb::RelayRequest { sequence: self.sequence, frame: Some(frame) };
        self.link.ask.send(request).await.map_err(|_| Trouble("the stream has ended".into()))?;
        let answer = tokio::time::timeout(DEADLINE, self.link.answers.recv()).await;
        let answer = answer.expect("in time").ok_or_else(|| Trouble("the end".into()))??;
        assert_eq!(answer.sequence, self.sequence);
        Ok(answer.frame.expect("an answer has a frame"))
    }
}

impl Hostile {
    /// Takes over the home of a node that is not running.
    pub async fn new(home: &Node, victim: &Node) -> Self {
        let node = home.open().await;
        let courier = TonicCourier::new(node.exchange.clone(), node.identity.clone());
        let victim = node.exchange.directory().get(victim.authority()).expect("it is a peer");
        Self { node, victim, courier, line: None, shown: 0 }
    }

    pub fn me(&self) -> &AuthorityId {
        self.node.exchange.me()
    }

    /// Opens a stream and sends a first frame.
    pub async fn open(&mut self, first: Ask) -> Result<Answer, Trouble> {
        let (line, answer) = self.line(first).await?;
        self.line = Some(line);
        Ok(answer)
    }

    /// Closes the stream that is open.
    pub fn hang_up(&mut self) {
        self.line = None;
    }

    /// Opens one more stream.
    pub async fn line(&self, first: Ask) -> Result<(Line, Answer), Trouble> {
        let link = self.courier.relay(self.victim.clone()).await?;
        let mut line = Line { link, sequence: 0 };
        let answer = line.ask(first).await?;
        Ok((line, answer))
    }

    pub fn hello(&self) -> pb::Hello {
        pb::Hello {
            versions: vec![1],
            software: "hostile".into(),
            now_ms: now().unix_ms(),
            held_checkpoint: String::new(),
            recipient: self.victim.authority().to_string(),
        }
    }

    /// Opens a stream as an honest peer does, and shows the log.
    pub async fn greet(&mut self) {
        let answer = self.open(Ask::Hello(self.hello())).await.expect("answered");
        assert!(matches!(answer, Answer::Hello(_)), "{answer:?}");
        self.show().await;
    }

    /// Shows the newest checkpoint of the log.
    pub async fn show(&mut self) {
        let update = self.update();
        let answer = self.ask(Ask::Checkpoint(update)).await.expect("answered");
        assert!(matches!(answer, Answer::Checkpoint(_)), "{answer:?}");
        self.shown = self.node.store.head().checkpoint.size;
    }

    pub fn update(&self) -> pb::CheckpointUpdate {
        self.update_from(self.shown)
    }

    /// The newest checkpoint of the log, with its proof from the tree of `from_size` entries.
    pub fn update_from(&self, from_size: u64) -> pb::CheckpointUpdate {
        let head = self.node.store.head();
        let proof = self.node.store.consistency(head.log, from_size, head.checkpoint.size);
        pb::CheckpointUpdate {
            checkpoint: head.note.clone(),
            from_size,
            consistency: hashes(&proof.expect("a proof")),
            succession: None,
            round: false,
        }
    }

    /// Another past: a checkpoint of a log that has the first `from_size` entries of this one and
    /// then others, with a sound proof from there.
    pub fn fork(&self, from_size: u64, size: u64) -> pb::CheckpointUpdate {
        let entries = self.node.store.entries(0, from_size as usize).expect("readable");
        let others = (from_size..size).map(|n| format!("another entry {n}").into_bytes());
        let entries: Vec<Vec<u8>> = entries.into_iter().chain(others).collect();
        let leaves: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let node = |node: NodeId| {
            let first = (node.index << node.level) as usize;
            Ok::<_, Infallible>(
                complete_root(&leaves[first..first + (1 << node.level)]).expect("a power of two"),
            )
        };
        let proof = infallible(consistency_proof(from_size, size, node));
        let root = root_of(entries.iter().map(Vec::as_slice));
        let origin = self.node.store.head().checkpoint.origin.clone();
        let seed = self.node.keys.seed(Role::Log).expect("the key");
        let key = SigningSecret::new(&seed, Algorithm::Ed25519).expect("it signs");
        let checkpoint = Checkpoint { origin, size, root }.sign(&key);
        pb::CheckpointUpdate {
            checkpoint,
            from_size,
            consistency: hashes(&proof),
            succession: None,
            round: false,
        }
    }

    /// Sends a frame and gives its answer.
    pub async fn ask(&mut self, frame: Ask) -> Result<Answer, Trouble> {
        self.line.as_mut().expect("a stream is open").ask(frame).await
    }

    /// Shows another past, and is cut off for it: told why, unless the suspension is faster.
    pub async fn equivocates(&mut self, from_size: u64, size: u64) {
        match self.ask(Ask::Checkpoint(self.fork(from_size, size))).await {
            Ok(Answer::Refused(refusal)) => assert_eq!(refusal.code, "LOG_EQUIVOCATION"),
            Ok(other) => panic!("{other:?}"),
            // How it is cut off depends on what is faster; what matters is what follows.
            Err(Trouble(_)) => {}
        }
    }

    /// Announces the packages of an envelope.
    pub async fn offer(
        &self,
        envelope: bytes::Bytes,
    ) -> Result<pb::OfferPackagesResponse, Trouble> {
        let offer = pb::OfferPackagesRequest { envelope };
        self.courier.bulk(self.victim.clone()).await?.offer(offer).await
    }

    /// Pushes what comes through a channel.
    pub fn push(
        &self,
        parts: mpsc::Receiver<pb::PushPackageRequest>,
    ) -> impl Future<Output = Result<pb::PushPackageResponse, Trouble>> + Send + 'static {
        let connecting = self.courier.bulk(self.victim.clone());
        async move { connecting.await?.push(parts).await }
    }

    /// Pushes these parts of a package, and then its end.
    pub async fn push_parts(
        &self,
        id: PackageId,
        parts: Vec<Part>,
    ) -> Result<pb::PackageProgress, Trouble> {
        let (send, taken) = mpsc::channel(parts.len() + 1);
        let start = Part::Start(pb::PackageStart {
            package_id: id.as_bytes().to_vec().into(),
            ..Default::default()
        });
        for part in std::iter::once(start).chain(parts) {
            send.send(pb::PushPackageRequest { part: Some(part) }).await.expect("room");
        }
        drop(send);
        Ok(self.push(taken).await?.progress.unwrap_or_default())
    }

    /// Opens one of several streams of a push, and says what it is about.
    pub async fn stream(&self, id: PackageId, push: [u8; 16]) -> PieceStream {
        let bulk = self.courier.bulk(self.victim.clone()).await.expect("connected");
        let (parts, taken) = mpsc::channel(16);
        let told = bulk.pieces(taken);
        let stream = PieceStream { parts, told };
        let package_id = id.as_bytes().to_vec().into();
        let push_id = push.to_vec().into();
        stream.send(Part::Start(pb::PackageStart { package_id, push_id })).await;
        stream
    }

    /// The stream that is open now, so that another can be.
    pub fn take_link(&mut self) -> Link {
        self.line.take().expect("a stream is open").link
    }

    pub fn signer(&self) -> SigningSecret {
        let seed = self.node.keys.seed(Role::Signing).expect("the key");
        SigningSecret::new(&seed, Algorithm::Ed25519).expect("it signs")
    }

    /// A draft for the victim, with content that is well-formed.
    pub fn draft(&self) -> Draft {
        use prost::Message as _;
        let body = pb::MessageBody {
            content: Some(super::example_request()),
            case_id: "ROG-XA-OAG-2026-000001".into(),
            ..pb::MessageBody::default()
        };
        let at = now();
        Draft {
            message: MessageId::new(at, random()),
            sender: self.me().clone(),
            recipient: self.victim.authority().clone(),
            purpose: "rogatory.v1.MessageContent/REQUEST".into(),
            created: at,
            expires: at.plus_ms(3_600_000),
            in_reply_to: None,
            sender_card_version: 1,
            packages: Vec::new(),
            annexes: Vec::new(),
            plaintext: zeroize::Zeroizing::new(body.encode_to_vec()),
        }
    }

    pub fn signed(&self, draft: Draft) -> SignedMessage {
        let keys = self.victim.card.sealing_keys(now());
        let signer = self.signer();
        let sealed = seal(draft, &[&keys[0]], &[signer.public()]).expect("sealed");
        sign(sealed, &[&signer]).expect("signed")
    }

    /// Logs an entry in the hostile peer's own log; gives its index.
    pub async fn log(&self, draft: EntryDraft) -> u64 {
        let committed =
            self.node.store.commit(move |tx| Ok::<_, std::convert::Infallible>(tx.append(draft)));
        committed.await.expect("committed").value
    }

    /// Logs bytes as if they were a message that was submitted here.
    pub async fn log_submission(&self, id: MessageId, bytes: &[u8], payload: Digest) -> u64 {
        let entry = EntryDraft::new(Event::SubmissionAcceptance)
            .by(self.me().clone())
            .peer(self.victim.authority().clone())
            .message(id)
            .envelope(sha256(bytes))
            .payload(payload);
        self.log(entry).await
    }

    /// Logs, shows and delivers bytes; gives the outcome.
    pub async fn deliver_logged(
        &mut self,
        id: MessageId,
        bytes: bytes::Bytes,
        payload: Digest,
    ) -> pb::deliver_reply::Outcome {
        let index = self.log_submission(id, &bytes, payload).await;
        self.show().await;
        self.deliver(bytes, index).await
    }

    pub async fn deliver(
        &mut self,
        envelope: bytes::Bytes,
        index: u64,
    ) -> pb::deliver_reply::Outcome {
        let store = &self.node.store;
        let inclusion = store.inclusion(index, self.shown).expect("a proof");
        let deliver = pb::Deliver {
            envelope,
            entry: store.entry(index).expect("readable").expect("there").into(),
            index,
            inclusion: inclusion.iter().map(|h| h.to_vec().into()).collect(),
            annexes: Vec::new(),
        };
        match self.ask(Ask::Deliver(deliver)).await.expect("answered") {
            Answer::Deliver(reply) => reply.outcome.expect("an outcome"),
            other => panic!("{other:?}"),
        }
    }

    /// Delivers a draft, properly signed and logged.
    pub async fn deliver_draft(&mut self, draft: Draft) -> pb::deliver_reply::Outcome {
        let signed = self.signed(draft);
        let header = signed.header().clone();
        let bytes = signed.bytes().clone();
        self.deliver_logged(header.message, bytes, header.plaintext_commitment).await
    }

    /// A receipt of the hostile peer's own making, under the checkpoint that it showed last.
    pub fn receipt(&self, index: u64) -> String {
        let store = &self.node.store;
        let head = store.head();
        assert_eq!(head.checkpoint.size, self.shown, "shown before");
        let proof = store.inclusion(index, self.shown).expect("a proof");
        let entry = store.entry(index).expect("readable").expect("there");
        let receipt = Receipt::new(&entry, index, proof, head.note.clone()).expect("well-formed");
        receipt.text().to_owned()
    }

    pub async fn deliver_receipt(&mut self, text: String) -> Answer {
        self.ask(Ask::Receipt(pb::ReceiptDelivery { text })).await.expect("answered")
    }
}

fn hashes(digests: &[Digest]) -> Vec<bytes::Bytes> {
    digests.iter().map(|hash| hash.to_vec().into()).collect()
}

/// The facts of a receipt in an answer.
pub fn receipt_of(outcome: &pb::deliver_reply::Outcome) -> Receipt {
    match outcome {
        pb::deliver_reply::Outcome::Receipt(signed) => {
            Receipt::parse(&signed.text).expect("parses")
        }
        other => panic!("no receipt: {other:?}"),
    }
}

/// The code of a signed refusal.
pub fn refusal_of(outcome: &pb::deliver_reply::Outcome) -> String {
    let receipt = receipt_of(outcome);
    let entry = &receipt.facts().entry;
    assert_eq!(entry.event, Event::RelayRejection, "{entry:?}");
    entry.code.clone().expect("a refusal has a code")
}

pub fn at(ms_from_now: i64) -> Timestamp {
    now().plus_ms(ms_from_now)
}
