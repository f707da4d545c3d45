//! One directory in the place of another, in one step.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::place::beside;
use crate::cli::exit::Failure;
use crate::cli::files::sync_directory;

/// Where the old directory waits for a moment, on file systems that exchange no names.
const BEFORE: &str = ".before";

/// Gives `new` the name of `target`, and removes what had it. A crash leaves the one or the other
/// under that name, or, on a file system that cannot exchange two names at once, the old one beside
/// it, where [`restore`] finds it.
pub(super) fn take_place(new: &Path, target: &Path) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::file(target, "cannot be replaced by the new export", &e);
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(mut old) = fs::read_dir(target) else {
        fs::rename(new, target).map_err(cannot)?;
        return sync_directory(parent);
    };
    if old.next().is_none() {
        // An empty directory may be in use as such, and gives its name away.
        fs::rename(new, target).map_err(cannot)?;
        return sync_directory(parent);
    }
    if renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE).is_ok() {
        sync_directory(parent)?;
        return fs::remove_dir_all(new).map_err(cannot);
    }
    let before = beside(target, BEFORE);
    fs::rename(target, &before).map_err(cannot)?;
    fs::rename(new, target).map_err(cannot)?;
    sync_directory(parent)?;
    fs::remove_dir_all(&before).map_err(cannot)
}

/// Gives a directory its name back that lost it in a crash.
pub(super) fn restore(target: &Path) -> Result<(), Failure> {
    let before = beside(target, BEFORE);
    match (target.exists(), before.join("manifest").is_file()) {
        (false, true) => fs::rename(&before, target)
            .map_err(|e| Failure::file(&before, "cannot get its name back", &e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &Path, file: &str) {
        fs::create_dir(path).expect("made");
        fs::write(path.join(file), file).expect("written");
    }

    #[test]
    fn the_new_one_takes_the_name_and_the_old_one_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        let (new, target) = (dir.path().join("x.partial"), dir.path().join("x"));
        directory(&new, "one");
        take_place(&new, &target).expect("there was none");
        directory(&new, "two");
        take_place(&new, &target).expect("in its place");
        assert!(target.join("two").exists() && !target.join("one").exists());
        assert!(!new.exists());
    }

    #[test]
    fn an_old_one_that_lost_its_name_gets_it_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("x");
        directory(&beside(&target, BEFORE), "manifest");
        restore(&target).expect("it was there");
        assert!(target.join("manifest").exists());
        directory(&beside(&target, BEFORE), "manifest");
        restore(&target).expect("nothing to do");
        assert!(beside(&target, BEFORE).exists());
    }
}
