//! What protects persons of a case, and whether a State is theirs.
//!
//! The paragraphs are those of the Trafficking Protocol where no other instrument is named; those of
//! Article 8 have their like in Article 18 of the Smuggling Protocol.

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::hearing::measures;
use super::referral::{language, person, persons};
use super::words::words;
use super::{Need, ProtectiveMeasure, RoleChange, opaque_debug};

words! {
    /// What speaks for a nationality: 8(3).
    NationalityEvidence {
        /// A passport or other travel document, also expired or copied.
        Passport = "passport",
        /// An identity card.
        IdentityCard = "identity_card",
        /// A certificate of birth, or an entry in a register of persons.
        CivilRegister = "civil_register",
        /// Fingerprints or another biometric record.
        BiometricRecord = "biometric_record",
        /// What the person says.
        Statement = "statement",
        /// What relatives or others say.
        Witness = "witness",
        /// The language or dialect that the person speaks.
        Language = "language",
        /// Anything else, which the text says.
        Other = "other",
    }
}

words! {
    /// What was found of a nationality: 8(3).
    NationalityFinding {
        /// A national.
        National = "national",
        /// No national, and with no right of permanent residence.
        NotNational = "not_national",
        /// No national, but with the right of permanent residence.
        PermanentResident = "permanent_resident",
        /// It could not be found out.
        Unknown = "unknown",
    }
}

/// The body of a `VICTIM_PROTECTION_NOTICE`: 6; UNTOC 24-25.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VictimProtection {
    /// The persons, by code: 6(1).
    pub persons: Vec<String>,
    /// A child is among them: 6(4).
    pub child: bool,
    /// What is to be done: 6(5), UNTOC 24(2).
    pub measures: Vec<ProtectiveMeasure>,
    /// The last day, `YYYY-MM-DD`; empty: until further notice.
    pub until: String,
    /// Persons who are something else in the case than was said before.
    pub role_changes: Vec<RoleChange>,
    /// What else there is to say, without anything by which they could be known.
    pub text: String,
    /// The language of the texts, BCP 47.
    pub language: String,
}

/// The body of a `NATIONALITY_VERIFICATION_REQUEST`: 8(3)-(4).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NationalityQuery {
    /// The persons, by code; who they are stands in a sealed annex: 6(1).
    pub persons: Vec<String>,
    /// A child is among them: 6(4).
    pub child: bool,
    /// What speaks for it.
    pub evidence: Vec<NationalityEvidence>,
    /// What else there is to say.
    pub text: String,
    /// The language of the text, BCP 47.
    pub language: String,
}

/// The body of a `NATIONALITY_VERIFICATION_RESPONSE`: 8(3)-(4).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NationalityAnswer {
    /// One for each person.
    pub answers: Vec<NationalityStatus>,
    /// A child is among them: 6(4).
    pub child: bool,
    /// What else there is to say.
    pub text: String,
    /// The language of the text, BCP 47.
    pub language: String,
}

/// What was found of one person.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NationalityStatus {
    /// The person, by code.
    pub person: String,
    /// What was found: 8(3).
    pub finding: Option<NationalityFinding>,
    /// By when a travel document is issued, `YYYY-MM-DD`; empty where none is: 8(4).
    pub document_by: String,
}

opaque_debug!(NationalityAnswer, NationalityQuery, NationalityStatus, VictimProtection);

impl VictimProtection {
    pub(super) fn walk(&self, found: &mut Lacks) {
        persons(found, &self.persons);
        let idle = self.measures.is_empty() && self.role_changes.is_empty();
        let message = "are missing: say what is to be done";
        found.add_if(idle, "measures", Need::ProtectionMeasures, message);
        measures(found, &self.measures);
        if self.measures.contains(&ProtectiveMeasure::Other) {
            found.required("text", Need::FormMeasureOther, &self.text);
        }
        found.date("until", &self.until);
        found.each("role_changes", &self.role_changes, |found, change| self.change(found, change));
        found.text("text", &self.text);
        language(found, &self.language);
    }

    fn change(&self, found: &mut Lacks, change: &RoleChange) {
        let stranger = !self.persons.contains(&change.reference);
        let message = "is none of the persons of the notice";
        found.add_if(stranger, "ref", Need::ProtectionRoleChange, message);
        let none = change.from == change.to;
        let message = "is what the person was before";
        found.add_if(none, "to", Need::ProtectionRoleChange, message);
        found.required_text("reason", Need::ProtectionRoleChange, &change.reason);
    }
}

impl NationalityQuery {
    pub(super) fn walk(&self, found: &mut Lacks) {
        persons(found, &self.persons);
        let bare = self.evidence.is_empty();
        let message = "is missing: say what speaks for it";
        found.add_if(bare, "evidence", Need::NationalityEvidence, message);
        for (number, one) in self.evidence.iter().enumerate() {
            let twice = self.evidence[..number].contains(one);
            let field = format!("evidence[{number}]");
            found.add_if(twice, &field, Need::FormEvidenceTwice, "stands there twice");
        }
        if self.evidence.contains(&NationalityEvidence::Other) {
            found.required("text", Need::NationalityEvidence, &self.text);
        }
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

impl NationalityAnswer {
    pub(super) fn walk(&self, found: &mut Lacks) {
        let none = self.answers.is_empty();
        found.add_if(none, "answers", Need::FormPersons, "are missing: give one at least");
        found.each("answers", &self.answers, status);
        for (number, one) in self.answers.iter().enumerate() {
            let twice = self.answers[..number].iter().any(|other| other.person == one.person);
            let field = format!("answers[{number}].person");
            found.add_if(twice, &field, Need::FormPersonTwice, "stands there twice");
        }
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

fn status(found: &mut Lacks, one: &NationalityStatus) {
    person(found, "person", &one.person);
    let message = "is missing: say what was found";
    found.add_if(one.finding.is_none(), "finding", Need::NationalityFinding, message);
    found.date("document_by", &one.document_by);
    let admitted = matches!(
        one.finding,
        Some(NationalityFinding::National | NationalityFinding::PermanentResident)
    );
    let bare = admitted && one.document_by.is_empty();
    let message = "is missing: say by when the person has a travel document";
    found.add_if(bare, "document_by", Need::NationalityDocument, message);
    let none_due = one.finding.is_some() && !admitted && !one.document_by.is_empty();
    let message = "is said of nationals and permanent residents";
    found.add_if(none_due, "document_by", Need::FormElsewhere, message);
}
