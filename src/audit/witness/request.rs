//! The body of `add-checkpoint`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::checkpoint::{parse_decimal, parse_hash};
use crate::crypto::Digest;
use crate::domain::limits::{CHECKPOINT_MAX_BYTES, WITNESS_REQUEST_MAX_BYTES};

/// SPEC: lines of proof in a request.
pub const PROOF_LINES_MAX: usize = 63;

/// Asks a witness to cosign a checkpoint. Its fields are unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Digest>,
    note: String,
}

/// Why a body is no such request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than any request may be.
    #[error("the request has {0} bytes, more than {WITNESS_REQUEST_MAX_BYTES}")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the request is not a text")]
    NotText,
    /// The first line is not `old` and a decimal size.
    #[error("the first line of the request is not: old <size>")]
    Old,
    /// A line of the proof is not the base64 of 32 bytes, or there are more than
    /// [`PROOF_LINES_MAX`].
    #[error("hash {0} of the request's proof is malformed, or one too many")]
    Hash(usize),
    /// Nothing parts proof and checkpoint.
    #[error("the request has no blank line before its checkpoint")]
    NoBlankLine,
    /// The checkpoint is longer than any may be.
    #[error("the checkpoint of the request has more than {CHECKPOINT_MAX_BYTES} bytes")]
    Checkpoint,
}

impl AddCheckpoint {
    /// Asks to cosign `note`, which extends the tree of `old` entries that the witness has seen as
    /// its last, by `proof`. Zero and no proof for a witness that has seen nothing yet; a witness
    /// that has answers such a request with the size that it knows.
    ///
    /// # Errors
    /// [`RequestError::Hash`] for a proof that no tree needs, [`RequestError::Checkpoint`].
    pub fn new(old: u64, proof: Vec<Digest>, note: String) -> Result<Self, RequestError> {
        if proof.len() > PROOF_LINES_MAX {
            return Err(RequestError::Hash(PROOF_LINES_MAX));
        }
        if note.len() > CHECKPOINT_MAX_BYTES {
            return Err(RequestError::Checkpoint);
        }
        Ok(Self { old, proof, note })
    }

    /// The body.
    pub fn to_text(&self) -> String {
        let hashes = self.proof.iter().map(|hash| STANDARD.encode(hash) + "\n");
        format!("old {}\n{}\n{}", self.old, hashes.collect::<String>(), self.note)
    }

    /// Parses a body. The checkpoint in it is neither parsed nor verified here.
    ///
    /// # Errors
    /// [`RequestError`], which names the line. Over HTTP it is a 400.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > WITNESS_REQUEST_MAX_BYTES {
            return Err(RequestError::TooLarge(body.len()));
        }
        let text = std::str::from_utf8(body).map_err(|_| RequestError::NotText)?;
        let (head, note) = text.split_once("\n\n").ok_or(RequestError::NoBlankLine)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(parse_decimal).ok_or(RequestError::Old)?;
        let parse_line = |(at, line)| match at < PROOF_LINES_MAX {
            true => parse_hash(line).ok_or(RequestError::Hash(at)),
            false => Err(RequestError::Hash(at)),
        };
        let proof = lines.enumerate().map(parse_line).collect::<Result<_, _>>()?;
        Self::new(old, proof, note.to_owned())
    }

    /// Entries in the tree that the proof starts from.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The proof that the checkpoint extends that tree.
    pub fn proof(&self) -> &[Digest] {
        &self.proof
    }

    /// The checkpoint, a signed note, verbatim.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The log that the checkpoint names, unverified: whose keys and state to look for.
    pub fn origin(&self) -> &str {
        self.note.split('\n').next().unwrap_or_default()
    }
}
