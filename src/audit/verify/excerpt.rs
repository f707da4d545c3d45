//! Verifies an excerpt of a log, as [`super::verify_export`] verifies all of one: only the keys given
//! by the auditor are believed.
//!
//! In this order, and the first fault ends it: the manifest's signature; which files there are; the
//! checkpoint, and who has cosigned it; every entry's form and proof, and that it belongs there; the
//! numbers of the peers; the policy and the receipts. What is kept is the list of files, a counter a
//! peer, the ids of the messages, and an entry for each receipt that the excerpt brings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::files::Files;
use super::receipts::{Receipt, ReceiptFault, recorded_as_it_is};
use super::{Entry, ReadFile, Trust, VerifyFailure, Witnessing, verify_checkpoint, witnessing};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Event;
use crate::audit::excerpt::{Chosen, Excerpt, Scope, entry_of_path, entry_path};
use crate::audit::export::RECEIPTS;
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::audit::note::VerifierKey;
use crate::audit::proof::{TlogProof, TlogProofError};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, Timestamp};

/// Numbers of the entries with one peer that an excerpt has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// How many there are.
    pub count: u64,
    /// The last of them. Where it is the count too, none before it is missing.
    pub last: u64,
}

/// What a sound excerpt holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcerptReport {
    /// The state of the log that its entries are proven under.
    pub checkpoint: Checkpoint,
    /// What they concern, by the word of the log's owner.
    pub scope: Scope,
    /// Entries, all proven; the first of the log included.
    pub entries: u64,
    /// When the last of them was taken.
    pub last_at: Timestamp,
    /// Entries by event.
    pub events: BTreeMap<Event, u64>,
    /// The numbers of each peer.
    pub peers: BTreeMap<AuthorityId, Numbers>,
    /// Messages that they are about.
    pub messages: u64,
    /// Receipts of others that the excerpt has; its entries have their digests.
    pub receipts: u64,
    /// SHA-256 of the policy that the excerpt has, if it has one.
    pub policy_exported: Option<Digest>,
    /// What the auditor's policy says; its quorum, if it has one, is reached.
    pub witnessing: Option<Witnessing>,
}

/// Why an excerpt is not to be believed: the first fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExcerptFailure {
    /// A fault that an export can have too.
    #[error(transparent)]
    Export(#[from] VerifyFailure),
    /// The proof is none, or proves nothing.
    #[error("{}: {source}", entry_path(*.index))]
    Proof {
        /// The entry.
        index: u64,
        /// Why not.
        source: TlogProofError,
    },
    /// The proof is of another entry than the name of its file says.
    #[error("{}: is the proof of entry {found}", entry_path(*.index))]
    OtherIndex {
        /// The entry that the name says.
        index: u64,
        /// The entry that it is of.
        found: u64,
    },
    /// The proof is under another checkpoint than that of the excerpt.
    #[error("{}: is proven under another checkpoint than that of the excerpt", entry_path(*.index))]
    OtherCheckpoint {
        /// The entry.
        index: u64,
    },
    /// The first entry of the log is not there.
    #[error("{}: is missing: every excerpt has the first entry of the log", entry_path(0))]
    NoFirst,
    /// The entry concerns something else.
    #[error("entry {index}: does not belong in an excerpt of: {scope}")]
    OutOfScope {
        /// The entry.
        index: u64,
        /// What the excerpt is of.
        scope: Scope,
    },
}

impl ExcerptFailure {
    /// The entry at fault, where the fault is in one.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Export(failure) => failure.entry(),
            Self::NoFirst => Some(0),
            Self::Proof { index, .. }
            | Self::OtherIndex { index, .. }
            | Self::OtherCheckpoint { index }
            | Self::OutOfScope { index, .. } => Some(*index),
        }
    }

    /// The file at fault, where the fault is in one.
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Export(failure) => failure.path().map(str::to_owned),
            _ => self.entry().map(entry_path),
        }
    }
}

/// Verifies an excerpt; `read` and `list` as for [`super::verify_export`]. Hands each entry to `each`
/// in the order of the log, proven by itself; that all of it is sound is known when this returns.
///
/// # Errors
/// [`ExcerptFailure`], the first fault.
pub fn verify_excerpt<E: Display>(
    read: &mut ReadFile<'_, E>,
    list: &[String],
    trust: &Trust,
    each: &mut dyn FnMut(u64, &Entry),
) -> Result<ExcerptReport, ExcerptFailure> {
    let mut read = |path: &str| match read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(VerifyFailure::Missing { path: path.to_owned() }),
        Err(why) => Err(VerifyFailure::Unreadable { path: path.to_owned(), why: why.to_string() }),
    };
    let manifest = Excerpt::verify(&read(MANIFEST_PATH)?, &trust.origin, &trust.keys)
        .map_err(VerifyFailure::Manifest)?;
    let Excerpt { scope, list: listed } = manifest;
    let entries: Vec<u64> = listed.files.keys().filter_map(|path| entry_of_path(path)).collect();
    let receipts = listed.files.iter().filter(|(path, _)| path.starts_with(RECEIPTS));
    let receipts: BTreeSet<Digest> = receipts.map(|(_, digest)| *digest).collect();
    let mut files = Files::new(&mut read, listed.files, list)?;
    let signed = verify_checkpoint(&mut files, listed.size, trust)?;
    let seen = trust.policy.as_ref().map(|policy| witnessing::check(policy, &signed));
    let seen = seen.transpose()?;
    if entries.first() != Some(&0) {
        return Err(ExcerptFailure::NoFirst);
    }
    let mut walk = Walk::new(trust, signed.checkpoint(), scope, receipts);
    for index in entries {
        let entry = walk.proven(index, &mut files)?;
        walk.take(index, &entry)?;
        each(index, &entry);
    }
    let mut extras = files.extras()?;
    let policy_exported = witnessing::exported(&mut files, &mut extras)?;
    let receipts = walk.receipts(&mut files, &extras)?;
    Ok(walk.report(receipts, policy_exported, seen))
}

