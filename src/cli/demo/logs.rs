//! Exported logs: files that anybody can verify, read and, in a copy, falsify.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::told::Sent;
use crate::audit::bundle::{bundle_bytes, entries_of};
use crate::audit::tiles::{TILE_WIDTH, entries_path};
use crate::audit::verify::{Before, Report, Trust, verify_export};
use crate::audit::{Entry, Event};
use crate::card::Card;
use crate::domain::AuthorityId;

/// A log that was exported and verified.
pub(super) struct Log {
    /// Whose.
    pub(super) owner: AuthorityId,
    /// What verification says of it.
    pub(super) report: Report,
    /// Its entries, from 0.
    pub(super) entries: Vec<Entry>,
    dir: PathBuf,
}

impl Log {
    /// Verifies an export with nothing but the card of its owner, and reads its entries.
    pub(super) fn read(dir: PathBuf, card: &Card) -> Result<Self> {
        let owner = card.authority().clone();
        let report = verify(&dir, card);
        let report = report.with_context(|| format!("the log of {owner} does not verify"))?;
        let entries = read_entries(&dir, report.entries)?;
        Ok(Self { owner, report, entries, dir })
    }

    /// Copies the export, with one bit changed in the middle of an entry.
    pub(super) fn falsify(&self, index: u64, copy: &Path) -> Result<()> {
        for path in list(&self.dir)? {
            let target = copy.join(&path);
            fs::create_dir_all(target.parent().unwrap_or(copy))?;
            fs::copy(self.dir.join(path), target)?;
        }
        let first = index - index % TILE_WIDTH as u64;
        let path = copy.join(bundle_path(first, self.report.entries));
        let before = &self.entries[first as usize..index as usize];
        let before: Vec<_> = before.iter().map(Entry::encode).collect();
        let start = bundle_bytes(&before).context("the entries are no bundle")?.len();
        // Behind the two bytes of the entry's length.
        let at = start + 2 + self.entries[index as usize].encode().len() / 2;
        let mut bytes = fs::read(&path)?;
        *bytes.get_mut(at).context("the bundle is shorter than its entries")? ^= 1;
        Ok(fs::write(path, bytes)?)
    }

    /// The one entry with an event about a message: stated by the owner, or recorded from the
    /// other side.
    pub(super) fn only(&self, sent: &Sent, event: Event, recorded: bool) -> Result<(u64, &Entry)> {
        let mut fitting = (0..).zip(&self.entries).filter(|(_, entry)| {
            let about = entry.event == event && entry.message == Some(sent.id);
            about && entry.is_recorded_receipt() == recorded
        });
        let first = fitting.next();
        let first = first.with_context(|| {
            format!("the log of {} has no {event} of {}", self.owner, sent.label)
        })?;
        match fitting.next() {
            Some((again, _)) => {
                bail!("entry {again} of {} is a second {event} of {}", self.owner, sent.label)
            }
            None => Ok(first),
        }
    }
}

/// Verifies an export as it lies in a directory.
pub(super) fn verify(dir: &Path, card: &Card) -> Result<Report> {
    let list = list(dir)?;
    let trust = Trust {
        origin: card.log_origin().to_owned(),
        keys: card.log_keys().to_vec(),
        authority: card.authority().clone(),
        policy: None,
        before: Before::None,
    };
    let mut read = |path: &str| match fs::read(dir.join(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok(verify_export(&mut read, &list, &trust, &mut |_, _| {})?)
}

/// The relative paths of all files below a directory.
fn list(root: &Path) -> Result<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = open.pop() {
        for item in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let path = item?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let relative = path.strip_prefix(root)?.to_str().context("a path is not UTF-8")?;
            found.push(relative.to_owned());
        }
    }
    Ok(found)
}

fn read_entries(dir: &Path, size: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for first in (0..size).step_by(TILE_WIDTH) {
        let bytes = fs::read(dir.join(bundle_path(first, size)))?;
        for entry in entries_of(&bytes) {
            let whole = entry.ok().context("an entry is cut off")?;
            entries.push(Entry::parse(whole)?);
        }
    }
    Ok(entries)
}

/// The path of the bundle that begins with an entry.
fn bundle_path(first: u64, size: u64) -> String {
    let width = (size - first).min(TILE_WIDTH as u64) as u16;
    entries_path(first / TILE_WIDTH as u64, width)
}

/// The log of an authority.
pub(super) fn of<'a>(logs: &'a [Log], id: &AuthorityId) -> Result<&'a Log> {
    logs.iter().find(|log| log.owner == *id).with_context(|| format!("there is no log of {id}"))
}
