//! What of a message can be erased: its content, and what is kept of it to be shown in lists.
//!
//! Both are stored bodies, never rows: what has once stood in a row stays in the journal.

use prost::Message as _;

use super::rows::{self, ErasureRow, MessageDetails, MessageRow};
use super::{ActionError, Exchange};
use crate::domain::{MessageId, Timestamp};
use crate::envelope::reopen;
use crate::pb::v1 as pb;
use crate::store::{BodySlot, Tx};

/// Keeps the details of a message, where there are any.
pub(super) fn keep_details(tx: &mut Tx<'_>, row: &mut MessageRow, details: &MessageDetails) {
    if *details != MessageDetails::default() {
        row.details_slot = Some(tx.body(details.encode_to_vec()).0);
    }
}

/// What is answered to somebody who asks for content that was erased.
pub(super) fn erased_error(id: MessageId, erased: &ErasureRow) -> ActionError {
    let at = Timestamp::from_unix_ms(erased.at_ms);
    let message = format!("the content of message {id} was erased at {at} ({})", erased.code);
    ActionError::conflict("ERASED", message)
}

/// What is answered to somebody who asks for content that an older copy of the store lacks.
pub(super) fn lost_error(id: MessageId, row: &MessageRow) -> ActionError {
    let at = Timestamp::from_unix_ms(row.lost_ms);
    let whom = if row.direction == rows::SENT { "submit it again" } else { "its sender was told" };
    let message = format!(
        "the content of message {id} of {at} was lost with the disk of this node, and only its \
         entries were put back: {whom}"
    );
    ActionError::conflict("CONTENT_LOST", message)
}

impl Exchange {
    /// The content of a message; `None` once it was erased, and where it was lost and its row says so.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when it is not there and no commit says that it was erased.
    pub(super) fn content(
        &self,
        id: MessageId,
        row: &MessageRow,
    ) -> Result<Option<pb::MessageBody>, ActionError> {
        if row.lost_ms != 0 {
            return Ok(None);
        }
        let Some(stored) = self.stored(id, row, row.body_slot)? else { return Ok(None) };
        let opened = reopen(&stored, &self.keys.openers()).map_err(ActionError::fault)?;
        Ok(Some(opened.1))
    }

    /// The details of a message; none once they were erased.
    ///
    /// # Errors
    /// As [`Exchange::content`].
    pub(super) fn details(
        &self,
        id: MessageId,
        row: &MessageRow,
    ) -> Result<MessageDetails, ActionError> {
        let Some(slot) = row.details_slot else { return Ok(MessageDetails::default()) };
        let stored = self.stored(id, row, slot)?;
        stored.map_or(Ok(MessageDetails::default()), |stored| rows::decode(&stored))
    }

    /// What is in a slot of a message; `None` once it was erased.
    ///
    /// # Errors
    /// As [`Exchange::content`].
    pub(super) fn stored(
        &self,
        id: MessageId,
        row: &MessageRow,
        slot: u64,
    ) -> Result<Option<Vec<u8>>, ActionError> {
        if row.erased.is_some() {
            return Ok(None);
        }
        if row.lost_ms != 0 {
            return Err(lost_error(id, row));
        }
        let stored = self.store.body(BodySlot(slot));
        let stored = stored
            .map_err(|fault| ActionError::Fault(format!("the content of message {id}: {fault}")))?;
        if stored.is_some() {
            return Ok(stored);
        }
        // The row may have been read a moment before the erasure: then it says so now.
        match rows::message(&self.store, id)? {
            Some(now) if now.erased.is_some() => Ok(None),
            _ => Err(ActionError::Fault(format!(
                "the content of message {id} is missing without an erasure: no entry says that it \
                 was erased"
            ))),
        }
    }
}
