//! Where requests stand, and what messages do to that.
//!
//! The requested authority's node decides in the order of its own log, and says with each message
//! about a request where it stands behind it. The requesting authority's node keeps what it was told,
//! and what it has sent since; it takes nothing that the table does not allow, whoever signed it.

use prost::Message as _;

use super::ActionError;
use super::rows::{MessageRow, RECEIVED, SENT, SentMove, StandingRow, Step, decode, load_in};
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::{Illegal, Move, RequestState, Side, Standing};
use crate::domain::{MessageId, MessageKind};
use crate::pb::v1 as pb;
use crate::store::{Direction, Table, Tx};

/// Moves of the requesting side that may wait to be judged.
const SENT_MAX: usize = 64;

/// Changes that are kept of one request.
const STEPS_MAX: usize = 200;
/// How far the messages about a request are counted on where some may be lost of those that were
/// counted before.
const SKIPPED: u64 = 1 << 20;

/// The message is about a request that is not known here.
const REQUEST_UNKNOWN: &str = "REQUEST_UNKNOWN";
/// It came when the request stood elsewhere already: nobody's fault.
const CROSSED: &str = "CROSSED";
/// A newer message of the requested authority was here before it.
const OVERTAKEN: &str = "OVERTAKEN";
/// The requested authority does what the table does not allow.
const ILLEGAL_MOVE: &str = "ILLEGAL_MOVE";

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The request; `None` in one that begins its own, and where it is about none.
    pub(super) request: Option<MessageId>,
    /// What it does to it.
    pub(super) made: Option<Move>,
    /// Where the request stands behind it, as the requested side has sealed it into the message.
    pub(super) told: Option<pb::Standing>,
}

impl StandingRow {
    /// Which side we are.
    pub(super) fn side(&self) -> Side {
        if self.side == SENT { Side::Requesting } else { Side::Requested }
    }

    /// Whether we are the side that is asked, and decides.
    pub(crate) fn is_requested(&self) -> bool {
        self.side() == Side::Requested
    }

    /// What we may do with it now.
    pub(crate) fn legal(&self) -> Vec<Move> {
        self.shown().map(|at| at.legal(self.side())).unwrap_or_default()
    }

    fn begun(direction: u32, peer: &str, parent: Vec<u8>) -> Self {
        Self { side: direction, peer: peer.to_owned(), parent, ..Self::default() }
    }

    fn standing(&self) -> Result<Standing, ActionError> {
        let unknown = || ActionError::Fault("a request stands nowhere".into());
        Ok(Standing {
            state: RequestState::from_number(self.state).ok_or_else(unknown)?,
            before: RequestState::from_number(self.before),
        })
    }

    /// Where it stands: as the requested side says, and if it takes what was sent since.
    pub(super) fn shown(&self) -> Result<Standing, ActionError> {
        let sent = self.sent.iter().filter_map(|sent| Move::parse(&sent.made));
        Ok(sent.fold(self.standing()?, |at, made| at.after(Side::Requesting, made).unwrap_or(at)))
    }

    /// Everywhere that it may stand at the requested side, which has judged none, some or all of what
    /// was sent.
    fn possible(&self) -> Result<Vec<Standing>, ActionError> {
        let told = self.standing()?;
        let mut all = vec![told];
        if told.state == RequestState::Issued {
            all.push(RequestState::Received.into());
        }
        for made in self.sent.iter().filter_map(|sent| Move::parse(&sent.made)) {
            let moved = all.iter().filter_map(|at| at.after(Side::Requesting, made).ok());
            let new: Vec<Standing> = moved.filter(|at| !all.contains(at)).collect();
            all.extend(new);
        }
        Ok(all)
    }

