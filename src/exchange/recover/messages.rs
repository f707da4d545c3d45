//! What entries about messages do to their rows.

use prost::Message as _;

use super::{Kept, contradicts};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, Event};
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::cases::between::note_lost;
use crate::exchange::cases::index;
use crate::exchange::erase::erase_content;
use crate::exchange::handover;
use crate::exchange::heads::put_head;
use crate::exchange::pouch::put_back;
use crate::exchange::queue::held_state;
use crate::exchange::record::{learn, leaves_queue};
use crate::exchange::refusals::{note_refusal, refusal_key};
use crate::exchange::rows::{
    ErasureRow, HoldRow, MessageRow, OutboxRow, RECEIVED, ReceiptRow, SENT, head_key, load_in,
    message_in, put_message,
};
use crate::exchange::standing;
use crate::exchange::submit::skip_case_number;
use crate::exchange::{ActionError, annex};
use crate::receipt::Receipt;
use crate::store::{BodySlot, Table, Tx};

impl Kept {
    /// A delivery event: of ours, or a receipt of a peer that was recorded.
    pub(super) fn delivery(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        match (entry.event, entry.is_recorded_receipt()) {
            (_, true) => self.recorded(tx, position, entry),
            (Event::SubmissionAcceptance, _) => {
                skip_case_number(tx, entry.at.year())?;
                let (_, peer) = about(position, entry)?;
                note_lost(tx, &self.home, peer.as_str(), entry.at.year())?;
                self.begins(tx, position, entry, SENT)
            }
            (Event::RelayAcceptance, _) => self.begins(tx, position, entry, RECEIVED),
            (Event::RelayRejection, _) => self.refusal(tx, position, entry),
            (Event::RelayFailure, _) => ends(tx, entry, DeliveryState::ExpiredUnknown),
            (Event::SubmissionRejection, _) => Ok(()),
            (Event::RelayToNonErds | Event::ReceivedFromNonErds, _) => {
                let (id, _) = about(position, entry)?;
                let row = known(tx, position, id)?;
                put_back(tx, (id, &self.me), row, (position, entry))
            }
            _ => self.stated(tx, position, entry),
        }
    }

    /// A message of which only the entry is left.
    fn begins(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
        direction: u32,
    ) -> Result<(), ActionError> {
        let (id, peer) = about(position, entry)?;
        if message_in(tx, id)?.is_some() {
            return Err(contradicts(position, "its message is here already"));
        }
        let state = match direction {
            SENT => DeliveryState::Queued,
            _ => DeliveryState::Relayed,
        };
        let agency = entry.who.as_ref().and_then(|who| self.agencies.get(who));
        let digest = |digest: Option<[u8; 32]>| digest.map(Vec::from).unwrap_or_default();
        let row = MessageRow {
            direction,
            peer: peer.to_string(),
            state: state as i32,
            created_ms: entry.at.unix_ms(),
            envelope_digest: digest(entry.envelope),
            payload_commitment: digest(entry.payload),
            entry_index: position,
            agency: agency.cloned().unwrap_or_default(),
            lost_ms: entry.at.unix_ms().max(1),
            ..MessageRow::default()
        };
        put_message(tx, id, &row);
        Ok(())
    }

    /// A receipt of the peer: the export has its text.
    fn recorded(&self, tx: &mut Tx<'_>, position: u64, entry: &Entry) -> Result<(), ActionError> {
        let (id, peer) = about(position, entry)?;
        let mut row = known(tx, position, id)?;
        let text = entry.receipt.and_then(|digest| self.receipts.get(&digest));
        let text = text.ok_or_else(|| contradicts(position, "the export lacks its receipt"))?;
        let receipt = Receipt::parse(text).map_err(ActionError::fault)?;
        learn(&mut row, entry.event, entry.code.clone());
        row.receipts.push(ReceiptRow {
            event: entry.event.as_str().to_owned(),
            issuer: peer.to_string(),
            at_ms: receipt.facts().entry.at.unix_ms(),
            index: receipt.facts().index,
            text: text.clone(),
            code: entry.code.clone().unwrap_or_default(),
            recorded: position,
        });
        row.receipts.sort_by_key(|receipt| (receipt.at_ms, receipt.index));
        self.holds_head(tx, &peer, &receipt)?;
        leaves_queue(tx, id, &row)?;
        standing::receipted(tx, id, &mut row)?;
        put_message(tx, id, &row);
        Ok(())
    }

    /// What the receipt was under is held of the peer's log again, so that it cannot go back behind
    /// it.
    fn holds_head(
        &self,
        tx: &mut Tx<'_>,
        peer: &AuthorityId,
        receipt: &Receipt,
    ) -> Result<(), ActionError> {
        let origin = receipt.checkpoint().origin;
        let card = self.cards.values().find(|card| card.authority() == peer);
        let keys = card.map(|card| card.log_keys_of(&origin)).unwrap_or_default();
        let key = head_key(&self.home, &origin);
        // Of a log that was begun since, the peer shows the beginning too.
        let known = tx.get(Table::Heads, &key).is_some();
        match SignedCheckpoint::verify(receipt.checkpoint_note(), &keys) {
            Ok(head) if known => put_head(tx, &key, &head),
            _ => Ok(()),
        }
    }

