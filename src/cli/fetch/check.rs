//! Whether a directory or a container still is what was fetched into it: every file of every bag,
//! none missing and none added.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::bag::{MANIFEST, MANIFEST_512, METADATA, TAG_MANIFEST, TAGS, encoded, line_512};
use super::tree::Tree;
use super::{DEFECTS, MESSAGE_FILE, RECEIPTS};
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Progress;
use crate::cli::receipt;
use crate::crypto::sha256;
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
    /// Reads it from where it was fetched to.
    pub(crate) fn read(tree: &dyn Tree) -> Result<Self, Failure> {
        let path = tree.shown(MESSAGE_FILE);
        let path = Path::new(&path);
        let bytes = tree.read(MESSAGE_FILE).map_err(|error| {
            let failure = Failure::file(path, "cannot be read", &error);
            match error.kind() {
                ErrorKind::NotFound if tree.read(DEFECTS).is_ok() => {
                    failure.hint("defects.json says what is not whole: fetch it again, or tell its sender with `rogatory reply ID --fetched DIR`")
                }
                ErrorKind::NotFound => {
                    failure.hint("not all of it was fetched there: fetch it again")
                }
                _ => failure,
            }
        })?;
        let read = || {
            let whole: Value = serde_json::from_slice(&bytes)?;
            let said = Self::deserialize(&whole)?;
            Ok::<_, serde_json::Error>(Self { whole, ..said })
        };
        let is_none = |_| Failure::bad_file(path, "is not what `rogatory fetch` wrote");
        read().map_err(is_none)
    }

    /// The same, if it is of the message that is meant.
    pub(crate) fn of(tree: &dyn Tree, id: MessageId) -> Result<Self, Failure> {
        let said = Self::read(tree)?;
        match said.message_id == id {
            true => Ok(said),
            false => {
                let path = tree.shown(MESSAGE_FILE);
                let why = format!("is of message {}", said.message_id);
                Err(Failure::bad_file(Path::new(&path), why)
                    .hint("name that message, or the directory that this one was fetched into"))
            }
        }
    }

    /// The packages.
    pub(crate) fn packages(&self) -> impl Iterator<Item = PackageId> {
        self.packages.iter().map(|one| one.package_id)
    }

    /// How many exhibits there are.
    pub(crate) fn exhibits(&self) -> usize {
        self.packages.iter().map(|one| one.exhibits.len()).sum()
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
    /// Names each file that is missing, was added, or is another; what to do, the caller knows.
    pub(crate) fn check(&self, tree: &dyn Tree, progress: &Progress) -> Result<(), Failure> {
        let mut faults = Faults(Vec::new());
        for package in &self.packages {
            package.check(tree, progress, &mut faults)?;
        }
        self.receipts(tree, &mut faults)?;
        if tree.is_closed() {
            for name in tree.names_below("")?.iter().filter(|name| !self.knows(name)) {
                faults.add(tree, name, "was added");
            }
        }
        faults.into_failure()
    }

    /// Whether a file stands where one was fetched to.
    fn knows(&self, name: &str) -> bool {
        let first = name.split('/').next().unwrap_or_default();
        name == MESSAGE_FILE
            || first == RECEIPTS
            || self.packages().any(|package| package.to_string() == first)
    }

    /// Each receipt that the message had is there, and every one is one.
    fn receipts(&self, tree: &dyn Tree, faults: &mut Faults) -> Result<(), Failure> {
        let mut there: BTreeSet<String> = names_below(tree, RECEIPTS, faults)?;
        for name in &there {
            let path = format!("{RECEIPTS}/{name}");
            let text = String::from_utf8(tree.read(&path).unwrap_or_default()).unwrap_or_default();
            if receipt::file_name(&text).ok().as_ref() != Some(name) {
                faults.add(tree, &path, "is not the receipt that was fetched");
            }
        }
        for said in &self.receipts {
            let Some((event, issuer)) = said.split_once(' ') else { continue };
            let fits = |name: &&String| {
                name.starts_with(&format!("{issuer}-"))
                    && name.ends_with(&format!("-{event}.tlog-proof"))
            };
            let Some(name) = there.iter().find(fits).cloned() else {
                let what = format!("the receipt {event} of {issuer} is missing");
                faults.add(tree, RECEIPTS, &what);
                continue;
            };
            there.remove(&name);
        }
        Ok(())
    }
}

impl Package {
    fn check(
        &self,
        tree: &dyn Tree,
        progress: &Progress,
        faults: &mut Faults,
    ) -> Result<(), Failure> {
        let root = self.package_id.to_string();
        let mut there = names_below(tree, &root, faults)?;
        let mut manifest = String::new();
        for exhibit in &self.exhibits {
            let name = format!("data/{}", exhibit.original_name);
            manifest.push_str(&format!("{}  {}\n", exhibit.sha256, encoded(&name)));
            let path = format!("{root}/{name}");
            if !there.remove(&name) {
                faults.add(tree, &path, "is missing");
                continue;
            }
            match tree.digest(&path, &mut |count| progress.add(count)) {
                Ok(found) if hex::encode(found) == exhibit.sha256 => {}
                Ok(_) => faults.add(tree, &path, "is not what was fetched"),
                Err(error) => faults.add(tree, &path, &format!("cannot be read: {error}")),
            }
        }
        self.tags(tree, &manifest, &mut there, faults);
        for added in there {
            faults.add(tree, &format!("{root}/{added}"), "was added");
        }
        Ok(())
    }

