//! What the export that is there has, and what takes its place has not: it is gone with it, so somebody
//! must say that it may go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::held::folders;
use super::past::read_checkpoint;
use super::place::beside;
use super::staging::log_folder;
use crate::audit::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::export::{CARDS, CHECKPOINT_PATH, POLICY_PATH, RECEIPTS};
use crate::audit::note::WitnessKey;
use crate::audit::policy::Policy;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_policy, read_text, write_new};
use crate::crypto::{Digest, sha256};

/// What may be lost.
#[derive(Args, Clone, Copy, Default)]
pub(super) struct Consent {
    /// Goes on although DIR has receipts that the new export lacks: they are lost with it
    #[arg(long)]
    pub(super) drop_receipts: bool,
    /// Goes on although DIR has cards, or a policy, that the new export lacks
    #[arg(long)]
    pub(super) drop_cards: bool,
    /// Goes on although the quorum of the policy in DIR has cosigned DIR, and not the new export
    #[arg(long)]
    pub(super) drop_cosignatures: bool,
}

/// An export: where it lies, and its files.
pub(super) struct Side<'a> {
    pub(super) dir: &'a Path,
    pub(super) digests: &'a BTreeMap<String, Digest>,
}

/// What is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Their names.
    receipts: BTreeSet<String>,
    /// Cards and the policy, by their names.
    cards: BTreeSet<String>,
    /// The names of witnesses that have cosigned what is there, and not what follows.
    cosigners: BTreeSet<String>,
    /// The checkpoints that they have cosigned, by what is to be added to the name of the directory.
    checkpoints: BTreeMap<String, String>,
    /// Whether the quorum of the policy that is there has cosigned what is there, and not what follows.
    quorum: bool,
}

impl Lost {
    /// What the one has, and the other that takes its place has not.
    pub(super) fn between(old: &Side<'_>, new: &Side<'_>) -> Result<Self, Failure> {
        let policy = |side: &Side<'_>| side.digests.contains_key(POLICY_PATH);
        let mut cards = missing(CARDS, old, new);
        if policy(old) && !policy(new) {
            cards.insert(POLICY_PATH.to_owned());
        }
        // A receipt that became a stronger one has the same name, and may stand in a later log.
        let receipts = missing(RECEIPTS, old, new);
        let mut lost = Self { receipts, cards, ..Self::default() };
        lost.cosigners(old, new)?;
        lost.quorum = has_quorum(old, old.dir)? && !has_quorum(old, new.dir)?;
        Ok(lost)
    }

    /// The witnesses of any log that is there, of which that log in the other has no line, nor its newest
    /// one, which comes after all of them. A line of a key that the export that is there names counts
    /// only where it verifies; keys from what is to follow are not asked.
    fn cosigners(&mut self, old: &Side<'_>, new: &Side<'_>) -> Result<(), Failure> {
        let keys = keys_of(old);
        let newest = signed(new.dir)?.witnesses(&keys);
        let mut places = BTreeMap::new();
        for folder in folders(new.digests) {
            places.insert(read_checkpoint(&new.dir.join(folder))?.origin, folder);
        }
        for folder in folders(old.digests) {
            let had = signed(&old.dir.join(folder))?;
            let place = places.get(&had.checkpoint().origin).copied().unwrap_or_default();
            let now = signed(&new.dir.join(place))?.witnesses(&keys);
            let gone =
                |witness: &(String, [u8; 4])| !now.contains(witness) && !newest.contains(witness);
            let gone: Vec<_> = had.witnesses(&keys).into_iter().filter(gone).collect();
            if !gone.is_empty() {
                self.checkpoints.insert(beside_name(&had), had.to_note());
                self.cosigners.extend(gone.into_iter().map(|(name, _)| name));
            }
        }
        Ok(())
    }

    /// The same where all of it may go.
    ///
    /// # Errors
    /// What may not: nobody may have it but who has this export.
    pub(super) fn agreed(self, consent: &Consent, old: &Path) -> Result<Self, Failure> {
        let old = old.display();
        let refused =
            |message: String, hint: &str| Err(Failure::new(Exit::Failed, message).hint(hint));
        if !self.receipts.is_empty() && !consent.drop_receipts {
            let count = self.receipts.len();
            let receipts = if count == 1 { "receipt" } else { "receipts" };
            return refused(
                format!("the new export lacks {count} {receipts} that {old} has"),
                WITH_RECEIPTS,
            );
        }
        if !self.cards.is_empty() && !consent.drop_cards {
            let names = listed(&self.cards);
            return refused(format!("the new export lacks what {old} has: {names}"), WITH_CARDS);
        }
        if self.quorum && !consent.drop_cosignatures {
            let names = listed(&self.cosigners);
            return refused(
                format!(
                    "the quorum of the policy in {old} has cosigned it, and not the new export: {names}"
                ),
                WITH_WITNESSES,
            );
        }
        Ok(self)
    }