    /// A receipt that this node issued. It is sent once more: nobody knows whether it was.
    fn stated(&self, tx: &mut Tx<'_>, position: u64, entry: &Entry) -> Result<(), ActionError> {
        let (id, _) = about(position, entry)?;
        let mut row = known(tx, position, id)?;
        if let Some(payload) = entry.payload.filter(|_| row.payload_commitment.is_empty()) {
            row.payload_commitment = payload.to_vec();
        }
        if is_opening(entry) {
            self.opens(tx, id, &mut row, entry)?;
        }
        if is_opening(entry) || entry.event == Event::ContentConsignmentFailure {
            tx.delete(Table::Unopened, id.as_bytes());
        }
        if matches!(entry.event, Event::ContentHandover | Event::ContentHandoverFailure) {
            handover::is_over(tx, id, &row);
        }
        // Whoever has taken what is lost here may see that it has.
        if row.agency.is_empty()
            && let Some(name) = entry.who.as_ref().and_then(|who| self.agencies.get(who))
        {
            row.agency.clone_from(name);
            index::note(tx, &self.home, id, &row);
        }
        // Only the first opening of an annex is one that the sender is told of.
        if entry.event == Event::ContentAccessTracking
            && row.has_receipt(entry.event.as_str(), &self.me)
        {
            return Ok(());
        }
        learn(&mut row, entry.event, entry.code.clone());
        row.receipts.push(ReceiptRow {
            event: entry.event.as_str().to_owned(),
            issuer: self.me.to_string(),
            at_ms: entry.at.unix_ms(),
            index: position,
            code: entry.code.clone().unwrap_or_default(),
            ..ReceiptRow::default()
        });
        let outbox = OutboxRow {
            peer: row.peer.clone(),
            message_id: id.as_bytes().to_vec(),
            event: entry.event.as_str().to_owned(),
            entry_index: position,
            created_ms: entry.at.unix_ms(),
            ..OutboxRow::default()
        };
        tx.put(Table::Outbox, &outbox.key(), outbox.encode_to_vec());
        put_message(tx, id, &row);
        Ok(())
    }

    /// It stands in the inbox, unless its content is lost: then its place there stays empty, for what
    /// comes later must not have it.
    fn opens(
        &self,
        tx: &mut Tx<'_>,
        id: MessageId,
        row: &mut MessageRow,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        match self.opened.get(&id) {
            Some(opened) => opened.fill(tx, id, row, &self.home)?,
            None => {
                tx.counter("inbox");
                if row.lost_ms == 0 {
                    tx.erase(BodySlot(row.body_slot));
                    annex::drop_all(tx, row);
                    row.lost_ms = entry.at.unix_ms().max(1);
                }
            }
        }
        Ok(())
    }

    /// A refusal of ours: the same bytes again get the same answer.
    fn refusal(&self, tx: &mut Tx<'_>, position: u64, entry: &Entry) -> Result<(), ActionError> {
        if let (Some(peer), Some(envelope)) = (&entry.peer, &entry.envelope) {
            let key = refusal_key(&self.home, peer, (envelope, entry.message));
            note_refusal(tx, &key, position);
        }
        Ok(())
    }

    /// Withdrawn by its agency, kept back or let go on by an operator.
    pub(super) fn queue(&self, tx: &mut Tx<'_>, entry: &Entry) -> Result<(), ActionError> {
        if entry.event == Event::MessageCancelled {
            return ends(tx, entry, DeliveryState::Cancelled);
        }
        let Some(id) = entry.message else { return Ok(()) };
        let Some(mut row) = message_in(tx, id)? else { return Ok(()) };
        let held = entry.event == Event::MessageHeld;
        if let Some(mut waits) = load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())? {
            waits.held = held;
            tx.put(Table::Outbox, id.as_bytes(), waits.encode_to_vec());
        }
        held_state(&mut row, held);
        put_message(tx, id, &row);
        Ok(())
    }

    pub(super) fn erased(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        let Some(id) = entry.message else { return Ok(()) };
        let mut row = known(tx, position, id)?;
        let code = entry.code.clone().unwrap_or_default();
        let erasure = ErasureRow { at_ms: entry.at.unix_ms(), code, entry_index: position };
        erase_content(tx, &self.home, id, &mut row, erasure)
    }

    pub(super) fn hold(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        let Some(id) = entry.message else { return Ok(()) };
        if entry.event == Event::HoldReleased {
            tx.delete(Table::Holds, id.as_bytes());
            return Ok(());
        }
        let code = entry.code.clone().unwrap_or_default();
        let row = HoldRow { since_ms: entry.at.unix_ms(), code, entry_index: position };
        tx.put(Table::Holds, id.as_bytes(), row.encode_to_vec());
        Ok(())
    }
}

/// Message and peer of a delivery event, which has both.
fn about(position: u64, entry: &Entry) -> Result<(MessageId, AuthorityId), ActionError> {
    let about = entry.message.zip(entry.peer.clone());
    about.ok_or_else(|| contradicts(position, "it names no message or no peer"))
}

fn known(tx: &mut Tx<'_>, position: u64, id: MessageId) -> Result<MessageRow, ActionError> {
    message_in(tx, id)?.ok_or_else(|| contradicts(position, "its message is not here"))
}

fn is_opening(entry: &Entry) -> bool {
    entry.event == Event::ContentConsignment
}

/// A message that waits no more.
fn ends(tx: &mut Tx<'_>, entry: &Entry, state: DeliveryState) -> Result<(), ActionError> {
    let Some(id) = entry.message else { return Ok(()) };
    tx.delete(Table::Outbox, id.as_bytes());
    if let Some(mut row) = message_in(tx, id)? {
        row.learn(state);
        standing::undone(tx, id, &mut row)?;
        if state == DeliveryState::ExpiredUnknown {
            standing::expired(tx, id, &row)?;
        }
        put_message(tx, id, &row);
    }
    Ok(())
}
