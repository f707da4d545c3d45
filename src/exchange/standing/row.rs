//! Where one request stands, as far as it is known here.

use super::{About, SENT_MAX, STEPS_FIRST, STEPS_MAX};
use crate::domain::lifecycle::{
    Illegal, Move, Place, RequestState, Side, Standing, Stretch, put_in_order,
};
use crate::domain::{MessageId, Timestamp};
use crate::exchange::rows::{SENT, SentMove, StandingRow, Step};
use crate::exchange::{ActionError, Violation};
use crate::pb::v1 as pb;

impl StandingRow {
    /// Notes which message accepts conditions: they bind whoever has what comes of the request.
    pub(super) fn binds(&mut self, id: MessageId, made: Move) {
        if made == Move::AcceptConditions {
            self.conditions = id.as_bytes().to_vec();
        }
    }

    pub(in crate::exchange) fn side(&self) -> Side {
        if self.side == SENT { Side::Requesting } else { Side::Requested }
    }

    /// Whether we are the side that is asked, and decides.
    pub(crate) fn is_requested(&self) -> bool {
        self.side() == Side::Requested
    }

    /// Where it stands, as its requested side says; `None` where only messages about it have come.
    pub(super) fn standing(&self) -> Option<Standing> {
        let state = RequestState::from_number(self.state)?;
        Some(Standing { state, before: RequestState::from_number(self.before) })
    }

    /// Everywhere that it may stand at the requested side, which has judged none, some or all of what
    /// was sent, in whatever order that came.
    pub(super) fn possible(&self) -> Vec<Standing> {
        let mut all: Vec<Standing> = self.standing().into_iter().collect();
        if self.state == RequestState::Issued as i32 {
            all.push(RequestState::Received.into());
        }
        let sent: Vec<Move> = self.sent.iter().filter_map(|sent| Move::parse(&sent.made)).collect();
        let mut next = 0;
        while let Some(at) = all.get(next).copied() {
            let moved = sent.iter().filter_map(|made| at.after(Side::Requesting, *made).ok());
            let new: Vec<Standing> = moved.filter(|at| !all.contains(at)).collect();
            all.extend(new);
            next += 1;
        }
        all
    }

    /// What we may do with it now.
    pub(crate) fn legal(&self) -> Vec<Move> {
        let side = self.side();
        let possible = self.possible();
        let may = |made: &Move| {
            possible.iter().any(|at| at.after(side, *made).is_ok())
                && !(*made == Move::Withdraw && self.is_confirmed())
        };
        Move::ALL.iter().copied().filter(may).collect()
    }

    /// What our next message does to it, with `made`.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where that is illegal wherever it may stand.
    pub(in crate::exchange) fn next(&self, made: Option<Move>) -> Result<Next, ActionError> {
        let side = self.side();
        let unknown = || ActionError::Fault("a request stands nowhere".into());
        let now = self.standing().ok_or_else(unknown)?;
        let Some(made) = made else { return Ok(self.said(now)) };
        if made == Move::Withdraw && self.is_confirmed() {
            let closed = Standing::from(RequestState::Closed).after(side, made);
            return closed.map(|to| self.said(to)).map_err(|why| self.illegal(&why));
        }
        match self.possible().into_iter().find_map(|at| at.after(side, made).ok()) {
            Some(to) => Ok(self.said(to)),
            None => now.after(side, made).map(|to| self.said(to)).map_err(|why| self.illegal(&why)),
        }
    }

    /// Whether we have confirmed the evidence with which a request was executed: it is closed by that, and
    /// nobody owes us a message that says so.
    fn is_confirmed(&self) -> bool {
        self.state == RequestState::Executed as i32 && self.sent.iter().any(|sent| sent.closes)
    }

    /// Whether a move of ours confirms the evidence with which the request was executed.
    pub(super) fn is_closed_by(&self, made: Move, answers: Option<MessageId>) -> bool {
        let executed = self.steps.last().filter(|step| step.state == RequestState::Executed as i32);
        made == Move::ConfirmEvidence
            && executed
                .zip(answers)
                .is_some_and(|(step, answers)| step.message_id == answers.as_bytes())
    }

    fn illegal(&self, illegal: &Illegal) -> ActionError {
        // Of what has ended no paragraph about an order of moves says anything.
        let why = self.ended().unwrap_or_else(|| illegal.to_string());
        let told =
            [why, illegal.instead()].into_iter().map(|rule| Violation::new("content.kind", rule));
        ActionError::Invalid(told.collect())
    }

