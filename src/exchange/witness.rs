//! Witnessing: this node cosigns what peers and other logs show it, and gathers the cosignatures of
//! others for its own checkpoints.
//!
//! Nothing here ever delays a commit: a receipt is a proof without any cosignature (L0), and
//! becomes a stronger one as they come (L1: the counterpart's; L2: the quorum of the policy). What
//! a log's owner cannot explain is kept: as evidence where it proves two pasts, otherwise as a
//! refusal.

mod accuse;
mod alerts;
mod better;
mod compare;
pub mod foreign;
mod gathered;
pub mod gossip;
mod pasts;
pub(super) mod policy;
pub mod rounds;
mod unproved;

use std::sync::Arc;

use prost::Message as _;

pub use self::accuse::Accusation;
pub(crate) use self::alerts::Alerts;
pub(crate) use self::gathered::Gathered;
pub(crate) use self::pasts::Pasts;
use super::heads::{HeadError, Taken, put_head};
use super::rows::{HeadRow, load_in};
use super::{ActionError, Exchange, Peer};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Coordinates, EntryDraft, Event};
use crate::audit::note::VerifierKey;
use crate::audit::witness::{Accepted, AddCheckpoint, Cosigner, Signed};
use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, Timestamp};
use crate::store::{Table, Tx};

/// How long the owner of a log may take to prove what is asked while its stream waits.
const PROVES_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A head that was taken, with our cosignatures if it may have any.
pub(crate) struct Cosigned {
    /// With our lines.
    pub head: SignedCheckpoint,
    /// Our line alone. It must not leave before the head is durable.
    pub line: Option<String>,
    /// That of our ML-DSA-44 key, where it was asked for and there is one. The same holds for it.
    pub line_pq: Option<String>,
    /// When it was cosigned: one statement, whatever it is signed with.
    at: Timestamp,
}

impl Exchange {
    /// Takes a checkpoint that a peer shows of its log. What the peer would have to explain is
    /// logged; two pasts are kept as evidence and end the exchange with it.
    pub(crate) async fn take_head(
        self: &Arc<Self>,
        peer: &Peer,
        request: &AddCheckpoint,
    ) -> Result<Taken, HeadError> {
        let keys = peer.card.log_keys_of(request.origin());
        let (first, origin) = (peer.card.log_origin(), request.origin());
        // How it follows may be on its way on another stream.
        let in_line = origin == first
            || (!keys.is_empty()
                && self.heads.wait_for(|heads| heads.is_in_line(first, origin)).await);
        if !in_line {
            let error = match keys.is_empty() {
                true => HeadError::UnknownLog(request.origin().to_owned()),
                false => HeadError::Succession("no proof of that was shown".into()),
            };
            return Err(error);
        }
        // A stream whose card has been replaced must not begin the old log anew.
        let still = || self.still_trusts(peer);
        let taken = match self.heads.take_in_turn(&keys, request, &still).await {
            // Two streams whose proofs start from one place overtake each other.
            Err(HeadError::Shrunk { .. }) => self.take_overtaken(peer, &keys, request).await,
            taken => taken,
        };
        if let Err(error) = &taken {
            self.heed(Some(peer.authority()), request.note(), error).await;
        }
        taken
    }

    /// A checkpoint that is smaller than what is held, and unknown: its owner is asked for the proof
    /// that the one extends the other. Who does not answer is not believed, and not accused either.
    async fn take_overtaken(
        self: &Arc<Self>,
        peer: &Peer,
        keys: &[VerifierKey],
        request: &AddCheckpoint,
    ) -> Result<Taken, HeadError> {
        let unavailable = |why: &dyn std::fmt::Display| HeadError::Unavailable(why.to_string());
        let shown = Signed::verify(keys, request).map_err(|reason| HeadError::of(&reason))?;
        let shown = shown.shown().clone();
        let held = self.heads.of(request.origin());
        let held = held.ok_or_else(|| HeadError::UnknownLog(request.origin().to_owned()))?;
        let owner = self.directory.get(peer.authority());
        let owner = owner.ok_or_else(|| unavailable(&"the peer is no longer in the directory"))?;
        let asking = self.proof_between(&owner, &held, &shown);
        let proof = tokio::time::timeout(PROVES_WITHIN, asking).await;
        let proof = proof.map_err(|_| unavailable(&"the log's owner gives no proof in time"))?;
        let proof = proof.map_err(|error| unavailable(&error))?;
        let proof = proof.ok_or_else(|| unavailable(&"the log's owner knows no such state"))?;
        compare::compare(keys, &held, &shown, proof)?;
        Ok(Taken { head: shown, accepted: None })
    }

