//! The state that entries lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Name, Names};
use crate::audit::Position;
use crate::audit::entry::{Coordinates, Event};
use crate::crypto::Digest;
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, MessageId, Timestamp};

/// On which side of a message the log's owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It sent the message.
    Sent,
    /// It received it.
    Received,
}

impl Side {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Sent => "sent",
            Side::Received => "received",
        }
    }
}

/// Whether a message still waits to be relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// It waits.
    Waiting,
    /// It waits, and an operator keeps it back.
    Stopped,
    /// It does not, or never did: it was answered, withdrawn, given up, or received.
    Gone,
}

impl Queue {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Queue::Waiting => "waiting",
            Queue::Stopped => "stopped",
            Queue::Gone => "-",
        }
    }
}

/// An event of a message, and where it stands in this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) index: u64,
    pub(super) code: Option<Name>,
    pub(super) event: Event,
    pub(super) recorded: bool,
}

/// A message. Small, because a log has millions.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) side: Side,
    pub(super) peer: Name,
    pub(super) state: DeliveryState,
    pub(super) queue: Queue,
    pub(super) erased: bool,
    /// It must not be erased.
    pub(super) hold: bool,
    /// It began in the log before this one: what came before is not known here.
    pub(super) earlier: bool,
    pub(super) envelope: Option<Digest>,
    pub(super) payload: Option<Digest>,
    pub(super) events: Vec<Stated>,
}

impl Message {
    pub(super) fn new(side: Side, peer: Name, state: DeliveryState) -> Self {
        Self {
            side,
            peer,
            state,
            queue: Queue::Gone,
            erased: false,
            hold: false,
            earlier: false,
            envelope: None,
            payload: None,
            events: Vec::new(),
        }
    }

    pub(super) fn has(&self, event: Event, recorded: bool) -> bool {
        self.events.iter().any(|e| e.event == event && e.recorded == recorded)
    }
}

/// A message that waits for an approval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    /// The entry that submitted it.
    pub(super) submitted: u64,
    pub(super) author: Name,
    /// The envelope that was approved.
    pub(super) approved: Option<Digest>,
}

/// How a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Named, and never added.
    Unknown,
    /// Added in the log before this one, as far as can be told.
    Earlier,
    /// Trusted.
    Trusted,
    /// Trusted no more until it is resumed.
    Suspended,
    /// Trusted no more.
    Removed,
}

impl Standing {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Unknown => "unknown",
            Standing::Earlier => "earlier",
            Standing::Trusted => "trusted",
            Standing::Suspended => "suspended",
            Standing::Removed => "removed",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) standing: Standing,
    /// Entries with it.
    pub(super) seq: u64,
    pub(super) card: Option<Digest>,
    /// The entry that changed standing or card last.
    pub(super) changed: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Agency {
    pub(super) revoked: bool,
    pub(super) changed: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) added: u64,
    pub(super) retired: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) message: Option<MessageId>,
    pub(super) code: Name,
    pub(super) index: u64,
}

/// The node behind the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) running: Option<bool>,
    pub(super) starts: u64,
    pub(super) recoveries: u64,
    pub(super) stops: u64,
    /// Times that entries were put back after a restored copy.
    pub(super) restored: u64,
    pub(super) software: Option<String>,
}

/// What a log says of everything, as of some number of entries.
///
/// Memory is what the log speaks of: about 340 bytes a message, a refusal, a peer, an agency and a
/// key a little; whatever passes besides leaves nothing.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) owner: AuthorityId,
    pub(super) origin: Option<String>,
    /// The end of the log before, where this one goes on from one.
    pub(super) before: Option<Coordinates>,
    /// Things may have begun in a log before the first one that was replayed.
    pub(super) goes_on: bool,
    /// The newest log, counted from the first one that was replayed.
    pub(super) log: u32,
    /// How those before it ended: origin and size.
    pub(super) ended: Vec<(String, u64)>,
    /// Of the newest log.
    pub(super) entries: u64,
    pub(super) at: Timestamp,
    pub(super) sealed: bool,
    pub(super) names: Names,
    pub(super) node: Node,
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) agencies: BTreeMap<String, Agency>,
    pub(super) peers: BTreeMap<Name, Peer>,
    /// The largest checkpoint of each other log that an entry names.
    pub(super) heads: BTreeMap<String, (u64, Digest)>,
    pub(super) policy: Option<(Digest, u64)>,
    pub(super) messages: BTreeMap<MessageId, Message>,
    /// Annexes that were erased by themselves.
    pub(super) erased_annexes: BTreeSet<(MessageId, Digest)>,
    pub(super) drafts: BTreeMap<MessageId, Draft>,
    pub(super) refusals: BTreeMap<(Name, Digest), Refusal>,
}

impl State {
    /// Of the empty log of an authority.
    pub fn new(owner: AuthorityId) -> Self {
        Self {
            owner,
            origin: None,
            before: None,
            goes_on: false,
            log: 0,
            ended: Vec::new(),
            entries: 0,
            at: Timestamp::from_unix_ms(0),
            sealed: false,
            names: Names::default(),
            node: Node::default(),
            keys: BTreeMap::new(),
            agencies: BTreeMap::new(),
            peers: BTreeMap::new(),
            heads: BTreeMap::new(),
            policy: None,
            messages: BTreeMap::new(),
            erased_annexes: BTreeSet::new(),
            drafts: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// Whose log it is.
    pub fn owner(&self) -> &AuthorityId {
        &self.owner
    }

    /// Entries of the newest log that were applied so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Entries of all logs that were applied so far.
    pub fn total(&self) -> u64 {
        self.ended.iter().map(|(_, size)| size).sum::<u64>() + self.entries
    }

    /// Where the entries that were applied end.
    pub fn end(&self) -> Position {
        Position::new(self.log, self.entries)
    }

    /// How the logs before the newest one ended: origin and entries.
    pub fn ended(&self) -> &[(String, u64)] {
        &self.ended
    }

    /// From a log that has ended to the one that follows.
    pub(super) fn turn_over(&mut self) {
        self.ended.push((self.origin.clone().unwrap_or_default(), self.entries));
        self.log += 1;
        self.entries = 0;
        self.sealed = false;
    }

    /// The time of the last one.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether the first log that was replayed goes on from one before it, in which things may have
    /// begun.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }
}
