//! What an export shows of a log, held against an earlier one of the same log.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::staging::log_folder;
use crate::audit::Checkpoint;
use crate::audit::export::CHECKPOINT_PATH;
use crate::audit::manifest::{MANIFEST_PATH, Manifest};
use crate::audit::merkle::{NodeId, root_at, verify_consistency};
use crate::audit::tiles::{node_from_tile, node_in_tile, parse_tile, width_at};
use crate::cli::audit::verify::read_bounded;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::crypto::Digest;

/// The checkpoint of the finished export in a directory, by its own word; `None` where there is no directory, or an empty one.
///
/// # Errors
/// What is no export, or has something of others in it, which would be lost.
pub(super) fn finished(dir: &Path) -> Result<Option<Checkpoint>, Failure> {
    if !dir.exists() || is_empty(dir)? {
        return Ok(None);
    }
    let hint = "name a new directory, or one that holds a finished export of the same log";
    let no_export = |why: String| {
        let message = format!("{} is not empty, and no finished export: {why}", dir.display());
        Failure::new(Exit::Failed, message).hint(hint)
    };
    let files = files_below(dir)?;
    let folders: BTreeSet<&str> = files.iter().map(|file| log_folder(&file.name)).collect();
    let mut known = BTreeSet::new();
    for folder in folders {
        let path = dir.join(folder).join(MANIFEST_PATH);
        let bytes = read_bounded(&path)
            .map_err(|e| Failure::file(&path, "cannot be read", &e))?
            .ok_or_else(|| no_export("it has no manifest".to_owned()))?;
        let manifest = Manifest::parse_unverified(&bytes)
            .map_err(|error| no_export(format!("{folder}{MANIFEST_PATH}: {error}")))?;
        let listed = manifest.files.into_keys().chain([MANIFEST_PATH.to_owned()]);
        known.extend(listed.map(|path| format!("{folder}{path}")));
    }
    if let Some(file) = files.into_iter().find(|file| !known.contains(&file.name)) {
        let message = format!("{} holds {}, which is not of the export", dir.display(), file.name);
        return Err(Failure::new(Exit::Failed, message).hint("move it away: it would be lost"));
    }
    read_checkpoint(dir).map(Some).map_err(|failure| no_export(failure.message))
}

/// The manifests of the logs before the newest one, with their paths.
pub(super) fn earlier_manifests(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut manifests = Vec::new();
    for file in files_below(dir)? {
        let folder = log_folder(&file.name);
        if !folder.is_empty() && file.name.strip_prefix(folder) == Some(MANIFEST_PATH) {
            let read = read_bounded(&file.path);
            let bytes = read.map_err(|e| Failure::file(&file.path, "cannot be read", &e))?;
            manifests.push((file.name, bytes.unwrap_or_default()));
        }
    }
    Ok(manifests)
}

fn is_empty(dir: &Path) -> Result<bool, Failure> {
    let mut items =
        fs::read_dir(dir).map_err(|error| Failure::file(dir, "cannot be read", &error))?;
    Ok(items.next().is_none())
}

pub(super) fn read_checkpoint(dir: &Path) -> Result<Checkpoint, Failure> {
    let path = dir.join(CHECKPOINT_PATH);
    let text = read_text(&path)?;
    Checkpoint::parse_unverified(&text).map_err(|error| {
        Failure::new(Exit::VerificationFailed, format!("{CHECKPOINT_PATH}: {error}"))
    })
}

/// Before anything is fetched: whether what the node has extends what is there.
pub(super) fn extends(
    before: &Checkpoint,
    now: &Checkpoint,
    proof: &[Digest],
    dir: &Path,
) -> Result<(), Failure> {
    is_later(before, now, dir)?;
    verify_consistency(before.size, &before.root, now.size, &now.root, proof)
        .map_err(|error| other_past(before, dir, &error.to_string()))
}

/// Whether it is the same log, and not shorter.
pub(super) fn is_later(before: &Checkpoint, now: &Checkpoint, dir: &Path) -> Result<(), Failure> {
    if before.origin != now.origin {
        let (here, there) = (&before.origin, &now.origin);
        let message = format!("{} is an export of {here}, not of {there}", dir.display());
        return Err(Failure::new(Exit::Failed, message).hint("name another directory"));
    }
    if before.size > now.size {
        let (here, there) = (before.size, now.size);
        let message = format!(
            "{} has {here} entries of the log, what is to follow {there}: a log never shrinks",
            dir.display()
        );
        return Err(Failure::new(Exit::VerificationFailed, message).hint(LOST));
    }
    Ok(())
}

const LOST: &str = "keep the directory as it is: it holds what the node has lost, or denies; ask \
                    the node's operator whether a backup was restored";

fn other_past(before: &Checkpoint, dir: &Path, why: &str) -> Failure {
    let message = format!(
        "the log does not begin with the {} entries that {} has of it: {why}",
        before.size,
        dir.display()
    );
    Failure::new(Exit::VerificationFailed, message).hint(
        "keep the directory as it is, and `rogatory audit verify` it: if it is sound, the log's key \
         has signed two pasts; export to another directory, and show both",
    )
}

/// What was put together in `dir` where nothing was, a log in each folder: that its own tiles lead to
/// its checkpoints. Where only a `part` of it is there, the tiles are elsewhere.
pub(super) fn check(dir: &Path, folders: &[&str], part: bool) -> Result<(), Failure> {
    read_checkpoint(dir)?;
    if part {
        return Ok(());
    }
    for folder in folders {
        let dir = dir.join(folder);
        let now = read_checkpoint(&dir)?;
        if root_of(&dir, now.size, now.size)? != now.root {
            let why = "the new export has tiles that do not lead to the root of its checkpoint";
            return Err(Failure::new(Exit::VerificationFailed, why));
        }
    }
    Ok(())
}

/// Whether the log in `dir`, which verifies, began as the one that is in `old`.
pub(super) fn same_past(before: &Checkpoint, dir: &Path, old: &Path) -> Result<(), Failure> {
    match root_of(dir, before.size, read_checkpoint(dir)?.size)? == before.root {
        true => Ok(()),
        false => Err(other_past(before, old, "its tiles lead to another root")),
    }
}

/// The root of the first entries of the log in a folder.
fn root_of(dir: &Path, entries: u64, size: u64) -> Result<Digest, Failure> {
    root_at(entries, |node| read_node(dir, node, size))
}

fn read_node(dir: &Path, node: NodeId, size: u64) -> Result<Digest, Failure> {
    let (tile, ..) = node_from_tile(node);
    let path = dir.join(tile.path(width_at(tile, size)));
    let bytes = fs::read(&path).map_err(|e| Failure::file(&path, "cannot be read", &e))?;
    parse_tile(&bytes).and_then(|hashes| node_in_tile(node, &hashes)).ok_or_else(|| {
        Failure::new(Exit::VerificationFailed, format!("{}: is no such tile", path.display()))
    })
}
