//! The life of one message, as its log tells it.

use super::state::State;
use crate::audit::entry::{Coordinates, Entry, Event};
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, MessageId, Timestamp};

/// An entry about the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The entry.
    pub index: u64,
    /// When the log took it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// Who stated it.
    pub by: Option<AuthorityId>,
    /// Whether it is a receipt of the peer that was recorded.
    pub recorded: bool,
    /// The reason, where there is one.
    pub code: Option<String>,
    /// Where the counterpart's log has the other end.
    pub remote: Option<Coordinates>,
    /// Number of the entry with the peer.
    pub peer_seq: Option<u64>,
    /// The agency or operator behind it.
    pub who: Option<String>,
    /// The state of the message from here on; `None` where the log knows no such message.
    pub state: Option<DeliveryState>,
}

/// Gathers the entries about one message while a log is replayed.
#[derive(Clone, Debug)]
pub struct Life {
    message: MessageId,
    moments: Vec<Moment>,
}

impl Life {
    /// Of a message.
    pub fn of(message: MessageId) -> Self {
        Self { message, moments: Vec::new() }
    }

    /// Takes an entry, if it is about the message, that `state` has just applied.
    pub fn observe(&mut self, index: u64, entry: &Entry, state: &State) {
        if entry.message != Some(self.message) {
            return;
        }
        self.moments.push(Moment {
            index,
            at: entry.at,
            event: entry.event,
            by: entry.by.clone(),
            recorded: entry.is_recorded_receipt(),
            code: entry.code.clone(),
            remote: entry.remote.clone(),
            peer_seq: entry.peer_seq,
            who: entry.who.clone(),
            state: state.message(&self.message).map(|message| message.state),
        });
    }

    /// The message.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// What happened, in the order of the log.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }
}
