//! Many new files on their way to the disk, at a price that does not grow with each of them.
//!
//! To sync a file takes milliseconds, however small it is; to sync a file system takes hardly longer.
//! So the first files, and all large ones, are synced when they end; where many small ones come
//! behind them, these are synced together.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// So many files are synced one by one whatever their size.
const FIRST_FILES: u32 = 32;
/// A file of so many bytes is always synced by itself: then a sync of all takes no long time.
const LARGE_BYTES: u64 = 1 << 20;

/// The files that are being written below a directory, until all of them are on the disk.
pub struct Syncing {
    /// What could not be written behind our back since this was opened is told to its sync alone.
    directory: File,
    first: u32,
    later: bool,
}

impl Syncing {
    /// Of files that are written below this directory from now on.
    ///
    /// # Errors
    /// Where the directory cannot be opened.
    pub fn begin(directory: &Path) -> io::Result<Self> {
        let first = if tells_of_all() { FIRST_FILES } else { u32::MAX };
        Ok(Self { directory: File::open(directory)?, first, later: false })
    }

    /// A file of so many bytes has been written whole. It is on the disk now, or after
    /// [`Syncing::finish`].
    ///
    /// # Errors
    /// Where it cannot be synced: what was written is then not to be relied on.
    pub fn written(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        if Self::may_be_late(bytes) && self.first == 0 {
            self.later = true;
            return Ok(());
        }
        self.first = self.first.saturating_sub(1);
        file.sync_all()
    }

    /// Whether a file of so many bytes may be lost with the power before [`Syncing::finish`].
    pub fn may_be_late(bytes: u64) -> bool {
        bytes < LARGE_BYTES
    }

    /// A file of so many bytes was written before this was begun, and may not be on the disk yet.
    pub fn left(&mut self, bytes: u64) {
        self.later |= Self::may_be_late(bytes);
    }

    /// Brings all files to the disk that are not there yet.
    ///
    /// # Errors
    /// Where one of them could not be written, or something else on the same file system: nothing
    /// that was written here and not synced by itself is then to be relied on.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.later {
            rustix::fs::syncfs(&self.directory)?;
            self.later = false;
        }
        Ok(())
    }
}

/// Whether the kernel tells of all that it could not write when it syncs a file system: Linux tells of
/// files since 5.8, and of what the file system itself could not write since 5.17.
fn tells_of_all() -> bool {
    fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| is_since_5_17(&release))
}

fn is_since_5_17(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(17))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_are_known() {
        for (release, tells) in [
            ("5.17.0\n", true),
            ("5.16.19-generic\n", false),
            ("4.19.0\n", false),
            ("6.1\n", true),
            ("10.0.1\n", true),
            ("", false),
            ("unknown", false),
        ] {
            assert_eq!(is_since_5_17(release), tells, "{release:?}");
        }
    }

    #[test]
    fn small_files_behind_the_first_are_synced_at_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = File::create(dir.path().join("x")).expect("made");
        let mut syncing = Syncing { first: 2, ..Syncing::begin(dir.path()).expect("opened") };
        for later in [false, false, true] {
            syncing.written(&file, 1).expect("synced");
            assert_eq!(syncing.later, later);
        }
        syncing.finish().expect("synced");
        syncing.written(&file, LARGE_BYTES).expect("synced");
        assert!(!syncing.later, "a large one is synced at once");
    }
}
