//! Cards: what an authority publishes about itself, signed by its own root key.
//!
//! A card is a C2SP signed note whose text is JSON: a person can read it, and the bytes that are
//! signed are the bytes that are carried. A card proves that whoever holds the root key said all
//! this; that the root key is really that authority's is for people to establish, by comparing
//! its [`Fingerprint`] out of band. Everything else about a peer — TLS, message signing, sealing
//! and log keys — then comes from the card and from nowhere else.

mod body;
mod changes;
mod edit;
mod fingerprint;
mod name;

pub use body::{CardBody, CardKey, LogKeys, Official, TlsTrust, is_endpoint, is_official_id};
pub use changes::Change;
pub use edit::{CardEdit, CardEditError};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use name::CardName;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::audit::note::{Note, VerifierKey, WitnessKey, sign_note};
use crate::crypto::keys::Algorithm;
use crate::crypto::{Digest, PublicKey, SigningSecret, sha256};
use crate::domain::limits::CARD_MAX_BYTES;
use crate::domain::{AuthorityId, AuthorityKind, Profile, Timestamp};
use crate::envelope::Suite;

/// A card whose signature and rules were checked.
#[derive(Clone)]
pub struct Card {
    text: String,
    body: CardBody,
    root: PublicKey,
    signing: Vec<(CardKey, PublicKey)>,
    sealing: Vec<(CardKey, PublicKey)>,
    log_keys: Vec<VerifierKey>,
    witness_keys: Vec<WitnessKey>,
    officials: Vec<(Official, PublicKey)>,
    tls_ca: Vec<u8>,
    tls_pins: Vec<Digest>,
    min_suite: Suite,
}

/// Why a text is not a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Over [`CARD_MAX_BYTES`].
    #[error("the card is larger than {CARD_MAX_BYTES} bytes")]
    TooLarge,
    /// No signed note.
    #[error("the card is no signed note: {0}")]
    Note(String),
    /// No JSON of the form.
    #[error("the card's text is not the JSON of a card: {0}")]
    Json(String),
    /// The signature is not by the root key that the card itself names.
    #[error("the card is not signed by the root key that it names: it was altered")]
    Signature,
    /// What it asks of requests breaks a rule; the text names the field.
    #[error("the card's profile.{0}")]
    Profile(String),
    /// A field breaks its rule.
    #[error("the card's {field} {rule}")]
    Field {
        /// Which.
        field: &'static str,
        /// Which rule.
        rule: &'static str,
    },
}

impl Card {
    /// Signs a card.
    ///
    /// # Errors
    /// [`CardError`] when the body breaks a rule: what we publish others must be able to read.
    pub fn sign(body: &CardBody, root: &SigningSecret) -> Result<Self, CardError> {
        let json =
            serde_json::to_string_pretty(body).map_err(|e| CardError::Json(e.to_string()))?;
        let name = signer_name(&body.authority);
        let text = sign_note(&format!("{json}\n"), &name, root)
            .map_err(|e| CardError::Note(e.to_string()))?;
        Self::parse(&text)
    }

