//! An export on its way to its directory.
//!
//! It is put together beside it, in `DIR.partial`, and takes its place in one step when nothing is
//! missing any more: whatever ends the command, `DIR` is what it was before or the whole new export,
//! and what was fetched lies in `DIR.partial` for the next run. Nothing that is there is believed:
//! every file is read again, and counts only if it is the one that the new manifest lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::lost::{self, Consent, Lost};
use super::place::{beside, whole_path};
use super::swap::{self, take_place};
use super::{held, past};
use crate::audit::Checkpoint;
use crate::audit::excerpt::Excerpt;
use crate::audit::export::{EARLIER, RECEIPTS, earlier_dir};
use crate::audit::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH, Manifest, is_export_path, tag};
use crate::audit::tiles::full_paths;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create, create_directory, lock, remove, sync_directory, write_new};
use crate::crypto::{Digest, Sha256};

/// Beside its place, where an export is put together.
pub(super) const PARTIAL: &str = ".partial";

/// What all manifests list, by the path in the export.
type Listed = BTreeMap<String, Digest>;

/// A new export that is being put together.
pub(super) struct Staging {
    target: PathBuf,
    /// Where it is put together.
    files: Files,
    /// What may be taken from elsewhere on this machine: of the export that is there.
    sources: Vec<Files>,
    /// The export that is there.
    before: Option<Checkpoint>,
    open: Option<Open>,
    /// What came in this run: no file comes twice.
    came: BTreeSet<String>,
    /// Of each log, by its folder.
    manifests: BTreeMap<String, Vec<u8>>,
    bytes: u64,
    /// What to ask where a file is lacking.
    lacking: String,
    /// What of the export that is there may be lost.
    consent: Consent,
    /// Told how far the new export is verified: so many entries of so many.
    progress: Box<dyn FnMut(u64, u64)>,
    /// Held while this lives: two commands do not write one export.
    _lock: File,
}

struct Open {
    name: String,
    file: File,
    hasher: Sha256,
}

/// What is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// All of every log.
    Whole,
    /// What is new since so many entries of a log: what is full below them, older receipts and the
    /// logs before it, somebody has.
    Since { entries: u64, origin: &'a str },
    /// Entries about one thing.
    Excerpt,
}

/// What came of it.
pub(super) struct Staged {
    /// Files of the export.
    pub(super) files: u64,
    /// Bytes that came over the line.
    pub(super) bytes: u64,
    /// Files that were there already.
    pub(super) kept: u64,
    /// Entries of the export.
    pub(super) size: u64,
    /// Entries of the export that it took the place of.
    pub(super) before: Option<u64>,
    /// What is gone with that export.
    pub(super) dropped: Lost,
    /// Whether its newest log was the newest one there, too.
    pub(super) same_log: bool,
}

impl Staging {
    /// Looks at what is there: nothing, an empty directory, a finished export, and what an earlier
    /// run has left behind.
    pub(super) fn open(target: &Path) -> Result<Self, Failure> {
        let target = whole_path(target)?;
        swap::restore(&target)?;
        let before = past::finished(&target)?;
        let dir = beside(&target, PARTIAL);
        create_directory(&dir)?;
        let busy = format!("another command is exporting to {}", target.display());
        let lock = lock(&dir, busy)?;
        let mut files = Files::read(&dir)?;
        // It is no export any more: what they list is about to change. The newest log's goes first.
        let mut manifests = files.digests.keys().rev().filter(|path| is_manifest(path));
        manifests.try_for_each(|path| remove(&dir.join(path)))?;
        files.digests.retain(|path, _| !is_manifest(path));
        if let Some(name) = files.digests.keys().find(|name| !is_export_path(name)) {
            let message = format!("{} holds {name}, which no export has", dir.display());
            return Err(Failure::new(Exit::Failed, message).hint("move it away"));
        }
        let sources = match &before {
            Some(_) => vec![Files::read(&target)?],
            None => Vec::new(),
        };
        Ok(Self {
            target,
            files,
            sources,
            before,
            open: None,
            came: BTreeSet::new(),
            manifests: BTreeMap::new(),
            bytes: 0,
            lacking: AGAIN.to_owned(),
            consent: Consent::default(),
            progress: Box::new(|_, _| {}),
            _lock: lock,
        })
    }

    /// The state of the log that the export shows which is there.
    pub(super) fn before(&self) -> Option<&Checkpoint> {
        self.before.as_ref()
    }

    /// Goes on although some of what is there is not in the new one.
    pub(super) fn let_go(&mut self, consent: Consent) {
        self.consent = consent;
    }

    /// Tells how far the new export is verified.
    pub(super) fn tells(&mut self, progress: impl FnMut(u64, u64) + 'static) {
        self.progress = Box::new(progress);
    }