    fn moves(&mut self, to: Standing, id: MessageId, at_ms: i64) {
        let Standing { state, before } = to;
        if self.state != state as i32 {
            // A peer that goes to and fro without end fills no row: the beginning stays, and the end.
            if self.steps.len() >= STEPS_MAX {
                self.steps.remove(1);
            }
            self.steps.push(Step {
                at_ms,
                state: state as i32,
                message_id: id.as_bytes().to_vec(),
                was_state: self.state,
                was_before: self.before,
            });
        }
        self.state = state as i32;
        self.before = before.map_or(0, |before| before as i32);
    }

    /// What our next message says of it, with `made`.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where that is illegal.
    pub(super) fn next(&self, made: Option<Move>) -> Result<Next, ActionError> {
        let (side, at) = (self.side(), self.shown()?);
        let moved = made.map_or(Ok(at), |made| at.after(side, made)).map_err(illegal)?;
        if side == Side::Requesting && self.sent.len() >= SENT_MAX {
            let rule = format!("{SENT_MAX} messages about this request wait to be judged");
            return Err(ActionError::invalid("content.kind", rule));
        }
        let told = (side == Side::Requested).then(|| pb::Standing {
            state: moved.state as i32,
            number: self.told + 1,
            judged: self.judged.clone().into(),
        });
        Ok(Next { moved, told })
    }
}

/// What a message of ours does.
pub(super) struct Next {
    moved: Standing,
    /// What it says, where we decide.
    pub(super) told: Option<pb::Standing>,
}

fn illegal(illegal: Illegal) -> ActionError {
    ActionError::invalid("content.kind", illegal.to_string())
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
    parent: Option<MessageId>,
) -> Result<(), ActionError> {
    let at_ms = tx.at().unix_ms();
    let parent_id = parent.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
    let mut begun = StandingRow::begun(row.direction, &row.peer, parent_id);
    begun.moves(state.into(), id, at_ms);
    put(tx, id, &begun);
    row.request = id.as_bytes().to_vec();
    row.request_state = state as i32;
    // What was mended takes the place of what was returned.
    let Some(parent) = parent else { return Ok(()) };
    if let Some(mut old) = load(tx, parent)?.filter(|old| old.peer == row.peer)
        && old.state == RequestState::Returned as i32
        && old.side == row.direction
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
        return begin(tx, id, row, RequestState::Issued, about.request);
    }
    let Some(request) = about.request else { return Ok(()) };
    let mut at = load(tx, request)?.ok_or_else(moved)?;
    let Next { moved: to, told } = at.next(about.made)?;
    if told != about.told {
        return Err(moved());
    }
    row.request = request.as_bytes().to_vec();
    match told {
        Some(told) => {
            at.told = told.number;
            at.moves(to, id, tx.at().unix_ms());
            row.request_state = to.state as i32;
        }
        None => {
            if let Some(made) = about.made {
                let message_id = id.as_bytes().to_vec();
                at.sent.push(SentMove { message_id, made: made.as_str().to_owned() });
            }
        }
    }
    put(tx, request, &at);
    Ok(())
}

/// Takes back what a message of ours has done that does not reach the other side: its agency withdrew
/// it before it left, or it was refused there. Called wherever that is learnt.
pub(super) fn undone(tx: &mut Tx<'_>, id: MessageId, row: &MessageRow) -> Result<(), ActionError> {
    let cancelled = row.delivery() == DeliveryState::Cancelled;
    let never = cancelled
        || matches!(row.delivery(), DeliveryState::Rejected | DeliveryState::NotConsigned);
    let request = MessageId::from_slice(&row.request).ok();
    let Some(request) = request.filter(|_| never && row.direction == SENT) else { return Ok(()) };
    let Some(mut at) = load(tx, request)? else { return Ok(()) };
    let known = at.clone();
    at.sent.retain(|sent| sent.message_id != id.as_bytes());
    if request == id {
        at.moves(RequestState::Closed.into(), id, tx.at().unix_ms());
    } else if cancelled
        && at.side() == Side::Requested
        && let Some(step) = at.steps.pop_if(|step| step.message_id == id.as_bytes())
    {
        // Nobody has heard of it.
        (at.state, at.before) = (step.was_state, step.was_before);
    }
    if at != known {
        put(tx, request, &at);
    }
    Ok(())
}

