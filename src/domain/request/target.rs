//! What the authority that a content goes to publishes about itself, as far as a check needs it.

use super::Need;
use crate::domain::language::range_has;
use crate::domain::{AuthorityId, Profile};

/// Whom a content is for. The default knows nothing of it, and then only the instruments count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// Whose node signs it; not known where it is checked alone.
    pub sender: Option<&'a AuthorityId>,
    /// The languages that it accepts, BCP 47; none: not known.
    pub languages: &'a [String],
    /// What it is competent for, as in `mla`; none: not known.
    pub functions: &'a [String],
    /// What it asks of requests.
    pub profile: Option<&'a Profile>,
}

impl Target<'_> {
    /// Why a content in these languages is not accepted; `None` where one of them is.
    pub(super) fn refuses_languages(&self, offered: &[&str]) -> Option<String> {
        let accepts = |tag: &&str| self.languages.iter().any(|range| range_has(range, tag));
        if self.languages.is_empty() || offered.iter().any(accepts) {
            return None;
        }
        let accepted = self.languages.join(", ");
        Some(format!("is none that the authority accepts: it accepts {accepted}"))
    }

    /// Whether it says what it is competent for, and requests are not among it.
    pub(super) fn is_incompetent(&self) -> bool {
        let mla = |function: &String| function.eq_ignore_ascii_case("mla");
        !self.functions.is_empty() && !self.functions.iter().any(mla)
    }

    /// Whether its profile asks for what a rule of `PROFILE` needs.
    pub(super) fn asks(&self, need: Need) -> bool {
        self.profile.is_some_and(|profile| profile.asks(need))
    }

    /// Whether its profile renounces it.
    pub(super) fn waives(&self, need: Need) -> bool {
        self.profile.is_some_and(|profile| profile.waives(need))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_accepts_its_variants() {
        let languages = ["th".to_owned(), "en".to_owned()];
        let target = Target { languages: &languages, ..Target::default() };
        assert_eq!(target.refuses_languages(&["fr", "en-GB"]), None);
        let message = target.refuses_languages(&["fr"]).expect("refused");
        assert!(message.ends_with("it accepts th, en"), "{message}");
        assert_eq!(Target::default().refuses_languages(&["fr"]), None);
    }
}
