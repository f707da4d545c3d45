//! `OperatorService`: what operators call, on the home's socket or with the role `operate`.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answers::{Answers, answers};
use super::convert::parse;
use super::identity;
use super::probe::Probe;
use super::standing::Standing;
use super::status::{invalid, to_status, whole};
use crate::card::Card;
use crate::domain::AuthorityId;
use crate::exchange::agencies::{Agency, check_name};
use crate::exchange::queue::Waiting;
use crate::exchange::{ActionError, Caller, Exchange, Peer, Role};
use crate::pb::v1 as pb;
use pb::operator_service_server::OperatorService;

/// Issues the certificates of agencies: the one thing here that needs a private key, so the node
/// hands it in.
pub trait Registrar: Send + Sync + 'static {
    /// Registers an agency (or renews it) and gives its profile file.
    ///
    /// # Errors
    /// [`ActionError`] as of [`Exchange::put_agency`].
    fn issue(
        &self,
        agency: pb::Agency,
        valid_days: u32,
        renew: bool,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<pb::AgencyCredential, ActionError>> + Send>>;
}

/// What only the node knows of itself.
#[derive(Clone, Debug, Default)]
pub struct NodeFacts {
    /// RFC 3339.
    pub start_time: String,
    /// Where the exchange listener is bound.
    pub exchange_address: String,
    /// Where the agency listener is bound.
    pub agency_address: String,
    /// What ends soon and what is insecure.
    pub warnings: Vec<String>,
}

/// The service.
pub struct OperatorApi {
    exchange: Arc<Exchange>,
    registrar: Arc<dyn Registrar>,
    probe: Arc<Probe>,
    facts: NodeFacts,
    stop: CancellationToken,
}

impl OperatorApi {
    /// Of a node. Ends its streams at `stop`.
    pub fn new(
        exchange: Arc<Exchange>,
        registrar: Arc<dyn Registrar>,
        probe: Arc<Probe>,
        facts: NodeFacts,
        stop: CancellationToken,
    ) -> Self {
        Self { exchange, registrar, probe, facts, stop }
    }

    fn operator<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        identity::caller(&self.exchange, request, Role::Operate)
    }

    fn peer_status(&self, peer: &Peer) -> pb::PeerStatus {
        let name = peer.authority();
        let link = self.exchange.link(name);
        let head = self.exchange.heads().of(name);
        pb::PeerStatus {
            authority: name.to_string(),
            connected: link.connected,
            trouble: link.trouble,
            queued: u32::try_from(self.exchange.outbox().waiting(name)).unwrap_or(u32::MAX),
            log_size: head.map_or(0, |head| head.checkpoint.size),
            clock_offset_ms: link.clock_offset_ms,
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.facts.warnings.clone();
        if self.exchange.is_read_only() {
            warnings.push(
                "a peer holds a longer log of this node than the node itself: it takes nothing \
                 until the operator has looked (docs/storage.md)"
                    .into(),
            );
        }
        warnings.extend(self.exchange.vault_is_full());
        let now = self.exchange.now();
        for peer in self.exchange.directory().all() {
            if let Some(text) =
                ends_soon(&format!("the card of {}", peer.authority()), peer.card.expires(), now)
            {
                warnings.push(text);
            }
        }
        warnings
    }
}

/// Warned of this long before something ends: time for a meeting about it.
const WARN_BEFORE_MS: i64 = 60 * 24 * 3600 * 1000;