    /// Keeps beside the export that is there the checkpoints that witnesses have cosigned.
    pub(super) fn keep_checkpoints(&self, old: &Path) -> Result<(), Failure> {
        let kept = self.checkpoints.iter().map(|(name, note)| (beside(old, name), note));
        let new = kept.filter(|(path, _)| !path.exists());
        new.into_iter().try_for_each(|(path, note)| write_new(&path, note.as_bytes()))
    }

    /// Where those lie.
    fn checkpoints_beside(&self, dir: &Path) -> Vec<String> {
        let paths = self.checkpoints.keys().map(|name| beside(dir, name));
        paths.map(|path| path.display().to_string()).collect()
    }

    /// For people.
    pub(super) fn fields(&self, dir: &Path) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if !self.receipts.is_empty() {
            fields.push(("receipts dropped", self.receipts.len().to_string()));
        }
        if !self.cards.is_empty() {
            fields.push(("dropped", listed(&self.cards)));
        }
        if !self.cosigners.is_empty() {
            fields.push(("no more cosigned by", listed(&self.cosigners)));
            fields.push(("cosigned before", self.checkpoints_beside(dir).join("\n")));
        }
        fields
    }

    /// For programs.
    pub(super) fn json(&self, dir: &Path, json: &mut Value) {
        json["receipts_dropped"] = json!(self.receipts.len());
        json["cards_dropped"] = json!(self.cards);
        json["cosigners_dropped"] = json!(self.cosigners);
        json["checkpoints_kept"] = json!(self.checkpoints_beside(dir));
    }
}

const WITH_RECEIPTS: &str = "export with the receipts, without --without-receipts, or ask for a part that has \
                             them; where the node has them no more, copy the directory, and say \
                             --drop-receipts to go on without them";

const WITH_CARDS: &str = "ask for an export that has them; where the node has them no more, as of a peer that \
                          was removed, copy the directory, and say --drop-cards to go on without them";

const WITH_WITNESSES: &str = "export again when they answer, or ask for a part that they have cosigned; \
                              otherwise copy the directory, and say --drop-cosignatures to go on without them";

fn listed(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.join(", ")
}

/// The files of a folder that are in no log of the other, by their names below that of their log.
fn missing(kind: &str, old: &Side<'_>, new: &Side<'_>) -> BTreeSet<String> {
    let name = |path: &str| {
        let name = &path[log_folder(path).len()..];
        name.starts_with(kind).then(|| name.to_owned())
    };
    let has: BTreeSet<String> = new.digests.keys().filter_map(|path| name(path)).collect();
    old.digests.keys().filter_map(|path| name(path)).filter(|name| !has.contains(name)).collect()
}

/// The checkpoint of a log, which is verified elsewhere.
fn signed(dir: &Path) -> Result<SignedCheckpoint, Failure> {
    let path = dir.join(CHECKPOINT_PATH);
    SignedCheckpoint::assume_verified(&read_text(&path)?).map_err(|error| {
        Failure::new(Exit::VerificationFailed, format!("{}: {error}", path.display()))
    })
}

/// What is added to the name of a directory for a checkpoint: its log, its size, and what it is.
fn beside_name(signed: &SignedCheckpoint) -> String {
    let Checkpoint { origin, size, .. } = signed.checkpoint();
    let label = origin.rsplit_once('/').map_or(origin.as_str(), |(_, label)| label);
    let digest = hex::encode(&sha256(signed.to_note().as_bytes())[..4]);
    format!(".{label}-{size}-{digest}.checkpoint")
}

/// Whether the quorum of the policy of an export, if it has one, has cosigned what lies in a directory.
fn has_quorum(side: &Side<'_>, dir: &Path) -> Result<bool, Failure> {
    if !side.digests.contains_key(POLICY_PATH) {
        return Ok(false);
    }
    // A policy that cannot be read asks for nothing: verifying names it.
    let Ok(policy) = read_policy(&side.dir.join(POLICY_PATH)) else { return Ok(false) };
    let standing = policy.level(&signed(dir)?, &[]);
    Ok(policy.has_quorum() && standing.is_ok_and(|standing| standing.satisfied))
}

/// The keys of witnesses that cards and policies of an export name. What cannot be read names none.
fn keys_of(side: &Side<'_>) -> Vec<WitnessKey> {
    let mut keys = Vec::new();
    for path in side.digests.keys() {
        let (file, name) = (side.dir.join(path), &path[log_folder(path).len()..]);
        if name.starts_with(CARDS) {
            keys.extend(read_card(&file).iter().flat_map(|card| card.witness_keys().to_vec()));
        } else if name == POLICY_PATH {
            let policy: Option<Policy> = read_policy(&file).ok();
            let witnesses = policy.iter().flat_map(|policy| policy.witnesses());
            keys.extend(witnesses.map(|witness| witness.key.clone()));
        }
    }
    keys
}

#[cfg(test)]
#[path = "lost_tests.rs"]
mod tests;
