//! Signatures in CMS (RFC 5652) as CAdES baseline B (EN 319 122-1): one signer, detached or not.

use super::time_of;
use crate::crypto::certificate::{CertificateError, SignatureKind};
use crate::crypto::der::{
    self, INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE, SET, UTC_TIME, sequence, set_of,
    tagged,
};
use crate::crypto::{Certificate, Ecdsa, Hash};
use crate::domain::Timestamp;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 5];
/// RFC 5035: which certificate signs, so that no other with the same key can be put in its place.
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 47];
/// The content of a time-stamp token (RFC 3161).
pub(super) const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];

const HASHES: [(&[u8], Hash); 3] = [
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], Hash::Sha256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], Hash::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], Hash::Sha512),
];

/// Signature algorithms; rsaEncryption leaves the digest to the signer's own field.
const SIGNATURES: [(&[u8], SignatureKind, Option<Hash>); 7] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], SignatureKind::Ecdsa, Some(Hash::Sha256)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], SignatureKind::Ecdsa, Some(Hash::Sha384)),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], SignatureKind::Ecdsa, Some(Hash::Sha512)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], SignatureKind::RsaPkcs1, None),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], SignatureKind::RsaPkcs1, Some(Hash::Sha256)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], SignatureKind::RsaPkcs1, Some(Hash::Sha384)),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], SignatureKind::RsaPkcs1, Some(Hash::Sha512)),
];

/// No signature has more certificates.
const CERTIFICATES_MAX: usize = 16;

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Not CMS in DER, or more of CMS than a container has.
    #[error("it is not a CMS signature of one signer, in DER")]
    Malformed,
    /// An algorithm that is not among those verified.
    #[error("it is made with an algorithm that this program does not verify")]
    Algorithm,
    /// The signer's certificate is missing.
    #[error("the certificate of its signer is not in it")]
    NoCertificate,
    /// It lacks what CAdES asks for.
    #[error("it lacks the attribute {0}, which CAdES asks for")]
    Lacks(&'static str),
    /// Over something else.
    #[error("it signs something else than what is there")]
    OtherContent,
    /// It names another certificate than it has.
    #[error("it names another certificate than the one that is in it")]
    OtherCertificate,
    /// The signature or its certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl From<Malformed> for CmsError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Why a key and certificates do not sign together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is no certificate.
    #[error("there is no certificate")]
    Empty,
    /// More than a signature takes.
    #[error("there are more than {CERTIFICATES_MAX} certificates")]
    TooMany,
    /// The first is of another key.
    #[error("the first certificate is not of this private key")]
    OtherKey,
}

/// Who signs. Holds a private key, so it has no `Debug`.
pub struct Identity {
    chain: Vec<Certificate>,
    key: Ecdsa,
}

impl Identity {
    /// From the signer's certificate, those above it behind it, and the signer's key.
    ///
    /// # Errors
    /// [`IdentityError`] when they do not belong together.
    pub fn new(chain: Vec<Certificate>, key: Ecdsa) -> Result<Self, IdentityError> {
        match chain.first() {
            None => Err(IdentityError::Empty),
            _ if chain.len() > CERTIFICATES_MAX => Err(IdentityError::TooMany),
            Some(first) if first.key() != key.public() => Err(IdentityError::OtherKey),
            Some(_) => Ok(Self { chain, key }),
        }
    }

    /// The signer's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.chain[0]
    }
}

