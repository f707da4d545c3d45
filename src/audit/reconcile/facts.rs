//! What one log says of what was exchanged with the other.

use std::hash::{BuildHasher as _, RandomState};

use super::{Log, judge::Ends};
use crate::audit::Position;
use crate::audit::entry::{Coordinates, Entry, Event};
use crate::audit::succession::order_of;
use crate::crypto::Digest;
use crate::domain::{MessageId, Timestamp};

/// What one entry says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The message.
    pub message: MessageId,
    /// Index of the entry in its log.
    pub index: u64,
    /// Its number among the entries of the two.
    pub number: u64,
    /// When it was logged.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
    /// A receipt of the other side that is recorded; otherwise the log's owner states it.
    pub recorded: bool,
    /// SHA-256 of the envelope.
    pub envelope: Option<Digest>,
    /// Code of a refusal.
    pub code: Option<Box<str>>,
    /// What it saw of the other log.
    pub seen: Option<Seen>,
    /// It saw it in a log before the first one at hand: there nothing can be looked up.
    pub elsewhere: bool,
    /// It saw it in a log that the other side does not show: later than all of them, or none at all.
    pub unshown: bool,
}

/// What a log saw of the other one: positions in its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where an entry stands.
    pub index: u64,
    /// Where the checkpoint ends.
    pub size: u64,
    /// Root of the checkpoint.
    pub root: Digest,
}

impl Fact {
    /// What the entry at a position says of a message, and saw of the logs `origins` of the other
    /// side; `None` where it says nothing that the other side must say too.
    pub fn of(index: u64, entry: &Entry, origins: &[String]) -> Option<Self> {
        Self::among(index, entry, &Origins { shown: origins, from_first: false })
    }

    fn among(index: u64, entry: &Entry, origins: &Origins<'_>) -> Option<Self> {
        let message = entry.message?;
        // Who opened an annex says nothing of what became of the message, and goes on when all of
        // that is settled; nor does the road that it took.
        let beside =
            [Event::ContentAccessTracking, Event::RelayToNonErds, Event::ReceivedFromNonErds];
        let of_delivery = entry.event.is_receipt() && !beside.contains(&entry.event);
        if !of_delivery && entry.event != Event::MessageCancelled {
            return None;
        }
        let seen = entry.remote.as_ref().and_then(|remote| Seen::of(remote, origins.shown));
        let unseen = entry.remote.as_ref().filter(|_| seen.is_none());
        let elsewhere = unseen.is_some_and(|remote| origins.may_be_before(&remote.origin));
        Some(Self {
            message,
            index,
            number: entry.peer_seq.unwrap_or(0),
            at: entry.at,
            event: entry.event,
            recorded: entry.is_recorded_receipt(),
            envelope: entry.envelope,
            code: entry.code.as_deref().map(Box::from),
            seen,
            elsewhere,
            unshown: unseen.is_some() && !elsewhere,
        })
    }
}

/// The logs of the other side that are at hand.
#[derive(Clone, Copy, Debug)]
struct Origins<'a> {
    /// Their origins, one after the other.
    shown: &'a [String],
    /// Whether the first of them is the first one of its authority.
    from_first: bool,
}

impl Origins<'_> {
    /// Whether a log may be one before the first at hand.
    fn may_be_before(&self, origin: &str) -> bool {
        let first = self.shown.first().and_then(|first| order_of(first));
        !self.from_first && order_of(origin).is_some_and(|order| Some(order) < first)
    }
}

impl Seen {
    /// `None` where it was seen in a log that is not at hand, or that no log can be.
    fn of(remote: &Coordinates, origins: &[String]) -> Option<Self> {
        // Whoever wrote the entry chose the number.
        remote.size.checked_shr(48).filter(|beyond| *beyond == 0)?;
        let log = (0..).zip(origins).find(|(_, origin)| **origin == remote.origin)?.0;
        let place = |index| Position::new(log, index).number();
        let (index, size) = (place(remote.index), place(remote.size));
        Some(Self { index, size, root: remote.root })
    }
}

/// A number that does not follow.
pub(super) struct Gap {
    pub(super) index: u64,
    pub(super) at: Timestamp,
    pub(super) expected: u64,
    pub(super) found: u64,
}

/// Gaps that are told: behind the first, more say little.
const GAPS_MAX: usize = 100;

/// Which facts are gathered.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) part: u64,
    pub(super) parts: u64,
    pub(super) max: usize,
    /// With a key that nobody else knows: whoever sends a message chooses its id.
    pub(super) divides: &'a RandomState,
}

impl Wanted<'_> {
    fn has(self, message: MessageId) -> bool {
        self.divides.hash_one(message.as_bytes()) % self.parts == self.part
    }
}

