//! A BagIt bag (RFC 8493): exhibits under their own names, with digests that any tool can check.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use time::OffsetDateTime;

use super::place::clear;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{Partial, create_directory, hashed, hashed_512, sync_directory, write_new};
use crate::cli::out::Progress;
use crate::crypto::{Digest, Sha256, sha256};
use crate::disk::Syncing;

/// The files beside the payload, whose digests are in [`TAG_MANIFEST`].
pub(super) const TAGS: [&str; 3] = ["bag-info.txt", "bagit.txt", MANIFEST];
/// The files that say more of the exhibits; their digests are there, too.
pub(super) const METADATA: [&str; 2] = [CUSTODY, CASE];
pub(super) const CUSTODY: &str = "metadata/custody.csv";
pub(super) const CASE: &str = "metadata/case.jsonld";
pub(super) const MANIFEST: &str = "manifest-sha256.txt";
/// A second payload manifest, where one is asked for.
pub(super) const MANIFEST_512: &str = "manifest-sha512.txt";
pub(super) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";

/// What is not whole yet; of an exhibit, with its number behind.
const PARTIAL: &str = ".partial";

/// Bytes of a tag file that are written at once.
const TAG_BUFFER_BYTES: usize = 64 << 10;

const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// A bag that is being filled.
pub(super) struct Bag {
    root: PathBuf,
    /// Lines of the payload manifest.
    manifest: String,
    /// Lines of the tag manifest.
    tags: String,
    directories: BTreeSet<PathBuf>,
    bytes: u64,
    exhibits: u64,
    /// Names of the exhibits that are there and verified.
    names: BTreeSet<String>,
    syncing: Syncing,
}

impl Bag {
    /// Begins a bag in a new directory, or goes on with the exhibits that one was left with.
    pub(super) fn create(root: &Path) -> Result<Self, Failure> {
        let payload = root.join("data");
        [root, &payload, &root.join("metadata")].into_iter().try_for_each(no_link)?;
        create_directory(&payload)?;
        let tags = TAGS.into_iter().chain(METADATA).chain([MANIFEST_512, TAG_MANIFEST, PARTIAL]);
        tags.map(|tag| root.join(tag)).try_for_each(|tag| clear(&tag))?;
        let syncing = Syncing::begin(root);
        let syncing = syncing.map_err(|e| Failure::file(root, "cannot be opened", &e))?;
        Ok(Self {
            root: root.to_owned(),
            manifest: String::new(),
            tags: String::new(),
            directories: BTreeSet::from([payload]),
            bytes: 0,
            exhibits: 0,
            names: BTreeSet::new(),
            syncing,
        })
    }

    /// A tag file until it is whole.
    fn partial(&self) -> Partial {
        Partial::at(self.root.join(PARTIAL))
    }

    /// Where an exhibit is kept until it is verified. Not beside its later place: another exhibit
    /// could have that name.
    pub(super) fn half(&self, number: u32) -> PathBuf {
        self.root.join(format!("{PARTIAL}-{number}"))
    }

