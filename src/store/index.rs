//! The index: everything that is queried, and nothing that is believed. The only file that names
//! sled.
//!
//! sled 0.34 does not keep what it has "flushed" through a loss of power, may panic on damaged
//! files, and may come back empty without an error. So nothing is acknowledged because of it: it
//! applies frames of the journal, says how far it has come, and is rebuilt whenever in doubt. What
//! it needs to behave: one writer, one batch a step on one tree, no flusher of its own, values far
//! below a quarter of its segments (larger ones go to files that nothing syncs), no compression.

use std::fs::{self, File};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::files::{sync_dir, sync_parent};
use super::limits::{INDEX_OPEN_SECONDS, SCAN_MAX};
use super::{OpenError, StoreFault};

/// Fixed when the index is made: sled refuses another.
const SEGMENT_BYTES: usize = 8 << 20;
const CACHE_BYTES: u64 = 128 << 20;
const CLOSE_SECONDS: u64 = 10;

/// In which order a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Changes that are applied all or none.
#[derive(Default)]
pub(super) struct Batch {
    batch: sled::Batch,
    bytes: usize,
}

impl Batch {
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.batch.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.batch.remove(key);
    }

    /// What was put into it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The open index.
pub(super) struct Index {
    db: sled::Db,
    /// Opened beforehand: a descriptor that is opened to be synced later may be of another file.
    file: File,
    /// Exists from the first fault on, so that the next start does not trust what is there.
    doubt: PathBuf,
    doubted: AtomicBool,
}

/// Why the index did not open.
pub(super) enum Unopened {
    /// It said so, or panicked.
    Failed(String),
    /// It has not answered in time, and may still be at it.
    Hangs,
}

impl Index {
    /// Opens or makes the index, on a thread of its own and with a deadline: opening damaged files
    /// may panic or never end.
    pub(super) fn open(dir: &Path) -> Result<Self, Unopened> {
        let failed = |what: String| Unopened::Failed(what);
        let fresh = !dir.join("db").exists();
        remove_unfinished_snapshots(dir).map_err(|fault| failed(fault.to_string()))?;
        let deadline = Duration::from_secs(INDEX_OPEN_SECONDS);
        let (done, opened) = channel();
        let config = sled::Config::new()
            .path(dir)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(CACHE_BYTES)
            .use_compression(false)
            .flush_every_ms(None);
        let body = move || {
            // The receiver is gone only when the deadline has passed.
            let _ = done.send(open_unlocked(&config, Instant::now() + deadline));
        };
        let thread = std::thread::Builder::new().name("store-index-open".into()).spawn(body);
        thread.map_err(|error| failed(error.to_string()))?;
        let db = match opened.recv_timeout(deadline + Duration::from_secs(1)) {
            Ok(Ok(db)) => db,
            Ok(Err(error)) => return Err(failed(error)),
            Err(RecvTimeoutError::Disconnected) => return Err(failed("it panicked".to_owned())),
            Err(RecvTimeoutError::Timeout) => return Err(Unopened::Hangs),
        };
        if fresh {
            sync_new(dir).map_err(|fault| failed(fault.to_string()))?;
        }
        let file = File::options().write(true).open(dir.join("db"));
        let file = file.map_err(|error| failed(error.to_string()))?;
        Ok(Self { db, file, doubt: doubt_path(dir), doubted: AtomicBool::new(false) })
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.guarded(|| Ok(self.db.get(key)?.map(|value| value.to_vec())))
    }

    /// The row with the largest key at or below `key`.
    pub(super) fn at_or_below(&self, key: &[u8]) -> Result<Option<Row>, StoreFault> {
        self.guarded(|| {
            let row = self.db.range(..=key).next_back().transpose()?;
            Ok(row.map(|(key, value)| (key.to_vec(), value.to_vec())))
        })
    }

