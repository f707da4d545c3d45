//! Which entries an excerpt has.

use std::collections::BTreeSet;
use std::fmt;

use crate::audit::entry::Entry;
use crate::domain::{AuthorityId, MessageId};

/// What the entries of an excerpt concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A peer: every entry that names it, and those about messages exchanged with it that name
    /// nobody.
    Peer(AuthorityId),
    /// The messages of a case. Which case it is stands nowhere in the excerpt, as it stands nowhere
    /// in the log.
    Case,
    /// A message.
    Message(MessageId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => write!(f, "peer {peer}"),
            Self::Case => f.write_str("case"),
            Self::Message(id) => write!(f, "message {id}"),
        }
    }
}

impl Scope {
    /// Parses what its `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None => (text == "case").then_some(Self::Case),
            Some(("peer", peer)) => Some(Self::Peer(AuthorityId::parse(peer).ok()?)),
            Some(("message", id)) => Some(Self::Message(MessageId::parse(id).ok()?)),
            Some(_) => None,
        }
        .filter(|scope| scope.to_string() == text)
    }
}

/// Tells, entry by entry in the order of the log, which ones an excerpt has.
#[derive(Clone, Debug)]
pub struct Chosen {
    scope: Scope,
    /// The messages whose entries are chosen: those of the case, or, as they come, those that were
    /// exchanged with the peer.
    messages: BTreeSet<MessageId>,
}

impl Chosen {
    /// By a scope; `messages` are those of the case, where it is one.
    pub fn new(scope: Scope, messages: BTreeSet<MessageId>) -> Self {
        Self { scope, messages }
    }

    /// By the same rule for who reads an excerpt and does not know which messages are the case's:
    /// there, every message may be.
    pub(in crate::audit) fn read(scope: Scope) -> Self {
        Self { scope, messages: BTreeSet::new() }
    }

    /// Whether an excerpt of this scope has the entry.
    pub fn takes(&mut self, index: u64, entry: &Entry) -> bool {
        index == 0 || self.concerns(entry)
    }

    fn concerns(&mut self, entry: &Entry) -> bool {
        match (&self.scope, &entry.message) {
            (Scope::Peer(peer), Some(id)) if entry.peer.as_ref() == Some(peer) => {
                self.messages.insert(*id);
                true
            }
            (Scope::Peer(peer), None) => entry.peer.as_ref() == Some(peer),
            (Scope::Peer(_), Some(id)) => entry.peer.is_none() && self.messages.contains(id),
            (Scope::Case, Some(id)) => self.messages.contains(id),
            (Scope::Message(message), id) => id.as_ref() == Some(message),
            (Scope::Case, None) => false,
        }
    }

    /// Whether an entry that an excerpt has may be there.
    pub(in crate::audit) fn may_take(&mut self, index: u64, entry: &Entry) -> bool {
        let of_a_case = self.scope == Scope::Case && entry.message.is_some();
        of_a_case || self.takes(index, entry)
    }
}
