//! Drafts that are not sent: refused, withdrawn, or not looked at in time.

use prost::Message as _;

use super::{Draft, DraftRow, draft_in, ended};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::{MessageId, Reason, Timestamp};
use crate::exchange::agencies::{Caller, Role};
use crate::exchange::packages::free;
use crate::exchange::rows;
use crate::exchange::{ActionError, Exchange};
use crate::store::{BodySlot, Direction, Table, Tx};

/// Its author took it back.
const WITHDRAWN: &str = "WITHDRAWN";
/// Nobody approved it in time.
const NOT_APPROVED: &str = "NOT_APPROVED";
/// What it said is gone with a disk of the node.
const CONTENT_LOST: &str = "CONTENT_LOST";
/// Drafts that are looked at in one piece.
const PAGE: usize = 256;

/// Ends a draft in a commit; gives its row then.
fn end(
    tx: &mut Tx<'_>,
    id: MessageId,
    code: &str,
    by: Option<(&str, &str)>,
) -> Result<DraftRow, ActionError> {
    let mut row = draft_in(tx, id)?;
    if !row.waits() {
        return Err(ended(id, &row));
    }
    let mut entry = EntryDraft::new(Event::DraftRefused).message(id).code(code);
    if let Some((name, handle)) = by {
        entry = entry.who(handle);
        row.refused_by = name.to_owned();
    }
    tx.append(entry);
    if !row.lost {
        tx.erase(BodySlot(row.body_slot));
    }
    row.refused = code.to_owned();
    row.refused_ms = tx.at().unix_ms();
    for package in std::mem::take(&mut row.packages) {
        free(tx, &package, id)?;
    }
    tx.put(Table::Drafts, id.as_bytes(), row.encode_to_vec());
    Ok(row)
}

impl Exchange {
    /// Refuses a draft: it is not sent, and what it says is erased.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] where no such draft is; [`ActionError::Conflict`] with code
    /// `NOT_APPROVED` where it waits no more; [`ActionError::Forbidden`] for whoever may not approve.
    pub async fn refuse_draft(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: &Reason,
    ) -> Result<Draft, ActionError> {
        self.seen_draft(caller, id)?;
        if !caller.roles.contains(&Role::Approve) {
            let message = format!("{} may not approve, and so not refuse", caller.name);
            return Err(ActionError::Forbidden(message));
        }
        self.end_draft(id, reason.as_str().to_owned(), Some(caller)).await
    }

    /// Takes a draft back, as its author or as somebody who sees all cases.
    ///
    /// # Errors
    /// As [`Exchange::refuse_draft`]; [`ActionError::Forbidden`] for anybody else.
    pub(in crate::exchange) async fn withdraw_draft(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<Draft, ActionError> {
        let row = self.seen_draft(caller, id)?;
        if row.agency != caller.name && !caller.all_cases {
            return Err(ActionError::Forbidden(format!("{} did not write it", caller.name)));
        }
        self.end_draft(id, WITHDRAWN.to_owned(), Some(caller)).await
    }

    async fn end_draft(
        &self,
        id: MessageId,
        code: String,
        by: Option<&Caller>,
    ) -> Result<Draft, ActionError> {
        self.check_writable()?;
        let by = by.map(|caller| (caller.name.clone(), self.handle(&caller.name)));
        let ending = self.store.commit(move |tx| {
            let by = by.as_ref().map(|(name, handle)| (name.as_str(), handle.as_str()));
            end(tx, id, &code, by)
        });
        Ok(Draft { id, row: ending.await?.value })
    }

    /// Ends the drafts that nobody approved in time, and those whose content is lost; gives how many.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when store or row are damaged.
    pub(in crate::exchange) async fn end_old_drafts(
        &self,
        now: Timestamp,
    ) -> Result<usize, ActionError> {
        let before = now.plus_ms(-self.settings.approval.wait_ms).unix_ms();
        let (mut over, mut after) = (0, None::<Vec<u8>>);
        loop {
            let from = after.as_deref();
            let page = self.store.scan(Table::Drafts, b"", from, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(over) };
            after = Some(last.clone());
            for (key, row) in &page {
                let row: DraftRow = rows::decode(row)?;
                let code = if row.lost { CONTENT_LOST } else { NOT_APPROVED };
                if row.waits() && (row.lost || row.created_ms < before) {
                    let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
                    over += usize::from(self.ends_by_itself(id, code).await?);
                } else if !row.waits() && row.refused_ms < before {
                    self.forget_refused(key.clone()).await?;
                }
            }
        }
    }

    /// What was refused has been told for as long as a draft waits; the log has it for ever.
    async fn forget_refused(&self, key: Vec<u8>) -> Result<(), ActionError> {
        let forgetting = self.store.commit(move |tx| {
            tx.delete(Table::Drafts, &key);
            Ok::<_, ActionError>(())
        });
        forgetting.await?;
        Ok(())
    }

    /// Whether it still waited.
    async fn ends_by_itself(&self, id: MessageId, code: &str) -> Result<bool, ActionError> {
        match self.end_draft(id, code.to_owned(), None).await {
            Ok(_) => Ok(true),
            // Approved or refused this very moment.
            Err(ActionError::NotFound(_) | ActionError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