/// Counts on where messages of ours may be lost with the end of the log: what is said from now on must
/// not look overtaken by what the other side has heard. Gives the last row that was read; `None` where
/// there is no more.
pub(super) fn count_on(
    tx: &mut Tx<'_>,
    after: Option<&[u8]>,
    some: usize,
) -> Result<Option<Vec<u8>>, ActionError> {
    let page = tx.scan(Table::Standings, b"", after, Direction::Forward, some);
    for (key, row) in &page {
        let mut row: StandingRow = decode(row)?;
        if row.is_requested() {
            row.told += SKIPPED;
            tx.put(Table::Standings, key, row.encode_to_vec());
        }
    }
    Ok(page.last().map(|(key, _)| key.clone()))
}

/// Does what a message of the other side does, in the commit that consigns it. Whatever it says, the
/// message is consigned: what it may not do has no effect, and its row says why.
pub(super) fn received(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
    kind: MessageKind,
    about: &About,
) -> Result<(), ActionError> {
    debug_assert_eq!(row.direction, RECEIVED);
    if kind.is_request() {
        return begin(tx, id, row, RequestState::Received, about.request);
    }
    let Some(request) = about.request else { return Ok(()) };
    let known = load(tx, request)?.filter(|at| at.peer == row.peer);
    let Some(mut at) = known else {
        row.no_effect = REQUEST_UNKNOWN.to_owned();
        return Ok(());
    };
    row.request = request.as_bytes().to_vec();
    let at_ms = tx.at().unix_ms();
    let effect = match at.side() {
        Side::Requested => judge(&mut at, id, about.made, at_ms),
        Side::Requesting => heed(&mut at, id, about, at_ms),
    };
    match effect? {
        Ok(state) => row.request_state = state as i32,
        Err(code) => row.no_effect = code.to_owned(),
    }
    put(tx, request, &at);
    Ok(())
}

type Effect = Result<RequestState, &'static str>;

/// We decide: a move that is legal now is made, in the order in which messages come.
fn judge(
    at: &mut StandingRow,
    id: MessageId,
    made: Option<Move>,
    at_ms: i64,
) -> Result<Effect, ActionError> {
    at.judged = at.judged.clone().max(id.as_bytes().to_vec());
    let now = at.standing()?;
    let Some(made) = made else { return Ok(Ok(now.state)) };
    Ok(match now.after(Side::Requesting, made) {
        Ok(to) => {
            at.moves(to, id, at_ms);
            Ok(to.state)
        }
        Err(_) => Err(CROSSED),
    })
}

/// The other side decides: what it says is so, if it can have come there.
fn heed(
    at: &mut StandingRow,
    id: MessageId,
    about: &About,
    at_ms: i64,
) -> Result<Effect, ActionError> {
    let Some(told) = &about.told else { return Ok(Err(ILLEGAL_MOVE)) };
    if told.number <= at.told {
        return Ok(Err(OVERTAKEN));
    }
    let Some(state) = RequestState::from_number(told.state) else { return Ok(Err(ILLEGAL_MOVE)) };
    let in_order = told.number == at.told + 1;
    at.told = told.number;
    let all = at.possible()?.into_iter();
    let step = |one: Standing| match about.made {
        Some(made) => one.after(Side::Requested, made).ok(),
        None => Some(one),
    };
    let to = match all.filter_map(step).find(|to| to.state == state) {
        Some(to) => to,
        // What lies between is on its way still: only with it could this be judged.
        None if !in_order => state.into(),
        None => return Ok(Err(ILLEGAL_MOVE)),
    };
    at.sent.retain(|sent| sent.message_id.as_slice() > told.judged.as_ref());
    at.judged = told.judged.to_vec();
    at.moves(to, id, at_ms);
    Ok(Ok(state))
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
