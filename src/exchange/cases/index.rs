//! Which messages a case has, and which cases an agency: rows that are written with the message, so that
//! neither is looked for among all messages.
//!
//! What each peer sends, and what is sent to it, stand apart as well: how much a peer writes in a case is
//! its to choose, and must not keep anybody from finding what others wrote.

use std::cmp::Reverse;

use crate::crypto::HomeKey;
use crate::domain::request::{Body, Content, RelatedCase};
use crate::domain::{CaseId, MessageId, MessageKind};
use crate::envelope::wire::relation_to_pb;
use crate::exchange::ActionError;
use crate::exchange::rows::{MessageRow, RECEIVED, RelatedCaseRow, SENT};
use crate::exchange::submit::REFERENCE_MAX_CHARS;
use crate::store::{Direction, Store, Table, Tx};

/// All messages of a case.
pub(in crate::exchange) const ANY: u8 = b'm';
/// Those that carry a request.
pub(in crate::exchange) const REQUESTS: u8 = b'r';
/// Those that say what persons are: requests, and notices of protection.
pub(in crate::exchange) const ROLES: u8 = b'w';
/// Those that link it to an extradition: UNTOC 16(9)-(11).
pub(in crate::exchange) const EXTRADITION: u8 = b'x';

/// Not messages, but who has a part in it, by blinded name.
const PART: u8 = b'p';

/// Related cases that are kept of a message: as many as a list of a request may have.
const RELATED_MAX: usize = 100;

/// Messages of one side of a case that are looked through for those that are wanted: the newest. That
/// many of one peer, or to it, in one case are for whoever reads them one by one.
const LOOKED_MAX: usize = 4096;
/// Peers of a case that are known apart: there are not as many States.
const PEERS_MAX: usize = 256;
/// Ids that are read at once.
const PAGE: usize = 128;

fn prefix(case: &str, which: u8) -> Vec<u8> {
    [case.as_bytes(), &[0, which]].concat()
}

/// Where a message of a case stands.
pub(in crate::exchange) fn key(case: &str, which: u8, id: MessageId) -> Vec<u8> {
    [prefix(case, which).as_slice(), id.as_bytes()].concat()
}

/// Where it stands that a peer has a part in a case. It stays when the messages are erased, as the case
/// does.
pub(super) fn part(home: &HomeKey, case: &str, peer: &str) -> Vec<u8> {
    [prefix(case, PART).as_slice(), &blinded(home, peer)].concat()
}

fn blinded(home: &HomeKey, peer: &str) -> [u8; 16] {
    home.blind("case_part", peer.as_bytes())
}

/// Where the messages of one side stand: what a peer has sent, or what was sent to it.
fn side(case: &str, which: u8, direction: u32, peer: &[u8]) -> Vec<u8> {
    let direction = if direction == SENT { b's' } else { b'r' };
    [prefix(case, which).as_slice(), &[direction], peer].concat()
}

/// Where the cases of an agency stand.
pub(super) fn agency_prefix(home: &HomeKey, agency: &str) -> [u8; 16] {
    home.blind("cases", agency.as_bytes())
}

/// Notes that a case is known here, and whose it is (the first to bring it stays); and that the message
/// is one of it.
pub(in crate::exchange) fn note(tx: &mut Tx<'_>, home: &HomeKey, id: MessageId, row: &MessageRow) {
    let case = row.case_id.as_bytes();
    if case.is_empty() {
        return;
    }
    if tx.get(Table::Cases, case).is_none() {
        tx.put(Table::Cases, case, row.agency.as_bytes());
    }
    for which in places(row) {
        tx.put(Table::CaseMessages, &key(&row.case_id, which, id), Vec::new());
        tx.put(Table::CaseSides, &side_key(home, row, which, id), Vec::new());
    }
    tx.put(Table::CaseMessages, &part(home, &row.case_id, &row.peer), Vec::new());
    if !row.agency.is_empty() {
        let key = [agency_prefix(home, &row.agency).as_slice(), case].concat();
        tx.put(Table::AgencyCases, &key, Vec::new());
    }
}

/// Forgets that a message is one of its case.
pub(in crate::exchange) fn forget(
    tx: &mut Tx<'_>,
    home: &HomeKey,
    id: MessageId,
    row: &MessageRow,
) {
    if row.case_id.is_empty() {
        return;
    }
    for which in places(row) {
        tx.delete(Table::CaseMessages, &key(&row.case_id, which, id));
        tx.delete(Table::CaseSides, &side_key(home, row, which, id));
    }
}

/// Where a message stands among those of its side.
pub(in crate::exchange) fn side_key(
    home: &HomeKey,
    row: &MessageRow,
    which: u8,
    id: MessageId,
) -> Vec<u8> {
    let side = side(&row.case_id, which, row.direction, &blinded(home, &row.peer));
    [side.as_slice(), id.as_bytes()].concat()
}

