//! An upload taken up again from the disk. All that is there of it is opened and hashed again, since a
//! loss of power may have taken anything, and cut off at the first difference. A part at a time: it may
//! be a terabyte in.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::manifest::ExhibitInfo;
use super::notes::{Note, Notes, Written};
use super::sealer::{Exhibit, Sealer};
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::{PackageId, Timestamp};
use crate::envelope::stream::{ExhibitCipher, chunk_count};
use crate::exchange::ActionError;
use crate::store::vault::PackageWriter;

/// Chunks that are read in one part: 16 MiB.
const CHUNKS_PER_PART: usize = 64;

/// Where the reading is.
pub(super) struct Reopening {
    sealer: Sealer,
    notes: Written,
    /// Of the exhibit that is being read: what it turned out to be, where it ended.
    whole: Option<(u64, ExhibitInfo)>,
    /// Notes that count, and where they end.
    good: (u64, u64),
    /// What cannot be gone on with at all.
    lost: bool,
}

impl Reopening {
    /// Of what a writer finds there.
    ///
    /// # Errors
    /// [`ActionError::Fault`] from the disk.
    pub(super) fn begin(
        mut writer: PackageWriter,
        id: PackageId,
        key: Zeroizing<[u8; 32]>,
        created: Timestamp,
    ) -> Result<Self, ActionError> {
        let notes = Written::begin(writer.notes()?, Notes::new(&key, id))?;
        let sealer = Sealer::new(writer, id, created, key, true);
        Ok(Self { sealer, notes, whole: None, good: (0, 0), lost: false })
    }

    /// Reads the next part; breaks with the upload as it can be gone on with, if it can.
    ///
    /// # Errors
    /// [`ActionError::Fault`] from the disk.
    pub(super) fn read_some(mut self) -> Result<ControlFlow<Option<Sealer>, Self>, ActionError> {
        for _ in 0..CHUNKS_PER_PART {
            let goes_on = match self.sealer.exhibit.is_some() {
                true => self.chunk()?,
                false => self.next_exhibit()?,
            };
            if !goes_on {
                return self.end().map(ControlFlow::Break);
            }
        }
        Ok(ControlFlow::Continue(self))
    }

    /// The next exhibit that was begun, and, where that is noted, what it turned out to be.
    fn next_exhibit(&mut self) -> Result<bool, ActionError> {
        let (mut count, mut last) = (0, None);
        // Cut off before its first byte, an exhibit was begun again.
        while let Some((end, Note::Begun(head))) =
            self.notes.next_if(|note| matches!(note, Note::Begun(_)))?
        {
            (count, last) = (count + 1, Some((end, head)));
        }
        let Some((end, head)) = last else {
            if let Some((end, _)) = self.notes.next_if(|note| *note == Note::Ending)? {
                self.good = (self.good.0 + 1, end);
                self.sealer.is_ending = true;
            }
            return Ok(false);
        };
        if !self.sealer.writer.reopen_exhibit()? {
            return Ok(false);
        }
        self.sealer.before = self.good;
        self.good = (self.good.0 + count, end);
        self.sealer.exhibit = Some(Exhibit::new(head));
        self.whole = match self.notes.next_if(|note| matches!(note, Note::Ended(_)))? {
            Some((end, Note::Ended(info))) => Some((end, info)),
            _ => None,
        };
        Ok(true)
    }

    /// The next chunk of the exhibit; false where it is not what was written.
    fn chunk(&mut self) -> Result<bool, ActionError> {
        let Sealer { writer, key, id, exhibit, bytes, .. } = &mut self.sealer;
        let Some(exhibit) = exhibit else { return Ok(false) };
        let number = exhibit.chunker.number;
        let chunks = self.whole.as_ref().map(|(_, info)| chunk_count(info.bytes));
        let last = chunks == Some(u64::from(number) + 1);
        let sealed = writer.read_back()?;
        let mut opened = Zeroizing::new(sealed.clone());
        let mut cipher = ExhibitCipher::new(key, *id, writer.exhibits());
        let Ok(plain) = cipher.open(number, last, &mut opened) else { return Ok(false) };
        // What is no last chunk is full: where more comes, it stands behind it.
        if !last && plain.len() != CHUNK_BYTES {
            return Ok(false);
        }
        exhibit.take_back(plain);
        *bytes += plain.len() as u64;
        writer.take_back(&sealed)?;
        if last { self.whole_exhibit() } else { Ok(true) }
    }

    fn whole_exhibit(&mut self) -> Result<bool, ActionError> {
        let Some((end, info)) = self.whole.take() else { return Ok(false) };
        if !self.sealer.take_back(info)? {
            self.lost = true;
            return Ok(false);
        }
        self.good = (self.good.0 + 1, end);
        Ok(true)
    }

    /// Cuts off what does not count, and goes on behind it.
    fn end(self) -> Result<Option<Sealer>, ActionError> {
        let Self { mut sealer, good, lost, .. } = self;
        if lost {
            return Ok(None);
        }
        sealer.writer.cut()?;
        sealer.writer.cut_notes(good.1)?;
        sealer.go_on_behind(good.0);
        Ok(Some(sealer))
    }
}
