//! Time-stamps (RFC 3161): the question to an authority, its answer, and the token that is kept.

use super::cms::{CmsError, Signed, TST_INFO};
use super::time_of;
use crate::crypto::certificate::Purpose;
use crate::crypto::der::{
    self, BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, Malformed, NULL, OCTET_STRING, OID,
    Reader, SEQUENCE, sequence, tagged,
};
use crate::crypto::{Certificate, Digest, sha256};
use crate::domain::Timestamp;

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// Reasons that an authority gives for refusing, by their bit (RFC 3161 section 2.4.2).
const REASONS: [(usize, &str); 8] = [
    (0, "badAlg"),
    (2, "badRequest"),
    (5, "badDataFormat"),
    (14, "timeNotAvailable"),
    (15, "unacceptedPolicy"),
    (16, "unacceptedExtension"),
    (17, "addInfoNotAvailable"),
    (25, "systemFailure"),
];

/// Why a time-stamp is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Not of the form.
    #[error("it is not of the form of RFC 3161")]
    Malformed,
    /// The authority refuses.
    #[error("it was refused with status {status}: {why}")]
    Refused {
        /// Its status.
        status: u8,
        /// What it said.
        why: String,
    },
    /// Over something else.
    #[error("it is over something else than what is there")]
    OtherImprint,
    /// The answer to another question.
    #[error("it answers another request: its nonce is another")]
    OtherNonce,
    /// The signature in it.
    #[error("its signature: {0}")]
    Signature(#[from] CmsError),
}

impl From<Malformed> for StampError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The question: stamp the SHA-256 of these bytes.
pub fn request(content: &[u8], nonce: &[u8; 16]) -> Vec<u8> {
    let algorithm = sequence(&[&tagged(OID, &[SHA256]), &tagged(NULL, &[])]);
    let imprint = sequence(&[&algorithm, &tagged(OCTET_STRING, &[&sha256(content)])]);
    let certificate = tagged(BOOLEAN, &[&[0xff]]);
    sequence(&[&der::unsigned(&[1]), &imprint, &der::unsigned(nonce), &certificate])
}

/// The token in an answer, if it answers [`request`].
///
/// # Errors
/// [`StampError`], which says what the authority said.
pub fn token(answer: &[u8], content: &[u8], nonce: &[u8; 16]) -> Result<Vec<u8>, StampError> {
    let mut outer = Reader::new(answer);
    let mut answer = outer.within(SEQUENCE)?;
    outer.end()?;
    let mut status = answer.within(SEQUENCE)?;
    match status.value(INTEGER)?.content {
        [0 | 1] => {}
        [refused] => return Err(refusal(*refused, status)),
        _ => return Err(StampError::Malformed),
    }
    let whole = answer.value(SEQUENCE)?.whole;
    let token = Token::parse(whole)?;
    token.is_over(content)?;
    let asked = der::unsigned(nonce);
    match token.nonce.as_deref() == Reader::new(&asked).any().ok().map(|value| value.content) {
        true => Ok(whole.to_vec()),
        false => Err(StampError::OtherNonce),
    }
}

fn refusal(status: u8, mut said: Reader<'_>) -> StampError {
    let mut why = Vec::new();
    if let Ok(Some(texts)) = said.optional(SEQUENCE) {
        let mut texts = Reader::new(texts.content);
        while let Ok(text) = texts.any() {
            why.push(String::from_utf8_lossy(text.content).into_owned());
        }
    }
    if let Ok(Some(bits)) = said.optional(BIT_STRING) {
        let bits = bits.content.get(1..).unwrap_or_default();
        let is_set = |bit: usize| bits.get(bit / 8).is_some_and(|b| b & (0x80 >> (bit % 8)) != 0);
        let reasons = REASONS.iter().filter(|(bit, _)| is_set(*bit));
        why.extend(reasons.map(|(_, name)| (*name).to_owned()));
    }
    let why = if why.is_empty() { "it gave no reason".to_owned() } else { why.join(", ") };
    StampError::Refused { status, why }
}

/// A time-stamp token whose form is right.
#[derive(Clone, Debug)]
pub struct Token {
    signed: Signed,
    imprint: Digest,
    at: Timestamp,
    nonce: Option<Vec<u8>>,
}

impl Token {
    /// Reads one.
    ///
    /// # Errors
    /// [`StampError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StampError> {
        let signed = Signed::parse(bytes)?;
        let mut info = Reader::new(signed.content().ok_or(Malformed)?).within(SEQUENCE)?;
        info.value(INTEGER)?;
        info.value(OID)?;
        let mut imprint = info.within(SEQUENCE)?;
        if imprint.within(SEQUENCE)?.value(OID)?.content != SHA256 {
            return Err(StampError::OtherImprint);
        }
        let imprint = imprint.value(OCTET_STRING)?.content;
        let imprint = imprint.try_into().map_err(|_| Malformed)?;
        info.value(INTEGER)?;
        let at = time_of(&info.value(GENERALIZED_TIME)?)?;
        info.optional(SEQUENCE)?;
        info.optional(BOOLEAN)?;
        let nonce = info.optional(INTEGER)?.map(|value| value.content.to_vec());
        Ok(Self { signed, imprint, at, nonce })
    }

    /// When it was issued, by the authority's clock.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// That it is over these bytes. Who says so, [`Token::verify`] says.
    ///
    /// # Errors
    /// [`StampError::OtherImprint`].
    pub fn is_over(&self, content: &[u8]) -> Result<(), StampError> {
        if self.imprint == sha256(content) { Ok(()) } else { Err(StampError::OtherImprint) }
    }

    /// Verifies its signature, and that its signer was made for time-stamps by one of the roots; gives
    /// who that is.
    ///
    /// # Errors
    /// [`StampError::Signature`].
    pub fn verify(&self, roots: &[Certificate]) -> Result<&Certificate, StampError> {
        let content = self.signed.content().ok_or(Malformed)?;
        let signer = self.signed.signer(&[])?;
        self.signed.verify_as(TST_INFO, content, signer)?;
        let others = self.signed.certificates();
        let led = signer.leads_to(roots, others, self.at, Purpose::TimeStamping);
        led.map_err(CmsError::from)?;
        Ok(signer)
    }
}

#[cfg(test)]
#[path = "stamp_tests.rs"]
mod tests;
