//! Erasing and holds, for the operator's service.

use std::sync::Arc;

use tonic::Status;

use super::convert::{optional, page_size, parse};
use super::status::{to_status, whole};
use crate::domain::MessageId;
use crate::exchange::erase::Erased;
use crate::exchange::hold::Hold;
use crate::exchange::log::{index_in_log, log_of};
use crate::exchange::{Caller, Exchange};
use crate::pb::v1 as pb;

pub(super) async fn erase(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: &pb::EraseMessageRequest,
) -> Result<pb::ErasedMessage, Status> {
    let id: MessageId = parse("message_id", &request.message_id)?;
    let reason = parse("reason", &request.reason)?;
    let exchange = exchange.clone();
    let erased = whole(async move { exchange.erase(&caller, id, reason).await }).await?;
    Ok(erased_to_pb(&erased))
}

pub(super) async fn set_hold(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: &pb::SetHoldRequest,
) -> Result<pb::Hold, Status> {
    let id: MessageId = parse("message_id", &request.message_id)?;
    let reason = optional("reason", &request.reason)?;
    let exchange = exchange.clone();
    let hold = whole(async move { exchange.set_hold(&caller, id, reason).await }).await?;
    Ok(hold_to_pb(&hold))
}

pub(super) async fn release_hold(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: &pb::ReleaseHoldRequest,
) -> Result<pb::Hold, Status> {
    let id: MessageId = parse("message_id", &request.message_id)?;
    let reason = optional("reason", &request.reason)?;
    let exchange = exchange.clone();
    let hold = whole(async move { exchange.release_hold(&caller, id, reason).await }).await?;
    Ok(hold_to_pb(&hold))
}

pub(super) fn list_holds(
    exchange: &Exchange,
    request: &pb::ListHoldsRequest,
) -> Result<pb::ListHoldsResponse, Status> {
    let limit = page_size(request.page_size)?;
    let after = optional("page_token", &request.page_token)?;
    let found = exchange.holds(after, limit).map_err(to_status)?;
    let next_page_token = match found.len() == limit {
        true => found.last().map(|hold| hold.id.to_string()).unwrap_or_default(),
        false => String::new(),
    };
    Ok(pb::ListHoldsResponse { holds: found.iter().map(hold_to_pb).collect(), next_page_token })
}

fn erased_to_pb(erased: &Erased) -> pb::ErasedMessage {
    pb::ErasedMessage {
        message_id: erased.id.to_string(),
        erase_time: erased.at.to_string(),
        reason: erased.reason.clone(),
        log_index: index_in_log(erased.entry),
        log: log_of(erased.entry),
        packages: u32::try_from(erased.packages).unwrap_or(u32::MAX),
        earlier: erased.earlier,
    }
}

fn hold_to_pb(hold: &Hold) -> pb::Hold {
    pb::Hold {
        message_id: hold.id.to_string(),
        create_time: hold.since.to_string(),
        reason: hold.reason.clone(),
        log_index: index_in_log(hold.entry),
        log: log_of(hold.entry),
    }
}
