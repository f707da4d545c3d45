//! Reconciles the logs of two authorities: what each says of what they exchanged, held against what
//! the other says.
//!
//! Each entry about a message of the two is a *fact* of some 150 bytes. The facts of both
//! sides are sorted by message and merged; where one log has more of them than are to be held at
//! once, the messages are taken in as many parts as are needed, and the logs read once a part. So
//! memory is bounded, whatever the logs hold.
//!
//! What one side recorded of the other's log (place, size, root) is held against that log itself:
//! whether it has the entry in that place, and ever was in that state.
//!
//! It believes both logs to be what their owners signed; [`super::verify`] makes sure of that.

mod beyond;
mod facts;
mod judge;
mod message;
mod roots;

use std::collections::BTreeMap;
use std::hash::RandomState;

use super::entry::{Entry, Event};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, Timestamp};
use facts::{Facts, Wanted};
use judge::Judge;

pub use beyond::Beyond;
pub use facts::{Fact, Seen};
pub use judge::Ends;
pub use message::{Side, is_settled, judge_message};

/// Facts of one side that are held at once where the caller does not say: some 75 MB.
pub const FACTS_MAX: usize = 500_000;

/// A clock that is off by less is not worth a notice, in milliseconds.
const SKEW_NOTICE_MS: i64 = 10_000;

/// Entries about one message in one log, beyond which nobody looks on: far more than can happen to one.
const FACTS_OF_MESSAGE_MAX: usize = 64;

/// Which of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

impl Which {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Which::A => Which::B,
            Which::B => Which::A,
        }
    }
}

/// Entries with their positions, in their order.
pub type Entries<'a, E> = Box<dyn Iterator<Item = Result<(u64, Entry), E>> + 'a>;
/// Leaf hashes with the positions of their entries, in their order.
pub type Leaves<'a, E> = Box<dyn Iterator<Item = Result<(u64, Digest), E>> + 'a>;

/// The logs of an authority that are reconciled, one after the other. Both functions begin anew whenever they are called.
pub struct Log<'a, E> {
    /// Whose.
    pub authority: &'a AuthorityId,
    /// The origins of its logs: the first has number 0.
    pub origins: &'a [String],
    /// Whether the first of them is its authority's first log: otherwise there are others before it.
    pub from_first: bool,
    /// Its entries.
    pub entries: &'a dyn Fn() -> Entries<'a, E>,
    /// Its leaf hashes.
    pub leaves: &'a dyn Fn() -> Leaves<'a, E>,
}

/// What is asked of a reconciliation.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Only messages that began at this time or later.
    pub since: Option<Timestamp>,
    /// What the other side still lacks after this long, in milliseconds, is wrong. Without it, a
    /// message may be on its way for ever, and a receipt for no time at all.
    pub grace_ms: Option<i64>,
    /// Facts of one side that are held at once, at least 1.
    pub facts_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { since: None, grace_ms: None, facts_max: FACTS_MAX }
    }
}

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $wrong:literal;)*) => {
        /// What becomes of a message, or of something said about it, when both logs are compared.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[$doc])* $variant,)*
        }

        impl Class {
            /// Every class.
            pub const ALL: &'static [Class] = &[$(Class::$variant,)*];

            /// Its name in reports.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Class::$variant => $name,)*
                }
            }

            /// Whether something is wrong.
            pub fn is_wrong(self) -> bool {
                match self {
                    $(Class::$variant => $wrong,)*
                }
            }
        }
    };
}

classes! {
    /// Both logs say the same.
    Matched = "matched", false;
    /// Submitted, and not yet at the receiver.
    InFlight = "in_flight", false;
    /// The same for longer than the grace that was given.
    Overdue = "overdue", true;
    /// Withdrawn, or given up, before the receiver had it.
    NotRelayed = "not_relayed", false;
    /// A receipt that the receiver has issued and that may still be on its way.
    ReceiptInTransit = "receipt_in_transit", false;
    /// One export ends before what the other one refers to.
    Unexported = "unexported", false;
    /// A receipt that the receiver has issued, and the sender has not recorded.
    LostReceipt = "lost_receipt", true;
    /// The receiver accepted what the sender's log does not have: rolled back, or forked.
    MissingAtSender = "missing_at_sender", true;
    /// One message id, two envelopes.
    DigestMismatch = "digest_mismatch", true;
    /// A log leaves out a number of its entries with the other.
    SequenceGap = "sequence_gap", true;
    /// One log records a receipt that the other did not issue, or not so.
    StateDiffers = "state_differs", true;
    /// One log saw the other in a state in which that never was: proof of two pasts.
    OtherPast = "other_past", true;
    /// One clock was ahead of the other.
    ClockSkew = "clock_skew", false;
}

