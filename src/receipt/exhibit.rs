//! That one exhibit belongs to a package that an authority sent, shown to somebody who is given nothing
//! else of the package.
//!
//! The sender signed the root over all sealed chunks of the package (docs/envelope.md). Whoever has the
//! exhibit, the keys that sealed it and the subtrees beside its chunks seals it anew and comes to that
//! root, or does not.
//!
//! It proves the bytes, the package, which of its chunks they are, and that nothing of the exhibit is
//! missing. It does not prove its number, its name, its media type and its custody records, which stand
//! in the manifest beside those of all others; nor when it was signed, which the sender's log does. And
//! AES-GCM commits to no key: who *sealed* a package can have prepared a chunk that opens to another
//! content under another key. Where that is alleged, the message is disclosed, whose commitments bind
//! the package's key.

use zeroize::Zeroizing;

use crate::audit::merkle::{RangeCheck, leaf_hash};
use crate::crypto::primitives::blake3;
use crate::crypto::{Digest, PublicKey, Sha256, sha256};
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::{AuthorityId, PackageId, Timestamp};
use crate::envelope::stream::{SEGMENT_KEY_BYTES, SegmentCipher};
use crate::envelope::{AuthenticateError, Header, PackageRef, signed_header};

/// What is shown beside the exhibit.
pub struct ExhibitProof {
    /// The exact bytes of the envelope that names the package.
    pub envelope: bytes::Bytes,
    /// The package.
    pub package: PackageId,
    /// The exhibit's number in it.
    pub exhibit: u32,
    /// The number in the package of its first chunk.
    pub first_chunk: u64,
    /// Roots of the subtrees of the chunks before it, largest first.
    pub before: Vec<Digest>,
    /// Roots of those behind it, from the left.
    pub behind: Vec<Digest>,
    /// Keys of its segments.
    pub keys: Vec<Zeroizing<[u8; SEGMENT_KEY_BYTES]>>,
}

/// Why an exhibit is not shown to belong to a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExhibitError {
    /// The envelope is none that the sender signed.
    #[error(transparent)]
    Envelope(#[from] AuthenticateError),
    /// The card is not that of the sender.
    #[error("its message is of {0}: give the card of {0}")]
    OtherSender(AuthorityId),
    /// The message carries no such package.
    #[error("the message carries no package {0}")]
    NoPackage(PackageId),
    /// The exhibit is none of the package's files: its number is that of the manifest, or beyond.
    #[error(
        "the package has {exhibits} exhibits, and the proof is for number {number}, counted from 0"
    )]
    NoExhibit {
        /// Files in the package.
        exhibits: u32,
        /// What the proof says.
        number: u32,
    },
    /// What ends the package is its manifest, which has the names of all its exhibits.
    #[error("this file is the manifest of the package, and none of its exhibits")]
    Manifest,
    /// The subtrees are not those of the place.
    #[error("the proof is not one for its place in the package")]
    Malformed,
    /// The exhibit is longer than the keys reach.
    #[error("the proof has no key for chunk {0} of the exhibit")]
    NoKey(u32),
    /// Sealed anew, it does not lead to the signed root.
    #[error(
        "this file is not that exhibit of the package: sealed anew, it does not lead to the signed root"
    )]
    OtherRoot,
}

/// An exhibit that is being checked: bytes go in, and what it was shown to be comes out.
pub struct ExhibitCheck {
    header: Header,
    envelope: Digest,
    package: PackageRef,
    first_chunk: u64,
    behind: Vec<Digest>,
    keys: Vec<Zeroizing<[u8; SEGMENT_KEY_BYTES]>>,
    leaves: RangeCheck,
    chunk: Vec<u8>,
    number: u32,
    hash: Sha256,
    bytes: u64,
}

/// What an exhibit was shown to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownExhibit {
    /// What the message says in clear: from whom, for whom, when.
    pub header: Header,
    /// SHA-256 of the whole envelope, as entries of logs have it.
    pub envelope: Digest,
    /// The package.
    pub package: PackageId,
    /// SHA-256 of the exhibit.
    pub sha256: Digest,
    /// Its bytes.
    pub bytes: u64,
}

impl ExhibitCheck {
    /// Begins; `keys` are the signing keys that the card of `sender` gives for a time.
    ///
    /// # Errors
    /// [`ExhibitError`], before a byte of the exhibit is read.
    pub fn begin(
        proof: ExhibitProof,
        sender: &AuthorityId,
        keys: &dyn Fn(Timestamp) -> Vec<PublicKey>,
    ) -> Result<Self, ExhibitError> {
        let header = signed_header(&proof.envelope, sender, keys).map_err(|error| match error {
            AuthenticateError::WrongSender(of) => ExhibitError::OtherSender(of),
            other => other.into(),
        })?;
        let package = header.packages.iter().find(|package| package.id == proof.package);
        let package = package.cloned().ok_or(ExhibitError::NoPackage(proof.package))?;
        let exhibits = package.exhibits.saturating_sub(1);
        if proof.exhibit >= exhibits {
            return Err(ExhibitError::NoExhibit { exhibits, number: proof.exhibit });
        }
        // Beyond its end nothing of the package stands.
        let inside = proof.first_chunk < package.chunks;
        let leaves = RangeCheck::from(proof.first_chunk, proof.before).filter(|_| inside);
        Ok(Self {
            header,
            envelope: sha256(&proof.envelope),
            package,
            first_chunk: proof.first_chunk,
            behind: proof.behind,
            keys: proof.keys,
            leaves: leaves.ok_or(ExhibitError::Malformed)?,
            chunk: Vec::with_capacity(CHUNK_BYTES + 16),
            number: 0,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Takes the next bytes of the exhibit.
    ///
    /// # Errors
    /// [`ExhibitError::NoKey`].
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), ExhibitError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full chunk is the last one where nothing comes behind it.
            if self.chunk.len() == CHUNK_BYTES {
                self.seal(false)?;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(taken);
            bytes = rest;
        }
        Ok(())
    }

    /// Ends the exhibit, and holds it against the root that the sender signed.
    ///
    /// # Errors
    /// [`ExhibitError`].
    pub fn finish(mut self) -> Result<ShownExhibit, ExhibitError> {
        self.seal(true)?;
        // The manifest is the last of a package: what ends there is it.
        if self.first_chunk.checked_add(u64::from(self.number)) == Some(self.package.chunks) {
            return Err(ExhibitError::Manifest);
        }
        let root = self.leaves.root(self.package.chunks, &self.behind);
        match root.ok_or(ExhibitError::OtherRoot)? == self.package.root {
            true => Ok(ShownExhibit {
                header: self.header,
                envelope: self.envelope,
                package: self.package.id,
                sha256: self.hash.finish(),
                bytes: self.bytes,
            }),
            false => Err(ExhibitError::OtherRoot),
        }
    }

    fn seal(&mut self, last: bool) -> Result<(), ExhibitError> {
        if !SegmentCipher(&self.keys).seal(self.number, last, &mut self.chunk) {
            return Err(ExhibitError::NoKey(self.number));
        }
        self.leaves.push(leaf_hash(&blake3(&self.chunk)));
        self.chunk.clear();
        self.number = self.number.checked_add(1).ok_or(ExhibitError::NoKey(self.number))?;
        Ok(())
    }
}
