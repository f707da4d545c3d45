//! When the next bytes of bulk may go to a peer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Rule;
use crate::domain::Timestamp;

/// An answer that comes within this is not worth holding anything back.
const SOON_MS: i64 = 200;
/// So long bulk holds back at most; then it goes for as long as it held back.
const HOLD_MAX_MS: i64 = 5_000;
/// Nothing is looked at later than this, whatever the arithmetic says: the clock may have been set.
const LOOK_AGAIN_MS: i64 = 1_000;

/// Why no bulk goes for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is quiet hours until then.
    Quiet(Timestamp),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Quiet(until) = self;
        let until = until.to_string();
        write!(f, "quiet hours until {} {} UTC", &until[..10], &until[11..16])
    }
}

/// What is said to somebody who wants to send.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Go,
    /// In so many milliseconds, or when it is told.
    Wait(i64),
    Closed(Closed),
}

/// The throttle of one peer, over all streams to it.
pub(crate) struct Throttle {
    rule: Rule,
    state: Mutex<State>,
    /// The peer has answered.
    answered: Notify,
}

#[derive(Default)]
struct State {
    bucket: Bucket,
    turn: Turn,
}

impl Throttle {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, state: Mutex::default(), answered: Notify::new() }
    }

    /// How many streams the operator wants.
    pub(crate) fn streams(&self) -> Option<usize> {
        self.rule.streams
    }

    /// Why no bulk goes now.
    pub(crate) fn closed(&self, now: Timestamp) -> Option<Closed> {
        self.rule.quiet.until(now).map(Closed::Quiet)
    }

    /// A message or a receipt is on its way.
    pub(crate) fn asked(&self, now: Timestamp) {
        self.state().turn.waiting.push_back(now.unix_ms());
    }

    /// The oldest of them was answered.
    pub(crate) fn answered(&self) {
        self.state().turn.waiting.pop_front();
        self.answered.notify_waiters();
    }

    /// The stream of messages and receipts has ended: none of them is waited for.
    pub(crate) fn hung_up(&self) {
        self.state().turn.waiting.clear();
        self.answered.notify_waiters();
    }

    /// Waits until so many bytes may go.
    ///
    /// # Errors
    /// [`Closed`] when that will be long.
    pub(crate) async fn pass(
        &self,
        now: impl Fn() -> Timestamp,
        bytes: usize,
    ) -> Result<(), Closed> {
        loop {
            let answered = self.answered.notified();
            match self.word(now(), bytes) {
                Word::Go => return Ok(()),
                Word::Closed(closed) => return Err(closed),
                Word::Wait(ms) => {
                    let ms = u64::try_from(ms.clamp(1, LOOK_AGAIN_MS)).unwrap_or(1);
                    tokio::select! {
                        () = answered => {}
                        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                    }
                }
            }
        }
    }

    /// Counts bytes that went with those that passed.
    pub(crate) fn owe(&self, bytes: usize) {
        self.state().bucket.owe(bytes);
    }

    fn word(&self, now: Timestamp, bytes: usize) -> Word {
        if let Some(closed) = self.closed(now) {
            return Word::Closed(closed);
        }
        let mut state = self.state();
        if state.turn.is_others(now.unix_ms()) {
            return Word::Wait(SOON_MS);
        }
        let Some(rate) = self.rule.bulk_bytes_per_second else { return Word::Go };
        match state.bucket.take(rate, now.unix_ms(), bytes) {
            0 => Word::Go,
            ms => Word::Wait(ms),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token bucket that holds a second's worth; whoever takes more than is in it leaves a debt, so
/// that a piece passes however small the rate.
#[derive(Default)]
struct Bucket {
    /// Thousandths of a byte: a rate times milliseconds.
    left: i128,
    at_ms: i64,
}

impl Bucket {
    /// Takes bytes, or says in how many milliseconds some may be taken.
    fn take(&mut self, rate: u64, now_ms: i64, bytes: usize) -> i64 {
        let passed = now_ms.saturating_sub(self.at_ms).max(0);
        self.at_ms = now_ms;
        let rate = i128::from(rate.max(1));
        self.left = (self.left + rate * i128::from(passed)).min(rate * 1000);
        if self.left <= 0 {
            return i64::try_from((-self.left / rate) + 1).unwrap_or(i64::MAX);
        }
        self.owe(bytes);
        0
    }

    fn owe(&mut self, bytes: usize) {
        self.left -= 1000 * i128::try_from(bytes).unwrap_or(i128::MAX / 1000);
    }
}

/// Whose turn it is.
struct Turn {
    /// When each message and receipt that is on its way was sent.
    waiting: VecDeque<i64>,
    /// How long bulk may still hold back, in milliseconds.
    left: i64,
    holds: bool,
    at_ms: i64,
}

impl Default for Turn {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), left: HOLD_MAX_MS, holds: false, at_ms: 0 }
    }
}

