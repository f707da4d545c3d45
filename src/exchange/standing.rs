//! Where requests stand, and what messages do to that.
//!
//! The requested authority's node decides in the order of its own log, and says with each message
//! about a request where it stands behind it. The requesting authority's node takes that as said, for
//! nobody else can know, and notes where the table does not allow it. What it has sent since is kept
//! beside it: a move that may be legal there may be made.

mod receipted;
mod row;
mod turns;

use prost::Message as _;

pub(super) use self::receipted::{expired, receipted};
use self::row::Next;
use super::ActionError;
use super::rows::{
    MessageRow, RECEIVED, SENT, StandingRow, decode, load_in, message_in, put_message,
};
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::{Move, RequestState, Side, Standing};
use crate::domain::request::UrgencyLevel;
use crate::domain::{MessageId, MessageKind, Timestamp};
use crate::pb::v1 as pb;
use crate::store::{Direction, Table, Tx};

/// Moves of the requesting side that are kept until they are judged; of more, the newest.
pub(super) const SENT_MAX: usize = 64;
/// Moves that may come before their request: all are judged in the one commit that consigns it.
const EARLY_MAX: usize = 8;
/// Changes that are kept of one request.
const STEPS_MAX: usize = 200;
/// Of those, the first, which never go: when it was acknowledged and decided on is among them, where
/// the two did not go to and fro a hundred times before.
const STEPS_FIRST: usize = 100;
/// How far the messages about a request are counted on where some may be lost of those that were
/// counted before.
const SKIPPED: u64 = 1 << 20;

/// The message is about a request that is not known here, or is another one than that of the message
/// which it answers.
pub(super) const REQUEST_UNKNOWN: &str = "REQUEST_UNKNOWN";
/// It came when the request stood elsewhere already: nobody's fault.
const CROSSED: &str = "CROSSED";
/// A newer message of the requested authority was here before it.
pub(super) const OVERTAKEN: &str = "OVERTAKEN";
/// The requested authority does what the table does not allow.
const ILLEGAL_MOVE: &str = "ILLEGAL_MOVE";

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The request; in a request the one that it supplements or mends.
    pub(super) request: Option<MessageId>,
    /// The message that it answers.
    pub(super) answers: Option<MessageId>,
    /// What it does to it.
    pub(super) made: Option<Move>,
    /// Where the request stands behind it, as the requested side has sealed it into the message.
    pub(super) told: Option<pb::Standing>,
    /// How urgent a request is; of anything else, routine.
    pub(super) urgency: UrgencyLevel,
    /// The end of the day to which it is postponed, where one is named.
    pub(super) review: Option<Timestamp>,
}

/// Another message about the request came first: then what was sealed says what is not so.
fn moved() -> ActionError {
    ActionError::conflict("REQUEST_MOVED", "the request stands elsewhere now: look, and try again")
}

/// Whether that is why a submission failed, and it can be sealed anew.
pub(super) fn is_moved(error: &ActionError) -> bool {
    matches!(error, ActionError::Conflict { code, .. } if *code == "REQUEST_MOVED")
}

fn load(tx: &mut Tx<'_>, request: MessageId) -> Result<Option<StandingRow>, ActionError> {
    load_in(tx, Table::Standings, request.as_bytes())
}

fn put(tx: &mut Tx<'_>, request: MessageId, row: &StandingRow) {
    tx.put(Table::Standings, request.as_bytes(), row.encode_to_vec());
}

/// Begins the life of a request, in the commit of the message that carries it.
fn begin(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
    state: RequestState,
    about: &About,
) -> Result<(), ActionError> {
    let parent = about.request;
    let at_ms = tx.at().unix_ms();
    let early = load(tx, id)?.filter(|early| early.peer == row.peer && early.state == 0);
    let mut begun = StandingRow {
        side: row.direction,
        peer: row.peer.clone(),
        parent: parent.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
        urgency: about.urgency as i32 + 1,
        ..StandingRow::default()
    };
    begun.moves(state.into(), id, at_ms);
    row.request = id.as_bytes().to_vec();
    row.request_state = state as i32;
    for early in early.map(|early| early.sent).unwrap_or_default() {
        let about_it = MessageId::from_slice(&early.message_id).map_err(ActionError::fault)?;
        let Some(mut message) = message_in(tx, about_it)? else { continue };
        message.request = id.as_bytes().to_vec();
        let made = Move::parse(&early.made);
        note(&mut message, judge(&mut begun, about_it, made, Some(id), at_ms));
        put_message(tx, about_it, &message);
    }
    put(tx, id, &begun);
    // What was mended takes the place of what was returned. The requested side says so.
    let Some(parent) = parent.filter(|_| row.direction == RECEIVED) else { return Ok(()) };
    if let Some(mut old) = load(tx, parent)?.filter(|old| old.peer == row.peer)
        && old.state == RequestState::Returned as i32
        && old.is_requested()
    {
        old.moves(RequestState::Closed.into(), id, at_ms);
        put(tx, parent, &old);
    }
    Ok(())
}

