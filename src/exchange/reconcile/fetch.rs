//! Reading the entries that a peer's log has about us. Nothing of an answer is believed but what its
//! proofs show (I2).

use std::sync::Arc;

use super::serve::PAGE_MAX;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Entry;
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::audit::witness::{AddCheckpoint, decide};
use crate::crypto::Digest;
use crate::domain::AuthorityId;
use crate::exchange::heads::{HeadError, digests};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::v1 as pb;

/// What no honest log with one past answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub(super) struct Misfit {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Misfit {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Why a round ends before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    /// The peer's doing: it is logged.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The weather's, or ours.
    #[error(transparent)]
    Action(#[from] ActionError),
}

/// An entry about us that stands in the peer's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) number: u64,
    /// Index in the log that was asked for.
    pub(super) index: u64,
    /// `None` where the peer keeps to itself what it says.
    pub(super) entry: Option<Entry>,
    pub(super) bytes: bytes::Bytes,
    pub(super) inclusion: Vec<Digest>,
}

/// Where a page goes on: the number of its first entry, and the index before which that cannot
/// stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct From {
    pub(super) number: u64,
    pub(super) index: u64,
}

/// Verifies a page: entries about `me`, with the numbers from `from` on without a gap, in the order
/// of the log, each proven to stand under the checkpoint.
pub(super) fn verify_page(
    under: &SignedCheckpoint,
    me: &AuthorityId,
    mut from: From,
    page: Vec<pb::ProvenEntry>,
) -> Result<Vec<Proven>, Misfit> {
    if page.len() > PAGE_MAX {
        let detail = format!("a page of {} entries, where {PAGE_MAX} are the most", page.len());
        return Err(Misfit::new("BAD_PAGE", detail));
    }
    let mut proven = Vec::with_capacity(page.len());
    for told in page {
        let entry = verify_entry(under, me, from, told)?;
        from = From { number: entry.number + 1, index: entry.index + 1 };
        proven.push(entry);
    }
    Ok(proven)
}

fn verify_entry(
    under: &SignedCheckpoint,
    me: &AuthorityId,
    from: From,
    told: pb::ProvenEntry,
) -> Result<Proven, Misfit> {
    let pb::ProvenEntry { number, index, entry: bytes, inclusion, leaf_hash: leaf } = told;
    if number != from.number {
        let detail = format!("number {number}, where {} follows", from.number);
        return Err(Misfit::new("SEQUENCE_GAP", detail));
    }
    let bad_proof = |why: &dyn std::fmt::Display| {
        Misfit::new("BAD_PROOF", format!("entry {index}, number {number}: {why}"))
    };
    let bad_entry = |why: &dyn std::fmt::Display| {
        Misfit::new("BAD_ENTRY", format!("entry {index}, number {number}: {why}"))
    };
    let inclusion = digests(&inclusion).ok_or_else(|| bad_proof(&"a hash has not 32 bytes"))?;
    let checkpoint = under.checkpoint();
    let leaf = match bytes.is_empty() {
        true => leaf.as_ref().try_into().map_err(|_| bad_proof(&"a hash has not 32 bytes"))?,
        false => leaf_hash(&bytes),
    };
    verify_inclusion(&leaf, index, checkpoint.size, &inclusion, &checkpoint.root)
        .map_err(|error| bad_proof(&error))?;
    if index < from.index {
        return Err(bad_entry(&"it stands before the entry with the number before"));
    }
    if bytes.is_empty() {
        return Ok(Proven { number, index, entry: None, bytes, inclusion });
    }
    let entry = Entry::parse(&bytes).map_err(|error| bad_entry(&error))?;
    if entry.peer.as_ref() != Some(me) {
        return Err(bad_entry(&"it is not about this node"));
    }
    if entry.peer_seq != Some(number) {
        let says = entry.peer_seq.unwrap_or(0);
        let detail = format!("entry {index} has number {says}, where {number} follows");
        return Err(Misfit::new("SEQUENCE_GAP", detail));
    }
    let entry = Some(entry);
    Ok(Proven { number, index, entry, bytes, inclusion })
}

/// Reads a peer's log.
pub(super) struct Fetch<'a> {
    pub(super) exchange: &'a Arc<Exchange>,
    pub(super) peer: &'a Arc<Peer>,
}

