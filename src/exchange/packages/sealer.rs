//! The blocking half of an upload: hashes, seals and writes, part after part.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::manifest::{ExhibitInfo, ManifestHead};
use super::notes::{Head, Note, Notes};
use crate::crypto::{Digest, Sha256};
use crate::domain::custody::CustodyRecord;
use crate::domain::limits::{
    CHUNK_BYTES, CHUNK_TAG_BYTES, EXHIBITS_PER_PACKAGE_MAX, MANIFEST_MAX_BYTES,
};
use crate::domain::{PackageId, Timestamp};
use crate::envelope::stream::{ExhibitCipher, sealed_size};
use crate::exchange::ActionError;
use crate::store::vault::{PackageShape, PackageWriter};

/// Bytes of a manifest that may be in memory while nobody is at its upload.
const LIGHT_BYTES: usize = 2 << 20;

/// A part of an upload.
pub(super) enum Part {
    Exhibit(Head),
    Data(bytes::Bytes),
    End,
}

impl Part {
    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Part::Exhibit(Head { name, media_type, custody }) => {
                let custody: usize = custody.iter().map(CustodyRecord::bytes).sum();
                name.len() + media_type.len() + custody
            }
            Part::Data(bytes) => bytes.len(),
            Part::End => 0,
        }
    }
}

/// A package that is durable, and its key.
pub(super) type Sealed = (PackageShape, Zeroizing<[u8; 32]>);

/// Seals a package. Dropping it removes what was written, unless it notes what it does.
pub(super) struct Sealer {
    pub(super) writer: PackageWriter,
    pub(super) id: PackageId,
    pub(super) key: Zeroizing<[u8; 32]>,
    manifest: Zeroizing<Vec<u8>>,
    pub(super) exhibit: Option<Exhibit>,
    /// Of the digests of all exhibits that have ended.
    digests: Sha256,
    notes: Option<Notes>,
    /// How many notes there were before the exhibit was begun, and where they ended.
    pub(super) before: (u64, u64),
    /// Bytes of all exhibits.
    pub(super) bytes: u64,
    /// The manifest was begun: under this key nothing else may come in its place.
    pub(super) is_ending: bool,
}

/// The exhibit whose bytes come.
pub(super) struct Exhibit {
    head: Head,
    hasher: Sha256,
    bytes: u64,
    pub(super) chunker: Chunker,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Exhibits that it has whole.
    pub exhibits: u32,
    /// Bytes of the next one.
    pub bytes: u64,
    /// SHA-256 over that of each whole exhibit and, where there are bytes of a next one, that of these.
    pub sha256: Digest,
}

impl Sealer {
    /// Of a package in which nothing is yet. The time stands in the manifest: under one key it must not
    /// change.
    pub(super) fn new(
        writer: PackageWriter,
        id: PackageId,
        created: Timestamp,
        key: Zeroizing<[u8; 32]>,
        notes: bool,
    ) -> Self {
        let head = ManifestHead { v: 1, package: id, sealed: created };
        let mut manifest = serde_json::to_vec(&head).expect("a struct of strings is JSON");
        manifest.push(b'\n');
        let manifest = Zeroizing::new(manifest);
        let notes = notes.then(|| Notes::new(&key, id));
        Self {
            writer,
            id,
            key,
            manifest,
            exhibit: None,
            digests: Sha256::new(),
            notes,
            before: (0, 0),
            bytes: 0,
            is_ending: false,
        }
    }

    /// Whether it takes little memory while nobody is at it.
    pub(super) fn is_light(&self) -> bool {
        self.manifest.len() <= LIGHT_BYTES
    }

    /// How far it is.
    pub(super) fn taken(&self) -> Taken {
        let (exhibits, mut digests) = (self.writer.exhibits(), self.digests.clone());
        let begun = self.exhibit.as_ref().filter(|exhibit| exhibit.bytes > 0);
        if let Some(exhibit) = begun {
            digests.update(&exhibit.hasher.clone().finish());
        }
        let bytes = begun.map_or(0, |exhibit| exhibit.bytes);
        Taken { exhibits, bytes, sha256: digests.finish() }
    }

    /// Goes on where an upload was cut off: an exhibit of which nothing came is begun again.
    pub(super) fn go_on(&mut self) -> Result<(), ActionError> {
        if self.exhibit.as_ref().is_some_and(|exhibit| exhibit.bytes == 0) {
            self.exhibit = None;
            self.writer.leave_exhibit();
            self.writer.cut_notes(self.before.1)?;
            self.go_on_behind(self.before.0);
        }
        Ok(())
    }

    /// Goes on behind so many notes.
    pub(super) fn go_on_behind(&mut self, notes: u64) {
        if let Some(written) = &mut self.notes {
            written.back_to(notes);
        }
    }

    /// Takes the next part; the end breaks with the package.
    pub(super) fn take(mut self, part: Part) -> Result<ControlFlow<Sealed, Self>, ActionError> {
        if self.is_ending && !matches!(part, Part::End) {
            let message = "all exhibits of this upload were there before: only its end is missing";
            return Err(ActionError::conflict("UPLOAD_IS_ELSEWHERE", message));
        }
        match part {
            Part::Exhibit(head) => self.begin_exhibit(head)?,
            Part::Data(bytes) => self.data(&bytes)?,
            Part::End => return self.finish().map(ControlFlow::Break),
        }
        Ok(ControlFlow::Continue(self))
    }

