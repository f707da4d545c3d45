//! The statistics of a node, counted anew from its log and from contents that were disclosed.
//!
//! The log says when each message came and went and to whom; the contents, each proven against the
//! log, say what it was. From both the life of every request is told anew, and counted by the code by
//! which the node counts. What is not disclosed is named: a count is never short in silence.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::audit::disclosure::Record;
use crate::audit::entry::{Entry, Event};
use crate::audit::replay::{Side as LogSide, State};
use crate::cli::exit::{Exit, Failure};
use crate::domain::clock::Targets;
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::{Move, RequestState, Side, Standing};
use crate::domain::request::{Body, Content};
use crate::domain::statistics::{
    Facts, Heard, Life, Period, Said, StatisticsReturn, Tally, Way, What,
};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::wire::content_from_pb;
use crate::pb::v1 as pb;

/// When a message was submitted here or came into the inbox, and when the other side had it.
#[derive(Clone, Copy, Default)]
struct Dates {
    own: Option<(u64, Timestamp)>,
    arrived: Option<Timestamp>,
}

/// Messages that came to nobody or may have, and why.
type Never = BTreeMap<MessageId, DeliveryState>;

/// What a log says of its messages until a time.
pub(super) struct Told {
    as_of: Option<Timestamp>,
    dates: BTreeMap<MessageId, Dates>,
    /// Those that were taken back or refused by then, or whose time was over without an answer.
    never: Option<Never>,
    last: Timestamp,
}

impl Told {
    pub(super) fn new(as_of: Option<Timestamp>) -> Self {
        let last = Timestamp::from_unix_ms(0);
        Self { as_of, dates: BTreeMap::new(), never: None, last }
    }

    /// Takes the next entry, before the state has it.
    pub(super) fn observe(&mut self, index: u64, entry: &Entry, state: &State) {
        if self.as_of.is_some_and(|as_of| entry.at > as_of) {
            self.never.get_or_insert_with(|| never(state));
            return;
        }
        self.last = entry.at;
        let Some(id) = entry.message else { return };
        let dates = self.dates.entry(id).or_default();
        match (entry.event, entry.is_recorded_receipt()) {
            (Event::SubmissionAcceptance | Event::ContentConsignment, false) => {
                dates.own.get_or_insert((index, entry.at));
            }
            (Event::ContentConsignment, true) => {
                dates.arrived.get_or_insert(entry.at);
            }
            _ => {}
        }
    }

    fn as_of(&self) -> Timestamp {
        self.as_of.unwrap_or(self.last)
    }
}

fn never(state: &State) -> Never {
    let gone = |state: DeliveryState| state.never_came() || state == DeliveryState::ExpiredUnknown;
    let never = state.messages().filter(|one| gone(one.state));
    never.map(|one| (one.id, one.state)).collect()
}

/// A content that is proven, and who said it when.
struct Message {
    index: u64,
    at: Timestamp,
    arrived: Option<Timestamp>,
    sent: bool,
    peer: AuthorityId,
    content: Content,
    about: Option<MessageId>,
    answers: Option<MessageId>,
    told: Option<(Standing, u64)>,
    /// Whether the other side refused it: what it decides stands, and it is not counted.
    refused: bool,
    /// Whether nobody knows if it came.
    unanswered: bool,
}

/// What was counted.
pub(super) struct Figures {
    pub(super) counted: StatisticsReturn,
    /// Messages since the period began whose content is not disclosed.
    pub(super) undisclosed: Vec<MessageId>,
    /// Those among all of that time that were erased: nobody can disclose them.
    pub(super) erased: u64,
    /// Those of the other side about which the node says that what they answer is not of the request that
    /// they name: it has not acted on them, and they are not counted.
    pub(super) request_unknown: Vec<MessageId>,
}

/// What was disclosed of a message.
pub(super) struct Disclosed {
    body: pb::MessageBody,
    /// What it answers, as the node says.
    answers: Option<MessageId>,
    request_unknown: bool,
}

/// Counts the requests of a period.
pub(super) fn count(
    period: Period,
    targets: &Targets,
    told: &Told,
    state: &State,
    contents: &BTreeMap<MessageId, Disclosed>,
) -> Result<Figures, Failure> {
    let never = told.never.clone().unwrap_or_else(|| never(state));
    let (mut undisclosed, mut request_unknown, mut erased) = (Vec::new(), Vec::new(), 0);
    let mut messages: BTreeMap<MessageId, Message> = BTreeMap::new();
    for (id, dates) in &told.dates {
        let refused = never.get(id).copied();
        let is_there = refused != Some(DeliveryState::Cancelled);
        let Some((index, at)) = dates.own.filter(|_| is_there) else { continue };
        let Some(view) = state.message(id) else { continue };
        let Some(content) = contents.get(id) else {
            match view.erased {
                true => erased += u64::from(id.at() >= period.start()),
                false if id.at() >= period.start() => undisclosed.push(*id),
                false => {}
            }
            continue;
        };
        let (peer, sent) = (peer_of(*id, view.peer)?, view.side == LogSide::Sent);
        let dated = Dates { own: Some((index, at)), arrived: dates.arrived };
        let mut message = message(*id, &content.body, dated, sent, peer)?;
        message.answers = content.answers;
        message.refused = refused.is_some_and(DeliveryState::never_came);
        message.unanswered = refused == Some(DeliveryState::ExpiredUnknown);
        // Of what it sends a node knows what it is about.
        if content.request_unknown && !sent && message.about.take().is_some() {
            request_unknown.push(*id);
        }
        messages.insert(*id, message);
    }
    let mut tally = Tally::new(period, told.as_of());
    for facts in lives(&messages, targets) {
        tally.add(&facts);
    }
    Ok(Figures { counted: tally.finish(), undisclosed, erased, request_unknown })
}