/// The warning about something that ends within sixty days, or has ended.
pub fn ends_soon(
    what: &str,
    ends: crate::domain::Timestamp,
    now: crate::domain::Timestamp,
) -> Option<String> {
    if ends < now {
        return Some(format!("{what} ended at {ends}"));
    }
    (ends < now.plus_ms(WARN_BEFORE_MS)).then(|| format!("{what} ends at {ends}"))
}

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::Status>, Status> {
        self.operator(&request)?;
        let exchange = &self.exchange;
        let head = exchange.log_head();
        let queued = exchange.waiting().map_err(to_status)?.len();
        let unopened = exchange.unopened().map_err(to_status)?;
        Ok(Response::new(pb::Status {
            authority: exchange.me().to_string(),
            software: exchange.software().to_owned(),
            start_time: self.facts.start_time.clone(),
            log_origin: head.checkpoint.origin.clone(),
            log_size: head.checkpoint.size,
            log_root: hex::encode(head.checkpoint.root),
            peers: exchange.directory().all().iter().map(|peer| self.peer_status(peer)).collect(),
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            unopened: u32::try_from(unopened).unwrap_or(u32::MAX),
            warnings: self.warnings(),
            exchange_address: self.facts.exchange_address.clone(),
            agency_address: self.facts.agency_address.clone(),
            resident_bytes: resident_bytes(),
        }))
    }

    async fn get_card(
        &self,
        request: Request<pb::GetCardRequest>,
    ) -> Result<Response<pb::Card>, Status> {
        self.operator(&request)?;
        let card = self.exchange.card();
        Ok(Response::new(pb::Card {
            text: card.text().to_owned(),
            fingerprint: card.fingerprint().hex(),
            fingerprint_words: card.fingerprint().words(),
        }))
    }

    async fn list_peers(
        &self,
        request: Request<pb::ListPeersRequest>,
    ) -> Result<Response<pb::ListPeersResponse>, Status> {
        self.operator(&request)?;
        let peers = self.exchange.directory().all().iter().map(|peer| peer_to_pb(peer)).collect();
        Ok(Response::new(pb::ListPeersResponse { peers }))
    }

    async fn add_peer(
        &self,
        request: Request<pb::AddPeerRequest>,
    ) -> Result<Response<pb::Peer>, Status> {
        self.operator(&request)?;
        let request = request.into_inner();
        let card = Card::parse(&request.card).map_err(|error| invalid("card", error))?;
        let exchange = self.exchange.clone();
        let added =
            whole(async move { exchange.add_peer(card, &request.fingerprint).await }).await?;
        Ok(Response::new(peer_to_pb(&added)))
    }

    async fn remove_peer(
        &self,
        request: Request<pb::RemovePeerRequest>,
    ) -> Result<Response<pb::RemovePeerResponse>, Status> {
        self.operator(&request)?;
        let authority: AuthorityId = parse("authority", &request.get_ref().authority)?;
        let exchange = self.exchange.clone();
        whole(async move { exchange.remove_peer(&authority).await }).await?;
        Ok(Response::new(pb::RemovePeerResponse {}))
    }

    type TestPeerStream = Answers<pb::TestPeerResponse>;

    async fn test_peer(
        &self,
        request: Request<pb::TestPeerRequest>,
    ) -> Result<Response<Self::TestPeerStream>, Status> {
        let caller = self.operator(&request)?;
        let authority: AuthorityId = parse("authority", &request.get_ref().authority)?;
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = self.exchange.directory().get(&authority);
        let peer = peer.ok_or_else(|| to_status(unknown()))?;
        let standing =
            Standing::new(&self.exchange, &request, Some(Role::Operate), &self.stop, None);
        let (say, steps) = mpsc::channel(16);
        let probe = self.probe.clone();
        let walking = async move {
            probe.walk(&caller, peer, &say).await;
            Ok(())
        };
        Ok(Response::new(answers(steps, walking, standing)))
    }

    async fn list_queue(
        &self,
        request: Request<pb::ListQueueRequest>,
    ) -> Result<Response<pb::ListQueueResponse>, Status> {
        self.operator(&request)?;
        let waiting = self.exchange.waiting().map_err(to_status)?;
        let items = waiting.into_iter().map(item_to_pb).collect();
        Ok(Response::new(pb::ListQueueResponse { items }))
    }

    async fn hold_message(
        &self,
        request: Request<pb::HoldMessageRequest>,
    ) -> Result<Response<pb::QueueItem>, Status> {
        self.operator(&request)?;
        let id = parse("message_id", &request.get_ref().message_id)?;
        let exchange = self.exchange.clone();
        let item = whole(async move { exchange.hold(id).await }).await?;
        Ok(Response::new(item_to_pb(item)))
    }

    async fn retry_message(
        &self,
        request: Request<pb::RetryMessageRequest>,
    ) -> Result<Response<pb::QueueItem>, Status> {
        self.operator(&request)?;
        let id = parse("message_id", &request.get_ref().message_id)?;
        let exchange = self.exchange.clone();
        let item = whole(async move { exchange.retry(id).await }).await?;
        Ok(Response::new(item_to_pb(item)))
    }

    async fn add_agency(
        &self,
        request: Request<pb::AddAgencyRequest>,
    ) -> Result<Response<pb::AgencyCredential>, Status> {
        self.operator(&request)?;
        let request = request.into_inner();
        check_name(&request.agency).map_err(to_status)?;
        for (n, role) in request.roles.iter().enumerate() {
            Role::parse(role).ok_or_else(|| {
                invalid(&format!("roles[{n}]"), "must be submit, read, audit or operate")
            })?;
        }
        if request.roles.is_empty() {
            return Err(invalid("roles", "must be given: submit, read, audit, operate"));
        }
        let agency = pb::Agency {
            agency: request.agency,
            roles: request.roles,
            all_cases: request.all_cases,
            ..pb::Agency::default()
        };
        let issuing = self.registrar.issue(agency, days(request.valid_days)?, false);
        Ok(Response::new(whole(issuing).await?))
    }

    async fn renew_agency(
        &self,
        request: Request<pb::RenewAgencyRequest>,
    ) -> Result<Response<pb::AgencyCredential>, Status> {
        self.operator(&request)?;
        let request = request.into_inner();
        let agency = self.known_agency(&request.agency)?;
        if agency.revoked {
            let message = "its access has ended: what is to call again gets a name of its own";
            return Err(to_status(ActionError::conflict("AGENCY_REVOKED", message)));
        }
        let agency = agency_to_pb(&agency);
        let issuing = self.registrar.issue(agency, days(request.valid_days)?, true);
        Ok(Response::new(whole(issuing).await?))
    }

    async fn revoke_agency(
        &self,
        request: Request<pb::RevokeAgencyRequest>,
    ) -> Result<Response<pb::Agency>, Status> {
        self.operator(&request)?;
        let mut agency = self.known_agency(&request.get_ref().agency)?;
        agency.revoked = true;
        let (exchange, revoked) = (self.exchange.clone(), agency.clone());
        whole(async move { exchange.revoke_agency(revoked).await }).await?;
        Ok(Response::new(agency_to_pb(&agency)))
    }

    async fn list_agencies(
        &self,
        request: Request<pb::ListAgenciesRequest>,
    ) -> Result<Response<pb::ListAgenciesResponse>, Status> {
        self.operator(&request)?;
        let agencies = self.exchange.agencies().map_err(to_status)?;
        let agencies = agencies.iter().map(agency_to_pb).collect();
        Ok(Response::new(pb::ListAgenciesResponse { agencies }))
    }
}

