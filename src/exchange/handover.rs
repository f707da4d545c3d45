//! Handing over: an agency confirms that it has what a message carries, or none has by the end of
//! the message's window. Both are receipts that travel back.

use super::agencies::Caller;
use super::consign::{own_receipt, own_receipt_by};
use super::issue::issue_plain;
use super::query::owned;
use super::retention::due;
use super::rows::{MessageRow, OutboxRow, RECEIVED, message_in, put_message};
use super::{ActionError, Exchange};
use crate::audit::entry::Event;
use crate::crypto::Digest;
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, MessageId};
use crate::store::{Direction, Table, Tx};

/// What a message failed of that no agency has confirmed.
const WINDOW_ENDED: &str = "DELIVERY_WINDOW_ENDED";
/// Rows of the schedule with which hand-overs are found; 1 and 2 are retention's.
const AWAITED: u8 = 3;
/// What one round says at most, so that it never keeps the writer from its work for long.
const ROUND_MAX: usize = 100;

impl Exchange {
    /// An agency has what the message carries. A second confirmation changes nothing.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] when what was fetched is not what is there, or the message is not
    /// one that was received and consigned.
    pub async fn confirm(
        &self,
        caller: &Caller,
        id: MessageId,
        digest: Digest,
    ) -> Result<MessageRow, ActionError> {
        self.check_writable()?;
        let (me, caller_name, caller) =
            (self.me.clone(), self.handle(&caller.name), caller.clone());
        let committed = self
            .store
            .commit(move |tx| {
                let row = message_in(tx, id)?.filter(|row| owned(&caller, row));
                let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
                check_confirmable(&row, &digest)?;
                if row.has_receipt(Event::ContentHandover.as_str(), &me) {
                    return Ok((row, None));
                }
                row.learn(DeliveryState::HandedOver);
                is_over(tx, id, &row);
                let outbox = own_receipt_by(
                    tx,
                    &me,
                    id,
                    &mut row,
                    Event::ContentHandover,
                    None,
                    Some(&caller_name),
                )?;
                put_message(tx, id, &row);
                Ok::<_, ActionError>((row, Some(outbox)))
            })
            .await?;
        if let (_, Some(outbox)) = &committed.value
            && issue_plain(&committed).is_some()
        {
            self.outbox.insert(outbox.clone());
        }
        Ok(committed.value.0)
    }

    /// Says of the messages that no agency has confirmed by the end of their windows that they were
    /// not handed over: once of each, a round's worth at most. Gives of how many.
    pub(super) async fn fail_handovers(&self) -> Result<usize, ActionError> {
        let (table, now) = (Table::Schedule, self.now());
        let page = self.store.scan(table, &[AWAITED], None, Direction::Forward, ROUND_MAX)?;
        let mut failed = 0;
        for (key, _) in page {
            let (ends, id) = due(&key)?;
            if ends > now || !self.may_append() {
                break;
            }
            let me = self.me.clone();
            let failing = self.store.commit(move |tx| fail_in(tx, &me, &key, id));
            match failing.await {
                Ok(committed) => {
                    self.send_receipt(&committed);
                    failed += 1;
                }
                // One that is damaged keeps no other waiting.
                Err(error) => tracing::error!(message = %id, %error, "a failed hand-over"),
            }
        }
        Ok(failed)
    }
}

/// Notes that an agency is to confirm a message before its window ends.
pub(super) fn awaits(tx: &mut Tx<'_>, id: MessageId, row: &MessageRow) {
    tx.put(Table::Schedule, &due_key(row, id), Vec::new());
}

/// Notes that one has, or that it was said that none has.
pub(super) fn is_over(tx: &mut Tx<'_>, id: MessageId, row: &MessageRow) {
    tx.delete(Table::Schedule, &due_key(row, id));
}

fn due_key(row: &MessageRow, id: MessageId) -> Vec<u8> {
    let mut key = vec![AWAITED];
    key.extend_from_slice(&row.expires_ms.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

fn fail_in(
    tx: &mut Tx<'_>,
    me: &AuthorityId,
    key: &[u8],
    id: MessageId,
) -> Result<Option<OutboxRow>, ActionError> {
    // Confirmed meanwhile: then nothing failed.
    if tx.get(Table::Schedule, key).is_none() {
        return Ok(None);
    }
    tx.delete(Table::Schedule, key);
    let Some(mut row) = message_in(tx, id)? else { return Ok(None) };
    tracing::warn!(message = %id, "no agency has confirmed a message within its window");
    let event = Event::ContentHandoverFailure;
    let outbox = own_receipt(tx, me, id, &mut row, event, Some(WINDOW_ENDED))?;
    put_message(tx, id, &row);
    Ok(Some(outbox))
}

fn check_confirmable(row: &MessageRow, digest: &Digest) -> Result<(), ActionError> {
    if row.direction != RECEIVED {
        return Err(ActionError::conflict("NOT_RECEIVED", "only what was received is handed over"));
    }
    if !matches!(row.delivery(), DeliveryState::Consigned | DeliveryState::HandedOver) {
        return Err(ActionError::conflict("NOT_CONSIGNED", "the message is not in the inbox"));
    }
    if row.digest() != *digest {
        return Err(ActionError::conflict(
            "DIGEST_MISMATCH",
            "what was fetched is not this message: fetch it again and compare",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