fn peer_of(id: MessageId, peer: &str) -> Result<AuthorityId, Failure> {
    let wrong = |error| Failure::new(Exit::VerificationFailed, format!("message {id}: {error}"));
    AuthorityId::parse(peer).map_err(wrong)
}

fn message(
    id: MessageId,
    body: &pb::MessageBody,
    dates: Dates,
    sent: bool,
    peer: AuthorityId,
) -> Result<Message, Failure> {
    let wrong =
        |what: String| Failure::new(Exit::VerificationFailed, format!("message {id}: {what}"));
    let content = body.content.clone().ok_or_else(|| wrong("its body has no content".into()))?;
    let content = content_from_pb(content).map_err(|error| wrong(error.to_string()))?;
    let standing = |told: &pb::Standing| {
        let before = RequestState::from_number(told.before);
        let state = RequestState::from_number(told.state)?;
        Some((Standing { state, before }, told.number))
    };
    let (index, at) = dates.own.unwrap_or((0, id.at()));
    Ok(Message {
        index,
        at,
        arrived: dates.arrived,
        sent,
        peer,
        about: MessageId::from_slice(&body.request).ok().filter(|_| !content.kind.is_request()),
        answers: None,
        told: body.standing.as_ref().and_then(standing),
        refused: false,
        unanswered: false,
        content,
    })
}

/// The facts of every request.
fn lives<'a>(
    messages: &'a BTreeMap<MessageId, Message>,
    targets: &'a Targets,
) -> impl Iterator<Item = Facts> + 'a {
    let mut about: BTreeMap<MessageId, Vec<(MessageId, &Message)>> = BTreeMap::new();
    for (said, message) in messages {
        let request = message.about.and_then(|id| messages.get(&id).map(|request| (id, request)));
        if let Some((id, _)) = request.filter(|(_, request)| request.peer == message.peer) {
            about.entry(id).or_default().push((*said, message));
        }
    }
    let is_request = |one: &Message| one.content.kind.is_request() && !one.refused;
    let requests = messages.iter().filter(move |(_, one)| is_request(one));
    requests.map(move |(id, request)| {
        let mut said = about.remove(id).unwrap_or_default();
        said.sort_by_key(|(_, message)| message.index);
        facts(*id, request, &said, targets)
    })
}

fn facts(
    id: MessageId,
    request: &Message,
    said: &[(MessageId, &Message)],
    targets: &Targets,
) -> Facts {
    let (way, side) = match request.sent {
        true => (Way::Made, Side::Requesting),
        false => (Way::Received, Side::Requested),
    };
    let kind = request.content.kind;
    let mut facts = Facts::new(id, way, request.peer.clone(), kind);
    if let Body::Request(body) = &request.content.body {
        facts.what = What::of(body);
    }
    facts.urgency = request.content.urgency();
    facts.track = targets.of(request.peer.as_str(), facts.urgency);
    let mut life = Life::begin(side, id, request.at, request.arrived);
    for (said_id, message) in said {
        let by = if message.sent { side } else { side.other() };
        life.takes(&step(*said_id, message, by, request.at));
        if message.refused {
            continue;
        }
        let mut heard = Heard::default();
        heard.takes(message.content.kind, Some(&message.content), 0);
        facts.hears(by, heard);
    }
    facts.history = life.into_history();
    facts
}

/// What a message does. One that came before its request is judged when that has come.
fn step(id: MessageId, message: &Message, by: Side, begun: Timestamp) -> Said {
    let made = match &message.content.body {
        Body::Note(note) => Move::of(message.content.kind, note),
        _ => None,
    };
    // A withdrawal that may not have come stops nothing.
    let is_doubtful = message.unanswered && made == Some(Move::Withdraw);
    Said {
        id,
        at: message.at.max(begun),
        by,
        made: made.filter(|_| !is_doubtful),
        answers: message.answers,
        told: message.told,
        review: message.content.review(),
        arrived: message.arrived,
        refused: message.refused,
    }
}

/// What records say that were proven.
pub(super) fn decode(records: Vec<Record>) -> Result<BTreeMap<MessageId, Disclosed>, Failure> {
    let content = |record: Record| {
        let Record { message_id: id, body, request_unknown, in_reply_to: answers, .. } = record;
        let unproven =
            |_| Failure::new(Exit::VerificationFailed, format!("message {id}: no message body"));
        let body = pb::MessageBody::decode(body.as_slice()).map_err(unproven)?;
        Ok((id, Disclosed { body, answers, request_unknown }))
    };
    records.into_iter().map(content).collect()
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
