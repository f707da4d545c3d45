//! The directory that a message is fetched into, until all of it is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{
    create, create_directory, empty_directory, lock, read_text, remove, sync_directory,
};
use crate::pb::v1 as pb;

/// Says which message a directory is not yet all of.
const MARK: &str = ".fetching";

/// A directory that is being filled, by one command at a time.
pub(super) struct Place {
    dir: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes a new directory, an empty one, or one in which a fetch of the same message was cut off.
    pub(super) fn take(dir: &Path, message: &pb::Message) -> Result<Self, Failure> {
        create_directory(dir)?;
        let path = dir.join(MARK);
        let text = format!("{} {}\n", message.message_id, message.envelope_digest);
        if path.symlink_metadata().is_err() {
            empty_directory(dir)?;
            let mut file = create(&path)?;
            let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
            written.map_err(|e| Failure::file(&path, "cannot be written", &e))?;
        }
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Err(Failure::bad_file(&path, "is not a regular file")
                .hint("name a new directory with --out"));
        }
        let lock = lock(&path, format!("another command is fetching to {}", dir.display()))?;
        let said = read_text(&path)?;
        // One that was cut off itself says less, and nothing lies beside it.
        let alone = || fs::read_dir(dir).is_ok_and(|items| items.count() == 1);
        if said != text && !(text.starts_with(&said) && alone()) {
            let message =
                format!("{} holds another message that was not fetched whole", dir.display());
            return Err(Failure::new(Exit::Failed, message)
                .hint("name a new directory with --out, or go on with that message"));
        }
        // Of one that ended just before its end, too.
        clear(&dir.join(super::MESSAGE_FILE))?;
        clear(&dir.join(super::DEFECTS))?;
        if said != text {
            fs::write(&path, &text).map_err(|e| Failure::file(&path, "cannot be written", &e))?;
        }
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// All of it is there.
    pub(super) fn whole(self) -> Result<(), Failure> {
        let path = self.dir.join(MARK);
        fs::remove_file(&path).map_err(|e| Failure::file(&path, "cannot be removed", &e))?;
        sync_directory(&self.dir)
    }
}

/// Removes a file that a fetch has left that was cut off behind all exhibits.
pub(super) fn clear(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::remove_dir_all(path).map_err(|e| Failure::file(path, "cannot be removed", &e))
        }
        _ => remove(path),
    }
}