/// Signs some bytes that stand elsewhere.
pub fn sign(identity: &Identity, content: &[u8], at: Timestamp) -> Vec<u8> {
    let (hash, certificate) = (identity.key.hash(), identity.certificate());
    let oid_of = |hash| HASHES.iter().find(|(_, one)| *one == hash).map_or(DATA, |(oid, _)| oid);
    let digest_algorithm = sequence(&[&oid(oid_of(hash))]);
    // The digest of a certificate is SHA-256 where none is named, whatever the signature has.
    let certificate_id = sequence(&[&octets(&Hash::Sha256.of(certificate.der()))]);
    let attributes = set_of(vec![
        attribute(CONTENT_TYPE, &oid(DATA)),
        attribute(SIGNING_TIME, &time(at)),
        attribute(MESSAGE_DIGEST, &octets(&hash.of(content))),
        attribute(SIGNING_CERTIFICATE_V2, &sequence(&[&sequence(&[&certificate_id])])),
    ]);
    let signature = identity.key.sign(&attributes);
    let kind = SIGNATURES
        .iter()
        .find(|(_, kind, of)| *kind == SignatureKind::Ecdsa && *of == Some(hash))
        .map_or(DATA, |(oid, ..)| oid);
    let mut implicit = attributes;
    implicit[0] = der::context(0);
    let signer = sequence(&[
        &der::unsigned(&[1]),
        &sequence(&[&certificate.issuer_and_serial()]),
        &digest_algorithm,
        &implicit,
        &sequence(&[&oid(kind)]),
        &octets(&signature),
    ]);
    let chain: Vec<&[u8]> = identity.chain.iter().map(Certificate::der).collect();
    let signed = sequence(&[
        &der::unsigned(&[1]),
        &set_of(vec![digest_algorithm]),
        &sequence(&[&oid(DATA)]),
        &tagged(der::context(0), &chain),
        &set_of(vec![signer]),
    ]);
    sequence(&[&oid(SIGNED_DATA), &tagged(der::context(0), &[&signed])])
}

fn oid(content: &[u8]) -> Vec<u8> {
    tagged(OID, &[content])
}

fn octets(content: &[u8]) -> Vec<u8> {
    tagged(OCTET_STRING, &[content])
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &tagged(SET, &[value])])
}

/// UTCTime until 2049, as RFC 5652 section 11.3 asks.
fn time(at: Timestamp) -> Vec<u8> {
    let digits: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    match at.year() < 2050 {
        true => tagged(UTC_TIME, &[&digits.as_bytes()[2..], b"Z"]),
        false => tagged(der::GENERALIZED_TIME, &[digits.as_bytes(), b"Z"]),
    }
}

/// A signature whose form is right; what it is worth, [`Signed::verify`] says.
#[derive(Clone, Debug)]
pub struct Signed {
    content_type: Vec<u8>,
    /// Where it is not detached.
    content: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    signer: Vec<u8>,
    hash: Hash,
    /// As they are signed: a SET OF.
    attributes: Vec<u8>,
    kind: SignatureKind,
    signed_hash: Hash,
    signature: Vec<u8>,
}

