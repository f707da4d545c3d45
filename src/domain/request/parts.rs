//! The parts of a request.
//!
//! Each may be incomplete: `check` finds what is missing. Only what gives a part its meaning (a
//! type, a role, a relation) must be there for it to be read at all.

use serde::{Deserialize, Serialize};

use super::words::{
    AssistanceType, CaseRelation, OffenceFamily, PersonRole, UndertakingKind, UrgencyLevel,
};
use super::{Instrument, opaque_debug};
use crate::domain::{AuthorityId, CaseId};

/// The authority that makes the request: UNTOC 18(15)(a).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestingAuthority {
    /// Its id: the authority whose key signs the message.
    pub id: Option<AuthorityId>,
    /// Its name, one line.
    pub name: String,
    /// ISO 3166-1 alpha-2, upper case; the same country as in the id.
    pub country: String,
    /// Where to reach the desk that deals with it, one line.
    pub contact: String,
    /// Office of the official who signs, one line.
    pub signer: String,
}

/// The authority that conducts the investigation, prosecution or proceeding: UNTOC 18(15)(b).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompetentAuthority {
    /// Its name, one line.
    pub name: String,
    /// Its functions.
    pub functions: String,
}

/// An offence: UNTOC 18(15)(b).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offence {
    /// What it is counted as.
    pub family: OffenceFamily,
    /// The instrument that it is established under, where there is one.
    #[serde(default)]
    pub instrument: Option<Instrument>,
    /// What the law calls it, one line.
    #[serde(default)]
    pub title: String,
    /// Where the law has it, one line.
    #[serde(default)]
    pub provision: String,
    /// The highest penalty, one line: ASEAN MLAT 6.
    #[serde(default)]
    pub max_penalty: String,
    /// The same in months, so that it can be measured against a threshold: UNTOC 2(b).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_penalty_months: Option<u32>,
    /// The words of the law: ASEAN MLAT 6.
    #[serde(default)]
    pub statute_text: String,
}

/// Whether the conduct is an offence in both States: UNTOC 18(9).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DualCriminality {
    /// The requesting authority says that it is.
    pub asserted: bool,
    /// Why.
    pub note: String,
}

/// One thing that is asked for: UNTOC 18(15)(d).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistance {
    /// Its type: UNTOC 18(3). Called `type` in files.
    #[serde(rename = "type")]
    pub assistance_type: AssistanceType,
    /// What is asked for.
    #[serde(default)]
    pub description: String,
    /// A procedure that should be followed: UNTOC 18(15)(d), (17).
    #[serde(default)]
    pub particular_procedure: String,
    /// Questions to be put.
    #[serde(default)]
    pub questions: Vec<String>,
    /// Documents, records or property.
    #[serde(default)]
    pub items: Vec<String>,
    /// Places.
    #[serde(default)]
    pub places: Vec<String>,
    /// The court order that supports it.
    #[serde(default)]
    pub court_order: String,
}

/// A person, by reference: UNTOC 18(15)(e). There is no field for a name, and of victims and
/// witnesses nothing but an alias is said; particulars go to named officials, sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// How the request refers to the person, as in `P1`. Called `ref` in files.
    #[serde(rename = "ref", default)]
    pub reference: String,
    /// What the person is in the case.
    pub role: PersonRole,
    /// A code that stands for the person, as in `VICTIM-1`.
    #[serde(default)]
    pub alias: String,
    /// ISO 3166-1 alpha-2, upper case.
    #[serde(default)]
    pub nationality: String,
    /// Where the person may be found, one line.
    #[serde(default)]
    pub location: String,
    /// Under 18 years of age, or believed to be: Trafficking Protocol 3(d), 6(4).
    #[serde(default)]
    pub child: bool,
}

/// That a person is something else in the case than an earlier request said: Trafficking Protocol 6,
/// UNTOC 24-25.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// How the request refers to the person. Called `ref` in files.
    #[serde(rename = "ref", default)]
    pub reference: String,
    /// What the person was.
    pub from: PersonRole,
    /// What the person is.
    pub to: PersonRole,
    /// Why, without names.
    #[serde(default)]
    pub reason: String,
}

/// Why UNTOC applies: UNTOC 18(1).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transnationality {
    /// An organized criminal group is involved: UNTOC 2(a).
    pub organized_group: bool,
    /// What makes the offence transnational: UNTOC 3(2).
    pub link: String,
}

/// By when the assistance is needed: UNTOC 18(24).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadline {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Why then.
    pub reason: String,
}

/// How urgent the request is: UNTOC 18(13)-(14).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Urgency {
    /// The level.
    pub level: UrgencyLevel,
    /// Why.
    #[serde(default)]
    pub ground: String,
}

impl Default for Urgency {
    fn default() -> Self {
        Self { level: UrgencyLevel::Routine, ground: String::new() }
    }
}

/// What the requested State is to keep secret: UNTOC 18(20).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Confidentiality {
    /// That there is a request.
    pub fact_secret: bool,
    /// What it says.
    pub substance_secret: bool,
    /// `YYYY-MM-DD`; empty: until further notice.
    pub until: String,
    /// Why.
    pub reason: String,
}

/// How the authenticity of the request can be established: UNTOC 18(14).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authenticity {
    /// How it is signed, one line.
    pub signature: String,
    /// Seals, certificates and legalisations, where there are any.
    pub certifications: Vec<String>,
}

/// Something that the requesting authority undertakes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undertaking {
    /// What.
    pub kind: UndertakingKind,
    /// In which words.
    #[serde(default)]
    pub text: String,
}

/// An earlier contact about the matter.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriorContact {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// By which channel, one line.
    pub channel: String,
    /// What was said.
    pub summary: String,
}

/// What is expected of costs: UNTOC 18(28).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Costs {
    /// Who bears the ordinary costs, one line; empty: the requested State.
    pub ordinary: String,
    /// Substantial or extraordinary costs are expected.
    pub extraordinary_expected: bool,
}

/// Another case of the same incident, by its case id, by its owner's reference, or by both.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelatedCase {
    /// How it is related.
    pub relation: CaseRelation,
    /// Whose case it is.
    pub authority: AuthorityId,
    /// Its case id.
    #[serde(default)]
    pub case_id: Option<CaseId>,
    /// That authority's own reference, one line.
    #[serde(default)]
    pub reference: String,
}

opaque_debug!(
    Assistance,
    Authenticity,
    CompetentAuthority,
    Confidentiality,
    Costs,
    Deadline,
    DualCriminality,
    Offence,
    Person,
    PriorContact,
    RelatedCase,
    RequestingAuthority,
    RoleChange,
    Transnationality,
    Undertaking,
    Urgency,
);
