//! What moves the clocks of a request: its steps, what is asked and answered, and when it was received.

use super::About;
use crate::audit::entry::Event;
use crate::domain::clock::{Clock, History, Targets, Turn, Withdrawn, clocks};
use crate::domain::lifecycle::{Move, RequestState, Side};
use crate::domain::request::UrgencyLevel;
use crate::domain::{MessageId, Timestamp};
use crate::exchange::rows::{MessageRow, SentMove, StandingRow, TurnRow};

/// Turns that are kept of one request; of more, the newest.
const TURNS_MAX: usize = 64;

/// What a turn is about: a question of the requested authority, or one to it.
fn subject_of(turn: Turn) -> Side {
    match turn {
        Turn::Asked | Turn::Answered => Side::Requested,
        Turn::Queried | Turn::Told => Side::Requesting,
    }
}

impl StandingRow {
    /// Notes until when it is postponed, where it is.
    pub(super) fn is_put_off(&mut self, about: &About, number: u64) {
        if about.made == Some(Move::Postpone) && number >= self.review_number {
            self.review_number = number;
            self.review_ms = about.review.map_or(0, Timestamp::unix_ms);
        }
    }

    /// How urgent the request is.
    pub(crate) fn urgency(&self) -> UrgencyLevel {
        let known = UrgencyLevel::ALL.iter().copied().find(|one| *one as i32 + 1 == self.urgency);
        known.unwrap_or(UrgencyLevel::Routine)
    }

    /// Notes what a message says to the clocks, where it says anything that is not known.
    pub(super) fn says(&mut self, side: Side, made: Option<Move>, id: MessageId, at_ms: i64) {
        if side == Side::Requested {
            self.told_ms = at_ms;
            self.notes(side, Turn::Told, id, at_ms);
        }
        let state = RequestState::from_number(self.state);
        let said = made.zip(state).and_then(|(made, state)| Turn::of(side, made, state));
        if let Some(turn) = said {
            self.notes(side, turn, id, at_ms);
        }
    }

    /// A turn that changes nothing is left out, so that asking again and again does not push out what
    /// was asked first; but not one of ours, as long as there is room: the one that it repeats may be taken
    /// back, and what it answers may be overtaken and come later.
    fn notes(&mut self, side: Side, turn: Turn, id: MessageId, at_ms: i64) {
        let same = |row: &&TurnRow| {
            Turn::from_number(row.turn).is_some_and(|one| subject_of(one) == subject_of(turn))
        };
        let last = self.turns.iter().rev().find(same).and_then(|row| Turn::from_number(row.turn));
        let begins = matches!(turn, Turn::Asked | Turn::Queried);
        let is_known = if begins { last == Some(turn) } else { last.is_none_or(|one| one == turn) };
        let is_full = self.turns.len() >= TURNS_MAX;
        if is_known && (side != self.side() || is_full) {
            return;
        }
        if is_full {
            self.turns.remove(self.repeated().unwrap_or(0));
        }
        let message_id = id.as_bytes().to_vec();
        self.turns.push(TurnRow { at_ms, turn: turn as u32, message_id });
    }

    /// The first turn that says what the one before it about the same has said.
    fn repeated(&self) -> Option<usize> {
        let said = |row: &TurnRow| Turn::from_number(row.turn);
        (1..self.turns.len()).find(|at| {
            let subject = said(&self.turns[*at]).map(subject_of);
            let before =
                self.turns[..*at].iter().rev().find(|row| said(row).map(subject_of) == subject);
            before.is_some_and(|before| before.turn == self.turns[*at].turn)
        })
    }

    /// Notes what was asked in a message that was overtaken, before what is known since then.
    pub(super) fn asks_late(&mut self, made: Option<Move>, id: MessageId, at_ms: i64, since: i64) {
        let state = RequestState::from_number(self.state);
        let said = made.zip(state).and_then(|(made, at)| Turn::of(Side::Requested, made, at));
        let Some(turn) = said.filter(|_| self.turns.len() < TURNS_MAX) else { return };
        let behind = self.turns.iter().position(|turn| turn.at_ms >= since);
        let message_id = id.as_bytes().to_vec();
        let row = TurnRow { at_ms: at_ms.min(since), turn: turn as u32, message_id };
        self.turns.insert(behind.unwrap_or(self.turns.len()), row);
    }

    /// The clocks of the request as of `now`. `message` is what carries it.
    pub(crate) fn clocks(
        &self,
        message: &MessageRow,
        targets: &Targets,
        now: Timestamp,
    ) -> Vec<Clock> {
        clocks(&self.history(message), &targets.of(&self.peer, self.urgency()), now)
    }

    /// How it came to where it stands.
    pub(in crate::exchange) fn history(&self, message: &MessageRow) -> History {
        let at = Timestamp::from_unix_ms;
        let steps = self.steps.iter().filter_map(|step| {
            RequestState::from_number(step.state).map(|state| (at(step.at_ms), state))
        });
        let turns = self
            .turns
            .iter()
            .filter_map(|row| Turn::from_number(row.turn).map(|turn| (at(row.at_ms), turn)));
        let consigned = message.receipts.iter().find(|receipt| {
            receipt.event == Event::ContentConsignment.as_str() && receipt.issuer == self.peer
        });
        History {
            steps: steps.collect(),
            turns: turns.collect(),
            received: consigned.map(|receipt| at(receipt.at_ms)),
            review: (self.review_ms != 0).then(|| at(self.review_ms)),
            withdrawn: self.withdrawn(),
        }
    }

    /// That we have withdrawn it.
    fn withdrawn(&self) -> Option<Withdrawn> {
        let at = |ms: i64| (ms != 0).then(|| Timestamp::from_unix_ms(ms));
        let came = at(self.withdrawal_came_ms);
        let sent = at(self.withdrawn_ms).or(came)?;
        Some(Withdrawn { sent, came })
    }

    /// Notes since when it is withdrawn, where it still is.
    pub(super) fn is_withdrawn(&mut self, sent_ms: i64) {
        if self.withdrawn_ms == 0 {
            self.withdrawn_ms = sent_ms;
        }
    }

    /// Takes back a withdrawal that reaches nobody, unless another one stands that was sent since `after`.
    pub(super) fn is_not_withdrawn(&mut self, after: i64) {
        let withdraws =
            |sent: &&SentMove| sent.made == Move::Withdraw.as_str() && sent.at_ms > after;
        let other = self.sent.iter().find(withdraws).map(|sent| sent.at_ms);
        self.withdrawn_ms = other.unwrap_or(0);
    }
}
