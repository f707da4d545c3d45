//! The second official approves: what was read is sealed, signed and sent.

use super::body::from_body;
use super::{draft_in, ended, unknown};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::exchange::agencies::Caller;
use crate::exchange::query::MessageView;
use crate::exchange::rows::{DraftRow, MessageRow};
use crate::exchange::{ActionError, Exchange};
use crate::store::{BodySlot, Table, Tx};

/// That somebody approves a draft.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Approval {
    pub(in crate::exchange) id: MessageId,
    by: String,
    handle: String,
}

impl Approval {
    /// In the commit that submits the message: the draft is one no more, and the log says who
    /// approved which envelope before it says that this was submitted.
    pub(in crate::exchange) fn give(
        self,
        tx: &mut Tx<'_>,
        row: &mut MessageRow,
    ) -> Result<(), ActionError> {
        let draft = draft_in(tx, self.id)?;
        check(&self.by, self.id, &draft)?;
        let envelope: Digest = row.digest();
        let entry = EntryDraft::new(Event::DraftApproved).message(self.id).who(&self.handle);
        tx.append(entry.envelope(envelope));
        tx.erase(BodySlot(draft.body_slot));
        tx.delete(Table::Drafts, self.id.as_bytes());
        row.approved_by = self.by;
        Ok(())
    }
}

/// Whether somebody may approve it now: another than its author, who was given what it says and what
/// goes along. What an annex says its officials alone are given.
fn check(by: &str, id: MessageId, draft: &DraftRow) -> Result<(), ActionError> {
    if !draft.waits() {
        return Err(ended(id, draft));
    }
    if draft.agency == by {
        let message = format!("{by} wrote message {id}: somebody else has to approve it");
        return Err(ActionError::conflict("OWN_DRAFT", message));
    }
    if !draft.readers.iter().any(|reader| reader == by) {
        let message = format!("{by} has not read message {id}: read it, then approve it");
        return Err(ActionError::conflict("NOT_READ", message));
    }
    Ok(())
}

impl Exchange {
    /// Approves a draft that the caller has read, and sends it. A repeat gives what the first has.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] where no such draft waits; [`ActionError::Conflict`] with code
    /// `OWN_DRAFT`, `NOT_READ`, `PACKAGE_NOT_READ`, `NOT_APPROVED` or `AUTHOR_GONE`;
    /// [`ActionError::Invalid`] where it may not be sent any more as it is: then it is refused, and its
    /// author writes another.
    pub async fn approve(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<MessageView, ActionError> {
        self.check_writable()?;
        if let Some(sent) = self.approved_before(caller, id)? {
            return self.shown(id, sent, false);
        }
        let row = self.seen_draft(caller, id)?;
        check(&caller.name, id, &row)?;
        self.check_exhibits(&caller.name, id, &row)?;
        let submission = from_body(&row, &self.draft_body(id, &row)?)?;
        let author = self.author(&row)?;
        let (by, handle) = (caller.name.clone(), self.handle(&caller.name));
        let sent = self.send(&author, &submission, Some(Approval { id, by, handle })).await?;
        let row = crate::exchange::rows::message(&self.store, sent)?.ok_or_else(|| unknown(id))?;
        self.shown(sent, row, false)
    }

    fn check_exhibits(&self, by: &str, id: MessageId, row: &DraftRow) -> Result<(), ActionError> {
        let Some((package, exhibit)) = self.unread_exhibit(by, row)? else { return Ok(()) };
        let message = format!(
            "{by} was not given exhibit {exhibit} of package {package} of message {id} to its end: fetch all of \
             it, then approve it"
        );
        Err(ActionError::conflict("PACKAGE_NOT_READ", message))
    }

    /// The message, where this caller approved it before.
    fn approved_before(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<Option<MessageRow>, ActionError> {
        let row = crate::exchange::rows::message(&self.store, id)?;
        Ok(row.filter(|row| row.approved_by == caller.name))
    }

    /// Who wrote it, with what it may do now.
    fn author(&self, row: &DraftRow) -> Result<Caller, ActionError> {
        let agency = self.agency(&row.agency)?.filter(|agency| !agency.revoked);
        let agency = agency.ok_or_else(|| {
            let message = format!("{} wrote it, which has no access any more", row.agency);
            ActionError::conflict("AUTHOR_GONE", message)
        })?;
        Ok(Caller { name: agency.name, roles: agency.roles, all_cases: agency.all_cases })
    }
}
