//! The way through the entries, in their order.

use std::collections::BTreeMap;

use super::cards::Cards;
use super::files::Files;
use super::recorded::Recorded;
use super::{Before, Policies, Report, Trust, VerifyFailure, joint, parse_entry};
use crate::audit::bundle::entries_of;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Coordinates, Entry, Event};
use crate::audit::merkle::{Frontier, leaf_hash};
use crate::audit::tiles::{TILE_WIDTH, TileBuilder, TileId, entries_path, tile_bytes};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, Timestamp};

pub(super) struct Walk<'a> {
    trust: &'a Trust,
    size: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    sealed: bool,
    /// The end of the log before.
    before: Option<Coordinates>,
    /// The key of the log that follows.
    successor: Option<String>,
    events: BTreeMap<Event, u64>,
    peers: BTreeMap<AuthorityId, u64>,
    /// The policy that was set last.
    policy: Option<Digest>,
    /// Entries that record a receipt.
    records: u64,
    /// Those that record one that the export brings.
    recorded: Recorded,
    pub(super) cards: Cards,
}

impl<'a> Walk<'a> {
    pub(super) fn new(trust: &'a Trust, size: u64, receipts: Vec<Digest>) -> Self {
        let start = Timestamp::from_unix_ms(0);
        let (last_at, peers, cards, policy) = match &trust.before {
            Before::Verified(before) => {
                let cards = before.cards.clone().after(&before.checkpoint.origin);
                (before.last_at, before.peers.clone(), cards, before.policy_set)
            }
            _ => (start, BTreeMap::new(), Cards::of(trust.authority.as_str()), None),
        };
        Self {
            trust,
            size,
            first_at: start,
            last_at,
            sealed: false,
            before: None,
            successor: None,
            events: BTreeMap::new(),
            peers,
            policy,
            records: 0,
            recorded: Recorded::of(receipts),
            cards,
        }
    }

