//! What a state says, for whoever reads it.

use super::state::{Message, Queue, Side, Standing, State, Stated};
use crate::audit::entry::{Coordinates, Event};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::domain::delivery::DeliveryState;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView<'a> {
    /// Its id.
    pub id: MessageId,
    /// Whether it was sent or received.
    pub side: Side,
    /// The counterpart.
    pub peer: &'a str,
    /// What the events say has become of it.
    pub state: DeliveryState,
    /// Whether it waits to be relayed.
    pub queue: Queue,
    /// Whether its body was erased.
    pub erased: bool,
    /// Whether it must not be erased.
    pub hold: bool,
    /// Whether it began in the log before this one.
    pub earlier: bool,
    /// SHA-256 of its envelope, where an entry has it.
    pub envelope: Option<Digest>,
    /// The commitment to its content, where an entry has it.
    pub payload: Option<Digest>,
    /// Its events, in the order of the log.
    pub events: Vec<StatedView<'a>>,
}

/// An event of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedView<'a> {
    /// The entry.
    pub index: u64,
    /// What happened.
    pub event: Event,
    /// Whether it is a receipt of the peer that was recorded; otherwise the owner stated it.
    pub recorded: bool,
    /// The reason, where there is one.
    pub code: Option<&'a str>,
}

/// A message that waits for the approval of a second official.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftView<'a> {
    /// Its id.
    pub id: MessageId,
    /// The handle of its author.
    pub author: &'a str,
    /// The entry that submitted it.
    pub submitted: u64,
}

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is trusted.
    pub standing: Standing,
    /// Number of the last entry with it.
    pub seq: u64,
    /// SHA-256 of its newest card.
    pub card: Option<Digest>,
}

/// An agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgencyView<'a> {
    /// Its handle.
    pub handle: &'a str,
    /// Whether it has no access any more.
    pub revoked: bool,
    /// The entry that last changed its access.
    pub changed: u64,
}

/// The node behind the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeView<'a> {
    /// Whether it runs; `None` where no entry says.
    pub running: Option<bool>,
    /// Times it started after a clean stop.
    pub starts: u64,
    /// Times it started after a crash.
    pub recoveries: u64,
    /// Times it stopped.
    pub stops: u64,
    /// Program and version that it last named.
    pub software: Option<&'a str>,
}

impl State {
    /// The log's origin, once it is opened.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The end of the log before, where this one goes on from one.
    pub fn before(&self) -> Option<&Coordinates> {
        self.before.as_ref()
    }

    /// Whether it has had its last entry.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// How many messages it knows.
    pub fn message_count(&self) -> usize {
        self.messages.len()
    }

    /// A message.
    pub fn message(&self, id: &MessageId) -> Option<MessageView<'_>> {
        self.messages.get(id).map(|message| self.view(*id, message))
    }

    /// All messages, by id.
    pub fn messages(&self) -> impl Iterator<Item = MessageView<'_>> {
        self.messages.iter().map(|(id, message)| self.view(*id, message))
    }

    /// The messages whose ids are larger, by id.
    pub fn messages_after(&self, id: Option<MessageId>) -> impl Iterator<Item = MessageView<'_>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = id.map_or(Unbounded, Excluded);
        let rest = self.messages.range((from, Unbounded));
        rest.map(|(id, message)| self.view(*id, message))
    }

    fn view<'a>(&'a self, id: MessageId, message: &'a Message) -> MessageView<'a> {
        let stated = |stated: &Stated| StatedView {
            index: stated.index,
            event: stated.event,
            recorded: stated.recorded,
            code: stated.code.map(|code| self.names.text(code)),
        };
        MessageView {
            id,
            side: message.side,
            peer: self.names.text(message.peer),
            state: message.state,
            queue: message.queue,
            erased: message.erased,
            hold: message.hold,
            earlier: message.earlier,
            envelope: message.envelope,
            payload: message.payload,
            events: message.events.iter().map(stated).collect(),
        }
    }

    /// The messages that wait for an approval, by id.
    pub fn drafts(&self) -> impl Iterator<Item = DraftView<'_>> {
        self.drafts.iter().map(|(id, draft)| DraftView {
            id: *id,
            author: self.names.text(draft.author),
            submitted: draft.submitted,
        })
    }

    /// All peers, by name.
    pub fn peers(&self) -> Vec<PeerView<'_>> {
        let view = |(name, peer): (super::names::Name, &super::state::Peer)| PeerView {
            name: self.names.text(name),
            standing: peer.standing,
            seq: peer.seq,
            card: peer.card,
        };
        self.peers_by_name().into_iter().map(view).collect()
    }

    /// All agencies, by handle.
    pub fn agencies(&self) -> impl Iterator<Item = AgencyView<'_>> {
        self.agencies.iter().map(|(handle, agency)| AgencyView {
            handle,
            revoked: agency.revoked,
            changed: agency.changed,
        })
    }

    /// The keys that came into use, and whether each still is.
    pub fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        self.keys.iter().map(|(key, at)| (key.as_str(), at.retired.is_none()))
    }

    /// Refusals of what peers delivered.
    pub fn refusal_count(&self) -> usize {
        self.refusals.len()
    }

    /// The node.
    pub fn node_view(&self) -> NodeView<'_> {
        let node = &self.node;
        NodeView {
            running: node.running,
            starts: node.starts,
            recoveries: node.recoveries,
            stops: node.stops,
            software: node.software.as_deref(),
        }
    }

    /// SHA-256 of the witness policy in force, and the entry that set it.
    pub fn policy_in_force(&self) -> Option<(Digest, u64)> {
        self.policy
    }
}