    /// Takes files of another directory too, which has what is new.
    pub(super) fn add_source(&mut self, files: Files) {
        self.lacking = format!(
            "is {} an export of this log since no more entries than {} has?",
            files.dir.display(),
            self.target.display()
        );
        self.sources.push(files);
    }

    /// Has the newest log of the export that is there stand for the earlier one that it has become.
    pub(super) fn move_newest(&mut self, folder: &str) {
        let moved = self.sources.first().map(|there| there.newest_under(folder));
        self.sources.extend(moved);
    }

    /// The tags of all that is there, one after the other.
    pub(super) fn held(&self) -> Vec<u8> {
        let all = std::iter::once(&self.files).chain(&self.sources);
        let tags = all.flat_map(|files| files.digests.iter().map(|(path, d)| tag(path, d)));
        let most = crate::domain::limits::EXPORT_HELD_MAX_BYTES / crate::audit::manifest::TAG_BYTES;
        tags.take(most).collect::<Vec<_>>().concat()
    }

    /// Writes a piece of a file; a new path begins a new file.
    pub(super) fn take(&mut self, path: &str, data: &[u8]) -> Result<(), Failure> {
        self.bytes += data.len() as u64;
        let folder = log_folder(path);
        if is_manifest(path) {
            self.close()?;
            let manifest = self.manifests.entry(folder.to_owned()).or_default();
            if manifest.len() + data.len() > MANIFEST_MAX_BYTES {
                return Err(wrong("the node sent a manifest that is larger than any".to_owned()));
            }
            manifest.extend_from_slice(data);
            return Ok(());
        }
        if self.manifests.contains_key(folder) {
            return Err(wrong(format!("the node sent {path} behind its manifest")));
        }
        if self.open.as_ref().is_none_or(|open| open.name != path) {
            self.close()?;
            self.begin(path)?;
        }
        if let Some(open) = &mut self.open {
            open.hasher.update(data);
            let written = open.file.write_all(data);
            written.map_err(|e| Failure::file(Path::new(path), "cannot be written", &e))?;
        }
        Ok(())
    }

    fn begin(&mut self, name: &str) -> Result<(), Failure> {
        if !is_export_path(name) {
            return Err(wrong(format!(
                "the node sent a file called {name:?}, which no export has"
            )));
        }
        if !self.came.insert(name.to_owned()) {
            return Err(wrong(format!("the node sent {name} twice")));
        }
        self.files.digests.remove(name);
        let path = self.place(name)?;
        // Never written over: it may be one file with one of the export that is there.
        remove(&path)?;
        let file = create(&path)?;
        self.open = Some(Open { name: name.to_owned(), file, hasher: Sha256::new() });
        Ok(())
    }

    /// Where a file stands, with the directories above it.
    fn place(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.files.dir.join(name);
        path.parent().map_or(Ok(()), create_directory)?;
        Ok(path)
    }

    fn close(&mut self) -> Result<(), Failure> {
        if let Some(Open { name, file, hasher }) = self.open.take() {
            let synced = file.sync_all();
            synced.map_err(|e| Failure::file(Path::new(&name), "cannot be written", &e))?;
            self.files.digests.insert(name, hasher.finish());
        }
        Ok(())
    }

    /// Puts the new export into its place, if all of it is there.
    pub(super) fn finish(mut self, kind: Kind<'_>) -> Result<Staged, Failure> {
        self.close()?;
        let Some(newest) = self.manifests.get("") else {
            let message = "the export ended early, without its manifest: it is no export";
            let hint = "run the command again: it goes on where it was";
            return Err(Failure::new(Exit::Unavailable, message).hint(hint));
        };
        let Manifest { origin: newest, size, .. } = parse(newest, kind)?;
        let mut listed = BTreeMap::new();
        for (folder, bytes) in &self.manifests {
            let files = parse(bytes, kind)?.files.into_iter();
            listed.extend(files.map(|(path, digest)| (format!("{folder}{path}"), digest)));
        }
        let has = match kind {
            Kind::Since { entries, origin } if origin == newest => Some((entries, String::new())),
            Kind::Since { entries, origin } => Some((entries, earlier_dir(origin))),
            Kind::Whole | Kind::Excerpt => None,
        };
        self.gather(&listed, has.as_ref().map(|(entries, folder)| (*entries, folder.as_str())))?;
        self.clear(&listed)?;
        let dir = &self.files.dir;
        let dropped = match (&self.before, self.sources.first()) {
            (Some(_), Some(old)) => {
                let (manifests, digests) = (&self.manifests, &self.files.digests);
                let new = held::Staged { dir, manifests, digests };
                held::goes_on(&self.target, &old.digests, &new, &mut self.progress)?;
                let old = lost::Side { dir: &self.target, digests: &old.digests };
                let new = lost::Side { dir, digests: &listed };
                Lost::between(&old, &new)?.agreed(&self.consent, &self.target)?
            }
            _ => {
                let folders: Vec<&str> = self.manifests.keys().map(String::as_str).collect();
                past::check(dir, &folders, kind != Kind::Whole)?;
                Lost::default()
            }
        };
        // The newest log's comes last: with it, this looks like an export, and is one.
        for (folder, bytes) in self.manifests.iter().rev() {
            write_new(&dir.join(folder).join(MANIFEST_PATH), bytes)?;
        }
        self.sync(&listed)?;
        dropped.keep_checkpoints(&self.target)?;
        take_place(dir, &self.target)?;
        let came = self.came.iter().filter(|path| listed.contains_key(*path)).count();
        let here = listed.keys().filter(|path| self.files.digests.contains_key(*path));
        let here = here.count();
        Ok(Staged {
            files: (here + self.manifests.len()) as u64,
            bytes: self.bytes,
            kept: (here - came) as u64,
            size,
            dropped,
            same_log: self.before.as_ref().is_none_or(|before| before.origin == newest),
            before: self.before.as_ref().map(|before| before.size),
        })
    }

