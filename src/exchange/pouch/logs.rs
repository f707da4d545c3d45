//! What a pouch proves of its maker's logs.
//!
//! On a link the two say to each other what they hold; a pouch has to fit whatever its reader holds
//! by the time it comes. So it carries the hashes of all leaves since what its maker knows that the
//! reader holds, and the reader makes the proof that it needs.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, Event};
use crate::audit::merkle::{Frontier, Partial, complete_subtrees};
use crate::audit::tiles::{TILE_WIDTH, TileId, node_from_tile, node_in_tile};
use crate::crypto::Digest;
use crate::domain::AuthorityId;
use crate::domain::limits::POUCH_LEAVES_MAX;
use crate::exchange::error::rolled_back;
use crate::exchange::heads::{HeadError, OwnHead, digests, hashes, succession};
use crate::exchange::issue::own_entry;
use crate::exchange::pieces::piece;
use crate::exchange::rows;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;
use crate::receipt::Receipt;
use crate::store::{Head, Position, Store};
use pb::pouch_part::Part;

/// Leaf hashes in one part: 128 KiB.
const LEAVES_PER_PART: usize = 4096;
/// Entries about the peer that are looked through for what it holds, newest first.
const LOOKED_THROUGH: u64 = 16 << 10;
const PAGE: u64 = 256;

impl Exchange {
    /// How much of our logs a peer holds at least: what it accepted a message under, as its newest
    /// receipt of that says. A bound that is too low costs hashes, and nothing else.
    pub(super) fn held_at_least(&self, peer: &AuthorityId) -> Result<Position, ActionError> {
        let mut held = None;
        self.look_back(peer, |_, _, entry| {
            held = self.seen_in(peer, entry)?;
            Ok(held.is_none())
        })?;
        Ok(held.unwrap_or_default())
    }

    /// Goes through our newest entries about a peer, newest first, each with its number and place, as
    /// long as `more` wants another.
    pub(super) fn look_back(
        &self,
        peer: &AuthorityId,
        mut more: impl FnMut(u64, u64, &Entry) -> Result<bool, ActionError>,
    ) -> Result<(), ActionError> {
        let last = self.store.last_number(peer.as_str())?;
        let (mut until, end) = (last + 1, last.saturating_sub(LOOKED_THROUGH) + 1);
        while until > end {
            let from = until.saturating_sub(PAGE).max(end);
            let page = self.store.numbered(peer.as_str(), from, (until - from) as usize)?;
            for (number, position) in page.iter().rev() {
                if !more(*number, *position, &own_entry(&self.store, *position)?)? {
                    return Ok(());
                }
            }
            until = from;
        }
        Ok(())
    }

    /// What of our logs the receipt was issued under that an entry records.
    fn seen_in(&self, peer: &AuthorityId, entry: &Entry) -> Result<Option<Position>, ActionError> {
        let accepted = entry.event == Event::RelayAcceptance && entry.is_recorded_receipt();
        let Some(id) = entry.message.filter(|_| accepted) else { return Ok(None) };
        let row = rows::message(&self.store, id)?.unwrap_or_default();
        let name = Event::RelayAcceptance.as_str();
        let is_it = |r: &&rows::ReceiptRow| r.event == name && r.issuer == peer.as_str();
        let receipt = row.receipts.iter().find(is_it).map(|r| Receipt::parse(&r.text));
        let seen = receipt.and_then(Result::ok).and_then(|r| r.facts().entry.remote.clone());
        let log = |seen: &str| self.store.head_named(seen).map(|head| head.log);
        Ok(seen.and_then(|seen| Some(Position::new(log(&seen.origin)?, seen.size))))
    }
}

/// The parts that prove our logs from a place on up to these heads, one for each log.
///
/// # Errors
/// [`ActionError::Fault`] when the store cannot be read.
pub(super) fn log_parts(
    store: &Store,
    held: Position,
    heads: &[Arc<Head>],
) -> Result<VecDeque<Part>, ActionError> {
    let mut parts = VecDeque::new();
    let mut room = POUCH_LEAVES_MAX;
    // The newest first: whoever holds so little that the room ends before it has waited for years.
    for head in heads.iter().rev() {
        let size = head.checkpoint.size;
        let held = match head.log.cmp(&held.log) {
            std::cmp::Ordering::Less => size,
            std::cmp::Ordering::Equal => held.index.min(size),
            std::cmp::Ordering::Greater => 0,
        };
        let from_size = held.max(size.saturating_sub(room));
        room -= size - from_size;
        let node = |node| {
            let hashes = store.tile(head.log, node_from_tile(node).0)?;
            node_in_tile(node, &hashes)
                .ok_or_else(|| ActionError::fault("a tile of the log is missing"))
        };
        let frontier: Vec<Digest> =
            complete_subtrees(from_size).map(node).collect::<Result<_, ActionError>>()?;
        let leaves = leaves(store, head.log, from_size, size)?;
        let part = |hashes: &[Digest]| pb::PouchLeaves { hashes: hashes.concat().into() };
        for hashes in leaves.chunks(LEAVES_PER_PART).rev() {
            parts.push_front(Part::Leaves(part(hashes)));
        }
        parts.push_front(Part::Log(pb::PouchLog {
            checkpoint: head.note.clone(),
            from_size,
            frontier: hashes(&frontier),
            succession: (head.log > 0).then(|| succession(store, head)).transpose()?,
        }));
    }
    Ok(parts)
}

