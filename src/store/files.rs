//! Small duties towards the file system: private files, durable names, the lock, the boot.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{OpenError, StoreFault};

/// Opens for reading and writing, making it if need be, for this user only.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes a directory and those above it, for this user only, and makes its name durable.
pub(super) fn create_dir(path: &Path) -> Result<(), StoreFault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(StoreFault::io("create", path))?;
    sync_parent(path)
}

/// Makes the names in a directory durable: a file whose name is lost is lost.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreFault> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(StoreFault::io("sync the directory", path))
}

/// Makes the name of `path` itself durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), StoreFault> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Replaces a small file at once: whoever reads it after a crash sees the old or the new bytes.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreFault> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = open_private(&new)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(StoreFault::io("replace", path))?;
    sync_parent(path)
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(path: &Path) -> Result<(), StoreFault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreFault::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Holds a data directory for one process. The kernel lets go of it when the process ends, however
/// it ends.
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let file = open_private(path).map_err(StoreFault::io("open", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Held { lock: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreFault::io("lock", path)(error).into()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is just being started from here has a copy of the file until it runs its
        // own program: closing ours alone would leave the lock to it for that moment.
        let _ = self.0.unlock();
    }
}

/// How the store was last left, as its file `state` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastStop {
    /// It was stopped, and the index synced before.
    Clean,
    /// Its process ended, but the kernel lives on, and with it all that was written.
    SameBoot,
    /// The kernel went down with it, or nobody knows.
    OtherBoot,
}

/// The file `state`: one word and the kernel's boot id.
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(super) fn new(data: &Path) -> Self {
        Self { path: data.join("state") }
    }

    pub(super) fn read(&self) -> LastStop {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        match (text.trim_end().split_once(' '), boot_id()) {
            (Some(("stopped", _)), _) => LastStop::Clean,
            (Some(("running", then)), Some(now)) if then == now => LastStop::SameBoot,
            _ => LastStop::OtherBoot,
        }
    }

    /// Written before the index takes its first change.
    pub(super) fn running(&self) -> Result<(), StoreFault> {
        self.write("running")
    }

    /// Written after the index is synced: only then is it believed after a power loss.
    pub(super) fn stopped(&self) -> Result<(), StoreFault> {
        self.write("stopped")
    }

    fn write(&self, word: &str) -> Result<(), StoreFault> {
        let boot = boot_id().unwrap_or_else(|| "unknown".to_owned());
        replace(&self.path, format!("{word} {boot}\n").as_bytes())
    }
}

/// The kernel's name for the time since it started. `None` where the system has none: every stop
/// that was not clean then counts as a power loss, which is slow but safe.
fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The file system that a directory stands on, if it is one on which the store was never tried.
pub(super) fn untried_file_system(path: &Path) -> Option<String> {
    const TRIED: [&str; 1] = ["ext4"];
    let path = fs::canonicalize(path).ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    // The last of the longest mount points is the one in force.
    let on = mounts.filter(|(at, _)| path.starts_with(at)).max_by_key(|(at, _)| at.len())?;
    (!TRIED.contains(&on.1)).then(|| on.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_which_lock() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("lock");
        let held = Lock::take(&path).expect("free");
        let refused = Lock::take(&path).err().expect("held").to_string();
        assert!(refused.contains("lock"), "{refused}");
        // As a process has it that is being started meanwhile.
        let copy = held.0.try_clone().expect("copied");
        drop(held);
        Lock::take(&path).expect("free again");
        drop(copy);
    }

    #[test]
    fn only_the_same_boot_or_a_clean_stop_is_believed() {
        let dir = tempfile::tempdir().expect("dir");
        let state = StateFile::new(dir.path());
        assert_eq!(state.read(), LastStop::OtherBoot, "no file");
        state.running().expect("writes");
        assert_eq!(state.read(), LastStop::SameBoot);
        state.stopped().expect("writes");
        assert_eq!(state.read(), LastStop::Clean);
        fs::write(dir.path().join("state"), "running 00000000-0000").expect("writes");
        assert_eq!(state.read(), LastStop::OtherBoot);
        fs::write(dir.path().join("state"), "garbage").expect("writes");
        assert_eq!(state.read(), LastStop::OtherBoot);
    }
}
