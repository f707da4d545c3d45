//! Reading the journal after a stop: which frames count, where it ends, and what is damage.
//!
//! The next frame is written only after the barrier of the one before has returned. So at most the
//! last frame can be incomplete without anybody having been told of it: an invalid frame with
//! nothing valid behind it is a torn tail and is cut; an invalid frame with a valid one behind it
//! was acknowledged and is damaged, and nothing is touched (I1, I3). A last frame that was
//! acknowledged and then damaged looks like a torn tail: the high-water mark and the index tell.

use std::path::{Path, PathBuf};

use super::frame::{self, Frame};
use super::segment::{self, Found, Header, Owner};
use super::{RecordKey, open_record};
use crate::pb::store::v1::Commit;
use crate::store::OpenError;
use crate::store::files::{open_private, remove_if_there, sync_dir};
use crate::store::limits::BLOCK_BYTES;
use crate::store::{StoreFault, tables::Place};

/// A place between two frames: where to go on, and the number of the frame that belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Cursor {
    pub(in crate::store) segment: u64,
    pub(in crate::store) offset: u64,
    pub(in crate::store) sequence: u64,
}

impl Cursor {
    /// Before the first frame of a journal.
    pub(in crate::store) const START: Self =
        Self { segment: 1, offset: BLOCK_BYTES as u64, sequence: 1 };
}

/// A frame that was read back, and where it stands.
pub(in crate::store) struct Replayed {
    pub(in crate::store) sequence: u64,
    /// Of the record; bodies follow it.
    pub(in crate::store) place: Place,
    /// Where the next frame begins.
    pub(in crate::store) end: u64,
    pub(in crate::store) commit: Commit,
}

/// Where the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct End {
    pub(in crate::store) cursor: Cursor,
    /// Bytes of a frame that was never finished, to be cut.
    pub(in crate::store) torn: u64,
    /// A segment that was begun and whose header was never finished, to be removed.
    pub(in crate::store) torn_segment: Option<u64>,
}

/// A journal on disk that nobody writes to.
pub(in crate::store) struct Recovery {
    dir: PathBuf,
    origin: String,
    owner: Owner,
    key: RecordKey,
    segments: Vec<u64>,
}

impl Recovery {
    /// Looks at what is there. `segments` is empty where there is no journal.
    pub(in crate::store) fn new(
        dir: &Path,
        origin: &str,
        owner: Owner,
        key: RecordKey,
    ) -> Result<Self, OpenError> {
        let (dir, origin, segments) = (dir.to_owned(), origin.to_owned(), segment::list(dir)?);
        Ok(Self { dir, origin, owner, key, segments })
    }

    /// The segments, for progress.
    pub(in crate::store) fn segments(&self) -> &[u64] {
        &self.segments
    }

    /// The origin of the store's first log.
    pub(in crate::store) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether nothing was ever written here: no segments, or only one without a header, as a
    /// crash while a home is made leaves it.
    pub(in crate::store) fn is_unused(&self) -> Result<bool, OpenError> {
        match self.segments.as_slice() {
            [] => Ok(true),
            [only] => {
                Ok(matches!(Header::read(&segment::load_header(&self.dir, *only)?), Found::Spare))
            }
            _ => Ok(false),
        }
    }

    /// Checks that the journal is of this home and log.
    pub(in crate::store) fn identify(&self) -> Result<(), OpenError> {
        let bytes = segment::load_header(&self.dir, 1)?;
        let mut end = End { cursor: Cursor::START, torn: 0, torn_segment: None };
        match Header::read(&bytes) {
            Found::Header(header) => self.check(&header, 1, &mut end),
            _ => Err(self.bad_first(&bytes)),
        }
    }

    /// Walks the frames from a place on, in order.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] and those that tell of another key or log; what `visit` gives.
    pub(in crate::store) fn walk(
        &self,
        from: Cursor,
        mut visit: impl FnMut(Replayed) -> Result<(), OpenError>,
    ) -> Result<End, OpenError> {
        let mut end = End { cursor: from, torn: 0, torn_segment: None };
        for number in self.segments.iter().copied().filter(|number| *number >= from.segment) {
            let bytes = segment::load(&self.dir, number)?;
            match Header::read(&bytes) {
                Found::Header(header) => self.check(&header, number, &mut end)?,
                Found::Spare | Found::Invalid(_) if number == 1 => {
                    return Err(self.bad_first(&bytes));
                }
                found => {
                    self.nothing_behind(number, &bytes, 0, "its header is unreadable")?;
                    let torn = matches!(found, Found::Invalid(_));
                    end.torn_segment = torn.then_some(number);
                    return Ok(end);
                }
            }
            if end.torn > 0 {
                return Err(self.damaged(end.cursor.segment, end.cursor.offset, TORN_INSIDE));
            }
            self.walk_segment(&bytes, &mut end, &mut visit)?;
        }
        Ok(end)
    }

    /// Checks a segment's header against what was walked before it; moves the cursor into it.
    fn check(&self, header: &Header, number: u64, end: &mut End) -> Result<(), OpenError> {
        let data = || self.dir.parent().unwrap_or(&self.dir).to_owned();
        // In this order: the check value depends on the origin.
        if header.owner.origin != self.owner.origin {
            return Err(OpenError::OtherLog { data: data(), expected: self.origin.clone() });
        }
        if header.owner.check != self.owner.check {
            return Err(OpenError::WrongKey { data: data() });
        }
        if header.number != number {
            return Err(self.damaged(number, 0, "its header has another number than its name"));
        }
        if number == end.cursor.segment {
            return Ok(());
        }
        // A segment is only begun when the frame before is durable: none may be missing between.
        if header.first_sequence != end.cursor.sequence {
            let what = "frames are missing here: the next segment begins with a later one";
            return Err(self.damaged(end.cursor.segment, end.cursor.offset, what));
        }
        end.cursor = Cursor { segment: number, offset: BLOCK_BYTES as u64, ..end.cursor };
        Ok(())
    }