    /// Sees to it that every listed file is there, but for what somebody has: of the log in a folder,
    /// so many entries.
    fn gather(&mut self, listed: &Listed, has: Option<(u64, &str)>) -> Result<(), Failure> {
        let elsewhere: BTreeSet<String> = match has {
            Some((entries, folder)) => {
                full_paths(entries).map(|path| format!("{folder}{path}")).collect()
            }
            None => BTreeSet::new(),
        };
        let receipts = has.map(|(_, folder)| format!("{folder}{RECEIPTS}"));
        let is_receipt = |path: &str| receipts.as_ref().is_some_and(|all| path.starts_with(all));
        for (path, digest) in listed {
            if self.files.digests.get(path) == Some(digest) {
                continue;
            }
            let source = self.sources.iter().find(|files| files.digests.get(path) == Some(digest));
            if let Some(source) = source {
                source.give(path, &self.place(path)?)?;
                self.files.digests.insert(path.clone(), *digest);
                continue;
            }
            if !is_receipt(path) && !elsewhere.contains(path) {
                let is_other = self.sources.iter().any(|files| files.digests.contains_key(path));
                let message = match is_other {
                    true => format!("{path} is not the file that the manifest lists"),
                    false => format!("{path} is listed in the manifest, and is not there"),
                };
                return Err(wrong(message).hint(&self.lacking));
            }
        }
        Ok(())
    }

    /// Removes what the manifest does not list: files of an earlier run, of a smaller log.
    fn clear(&mut self, listed: &Listed) -> Result<(), Failure> {
        let is_listed = |path: &String, digest: &Digest| listed.get(path) == Some(digest);
        let stale: Vec<String> = self
            .files
            .digests
            .iter()
            .filter(|(path, digest)| !is_listed(path, digest))
            .map(|(path, _)| path.clone())
            .collect();
        for path in stale {
            remove(&self.files.dir.join(&path))?;
            // Those that are not empty stay.
            let above = Path::new(&path).ancestors().skip(1).filter(|dir| dir.parent().is_some());
            above.for_each(|dir| drop(fs::remove_dir(self.files.dir.join(dir))));
            self.files.digests.remove(&path);
        }
        Ok(())
    }

    /// Files are on the disk since they were closed; now their names are.
    fn sync(&self, listed: &Listed) -> Result<(), Failure> {
        let paths = listed.keys().map(Path::new);
        let above: BTreeSet<&Path> = paths.flat_map(|path| path.ancestors().skip(1)).collect();
        let there = above.into_iter().map(|dir| self.files.dir.join(dir));
        there.filter(|dir| dir.is_dir()).try_for_each(|dir| sync_directory(&dir))
    }
}

impl Drop for Staging {
    /// Where nothing came, nothing is left behind.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.files.dir);
    }
}

/// The folder of the log that a file is of: none for the newest.
pub(super) fn log_folder(path: &str) -> &str {
    let rest = path.strip_prefix(EARLIER).and_then(|rest| rest.split_once('/'));
    rest.map_or("", |(_, inside)| &path[..path.len() - inside.len()])
}

fn is_manifest(path: &str) -> bool {
    path.strip_prefix(log_folder(path)) == Some(MANIFEST_PATH)
}

fn parse(manifest: &[u8], kind: Kind<'_>) -> Result<Manifest, Failure> {
    let parsed = match kind {
        Kind::Excerpt => Excerpt::parse_unverified(manifest).map(|excerpt| excerpt.list),
        _ => Manifest::parse_unverified(manifest),
    };
    parsed.map_err(|error| wrong(format!("the node sent a manifest that is none: {error}")))
}

const AGAIN: &str =
    "run the command again; if it says so again, the node or this program is at fault";

fn wrong(message: String) -> Failure {
    Failure::new(Exit::VerificationFailed, message).hint(AGAIN)
}

#[cfg(test)]
#[path = "staging_tests.rs"]
mod tests;