impl Turn {
    /// Whether bulk holds back now.
    fn is_others(&mut self, now_ms: i64) -> bool {
        let passed = now_ms.saturating_sub(self.at_ms).clamp(0, HOLD_MAX_MS);
        self.at_ms = now_ms;
        self.left = match self.holds {
            true => (self.left - passed).max(0),
            false => (self.left + passed).min(HOLD_MAX_MS),
        };
        let slow = self.waiting.front().is_some_and(|sent| now_ms - sent >= SOON_MS);
        let may = if self.holds { self.left > 0 } else { self.left == HOLD_MAX_MS };
        self.holds = slow && may;
        self.holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_795_000_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + ms)
    }

    fn capped(bytes: u64) -> Throttle {
        Throttle::new(Rule { bulk_bytes_per_second: Some(bytes), ..Rule::default() })
    }

    /// Bytes that go within so many milliseconds, in pieces.
    fn carried(throttle: &Throttle, ms: i64, piece: usize) -> usize {
        (0..ms).filter(|ms| throttle.word(at(*ms), piece) == Word::Go).count() * piece
    }

    #[test]
    fn no_more_goes_than_is_granted_and_no_less() {
        for (rate, piece) in [(64 << 10, 32_770), (1 << 20, 32_770), (1 << 10, 262_160)] {
            let carried = carried(&capped(rate), 600_000, piece) as u64;
            let granted = rate * 600;
            assert!(carried <= granted + rate + piece as u64, "{rate}: {carried}");
            assert!(carried + piece as u64 >= granted, "{rate}: {carried}");
        }
        assert_eq!(Throttle::new(Rule::default()).word(at(0), usize::MAX), Word::Go);
    }

    #[test]
    fn what_was_not_used_is_not_saved_up_and_a_clock_set_back_gives_nothing() {
        let throttle = capped(1000);
        assert_eq!(throttle.word(at(3_600_000), 1000), Word::Go);
        assert_eq!(throttle.word(at(3_600_000), 1), Word::Wait(1));
        assert_eq!(throttle.word(at(0), 1), Word::Wait(1));
        assert_eq!(throttle.word(at(2), 1), Word::Go);
    }

    #[test]
    fn in_quiet_hours_nothing_goes() {
        let mut rule = Rule::default();
        rule.quiet.add("Mon-Fri 08:00-18:00 UTC").expect("a period");
        let throttle = Throttle::new(rule);
        let time = |text| Timestamp::parse(text).expect("a time");
        let quiet = throttle.word(time("2026-11-27T12:00:00.000Z"), 1);
        let Word::Closed(closed) = quiet else { panic!("{quiet:?}") };
        assert_eq!(closed.to_string(), "quiet hours until 2026-11-27 18:00 UTC");
        assert_eq!(throttle.word(time("2026-11-27T18:00:00.000Z"), 1), Word::Go);
    }

    #[test]
    fn bulk_holds_back_for_what_waits_long_and_only_then() {
        let throttle = Throttle::new(Rule::default());
        throttle.asked(at(0));
        assert_eq!(throttle.word(at(SOON_MS - 1), 1), Word::Go, "it may be answered at once");
        assert_eq!(throttle.word(at(SOON_MS), 1), Word::Wait(SOON_MS));
        throttle.answered();
        assert_eq!(throttle.word(at(SOON_MS + 1), 1), Word::Go);
        throttle.asked(at(1000));
        assert_eq!(throttle.word(at(9000), 1), Word::Wait(SOON_MS));
        throttle.hung_up();
        assert_eq!(throttle.word(at(9000), 1), Word::Go);
    }

    #[test]
    fn bulk_is_not_starved_by_messages_that_never_end() {
        let throttle = Throttle::new(Rule::default());
        throttle.asked(at(0));
        let goes = (0..100_000).filter(|ms| throttle.word(at(*ms), 1) == Word::Go).count();
        assert!((45_000..60_000).contains(&goes), "half of the time: {goes}");
    }

    #[tokio::test]
    async fn whoever_waits_goes_as_soon_as_the_answer_is_there() {
        let throttle = std::sync::Arc::new(Throttle::new(Rule::default()));
        throttle.asked(at(0));
        let waiting = {
            let throttle = throttle.clone();
            tokio::spawn(async move { throttle.pass(|| at(1000), 1).await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        throttle.answered();
        assert_eq!(waiting.await.expect("no panic"), Ok(()));
    }
}
