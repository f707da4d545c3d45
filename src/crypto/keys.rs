//! The keys of an authority and of a home: one duty each, secrets as 32-byte seeds.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::primitives::{
    self, AeadKey, Ed25519, MlDsa, MlDsaSet, Opaque, hkdf_sha256, hmac_sha256, pae,
};

/// What a key is for. No key has two duties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs the card and issues the TLS certificate; its fingerprint is what people compare.
    Root,
    /// The node's TLS certificate.
    Tls,
    /// Signs messages.
    Signing,
    /// Signs messages beside [`Role::Signing`] in suite 2 (ML-DSA-65).
    SigningPq,
    /// Opens messages that others seal to this authority.
    Sealing,
    /// Opens this authority's own copies of what it sent.
    Archive,
    /// Signs the checkpoints of the audit log.
    Log,
    /// Cosigns the checkpoints of others.
    Witness,
    /// Cosigns them beside [`Role::Witness`] (ML-DSA-44).
    WitnessPq,
    /// Issues the certificates of the authority's agencies.
    AgencyCa,
}

impl Role {
    /// All roles that a home holds, in the order in which they are shown.
    pub const ALL: [Role; 10] = [
        Role::Root,
        Role::Tls,
        Role::Signing,
        Role::SigningPq,
        Role::Sealing,
        Role::Archive,
        Role::Log,
        Role::Witness,
        Role::WitnessPq,
        Role::AgencyCa,
    ];

    /// The word for it, as in file names and cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Tls => "tls",
            Role::Signing => "signing",
            Role::SigningPq => "signing-pq",
            Role::Sealing => "sealing",
            Role::Archive => "archive",
            Role::Log => "log",
            Role::Witness => "witness",
            Role::WitnessPq => "witness-pq",
            Role::AgencyCa => "agency-ca",
        }
    }

    /// The one algorithm of keys with this role.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Role::Sealing | Role::Archive => Algorithm::XWing,
            Role::SigningPq => Algorithm::MlDsa65,
            // C2SP tlog-cosignature knows no other of its kind.
            Role::WitnessPq => Algorithm::MlDsa44,
            _ => Algorithm::Ed25519,
        }
    }
}

/// A key's algorithm. The key's record fixes it, never a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RFC 8032.
    #[serde(rename = "Ed25519")]
    Ed25519,
    /// FIPS 204; only for cosignatures.
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
    /// FIPS 204.
    #[serde(rename = "ML-DSA-65")]
    MlDsa65,
    /// HPKE KEM 0x647a, also called MLKEM768-X25519.
    #[serde(rename = "X-Wing")]
    XWing,
}