struct Walk<'a> {
    trust: &'a Trust,
    keys: Vec<VerifierKey>,
    checkpoint: &'a Checkpoint,
    /// The note that the last proof was under, which was verified.
    note: String,
    scope: Scope,
    chosen: Chosen,
    entries: u64,
    last_at: Timestamp,
    events: BTreeMap<Event, u64>,
    peers: BTreeMap<AuthorityId, Numbers>,
    messages: BTreeSet<MessageId>,
    /// Receipts that the excerpt brings.
    brought: BTreeSet<Digest>,
    /// The entries that record them.
    recorded: BTreeMap<Digest, (u64, Entry)>,
}

impl<'a> Walk<'a> {
    fn new(
        trust: &'a Trust,
        checkpoint: &'a Checkpoint,
        scope: Scope,
        brought: BTreeSet<Digest>,
    ) -> Self {
        let of_this_log = trust.keys.iter().filter(|key| key.name() == trust.origin);
        Self {
            trust,
            keys: of_this_log.cloned().collect(),
            checkpoint,
            note: String::new(),
            chosen: Chosen::read(scope.clone()),
            scope,
            entries: 0,
            last_at: Timestamp::from_unix_ms(0),
            events: BTreeMap::new(),
            peers: BTreeMap::new(),
            messages: BTreeSet::new(),
            brought,
            recorded: BTreeMap::new(),
        }
    }

    /// An entry, once it is proven to stand under the checkpoint.
    fn proven(&mut self, index: u64, files: &mut Files<'_>) -> Result<Entry, ExcerptFailure> {
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
        Ok(super::parse_entry(index, &proof.extra)?)
    }

    fn take(&mut self, index: u64, entry: &Entry) -> Result<(), ExcerptFailure> {
        if (index == 0) != (entry.event == Event::LogOpened) {
            return Err(VerifyFailure::Misplaced { index, event: entry.event }.into());
        }
        if !self.chosen.may_take(index, entry) {
            return Err(ExcerptFailure::OutOfScope { index, scope: self.scope.clone() });
        }
        if entry.at < self.last_at {
            let (at, before) = (entry.at, self.last_at);
            return Err(VerifyFailure::TimeRunsBack { index, at, before }.into());
        }
        self.last_at = entry.at;
        self.number(index, entry)?;
        if let Some(by) = entry.by.as_ref().filter(|_| entry.receipt.is_none())
            && *by != self.trust.authority
        {
            return Err(VerifyFailure::Attribution { index, by: by.clone() }.into());
        }
        if let Some(receipt) = entry.receipt.filter(|receipt| self.brought.contains(receipt)) {
            self.recorded.insert(receipt, (index, entry.clone()));
        }
        self.entries += 1;
        self.messages.extend(entry.message);
        *self.events.entry(entry.event).or_default() += 1;
        Ok(())
    }

    /// The numbers of a peer only grow; those of the peer that the excerpt is of have no gap.
    fn number(&mut self, index: u64, entry: &Entry) -> Result<(), VerifyFailure> {
        let (Some(peer), Some(found)) = (&entry.peer, entry.peer_seq) else {
            return Ok(());
        };
        let numbers = self.peers.entry(peer.clone()).or_insert(Numbers { count: 0, last: 0 });
        let expected = numbers.last + 1;
        let whole = matches!(&self.scope, Scope::Peer(whole) if whole == peer);
        if found < expected || (whole && found != expected) {
            return Err(VerifyFailure::Sequence { index, peer: peer.clone(), expected, found });
        }
        *numbers = Numbers { count: numbers.count + 1, last: found };
        Ok(())
    }

    /// Checks every receipt; an excerpt brings those that its entries record, and no others.
    fn receipts(&self, files: &mut Files<'_>, extras: &[String]) -> Result<u64, VerifyFailure> {
        let mut count = 0;
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
            count += 1;
        }
        Ok(count)
    }

    fn report(
        self,
        receipts: u64,
        policy_exported: Option<Digest>,
        witnessing: Option<Witnessing>,
    ) -> ExcerptReport {
        ExcerptReport {
            checkpoint: self.checkpoint.clone(),
            scope: self.scope,
            entries: self.entries,
            last_at: self.last_at,
            events: self.events,
            peers: self.peers,
            messages: self.messages.len() as u64,
            receipts,
            policy_exported,
            witnessing,
        }
    }
}
