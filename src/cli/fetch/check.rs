//! Whether a directory still is what was fetched into it: every file of every bag, none missing
//! and none added.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::bag::{MANIFEST, METADATA, TAG_MANIFEST, TAGS, encoded};
use super::{MESSAGE_FILE, RECEIPTS};
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::hashed;
use crate::cli::out::Progress;
use crate::cli::receipt;
use crate::domain::{MessageId, PackageId};

/// More faults than this are not worth a line each.
const FAULTS_MAX: usize = 20;

/// What was fetched, as its [`MESSAGE_FILE`] says.
#[derive(Deserialize)]
pub(crate) struct Said {
    pub(crate) message_id: MessageId,
    pub(crate) envelope_digest: String,
    packages: Vec<Package>,
    /// As in "RelayAcceptance xb.pps".
    receipts: Vec<String>,
    /// All of it, to be compared with what the node has.
    #[serde(skip)]
    pub(crate) whole: Value,
}

#[derive(Deserialize)]
struct Package {
    package_id: PackageId,
    exhibits: Vec<Exhibit>,
}

#[derive(Deserialize)]
struct Exhibit {
    original_name: String,
    size_bytes: u64,
    sha256: String,
}

impl Said {
    /// Reads it from the directory that was fetched into.
    pub(crate) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(MESSAGE_FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            let failure = Failure::file(&path, "cannot be read", &error);
            match failure.code {
                Exit::NotFound => failure.hint("not all of it was fetched there: fetch it again"),
                _ => failure,
            }
        })?;
        let read = || {
            let whole: Value = serde_json::from_str(&text)?;
            let said = Self::deserialize(&whole)?;
            Ok::<_, serde_json::Error>(Self { whole, ..said })
        };
        let is_none = |_| Failure::bad_file(&path, "is not what `rogatory fetch` wrote");
        read().map_err(is_none)
    }

    /// Bytes of all exhibits.
    pub(crate) fn bytes(&self) -> u64 {
        self.packages
            .iter()
            .flat_map(|one| &one.exhibits)
            .map(|one| one.size_bytes)
            .fold(0, u64::saturating_add)
    }

    /// Compares everything that was fetched with what is there.
    ///
    /// # Errors
    /// Names each file that is missing, was added, or is another.
    pub(crate) fn check(&self, dir: &Path, progress: &Progress) -> Result<(), Failure> {
        let mut faults = Faults(Vec::new());
        for package in &self.packages {
            let root = dir.join(package.package_id.to_string());
            package.check(&root, progress, &mut faults)?;
        }
        self.receipts(&dir.join(RECEIPTS), &mut faults)?;
        faults.into_failure()
    }

    /// Each receipt that the message had is there, and every one is one.
    fn receipts(&self, dir: &Path, faults: &mut Faults) -> Result<(), Failure> {
        let mut there: BTreeSet<String> = names_below(dir, faults)?;
        for name in &there {
            let text = fs::read_to_string(dir.join(name)).unwrap_or_default();
            if receipt::file_name(&text).ok().as_ref() != Some(name) {
                faults.add(&dir.join(name), "is not the receipt that was fetched");
            }
        }
        for said in &self.receipts {
            let Some((event, issuer)) = said.split_once(' ') else { continue };
            let fits = |name: &&String| {
                name.starts_with(&format!("{issuer}-"))
                    && name.ends_with(&format!("-{event}.tlog-proof"))
            };
            let Some(name) = there.iter().find(fits).cloned() else {
                faults.add(dir, &format!("the receipt {event} of {issuer} is missing"));
                continue;
            };
            there.remove(&name);
        }
        Ok(())
    }
}

