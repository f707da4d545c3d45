//! `AuditService`: what auditors read. What is told of the log need not be believed.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::message_name;
use super::identity;
use super::status::{invalid, to_status, whole};
use crate::domain::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::exchange::check::{CheckReport, Divergence, Told};
use crate::exchange::{Caller, Exchange, Peer, Role};
use crate::pb::v1 as pb;
use pb::audit_service_server::AuditService;

/// Pieces of an export that may be ahead of the client.
const AHEAD: usize = 8;
/// Bytes of a file in one piece.
const PIECE_BYTES: usize = 256 << 10;

/// The service.
pub struct AuditApi {
    exchange: Arc<Exchange>,
}

impl AuditApi {
    /// Of a node.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    fn auditor<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        identity::caller(&self.exchange, request, Role::Audit)
    }

    fn size(&self, asked: u64) -> Result<u64, Status> {
        let newest = self.exchange.log_head().checkpoint.size;
        match asked {
            0 => Ok(newest),
            size if size <= newest => Ok(size),
            _ => Err(invalid("tree_size", format!("the log has {newest} entries"))),
        }
    }
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::Checkpoint>, Status> {
        self.auditor(&request)?;
        let note = self.exchange.log_head().note.clone();
        Ok(Response::new(pb::Checkpoint { note }))
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
        let entries = self.exchange.log_entries(request.from_index, limit).map_err(to_status)?;
        let log_size = self.exchange.log_head().checkpoint.size;
        let entries = entries.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListEntriesResponse { entries, log_size }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<pb::GetInclusionProofRequest>,
    ) -> Result<Response<pb::InclusionProof>, Status> {
        self.auditor(&request)?;
        let request = request.into_inner();
        let tree_size = self.size(request.tree_size)?;
        if request.index >= tree_size {
            return Err(invalid("index", format!("the tree has {tree_size} entries")));
        }
        let hashes = self.exchange.log_inclusion(request.index, tree_size).map_err(to_status)?;
        let checkpoint = self.exchange.log_head().note.clone();
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
        let new_size = self.size(request.new_size)?;
        if request.old_size > new_size {
            return Err(invalid("old_size", format!("the newer tree has {new_size} entries")));
        }
        let hashes =
            self.exchange.log_consistency(request.old_size, new_size).map_err(to_status)?;
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

    type ExportLogStream = ReceiverStream<Result<pb::ExportLogResponse, Status>>;

    async fn export_log(
        &self,
        request: Request<pb::ExportLogRequest>,
    ) -> Result<Response<Self::ExportLogStream>, Status> {
        let caller = self.auditor(&request)?;
        self.exchange.log_export(&caller).await.map_err(to_status)?;
        let (piece, pieces) = mpsc::channel(AHEAD);
        let (exchange, receipts) = (self.exchange.clone(), !request.get_ref().without_receipts);
        // What was logged a moment ago is to be cosigned too, where witnesses answer.
        exchange.gather_for_export().await;
        tokio::task::spawn_blocking(move || {
            let mut send = |path: &str, bytes: &[u8]| send_file(&piece, path, bytes);
            let sent = exchange.export_log(receipts, &mut send);
            if let Err(error) = sent {
                let _ = piece.blocking_send(Err(to_status(error)));
            }
        });
        Ok(Response::new(pieces.into()))
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
        };
        Ok(Response::new(pb::GetAnchorsResponse {
            card: self.exchange.card().text().to_owned(),
            peers: peers.iter().map(anchor).collect(),
        }))
    }

    type CheckStateStream = ReceiverStream<Result<pb::CheckStateResponse, Status>>;

    async fn check_state(
        &self,
        request: Request<pb::CheckStateRequest>,
    ) -> Result<Response<Self::CheckStateStream>, Status> {
        self.auditor(&request)?;
        let (say, said) = mpsc::channel(AHEAD);
        let (exchange, bodies) = (self.exchange.clone(), request.get_ref().bodies);
        tokio::task::spawn_blocking(move || {
            let mut tell = |told| say.blocking_send(Ok(told_to_pb(told))).is_ok();
            let last = match exchange.check_state(bodies, &mut tell) {
                Ok(report) => Ok(report_to_pb(&report)),
                Err(error) => Err(to_status(error)),
            };
            // Nobody may be listening any more.
            let _ = say.blocking_send(last);
        });
        Ok(Response::new(said.into()))
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
        }))
    }
}

fn told_to_pb(told: Told) -> pb::CheckStateResponse {
    use pb::check_state_response::Told as Pb;
    let progress = |phase: &str, done, total| {
        Pb::Progress(pb::CheckProgress { phase: phase.to_owned(), done, total })
    };
    let told = match told {
        Told::Log(done, total) => progress("log", done, total),
        Told::Rows(done, total) => progress("rows", done, total),
        Told::Finding(finding) => Pb::Finding(pb::LogFinding {
            index: finding.index,
            event: finding.event.to_string(),
            message_id: finding.message.map(|id| id.to_string()).unwrap_or_default(),
            rule: finding.rule.to_string(),
            severity: finding.severity().as_str().to_owned(),
            detail: finding.to_string(),
        }),
        Told::Divergence(Divergence { what, detail }) => {
            Pb::Divergence(pb::StateDivergence { what, detail })
        }
    };
    pb::CheckStateResponse { told: Some(told) }
}

fn report_to_pb(report: &CheckReport) -> pb::CheckStateResponse {
    let report = pb::CheckReport {
        size: report.size,
        root: hex::encode(report.root),
        state_digest: hex::encode(report.digest),
        messages: report.messages,
        errors: report.errors,
        notices: report.notices,
        divergences: report.divergences,
    };
    let told = Some(pb::check_state_response::Told::Report(report));
    pb::CheckStateResponse { told }
}

/// False when the client has gone.
fn send_file(
    piece: &mpsc::Sender<Result<pb::ExportLogResponse, Status>>,
    path: &str,
    bytes: &[u8],
) -> bool {
    let send = |data: &[u8]| {
        let data = bytes::Bytes::copy_from_slice(data);
        piece.blocking_send(Ok(pb::ExportLogResponse { path: path.to_owned(), data })).is_ok()
    };
    // An empty file is a file too.
    match bytes.is_empty() {
        true => send(bytes),
        false => bytes.chunks(PIECE_BYTES).all(send),
    }
}
