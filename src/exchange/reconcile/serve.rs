//! What a peer is given to read of our log: the entries about itself, and nothing else;
//! of those that are this node's own business only the hashes.

use std::sync::Arc;

use crate::audit::entry::{Entry, Event};
use crate::audit::merkle::leaf_hash;
use crate::domain::AuthorityId;
use crate::exchange::heads::hashes;
use crate::exchange::pieces::piece;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::store::Position;

/// Entries of one page: with their proofs, some tens of milliseconds of reading.
pub(super) const PAGE_MAX: usize = 256;
/// Bytes of one page: half of what a control frame may have.
const PAGE_BYTES: usize = 512 << 10;
/// What an entry or a hash costs on the wire beyond its bytes.
const WIRE_COST: usize = 32;

/// Whether an event about a peer is none of its business: what an agency tried to send it, who
/// looked into what it sent, what was kept back, put on hold or erased for which reason, and what
/// was thought or found out of the peer itself: a cheat must not read how far it was seen through. It gets the leaf hash, which holds the number's place and says nothing.
fn is_domestic(event: Event) -> bool {
    matches!(
        event,
        Event::AccessFetched
            | Event::AccessExported
            | Event::EraseBody
            | Event::SubmissionRejection
            | Event::HoldSet
            | Event::HoldReleased
            | Event::MessageHeld
            | Event::MessageReleased
            | Event::PeerSuspended
            | Event::PeerResumed
            | Event::PeerRemoved
            | Event::PeerReconciled
            | Event::WitnessRefused
            | Event::WitnessEquivocation
    )
}

impl Exchange {
    /// A page of our entries about a peer, by their number among those, each with its inclusion
    /// proof; on the first page with the checkpoint that they lead to.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] names the field; [`ActionError::NotFound`] for a log that is none of
    /// ours; [`ActionError::Exhausted`] and
    /// [`ActionError::Unavailable`] where enough pages are being read, or an older store is still
    /// being numbered.
    pub async fn entries_for(
        self: &Arc<Self>,
        peer: &Peer,
        ask: pb::GetEntriesRequest,
    ) -> Result<pb::GetEntriesResponse, ActionError> {
        let name = peer.authority().clone();
        let pass = self.gates.entry_pages.enter(name.as_str())?;
        let exchange = self.clone();
        piece(move || {
            let _pass = pass;
            exchange.page_for(&name, &ask)
        })
        .await
    }

    pub(in crate::exchange) fn page_for(
        &self,
        peer: &AuthorityId,
        ask: &pb::GetEntriesRequest,
    ) -> Result<pb::GetEntriesResponse, ActionError> {
        let head = self.log_head_of(&ask.origin)?;
        let newest = head.checkpoint.size;
        let size = if ask.size == 0 { newest } else { ask.size };
        if ask.from_number == 0 {
            return Err(ActionError::invalid("from_number", "must be 1 at least"));
        }
        if size > newest {
            return Err(ActionError::invalid("size", "is larger than this log"));
        }
        if ask.held_size > size {
            let rule = "is larger than this log, or than the size that was asked for";
            return Err(ActionError::invalid("held_size", rule));
        }
        self.check_numbered()?;
        let mut page = pb::GetEntriesResponse::default();
        if ask.size == 0 {
            page.checkpoint.clone_from(&head.note);
            page.consistency = hashes(&self.store.consistency(head.log, ask.held_size, size)?);
        }
        let limit = match ask.page_size as usize {
            0 => PAGE_MAX,
            asked => asked.min(PAGE_MAX),
        };
        let mut room = PAGE_BYTES;
        let under = |position: u64| {
            let place = Position::from_number(position);
            place.log == head.log && place.index < size
        };
        for (number, position) in self.store.numbered(peer.as_str(), ask.from_number, limit)? {
            if !under(position) {
                break;
            }
            let entry = self.proven_entry(number, position, size)?;
            let cost = entry.entry.len() + (entry.inclusion.len() + 1) * 2 * WIRE_COST;
            let Some(left) = room.checked_sub(cost) else { break };
            room = left;
            page.entries.push(entry);
        }
        Ok(page)
    }

    pub(super) fn proven_entry(
        &self,
        number: u64,
        position: u64,
        size: u64,
    ) -> Result<pb::ProvenEntry, ActionError> {
        let index = Position::from_number(position).index;
        let missing = || ActionError::Fault(format!("entry {index} is not in the log"));
        let bytes = self.store.entry(position)?.ok_or_else(missing)?;
        let event = Entry::parse(&bytes).map_err(ActionError::fault)?.event;
        let (entry, leaf_hash) = match is_domestic(event) {
            true => (bytes::Bytes::new(), leaf_hash(&bytes).to_vec().into()),
            false => (bytes.into(), bytes::Bytes::new()),
        };
        let inclusion = hashes(&self.store.inclusion(position, size)?);
        Ok(pb::ProvenEntry { number, index, entry, inclusion, leaf_hash })
    }
}
