//! Which files an evidence package is made of.
//!
//! A directory is walked whole, in the order of the names, so that the same directory always makes
//! the same package. Links are refused: what they lead to is not what was handed over.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{hashed, read_long_text};
use crate::cli::out::Progress;
use crate::crypto::{Sha256, sha256};
use crate::domain::UploadId;
use crate::domain::custody::{Custody, CustodyRecord, custody_from_toml};
use crate::domain::limits::{
    CUSTODY_FILE_MAX_BYTES, EXHIBIT_NAME_MAX_BYTES, EXHIBITS_PER_PACKAGE_MAX,
};

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name below what was walked, with `/` between directories.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Device and inode: what is opened later must be what was found.
    pub(crate) identity: (u64, u64),
    /// When it was written last: seconds and nanoseconds.
    modified: (i64, i64),
}

impl Found {
    /// Whether a file is the one that was found, and nobody has written to it since.
    pub(crate) fn is(&self, data: &fs::Metadata) -> bool {
        (data.dev(), data.ino()) == self.identity
            && data.len() == self.bytes
            && (data.mtime(), data.mtime_nsec()) == self.modified
    }
}

/// What was found, in the order of the names.
pub(crate) struct Walk {
    pub(crate) files: Vec<Found>,
    /// Their custody records.
    pub(crate) custody: Custody,
}

impl Walk {
    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What the upload of these files by this command is called: the same when the command is run again,
    /// and another where a file was changed meanwhile. The attempt parts those that failed.
    pub(crate) fn upload_id(&self, command: &str, attempt: u32) -> UploadId {
        let mut hash = Sha256::new();
        let mut take = |text: String| hash.update(&sha256(text.as_bytes()));
        take(format!("rogatory/v1/upload {attempt}"));
        take(command.to_owned());
        for (number, found) in self.files.iter().enumerate() {
            take(format!("{found:?}"));
            take(serde_json::to_string(&self.custody.of(number)).unwrap_or_default());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finish()[..16]);
        UploadId::new(id)
    }

    /// Reads the custody records of the files.
    pub(crate) fn read_custody(&mut self, file: &Path) -> Result<(), Failure> {
        let text = read_long_text(file, CUSTODY_FILE_MAX_BYTES)?;
        let names: Vec<&str> = self.files.iter().map(|found| found.name.as_str()).collect();
        self.custody = custody_from_toml(&text, &names).map_err(|error| {
            Failure::bad_file(file, error)
                .hint("nothing was sent: docs/cli.md has the fields of a custody record")
        })?;
        Ok(())
    }
}

/// What came before, by its name: digests, in lower-case hex, and custody records.
pub(crate) type Came = BTreeMap<String, Vec<(String, Vec<CustodyRecord>)>>;

impl Walk {
    /// Has the custody of what came before go on: the records that came with an exhibit of the same name and
    /// bytes stand before those that it has here. Gives how many exhibits had some.
    pub(crate) fn go_on(&mut self, came: &Came, progress: &Progress) -> Result<usize, Failure> {
        let mut count = 0;
        for (number, found) in self.files.iter().enumerate() {
            let Some(came) = came.get(&found.name) else { continue };
            let unreadable = |e| Failure::file(&found.path, "cannot be read", &e);
            let mut file = fs::File::open(&found.path).map_err(unreadable)?;
            let digest = hashed(&mut file, |bytes| progress.add(bytes)).map_err(unreadable)?;
            let digest = hex::encode(digest.finish());
            let same: Vec<_> = came.iter().filter(|(sha256, _)| *sha256 == digest).collect();
            let [(_, records), more @ ..] = same.as_slice() else {
                let why = "is not the exhibit of this name that came: its custody does not go on";
                return Err(Failure::bad_file(&found.path, why)
                    .hint("nothing was sent: give it another name, or leave out --custody-from"));
            };
            if more.iter().any(|(_, other)| other != records) {
                let why = "came twice, with different custody records";
                return Err(Failure::bad_file(&found.path, why)
                    .hint("nothing was sent: give all of its records with --custody"));
            }
            if records.is_empty() {
                continue;
            }
            self.custody.go_on(number, &found.name, records).map_err(|error| {
                Failure::new(Exit::BadInput, error.to_string()).hint(
                    "nothing was sent: custody.csv of the fetched message has the records that come first",
                )
            })?;
            count += 1;
        }
        Ok(count)
    }
}

