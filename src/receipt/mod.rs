//! Receipts: signed proofs of one delivery event.
//!
//! A receipt is not a statement with a signature of its own. It is the issuer's log entry for the
//! event, with the proof that the entry stands in the issuer's log under a checkpoint that the log
//! has signed: who issues it cannot leave it out of the log, and one signature serves all entries
//! of a commit. Its text is a C2SP tlog-proof (extension `.tlog-proof`) with the entry as `extra`.
//!
//! Promises: [`verify()`] gives a [`VerifiedReceipt`] only when the entry is a delivery event that
//! the expected issuer itself states, about the expected message, in the same bytes, exchanged with
//! the expected counterpart, and the entry is in the issuer's log; each refusal has a reason of its
//! own.
//!
//! It won't say by itself whether the issuer's log showed others another past: the caller compares
//! the receipt's [`VerifiedReceipt::coordinates`] with the checkpoints that it holds of that log, or
//! asks [`VerifiedReceipt::level`] which witnesses have cosigned. It won't decide which event was
//! due: an acceptance and a refusal both verify.

pub mod exhibit;
pub mod verify;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Coordinates, Entry};
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::audit::proof::TlogProof;
use crate::crypto::{Digest, sha256};

pub use verify::{Expected, ReceiptError, VerifiedReceipt, verify};

/// A receipt whose form is right; whether it proves anything, only [`verify()`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    text: String,
    proof: TlogProof,
    facts: Facts,
}

/// What a receipt claims. Unverified: for finding what to expect, never for acting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The entry that it is about.
    pub entry: Entry,
    /// Number of the entry in the issuer's log, from 0.
    pub index: u64,
    /// Entries under the receipt's checkpoint.
    pub size: u64,
    /// Root of the receipt's checkpoint.
    pub root: Digest,
    /// The issuer's log.
    pub origin: String,
}

impl Receipt {
    /// Makes the receipt of an entry from its place in the log: its index, the inclusion proof, and
    /// the signed checkpoint that the proof leads to.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] or [`ReceiptError::NotAReceipt`] when the parts do not make
    /// one. The proof itself is not checked.
    pub fn new(
        entry: &[u8],
        index: u64,
        hashes: Vec<Digest>,
        checkpoint: String,
    ) -> Result<Self, ReceiptError> {
        let proof = TlogProof { extra: entry.to_vec(), index, hashes, checkpoint };
        Self::parse(&proof.to_text())
    }

    /// Parses the text of a receipt.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] or [`ReceiptError::NotAReceipt`].
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let malformed = |e: &dyn std::error::Error| ReceiptError::Malformed(e.to_string());
        let proof = TlogProof::parse(text).map_err(|e| malformed(&e))?;
        let entry = Entry::parse(&proof.extra).map_err(|e| malformed(&e))?;
        let Checkpoint { origin, size, root } =
            Checkpoint::parse_unverified(&proof.checkpoint).map_err(|e| malformed(&e))?;
        if !entry.event.is_receipt() {
            return Err(ReceiptError::NotAReceipt(entry.event));
        }
        let facts = Facts { entry, index: proof.index, size, root, origin };
        Ok(Self { text: text.to_owned(), proof, facts })
    }

    /// The text, verbatim.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text: what the entry that records the receipt has as `rcpt`.
    pub fn digest(&self) -> Digest {
        sha256(self.text.as_bytes())
    }

    /// The checkpoint in it, a signed note verbatim, unverified.
    pub fn checkpoint_note(&self) -> &str {
        &self.proof.checkpoint
    }

    /// What its checkpoint says, unverified.
    pub fn checkpoint(&self) -> Checkpoint {
        let Facts { origin, size, root, .. } = &self.facts;
        Checkpoint { origin: origin.clone(), size: *size, root: *root }
    }

    /// The same receipt under another note of its checkpoint: with more cosignatures, or fewer.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] when the note is none.
    pub fn under(&self, note: String) -> Result<Self, ReceiptError> {
        let TlogProof { extra, index, hashes, .. } = self.proof.clone();
        Self::new(&extra, index, hashes, note)
    }

    /// That its entry stands under its checkpoint. Whose checkpoint that is, and whether it is signed,
    /// only [`verify()`] says.
    ///
    /// # Errors
    /// [`ReceiptError::NotIncluded`].
    pub fn is_included(&self) -> Result<(), ReceiptError> {
        let (leaf, Facts { index, size, root, .. }) = (leaf_hash(&self.proof.extra), &self.facts);
        verify_inclusion(&leaf, *index, *size, &self.proof.hashes, root)
            .map_err(ReceiptError::NotIncluded)
    }

    /// What it claims, unverified.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Facts {
    /// The place in the issuer's log, as the entry that records the receipt has it in `rem`.
    pub fn coordinates(&self) -> Coordinates {
        let Self { index, size, root, .. } = *self;
        Coordinates { origin: self.origin.clone(), index, size, root }
    }
}

#[cfg(test)]
mod tests;