    /// Reads and checks a card. Whether it is still valid is [`Card::expires`]'s to say.
    ///
    /// # Errors
    /// [`CardError`], which names the field and the rule.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        if text.len() > CARD_MAX_BYTES {
            return Err(CardError::TooLarge);
        }
        let note = Note::parse(text).map_err(|e| CardError::Note(e.to_string()))?;
        let body: CardBody =
            serde_json::from_str(note.text()).map_err(|e| CardError::Json(e.to_string()))?;
        body.check()?;
        let root = body::key(Algorithm::Ed25519, &body.root, "root")?;
        verify(&note, &body.authority, &root)?;
        Self::from_parts(text, body, root)
    }

    fn from_parts(text: &str, body: CardBody, root: PublicKey) -> Result<Self, CardError> {
        let keys = |keys: &[CardKey], field| -> Result<Vec<_>, CardError> {
            keys.iter().map(|k| Ok((k.clone(), body::key(k.algorithm, &k.key, field)?))).collect()
        };
        let suite = Suite::from_number(body.min_suite);
        Ok(Self {
            text: text.to_owned(),
            root,
            signing: keys(&body.signing, "signing")?,
            sealing: keys(&body.sealing, "sealing")?,
            log_keys: body.log_keys()?,
            witness_keys: body.witness_keys()?,
            officials: body.official_keys()?,
            tls_ca: BASE64.decode(&body.tls.ca).map_err(|_| field("tls.ca", "is not base64"))?,
            tls_pins: body.tls_pins()?,
            min_suite: suite.ok_or(field("min_suite", "is no known signature suite"))?,
            body,
        })
    }

    /// The signed note, verbatim.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// SHA-256 of the text, as it stands in the log.
    pub fn digest(&self) -> Digest {
        sha256(self.text.as_bytes())
    }
    /// What the card says.
    pub fn body(&self) -> &CardBody {
        &self.body
    }
    /// Whose card it is.
    pub fn authority(&self) -> &AuthorityId {
        &self.body.authority
    }
    /// What the authority is: a central authority, or an international organisation.
    pub fn kind(&self) -> AuthorityKind {
        self.body.kind
    }
    /// What it asks of requests; `None` where it says nothing.
    pub fn profile(&self) -> Option<&Profile> {
        Some(&self.body.profile).filter(|profile| !profile.is_silent())
    }
    /// The same as JSON; empty where it says nothing.
    pub fn profile_json(&self) -> String {
        // It was made from JSON: all of it can be written so.
        self.profile().and_then(|p| serde_json::to_string(p).ok()).unwrap_or_default()
    }
    /// The conventions that it names as legal bases.
    pub fn conventions(&self) -> Vec<String> {
        self.body.profile.conventions.iter().map(ToString::to_string).collect()
    }
    /// Rises with every new card.
    pub fn version(&self) -> u64 {
        self.body.version
    }
    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.body.expires
    }
    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.body.authority, &self.root)
    }
    /// The lowest signature suite that the authority accepts.
    pub fn min_suite(&self) -> Suite {
        self.min_suite
    }
    /// The certificate that issues its node's TLS certificates, DER.
    pub fn tls_ca(&self) -> &[u8] {
        &self.tls_ca
    }
    /// SHA-256 of the public keys (SPKI) that its node may show in TLS.
    pub fn tls_pins(&self) -> &[Digest] {
        &self.tls_pins
    }
    /// The keys of its audit log, under the name of the first one.
    pub fn log_keys(&self) -> &[VerifierKey] {
        &self.log_keys
    }
    /// Whether an origin is that of one of its logs: those that follow the first one bear other
    /// names of the same owner.
    pub fn owns_log(&self, origin: &str) -> bool {
        let rest = origin.strip_prefix(self.authority().as_str());
        rest.is_some_and(|rest| rest.starts_with("/log/"))
    }
    /// The keys that may sign the log of this origin; none for a log of somebody else. Whether there
    /// is such a log is for its [succession](crate::audit::succession) to show.
    pub fn log_keys_of(&self, origin: &str) -> Vec<VerifierKey> {
        if !self.owns_log(origin) {
            return Vec::new();
        }
        self.log_keys.iter().filter_map(|key| key.renamed(origin).ok()).collect()
    }
    /// The keys with which it cosigns: none, one, or an Ed25519 and an ML-DSA-44 key. It is one
    /// witness, however many they are.
    pub fn witness_keys(&self) -> &[WitnessKey] {
        &self.witness_keys
    }
    /// Every public key that it names but those of TLS, whatever it is for.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        let officials = self.officials.iter().map(|(_, key)| key);
        let dated = self.signing.iter().chain(&self.sealing).map(|(_, key)| key).chain(officials);
        let of_logs = self.log_keys.iter().map(VerifierKey::public);
        let of_witness = self.witness_keys.iter().map(WitnessKey::public);
        std::iter::once(&self.root).chain(dated).chain(of_logs).chain(of_witness)
    }
    /// Officials to whom annexes for it can be sealed, whether valid at present or not.
    pub fn officials(&self) -> &[(Official, PublicKey)] {
        &self.officials
    }
    /// The origin of its first audit log.
    pub fn log_origin(&self) -> &str {
        &self.body.log.origin
    }
    /// Its message signing keys that were valid at a time.
    pub fn signing_keys(&self, at: Timestamp) -> Vec<PublicKey> {
        valid(&self.signing, at)
    }
    /// Its sealing keys that are valid at a time: a message is sealed to all of them.
    pub fn sealing_keys(&self, at: Timestamp) -> Vec<PublicKey> {
        valid(&self.sealing, at)
    }
}

/// What a card pins of a TLS certificate: SHA-256 of its public key (SPKI, DER).
pub fn tls_pin(spki: &[u8]) -> Digest {
    sha256(spki)
}

fn valid(keys: &[(CardKey, PublicKey)], at: Timestamp) -> Vec<PublicKey> {
    let valid = keys.iter().filter(|(key, _)| (key.from..=key.until).contains(&at));
    valid.map(|(_, public)| public.clone()).collect()
}

fn signer_name(authority: &AuthorityId) -> String {
    format!("{authority}/root")
}

fn verify(note: &Note, authority: &AuthorityId, root: &PublicKey) -> Result<(), CardError> {
    let public = root.bytes().try_into().map_err(|_| CardError::Signature)?;
    let key =
        VerifierKey::ed25519(&signer_name(authority), public).map_err(|_| CardError::Signature)?;
    note.verify(&[key]).map(|_| ()).map_err(|_| CardError::Signature)
}

pub(crate) fn field(field: &'static str, rule: &'static str) -> CardError {
    CardError::Field { field, rule }
}

#[cfg(test)]
mod tests;
