//! The name of an authority in other languages and letters.

use serde::{Deserialize, Serialize};

use super::body::{CardBody, NAME_MAX_CHARS, text_ok};
use super::{CardError, field};
use crate::domain::language;

const SCHEME_MAX_CHARS: usize = 35;
/// Languages and spellings of a name: a card has 64 KiB for all that it says.
const NAMES_MAX: usize = 8;

/// The name of an authority in a language, or in Latin letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardName {
    /// The name, 1 to 200 characters.
    pub text: String,
    /// BCP 47; of a transliteration with its script, as in `th-Latn`.
    pub language: String,
    /// By which scheme it is written in Latin letters, as in `RTGS`; a translation has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheme: String,
}

impl CardBody {
    pub(super) fn check_names(&self) -> Result<(), CardError> {
        if self.names.len() > NAMES_MAX {
            return Err(field("names", "are more than 8"));
        }
        for (number, name) in self.names.iter().enumerate() {
            if !text_ok(&name.text, NAME_MAX_CHARS) {
                return Err(field("names", "must have 1 to 200 characters that can be seen"));
            }
            if !language::is_tag(&name.language) {
                return Err(field("names", "must have a language tag of BCP 47"));
            }
            let scheme = &name.scheme;
            let transliterated =
                text_ok(scheme, SCHEME_MAX_CHARS) && language::is_latin(&name.language);
            if !scheme.is_empty() && !transliterated {
                let rule = "with a scheme must be in Latin letters and say so, as in th-Latn";
                return Err(field("names", rule));
            }
            let same = |other: &CardName| language::same_tag(&other.language, &name.language);
            if self.names[..number].iter().any(same) {
                return Err(field("names", "have a language twice"));
            }
        }
        Ok(())
    }
}
