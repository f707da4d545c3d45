//! The receipts beside a log: those that it issued stand in it, those that it received are recorded
//! in it.

use super::files::Files;
use super::walk::Walk;
use super::{Trust, VerifyFailure};
use crate::audit::checkpoint::{Checkpoint, CheckpointError};
use crate::audit::entry::{Coordinates, Entry, EntryError};
use crate::audit::export::RECEIPTS;
use crate::audit::merkle::{NodeId, leaf_hash, root_at};
use crate::audit::note::VerifierKey;
use crate::audit::proof::{TlogProof, TlogProofError};
use crate::crypto::{Digest, sha256};

/// Why a receipt does not fit the log that it lies beside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not UTF-8.
    #[error("the receipt is not a text")]
    NotText,
    /// Not a proof, or one that proves nothing.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// Its checkpoint is malformed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it states is not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Issued under a larger tree than the exported one, which cannot vouch for it.
    #[error("the receipt is under a tree of {size}, which is larger than the exported one")]
    Ahead {
        /// Entries under its checkpoint.
        size: u64,
    },
    /// The log has something else in that place: its owner showed two pasts.
    #[error("the log has another entry {index} than the receipt")]
    OtherEntry {
        /// The entry.
        index: u64,
    },
    /// The log never was in the state that the receipt's checkpoint shows: its owner showed two
    /// pasts.
    #[error("with {size} entries the log had another root than the receipt's checkpoint")]
    OtherPast {
        /// Entries under its checkpoint.
        size: u64,
    },
    /// A receipt of another log whose digest no entry has.
    #[error("no entry records this receipt")]
    Unrecorded,
    /// A receipt of another log that the recording entry describes wrongly.
    #[error("entry {index} records this receipt, but states something else")]
    Contradicted {
        /// The entry.
        index: u64,
    },
}

pub(super) struct Receipt {
    pub(super) digest: Digest,
    proof: TlogProof,
    checkpoint: Checkpoint,
    entry: Entry,
}

impl Receipt {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, ReceiptFault> {
        let text = String::from_utf8(bytes).map_err(|_| ReceiptFault::NotText)?;
        let proof = TlogProof::parse(&text)?;
        let checkpoint = Checkpoint::parse_unverified(&proof.checkpoint)?;
        let entry = Entry::parse(&proof.extra)?;
        Ok(Self { digest: sha256(text.as_bytes()), proof, checkpoint, entry })
    }
}

/// Checks every receipt among `extras`; says how many were issued and how many received.
pub(super) fn verify(
    files: &mut Files<'_>,
    extras: &[String],
    walk: &Walk<'_>,
    trust: &Trust,
    head: &Checkpoint,
) -> Result<(u64, u64), VerifyFailure> {
    let of_this_log = trust.keys.iter().filter(|key| key.name() == trust.origin);
    let keys: Vec<VerifierKey> = of_this_log.cloned().collect();
    let mut past = Past { known: head.clone(), head_size: head.size };
    let (mut issued, mut received) = (0, 0);
    for path in extras {
        let bytes = files.sound(path)?;
        if !path.starts_with(RECEIPTS) {
            continue;
        }
        let named = |fault| VerifyFailure::Receipt { path: path.clone(), fault };
        let receipt = Receipt::parse(bytes).map_err(named)?;
        if receipt.checkpoint.origin == trust.origin {
            receipt.proof.verify(&receipt.proof.extra, &keys).map_err(|e| named(e.into()))?;
            past.holds(&receipt, files)?.map_err(named)?;
            issued += 1;
        } else {
            verify_received(&receipt, walk, files, trust, head.size)?.map_err(named)?;
            received += 1;
        }
    }
    Ok((issued, received))
}

/// The states that the log has been in.
struct Past {
    /// The last one that was computed: many receipts share a checkpoint.
    known: Checkpoint,
    head_size: u64,
}

impl Past {
    /// Whether a receipt of this log shows a state that the log was in, and an entry that it has.
    fn holds(
        &mut self,
        receipt: &Receipt,
        files: &mut Files<'_>,
    ) -> Result<Result<(), ReceiptFault>, VerifyFailure> {
        let (size, index) = (receipt.checkpoint.size, receipt.proof.index);
        if size > self.head_size {
            return Ok(Err(ReceiptFault::Ahead { size }));
        }
        let leaf = files.node(NodeId { level: 0, index }, self.head_size)?;
        if leaf != leaf_hash(&receipt.proof.extra) {
            return Ok(Err(ReceiptFault::OtherEntry { index }));
        }
        if self.known.size != size {
            self.known.root = root_at(size, |node| files.node(node, self.head_size))?;
            self.known.size = size;
        }
        let same = self.known.root == receipt.checkpoint.root;
        Ok(if same { Ok(()) } else { Err(ReceiptFault::OtherPast { size }) })
    }
}

/// The issuer's signature is not checked: this log's auditor need not know the issuer's keys. What
/// is checked is that the log recorded exactly this text, and described it as it is.
fn verify_received(
    receipt: &Receipt,
    walk: &Walk<'_>,
    files: &mut Files<'_>,
    trust: &Trust,
    size: u64,
) -> Result<Result<(), ReceiptFault>, VerifyFailure> {
    let Some(index) = walk.recorded(&receipt.digest) else {
        return Ok(Err(ReceiptFault::Unrecorded));
    };
    let recording = files.entry(index, size)?;
    Ok(recorded_as_it_is(receipt, index, &recording, trust))
}

/// Whether the entry that records a receipt describes it as it is.
pub(super) fn recorded_as_it_is<R>(
    receipt: &Receipt,
    index: u64,
    recording: &Entry,
    trust: &Trust<R>,
) -> Result<(), ReceiptFault> {
    let Some(remote) = &recording.remote else {
        return Err(ReceiptFault::Contradicted { index });
    };
    let place = Coordinates {
        origin: receipt.checkpoint.origin.clone(),
        index: receipt.proof.index,
        size: receipt.checkpoint.size,
        root: receipt.checkpoint.root,
    };
    let about_us = receipt.entry.peer.as_ref() == Some(&trust.authority);
    let same = *remote == place && is_same_statement(&receipt.entry, recording);
    if about_us && same { Ok(()) } else { Err(ReceiptFault::Contradicted { index }) }
}

/// What two logs must say alike of one receipt: who issued it, about what, with which outcome.
fn is_same_statement(receipt: &Entry, recording: &Entry) -> bool {
    receipt.event == recording.event
        && receipt.by == recording.by
        && receipt.code == recording.code
        && receipt.message == recording.message
        && receipt.envelope == recording.envelope
        && receipt.document == recording.document
        && receipt.key == recording.key
}
