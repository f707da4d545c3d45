//! The primitives, and the only place that names ring, hpke, aws-lc-rs, blake3 or argon2.
//!
//! Every function here is a formula; what the formula means stands with its caller.

pub mod ecdsa;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SecureRandom;
use ring::signature::KeyPair;
use ring::{digest, hkdf, hmac, signature};
use zeroize::Zeroizing;

/// SHA-256 or BLAKE3 output.
pub type Digest = [u8; 32];

/// The one refusal of this module: which check failed is nobody's business outside
/// (a distinguishable failure is an oracle).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cryptographic check failed")]
pub struct Opaque;

/// X-Wing public key: ML-KEM-768 encapsulation key and X25519 key.
pub const XWING_PUBLIC_BYTES: usize = 1216;
/// X-Wing encapsulated secret.
pub const XWING_ENC_BYTES: usize = 1120;
/// Nonce of AES-256-GCM (NIST SP 800-38D section 8.2.1).
pub const NONCE_BYTES: usize = 12;
/// Tag of AES-256-GCM.
pub const TAG_BYTES: usize = 16;

/// `N` random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: nothing can be done safely without it.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives randomness");
    bytes
}

/// `SHA-256(bytes)`.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hasher.finish()
}

/// SHA-256 of a stream.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

/// SHA-512 of a stream.
pub struct Sha512(digest::Context);

impl Sha512 {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA512))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken, 64 bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

/// `BLAKE3(bytes)`, 32 bytes.
pub fn blake3(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

/// `PAE(domain, parts…)`: for each of them `u64le(length) || bytes`, so that no two lists of parts
/// have one encoding (after DSSE's pre-authentication encoding).
pub fn pae(domain: &str, parts: &[&[u8]]) -> Vec<u8> {
    let total = parts.iter().map(|p| p.len() + 8).sum::<usize>() + domain.len() + 8;
    let mut out = Vec::with_capacity(total);
    for part in std::iter::once(&domain.as_bytes()).chain(parts) {
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// `HMAC-SHA256(key, message)`.
pub fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> Digest {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

struct Len<const N: usize>;

impl<const N: usize> hkdf::KeyType for Len<N> {
    fn len(&self) -> usize {
        N
    }
}

/// `HKDF-SHA256(salt, ikm, info)`, `N` bytes (RFC 5869).
pub fn hkdf_sha256<const N: usize>(salt: &[u8], ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
    let info = [info];
    let okm = prk.expand(&info, Len::<N>).expect("N is far below 255 digests");
    let mut out = Zeroizing::new([0; N]);
    okm.fill(&mut *out).expect("the length is the one asked for");
    out
}

/// `Argon2id(passphrase, salt)` with `memory_kib`, `passes` and one lane (RFC 9106), 32 bytes.
///
/// # Errors
/// [`Opaque`] when the parameters are outside what Argon2 allows.
pub fn argon2id(
    passphrase: &[u8],
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
) -> Result<Zeroizing<[u8; 32]>, Opaque> {
    let params = argon2::Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| Opaque)?;
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut out = Zeroizing::new([0; 32]);
    argon.hash_password_into(passphrase, salt, &mut *out).map_err(|_| Opaque)?;
    Ok(out)
}

/// A key of AES-256-GCM.
pub struct AeadKey(LessSafeKey);

impl AeadKey {
    /// From 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `buffer` in place and appends the tag. A nonce is used once under a key.
    pub fn seal_in_place(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], buffer: &mut Vec<u8>) {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce, Aad::from(aad), buffer)
            .expect("buffers are far below the 64 GiB of GCM");
    }

    /// Decrypts `buffer` (ciphertext and tag) in place; the plaintext is its returned beginning.
    ///
    /// # Errors
    /// [`Opaque`] when key, nonce, associated data or bytes are not those of the sealing.
    pub fn open_in_place<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], Opaque> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(aad), buffer).map_err(|_| Opaque)
    }

    /// `nonce || ciphertext || tag` under a random nonce (at most 2^32 times under one key).
    pub fn seal_random(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE_BYTES>();
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        sealed.extend_from_slice(plaintext);
        self.seal_in_place(nonce, aad, &mut sealed);
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`AeadKey::seal_random`] wrote.
    ///
    /// # Errors
    /// [`Opaque`], also when there are too few bytes.
    pub fn open_random(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opaque> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Opaque)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let len = self.open_in_place(*nonce, aad, &mut buffer)?.len();
        buffer.truncate(len);
        Ok(buffer)
    }
}

/// An Ed25519 key pair (RFC 8032), from its seed.
pub struct Ed25519(signature::Ed25519KeyPair);

