//! `AuditService`: what auditors read. Nothing here needs to be believed.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::identity;
use super::status::{invalid, to_status};
use crate::domain::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::exchange::{Caller, Exchange, Role};
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
        let exchange = self.exchange.clone();
        // What was logged a moment ago is to be cosigned too, where witnesses answer.
        exchange.gather_for_export().await;
        tokio::task::spawn_blocking(move || {
            let sent = exchange.export_log(&mut |path, bytes| send_file(&piece, path, bytes));
            if let Err(error) = sent {
                let _ = piece.blocking_send(Err(to_status(error)));
            }
        });
        Ok(Response::new(pieces.into()))
    }
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
