//! An entry on its way into the log.

use super::{Coordinates, Entry, Event, NONCE_BYTES};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, PackageId, Timestamp};

/// An entry without what only the log can give: its time, nonce and number with the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDraft(Entry);

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $value:ty = $field:ident,)*) => {
        impl EntryDraft {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: $value) -> Self {
                self.0.$field = Some(value.into());
                self
            })*
        }
    };
}

setters! {
    /// Sets who issued the event.
    by: AuthorityId = by,
    /// Sets the reason.
    code: &str = code,
    /// Sets the digest of a card's file.
    card: Digest = card,
    /// Sets the digest of the file that it is about.
    document: Digest = document,
    /// Sets the digest of the envelope.
    envelope: Digest = envelope,
    /// Sets the commitment to the plaintext.
    payload: Digest = payload,
    /// Sets a key: its verifier text, or its id in hex.
    key: &str = key,
    /// Sets the message.
    message: MessageId = message,
    /// Sets the evidence package.
    package: PackageId = package,
    /// Sets the counterpart; the log then gives the entry its number with it.
    peer: AuthorityId = peer,
    /// Sets the digest of the receipt that is recorded.
    receipt: Digest = receipt,
    /// Sets the counterpart's log coordinates.
    remote: Coordinates = remote,
    /// Sets the program.
    software: &str = software,
    /// Sets the handle of the agency or operator.
    who: &str = who,
}

impl EntryDraft {
    /// Of an event, with no field yet.
    pub fn new(event: Event) -> Self {
        Self(Entry {
            at: Timestamp::from_unix_ms(0),
            event,
            nonce: [0; NONCE_BYTES],
            by: None,
            code: None,
            card: None,
            document: None,
            envelope: None,
            payload: None,
            key: None,
            message: None,
            package: None,
            peer: None,
            peer_seq: None,
            receipt: None,
            remote: None,
            software: None,
            who: None,
        })
    }

    /// What it is about.
    pub fn event(&self) -> Event {
        self.0.event
    }

    /// The reason, where it has one.
    pub fn reason(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The counterpart: whoever gives out the numbers of a peer's entries asks for it.
    pub fn counterpart(&self) -> Option<&AuthorityId> {
        self.0.peer.as_ref()
    }

    /// The entry. `peer_seq` is given if and only if there is a counterpart.
    pub fn into_entry(
        self,
        at: Timestamp,
        nonce: [u8; NONCE_BYTES],
        peer_seq: Option<u64>,
    ) -> Entry {
        Entry { at, nonce, peer_seq, ..self.0 }
    }
}