    /// With which message the request has ended, and what is left to do; `None` while it has not.
    fn ended(&self) -> Option<String> {
        let is_final = |step: &&Step| {
            RequestState::from_number(step.state).is_some_and(RequestState::is_final)
        };
        let step = self.steps.iter().rev().take_while(is_final).last()?;
        let state = RequestState::from_number(step.state)?;
        let at = Timestamp::from_unix_ms(step.at_ms);
        // It ends with the message that carries it where that one was taken back or refused.
        let began = self.steps.first().is_some_and(|first| first.message_id == step.message_id);
        if began && !self.is_requested() {
            return Some("it never came to the other authority: send a new request".to_owned());
        }
        let by = MessageId::from_slice(&step.message_id);
        let by = by.map(|id| id.to_string()).unwrap_or_default();
        Some(match self.side() {
            Side::Requesting => format!(
                "the request ended at {at} as {state}, with message {by}: a SUPPLEMENTARY_REQUEST in its case, \
                 or a new request, asks for more"
            ),
            Side::Requested => format!(
                "the request ended at {at} as {state}, with message {by}: for more a SUPPLEMENTARY_REQUEST or a \
                 new request of the other authority is needed"
            ),
        })
    }

    fn said(&self, moved: Standing) -> Next {
        let told = self.is_requested().then(|| pb::Standing {
            state: moved.state as i32,
            number: self.told + 1,
            judged: self.judged.iter().map(|id| id.clone().into()).collect(),
            before: moved.before.map_or(0, |before| before as i32),
        });
        Next { moved, told }
    }

    /// Whether anything is expected of its requested side still, as far as it is known here.
    pub(in crate::exchange) fn is_open(&self) -> bool {
        self.standing().is_some_and(|at| !at.state.is_final()) && self.withdrawal_came_ms == 0
    }

    pub(super) fn moves(&mut self, to: Standing, id: MessageId, at_ms: i64) {
        let Standing { state, before } = to;
        if self.state != state as i32 {
            // A peer that goes to and fro without end fills no row: the beginning stays, by which its
            // times are counted, and the end.
            if self.steps.len() >= STEPS_MAX {
                self.steps.remove(STEPS_FIRST);
            }
            self.steps.push(Step {
                at_ms,
                state: state as i32,
                message_id: id.as_bytes().to_vec(),
                was_state: self.state,
                was_before: self.before,
                ..Step::default()
            });
        }
        self.state = state as i32;
        self.before = before.map_or(0, |before| before as i32);
    }

    /// Takes where the requested side says that it stands, in the newest of its messages.
    pub(super) fn was_told(&mut self, to: Standing, id: MessageId, number: u64, at_ms: i64) {
        self.puts_in_order(to.state, id, number, at_ms);
        self.state = to.state as i32;
        self.before = to.before.map_or(0, |before| before as i32);
    }

    /// Takes what a message of the requested side says that was overtaken by a newer one.
    pub(super) fn hears_late(
        &mut self,
        id: MessageId,
        about: &About,
        told: &pb::Standing,
        state: RequestState,
        at_ms: i64,
    ) {
        if let Place::Late(since) = self.puts_in_order(state, id, told.number, at_ms) {
            self.has_judged(told);
            self.asks_late(about.made, id, at_ms, since.unix_ms());
            self.is_put_off(about, told.number);
        }
    }

    /// What the requested side has judged waits no more.
    pub(super) fn has_judged(&mut self, told: &pb::Standing) {
        self.sent.retain(|sent| !told.judged.iter().any(|judged| *judged == sent.message_id));
    }

    fn puts_in_order(
        &mut self,
        state: RequestState,
        message: MessageId,
        number: u64,
        at_ms: i64,
    ) -> Place {
        let mut course: Vec<Stretch> = self.steps.iter().filter_map(Step::stretch).collect();
        let at = Timestamp::from_unix_ms(at_ms);
        let said = Stretch { at, state, message, first: number, last: number };
        let place = put_in_order(&mut course, said);
        if course.len() > STEPS_MAX {
            course.remove(STEPS_FIRST);
        }
        self.steps = course.iter().map(Step::of).collect();
        place
    }

    pub(super) fn keeps(&mut self, id: MessageId, made: Move, at_ms: i64, closes: bool) {
        if self.sent.len() >= SENT_MAX {
            self.sent.remove(0);
        }
        let message_id = id.as_bytes().to_vec();
        self.sent.push(SentMove { message_id, made: made.as_str().to_owned(), at_ms, closes });
    }
}

impl Step {
    fn of(stretch: &Stretch) -> Self {
        Self {
            at_ms: stretch.at.unix_ms(),
            state: stretch.state as i32,
            message_id: stretch.message.as_bytes().to_vec(),
            first: stretch.first,
            last: stretch.last,
            // Only the requested side takes back what it has decided.
            was_state: 0,
            was_before: 0,
        }
    }

    fn stretch(&self) -> Option<Stretch> {
        let message = MessageId::from_slice(&self.message_id).ok()?;
        let state = RequestState::from_number(self.state)?;
        let (at, Self { first, last, .. }) = (Timestamp::from_unix_ms(self.at_ms), self);
        Some(Stretch { at, state, message, first: *first, last: *last })
    }
}

/// What a message of ours does.
pub(in crate::exchange) struct Next {
    pub(super) moved: Standing,
    /// What it says, where we decide.
    pub(in crate::exchange) told: Option<pb::Standing>,
}
