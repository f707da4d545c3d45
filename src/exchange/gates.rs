//! How many long calls there may be at once, so that no caller takes them all (I7).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ActionError, Caller};
use crate::domain::limits::{self, AtOnce};

/// Lets in so many at once, of one caller and in all.
pub struct Gate {
    /// For people, as in `uploads`.
    what: &'static str,
    most: AtOnce,
    inside: Mutex<BTreeMap<String, usize>>,
}

impl Gate {
    /// An open one.
    pub fn new(what: &'static str, most: AtOnce) -> Arc<Self> {
        Arc::new(Self { what, most, inside: Mutex::default() })
    }

    /// Lets a caller in until the pass is dropped. The operator on the home's socket is kept out by
    /// nobody but itself.
    ///
    /// # Errors
    /// [`ActionError::Exhausted`] when the caller has enough inside, [`ActionError::Unavailable`]
    /// when all have.
    pub fn enter(self: &Arc<Self>, who: &str) -> Result<Pass, ActionError> {
        let mut inside = self.lock();
        let own = inside.get(who).copied().unwrap_or(0);
        let AtOnce { each, all } = self.most;
        if own >= each {
            let message = format!("{own} {} of this caller are open: end one first", self.what);
            return Err(ActionError::exhausted("TOO_MANY_AT_ONCE", message));
        }
        if who != Caller::OPERATOR && inside.values().sum::<usize>() >= all {
            let message = format!("this node has {all} {} open: try again in a moment", self.what);
            return Err(ActionError::Unavailable(message));
        }
        inside.insert(who.to_owned(), own + 1);
        Ok(Pass { gate: self.clone(), who: who.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a caller is inside. Dropping it makes room for the next.
pub struct Pass {
    gate: Arc<Gate>,
    who: String,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        if let Some(own) = inside.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                inside.remove(&self.who);
            }
        }
    }
}

/// The gates of a node.
pub struct Gates {
    /// Uploads of packages by agencies.
    pub uploads: Arc<Gate>,
    /// Downloads of exhibits.
    pub downloads: Arc<Gate>,
    /// Pages of exhibits that are being read.
    pub exhibit_lists: Arc<Gate>,
    /// Statements of law that are being read.
    pub statements: Arc<Gate>,
    /// Contents that are being checked.
    pub checks: Arc<Gate>,
    /// Statistics that are being counted.
    pub statistics: Arc<Gate>,
    /// Watchers of the inbox.
    pub inbox_watches: Arc<Gate>,
    /// Exports of the log.
    pub exports: Arc<Gate>,
    /// Checks of what the node keeps against its log.
    pub state_checks: Arc<Gate>,
    /// Pouches that are packed or unpacked.
    pub pouches: Arc<Gate>,
    /// Offers of packages by peers.
    pub offers: Arc<Gate>,
    /// Pushes of packages by peers.
    pub pushes: Arc<Gate>,
    /// Streams of pushes that have several.
    pub push_streams: Arc<Gate>,
    /// Receipts that peers ask for again.
    pub receipts: Arc<Gate>,
    /// Pages of our log that peers read.
    pub entry_pages: Arc<Gate>,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            uploads: Gate::new("uploads", limits::UPLOADS),
            downloads: Gate::new("downloads", limits::DOWNLOADS),
            exhibit_lists: Gate::new("lists of exhibits", limits::EXHIBIT_LISTS),
            statements: Gate::new("lists of statements", limits::STATEMENT_LISTS),
            checks: Gate::new("checks of contents", limits::CHECKS),
            statistics: Gate::new("counts of statistics", limits::STATISTICS),
            inbox_watches: Gate::new("watches of the inbox", limits::INBOX_WATCHES),
            exports: Gate::new("exports", limits::EXPORTS),
            state_checks: Gate::new("checks of the log", limits::STATE_CHECKS),
            pouches: Gate::new("pouches", limits::POUCHES),
            offers: Gate::new("offers of packages", limits::OFFERS),
            pushes: Gate::new("pushes of packages", limits::PUSHES),
            push_streams: Gate::new("streams of pushes", limits::PUSH_STREAMS),
            receipts: Gate::new("requests for receipts", limits::RECEIPTS),
            entry_pages: Gate::new("pages of entries", limits::ENTRY_PAGES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Arc<Gate> {
        Gate::new("things", AtOnce { each: 2, all: 3 })
    }

    #[test]
    fn one_caller_never_takes_all_and_what_it_leaves_is_free_again() {
        let gate = gate();
        let passes = [gate.enter("a").expect("one"), gate.enter("a").expect("two")];
        let refused = gate.enter("a").err().expect("a third");
        assert!(
            matches!(refused, ActionError::Exhausted { code: "TOO_MANY_AT_ONCE", .. }),
            "{refused:?}"
        );
        let other = gate.enter("b").expect("another is not kept out");
        let refused = gate.enter("c").err().expect("three in all");
        assert!(matches!(refused, ActionError::Unavailable(_)), "{refused:?}");
        drop(other);
        gate.enter("c").expect("room again");
        drop(passes);
        assert!(gate.lock().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn the_operator_is_kept_out_by_nobody_but_itself() {
        let gate = gate();
        let _others = [gate.enter("a"), gate.enter("a"), gate.enter("b")].map(Result::ok);
        let _own = [
            gate.enter(Caller::OPERATOR).expect("one"),
            gate.enter(Caller::OPERATOR).expect("two"),
        ];
        assert!(gate.enter(Caller::OPERATOR).is_err());
    }
}
