//! A container as a command reads it: its structure and every digest in it are checked when it is
//! opened.

mod vouched;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::fetch::Tree;
use super::files::hashed_512;
use super::out::{Out, Unit};
use crate::asic::manifest::{Manifest, ManifestError};
use crate::asic::zip::{Archive, ZipError};
use crate::asic::{MANIFEST, MEDIA_TYPE, MIMETYPE, SIGNATURE, STAMP, STAMP_MANIFEST};
use crate::crypto::{Digest, Sha256};
pub(crate) use vouched::{Signature, Stamp};

/// What is read at once: the list of a package with the most exhibits, and what is smaller.
const TEXT_MAX_BYTES: u64 = 512 << 20;

/// A signature, or a time-stamp, with its certificates.
const SIGNED_MAX_BYTES: u64 = 64 << 10;

/// Bytes that are hashed at once.
const PIECE_BYTES: usize = 256 << 10;

/// What to do with a container that is not what it should be.
pub(crate) const KEEP_IT: &str = "keep it as it is, and have another made: what it says of itself \
                                  cannot be believed";

/// A container whose files are those that its manifest lists.
pub(crate) struct Container {
    path: PathBuf,
    archive: RefCell<Archive<File>>,
    /// Each file, with its place.
    places: BTreeMap<String, usize>,
    digests: BTreeMap<String, Digest>,
    /// The directory that all payload lies in, with `/`.
    root: String,
    bytes: u64,
}

impl Container {
    /// Opens one.
    ///
    /// # Errors
    /// Names the file and the rule that it breaks.
    pub(crate) fn open(path: &Path, out: &Out) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|e| Failure::file(path, "cannot be read", &e))?;
        let archive = Archive::open(file).map_err(|error| not_read(path, error))?;
        let mut container = Self {
            path: path.to_owned(),
            places: BTreeMap::new(),
            digests: BTreeMap::new(),
            root: String::new(),
            bytes: archive.entries().iter().map(|one| one.size).fold(0, u64::saturating_add),
            archive: RefCell::new(archive),
        };
        container.look()?;
        container.hash(out)?;
        container.listed()?;
        Ok(container)
    }

    /// What it has as bytes, of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many files are listed in its manifest.
    pub(crate) fn files(&self) -> usize {
        self.digests.keys().filter(|name| name.starts_with(&self.root)).count()
    }

    /// The name of the directory that all payload lies in.
    pub(crate) fn top(&self) -> &str {
        self.root.trim_end_matches('/')
    }

    /// Something of it is not as it should be.
    fn fault(&self, what: &str) -> Failure {
        let message = format!("{}: {what}", self.path.display());
        Failure::new(Exit::VerificationFailed, message).hint(KEEP_IT)
    }

    /// Whether the first file says what it is, and all others are where a container has them.
    fn look(&mut self) -> Result<(), Failure> {
        let archive = self.archive.get_mut();
        let names: Vec<String> = archive.entries().iter().map(|one| one.name.clone()).collect();
        let first = archive.entries().first().filter(|one| one.name == MIMETYPE);
        let is_stored = first.is_some_and(|one| one.is_stored());
        let says = is_stored && archive.whole(0, 256).is_ok_and(|b| b == MEDIA_TYPE.as_bytes());
        if !says {
            return Err(self.fault(&format!("its first file is not {MIMETYPE} of {MEDIA_TYPE}")));
        }
        for (place, name) in names.into_iter().enumerate().skip(1) {
            let top = name.split_once('/').map(|(top, _)| format!("{top}/"));
            match top {
                _ if [MANIFEST, SIGNATURE, STAMP_MANIFEST, STAMP].contains(&name.as_str()) => {}
                Some(top) if top != "META-INF/" && (self.root.is_empty() || self.root == top) => {
                    self.root = top;
                }
                _ => return Err(self.fault(&format!("{name} is where it has no file"))),
            }
            self.places.insert(name, place);
        }
        for needed in [MANIFEST, SIGNATURE] {
            if !self.places.contains_key(needed) {
                return Err(self.fault(&format!("{needed} is missing")));
            }
        }
        let stamped = [STAMP_MANIFEST, STAMP].map(|name| self.places.contains_key(name));
        match stamped[0] == stamped[1] && !self.root.is_empty() {
            true => Ok(()),
            false if self.root.is_empty() => Err(self.fault("it holds no message")),
            false => Err(self.fault("it has half of a time-stamp")),
        }
    }

    /// Reads every file once.
    fn hash(&mut self, out: &Out) -> Result<(), Failure> {
        let progress = out.progress("checking", self.bytes, Unit::Bytes);
        let archive = self.archive.get_mut();
        let mut piece = vec![0; PIECE_BYTES];
        for (name, place) in &self.places {
            let mut hash = Sha256::new();
            let mut reading = archive
                .read(*place)
                .map_err(|e| Failure::file(&self.path, "cannot be read", &e))?;
            loop {
                match reading.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => {
                        hash.update(&piece[..count]);
                        progress.add(count as u64);
                    }
                    Err(error) => {
                        let message = format!("{}: {name}: {error}", self.path.display());
                        let failure = Failure::new(Exit::VerificationFailed, message);
                        return Err(failure.hint(KEEP_IT));
                    }
                }
            }
            self.digests.insert(name.clone(), hash.finish());
        }
        Ok(())
    }

    /// Its manifest lists every file that is there, with the digest that it has.
    fn listed(&self) -> Result<(), Failure> {
        let manifest = self.manifest(MANIFEST, SIGNATURE)?;
        for (name, digest) in self.digests.iter().filter(|(n, _)| n.starts_with(&self.root)) {
            match manifest.files.get(name) {
                None => return Err(self.fault(&format!("{name} is not in {MANIFEST}"))),
                Some(listed) if listed != digest => {
                    return Err(self.fault(&format!("{name} is not what {MANIFEST} says")));
                }
                Some(_) => {}
            }
        }
        let missing = manifest
            .files
            .keys()
            .find(|name| !name.starts_with(&self.root) || !self.digests.contains_key(*name));
        match missing {
            Some(name) => Err(self.fault(&format!("{name} is in {MANIFEST}, and is missing"))),
            None => Ok(()),
        }
    }

    /// A manifest of it, which must be for that signature or token.
    fn manifest(&self, name: &str, over: &str) -> Result<Manifest, Failure> {
        let text = String::from_utf8(self.file(name)?);
        let text = text.map_err(|_| self.fault(&format!("{name} is not UTF-8")))?;
        let bad = |error: ManifestError| self.fault(&format!("{name}: {error}"));
        let manifest = Manifest::parse(&text).map_err(bad)?;
        match manifest.over == over {
            true => Ok(manifest),
            false => Err(self.fault(&format!("{name} is not for {over}"))),
        }
    }

    /// A file that is not of the payload.
    fn file(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.whole(name);
        bytes.map_err(|error| self.fault(&format!("{name} cannot be read: {error}")))
    }

    fn whole(&self, name: &str) -> io::Result<Vec<u8>> {
        let place = self.places.get(name).ok_or(io::ErrorKind::NotFound)?;
        let most =
            if [SIGNATURE, STAMP].contains(&name) { SIGNED_MAX_BYTES } else { TEXT_MAX_BYTES };
        self.archive.borrow_mut().whole(*place, most)
    }
}

