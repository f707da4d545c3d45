//! Out to an agency: sealed chunks from the vault, opened one at a time.

use std::io::ErrorKind;

use zeroize::Zeroizing;

use super::manifest::{self, ExhibitPage, PageToken};
use crate::domain::limits::MANIFEST_MAX_BYTES;
use crate::domain::{MessageId, PackageId};
use crate::envelope::stream::{ExhibitCipher, sealed_chunk_count};
use crate::exchange::agencies::Caller;
use crate::exchange::{ActionError, Exchange};
use crate::store::vault::{PackageReader, PackageShape, VaultError};

/// An opened package. Blocking: use it on a thread for such work.
pub struct PackageContent {
    pub(super) reader: PackageReader,
    pub(super) shape: PackageShape,
    pub(super) key: Zeroizing<[u8; 32]>,
}

impl PackageContent {
    /// Opens the package of a message that the caller may see.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see.
    pub fn open(
        exchange: &Exchange,
        caller: &Caller,
        message: MessageId,
        package: PackageId,
    ) -> Result<Self, ActionError> {
        let (shape, key) = exchange.package_of(caller, message, package)?;
        let reader = exchange.vault.reader(&shape)?;
        Ok(Self { reader, shape, key })
    }

    /// A page of the exhibits, the manifest not counted, from where a page before it ended. Reads
    /// no more of the manifest than that.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] for a token that no page gave; [`ActionError::Fault`] when the
    /// manifest is damaged or its sender made it badly.
    pub fn exhibits(&mut self, from: PageToken, limit: usize) -> Result<ExhibitPage, ActionError> {
        let manifest = self.exhibit_count();
        let size = self.reader.sizes().get(manifest as usize);
        if size.is_none_or(|size| *size > MANIFEST_MAX_BYTES) {
            return Err(ActionError::fault("the package's manifest is larger than allowed"));
        }
        let chunks = self.chunks(manifest)?;
        manifest::page(chunks, |number| self.chunk(manifest, number), manifest, from, limit)
    }

    /// How many exhibits it has, the manifest not counted.
    pub fn exhibit_count(&self) -> u32 {
        self.shape.exhibits.saturating_sub(1)
    }

    /// How many chunks an exhibit has.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is no such exhibit.
    pub fn chunks(&self, exhibit: u32) -> Result<u32, ActionError> {
        let size = self.reader.sizes().get(exhibit as usize);
        let count = size.and_then(|size| sealed_chunk_count(*size));
        let count = count.and_then(|count| u32::try_from(count).ok());
        count.ok_or_else(|| ActionError::NotFound(format!("there is no exhibit {exhibit}")))
    }

    /// The plaintext of a chunk.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is none; [`ActionError::Conflict`] with `EXHIBIT_DAMAGED`.
    pub fn chunk(&mut self, exhibit: u32, number: u32) -> Result<Vec<u8>, ActionError> {
        let last = number.checked_add(1) == Some(self.chunks(exhibit)?);
        let sealed = self.reader.chunk(exhibit, u64::from(number));
        let mut sealed = sealed.map_err(|error| match error {
            VaultError::Damaged(_) => self.damaged(exhibit, number),
            // Cut short, or gone; what the disk itself cannot give now it may give later.
            VaultError::Io(error)
                if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::NotFound) =>
            {
                self.damaged(exhibit, number)
            }
            other => other.into(),
        })?;
        let mut cipher = ExhibitCipher::new(&self.key, self.shape.id, exhibit);
        let opened = cipher.open(number, last, &mut sealed);
        let len = opened.map_err(|_| self.damaged(exhibit, number))?.len();
        sealed.truncate(len);
        Ok(sealed)
    }

    /// The bytes are there, and are not those that were taken, or never opened.
    fn damaged(&self, exhibit: u32, chunk: u32) -> ActionError {
        tracing::error!(package = %self.shape.id, exhibit, chunk, "evidence in the vault is damaged");
        let message = match exhibit == self.exhibit_count() {
            true => "the manifest of the package is damaged".to_owned(),
            false => format!("chunk {chunk} of exhibit {exhibit} is damaged"),
        };
        ActionError::conflict("EXHIBIT_DAMAGED", message)
    }
}
