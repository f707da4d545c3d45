//! Segments: files that are zero-filled before they are used, so that an append changes no
//! metadata and the barrier is one write.
//!
//! The first block of a segment is its header:
//!
//! ```text
//!  0  magic "ROGJRNL\0"     16  SHA-256 of the log's origin     64  check value of the home's key
//!  8  version u32 (1)       48  segment number u64              80  CRC32C over bytes 0 to 79
//! 12  zero, 4 bytes         56  sequence of its first frame
//! ```
//!
//! A segment without a header (all zeros) is a spare: made ahead, not yet used.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::crypto::{Digest, HomeKey, sha256};
use crate::store::files::{open_private, remove_if_there, sync_dir};
use crate::store::limits::{BLOCK_BYTES, SEGMENT_MAX_BYTES};
use crate::store::{OpenError, StoreFault};

const MAGIC: &[u8; 8] = b"ROGJRNL\0";
const VERSION: u32 = 1;
const CRC_AT: usize = 80;
const HEADER_END: usize = 84;

/// Which home and which log a journal belongs to.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::store) struct Owner {
    /// SHA-256 of the origin.
    pub(in crate::store) origin: Digest,
    /// Says whether a key is the home's, and nothing else about it.
    pub(in crate::store) check: [u8; 16],
}

impl Owner {
    pub(in crate::store) fn new(home: &HomeKey, origin: &str) -> Self {
        let origin = sha256(origin.as_bytes());
        Self { origin, check: home.blind("store/journal-owner", &origin) }
    }
}

/// The header of a segment.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::store) struct Header {
    pub(in crate::store) owner: Owner,
    pub(in crate::store) number: u64,
    pub(in crate::store) first_sequence: u64,
}

/// What stands where a header belongs.
pub(in crate::store) enum Found {
    Header(Header),
    /// All zeros: a spare.
    Spare,
    /// Something else; the text says what.
    Invalid(&'static str),
}

impl Header {
    /// The whole first block.
    pub(in crate::store) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.owner.origin);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.first_sequence.to_be_bytes());
        out.extend_from_slice(&self.owner.check);
        out.extend_from_slice(&crc32c::crc32c(&out).to_be_bytes());
        out.resize(BLOCK_BYTES, 0);
        out
    }

    /// Reads the first block of a segment.
    pub(in crate::store) fn read(segment: &[u8]) -> Found {
        let Some(block) = segment.get(..BLOCK_BYTES) else {
            return Found::Invalid("the file is shorter than a header");
        };
        if block.iter().all(|byte| *byte == 0) {
            return Found::Spare;
        }
        if !block.starts_with(MAGIC) {
            return Found::Invalid("it does not begin as a journal segment does");
        }
        if block[8..12] != VERSION.to_be_bytes() {
            return Found::Invalid("it is of another version of the format");
        }
        if block[CRC_AT..HEADER_END] != crc32c::crc32c(&block[..CRC_AT]).to_be_bytes() {
            return Found::Invalid("the checksum of its header does not match");
        }
        let word = |at: usize| u64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| block[at + i]));
        let mut owner = Owner { origin: [0; 32], check: [0; 16] };
        owner.origin.copy_from_slice(&block[16..48]);
        owner.check.copy_from_slice(&block[64..CRC_AT]);
        Found::Header(Self { owner, number: word(48), first_sequence: word(56) })
    }
}

/// The file of a segment.
pub(in crate::store) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.journal"))
}

/// The numbers of the segments that are there, ascending and without a gap.
///
/// # Errors
/// [`OpenError::Damaged`], naming the first that is missing.
pub(in crate::store) fn list(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let read = || -> std::io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for file in fs::read_dir(dir)? {
            let name = file?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
            numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    };
    let numbers = match read() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(StoreFault::io("list", dir))?,
    };
    match (1..).zip(&numbers).find(|(expected, number)| expected != *number) {
        None => Ok(numbers),
        Some((expected, _)) => Err(OpenError::Damaged {
            path: path(dir, expected),
            offset: 0,
            what: "the segment is missing, and later ones are there".to_owned(),
        }),
    }
}

