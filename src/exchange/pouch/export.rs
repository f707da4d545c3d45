//! Packing: what waits for a peer, sealed to it, part by part as it is read.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::logs::log_parts;
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::limits::{POUCH_HELD_MAX_BYTES, POUCH_ITEMS_MAX};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::pouch::{PouchHead, PouchSealer};
use crate::exchange::issue::Issued;
use crate::exchange::outbox::{Item, delivery};
use crate::exchange::packages::PackageParts;
use crate::exchange::pieces::piece;
use crate::exchange::rows::{
    self, MessageRow, OutboxRow, ReceiptRow, message_in, put_message, shape_of,
};
use crate::exchange::{ActionError, Caller, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::vault::PackageShape;
use crate::store::{Head, Position, Table, Tx};
use pb::pouch_part::Part;

/// Sealed bytes that are made before they are handed over.
const AHEAD_BYTES: usize = 1 << 20;

/// What was read is not there, or not as it was written: an operator has to look.
pub(super) fn damaged(what: &str) -> ActionError {
    ActionError::Fault(what.to_owned())
}

/// What comes next in a pouch.
enum Step {
    Part(Box<Part>),
    Package(PackageShape),
}

/// What is chosen for a pouch.
#[derive(Default)]
struct Chosen {
    parts: Vec<(u32, Part, Vec<PackageShape>)>,
    messages: Vec<MessageId>,
    contents: pb::PouchContents,
}

/// A pouch that is being made.
pub struct Packing {
    exchange: Arc<Exchange>,
    who: String,
    peer: AuthorityId,
    messages: Vec<MessageId>,
    contents: pb::PouchContents,
    first: Option<Bytes>,
    steps: VecDeque<Step>,
    package: Option<PackageParts>,
    sealer: PouchSealer,
}

impl Packing {
    /// Chooses what goes into a pouch: of what waits for a peer, or of these messages. Messages first,
    /// oldest first, then receipts, newest first: what was in an earlier pouch may be in it again.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for an authority or a message that is not there,
    /// [`ActionError::Conflict`] where the peer is suspended or nothing waits for it.
    pub async fn begin(
        exchange: &Arc<Exchange>,
        caller: &Caller,
        authority: &AuthorityId,
        only: Vec<MessageId>,
    ) -> Result<Self, ActionError> {
        exchange.check_writable()?;
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = exchange.directory.get(authority).ok_or_else(unknown)?;
        if peer.suspended.is_some() {
            let message = format!("trust in {authority} rests: resume it first");
            return Err(ActionError::conflict("PEER_SUSPENDED", message));
        }
        let (exchange, who) = (exchange.clone(), exchange.handle(&caller.name));
        piece(move || exchange.pack(who, &peer, &only)).await
    }

    /// What is in it.
    pub fn contents(&self) -> &pb::PouchContents {
        &self.contents
    }

    /// The next bytes of the file; `None` before its last chunk.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the vault cannot be read.
    pub async fn next(mut self) -> Result<(Self, Option<Bytes>), ActionError> {
        piece(move || {
            let mut bytes = self.first.take().map(|first| first.to_vec()).unwrap_or_default();
            while bytes.len() < AHEAD_BYTES {
                let Some(part) = self.next_part()? else { break };
                let sealed = self.sealer.part(&pb::PouchPart { part: Some(part) });
                sealed.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
            }
            let bytes = (!bytes.is_empty()).then(|| Bytes::from(bytes));
            Ok((self, bytes))
        })
        .await
    }

    fn next_part(&mut self) -> Result<Option<Part>, ActionError> {
        loop {
            if let Some(package) = &mut self.package {
                if let Some(part) = package.next()? {
                    return Ok(Some(Part::Package(part)));
                }
                self.package = None;
            }
            match self.steps.pop_front() {
                None => return Ok(None),
                Some(Step::Part(part)) => return Ok(Some(*part)),
                Some(Step::Package(shape)) => {
                    let reader = self.exchange.vault.reader(&shape)?;
                    let none = pb::PackageProgress::default();
                    self.package = Some(PackageParts::new(reader, shape, &none));
                }
            }
        }
    }

    /// Logs that the messages went, and gives the last bytes: without them the file does not open, so
    /// nothing arrives by it that the log does not have (I1).
    ///
    /// # Errors
    /// [`ActionError`], and the pouch is none.
    pub async fn finish(self) -> Result<Bytes, ActionError> {
        let Self { exchange, who, peer, messages, sealer, .. } = self;
        let (last, digest) = sealer.finish();
        let me = exchange.me.clone();
        let logging = exchange.store.commit(move |tx| {
            for id in &messages {
                let draft = EntryDraft::new(Event::RelayToNonErds)
                    .by(me.clone())
                    .peer(peer.clone())
                    .message(*id)
                    .document(digest)
                    .who(&who);
                went(tx, *id, &me, draft)?;
            }
            Ok::<_, ActionError>(())
        });
        logging.await?;
        Ok(last)
    }
}

/// A message that still waits went; one that was delivered meanwhile needs no road any more.
fn went(
    tx: &mut Tx<'_>,
    id: MessageId,
    me: &AuthorityId,
    draft: EntryDraft,
) -> Result<(), ActionError> {
    let waits = tx.get(Table::Outbox, id.as_bytes()).is_some();
    let Some(mut row) = message_in(tx, id)?.filter(|row| waits && row.is_queued()) else {
        return Ok(());
    };
    let index = tx.append(draft.envelope(row.digest()).payload(row.payload()));
    let road = road(Event::RelayToNonErds, me, tx.at(), index);
    note_road(tx, id, &mut row, road);
    Ok(())
}

/// Notes in the row of a message that it went or came in a pouch; of several, the last.
pub(in crate::exchange) fn note_road(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
    road: ReceiptRow,
) {
    row.receipts.retain(|receipt| receipt.event != road.event);
    row.receipts.push(road);
    put_message(tx, id, row);
}

/// A receipt of ours of the road that a message took.
pub(in crate::exchange) fn road(
    event: Event,
    me: &AuthorityId,
    at: Timestamp,
    index: u64,
) -> ReceiptRow {
    ReceiptRow {
        event: event.as_str().to_owned(),
        issuer: me.to_string(),
        at_ms: at.unix_ms(),
        index,
        ..ReceiptRow::default()
    }
}

impl Exchange {
    fn pack(
        self: &Arc<Self>,
        who: String,
        peer: &Peer,
        only: &[MessageId],
    ) -> Result<Packing, ActionError> {
        let heads = self.heads_now()?;
        let chosen = self.choose(peer.authority(), only, &heads)?;
        let Chosen { mut parts, messages, contents } = chosen;
        if parts.is_empty() {
            let message =
                format!("nothing waits for {} that a pouch could carry", peer.authority());
            return Err(ActionError::conflict("NOTHING_WAITS", message));
        }
        let recorded = self.recorded_of(peer.authority(), &heads)?;
        parts.extend(recorded.into_iter().map(|(log, part)| (log, part, Vec::new())));
        let held = self.held_at_least(peer.authority())?;
        let first = parts.iter().map(|(log, ..)| *log).min().unwrap_or(0).min(held.log);
        let logs = log_parts(&self.store, held, &heads[first as usize..])?;
        let mut steps: VecDeque<Step> = logs.into_iter().map(Step::of).collect();
        for (_, part, packages) in parts {
            steps.push_back(Step::of(part));
            steps.extend(packages.into_iter().map(Step::Package));
        }
        let now = self.now();
        let (sender, recipient) = (self.me.clone(), peer.authority().clone());
        let head = PouchHead { sender, recipient, created: now };
        let keys = peer.card.sealing_keys(now);
        let sealing = PouchSealer::new(&head, &keys.iter().collect::<Vec<_>>());
        let (sealer, first) =
            sealing.map_err(|error| ActionError::conflict("NO_SEALING_KEY", error.to_string()))?;
        Ok(Packing {
            exchange: self.clone(),
            who,
            peer: peer.authority().clone(),
            messages,
            contents,
            first: Some(first),
            steps,
            package: None,
            sealer,
        })
    }

    /// The heads of all our logs, by their number.
    fn heads_now(&self) -> Result<Vec<Arc<Head>>, ActionError> {
        let newest = self.store.head();
        let lost = || damaged("how a log ended is not known");
        let earlier = (0..newest.log).map(|log| self.store.head_of(log).ok_or_else(lost));
        earlier.chain([Ok(newest.clone())]).collect()
    }

    fn choose(
        &self,
        peer: &AuthorityId,
        only: &[MessageId],
        heads: &[Arc<Head>],
    ) -> Result<Chosen, ActionError> {
        let (mut messages, mut receipts) = (Vec::new(), Vec::new());
        for item in self.outbox.of(peer) {
            match item.row.is_receipt() {
                _ if item.row.held || item.broken => {}
                true => receipts.push(item),
                false => messages.push(item),
            }
        }
        if !only.is_empty() {
            receipts.clear();
            let only: BTreeSet<&[u8]> = only.iter().map(|id| &id.as_bytes()[..]).collect();
            messages.retain(|item| only.contains(item.row.message_id.as_slice()));
            if let Some(missing) =
                only.iter().find(|id| messages.iter().all(|m| m.row.message_id != **id))
            {
                let id = MessageId::from_slice(missing).map_err(ActionError::fault)?;
                return Err(ActionError::NotFound(format!(
                    "message {id} does not wait for {peer}"
                )));
            }
        }
        messages.sort_by_key(|item| (item.row.created_ms, item.row.key()));
        receipts.sort_by_key(|item| std::cmp::Reverse(item.row.entry_index));
        let mut choosing = Choosing::default();
        for item in messages.iter().chain(&receipts) {
            if choosing.has_room() {
                choosing.add(self, item, heads)?;
            } else {
                choosing.chosen.contents.left += 1;
            }
        }
        Ok(choosing.chosen)
    }

    /// A message as it would go over the link, and its packages; `None` where the peer has it, and only
    /// its receipt is awaited.
    fn packed_message(
        &self,
        item: &OutboxRow,
        head: &Head,
    ) -> Result<Option<(pb::PouchMessage, MessageRow)>, ActionError> {
        let missing = || damaged("a queued message is missing from the store");
        let row = rows::message(&self.store, item.message()?)?.ok_or_else(missing)?;
        if !row.is_queued() {
            return Ok(None);
        }
        let deliver = delivery(&self.store, &row, head)?;
        let origin = head.checkpoint.origin.clone();
        Ok(Some((pb::PouchMessage { origin, deliver: Some(deliver) }, row)))
    }
}

impl Step {
    fn of(part: Part) -> Self {
        Self::Part(Box::new(part))
    }
}

/// What was chosen so far, and how much of it must be held by whoever reads it.
#[derive(Default)]
struct Choosing {
    chosen: Chosen,
    bytes: usize,
}

impl Choosing {
    fn has_room(&self) -> bool {
        self.chosen.parts.len() < POUCH_ITEMS_MAX && self.bytes < POUCH_HELD_MAX_BYTES
    }

    fn add(
        &mut self,
        exchange: &Exchange,
        item: &Item,
        heads: &[Arc<Head>],
    ) -> Result<(), ActionError> {
        let log = Position::from_number(item.row.entry_index).log;
        let head = heads.get(log as usize).ok_or_else(|| damaged("a log is missing"))?;
        let contents = &mut self.chosen.contents;
        let (part, packages) = match item.row.is_receipt() {
            true => {
                let issued = Issued::at(item.row.entry_index);
                let (receipt, _) = issued.receipt_under(&exchange.store, head)?;
                contents.receipts += 1;
                let text = receipt.text().to_owned();
                (Part::Receipt(pb::PouchReceipt { text }), Vec::new())
            }
            false => {
                let Some((message, row)) = exchange.packed_message(&item.row, head)? else {
                    return Ok(());
                };
                // From here on it may arrive: it cannot be taken out of the queue any more.
                if !exchange.outbox.begin(&item.row.peer, &item.row.key()) {
                    return Ok(());
                }
                let packages = row.packages.iter().map(shape_of);
                let packages = packages.collect::<Result<Vec<_>, ActionError>>()?;
                contents.messages += 1;
                contents.evidence_bytes +=
                    packages.iter().map(|package| package.sealed_bytes).sum::<u64>();
                let ends = Timestamp::from_unix_ms(row.expires_ms).to_string();
                if contents.expire_time.is_empty() || ends < contents.expire_time {
                    contents.expire_time = ends;
                }
                self.chosen.messages.push(item.row.message()?);
                (Part::Message(message), packages)
            }
        };
        self.bytes += prost::Message::encoded_len(&pb::PouchPart { part: Some(part.clone()) });
        self.chosen.parts.push((log, part, packages));
        Ok(())
    }
}
