//! Holds: what must not be erased, whoever asks for it and whatever the rules say.
//!
//! (Not what keeps a queued message back: that is `Exchange::hold` in `queue`.)

use prost::Message as _;

use super::agencies::Caller;
use super::rows::{self, HoldRow, MessageRow, load_in, message_in};
use super::stored::erased_error;
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::{MessageId, Reason, Timestamp};
use crate::store::{Direction, Table, Tx};

/// A message that must not be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The message.
    pub id: MessageId,
    /// Since when.
    pub since: Timestamp,
    /// The reason's code; empty where none was given.
    pub reason: String,
    /// Index of `hold.set` in our log.
    pub entry: u64,
}

impl Hold {
    fn of(id: MessageId, row: HoldRow) -> Self {
        let since = Timestamp::from_unix_ms(row.since_ms);
        Self { id, since, reason: row.code, entry: row.entry_index }
    }
}

/// What is done to a hold in a commit: by whom, and for which reason.
type Change = fn(&mut Tx<'_>, MessageId, Option<&Reason>, &str) -> Result<Hold, ActionError>;

impl Exchange {
    /// Forbids that a message is erased. The same hold a second time changes nothing; another
    /// reason takes the place of the one before.
    ///
    /// # Errors
    /// [`ActionError::NotFound`]; [`ActionError::Conflict`] with code `ERASED` when it is too late.
    pub async fn set_hold(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: Option<Reason>,
    ) -> Result<Hold, ActionError> {
        self.change_hold(caller, id, reason, set_in).await
    }

    /// Allows it again; gives the hold that has ended.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when the message is not on hold.
    pub async fn release_hold(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: Option<Reason>,
    ) -> Result<Hold, ActionError> {
        self.change_hold(caller, id, reason, release_in).await
    }

    async fn change_hold(
        &self,
        caller: &Caller,
        id: MessageId,
        reason: Option<Reason>,
        change: Change,
    ) -> Result<Hold, ActionError> {
        self.check_writable()?;
        let who = self.handle(&caller.name);
        let committed = self.store.commit(move |tx| change(tx, id, reason.as_ref(), &who)).await?;
        Ok(committed.value)
    }

    /// Up to `limit` messages that are on hold, behind `after`, oldest first.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn holds(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Hold>, ActionError> {
        let after = after.as_ref().map(|id| id.as_bytes().as_slice());
        let rows = self.store.scan(Table::Holds, b"", after, Direction::Forward, limit)?;
        let hold = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            Ok(Hold::of(id, rows::decode(row)?))
        };
        rows.iter().map(hold).collect()
    }
}

fn set_in(
    tx: &mut Tx<'_>,
    id: MessageId,
    reason: Option<&Reason>,
    who: &str,
) -> Result<Hold, ActionError> {
    let message = known(tx, id)?;
    if let Some(erased) = &message.erased {
        return Err(erased_error(id, erased));
    }
    if let Some(held) = load_in::<HoldRow>(tx, Table::Holds, id.as_bytes())?
        && reason.is_none_or(|reason| reason.as_str() == held.code)
    {
        return Ok(Hold::of(id, held));
    }
    let entry_index = log(tx, Event::HoldSet, id, &message, reason, who)?;
    let code = reason.map(Reason::to_string).unwrap_or_default();
    let row = HoldRow { since_ms: tx.at().unix_ms(), code, entry_index };
    tx.put(Table::Holds, id.as_bytes(), row.encode_to_vec());
    Ok(Hold::of(id, row))
}

fn release_in(
    tx: &mut Tx<'_>,
    id: MessageId,
    reason: Option<&Reason>,
    who: &str,
) -> Result<Hold, ActionError> {
    let message = known(tx, id)?;
    let held = load_in::<HoldRow>(tx, Table::Holds, id.as_bytes())?;
    let held = held.ok_or_else(|| ActionError::NotFound(format!("message {id} is not on hold")))?;
    log(tx, Event::HoldReleased, id, &message, reason, who)?;
    tx.delete(Table::Holds, id.as_bytes());
    Ok(Hold::of(id, held))
}

fn known(tx: &mut Tx<'_>, id: MessageId) -> Result<MessageRow, ActionError> {
    message_in(tx, id)?.ok_or_else(|| ActionError::no_message(id))
}

fn log(
    tx: &mut Tx<'_>,
    event: Event,
    id: MessageId,
    row: &MessageRow,
    reason: Option<&Reason>,
    who: &str,
) -> Result<u64, ActionError> {
    let mut draft = EntryDraft::new(event)
        .message(id)
        .envelope(row.digest())
        .payload(row.payload())
        .peer(row.peer_id()?)
        .who(who);
    if let Some(reason) = reason {
        draft = draft.code(reason.as_str());
    }
    Ok(tx.append(draft))
}