    /// Reads every bundle and every tile; gives the root that the entries lead to.
    pub(super) fn log(
        &mut self,
        files: &mut Files<'_>,
        each: &mut dyn FnMut(u64, &Entry),
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Digest, VerifyFailure> {
        let (mut tiles, mut frontier) = (TileBuilder::new(), Frontier::new());
        for first in (0..self.size).step_by(TILE_WIDTH) {
            for leaf in self.bundle(first, files, each)? {
                frontier.push(leaf);
                tiles.push(leaf, &mut |tile, hashes| compare_tile(files, tile, hashes))?;
            }
            progress(frontier.size(), self.size);
        }
        tiles.finish(&mut |tile, hashes| compare_tile(files, tile, hashes))?;
        Ok(frontier.root())
    }

    /// Checks the entries of a bundle; gives their leaf hashes.
    fn bundle(
        &mut self,
        first: u64,
        files: &mut Files<'_>,
        each: &mut dyn FnMut(u64, &Entry),
    ) -> Result<Vec<Digest>, VerifyFailure> {
        let index = first / TILE_WIDTH as u64;
        let expected = (self.size - first).min(TILE_WIDTH as u64) as usize;
        let path = entries_path(index, expected as u16);
        let (bytes, same) = files.raw(&path)?;
        if !same {
            let tile = files.tile(TileId { level: 0, index }, self.size).ok();
            let entry = tile.map(|hashes| first + first_difference(&bytes, &hashes));
            return Err(VerifyFailure::Altered { path, entry });
        }
        let mut leaves = Vec::with_capacity(expected);
        for (at, entry) in (first..).zip(entries_of(&bytes)) {
            let whole = entry.ok().filter(|_| leaves.len() < expected);
            let Some(entry) = whole else {
                return Err(VerifyFailure::Bundle { path, expected, entry: at });
            };
            leaves.push(leaf_hash(entry));
            let entry = parse_entry(at, entry)?;
            self.entry(at, &entry)?;
            each(at, &entry);
        }
        if leaves.len() < expected {
            let entry = first + leaves.len() as u64;
            return Err(VerifyFailure::Bundle { path, expected, entry });
        }
        Ok(leaves)
    }

    fn entry(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        self.place(index, entry)?;
        if entry.at < self.last_at {
            let (at, before) = (entry.at, self.last_at);
            return Err(VerifyFailure::TimeRunsBack { index, at, before });
        }
        self.last_at = entry.at;
        self.sequence(index, entry)?;
        self.attribution(index, entry)?;
        if let Some(receipt) = &entry.receipt {
            self.records += 1;
            self.recorded.note(receipt, index);
        }
        self.cards.see(entry);
        if entry.event == Event::PolicySet {
            self.policy = entry.document;
        }
        *self.events.entry(entry.event).or_default() += 1;
        Ok(())
    }

    /// Opened first and once, sealed last and once.
    fn place(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        let event = entry.event;
        if index == 0 {
            self.first_at = entry.at;
            self.before.clone_from(&entry.remote);
            if self.before.is_some() && self.trust.before == Before::NotAtHand {
                self.cards.goes_on();
            }
            return joint::opened(self.trust, entry);
        }
        if self.sealed || event == Event::LogOpened {
            return Err(VerifyFailure::Misplaced { index, event });
        }
        self.sealed = event == Event::LogSealed;
        if self.sealed {
            self.successor.clone_from(&entry.key);
        }
        Ok(())
    }

    fn sequence(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        let (Some(peer), Some(found)) = (&entry.peer, entry.peer_seq) else {
            return Ok(());
        };
        // The name is only cloned for a peer that is new.
        let last = match self.peers.get_mut(peer) {
            Some(last) => last,
            None => {
                let unknown = self.before.is_some() && self.trust.before == Before::NotAtHand;
                let first = if unknown { found.saturating_sub(1) } else { 0 };
                self.peers.entry(peer.clone()).or_insert(first)
            }
        };
        let expected = *last + 1;
        if found != expected {
            return Err(VerifyFailure::Sequence { index, peer: peer.clone(), expected, found });
        }
        *last = found;
        Ok(())
    }

    /// What is not recorded from the peer is stated by the owner of the log.
    fn attribution(&self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        match &entry.by {
            Some(by) if entry.receipt.is_none() && *by != self.trust.authority => {
                Err(VerifyFailure::Attribution { index, by: by.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The entry that records a receipt that the export brings.
    pub(super) fn recorded(&self, receipt: &Digest) -> Option<u64> {
        self.recorded.entry(receipt)
    }

    pub(super) fn report(
        self,
        checkpoint: Checkpoint,
        (issued, received): (u64, u64),
        policies: Policies,
    ) -> Report {
        Report {
            checkpoint,
            entries: self.size,
            first_at: self.first_at,
            last_at: self.last_at,
            events: self.events,
            peers: self.peers,
            before: self.before,
            successor: self.successor,
            receipts_issued: issued,
            receipts_received: received,
            receipts_recorded: self.records,
            cards: self.cards,
            policy_set: self.policy,
            policy_exported: policies.exported,
            witnessing: policies.witnessing,
        }
    }
}

/// How many entries of an altered bundle are still those of the tile.
fn first_difference(bundle: &[u8], tile: &[Digest]) -> u64 {
    let same = |(entry, hash): &(Result<&[u8], &[u8]>, &Digest)| {
        entry.is_ok_and(|entry| leaf_hash(entry) == **hash)
    };
    entries_of(bundle).zip(tile).take_while(same).count() as u64
}

fn compare_tile(
    files: &mut Files<'_>,
    tile: TileId,
    hashes: &[Digest],
) -> Result<(), VerifyFailure> {
    let path = tile.path(hashes.len() as u16);
    let bytes = files.sound(&path)?;
    if bytes == tile_bytes(hashes) {
        return Ok(());
    }
    let differs = hashes.iter().zip(bytes.chunks(32)).take_while(|(a, b)| a.as_slice() == *b);
    let first = tile.index * TILE_WIDTH as u64 + differs.count() as u64;
    Err(VerifyFailure::Tile { path, entry: (tile.level == 0).then_some(first) })
}
