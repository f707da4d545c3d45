//! Packing: what waits for a peer, sealed to it, part by part as it is read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::choose::{Chosen, is_held};
use super::logs::log_parts;
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::pouch::{PouchHead, PouchSealer};
use crate::exchange::packages::PackageParts;
use crate::exchange::pieces::piece;
use crate::exchange::rows::{MessageRow, OutboxRow, ReceiptRow, load_in, message_in, put_message};
use crate::exchange::suspend::Trust;
use crate::exchange::{ActionError, Caller, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::vault::PackageShape;
use crate::store::{Head, Table, Tx};
use pb::pouch_part::Part;

/// Messages that are logged in one commit: a commit stages so many rows at most.
const MESSAGES_AT_ONCE: usize = 100;
/// Sealed bytes that are made before they are handed over.
const AHEAD_BYTES: usize = 1 << 20;

/// What comes next in a pouch.
enum Step {
    Part(Box<Part>),
    Package(PackageShape),
}

/// A pouch that is being made.
pub struct Packing {
    exchange: Arc<Exchange>,
    who: String,
    peer: AuthorityId,
    trust: Trust,
    messages: Vec<MessageId>,
    contents: pb::PouchContents,
    first: Option<Bytes>,
    steps: VecDeque<Step>,
    package: Option<PackageParts>,
    sealer: PouchSealer,
}

impl Packing {
    /// Chooses what goes into a pouch: of what waits for a peer, or of these messages.
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
        let Self { exchange, who, peer, trust, messages, sealer, .. } = self;
        let known = exchange.directory.get(&peer);
        let held = known.and_then(|peer| exchange.head_of(&peer));
        let held = held.map(|held| held.to_note()).unwrap_or_default();
        let (last, digest) = sealer.finish(&held, &exchange.keys.signers());
        // What keeps a pouch from being one is found before anything is logged of it; what is held back from
        // here on went all the same. A crash between two commits leaves entries of a pouch whose last bytes
        // nobody has: never the other way about (I1).
        let (all, still) = (messages.clone(), trust.clone());
        let checking = exchange.store.commit(move |tx| {
            still.check(tx)?;
            all.iter().try_for_each(|id| may_go(tx, *id))
        });
        checking.await?;
        for some in messages.chunks(MESSAGES_AT_ONCE) {
            let (me, peer, who) = (exchange.me.clone(), peer.clone(), who.clone());
            let some = some.to_vec();
            let logging = exchange.store.commit(move |tx| {
                for id in some {
                    let draft = EntryDraft::new(Event::RelayToNonErds)
                        .by(me.clone())
                        .peer(peer.clone())
                        .message(id)
                        .document(digest)
                        .who(&who);
                    went(tx, id, &me, draft)?;
                }
                Ok::<_, ActionError>(())
            });
            logging.await?;
        }
        Ok(last)
    }
}

fn may_go(tx: &mut Tx<'_>, id: MessageId) -> Result<(), ActionError> {
    match load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())? {
        Some(waits) if waits.held => Err(is_held(id)),
        _ => Ok(()),
    }
}

/// A message that still waits went; one that was delivered meanwhile needs no road any more.
fn went(
    tx: &mut Tx<'_>,
    id: MessageId,
    me: &AuthorityId,
    draft: EntryDraft,
) -> Result<(), ActionError> {
    if load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())?.is_none() {
        return Ok(());
    }
    let Some(mut row) = message_in(tx, id)?.filter(MessageRow::is_queued) else { return Ok(()) };
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
        let waiting = self.outbox.of(peer.authority());
        // After the queue, so that they cover all of it.
        let heads = self.heads_now()?;
        let chosen = self.choose(peer.authority(), waiting, only, &heads)?;
        let Chosen { mut parts, messages, mut contents, .. } = chosen;
        let recorded = self.recorded_of(peer.authority(), &heads)?;
        // Over a link that is up, receipts are answered one by one.
        if parts.is_empty() && (recorded.is_empty() || self.link(peer.authority()).connected) {
            let message =
                format!("nothing waits for {} that a pouch could carry", peer.authority());
            return Err(ActionError::conflict("NOTHING_WAITS", message));
        }
        contents.recorded = u32::try_from(recorded.len()).map_err(ActionError::fault)?;
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
        self.begin_all(peer.authority(), &messages)?;
        Ok(Packing {
            exchange: self.clone(),
            who,
            peer: peer.authority().clone(),
            trust: self.trust_in(peer),
            messages,
            contents,
            first: Some(first),
            steps,
            package: None,
            sealer,
        })
    }

    /// From here on they may arrive: they cannot be taken out of the queue any more.
    fn begin_all(&self, peer: &AuthorityId, messages: &[MessageId]) -> Result<(), ActionError> {
        let begun = |id: &MessageId| self.outbox.begin(peer.as_str(), id.as_bytes());
        match messages.iter().all(begun) {
            true => Ok(()),
            false => Err(ActionError::Unavailable("the queue has just changed: try again".into())),
        }
    }

    /// The heads of all our logs, by their number.
    fn heads_now(&self) -> Result<Vec<Arc<Head>>, ActionError> {
        let newest = self.store.head();
        let lost = || ActionError::fault("how a log ended is not known");
        let earlier = (0..newest.log).map(|log| self.store.head_of(log).ok_or_else(lost));
        earlier.chain([Ok(newest.clone())]).collect()
    }
}

impl Step {
    fn of(part: Part) -> Self {
        Self::Part(Box::new(part))
    }
}
