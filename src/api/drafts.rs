//! What waits for a second official.

use std::sync::Arc;

use tonic::Status;

use super::convert::{self, message_name, optional, page_size, parse};
use super::status::{to_status, whole};
use crate::domain::Timestamp;
use crate::exchange::drafts::Draft;
use crate::exchange::{Caller, Exchange};
use crate::pb::v1 as pb;

pub(super) fn list(
    exchange: &Exchange,
    caller: &Caller,
    request: &pb::ListDraftsRequest,
) -> Result<pb::ListDraftsResponse, Status> {
    let limit = page_size(request.page_size)?;
    let after = optional("page_token", &request.page_token)?;
    let found = exchange.drafts(caller, request.refused, after, limit).map_err(to_status)?;
    let next_page_token = match found.len() == limit {
        true => found.last().map(|draft| draft.id.to_string()).unwrap_or_default(),
        false => String::new(),
    };
    let drafts = found.into_iter().map(|draft| self::draft(exchange, draft)).collect();
    Ok(pb::ListDraftsResponse { drafts, next_page_token })
}

pub(super) async fn approve(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::ApproveDraftRequest,
) -> Result<pb::Message, Status> {
    let id = message_name("name", &request.name)?;
    let exchange = exchange.clone();
    let view = whole(async move { exchange.approve(&caller, id).await }).await?;
    Ok(convert::message(view))
}

pub(super) async fn refuse(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::RefuseDraftRequest,
) -> Result<pb::Draft, Status> {
    let id = message_name("name", &request.name)?;
    let reason = parse("reason", &request.reason)?;
    let acting = exchange.clone();
    let refused = whole(async move { acting.refuse_draft(&caller, id, &reason).await }).await?;
    Ok(draft(exchange, refused))
}

fn draft(exchange: &Exchange, draft: Draft) -> pb::Draft {
    let Draft { id, row } = draft;
    let time = |ms| Timestamp::from_unix_ms(ms).to_string();
    pb::Draft {
        name: format!("messages/{id}"),
        message_id: id.to_string(),
        agency: row.agency,
        recipient: row.peer,
        kind: row.kind,
        create_time: time(row.created_ms),
        expire_time: time(row.created_ms.saturating_add(exchange.draft_wait_ms())),
        readers: row.readers,
        refusal_code: row.refused,
        refuse_time: if row.refused_ms == 0 { String::new() } else { time(row.refused_ms) },
        refused_by: row.refused_by,
    }
}
