//! The rows of reconciling: how far it has come with each peer, and what is said so far of messages
//! of which not all is said yet.

use prost::Message as _;

use super::fetch::Misfit;
use crate::audit::entry::Event;
use crate::audit::reconcile::{Fact, Seen};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::exchange::rows::{self, load_in, peer_key};
use crate::exchange::{ActionError, Exchange};
use crate::pb::store::v1::{FactRow, ReconciledRow, SeenRow, UnsettledRow};
use crate::store::{Table, Tx};

/// Facts of one message of which one commit takes so many: with the longest rows, what a
/// transaction has room for.
pub(super) const FACTS_AT_ONCE: usize = 32;
/// What a log says of one message at most: each event once, and what was refused before.
const FACTS_MAX: usize = 16;

/// Whose log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    Theirs,
}

/// How far reconciling with a peer has come.
pub(super) fn row_of(
    exchange: &Exchange,
    peer: &AuthorityId,
) -> Result<Option<ReconciledRow>, ActionError> {
    rows::load(&exchange.store, Table::Reconciled, &peer_key(&exchange.home, peer))
}

/// The key of a message that is not settled with a peer.
pub(super) fn unsettled_key(peer: &[u8; 16], id: MessageId) -> Vec<u8> {
    [peer.as_slice(), id.as_bytes()].concat()
}

/// Adds what an entry says of its message; a repeat changes nothing.
pub(super) fn note_fact(
    tx: &mut Tx<'_>,
    peer: &[u8; 16],
    whose: Whose,
    fact: &Fact,
) -> Result<(), ActionError> {
    let key = unsettled_key(peer, fact.message);
    let mut row = load_in::<UnsettledRow>(tx, Table::Unsettled, &key)?.unwrap_or_default();
    let facts = match whose {
        Whose::Ours => &mut row.ours,
        Whose::Theirs => &mut row.theirs,
    };
    if facts.iter().any(|known| known.number == fact.number) {
        return Ok(());
    }
    facts.push(encode(fact));
    tx.put(Table::Unsettled, &key, row.encode_to_vec());
    Ok(())
}

/// A log that says more of one message than can happen to one.
pub(super) fn check_few(
    row: Option<&UnsettledRow>,
    page: &[Fact],
    fact: &Fact,
) -> Result<(), Misfit> {
    let of_it = page.iter().filter(|other| other.message == fact.message);
    let said = row.map_or(0, |row| row.theirs.len()) + of_it.count();
    if said < FACTS_MAX {
        return Ok(());
    }
    let detail = format!("entry {}: message {} has {said} before it", fact.index, fact.message);
    Err(Misfit::new("BAD_ENTRY", detail))
}

fn encode(fact: &Fact) -> FactRow {
    let seen =
        |seen: Seen| SeenRow { index: seen.index, size: seen.size, root: seen.root.to_vec() };
    FactRow {
        index: fact.index,
        number: fact.number,
        at_ms: fact.at.unix_ms(),
        event: fact.event.as_str().to_owned(),
        recorded: fact.recorded,
        envelope: fact.envelope.map(|digest| digest.to_vec()).unwrap_or_default(),
        code: fact.code.as_deref().unwrap_or_default().to_owned(),
        seen: fact.seen.map(seen),
    }
}

/// What a log says of a message, in its order.
pub(super) fn facts_of(id: MessageId, rows: &[FactRow]) -> Result<Vec<Fact>, ActionError> {
    let mut facts = rows.iter().map(|row| decode(id, row)).collect::<Result<Vec<_>, _>>()?;
    facts.sort_by_key(|fact| fact.number);
    Ok(facts)
}

fn decode(message: MessageId, row: &FactRow) -> Result<Fact, ActionError> {
    let unknown = || ActionError::Fault(format!("a row has the event {:?}", row.event));
    let digest = |bytes: &[u8]| bytes.try_into().map_err(ActionError::fault);
    let seen = |seen: &SeenRow| {
        Ok::<_, ActionError>(Seen { index: seen.index, size: seen.size, root: digest(&seen.root)? })
    };
    let envelope = (!row.envelope.is_empty()).then(|| digest(&row.envelope)).transpose()?;
    Ok(Fact {
        message,
        index: row.index,
        number: row.number,
        at: Timestamp::from_unix_ms(row.at_ms),
        event: Event::parse(&row.event).ok_or_else(unknown)?,
        recorded: row.recorded,
        envelope,
        code: (!row.code.is_empty()).then(|| row.code.as_str().into()),
        seen: row.seen.as_ref().map(seen).transpose()?,
        elsewhere: false,
        unshown: false,
    })
}
