//! Walking the chain to a peer: name, TCP, TLS, pin, version, clock, heads, and a message with its
//! receipts. The first link that is broken is named, with what to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::tls::{self, CONNECT_DEADLINE, NodeIdentity};
use crate::crypto::random;
use crate::domain::delivery::DeliveryState;
use crate::domain::kind::MessageKind;
use crate::domain::limits::CLOCK_AHEAD_MAX_MS;
use crate::domain::request::{Content, Note};
use crate::domain::{AuthorityId, RequestId};
use crate::exchange::submit::Submission;
use crate::exchange::{Caller, Exchange, Peer};
use crate::pb::v1 as pb;

/// A test message is waited for this long: a round trip, three commits and an opening.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(30);
const LINK_DEADLINE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Tests peers.
pub struct Probe {
    exchange: Arc<Exchange>,
    identity: NodeIdentity,
    /// Without listeners there are no relays, so the chain ends at the pin.
    relays: bool,
}

type Say = mpsc::Sender<pb::TestPeerResponse>;

/// A link that is broken: which, what was seen, what to do.
struct Broken(&'static str, String, &'static str);

impl Probe {
    /// Calls peers as the node with this certificate.
    pub fn new(exchange: Arc<Exchange>, identity: NodeIdentity, relays: bool) -> Self {
        Self { exchange, identity, relays }
    }

    /// Walks the chain, saying each step as it is done.
    pub async fn walk(&self, caller: &Caller, peer: Arc<Peer>, say: &Say) {
        if let Err(Broken(step, detail, hint)) = self.steps(caller, &peer, say).await {
            let step =
                pb::TestPeerResponse { step: step.into(), ok: false, detail, hint: hint.into() };
            let _ = say.send(step).await;
        }
    }

    async fn steps(&self, caller: &Caller, peer: &Arc<Peer>, say: &Say) -> Result<(), Broken> {
        let address = resolve(&peer.card.body().endpoint).await?;
        holds(say, "name", format!("{} is {address}", peer.card.body().endpoint)).await;
        let tcp = connect(address).await?;
        holds(say, "tcp", format!("{address} answers")).await;
        self.shake(peer, tcp).await?;
        holds(say, "tls", "TLS 1.3 with X25519MLKEM768".into()).await;
        holds(say, "pin", "the certificate is the one in the peer's card".into()).await;
        if !self.relays {
            let detail = "the node does not run, so no further step can be tried".into();
            return Err(Broken("version", detail, "start the node and test again"));
        }
        self.link(peer).await?;
        holds(say, "version", "both speak version 1".into()).await;
        self.clock(peer, say).await?;
        let size = self.exchange.head_of(peer).map_or(0, |h| h.checkpoint().size);
        let detail = format!("each holds what the other's log has; theirs has {size} entries");
        holds(say, "heads", detail).await;
        self.message(caller, peer.authority(), say).await
    }

    async fn shake(&self, peer: &Arc<Peer>, tcp: TcpStream) -> Result<(), Broken> {
        let config = tls::exchange_client(&self.exchange, peer, self.identity.clone())
            .map_err(|e| Broken("tls", e.to_string(), "look at this node's own certificate"))?;
        let name = tls::server_name(peer.authority());
        match tls::handshake(tcp, name, config).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = error.to_string();
                let pin = text.contains("certificate is");
                let hint = match pin {
                    true => "ask the peer for its newest card and compare the fingerprint",
                    false => "does the peer have this node's card? is something between the two?",
                };
                Err(Broken(if pin { "pin" } else { "tls" }, text, hint))
            }
        }
    }

    /// The relay keeps the stream: it says whether version and heads were agreed on.
    async fn link(&self, peer: &Peer) -> Result<(), Broken> {
        let name = peer.authority();
        self.exchange.kick_peer(name);
        let connected = async {
            while !self.exchange.link(name).connected {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(LINK_DEADLINE, connected).await.is_ok() {
            return Ok(());
        }
        let trouble = self.exchange.link(name).trouble;
        let (step, hint) = match trouble.as_str() {
            text if text.contains("VERSION") => ("version", "one side needs an update"),
            text if text.contains("LOG_") || text.contains("CHECKPOINT") => {
                ("heads", "talk to the peer's operator before anything else: docs/exchange.md")
            }
            _ => ("version", "has the peer added this node's newest card? see its traces"),
        };
        Err(Broken(step, trouble, hint))
    }

    async fn clock(&self, peer: &Peer, say: &Say) -> Result<(), Broken> {
        let offset = self.exchange.link(peer.authority()).clock_offset_ms;
        let detail = format!("the peer's clock is {offset} ms from ours");
        if offset.unsigned_abs() > CLOCK_AHEAD_MAX_MS.unsigned_abs() {
            return Err(Broken("clock", detail, "synchronise both clocks (NTP)"));
        }
        holds(say, "clock", detail).await;
        Ok(())
    }

    async fn message(&self, caller: &Caller, peer: &AuthorityId, say: &Say) -> Result<(), Broken> {
        let hint = "see the traces of both nodes";
        let broken = |detail: String| Broken("message", detail, hint);
        let caller = Caller { all_cases: true, ..caller.clone() };
        let sent = self.exchange.submit(&caller, test_message(peer)).await;
        let id = sent.map_err(|error| broken(error.to_string()))?.id;
        let look = async {
            loop {
                let view = self.exchange.view(&caller, id, false);
                let view = view.map_err(|error| broken(error.to_string()))?;
                match view.row.delivery() {
                    DeliveryState::Consigned => return Ok(()),
                    DeliveryState::Queued | DeliveryState::Relayed => {}
                    state => {
                        let code = view.row.refusal_code;
                        return Err(broken(format!("{} {code}", state.as_str())));
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(MESSAGE_DEADLINE, look).await {
            Ok(done) => done?,
            Err(_) => return Err(broken("no receipts within 30 s".into())),
        }
        let detail = format!("test message {id}: RelayAcceptance and ContentConsignment verified");
        holds(say, "message", detail).await;
        Ok(())
    }
}

async fn holds(say: &Say, step: &str, detail: String) {
    let step = pb::TestPeerResponse { step: step.into(), ok: true, detail, hint: String::new() };
    // Whoever asked may have gone: then nobody needs the answer.
    let _ = say.send(step).await;
}

async fn resolve(endpoint: &str) -> Result<SocketAddr, Broken> {
    let hint = "is the endpoint in the peer's card right? does the name server answer?";
    let found = tokio::net::lookup_host(endpoint).await;
    let mut found = found.map_err(|e| Broken("name", format!("{endpoint}: {e}"), hint))?;
    found.next().ok_or_else(|| Broken("name", format!("{endpoint} has no address"), hint))
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Broken> {
    let hint = "does the peer's node run? does a firewall stand between?";
    let broken = |text: String| Broken("tcp", format!("{address}: {text}"), hint);
    match tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await {
        Ok(tcp) => tcp.map_err(|error| broken(error.to_string())),
        Err(_) => Err(broken("no answer".into())),
    }
}

fn test_message(peer: &AuthorityId) -> Submission {
    let note = Note { text: "connectivity test".into(), language: "en".into(), ..Note::default() };
    Submission {
        request: RequestId::new(random()),
        recipient: peer.clone(),
        content: Content::note(MessageKind::Test, note),
        packages: Vec::new(),
        annexes: Vec::new(),
        reference: String::new(),
        window_ms: Some(60 * 60 * 1000),
        case: None,
        in_reply_to: None,
    }
}
