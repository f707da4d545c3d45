//! What is kept of a submission while it waits.

use prost::Message as _;

use super::DraftRow;
use crate::domain::{AuthorityId, CaseId, MessageId, PackageId, RequestId};
use crate::envelope::SealedAnnex;
use crate::envelope::wire::{content_from_pb, content_to_pb};
use crate::exchange::rows::{self, DraftBody};
use crate::exchange::submit::Submission;
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use crate::store::BodySlot;

pub(super) fn to_body(submission: &Submission) -> DraftBody {
    let Submission {
        request,
        recipient: _,
        content,
        packages: _,
        annexes,
        reference,
        window_ms,
        case,
        in_reply_to,
    } = submission;
    DraftBody {
        request_id: request.as_bytes().to_vec(),
        content: content_to_pb(content).encode_to_vec(),
        reference: reference.clone(),
        window_ms: window_ms.unwrap_or_default(),
        case_id: case.as_ref().map(|case| case.as_str().to_owned()).unwrap_or_default(),
        in_reply_to: in_reply_to.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        annexes: annexes.iter().map(|annex| annex.bytes().to_vec()).collect(),
    }
}

/// The submission again, as its author made it.
///
/// # Errors
/// [`ActionError::Fault`] where row or body are damaged.
pub(super) fn from_body(row: &DraftRow, body: &DraftBody) -> Result<Submission, ActionError> {
    let content =
        pb::MessageContent::decode(body.content.as_slice()).map_err(ActionError::fault)?;
    let content = content_from_pb(content);
    let in_reply_to = match body.in_reply_to.is_empty() {
        true => None,
        false => Some(MessageId::from_slice(&body.in_reply_to).map_err(ActionError::fault)?),
    };
    let case = match body.case_id.is_empty() {
        true => None,
        false => Some(CaseId::parse(&body.case_id).map_err(ActionError::fault)?),
    };
    let packages = row.packages.iter().map(|id| PackageId::from_slice(id));
    let annexes = body.annexes.iter().map(|bytes| SealedAnnex::parse(bytes.clone().into()));
    Ok(Submission {
        request: RequestId::from_slice(&body.request_id).map_err(ActionError::fault)?,
        recipient: AuthorityId::parse(&row.peer).map_err(ActionError::fault)?,
        content: content.map_err(|error| {
            ActionError::Fault(format!("a draft no longer reads: {}: {}", error.path, error.rule))
        })?,
        packages: packages.collect::<Result<_, _>>().map_err(ActionError::fault)?,
        annexes: annexes.collect::<Result<_, _>>().map_err(ActionError::fault)?,
        reference: body.reference.clone(),
        window_ms: (body.window_ms != 0).then_some(body.window_ms),
        case,
        in_reply_to,
    })
}

impl Exchange {
    pub(super) fn draft_body(
        &self,
        id: MessageId,
        row: &DraftRow,
    ) -> Result<DraftBody, ActionError> {
        if row.lost {
            let message = format!("what message {id} says was lost with a disk of the node");
            return Err(ActionError::conflict("CONTENT_LOST", message));
        }
        let stored = self.store.body(BodySlot(row.body_slot))?;
        let stored = stored.ok_or_else(|| {
            ActionError::Unavailable(format!("message {id} was approved or refused just now"))
        })?;
        rows::decode(&stored)
    }
}
