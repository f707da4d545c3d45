//! The clocks of a request: which duty runs, since when, how much of its time is used.
//!
//! A clock is never kept. It follows from how the request came to where it stands, and from what was
//! asked and answered meanwhile, so that it cannot contradict what was signed. The time during which
//! the requested authority waits for the requesting one does not count against it.

mod spans;
mod targets;

use std::fmt;

use serde::Serialize;

use self::spans::{Class, Span, spans};
pub use self::targets::{Targets, Track, parse_target};
use super::Timestamp;
use super::lifecycle::{Move, RequestState, Side};

/// Something that one of the two authorities owes the other in a request. The numbers are those of the
/// wire and of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Duty {
    /// To say who deals with the request: UNTOC 18(24).
    Acknowledgement = 1,
    /// To accept it, refuse it or send it back: UNTOC 18(17), (21).
    Decision = 2,
    /// To execute it as soon as possible: UNTOC 18(24).
    Execution = 3,
    /// To answer a reasonable question about the progress: UNTOC 18(24).
    StatusAnswer = 4,
    /// To take up again what was postponed: UNTOC 18(25).
    Review = 5,
    /// Of the requesting authority: to answer what the requested one waits for: UNTOC 18(16), (26).
    Answer = 6,
}

impl Duty {
    /// Every duty, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Acknowledgement,
        Self::Decision,
        Self::Execution,
        Self::StatusAnswer,
        Self::Review,
        Self::Answer,
    ];

    /// The word for it, in lower case as the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledgement => "acknowledgement",
            Self::Decision => "decision",
            Self::Execution => "execution",
            Self::StatusAnswer => "status_answer",
            Self::Review => "review",
            Self::Answer => "answer",
        }
    }

    /// From the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == word)
    }

    /// From its number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| *duty as i32 == number)
    }

    /// Whose duty it is.
    pub fn of(self) -> Side {
        match self {
            Self::Answer => Side::Requesting,
            _ => Side::Requested,
        }
    }

    /// Whether it begins anew each time, instead of going on where it stopped.
    pub fn begins_anew(self) -> bool {
        matches!(self, Self::StatusAnswer | Self::Review | Self::Answer)
    }

    fn place(self) -> usize {
        self as usize - 1
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something said about a request that moves a clock, and not always the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// The requested authority asks, consults or proposes: it waits from now on.
    Asked = 1,
    /// The requesting authority answers that.
    Answered = 2,
    /// The requesting authority asks how far it has come.
    Queried = 3,
    /// The requested authority says where the request stands.
    Told = 4,
}

impl Turn {
    /// What a move says beside what it does, where one is made while the request stands there.
    pub fn of(side: Side, made: Move, state: RequestState) -> Option<Self> {
        match (side, made) {
            (Side::Requested, Move::AskInformation | Move::Consult | Move::ProposeConditions) => {
                Some(Self::Asked)
            }
            // Whoever is asked for information and consults has not given it.
            (Side::Requesting, Move::Consult) if state == RequestState::InfoPending => None,
            (
                Side::Requesting,
                Move::Inform | Move::Consult | Move::AcceptConditions | Move::DeclineConditions,
            ) => Some(Self::Answered),
            (Side::Requesting, Move::Query) => Some(Self::Queried),
            _ => None,
        }
    }

    /// From its number in the rows.
    pub fn from_number(number: u32) -> Option<Self> {
        let all = [Self::Asked, Self::Answered, Self::Queried, Self::Told];
        all.into_iter().find(|turn| *turn as u32 == number)
    }
}

/// How a request came to where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Its states with the time from which on each held, the oldest first.
    pub steps: Vec<(Timestamp, RequestState)>,
    /// What was said meanwhile, the oldest first.
    pub turns: Vec<(Timestamp, Turn)>,
    /// When it came into the other's inbox, where only a receipt says so and no message yet.
    pub received: Option<Timestamp>,
    /// The end of the day to which it was postponed last, where one was named: UNTOC 18(25).
    pub review: Option<Timestamp>,
    /// Where the requesting authority has withdrawn it and the other has not said so yet.
    pub withdrawn: Option<Withdrawn>,
}

/// A withdrawal, as its own authority knows of it: UNTOC 18(24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// When it was submitted.
    pub sent: Timestamp,
    /// When it came into the other's inbox, where a receipt says so: then nothing is owed any more,
    /// whatever crosses it.
    pub came: Option<Timestamp>,
}

impl History {
    /// Whether it is known to have been withdrawn before the requested authority said so.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.is_some_and(|withdrawn| withdrawn.came.is_some())
    }
}

/// How much of a duty's time is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Less than half.
    None,
    /// Half, and less than eighty per cent.
    Half,
    /// Eighty per cent, and not all.
    Soon,
    /// All: it is overdue, or was when it was done.
    Over,
}

impl Level {
    /// As of a percentage.
    pub fn of(percent: u64) -> Self {
        match percent {
            0..50 => Self::None,
            50..80 => Self::Half,
            80..100 => Self::Soon,
            _ => Self::Over,
        }
    }

