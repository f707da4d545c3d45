//! What the export that is there holds, and what takes its place must hold as well: it is gone then.
//!
//! The new one is verified as `audit verify` verifies it, but for the card, which nobody gives here:
//! each log with the keys under which it verifies where it lies already, and one that has begun since
//! with the key that the log before it names.

use std::collections::BTreeMap;
use std::path::Path;
use std::slice::from_ref;

use super::past;
use super::staging::log_folder;
use crate::audit::Checkpoint;
use crate::audit::bundle::entries_of;
use crate::audit::entry::Entry;
use crate::audit::export::CHECKPOINT_PATH;
use crate::audit::manifest::{MANIFEST_PATH, Manifest};
use crate::audit::note::VerifierKey;
use crate::audit::tiles::{TILE_WIDTH, entries_path};
use crate::audit::verify::{Before, Report, Trust, VerifyFailure, verify_export};
use crate::cli::audit::chain::{self, Link};
use crate::cli::audit::trusted::exported_card;
use crate::cli::audit::verify::{cards_fit, read_bounded};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::crypto::Digest;
use crate::domain::AuthorityId;

/// The digests of files, by their paths in their export.
type Digests = BTreeMap<String, Digest>;

/// An export that has all its files, but for the manifests, which are yet to be written.
pub(super) struct Staged<'a> {
    pub(super) dir: &'a Path,
    /// Of each log, by its folder.
    pub(super) manifests: &'a BTreeMap<String, Vec<u8>>,
    pub(super) digests: &'a Digests,
}

/// A log of the export that is there.
struct Held<'a> {
    folder: &'a str,
    checkpoint: Checkpoint,
    /// Those under which it verifies.
    keys: Vec<VerifierKey>,
}

