//! `AuditService`: what auditors read. What is told of the log need not be believed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answers::Answers;
use super::convert::message_name;
use super::standing::Standing;
use super::status::{invalid, to_status, whole};
use super::{exports, identity, state_check};
use crate::domain::limits::{EXPORT_HELD_MAX_BYTES, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::exchange::excerpt::ExcerptOf;
use crate::exchange::log::{ExportWish, LogHead, LogPlace};
use crate::exchange::{ActionError, Caller, Exchange, Peer, Role};
use crate::pb::v1 as pb;
use pb::audit_service_server::{AuditService, AuditServiceServer};

/// The service.
pub struct AuditApi {
    exchange: Arc<Exchange>,
    stop: CancellationToken,
}

impl AuditApi {
    /// Of a node. Ends its streams at `stop`.
    pub fn new(exchange: Arc<Exchange>, stop: CancellationToken) -> Self {
        Self { exchange, stop }
    }

    /// As a service: what is held of an export takes more bytes than other requests.
    pub fn service(self) -> AuditServiceServer<Self> {
        AuditServiceServer::new(self).max_decoding_message_size(EXPORT_HELD_MAX_BYTES + (64 << 10))
    }

    fn auditor<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        identity::caller(&self.exchange, request, Role::Audit)
    }

    /// The newest head of a log, and the size that was asked for.
    fn tree(&self, origin: &str, asked: u64) -> Result<(Arc<LogHead>, u64), Status> {
        let head = self.exchange.log_head_of(origin).map_err(to_status)?;
        let newest = head.checkpoint.size;
        let size = match asked {
            0 => Ok(newest),
            size if size <= newest => Ok(size),
            _ => Err(invalid("tree_size", format!("the log has {newest} entries"))),
        };
        Ok((head, size?))
    }

    fn wish(&self, request: &pb::ExportLogRequest) -> Result<ExportWish, Status> {
        let pb::ExportLogRequest { without_receipts, held, since, since_origin } = request;
        let since = match since {
            0 => LogPlace::default(),
            _ => {
                let log = self.exchange.log_head_of(since_origin).map_err(to_status)?;
                let (origin, size) = (&log.checkpoint.origin, log.checkpoint.size);
                if *since > size {
                    return Err(invalid("since", format!("{origin} has {size} entries")));
                }
                LogPlace::new(log.log, *since)
            }
        };
        if held.len() > EXPORT_HELD_MAX_BYTES {
            return Err(invalid("held", format!("has more than {EXPORT_HELD_MAX_BYTES} bytes")));
        }
        Ok(ExportWish { receipts: !without_receipts, held: held.to_vec(), since })
    }
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::Checkpoint>, Status> {
        self.auditor(&request)?;
        let head = self.exchange.log_head_of(&request.get_ref().origin).map_err(to_status)?;
        Ok(Response::new(pb::Checkpoint { note: head.note.clone() }))
    }

    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        self.auditor(&request)?;
        let request = request.into_inner();
        let limit = match usize::try_from(request.page_size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
            Err(_) => return Err(invalid("page_size", "must not be negative")),
        };
        let (head, log_size) = self.tree(&request.origin, 0)?;
        let from = request.from_index.min(log_size);
        let entries = self.exchange.log_entries(head.log, from, limit).map_err(to_status)?;
        let entries = entries.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListEntriesResponse { entries, log_size }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<pb::GetInclusionProofRequest>,
    ) -> Result<Response<pb::InclusionProof>, Status> {
        self.auditor(&request)?;
        let request = request.into_inner();
        let (head, tree_size) = self.tree(&request.origin, request.tree_size)?;
        if request.index >= tree_size {
            return Err(invalid("index", format!("the tree has {tree_size} entries")));
        }
        let hashes = self.exchange.log_inclusion(head.log, request.index, tree_size);
        let hashes = hashes.map_err(to_status)?;
        let checkpoint = head.note.clone();
        Ok(Response::new(pb::InclusionProof {
            index: request.index,
            tree_size,
            hashes: hashes.iter().map(|hash| hash.to_vec().into()).collect(),
            checkpoint,
        }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<pb::GetConsistencyProofRequest>,
    ) -> Result<Response<pb::ConsistencyProof>, Status> {
        self.auditor(&request)?;
        let request = request.into_inner();
        let (head, new_size) = self.tree(&request.origin, request.new_size)?;
        if request.old_size > new_size {
            return Err(invalid("old_size", format!("the newer tree has {new_size} entries")));
        }
        let hashes = self.exchange.log_consistency(head.log, request.old_size, new_size);
        let hashes = hashes.map_err(to_status)?;
        Ok(Response::new(pb::ConsistencyProof {
            old_size: request.old_size,
            new_size,
            hashes: hashes.iter().map(|hash| hash.to_vec().into()).collect(),
        }))
    }

    async fn list_evidence(
        &self,
        request: Request<pb::ListEvidenceRequest>,
    ) -> Result<Response<pb::ListEvidenceResponse>, Status> {
        self.auditor(&request)?;
        let accusations = self.exchange.accusations().map_err(to_status)?;
        let evidence = accusations.into_iter().map(|accusation| pb::Evidence {
            digest: hex::encode(accusation.digest),
            origin: accusation.origin,
            create_time: accusation.at.to_string(),
            text: accusation.text,
        });
        Ok(Response::new(pb::ListEvidenceResponse { evidence: evidence.collect() }))
    }

    type ExportLogStream = Answers<pb::ExportLogResponse>;

    async fn export_log(
        &self,
        request: Request<pb::ExportLogRequest>,
    ) -> Result<Response<Self::ExportLogStream>, Status> {
        let caller = self.auditor(&request)?;
        let wish = self.wish(request.get_ref())?;
        let pass = self.exchange.gates().exports.enter(&caller.name).map_err(to_status)?;
        self.exchange.log_export(&caller).await.map_err(to_status)?;
        let standing =
            Standing::new(&self.exchange, &request, Some(Role::Audit), &self.stop, Some(pass));
        let write = move |exchange: &Exchange, sink: &mut dyn FnMut(&str, &[u8]) -> bool| {
            exchange.export_log(&wish, sink)
        };
        Ok(Response::new(exports::files(self.exchange.clone(), standing, write).await))
    }

    type ExportExcerptStream = Answers<pb::ExportLogResponse>;

    async fn export_excerpt(
        &self,
        request: Request<pb::ExportExcerptRequest>,
    ) -> Result<Response<Self::ExportExcerptStream>, Status> {
        let caller = self.auditor(&request)?;
        let of = exports::excerpt_of(request.get_ref())?;
        let role = match of {
            // Which messages are of a case is not in the log.
            ExcerptOf::Case(_) => Role::Operate,
            _ => Role::Audit,
        };
        identity::caller(&self.exchange, &request, role)?;
        let pass = self.exchange.gates().exports.enter(&caller.name).map_err(to_status)?;
        let (exchange, beside) = (self.exchange.clone(), exports::beside_of(request.get_ref()));
        let found = tokio::task::spawn_blocking(move || exchange.find_excerpt(of, beside)).await;
        let wish = found.map_err(|error| to_status(ActionError::Fault(error.to_string())))?;
        let wish = wish.map_err(to_status)?;
        self.exchange.log_excerpt(&caller, &wish).await.map_err(to_status)?;
        let standing = Standing::new(&self.exchange, &request, Some(role), &self.stop, Some(pass));
        let write = move |exchange: &Exchange, sink: &mut dyn FnMut(&str, &[u8]) -> bool| {
            exchange.export_excerpt(wish, sink)
        };
        Ok(Response::new(exports::files(self.exchange.clone(), standing, write).await))
    }

    async fn get_anchors(
        &self,
        request: Request<pb::GetAnchorsRequest>,
    ) -> Result<Response<pb::GetAnchorsResponse>, Status> {
        self.auditor(&request)?;
        let peers = self.exchange.directory().all();
        let anchor = |peer: &Arc<Peer>| pb::AnchorPeer {
            card: peer.card.text().to_owned(),
            create_time: peer.added.to_string(),
            checkpoint: self.exchange.head_of(peer).map(|head| head.to_note()).unwrap_or_default(),
        };
        Ok(Response::new(pb::GetAnchorsResponse {
            card: self.exchange.card().text().to_owned(),
            peers: peers.iter().map(anchor).collect(),
        }))
    }

    type CheckStateStream = Answers<pb::CheckStateResponse>;

    async fn check_state(
        &self,
        request: Request<pb::CheckStateRequest>,
    ) -> Result<Response<Self::CheckStateStream>, Status> {
        let caller = self.auditor(&request)?;
        let pass = self.exchange.gates().state_checks.enter(&caller.name).map_err(to_status)?;
        let standing =
            Standing::new(&self.exchange, &request, Some(Role::Audit), &self.stop, Some(pass));
        let bodies = request.get_ref().bodies;
        Ok(Response::new(state_check::told(self.exchange.clone(), standing, bodies)))
    }

    async fn disclose_message(
        &self,
        request: Request<pb::DiscloseMessageRequest>,
    ) -> Result<Response<pb::DiscloseMessageResponse>, Status> {
        let caller = identity::caller(&self.exchange, &request, Role::Audit)?;
        let id = message_name("name", &request.get_ref().name)?;
        let exchange = self.exchange.clone();
        let disclosed = whole(async move { exchange.disclose(&caller, id).await }).await?;
        Ok(Response::new(pb::DiscloseMessageResponse {
            message_id: disclosed.message.to_string(),
            case_id: disclosed.case_id,
            envelope_digest: hex::encode(disclosed.envelope),
            salt: disclosed.salt.to_vec().into(),
            body: disclosed.body.to_vec().into(),
            request_unknown: disclosed.request_unknown,
            in_reply_to: disclosed.in_reply_to.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }
}
