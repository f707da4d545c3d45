//! Holding another checkpoint of a log against the one that is held, wherever it came from.

use std::sync::Arc;

use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::evidence::Evidence;
use crate::audit::note::VerifierKey;
use crate::audit::witness::{AddCheckpoint, RefusalReason, decide};
use crate::crypto::Digest;
use crate::exchange::heads::{HeadError, digests};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;

impl Exchange {
    /// Whichever of the two is larger must extend the other, by `proof` (I3). What the owner of the
    /// log would have to explain is logged; two pasts are kept as evidence and suspend it.
    ///
    /// # Errors
    /// [`HeadError`].
    pub(super) async fn compare(
        self: &Arc<Self>,
        owner: &Peer,
        held: &SignedCheckpoint,
        shown: &SignedCheckpoint,
        proof: Vec<Digest>,
    ) -> Result<(), HeadError> {
        let compared =
            compare(&owner.card.log_keys_of(&shown.checkpoint().origin), held, shown, proof);
        if let Err(error) = &compared {
            self.heed(Some(owner.authority()), &shown.to_note(), error).await;
        }
        compared
    }

    /// Asks the owner of a log for the proof that the larger of two checkpoints extends the smaller.
    /// `None` where it says that its log never was as large.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] where it does not answer.
    pub(super) async fn proof_between(
        &self,
        owner: &Arc<Peer>,
        one: &SignedCheckpoint,
        other: &SignedCheckpoint,
    ) -> Result<Option<Vec<Digest>>, ActionError> {
        let (a, b) = (one.checkpoint().size, other.checkpoint().size);
        if a == b {
            return Ok(Some(Vec::new()));
        }
        let (origin, old_size, new_size) = (one.checkpoint().origin.clone(), a.min(b), a.max(b));
        let ask = pb::GetConsistencyRequest { old_size, new_size, origin };
        let answer = self.courier()?.consistency(owner.clone(), ask).await;
        let answer = answer.map_err(|trouble| ActionError::Unavailable(trouble.0))?;
        Ok(answer.map(|answer| digests(&answer.hashes).unwrap_or_default()))
    }
}

/// The smaller one in the place of what is held, and the larger one as what is shown: then the
/// witness's own decision says what the proof makes of the two.
pub(super) fn compare(
    keys: &[VerifierKey],
    held: &SignedCheckpoint,
    shown: &SignedCheckpoint,
    proof: Vec<Digest>,
) -> Result<(), HeadError> {
    let (a, b) = (held.checkpoint(), shown.checkpoint());
    if a == b {
        return Ok(());
    }
    if a.size == b.size {
        let evidence = Evidence::same_size(held, shown);
        let other_log = |_| HeadError::UnknownLog(b.origin.clone());
        return Err(HeadError::Equivocation(Box::new(evidence.map_err(other_log)?)));
    }
    let (old, new) = if b.size < a.size { (shown, held) } else { (held, shown) };
    let request = AddCheckpoint::new(old.checkpoint().size, proof, new.to_note());
    let request = request.map_err(|error| HeadError::Checkpoint(error.to_string()))?;
    match decide(Some(old), keys, &request) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(match (refusal.evidence, refusal.reason) {
            (Some(evidence), _) => HeadError::Equivocation(evidence),
            (None, RefusalReason::UnknownLog { origin }) => HeadError::UnknownLog(origin),
            (None, _) => HeadError::Inconsistent,
        }),
    }
}
