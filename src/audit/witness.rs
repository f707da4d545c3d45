//! What a witness is asked, what it decides, and what it answers (C2SP tlog-witness).
//!
//! One set of rules for every road: requests come over HTTP from strangers' logs and in the relay
//! streams from peers. Nothing in a request is believed but the signature of the log: who carries
//! it does not matter.
//!
//! In this order: [`AddCheckpoint::parse`]; the state of the log that the request names;
//! [`decide`]; the new state made durable, in one step with the check that the old one is still
//! there; [`Cosigner::cosign`]; the answer. A cosignature that leaves before its state is durable
//! makes a witness that can be led to sign two pasts (I1).

mod decide;
mod request;
mod response;

use super::cosignature::{Cosignature, CosignedAt};
use super::note::{NoteError, WitnessKey};
use crate::crypto::SigningSecret;
use crate::domain::Timestamp;

pub use decide::{Accepted, RefusalReason, Signed, WitnessRefusal, decide, decide_signed};
pub use request::{AddCheckpoint, PROOF_LINES_MAX, RequestError};
pub use response::{ResponseError, conflict_text, parse_conflict, response_text, take_response};

/// A key that cosigns. It signs nothing but what [`decide`] has accepted.
pub struct Cosigner {
    key: WitnessKey,
    secret: SigningSecret,
}

impl Cosigner {
    /// The key of the witness `name`. SPEC: an Ed25519 key has one witness only, because its
    /// cosignatures do not cover the name.
    ///
    /// # Errors
    /// [`NoteError::Name`], or [`NoteError::KeyType`] for an algorithm that no cosignature has.
    pub fn new(name: &str, secret: SigningSecret) -> Result<Self, NoteError> {
        Ok(Self { key: WitnessKey::new(name, secret.public())?, secret })
    }

    /// Its public key.
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// Cosigns what was accepted and, by the caller's word, is durable by now.
    pub fn cosign(&self, accepted: &Accepted, now: Timestamp) -> Cosignature {
        let checkpoint = accepted.state().checkpoint();
        Cosignature::sign(checkpoint, &self.key, &self.secret, CosignedAt::from(now))
            .expect("a checkpoint that was parsed has an origin of 1 to 255 bytes")
    }
}

#[cfg(test)]
mod tests;