    /// Rows whose keys begin with `prefix`, beyond `after` in the direction of the scan, at most
    /// `limit`. `after` is a whole key.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        let Some((low, high)) = bounds(prefix, after, direction) else { return Ok(Vec::new()) };
        self.guarded(|| {
            let range = self.db.range::<Vec<u8>, _>((low, high));
            let row = |(key, value): (sled::IVec, sled::IVec)| (key.to_vec(), value.to_vec());
            // Collecting stops at the first error: sled gives the same one for ever.
            match direction {
                Direction::Forward => range.take(limit).map(|r| r.map(row)).collect(),
                Direction::Backward => range.rev().take(limit).map(|r| r.map(row)).collect(),
            }
        })
    }

    /// Applies a batch. It is *not* on disk then; it need not be.
    pub(super) fn apply(&self, batch: Batch) -> Result<(), StoreFault> {
        self.guarded(|| self.db.apply_batch(batch.batch))
    }

    /// Brings everything to the disk: sled's own buffers, then the disk's, which sled leaves out.
    pub(super) fn sync(&self) -> Result<(), StoreFault> {
        self.guarded(|| self.db.flush().map(drop))?;
        self.file.sync_data().map_err(|error| self.doubted(error.to_string()))
    }

    /// Records that the index is not to be trusted at the next start, and makes the fault.
    pub(super) fn doubted(&self, what: String) -> StoreFault {
        if !self.doubted.swap(true, Ordering::Relaxed) {
            tracing::error!(what, "the index is in doubt; it is rebuilt at the next start");
            // Best effort: without the file the next start checks the index as always.
            if let Err(error) = fs::write(&self.doubt, &what) {
                tracing::error!(%error, "cannot note that the index is in doubt");
            }
        }
        StoreFault::Index(what)
    }

    /// Closes it and waits until sled has let go of its files: its threads may still write to them
    /// by name, and the next index has the same name.
    pub(super) fn close(self) {
        let Self { db, file, .. } = self;
        drop(db);
        let deadline = Instant::now() + Duration::from_secs(CLOSE_SECONDS);
        while file.try_lock().is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn guarded<T>(&self, work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreFault> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => result.map_err(|error| self.doubted(error.to_string())),
            Err(_) => Err(self.doubted("it panicked".to_owned())),
        }
    }
}

/// The file that says that an index is in doubt; it goes with the index.
fn doubt_path(dir: &Path) -> PathBuf {
    dir.join("doubt")
}

/// Whether an earlier run met a fault in this index.
pub(super) fn is_doubted(dir: &Path) -> bool {
    doubt_path(dir).exists()
}