    fn begin_exhibit(&mut self, head: Head) -> Result<(), ActionError> {
        self.end_exhibit()?;
        if self.writer.exhibits() as usize == EXHIBITS_PER_PACKAGE_MAX {
            return Err(ActionError::invalid("exhibit", "100,000 at most"));
        }
        self.writer.begin_exhibit()?;
        let exhibit = Exhibit::new(head);
        if let Some(notes) = &mut self.notes {
            self.before = (notes.count(), self.writer.notes_end()?);
            notes.write(&Note::Begun(exhibit.head.clone()), &mut self.writer)?;
        }
        self.exhibit = Some(exhibit);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ActionError> {
        let Some(exhibit) = self.exhibit.as_mut() else {
            return Err(ActionError::invalid("data", "came before an exhibit was begun"));
        };
        exhibit.hasher.update(bytes);
        exhibit.bytes += bytes.len() as u64;
        self.bytes += bytes.len() as u64;
        let mut cipher = ExhibitCipher::new(&self.key, self.id, self.writer.exhibits());
        exhibit.chunker.take(bytes, &mut cipher, &mut self.writer)
    }

    /// Ends the exhibit that was begun, if one was, and writes its line.
    fn end_exhibit(&mut self) -> Result<(), ActionError> {
        let Some(exhibit) = self.exhibit.take() else { return Ok(()) };
        let Exhibit { head, hasher, bytes, chunker } = exhibit;
        let number = self.writer.exhibits();
        let mut cipher = ExhibitCipher::new(&self.key, self.id, number);
        chunker.finish(&mut cipher, &mut self.writer)?;
        let Head { name, media_type, custody } = head;
        let digest = hasher.finish();
        let sha256 = hex::encode(digest);
        let info = ExhibitInfo { number, name, media_type, bytes, sha256, custody };
        self.digests.update(&digest);
        self.list(&info)?;
        if let Some(notes) = &mut self.notes {
            notes.write(&Note::Ended(info), &mut self.writer)?;
        }
        Ok(())
    }

    fn list(&mut self, info: &ExhibitInfo) -> Result<(), ActionError> {
        let line = serde_json::to_vec(info).expect("a struct of strings is JSON");
        self.manifest.extend_from_slice(&line);
        self.manifest.push(b'\n');
        if sealed_size(self.manifest.len() as u64) > MANIFEST_MAX_BYTES {
            let rule = "names and custody records are too long for so many exhibits: pack them into \
                        fewer files, or send several packages";
            return Err(ActionError::invalid("exhibit", rule));
        }
        Ok(())
    }

    /// Takes an exhibit back whose chunks were all read back.
    /// False where it is not what its note says.
    pub(super) fn take_back(&mut self, info: ExhibitInfo) -> Result<bool, ActionError> {
        let Some(exhibit) = self.exhibit.take() else { return Ok(false) };
        self.writer.end_exhibit()?;
        let digest = exhibit.hasher.finish();
        if hex::encode(digest) != info.sha256 {
            return Ok(false);
        }
        self.digests.update(&digest);
        self.list(&info)?;
        Ok(true)
    }

    fn finish(mut self) -> Result<Sealed, ActionError> {
        self.end_exhibit()?;
        let number = self.writer.exhibits();
        if number == 0 {
            return Err(ActionError::invalid("exhibit", "a package has one at least"));
        }
        if let (Some(notes), false) = (&mut self.notes, self.is_ending) {
            notes.write(&Note::Ending, &mut self.writer)?;
        }
        let mut cipher = ExhibitCipher::new(&self.key, self.id, number);
        self.writer.begin_exhibit()?;
        let mut chunker = Chunker::new();
        chunker.take(&self.manifest, &mut cipher, &mut self.writer)?;
        chunker.finish(&mut cipher, &mut self.writer)?;
        Ok((self.writer.finish()?, self.key))
    }
}

impl Exhibit {
    /// Of which nothing has come.
    pub(super) fn new(head: Head) -> Self {
        Self { head, hasher: Sha256::new(), bytes: 0, chunker: Chunker::new() }
    }

    /// Takes back what a chunk holds that is written.
    pub(super) fn take_back(&mut self, plain: &[u8]) {
        self.hasher.update(plain);
        self.bytes += plain.len() as u64;
        self.chunker.number = self.chunker.number.saturating_add(1);
    }
}

/// Cuts an exhibit into chunks and seals each. The last one is known only at the end, so a full
/// chunk waits until a byte more has come.
pub(super) struct Chunker {
    pub(super) number: u32,
    buffer: Zeroizing<Vec<u8>>,
}

impl Chunker {
    fn new() -> Self {
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES));
        Self { number: 0, buffer }
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        cipher: &mut ExhibitCipher<'_>,
        writer: &mut PackageWriter,
    ) -> Result<(), ActionError> {
        while !bytes.is_empty() {
            if self.buffer.len() == CHUNK_BYTES {
                self.seal(false, cipher, writer)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn seal(
        &mut self,
        last: bool,
        cipher: &mut ExhibitCipher<'_>,
        writer: &mut PackageWriter,
    ) -> Result<(), ActionError> {
        cipher.seal(self.number, last, &mut self.buffer);
        writer.chunk(&self.buffer)?;
        self.buffer.clear();
        let next = self.number.checked_add(1);
        self.number =
            next.ok_or_else(|| ActionError::invalid("data", "an exhibit has 1 PiB at most"))?;
        Ok(())
    }

    fn finish(
        mut self,
        cipher: &mut ExhibitCipher<'_>,
        writer: &mut PackageWriter,
    ) -> Result<(), ActionError> {
        self.seal(true, cipher, writer)?;
        Ok(writer.end_exhibit()?)
    }
}
