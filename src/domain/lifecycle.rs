//! The life cycle of a request, as one table.
//!
//! The requested authority decides: where a request stands is what its node says, in messages that
//! it signs. The requesting authority's node keeps what it was told, and beside it what it has said
//! since. Messages that cross are judged by the requested side in the order of its own log, so a
//! move that comes too late has no effect there, and is no fault of whoever made it.

mod course;
mod moves;
mod table;

use serde::{Deserialize, Serialize};

pub use course::{Place, Stretch, put_in_order};
pub use moves::Move;
pub use table::{Row, TABLE, To};

/// Declares the states once: variant, number, word and what it means.
macro_rules! states {
    ($($(#[$doc:meta])* $state:ident = $number:literal, $word:literal;)+) => {
        /// Where a request stands. The numbers are those of the wire and of the rows; a number once
        /// given is never given again.
        ///
        /// What an agency has not submitted yet stands nowhere: a node does not know of it.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum RequestState {
            $($(#[$doc])* #[serde(rename = $word)] $state = $number,)+
        }

        impl RequestState {
            /// Every state, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$state,)+];

            /// The word for it, as in `UNDER_REVIEW`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$state => $word,)+
                }
            }
        }
    };
}

states! {
    /// Signed and durable at the requesting side.
    Issued = 1, "ISSUED";
    /// In the inbox of the requested side.
    Received = 2, "RECEIVED";
    /// The requested side has said who deals with it.
    Acknowledged = 3, "ACKNOWLEDGED";
    /// Whether it can be executed is being looked at.
    UnderReview = 4, "UNDER_REVIEW";
    /// The requested side waits for information: UNTOC 18(16).
    InfoPending = 5, "INFO_PENDING";
    /// The two authorities consult: UNTOC 18(26).
    Consulting = 6, "CONSULTING";
    /// Conditions were proposed and not answered: UNTOC 18(26).
    ConditionsPending = 7, "CONDITIONS_PENDING";
    /// Put off because of a proceeding that goes on: UNTOC 18(25).
    Postponed = 8, "POSTPONED";
    /// It will be executed, wholly or in part: UNTOC 18(17).
    Accepted = 9, "ACCEPTED";
    /// It is being executed.
    InExecution = 10, "IN_EXECUTION";
    /// Part of what was obtained was sent, and more will come.
    PartlyExecuted = 11, "PARTLY_EXECUTED";
    /// All of what was obtained was sent.
    Executed = 12, "EXECUTED";
    /// Refused, with reasons: UNTOC 18(21), (23).
    Refused = 13, "REFUSED";
    /// The requesting side needs it no more: UNTOC 18(24).
    Withdrawn = 14, "WITHDRAWN";
    /// Sent back because it does not conform: UNTOC 18(21)(a). It can be mended.
    Returned = 15, "RETURNED";
    /// Nothing more happens to it.
    Closed = 16, "CLOSED";
}

impl RequestState {
    /// From its number on the wire and in the rows.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| *state as i32 == number)
    }

    /// Whether nothing is expected of the requested side any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Withdrawn | Self::Returned | Self::Closed)
    }

    /// Whether the requested side waits for the requesting one, so that its time does not run.
    pub fn waits_for_requesting(self) -> bool {
        matches!(self, Self::InfoPending | Self::Consulting | Self::ConditionsPending)
    }
}

impl std::fmt::Display for RequestState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of the two authorities of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that asks.
    Requesting,
    /// The one that is asked, and decides.
    Requested,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Requesting => Self::Requested,
            Self::Requested => Self::Requesting,
        }
    }

    /// The word for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requesting => "requesting",
            Self::Requested => "requested",
        }
    }
}

/// Where a request stands, with what must be remembered of how it came there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The state.
    pub state: RequestState,
    /// While the requesting side is waited for: where it stood before, to which it may go back.
    pub before: Option<RequestState>,
}

impl From<RequestState> for Standing {
    fn from(state: RequestState) -> Self {
        Self { state, before: None }
    }
}

/// Why a move is none here, and which are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request that is {state} takes no {} from the {} authority: {why}", .made.as_str(), .side.as_str())]
pub struct Illegal {
    /// What was to be done.
    pub made: Move,
    /// By whom.
    pub side: Side,
    /// Where the request stands.
    pub state: RequestState,
    /// The rule, with its paragraph.
    pub why: String,
    /// The moves that this side may make instead.
    pub may: Vec<Move>,
}

/// How [`Illegal::instead`] begins where there are moves to name.
pub const MAY_COME: &str = "what may come now is ";

/// How it begins, what is told of a request that has ended.
pub const ENDED: &str = "the request ended ";

impl Illegal {
    /// What the side may do instead, for people.
    pub fn instead(&self) -> String {
        let moves = self.may.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
        match self.may.is_empty() {
            true => "nothing can be done with it any more".to_owned(),
            false => format!("what may come now is {moves}"),
        }
    }
}

impl Standing {
    /// Where a request stands after a move.
    ///
    /// # Errors
    /// [`Illegal`] where the table has no such row.
    pub fn after(self, side: Side, made: Move) -> Result<Self, Illegal> {
        self.step(side, made).ok_or_else(|| self.illegal(side, made))
    }

    /// Where a request stands after what the requesting side said, judged by the requested one. Only the
    /// receipt for what was sent last says that all of it is there: `of_last` is whether it answers
    /// that.
    ///
    /// # Errors
    /// [`Illegal`] where the table has no such row.
    pub fn hears(self, made: Move, of_last: bool) -> Result<Self, Illegal> {
        let of_part = made == Move::ConfirmEvidence && !of_last;
        match self.state {
            RequestState::Executed if of_part => Ok(self),
            _ => self.after(Side::Requesting, made),
        }
    }

    fn step(self, side: Side, made: Move) -> Option<Self> {
        let row = TABLE.iter().find(|row| row.allows(side, made, self))?;
        let state = match row.to {
            To::Stays => return Some(self),
            To::Goes(state) => state,
            To::Back => self.before.unwrap_or(RequestState::UnderReview),
        };
        // Whatever was asked about meanwhile may come up again.
        let before = state.waits_for_requesting().then(|| self.goes_back_to());
        Some(Self { state, before })
    }

    /// A first answer that asks also says that the request is looked at.
    fn goes_back_to(self) -> RequestState {
        let executes = table::EXECUTING.contains(&self.state).then_some(self.state);
        self.before.or(executes).unwrap_or(RequestState::UnderReview)
    }

    /// The moves that a side may make here.
    pub fn legal(self, side: Side) -> Vec<Move> {
        Move::ALL.iter().copied().filter(|made| self.step(side, *made).is_some()).collect()
    }

    fn illegal(self, side: Side, made: Move) -> Illegal {
        let why = table::rule_against(side, made, self);
        Illegal { made, side, state: self.state, why, may: self.legal(side) }
    }
}

#[cfg(test)]
mod tests;
