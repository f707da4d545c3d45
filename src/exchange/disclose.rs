//! Disclosing: the content of one message, for an auditor who is to tie the log to a case.
//!
//! It takes two rights, and neither is enough: whoever audits may not read, and whoever reads may
//! not speak for the log. The disclosure is an entry of its own, durable before anything is given
//! out: nothing leaves a node that is not in its own log.

use prost::Message as _;
use zeroize::Zeroizing;

use super::access::forget_other_days;
use super::query::owned;
use super::rows::{AccessRow, MessageRow, message_in};
use super::standing::REQUEST_UNKNOWN;
use super::stored::erased_error;
use super::{ActionError, Caller, Exchange, Role};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::domain::request::Handling;
use crate::envelope::{Revealed, reveal};
use crate::store::Table;

/// Why the log says that content was given out.
const CODE: &str = "DISCLOSED_TO_AUDITOR";

/// What is disclosed. Has no `Debug`: it holds plaintext (I6).
pub struct Disclosed {
    /// The message.
    pub message: MessageId,
    /// The case that its body names; empty where it names none.
    pub case_id: String,
    /// SHA-256 of its envelope.
    pub envelope: Digest,
    /// The salt of the commitment.
    pub salt: Digest,
    /// The bytes that were sealed.
    pub body: Zeroizing<Vec<u8>>,
    /// What it answers is not of the request that the body names.
    pub request_unknown: bool,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
}

impl Exchange {
    /// Gives the content of a message with what proves it, and logs that: once a day for each, as other
    /// accesses, so that whoever asks again and again fills no log.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] unless the caller both audits and reads;
    /// [`ActionError::NotFound`] also for what it may not see; [`ActionError::Conflict`] with code
    /// `ERASED` where the content is gone.
    pub async fn disclose(&self, caller: &Caller, id: MessageId) -> Result<Disclosed, ActionError> {
        for role in [Role::Audit, Role::Read] {
            if !caller.roles.contains(&role) {
                let message = format!(
                    "{} does not have the role {role}: disclosing takes the roles audit and read",
                    caller.name
                );
                return Err(ActionError::Forbidden(message));
            }
        }
        self.check_writable()?;
        let row = self.view(caller, id, false)?.row;
        if !owned(caller, &row) {
            return Err(ActionError::no_message(id));
        }
        let stored = self.stored(id, &row, row.body_slot)?.ok_or_else(|| gone(id, &row))?;
        let revealed = reveal(&stored, &self.keys.openers()).map_err(ActionError::fault)?;
        let case_id = revealed.body().map_err(ActionError::fault)?.case_id;
        self.log_disclosure(caller, id, &row).await?;
        let Revealed { salt, plaintext, .. } = revealed;
        Ok(Disclosed {
            message: id,
            case_id,
            envelope: row.digest(),
            salt,
            body: plaintext,
            request_unknown: row.move_notice == REQUEST_UNKNOWN,
            in_reply_to: MessageId::from_slice(&row.in_reply_to).ok(),
        })
    }

    async fn log_disclosure(
        &self,
        caller: &Caller,
        id: MessageId,
        row: &MessageRow,
    ) -> Result<(), ActionError> {
        let child = row.handling == Handling::ProtectedChild as i32;
        let key = self.disclosure_key(caller, id, child);
        let (who, caller) = (self.handle(&caller.name), caller.clone());
        self.store
            .commit(move |tx| {
                let row = message_in(tx, id)?.filter(|row| owned(&caller, row));
                let row = row.ok_or_else(|| ActionError::no_message(id))?;
                // Erased since it was read.
                if row.erased.is_some() {
                    return Err(gone(id, &row));
                }
                if tx.get(Table::Access, &key).is_none() {
                    forget_other_days(tx, &key);
                    let draft = EntryDraft::new(Event::AccessExported).message(id).who(&who);
                    let entry_index = tx.append(draft.peer(row.peer_id()?).code(CODE));
                    tx.put(Table::Access, &key, AccessRow { entry_index }.encode_to_vec());
                }
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }
}

fn gone(id: MessageId, row: &MessageRow) -> ActionError {
    erased_error(id, &row.erased.clone().unwrap_or_default())
}
