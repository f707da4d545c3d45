//! Where what was fetched lies: a directory, or a container that one was packed into.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::container::Container;
use crate::cli::evidence::files_below;
use crate::cli::exit::Failure;
use crate::cli::files::{hashed, hashed_512};
use crate::cli::out::Out;
use crate::crypto::Digest;

/// Files under names with `/` between their parts.
pub(crate) trait Tree {
    /// Where it lies.
    fn path(&self) -> &Path;

    /// The names of all files below a directory of it, without that directory's.
    fn names_below(&self, dir: &str) -> Result<BTreeSet<String>, Failure>;

    /// The SHA-256 of a file; `read` is told of each piece that is read for it.
    fn digest(&self, name: &str, read: &mut dyn FnMut(u64)) -> io::Result<Digest>;

    /// The SHA-512 of a file, 64 bytes.
    fn sha512(&self, name: &str) -> io::Result<Vec<u8>>;

    /// A file that is no exhibit.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The name of a file for people.
    fn shown(&self, name: &str) -> String;

    /// Whether nothing may lie in it that was not fetched.
    fn is_closed(&self) -> bool;
}

/// A directory.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Tree for Directory {
    fn path(&self) -> &Path {
        &self.0
    }

    fn names_below(&self, dir: &str) -> Result<BTreeSet<String>, Failure> {
        let files = files_below(&self.0.join(dir))?;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    fn digest(&self, name: &str, read: &mut dyn FnMut(u64)) -> io::Result<Digest> {
        Ok(hashed(&mut File::open(self.0.join(name))?, read)?.finish())
    }

    fn sha512(&self, name: &str) -> io::Result<Vec<u8>> {
        hashed_512(&mut File::open(self.0.join(name))?, |_| {})
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }

    fn shown(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn is_closed(&self) -> bool {
        false
    }
}

/// What was fetched: a directory, or a container whose signature is one.
pub(crate) fn kept(path: &Path, out: &Out) -> Result<Box<dyn Tree>, Failure> {
    if !path.is_file() {
        return Ok(Box::new(Directory(path.to_owned())));
    }
    let container = Container::open(path, out)?;
    container.signature()?;
    container.stamp(None)?;
    Ok(Box::new(container))
}
