//! Refusing a peer's message: a receipt like an acceptance, logged once, and not without end.

use prost::Message as _;

use super::accept::{Accepted, retry};
use super::issue::{Issued, issue_plain};
use super::rows::{self, RefusalRow, load_in};
use super::{ActionError, Exchange, Peer};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::crypto::primitives::pae;
use crate::domain::{AuthorityId, MessageId};
use crate::store::{Table, Tx};

/// Why a message is refused, before it is logged.
pub(super) struct Refused {
    pub code: &'static str,
    pub message: Option<MessageId>,
}

impl Exchange {
    /// Refuses a message with a receipt. The same bad bytes again get the same refusal, and of
    /// other bad bytes there is an end: a flood costs few entries.
    pub(super) async fn refuse(
        &self,
        peer: &Peer,
        refused: Refused,
        digest: Digest,
    ) -> Result<Accepted, ActionError> {
        let key = self.refusal_key(peer.authority(), &digest);
        if let Some(row) = rows::load::<RefusalRow>(&self.store, Table::Refusals, &key)? {
            return Ok(Accepted::Issued(Issued::at(row.entry_index)));
        }
        if !self.refusals.take(peer.authority().as_str(), self.now()) {
            tracing::warn!(peer = %peer.authority(), code = refused.code, "refused, and not logged");
            return Ok(retry("TOO_MANY_REFUSALS"));
        }
        let mut draft = EntryDraft::new(Event::RelayRejection)
            .by(self.me.clone())
            .peer(peer.authority().clone())
            .envelope(digest)
            .code(refused.code);
        if let Some(message) = refused.message {
            draft = draft.message(message);
        }
        let committed = self.store.commit(move |tx| refuse_in(tx, &key, draft)).await?;
        let issued = match committed.value {
            Some(index) => Some(Issued::at(index)),
            None => issue_plain(&committed),
        };
        issued
            .map(Accepted::Issued)
            .ok_or_else(|| ActionError::Fault("a commit bore no entry".into()))
    }

    pub(super) fn refusal_key(&self, peer: &AuthorityId, digest: &Digest) -> [u8; 16] {
        let name = pae("refusal", &[peer.as_str().as_bytes(), digest]);
        self.home.blind("refusal", &name)
    }
}

/// Logs a refusal unless it is logged already; then gives the earlier entry.
pub(super) fn refuse_in(
    tx: &mut Tx<'_>,
    key: &[u8; 16],
    draft: EntryDraft,
) -> Result<Option<u64>, ActionError> {
    if let Some(row) = load_in::<RefusalRow>(tx, Table::Refusals, key)? {
        return Ok(Some(row.entry_index));
    }
    let entry_index = tx.append(draft);
    tx.put(Table::Refusals, key, RefusalRow { entry_index }.encode_to_vec());
    Ok(None)
}
