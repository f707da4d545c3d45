//! The way through the entries of an excerpt, in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cards::Cards;
use super::super::files::Files;
use super::super::joint;
use super::super::receipts::{Receipt, ReceiptFault, recorded_as_it_is};
use super::super::{Before, Trust, VerifyFailure, Witnessing, parse_entry};
use super::{ExcerptFailure, ExcerptReport, Numbers, Told};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Coordinates, Entry, Event};
use crate::audit::excerpt::{Chosen, Made, Scope, entry_path};
use crate::audit::export::RECEIPTS;
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::audit::note::VerifierKey;
use crate::audit::proof::TlogProof;
use crate::crypto::Digest;
use crate::domain::Timestamp;

pub(super) struct Walk<'a> {
    trust: &'a Trust<ExcerptReport>,
    keys: Vec<VerifierKey>,
    checkpoint: &'a Checkpoint,
    /// The note that the last proof was under, which was verified.
    note: String,
    scope: Scope,
    made: Made,
    chosen: Chosen,
    entries: u64,
    before: Option<Coordinates>,
    successor: Option<String>,
    told: Told,
    /// Receipts that the excerpt brings.
    brought: BTreeSet<Digest>,
    /// The entries that record them.
    recorded: BTreeMap<Digest, (u64, Entry)>,
    pub(super) cards: Cards,
}