/// Makes a spare of at least `bytes`, or lengthens what is there. When this returns, its blocks
/// and its name are on disk; a crash before leaves a file that is not called a segment.
pub(in crate::store) fn prepare(dir: &Path, number: u64, bytes: u64) -> Result<File, StoreFault> {
    let path = path(dir, number);
    let bytes = bytes.next_multiple_of(BLOCK_BYTES as u64);
    if path.exists() {
        let file = open_private(&path).map_err(StoreFault::io("open", &path))?;
        fill(&file, bytes).map_err(StoreFault::io("lengthen", &path))?;
        return Ok(file);
    }
    let new = path.with_extension("new");
    remove_if_there(&new)?;
    let file = open_private(&new).map_err(StoreFault::io("create", &new))?;
    fill(&file, bytes).map_err(StoreFault::io("fill", &new))?;
    fs::rename(&new, &path).map_err(StoreFault::io("rename", &new))?;
    sync_dir(dir)?;
    Ok(file)
}

/// Writes zeros from the end of the file up to `bytes`, and syncs them: blocks that have been
/// written once need no metadata when they are written again.
fn fill(file: &File, bytes: u64) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut at = file.metadata()?.len();
    while at < bytes {
        let part = (bytes - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..part as usize], at)?;
        at += part;
    }
    file.sync_all()
}

/// Occupies disk that is given back before the index is opened.
pub(in crate::store) fn keep_reserve(path: &Path, bytes: u64) -> Result<(), StoreFault> {
    let kept = open_private(path).and_then(|file| fill(&file, bytes));
    kept.map_err(StoreFault::io("fill", path))
}

/// The first block of a segment, or what there is of one.
pub(in crate::store) fn load_header(dir: &Path, number: u64) -> Result<Vec<u8>, OpenError> {
    let path = path(dir, number);
    let mut block = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(BLOCK_BYTES as u64).read_to_end(&mut block))
        .map_err(StoreFault::io("read", &path))?;
    Ok(block)
}

/// A whole segment, in memory.
pub(in crate::store) fn load(dir: &Path, number: u64) -> Result<Vec<u8>, OpenError> {
    let path = path(dir, number);
    let bytes = fs::metadata(&path).map_err(StoreFault::io("look at", &path))?.len();
    if bytes > SEGMENT_MAX_BYTES {
        let what = format!("it has {bytes} bytes, more than any segment");
        return Err(OpenError::Damaged { path, offset: 0, what });
    }
    Ok(fs::read(&path).map_err(StoreFault::io("read", &path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let owner = Owner::new(&HomeKey::generate(), "xa.moj/log/2026");
        Header { owner, number: 3, first_sequence: 99 }
    }

    #[test]
    fn a_header_reads_back_and_every_altered_byte_is_noticed() {
        let header = header();
        let block = header.encode();
        assert!(matches!(Header::read(&block), Found::Header(read) if read == header));
        for at in 0..HEADER_END {
            let mut bad = block.clone();
            bad[at] ^= 1;
            assert!(matches!(Header::read(&bad), Found::Invalid(_)), "byte {at}");
        }
        assert!(matches!(Header::read(&[0; BLOCK_BYTES]), Found::Spare));
        assert!(matches!(Header::read(&block[..100]), Found::Invalid(_)), "truncated file");
    }

    #[test]
    fn the_owner_tells_keys_and_logs_apart() {
        let (one, two) = (HomeKey::generate(), HomeKey::generate());
        assert!(Owner::new(&one, "a").check != Owner::new(&two, "a").check);
        assert!(Owner::new(&one, "a").origin != Owner::new(&one, "b").origin);
    }

    #[test]
    fn a_missing_segment_is_named() {
        let dir = tempfile::tempdir().expect("dir");
        for number in [1, 2, 4] {
            prepare(dir.path(), number, 8192).expect("prepares");
        }
        let error = list(dir.path()).expect_err("a gap").to_string();
        assert!(error.contains("00000003.journal"), "{error}");
        fs::remove_file(path(dir.path(), 4)).expect("removes");
        assert_eq!(list(dir.path()).expect("no gap"), [1, 2]);
    }

    #[test]
    fn a_spare_is_lengthened_when_a_frame_needs_it() {
        let dir = tempfile::tempdir().expect("dir");
        prepare(dir.path(), 1, 8192).expect("prepares");
        prepare(dir.path(), 1, 20_000).expect("lengthens");
        assert_eq!(load(dir.path(), 1).expect("reads"), vec![0; 20_480]);
    }
}