impl Fetch<'_> {
    /// The first page, and the checkpoint that all pages of the round lead to: one that extends the
    /// held one, and the one under which the last round read.
    pub(super) async fn first(
        &self,
        held: &SignedCheckpoint,
        before: Option<&SignedCheckpoint>,
        from: From,
    ) -> Result<(SignedCheckpoint, Vec<Proven>), RoundError> {
        let held_size = held.checkpoint().size;
        let origin = held.checkpoint().origin.clone();
        let keys = self.peer.card.log_keys_of(&origin);
        let answer = self.ask(from.number, 0, held_size, 0, origin).await?;
        let shown = SignedCheckpoint::verify(&answer.checkpoint, &keys)
            .map_err(|error| Misfit::new("BAD_CHECKPOINT", error.to_string()))?
            .bare(&keys);
        self.check_extends(held, &shown, &answer.consistency).await?;
        if let Some(before) = before {
            self.check_before(before, held, &shown).await?;
        }
        let page = verify_page(&shown, &self.exchange.me, from, answer.entries)?;
        Ok((shown, page))
    }

    /// A page behind the first.
    pub(super) async fn page(
        &self,
        under: &SignedCheckpoint,
        from: From,
        page_size: u32,
    ) -> Result<Vec<Proven>, RoundError> {
        let Checkpoint { origin, size, .. } = under.checkpoint().clone();
        let answer = self.ask(from.number, page_size, 0, size, origin).await?;
        Ok(verify_page(under, &self.exchange.me, from, answer.entries)?)
    }

    async fn ask(
        &self,
        from_number: u64,
        page_size: u32,
        held_size: u64,
        size: u64,
        origin: String,
    ) -> Result<pb::GetEntriesResponse, ActionError> {
        let ask = pb::GetEntriesRequest { from_number, page_size, held_size, size, origin };
        let answer = self.exchange.courier()?.entries(self.peer.clone(), ask).await;
        answer.map_err(|trouble| ActionError::Unavailable(trouble.0))
    }

    /// The checkpoint of the last round did not come on a stream, so it is in no chain of heads: what
    /// the streams have shown since must fit it all the same.
    async fn check_before(
        &self,
        before: &SignedCheckpoint,
        held: &SignedCheckpoint,
        shown: &SignedCheckpoint,
    ) -> Result<(), RoundError> {
        let old_size = before.checkpoint().size;
        if let Some(same) = [held, shown].into_iter().find(|c| c.checkpoint().size == old_size) {
            return self.check_extends(before, same, &[]).await;
        }
        let new_size = shown.checkpoint().size;
        if old_size > new_size {
            return self.check_extends(before, shown, &[]).await;
        }
        let origin = shown.checkpoint().origin.clone();
        let ask = pb::GetConsistencyRequest { old_size, new_size, origin };
        let answer = self.exchange.courier()?.consistency(self.peer.clone(), ask).await;
        let answer = answer.map_err(|trouble| ActionError::Unavailable(trouble.0))?;
        // Who says that its log never had a size that it has shown proves nothing either.
        let hashes = answer.map(|answer| answer.hashes).unwrap_or_default();
        self.check_extends(before, shown, &hashes).await
    }

    /// Two pasts go the way of all such evidence; a proof that proves nothing is a suspicion.
    async fn check_extends(
        &self,
        old: &SignedCheckpoint,
        new: &SignedCheckpoint,
        proof: &[bytes::Bytes],
    ) -> Result<(), RoundError> {
        let (held, shown) = (old.checkpoint(), new.checkpoint());
        if held.origin != shown.origin {
            let detail = format!("{} is shown, and {} is held", shown.origin, held.origin);
            return Err(Misfit::new("BAD_CHECKPOINT", detail).into());
        }
        let proof = digests(proof).unwrap_or_default();
        let request = AddCheckpoint::new(held.size, proof, new.to_note());
        let request = request.map_err(|error| Misfit::new("BAD_CHECKPOINT", error.to_string()))?;
        let keys = self.peer.card.log_keys_of(&shown.origin);
        let Err(refusal) = decide(Some(old), &keys, &request) else {
            return Ok(());
        };
        let error = match refusal.evidence {
            Some(evidence) => HeadError::Equivocation(evidence),
            None if shown.size < held.size => {
                HeadError::Shrunk { shown: shown.size, held: held.size }
            }
            None => HeadError::Inconsistent,
        };
        self.exchange.heed(Some(self.peer.authority()), request.note(), &error).await;
        Err(Misfit::new(error.code(), error.to_string()).into())
    }
}
