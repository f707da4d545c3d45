//! What shows that one exhibit belongs to a package, to somebody who is not given the rest.

use super::PackageContent;
use crate::audit::merkle::{RangeProof, leaf_hash, range_proof};
use crate::crypto::Digest;
use crate::domain::{MessageId, PackageId};
use crate::envelope::stream::segment_keys;
use crate::exchange::agencies::Caller;
use crate::exchange::heads::hashes;
use crate::exchange::rows;
use crate::exchange::stored::erased_error;
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use crate::store::BodySlot;

/// Hashes of chunks that are read at once.
const HASHES_AT_ONCE: u64 = 4096;

impl PackageContent {
    /// The proof for an exhibit, with the envelope of the message that carries the package. Reads the
    /// hashes of all chunks, and none of the chunks.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is no such exhibit; [`ActionError::Fault`] when the vault
    /// cannot be read.
    pub fn prove(
        &self,
        envelope: bytes::Bytes,
        exhibit: u32,
    ) -> Result<pb::ExhibitProof, ActionError> {
        let chunks = self.chunks(exhibit)?;
        let first_chunk: u64 = (0..exhibit).map(|n| self.reader.chunk_count(n)).sum();
        let end = first_chunk + u64::from(chunks);
        let size = self.shape.chunks;
        let mut page: (u64, Vec<u8>) = (0, Vec::new());
        let leaf = |n: u64| -> Result<Digest, ActionError> {
            let (from, hashes) = &mut page;
            if n < *from || n >= *from + hashes.len() as u64 / 32 {
                let count = (size - n).min(HASHES_AT_ONCE);
                *hashes = self.reader.leaves(n, usize::try_from(count).unwrap_or(0))?;
                *from = n;
            }
            let at = usize::try_from(n - *from).unwrap_or(0) * 32;
            Ok(leaf_hash(&hashes[at..at + 32]))
        };
        let RangeProof { before, behind } = range_proof(first_chunk, end, size, leaf)?;
        let keys = segment_keys(&self.key, self.shape.id, exhibit, chunks);
        Ok(pb::ExhibitProof {
            envelope,
            package_id: self.shape.id.as_bytes().to_vec().into(),
            exhibit,
            first_chunk,
            before: hashes(&before),
            behind: hashes(&behind),
            keys: keys.iter().map(|key| key.to_vec().into()).collect(),
        })
    }
}

impl Exchange {
    /// The proof for an exhibit of a message that the caller may see.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see, and for a draft: nobody has
    /// signed it yet. [`ActionError::Conflict`] for what was erased.
    pub fn exhibit_proof(
        &self,
        caller: &Caller,
        message: MessageId,
        package: PackageId,
        exhibit: u32,
    ) -> Result<pb::ExhibitProof, ActionError> {
        let row = self.seen(caller, message)?;
        if let Some(erased) = &row.erased {
            return Err(erased_error(message, erased));
        }
        let content = PackageContent::open(self, caller, message, package)?;
        if exhibit >= content.exhibit_count() {
            return Err(ActionError::NotFound(format!("there is no exhibit {exhibit}")));
        }
        let missing = || ActionError::fault("the message is missing from the store");
        let row = rows::message(&self.store, message)?.ok_or_else(missing)?;
        let envelope = self.store.body(BodySlot(row.body_slot))?.ok_or_else(missing)?;
        content.prove(envelope.into(), exhibit)
    }
}
