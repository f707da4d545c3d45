//! What shows that one exhibit belongs to a package, to somebody who is not given the rest.

use super::PackageContent;
use crate::audit::merkle::{RangeProof, leaf_hash, range_proof};
use crate::crypto::Digest;
use crate::domain::{MessageId, PackageId};
use crate::envelope::stream::segment_keys;
use crate::exchange::agencies::Caller;
use crate::exchange::heads::hashes;
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
        let slot = BodySlot(row.body_slot);
        let content = PackageContent::open(self, caller, message, package)?;
        if exhibit >= content.exhibit_count() {
            return Err(ActionError::NotFound(format!("there is no exhibit {exhibit}")));
        }
        let missing = || ActionError::fault("the message is missing from the store");
        let envelope = self.store.body(slot)?.ok_or_else(missing)?;
        content.prove(envelope.into(), exhibit)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::exchange::testing::{Lone, desk, pair};
    use crate::receipt::exhibit::{ExhibitCheck, ExhibitError, ExhibitProof};

    fn of(proof: pb::ExhibitProof) -> ExhibitProof {
        let all = |hashes: &[bytes::Bytes]| {
            hashes.iter().map(|hash| hash.as_ref().try_into().expect("32 bytes")).collect()
        };
        let key = |key: &bytes::Bytes| Zeroizing::new(key.as_ref().try_into().expect("39 bytes"));
        ExhibitProof {
            envelope: proof.envelope.clone(),
            package: PackageId::from_slice(&proof.package_id).expect("an id"),
            exhibit: proof.exhibit,
            first_chunk: proof.first_chunk,
            before: all(&proof.before),
            behind: all(&proof.behind),
            keys: proof.keys.iter().map(key).collect(),
        }
    }

    fn check(sender: &Lone, proof: pb::ExhibitProof, bytes: &[u8]) -> Result<u64, ExhibitError> {
        let card = sender.x().card();
        let keys = |at| card.signing_keys(at);
        let mut check = ExhibitCheck::begin(of(proof), sender.x().me(), &keys)?;
        check.push(bytes)?;
        check.finish().map(|shown| shown.bytes)
    }

    #[tokio::test]
    async fn an_exhibit_is_shown_alone_and_the_manifest_is_none() {
        let (a, b) = pair().await;
        let package = a.upload(b"records of three phones").await;
        let id = a.submit(&b, &[package.id]).await;
        let proof = || a.x().exhibit_proof(&desk(), id, package.id, 0).expect("proved");
        assert_eq!(check(&a, proof(), b"records of three phones"), Ok(23));
        assert_eq!(check(&a, proof(), b"records of four phones!"), Err(ExhibitError::OtherRoot));
        let by_another = check(&b, proof(), b"records of three phones");
        assert_eq!(by_another, Err(ExhibitError::OtherSender(a.x().me().clone())));
        let beyond = pb::ExhibitProof {
            first_chunk: u64::MAX,
            before: vec![vec![1; 32].into(); 64],
            ..proof()
        };
        assert_eq!(check(&a, beyond, b""), Err(ExhibitError::Malformed));

        // Somebody who has the package's key proves the manifest, and calls it the first exhibit.
        let mut content = PackageContent::open(a.x(), &desk(), id, package.id).expect("opened");
        let manifest = content.exhibit_count();
        let plain = content.chunk(manifest, 0).expect("one chunk");
        let envelope = proof().envelope;
        let made = content.prove(envelope, manifest).expect("proved");
        assert!(matches!(check(&a, made.clone(), &plain), Err(ExhibitError::NoExhibit { .. })));
        let renamed = pb::ExhibitProof { exhibit: 0, ..made };
        assert_eq!(check(&a, renamed, &plain), Err(ExhibitError::Manifest));
    }
}
