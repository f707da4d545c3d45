//! The text of a card and its rules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{CardError, CardName, field};
use crate::audit::note::{KeyType, VerifierKey, WitnessKey};
use crate::crypto::keys::Algorithm;
use crate::crypto::{Digest, PublicKey, sha256};
use crate::domain::limits::OFFICIALS_PER_CARD_MAX;
use crate::domain::{AuthorityId, AuthorityKind, Profile, Timestamp, characters};

/// What a card says. The order of fields is the order in which people read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardBody {
    /// The version of the form; 1.
    pub v: u32,
    /// Whose card.
    pub authority: AuthorityId,
    /// What the authority is; a card of a central authority leaves it out.
    #[serde(default, skip_serializing_if = "AuthorityKind::is_central")]
    pub kind: AuthorityKind,
    /// Its name for people, 1 to 200 characters.
    pub name: String,
    /// The same in other languages and letters; a card that has none leaves it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<CardName>,
    /// ISO 3166-1 alpha-2, upper case; the authority id begins with it. Of an organisation it is a code
    /// that is reserved for one, as UN is.
    pub country: String,
    /// Rises with every new card, from 1.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Where its node answers, host:port.
    pub endpoint: String,
    /// What it is competent for, as in "mla" (UNTOC Article 18(13)).
    pub functions: Vec<String>,
    /// Languages in which it accepts requests, BCP 47 (UNTOC Article 18(14)).
    pub languages: Vec<String>,
    /// What it asks of requests; a card that says nothing leaves it out.
    #[serde(default, skip_serializing_if = "Profile::is_silent")]
    pub profile: Profile,
    /// The lowest signature suite that it accepts.
    pub min_suite: u32,
    /// Its root key, Ed25519, base64.
    pub root: String,
    /// Who may answer at the endpoint.
    pub tls: TlsTrust,
    /// Keys that sign its messages.
    pub signing: Vec<CardKey>,
    /// Keys that messages for it are sealed to.
    pub sealing: Vec<CardKey>,
    /// Its audit log.
    pub log: LogKeys,
    /// The key with which it cosigns the checkpoints of others (C2SP vkey of a cosigner, whose name
    /// begins with the authority id and `/`), or empty.
    pub witness: String,
    /// The ML-DSA-44 key with which it cosigns beside that one, under another name, or empty. Older
    /// cards do not have the field, and are read as they were signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub witness_pq: String,
    /// Officials to whom annexes for it can be sealed. Older cards do not have the field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub officials: Vec<Official>,
}

/// An office to which the particulars of persons can be sealed. What it is called never names a
/// person: a card is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Official {
    /// Its id within the authority, as in `victims-desk`: lower-case letters, digits and hyphens.
    pub id: String,
    /// The office, for people: a function, 1 to 200 characters.
    pub office: String,
    /// Valid from.
    pub from: Timestamp,
    /// Valid until.
    pub until: Timestamp,
    /// The public key, X-Wing, base64.
    pub key: String,
}

impl Official {
    /// An office that is valid between two times.
    pub fn new(id: &str, office: &str, key: &PublicKey, from: Timestamp, until: Timestamp) -> Self {
        let (id, office) = (id.to_owned(), office.to_owned());
        Self { id, office, from, until, key: BASE64.encode(key.bytes()) }
    }
}

/// What authenticates a node in TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsTrust {
    /// The certificate of the root key, DER in base64.
    pub ca: String,
    /// SHA-256 of the allowed public keys (SPKI), lower-case hex.
    pub pins: Vec<String>,
}

/// A key with its validity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardKey {
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Valid from.
    pub from: Timestamp,
    /// Valid until.
    pub until: Timestamp,
    /// The public key, base64.
    pub key: String,
}

impl CardKey {
    /// A key that is valid between two times.
    pub fn new(key: &PublicKey, from: Timestamp, until: Timestamp) -> Self {
        Self { algorithm: key.algorithm(), from, until, key: BASE64.encode(key.bytes()) }
    }
}

/// An audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogKeys {
    /// Its origin (C2SP tlog-checkpoint).
    pub origin: String,
    /// The keys that sign its checkpoints (C2SP vkey).
    pub keys: Vec<String>,
}

