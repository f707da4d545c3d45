//! One directory in the place of another, in one step.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::place::beside;
use crate::audit::export::{CARDS, CHECKPOINT_PATH, EARLIER, POLICY_PATH, RECEIPTS};
use crate::audit::manifest::MANIFEST_PATH;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{remove, sync_directory};

/// Where the old directory waits for a moment, on file systems that exchange no names.
pub(super) const BEFORE: &str = ".before";

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
        return remove_export(new);
    }
    take_place_by_turns(new, target)?;
    sync_directory(parent)?;
    remove_export(&beside(target, BEFORE))
}

/// The manifest goes first: what is left of it when this is cut off is no export to anybody.
fn remove_export(dir: &Path) -> Result<(), Failure> {
    remove(&dir.join(MANIFEST_PATH))?;
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file(dir, "cannot be removed", &error))
        }
        _ => Ok(()),
    }
}

/// Where two names cannot be exchanged at once: the old one lies beside its place then.
fn take_place_by_turns(new: &Path, target: &Path) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::file(target, "cannot be replaced by the new export", &e);
    let before = beside(target, BEFORE);
    give_way(&before, target)?;
    fs::rename(target, &before).map_err(cannot)?;
    fs::rename(new, target).map_err(cannot)
}

/// What a crash left beside a directory has nothing that the one in its place does not hold, if that is
/// whole.
fn give_way(before: &Path, target: &Path) -> Result<(), Failure> {
    if !before.exists() || !target.join(MANIFEST_PATH).is_file() {
        return Ok(());
    }
    is_an_exports(before)?;
    remove_export(before)
}

/// Whether all that lies in a directory, which may have been removed in part, is of an export.
fn is_an_exports(dir: &Path) -> Result<(), Failure> {
    let known = [MANIFEST_PATH, CHECKPOINT_PATH, POLICY_PATH];
    let below = ["tile/", CARDS, RECEIPTS, EARLIER];
    let of_others =
        |name: &str| !known.contains(&name) && !below.iter().any(|b| name.starts_with(b));
    match files_below(dir)?.into_iter().find(|file| of_others(&file.name)) {
        None => Ok(()),
        Some(file) => {
            let message = format!("{} holds {}, which no export has", dir.display(), file.name);
            Err(Failure::new(Exit::Failed, message).hint("move it away: it would be lost"))
        }
    }
}

/// Gives a directory its name back that lost it in a crash, and goes on removing one whose removal was
/// cut off. One that has its manifest stays: whoever has the new one may have put it there.
pub(super) fn restore(target: &Path) -> Result<(), Failure> {
    let before = beside(target, BEFORE);
    let is_whole = before.join(MANIFEST_PATH).is_file();
    match (target.exists(), is_whole) {
        (false, true) => fs::rename(&before, target)
            .map_err(|e| Failure::file(&before, "cannot get its name back", &e)),
        (true, false) if is_an_exports(&before).is_ok() => give_way(&before, target),
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
    fn what_a_crash_left_beside_a_whole_one_gives_way() {
        let dir = tempfile::tempdir().expect("a directory");
        let (new, target) = (dir.path().join("x.partial"), dir.path().join("x"));
        directory(&new, "manifest");
        directory(&target, "manifest");
        let before = beside(&target, BEFORE);
        directory(&before, "checkpoint");
        fs::write(target.join("manifest"), "old").expect("written");
        take_place_by_turns(&new, &target).expect("in its place");
        assert_eq!(fs::read_to_string(target.join("manifest")).expect("there"), "manifest");
        assert_eq!(fs::read_to_string(before.join("manifest")).expect("there"), "old");
        assert!(!before.join("checkpoint").exists());
    }

    #[test]
    fn nothing_of_others_gives_way_and_nothing_to_one_that_is_not_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let (new, target) = (dir.path().join("x.partial"), dir.path().join("x"));
        let before = beside(&target, BEFORE);
        directory(&new, "manifest");
        directory(&target, "manifest");
        directory(&before, "notes.txt");
        let failure = take_place_by_turns(&new, &target).expect_err("of others");
        assert!(failure.message.contains("notes.txt"), "{failure}");
        fs::rename(before.join("notes.txt"), before.join("checkpoint")).expect("renamed");
        fs::rename(target.join("manifest"), target.join("checkpoint")).expect("renamed");
        take_place_by_turns(&new, &target).expect_err("it may be all that there is");
        assert!(before.join("checkpoint").exists() && target.exists() && new.exists());
    }

    #[test]
    fn an_old_one_that_lost_its_name_gets_it_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("x");
        directory(&beside(&target, BEFORE), "manifest");
        restore(&target).expect("it was there");
        assert!(target.join("manifest").exists());
    }

    #[test]
    fn an_old_one_whose_removal_was_cut_off_goes_where_the_new_one_is_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("x");
        let before = beside(&target, BEFORE);
        directory(&target, "manifest");
        directory(&before, "checkpoint");
        restore(&target).expect("removed");
        assert!(target.join("manifest").exists() && !before.exists());
        for kept in ["manifest", "notes.txt"] {
            directory(&before, kept);
            restore(&target).expect("nothing to do");
            assert!(before.join(kept).exists(), "{kept}");
            fs::remove_dir_all(&before).expect("moved away");
        }
        fs::remove_file(target.join("manifest")).expect("removed");
        directory(&before, "checkpoint");
        restore(&target).expect("nothing to do");
        assert!(before.exists(), "it may be all that there is");
    }

    #[test]
    fn the_manifest_of_what_is_removed_goes_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let old = dir.path().join("old");
        directory(&old, "manifest");
        // What cannot be removed: a directory in the place of the manifest.
        fs::remove_file(old.join("manifest")).expect("removed");
        fs::create_dir(old.join("manifest")).expect("made");
        fs::write(old.join("checkpoint"), "x").expect("written");
        remove_export(&old).expect_err("no file");
        assert!(old.join("checkpoint").exists());
    }
}
