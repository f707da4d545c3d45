//! Refusing what somebody sends: logged once, and not without end. A peer gets a receipt for it, like
//! for an acceptance.

use prost::Message as _;

use super::accept::{Accepted, is_same, retry};
use super::issue::Issued;
use super::rows::{self, RefusalRow, load_in, message_in};
use super::{ActionError, Exchange, Peer};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::primitives::pae;
use crate::crypto::{Digest, HomeKey};
use crate::domain::{AuthorityId, MessageId};
use crate::store::{Table, Tx};

/// Why a message is refused, before it is logged.
pub(super) struct Refused {
    pub code: &'static str,
    pub message: Option<MessageId>,
}

impl Exchange {
    /// Refuses a message with a receipt. The same bad bytes for the same message get the same refusal, and of
    /// other bad bytes there is an end: a flood costs few entries.
    pub(super) async fn refuse(
        &self,
        peer: &Peer,
        refused: Refused,
        digest: Digest,
    ) -> Result<Accepted, ActionError> {
        let key = self.refusal_key(peer.authority(), &digest, refused.message);
        let mut draft = EntryDraft::new(Event::RelayRejection)
            .by(self.me.clone())
            .peer(peer.authority().clone())
            .envelope(digest)
            .code(refused.code);
        if let Some(message) = refused.message {
            draft = draft.message(message);
        }
        if let Some(row) = rows::load::<RefusalRow>(&self.store, Table::Refusals, &key)? {
            return Ok(Accepted::Issued(Issued::at(row.entry_index)));
        }
        if !self.refusals.take(peer.authority().as_str(), self.now()) {
            return Ok(too_many(peer.authority(), refused.code));
        }
        let (trust, name) = (self.trust_in(peer), peer.authority().clone());
        let committing = self.store.commit(move |tx| {
            trust.check(tx)?;
            // Accepted meanwhile, on another road or frame: then that is the answer (I5).
            let row = refused.message.map(|id| message_in(tx, id)).transpose()?.flatten();
            if let Some(row) = row.filter(|row| is_same(row, &name, &digest)) {
                return Ok(Some(row.entry_index));
            }
            refuse_in(tx, &key, draft, || true)
        });
        let entry = committing.await?.value;
        entry
            .map(|entry| Accepted::Issued(Issued::at(entry)))
            .ok_or_else(|| ActionError::fault("a refusal that may be logged was not"))
    }

    /// Logs a refusal, of a submission or a checkpoint, once for each `key`; gives its
    /// entry, which is durable. `None` where it is a new one and whoever causes it `may` not cause
    /// another.
    pub(super) async fn log_refusal(
        &self,
        key: [u8; 16],
        draft: EntryDraft,
        may: impl FnOnce() -> bool,
    ) -> Result<Option<u64>, ActionError> {
        if let Some(row) = rows::load::<RefusalRow>(&self.store, Table::Refusals, &key)? {
            return Ok(Some(row.entry_index));
        }
        if !may() {
            return Ok(None);
        }
        let committing = self.store.commit(move |tx| refuse_in(tx, &key, draft, || true));
        Ok(committing.await?.value)
    }

    /// The refusal that the same bytes got before, under the same name: one that names another message,
    /// or none, would be no answer.
    pub(super) fn refused_before(
        &self,
        peer: &AuthorityId,
        (id, digest): (MessageId, &Digest),
    ) -> Result<Option<Issued>, ActionError> {
        let key = self.refusal_key(peer, digest, Some(id));
        let row = rows::load::<RefusalRow>(&self.store, Table::Refusals, &key)?;
        Ok(row.map(|row| Issued::at(row.entry_index)))
    }

    pub(super) fn refusal_key(
        &self,
        peer: &AuthorityId,
        digest: &Digest,
        message: Option<MessageId>,
    ) -> [u8; 16] {
        refusal_key(&self.home, peer, (digest, message))
    }
}

/// Of bytes of a peer, and of the message that the refusal names: one that names another, or none, would
/// prove nothing to whoever asks for an answer to this one.
pub(super) fn refusal_key(
    home: &HomeKey,
    peer: &AuthorityId,
    (digest, message): (&Digest, Option<MessageId>),
) -> [u8; 16] {
    let message = message.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    home.blind("refusal", &pae("refusal", &[peer.as_str().as_bytes(), digest, &message]))
}

/// What a peer is told whose refusals have come to an end for now.
pub(super) fn too_many(peer: &AuthorityId, code: &str) -> Accepted {
    tracing::warn!(%peer, code, "refused, and not logged");
    retry("TOO_MANY_REFUSALS")
}

/// Logs a refusal unless it is logged already; gives its entry. `None` as in
/// [`Exchange::log_refusal`].
pub(super) fn refuse_in(
    tx: &mut Tx<'_>,
    key: &[u8; 16],
    draft: EntryDraft,
    may: impl FnOnce() -> bool,
) -> Result<Option<u64>, ActionError> {
    if let Some(row) = load_in::<RefusalRow>(tx, Table::Refusals, key)? {
        return Ok(Some(row.entry_index));
    }
    if !may() {
        return Ok(None);
    }
    let entry_index = tx.append(draft);
    note_refusal(tx, key, entry_index);
    Ok(Some(entry_index))
}

/// Notes under which entry something was refused.
pub(super) fn note_refusal(tx: &mut Tx<'_>, key: &[u8; 16], entry_index: u64) {
    tx.put(Table::Refusals, key, RefusalRow { entry_index }.encode_to_vec());
}
