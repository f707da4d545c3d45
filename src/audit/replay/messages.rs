//! Messages: which events of one may follow which.

use super::finding::{Rule, Step};
use super::names::Name;
use super::state::{Message, Queue, Refusal, Side, State, Stated};
use crate::audit::entry::{Entry, Event};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::DeliveryState as D;

impl Event {
    /// The state of a message that the event proves when it is about the message's receiver;
    /// `None` for events that prove none.
    pub fn proves(self) -> Option<DeliveryState> {
        match self {
            Event::RelayAcceptance => Some(D::Relayed),
            Event::RelayRejection => Some(D::Rejected),
            // What no agency took was there for it to take.
            Event::ContentConsignment | Event::ContentHandoverFailure => Some(D::Consigned),
            Event::ContentConsignmentFailure => Some(D::NotConsigned),
            Event::ContentHandover => Some(D::HandedOver),
            _ => None,
        }
    }
}

impl State {
    /// An event of EN 319 522: stated here, or recorded from the peer.
    pub(super) fn delivery(&mut self, step: &mut Step<'_>) {
        if step.entry.is_recorded_receipt() {
            return self.recorded(step);
        }
        match step.entry.event {
            Event::SubmissionAcceptance => self.submitted(step),
            Event::RelayAcceptance => self.accepted(step),
            Event::RelayRejection => self.refused(step),
            Event::RelayFailure => self.expired(step),
            Event::ContentConsignment | Event::ContentConsignmentFailure => self.consigned(step),
            Event::ContentHandover | Event::ContentHandoverFailure => self.handed_over(step),
            Event::ContentAccessTracking => self.accessed(step),
            Event::RelayToNonErds => self.carried(step, Side::Sent),
            Event::ReceivedFromNonErds => self.carried(step, Side::Received),
            // What was refused to an agency never became a message.
            _ => {}
        }
    }

    fn submitted(&mut self, step: &mut Step<'_>) {
        self.moves(step);
        self.leaves_draft(step);
        self.begin(step, Side::Sent, Rule::SubmittedTwice);
    }

    fn accepted(&mut self, step: &mut Step<'_>) {
        self.moves(step);
        self.begin(step, Side::Received, Rule::AcceptedTwice);
    }

    /// A message that nothing before was about.
    fn begin(&mut self, step: &mut Step<'_>, side: Side, twice: Rule) {
        let entry = step.entry;
        let (Some(id), Some(peer)) = (entry.message, self.peer_of(entry)) else { return };
        if self.messages.contains_key(&id) {
            return step.find(twice);
        }
        let mut message = Message::new(side, peer, first_state(side));
        message.queue = if side == Side::Sent { Queue::Waiting } else { Queue::Gone };
        (message.envelope, message.payload) = (entry.envelope, entry.payload);
        let stated = self.stated(step);
        message.events.push(stated);
        self.messages.insert(id, message);
    }

    /// Something is exchanged: with a peer that is trusted, by a node that runs.
    fn moves(&mut self, step: &mut Step<'_>) {
        self.trust(step, true);
        if self.node.running == Some(false) {
            step.find(Rule::NotRunning);
        }
    }

    /// A refusal of ours. It need not name a message, and the one it names may be another's: that
    /// is what the peer claimed, so it changes none.
    fn refused(&mut self, step: &mut Step<'_>) {
        self.trust(step, false);
        let entry = step.entry;
        let (Some(peer), Some(envelope)) = (self.peer_of(entry), entry.envelope) else { return };
        if self.refusals.contains_key(&(peer, envelope)) {
            return step.find(Rule::RefusedAgain);
        }
        let code = self.names.of(entry.code.as_deref().unwrap_or_default());
        let refusal = Refusal { message: entry.message, code, index: step.index };
        self.refusals.insert((peer, envelope), refusal);
    }

    /// A receipt of the peer. It may overtake others, and it wins over what was assumed meanwhile.
    fn recorded(&mut self, step: &mut Step<'_>) {
        self.moves(step);
        let event = step.entry.event;
        let stated = self.stated(step);
        let learnt = event.proves();
        if learnt.is_none() && event != Event::ContentAccessTracking {
            return step.find(Rule::Irrelevant);
        }
        let Some(message) = self.known(step, Side::Sent, Rule::NotSubmitted) else { return };
        if message.has(event, true) {
            return step.find(Rule::RecordedTwice);
        }
        if contradicts(message, event) {
            step.find(Rule::Contradiction);
        }
        if message.state == D::Cancelled && event != Event::RelayRejection {
            step.find(Rule::AfterCancel);
        }
        message.queue = Queue::Gone;
        message.state = learnt.map_or(message.state, |state| message.state.join(state));
        message.events.push(stated);
    }