/// A file lock of an earlier handle in this process may be released a little late.
fn open_unlocked(config: &sled::Config, deadline: Instant) -> Result<sled::Db, String> {
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            Err(error) => {
                let text = error.to_string();
                if !text.contains("could not acquire lock") || Instant::now() > deadline {
                    return Err(text);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// sled refuses to open when it was stopped while it wrote a snapshot.
fn remove_unfinished_snapshots(dir: &Path) -> Result<(), StoreFault> {
    let Ok(files) = fs::read_dir(dir) else { return Ok(()) };
    for file in files.flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(file.path()).map_err(StoreFault::io("remove", &file.path()))?;
        }
    }
    Ok(())
}

/// Makes the names and contents of a new index durable, which sled does not.
fn sync_new(dir: &Path) -> Result<(), StoreFault> {
    for name in ["conf", "db"] {
        let path = dir.join(name);
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(StoreFault::io("sync", &path))?;
    }
    sync_dir(&dir.join("blobs"))?;
    sync_dir(dir)?;
    sync_parent(dir)
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The range of a scan; `None` where it is empty.
fn bounds(prefix: &[u8], after: Option<&[u8]>, direction: Direction) -> Option<Bounds> {
    let end = successor(prefix)?;
    let start = prefix.to_vec();
    let (low, high) = match (direction, after) {
        (Direction::Forward, Some(after)) if after >= prefix => {
            (Bound::Excluded(after.to_vec()), end)
        }
        (Direction::Backward, Some(after)) => (Bound::Included(start), end.min(after.to_vec())),
        _ => (Bound::Included(start), end),
    };
    let empty = match &low {
        Bound::Included(low) => *low >= high,
        Bound::Excluded(low) => *low >= high,
        Bound::Unbounded => false,
    };
    (!empty).then_some((low, Bound::Excluded(high)))
}

/// The first key behind all that begin with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// What one scan gives at most, of what was asked for.
pub(super) fn scan_limit(limit: usize) -> usize {
    limit.min(SCAN_MAX)
}

/// Moves an index out of the way and keeps a few of those, for whoever asks what happened.
pub(super) fn set_aside(dir: &Path, keep: usize) -> Result<Option<PathBuf>, OpenError> {
    if !dir.exists() {
        return Ok(None);
    }
    let aside = |number: u64| dir.with_extension(format!("aside-{number}"));
    let mut there = aside_numbers(dir);
    let next = there.last().map_or(1, |last| last + 1);
    fs::rename(dir, aside(next)).map_err(StoreFault::io("set aside", dir))?;
    sync_parent(dir)?;
    there.push(next);
    for old in &there[..there.len().saturating_sub(keep)] {
        if let Err(error) = fs::remove_dir_all(aside(*old)) {
            tracing::warn!(%error, number = old, "cannot remove an index that was set aside");
        }
    }
    Ok(Some(aside(next)))
}

fn aside_numbers(dir: &Path) -> Vec<u64> {
    let Some(Ok(files)) = dir.parent().map(fs::read_dir) else { return Vec::new() };
    let stem = dir.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".aside-";
    let number = |name: &str| name.strip_prefix(&stem)?.parse().ok();
    let mut numbers: Vec<u64> =
        files.flatten().filter_map(|file| number(&file.file_name().to_string_lossy())).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Index {
        Index::open(dir).ok().expect("opens")
    }

    #[test]
    fn scans_keep_to_their_prefix_in_both_directions() {
        let dir = tempfile::tempdir().expect("dir");
        let index = open(&dir.path().join("index"));
        let mut batch = Batch::default();
        for key in ["a", "b1", "b2", "b3", "c"] {
            batch.put(key.into(), b"v".to_vec());
        }
        index.apply(batch).expect("applies");
        let keys = |prefix: &str, after: Option<&str>, direction, limit| -> Vec<String> {
            let rows = index.scan(prefix.as_bytes(), after.map(str::as_bytes), direction, limit);
            let key = |(key, _): Row| String::from_utf8(key).expect("text");
            rows.expect("scans").into_iter().map(key).collect()
        };
        use Direction::{Backward, Forward};
        assert_eq!(keys("b", None, Forward, 9), ["b1", "b2", "b3"]);
        assert_eq!(keys("b", None, Backward, 9), ["b3", "b2", "b1"]);
        assert_eq!(keys("b", Some("b1"), Forward, 1), ["b2"]);
        assert_eq!(keys("b", Some("b3"), Backward, 1), ["b2"]);
        assert_eq!(keys("b", Some("a"), Forward, 9), ["b1", "b2", "b3"]);
        assert_eq!(keys("b", Some("c"), Backward, 9), ["b3", "b2", "b1"]);
        assert!(keys("b", Some("c"), Forward, 9).is_empty());
        assert!(keys("b", Some("a"), Backward, 9).is_empty());
        assert!(keys("d", None, Forward, 9).is_empty());
        let row = index.at_or_below(b"b2x").expect("reads").expect("a row");
        assert_eq!(row.0, b"b2");
        assert_eq!(index.at_or_below(b"0").expect("reads"), None);
    }

    #[test]
    fn unfinished_snapshots_do_not_keep_it_from_opening() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("index");
        drop(open(&path));
        fs::write(path.join("snap.0.generating"), b"half").expect("writes");
        drop(open(&path));
        assert!(!path.join("snap.0.generating").exists());
    }

    #[test]
    fn only_the_newest_asides_are_kept() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("index");
        assert_eq!(set_aside(&path, 2).expect("nothing there"), None);
        for _ in 0..4 {
            fs::create_dir(&path).expect("creates");
            set_aside(&path, 2).expect("moves");
        }
        assert_eq!(aside_numbers(&path), [3, 4]);
    }
}
