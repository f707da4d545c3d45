//! ECDSA over the NIST curves, and the SHA-2 digests: what other people's tools verify.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use zeroize::Zeroizing;

use super::Opaque;

/// A digest of SHA-2 (FIPS 180-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of some bytes.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// A key pair of ECDSA (FIPS 186-5) over P-256 with SHA-256, or P-384 with SHA-384.
pub struct Ecdsa {
    pair: EcdsaKeyPair,
    hash: Hash,
}

impl Ecdsa {
    /// A new private key over P-256, as PKCS#8.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub fn generate_pkcs8() -> Zeroizing<Vec<u8>> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .expect("the operating system gives randomness");
        let pkcs8 = pair.to_pkcs8v1().expect("a key that was made has an encoding");
        Zeroizing::new(pkcs8.as_ref().to_vec())
    }

    /// From PKCS#8, or the ECPrivateKey of RFC 5915.
    ///
    /// # Errors
    /// [`Opaque`] when it is no such key, or one of another curve.
    pub fn from_der(der: &[u8]) -> Result<Self, Opaque> {
        let curves = [
            (&ECDSA_P256_SHA256_ASN1_SIGNING, Hash::Sha256),
            (&ECDSA_P384_SHA384_ASN1_SIGNING, Hash::Sha384),
        ];
        let read = |(curve, hash)| {
            Some(Self { pair: EcdsaKeyPair::from_private_key_der(curve, der).ok()?, hash })
        };
        curves.into_iter().find_map(read).ok_or(Opaque)
    }

    /// The digest that it signs.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The public key: the point, uncompressed (SEC 1 section 2.3.3).
    pub fn public(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// Signs; gives the ECDSA-Sig-Value of RFC 3279. The same message gives another signature each
    /// time.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signed = self.pair.sign(&SystemRandom::new(), message);
        signed.expect("the operating system gives randomness").as_ref().to_vec()
    }
}
