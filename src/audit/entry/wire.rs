//! The JSON of an entry. The fields stand in the order of their keys, and serde writes them so.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Coordinates, Entry, EntryError, Event, NONCE_BYTES};
use crate::domain::{AuthorityId, MessageId, PackageId, Timestamp};

const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<AuthorityId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<Base64<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doc: Option<Base64<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    env: Option<Base64<32>>,
    ev: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mid: Option<MessageId>,
    nonce: Base64<NONCE_BYTES>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pay: Option<Base64<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peer: Option<AuthorityId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pkg: Option<PackageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pseq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rcpt: Option<Base64<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rem: Option<WireCoordinates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft: Option<String>,
    v: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCoordinates {
    i: u64,
    n: u64,
    o: String,
    r: Base64<32>,
}

/// `N` bytes in base64 with padding (RFC 4648 section 4).
struct Base64<const N: usize>([u8; N]);

impl<const N: usize> Serialize for Base64<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Base64<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        let bytes = STANDARD.decode(&*text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom(format!("not the base64 of {N} bytes")))
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(from)?;
        Event::parse(&name).ok_or_else(|| D::Error::custom("not an event"))
    }
}

pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    serde_json::to_vec(&Wire::from(entry)).expect("strings and integers are always JSON")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
    let schema = |error: serde_json::Error| EntryError::Schema(error.to_string());
    let wire: Wire = serde_json::from_slice(bytes).map_err(schema)?;
    if wire.v == VERSION { Ok(wire.into()) } else { Err(EntryError::Version(wire.v)) }
}

impl From<&Entry> for Wire {
    fn from(entry: &Entry) -> Self {
        Self {
            at: entry.at,
            by: entry.by.clone(),
            card: entry.card.map(Base64),
            code: entry.code.clone(),
            doc: entry.document.map(Base64),
            env: entry.envelope.map(Base64),
            ev: entry.event,
            key: entry.key.clone(),
            mid: entry.message,
            nonce: Base64(entry.nonce),
            pay: entry.payload.map(Base64),
            peer: entry.peer.clone(),
            pkg: entry.package,
            pseq: entry.peer_seq,
            rcpt: entry.receipt.map(Base64),
            rem: entry.remote.clone().map(WireCoordinates::from),
            soft: entry.software.clone(),
            v: VERSION,
            who: entry.who.clone(),
        }
    }
}

impl From<Wire> for Entry {
    fn from(wire: Wire) -> Self {
        Self {
            at: wire.at,
            event: wire.ev,
            nonce: wire.nonce.0,
            by: wire.by,
            code: wire.code,
            card: wire.card.map(|b| b.0),
            document: wire.doc.map(|b| b.0),
            envelope: wire.env.map(|b| b.0),
            payload: wire.pay.map(|b| b.0),
            key: wire.key,
            message: wire.mid,
            package: wire.pkg,
            peer: wire.peer,
            peer_seq: wire.pseq,
            receipt: wire.rcpt.map(|b| b.0),
            remote: wire.rem.map(Coordinates::from),
            software: wire.soft,
            who: wire.who,
        }
    }
}

impl From<Coordinates> for WireCoordinates {
    fn from(at: Coordinates) -> Self {
        Self { i: at.index, n: at.size, o: at.origin, r: Base64(at.root) }
    }
}

impl From<WireCoordinates> for Coordinates {
    fn from(wire: WireCoordinates) -> Self {
        Self { origin: wire.o, index: wire.i, size: wire.n, root: wire.r.0 }
    }
}
