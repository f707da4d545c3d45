//! Which entries an excerpt has.

use std::collections::BTreeMap;
use std::fmt;

use crate::audit::entry::{Entry, Event};
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

/// Tells, entry by entry in the order of the logs, which ones an excerpt has. One goes through all
/// logs of an authority: a message that began in one may go on in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    scope: Scope,
    /// The messages whose entries are chosen, each with the peer that it is exchanged with: those of the
    /// case, or, as they come, those that were exchanged with the peer.
    messages: BTreeMap<MessageId, AuthorityId>,
    /// Where it cannot be told which messages those are, any may be.
    any_message: bool,
}

impl Chosen {
    /// By a scope; `messages` are those of the case, where it is one, or the message, where its peer is
    /// known.
    pub fn new(scope: Scope, messages: BTreeMap<MessageId, AuthorityId>) -> Self {
        Self { scope, messages, any_message: false }
    }

    /// By the same rule for who reads an excerpt and does not know which messages are the case's,
    /// nor, where `partly`, which ones were exchanged with the peer before.
    pub(in crate::audit) fn read(scope: Scope, partly: bool) -> Self {
        let any_message = match scope {
            Scope::Case => true,
            Scope::Peer(_) => partly,
            Scope::Message(_) => false,
        };
        Self { scope, messages: BTreeMap::new(), any_message }
    }

    /// What the entries concern.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether an excerpt of this scope has the entry: what concerns it, and the first and last
    /// entries of a log, which join it to the one before and the next.
    pub fn takes(&mut self, index: u64, entry: &Entry) -> bool {
        is_joint(index, entry) || self.concerns(entry)
    }

    /// Whether the entry is one of those that the excerpt is asked for.
    pub fn concerns(&mut self, entry: &Entry) -> bool {
        let Some(id) = entry.message else {
            return matches!(&self.scope, Scope::Peer(peer) if entry.peer.as_ref() == Some(peer));
        };
        match (&self.scope, &entry.peer) {
            (Scope::Peer(peer), Some(with)) => {
                if with == peer && exchanges(entry) {
                    self.messages.insert(id, peer.clone());
                }
                with == peer
            }
            (Scope::Peer(_), None) => self.messages.contains_key(&id),
            (Scope::Case, _) => self.messages.contains_key(&id) && self.is_of_its_peer(id, entry),
            (Scope::Message(message), _) => id == *message && self.is_of_its_peer(id, entry),
        }
    }

    /// Whether an entry about a message is not about what another peer has said of it: who exchanges it
    /// is known, or named first.
    fn is_of_its_peer(&mut self, id: MessageId, entry: &Entry) -> bool {
        let Some(peer) = &entry.peer else { return true };
        *self.messages.entry(id).or_insert_with(|| peer.clone()) == *peer
    }

    /// Whether an entry that an excerpt has may be there.
    pub(in crate::audit) fn may_take(&mut self, index: u64, entry: &Entry) -> bool {
        self.takes(index, entry) || (self.any_message && self.may_concern(entry))
    }

    fn may_concern(&self, entry: &Entry) -> bool {
        let whose = matches!(self.scope, Scope::Case) || entry.peer.is_none();
        whose && entry.message.is_some()
    }
}

/// Whether an entry ties its message to its peer. A refusal does not: any peer may have called what it
/// sent by the id of another's message.
fn exchanges(entry: &Entry) -> bool {
    matches!(entry.event, Event::SubmissionAcceptance | Event::RelayAcceptance)
}

/// Whether an entry joins its log to another, or could.
fn is_joint(index: u64, entry: &Entry) -> bool {
    index == 0 || entry.event == Event::LogSealed
}
