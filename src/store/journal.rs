//! The journal: the append-only file whose `fdatasync` makes a commit durable (I1).
//!
//! A [`frame`] is one group commit. What is in it is encrypted: the record (entries, changes of
//! rows, the tree after it) under a key of the home, one for each segment; bodies under the keys of
//! their slots. [`recover`] reads it back.

pub(super) mod ahead;
pub(super) mod disk;
pub(super) mod frame;
pub(super) mod recover;
pub(super) mod segment;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use prost::Message as _;

use self::ahead::Ahead;
use self::disk::{Disk, Wrap};
use self::recover::Cursor;
use self::segment::{Header, Owner};
use super::StoreFault;
use super::limits::{BLOCK_BYTES, FRAME_MAX_BYTES};
use super::tables::Place;
use crate::crypto::primitives::{AeadKey, NONCE_BYTES, TAG_BYTES, pae};
use crate::crypto::{Digest, HomeKey};
use crate::pb::store::v1::Commit;

/// Seals and opens records. One key a segment, so that no key ever sees too many random nonces.
#[derive(Clone)]
pub(super) struct RecordKey {
    home: HomeKey,
    origin: Digest,
}

impl RecordKey {
    pub(super) fn new(home: &HomeKey, owner: &Owner) -> Self {
        Self { home: home.clone(), origin: owner.origin }
    }

    fn of(&self, segment: u64) -> AeadKey {
        self.home.aead(&format!("store/journal/{segment}"))
    }

    /// A record belongs to one place of one log.
    fn aad(&self, segment: u64, sequence: u64) -> Vec<u8> {
        let parts = [&self.origin[..], &segment.to_be_bytes(), &sequence.to_be_bytes()];
        pae("rogatory/v1/journal-record", &parts)
    }
}

/// Opens and decodes a record.
fn open_record(
    key: &RecordKey,
    segment: u64,
    sequence: u64,
    sealed: &[u8],
) -> Result<Commit, &'static str> {
    let opened = key.of(segment).open_random(&key.aad(segment, sequence), sealed);
    let record = opened.map_err(|_| "the record was altered: it does not open under its key")?;
    Commit::decode(record.as_slice()).map_err(|_| "the record was written by another version")
}

/// The writing end. Used by one thread, and never again after an error.
pub(super) struct Journal {
    dir: PathBuf,
    owner: Owner,
    key: RecordKey,
    wrap: Wrap,
    ahead: Ahead,
    segment_bytes: u64,
    file: Box<dyn Disk>,
    length: u64,
    cursor: Cursor,
}

/// Where a frame went.
pub(super) struct Written {
    pub(super) sequence: u64,
    pub(super) place: Place,
    pub(super) end: u64,
    /// It is the first of its segment.
    pub(super) rolled: bool,
}

/// Makes the first segment of a journal.
pub(super) fn create(dir: &Path, owner: &Owner, segment_bytes: u64) -> Result<(), StoreFault> {
    super::files::create_dir(dir)?;
    let file = segment::prepare(dir, 1, segment_bytes)?;
    begin(&mut (Box::new(file) as Box<dyn Disk>), owner, Cursor::START)
        .map_err(StoreFault::io("begin", &segment::path(dir, 1)))
}

/// Writes and syncs a segment's header. Synced by itself, before any frame: a valid frame under an
/// unreadable header is then damage and nothing else.
fn begin(file: &mut Box<dyn Disk>, owner: &Owner, at: Cursor) -> io::Result<()> {
    let header = Header { owner: owner.clone(), number: at.segment, first_sequence: at.sequence };
    file.write_at(&header.encode(), 0)?;
    file.sync()
}

impl Journal {
    /// Goes on where recovery ended.
    pub(super) fn resume(
        dir: &Path,
        owner: Owner,
        key: RecordKey,
        ahead: Ahead,
        segment_bytes: u64,
        cursor: Cursor,
        wrap: Wrap,
    ) -> Result<Self, StoreFault> {
        let path = segment::path(dir, cursor.segment);
        let file = super::files::open_private(&path).map_err(StoreFault::io("open", &path))?;
        let length = file.metadata().map_err(StoreFault::io("look at", &path))?.len();
        let dir = dir.to_owned();
        let file = wrap(file);
        let mut journal =
            Self { dir, owner, key, wrap, ahead, segment_bytes, file, length, cursor };
        journal.ahead.ask_segment(journal.cursor.segment + 1, segment_bytes);
        Ok(journal)
    }

