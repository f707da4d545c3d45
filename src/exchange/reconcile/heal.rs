//! What can be put right: a lost receipt is recorded or sent again, a lost message queued again.
//! Nothing of it happens twice, however often it is asked for (I5).

use prost::Message as _;

use super::apart::{Action, Difference};
use super::fetch::From;
use super::round::Round;
use crate::audit::reconcile::{Class, Which};
use crate::domain::MessageId;
use crate::domain::delivery::DeliveryState;
use crate::exchange::rows::{OutboxRow, RECEIVED, SENT, load_in, message_in};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::receipt::Receipt;
use crate::store::{Position, Table};

impl Round<'_> {
    /// Does about a difference what can be done.
    pub(super) async fn heal(&self, found: &mut Difference) {
        let ours = found.item.sender == Some(Which::A);
        let done = match (found.item.class, found.item.message) {
            (Class::LostReceipt | Class::ReceiptInTransit, Some(_)) if ours => {
                self.record(found).await
            }
            (Class::LostReceipt, Some(id)) => self.send_receipt_again(id, found).await,
            (Class::InFlight | Class::Overdue, Some(id)) if ours => self.queue_again(id).await,
            _ => Ok(Action::None),
        };
        found.action = done.unwrap_or_else(|error| {
            let (peer, class) = (self.peer.authority(), found.class());
            tracing::warn!(%peer, class, %error, "a difference cannot be put right");
            Action::Failed(error.to_string())
        });
    }

    /// The peer's entry with its proof is the receipt.
    async fn record(&self, found: &Difference) -> Result<Action, ActionError> {
        let (Some(number), Some(index)) = (found.number, found.item.b) else {
            return Ok(Action::None);
        };
        let Some(under) = self.logs.get(Position::from_number(index).log as usize) else {
            return Ok(Action::None);
        };
        let from = From { number, index: 0 };
        let page = self.fetch().page(under, from, 1).await;
        let page = page.map_err(|error| ActionError::Unavailable(error.to_string()))?;
        let Some(proven) = page.into_iter().next() else {
            return Ok(Action::Failed("the peer does not show the entry again".into()));
        };
        let receipt = Receipt::new(&proven.bytes, proven.index, proven.inclusion, under.to_note());
        let receipt = receipt.map_err(ActionError::fault)?;
        let recorded = self.exchange.record_found(self.peer, &receipt, under.clone()).await;
        match recorded {
            Ok(()) => Ok(Action::Done("recorded")),
            Err(error) => Ok(Action::Failed(error.to_string())),
        }
    }

    /// Our receipt goes to the peer once more.
    async fn send_receipt_again(
        &self,
        id: MessageId,
        found: &Difference,
    ) -> Result<Action, ActionError> {
        let (Some(entry_index), Some(event)) = (found.item.a, found.event()) else {
            return Ok(Action::None);
        };
        let row = OutboxRow {
            peer: self.peer.authority().to_string(),
            message_id: id.as_bytes().to_vec(),
            event: event.to_owned(),
            entry_index,
            held: false,
            expires_ms: 0,
            created_ms: self.exchange.now().unix_ms(),
        };
        let queued = self.exchange.queue_receipt(self.peer, id, row).await?;
        Ok(if queued { Action::Done("sent again") } else { Action::None })
    }

    /// What waits is hastened; what waits nowhere is queued again.
    async fn queue_again(&self, id: MessageId) -> Result<Action, ActionError> {
        let queued = self.exchange.queue_message(self.peer, id).await?;
        self.exchange.kick_peer(self.peer.authority());
        Ok(match queued {
            Queued::Waits => Action::Done("waits in the queue"),
            Queued::Again => Action::Done("queued again"),
            Queued::Ended => Action::None,
        })
    }
}

/// What became of queueing a message.
enum Queued {
    Waits,
    Again,
    /// It is not to be sent any more, or the peer's answer has just come.
    Ended,
}

impl Exchange {
    /// A receipt that we have issued and a peer has not recorded, if the message is one of that
    /// peer's.
    async fn queue_receipt(
        &self,
        peer: &Peer,
        id: MessageId,
        row: OutboxRow,
    ) -> Result<bool, ActionError> {
        let name = peer.authority().to_string();
        let done = self.store.commit(move |tx| {
            let message = message_in(tx, id)?;
            if message.is_none_or(|m| m.direction != RECEIVED || m.peer != name) {
                return Ok(None);
            }
            let known = load_in::<OutboxRow>(tx, Table::Outbox, &row.key())?;
            if known.is_none() {
                tx.put(Table::Outbox, &row.key(), row.encode_to_vec());
            }
            Ok::<_, ActionError>(Some(known.unwrap_or(row)))
        });
        let Some(row) = done.await?.value else { return Ok(false) };
        self.stand_in_queue(row);
        Ok(true)
    }

    /// A message of ours that the peer's log has nothing of. A repeat is accepted once (I5).
    async fn queue_message(&self, peer: &Peer, id: MessageId) -> Result<Queued, ActionError> {
        let (name, now) = (peer.authority().to_string(), self.now().unix_ms());
        let done = self.store.commit(move |tx| {
            let Some(message) = message_in(tx, id)? else { return Ok(None) };
            let ours = message.direction == SENT && message.peer == name;
            if !message.is_queued()
                || !ours
                || message.expires_ms <= now
                || message.erased.is_some()
            {
                return Ok(None);
            }
            if let Some(known) = load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())? {
                return Ok(Some((known, true)));
            }
            let row = OutboxRow {
                peer: message.peer.clone(),
                message_id: id.as_bytes().to_vec(),
                event: String::new(),
                entry_index: message.entry_index,
                held: message.delivery() == DeliveryState::Held,
                expires_ms: message.expires_ms,
                created_ms: message.created_ms,
            };
            tx.put(Table::Outbox, &row.key(), row.encode_to_vec());
            Ok::<_, ActionError>(Some((row, false)))
        });
        let Some((row, known)) = done.await?.value else { return Ok(Queued::Ended) };
        self.stand_in_queue(row);
        Ok(if known { Queued::Waits } else { Queued::Again })
    }

    /// What has a row must stand in memory too: nothing else sends it before the next start.
    pub(in crate::exchange) fn stand_in_queue(&self, row: OutboxRow) {
        if self.outbox.get(&row.peer, &row.key()).is_none() {
            self.outbox.insert_again(row);
        }
    }
}
