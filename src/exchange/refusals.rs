//! Refusing a peer's message: a receipt like an acceptance, logged once, and not without end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prost::Message as _;

use super::accept::{Accepted, retry};
use super::issue::{Issued, issue_plain};
use super::rows::{self, RefusalRow, load_in};
use super::{ActionError, Exchange, Peer};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::crypto::primitives::pae;
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::store::{Table, Tx};

/// New refusals that a peer may cause at once. Each is an entry for ever, so what an honest peer
/// with faulty software causes in a day is plenty.
const AT_ONCE: u32 = 64;
/// And how long one more takes to become free: 360 an hour.
const EVERY_MS: i64 = 10_000;

/// Why a message is refused, before it is logged.
pub(super) struct Refused {
    pub code: &'static str,
    pub message: Option<MessageId>,
}

/// How many more new refusals each peer may cause (I7).
#[derive(Default)]
pub(super) struct Budgets(Mutex<BTreeMap<AuthorityId, Budget>>);

struct Budget {
    left: u32,
    at: Timestamp,
}

impl Budgets {
    /// Takes one; false when none is left.
    pub(super) fn take(&self, peer: &AuthorityId, now: Timestamp) -> bool {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(peer.clone()).or_insert(Budget { left: AT_ONCE, at: now });
        let since = now.unix_ms().saturating_sub(budget.at.unix_ms());
        if let Ok(more @ 1..) = u32::try_from(since / EVERY_MS) {
            budget.left = budget.left.saturating_add(more).min(AT_ONCE);
            budget.at = now;
        }
        let left = budget.left > 0;
        budget.left = budget.left.saturating_sub(1);
        left
    }
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
        if !self.refusals.take(peer.authority(), self.now()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_refusals_come_to_an_end_and_begin_again() {
        let peer = AuthorityId::parse("xa.oag").expect("valid");
        let other = AuthorityId::parse("xb.pps").expect("valid");
        let at = |ms| Timestamp::from_unix_ms(ms);
        let budgets = Budgets::default();
        for _ in 0..AT_ONCE {
            assert!(budgets.take(&peer, at(0)));
        }
        assert!(!budgets.take(&peer, at(EVERY_MS - 1)));
        assert!(budgets.take(&other, at(0)), "each peer has its own");
        assert!(budgets.take(&peer, at(EVERY_MS)));
        assert!(!budgets.take(&peer, at(EVERY_MS)));
        assert!(!budgets.take(&peer, at(-5)), "a clock that goes back gives nothing");
        let later = at(1_000_000 * EVERY_MS);
        let given = (0..2 * AT_ONCE).filter(|_| budgets.take(&peer, later)).count();
        assert_eq!(given, AT_ONCE as usize, "and no more than that is saved up");
    }
}
