//! What makes a receipt believed.

use super::Receipt;
use crate::audit::checkpoint::{Checkpoint, CheckpointError};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Coordinates, Event};
use crate::audit::merkle::{ProofError, leaf_hash, verify_inclusion};
use crate::audit::note::{VerifierKey, WitnessKey};
use crate::audit::policy::{Policy, PolicyFailure, Standing};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, Timestamp};

/// What a receipt must be about, and whose it must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose log it must come from.
    pub issuer: &'a AuthorityId,
    /// The issuer's log keys, from its card; their names are the origins of its logs.
    pub keys: &'a [VerifierKey],
    /// The message.
    pub message: MessageId,
    /// SHA-256 of the whole envelope.
    pub envelope: Digest,
    /// The issuer's counterpart in the exchange: this authority, if the receipt is for us.
    pub peer: &'a AuthorityId,
}

/// Why a receipt is refused. All of them are the issuer's fault and final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not the text of a receipt.
    #[error("the receipt is malformed: {0}")]
    Malformed(String),
    /// Of an event that is no delivery event, or one that the issuer only recorded from another.
    #[error("an entry {0} is not a receipt of the log's owner")]
    NotAReceipt(Event),
    /// From a log that is none of the issuer's.
    #[error("the receipt is from {origin}, which is not a log of its issuer")]
    OtherLog {
        /// The log that it names.
        origin: String,
    },
    /// The issuer's log has not signed the checkpoint.
    #[error("the receipt's checkpoint is not signed by its log")]
    BadCheckpoint(#[source] CheckpointError),
    /// The entry names another issuer than the owner of the log.
    #[error("the receipt is not issued by the owner of its log")]
    OtherIssuer,
    /// About another message.
    #[error("the receipt is about another message")]
    OtherMessage,
    /// About the same message in other bytes.
    #[error("the receipt is about other bytes of the message")]
    OtherEnvelope,
    /// About an exchange with another authority.
    #[error("the receipt is about an exchange with another authority")]
    OtherPeer,
    /// The entry is not in the log.
    #[error("the receipt does not prove that its entry is in the log")]
    NotIncluded(#[source] ProofError),
}

/// A receipt that proves what it says. Only [`verify()`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    receipt: Receipt,
    head: SignedCheckpoint,
}

/// Checks a receipt against what was expected.
///
/// # Errors
/// [`ReceiptError`]: whose it is, before what it is about, before the proof.
pub fn verify(receipt: &Receipt, expected: &Expected<'_>) -> Result<VerifiedReceipt, ReceiptError> {
    let Receipt { proof, facts, .. } = receipt;
    let entry = &facts.entry;
    // Another log's key must not vouch for this one, so only the keys of its name are used.
    let of_this_log = expected.keys.iter().filter(|key| key.name() == facts.origin);
    let keys: Vec<VerifierKey> = of_this_log.cloned().collect();
    if keys.is_empty() {
        return Err(ReceiptError::OtherLog { origin: facts.origin.clone() });
    }
    let head = SignedCheckpoint::verify(&proof.checkpoint, &keys);
    let head = head.map_err(ReceiptError::BadCheckpoint)?;
    if entry.is_recorded_receipt() {
        return Err(ReceiptError::NotAReceipt(entry.event));
    }
    if entry.by.as_ref() != Some(expected.issuer) {
        return Err(ReceiptError::OtherIssuer);
    }
    if entry.message != Some(expected.message) {
        return Err(ReceiptError::OtherMessage);
    }
    if entry.envelope != Some(expected.envelope) {
        return Err(ReceiptError::OtherEnvelope);
    }
    if entry.peer.as_ref() != Some(expected.peer) {
        return Err(ReceiptError::OtherPeer);
    }
    let (leaf, Checkpoint { size, root, .. }) = (leaf_hash(&proof.extra), head.checkpoint());
    verify_inclusion(&leaf, proof.index, *size, &proof.hashes, root)
        .map_err(ReceiptError::NotIncluded)?;
    Ok(VerifiedReceipt { receipt: receipt.clone(), head })
}

impl VerifiedReceipt {
    /// What happened. An acceptance or a refusal: the caller decides what was due.
    pub fn event(&self) -> Event {
        self.receipt.facts.entry.event
    }

    /// When the issuer's log took it, by the issuer's clock.
    pub fn at(&self) -> Timestamp {
        self.receipt.facts.entry.at
    }

    /// The reason, where it is a refusal.
    pub fn code(&self) -> Option<&str> {
        self.receipt.facts.entry.code.as_deref()
    }

    /// Where it stands in the issuer's log.
    pub fn coordinates(&self) -> Coordinates {
        self.receipt.facts.coordinates()
    }

    /// How much stands behind the issuer's checkpoint: its log's signature alone, the cosignature
    /// of `counterpart` (whoever the receipt is for, by the witness keys in its card), or the quorum
    /// of a policy. [`Policy::none`] where there is none.
    ///
    /// # Errors
    /// [`PolicyFailure`], when the policy lists other logs, or the line of a known witness is wrong.
    pub fn level(
        &self,
        policy: &Policy,
        counterpart: &[WitnessKey],
    ) -> Result<Standing, PolicyFailure> {
        policy.level(&self.head, counterpart)
    }

    /// The text, verbatim.
    pub fn text(&self) -> &str {
        self.receipt.text()
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        self.receipt.digest()
    }

    /// The receipt as it was.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}
