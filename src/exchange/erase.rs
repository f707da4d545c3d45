//! Erasing the content of a message: by an operator, or because its time is over.
//!
//! One commit destroys the keys of what is stored, and logs that, by whom and for which reason. The
//! row keeps what proofs and receipts need: ids, states, times, sizes and digests of ciphertext.
//! Evidence that no other message names is taken out of the vault behind it (`removal`).

use prost::Message as _;

use super::agencies::Caller;
use super::cases::index;
use super::rows::{
    ErasureRow, HoldRow, MessageRow, RemovalRow, load_in, message_in, put_message, shape_of,
};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::HomeKey;
use crate::domain::{MessageId, Reason, Timestamp};
use crate::store::{BodySlot, Table, Tx};

/// A message whose content was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The message.
    pub id: MessageId,
    /// When.
    pub at: Timestamp,
    /// The reason's code.
    pub reason: String,
    /// Index of `erase.body` in our log.
    pub entry: u64,
    /// Evidence packages that it carried.
    pub packages: usize,
    /// It had been erased before, and this call changed nothing.
    pub earlier: bool,
}

impl Erased {
    fn of(id: MessageId, row: &MessageRow, erased: &ErasureRow, earlier: bool) -> Self {
        Self {
            id,
            at: Timestamp::from_unix_ms(erased.at_ms),
            reason: erased.code.clone(),
            entry: erased.entry_index,
            packages: row.packages.len(),
            earlier,
        }
    }
}

impl Exchange {
    /// Erases the content of a message. When this returns, the keys of what is stored here are
    /// overwritten on disk. A second time changes nothing and gives the first answer.
    ///
    /// What the peer holds, what agencies have fetched, and old copies of the slot table are out of
    /// reach.
    ///
    /// # Errors
    /// [`ActionError::NotFound`]; [`ActionError::Conflict`] with code `ON_HOLD`, `STILL_QUEUED` or
    /// `NOT_OPENED`, which says what to do first.
    pub async fn erase(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: Reason,
    ) -> Result<Erased, ActionError> {
        let who = self.handle(&caller.name);
        self.erase_by(Some(who), id, reason).await
    }

    /// The same by nobody: by a rule.
    pub(super) async fn erase_by(
        &self,
        who: Option<String>,
        id: MessageId,
        reason: Reason,
    ) -> Result<Erased, ActionError> {
        self.check_writable()?;
        let home = self.home.clone();
        let committed =
            self.store.commit(move |tx| erase_in(tx, &home, id, &reason, who.as_deref())).await?;
        if committed.value.packages > 0 && !committed.value.earlier {
            self.remover.notify_one();
        }
        Ok(committed.value)
    }
}

/// On the writer's thread: neither a hold nor anything else can come between.
fn erase_in(
    tx: &mut Tx<'_>,
    home: &HomeKey,
    id: MessageId,
    reason: &Reason,
    who: Option<&str>,
) -> Result<Erased, ActionError> {
    let row = message_in(tx, id)?;
    let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
    if let Some(erased) = &row.erased {
        return Ok(Erased::of(id, &row, erased, true));
    }
    check_erasable(tx, id)?;
    let mut draft = EntryDraft::new(Event::EraseBody)
        .code(reason.as_str())
        .message(id)
        .envelope(row.digest())
        .payload(row.payload())
        .peer(row.peer_id()?);
    if let Some(who) = who {
        draft = draft.who(who);
    }
    let entry_index = tx.append(draft);
    let at_ms = tx.at().unix_ms();
    let erased = ErasureRow { at_ms, code: reason.to_string(), entry_index };
    erase_content(tx, home, id, &mut row, erased.clone())?;
    Ok(Erased::of(id, &row, &erased, false))
}

/// Destroys what is stored of a message, and notes in its row that an entry says so.
pub(super) fn erase_content(
    tx: &mut Tx<'_>,
    home: &HomeKey,
    id: MessageId,
    row: &mut MessageRow,
    erased: ErasureRow,
) -> Result<(), ActionError> {
    for facts in &row.packages {
        let removal = RemovalRow { facts: Some(facts.clone()), since_ms: erased.at_ms };
        tx.put(Table::Removals, shape_of(facts)?.name().as_bytes(), removal.encode_to_vec());
    }
    // What was lost has no slot: the number in its row is another's.
    if row.lost_ms == 0 {
        tx.erase(BodySlot(row.body_slot));
    }
    if let Some(slot) = row.details_slot.take() {
        tx.erase(BodySlot(slot));
    }
    for annex in row.annexes.iter_mut().filter(|annex| annex.erased.is_none()) {
        if row.lost_ms == 0 {
            tx.erase(BodySlot(annex.slot));
        }
        annex.erased = Some(erased.clone());
    }
    // To which case it belonged is content too, as far as a row can forget: earlier frames of the
    // journal know it, under the home's key.
    index::forget(tx, home, id, row);
    row.case_id.clear();
    row.request.clear();
    row.erased = Some(erased);
    put_message(tx, id, row);
    Ok(())
}

/// What still needs the content keeps it.
pub(super) fn check_erasable(tx: &mut Tx<'_>, id: MessageId) -> Result<(), ActionError> {
    if let Some(hold) = load_in::<HoldRow>(tx, Table::Holds, id.as_bytes())? {
        let (since, code) = (Timestamp::from_unix_ms(hold.since_ms), hold.code);
        let why = if code.is_empty() { code } else { format!(" ({code})") };
        let message = format!("message {id} is on hold since {since}{why}: release it first");
        return Err(ActionError::conflict("ON_HOLD", message));
    }
    if tx.get(Table::Outbox, id.as_bytes()).is_some() {
        let message = format!(
            "message {id} still waits to be relayed: its agency cancels it, or it is erased once it \
             is delivered or its window has ended"
        );
        return Err(ActionError::conflict("STILL_QUEUED", message));
    }
    if tx.get(Table::Unopened, id.as_bytes()).is_some() {
        let message = format!(
            "message {id} was accepted and is not opened yet: erase it once its sender has the \
             receipt that says whether it could be"
        );
        return Err(ActionError::conflict("NOT_OPENED", message));
    }
    Ok(())
}

#[cfg(test)]
#[path = "erase_tests.rs"]
mod tests;