impl Signed {
    /// Reads one.
    ///
    /// # Errors
    /// [`CmsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CmsError> {
        let mut outer = Reader::new(bytes);
        let mut info = outer.within(SEQUENCE)?;
        outer.end()?;
        if info.value(OID)?.content != SIGNED_DATA {
            return Err(CmsError::Malformed);
        }
        let mut data = info.within(der::context(0))?.within(SEQUENCE)?;
        data.value(INTEGER)?;
        data.value(SET)?;
        let mut encapsulated = data.within(SEQUENCE)?;
        let content_type = encapsulated.value(OID)?.content.to_vec();
        let content = match encapsulated.optional(der::context(0))? {
            Some(value) => Some(Reader::new(value.content).value(OCTET_STRING)?.content.to_vec()),
            None => None,
        };
        let mut certificates = Vec::new();
        if let Some(set) = data.optional(der::context(0))? {
            let mut set = Reader::new(set.content);
            while !set.is_empty() {
                certificates.push(Certificate::parse(set.any()?.whole)?);
                if certificates.len() > CERTIFICATES_MAX {
                    return Err(CmsError::Malformed);
                }
            }
        }
        data.optional(der::context(1))?;
        let mut signers = data.within(SET)?;
        let signer = signers.within(SEQUENCE)?;
        signers.end()?;
        Self { content_type, content, certificates, ..Self::of_signer(signer)? }.checked()
    }

    fn of_signer(mut signer: Reader<'_>) -> Result<Self, CmsError> {
        signer.value(INTEGER)?;
        let who = signer.value(SEQUENCE)?.content.to_vec();
        let hash = algorithm(&mut signer)?;
        let hash = HASHES.iter().find(|(oid, _)| *oid == hash).ok_or(CmsError::Algorithm)?.1;
        let mut attributes = signer.value(der::context(0))?.whole.to_vec();
        attributes[0] = SET;
        let kind = algorithm(&mut signer)?;
        let (_, kind, signed_hash) =
            SIGNATURES.iter().find(|(oid, ..)| *oid == kind).ok_or(CmsError::Algorithm)?;
        let signature = signer.value(OCTET_STRING)?.content.to_vec();
        Ok(Self {
            content_type: Vec::new(),
            content: None,
            certificates: Vec::new(),
            signer: who,
            hash,
            attributes,
            kind: *kind,
            signed_hash: signed_hash.unwrap_or(hash),
            signature,
        })
    }

    /// Each attribute is there once, with one value.
    fn checked(self) -> Result<Self, CmsError> {
        let mut seen = Vec::new();
        let mut set = Reader::new(&self.attributes).within(SET)?;
        while !set.is_empty() {
            let kind = set.within(SEQUENCE)?.value(OID)?.content;
            if seen.contains(&kind) {
                return Err(CmsError::Malformed);
            }
            seen.push(kind);
        }
        Ok(self)
    }

    /// The value of a signed attribute.
    fn attribute(&self, kind: &[u8]) -> Result<Option<der::Value<'_>>, CmsError> {
        let mut set = Reader::new(&self.attributes).within(SET)?;
        while !set.is_empty() {
            let mut pair = set.within(SEQUENCE)?;
            if pair.value(OID)?.content == kind {
                let mut values = pair.within(SET)?;
                let value = values.any()?;
                values.end()?;
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// What it signs, where that is in it.
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }

    /// The certificates in it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// When it was signed, by the signer's clock.
    ///
    /// # Errors
    /// [`CmsError::Lacks`].
    pub fn signing_time(&self) -> Result<Timestamp, CmsError> {
        let value = self.attribute(SIGNING_TIME)?.ok_or(CmsError::Lacks("signing-time"))?;
        Ok(time_of(&value)?)
    }

    /// The certificate of its signer, among those in it and some others.
    ///
    /// # Errors
    /// [`CmsError::NoCertificate`].
    pub fn signer<'a>(&'a self, others: &'a [Certificate]) -> Result<&'a Certificate, CmsError> {
        let all = self.certificates.iter().chain(others);
        let mut all = all.filter(|one| one.issuer_and_serial() == self.signer);
        all.next().ok_or(CmsError::NoCertificate)
    }

    /// Verifies that its signer, whoever that is, signed these bytes.
    ///
    /// # Errors
    /// [`CmsError`].
    pub fn verify(&self, content: &[u8], signer: &Certificate) -> Result<(), CmsError> {
        self.verify_as(DATA, content, signer)
    }

    /// The same for content of a type.
    pub(super) fn verify_as(
        &self,
        content_type: &[u8],
        content: &[u8],
        signer: &Certificate,
    ) -> Result<(), CmsError> {
        let told = self.attribute(CONTENT_TYPE)?.ok_or(CmsError::Lacks("content-type"))?;
        if told.content != content_type || self.content_type != content_type {
            return Err(CmsError::OtherContent);
        }
        let digest = self.attribute(MESSAGE_DIGEST)?.ok_or(CmsError::Lacks("message-digest"))?;
        if digest.content != self.hash.of(content) {
            return Err(CmsError::OtherContent);
        }
        signer.verify(self.kind, self.signed_hash, &self.attributes, &self.signature)?;
        self.names(signer)
    }

    /// That the attribute of the signer's certificate names this one.
    fn names(&self, signer: &Certificate) -> Result<(), CmsError> {
        let lacks = CmsError::Lacks("signing-certificate-v2");
        let value = self.attribute(SIGNING_CERTIFICATE_V2)?.ok_or(lacks)?;
        let mut first = Reader::new(value.content).within(SEQUENCE)?.within(SEQUENCE)?;
        let hash = match first.optional(SEQUENCE)? {
            None => Hash::Sha256,
            Some(value) => {
                let oid = Reader::new(value.content).value(OID)?.content;
                HASHES.iter().find(|(known, _)| *known == oid).ok_or(CmsError::Algorithm)?.1
            }
        };
        match first.value(OCTET_STRING)?.content == hash.of(signer.der()) {
            true => Ok(()),
            false => Err(CmsError::OtherCertificate),
        }
    }
}

/// The algorithm that stands next; its parameters are those of its definition.
fn algorithm<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    Ok(reader.within(SEQUENCE)?.value(OID)?.content)
}

#[cfg(test)]
#[path = "cms_tests.rs"]
pub(crate) mod tests;
