//! `PouchService`: what operators call for messages that a courier carries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::answers::{Answers, answers};
use super::convert::parse;
use super::identity;
use super::standing::Standing;
use super::status::{invalid, to_status};
use crate::domain::limits::POUCH_ITEMS_MAX;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::gates::Pass;
use crate::exchange::pouch::{Packing, Unpacking};
use crate::exchange::{ActionError, Caller, Exchange, Role};
use crate::pb::v1 as pb;
use pb::pouch_service_server::{PouchService, PouchServiceServer};

/// Bytes of a pouch in one piece.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may be ahead of the client.
const AHEAD: usize = 8;
/// A pouch of which nothing is read, or nothing comes, for so long is over.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// The service.
pub struct PouchApi {
    exchange: Arc<Exchange>,
    stop: CancellationToken,
}

impl PouchApi {
    /// Of a node. Ends its streams at `stop`.
    pub fn new(exchange: Arc<Exchange>, stop: CancellationToken) -> Self {
        Self { exchange, stop }
    }

    /// As a service: a piece is as large as one that it sends.
    pub fn service(self) -> PouchServiceServer<Self> {
        PouchServiceServer::new(self).max_decoding_message_size(PIECE_BYTES + (4 << 10))
    }

    fn operator<T>(&self, request: &Request<T>) -> Result<(Caller, Pass), Status> {
        let caller = identity::caller(&self.exchange, request, Role::Operate)?;
        let pass = self.exchange.gates().pouches.enter(&caller.name).map_err(to_status)?;
        Ok((caller, pass))
    }

    fn standing<T>(&self, request: &Request<T>, pass: Option<Pass>) -> Standing {
        Standing::new(&self.exchange, request, Some(Role::Operate), &self.stop, pass)
    }
}

#[tonic::async_trait]
impl PouchService for PouchApi {
    type ExportPouchStream = Answers<pb::ExportPouchResponse>;

    async fn export_pouch(
        &self,
        request: Request<pb::ExportPouchRequest>,
    ) -> Result<Response<Self::ExportPouchStream>, Status> {
        let (caller, pass) = self.operator(&request)?;
        let standing = self.standing(&request, Some(pass));
        let pb::ExportPouchRequest { authority, message_ids } = request.into_inner();
        let authority: AuthorityId = parse("authority", &authority)?;
        if message_ids.len() > POUCH_ITEMS_MAX {
            return Err(invalid("message_ids", format!("names more than {POUCH_ITEMS_MAX}")));
        }
        let id = |(n, id): (usize, &String)| parse(&format!("message_ids[{n}]"), id);
        let only = message_ids.iter().enumerate().map(id).collect::<Result<Vec<MessageId>, _>>()?;
        let packing = Packing::begin(&self.exchange, &caller, &authority, only).await;
        let packing = packing.map_err(to_status)?;
        let (piece, passing) = mpsc::channel(AHEAD);
        Ok(Response::new(answers(passing, pack(packing, piece), standing)))
    }

    async fn import_pouch(
        &self,
        request: Request<Streaming<pb::ImportPouchRequest>>,
    ) -> Result<Response<pb::ImportPouchResponse>, Status> {
        let (_, pass) = self.operator(&request)?;
        let mut standing = self.standing(&request, None);
        let unpacking = Unpacking::begin(&self.exchange).map_err(to_status)?;
        tokio::select! {
            biased;
            status = standing.lost() => Err(status),
            taken = unpack(unpacking, request.into_inner(), pass) => taken.map(Response::new),
        }
    }
}

async fn pack(
    mut packing: Packing,
    piece: mpsc::Sender<pb::ExportPouchResponse>,
) -> Result<(), ActionError> {
    let contents = Some(packing.contents().clone());
    let first = pb::ExportPouchResponse { contents, ..Default::default() };
    if !give(&piece, first).await? {
        return Ok(());
    }
    loop {
        let (again, bytes) = packing.next().await?;
        packing = again;
        let Some(bytes) = bytes else { break };
        if !give_all(&piece, bytes).await? {
            return Ok(());
        }
    }
    give_all(&piece, packing.finish().await?).await?;
    Ok(())
}

/// False when the client has gone.
async fn give_all(
    piece: &mpsc::Sender<pb::ExportPouchResponse>,
    mut bytes: bytes::Bytes,
) -> Result<bool, ActionError> {
    while !bytes.is_empty() {
        let data = bytes.split_to(bytes.len().min(PIECE_BYTES));
        if !give(piece, pb::ExportPouchResponse { data, contents: None }).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn give(
    piece: &mpsc::Sender<pb::ExportPouchResponse>,
    response: pb::ExportPouchResponse,
) -> Result<bool, ActionError> {
    match tokio::time::timeout(SILENCE_MAX, piece.send(response)).await {
        Ok(sent) => Ok(sent.is_ok()),
        Err(_) => Err(ActionError::Stalled("what was packed was not read")),
    }
}

async fn unpack(
    mut unpacking: Unpacking,
    mut pieces: Streaming<pb::ImportPouchRequest>,
    pass: Pass,
) -> Result<pb::ImportPouchResponse, Status> {
    loop {
        let piece = tokio::time::timeout(SILENCE_MAX, pieces.message()).await;
        let silent = |_| to_status(ActionError::Stalled("no more of the pouch came"));
        match piece.map_err(silent)?? {
            Some(piece) => unpacking.push(&piece.data).await.map_err(to_status)?,
            None => break,
        }
    }
    // What it proves is taken also where the client does not wait for it.
    super::status::whole(async move {
        let _inside = pass;
        unpacking.finish().await
    })
    .await
}
