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

uuid_id!(
    /// What a client calls one upload, so that it can go on with it after a cut.
    UploadId, "upload_id", 0, "a UUID, lower case with hyphens"
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

impl MessageId {
    /// When it was given, by the clock of the node that gave it: the same for whoever has it.
    pub fn at(&self) -> Timestamp {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&self.as_bytes()[..6]);
        Timestamp::from_unix_ms(i64::from_be_bytes(ms))
    }
}

impl RequestId {
    /// Makes an id from random bytes (UUIDv4).
    pub fn new(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

impl UploadId {
    /// Makes an id from bytes that nobody else has (UUIDv4).
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// A case: `ROG-<country>-<authority>-<year>-<six digits or more>`, as in `ROG-TH-OAG-2026-000042`.
///
/// The node of the authority that opens it gives it: a country may have several (UNTOC 18(13)), who do
/// not know of each other's numbers. It says who asks and how many cases that authority opened in the
/// year, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseId(String);

impl CaseId {
    /// The `sequence`-th case that `authority` opens in `year`.
    pub fn new(authority: &AuthorityId, year: i32, sequence: u64) -> Self {
        let opener = authority.as_str().replace('.', "-").to_ascii_uppercase();
        Self(format!("ROG-{opener}-{year:04}-{sequence:06}"))
    }

    /// Parses and checks the text form.
    ///
    /// # Errors
    /// [`InvalidId`], which quotes the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        read_case(text).map(|_| Self(text.to_owned())).ok_or_else(|| InvalidId {
            kind: "case id",
            given: text.chars().take(80).collect(),
            rule: "ROG-<country>-<authority>-<year>-<number of six digits or more>, in capitals, as in ROG-TH-OAG-2026-000042",
        })
    }

    /// Who opened the case, and gave it its number.
    pub fn opener(&self) -> AuthorityId {
        self.read().0
    }

    /// The year in which it was opened.
    pub fn year(&self) -> i32 {
        self.read().1
    }

    /// Its number among those that its opener has opened in the year.
    pub fn sequence(&self) -> u64 {
        self.read().2
    }

    fn read(&self) -> (AuthorityId, i32, u64) {
        read_case(&self.0).expect("a case id has been read before it is one")
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

impl std::str::FromStr for CaseId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
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

/// Who opened a case, when, and which number that has.
fn read_case(text: &str) -> Option<(AuthorityId, i32, u64)> {
    let mut parts = text.strip_prefix("ROG-")?.rsplitn(3, '-');
    let (sequence, year) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let opener = parts.next()?.to_ascii_lowercase().replacen('-', ".", 1);
    let opener = AuthorityId::parse(&opener).ok()?;
    // Of one spelling: two would be two cases.
    let same = CaseId::new(&opener, year, sequence).0 == text && (0..10_000).contains(&year);
    same.then_some((opener, year, sequence))
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
        assert_eq!(id.as_str(), "ROG-TH-OAG-2026-000042");
        assert_eq!(CaseId::parse("ROG-TH-OAG-2026-000042"), Ok(id));
        for bad in [
            "",
            "ROG-th-2026-000042",
            "ROG-TH-OAG-26-000042",
            "ROG-TH-OAG-2026-42",
            "X-TH-2026-000042",
        ] {
            assert!(CaseId::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn a_case_says_who_opened_it_whatever_that_is_called() {
        for opener in ["th.oag", "xc.moj", "xc.moj-ila", "un.unhcr", "xa.unit-2026-2"] {
            let opener = AuthorityId::parse(opener).expect("valid");
            let case =
                CaseId::parse(CaseId::new(&opener, 2026, 1_234_567).as_str()).expect("it is one");
            assert_eq!((case.opener(), case.year(), case.sequence()), (opener, 2026, 1_234_567));
        }
    }
}
