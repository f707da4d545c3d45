//! Verifies an excerpt of a log, as [`super::verify_export`] verifies all of one: only the keys given
//! by the auditor are believed.
//!
//! In this order, and the first fault ends it: the manifest's signature; which files there are; the
//! checkpoint, and who has cosigned it; every entry's form and proof, and that it belongs there; the
//! numbers of the peers; the policy and the receipts. What is kept is the list of files, a counter a
//! peer, the ids of the messages, and an entry for each receipt that the excerpt brings.
//!
//! Excerpts of logs that follow each other are verified in their order, each with what was found in
//! the one before: the entries that join the logs are in them, and so one whose log is left out,
//! cut short or another is noticed.

mod failure;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::cards::Cards;
use super::files::Files;
use super::joint::Linked;
use super::{
    Before, Entry, ReadFile, Trust, VerifyFailure, Witnessing, verify_checkpoint, witnessing,
};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Coordinates, Event};
use crate::audit::excerpt::{Chosen, Excerpt, Made, Scope, entry_of_path};
use crate::audit::export::RECEIPTS;
use crate::audit::manifest::MANIFEST_PATH;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, Timestamp};
use walk::Walk;

pub use failure::ExcerptFailure;

/// Numbers of the entries with one peer that an excerpt has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The number from which on they are looked at: 1, but for the peer that an excerpt is of whose
    /// earlier logs are not at hand.
    pub from: u64,
    /// How many there are.
    pub count: u64,
    /// The last of them.
    pub last: u64,
}

impl Numbers {
    /// Whether none is missing before the last.
    pub fn is_whole(&self) -> bool {
        self.from + self.count == self.last + 1
    }
}

/// What entries tell, of a log and of those before it that were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When the last of them was taken.
    pub last_at: Timestamp,
    /// Entries by event.
    pub events: BTreeMap<Event, u64>,
    /// The numbers of each peer.
    pub peers: BTreeMap<AuthorityId, Numbers>,
    /// Messages that they are about.
    pub messages: BTreeSet<MessageId>,
    /// Receipts of others that the excerpts have; the entries have their digests.
    pub receipts: u64,
}

/// What a sound excerpt holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcerptReport {
    /// The state of the log that its entries are proven under.
    pub checkpoint: Checkpoint,
    /// What they concern, by the word of the log's owner.
    pub scope: Scope,
    /// Which excerpt it is, and when it was made, by the same word.
    pub made: Made,
    /// Entries, all proven; those that join the log to others included.
    pub entries: u64,
    /// The end of the log before, where this one goes on from one.
    pub before: Option<Coordinates>,
    /// The key of the log that follows, where this one has ended: it has that log's name.
    pub successor: Option<String>,
    /// What they tell, after those of the logs before.
    pub told: Told,
    /// SHA-256 of the policy that the excerpt has, if it has one.
    pub policy_exported: Option<Digest>,
    /// What the auditor's policy says; its quorum, if it has one, is reached.
    pub witnessing: Option<Witnessing>,
    /// The cards beside the entries: of whoever has the newest log, all must
    /// [`fit`](ExcerptReport::cards_fit).
    cards: Cards,
    /// What tells which entries of the next log belong there.
    chosen: Chosen,
}

impl ExcerptReport {
    /// Whether the cards belong there: in an excerpt of a peer, where every entry about its card is
    /// shown, as they do in an export; in others each must be of somebody whom an entry names.
    ///
    /// # Errors
    /// [`VerifyFailure::Card`], the first that does not.
    pub fn cards_fit(&self) -> Result<(), VerifyFailure> {
        match &self.scope {
            Scope::Peer(_) => self.cards.fit(),
            Scope::Case | Scope::Message(_) => {
                let known = |of: &str| self.told.peers.keys().any(|peer| peer.as_str() == of);
                self.cards.are_of(&known)
            }
        }
    }

    /// Whether the cards are held against what the log says of them: otherwise they are the word of
    /// whoever made the excerpt.
    pub fn proves_cards(&self) -> bool {
        matches!(self.scope, Scope::Peer(_))
    }
}

impl Linked for ExcerptReport {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn before(&self) -> Option<&Coordinates> {
        self.before.as_ref()
    }

    fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
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
    trust: &Trust<ExcerptReport>,
    each: &mut dyn FnMut(u64, &Entry),
) -> Result<ExcerptReport, ExcerptFailure> {
    let mut read = |path: &str| match read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(VerifyFailure::Missing { path: path.to_owned() }),
        Err(why) => Err(VerifyFailure::Unreadable { path: path.to_owned(), why: why.to_string() }),
    };
    let manifest = Excerpt::verify(&read(MANIFEST_PATH)?, &trust.origin, &trust.keys)
        .map_err(VerifyFailure::Manifest)?;
    let Excerpt { scope, made, list: listed } = manifest;
    same_excerpt(trust, &scope, made)?;
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
    let mut walk = Walk::new(trust, signed.checkpoint(), (scope, made), receipts);
    walk.cards.beside(files.listed());
    for index in entries {
        let entry = walk.proven(index, &mut files)?;
        walk.take(index, &entry)?;
        each(index, &entry);
    }
    let mut extras = files.extras()?;
    let policy_exported = witnessing::exported(&mut files, &mut extras)?;
    walk.receipts(&mut files, &extras)?;
    Ok(walk.report(policy_exported, seen))
}

/// Whether it is of the same excerpt as the part of the log before, and so of the same thing.
fn same_excerpt(
    trust: &Trust<ExcerptReport>,
    scope: &Scope,
    made: Made,
) -> Result<(), ExcerptFailure> {
    match &trust.before {
        Before::Verified(before) if before.scope != *scope => {
            let (scope, before) = (scope.clone(), before.scope.clone());
            Err(ExcerptFailure::OtherScope { scope, before })
        }
        Before::Verified(before) if before.made != made => {
            Err(ExcerptFailure::OtherExcerpt { made: made.at, before: before.made.at })
        }
        _ => Ok(()),
    }
}
