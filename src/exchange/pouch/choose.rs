//! What of the queue goes into a pouch.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::audit::entry::Event;
use crate::domain::limits::{POUCH_HELD_MAX_BYTES, POUCH_ITEMS_MAX, UNCLAIMED_PER_PEER_MAX};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::exchange::issue::Issued;
use crate::exchange::outbox::{Item, delivery};
use crate::exchange::rows::{self, MessageRow, OutboxRow, shape_of};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use crate::store::vault::PackageShape;
use crate::store::{Head, Position};
use pb::pouch_part::Part;

/// What is chosen for a pouch.
#[derive(Default)]
pub(super) struct Chosen {
    /// Each with the log that it is proved under, and the packages behind it.
    pub(super) parts: Vec<(u32, Part, Vec<PackageShape>)>,
    pub(super) messages: Vec<MessageId>,
    pub(super) contents: pb::PouchContents,
    packages: usize,
    /// Of what must be held by whoever reads it.
    bytes: usize,
}

impl Chosen {
    fn push(&mut self, log: u32, part: Part, packages: Vec<PackageShape>) {
        self.bytes += part.encoded_len();
        self.parts.push((log, part, packages));
    }

    fn note(&mut self, row: &MessageRow, packages: &[PackageShape]) {
        let contents = &mut self.contents;
        contents.messages += 1;
        contents.evidence_bytes += packages.iter().map(|package| package.sealed_bytes).sum::<u64>();
        let ends = Timestamp::from_unix_ms(row.expires_ms).to_string();
        if contents.expire_time.is_empty() || ends < contents.expire_time {
            contents.expire_time = ends;
        }
    }
}

/// What waits, by kind, and what is asked for of it.
fn sorted(
    waiting: Vec<Item>,
    only: &[MessageId],
    peer: &AuthorityId,
) -> Result<[Vec<Item>; 2], ActionError> {
    let (waiting, kept): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|item| !item.row.held && !item.broken);
    let (mut receipts, mut messages): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|item| item.row.is_receipt());
    if only.is_empty() {
        return Ok([messages, receipts]);
    }
    receipts.clear();
    let only: BTreeSet<&[u8]> = only.iter().map(|id| &id.as_bytes()[..]).collect();
    messages.retain(|item| only.contains(item.row.message_id.as_slice()));
    let here: BTreeSet<&[u8]> = messages.iter().map(|m| m.row.message_id.as_slice()).collect();
    if let Some(missing) = only.difference(&here).next() {
        let id = MessageId::from_slice(missing).map_err(ActionError::fault)?;
        if kept.iter().any(|item| item.row.message_id == *missing) {
            return Err(is_held(id));
        }
        return Err(ActionError::NotFound(format!("message {id} does not wait for {peer}")));
    }
    Ok([messages, receipts])
}

/// An operator keeps it back, or this node could not send it.
pub(super) fn is_held(id: MessageId) -> ActionError {
    ActionError::conflict("MESSAGE_HELD", format!("message {id} is held back"))
}

/// Whether a receipt answers a delivery: what its sender waits for.
fn is_answer(row: &OutboxRow) -> bool {
    [Event::RelayAcceptance, Event::RelayRejection].iter().any(|event| row.event == event.as_str())
}

impl Exchange {
    /// Of what waits, or of these messages, what there is room for. Messages that were in no pouch yet
    /// come first, so that the next one goes on where this one ends; of receipts the answers to
    /// deliveries. Each kind has half of the room, and what the other leaves of its half.
    pub(super) fn choose(
        &self,
        peer: &AuthorityId,
        waiting: Vec<Item>,
        only: &[MessageId],
        heads: &[Arc<Head>],
    ) -> Result<Chosen, ActionError> {
        let [mut messages, mut receipts] = sorted(waiting, only, peer)?;
        let packed = |item: &Item| self.was_packed(&item.row);
        messages.sort_by_cached_key(|item| (packed(item), item.row.created_ms, item.row.key()));
        receipts.sort_by_key(|item| (!is_answer(&item.row), item.row.entry_index));
        let half = POUCH_ITEMS_MAX / 2;
        let room = |other: &[Item]| POUCH_ITEMS_MAX - other.len().min(half);
        let rooms = [room(&receipts), room(&messages)];
        let mut chosen = Chosen::default();
        for (items, room) in [messages, receipts].iter().zip(rooms) {
            for (n, item) in items.iter().enumerate() {
                if n < room && chosen.bytes < POUCH_HELD_MAX_BYTES {
                    self.add(&mut chosen, item, heads);
                } else {
                    chosen.contents.left += 1;
                }
            }
        }
        Ok(chosen)
    }

    /// Whether a message went in a pouch before. What cannot be read is found out when it is packed.
    fn was_packed(&self, row: &OutboxRow) -> bool {
        let id = row.message().ok();
        let row = id.and_then(|id| rows::message(&self.store, id).ok().flatten());
        row.is_some_and(|row| row.has_receipt(Event::RelayToNonErds.as_str(), &self.me))
    }

    /// What this node cannot read keeps nothing else from the pouch. Whether the link can send it is for the
    /// link to find out.
    fn add(&self, chosen: &mut Chosen, item: &Item, heads: &[Arc<Head>]) {
        if let Err(error) = self.try_add(chosen, item, heads) {
            tracing::error!(peer = item.row.peer, %error, "something in the queue cannot be packed");
            chosen.contents.left += 1;
        }
    }

    fn try_add(
        &self,
        chosen: &mut Chosen,
        item: &Item,
        heads: &[Arc<Head>],
    ) -> Result<(), ActionError> {
        let log = Position::from_number(item.row.entry_index).log;
        let head = heads.get(log as usize).ok_or_else(|| ActionError::fault("a log is missing"))?;
        if item.row.is_receipt() {
            let issued = Issued::at(item.row.entry_index);
            let (receipt, _) = issued.receipt_under(&self.store, head)?;
            let text = receipt.text().to_owned();
            chosen.contents.receipts += 1;
            chosen.push(log, Part::Receipt(pb::PouchReceipt { text }), Vec::new());
            return Ok(());
        }
        let missing = || ActionError::fault("a queued message is missing from the store");
        let row = rows::message(&self.store, item.row.message()?)?.ok_or_else(missing)?;
        // The peer has it, and only its receipt is awaited.
        if !row.is_queued() {
            return Ok(());
        }
        let packages = row.packages.iter().map(shape_of);
        let packages = packages.collect::<Result<Vec<_>, ActionError>>()?;
        // Whoever reads it has no message for the packages until the end.
        if chosen.packages + packages.len() > UNCLAIMED_PER_PEER_MAX {
            chosen.contents.left += 1;
            return Ok(());
        }
        for package in &packages {
            self.vault.reader(package)?;
        }
        let deliver = Some(delivery(&self.store, &row, head)?);
        let message = pb::PouchMessage { origin: head.checkpoint.origin.clone(), deliver };
        chosen.packages += packages.len();
        chosen.messages.push(item.row.message()?);
        chosen.note(&row, &packages);
        chosen.push(log, Part::Message(message), packages);
        Ok(())
    }
}
