//! The high-water mark: how far the log had come, kept outside the data directory (I3).
//!
//! A data directory that is restored from a backup is whole and consistent, and behind. Appending
//! to it would give the log a second past. The mark is what does not go back with it. Two records
//! of 512 bytes are written in turn, so that a torn write leaves the other; they are not synced
//! with each commit, so after a loss of power the mark may be behind the journal, never ahead of
//! it.
//!
//! ```text
//!  0  magic "ROGMARK1"      40  turn u64             64  root of the tree, 32 bytes
//!  8  SHA-256 of origin     48  commit sequence u64  96  zeros
//!                           56  end u64 (position)  508  CRC32C
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::files::{create_dir, open_private, sync_parent};
use super::{OpenError, StoreFault};
use crate::audit::Position;
use crate::crypto::Digest;

const MAGIC: &[u8; 8] = b"ROGMARK1";
const RECORD_BYTES: usize = 512;
const CRC_AT: usize = 508;

/// How far a log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HighWater {
    pub(super) sequence: u64,
    /// Where the newest log ended, and its root there.
    pub(super) end: Position,
    pub(super) root: Digest,
}

/// The open file.
pub(super) struct Mark {
    file: File,
    path: PathBuf,
    origin: Digest,
    turn: u64,
    last: Option<HighWater>,
}

impl Mark {
    /// Opens the file, or makes an empty one.
    ///
    /// # Errors
    /// [`OpenError::Mark`] when it holds no readable record, or those of another log.
    pub(super) fn open(path: &Path, origin: Digest) -> Result<Self, OpenError> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        {
            create_dir(dir)?;
        }
        let file = open_private(path).map_err(StoreFault::io("open", path))?;
        sync_parent(path)?;
        let mut mark = Self { file, path: path.to_owned(), origin, turn: 0, last: None };
        let bytes = std::fs::read(path).map_err(StoreFault::io("read", path))?;
        if bytes.is_empty() {
            return Ok(mark);
        }
        let refuse = |what| OpenError::Mark { path: path.to_owned(), what };
        let records = bytes.chunks(RECORD_BYTES).filter_map(decode);
        let newest = records.max_by_key(|record| record.turn);
        let newest = newest.ok_or_else(|| refuse("holds no readable record"))?;
        if newest.origin != origin {
            return Err(refuse("belongs to another log"));
        }
        (mark.turn, mark.last) = (newest.turn, Some(newest.high));
        Ok(mark)
    }

    /// The highest it knows; `None` in a new file.
    pub(super) fn last(&self) -> Option<HighWater> {
        self.last
    }

    /// Writes a new one, over the older of the two. Without a sync: a kernel that lives on keeps
    /// it, and one that does not takes it back at most to where some earlier mark was.
    pub(super) fn raise(&mut self, high: HighWater) -> Result<(), StoreFault> {
        let turn = self.turn + 1;
        let mut record = [MAGIC.as_slice(), &self.origin].concat();
        for number in [turn, high.sequence, high.end.number()] {
            record.extend_from_slice(&number.to_be_bytes());
        }
        record.extend_from_slice(&high.root);
        record.resize(CRC_AT, 0);
        record.extend_from_slice(&crc32c::crc32c(&record).to_be_bytes());
        let place = (turn % 2) * RECORD_BYTES as u64;
        let written = self.file.write_all_at(&record, place);
        written.map_err(StoreFault::io("raise the mark in", &self.path))?;
        (self.turn, self.last) = (turn, Some(high));
        Ok(())
    }

    /// Makes it survive a loss of power: at a stop, and when a segment is full.
    pub(super) fn sync(&self) -> Result<(), StoreFault> {
        self.file.sync_all().map_err(StoreFault::io("sync", &self.path))
    }
}

struct Record {
    origin: Digest,
    turn: u64,
    high: HighWater,
}

fn decode(record: &[u8]) -> Option<Record> {
    let valid = record.len() == RECORD_BYTES
        && record.starts_with(MAGIC)
        && record[CRC_AT..] == crc32c::crc32c(&record[..CRC_AT]).to_be_bytes();
    let digest = |at: usize| record[at..at + 32].try_into().ok();
    let word = |at: usize| record[at..at + 8].try_into().ok().map(u64::from_be_bytes);
    if !valid {
        return None;
    }
    let high =
        HighWater { sequence: word(48)?, end: Position::from_number(word(56)?), root: digest(64)? };
    Some(Record { origin: digest(8)?, turn: word(40)?, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high(size: u64) -> HighWater {
        HighWater { sequence: size * 2, end: Position::new(0, size), root: [size as u8; 32] }
    }

    #[test]
    fn the_newest_of_two_counts_and_a_torn_one_leaves_the_other() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("marks").join("high");
        let mut mark = Mark::open(&path, [1; 32]).expect("opens");
        assert_eq!(mark.last(), None);
        for size in 1..=5 {
            mark.raise(high(size)).expect("raises");
        }
        let good = std::fs::read(&path).expect("reads");
        assert_eq!(good.len(), 2 * RECORD_BYTES);
        assert_eq!(Mark::open(&path, [1; 32]).expect("opens").last(), Some(high(5)));
        // Turn 5 stands in the second record; the sixth would have gone into the first.
        for (torn, expected) in [(RECORD_BYTES + 60, 4), (60, 5)] {
            let mut bytes = good.clone();
            bytes[torn] ^= 1;
            std::fs::write(&path, bytes).expect("writes");
            assert_eq!(Mark::open(&path, [1; 32]).expect("opens").last(), Some(high(expected)));
        }
    }

    #[test]
    fn a_mark_that_says_nothing_is_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("high");
        Mark::open(&path, [1; 32]).expect("opens").raise(high(3)).expect("raises");
        let other = Mark::open(&path, [2; 32]).err().expect("another log").to_string();
        assert!(other.contains("another log"), "{other}");
        std::fs::write(&path, vec![0; 1024]).expect("writes");
        let blank = Mark::open(&path, [1; 32]).err().expect("zeros").to_string();
        assert!(blank.contains("no readable record"), "{blank}");
    }
}