    /// Where an exhibit of this name lies: it must stay inside, and be the only one of its package.
    fn place(&self, name: &str) -> Result<PathBuf, Failure> {
        let refuse = |why: &str| {
            let message = format!("the package has an exhibit called {name:?}, which {why}");
            Failure::new(Exit::VerificationFailed, message)
        };
        let part_ok = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if !name.split('/').all(part_ok) {
            return Err(refuse("would not stay inside its directory"));
        }
        let path = self.root.join("data").join(name);
        let above = path.ancestors().skip(1).take_while(|dir| *dir != self.root);
        above.into_iter().try_for_each(no_link)?;
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() || self.names.contains(name) => {
                Err(refuse("is there already"))
            }
            _ => Ok(path),
        }
    }

    /// The digest of an exhibit that a fetch before has brought, if it is there. One that a loss of power
    /// may have damaged is not.
    pub(super) fn has(
        &self,
        name: &str,
        size: u64,
        sha256: &str,
    ) -> Result<Option<Digest>, Failure> {
        let path = self.place(name)?;
        let Ok(found) = path.symlink_metadata() else { return Ok(None) };
        let cannot = |e| Failure::file(&path, "cannot be read", &e);
        if found.is_file() && found.len() == size {
            let mut file = File::open(&path).map_err(cannot)?;
            let digest = hashed(&mut file, |_| {}).map_err(cannot)?.finish();
            if hex::encode(digest) == sha256 {
                return Ok(Some(digest));
            }
        }
        if found.is_file() && Syncing::may_be_late(size) {
            self.forget(name)?;
            return Ok(None);
        }
        let message = format!("{} is not the exhibit that was fetched there", path.display());
        Err(Failure::new(Exit::VerificationFailed, message)
            .hint("somebody has changed it: move it away, and run the command again"))
    }

    /// Removes an exhibit that a fetch before has brought: it is to come anew.
    pub(super) fn forget(&self, name: &str) -> Result<(), Failure> {
        clear(&self.place(name)?)
    }

    /// An exhibit of so many bytes is there that an earlier fetch has brought.
    pub(super) fn left(&mut self, bytes: u64) {
        self.syncing.left(bytes);
    }

    /// Whatever is in this file will be on the disk when the bag is finished, if it is not now.
    pub(super) fn written(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        self.syncing.written(file, bytes)
    }

    /// Takes an exhibit that is there and verified.
    pub(super) fn keep(&mut self, name: &str, digest: &Digest, bytes: u64) -> Result<(), Failure> {
        let path = self.place(name)?;
        let above = path.ancestors().skip(1).take_while(|dir| *dir != self.root);
        self.directories.extend(above.map(Path::to_owned));
        self.names.insert(name.to_owned());
        self.manifest.push_str(&line(digest, &format!("data/{name}")));
        self.bytes += bytes;
        self.exhibits += 1;
        Ok(())
    }

    /// Gives the verified exhibit its name.
    pub(super) fn admit(
        &mut self,
        partial: Partial,
        name: &str,
        digest: &Digest,
        bytes: u64,
    ) -> Result<(), Failure> {
        let path = self.place(name)?;
        path.parent().map_or(Ok(()), create_directory)?;
        partial.admit(&path).map_err(|e| Failure::file(&path, "cannot be made", &e))?;
        self.keep(name, digest, bytes)
    }

    /// Writes a file beside the payload, piece by piece, whatever its size.
    pub(super) fn tag(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let path = self.root.join(name);
        let cannot = |e| Failure::file(&path, "cannot be written", &e);
        if let Some(parent) = path.parent() {
            create_directory(parent)?;
            self.directories.insert(parent.to_owned());
        }
        let partial = self.partial();
        let file = Hashing { file: partial.create()?, hash: Sha256::new() };
        let mut buffered = BufWriter::with_capacity(TAG_BUFFER_BYTES, file);
        write(&mut buffered).map_err(cannot)?;
        let Hashing { file, hash } =
            buffered.into_inner().map_err(|error| cannot(error.into_error()))?;
        file.sync_all().map_err(cannot)?;
        partial.admit(&path).map_err(cannot)?;
        self.tags.push_str(&line(&hash.finish(), name));
        Ok(())
    }

    /// Writes the second manifest: all exhibits are there, and each is read once more for it.
    pub(super) fn sha512(&mut self, progress: &Progress) -> Result<(), Failure> {
        let (payload, names) = (self.root.join("data"), std::mem::take(&mut self.names));
        self.tag(MANIFEST_512, |out| {
            for name in &names {
                let mut file = File::open(payload.join(name))?;
                let digest = hashed_512(&mut file, |count| progress.add(count))?;
                out.write_all(line_512(&digest, name).as_bytes())?;
            }
            Ok(())
        })
    }

    /// Brings to the disk what there is of a package that is not whole, and makes no bag of it.
    pub(super) fn leave(mut self) -> Result<(), Failure> {
        self.sync()
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.syncing.finish();
        synced.map_err(|e| Failure::file(&self.root, "cannot be brought to the disk", &e))?;
        self.directories.iter().try_for_each(|dir| sync_directory(dir))
    }

    /// Writes the tag files, which make it a bag, and brings all to the disk.
    pub(super) fn finish(mut self, info: &[(&str, String)]) -> Result<(), Failure> {
        self.sync()?;
        let date = OffsetDateTime::from(SystemTime::now()).date();
        let mut text = format!("Bagging-Date: {date}\n");
        text.push_str(&format!("Payload-Oxum: {}.{}\n", self.bytes, self.exhibits));
        for (label, value) in info.iter().filter(|(_, value)| !value.is_empty()) {
            text.push_str(&format!("{label}: {}\n", value.replace(['\r', '\n'], " ")));
        }
        let mut tags = self.tags;
        for (name, text) in TAGS.into_iter().zip([&text, DECLARATION, &self.manifest]) {
            write_new(&self.root.join(name), text.as_bytes())?;
            tags.push_str(&line(&sha256(text.as_bytes()), name));
        }
        write_new(&self.root.join(TAG_MANIFEST), tags.as_bytes())?;
        sync_directory(&self.root)
    }
}

