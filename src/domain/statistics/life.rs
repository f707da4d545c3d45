//! The life of a request, told anew by the messages that were said about it.
//!
//! A node keeps where its requests stand as messages come. Whoever has nothing but the log and the
//! bodies, as an auditor, comes to the same by this: what the requested authority has signed is so, in
//! the order of its own count; and in its own log, what the other said is judged where it stands.

use crate::domain::clock::{History, Turn, Withdrawn};
use crate::domain::lifecycle::{Move, Place, RequestState, Side, Standing, Stretch, put_in_order};
use crate::domain::{MessageId, Timestamp};

/// A message about a request.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// The message.
    pub id: MessageId,
    /// When it was submitted here, or came into the inbox.
    pub at: Timestamp,
    /// Whose it is.
    pub by: Side,
    /// What it does.
    pub made: Option<Move>,
    /// The message that it answers, where that is known.
    pub answers: Option<MessageId>,
    /// Where the request stands behind it, as the requested authority has sealed it in, and how many
    /// of its messages have said so.
    pub told: Option<(Standing, u64)>,
    /// The end of the day to which it is postponed.
    pub review: Option<Timestamp>,
    /// When it came into the other's inbox, where a receipt says so.
    pub arrived: Option<Timestamp>,
    /// Whether the other side refused it: what the requested authority has decided in it stands, and
    /// nobody has heard of it.
    pub refused: bool,
}

/// A request as it is told so far.
#[derive(Clone, Debug)]
pub struct Life {
    side: Side,
    standing: Standing,
    course: Vec<Stretch>,
    told: u64,
    postponed: u64,
    history: History,
}

impl Life {
    /// Begins one, on our side of it. `received` is when it came into the other's inbox, where a
    /// receipt says so.
    pub fn begin(side: Side, id: MessageId, at: Timestamp, received: Option<Timestamp>) -> Self {
        let state = match side {
            Side::Requesting => RequestState::Issued,
            Side::Requested => RequestState::Received,
        };
        let history = History { received, ..History::default() };
        let course = vec![Stretch { at, state, message: id, first: 0, last: 0 }];
        Self { side, standing: state.into(), course, told: 0, postponed: 0, history }
    }

    /// Takes the next message, in the order of our log.
    pub fn takes(&mut self, said: &Said) {
        match (said.by, self.side) {
            (Side::Requested, Side::Requested) => self.decides(said),
            (Side::Requested, Side::Requesting) => self.heeds(said),
            (Side::Requesting, Side::Requesting) if !said.refused => {
                self.says(said);
                self.withdraws(said);
            }
            (Side::Requesting, Side::Requested) => self.judges(said),
            (Side::Requesting, Side::Requesting) => {}
        }
    }

    /// We have decided, in the order of our own log.
    fn decides(&mut self, said: &Said) {
        let Some((to, number)) = said.told else { return };
        self.told = number;
        self.moves(to, said);
        if !said.refused {
            self.history.turns.push((said.at, Turn::Told));
            self.says(said);
        }
        self.puts_off(said, number);
    }

    fn judges(&mut self, said: &Said) {
        let last = self.course.last().map(|one| one.message);
        let of_last = said.answers.is_none_or(|answers| Some(answers) == last);
        let Some(made) = said.made else { return };
        if let Ok(to) = self.standing.hears(made, of_last) {
            self.moves(to, said);
            self.says(said);
        }
    }

    /// The other side decides, in the order of its own count.
    fn heeds(&mut self, said: &Said) {
        let Some((to, number)) = said.told else { return };
        match put_in_order(&mut self.course, Stretch::of(said, to.state, number)) {
            Place::Known => return,
            Place::Newest => {
                self.told = number;
                self.standing = to;
                self.history.turns.push((said.at, Turn::Told));
                self.says(said);
            }
            Place::Late(since) => self.asks_late(said, since),
        }
        self.puts_off(said, number);
    }

    fn puts_off(&mut self, said: &Said, number: u64) {
        if said.made == Some(Move::Postpone) && number >= self.postponed {
            self.postponed = number;
            self.history.review = said.review;
        }
    }

    fn withdraws(&mut self, said: &Said) {
        if said.made == Some(Move::Withdraw) {
            let first =
                self.history.withdrawn.get_or_insert(Withdrawn { sent: said.at, came: None });
            first.came = first.came.or(said.arrived);
        }
    }

    fn moves(&mut self, to: Standing, said: &Said) {
        if self.standing.state != to.state {
            self.course.push(Stretch::of(said, to.state, 0));
        }
        self.standing = to;
    }

    fn says(&mut self, said: &Said) {
        let turn = said.made.and_then(|made| Turn::of(said.by, made, self.standing.state));
        self.history.turns.extend(turn.map(|turn| (said.at, turn)));
    }

    /// What was asked in a message that was overtaken was asked before what is known since then.
    fn asks_late(&mut self, said: &Said, since: Timestamp) {
        let turn = said.made.and_then(|made| Turn::of(said.by, made, self.standing.state));
        let Some(turn) = turn else { return };
        let turns = &mut self.history.turns;
        let behind = turns.iter().position(|(at, _)| *at >= since).unwrap_or(turns.len());
        turns.insert(behind, (said.at.min(since), turn));
    }

    /// How it came to where it stands.
    pub fn into_history(mut self) -> History {
        self.history.steps = self.course.iter().map(|one| (one.at, one.state)).collect();
        self.history
    }
}

impl Stretch {
    fn of(said: &Said, state: RequestState, number: u64) -> Self {
        Self { at: said.at, state, message: said.id, first: number, last: number }
    }
}