impl Package {
    fn check(&self, root: &Path, progress: &Progress, faults: &mut Faults) -> Result<(), Failure> {
        let mut there = names_below(root, faults)?;
        let mut manifest = String::new();
        for exhibit in &self.exhibits {
            let name = format!("data/{}", exhibit.original_name);
            manifest.push_str(&format!("{}  {}\n", exhibit.sha256, encoded(&name)));
            if !there.remove(&name) {
                faults.add(&root.join(&name), "is missing");
                continue;
            }
            match digest(&root.join(&name), |count| progress.add(count)) {
                Ok(found) if found == exhibit.sha256 => {}
                Ok(_) => faults.add(&root.join(&name), "is not what was fetched"),
                Err(error) => faults.add(&root.join(&name), &format!("cannot be read: {error}")),
            }
        }
        self.tags(root, &manifest, &mut there, faults);
        for added in there {
            faults.add(&root.join(added), "was added");
        }
        Ok(())
    }

    /// The files that make it a bag: the manifest is what the exhibits say, the tag manifest what
    /// the others say.
    fn tags(&self, root: &Path, manifest: &str, there: &mut BTreeSet<String>, faults: &mut Faults) {
        let mut texts = BTreeMap::new();
        for name in TAGS.into_iter().chain([TAG_MANIFEST]) {
            match there.remove(name).then(|| fs::read(root.join(name))) {
                Some(Ok(text)) => {
                    texts.insert(name, text);
                }
                Some(Err(error)) => {
                    faults.add(&root.join(name), &format!("cannot be read: {error}"));
                }
                None => faults.add(&root.join(name), "is missing"),
            }
        }
        if texts.get(MANIFEST).is_some_and(|text| text != manifest.as_bytes()) {
            faults.add(&root.join(MANIFEST), "is not what was fetched");
        }
        let Some(listed) = texts.get(TAG_MANIFEST) else { return };
        let line = |name: &str, text: &[u8]| {
            format!("{}  {name}\n", hex::encode(crate::crypto::sha256(text)))
        };
        let known = TAGS.iter().filter_map(|name| Some((name, texts.get(name)?)));
        let listed = String::from_utf8_lossy(listed);
        metadata(root, &listed, there, faults);
        let wrong: Vec<&str> = known
            .filter(|(name, text)| !listed.contains(&line(name, text)))
            .map(|(name, _)| *name)
            .filter(|name| *name != MANIFEST)
            .collect();
        for name in wrong {
            faults.add(&root.join(name), "is not what was fetched");
        }
        if listed.lines().count() != TAGS.len() + METADATA.len() {
            faults.add(&root.join(TAG_MANIFEST), "is not what was fetched");
        }
    }
}

/// The files that say more of the exhibits, which may be large: they are what the tag manifest says.
fn metadata(root: &Path, listed: &str, there: &mut BTreeSet<String>, faults: &mut Faults) {
    for name in METADATA {
        let path = root.join(name);
        if !there.remove(name) {
            faults.add(&path, "is missing");
            continue;
        }
        match digest(&path, |_| {}) {
            Ok(found) if listed.contains(&format!("{found}  {name}\n")) => {}
            Ok(_) => faults.add(&path, "is not what was fetched"),
            Err(error) => faults.add(&path, &format!("cannot be read: {error}")),
        }
    }
}

/// The files below a directory; what is no file is a fault, and so is no directory.
fn names_below(root: &Path, faults: &mut Faults) -> Result<BTreeSet<String>, Failure> {
    match files_below(root) {
        Ok(files) => Ok(files.into_iter().map(|file| file.name).collect()),
        Err(failure) if matches!(failure.code, Exit::BadInput | Exit::NotFound) => {
            // It names the file, and says what it is instead.
            faults.0.push(failure.message);
            Ok(BTreeSet::new())
        }
        Err(failure) => Err(failure),
    }
}

fn digest(path: &Path, read: impl FnMut(u64)) -> io::Result<String> {
    Ok(hex::encode(hashed(&mut File::open(path)?, read)?.finish()))
}

/// What is wrong, a line each.
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, path: &Path, what: &str) {
        self.0.push(format!("{} {what}", path.display()));
    }

    fn into_failure(mut self) -> Result<(), Failure> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        self.0.truncate(FAULTS_MAX);
        if count > FAULTS_MAX {
            self.0.push(format!("and {} more", count - FAULTS_MAX));
        }
        let hint = "nothing was confirmed: keep these files apart, and fetch the message again";
        Err(Failure::new(Exit::VerificationFailed, self.0.join("\n")).hint(hint))
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
