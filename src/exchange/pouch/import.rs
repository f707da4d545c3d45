//! Unpacking: evidence goes to the vault as it comes, and is verified there; what must be proved waits
//! until the last chunk has said that the pouch is whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;

use super::logs::ComingLog;
use super::take::Taking;
use crate::domain::PackageId;
use crate::domain::limits::{CLOCK_AHEAD_MAX_MS, POUCH_HELD_MAX_BYTES, POUCH_ITEMS_MAX};
use crate::envelope::pouch::{PouchError, PouchOpener, read_head};
use crate::exchange::packages::Receiving;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use pb::pouch_part::Part;
use pb::push_package_request::Part as PackagePart;

/// Logs of one authority in a pouch: more than it begins in a lifetime.
const LOGS_MAX: usize = 64;

impl From<PouchError> for ActionError {
    fn from(error: PouchError) -> Self {
        Self::invalid("pouch", error.to_string())
    }
}

/// A package in the pouch whose chunks are coming.
struct Coming {
    id: PackageId,
    has: pb::PackageProgress,
    /// None where all of it is here.
    receiving: Option<Receiving>,
}

/// A pouch that is coming.
pub struct Unpacking {
    exchange: Arc<Exchange>,
    first: BytesMut,
    opener: Option<PouchOpener>,
    /// Whose it is, once that is known.
    peer: Option<Arc<Peer>>,
    logs: Vec<ComingLog>,
    /// Each with why its packages were left out, where they were.
    messages: Vec<(pb::PouchMessage, Option<&'static str>)>,
    receipts: Vec<String>,
    recorded: Vec<pb::PouchRecorded>,
    held_bytes: usize,
    /// What the vault has of the packages of the message that came last.
    has: Vec<pb::PackageProgress>,
    coming: Option<Coming>,
}

impl Unpacking {
    /// For the pouch of a peer.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] while this node takes nothing.
    pub fn begin(exchange: &Arc<Exchange>) -> Result<Self, ActionError> {
        exchange.check_writable()?;
        Ok(Self {
            exchange: exchange.clone(),
            first: BytesMut::new(),
            opener: None,
            peer: None,
            logs: Vec::new(),
            messages: Vec::new(),
            receipts: Vec::new(),
            recorded: Vec::new(),
            held_bytes: 0,
            has: Vec::new(),
            coming: None,
        })
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where they are no pouch for this node, or a damaged one; those of the
    /// vault. What is in the vault stays, and the pouch can be sent again.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), ActionError> {
        match &mut self.opener {
            Some(opener) => opener.push(bytes)?,
            None => {
                self.first.extend_from_slice(bytes);
                self.open()?;
            }
        }
        self.take_all().await
    }

    fn open(&mut self) -> Result<(), ActionError> {
        let Some((head, _)) = read_head(&self.first)? else { return Ok(()) };
        if head.recipient != self.exchange.me {
            let rule = format!(
                "must be {}, which this node is, and is {}",
                self.exchange.me, head.recipient
            );
            return Err(ActionError::invalid("pouch.recipient", rule));
        }
        let sender = &head.sender;
        let unknown = || ActionError::NotFound(format!("{sender} is not in the directory"));
        let peer = self.exchange.directory.get(sender).ok_or_else(unknown)?;
        if peer.suspended.is_some() {
            let message = format!("trust in {sender} rests: nothing of it is taken");
            return Err(ActionError::conflict("PEER_SUSPENDED", message));
        }
        let secrets = self.exchange.keys.sealed_to();
        let opener = PouchOpener::begin(&self.first, &secrets)?;
        let mut opener = opener.ok_or(PouchError::NotAPouch)?;
        opener.push(&[])?;
        self.first.clear();
        (self.opener, self.peer) = (Some(opener), Some(peer));
        Ok(())
    }

    fn peer(&self) -> Result<Arc<Peer>, ActionError> {
        self.peer.clone().ok_or_else(|| ActionError::fault("a pouch that is not open"))
    }

    async fn take_all(&mut self) -> Result<(), ActionError> {
        while let Some(opener) = &mut self.opener
            && let Some(part) = opener.part()?
        {
            if !matches!(part, Part::Package(_)) {
                self.hold(part.encoded_len())?;
            }
            self.take(part).await?;
        }
        Ok(())
    }

    /// What is held in memory has an end (I7).
    fn hold(&mut self, bytes: usize) -> Result<(), ActionError> {
        self.held_bytes += bytes;
        let items = self.messages.len() + self.receipts.len();
        let few = items.max(self.recorded.len()) <= POUCH_ITEMS_MAX && self.logs.len() <= LOGS_MAX;
        // Half of it for what is sent, half for what is proved of logs.
        match few && self.held_bytes <= 2 * POUCH_HELD_MAX_BYTES {
            true => Ok(()),
            false => Err(PouchError::Part("it holds more than a pouch may").into()),
        }
    }

    async fn take(&mut self, part: Part) -> Result<(), ActionError> {
        match part {
            Part::Log(log) => self.logs.push(ComingLog::new(log)),
            Part::Leaves(leaves) => {
                let log = self.logs.last_mut();
                if !log.is_some_and(|log| log.push(&leaves.hashes)) {
                    return Err(PouchError::Part("leaves of no log, or too many").into());
                }
            }
            Part::Message(message) => {
                self.end_package().await?;
                let left_out = self.announce(&message).await?;
                self.messages.push((message, left_out));
            }
            Part::Package(part) => {
                let part = part.part.ok_or(PouchError::Part("one says nothing"))?;
                self.take_package(part).await?;
            }
            Part::Receipt(receipt) => {
                self.end_package().await?;
                self.receipts.push(receipt.text);
            }
            Part::Recorded(recorded) => {
                self.end_package().await?;
                self.recorded.push(recorded);
            }
            // The opener keeps it.
            Part::End(_) => {}
        }
        Ok(())
    }

