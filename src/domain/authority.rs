//! The name of a central authority.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::limits::AUTHORITY_ID_MAX_BYTES;

/// A central authority: ISO 3166-1 alpha-2 country, dot, designator, as in `th.oag`.
///
/// Lower case, ASCII, and a valid DNS name, because it is also the name in the node's TLS
/// certificate. User-assigned country codes (`xa` to `xz`, ISO 3166-1 clause 8.1.3) are allowed:
/// exercises and the demo use them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuthorityId(String);

/// Why a text is not an [`AuthorityId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not an authority id: two lower-case country letters, a dot and a designator of \
     lower-case letters, digits and single hyphens, {AUTHORITY_ID_MAX_BYTES} bytes in all at most, \
     as in th.oag"
)]
pub struct InvalidAuthorityId {
    given: String,
}

impl AuthorityId {
    /// Parses and checks a name.
    ///
    /// # Errors
    /// [`InvalidAuthorityId`], which quotes the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidAuthorityId> {
        let refuse = || InvalidAuthorityId { given: text.chars().take(80).collect() };
        let (country, designator) = text.split_once('.').ok_or_else(refuse)?;
        let country_ok = country.len() == 2 && country.bytes().all(|b| b.is_ascii_lowercase());
        if text.len() <= AUTHORITY_ID_MAX_BYTES && country_ok && is_label(designator) {
            Ok(Self(text.to_owned()))
        } else {
            Err(refuse())
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country in lower case, two letters.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }
}

fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty()
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AuthorityId {
    type Err = InvalidAuthorityId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for AuthorityId {
    type Error = InvalidAuthorityId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<AuthorityId> for String {
    fn from(id: AuthorityId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_of_the_form() {
        for good in ["th.oag", "xa.moj", "de.bfj", "au.agd-2", "zz.0"] {
            assert_eq!(AuthorityId::parse(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn refuses_everything_else() {
        let long = format!("th.{}", "a".repeat(60));
        for bad in [
            "", "th", "th.", ".oag", "tha.oag", "TH.oag", "th.OAG", "th.o ag", "th.-a", "th.a-",
            "th.a--b", "th.a.b", "th/oag", "t1.oag", "th.ü", &long,
        ] {
            assert!(AuthorityId::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
