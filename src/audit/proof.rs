//! Proofs on their own feet: one entry, its path and the checkpoint in one text (C2SP tlog-proof).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, parse_decimal, parse_hash};
use super::merkle::{self, ProofError, leaf_hash};
use super::note::VerifierKey;
use crate::crypto::Digest;
use crate::domain::limits::PROOF_TEXT_MAX_BYTES;

/// Hashes in a path: the height of the largest tree that a 64-bit size can name.
pub const PATH_MAX: usize = 64;

/// The first line of the text form.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry's place in a log, with all that shows it but the entry. Its fields are unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes that the application adds; empty for none. SPEC: nothing vouches for them.
    pub extra: Vec<u8>,
    /// Number of the entry in the log, from 0.
    pub index: u64,
    /// From the sibling of the leaf to the child of the root; at most [`PATH_MAX`].
    pub hashes: Vec<Digest>,
    /// The checkpoint, a signed note, verbatim.
    pub checkpoint: String,
}

/// Why a text is not a proof, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than any proof may be.
    #[error("the proof has {0} bytes, more than {PROOF_TEXT_MAX_BYTES}")]
    TooLarge(usize),
    /// The first line is not [`HEADER`].
    #[error("the text does not begin with {HEADER}")]
    Header,
    /// The `extra` line is not base64, or has nothing.
    #[error("the extra line of the proof is malformed")]
    Extra,
    /// The `index` line is missing, is no number or has leading zeros.
    #[error("the index line of the proof is malformed")]
    Index,
    /// A line of the path is not the base64 of 32 bytes, or there are more than [`PATH_MAX`].
    #[error("hash {0} of the proof is malformed")]
    Hash(usize),
    /// No blank line parts path and checkpoint.
    #[error("the proof has no blank line before its checkpoint")]
    NoBlankLine,
    /// The checkpoint is malformed or not signed by its log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not where the proof says.
    #[error(transparent)]
    Path(#[from] ProofError),
}

impl TlogProof {
    /// The text form; the customary extension of its file is `.tlog-proof`.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if !self.extra.is_empty() {
            text.push_str(&format!("extra {}\n", STANDARD.encode(&self.extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Parses the text form. The checkpoint in it is neither parsed nor verified here.
    ///
    /// # Errors
    /// [`TlogProofError`], which names the line.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        if text.len() > PROOF_TEXT_MAX_BYTES {
            return Err(TlogProofError::TooLarge(text.len()));
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(TlogProofError::Header)?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(TlogProofError::NoBlankLine)?;
        let mut lines = head.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.map(parse_extra).transpose()?.unwrap_or_default();
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(TlogProofError::Index)?;
        let hashes = lines.enumerate().map(parse_path_line).collect::<Result<_, _>>()?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that `leaf` is the entry at the proof's index, under a checkpoint that its log has
    /// signed with one of `keys`. Says nothing of `extra`.
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`] or [`TlogProofError::Path`].
    pub fn verify(&self, leaf: &[u8], keys: &[VerifierKey]) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, keys)?;
        let leaf = leaf_hash(leaf);
        let Checkpoint { size, root, .. } = &checkpoint;
        merkle::verify_inclusion(&leaf, self.index, *size, &self.hashes, root)?;
        Ok(checkpoint)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, TlogProofError> {
    let bytes = line.strip_prefix("extra ").and_then(|b64| STANDARD.decode(b64).ok());
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(TlogProofError::Extra)
}

fn parse_path_line((at, line): (usize, &str)) -> Result<Digest, TlogProofError> {
    let hash = if at < PATH_MAX { parse_hash(line) } else { None };
    hash.ok_or(TlogProofError::Hash(at))
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
