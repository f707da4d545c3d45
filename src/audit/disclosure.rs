//! Disclosures: contents of single messages, given to an auditor so that the log can be tied to
//! cases.
//!
//! A disclosure is JSON Lines: a [`Head`], then a [`Record`] a message. A record proves itself: its
//! salt and body give the commitment that the log has had since the message was taken, so nobody
//! can put another content in its place. It proves nothing else, and whoever has it knows the
//! content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::replay::State;
use crate::crypto::{Digest, Sha256};
use crate::domain::{AuthorityId, MessageId};

/// The version of the form.
pub const VERSION: u32 = 1;

/// Bytes of the longest line: the largest body in base64, and room for the rest.
pub const LINE_MAX_BYTES: usize = 1 << 20;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`VERSION`].
    pub disclosure: u32,
    /// Whose log the messages stand in.
    pub authority: AuthorityId,
    /// The log.
    pub log: String,
}

/// What is disclosed of one message. Has no `Debug`: it holds plaintext (I6).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The message.
    pub message_id: MessageId,
    /// The case that the body names; empty where it names none.
    pub case_id: String,
    /// SHA-256 of the envelope, in hex.
    #[serde(with = "hex_digest")]
    pub envelope_digest: Digest,
    /// The salt of the commitment, in hex.
    #[serde(with = "hex_digest")]
    pub salt: Digest,
    /// The content as it was sealed: a `rogatory.v1.MessageBody`, in base64.
    #[serde(with = "base64_bytes")]
    pub body: Vec<u8>,
    /// The node says that what it answers is not of the request that it names (`REQUEST_UNKNOWN`): that
    /// stands in no body, so nothing here proves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub request_unknown: bool,
    /// The message that it answers, as the node says: the header of the envelope has it, and no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
}

/// Why a record does not belong to the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// The log knows no such message.
    #[error("message {0}: the log has no entry about it")]
    UnknownMessage(MessageId),
    /// The log has the message in other bytes.
    #[error("message {message}: its envelope is not the one of entry {entry}")]
    OtherEnvelope {
        /// The message.
        message: MessageId,
        /// The entry.
        entry: u64,
    },
    /// The log has no commitment to its content.
    #[error("message {0}: no entry has a commitment to its content")]
    NoCommitment(MessageId),
    /// Salt and body do not give the commitment.
    #[error(
        "message {message}: salt and body are not those that entry {entry} commits to: this is not \
         its content"
    )]
    OtherContent {
        /// The message.
        message: MessageId,
        /// The entry.
        entry: u64,
    },
}

impl Record {
    /// `SHA-256(salt || body)`: what the log has as `pay`.
    pub fn commitment(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(&self.salt);
        hasher.update(&self.body);
        hasher.finish()
    }

    /// Checks that this is the content of the message that a replayed log has, and gives the entry
    /// that commits to it.
    ///
    /// # Errors
    /// [`DisclosureError`], which names the message.
    pub fn prove(&self, state: &State) -> Result<u64, DisclosureError> {
        let message = self.message_id;
        let unknown = || DisclosureError::UnknownMessage(message);
        let known = state.message(&message).ok_or_else(unknown)?;
        let entry = known.events.first().ok_or_else(unknown)?.index;
        if known.envelope != Some(self.envelope_digest) {
            return Err(DisclosureError::OtherEnvelope { message, entry });
        }
        match known.payload {
            None => Err(DisclosureError::NoCommitment(message)),
            Some(payload) if payload == self.commitment() => Ok(entry),
            Some(_) => Err(DisclosureError::OtherContent { message, entry }),
        }
    }
}

mod hex_digest {
    use serde::de::Error as _;

    use super::*;

    pub(super) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest)
            .map_err(|_| D::Error::custom("not 64 hex digits"))?;
        Ok(digest)
    }
}

mod base64_bytes {
    use serde::de::Error as _;

    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(|_| D::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::{Entry, EntryDraft, Event};
    use crate::audit::testing::{TestLog, authority, delivery, envelope, message};

    fn record() -> Record {
        Record {
            message_id: message(1),
            case_id: "ROG-XA-OAG-2026-000001".into(),
            envelope_digest: envelope(1),
            salt: [7; 32],
            body: b"what was sent".to_vec(),
            request_unknown: false,
            in_reply_to: None,
        }
    }

    /// A log in which entry 2 commits to the record, and entry 3 is about a message without one.
    fn state() -> State {
        let mut log = TestLog::new("xa.moj", 1);
        log.push(EntryDraft::new(Event::PeerAdded).peer(authority("xb.oag")).card([1; 32]));
        let sent = delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1);
        log.push(sent.payload(record().commitment()));
        log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", 2));
        let mut state = State::new(authority("xa.moj"));
        for (index, bytes) in (0..).zip(&log.entries) {
            state.apply(index, &Entry::parse(bytes).expect("sound"));
        }
        state
    }

    #[test]
    fn only_the_content_that_was_committed_to_is_proved() {
        let (state, sound) = (state(), record());
        assert_eq!(sound.prove(&state), Ok(2));
        let (message, entry) = (message(1), 2);
        for (name, record, error) in [
            (
                "another body",
                Record { body: b"what was sent!".to_vec(), ..sound.clone() },
                DisclosureError::OtherContent { message, entry },
            ),
            (
                "another salt",
                Record { salt: [8; 32], ..sound.clone() },
                DisclosureError::OtherContent { message, entry },
            ),
            (
                "a byte moved from the salt to the body",
                Record { body: [&[7], sound.body.as_slice()].concat(), ..sound.clone() },
                DisclosureError::OtherContent { message, entry },
            ),
            (
                "another envelope",
                Record { envelope_digest: [0; 32], ..sound.clone() },
                DisclosureError::OtherEnvelope { message, entry },
            ),
            (
                "a message of another log",
                Record { message_id: super::tests::message(9), ..sound.clone() },
                DisclosureError::UnknownMessage(super::tests::message(9)),
            ),
            (
                "a message without commitment",
                Record {
                    message_id: super::tests::message(2),
                    envelope_digest: envelope(2),
                    ..sound.clone()
                },
                DisclosureError::NoCommitment(super::tests::message(2)),
            ),
        ] {
            assert_eq!(record.prove(&state), Err(error), "{name}");
        }
    }

    #[test]
    fn a_record_is_one_line_and_comes_back() {
        let line = serde_json::to_string(&record()).expect("JSON");
        assert!(!line.contains('\n'));
        let back: Record = serde_json::from_str(&line).expect("a record");
        assert!(back == record());
        let more = line.replacen('{', "{\"name\":\"x\",", 1);
        assert!(serde_json::from_str::<Record>(&more).is_err(), "a field too many");
        let short = line.replace(&hex::encode([7; 32]), "07");
        assert!(serde_json::from_str::<Record>(&short).is_err(), "a short salt");
    }
}
