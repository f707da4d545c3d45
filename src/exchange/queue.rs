//! The queue as operators and agencies handle it: hold, release, hasten, withdraw.

use prost::Message as _;

use super::agencies::Caller;
use super::outbox::Item;
use super::query::{MessageView, owned};
use super::rows::{self, MessageRow, OutboxRow, SENT, load_in, message_in, put_message};
use super::{ActionError, Exchange, standing};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::delivery::DeliveryState;
use crate::domain::{MessageId, Timestamp};
use crate::store::{Table, Tx};

/// A message that waits, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The message.
    pub message: MessageId,
    /// Whom it is for.
    pub peer: String,
    /// `queued`, `sending`, `held`, or `broken`: this node cannot send it.
    pub state: &'static str,
    /// When it was queued.
    pub created: Timestamp,
    /// When its window ends.
    pub expires: Timestamp,
    /// Tries since this node started.
    pub attempts: u32,
    /// What it waits for where the link is up, or what went wrong last.
    pub trouble: String,
}

impl Waiting {
    fn of(item: &Item) -> Result<Self, ActionError> {
        let state = match item {
            Item { row: OutboxRow { held: true, .. }, .. } => "held",
            Item { broken: true, .. } => "broken",
            Item { in_flight: true, waits, .. } if waits.is_empty() => "sending",
            _ => "queued",
        };
        Ok(Self {
            message: item.row.message()?,
            peer: item.row.peer.clone(),
            state,
            created: Timestamp::from_unix_ms(item.row.created_ms),
            expires: Timestamp::from_unix_ms(item.row.expires_ms),
            attempts: item.attempts,
            trouble: if item.waits.is_empty() { &item.trouble } else { &item.waits }.clone(),
        })
    }
}

impl Exchange {
    /// The messages that wait, oldest first. Receipts of ours wait too, but nobody handles those.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row is damaged.
    pub fn waiting(&self) -> Result<Vec<Waiting>, ActionError> {
        let items = self.outbox.all();
        let mut waiting: Vec<Waiting> = items
            .iter()
            .filter(|item| !item.row.is_receipt())
            .map(Waiting::of)
            .collect::<Result<_, _>>()?;
        waiting.sort_by_key(|item| (item.created, item.message));
        Ok(waiting)
    }

    /// Keeps a queued message back.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when it does not wait.
    pub async fn hold(&self, id: MessageId) -> Result<Waiting, ActionError> {
        self.set_held(id, true).await
    }

    /// Releases a held message, and tries its peer at once.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when it does not wait.
    pub async fn retry(&self, id: MessageId) -> Result<Waiting, ActionError> {
        let waiting = self.set_held(id, false).await?;
        self.outbox.kick(&waiting.peer);
        Ok(waiting)
    }

    async fn set_held(&self, id: MessageId, held: bool) -> Result<Waiting, ActionError> {
        self.check_writable()?;
        let gone =
            move || ActionError::NotFound(format!("message {id} does not wait in the queue"));
        let row = rows::message(&self.store, id)?.ok_or_else(gone)?;
        let peer = self
            .store
            .commit(move |tx| {
                let outbox = load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())?;
                let mut outbox = outbox.ok_or_else(gone)?;
                let message = message_in(tx, id)?.ok_or_else(gone)?;
                // The peer has it; what is awaited is only its answer.
                if held && !message.is_queued() {
                    return Err(gone());
                }
                if outbox.held != held {
                    outbox.held = held;
                    tx.put(Table::Outbox, id.as_bytes(), outbox.encode_to_vec());
                    mark_held(tx, id, held)?;
                }
                Ok::<_, ActionError>(())
            })
            .await
            .map(|_| row.peer)?;
        self.outbox.hold(&peer, id.as_bytes(), held);
        let item = self.outbox.get(&peer, id.as_bytes()).ok_or_else(gone)?;
        Waiting::of(&item)
    }

    /// Withdraws a message that has not begun to leave the queue.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] when it is on its way or further: then a WITHDRAWAL is what is
    /// wanted.
    pub async fn cancel(&self, caller: &Caller, id: MessageId) -> Result<MessageView, ActionError> {
        self.check_writable()?;
        let view = self.view(caller, id, false)?;
        if rows::message(&self.store, id)?.is_none() {
            let draft = self.withdraw_draft(caller, id).await?;
            return self.shown_draft(id, &draft.row, false);
        }
        check_cancellable(&view.row)?;
        // Taken out of memory first: from here on no relay can pick it up.
        let Some(item) = self.outbox.withdraw(&view.row.peer, id.as_bytes()) else {
            return Err(on_its_way());
        };
        let (handle, caller_in) = (self.handle(&caller.name), caller.clone());
        let committed = self.store.commit(move |tx| cancel_in(tx, &caller_in, id, &handle)).await;
        match committed {
            Ok(committed) => self.shown(id, committed.value, false),
            Err(error) => {
                self.outbox.insert(item.row);
                Err(error.into())
            }
        }
    }
}

fn mark_held(tx: &mut Tx<'_>, id: MessageId, held: bool) -> Result<(), ActionError> {
    let Some(mut message) = message_in(tx, id)? else { return Ok(()) };
    let event = if held { Event::MessageHeld } else { Event::MessageReleased };
    held_state(&mut message, held);
    tx.append(EntryDraft::new(event).message(id).peer(message.peer_id()?));
    put_message(tx, id, &message);
    Ok(())
}

/// Between these two states an operator may go back and forth; what a peer proved stays.
pub(super) fn held_state(row: &mut MessageRow, held: bool) {
    if row.is_queued() {
        let state = if held { DeliveryState::Held } else { DeliveryState::Queued };
        row.state = state as i32;
    }
}

fn cancel_in(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: MessageId,
    handle: &str,
) -> Result<MessageRow, ActionError> {
    let row = message_in(tx, id)?.filter(|row| owned(caller, row));
    let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
    check_cancellable(&row)?;
    row.learn(DeliveryState::Cancelled);
    let draft = EntryDraft::new(Event::MessageCancelled)
        .message(id)
        .peer(row.peer_id()?)
        .envelope(row.digest())
        .who(handle);
    tx.append(draft);
    tx.delete(Table::Outbox, id.as_bytes());
    standing::undone(tx, id, &mut row)?;
    put_message(tx, id, &row);
    Ok(row)
}

fn check_cancellable(row: &MessageRow) -> Result<(), ActionError> {
    match (row.direction, row.delivery()) {
        (SENT, DeliveryState::Queued | DeliveryState::Held) => Ok(()),
        (SENT, DeliveryState::Cancelled) => {
            Err(ActionError::conflict("ALREADY_CANCELLED", "the message is cancelled already"))
        }
        (SENT, _) => Err(on_its_way()),
        _ => Err(ActionError::conflict("NOT_SENT", "only what was sent from here is cancelled")),
    }
}

fn on_its_way() -> ActionError {
    ActionError::conflict(
        "NOT_QUEUED",
        "the message is no longer only in the queue: send a WITHDRAWAL in its case",
    )
}