    /// The percentage from which on it holds: 0, 50, 80 or 100.
    pub fn percent(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Half => 50,
            Self::Soon => 80,
            Self::Over => 100,
        }
    }
}

/// One duty of a request, as of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Which.
    pub duty: Duty,
    /// Since when it runs.
    pub started: Timestamp,
    /// When it stood still, from and until; the last one has no end while it does.
    pub stops: Vec<(Timestamp, Option<Timestamp>)>,
    /// How long it has run, without the stops, in milliseconds.
    pub used_ms: i64,
    /// How long it may run, in milliseconds; more than none.
    pub target_ms: i64,
    /// Since when the duty is done.
    pub done: Option<Timestamp>,
    /// The request is withdrawn, and its withdrawal on its way: nobody here waits for it any more.
    pub withdrawn: bool,
    /// As of when this is.
    now: Timestamp,
}

impl Clock {
    fn begin(duty: Duty, span: &Span, track: &Track, now: Timestamp) -> Self {
        Self {
            duty,
            started: span.from,
            stops: Vec::new(),
            used_ms: 0,
            target_ms: track.target_ms(duty),
            done: None,
            withdrawn: false,
            now,
        }
    }

    /// A postponement that names a day may last until then. Not more than a target may be: a peer names
    /// it.
    fn until(mut self, review: Option<Timestamp>) -> Self {
        if let Some(review) = review.filter(|_| self.duty == Duty::Review) {
            let named = review.unix_ms() - self.started.unix_ms();
            self.target_ms = named.clamp(1, targets::TARGET_MAX_MS);
        }
        self
    }

    /// How much of its time is used, in whole per cent; more than 100 where it was too long.
    pub fn percent(&self) -> u64 {
        let share = i128::from(self.used_ms) * 100 / i128::from(self.target_ms.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// The level that it has reached.
    pub fn level(&self) -> Level {
        Level::of(self.percent())
    }

    /// Whether it stands still now.
    pub fn is_stopped(&self) -> bool {
        self.done.is_none() && self.stops.last().is_some_and(|(_, until)| until.is_none())
    }

    /// Whether its time is used up, the duty is not done, and somebody waits for it.
    pub fn is_overdue(&self) -> bool {
        self.is_owed() && self.level() == Level::Over
    }

    /// Whether the duty is not done, and somebody waits for it.
    pub fn is_owed(&self) -> bool {
        self.done.is_none() && !self.withdrawn
    }

    /// When its time is or was used up; `None` while it stands still, and once the duty is done.
    pub fn due(&self) -> Option<Timestamp> {
        let runs = self.done.is_none() && !self.is_stopped();
        runs.then(|| self.now.plus_ms(self.target_ms - self.used_ms))
    }

    fn takes(&mut self, class: Class, span: &Span) {
        match class {
            Class::Runs => {
                self.ends_stop(span.from);
                self.done = None;
                self.used_ms += span.ms();
            }
            Class::Stops if self.done.is_none() && !self.is_stopped() => {
                self.stops.push((span.from, None));
            }
            Class::Done if self.done.is_none() => {
                self.ends_stop(span.from);
                self.done = Some(span.from);
            }
            _ => {}
        }
    }

    fn ends_stop(&mut self, at: Timestamp) {
        if let Some((_, until @ None)) = self.stops.last_mut() {
            *until = Some(at);
        }
        // What began and ended at once was none.
        self.stops.pop_if(|(from, until)| *until == Some(*from));
    }
}

/// The clocks of a request as of `now`, in the order of [`Duty::ALL`]: those that have begun. Of a duty
/// that begins anew each time, the newest.
pub fn clocks(history: &History, track: &Track, now: Timestamp) -> Vec<Clock> {
    let spans = spans(history, now);
    let found = Duty::ALL.into_iter().filter_map(|duty| clock(duty, &spans, track));
    found.map(|clock| clock.until(history.review)).collect()
}

fn clock(duty: Duty, spans: &[Span], track: &Track) -> Option<Clock> {
    let now = spans.last()?.until;
    let mut clock: Option<Clock> = None;
    for span in spans {
        let class = span.class(duty);
        let is_over = clock.as_ref().is_some_and(|clock| clock.done.is_some());
        let begins = class == Class::Runs && (clock.is_none() || (is_over && duty.begins_anew()));
        if begins || (clock.is_none() && class == Class::Done && span.is_at_once(duty)) {
            clock = Some(Clock::begin(duty, span, track, now));
        }
        if let Some(clock) = &mut clock {
            clock.takes(class, span);
            clock.withdrawn = span.is_withdrawn();
        }
    }
    clock
}

/// The clock that a person is to look at first: of those that run, the one that has the least time left;
/// where none does, one that stands still.
pub fn next(clocks: &[Clock]) -> Option<&Clock> {
    let running = clocks.iter().filter(|clock| clock.due().is_some());
    let first = running.min_by_key(|clock| clock.due());
    first.or_else(|| clocks.iter().find(|clock| clock.is_stopped()))
}

#[cfg(test)]
mod tests;
