//! The certificates that a home issues: its node's, under the root key, and its agencies'.

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::crypto::keys::Seed;
use crate::crypto::{Digest, sha256};
use crate::domain::{AuthorityId, Timestamp};

/// id-kp-documentSigning (RFC 9336).
const DOCUMENT_SIGNING: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 36];

/// A certificate that was issued.
pub struct Issued {
    /// PEM.
    pub pem: String,
    /// DER.
    pub der: Vec<u8>,
    /// SHA-256 of its public key (SPKI).
    pub key_digest: Digest,
    /// When it ends.
    pub expires: Timestamp,
}

fn key_pair(seed: &Seed) -> anyhow::Result<KeyPair> {
    let pkcs8 = seed.to_ed25519_pkcs8();
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))
        .context("an Ed25519 key is not taken by the certificate library")
}

fn params(name: &str, from: Timestamp, until: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = from.date_time();
    params.not_after = until.date_time();
    params
}

fn issued(certificate: &rcgen::Certificate, key: &KeyPair, until: Timestamp) -> Issued {
    Issued {
        pem: certificate.pem(),
        der: certificate.der().to_vec(),
        key_digest: sha256(&key.subject_public_key_info()),
        expires: until,
    }
}

/// A self-signed certificate that issues others, and nothing else.
pub(super) fn self_signed_ca(
    name: &str,
    seed: &Seed,
    from: Timestamp,
    until: Timestamp,
) -> anyhow::Result<Issued> {
    let key = key_pair(seed)?;
    let certificate = ca_params(name, from, until).self_signed(&key);
    Ok(issued(&certificate.context("a certificate cannot be made")?, &key, until))
}

fn ca_params(name: &str, from: Timestamp, until: Timestamp) -> CertificateParams {
    let mut params = params(name, from, until);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// The name in the certificate that issues the node's.
pub(super) fn root_name(authority: &AuthorityId) -> String {
    format!("{authority} root")
}

/// The name in the certificate that issues those of agencies.
pub(crate) fn agency_ca_name(authority: &AuthorityId) -> String {
    format!("{authority} agencies")
}

/// The node's certificate: its name is the authority id, for both ends of TLS.
pub(super) fn issue_node(
    authority: &AuthorityId,
    ca_name: &str,
    ca_seed: &Seed,
    node_seed: &Seed,
    (from, until): (Timestamp, Timestamp),
) -> anyhow::Result<Issued> {
    let key = key_pair(node_seed)?;
    let mut params = params(authority.as_str(), from, until);
    let san = authority.as_str().try_into().context("the authority id is no DNS name")?;
    params.subject_alt_names = vec![rcgen::SanType::DnsName(san)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    sign(params, &key, ca_name, ca_seed, until)
}

/// The certificate of an agency, which can only call. Its name is the common name.
///
/// # Errors
/// When the certificate library refuses a parameter.
pub fn issue_agency(
    agency: &str,
    ca_name: &str,
    ca_seed: &Seed,
    agency_seed: &Seed,
    (from, until): (Timestamp, Timestamp),
) -> anyhow::Result<Issued> {
    let key = key_pair(agency_seed)?;
    let mut params = params(agency, from, until);
    let uri = format!("rogatory:agency:{agency}");
    let uri = uri.as_str().try_into().context("the agency's name is no URI part")?;
    params.subject_alt_names = vec![rcgen::SanType::URI(uri)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    sign(params, &key, ca_name, ca_seed, until)
}

/// The certificate that an agency signs containers with: over P-256, which every tool verifies. It is
/// for documents only, so that nobody can call with it.
///
/// # Errors
/// When the certificate library refuses a parameter.
pub fn issue_seal(
    (agency, authority): (&str, &AuthorityId),
    ca_name: &str,
    ca_seed: &Seed,
    pkcs8: &[u8],
    (from, until): (Timestamp, Timestamp),
) -> anyhow::Result<Issued> {
    let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8))
        .context("an ECDSA key is not taken by the certificate library")?;
    let mut params = params(agency, from, until);
    params.distinguished_name.push(DnType::OrganizationName, authority.as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(DOCUMENT_SIGNING.to_vec())];
    sign(params, &key, ca_name, ca_seed, until)
}

fn sign(
    mut params: CertificateParams,
    key: &KeyPair,
    ca_name: &str,
    ca_seed: &Seed,
    until: Timestamp,
) -> anyhow::Result<Issued> {
    params.use_authority_key_identifier_extension = true;
    // Name and key are all that an issued certificate takes from its issuer's.
    let issuer = Issuer::new(ca_params(ca_name, until, until), key_pair(ca_seed)?);
    let certificate = params.signed_by(key, &issuer).context("a certificate cannot be made")?;
    Ok(issued(&certificate, key, until))
}
