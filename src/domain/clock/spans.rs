//! The life of a request as spans of time, in each of which nothing changes.

use super::{Duty, History, Turn};
use crate::domain::Timestamp;
use crate::domain::lifecycle::RequestState;

/// What a span is to a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has not begun, or what happens is nothing to it.
    Off,
    /// Its time runs.
    Runs,
    /// Its time stands still.
    Stops,
    /// It is done, or nobody expects it any more.
    Done,
}

/// How far a request has come, as far as clocks matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Issued,
    Review,
    Postponed,
    Execution,
    Executed,
    Over,
}

impl Phase {
    /// While the requesting side is waited for, a request stays in the phase in which it was.
    fn after(self, state: RequestState) -> Self {
        use RequestState as S;
        match state {
            S::Issued => Self::Issued,
            S::Received | S::Acknowledged | S::UnderReview => Self::Review,
            S::InfoPending | S::Consulting | S::ConditionsPending => match self {
                Self::Execution | Self::Executed => Self::Execution,
                _ => Self::Review,
            },
            S::Postponed => Self::Postponed,
            S::Accepted | S::InExecution | S::PartlyExecuted => Self::Execution,
            S::Executed => Self::Executed,
            S::Refused | S::Withdrawn | S::Returned | S::Closed => Self::Over,
        }
    }
}

/// A time in which nothing changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    state: RequestState,
    phase: Phase,
    /// The requested authority has asked, and has no answer.
    asked: bool,
    /// The requesting authority has asked how far it has come, and nothing was said since.
    queried: bool,
    /// How far its withdrawal has come.
    withdrawal: Withdrawal,
}

/// How far the withdrawal of a request has come, as far as its own authority knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Withdrawal {
    None,
    Sent,
    Came,
}

impl Span {
    pub(super) fn ms(&self) -> i64 {
        self.until.unix_ms() - self.from.unix_ms()
    }

    /// Whether the requested authority waits for the requesting one.
    fn waits(&self) -> bool {
        self.asked && self.phase != Phase::Over && self.state.waits_for_requesting()
    }

    /// Whether it is withdrawn, and the withdrawal on its way.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.withdrawal == Withdrawal::Sent
    }

    /// Whether a duty that had not begun is begun and done by what happens here.
    pub(super) fn is_at_once(&self, duty: Duty) -> bool {
        duty == Duty::Execution && self.phase == Phase::Executed
    }

    pub(super) fn class(&self, duty: Duty) -> Class {
        match self.running(duty) {
            // It may be refused on its way, and then goes on.
            Class::Runs if self.is_withdrawn() => Class::Stops,
            class => class,
        }
    }

    fn running(&self, duty: Duty) -> Class {
        match duty {
            Duty::Acknowledgement => self.acknowledgement(),
            Duty::Decision => self.decision(),
            Duty::Execution => self.execution(),
            Duty::Review => runs_while(self.phase == Phase::Postponed),
            Duty::Answer => runs_while(self.waits()),
            Duty::StatusAnswer => match self.phase {
                // What has not come yet cannot be asked about.
                Phase::Issued => Class::Off,
                phase => runs_while(self.queried && phase != Phase::Over),
            },
        }
    }

    fn acknowledgement(&self) -> Class {
        match self.phase {
            Phase::Issued => Class::Off,
            phase => runs_while(self.state == RequestState::Received && phase != Phase::Over),
        }
    }

    fn decision(&self) -> Class {
        match self.phase {
            Phase::Issued => Class::Off,
            Phase::Review if !self.waits() => Class::Runs,
            Phase::Review | Phase::Postponed => Class::Stops,
            Phase::Execution | Phase::Executed | Phase::Over => Class::Done,
        }
    }

    fn execution(&self) -> Class {
        match self.phase {
            Phase::Execution if !self.waits() => Class::Runs,
            Phase::Issued | Phase::Review | Phase::Postponed | Phase::Execution => Class::Stops,
            Phase::Executed | Phase::Over => Class::Done,
        }
    }
}

fn runs_while(so: bool) -> Class {
    if so { Class::Runs } else { Class::Done }
}

enum What {
    State(RequestState),
    Turn(Turn),
    Withdrawn(Withdrawal),
}

/// The spans of a request until `now`, or until what happened last where that is later by a clock that
/// was put back.
pub(super) fn spans(history: &History, now: Timestamp) -> Vec<Span> {
    let events = events(history, now);
    let mut found: Vec<Span> = Vec::new();
    for (at, what) in events {
        let before = found.last_mut().map(|span| {
            span.until = at.max(span.from);
            *span
        });
        found.extend(next(before, at, &what));
    }
    if let Some(last) = found.last_mut() {
        last.until = now.max(last.from);
    }
    found
}

/// Everything that happened, in its order.
fn events(history: &History, now: Timestamp) -> Vec<(Timestamp, What)> {
    let mut events: Vec<_> =
        history.steps.iter().map(|(at, state)| (*at, What::State(*state))).collect();
    let is_issued = |step: &&(Timestamp, RequestState)| step.1 == RequestState::Issued;
    if let (Some(received), Some((issued, _))) =
        (history.received, history.steps.first().filter(is_issued))
    {
        // By the other's clock: not before it was issued, and not behind what was said of it since.
        let latest = history.steps.get(1).map_or(now, |(at, _)| *at);
        let received = received.min(latest).max(*issued);
        events.insert(1, (received, What::State(RequestState::Received)));
    }
    events.extend(history.turns.iter().map(|(at, turn)| (*at, What::Turn(*turn))));
    if let Some(withdrawn) = history.withdrawn {
        events.push((withdrawn.sent, What::Withdrawn(Withdrawal::Sent)));
        let came = withdrawn.came.map(|came| came.min(now).max(withdrawn.sent));
        events.extend(came.map(|came| (came, What::Withdrawn(Withdrawal::Came))));
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

/// The span that an event begins; none before the request is there.
fn next(before: Option<Span>, at: Timestamp, what: &What) -> Option<Span> {
    let fresh = |state| Span {
        from: at,
        until: at,
        state,
        phase: Phase::Issued,
        asked: false,
        queried: false,
        withdrawal: Withdrawal::None,
    };
    let mut span = match (before, what) {
        (Some(before), _) => Span { from: before.until, ..before },
        (None, What::State(state)) => fresh(*state),
        (None, What::Turn(_) | What::Withdrawn(_)) => fresh(RequestState::Issued),
    };
    match what {
        What::State(state) => {
            span.state = *state;
            // What crossed a withdrawal that has come makes nothing due again.
            if span.withdrawal != Withdrawal::Came {
                span.phase = span.phase.after(*state);
            }
        }
        What::Withdrawn(withdrawal) => {
            span.withdrawal = *withdrawal;
            if *withdrawal == Withdrawal::Came {
                span.phase = Phase::Over;
            }
        }
        What::Turn(Turn::Asked) => span.asked = true,
        What::Turn(Turn::Answered) => span.asked = false,
        What::Turn(Turn::Queried) => span.queried = true,
        What::Turn(Turn::Told) => span.queried = false,
    }
    Some(span)
}