/// Something that the two logs do not say alike, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub class: Class,
    /// The message, where it is about one.
    pub message: Option<MessageId>,
    /// Who sent it, as far as can be told.
    pub sender: Option<Which>,
    /// The event, where it is about one.
    pub event: Option<Event>,
    /// The entry of A.
    pub a: Option<u64>,
    /// The entry of B.
    pub b: Option<u64>,
    /// When the older of the two was logged, by the clock of its log.
    pub at: Timestamp,
    /// What was found and what was due.
    pub detail: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many of each class; of [`Class::Matched`] messages, of the others items.
    pub counts: BTreeMap<Class, u64>,
    /// Messages of the two.
    pub messages: u64,
    /// Entries of A about B, and of B about A.
    pub entries: (u64, u64),
    /// Coordinates in a log of the other that is not at hand: another year's, or none that it shows.
    pub elsewhere: u64,
    /// What A saw of B beyond where B's export ends, and B of A.
    pub beyond: (Option<Beyond>, Option<Beyond>),
    /// At least this much B's clock was ahead of A's at some time, and A's of B's, in milliseconds.
    pub ahead_ms: (i64, i64),
}

impl Summary {
    /// Whether something is wrong.
    pub fn is_wrong(&self) -> bool {
        self.counts.keys().any(|class| class.is_wrong())
    }
}

/// Why two logs cannot be reconciled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError<E> {
    /// A log cannot be read.
    #[error(transparent)]
    Read(E),
    /// Both logs are of the same authority.
    #[error("both logs are of {0}: give those of two authorities")]
    Same(AuthorityId),
}

/// Compares two logs; everything that is not simply matched goes to `each`.
///
/// # Errors
/// [`ReconcileError`].
pub fn reconcile<E>(
    a: &Log<'_, E>,
    b: &Log<'_, E>,
    options: &Options,
    each: &mut dyn FnMut(Item),
) -> Result<Summary, ReconcileError<E>> {
    if a.authority == b.authority {
        return Err(ReconcileError::Same(a.authority.clone()));
    }
    let mut out = Out { summary: Summary::default(), each };
    let max = options.facts_max.max(1);
    let divides = RandomState::new();
    let mut parts = 1;
    let mut part = 0;
    while part < parts {
        let wanted = Wanted { part, parts, max, divides: &divides };
        let facts_a = Facts::read(a, b, wanted).map_err(ReconcileError::Read)?;
        let facts_b = Facts::read(b, a, wanted).map_err(ReconcileError::Read)?;
        let most = facts_a.total.max(facts_b.total);
        if part == 0 && parts == 1 && most > max as u64 {
            // Parts are not all of one size; one more makes up for it.
            parts = most.div_ceil(max as u64) + 1;
            continue;
        }
        if part == 0 {
            out.summary.entries = (facts_a.entries, facts_b.entries);
            out.gaps(Which::A, &facts_a);
            out.gaps(Which::B, &facts_b);
            let of_a = Beyond::found(&facts_a, b, facts_b.ends);
            out.summary.beyond = (of_a, Beyond::found(&facts_b, a, facts_a.ends));
        }
        out.summary.elsewhere += facts_a.elsewhere + facts_b.elsewhere;
        roots::check(Which::A, &facts_a, b, facts_b.ends.size, &mut out)?;
        roots::check(Which::B, &facts_b, a, facts_a.ends.size, &mut out)?;
        merge(&facts_a, &facts_b, options, &mut out);
        part += 1;
    }
    out.beyond();
    out.skew();
    Ok(out.summary)
}

/// Goes through both sides' facts message by message.
fn merge(a: &Facts, b: &Facts, options: &Options, out: &mut Out<'_>) {
    let mut groups_a = a.messages().peekable();
    let mut groups_b = b.messages().peekable();
    let ends = (a.ends, b.ends);
    loop {
        let next_a = groups_a.peek().map(|group| group[0].message);
        let next_b = groups_b.peek().map(|group| group[0].message);
        let Some(id) = [next_a, next_b].into_iter().flatten().min() else { return };
        let mine = groups_a.next_if(|group| group[0].message == id).unwrap_or_default();
        let theirs = groups_b.next_if(|group| group[0].message == id).unwrap_or_default();
        if options.since.is_some_and(|since| began_before(since, mine, theirs)) {
            continue;
        }
        out.summary.messages += 1;
        if mine.len().max(theirs.len()) > FACTS_OF_MESSAGE_MAX {
            out.too_many(id, mine, theirs);
            continue;
        }
        let refused = (a.unnamed.as_slice(), b.unnamed.as_slice());
        let mut judge = Judge::new(id, mine, theirs, ends, options.grace_ms, refused);
        judge.judge();
        out.take(judge);
    }
}

