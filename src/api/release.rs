//! Giving what came from other authorities to further agencies.

use std::sync::Arc;

use tonic::Status;

use super::convert::{self, message_name, package_name};
use super::status::{invalid, to_status, whole};
use crate::envelope::wire::release_purpose_from_pb;
use crate::exchange::release::Wish;
use crate::exchange::{Caller, Exchange};
use crate::pb::v1 as pb;

pub(super) async fn share(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::ShareMessageRequest,
) -> Result<pb::Message, Status> {
    let id = message_name("name", &request.name)?;
    let consent = match request.consent.as_str() {
        "" => None,
        name => Some(message_name("consent", name)?),
    };
    let purpose = release_purpose_from_pb(request.purpose)
        .ok_or_else(|| invalid("purpose", "must be given"))?;
    let notice_follows = request.notice_follows;
    let package = match request.package.as_str() {
        "" => None,
        name => Some(package_name("package", name)?),
    };
    let wish = Wish { agency: request.agency, package, purpose, consent, notice_follows };
    let acting = exchange.clone();
    let row = whole(async move { acting.share_message(&caller, id, wish).await }).await?;
    exchange.shown(id, row, false).map(convert::message).map_err(to_status)
}

pub(super) async fn unshare(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::UnshareMessageRequest,
) -> Result<pb::Message, Status> {
    let id = message_name("name", &request.name)?;
    let acting = exchange.clone();
    let row =
        whole(async move { acting.unshare_message(&caller, id, request.agency).await }).await?;
    exchange.shown(id, row, false).map(convert::message).map_err(to_status)
}
