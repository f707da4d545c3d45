//! Sealed annexes, for the services of agencies and operators.

use std::sync::Arc;

use tonic::Status;

use super::convert::{self, erasure, message_name, optional, parse};
use super::status::{invalid, to_status, whole};
use crate::domain::limits::ANNEXES_PER_MESSAGE_MAX;
use crate::domain::{AnnexId, AuthorityId, MessageId};
use crate::envelope::SealedAnnex;
use crate::exchange::annex::{ErasedAnnex, Opening};
use crate::exchange::log::{index_in_log, log_of};
use crate::exchange::{Caller, Exchange};
use crate::pb::store::v1::AnnexRow;
use crate::pb::v1 as pb;

/// The annexes of a submission: of the form, whatever they are about.
pub(super) fn sealed(annexes: Vec<bytes::Bytes>) -> Result<Vec<SealedAnnex>, Status> {
    if annexes.len() > ANNEXES_PER_MESSAGE_MAX {
        return Err(invalid("annexes", format!("must be {ANNEXES_PER_MESSAGE_MAX} at most")));
    }
    let one = |(number, bytes)| {
        SealedAnnex::parse(bytes).map_err(|error| invalid(&format!("annexes[{number}]"), error))
    };
    annexes.into_iter().enumerate().map(one).collect()
}

pub(super) fn annex(row: &AnnexRow) -> pb::Annex {
    let id = AnnexId::from_slice(&row.annex_id).map(String::from).unwrap_or_default();
    pb::Annex {
        name: format!("annexes/{id}"),
        annex_id: id,
        digest: hex::encode(&row.digest),
        sealed_bytes: row.sealed_bytes,
        erasure: row.erased.clone().map(erasure),
        officials: row.officials.clone(),
    }
}

fn annex_name(field: &str, name: &str) -> Result<Option<AnnexId>, Status> {
    optional(field, name.strip_prefix("annexes/").unwrap_or(name))
}

pub(super) fn card(
    exchange: &Exchange,
    request: &pb::GetAuthorityCardRequest,
) -> Result<pb::AuthorityCard, Status> {
    let authority: Option<AuthorityId> = optional("authority", &request.authority)?;
    let card = exchange.card_of(authority.as_ref()).map_err(to_status)?;
    Ok(pb::AuthorityCard {
        text: card.text().to_owned(),
        fingerprint: card.fingerprint().to_string(),
        own_authority: exchange.me().to_string(),
    })
}

pub(super) fn get(
    exchange: &Exchange,
    caller: &Caller,
    request: &pb::GetAnnexRequest,
) -> Result<pb::SealedAnnexBytes, Status> {
    let id = message_name("parent", &request.parent)?;
    let named = annex_name("annex", &request.annex)?;
    let stored = exchange.sealed_annex(caller, id, named).map_err(to_status)?;
    Ok(pb::SealedAnnexBytes {
        annex: Some(annex(&stored.row)),
        sealed: stored.sealed.bytes().clone(),
        envelope_digest: hex::encode(stored.envelope),
    })
}

pub(super) async fn open(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::OpenAnnexRequest,
) -> Result<pb::OpenAnnexResponse, Status> {
    let id = message_name("parent", &request.parent)?;
    let named = annex_name("annex", &request.annex)?;
    let opening =
        Opening::new(named, &request.key_id, request.token.to_vec()).map_err(to_status)?;
    let exchange = exchange.clone();
    let opened = whole(async move { exchange.open_annex(&caller, id, opening).await }).await?;
    Ok(pb::OpenAnnexResponse {
        encapsulated: opened.encapsulated.into(),
        ciphertext: opened.ciphertext.into(),
        receipt: Some(convert::receipt(opened.receipt, &opened.envelope)),
    })
}

pub(super) async fn erase(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: &pb::EraseAnnexRequest,
) -> Result<pb::ErasedAnnex, Status> {
    let id: MessageId = parse("message_id", &request.message_id)?;
    let named = annex_name("annex_id", &request.annex_id)?;
    let reason = parse("reason", &request.reason)?;
    let exchange = exchange.clone();
    let erased = whole(async move { exchange.erase_annex(&caller, id, named, reason).await });
    Ok(erased_to_pb(&erased.await?))
}

fn erased_to_pb(erased: &ErasedAnnex) -> pb::ErasedAnnex {
    pb::ErasedAnnex {
        message_id: erased.message.to_string(),
        annex_id: erased.annex.to_string(),
        erase_time: erased.at.to_string(),
        reason: erased.reason.clone(),
        log_index: index_in_log(erased.entry),
        log: log_of(erased.entry),
        earlier: erased.earlier,
    }
}