fn not_read(path: &Path, error: ZipError) -> Failure {
    match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Failure::file(path, "cannot be read", &error)
        }
        ZipError::Io(_) => {
            Failure::new(Exit::VerificationFailed, format!("{}: it is cut off", path.display()))
                .hint(KEEP_IT)
        }
        error => {
            let message = format!("{}: {error}", path.display());
            Failure::new(Exit::VerificationFailed, message).hint(KEEP_IT)
        }
    }
}

impl Tree for Container {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names_below(&self, dir: &str) -> Result<BTreeSet<String>, Failure> {
        Ok(names_below(&self.digests, &self.root, dir))
    }

    fn digest(&self, name: &str, read: &mut dyn FnMut(u64)) -> io::Result<Digest> {
        let name = format!("{}{name}", self.root);
        let digest = self.digests.get(&name).ok_or(io::ErrorKind::NotFound)?;
        let place = self.places.get(&name).ok_or(io::ErrorKind::NotFound)?;
        read(self.archive.borrow().entries()[*place].size);
        Ok(*digest)
    }

    fn sha512(&self, name: &str) -> io::Result<Vec<u8>> {
        let place =
            self.places.get(&format!("{}{name}", self.root)).ok_or(io::ErrorKind::NotFound)?;
        let mut archive = self.archive.borrow_mut();
        hashed_512(&mut archive.read(*place).map_err(io::Error::other)?, |_| {})
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.whole(&format!("{}{name}", self.root))
    }

    fn shown(&self, name: &str) -> String {
        format!("{}: {}{name}", self.path.display(), self.root)
    }

    fn is_closed(&self) -> bool {
        true
    }
}

/// The names below a directory, of files that are known by their digests.
pub(crate) fn names_below(
    digests: &BTreeMap<String, Digest>,
    root: &str,
    dir: &str,
) -> BTreeSet<String> {
    let above = if dir.is_empty() { root.to_owned() } else { format!("{root}{dir}/") };
    let names = digests.keys().filter_map(|name| name.strip_prefix(&above));
    names.map(str::to_owned).collect()
}