impl Told {
    fn nothing() -> Self {
        Self {
            last_at: Timestamp::from_unix_ms(0),
            events: BTreeMap::new(),
            peers: BTreeMap::new(),
            messages: BTreeSet::new(),
            receipts: 0,
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        trust: &'a Trust<ExcerptReport>,
        checkpoint: &'a Checkpoint,
        (scope, made): (Scope, Made),
        brought: BTreeSet<Digest>,
    ) -> Self {
        let of_this_log = trust.keys.iter().filter(|key| key.name() == trust.origin);
        let (told, chosen) = match &trust.before {
            Before::Verified(before) => (before.told.clone(), before.chosen.clone()),
            Before::NotAtHand => (Told::nothing(), Chosen::read(scope.clone(), true)),
            Before::None => (Told::nothing(), Chosen::read(scope.clone(), false)),
        };
        let cards = match &trust.before {
            Before::Verified(before) => before.cards.clone().after(&before.checkpoint.origin),
            _ => Cards::of(trust.authority.as_str()),
        };
        Self {
            trust,
            keys: of_this_log.cloned().collect(),
            checkpoint,
            note: String::new(),
            scope,
            made,
            chosen,
            entries: 0,
            before: None,
            successor: None,
            told,
            brought,
            recorded: BTreeMap::new(),
            cards,
        }
    }

    /// An entry, once it is proven to stand under the checkpoint.
    pub(super) fn proven(
        &mut self,
        index: u64,
        files: &mut Files<'_>,
    ) -> Result<Entry, ExcerptFailure> {
        let path = entry_path(index);
        let text = String::from_utf8(files.sound(&path)?);
        let text =
            text.map_err(|_| VerifyFailure::Unreadable { path, why: "not UTF-8".to_owned() })?;
        let unproven = |source| ExcerptFailure::Proof { index, source };
        let proof = TlogProof::parse(&text).map_err(unproven)?;
        if proof.index != index {
            return Err(ExcerptFailure::OtherIndex { index, found: proof.index });
        }
        // They are all under one note: it is verified once.
        if self.note != proof.checkpoint {
            let under = Checkpoint::verify(&proof.checkpoint, &self.keys);
            if under.map_err(|error| unproven(error.into()))? != *self.checkpoint {
                return Err(ExcerptFailure::OtherCheckpoint { index });
            }
            self.note = proof.checkpoint;
        }
        let Checkpoint { size, root, .. } = self.checkpoint;
        verify_inclusion(&leaf_hash(&proof.extra), index, *size, &proof.hashes, root)
            .map_err(|error| unproven(error.into()))?;
        Ok(parse_entry(index, &proof.extra)?)
    }

    pub(super) fn take(&mut self, index: u64, entry: &Entry) -> Result<(), ExcerptFailure> {
        self.place(index, entry)?;
        if !self.chosen.may_take(index, entry) {
            return Err(ExcerptFailure::OutOfScope { index, scope: self.scope.clone() });
        }
        if entry.at < self.told.last_at {
            let (at, before) = (entry.at, self.told.last_at);
            return Err(VerifyFailure::TimeRunsBack { index, at, before }.into());
        }
        self.told.last_at = entry.at;
        self.number(index, entry)?;
        if let Some(by) = entry.by.as_ref().filter(|_| entry.receipt.is_none())
            && *by != self.trust.authority
        {
            return Err(VerifyFailure::Attribution { index, by: by.clone() }.into());
        }
        if let Some(receipt) = entry.receipt.filter(|receipt| self.brought.contains(receipt)) {
            self.recorded.insert(receipt, (index, entry.clone()));
        }
        self.cards.see(entry);
        self.entries += 1;
        self.told.messages.extend(entry.message);
        *self.told.events.entry(entry.event).or_default() += 1;
        Ok(())
    }

    /// Opened first and once, sealed last and once.
    fn place(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        let (event, last) = (entry.event, self.checkpoint.size - 1);
        match event {
            _ if index == 0 => {
                self.before.clone_from(&entry.remote);
                if self.before.is_some() && self.trust.before == Before::NotAtHand {
                    self.cards.goes_on();
                }
                joint::opened(self.trust, entry)
            }
            Event::LogSealed if index == last => {
                self.successor.clone_from(&entry.key);
                Ok(())
            }
            Event::LogOpened | Event::LogSealed => Err(VerifyFailure::Misplaced { index, event }),
            _ => Ok(()),
        }
    }

    /// The numbers of a peer only grow; those of the peer that the excerpt is of have no gap.
    fn number(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        let (Some(peer), Some(found)) = (&entry.peer, entry.peer_seq) else {
            return Ok(());
        };
        let whole = matches!(&self.scope, Scope::Peer(whole) if whole == peer);
        let partly = self.before.is_some() && self.trust.before == Before::NotAtHand;
        let from = if whole && partly { found } else { 1 };
        let numbers = self.told.peers.entry(peer.clone());
        let numbers = numbers.or_insert(Numbers { from, count: 0, last: from.saturating_sub(1) });
        let expected = numbers.last + 1;
        if found < expected || (whole && found != expected) {
            return Err(VerifyFailure::Sequence { index, peer: peer.clone(), expected, found });
        }
        (numbers.count, numbers.last) = (numbers.count + 1, found);
        Ok(())
    }

    /// Checks every receipt; an excerpt brings those that its entries record, and no others.
    pub(super) fn receipts(
        &mut self,
        files: &mut Files<'_>,
        extras: &[String],
    ) -> Result<(), VerifyFailure> {
        for path in extras {
            let bytes = files.sound(path)?;
            if !path.starts_with(RECEIPTS) {
                continue;
            }
            let named = |fault| VerifyFailure::Receipt { path: path.clone(), fault };
            let receipt = Receipt::parse(bytes).map_err(named)?;
            let recorded = self.recorded.get(&receipt.digest);
            let (index, entry) = recorded.ok_or_else(|| named(ReceiptFault::Unrecorded))?;
            recorded_as_it_is(&receipt, *index, entry, self.trust).map_err(named)?;
            self.told.receipts += 1;
        }
        Ok(())
    }

    pub(super) fn report(
        self,
        policy_exported: Option<Digest>,
        witnessing: Option<Witnessing>,
    ) -> ExcerptReport {
        ExcerptReport {
            checkpoint: self.checkpoint.clone(),
            scope: self.scope,
            made: self.made,
            entries: self.entries,
            before: self.before,
            successor: self.successor,
            told: self.told,
            policy_exported,
            witnessing,
            cards: self.cards,
            chosen: self.chosen,
        }
    }
}
