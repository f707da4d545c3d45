//! X.509 certificates of those who sign containers: whose they are, what they sign, and whether they
//! lead to an authority that is trusted.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    anchor_from_trusted_cert, aws_lc_rs as verifies,
};

use super::Hash;
use super::der::{self, Malformed, Reader, SEQUENCE, Value};
use crate::domain::Timestamp;

/// id-kp-timeStamping (RFC 3161 section 2.3).
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// Why a certificate vouches for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is none.
    #[error("a certificate is not of the form")]
    Malformed,
    /// Its key did not sign this.
    #[error("the signature is not one by the key of the certificate")]
    Signature,
    /// It signs with an algorithm that is not supported.
    #[error("it is signed with an algorithm that this program does not verify")]
    Algorithm,
    /// It was not valid any more.
    #[error("the certificate of the signer had ended")]
    Ended,
    /// It leads to nobody who is trusted.
    #[error("the certificate of the signer does not lead to the authorities that you trust: {0}")]
    Chain(String),
}

impl From<Malformed> for CertificateError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// An X.509 certificate. Whether it is to be trusted, [`Certificate::leads_to`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    subject: Vec<u8>,
    key: Vec<u8>,
}

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing documents: any usage is as good as another.
    Any,
    /// Issuing time-stamps, for which it must have been made.
    TimeStamping,
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// ECDSA, over the curve of the key.
    Ecdsa,
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1,
}

impl Certificate {
    /// Reads one.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`].
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.within(SEQUENCE)?;
        outer.end()?;
        let mut body = certificate.within(SEQUENCE)?;
        body.optional(der::context(0))?;
        let serial = body.value(der::INTEGER)?.whole.to_vec();
        body.value(SEQUENCE)?;
        let issuer = body.value(SEQUENCE)?.whole.to_vec();
        body.value(SEQUENCE)?;
        let subject = body.value(SEQUENCE)?.whole.to_vec();
        let mut info = body.within(SEQUENCE)?;
        info.value(SEQUENCE)?;
        let key = info.value(der::BIT_STRING)?.content;
        let key = key.strip_prefix(&[0]).ok_or(Malformed)?.to_vec();
        Ok(Self { der: der.to_vec(), issuer, serial, subject, key })
    }

    /// All of it.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The name of who issued it, and the number it has there: the two as DER, one after the other.
    pub fn issuer_and_serial(&self) -> Vec<u8> {
        [self.issuer.as_slice(), &self.serial].concat()
    }

    /// Its public key, as the bits that it has in the certificate.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whose it is, for people: the common name, and the organisation if it has one.
    pub fn subject(&self) -> String {
        const COMMON_NAME: &[u8] = &[0x55, 4, 3];
        const ORGANISATION: &[u8] = &[0x55, 4, 10];
        let named = |oid| name_part(&self.subject, oid).ok().flatten();
        let parts = [named(COMMON_NAME), named(ORGANISATION)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Verifies a signature over a message.
    ///
    /// # Errors
    /// [`CertificateError`]: not by its key, or with what this program does not verify.
    pub fn verify(
        &self,
        kind: SignatureKind,
        hash: Hash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CertificateError> {
        let der = CertificateDer::from(self.der.as_slice());
        let entity = EndEntityCert::try_from(&der).map_err(|_| CertificateError::Malformed)?;
        for algorithm in algorithms(kind, hash) {
            match entity.verify_signature(algorithm, message, signature) {
                Ok(()) => return Ok(()),
                Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
                Err(_) => return Err(CertificateError::Signature),
            }
        }
        Err(CertificateError::Algorithm)
    }

    /// That it leads to one of the roots, over any of the others, and was valid at that time. Whether
    /// it was revoked is not asked.
    ///
    /// # Errors
    /// [`CertificateError::Chain`] says what is wrong.
    pub fn leads_to(
        &self,
        roots: &[Self],
        others: &[Self],
        at: Timestamp,
        purpose: Purpose,
    ) -> Result<(), CertificateError> {
        let der = CertificateDer::from(self.der.as_slice());
        let entity = EndEntityCert::try_from(&der).map_err(not_led)?;
        let roots: Vec<_> = roots.iter().map(|one| CertificateDer::from(one.der())).collect();
        let anchors: Result<Vec<_>, _> = roots.iter().map(anchor_from_trusted_cert).collect();
        let others: Vec<_> = others.iter().map(|one| CertificateDer::from(one.der())).collect();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at.unix_seconds()));
        let (algorithms, anchors) = (ALL_VERIFICATION_ALGS, anchors.map_err(not_led)?);
        entity
            .verify_for_usage(algorithms, &anchors, &others, at, purpose, None, None)
            .map(drop)
            .map_err(not_led)
    }
}

/// What is wrong with a chain, in words of our own where it is common.
fn not_led(error: webpki::Error) -> CertificateError {
    use webpki::Error::*;
    let why = match error {
        CertExpired { .. } => return CertificateError::Ended,
        CertNotValidYet { .. } => "a certificate was not valid yet".to_owned(),
        UnknownIssuer => "none of them has issued it".to_owned(),
        CaUsedAsEndEntity => "it is the certificate of an authority itself".to_owned(),
        RequiredEkuNotFoundContext(_) => "it is not for time-stamps".to_owned(),
        other => other.to_string(),
    };
    CertificateError::Chain(why)
}

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Any => Ok(()),
            Self::TimeStamping => KeyUsage::required(TIME_STAMPING).validate(usages),
        }
    }
}

/// The algorithms that a signature may be of, one for each kind of key.
fn algorithms(kind: SignatureKind, hash: Hash) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    use verifies::*;
    match (kind, hash) {
        (SignatureKind::Ecdsa, Hash::Sha256) => vec![ECDSA_P256_SHA256, ECDSA_P384_SHA256],
        (SignatureKind::Ecdsa, Hash::Sha384) => vec![ECDSA_P384_SHA384, ECDSA_P256_SHA384],
        (SignatureKind::Ecdsa, Hash::Sha512) => vec![ECDSA_P521_SHA512, ECDSA_P384_SHA512],
        (SignatureKind::RsaPkcs1, Hash::Sha256) => vec![RSA_PKCS1_2048_8192_SHA256],
        (SignatureKind::RsaPkcs1, Hash::Sha384) => vec![RSA_PKCS1_2048_8192_SHA384],
        (SignatureKind::RsaPkcs1, Hash::Sha512) => vec![RSA_PKCS1_2048_8192_SHA512],
    }
}

/// The first value of this kind in a name.
fn name_part(name: &[u8], kind: &[u8]) -> Result<Option<String>, Malformed> {
    let mut sets = Reader::new(name).within(SEQUENCE)?;
    while !sets.is_empty() {
        let mut set = sets.within(der::SET)?;
        while !set.is_empty() {
            let mut pair = set.within(SEQUENCE)?;
            let oid = pair.value(der::OID)?;
            let Value { content, .. } = pair.any()?;
            if oid.content == kind {
                return Ok(Some(String::from_utf8_lossy(content).into_owned()));
            }
        }
    }
    Ok(None)
}
