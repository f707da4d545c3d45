//! The blocking half of an upload: hashes, seals and writes, part after part.

use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::manifest::{ExhibitInfo, ManifestHead};
use crate::crypto::Sha256;
use crate::crypto::primitives::random;
use crate::domain::custody::CustodyRecord;
use crate::domain::limits::{
    CHUNK_BYTES, CHUNK_TAG_BYTES, EXHIBITS_PER_PACKAGE_MAX, MANIFEST_MAX_BYTES,
};
use crate::domain::{PackageId, Timestamp};
use crate::envelope::stream::{ExhibitCipher, sealed_size};
use crate::exchange::ActionError;
use crate::store::vault::{PackageShape, PackageWriter};

/// A part of an upload.
pub(super) enum Part {
    Exhibit { name: String, media_type: String, custody: Vec<CustodyRecord> },
    Data(bytes::Bytes),
    End,
}

impl Part {
    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Part::Exhibit { name, media_type, custody } => {
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

/// Seals a package. Dropping it removes what was written.
pub(super) struct Sealer {
    writer: PackageWriter,
    id: PackageId,
    key: Zeroizing<[u8; 32]>,
    manifest: Zeroizing<Vec<u8>>,
    exhibit: Option<Exhibit>,
}

/// The exhibit whose bytes come.
struct Exhibit {
    name: String,
    media_type: String,
    custody: Vec<CustodyRecord>,
    hasher: Sha256,
    bytes: u64,
    chunker: Chunker,
}

impl Sealer {
    pub(super) fn new(writer: PackageWriter, id: PackageId, now: Timestamp) -> Self {
        let head = ManifestHead { v: 1, package: id, sealed: now };
        let mut manifest = serde_json::to_vec(&head).expect("a struct of strings is JSON");
        manifest.push(b'\n');
        let manifest = Zeroizing::new(manifest);
        Self { writer, id, key: Zeroizing::new(random()), manifest, exhibit: None }
    }

    /// Takes the next part; the end breaks with the package.
    pub(super) fn take(mut self, part: Part) -> Result<ControlFlow<Sealed, Self>, ActionError> {
        match part {
            Part::Exhibit { name, media_type, custody } => {
                self.begin_exhibit(name, media_type, custody)?;
            }
            Part::Data(bytes) => self.data(&bytes)?,
            Part::End => return self.finish().map(ControlFlow::Break),
        }
        Ok(ControlFlow::Continue(self))
    }

    fn begin_exhibit(
        &mut self,
        name: String,
        media_type: String,
        custody: Vec<CustodyRecord>,
    ) -> Result<(), ActionError> {
        self.end_exhibit()?;
        if self.writer.exhibits() as usize == EXHIBITS_PER_PACKAGE_MAX {
            return Err(ActionError::invalid("exhibit", "100,000 at most"));
        }
        let chunker = Chunker::begin(&mut self.writer)?;
        let hasher = Sha256::new();
        self.exhibit = Some(Exhibit { name, media_type, custody, hasher, bytes: 0, chunker });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), ActionError> {
        let Some(exhibit) = self.exhibit.as_mut() else {
            return Err(ActionError::invalid("data", "came before an exhibit was begun"));
        };
        exhibit.hasher.update(bytes);
        exhibit.bytes += bytes.len() as u64;
        let mut cipher = ExhibitCipher::new(&self.key, self.id, self.writer.exhibits());
        exhibit.chunker.take(bytes, &mut cipher, &mut self.writer)
    }

    /// Ends the exhibit that was begun, if one was, and writes its line.
    fn end_exhibit(&mut self) -> Result<(), ActionError> {
        let Some(exhibit) = self.exhibit.take() else { return Ok(()) };
        let Exhibit { name, media_type, custody, hasher, bytes, chunker } = exhibit;
        let number = self.writer.exhibits();
        let mut cipher = ExhibitCipher::new(&self.key, self.id, number);
        chunker.finish(&mut cipher, &mut self.writer)?;
        let sha256 = hex::encode(hasher.finish());
        let line = ExhibitInfo { number, name, media_type, bytes, sha256, custody };
        let line = serde_json::to_vec(&line).expect("a struct of strings is JSON");
        self.manifest.extend_from_slice(&line);
        self.manifest.push(b'\n');
        if sealed_size(self.manifest.len() as u64) > MANIFEST_MAX_BYTES {
            let rule = "names and custody records are too long for so many exhibits: pack them into \
                        fewer files, or send several packages";
            return Err(ActionError::invalid("exhibit", rule));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Sealed, ActionError> {
        self.end_exhibit()?;
        let number = self.writer.exhibits();
        if number == 0 {
            return Err(ActionError::invalid("exhibit", "a package has one at least"));
        }
        let mut cipher = ExhibitCipher::new(&self.key, self.id, number);
        let mut chunker = Chunker::begin(&mut self.writer)?;
        chunker.take(&self.manifest, &mut cipher, &mut self.writer)?;
        chunker.finish(&mut cipher, &mut self.writer)?;
        Ok((self.writer.finish()?, self.key))
    }
}

/// Cuts an exhibit into chunks and seals each. The last one is known only at the end, so a full
/// chunk waits until a byte more has come.
struct Chunker {
    number: u32,
    buffer: Zeroizing<Vec<u8>>,
}

impl Chunker {
    fn begin(writer: &mut PackageWriter) -> Result<Self, ActionError> {
        writer.begin_exhibit()?;
        let buffer = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES));
        Ok(Self { number: 0, buffer })
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
