//! Which fields an event has, and which values a field.

use std::fmt;

use super::{Coordinates, Entry, EntryError, Event, INTEGER_MAX};
use crate::audit::note::{is_key_name, is_key_text};

/// A field that some events have and others have not. (`at`, `ev`, `nonce` and `v` stand in all.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Who issued the event.
    By,
    /// Digest of a card's file.
    Card,
    /// Reason of a refusal or a change.
    Code,
    /// Digest of a file that the entry is about.
    Document,
    /// Digest of the envelope.
    Envelope,
    /// A key.
    Key,
    /// The message.
    Message,
    /// Commitment to the plaintext.
    Payload,
    /// The counterpart.
    Peer,
    /// The evidence package.
    Package,
    /// Number of the entry with the counterpart.
    PeerSeq,
    /// Digest of a recorded receipt.
    Receipt,
    /// The counterpart's log coordinates.
    Remote,
    /// The program.
    Software,
    /// Handle of an agency or operator.
    Who,
}

use Field::*;

impl Field {
    /// All of them, in the order in which they stand in an entry.
    pub const ALL: [Field; 15] = [
        By, Card, Code, Document, Envelope, Key, Message, Payload, Peer, Package, PeerSeq, Receipt,
        Remote, Software, Who,
    ];

    /// Its key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            By => "by",
            Card => "card",
            Code => "code",
            Document => "doc",
            Envelope => "env",
            Key => "key",
            Message => "mid",
            Payload => "pay",
            Peer => "peer",
            Package => "pkg",
            PeerSeq => "pseq",
            Receipt => "rcpt",
            Remote => "rem",
            Software => "soft",
            Who => "who",
        }
    }

    fn is_in(self, entry: &Entry) -> bool {
        match self {
            By => entry.by.is_some(),
            Card => entry.card.is_some(),
            Code => entry.code.is_some(),
            Document => entry.document.is_some(),
            Envelope => entry.envelope.is_some(),
            Key => entry.key.is_some(),
            Message => entry.message.is_some(),
            Payload => entry.payload.is_some(),
            Peer => entry.peer.is_some(),
            Package => entry.package.is_some(),
            PeerSeq => entry.peer_seq.is_some(),
            Receipt => entry.receipt.is_some(),
            Remote => entry.remote.is_some(),
            Software => entry.software.is_some(),
            Who => entry.who.is_some(),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The fields of an event. [`Field::PeerSeq`] is in neither list: it is there if and only if
/// [`Field::Peer`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// These are always there.
    pub must: &'static [Field],
    /// These can be there.
    pub may: &'static [Field],
}

impl Event {
    /// Which fields its entries must and may have. Nothing is accepted but under the checkpoint of the log
    /// that sends it (I2), and no log ends without the key of the one that follows.
    pub fn fields(self) -> Fields {
        let (must, may): (&'static [Field], &'static [Field]) = match self {
            Event::SubmissionAcceptance => {
                (&[By, Envelope, Message, Payload, Peer], &[Package, Who])
            }
            // A draft may be refused before anything of it has a name.
            Event::SubmissionRejection => {
                (&[By, Code], &[Envelope, Message, Payload, Peer, Package, Who])
            }
            Event::RelayAcceptance => {
                (&[By, Envelope, Message, Peer, Remote], &[Payload, Package, Receipt])
            }
            // Bytes that do not even parse have a digest, but no message id.
            Event::RelayRejection => {
                (&[By, Code, Envelope, Peer], &[Message, Payload, Package, Receipt, Remote])
            }
            Event::RelayFailure => {
                (&[By, Envelope, Message, Peer], &[Code, Payload, Package, Receipt, Remote])
            }
            Event::ContentConsignmentFailure | Event::ContentHandoverFailure => {
                (&[By, Code, Envelope, Message, Peer], &[Payload, Package, Receipt, Remote, Who])
            }
            Event::ContentConsignment | Event::ContentHandover => {
                (&[By, Envelope, Message, Peer], &[Payload, Package, Receipt, Remote, Who])
            }
            Event::ContentAccessTracking => {
                (&[By, Document, Envelope, Key, Message, Peer], &[Payload, Receipt, Remote, Who])
            }
            Event::RelayToNonErds | Event::ReceivedFromNonErds => {
                (&[By, Document, Envelope, Message, Peer], &[Payload, Receipt, Remote, Who])
            }
            Event::MessageCancelled
            | Event::MessageHeld
            | Event::MessageReleased
            | Event::HoldSet
            | Event::HoldReleased => (&[Message], &[Code, Envelope, Payload, Peer, Who]),
            // No peer: it is no business of theirs.
            Event::DraftSubmitted => (&[Message, Who], &[]),
            Event::DraftApproved => (&[Envelope, Message, Who], &[]),
            Event::DraftRefused => (&[Code, Message], &[Who]),
            Event::LogOpened | Event::LogSealed => (&[Key], &[Remote, Software]),
            Event::LogRecovered => (&[Software], &[Code, Document, Who]),
            Event::KeyAdded | Event::KeyRetired => (&[Key], &[Code, Who]),
            Event::CardPublished => (&[Card], &[Who]),
            Event::PeerAdded | Event::PeerUpdated => (&[Card, Peer], &[Key, Who]),
            Event::PeerRemoved | Event::PeerSuspended | Event::PeerResumed => {
                (&[Peer], &[Card, Code, Who])
            }
            Event::PeerReconciled => (&[Document, Peer], &[Code]),
            // The log of a peer has its name; that of a stranger only an origin.
            Event::WitnessCosigned => (&[Remote], &[Key, Peer]),
            Event::WitnessRefused => (&[Code], &[Key, Peer, Remote]),
            Event::WitnessEquivocation => (&[Document], &[Key, Peer, Remote]),
            Event::PolicySet => (&[Document], &[Who]),
            Event::AgencyAdded | Event::AgencyRenewed | Event::AgencyRevoked => {
                (&[Who], &[Code, Key])
            }
            Event::AccessFetched => (&[Who], &[Envelope, Message, Package, Peer]),
            Event::AccessExported => (&[], &[Code, Document, Message, Package, Peer, Who]),
            Event::AccessShared => (&[Code, Message, Who], &[Package]),
            // Nobody where its sender has taken its consent back.
            Event::AccessUnshared => (&[Message], &[Who]),
            Event::EraseBody => (&[Code, Message], &[Envelope, Package, Payload, Peer, Who]),
            Event::EraseAnnex => (&[Code, Document, Message], &[Envelope, Payload, Peer, Who]),
            Event::NodeStarted | Event::NodeRecovered | Event::NodeStopped => {
                (&[Software], &[Code])
            }
        };
        Fields { must, may }
    }
}

pub(super) fn check(entry: &Entry) -> Result<(), EntryError> {
    let event = entry.event;
    let missing = |field| Err(EntryError::Missing { event, field });
    let fields = event.fields();
    for field in Field::ALL {
        let must = match field {
            PeerSeq => entry.peer.is_some(),
            Receipt => fields.may.contains(&Receipt) && is_secondhand(entry),
            _ => fields.must.contains(&field),
        };
        match (must, field.is_in(entry)) {
            (true, false) => return missing(field),
            (false, true) if field == Receipt || !fields.may.contains(&field) => {
                return Err(EntryError::NotAllowed { event, field });
            }
            _ => {}
        }
    }
    // A receipt is only worth recording with the place where it can be looked up.
    if entry.receipt.is_some() && entry.remote.is_none() {
        return missing(Remote);
    }
    values(entry)
}

/// A delivery event that the counterpart issued stands here because its receipt was recorded, so it
/// has the receipt's digest; one that this node issued is itself the receipt, so it has none.
fn is_secondhand(entry: &Entry) -> bool {
    entry.by.is_some() && entry.by == entry.peer
}

fn values(entry: &Entry) -> Result<(), EntryError> {
    let text = |field: Field, value: &Option<String>, rule: fn(&str) -> bool| match value {
        Some(text) if !rule(text) => Err(EntryError::Value(field)),
        _ => Ok(()),
    };
    text(Code, &entry.code, is_code)?;
    text(Key, &entry.key, is_key)?;
    text(Software, &entry.software, is_software)?;
    text(Who, &entry.who, is_handle)?;
    if entry.peer_seq.is_some_and(|seq| !(1..=INTEGER_MAX).contains(&seq)) {
        return Err(EntryError::Value(PeerSeq));
    }
    match &entry.remote {
        Some(remote) if !is_place(remote) => Err(EntryError::Value(Remote)),
        _ => Ok(()),
    }
}

/// Whether a text can be the code of a refusal: `[A-Z][A-Z0-9_]{0,63}`.
fn is_code(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    text.len() <= 64
        && text.bytes().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_uppercase())
}

fn is_handle(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_key(text: &str) -> bool {
    is_handle(text) || (text.is_ascii() && is_key_text(text))
}

fn is_software(text: &str) -> bool {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'.' | b'_' | b'+' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_place(remote: &Coordinates) -> bool {
    let inside = remote.index < remote.size || (remote.index, remote.size) == (0, 0);
    is_key_name(&remote.origin) && remote.origin.is_ascii() && inside && remote.size <= INTEGER_MAX
}