impl Ed25519 {
    /// From the 32-byte private key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = signature::Ed25519KeyPair::from_seed_unchecked(seed);
        Self(pair.expect("any 32 bytes are an Ed25519 private key"))
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("Ed25519 public keys have 32 bytes")
    }

    /// Signs; the same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().expect("Ed25519 signatures have 64 bytes")
    }
}

/// Verifies an Ed25519 signature.
///
/// # Errors
/// [`Opaque`] when it is not one by this key over this message.
pub fn ed25519_verify(public: &[u8], message: &[u8], sig: &[u8]) -> Result<(), Opaque> {
    let key = signature::UnparsedPublicKey::new(&signature::ED25519, public);
    key.verify(message, sig).map_err(|_| Opaque)
}

/// A parameter set of ML-DSA (FIPS 204 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlDsaSet {
    /// Category 2: cosignatures, which C2SP fixes to this set.
    MlDsa44,
    /// Category 3: messages.
    MlDsa65,
}

impl MlDsaSet {
    /// Length of a public key (FIPS 204 table 2).
    pub const fn public_bytes(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
        }
    }

    /// Length of a signature (FIPS 204 table 2).
    pub const fn signature_bytes(self) -> usize {
        match self {
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
        }
    }
}

/// An ML-DSA key pair (FIPS 204), from its seed.
pub struct MlDsa {
    set: MlDsaSet,
    pair: aws_lc_rs::signature::PqdsaKeyPair,
}

impl MlDsa {
    /// From the 32-byte seed.
    pub fn from_seed(set: MlDsaSet, seed: &[u8; 32]) -> Self {
        use aws_lc_rs::signature::{ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, PqdsaKeyPair};
        let algorithm = match set {
            MlDsaSet::MlDsa44 => &ML_DSA_44_SIGNING,
            MlDsaSet::MlDsa65 => &ML_DSA_65_SIGNING,
        };
        let pair = PqdsaKeyPair::from_seed(algorithm, seed);
        Self { set, pair: pair.expect("any 32 bytes are an ML-DSA seed") }
    }

    /// The public key, [`MlDsaSet::public_bytes`] long.
    pub fn public(&self) -> Vec<u8> {
        use aws_lc_rs::signature::KeyPair as _;
        self.pair.public_key().as_ref().to_vec()
    }

    /// Signs with an empty context (the domain string stands in the message).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut sig = vec![0; self.set.signature_bytes()];
        let len = self.pair.sign(message, &mut sig).expect("the buffer has the signature's size");
        sig.truncate(len);
        sig
    }
}

/// Verifies an ML-DSA signature.
///
/// # Errors
/// [`Opaque`] when it is not one by this key over this message.
pub fn ml_dsa_verify(
    set: MlDsaSet,
    public: &[u8],
    message: &[u8],
    sig: &[u8],
) -> Result<(), Opaque> {
    use aws_lc_rs::signature::{ML_DSA_44, ML_DSA_65, UnparsedPublicKey};
    let algorithm = match set {
        MlDsaSet::MlDsa44 => &ML_DSA_44,
        MlDsaSet::MlDsa65 => &ML_DSA_65,
    };
    UnparsedPublicKey::new(algorithm, public).verify(message, sig).map_err(|_| Opaque)
}

/// The X-Wing public key of a 32-byte seed.
pub fn xwing_public(seed: &[u8; 32]) -> Vec<u8> {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(seed).expect("a seed has 32 bytes");
    XWing::sk_to_pk(&secret).to_bytes().to_vec()
}

/// `HPKE.SealBase(public, info, aad = "", plaintext)` with X-Wing (KEM 0x647a), HKDF-SHA256 and
/// AES-256-GCM (RFC 9180 section 6.1): the encapsulated secret and the ciphertext.
///
/// # Errors
/// [`Opaque`] when `public` is not an X-Wing key.
pub fn xwing_seal(
    public: &[u8],
    info: &[u8],
    plaintext: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), Opaque> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public).map_err(|_| Opaque)?;
    let (enc, ct) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        b"",
    )
    .map_err(|_| Opaque)?;
    Ok((enc.to_bytes().to_vec(), ct))
}

/// Opens what [`xwing_seal`] sealed to the key of `seed`.
///
/// # Errors
/// [`Opaque`] when key, info or bytes are not those of the sealing.
pub fn xwing_open(
    seed: &[u8; 32],
    enc: &[u8],
    info: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Opaque> {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(seed).map_err(|_| Opaque)?;
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).map_err(|_| Opaque)?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &secret,
        &enc,
        info,
        ciphertext,
        b"",
    )
    .map(Zeroizing::new)
    .map_err(|_| Opaque)
}

#[cfg(test)]
#[path = "primitives_tests.rs"]
mod tests;