/// Does what a message of ours does, in its commit.
///
/// # Errors
/// [`ActionError::Conflict`] where the request stands elsewhere than when it was sealed
/// ([`is_moved`]); [`ActionError::Invalid`] where it is illegal.
pub(super) fn sent(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
    kind: MessageKind,
    about: &About,
) -> Result<(), ActionError> {
    if kind.is_request() {
        return begin(tx, id, row, RequestState::Issued, about);
    }
    let Some(request) = about.request else { return Ok(()) };
    let mut at = load(tx, request)?.ok_or_else(moved)?;
    let Next { moved: to, told } = at.next(about.made)?;
    row.request = request.as_bytes().to_vec();
    match (&told, &about.told) {
        (Some(told), Some(sealed)) => {
            if (told.number, told.state, told.before)
                != (sealed.number, sealed.state, sealed.before)
            {
                return Err(moved());
            }
            at.told = told.number;
            at.last_told = id.as_bytes().to_vec();
            at.moves(to, id, tx.at().unix_ms());
            at.says(Side::Requested, about.made, id, tx.at().unix_ms());
            at.is_put_off(about, told.number);
            row.request_state = to.state as i32;
        }
        (None, None) => {
            // What changes nothing here may change something where the request stands elsewhere by now.
            if let Some(made) = about.made.filter(|made| made.may_change(Side::Requesting)) {
                let closes = at.is_closed_by(made, about.answers);
                at.keeps(id, made, tx.at().unix_ms(), closes);
                at.binds(id, made);
                if made == Move::Withdraw {
                    at.is_withdrawn(tx.at().unix_ms());
                }
            }
            at.says(Side::Requesting, about.made, id, tx.at().unix_ms());
        }
        _ => return Err(moved()),
    }
    put(tx, request, &at);
    Ok(())
}

/// Takes back what a message of ours has done that does not reach the other side: its agency withdrew
/// it before it left, or it was refused there. Called wherever that is learnt. What the requested side
/// has decided stays decided where its message was refused: its next one says so.
///
/// # Errors
/// [`ActionError::Conflict`] where its agency withdraws what a later message has built upon.
pub(super) fn undone(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
) -> Result<(), ActionError> {
    let cancelled = row.delivery() == DeliveryState::Cancelled;
    let never = row.delivery().never_came();
    let request = MessageId::from_slice(&row.request).ok();
    let Some(request) = request.filter(|_| never && row.direction == SENT) else { return Ok(()) };
    let Some(mut at) = load(tx, request)? else { return Ok(()) };
    at.sent.retain(|sent| sent.message_id != id.as_bytes());
    if at.conditions == id.as_bytes() {
        at.conditions.clear();
    }
    if row.kind == MessageKind::Withdrawal as i32 && !at.is_requested() {
        at.is_not_withdrawn(0);
    }
    at.turns.retain(|turn| turn.message_id != id.as_bytes());
    if request == id {
        at.moves(RequestState::Closed.into(), id, tx.at().unix_ms());
    } else if cancelled && at.is_requested() {
        if at.last_told != id.as_bytes() {
            let message = "a later message about the request was sealed behind it: that would say \
                           what is not so";
            return Err(ActionError::conflict("LATER_MESSAGE", message));
        }
        // Nobody has heard of it: its number is given again.
        at.told -= 1;
        at.last_told.clear();
        if let Some(step) = at.steps.pop_if(|step| step.message_id == id.as_bytes()) {
            (at.state, at.before) = (step.was_state, step.was_before);
        }
        row.request_state = 0;
    }
    put(tx, request, &at);
    Ok(())
}

/// Counts on where messages of ours may be lost with the end of the log: what the requested side says
/// from now on must not look overtaken by what the other has heard; and what the requesting side has
/// sent is not known any more. Gives the last row that was read; `None` where there is no more.
pub(super) fn count_on(
    tx: &mut Tx<'_>,
    after: Option<&[u8]>,
    some: usize,
) -> Result<Option<Vec<u8>>, ActionError> {
    let page = tx.scan(Table::Standings, b"", after, Direction::Forward, some);
    for (key, row) in &page {
        let mut row: StandingRow = decode(row)?;
        match row.side() {
            Side::Requested => row.told += SKIPPED,
            Side::Requesting => row.unsure = true,
        }
        tx.put(Table::Standings, key, row.encode_to_vec());
    }
    Ok(page.last().map(|(key, _)| key.clone()))
}