    /// Asks the vault what it has of the packages of a message. One that its sender did not sign
    /// announces nothing, and is refused when its turn comes; of one for whose packages there is no room
    /// now, or that the link is bringing, they are left out, and it waits.
    async fn announce(
        &mut self,
        message: &pb::PouchMessage,
    ) -> Result<Option<&'static str>, ActionError> {
        let envelope = message.deliver.as_ref().map(|deliver| deliver.envelope.clone());
        let (exchange, peer) = (self.exchange.clone(), self.peer()?);
        let offering = exchange.offers().offer(&exchange, &peer, envelope.unwrap_or_default());
        let (has, left_out) = match offering.await {
            Ok(held) => (held.packages, None),
            Err(ActionError::Fault(fault)) => return Err(ActionError::Fault(fault)),
            Err(error) => {
                tracing::warn!(peer = %peer.authority(), %error, "packages in a pouch are left out");
                (Vec::new(), no_room(&error))
            }
        };
        self.has = has;
        Ok(left_out)
    }

    async fn take_package(&mut self, part: PackagePart) -> Result<(), ActionError> {
        if let PackagePart::Start(start) = &part {
            self.end_package().await?;
            let has = self.has.iter().find(|has| has.package_id == start.package_id);
            let Some(mut has) = has.cloned() else { return Ok(()) };
            let id = PackageId::from_slice(&start.package_id).map_err(ActionError::fault)?;
            let receiving = match has.complete {
                true => None,
                false => {
                    let peer = self.peer()?;
                    let offers = self.exchange.offers();
                    match offers.begin(&self.exchange, peer.authority(), id) {
                        Ok(receiving) => {
                            // The link may have brought more since it was offered.
                            (has.listed, has.chunks) = receiving.has();
                            Some(receiving)
                        }
                        // The link is bringing it.
                        Err(_) => return Ok(()),
                    }
                }
            };
            self.coming = Some(Coming { id, has, receiving });
            return Ok(());
        }
        let Some(Coming { has, receiving: Some(receiving), .. }) = &mut self.coming else {
            return Ok(());
        };
        let known = match &part {
            PackagePart::Chunk(chunk) => chunk.number < has.chunks,
            _ => has.listed,
        };
        if !known && !receiving.part(part).await {
            // It says why.
            self.end_package().await?;
        }
        Ok(())
    }

    async fn end_package(&mut self) -> Result<(), ActionError> {
        let Some(Coming { id, receiving: Some(receiving), .. }) = self.coming.take() else {
            return Ok(());
        };
        let ended = receiving.finish().await;
        if ended.as_ref().map_or(true, |progress| progress.complete) {
            self.exchange.offers().forget(self.peer()?.authority(), id);
        }
        match ended {
            Err(ActionError::Fault(fault)) => Err(ActionError::Fault(fault)),
            Err(error) => {
                let peer = self.peer()?;
                tracing::warn!(peer = %peer.authority(), package = %id, %error, "not taken");
                if let Some((_, left_out)) = self.messages.last_mut() {
                    *left_out = left_out.or(no_room(&error));
                }
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Ends the file, and takes what it proves.
    ///
    /// # Errors
    /// [`ActionError`]; the pouch can be sent again, and what was taken is found.
    pub async fn finish(mut self) -> Result<pb::ImportPouchResponse, ActionError> {
        let cut_off = || PouchError::Head("it is cut off".into());
        let opener = self.opener.as_mut().ok_or_else(cut_off)?;
        opener.end()?;
        self.take_all().await?;
        self.end_package().await?;
        let opener = self.opener.take().ok_or_else(cut_off)?;
        let (head, peer) = (opener.head().clone(), self.peer()?);
        let closed = opener.close()?;
        // Whose it is, before anything in it counts for or against anybody. When it was made only its maker
        // says: so the key must be in use now, too.
        let now = self.exchange.now();
        let mut keys = peer.card.signing_keys(head.created);
        let in_use = peer.card.signing_keys(now);
        keys.retain(|key| in_use.contains(key));
        if head.created > now.plus_ms(CLOCK_AHEAD_MAX_MS) {
            let why = format!("it was made at {}, which is in the future here", head.created);
            return Err(ActionError::invalid("pouch", why));
        }
        let held = closed.verify(&head, &keys, self.exchange.card().min_suite())?;
        self.exchange.compare_held(held)?;
        let digest = closed.digest;
        let Self { exchange, logs, messages, receipts, recorded, .. } = self;
        let mut proven = BTreeMap::new();
        for log in logs {
            if let Some(head) = exchange.take_log(&peer, log).await? {
                proven.insert(head.checkpoint().origin.clone(), head);
            }
        }
        let taking = Taking { exchange: &exchange, peer: &peer, proven: &proven, digest };
        let mut items = Vec::new();
        for (message, left_out) in messages {
            items.push(taking.message(message, left_out).await?);
        }
        for receipt in receipts {
            items.push(taking.receipt(&receipt).await?);
        }
        let acknowledged = exchange.are_there(peer.authority(), &proven, &recorded).await?;
        Ok(pb::ImportPouchResponse {
            acknowledged,
            sender: head.sender.to_string(),
            create_time: head.created.to_string(),
            digest: hex::encode(digest),
            items,
        })
    }
}

/// The code of an error that the operator of this node can do something about: make room.
fn no_room(error: &ActionError) -> Option<&'static str> {
    match error {
        ActionError::Exhausted { code, .. } => Some(code),
        _ => None,
    }
}