    /// The files that make it a bag: the manifest is what the exhibits say, the tag manifest what
    /// the others say.
    fn tags(
        &self,
        tree: &dyn Tree,
        manifest: &str,
        there: &mut BTreeSet<String>,
        faults: &mut Faults,
    ) {
        let path = |name: &str| format!("{}/{name}", self.package_id);
        let mut texts = BTreeMap::new();
        for name in TAGS.into_iter().chain([TAG_MANIFEST]) {
            match there.remove(name).then(|| tree.read(&path(name))) {
                Some(Ok(text)) => {
                    texts.insert(name, text);
                }
                Some(Err(error)) => {
                    faults.add(tree, &path(name), &format!("cannot be read: {error}"));
                }
                None => faults.add(tree, &path(name), "is missing"),
            }
        }
        if texts.get(MANIFEST).is_some_and(|text| text != manifest.as_bytes()) {
            faults.add(tree, &path(MANIFEST), "is not what was fetched");
        }
        let Some(listed) = texts.get(TAG_MANIFEST) else { return };
        let line = |name: &str, text: &[u8]| format!("{}  {name}\n", hex::encode(sha256(text)));
        let known = TAGS.iter().filter_map(|name| Some((name, texts.get(name)?)));
        let listed = String::from_utf8_lossy(listed);
        self.metadata(tree, &listed, there, faults);
        let wrong: Vec<&str> = known
            .filter(|(name, text)| !listed.contains(&line(name, text)))
            .map(|(name, _)| *name)
            .filter(|name| *name != MANIFEST)
            .collect();
        for name in wrong {
            faults.add(tree, &path(name), "is not what was fetched");
        }
        let more = usize::from(listed.contains(MANIFEST_512));
        if listed.lines().count() != TAGS.len() + METADATA.len() + more {
            faults.add(tree, &path(TAG_MANIFEST), "is not what was fetched");
        }
    }

    /// Whether the second manifest is that of the exhibits that are there.
    fn is_second(&self, tree: &dyn Tree) -> bool {
        let names: BTreeSet<&str> =
            self.exhibits.iter().map(|exhibit| exhibit.original_name.as_str()).collect();
        let line = |name: &str| {
            let digest = tree.sha512(&format!("{}/data/{name}", self.package_id))?;
            Ok(line_512(&digest, name))
        };
        let text = names.into_iter().map(line).collect::<std::io::Result<String>>();
        let digest = tree.digest(&format!("{}/{MANIFEST_512}", self.package_id), &mut |_| {});
        text.ok().map(|text| sha256(text.as_bytes())) == digest.ok()
    }

    /// The files that say more of the exhibits, which may be large: they are what the tag manifest says.
    fn metadata(
        &self,
        tree: &dyn Tree,
        listed: &str,
        there: &mut BTreeSet<String>,
        faults: &mut Faults,
    ) {
        let second =
            Some(MANIFEST_512).filter(|name| there.contains(*name) || listed.contains(name));
        if second.is_some_and(|name| there.contains(name)) && !self.is_second(tree) {
            faults.add(
                tree,
                &format!("{}/{MANIFEST_512}", self.package_id),
                "is not that of the exhibits",
            );
        }
        for name in METADATA.into_iter().chain(second) {
            let path = format!("{}/{name}", self.package_id);
            if !there.remove(name) {
                faults.add(tree, &path, "is missing");
                continue;
            }
            match tree.digest(&path, &mut |_| {}).map(hex::encode) {
                Ok(found) if listed.contains(&format!("{found}  {name}\n")) => {}
                Ok(_) => faults.add(tree, &path, "is not what was fetched"),
                Err(error) => faults.add(tree, &path, &format!("cannot be read: {error}")),
            }
        }
    }
}

/// The files below a directory; what is no file is a fault, and so is no directory.
fn names_below(
    tree: &dyn Tree,
    dir: &str,
    faults: &mut Faults,
) -> Result<BTreeSet<String>, Failure> {
    match tree.names_below(dir) {
        Ok(names) => Ok(names),
        Err(failure) if matches!(failure.code, Exit::BadInput | Exit::NotFound) => {
            // It names the file, and says what it is instead.
            faults.0.push(failure.message);
            Ok(BTreeSet::new())
        }
        Err(failure) => Err(failure),
    }
}

/// What is wrong, a line each.
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, tree: &dyn Tree, name: &str, what: &str) {
        self.0.push(format!("{} {what}", tree.shown(name)));
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
        Err(Failure::new(Exit::VerificationFailed, self.0.join("\n")))
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