/// Does what a message of the other side does, in the commit that consigns it. Whatever it says, the
/// message is consigned. It is about the request of the message that it answers, which whoever may see
/// that message may see too.
pub(super) fn received(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
    kind: MessageKind,
    about: &About,
) -> Result<(), ActionError> {
    let answered = match about.answers {
        Some(answers) => message_in(tx, answers)?.filter(|answered| answered.peer == row.peer),
        None => None,
    };
    let of_answered = answered.and_then(|row| MessageId::from_slice(&row.request).ok());
    if kind.is_request() {
        let parent = about.request.filter(|request| of_answered == Some(*request));
        let about = About { request: parent, ..about.clone() };
        return begin(tx, id, row, RequestState::Received, &about);
    }
    let Some(request) = about.request else { return Ok(()) };
    if of_answered != Some(request) {
        row.move_notice = REQUEST_UNKNOWN.to_owned();
        // It may have come before the request that it answers.
        if let Some(made) = about.made.filter(|_| about.answers == Some(request)) {
            early(tx, id, row, request, made)?;
        }
        return Ok(());
    }
    let Some(mut at) = load(tx, request)?.filter(|at| at.peer == row.peer && at.state != 0) else {
        row.move_notice = REQUEST_UNKNOWN.to_owned();
        return Ok(());
    };
    row.request = request.as_bytes().to_vec();
    let at_ms = tx.at().unix_ms();
    let effect = match at.side() {
        Side::Requested => judge(&mut at, id, about.made, about.answers, at_ms),
        Side::Requesting => heed(&mut at, id, about, at_ms),
    };
    note(row, effect);
    put(tx, request, &at);
    Ok(())
}

/// Keeps a move until the request that it is about has come.
fn early(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &MessageRow,
    request: MessageId,
    made: Move,
) -> Result<(), ActionError> {
    let known = load(tx, request)?;
    let empty = StandingRow { side: RECEIVED, peer: row.peer.clone(), ..StandingRow::default() };
    let mut at = known.unwrap_or(empty);
    if at.peer == row.peer && at.state == 0 && at.sent.len() < EARLY_MAX {
        at.keeps(id, made, tx.at().unix_ms(), false);
        put(tx, request, &at);
    }
    Ok(())
}

/// Where the request stands behind a message, if it moved it, and what is to be noted of that.
type Effect = (Option<RequestState>, &'static str);

fn note(row: &mut MessageRow, (state, notice): Effect) {
    row.request_state = state.map_or(0, |state| state as i32);
    row.move_notice = notice.to_owned();
}

/// We decide: a move that is legal now is made, in the order in which messages come.
fn judge(
    at: &mut StandingRow,
    id: MessageId,
    made: Option<Move>,
    answers: Option<MessageId>,
    at_ms: i64,
) -> Effect {
    if at.judged.len() >= SENT_MAX {
        at.judged.remove(0);
    }
    at.judged.push(id.as_bytes().to_vec());
    let (Some(now), Some(made)) = (at.standing(), made) else { return (None, "") };
    let last = at.steps.last().map(|step| step.message_id.as_slice());
    let of_last = answers.map(|id| *id.as_bytes()).as_ref().map(<[u8; 16]>::as_slice) == last;
    match now.hears(made, of_last) {
        Ok(to) => {
            at.moves(to, id, at_ms);
            at.binds(id, made);
            at.says(Side::Requesting, Some(made), id, at_ms);
            (Some(to.state), "")
        }
        Err(_) => (None, CROSSED),
    }
}

/// The other side decides: what it says is so. It is noted where it cannot have come there by the
/// table; not where a message of it has not come yet, or what we have sent is not known any more. What
/// was overtaken is put where it belongs, and moves nothing.
fn heed(at: &mut StandingRow, id: MessageId, about: &About, at_ms: i64) -> Effect {
    at.told_ms = at_ms;
    let told = about.told.as_ref();
    let Some((told, state)) =
        told.and_then(|told| RequestState::from_number(told.state).map(|state| (told, state)))
    else {
        return (None, ILLEGAL_MOVE);
    };
    if told.number <= at.told {
        at.hears_late(id, about, told, state, at_ms);
        return (None, OVERTAKEN);
    }
    let in_order = told.number == at.told + 1 && !at.unsure;
    let to = Standing { state, before: RequestState::from_number(told.before) };
    let step = |one: Standing| match about.made {
        Some(made) => one.after(Side::Requested, made).ok(),
        None => Some(one),
    };
    let legal = at.possible().into_iter().filter_map(step).any(|one| one.state == state);
    at.told = told.number;
    at.unsure = false;
    at.has_judged(told);
    at.was_told(to, id, told.number, at_ms);
    at.says(Side::Requested, about.made, id, at_ms);
    at.is_put_off(about, told.number);
    (Some(state), if in_order && !legal { ILLEGAL_MOVE } else { "" })
}

#[cfg(test)]
pub(super) mod tests;
