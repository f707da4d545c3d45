//! Who stands for a container, and since when.

use super::Container;
use crate::asic::cms::{CmsError, Signed};
use crate::asic::stamp::{StampError, Token};
use crate::asic::{MANIFEST, SIGNATURE, STAMP, STAMP_MANIFEST};
use crate::cli::exit::Failure;
use crate::crypto::certificate::{CertificateError, Purpose};
use crate::crypto::{Certificate, sha256};
use crate::domain::Timestamp;

/// The signature of a container, verified with the certificate that is in it.
pub(crate) struct Signature {
    signed: Signed,
    pub(crate) signer: Certificate,
    /// By the signer's clock.
    pub(crate) at: Timestamp,
}

/// The time-stamp of a container's signature.
pub(crate) struct Stamp {
    pub(crate) at: Timestamp,
    /// Who issued it, where that was verified.
    pub(crate) issuer: Option<String>,
}

impl Container {
    /// Verifies that its signature is one over its manifest.
    pub(crate) fn signature(&self) -> Result<Signature, Failure> {
        let (bytes, manifest) = (self.file(SIGNATURE)?, self.file(MANIFEST)?);
        let read = || {
            let signed = Signed::parse(&bytes)?;
            if signed.content().is_some() {
                return Err(CmsError::OtherContent);
            }
            let signer = signed.signer(&[])?.clone();
            signed.verify(&manifest, &signer)?;
            let at = signed.signing_time()?;
            Ok(Signature { signed, signer, at })
        };
        read().map_err(|error: CmsError| self.fault(&format!("{SIGNATURE}: {error}")))
    }

    /// Verifies that its time-stamp, if it has one, is over its signature; with roots, also who issued
    /// it.
    pub(crate) fn stamp(&self, roots: Option<&[Certificate]>) -> Result<Option<Stamp>, Failure> {
        if !self.places.contains_key(STAMP) {
            return Ok(None);
        }
        let manifest = self.manifest(STAMP_MANIFEST, STAMP)?;
        let signature = sha256(&self.file(SIGNATURE)?);
        if manifest.files.len() != 1 || manifest.files.get(SIGNATURE) != Some(&signature) {
            return Err(self.fault(&format!("{STAMP_MANIFEST} is not of {SIGNATURE} as it is")));
        }
        let (token, over) = (self.file(STAMP)?, self.file(STAMP_MANIFEST)?);
        let read = || {
            let token = Token::parse(&token)?;
            token.is_over(&over)?;
            let issuer = match roots {
                Some(roots) => Some(token.verify(roots)?.subject()),
                None => None,
            };
            Ok(Stamp { at: token.at(), issuer })
        };
        read().map(Some).map_err(|error: StampError| self.fault(&format!("{STAMP}: {error}")))
    }

    /// That the signer's certificate leads to one of the roots and was valid at that time.
    pub(crate) fn trusted(
        &self,
        signature: &Signature,
        roots: &[Certificate],
        at: Timestamp,
    ) -> Result<(), Failure> {
        let others = signature.signed.certificates();
        signature.signer.leads_to(roots, others, at, Purpose::Any).map_err(|error| {
            let failure = self.fault(&format!("{SIGNATURE}: {error}"));
            match error {
                CertificateError::Ended => failure.hint(
                    "where a time-stamp shows that it was valid, give the authorities of that \
                     with --tsa-ca",
                ),
                _ => failure
                    .hint("--ca names the authorities that the signer's certificate leads to"),
            }
        })
    }
}
