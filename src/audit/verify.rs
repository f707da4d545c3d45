//! Verifies an export without trusting the node that wrote it: only the keys given by the auditor.
//!
//! In this order, and the first fault ends it: the manifest's signature; which files there are; the
//! checkpoint, and who has cosigned it; every entry, in its order, with the tiles that come of it;
//! the root; the policy and the receipts. Whether the cards are those that the log has, only all logs
//! of the export together can say.
//! Each file is read once, bundle by bundle, and once more where a receipt that the export brings
//! is looked up. What is kept is the list of files, a counter a peer, and 48 bytes a receipt that
//! the export brings: nothing grows with the entries, so that logs of many millions pass.

mod cards;
pub mod excerpt;
mod failure;
mod files;
mod joint;
mod receipts;
mod recorded;
mod walk;
mod witnessing;

use std::collections::BTreeMap;
use std::fmt::Display;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosigned::SignedCheckpoint;
use super::entry::{Coordinates, Entry, Event};
use super::export::CHECKPOINT_PATH;
use super::manifest::{MANIFEST_PATH, Manifest};
use super::note::VerifierKey;
use super::policy::Policy;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, Timestamp};
use files::Files;
use walk::Walk;
use witnessing::Policies;

pub use cards::{CardFault, Cards};
pub use failure::VerifyFailure;
pub use joint::Linked;
pub use receipts::ReceiptFault;
pub use witnessing::{WitnessSeen, Witnessing};

/// What the auditor believes beforehand, from elsewhere than the export. `R` is what is found in
/// one of its logs.
#[derive(Clone, Debug)]
pub struct Trust<R = Report> {
    /// The log that the export must be of.
    pub origin: String,
    /// The log's keys; those of other names are ignored.
    pub keys: Vec<VerifierKey>,
    /// Whose log it is.
    pub authority: AuthorityId,
    /// Whose cosignatures the checkpoint must have; `None` where that is not asked.
    pub policy: Option<Policy>,
    /// The log before this one.
    pub before: Before<R>,
}

/// What is known of the log before the one that is verified.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Before<R = Report> {
    /// Nothing: the log must be an authority's first one.
    #[default]
    None,
    /// It is not at hand: whatever this log says of it is taken as said.
    NotAtHand,
    /// This was found in it.
    Verified(Box<R>),
}

/// What a sound export holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The state of the log that the export shows.
    pub checkpoint: Checkpoint,
    /// Entries, all verified.
    pub entries: u64,
    /// When the first entry was taken.
    pub first_at: Timestamp,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Entries by event.
    pub events: BTreeMap<Event, u64>,
    /// The last sequence number of each peer: how many entries there are with it, in this log and
    /// those before.
    pub peers: BTreeMap<AuthorityId, u64>,
    /// The end of the log before, where this one goes on from one.
    pub before: Option<Coordinates>,
    /// The key of the log that follows, where this one has ended: it has that log's name.
    pub successor: Option<String>,
    /// Receipts that this log's owner issued and the export has; all stand in the log.
    pub receipts_issued: u64,
    /// Receipts of others that the export has; the log has their digests. Their own signatures
    /// are checked with the keys of their issuers, not here.
    pub receipts_received: u64,
    /// Receipts of others whose digests the log has, whether or not the export has their text.
    pub receipts_recorded: u64,
    /// The cards beside this log and those before it, and what the entries say of them: of an export
    /// that has the newest log, all must [`fit`](Cards::fit).
    pub cards: Cards,
    /// SHA-256 of the policy that the log, or one before it, says was set last, if any was.
    pub policy_set: Option<Digest>,
    /// SHA-256 of the policy that the export has, if it has one: the word of the log's owner.
    pub policy_exported: Option<Digest>,
    /// What the auditor's policy says; its quorum, if it has one, is reached.
    pub witnessing: Option<Witnessing>,
}

/// Gives the bytes of a file of an export by its relative path; `None` if it is not there.
pub type ReadFile<'a, E> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, E> + 'a;

/// Verifies an export. `read` is the one that bounds what it reads: no file is larger than
/// [`super::manifest::MANIFEST_MAX_BYTES`]. `list` has the
/// relative paths of all files that are present. `progress` is told how many entries are done, of
/// how many.
///
/// # Errors
/// [`VerifyFailure`], the first fault.
pub fn verify_export<E: Display>(
    read: &mut ReadFile<'_, E>,
    list: &[String],
    trust: &Trust,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, VerifyFailure> {
    verify_export_with(read, list, trust, &mut |_, _| {}, progress)
}

/// As [`verify_export`], and hands each entry to `each` as soon as its form and order are checked.
/// What `each` was given is proven only when this returns a report.
///
/// # Errors
/// [`VerifyFailure`], the first fault.
pub fn verify_export_with<E: Display>(
    read: &mut ReadFile<'_, E>,
    list: &[String],
    trust: &Trust,
    each: &mut dyn FnMut(u64, &Entry),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, VerifyFailure> {
    let mut read = |path: &str| match read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(VerifyFailure::Missing { path: path.to_owned() }),
        Err(why) => Err(VerifyFailure::Unreadable { path: path.to_owned(), why: why.to_string() }),
    };
    let manifest = Manifest::verify(&read(MANIFEST_PATH)?, &trust.origin, &trust.keys)
        .map_err(VerifyFailure::Manifest)?;
    let size = manifest.size;
    let mut files = Files::new(&mut read, manifest.files, list)?;
    let signed = verify_checkpoint(&mut files, size, trust)?;
    let witnessing = trust.policy.as_ref().map(|policy| witnessing::check(policy, &signed));
    let witnessing = witnessing.transpose()?;
    let checkpoint = signed.checkpoint();
    let mut walk = Walk::new(trust, size, files.receipts());
    walk.cards.beside(files.listed());
    let root = walk.log(&mut files, each, progress)?;
    if root != checkpoint.root {
        return Err(VerifyFailure::Root);
    }
    let mut extras = files.extras()?;
    let exported = witnessing::exported(&mut files, &mut extras)?;
    let receipts = receipts::verify(&mut files, &extras, &walk, trust, checkpoint)?;
    Ok(walk.report(checkpoint.clone(), receipts, Policies { exported, witnessing }))
}

fn verify_checkpoint<R>(
    files: &mut Files<'_>,
    size: u64,
    trust: &Trust<R>,
) -> Result<SignedCheckpoint, VerifyFailure> {
    let path = CHECKPOINT_PATH;
    let note = String::from_utf8(files.sound(path)?);
    let note =
        note.map_err(|_| VerifyFailure::Unreadable { path: path.into(), why: "not UTF-8".into() })?;
    let signed = SignedCheckpoint::verify(&note, &trust.keys).map_err(VerifyFailure::Checkpoint)?;
    let checkpoint = signed.checkpoint();
    if checkpoint.origin != trust.origin {
        let origin = checkpoint.origin.clone();
        return Err(VerifyFailure::Checkpoint(CheckpointError::OtherOrigin { origin }));
    }
    match checkpoint.size {
        0 => Err(VerifyFailure::Empty),
        n if n != size => Err(VerifyFailure::Size { manifest: size, checkpoint: n }),
        _ => Ok(signed),
    }
}

/// Parses an entry and says which one if it is none.
fn parse_entry(index: u64, bytes: &[u8]) -> Result<Entry, VerifyFailure> {
    Entry::parse(bytes).map_err(|source| VerifyFailure::Entry { index, source })
}

#[cfg(test)]
mod tests;