    /// The helper thread, which also makes slots.
    pub(super) fn ahead(&mut self) -> &mut Ahead {
        &mut self.ahead
    }

    /// Appends a frame and waits for the barrier. When this returns, the frame survives a loss of
    /// power. After an error nobody knows what the disk holds, and the journal must not be used
    /// again: a second fdatasync could succeed without having written anything.
    pub(super) fn append(
        &mut self,
        commit: &Commit,
        bodies: &[Vec<u8>],
    ) -> Result<Written, StoreFault> {
        let record = commit.encoded_len() + NONCE_BYTES + TAG_BYTES;
        let span = frame::span(record, bodies.iter().map(Vec::len).sum());
        if span > FRAME_MAX_BYTES {
            let what = format!("a frame of {span} bytes is more than any may have");
            return Err(self.fault(what));
        }
        let rolled = self.cursor.offset + span > self.length;
        if rolled {
            self.roll(span)?;
        }
        let Cursor { segment, offset, sequence } = self.cursor;
        let aad = self.key.aad(segment, sequence);
        let record = self.key.of(segment).seal_random(&aad, &commit.encode_to_vec());
        let bytes = frame::encode(sequence, &record, bodies);
        let path = segment::path(&self.dir, segment);
        self.file.write_at(&bytes, offset).map_err(StoreFault::io("append to", &path))?;
        self.file.sync().map_err(StoreFault::io("fdatasync", &path))?;
        let end = offset + span;
        self.cursor = Cursor { segment, offset: end, sequence: sequence + 1 };
        let place = Place { segment, offset, bytes: record.len() as u32 };
        Ok(Written { sequence, place, end, rolled })
    }

    /// Begins the next segment, one in which a frame of `span` has room.
    fn roll(&mut self, span: u64) -> Result<(), StoreFault> {
        let next =
            Cursor { segment: self.cursor.segment + 1, offset: BLOCK_BYTES as u64, ..self.cursor };
        let bytes = self.segment_bytes.max(next.offset + span);
        let file = self.ahead.take_segment(next.segment, bytes)?;
        let path = segment::path(&self.dir, next.segment);
        self.length = file.metadata().map_err(StoreFault::io("look at", &path))?.len();
        self.file = (self.wrap)(file);
        begin(&mut self.file, &self.owner, next).map_err(StoreFault::io("begin", &path))?;
        self.cursor = next;
        self.ahead.ask_segment(next.segment + 1, self.segment_bytes);
        Ok(())
    }

    fn fault(&self, what: String) -> StoreFault {
        let Cursor { segment, offset, .. } = self.cursor;
        StoreFault::Journal { segment, offset, what }
    }
}

/// The reading end: single records and bodies, by their place. Any number of threads.
pub(super) struct Reader {
    dir: PathBuf,
    key: RecordKey,
}

impl Reader {
    pub(super) fn new(dir: &Path, key: RecordKey) -> Self {
        Self { dir: dir.to_owned(), key }
    }

    /// The record at a place.
    pub(super) fn record(&self, place: Place) -> Result<Commit, StoreFault> {
        let bytes = self.read(place, frame::HEADER_BYTES + place.bytes as usize)?;
        let fault = |what: &str| StoreFault::Journal {
            segment: place.segment,
            offset: place.offset,
            what: what.to_owned(),
        };
        let header = bytes.first_chunk().ok_or_else(|| fault("too short"))?;
        let (record, _) = frame::lengths(header).map_err(|defect| fault(&defect.to_string()))?;
        if record != place.bytes {
            return Err(fault("the record has another length than the index says"));
        }
        let sealed = &bytes[frame::HEADER_BYTES..];
        open_record(&self.key, place.segment, frame::sequence(header), sealed).map_err(fault)
    }

    /// The bytes of a sealed body.
    pub(super) fn body(&self, place: Place) -> Result<Vec<u8>, StoreFault> {
        self.read(place, place.bytes as usize)
    }

    fn read(&self, place: Place, length: usize) -> Result<Vec<u8>, StoreFault> {
        let path = segment::path(&self.dir, place.segment);
        // The place comes from the index, which anything may have happened to.
        if length as u64 > FRAME_MAX_BYTES {
            let what = format!("the index names {length} bytes, more than any frame has");
            let Place { segment, offset, .. } = place;
            return Err(StoreFault::Journal { segment, offset, what });
        }
        let mut bytes = vec![0; length];
        let read = File::open(&path).and_then(|f| f.read_exact_at(&mut bytes, place.offset));
        read.map_err(StoreFault::io("read", &path))?;
        Ok(bytes)
    }
}