/// Nothing is written through a link, which somebody else may have put there.
fn no_link(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        true => Err(Failure::bad_file(path, "is a link, and the fetch stays in its directory")
            .hint("move it away, and run the command again")),
        false => Ok(()),
    }
}

/// Writes and hashes in one pass.
struct Hashing {
    file: File,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A line of the second manifest.
pub(super) fn line_512(digest: &[u8], exhibit: &str) -> String {
    format!("{}  {}\n", hex::encode(digest), encoded(&format!("data/{exhibit}")))
}

/// A line of a manifest.
fn line(digest: &Digest, path: &str) -> String {
    format!("{}  {}\n", hex::encode(digest), encoded(path))
}

/// A path as it stands in a manifest: RFC 8493 section 2.1.3 has these three encoded, and no
/// others.
pub(super) fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn admit(bag: &mut Bag, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let partial = bag.partial();
        fs::write(partial.path(), bytes).expect("written");
        bag.admit(partial, name, &sha256(bytes), bytes.len() as u64)
    }

    fn read(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).expect(name)
    }

    #[test]
    fn a_bag_has_what_rfc_8493_asks_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("bag");
        let mut bag = Bag::create(&root).expect("a bag");
        admit(&mut bag, "พยาน/บันทึก 1.txt", b"one").expect("admitted");
        admit(&mut bag, "100%\nsure\r.txt", b"twos").expect("admitted");
        bag.finish(&[("Source-Organization", "xb.pps".into()), ("Empty", String::new())])
            .expect("finished");
        assert_eq!(read(&root, "data/พยาน/บันทึก 1.txt"), "one");
        assert_eq!(read(&root, "bagit.txt"), DECLARATION);
        let manifest = read(&root, "manifest-sha256.txt");
        let first = format!("{}  data/พยาน/บันทึก 1.txt\n", hex::encode(sha256(b"one")));
        let second = format!("{}  data/100%25%0Asure%0D.txt\n", hex::encode(sha256(b"twos")));
        assert_eq!(manifest, first + &second);
        let info = read(&root, "bag-info.txt");
        assert!(info.contains("Payload-Oxum: 7.2\nSource-Organization: xb.pps\n"), "{info}");
        assert!(!info.contains("Empty"), "{info}");
        let tags = read(&root, "tagmanifest-sha256.txt");
        for name in ["bag-info.txt", "bagit.txt", "manifest-sha256.txt"] {
            let digest = hex::encode(sha256(read(&root, name).as_bytes()));
            assert!(tags.contains(&format!("{digest}  {name}\n")), "{name}");
        }
        assert!(!root.join(".partial").exists());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut bag = Bag::create(&dir.path().join("bag")).expect("a bag");
        for bad in
            ["", "/etc/passwd", "../x", "a/../../x", "a/..", ".", "a//b", "a/", "./a", "a\0b"]
        {
            let failure = admit(&mut bag, bad, b"x").expect_err(bad);
            assert_eq!(failure.code, Exit::VerificationFailed, "{bad:?}");
        }
        for good in ["a..b", "...", "-rf", "a b", "\\x", "~"] {
            admit(&mut bag, good, b"x").expect(good);
        }
    }

    #[test]
    fn no_exhibit_takes_the_place_of_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut bag = Bag::create(&dir.path().join("bag")).expect("a bag");
        admit(&mut bag, "a/b", b"one").expect("the first");
        for taken in ["a/b", "a"] {
            assert!(admit(&mut bag, taken, b"two").is_err(), "{taken}");
        }
        assert!(admit(&mut bag, "a/b/c", b"two").is_err(), "a file is no directory");
        assert_eq!(read(dir.path(), "bag/data/a/b"), "one");
    }
}
