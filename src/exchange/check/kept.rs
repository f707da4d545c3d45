//! What the node keeps of a message, in all the tables that name it.

use crate::crypto::{Digest, HomeKey};
use crate::domain::MessageId;
use crate::exchange::ActionError;
use crate::exchange::cases::index;
use crate::exchange::rows::{MessageRow, OutboxRow, decode};
use crate::store::Table;

/// A message as its rows have it.
pub(super) struct Kept {
    pub(super) row: Option<MessageRow>,
    /// Whether it waits to be relayed, and if so, whether it is kept back.
    pub(super) queued: Option<bool>,
    /// Whether it is still to be opened.
    pub(super) unopened: bool,
    /// Whether it must not be erased.
    pub(super) on_hold: bool,
    /// Whether the inbox has it in the place that its row names.
    pub(super) in_inbox: bool,
    /// Whether the case that its row names is known, and the message as one of it; also where it names
    /// none.
    pub(super) case_known: bool,
}

impl Kept {
    /// `get` reads a row: of the index, or at one moment, in a commit.
    pub(super) fn read(
        home: &HomeKey,
        id: MessageId,
        mut get: impl FnMut(Table, &[u8]) -> Result<Option<Vec<u8>>, ActionError>,
    ) -> Result<Self, ActionError> {
        let key = id.as_bytes();
        let row = get(Table::Messages, key)?.map(|row| decode::<MessageRow>(&row)).transpose()?;
        let queued = get(Table::Outbox, key)?.map(|row| decode::<OutboxRow>(&row)).transpose()?;
        let position = row.as_ref().map_or(0, |row| row.inbox_position);
        Ok(Self {
            queued: queued.map(|queued| queued.held),
            unopened: get(Table::Unopened, key)?.is_some(),
            on_hold: get(Table::Holds, key)?.is_some(),
            in_inbox: get(Table::Inbox, &position.to_be_bytes())?.as_deref() == Some(&key[..]),
            case_known: match row.as_ref().filter(|row| !row.case_id.is_empty()) {
                Some(row) => {
                    let of_case = index::key(&row.case_id, index::ANY, id);
                    let of_side = index::side_key(home, row, index::ANY, id);
                    get(Table::Cases, row.case_id.as_bytes())?.is_some()
                        && get(Table::CaseMessages, &of_case)?.is_some()
                        && get(Table::CaseSides, &of_side)?.is_some()
                }
                None => true,
            },
            row,
        })
    }
}

/// A peer as its row has it.
pub(super) struct KeptPeer {
    pub(super) name: String,
    pub(super) card: Digest,
    pub(super) removed: bool,
    pub(super) suspended: bool,
}

/// What a row of the inbox or a hold names that is not so: what it is, and what differs. `get` as in
/// [`Kept::read`].
pub(super) fn stray(
    table: Table,
    key: &[u8],
    mut get: impl FnMut(Table, &[u8]) -> Result<Option<Vec<u8>>, ActionError>,
) -> Result<Option<(String, String)>, ActionError> {
    // Gone meanwhile.
    let Some(value) = get(table, key)? else { return Ok(None) };
    let id = if table == Table::Inbox { value.as_slice() } else { key };
    let message = get(Table::Messages, id)?.map(|row| decode::<MessageRow>(&row)).transpose()?;
    let id = MessageId::from_slice(id).map_err(ActionError::fault)?;
    Ok(match (table, message) {
        (Table::Inbox, message) => {
            let position = u64::from_be_bytes(key.try_into().map_err(ActionError::fault)?);
            let stands = message.is_some_and(|message| message.inbox_position == position);
            let detail = format!("it has message {id}, whose row does not stand there");
            (!stands).then(|| (format!("inbox position {position}"), detail))
        }
        (_, None) => Some((format!("message {id}"), "it is on hold, and there is no row".into())),
        (_, Some(_)) => None,
    })
}
