//! The three things that the journal does to a file, as a seam for tests that make them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// A segment's file, open for writing.
pub(in crate::store) trait Disk: Send {
    /// Writes all bytes at a place.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The barrier: returns when all that was written would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}

impl Disk for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// How an opened file becomes a [`Disk`]: as it is, except in tests.
pub(in crate::store) type Wrap = Arc<dyn Fn(File) -> Box<dyn Disk> + Send + Sync>;

/// The file as it is.
pub(in crate::store) fn plain() -> Wrap {
    Arc::new(|file| Box::new(file))
}
