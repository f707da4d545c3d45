//! What a witness answers, and what is made of it.

use crate::audit::checkpoint::parse_decimal;
use crate::audit::cosignature::{Cosignature, CosignatureError, claims};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::note::{SIGNATURES_MAX, Signature, WitnessKey};
use crate::domain::limits::WITNESS_RESPONSE_MAX_BYTES;

/// Why an answer is worth nothing. A witness that gives it is broken, or another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Not a text of at least one line, of bounded length and with a newline at its end.
    #[error("the answer of the witness is not a few lines of text")]
    Lines,
    /// A line is no signature line, or the line of a known key is wrong.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// Every line is by someone unknown.
    #[error("no line of the answer is by a key of this witness")]
    NoKnownKey,
}

/// The body of a 200: a line a key.
pub fn response_text(cosignatures: &[Cosignature]) -> String {
    cosignatures.iter().map(|cosignature| cosignature.to_line() + "\n").collect()
}

/// The body of a 409, of content type `text/x.tlog.size`.
pub fn conflict_text(held: u64) -> String {
    format!("{held}\n")
}

/// Reads the body of a 409: the size that the witness holds.
pub fn parse_conflict(body: &[u8]) -> Option<u64> {
    parse_decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// Takes the cosignatures of a 200 into the checkpoint that was asked about: the lines of `keys`;
/// lines of other keys are ignored. Says how many lines were new.
///
/// # Errors
/// [`ResponseError`]; the checkpoint is then unchanged.
pub fn take_response(
    signed: &mut SignedCheckpoint,
    body: &[u8],
    keys: &[WitnessKey],
) -> Result<usize, ResponseError> {
    let text = std::str::from_utf8(body).ok().filter(|t| t.len() <= WITNESS_RESPONSE_MAX_BYTES);
    let text = text.and_then(|text| text.strip_suffix('\n')).ok_or(ResponseError::Lines)?;
    if text.split('\n').count() > SIGNATURES_MAX {
        return Err(ResponseError::Lines);
    }
    let (mut taken, mut known, mut new) = (signed.clone(), 0, 0);
    for line in text.split('\n') {
        let line = Signature::parse(line).ok_or(CosignatureError::Line)?;
        // SPEC: lines of unknown keys are ignored, whatever is in them.
        if !keys.iter().any(|key| claims(&line, key)) {
            continue;
        }
        let line = Cosignature::from_line(&line)?;
        let signer = line.signer(signed.checkpoint(), keys)?;
        known += 1;
        new += usize::from(taken.add(&line, signer)?);
    }
    if known == 0 {
        return Err(ResponseError::NoKnownKey);
    }
    *signed = taken;
    Ok(new)
}