impl OperatorApi {
    fn known_agency(&self, name: &str) -> Result<Agency, Status> {
        let unknown = || ActionError::NotFound(format!("there is no agency {name:?}"));
        let agency = self.exchange.agency(name).map_err(to_status)?;
        agency.ok_or_else(|| to_status(unknown()))
    }
}

fn days(asked: u32) -> Result<u32, Status> {
    match asked {
        0 => Ok(365),
        1..=825 => Ok(asked),
        _ => Err(invalid("valid_days", "must be 825 at most")),
    }
}

fn peer_to_pb(peer: &Peer) -> pb::Peer {
    let card = &peer.card;
    pb::Peer {
        authority: card.authority().to_string(),
        display_name: card.body().name.clone(),
        endpoint: card.body().endpoint.clone(),
        card_version: card.version(),
        create_time: peer.added.to_string(),
        expire_time: card.expires().to_string(),
        fingerprint: card.fingerprint().hex(),
    }
}

fn item_to_pb(item: Waiting) -> pb::QueueItem {
    pb::QueueItem {
        message_id: item.message.to_string(),
        peer: item.peer,
        state: item.state.to_owned(),
        create_time: item.created.to_string(),
        expire_time: item.expires.to_string(),
        attempts: item.attempts,
        trouble: item.trouble,
    }
}

/// An agency for the client.
pub fn agency_to_pb(agency: &Agency) -> pb::Agency {
    pb::Agency {
        agency: agency.name.clone(),
        roles: agency.roles.iter().map(Role::to_string).collect(),
        all_cases: agency.all_cases,
        expire_time: agency.expires.to_string(),
        revoked: agency.revoked,
    }
}

/// Resident memory of this process; 0 where the kernel does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
