//! Why something was done to a message's content: a code that stands in the audit log.

use std::fmt;

/// The code of a reason, as in `RETENTION_ENDED`: `[A-Z][A-Z0-9_]{0,63}`.
///
/// [`Reason::ERASURE`], [`Reason::HOLD`] and [`Reason::DRAFT`] list those that have a meaning here; an
/// authority may use others of its own. The log is for ever and shown to others, so a code must name a rule and
/// never a person or a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(String);

/// Why a text is no [`Reason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason is a code of 1 to 64 upper-case letters, digits and _, as in RETENTION_ENDED")]
pub struct InvalidReason;

/// What the retention rules of the configuration erase with.
const RETENTION_ENDED: &str = "RETENTION_ENDED";

impl Reason {
    /// Why content is erased, each with what it says.
    pub const ERASURE: [(&str, &str); 7] = [
        (RETENTION_ENDED, "the time is over for which it may be kept"),
        ("COURT_ORDER", "a court or supervisory authority has ordered it"),
        ("DATA_SUBJECT_REQUEST", "a person whom it is about has a right to it"),
        ("SENT_IN_ERROR", "it was meant for somebody else"),
        ("WITHDRAWN", "the request that it belongs to was withdrawn"),
        ("UNLAWFUL_CONTENT", "it must not be held at all"),
        ("TEST_MESSAGE", "it was a trial"),
    ];

    /// Why content must not be erased.
    pub const HOLD: [(&str, &str); 5] = [
        ("INVESTIGATION", "an investigation needs it"),
        ("PROCEEDINGS", "it is evidence in proceedings that are not final"),
        ("COURT_ORDER", "a court has ordered it"),
        ("COMPLAINT", "somebody has complained about how it was dealt with"),
        ("AUDIT", "an audit is looking at it"),
    ];

    /// Why a message that waits for an approval is not sent.
    pub const DRAFT: [(&str, &str); 5] = [
        ("NOT_COMPLETE", "something is missing that it needs"),
        ("NOT_LAWFUL", "domestic law does not allow it"),
        ("NOT_PROPORTIONATE", "what it asks is more than the case is worth"),
        ("WRONG_ADDRESSEE", "another authority is to be asked"),
        ("NOT_NEEDED", "the matter has settled itself"),
    ];

    /// That the time is over for which something may be kept.
    pub fn retention_ended() -> Self {
        Self(RETENTION_ENDED.to_owned())
    }

    /// Parses a code.
    ///
    /// # Errors
    /// [`InvalidReason`].
    pub fn parse(text: &str) -> Result<Self, InvalidReason> {
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let fits = text.len() <= 64
            && text.bytes().all(allowed)
            && text.starts_with(|c: char| c.is_ascii_uppercase());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidReason) }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Reason {
    type Err = InvalidReason;
    fn from_str(text: &str) -> Result<Self, InvalidReason> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_listed_are_reasons_and_listed_once() {
        for list in [Reason::ERASURE.as_slice(), &Reason::HOLD, &Reason::DRAFT] {
            for (n, (code, says)) in list.iter().enumerate() {
                assert_eq!(Reason::parse(code).expect("a code").as_str(), *code);
                assert!(!says.is_empty() && !says.ends_with('.'), "{code}");
                assert!(!list[..n].iter().any(|(other, _)| other == code), "{code} stands twice");
            }
        }
        assert_eq!(Reason::parse(RETENTION_ENDED), Ok(Reason::retention_ended()));
    }

    #[test]
    fn a_code_can_hold_no_sentence() {
        let long = "A".repeat(65);
        for bad in ["", "retention", "MR_SMITH ", "CASE-42", "1ST", "_X", "ÄRGER", long.as_str()] {
            assert_eq!(Reason::parse(bad), Err(InvalidReason), "{bad:?}");
        }
        assert!(Reason::parse("ARTICLE_17_1_B").is_ok());
    }
}
