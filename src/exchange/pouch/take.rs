//! What a whole pouch holds goes the way of what comes over the link: the same checks, the same entries,
//! the same answers; only that the answers wait for a road.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;

use super::export::{note_road, road};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::accept::Accepted;
use crate::exchange::issue::own_entry;
use crate::exchange::record::RecordError;
use crate::exchange::rows::{self, MessageRow, OutboxRow};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::receipt::Receipt;
use crate::store::{Table, Tx};
use pb::PouchOutcome as Outcome;

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
                item.code = code.into();
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
        let Some(id) = entry.message else { return Ok(()) };
        let row = answer(self.peer.authority(), id, entry, position);
        let (key, bytes) = (row.key(), row.encode_to_vec());
        let queueing = self.exchange.store.commit(move |tx| {
            tx.put(Table::Outbox, &key, bytes);
            Ok::<_, ActionError>(())
        });
        queueing.await?;
        self.exchange.outbox.insert(row);
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
    let road = road(Event::ReceivedFromNonErds, me, tx.at(), index);
    note_road(tx, id, &mut row, road);
    Ok(())
}

/// A receipt of ours that waits for a road.
fn answer(peer: &AuthorityId, id: MessageId, entry: &Entry, position: u64) -> OutboxRow {
    OutboxRow {
        peer: peer.to_string(),
        message_id: id.as_bytes().to_vec(),
        event: entry.event.as_str().to_owned(),
        entry_index: position,
        created_ms: entry.at.unix_ms(),
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
        let accepted = Entry { event: Event::RelayAcceptance, ..entry.clone() };
        let answer = answer(&row.peer_id()?, id, &accepted, row.entry_index);
        tx.put(Table::Outbox, &answer.key(), answer.encode_to_vec());
    }
    Ok(())
}