    /// Cosigns a head. It is in memory only, so the cosignature must wait for [`Self::keep_head`].
    pub(crate) fn cosign(&self, taken: &Taken) -> Cosigned {
        let (mut head, at) = (taken.head.clone(), self.now());
        let accepted = taken.accepted.as_ref();
        let line = accepted.and_then(|accepted| add(&mut head, &self.keys.witness, accepted, at));
        Cosigned { head, line, line_pq: None, at }
    }

    /// Cosigns it with the ML-DSA-44 key too, where this node has one in use: for the checkpoint of
    /// a round only, since the line has 3.3 KB, and on a thread of its own, since it takes much
    /// longer than all else that a checkpoint needs.
    pub(crate) async fn cosign_pq(
        self: &Arc<Self>,
        taken: &Taken,
        mut cosigned: Cosigned,
    ) -> Cosigned {
        let Some(accepted) = taken.accepted.clone() else { return cosigned };
        if self.keys.witness_pq.is_none() {
            return cosigned;
        }
        let (exchange, mut head, at) = (self.clone(), cosigned.head.clone(), cosigned.at);
        let signing = tokio::task::spawn_blocking(move || {
            let cosigner = exchange.keys.witness_pq.as_ref()?;
            let line = add(&mut head, cosigner, &accepted, at)?;
            Some((head, line))
        });
        match signing.await {
            Ok(Some((head, line))) => {
                cosigned.head = head;
                cosigned.line_pq = Some(line);
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "cosigning with ML-DSA-44 failed"),
        }
        cosigned
    }

    /// Makes a taken head durable, before anything is answered to its owner.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] when the peer is not trusted any more under the card by which the
    /// head was taken: what a new card has dropped is not written back.
    pub(crate) async fn keep_head(
        &self,
        peer: Option<&Peer>,
        cosigned: Cosigned,
    ) -> Result<(), ActionError> {
        let (key, now) = (self.head_key(&cosigned.head), self.now());
        let trust = peer.map(|peer| self.trust_in(peer));
        let peer = peer.map(|peer| peer.authority().clone());
        self.store
            .commit(move |tx| {
                trust.map_or(Ok(()), |trust| trust.check(tx))?;
                put_head(tx, &key, &cosigned.head)?;
                if cosigned.line.is_some() {
                    note_cosigning(tx, &key, &cosigned.head, peer, now)?;
                }
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }
}

/// Adds our line. A note without room is held, and not cosigned.
fn add(
    head: &mut SignedCheckpoint,
    cosigner: &Cosigner,
    accepted: &Accepted,
    at: Timestamp,
) -> Option<String> {
    let ours = cosigner.cosign(accepted, at);
    match head.add(&ours, cosigner.key()) {
        Ok(_) => Some(ours.to_line()),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint cannot be cosigned");
            None
        }
    }
}

/// The entry for our cosignature: the first one of each day of each log. One for each would make
/// two nodes that cosign each other write for ever.
fn note_cosigning(
    tx: &mut Tx<'_>,
    key: &[u8; 16],
    head: &SignedCheckpoint,
    peer: Option<AuthorityId>,
    now: Timestamp,
) -> Result<(), ActionError> {
    let mut row = load_in::<HeadRow>(tx, Table::Heads, key)?.unwrap_or_default();
    let day = now.unix_ms().div_euclid(DAY_MS);
    if row.cosigned_day == day {
        return Ok(());
    }
    row.cosigned_day = day;
    tx.put(Table::Heads, key, row.encode_to_vec());
    let mut draft = EntryDraft::new(Event::WitnessCosigned).remote(place(head));
    if let Some(peer) = peer {
        draft = draft.peer(peer);
    }
    tx.append(draft);
    Ok(())
}

/// A whole checkpoint as an entry has it: its newest entry stands for it.
fn place(head: &SignedCheckpoint) -> Coordinates {
    let checkpoint = head.checkpoint();
    Coordinates {
        origin: checkpoint.origin.clone(),
        index: checkpoint.size.saturating_sub(1),
        size: checkpoint.size,
        root: checkpoint.root,
    }
}

#[cfg(test)]
#[path = "witness/overtaken_tests.rs"]
mod overtaken_tests;