impl Algorithm {
    /// The name that key ids are computed over.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Ed25519 => "Ed25519",
            Algorithm::MlDsa44 => "ML-DSA-44",
            Algorithm::MlDsa65 => "ML-DSA-65",
            Algorithm::XWing => "X-Wing",
        }
    }

    fn public_bytes(self) -> usize {
        match self {
            Algorithm::Ed25519 => 32,
            Algorithm::MlDsa44 => MlDsaSet::MlDsa44.public_bytes(),
            Algorithm::MlDsa65 => MlDsaSet::MlDsa65.public_bytes(),
            Algorithm::XWing => primitives::XWING_PUBLIC_BYTES,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `SHA-256(PAE("rogatory/v1/kid", algorithm, public key))[..16]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From the wire; `None` unless there are 16 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A public key that has the length of its algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Takes the raw bytes of a key.
    ///
    /// # Errors
    /// [`Opaque`] when the length is not the algorithm's.
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Result<Self, Opaque> {
        if bytes.len() == algorithm.public_bytes() {
            Ok(Self { algorithm, bytes })
        } else {
            Err(Opaque)
        }
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        let alg = self.algorithm.as_str().as_bytes();
        let hash = primitives::sha256(&pae("rogatory/v1/kid", &[alg, &self.bytes]));
        KeyId(hash[..16].try_into().expect("a digest has more than 16 bytes"))
    }

    /// Verifies a signature by this key.
    ///
    /// # Errors
    /// [`Opaque`] when it is not one over these bytes, or the key does not sign.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Opaque> {
        let set = match self.algorithm {
            Algorithm::Ed25519 => {
                return primitives::ed25519_verify(&self.bytes, message, signature);
            }
            Algorithm::MlDsa44 => MlDsaSet::MlDsa44,
            Algorithm::MlDsa65 => MlDsaSet::MlDsa65,
            Algorithm::XWing => return Err(Opaque),
        };
        primitives::ml_dsa_verify(set, &self.bytes, message, signature)
    }

    /// Seals a short secret to this key.
    ///
    /// # Errors
    /// [`Opaque`] when the key does not seal or is no point of its group.
    pub fn seal(&self, info: &[u8], plaintext: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Opaque> {
        match self.algorithm {
            Algorithm::XWing => primitives::xwing_seal(&self.bytes, info, plaintext),
            _ => Err(Opaque),
        }
    }
}

/// 32 secret bytes: the whole of any private key here.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Fresh ones.
    pub fn generate() -> Self {
        Self(Zeroizing::new(primitives::random()))
    }

    /// From a key file; `None` unless there are 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|seed| Self(Zeroizing::new(seed)))
    }

    /// The bytes, for the two libraries that keep keys of their own (TLS, certificates).
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// PKCS#8 of an Ed25519 key (RFC 8410 section 7), which the TLS libraries read.
    pub fn to_ed25519_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        const PREFIX: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        Zeroizing::new([PREFIX.as_slice(), self.expose()].concat())
    }

    /// The public key of this seed under an algorithm.
    pub fn public(&self, algorithm: Algorithm) -> PublicKey {
        let bytes = match algorithm {
            Algorithm::Ed25519 => Ed25519::from_seed(self.expose()).public().to_vec(),
            Algorithm::MlDsa44 => MlDsa::from_seed(MlDsaSet::MlDsa44, self.expose()).public(),
            Algorithm::MlDsa65 => MlDsa::from_seed(MlDsaSet::MlDsa65, self.expose()).public(),
            Algorithm::XWing => primitives::xwing_public(self.expose()),
        };
        PublicKey { algorithm, bytes }
    }
}

enum Signer {
    Ed25519(Ed25519),
    MlDsa(Box<MlDsa>),
}

/// A private key that signs.
pub struct SigningSecret {
    signer: Signer,
    public: PublicKey,
}

impl SigningSecret {
    /// From its seed.
    ///
    /// # Errors
    /// [`Opaque`] for an algorithm that does not sign.
    pub fn new(seed: &Seed, algorithm: Algorithm) -> Result<Self, Opaque> {
        let ml_dsa = |set| Signer::MlDsa(Box::new(MlDsa::from_seed(set, seed.expose())));
        let signer = match algorithm {
            Algorithm::Ed25519 => Signer::Ed25519(Ed25519::from_seed(seed.expose())),
            Algorithm::MlDsa44 => ml_dsa(MlDsaSet::MlDsa44),
            Algorithm::MlDsa65 => ml_dsa(MlDsaSet::MlDsa65),
            Algorithm::XWing => return Err(Opaque),
        };
        Ok(Self { signer, public: seed.public(algorithm) })
    }

    /// Signs. Ed25519 gives one signature for one message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.signer {
            Signer::Ed25519(key) => key.sign(message).to_vec(),
            Signer::MlDsa(key) => key.sign(message),
        }
    }

    /// Its public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// A private key that opens what was sealed to it (X-Wing).
pub struct SealingSecret {
    seed: Seed,
    public: PublicKey,
}

impl SealingSecret {
    /// From its seed.
    pub fn new(seed: &Seed) -> Self {
        Self { seed: seed.clone(), public: seed.public(Algorithm::XWing) }
    }

    /// Its public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Opens.
    ///
    /// # Errors
    /// [`Opaque`] when it was not sealed to this key with this `info`.
    pub fn open(&self, enc: &[u8], info: &[u8], ct: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opaque> {
        primitives::xwing_open(self.seed.expose(), enc, info, ct)
    }
}

/// The key that everything secret in a home stands under (I6).
#[derive(Clone)]
pub struct HomeKey(Seed);

impl HomeKey {
    /// A fresh one.
    pub fn generate() -> Self {
        Self(Seed::generate())
    }

    /// From an opened key file; `None` unless there are 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Seed::from_slice(bytes).map(Self)
    }

    /// The bytes, to be wrapped.
    pub(super) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// An AEAD key for one purpose: `HKDF-SHA256("rogatory/v1/home", key, label)`.
    pub fn aead(&self, label: &str) -> AeadKey {
        AeadKey::new(&hkdf_sha256(b"rogatory/v1/home", self.expose(), label.as_bytes()))
    }

    /// A stable 16-byte stand-in for a name that must not stand in a row's key in clear.
    pub fn blind(&self, label: &str, name: &[u8]) -> [u8; 16] {
        let key = hkdf_sha256(b"rogatory/v1/home-blind", self.expose(), label.as_bytes());
        hmac_sha256(&key, name)[..16].try_into().expect("a MAC has more than 16 bytes")
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
