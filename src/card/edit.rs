//! What an operator changes of a card: everything that is no key.

use serde::Deserialize;

use super::{CardBody, CardName};
use crate::domain::limits::CARD_MAX_BYTES;
use crate::domain::nearest::with_nearest;
use crate::domain::{AuthorityKind, Profile, Timestamp};

/// A file of changes, TOML. What it does not say stays as it is; a list that it has takes the place
/// of the whole list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardEdit {
    /// What the authority is. Peers must confirm a change of it.
    pub kind: Option<AuthorityKind>,
    /// Its name for people.
    pub name: Option<String>,
    /// The same in other languages and letters.
    pub names: Option<Vec<CardName>>,
    /// Where its node answers, host:port.
    pub endpoint: Option<String>,
    /// When the card ends. Keys that end with the present card end with the new one.
    pub expires: Option<Timestamp>,
    /// What it is competent for.
    pub functions: Option<Vec<String>>,
    /// Languages in which it accepts requests, BCP 47.
    pub languages: Option<Vec<String>>,
    /// What it asks of requests, all of it: what it does not say is not asked any more.
    pub profile: Option<Profile>,
}

/// Why a text is no file of changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardEditError {
    /// Over [`CARD_MAX_BYTES`].
    #[error("the file is larger than {CARD_MAX_BYTES} bytes, and so can no card be")]
    TooLarge,
    /// No TOML of the form.
    #[error("line {line}: {problem}")]
    Toml {
        /// From 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
}

impl CardEdit {
    /// Reads a file.
    ///
    /// # Errors
    /// [`CardEditError`] says where it is broken.
    pub fn parse(file: &str) -> Result<Self, CardEditError> {
        if file.len() > CARD_MAX_BYTES {
            return Err(CardEditError::TooLarge);
        }
        toml::from_str(file).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = file.get(..start).unwrap_or("").matches('\n').count() + 1;
            CardEditError::Toml { line, problem: with_nearest(error.message()).into_owned() }
        })
    }

    /// The next version of a card; `None` where nothing would be another than it is.
    pub fn apply(&self, card: &CardBody, now: Timestamp) -> Option<CardBody> {
        let mut body = card.clone();
        set(&mut body.kind, &self.kind);
        set(&mut body.name, &self.name);
        set(&mut body.names, &self.names);
        set(&mut body.endpoint, &self.endpoint);
        set(&mut body.functions, &self.functions);
        set(&mut body.languages, &self.languages);
        set(&mut body.profile, &self.profile);
        set(&mut body.expires, &self.expires);
        for key in body.signing.iter_mut().chain(&mut body.sealing) {
            if key.until == card.expires {
                key.until = body.expires;
            }
        }
        if body == *card {
            return None;
        }
        body.version += 1;
        body.issued = now;
        Some(body)
    }
}

fn set<T: Clone>(field: &mut T, to: &Option<T>) {
    if let Some(to) = to {
        field.clone_from(to);
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
