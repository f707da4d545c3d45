//! What is told to an organisation of a person: that somebody needs protection, or goes home.
//!
//! Both name persons by code and by nothing else, and say who has consented. The paragraphs are those
//! of the Trafficking Protocol where no other instrument is named. That a referral without consent is
//! an error, and a return without one, is read out of them here, and a lawyer should confirm it.

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Lacks};
use super::words::{ConsentGiver, ProtectionNeed};
use super::{Need, Target, opaque_debug, rules};

/// The body of a `PROTECTION_REFERRAL`: 6, 14(1); 1951 Convention 33.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectionReferral {
    /// The persons, by codes that mean nothing to anybody else: 6(1).
    pub persons: Vec<String>,
    /// A child is among them: 6(4).
    pub child: bool,
    /// That they want it: 6(2)-(3).
    pub consent: Option<Consent>,
    /// Why, without anything by which they could be known: 14(1).
    pub reason: String,
    /// What they need: 6(3)-(5).
    pub needs: Vec<ProtectionNeed>,
    /// The language of the reason, BCP 47.
    pub language: String,
}

/// The body of a `VOLUNTARY_RETURN_ARRANGEMENT`: 8(1)-(2); Smuggling Protocol 18.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoluntaryReturn {
    /// The persons, by code: 6(1).
    pub persons: Vec<String>,
    /// A child is among them: 6(4).
    pub child: bool,
    /// That they want to: 8(2).
    pub consent: Option<Consent>,
    /// Where to, ISO 3166-1 alpha-2: 8(1).
    pub country: String,
    /// When, `YYYY-MM-DD`; empty while that is open: 8(1), without undue delay.
    pub date: String,
    /// What is arranged: 8(2), with due regard for safety.
    pub text: String,
    /// What they need on the way: 6(3)-(5).
    pub needs: Vec<ProtectionNeed>,
    /// The language of the text, BCP 47.
    pub language: String,
}

/// That somebody was asked, and has said yes or no.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Yes or no.
    pub given: bool,
    /// Who has said it.
    pub by: ConsentGiver,
    /// When, `YYYY-MM-DD`.
    #[serde(default)]
    pub date: String,
}

opaque_debug!(Consent, ProtectionReferral, VoluntaryReturn);

impl ProtectionReferral {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<Finding> {
        judged(|found| self.walk(found))
    }

    pub(super) fn walk(&self, found: &mut Lacks) {
        persons(found, &self.persons);
        consent(found, self.consent.as_ref(), self.child, Need::ReferralConsent);
        found.required_text("reason", Need::ReferralReason, &self.reason);
        let none = self.needs.is_empty();
        found.add_if(none, "needs", Need::ReferralNeeds, "are missing: say what is needed");
        needs(found, &self.needs);
        language(found, &self.language);
    }
}

impl VoluntaryReturn {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<Finding> {
        judged(|found| self.walk(found))
    }

    pub(super) fn walk(&self, found: &mut Lacks) {
        persons(found, &self.persons);
        consent(found, self.consent.as_ref(), self.child, Need::ReturnConsent);
        found.required("country", Need::ReturnCountry, &self.country);
        found.country("country", &self.country);
        found.date("date", &self.date);
        found.required_text("text", Need::ReturnText, &self.text);
        needs(found, &self.needs);
        language(found, &self.language);
    }
}

fn judged(walk: impl FnOnce(&mut Lacks)) -> Vec<Finding> {
    let mut found = Lacks::default();
    walk(&mut found);
    rules::judge(found.into_list(), &[], &Target::default())
}

pub(super) fn persons(found: &mut Lacks, persons: &[String]) {
    found.count("persons", persons.len());
    let none = persons.is_empty();
    found.add_if(none, "persons", Need::FormPersons, "are missing: name one at least, by a code");
    for (number, person) in persons.iter().enumerate() {
        let field = format!("persons[{number}]");
        self::person(found, &field, person);
        let twice = !person.is_empty() && persons[..number].contains(person);
        found.add_if(twice, &field, Need::FormPersonTwice, "stands there twice");
    }
}

pub(super) fn person(found: &mut Lacks, field: &str, person: &str) {
    found.required(field, Need::PersonCode, person);
    found.code(field, person);
}

/// Nobody is referred or sent home who did not want to be: without a yes that is recorded it is an
/// error.
fn consent(found: &mut Lacks, consent: Option<&Consent>, child: bool, need: Need) {
    let Some(consent) = consent else {
        return found.add("consent", need, "is missing: record who has consented, and when");
    };
    let message = "is not given: without it nobody is told";
    found.add_if(!consent.given, "consent.given", need, message);
    found.required("consent.date", need, &consent.date);
    found.date("consent.date", &consent.date);
    guardian(found, consent, child);
}

/// That it is known when somebody was asked.
pub(super) fn consent_date(found: &mut Lacks, consent: &Consent) {
    found.required("consent.date", Need::FormConsentDate, &consent.date);
    found.date("consent.date", &consent.date);
}

pub(super) fn guardian(found: &mut Lacks, consent: &Consent, child: bool) {
    let alone = child && consent.by == ConsentGiver::Person;
    let message = "is the child: say whether a guardian has agreed as well";
    found.add_if(alone, "consent.by", Need::GuardianConsent, message);
}

fn needs(found: &mut Lacks, needs: &[ProtectionNeed]) {
    for (number, need) in needs.iter().enumerate() {
        let (field, twice) = (format!("needs[{number}]"), needs[..number].contains(need));
        found.add_if(twice, &field, Need::FormNeedTwice, "stands there twice");
    }
}

pub(super) fn language(found: &mut Lacks, language: &str) {
    found.required("language", Need::FormTextLanguage, language);
    found.language("language", language);
}
