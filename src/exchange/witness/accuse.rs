//! What another log's owner would have to explain.

use std::sync::Arc;

use prost::Message as _;

use super::place;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::evidence::Evidence;
use crate::audit::witness::AddCheckpoint;
use crate::crypto::Digest;
use crate::crypto::primitives::pae;
use crate::domain::{AuthorityId, Timestamp};
use crate::exchange::heads::HeadError;
use crate::exchange::rows::{self, RefusalRow, load_in};
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
    /// Logs what a refused checkpoint means, if it means anything. Nothing of it fails the caller,
    /// who refuses anyhow.
    pub(crate) async fn heed(
        self: &Arc<Self>,
        peer: Option<&AuthorityId>,
        request: &AddCheckpoint,
        error: &HeadError,
    ) {
        let done = match error {
            HeadError::Equivocation(evidence) => self.accuse(peer, evidence).await,
            HeadError::Inconsistent | HeadError::Shrunk { .. } | HeadError::Succession(_) => {
                self.suspect(peer, request, error.code()).await
            }
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%error, "what a log's owner must explain cannot be logged");
        }
    }

    /// Keeps proof of two pasts, and exchanges nothing more with the peer until an operator has
    /// looked.
    ///
    /// On a task of its own: a stream that ends in between must not leave the evidence without
    /// what follows from it.
    pub(crate) async fn accuse(
        self: &Arc<Self>,
        peer: Option<&AuthorityId>,
        evidence: &Evidence,
    ) -> Result<(), ActionError> {
        let (exchange, peer, evidence) = (self.clone(), peer.cloned(), evidence.clone());
        let accusing =
            tokio::spawn(async move { exchange.suspend(peer.as_ref(), &evidence).await });
        accusing.await.unwrap_or_else(|error| Err(ActionError::fault(error)))
    }

    async fn suspend(
        &self,
        peer: Option<&AuthorityId>,
        evidence: &Evidence,
    ) -> Result<(), ActionError> {
        let (digest, text) = (evidence.digest(), evidence.to_text());
        let mut draft = EntryDraft::new(Event::WitnessEquivocation).document(digest);
        if let Some(peer) = peer {
            draft = draft.peer(peer.clone());
        }
        let row = EvidenceRow { text, at_ms: self.now().unix_ms() };
        let kept = self.store.commit(move |tx| {
            if load_in::<EvidenceRow>(tx, Table::Evidence, &digest)?.is_none() {
                tx.put(Table::Evidence, &digest, row.encode_to_vec());
                tx.append(draft);
            }
            Ok::<_, ActionError>(())
        });
        let kept = kept.await;
        let evidence = hex::encode(digest);
        match peer {
            // Even where the evidence could not be kept: it is not to go on as if nothing were.
            Some(peer) => {
                tracing::error!(%peer, evidence, "the peer's log has signed two pasts: suspended");
                self.suspend_peer(peer, "LOG_EQUIVOCATION", None).await?;
            }
            None => tracing::error!(evidence, "another log has signed two pasts"),
        }
        kept.map(|_| ()).map_err(Into::into)
    }

    /// Logs a checkpoint that does not extend what was shown before, once for each, and as many as
    /// refused messages at most.
    async fn suspect(
        &self,
        peer: Option<&AuthorityId>,
        request: &AddCheckpoint,
        code: &'static str,
    ) -> Result<(), ActionError> {
        let name = pae("witness", &[request.note().as_bytes()]);
        let key = self.home.blind("refusal", &name);
        let known: Option<RefusalRow> = rows::load(&self.store, Table::Refusals, &key)?;
        if known.is_some() || !peer.is_none_or(|peer| self.refusals.take(peer, self.now())) {
            return Ok(());
        }
        let mut draft = EntryDraft::new(Event::WitnessRefused).code(code);
        if let Some(peer) = peer {
            draft = draft.peer(peer.clone());
        }
        if let Ok(shown) = SignedCheckpoint::assume_verified(request.note()) {
            draft = draft.remote(place(&shown));
        }
        self.store
            .commit(move |tx| {
                let entry_index = tx.append(draft);
                tx.put(Table::Refusals, &key, RefusalRow { entry_index }.encode_to_vec());
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
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
