//! What another log's owner would have to explain.

use std::sync::Arc;

use prost::Message as _;

use super::place;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::evidence::Evidence;
use crate::audit::note::VerifierKey;
use crate::crypto::Digest;
use crate::crypto::primitives::pae;
use crate::domain::{AuthorityId, Timestamp};
use crate::exchange::heads::HeadError;
use crate::exchange::rows::{self, peer_key};
use crate::exchange::suspend::suspend_in;
use crate::exchange::{ActionError, Exchange};
use crate::pb::store::v1::EvidenceRow;
use crate::store::{Direction, Table};

/// Evidence against a log, as it is kept.
pub struct Accusation {
    /// SHA-256 of the text.
    pub digest: Digest,
    /// The accused log.
    pub origin: String,
    /// When it was found.
    pub at: Timestamp,
    /// The evidence file.
    pub text: String,
}

impl Exchange {
    /// Logs what it means that the note `shown` was refused, if it means anything. Nothing of it
    /// fails the caller, who refuses anyhow.
    pub(crate) async fn heed(
        self: &Arc<Self>,
        peer: Option<&AuthorityId>,
        shown: &str,
        error: &HeadError,
    ) {
        let done = match error {
            HeadError::Equivocation(evidence) => self.accuse(peer, shown, evidence).await,
            HeadError::Inconsistent | HeadError::Shrunk { .. } | HeadError::Succession(_) => {
                self.suspect(peer, shown, error.code()).await
            }
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%error, "what a log's owner must explain cannot be logged");
        }
    }

    /// Keeps proof of two pasts, and exchanges nothing more with the peer until an operator has
    /// looked. `shown` is the one of the two notes that is not held.
    ///
    /// On a task of its own: a stream that ends in between must not leave the evidence without
    /// what follows from it.
    async fn accuse(
        self: &Arc<Self>,
        peer: Option<&AuthorityId>,
        shown: &str,
        evidence: &Evidence,
    ) -> Result<(), ActionError> {
        let shown = Checkpoint::parse_unverified(shown).map_err(ActionError::fault)?;
        let (exchange, peer, evidence) = (self.clone(), peer.cloned(), evidence.clone());
        let accusing = tokio::spawn(async move { exchange.convict(peer, shown, evidence).await });
        accusing.await.unwrap_or_else(|error| Err(ActionError::fault(error)))
    }

    /// One commit: evidence, suspension, and the entry for each. In turn, so that neither a second
    /// accusation nor a new card comes between.
    async fn convict(
        &self,
        peer: Option<AuthorityId>,
        shown: Checkpoint,
        evidence: Evidence,
    ) -> Result<(), ActionError> {
        let _turn = self.directory.turn().await;
        // A card that has gone meanwhile took its keys along: then nobody is accused.
        let keys = self.keys_of_accused(peer.as_ref(), evidence.origin());
        evidence
            .verify(&keys)
            .map_err(|error| ActionError::invalid("evidence", error.to_string()))?;
        if self.pasts.knows(&shown) {
            tracing::info!(origin = shown.origin, size = shown.size, "a known fork is shown again");
            return Ok(());
        }
        let keep = self.pasts.has_room(evidence.origin())
            || peer.as_ref().is_some_and(|peer| self.is_heard(peer));
        if peer.is_none() && !keep {
            tracing::warn!(origin = shown.origin, "one more past of a log that has many");
            return Ok(());
        }
        let digest = hex::encode(evidence.digest());
        let kept = self.commit_evidence(peer.clone(), keep, &evidence).await;
        match &peer {
            // Even where the evidence could not be kept: it is not to go on as if nothing were.
            Some(peer) => {
                tracing::error!(%peer, digest, "the peer's log has signed two pasts: suspended");
                self.suspend_at_once(peer);
            }
            None => tracing::error!(digest, "another log has signed two pasts"),
        }
        let at = kept?;
        if keep { self.pasts.keep(&evidence, at) } else { Ok(()) }
    }

    /// Whether anything is exchanged with a peer: then evidence against it suspends it.
    fn is_heard(&self, peer: &AuthorityId) -> bool {
        self.directory.get(peer).is_some_and(|peer| peer.suspended.is_none())
    }

    async fn commit_evidence(
        &self,
        peer: Option<AuthorityId>,
        keep: bool,
        evidence: &Evidence,
    ) -> Result<Timestamp, ActionError> {
        self.check_writable()?;
        let (digest, text) = (evidence.digest(), evidence.to_text());
        let mut draft = EntryDraft::new(Event::WitnessEquivocation).document(digest);
        if let Some(peer) = &peer {
            draft = draft.peer(peer.clone());
        }
        let peer = peer.map(|peer| (peer_key(&self.home, &peer), peer));
        let committing = self.store.commit(move |tx| {
            if keep {
                let row = EvidenceRow { text, at_ms: tx.at().unix_ms() };
                tx.put(Table::Evidence, &digest, row.encode_to_vec());
                tx.append(draft);
            }
            if let Some((key, peer)) = peer {
                suspend_in(tx, &key, peer)?;
            }
            Ok::<_, ActionError>(tx.at())
        });
        Ok(committing.await?.value)
    }

    /// The keys that may have signed for a log: those of the peer's card, or of a stranger's log.
    fn keys_of_accused(&self, peer: Option<&AuthorityId>, origin: &str) -> Vec<VerifierKey> {
        match peer {
            Some(peer) => {
                let peer = self.directory.get(peer);
                peer.map(|peer| peer.card.log_keys_of(origin)).unwrap_or_default()
            }
            None => {
                let strangers = self.settings.witnessed_logs.iter();
                strangers.filter(|key| key.name() == origin).cloned().collect()
            }
        }
    }

    /// Logs a checkpoint that does not extend what was shown before, once for each, and as many as
    /// refused messages at most.
    pub(super) async fn suspect(
        &self,
        peer: Option<&AuthorityId>,
        shown: &str,
        code: &'static str,
    ) -> Result<(), ActionError> {
        let name = pae("witness", &[shown.as_bytes()]);
        let key = self.home.blind("refusal", &name);
        let mut draft = EntryDraft::new(Event::WitnessRefused).code(code);
        if let Some(peer) = peer {
            draft = draft.peer(peer.clone());
        }
        if let Ok(shown) = SignedCheckpoint::assume_verified(shown) {
            draft = draft.remote(place(&shown));
        }
        let may = || peer.is_none_or(|peer| self.refusals.take(peer.as_str(), self.now()));
        self.log_refusal(key, draft, may).await.map(drop)
    }

    /// All evidence that is kept.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn accusations(&self) -> Result<Vec<Accusation>, ActionError> {
        let rows = self.store.scan(Table::Evidence, b"", None, Direction::Forward, SHOWN_MAX)?;
        let accusation = |(key, row): (Vec<u8>, Vec<u8>)| {
            let row: EvidenceRow = rows::decode(&row)?;
            Ok(Accusation {
                digest: key.as_slice().try_into().map_err(ActionError::fault)?,
                origin: accused(&row.text),
                at: Timestamp::from_unix_ms(row.at_ms),
                text: row.text,
            })
        };
        rows.into_iter().map(accusation).collect()
    }
}

/// Evidence that is shown at most: one is bad enough.
const SHOWN_MAX: usize = 1000;

fn accused(text: &str) -> String {
    Evidence::parse(text).map(|evidence| evidence.origin().to_owned()).unwrap_or_default()
}

#[cfg(test)]
#[path = "accuse_tests.rs"]
mod tests;
