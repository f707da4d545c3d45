//! Looking authorities up: by country, function, convention and language, and as of a day.

use unicode_normalization::UnicodeNormalization as _;

use super::cards::CardVersion;
use super::{ActionError, Exchange};
use crate::card::{Card, CardBody};
use crate::domain::language::range_has;
use crate::domain::{AuthorityId, Timestamp};

/// An authority of the directory, this one among them.
#[derive(Clone)]
pub struct Listed {
    /// Its card as it is now.
    pub card: Card,
    /// Since when it is trusted; of this authority, since when its card says what it says.
    pub since: Timestamp,
    /// Whether it is this authority itself.
    pub is_own: bool,
    /// Why nothing is exchanged with it at present, as a code.
    pub suspended: Option<String>,
}

/// What is looked for; all of it must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// ISO 3166-1 alpha-2, in either case; empty: any.
    pub country: String,
    /// A function of the card, as `mla`; empty: any.
    pub function: String,
    /// A convention of the card, as `UNTOC`; empty: any.
    pub convention: String,
    /// A language that it accepts, BCP 47; `zh` is also found as `zh-Hant`; empty: any.
    pub language: String,
    /// Words, each of which must occur somewhere in what the card says for people; empty: any.
    pub words: String,
}

impl Lookup {
    fn fits(&self, card: &Card) -> bool {
        let body = card.body();
        let among = |wanted: &str, words: &[String]| {
            wanted.is_empty() || words.iter().any(|word| folded(word) == folded(wanted))
        };
        let speaks = |tag: &String| range_has(&self.language, tag);
        (self.country.is_empty() || folded(&self.country) == folded(&body.country))
            && among(&self.function, &body.functions)
            && among(&self.convention, &card.conventions())
            && (self.language.is_empty() || body.languages.iter().any(speaks))
            && self.has_words(card)
    }

    fn has_words(&self, card: &Card) -> bool {
        let said = folded(&said(card.body(), &card.conventions()));
        self.words.split_whitespace().all(|word| said.contains(&folded(word)))
    }
}

/// What words are looked for in.
fn said(body: &CardBody, conventions: &[String]) -> String {
    let mut said = vec![body.authority.to_string(), body.name.clone(), body.country.clone()];
    said.extend(body.names.iter().map(|name| name.text.clone()));
    said.push(body.kind.as_str().to_owned());
    said.extend(body.functions.iter().chain(&body.languages).chain(conventions).cloned());
    said.join("\n")
}

/// As texts are compared: however their letters are put together, and in whatever case.
fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

impl Exchange {
    /// The authorities that fit, by name, this one among them.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn look_up(&self, lookup: &Lookup) -> Result<Vec<Listed>, ActionError> {
        let mut found: Vec<Listed> = self.listed()?;
        found.retain(|one| lookup.fits(&one.card));
        Ok(found)
    }

    fn listed(&self) -> Result<Vec<Listed>, ActionError> {
        let card = Card::clone(&self.card());
        let newest = self.card_history(&self.me)?.into_iter().next();
        let since = newest.map_or(card.body().issued, |newest| newest.since);
        let mut all = vec![Listed { card, since, is_own: true, suspended: None }];
        all.extend(self.directory.all().iter().map(|peer| Listed {
            card: peer.card.clone(),
            since: peer.added,
            is_own: false,
            suspended: peer.suspended.clone(),
        }));
        all.sort_by(|one, other| one.card.authority().cmp(other.card.authority()));
        Ok(all)
    }

    /// One authority of the directory as it is now.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for one that is not in it.
    pub fn listed_one(&self, authority: &AuthorityId) -> Result<Listed, ActionError> {
        let found = self.listed()?.into_iter().find(|one| one.card.authority() == authority);
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        found.ok_or_else(unknown)
    }

    /// What the card of an authority said at a time, by this node's clock.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] where it was not in the directory then.
    pub fn card_as_of(
        &self,
        authority: &AuthorityId,
        at: Timestamp,
    ) -> Result<CardVersion, ActionError> {
        let history = self.card_history(authority)?;
        let then = history.into_iter().find(|version| version.since <= at);
        then.filter(|version| version.card.is_some()).ok_or_else(|| {
            ActionError::NotFound(format!("{authority} was not in the directory at {at}"))
        })
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