    /// It left in a pouch, as often as pouches are made while it waits: the last is kept. Or it came in
    /// one.
    fn carried(&mut self, step: &mut Step<'_>, side: Side) {
        let stated = self.stated(step);
        let message = match side {
            Side::Sent => self.queued(step),
            Side::Received => self.known(step, side, Rule::NotAccepted),
        };
        let Some(message) = message else { return };
        if side == Side::Received && message.has(stated.event, false) {
            return step.find(Rule::IssuedTwice);
        }
        message.events.retain(|earlier| earlier.event != stated.event);
        message.events.push(stated);
    }

    fn expired(&mut self, step: &mut Step<'_>) {
        let stated = self.stated(step);
        if let Some(message) = self.queued(step) {
            message.queue = Queue::Gone;
            message.state = message.state.join(D::ExpiredUnknown);
            message.events.push(stated);
        }
    }

    pub(super) fn cancelled(&mut self, step: &mut Step<'_>) {
        let stated = self.stated(step);
        if let Some(message) = self.queued(step) {
            message.queue = Queue::Gone;
            message.state = message.state.join(D::Cancelled);
            message.events.push(stated);
        }
    }

    /// An operator stopped the relaying of a message, or let it go on.
    pub(super) fn stopped(&mut self, step: &mut Step<'_>) {
        let (queue, state) = match step.entry.event {
            Event::MessageHeld => (Queue::Stopped, D::Held),
            _ => (Queue::Waiting, D::Queued),
        };
        let Some(message) = self.queued(step) else { return };
        let is_news = message.queue != queue || message.earlier;
        message.queue = queue;
        // Between these two an operator may go back and forth; what a peer proved stays.
        if matches!(message.state, D::Queued | D::Held) {
            message.state = state;
        }
        if !is_news {
            step.find(Rule::StopUnchanged);
        }
    }

    fn consigned(&mut self, step: &mut Step<'_>) {
        let (event, stated) = (step.entry.event, self.stated(step));
        let Some(message) = self.known(step, Side::Received, Rule::NotAccepted) else { return };
        let other = match event {
            Event::ContentConsignment => Event::ContentConsignmentFailure,
            _ => Event::ContentConsignment,
        };
        if message.has(event, false) {
            return step.find(Rule::IssuedTwice);
        }
        if message.has(other, false) {
            return step.find(Rule::ConsignedAndFailed);
        }
        message.state = event.proves().map_or(message.state, |state| message.state.join(state));
        message.events.push(stated);
    }

    fn handed_over(&mut self, step: &mut Step<'_>) {
        let (event, stated) = (step.entry.event, self.stated(step));
        let Some(message) = self.known(step, Side::Received, Rule::NotAccepted) else { return };
        if !message.earlier && !message.has(Event::ContentConsignment, false) {
            return step.find(Rule::NotConsigned);
        }
        if message.has(event, false) {
            return step.find(Rule::IssuedTwice);
        }
        message.state = event.proves().map_or(message.state, |state| message.state.join(state));
        message.events.push(stated);
    }

    /// An annex was released to an official: as often as officials open it. The first time is a
    /// receipt that goes to the sender.
    fn accessed(&mut self, step: &mut Step<'_>) {
        let (event, stated) = (step.entry.event, self.stated(step));
        let gone = annex_of(step.entry).is_some_and(|annex| self.erased_annexes.contains(&annex));
        let Some(message) = self.known(step, Side::Received, Rule::NotAccepted) else { return };
        if message.erased || gone {
            return step.find(Rule::ReadAfterErasure);
        }
        if !message.earlier && !message.has(Event::ContentConsignment, false) {
            return step.find(Rule::NotConsigned);
        }
        if !message.has(event, false) {
            message.events.push(stated);
        }
    }

    /// The message of the entry, if it still waits to be relayed.
    fn queued(&mut self, step: &mut Step<'_>) -> Option<&mut Message> {
        let message = self.known(step, Side::Sent, Rule::UnknownMessage)?;
        if message.queue == Queue::Gone {
            step.find_with(Rule::NotQueued, message.state.as_str().to_owned());
            return None;
        }
        Some(message)
    }

    /// The message of the entry, if it is known, on this side, and what the entry says it is. In a
    /// log that goes on from another it may have begun there.
    fn known(&mut self, step: &mut Step<'_>, side: Side, missing: Rule) -> Option<&mut Message> {
        let entry = step.entry;
        let id = entry.message?;
        let peer = self.peer_of(entry);
        if !self.messages.contains_key(&id) {
            let Some(peer) = peer.filter(|_| self.goes_on()) else {
                step.find(missing);
                return None;
            };
            step.find(Rule::EarlierLog);
            self.messages.insert(id, earlier(entry, side, peer));
        }
        let message = self.messages.get_mut(&id)?;
        if message.side != side {
            step.find(Rule::WrongSide);
            return None;
        }
        is_same(message, peer, step).then_some(message)
    }

