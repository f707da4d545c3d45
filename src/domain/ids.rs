//! Identifiers that cross modules and wires.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthorityId, Timestamp};

/// Why a text or a run of bytes is not an identifier of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a {kind}: {rule}")]
pub struct InvalidId {
    kind: &'static str,
    given: String,
    rule: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $version:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Parses the hyphenated text form.
            ///
            /// # Errors
            /// [`InvalidId`] when the text is not such a UUID.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let refuse = || InvalidId {
                    kind: $kind,
                    given: text.chars().take(80).collect(),
                    rule: $rule,
                };
                // Only the canonical form, so that one id has one spelling in keys and digests.
                let uuid = Uuid::parse_str(text).map_err(|_| refuse())?;
                let canonical = uuid.hyphenated().to_string() == text;
                if canonical && ($version == 0 || uuid.get_version_num() == $version) {
                    Ok(Self(uuid))
                } else {
                    Err(refuse())
                }
            }

            /// Reads the 16 bytes of the wire form.
            ///
            /// # Errors
            /// [`InvalidId`] when there are not 16 bytes, or they are of another UUID version.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidId> {
                let refuse =
                    || InvalidId { kind: $kind, given: hex::encode(&bytes[..bytes.len().min(32)]), rule: $rule };
                let uuid = Uuid::from_slice(bytes).map_err(|_| refuse())?;
                if $version == 0 || uuid.get_version_num() == $version {
                    Ok(Self(uuid))
                } else {
                    Err(refuse())
                }
            }

            /// The 16 bytes of the wire form.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

uuid_id!(
    /// A message, named by the node that sends it: UUIDv7 (RFC 9562 section 5.7).
    MessageId, "message id", 7, "a UUID of version 7, lower case with hyphens"
);
uuid_id!(
    /// An evidence package, named by the node that seals it: UUIDv7.
    PackageId, "package id", 7, "a UUID of version 7, lower case with hyphens"
);
uuid_id!(
    /// A sealed annex, named by the client that seals it: UUIDv7.
    AnnexId, "annex id", 7, "a UUID of version 7, lower case with hyphens"
);
uuid_id!(
    /// What a client calls one mutating request, so that a repeat is known as one (AIP-155).
    RequestId, "request_id", 0, "a UUID, lower case with hyphens"
);

macro_rules! uuid_v7 {
    ($name:ident) => {
        impl $name {
            /// Makes an id from the time and ten random bytes.
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                let ms = u64::try_from(at.unix_ms()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
            }
        }
    };
}
uuid_v7!(MessageId);
uuid_v7!(PackageId);
uuid_v7!(AnnexId);

impl RequestId {
    /// Makes an id from random bytes (UUIDv4).
    pub fn new(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

/// A case: `ROG-<requesting country>-<year>-<six digits or more>`, as in `ROG-TH-2026-000042`.
///
/// The requesting authority's node gives it. It says which country asks and how many cases that
/// country opened in the year, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseId(String);

impl CaseId {
    /// The `sequence`-th case that `authority` opens in `year`.
    pub fn new(authority: &AuthorityId, year: i32, sequence: u64) -> Self {
        Self(format!("ROG-{}-{year:04}-{sequence:06}", authority.country().to_ascii_uppercase()))
    }

    /// Parses and checks the text form.
    ///
    /// # Errors
    /// [`InvalidId`], which quotes the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let digits = |s: &str, min: usize| {
            (min..=20).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit())
        };
        let parts: Vec<&str> = text.split('-').collect();
        match parts.as_slice() {
            ["ROG", country, year, sequence]
                if country.len() == 2
                    && country.bytes().all(|b| b.is_ascii_uppercase())
                    && year.len() == 4
                    && digits(year, 4)
                    && digits(sequence, 6) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidId {
                kind: "case id",
                given: text.chars().take(80).collect(),
                rule: "ROG-<country>-<year>-<sequence>, as in ROG-TH-2026-000042",
            }),
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CaseId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<CaseId> for String {
    fn from(id: CaseId) -> String {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_sort_by_time_and_round_trip() {
        let early = MessageId::new(Timestamp::from_unix_ms(1_000), [0xff; 10]);
        let late = MessageId::new(Timestamp::from_unix_ms(2_000), [0; 10]);
        assert!(early < late);
        assert_eq!(MessageId::parse(&early.to_string()), Ok(early));
        assert_eq!(MessageId::from_slice(early.as_bytes()), Ok(early));
    }

    #[test]
    fn ids_of_another_version_or_spelling_are_refused() {
        let v4 = RequestId::new([0xab; 16]).to_string();
        assert!(RequestId::parse(&v4).is_ok());
        assert!(MessageId::parse(&v4).is_err(), "a v4 UUID is no message id");
        assert!(RequestId::parse(&v4.to_uppercase()).is_err());
        assert!(RequestId::parse(&v4.replace('-', "")).is_err());
        assert!(MessageId::from_slice(&[0; 15]).is_err());
    }

    #[test]
    fn case_ids_have_one_form() {
        let id = CaseId::new(&AuthorityId::parse("th.oag").expect("valid"), 2026, 42);
        assert_eq!(id.as_str(), "ROG-TH-2026-000042");
        assert_eq!(CaseId::parse("ROG-TH-2026-000042"), Ok(id));
        for bad in
            ["", "ROG-th-2026-000042", "ROG-TH-26-000042", "ROG-TH-2026-42", "X-TH-2026-000042"]
        {
            assert!(CaseId::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
