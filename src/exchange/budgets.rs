//! How much of something each may cause: so much at once, and then one more after each pause (I7).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{AuthorityId, Timestamp};
use crate::exchange::{ActionError, Caller, Exchange};

/// New refusals that a peer or an agency may cause at once. Each is an entry for ever, so what an
/// honest one with faulty software causes in a day is plenty.
pub(super) const REFUSALS: (u32, i64) = (64, 10_000);

/// Checkpoints by which a log may advance here, 20 a second: each is a row in the journal. Nobody
/// who commits in groups has more to say; what comes at once may have waited for a connection.
pub(super) const ADVANCES: (u32, i64) = (64, 50);

/// Checkpoints of one log that one peer may have put to its owner: an honest one tells them once a
/// minute, and is told as often.
pub(super) const HEARD: (u32, i64) = (8, 15_000);

/// Logs that a peer may begin, each after the one before: an honest one has one a year, and somebody
/// who meets it late follows all of them at once.
pub(super) const SUCCESSIONS: (u32, i64) = (64, 3_600_000);

/// New cards of a peer that are taken from its stream, and cards that are refused there: an honest one
/// has a few in a year, and the one of its day that was wrong.
pub(super) const CARDS: (u32, i64) = (8, 3_600_000);

/// Acts of one agency that are entries for ever and cost it nothing: to open an annex, or to share a
/// message, which may be ended once. A desk has some in a day; the rest is a program that goes round and round.
pub(super) const ACTS: (u32, i64) = (256, 10_000);

/// A budget for each of many. Its callers give it names of peers, agencies and known logs only, so
/// there are no more of them than of those.
pub(super) struct Budgets {
    at_once: u32,
    every_ms: i64,
    left: Mutex<BTreeMap<String, Budget>>,
}

struct Budget {
    left: u32,
    at: Timestamp,
}

impl Budgets {
    /// Of so many at once, and one more after so many milliseconds.
    pub(super) fn new((at_once, every_ms): (u32, i64)) -> Self {
        Self { at_once, every_ms, left: Mutex::default() }
    }

    /// Takes one; false when none is left.
    pub(super) fn take(&self, who: &str, now: Timestamp) -> bool {
        let mut budgets = self.lock();
        let full = || Budget { left: self.at_once, at: now };
        let budget = budgets.entry(who.to_owned()).or_insert_with(full);
        let since = now.unix_ms().saturating_sub(budget.at.unix_ms());
        if let Ok(more) = u32::try_from(since / self.every_ms) {
            budget.left = budget.left.saturating_add(more).min(self.at_once);
            budget.at = budget.at.plus_ms(i64::from(more) * self.every_ms);
        }
        // A clock that went back, or one that has not been looked at for long.
        if since < 0 || budget.left == self.at_once {
            budget.at = now;
        }
        let left = budget.left > 0;
        budget.left = budget.left.saturating_sub(1);
        left
    }

    /// Gives one back, for what was earned.
    pub(super) fn give(&self, who: &str) {
        if let Some(budget) = self.lock().get_mut(who) {
            budget.left = budget.left.saturating_add(1).min(self.at_once);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Budget>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What each peer and each agency may cause of what has a bound of its own.
pub(super) struct Spending {
    /// Refusals of an agency's submissions.
    pub(super) rejections: Budgets,
    pub(super) advances: Budgets,
    pub(super) heard: Budgets,
    pub(super) successions: Budgets,
    acts: Budgets,
}

impl Default for Spending {
    fn default() -> Self {
        Self {
            rejections: Budgets::new(REFUSALS),
            advances: Budgets::new(ADVANCES),
            heard: Budgets::new(HEARD),
            successions: Budgets::new(SUCCESSIONS),
            acts: Budgets::new(ACTS),
        }
    }
}

impl Exchange {
    /// Takes one of the acts that an agency may do.
    ///
    /// # Errors
    /// [`ActionError::Exhausted`] with code `TOO_MANY_ACTS` when there is none left.
    pub(super) fn may_act(&self, caller: &Caller) -> Result<(), ActionError> {
        if self.budgets.acts.take(&caller.name, self.now()) {
            return Ok(());
        }
        let message = format!(
            "{} has opened annexes and shared messages too often: each is an entry of the log for ever, and \
             there is one more in {} s",
            caller.name,
            ACTS.1 / 1000
        );
        Err(ActionError::exhausted("TOO_MANY_ACTS", message))
    }

    /// Waits until a peer may show the next checkpoint on its stream. It is slowed down and never
    /// refused: an honest one shows a checkpoint a second, and one with what it brings, which earns
    /// it the next ([`Exchange::earns_advance`]).
    pub(super) async fn pace_advance(&self, peer: &AuthorityId) {
        if !self.budgets.advances.take(peer.as_str(), self.now()) {
            let pause = u64::try_from(ADVANCES.1).unwrap_or(0);
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            self.budgets.advances.take(peer.as_str(), self.now());
        }
    }

    /// A message or a receipt of a peer is durable, for the first time.
    pub(super) fn earns_advance(&self, peer: &AuthorityId) {
        self.budgets.advances.give(peer.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE_MS: i64 = 10_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_000_000_000 + ms)
    }

    #[test]
    fn budgets_come_to_an_end_and_begin_again() {
        let budgets = Budgets::new((3, PAUSE_MS));
        for _ in 0..3 {
            assert!(budgets.take("a", at(0)));
        }
        assert!(!budgets.take("a", at(PAUSE_MS - 1)));
        assert!(budgets.take("b", at(0)), "each has its own");
        assert!(budgets.take("a", at(PAUSE_MS)));
        assert!(!budgets.take("a", at(PAUSE_MS)));
        // What is looked at between two of them counts.
        assert!(!budgets.take("a", at(2 * PAUSE_MS - 1)));
        assert!(budgets.take("a", at(2 * PAUSE_MS)));
        assert!(!budgets.take("a", at(-5)), "a clock that goes back gives nothing");
        assert!(budgets.take("a", at(PAUSE_MS - 5)), "and keeps nothing back");
        let later = at(1_000_000 * PAUSE_MS);
        let given = (0..9).filter(|_| budgets.take("a", later)).count();
        assert_eq!(given, 3, "and no more than that is saved up");
    }

    #[test]
    fn what_is_earned_can_be_taken_and_not_saved() {
        let budgets = Budgets::new((2, PAUSE_MS));
        for _ in 0..5 {
            assert!(budgets.take("a", at(0)));
            budgets.give("a");
        }
        budgets.give("a");
        let given = (0..9).filter(|_| budgets.take("a", at(0))).count();
        assert_eq!(given, 2);
    }
}