    fn walk_segment(
        &self,
        bytes: &[u8],
        end: &mut End,
        visit: &mut impl FnMut(Replayed) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let number = end.cursor.segment;
        loop {
            let at = end.cursor.offset as usize;
            match frame::read(bytes, at) {
                Ok(found) => self.visit(&found, end, visit)?,
                Err(defect) => {
                    let written = written_of(bytes.get(at..).unwrap_or_default());
                    if written > 0 {
                        self.nothing_behind(number, bytes, at, &defect.to_string())?;
                    }
                    end.torn = written as u64;
                    return Ok(());
                }
            }
        }
    }

    fn visit(
        &self,
        found: &Frame<'_>,
        end: &mut End,
        visit: &mut impl FnMut(Replayed) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let Cursor { segment, offset, sequence } = end.cursor;
        if found.sequence != sequence {
            let what = format!("frame {} stands where {sequence} belongs", found.sequence);
            return Err(self.damaged(segment, offset, &what));
        }
        let opened = open_record(&self.key, segment, sequence, found.record);
        let commit = opened.map_err(|what| self.damaged(segment, offset, what))?;
        let sum: u64 = commit.body_bytes.iter().map(|bytes| u64::from(*bytes)).sum();
        if sum != u64::from(found.bodies) {
            return Err(self.damaged(segment, offset, "its bodies have other sizes"));
        }
        let place = Place { segment, offset, bytes: found.record.len() as u32 };
        let next = offset + found.span;
        end.cursor = Cursor { segment, offset: next, sequence: sequence + 1 };
        visit(Replayed { sequence, place, end: next, commit })
    }

    /// Checks that no valid frame follows an invalid place, in its segment or a later one.
    fn nothing_behind(
        &self,
        number: u64,
        bytes: &[u8],
        at: usize,
        what: &str,
    ) -> Result<(), OpenError> {
        let damage = |segment: u64, offset: usize| {
            let what =
                format!("{what}, but a valid frame follows in segment {segment} at byte {offset}");
            Err(self.damaged(number, at as u64, &what))
        };
        if let Some(offset) = first_frame(bytes, at + BLOCK_BYTES) {
            return damage(number, offset);
        }
        for later in self.segments.iter().copied().filter(|later| *later > number) {
            if let Some(offset) = first_frame(&segment::load(&self.dir, later)?, BLOCK_BYTES) {
                return damage(later, offset);
            }
        }
        Ok(())
    }

    fn bad_first(&self, bytes: &[u8]) -> OpenError {
        match Header::read(bytes) {
            Found::Invalid(what) => self.damaged(1, 0, what),
            _ => self.damaged(1, 0, "its header is all zeros"),
        }
    }

    pub(in crate::store) fn damaged(&self, segment: u64, offset: u64, what: &str) -> OpenError {
        let path = segment::path(&self.dir, segment);
        OpenError::Damaged { path, offset, what: what.to_owned() }
    }

    /// Cuts what was torn, so that the next frame stands on zeros. Only called when every guard
    /// has agreed that nobody was told of it.
    pub(in crate::store) fn cut(&self, end: &End) -> Result<(), StoreFault> {
        if let Some(number) = end.torn_segment {
            remove_if_there(&segment::path(&self.dir, number))?;
            sync_dir(&self.dir)?;
        }
        if end.torn == 0 {
            return Ok(());
        }
        let path = segment::path(&self.dir, end.cursor.segment);
        let zero = || {
            use std::os::unix::fs::FileExt as _;
            let file = open_private(&path)?;
            file.write_all_at(&vec![0; end.torn as usize], end.cursor.offset)?;
            file.sync_all()
        };
        zero().map_err(StoreFault::io("cut the torn end of", &path))
    }
}

const TORN_INSIDE: &str = "an unfinished frame, but a later segment was begun behind it";

/// The first valid frame on a block boundary at or behind `from`.
fn first_frame(bytes: &[u8], from: usize) -> Option<usize> {
    // A frame whose checksum fits is one, whatever its number: bodies and records are ciphertext
    // and do not imitate frames.
    (from..bytes.len()).step_by(BLOCK_BYTES).find(|at| frame::read(bytes, *at).is_ok())
}

/// How many bytes stand before the zeros at the end. A segment is laid out ahead and mostly zeros: they are
/// compared block by block.
fn written_of(bytes: &[u8]) -> usize {
    let mut blocks = bytes.chunks(BLOCK_BYTES).enumerate().rev();
    let Some((number, block)) =
        blocks.find(|(_, block)| **block != [0; BLOCK_BYTES][..block.len()])
    else {
        return 0;
    };
    let last = block.iter().rposition(|byte| *byte != 0).unwrap_or_default();
    number * BLOCK_BYTES + last + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_ends_with_the_last_byte_that_is_not_zero() {
        let whole = 3 * BLOCK_BYTES + 7;
        assert_eq!(written_of(&vec![0; whole]), 0);
        assert_eq!(written_of(&[]), 0);
        for last in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 5, whole - 8, whole - 1]
        {
            let mut bytes = vec![0; whole];
            bytes[last] = 1;
            assert_eq!(written_of(&bytes), last + 1);
            bytes[0] = 1;
            assert_eq!(written_of(&bytes), last + 1);
        }
    }
}