/// The facts of one side.
pub(super) struct Facts {
    /// By message, then in the order of the log.
    facts: Vec<Fact>,
    /// How many there are; more than are here where there are too many.
    pub(super) total: u64,
    /// Entries that name the other side.
    pub(super) entries: u64,
    /// Envelopes that were refused without a message id, sorted, and the entries.
    pub(super) unnamed: Vec<(Digest, u64)>,
    /// What entries that are about no message saw of the other log.
    pub(super) seen: Vec<(u64, Seen)>,
    pub(super) gaps: Vec<Gap>,
    pub(super) elsewhere: u64,
    /// The latest state of the other log that an entry names, with the entry and its time.
    pub(super) latest: Option<(u64, Timestamp, Coordinates)>,
    pub(super) ends: Ends,
}

impl Facts {
    /// Reads a log once.
    pub(super) fn read<E>(
        log: &Log<'_, E>,
        of: &Log<'_, E>,
        wanted: Wanted<'_>,
    ) -> Result<Self, E> {
        let origins = Origins { shown: of.origins, from_first: of.from_first };
        let start = Timestamp::from_unix_ms(0);
        let mut facts = Self {
            facts: Vec::new(),
            total: 0,
            entries: 0,
            unnamed: Vec::new(),
            seen: Vec::new(),
            gaps: Vec::new(),
            elsewhere: 0,
            latest: None,
            ends: Ends { size: 0, at: start },
        };
        let mut next = Some(1);
        for entry in (log.entries)() {
            let (index, entry) = entry?;
            facts.ends = Ends { size: index + 1, at: entry.at };
            // In a log that goes on from another, the numbers do too.
            if index == 0 && entry.remote.is_some() {
                next = None;
            }
            if entry.peer.as_ref() == Some(of.authority) {
                facts.sequence(index, &entry, &mut next);
                facts.late(index, &entry);
                facts.take(index, &entry, &origins, wanted);
            }
        }
        facts.facts.sort_by_key(|fact| (fact.message, fact.index));
        facts.unnamed.sort_unstable();
        Ok(facts)
    }

    fn sequence(&mut self, index: u64, entry: &Entry, next: &mut Option<u64>) {
        self.entries += 1;
        let Some(found) = entry.peer_seq else { return };
        if let Some(expected) = next.filter(|expected| *expected != found)
            && self.gaps.len() < GAPS_MAX
        {
            self.gaps.push(Gap { index, at: entry.at, expected, found });
        }
        *next = Some(found + 1);
    }

    fn late(&mut self, index: u64, entry: &Entry) {
        let place = |seen: &Coordinates| (order_of(&seen.origin), seen.size);
        let known = self.latest.as_ref().map(|(.., seen)| place(seen));
        if let Some(seen) = entry.remote.as_ref().filter(|seen| Some(place(seen)) > known) {
            self.latest = Some((index, entry.at, seen.clone()));
        }
    }

    fn take(&mut self, index: u64, entry: &Entry, origins: &Origins<'_>, wanted: Wanted<'_>) {
        let remote = entry.remote.as_ref();
        let seen = remote.and_then(|remote| Seen::of(remote, origins.shown));
        let mine = match entry.message {
            Some(message) => wanted.has(message),
            None => index % wanted.parts == wanted.part,
        };
        // A message of any part may be the one that was refused without a name.
        if let (None, Event::RelayRejection, Some(envelope)) =
            (entry.message, entry.event, entry.envelope)
        {
            self.unnamed.push((envelope, index));
        }
        if !mine {
            return;
        }
        self.elsewhere += u64::from(entry.remote.is_some() && seen.is_none());
        let fact = Fact::among(index, entry, origins);
        if fact.is_none() && seen.is_none() {
            return;
        }
        self.total += 1;
        if self.total > wanted.max as u64 && wanted.parts == 1 {
            // Only counted from here on: the log is read again, in parts.
            (self.facts, self.seen) = (Vec::new(), Vec::new());
            return;
        }
        match fact {
            Some(fact) => self.facts.push(fact),
            None => self.seen.extend(seen.map(|seen| (index, seen))),
        }
    }

    /// The facts of each message, by message.
    pub(super) fn messages(&self) -> impl Iterator<Item = &[Fact]> {
        self.facts.chunk_by(|a, b| a.message == b.message)
    }

    /// Everything that was seen of the other log, with the entry and the message that say so.
    pub(super) fn all_seen(&self) -> impl Iterator<Item = (u64, Option<MessageId>, Seen)> {
        let of_messages = self.facts.iter();
        let of_messages =
            of_messages.filter_map(|f| f.seen.map(|seen| (f.index, Some(f.message), seen)));
        of_messages.chain(self.seen.iter().map(|(index, seen)| (*index, None, *seen)))
    }
}