/// The exhibits of a package: files by their own names, directories by the names below them.
pub(crate) fn exhibits(paths: &[PathBuf]) -> Result<Walk, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let data = fs::symlink_metadata(path);
        let data = data.map_err(|e| Failure::file(path, "cannot be read", &e))?;
        match data.is_dir() {
            true => files.extend(files_below(path)?),
            false => files.push(found(path, own_name(path)?, &data)?),
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    check(&files)?;
    Ok(Walk { files, custody: Custody::default() })
}

/// All files below a directory, in the order of their names.
pub(crate) fn files_below(root: &Path) -> Result<Vec<Found>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((dir, prefix)) = open.pop() {
        let unreadable = |e| Failure::file(&dir, "cannot be read", &e);
        for item in fs::read_dir(&dir).map_err(unreadable)? {
            let path = item.map_err(unreadable)?.path();
            let data = fs::symlink_metadata(&path);
            let data = data.map_err(|e| Failure::file(&path, "cannot be read", &e))?;
            let name = format!("{prefix}{}", own_name(&path)?);
            match data.is_dir() {
                true => open.push((path, format!("{name}/"))),
                false => files.push(found(&path, name, &data)?),
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn own_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Failure::bad_file(path, "has a name that is not UTF-8")
            .hint("rename a copy: the name travels with the file")
    })
}

fn found(path: &Path, name: String, data: &fs::Metadata) -> Result<Found, Failure> {
    if data.is_symlink() {
        let why = "is a symbolic link, and links are not followed";
        let hint = "put a copy of what it leads to in its place";
        return Err(Failure::bad_file(path, why).hint(hint));
    }
    if !data.is_file() {
        return Err(Failure::bad_file(path, "is not a regular file"));
    }
    let identity = (data.dev(), data.ino());
    let modified = (data.mtime(), data.mtime_nsec());
    Ok(Found { name, path: path.to_owned(), bytes: data.len(), identity, modified })
}

