//! `OperatorService`: what operators call, on the home's socket or with the role `operate`.

mod condition;
mod reconcile;
mod registrar;
mod vault;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answers::{Answers, answers};
use super::convert::{card_changes, card_to_pb, parse, peer_to_pb, queue_item};
use super::probe::Probe;
use super::standing::Standing;
use super::status::{invalid, to_status, whole};
use super::{annex, erasure, identity};
use crate::card::{Card, CardEdit};
use crate::domain::{AuthorityId, Reason};
use crate::exchange::agencies::{Agency, check_name};
use crate::exchange::{ActionError, Caller, Exchange, Role};
use crate::pb::v1 as pb;
pub use condition::ends_soon;
use pb::operator_service_server::OperatorService;
pub use registrar::{Publishing, Registrar};

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
}

#[tonic::async_trait]
impl OperatorService for OperatorApi {
    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::Status>, Status> {
        self.operator(&request)?;
        self.status().await.map(Response::new)
    }

    async fn get_card(
        &self,
        request: Request<pb::GetCardRequest>,
    ) -> Result<Response<pb::Card>, Status> {
        self.operator(&request)?;
        Ok(Response::new(card_to_pb(&self.exchange.card())))
    }

    async fn publish_card(
        &self,
        request: Request<pb::PublishCardRequest>,
    ) -> Result<Response<pb::PublishCardResponse>, Status> {
        let caller = self.operator(&request)?;
        let edit = CardEdit::parse(&request.get_ref().changes);
        let edit = edit.map_err(|error| invalid("changes", error))?;
        let (before, now) = whole(self.registrar.publish(edit, caller.name)).await?;
        let changes = card_changes(now.body(), before.body());
        let card = Some(card_to_pb(&now));
        Ok(Response::new(pb::PublishCardResponse { card, version: now.version(), changes }))
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

    async fn suspend_peer(
        &self,
        request: Request<pb::SuspendPeerRequest>,
    ) -> Result<Response<pb::Peer>, Status> {
        let caller = self.operator(&request)?;
        let request = request.into_inner();
        let authority: AuthorityId = parse("authority", &request.authority)?;
        let code = match request.code.as_str() {
            "" => "SUSPENDED".to_owned(),
            code => parse::<Reason>("code", code)?.to_string(),
        };
        let exchange = self.exchange.clone();
        let suspending =
            async move { exchange.suspend_peer(&authority, &code, Some(&caller.name)).await };
        Ok(Response::new(peer_to_pb(&*whole(suspending).await?)))
    }

    async fn resume_peer(
        &self,
        request: Request<pb::ResumePeerRequest>,
    ) -> Result<Response<pb::Peer>, Status> {
        let caller = self.operator(&request)?;
        let authority: AuthorityId = parse("authority", &request.get_ref().authority)?;
        let exchange = self.exchange.clone();
        let resuming = async move { exchange.resume_peer(&authority, Some(&caller.name)).await };
        Ok(Response::new(peer_to_pb(&*whole(resuming).await?)))
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

    async fn reconcile_peer(
        &self,
        request: Request<pb::ReconcilePeerRequest>,
    ) -> Result<Response<pb::Reconciliation>, Status> {
        self.operator(&request)?;
        self.reconcile(&request.get_ref().authority).await.map(Response::new)
    }

    async fn get_reconciliation_report(
        &self,
        request: Request<pb::GetReconciliationReportRequest>,
    ) -> Result<Response<pb::ReconciliationReport>, Status> {
        self.operator(&request)?;
        self.logged_report(&request.get_ref().authority).map(Response::new)
    }

    async fn list_queue(
        &self,
        request: Request<pb::ListQueueRequest>,
    ) -> Result<Response<pb::ListQueueResponse>, Status> {
        self.operator(&request)?;
        let waiting = self.exchange.waiting().map_err(to_status)?;
        let items = waiting.into_iter().map(queue_item).collect();
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
        Ok(Response::new(queue_item(item)))
    }

    async fn retry_message(
        &self,
        request: Request<pb::RetryMessageRequest>,
    ) -> Result<Response<pb::QueueItem>, Status> {
        self.operator(&request)?;
        let id = parse("message_id", &request.get_ref().message_id)?;
        let exchange = self.exchange.clone();
        let item = whole(async move { exchange.retry(id).await }).await?;
        Ok(Response::new(queue_item(item)))
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
            return Err(invalid("roles", "must be given: submit, read, approve, audit, operate"));
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
        agency.check_renewable().map_err(to_status)?;
        let agency = agency_to_pb(&agency);
        let issuing = self.registrar.issue(agency, days(request.valid_days)?, true);
        Ok(Response::new(whole(issuing).await?))
    }

    async fn revoke_agency(
        &self,
        request: Request<pb::RevokeAgencyRequest>,
    ) -> Result<Response<pb::Agency>, Status> {
        self.operator(&request)?;
        let (exchange, name) = (self.exchange.clone(), request.into_inner().agency);
        let revoked = whole(async move { exchange.revoke_agency(&name).await }).await?;
        Ok(Response::new(agency_to_pb(&revoked)))
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

    async fn erase_message(
        &self,
        request: Request<pb::EraseMessageRequest>,
    ) -> Result<Response<pb::ErasedMessage>, Status> {
        let caller = self.operator(&request)?;
        erasure::erase(&self.exchange, caller, request.get_ref()).await.map(Response::new)
    }

    async fn erase_annex(
        &self,
        request: Request<pb::EraseAnnexRequest>,
    ) -> Result<Response<pb::ErasedAnnex>, Status> {
        let caller = self.operator(&request)?;
        annex::erase(&self.exchange, caller, request.get_ref()).await.map(Response::new)
    }

    async fn set_hold(
        &self,
        request: Request<pb::SetHoldRequest>,
    ) -> Result<Response<pb::Hold>, Status> {
        let caller = self.operator(&request)?;
        erasure::set_hold(&self.exchange, caller, request.get_ref()).await.map(Response::new)
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::Hold>, Status> {
        let caller = self.operator(&request)?;
        erasure::release_hold(&self.exchange, caller, request.get_ref()).await.map(Response::new)
    }

    async fn list_holds(
        &self,
        request: Request<pb::ListHoldsRequest>,
    ) -> Result<Response<pb::ListHoldsResponse>, Status> {
        self.operator(&request)?;
        erasure::list_holds(&self.exchange, request.get_ref()).map(Response::new)
    }

    async fn get_vault_usage(
        &self,
        request: Request<pb::GetVaultUsageRequest>,
    ) -> Result<Response<pb::VaultUsage>, Status> {
        self.operator(&request)?;
        vault::usage(self.exchange.clone()).await.map(Response::new)
    }

    type CheckVaultStream = Answers<pb::CheckVaultResponse>;

    async fn check_vault(
        &self,
        request: Request<pb::CheckVaultRequest>,
    ) -> Result<Response<Self::CheckVaultStream>, Status> {
        let caller = self.operator(&request)?;
        let pass = self.exchange.gates().state_checks.enter(&caller.name).map_err(to_status)?;
        let role = Some(Role::Operate);
        let standing = Standing::new(&self.exchange, &request, role, &self.stop, Some(pass));
        Ok(Response::new(vault::check(self.exchange.clone(), standing)))
    }

    async fn list_logs(
        &self,
        request: Request<pb::ListLogsRequest>,
    ) -> Result<Response<pb::ListLogsResponse>, Status> {
        self.operator(&request)?;
        Ok(Response::new(condition::logs(&self.exchange)))
    }

    async fn seal_log(
        &self,
        request: Request<pb::SealLogRequest>,
    ) -> Result<Response<pb::ListLogsResponse>, Status> {
        let caller = self.operator(&request)?;
        let (exchange, origin) = (self.exchange.clone(), request.into_inner().origin);
        whole(async move { exchange.succeed_log(Some(&origin), Some(&caller.name)).await }).await?;
        Ok(Response::new(condition::logs(&self.exchange)))
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