    /// The event of the entry as a message keeps it.
    fn stated(&mut self, step: &Step<'_>) -> Stated {
        let code = step.entry.code.as_deref().map(|code| self.names.of(code));
        let recorded = step.entry.is_recorded_receipt();
        Stated { index: step.index, code, event: step.entry.event, recorded }
    }

    /// An agency or operator read content, or it was given out.
    pub(super) fn read(&mut self, step: &mut Step<'_>) {
        // By whoever is to approve it.
        if step.entry.message.is_some_and(|id| self.drafts.contains_key(&id)) {
            return;
        }
        if let Some(message) = self.either_side(step)
            && message.erased
        {
            step.find(Rule::ReadAfterErasure);
        }
    }

    pub(super) fn erased(&mut self, step: &mut Step<'_>) {
        let Some(message) = self.either_side(step) else { return };
        let (twice, hold) = (message.erased, message.hold);
        let waits = message.queue != Queue::Gone;
        message.erased = true;
        for (is_so, rule) in [
            (hold, Rule::ErasedInHold),
            (twice, Rule::ErasedTwice),
            (waits && !twice, Rule::ErasedInQueue),
        ] {
            if is_so {
                step.find(rule);
            }
        }
    }

    /// An annex is erased by itself: what was erased with its message is gone already.
    pub(super) fn annex_erased(&mut self, step: &mut Step<'_>) {
        let Some(message) = self.either_side(step) else { return };
        let (gone, hold) = (message.erased, message.hold);
        let twice = annex_of(step.entry).is_some_and(|annex| !self.erased_annexes.insert(annex));
        for (is_so, rule) in
            [(gone, Rule::ReadAfterErasure), (hold, Rule::ErasedInHold), (twice, Rule::ErasedTwice)]
        {
            if is_so {
                step.find(rule);
            }
        }
    }

    /// A message must not be erased, or may be again.
    pub(super) fn hold(&mut self, step: &mut Step<'_>) {
        let set = step.entry.event == Event::HoldSet;
        let Some(message) = self.either_side(step) else { return };
        if message.hold == set && !message.earlier {
            step.find(Rule::HoldUnchanged);
        }
        message.hold = set;
    }

    /// The message of the entry, sent or received.
    fn either_side(&mut self, step: &mut Step<'_>) -> Option<&mut Message> {
        let id = step.entry.message?;
        let peer = self.peer_of(step.entry);
        let goes_on = self.goes_on();
        match self.messages.get_mut(&id) {
            Some(message) => is_same(message, peer, step).then_some(message),
            None => {
                step.find(if goes_on { Rule::EarlierLog } else { Rule::UnknownMessage });
                None
            }
        }
    }
}

fn first_state(side: Side) -> DeliveryState {
    match side {
        Side::Sent => D::Queued,
        Side::Received => D::Relayed,
    }
}

/// The annex that an entry is about.
fn annex_of(entry: &Entry) -> Option<(MessageId, Digest)> {
    Some((entry.message?, entry.document?))
}

/// A message of which only the end stands in this log.
fn earlier(entry: &Entry, side: Side, peer: Name) -> Message {
    let mut message = Message::new(side, peer, first_state(side));
    message.earlier = true;
    message.queue = if side == Side::Sent { Queue::Waiting } else { Queue::Gone };
    (message.envelope, message.payload) = (entry.envelope, entry.payload);
    message
}

/// Whether the entry speaks of the message as it is: peer, envelope, commitment.
fn is_same(message: &mut Message, peer: Option<Name>, step: &mut Step<'_>) -> bool {
    let entry = step.entry;
    let peer_differs = peer.is_some_and(|peer| peer != message.peer);
    // What no entry said so far is learnt.
    message.envelope = message.envelope.or(entry.envelope);
    message.payload = message.payload.or(entry.payload);
    let differs = |known, said: Option<_>| said.is_some() && known != said;
    let rule = match () {
        () if peer_differs => Rule::OtherPeer,
        () if differs(message.envelope, entry.envelope) => Rule::OtherEnvelope,
        () if differs(message.payload, entry.payload) => Rule::OtherPayload,
        () => return true,
    };
    step.find(rule);
    false
}

/// Whether the peer said the contrary before. It is the peer's contradiction, not this log's.
fn contradicts(message: &Message, event: Event) -> bool {
    use Event::*;
    let said = |events: &[Event]| events.iter().any(|event| message.has(*event, true));
    match event {
        RelayRejection => {
            said(&[RelayAcceptance, ContentConsignment, ContentHandover, ContentHandoverFailure])
        }
        RelayAcceptance => said(&[RelayRejection]),
        ContentConsignment => said(&[RelayRejection, ContentConsignmentFailure]),
        ContentConsignmentFailure => {
            said(&[ContentConsignment, ContentHandover, ContentHandoverFailure])
        }
        ContentHandover | ContentHandoverFailure => {
            said(&[RelayRejection, ContentConsignmentFailure])
        }
        _ => false,
    }
}
