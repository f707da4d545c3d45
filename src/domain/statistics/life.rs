//! The life of a request, told anew by the messages that were said about it.
//!
//! A node keeps where its requests stand as messages come. Whoever has nothing but the log and the
//! bodies, as an auditor, comes to the same by this: what the requested authority has signed is so, in
//! the order of its own count; and in its own log, what the other said is judged where it stands.

use crate::domain::Timestamp;
use crate::domain::clock::{History, Turn};
use crate::domain::lifecycle::{Move, RequestState, Side, Standing};

/// A message about a request.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// When it was submitted here, or came into the inbox.
    pub at: Timestamp,
    /// Whose it is.
    pub by: Side,
    /// What it does.
    pub made: Option<Move>,
    /// Where the request stands behind it, as the requested authority has sealed it in, and how many
    /// of its messages have said so.
    pub told: Option<(Standing, u64)>,
    /// The end of the day to which it is postponed.
    pub review: Option<Timestamp>,
}

/// A request as it is told so far.
#[derive(Clone, Debug)]
pub struct Life {
    side: Side,
    standing: Standing,
    told: u64,
    history: History,
}

impl Life {
    /// Begins one, on our side of it. `received` is when it came into the other's inbox, where a
    /// receipt says so.
    pub fn begin(side: Side, at: Timestamp, received: Option<Timestamp>) -> Self {
        let state = match side {
            Side::Requesting => RequestState::Issued,
            Side::Requested => RequestState::Received,
        };
        let history = History { steps: vec![(at, state)], received, ..History::default() };
        Self { side, standing: state.into(), told: 0, history }
    }

    /// Takes the next message, in the order of our log.
    pub fn takes(&mut self, said: &Said) {
        match (said.by, self.side) {
            (Side::Requested, _) => self.heed(said),
            (Side::Requesting, Side::Requesting) => self.says(said),
            (Side::Requesting, Side::Requested) => {
                let Some(made) = said.made else { return };
                if let Ok(to) = self.standing.after(Side::Requesting, made) {
                    self.moves(to, said.at);
                    self.says(said);
                }
            }
        }
    }

    fn heed(&mut self, said: &Said) {
        // One that was overtaken changes nothing.
        let Some((to, number)) = said.told.filter(|(_, number)| *number > self.told) else {
            return;
        };
        self.told = number;
        self.moves(to, said.at);
        self.history.turns.push((said.at, Turn::Told));
        self.says(said);
        if said.made == Some(Move::Postpone) {
            self.history.review = said.review;
        }
    }

    fn moves(&mut self, to: Standing, at: Timestamp) {
        if self.standing.state != to.state {
            self.history.steps.push((at, to.state));
        }
        self.standing = to;
    }

    fn says(&mut self, said: &Said) {
        let turn = said.made.and_then(|made| Turn::of(said.by, made, self.standing.state));
        self.history.turns.extend(turn.map(|turn| (said.at, turn)));
    }

    /// How it came to where it stands.
    pub fn into_history(self) -> History {
        self.history
    }
}