/// The rules of names and numbers, before any byte is sent.
fn check(files: &[Found]) -> Result<(), Failure> {
    if files.is_empty() {
        return Err(Failure::new(Exit::BadInput, "the evidence has no files"));
    }
    if files.len() > EXHIBITS_PER_PACKAGE_MAX {
        let message =
            format!("the evidence has {} files, more than {EXHIBITS_PER_PACKAGE_MAX}", files.len());
        return Err(Failure::new(Exit::BadInput, message).hint("put them into archives"));
    }
    for file in files {
        let name = &file.name;
        if name.len() > EXHIBIT_NAME_MAX_BYTES {
            let why = format!("has a name of more than {EXHIBIT_NAME_MAX_BYTES} bytes");
            return Err(Failure::bad_file(&file.path, why));
        }
        if name.chars().any(char::is_control) || name.contains('\\') {
            let why = "has a control character or a backslash in its name";
            return Err(Failure::bad_file(&file.path, why).hint("rename a copy"));
        }
    }
    match files.windows(2).find(|two| two[0].name == two[1].name) {
        None => Ok(()),
        Some(two) => {
            let (a, b) = (two[0].path.display(), two[1].path.display());
            let message = format!("{a} and {b} would both be called {:?}", two[0].name);
            let hint = "put them into different directories of one directory, and give that";
            Err(Failure::new(Exit::BadInput, message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::testing::memory;
    use crate::cli::out::{Format, Unit};
    use crate::domain::Timestamp;
    use crate::domain::custody::{Custodian, CustodyAction};

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for name in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, name).expect("written");
        }
        dir
    }

    fn names(paths: &[PathBuf]) -> Vec<String> {
        let walk = exhibits(paths).expect("a package");
        walk.files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn a_directory_is_walked_in_the_order_of_the_names() {
        let dir = tree(&["b.txt", "a/z.txt", "a/b/ü.txt", "a.txt", ".hidden"]);
        let walked = names(&[dir.path().to_owned()]);
        assert_eq!(walked, [".hidden", "a.txt", "a/b/ü.txt", "a/z.txt", "b.txt"]);
        let one = dir.path().join("a/z.txt");
        assert_eq!(names(&[one]), ["z.txt"]);
        let both = exhibits(&[dir.path().join("a"), dir.path().join("b.txt")]).expect("fine");
        assert_eq!(both.files.len(), 3);
        assert_eq!(both.bytes(), "a/b/ü.txt".len() as u64 + 7 + 5);
    }

    #[test]
    fn links_are_refused_wherever_they_are() {
        let dir = tree(&["a/real.txt"]);
        std::os::unix::fs::symlink("real.txt", dir.path().join("a/link")).expect("made");
        for path in [dir.path().to_owned(), dir.path().join("a/link")] {
            let failure = exhibits(&[path]).err().expect("a link");
            assert_eq!(failure.code, Exit::BadInput);
            assert!(failure.message.contains("symbolic link"), "{failure}");
        }
    }

    #[test]
    fn the_custody_of_what_was_fetched_goes_on_and_nothing_elses() {
        let dir = tree(&["fetched.txt", "own.txt"]);
        let paths = [dir.path().to_owned()];
        let record = |at: &str| CustodyRecord {
            action: CustodyAction::Stored,
            at: Timestamp::parse(at).expect("a time"),
            by: Custodian { name: "Clerk".into(), organisation: "Office".into() },
            to: None,
            place: "Registry".into(),
            reason: "Request 17".into(),
            tool: None,
            seals: Vec::new(),
            digest: String::new(),
            note: String::new(),
        };
        let records = |at: &str| vec![record(at)];
        let (digest, other) = (hex::encode(sha256(b"fetched.txt")), "ab".repeat(32));
        let came = |name: &str, came: Vec<(&str, Vec<CustodyRecord>)>| -> Came {
            let came = came.into_iter().map(|(sha256, records)| (sha256.to_owned(), records));
            BTreeMap::from([(name.to_owned(), came.collect())])
        };
        let progress = memory(Format::Table).0.progress("reading", 1, Unit::Bytes);
        let mut walk = exhibits(&paths).expect("a package");
        let mut go_on = |came: Came| {
            let count = walk.go_on(&came, &progress);
            (count, walk.custody.of(0), walk.custody.of(1))
        };
        let none = came("fetched.txt", vec![(&digest, Vec::new())]);
        assert_eq!(go_on(none), (Ok(0), Vec::new(), Vec::new()));
        let first = records("2026-11-20T09:15:00.000Z");
        let both = came("fetched.txt", vec![(&other, Vec::new()), (&digest, first.clone())]);
        assert_eq!(go_on(both), (Ok(1), first.clone(), Vec::new()));
        // What is said here comes after what came with it.
        let earlier = records("2026-11-19T00:00:00.000Z");
        let two = [earlier.clone(), first.clone()].concat();
        assert_eq!(go_on(came("fetched.txt", vec![(&digest, earlier)])), (Ok(1), two, Vec::new()));
        let later = records("2026-11-21T00:00:00.000Z");
        let (refused, ..) = go_on(came("fetched.txt", vec![(&digest, later.clone())]));
        let refused = refused.expect_err("later than what follows");
        assert!(refused.message.contains("exhibit \"fetched.txt\": custody[1].at"), "{refused}");
        let (twice, ..) = go_on(came("fetched.txt", vec![(&digest, first), (&digest, later)]));
        assert!(twice.expect_err("two chains").message.contains("came twice"));
        let (another, ..) = go_on(came("own.txt", vec![(&other, Vec::new())]));
        let another = another.expect_err("other bytes");
        assert_eq!(another.code, Exit::BadInput);
        assert!(another.message.contains("own.txt: is not the exhibit"), "{another}");
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let empty = tree(&[]);
        let clash = tree(&["a/x", "b/x"]);
        let strange = tree(&["a\nb"]);
        let paths = |dirs: &[&tempfile::TempDir]| -> Vec<PathBuf> {
            dirs.iter().map(|dir| dir.path().to_owned()).collect()
        };
        let two = vec![clash.path().join("a"), clash.path().join("b")];
        for (paths, why) in [
            (paths(&[&empty]), "has no files"),
            (two, "would both be called"),
            (paths(&[&strange]), "control character"),
        ] {
            let failure = exhibits(&paths).err().expect(why);
            assert_eq!(failure.code, Exit::BadInput);
            assert!(failure.message.contains(why), "{failure}");
        }
        let gone = exhibits(&[PathBuf::from("/nowhere/at/all")]).err().expect("not there");
        assert_eq!(gone.code, Exit::NotFound);
    }
}
