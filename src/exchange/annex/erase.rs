//! Erasing an annex by itself: its slot is overwritten, and with it the sealed text and all parts of
//! its key. Message, receipts and proofs stay as they are.

use super::named;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::domain::{AnnexId, MessageId, Reason, Timestamp};
use crate::exchange::erase::check_erasable;
use crate::exchange::rows::{ErasureRow, message_in, put_message};
use crate::exchange::{ActionError, Caller, Exchange};
use crate::store::{BodySlot, Tx};

/// An annex that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedAnnex {
    /// The message that it went with.
    pub message: MessageId,
    /// The annex.
    pub annex: AnnexId,
    /// When.
    pub at: Timestamp,
    /// The reason's code.
    pub reason: String,
    /// Index of `erase.annex` in our log, or of `erase.body` where the message was erased.
    pub entry: u64,
    /// It had been erased before, and this call changed nothing.
    pub earlier: bool,
}

impl Exchange {
    /// Erases an annex. When this returns, its key is overwritten on disk. A second time changes
    /// nothing and gives the first answer.
    ///
    /// What the other side holds, what officials have opened, and old copies of the slot table are
    /// out of reach.
    ///
    /// # Errors
    /// [`ActionError::NotFound`]; [`ActionError::Conflict`] with code `ON_HOLD`, `STILL_QUEUED` or
    /// `NOT_OPENED`, as for a message.
    pub async fn erase_annex(
        &self,
        caller: &Caller,
        id: MessageId,
        annex: Option<AnnexId>,
        reason: Reason,
    ) -> Result<ErasedAnnex, ActionError> {
        self.check_writable()?;
        let who = self.handle(&caller.name);
        let erasing = self.store.commit(move |tx| erase_in(tx, id, annex, &reason, &who));
        Ok(erasing.await?.value)
    }
}

fn erase_in(
    tx: &mut Tx<'_>,
    id: MessageId,
    annex: Option<AnnexId>,
    reason: &Reason,
    who: &str,
) -> Result<ErasedAnnex, ActionError> {
    let row = message_in(tx, id)?;
    let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
    let (at, annex) = named(id, &row, annex)?;
    let told = |erased: &ErasureRow, earlier| ErasedAnnex {
        message: id,
        annex,
        at: Timestamp::from_unix_ms(erased.at_ms),
        reason: erased.code.clone(),
        entry: erased.entry_index,
        earlier,
    };
    if let Some(erased) = &row.annexes[at].erased {
        return Ok(told(erased, true));
    }
    check_erasable(tx, id)?;
    let digest = row.annexes[at].digest.as_slice().try_into().map_err(ActionError::fault)?;
    let draft = EntryDraft::new(Event::EraseAnnex)
        .code(reason.as_str())
        .message(id)
        .document(digest)
        .envelope(row.digest())
        .payload(row.payload())
        .peer(row.peer_id()?)
        .who(who);
    let entry_index = tx.append(draft);
    let erased = ErasureRow { at_ms: tx.at().unix_ms(), code: reason.to_string(), entry_index };
    tx.erase(BodySlot(row.annexes[at].slot));
    row.annexes[at].erased = Some(erased.clone());
    put_message(tx, id, &row);
    Ok(told(&erased, false))
}

/// What an entry says that is put back into the log of an older copy: the annex is there again.
pub(in crate::exchange) fn recover_erased(
    tx: &mut Tx<'_>,
    position: u64,
    entry: &Entry,
) -> Result<(), ActionError> {
    let Some((id, digest)) = entry.message.zip(entry.document) else { return Ok(()) };
    // Of a message that came since the copy was made, the annexes are lost with its content.
    let Some(mut row) = message_in(tx, id)? else { return Ok(()) };
    let code = entry.code.clone().unwrap_or_default();
    let erased = ErasureRow { at_ms: entry.at.unix_ms(), code, entry_index: position };
    let kept = row.annexes.iter_mut();
    for annex in kept.filter(|annex| annex.digest == digest && annex.erased.is_none()) {
        tx.erase(BodySlot(annex.slot));
        annex.erased = Some(erased.clone());
    }
    put_message(tx, id, &row);
    Ok(())
}