fn places(row: &MessageRow) -> impl Iterator<Item = u8> {
    let kind = MessageKind::from_number(row.kind);
    let is_request = kind.is_some_and(MessageKind::is_request);
    let says_roles = is_request || kind == Some(MessageKind::VictimProtectionNotice);
    let link = kind.is_some_and(is_extradition_link).then_some(EXTRADITION);
    let (request, roles) = (is_request.then_some(REQUESTS), says_roles.then_some(ROLES));
    std::iter::once(ANY).chain(request).chain(roles).chain(link)
}

fn is_extradition_link(kind: MessageKind) -> bool {
    matches!(
        kind,
        MessageKind::ExtraditionLinkProvisionalArrest
            | MessageKind::ExtraditionLinkExtraditionRequest
            | MessageKind::ExtraditionLinkReferForProsecution
            | MessageKind::ExtraditionLinkSurrender
    )
}

/// Some messages of a case behind `after`, in the order in which they were created.
pub(in crate::exchange) fn scan(
    store: &Store,
    case: &str,
    which: u8,
    after: Option<MessageId>,
    direction: Direction,
    limit: usize,
) -> Result<Vec<MessageId>, ActionError> {
    let prefix = prefix(case, which);
    let after = after.map(|id| key(case, which, id));
    let rows = store.scan(Table::CaseMessages, &prefix, after.as_deref(), direction, limit)?;
    let id = |(key, _): &(Vec<u8>, Vec<u8>)| MessageId::from_slice(&key[prefix.len()..]);
    rows.iter().map(|row| id(row).map_err(ActionError::fault)).collect()
}

/// Messages with what was wanted of them, the newest first; beside them how many were looked at.
pub(in crate::exchange) type Found<T> = (Vec<(MessageId, T)>, usize);

/// The newest messages of a case that are wanted: up to `most` that were sent, and up to `most` that were
/// received. Where there are more, each peer is heard with its newest before any is with its next.
pub(in crate::exchange) fn newest<T>(
    store: &Store,
    case: &str,
    which: u8,
    most: usize,
    mut wanted: impl FnMut(MessageId) -> Result<Option<T>, ActionError>,
) -> Result<Found<T>, ActionError> {
    let parts = prefix(case, PART);
    let peers = store.scan(Table::CaseMessages, &parts, None, Direction::Forward, PEERS_MAX)?;
    let (mut all, mut looked) = (Vec::new(), 0);
    for direction in [SENT, RECEIVED] {
        let mut ranked = Vec::new();
        for (peer, _) in &peers {
            let side = side(case, which, direction, &peer[parts.len()..]);
            let (found, some) = newest_of(store, &side, most, &mut wanted)?;
            ranked.extend(found.into_iter().enumerate());
            looked += some;
        }
        ranked.sort_by_key(|(rank, (id, _))| (*rank, Reverse(*id)));
        all.extend(ranked.into_iter().take(most).map(|(_, found)| found));
    }
    all.sort_by_key(|(id, _)| Reverse(*id));
    Ok((all, looked))
}

/// The newest messages of one side of a case that are wanted, up to `most`.
pub(in crate::exchange) fn newest_with<T>(
    store: &Store,
    home: &HomeKey,
    of: (&str, u8, u32, &str),
    most: usize,
    mut wanted: impl FnMut(MessageId) -> Result<Option<T>, ActionError>,
) -> Result<Found<T>, ActionError> {
    let (case, which, direction, peer) = of;
    let side = side(case, which, direction, &blinded(home, peer));
    newest_of(store, &side, most, &mut wanted)
}

fn newest_of<T>(
    store: &Store,
    side: &[u8],
    most: usize,
    wanted: &mut impl FnMut(MessageId) -> Result<Option<T>, ActionError>,
) -> Result<Found<T>, ActionError> {
    let (mut found, mut looked) = (Vec::new(), 0);
    let mut after: Option<Vec<u8>> = None;
    while looked < LOOKED_MAX {
        let back = Direction::Backward;
        let page = store.scan(Table::CaseSides, side, after.as_deref(), back, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, _) in page {
            let id = MessageId::from_slice(&key[side.len()..]).map_err(ActionError::fault)?;
            looked += 1;
            found.extend(wanted(id)?.map(|what| (id, what)));
            if found.len() >= most {
                return Ok((found, looked));
            }
        }
    }
    Ok((found, looked))
}

/// The cases that what is said names as related to its own.
pub(in crate::exchange) fn related(content: &Content) -> Vec<RelatedCaseRow> {
    let related = match &content.body {
        Body::Request(request) => &request.related_cases,
        _ => &content.related_cases,
    };
    related.iter().take(RELATED_MAX).map(related_row).collect()
}

fn related_row(case: &RelatedCase) -> RelatedCaseRow {
    RelatedCaseRow {
        relation: relation_to_pb(case.relation) as i32,
        authority: case.authority.to_string(),
        case_id: case.case_id.as_ref().map_or_else(String::new, CaseId::to_string),
        reference: case.reference.chars().take(REFERENCE_MAX_CHARS).collect(),
    }
}