/// Whether nothing of the export in a directory is lost where the new one takes its place.
///
/// # Errors
/// Another log, one that is missing or shorter or has another past; what does not verify.
pub(super) fn goes_on(
    old: &Path,
    digests: &Digests,
    new: &Staged<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Failure> {
    let mut newer = BTreeMap::new();
    for folder in new.manifests.keys() {
        newer.insert(past::read_checkpoint(&new.dir.join(folder))?.origin, folder.as_str());
    }
    let mut held = Vec::new();
    // The newest log's folder is the first: the one that a mistaken directory differs in.
    for folder in folders(digests) {
        let checkpoint = past::read_checkpoint(&old.join(folder))?;
        match newer.get(&checkpoint.origin) {
            Some(place) => {
                past::is_later(&checkpoint, &past::read_checkpoint(&new.dir.join(place))?, old)?;
            }
            None if folder.is_empty() => {
                past::is_later(&checkpoint, &past::read_checkpoint(new.dir)?, old)?;
            }
            None => return Err(lacks(old, &checkpoint.origin)),
        }
        held.push((folder, checkpoint));
    }
    let with_keys = |(folder, checkpoint): (_, Checkpoint)| {
        let keys = own_keys(&old.join(folder), &checkpoint)?;
        Ok(Held { folder, checkpoint, keys })
    };
    let held = held.into_iter().map(with_keys).collect::<Result<Vec<_>, Failure>>()?;
    verify(&held, old, new, progress)?;
    for log in &held {
        let place = newer.get(&log.checkpoint.origin).copied().unwrap_or_default();
        past::same_past(&log.checkpoint, &new.dir.join(place), old)?;
        same_bundles(log, (old, digests), (place, new.digests))?;
    }
    Ok(())
}

/// The folders of the logs; that of the newest one is empty.
pub(super) fn folders(digests: &Digests) -> Vec<&str> {
    let mut folders: Vec<&str> = digests.keys().map(|path| log_folder(path)).collect();
    folders.sort_unstable();
    folders.dedup();
    folders
}

fn lacks(old: &Path, origin: &str) -> Failure {
    let message =
        format!("{} has the log {origin}, which the new export does not have", old.display());
    Failure::new(Exit::VerificationFailed, message).hint(KEEP)
}

const KEEP: &str = "keep the directory as it is: it holds what the new export denies or has lost";

/// The keys that a log names itself, and that have signed the state of it that is there.
fn own_keys(dir: &Path, checkpoint: &Checkpoint) -> Result<Vec<VerifierKey>, Failure> {
    let note = read_text(&dir.join(CHECKPOINT_PATH))?;
    let path = dir.join(MANIFEST_PATH);
    let manifest = read_bounded(&path).map_err(|e| Failure::file(&path, "cannot be read", &e))?;
    let manifest = manifest.unwrap_or_default();
    let origin = &checkpoint.origin;
    let mut keys = exported_card(dir).map(|card| card.log_keys_of(origin)).unwrap_or_default();
    keys.extend(opened_with(dir, checkpoint.size));
    keys.retain(|key| {
        let key = from_ref(key);
        Checkpoint::verify(&note, key).is_ok() && Manifest::verify(&manifest, origin, key).is_ok()
    });
    if keys.is_empty() {
        let message = format!(
            "{} is not signed with any key that it names as that of {origin}: what goes on from it \
             cannot be told",
            dir.display()
        );
        return Err(Failure::new(Exit::VerificationFailed, message).hint(
            "keep it, and export to another directory; `rogatory audit verify` says what is wrong \
             with it",
        ));
    }
    Ok(keys)
}

/// The key in the first entry of the log in a folder.
fn opened_with(dir: &Path, size: u64) -> Option<VerifierKey> {
    let bundle = entries_path(0, size.min(TILE_WIDTH as u64) as u16);
    let bundle = read_bounded(&dir.join(bundle)).ok()??;
    let first = entries_of(&bundle).next()?.ok()?;
    VerifierKey::parse(&Entry::parse(first).ok()?.key?).ok()
}

/// Verifies all logs of the new export, the oldest first, each with what was found in the one before.
fn verify(
    held: &[Held<'_>],
    old: &Path,
    new: &Staged<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Failure> {
    let mut before: Option<Report> = None;
    for link in chain::links(new.dir)? {
        let Checkpoint { origin, size, .. } = past::read_checkpoint(&link.dir)?;
        let named = before.as_ref().and_then(|before| before.successor.as_deref());
        let keys = match (held.iter().find(|log| log.checkpoint.origin == origin), &before) {
            (Some(log), _) => log.keys.clone(),
            (None, Some(_)) => {
                named.and_then(|key| VerifierKey::parse(key).ok()).into_iter().collect()
            }
            // Older than all that is there: those commit to all that it is.
            (None, None) => opened_with(&link.dir, size).into_iter().collect(),
        };
        // What the oldest log goes on from is no more in the new export than where it lies.
        let before_it = before.take().map_or(Before::NotAtHand, |b| Before::Verified(Box::new(b)));
        let authority = origin.split_once("/log/").map_or("", |(authority, _)| authority);
        let authority = AuthorityId::parse(authority).map_err(|error| {
            Failure::new(Exit::VerificationFailed, format!("{origin}: {error}"))
        })?;
        let trust = Trust { origin, keys, authority, policy: None, before: before_it };
        let report = verify_one(&link, &trust, new, progress)?;
        before = Some(report.map_err(|failure| unsound(old, &link.prefix, &failure))?);
    }
    cards_fit(before.as_ref()).map_err(|failure| unsound(old, "", &failure))
}

fn verify_one(
    link: &Link,
    trust: &Trust,
    new: &Staged<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Result<Report, VerifyFailure>, Failure> {
    let present = link.files()?;
    let mut read = |path: &str| match path {
        MANIFEST_PATH => Ok(new.manifests.get(&link.prefix).cloned()),
        path => read_bounded(&link.dir.join(path)),
    };
    Ok(verify_export(&mut read, &present, trust, progress))
}

fn unsound(old: &Path, prefix: &str, failure: &VerifyFailure) -> Failure {
    let message = format!(
        "the new export does not verify with what {} has of the log: {prefix}{failure}",
        old.display()
    );
    Failure::new(Exit::VerificationFailed, message).hint(
        "the directory is as it was: keep it; export to another one, and `rogatory audit verify` both \
         with the card that you trust",
    )
}

/// Bundles that were full never change; the new ones are proven to be those of the log.
fn same_bundles(
    log: &Held<'_>,
    (old, held): (&Path, &Digests),
    (place, new): (&str, &Digests),
) -> Result<(), Failure> {
    for number in 0..log.checkpoint.size / TILE_WIDTH as u64 {
        let path = entries_path(number, TILE_WIDTH as u16);
        let was = format!("{}{path}", log.folder);
        if held.get(&was).is_some_and(|digest| new.get(&format!("{place}{path}")) != Some(digest)) {
            let message = format!(
                "{}: does not hold the entries that the log had there, by the checkpoint beside it",
                old.join(was).display()
            );
            return Err(Failure::new(Exit::VerificationFailed, message).hint(
                "somebody has changed or damaged it: keep the directory as it is, and export to \
                 another one",
            ));
        }
    }
    Ok(())
}