pub(super) const NAME_MAX_CHARS: usize = 200;
const LIST_MAX: usize = 64;
/// Somewhere in 2255: no trial lasts so long.
const LATE_MS: i64 = 9_000_000_000_000;

impl CardBody {
    /// The body that says least: version 1, for all time, at an endpoint that nobody has, without a
    /// witness, its messages signed with its root key. Whatever else a card is to say is set
    /// afterwards; as it is, it is good for trials only.
    pub fn least(
        authority: &AuthorityId,
        root: &PublicKey,
        sealing: &PublicKey,
        log: &VerifierKey,
    ) -> Self {
        let (from, until) = (Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(LATE_MS));
        Self {
            v: 1,
            authority: authority.clone(),
            kind: AuthorityKind::CentralAuthority,
            name: format!("The authority {authority}"),
            names: Vec::new(),
            country: authority.country().to_ascii_uppercase(),
            version: 1,
            issued: from,
            expires: until,
            endpoint: "localhost:7443".into(),
            functions: vec!["mla".into()],
            languages: vec!["en".into()],
            profile: Profile::default(),
            min_suite: 1,
            root: BASE64.encode(root.bytes()),
            tls: TlsTrust { ca: String::new(), pins: vec![hex::encode(sha256(root.bytes()))] },
            signing: vec![CardKey::new(root, from, until)],
            sealing: vec![CardKey::new(sealing, from, until)],
            log: LogKeys { origin: log.name().to_owned(), keys: vec![log.to_string()] },
            witness: String::new(),
            witness_pq: String::new(),
            officials: Vec::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), CardError> {
        let lists_ok = [self.functions.len(), self.languages.len(), self.tls.pins.len()]
            .into_iter()
            .chain([self.signing.len(), self.sealing.len(), self.log.keys.len()])
            .all(|len| (1..=LIST_MAX).contains(&len));
        let words = self.functions.iter().chain(&self.languages);
        if self.v != 1 {
            return Err(field("v", "is not 1: a newer version of this program is needed"));
        }
        if !text_ok(&self.name, NAME_MAX_CHARS) {
            return Err(field("name", "must have 1 to 200 characters that can be seen"));
        }
        self.check_names()?;
        if self.country.to_ascii_lowercase() != self.authority.country()
            || self.country != self.country.to_ascii_uppercase()
        {
            return Err(field("country", "is not the country of its authority id, in upper case"));
        }
        if !self.kind.fits(&self.authority) {
            return Err(field(
                "kind",
                "does not fit its authority id: an international organisation has UN, EU or a code \
                 for exercises in the place of the country, and a central authority not UN",
            ));
        }
        if self.version == 0 {
            return Err(field("version", "must be 1 or more"));
        }
        if self.expires <= self.issued {
            return Err(field("expires", "is not after issued"));
        }
        if !lists_ok {
            return Err(field("lists", "must each have 1 to 64 items"));
        }
        if !words.clone().all(|word| text_ok(word, 35)) {
            return Err(field("functions and languages", "must be short words"));
        }
        check_endpoint(&self.endpoint)?;
        self.profile.check().map_err(|error| CardError::Profile(error.to_string()))?;
        self.check_officials()?;
        self.check_log()
    }

    fn check_officials(&self) -> Result<(), CardError> {
        let officials = &self.officials;
        if officials.len() > OFFICIALS_PER_CARD_MAX {
            return Err(field("officials", "are more than 16"));
        }
        for (number, official) in officials.iter().enumerate() {
            if !is_official_id(&official.id) {
                let rule = "must have an id of 1 to 48 lower-case letters, digits and hyphens";
                return Err(field("officials", rule));
            }
            if !text_ok(&official.office, NAME_MAX_CHARS) {
                let rule = "must have an office of 1 to 200 characters without control characters";
                return Err(field("officials", rule));
            }
            if official.until <= official.from {
                return Err(field("officials", "end before they begin"));
            }
            if officials[..number].iter().any(|other| other.id == official.id) {
                return Err(field("officials", "have an id twice"));
            }
        }
        Ok(())
    }

    /// The officials with their keys: no key is there twice, or has another duty beside.
    pub(super) fn official_keys(&self) -> Result<Vec<(Official, PublicKey)>, CardError> {
        let mut known: Vec<(Official, PublicKey)> = Vec::new();
        for official in &self.officials {
            let public = key(Algorithm::XWing, &official.key, "officials")?;
            let sealing = self.sealing.iter().any(|other| other.key == official.key);
            if sealing || known.iter().any(|(_, other)| *other == public) {
                return Err(field("officials", "have a key that is another one's too"));
            }
            known.push((official.clone(), public));
        }
        Ok(known)
    }

    fn check_log(&self) -> Result<(), CardError> {
        let prefix = format!("{}/log/", self.authority);
        if !self.log.origin.starts_with(&prefix) {
            return Err(field("log.origin", "does not begin with its authority id and /log/"));
        }
        let signs = [Algorithm::Ed25519, Algorithm::MlDsa65];
        if self.signing.iter().any(|key| !signs.contains(&key.algorithm))
            || self.sealing.iter().any(|key| key.algorithm != Algorithm::XWing)
        {
            return Err(field("signing and sealing keys", "have algorithms of another use"));
        }
        Ok(())
    }

    pub(super) fn log_keys(&self) -> Result<Vec<VerifierKey>, CardError> {
        let parse = |text: &String| {
            let key = VerifierKey::parse(text).map_err(|_| field("log.keys", "holds no vkey"))?;
            match key.name() == self.log.origin {
                true => Ok(key),
                false => Err(field("log.keys", "holds a key of another log")),
            }
        };
        self.log.keys.iter().map(parse).collect()
    }

    /// Both keys of the witness, as far as it has them.
    pub(super) fn witness_keys(&self) -> Result<Vec<WitnessKey>, CardError> {
        let mut keys = Vec::new();
        if !self.witness.is_empty() {
            let rule = "is no vkey of a cosigner (type 0x04 or 0x06)";
            keys.push(self.cosigner("witness", &self.witness, rule)?);
        }
        if !self.witness_pq.is_empty() {
            let rule = "is no vkey of a cosigner with ML-DSA-44 (type 0x06)";
            let key = self.cosigner("witness_pq", &self.witness_pq, rule)?;
            if key.key_type() != KeyType::CosignatureMlDsa44 {
                return Err(field("witness_pq", rule));
            }
            // A line is told by name and key id: one name for two keys would leave it to 32 bits.
            if keys.iter().any(|other| other.name() == key.name()) {
                return Err(field("witness_pq", "has the name of the other witness key"));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    fn cosigner(
        &self,
        name: &'static str,
        text: &str,
        rule: &'static str,
    ) -> Result<WitnessKey, CardError> {
        let key = WitnessKey::parse(text).map_err(|_| field(name, rule))?;
        match key.name().starts_with(&format!("{}/", self.authority)) {
            true => Ok(key),
            false => Err(field(name, "has a name that does not begin with its authority id")),
        }
    }

    pub(super) fn tls_pins(&self) -> Result<Vec<Digest>, CardError> {
        let parse = |text: &String| {
            let mut pin = [0; 32];
            hex::decode_to_slice(text, &mut pin)
                .map(|()| pin)
                .map_err(|_| field("tls.pins", "holds something that is no SHA-256 in hex"))
        };
        self.tls.pins.iter().map(parse).collect()
    }
}

pub(super) fn text_ok(text: &str, max: usize) -> bool {
    let hidden = |c: char| c.is_control() || characters::invisible(c).is_some();
    (1..=max).contains(&text.chars().count()) && !text.chars().any(hidden)
}

/// Whether a text can be the id of an official: 1 to 48 lower-case letters, digits and hyphens.
pub fn is_official_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=48).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn check_endpoint(endpoint: &str) -> Result<(), CardError> {
    if is_endpoint(endpoint) { Ok(()) } else { Err(field("endpoint", "is not host:port")) }
}

/// Whether a text is host:port, as something that can be called.
pub fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let host_ok = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
        host_ok && port.parse::<u16>().is_ok_and(|port| port != 0)
    })
}

pub(super) fn key(
    algorithm: Algorithm,
    base64: &str,
    name: &'static str,
) -> Result<PublicKey, CardError> {
    let bytes = BASE64.decode(base64).map_err(|_| field(name, "key is not base64"))?;
    PublicKey::new(algorithm, bytes)
        .map_err(|_| field(name, "key has not the length of its algorithm"))
}
