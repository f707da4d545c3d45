//! What a whole pouch holds goes the way of what comes over the link: the same checks, the same entries,
//! the same answers; only that the answers wait for a road.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;

use super::export::{note_road, road};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::exchange::accept::Accepted;
use crate::exchange::issue::own_entry;
use crate::exchange::record::RecordError;
use crate::exchange::rows::{self, MessageRow, OutboxRow, load_in};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::receipt::Receipt;
use crate::store::{Table, Tx};
use pb::PouchOutcome as Outcome;

/// Not all of the evidence is here; the vault may have said why.
const PACKAGES_MISSING: &str = "PACKAGES_MISSING";
/// What its maker says is not what its maker's log says.
const BAD_LOG_PROOF: &str = "BAD_LOG_PROOF";
/// The log that a message or receipt is under is older in the pouch than what is held of it.
const TOO_OLD: &str = "CHECKPOINT_TOO_OLD";

/// What a whole pouch holds, on its way into the log.
pub(super) struct Taking<'a> {
    pub(super) exchange: &'a Arc<Exchange>,
    pub(super) peer: &'a Peer,
    pub(super) proven: &'a BTreeMap<String, SignedCheckpoint>,
    pub(super) digest: Digest,
}

impl Taking<'_> {
    pub(super) async fn message(
        &self,
        message: pb::PouchMessage,
        left_out: Option<&'static str>,
    ) -> Result<pb::PouchItem, ActionError> {
        let deliver = message.deliver.unwrap_or_default();
        let id = Entry::parse(&deliver.entry).ok().and_then(|entry| entry.message);
        let mut item = pb::PouchItem {
            message_id: id.map(|id| id.to_string()).unwrap_or_default(),
            ..Default::default()
        };
        let was_here = match id {
            Some(id) => rows::message(&self.exchange.store, id)?.is_some(),
            None => false,
        };
        let Some(proven) = self.proven.get(&message.origin) else {
            item.set_outcome(if was_here { Outcome::Known } else { Outcome::Later });
            item.code = if was_here { String::new() } else { TOO_OLD.into() };
            return Ok(item);
        };
        let accepting = self.exchange.accept_by(self.peer, proven, deliver, Some(self.digest));
        let issued = match accepting.await? {
            Accepted::Issued(issued) => issued,
            Accepted::Retry { code, .. } => {
                item.set_outcome(Outcome::Later);
                item.code = left_out.filter(|_| code == PACKAGES_MISSING).unwrap_or(code).into();
                return Ok(item);
            }
        };
        let entry = own_entry(&self.exchange.store, issued.index())?;
        item.set_outcome(match (entry.event, was_here) {
            (Event::RelayAcceptance, true) => Outcome::Known,
            (Event::RelayAcceptance, false) => Outcome::Taken,
            _ => Outcome::Refused,
        });
        item.code = entry.code.clone().unwrap_or_default();
        self.send_back(&entry, issued.index()).await?;
        Ok(item)
    }

    /// Nobody waits on a link for the answer to what came in a pouch: it goes by whichever road is next.
    async fn send_back(&self, entry: &Entry, position: u64) -> Result<(), ActionError> {
        // Of what is not in its maker's log, the id is anybody's; and who made it was told by its pouch.
        let is_answer = entry.code.as_deref() != Some(BAD_LOG_PROOF);
        let Some(id) = entry.message.filter(|_| is_answer) else { return Ok(()) };
        let row = answer(self.peer.authority(), id, (entry.event, entry.at), position);
        let (key, answer) = (row.key(), row.clone());
        let queueing = self.exchange.store.commit(move |tx| {
            let waits = load_in::<OutboxRow>(tx, Table::Outbox, &key)?;
            // Another peer may have been answered about the same id.
            let is_free = waits.is_none_or(|waits| waits.peer == answer.peer);
            if is_free {
                tx.put(Table::Outbox, &key, answer.encode_to_vec());
            }
            Ok::<_, ActionError>(is_free)
        });
        if queueing.await?.value {
            self.exchange.stand_in_queue(row);
        }
        Ok(())
    }

    pub(super) async fn receipt(&self, text: &str) -> Result<pb::PouchItem, ActionError> {
        let mut item = pb::PouchItem::default();
        let refused = |mut item: pb::PouchItem, code: &str| {
            item.set_outcome(Outcome::Refused);
            item.code = code.into();
            Ok(item)
        };
        let Ok(receipt) = Receipt::parse(text) else { return refused(item, "BAD_RECEIPT") };
        let entry = &receipt.facts().entry;
        let id = entry.message;
        item.message_id = id.map(|id| id.to_string()).unwrap_or_default();
        item.event = entry.event.as_str().to_owned();
        let row = match id {
            Some(id) => rows::message(&self.exchange.store, id)?,
            None => None,
        };
        let has = |row: MessageRow| row.has_receipt(&item.event, self.peer.authority());
        let was_here = row.is_some_and(has);
        let Some(proven) = self.proven.get(&receipt.facts().origin) else {
            item.set_outcome(if was_here { Outcome::Known } else { Outcome::Later });
            item.code = if was_here { String::new() } else { TOO_OLD.into() };
            return Ok(item);
        };
        match self.exchange.record(self.peer, text, proven).await {
            Ok(()) => {
                item.set_outcome(if was_here { Outcome::Known } else { Outcome::Taken });
                Ok(item)
            }
            Err(RecordError::Ours(error)) => Err(error),
            Err(error) => refused(item, error.code()),
        }
    }
}

/// Logs that a message that was accepted just now came in a pouch.
pub(in crate::exchange) fn came(
    tx: &mut Tx<'_>,
    id: MessageId,
    mut row: MessageRow,
    me: &AuthorityId,
    pouch: Digest,
) -> Result<(), ActionError> {
    let draft = EntryDraft::new(Event::ReceivedFromNonErds)
        .by(me.clone())
        .peer(row.peer_id()?)
        .message(id)
        .envelope(row.digest())
        .payload(row.payload())
        .document(pouch);
    let index = tx.append(draft);
    let at = tx.at();
    note_road(tx, id, &mut row, road(Event::ReceivedFromNonErds, me, at, index));
    // With it, so that no crash leaves its sender without the answer.
    let answer = answer(&row.peer_id()?, id, (Event::RelayAcceptance, at), row.entry_index);
    tx.put(Table::Outbox, &answer.key(), answer.encode_to_vec());
    Ok(())
}

/// A receipt of ours that waits for a road.
fn answer(
    peer: &AuthorityId,
    id: MessageId,
    (event, at): (Event, Timestamp),
    position: u64,
) -> OutboxRow {
    OutboxRow {
        peer: peer.to_string(),
        message_id: id.as_bytes().to_vec(),
        event: event.as_str().to_owned(),
        entry_index: position,
        created_ms: at.unix_ms(),
        ..OutboxRow::default()
    }
}

/// Puts back what an entry of ours says of the road that a message took. The answer to what came in a
/// pouch is sent once more: nobody knows whether it was.
pub(in crate::exchange) fn put_back(
    tx: &mut Tx<'_>,
    (id, me): (MessageId, &AuthorityId),
    mut row: MessageRow,
    (position, entry): (u64, &Entry),
) -> Result<(), ActionError> {
    note_road(tx, id, &mut row, road(entry.event, me, entry.at, position));
    if entry.event == Event::ReceivedFromNonErds {
        let answer =
            answer(&row.peer_id()?, id, (Event::RelayAcceptance, entry.at), row.entry_index);
        tx.put(Table::Outbox, &answer.key(), answer.encode_to_vec());
    }
    Ok(())
}