fn leaves(store: &Store, log: u32, from: u64, size: u64) -> Result<Vec<Digest>, ActionError> {
    let width = TILE_WIDTH as u64;
    let mut leaves = Vec::new();
    for index in from / width..size.div_ceil(width) {
        let tile = store.tile(log, TileId { level: 0, index })?;
        let first = from.saturating_sub(index * width) as usize;
        let end = (size - index * width).min(width) as usize;
        let missing = || ActionError::fault("a tile of the log is missing");
        leaves.extend_from_slice(tile.get(first..end).ok_or_else(missing)?);
    }
    Ok(leaves)
}

/// A log of the maker as a pouch brings it, its leaves still coming.
pub(super) struct ComingLog {
    log: pb::PouchLog,
    leaves: Vec<Digest>,
}

impl ComingLog {
    pub(super) fn new(log: pb::PouchLog) -> Self {
        Self { log, leaves: Vec::new() }
    }

    /// Takes hashes that come next; false where they are none, or too many.
    pub(super) fn push(&mut self, hashes: &[u8]) -> bool {
        let (hashes, rest) = hashes.as_chunks::<32>();
        self.leaves.extend_from_slice(hashes);
        rest.is_empty() && self.leaves.len() as u64 <= POUCH_LEAVES_MAX
    }
}

/// A log of the maker as a pouch proves it.
struct ShownLog {
    log: pb::PouchLog,
    checkpoint: Checkpoint,
    partial: Partial,
}

impl ShownLog {
    fn of(coming: ComingLog) -> Result<Self, ActionError> {
        let ComingLog { log, leaves } = coming;
        let unfit = |what: &str| ActionError::invalid("pouch", format!("a log in it: {what}"));
        let checkpoint = Checkpoint::parse_unverified(&log.checkpoint)
            .map_err(|error| unfit(&error.to_string()))?;
        let partial = digests(&log.frontier)
            .and_then(|nodes| Frontier::from_nodes(log.from_size, nodes))
            .and_then(|frontier| Partial::new(frontier, leaves))
            .ok_or_else(|| unfit("its subtrees are not those of its size"))?;
        // What does not even fit itself says nothing about the log.
        match partial.size() == checkpoint.size && partial.root() == checkpoint.root {
            true => Ok(Self { log, checkpoint, partial }),
            false => Err(unfit("its hashes do not lead to its checkpoint")),
        }
    }

    /// The step to it from what is held. From more than it shows there is none: then it is shown as it is,
    /// and must be a state that the log was seen in.
    fn step_from(&self, held: u64) -> Result<pb::CheckpointUpdate, ActionError> {
        let from_size = held.min(self.checkpoint.size);
        let proof = self.partial.consistency_from(from_size).ok_or_else(|| {
            let from = self.partial.from_size();
            let message = format!(
                "the pouch proves its maker's log from {from} entries on, and this node holds \
                 {held} of them: connect the two nodes once"
            );
            ActionError::conflict("POUCH_GAP", message)
        })?;
        Ok(pb::CheckpointUpdate {
            checkpoint: self.log.checkpoint.clone(),
            from_size,
            consistency: hashes(&proof),
            succession: self.log.succession.clone(),
            round: false,
        })
    }
}

/// Tries to take a log that its owner's own stream shows at the same time.
const TRIES: usize = 4;

impl Exchange {
    /// Takes what a pouch proves of one log of its maker, durably, as a stream of the maker would
    /// have it taken. `None` where more is held, and whether this is a state of the same log cannot be
    /// told from here.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] with the code of [`HeadError`], or where the pouch begins behind what
    /// is held; [`ActionError::Invalid`] where its hashes make no proof.
    pub(super) async fn take_log(
        self: &Arc<Self>,
        peer: &Peer,
        coming: ComingLog,
    ) -> Result<Option<SignedCheckpoint>, ActionError> {
        // Up to a million hashes.
        let shown = piece(move || ShownLog::of(coming)).await?;
        let held = || self.heads().of(&shown.checkpoint.origin);
        let mut tries = 0;
        let (taken, moved) = loop {
            let before = held().map_or(0, |held| held.checkpoint().size);
            match self.take_update(peer, &shown.step_from(before)?).await {
                Ok(taken) => break (taken, shown.checkpoint.size > before),
                Err(HeadError::Base { .. }) if tries < TRIES => tries += 1,
                // Where it is older, the peer would have to be asked whether it was ever so: a pouch comes
                // because it cannot be.
                Err(
                    HeadError::Shrunk { .. } | HeadError::Unavailable(_) | HeadError::Base { .. },
                ) => return Ok(None),
                Err(error) => return Err(ActionError::conflict(error.code(), error.to_string())),
            }
        };
        let cosigned = self.cosign(&taken);
        let head = cosigned.head.clone();
        self.keep_head(Some(peer), cosigned).await?;
        if moved {
            // What the maker's own stream shows next starts from before.
            self.streams.end(peer.authority());
        }
        Ok(Some(head))
    }

    /// Compares what a pouch says that its maker holds of our log with our log, before anything is taken
    /// (I3).
    ///
    /// # Errors
    /// [`ActionError::Conflict`] where it is not ours: this node is then an older copy of itself.
    pub(super) fn compare_held(&self, note: &str) -> Result<(), ActionError> {
        match self.compare_own_head(note)? {
            OwnHead::Nothing | OwnHead::Ours(_) => Ok(()),
            OwnHead::NotSigned => Err(ActionError::invalid(
                "pouch",
                "its maker holds a checkpoint of this node's log that this node did not sign",
            )),
            OwnHead::NotOurs { .. } => Err(rolled_back()),
        }
    }
}