/// Whether each side that knows of a message says that it began before a time: neither side's clock
/// alone keeps it from being judged.
fn began_before(since: Timestamp, mine: &[Fact], theirs: &[Fact]) -> bool {
    let first = |facts: &[Fact]| facts.iter().map(|fact| fact.at).min();
    let mut known = [first(mine), first(theirs)].into_iter().flatten();
    known.all(|at| at < since)
}

/// Counts, and hands items on.
struct Out<'a> {
    summary: Summary,
    each: &'a mut dyn FnMut(Item),
}

impl Out<'_> {
    fn item(&mut self, item: Item) {
        *self.summary.counts.entry(item.class).or_default() += 1;
        (self.each)(item);
    }

    fn take(&mut self, judge: Judge<'_>) {
        let ahead = &mut self.summary.ahead_ms;
        *ahead = (ahead.0.max(judge.ahead_ms.0), ahead.1.max(judge.ahead_ms.1));
        if judge.items.is_empty() {
            *self.summary.counts.entry(Class::Matched).or_default() += 1;
        }
        judge.items.into_iter().for_each(|item| self.item(item));
    }

    fn gaps(&mut self, which: Which, facts: &Facts) {
        for gap in &facts.gaps {
            let detail = format!("number {}, where {} follows", gap.found, gap.expected);
            let (a, b) = pair(which, Some(gap.index), None);
            let class = Class::SequenceGap;
            let (message, sender, event) = (None, None, None);
            self.item(Item { class, message, sender, event, a, b, at: gap.at, detail });
        }
    }

    /// What was seen beyond the end of an export is wrong where no clock explains it, as far as the two
    /// are known to differ.
    fn beyond(&mut self) {
        let (b_ahead, a_ahead) = self.summary.ahead_ms;
        let (of_a, of_b) = self.summary.beyond.clone();
        for (which, beyond, ahead_ms) in [(Which::A, of_a, b_ahead), (Which::B, of_b, a_ahead)] {
            let Some(found) = beyond.filter(|found| found.is_proof(ahead_ms)) else { continue };
            let (a, b) = pair(which, Some(found.entry), None);
            let (message, sender, event) = (None, None, None);
            let (class, at, detail) = (Class::OtherPast, found.at, found.told());
            self.item(Item { class, message, sender, event, a, b, at, detail });
        }
    }

    /// A message about which a log says more than can happen to one.
    fn too_many(&mut self, id: MessageId, mine: &[Fact], theirs: &[Fact]) {
        let first = |facts: &[Fact]| facts.first().map(|fact| fact.index);
        let (count_a, count_b) = (mine.len(), theirs.len());
        let never = Timestamp::from_unix_ms(0);
        self.item(Item {
            class: Class::StateDiffers,
            message: Some(id),
            sender: None,
            event: None,
            a: first(mine),
            b: first(theirs),
            at: mine.iter().chain(theirs).map(|fact| fact.at).min().unwrap_or(never),
            detail: format!(
                "A has {count_a} entries about it and B {count_b}: more than can happen to a message"
            ),
        });
    }

    fn skew(&mut self) {
        let (b_ahead, a_ahead) = self.summary.ahead_ms;
        for (who, ms) in [("B", b_ahead), ("A", a_ahead)] {
            if ms >= SKEW_NOTICE_MS {
                self.item(Item {
                    class: Class::ClockSkew,
                    message: None,
                    sender: None,
                    event: None,
                    a: None,
                    b: None,
                    at: Timestamp::from_unix_ms(0),
                    detail: format!("the clock of {who} was ahead by {ms} ms or more"),
                });
            }
        }
    }
}

/// What belongs to one side and what to the other, as A and B.
fn pair<T>(which: Which, own: T, other: T) -> (T, T) {
    match which {
        Which::A => (own, other),
        Which::B => (other, own),
    }
}

#[cfg(test)]
mod tests;
