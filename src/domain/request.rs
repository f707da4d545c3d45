//! A request for mutual legal assistance, and the note that every other message carries.
//!
//! The types take what a file or a peer says, complete or not; `check` then says what is wrong
//! with it, all of it at once, each finding with its paragraph. So an agency can be told
//! everything that its draft lacks, and a request that arrives incomplete can be returned with a
//! list (UNTOC 18(21)(a)) instead of with a first objection.
//!
//! What must hold before a value makes sense at all is refused when it is parsed: the
//! vocabularies ([`AssistanceType`] and the others), authority and case ids, legal bases.
//!
//! Names of persons have no field. A body speaks of persons by reference and alias; of victims
//! and witnesses it says nothing else (Trafficking Protocol 6(1), UNTOC 24). Nothing here shows
//! text in its `Debug` (I6).

mod admissible;
mod annex;
mod basis;
mod check;
mod content;
mod costs;
mod extradition;
mod file;
mod finding;
mod form;
mod framework;
mod handling;
mod hearing;
mod lengths;
mod need;
mod note;
mod original;
mod parts;
mod protection;
mod reading;
mod referral;
mod roles;
mod rules;
mod statistics;
mod target;
mod texts;
mod transfer;
mod translation;
mod words;

use serde::{Deserialize, Serialize};

pub use annex::{Annex, IdentityDocument, NameOrder, Particulars, PersonName, UnreadableAnnex};
pub use basis::{Instrument, TreatyName, UnknownCode, UnknownInstrument};
pub use content::Content;
pub use costs::{CostBearer, CostConsultation, CostItem, CostKind, CostStage};
pub use extradition::ExtraditionNotice;
pub(in crate::domain) use file::toml_of;
pub use file::{
    UnreadableFile, content_from_json, content_from_toml, request_from_json, request_from_toml,
};
pub use finding::{Finding, Severity};
pub use form::{Body, Form};
pub use framework::{FrameworkUpdate, Statement};
pub use handling::Handling;
pub use hearing::{HearingArrangement, HearingMeans, HearingStage, ProtectiveMeasure};
pub use need::Need;
pub use note::{Defect, Desk, ExhibitVerdict, Forwarded, GROUNDS, Ground, Note, UseLimit};
pub use parts::{
    Assistance, Authenticity, CompetentAuthority, Confidentiality, Costs, Deadline,
    DualCriminality, Offence, Person, PriorContact, RelatedCase, RequestingAuthority, RoleChange,
    Transnationality, Undertaking, Urgency,
};
pub use protection::{
    NationalityAnswer, NationalityEvidence, NationalityFinding, NationalityQuery,
    NationalityStatus, VictimProtection,
};
pub use reading::Reading;
pub use referral::{Consent, ProtectionReferral, VoluntaryReturn};
pub use roles::{KnownRoles, PersonFault};
pub use rules::{Rule, RuleSource, Scope, rule_files, rules};
pub use statistics::{
    Column, LineFault, OFFENCES, Outcome, ReturnLine, StatisticsDimension, StatisticsReturn,
    StatisticsWay, Times, UNKNOWN, audit_lines,
};
pub(in crate::domain) use statistics::{Told, ground, instrument, told};
pub use target::Target;
pub use transfer::{
    SafeConduct, TransferConsent, TransferPurpose, TransferRequest, TransferReturn, TransferTerms,
};
pub use translation::{FieldText, Translation};
pub use words::{
    AssistanceType, CaseRelation, ConsentGiver, Decision, FrameworkSubject, LimitKind,
    OffenceFamily, PersonRole, ProceedingNature, Progress, ProtectionNeed, ReleasePurpose,
    UndertakingKind, UrgencyLevel, UseConsent, Verdict,
};

/// A request, by the letters of UNTOC 18(15) and what practice adds. UNCAC 46 numbers its
/// paragraphs alike.
///
/// An empty text is an absent one. Dates are `YYYY-MM-DD`. docs/request.md has the rules.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct MlaRequest {
    /// Who asks: UNTOC 18(15)(a).
    pub requesting_authority: RequestingAuthority,
    /// Who conducts the investigation, prosecution or proceeding: UNTOC 18(15)(b).
    pub competent_authority: CompetentAuthority,
    /// What it is about, in one line, without names: UNTOC 18(15)(b).
    pub subject: String,
    /// What it relates to: UNTOC 18(15)(b).
    pub nature: Option<ProceedingNature>,
    /// How far that has come, in one line: ASEAN MLAT 6.
    pub stage: String,
    /// The offences: UNTOC 18(15)(b).
    pub offences: Vec<Offence>,
    /// Whether the conduct is an offence in both States: UNTOC 18(9).
    pub dual_criminality: Option<DualCriminality>,
    /// The facts: UNTOC 18(15)(c), which excepts the mere service of documents.
    pub facts_summary: String,
    /// What is asked for: UNTOC 18(15)(d).
    pub assistance: Vec<Assistance>,
    /// The persons concerned, by reference: UNTOC 18(15)(e).
    pub persons: Vec<Person>,
    /// What it is all sought for, which bounds its later use: UNTOC 18(15)(f), (19).
    pub purpose: String,
    /// Why UNTOC applies: UNTOC 18(1), 3(2).
    pub transnationality: Option<Transnationality>,
    /// By when: UNTOC 18(24).
    pub deadline: Option<Deadline>,
    /// How urgent, routine where nothing is said: UNTOC 18(13)-(14).
    pub urgency: Urgency,
    /// What is to be kept secret: UNTOC 18(20).
    pub confidentiality: Option<Confidentiality>,
    /// Its language, BCP 47: UNTOC 18(14).
    pub language: String,
    /// The translations that go with it: UNTOC 18(14).
    pub translations: Vec<Translation>,
    /// How its authenticity can be established: UNTOC 18(14).
    pub authenticity: Authenticity,
    /// What the requesting authority undertakes: UNTOC 18(1), (19), (27)-(28).
    pub undertakings: Vec<Undertaking>,
    /// What was said about it before.
    pub prior_contacts: Vec<PriorContact>,
    /// Cases of the same incident.
    pub related_cases: Vec<RelatedCase>,
    /// Whether somebody was tried for it before: ASEAN MLAT 3(1)(d).
    pub ne_bis_in_idem: String,
    /// What is expected of costs: UNTOC 18(28).
    pub costs: Option<Costs>,
    /// What it rests on, the governing instrument first: UNTOC 18(6)-(7).
    pub legal_basis: Vec<Instrument>,
    /// It confirms in writing what was asked orally: UNTOC 18(14).
    pub confirms_oral: bool,
    /// Persons who are something else in the case than an earlier request said.
    pub role_changes: Vec<RoleChange>,
}

/// A `Debug` that names the type and shows nothing of it (I6).
macro_rules! opaque_debug {
    ($($name:ident),+ $(,)?) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}
use opaque_debug;

opaque_debug!(MlaRequest);

#[cfg(test)]
mod tests;

/// Characters of a line: a subject, a title, an office. A docket shows it in one row.
pub const LINE_MAX_CHARS: usize = 200;

/// Characters of one entry in a list of questions, items, places or certifications: a long
/// paragraph. More than that is an exhibit.
pub const ITEM_MAX_CHARS: usize = 2_000;

/// Characters of a running text: about eight pages. Six of them in a script of four bytes a
/// character are still a body that can be sealed (`BODY_MAX_BYTES`).
pub const TEXT_MAX_CHARS: usize = 20_000;

/// Entries of one list. Requests have a handful; a list of hundreds belongs into an exhibit.
pub const LIST_MAX: usize = 100;

/// Characters of a person's reference and of an alias: codes that people read out to each other.
pub const CODE_MAX_CHARS: usize = 32;

/// Texts of one translation: each of a long request, its questions among them.
pub const TRANSLATED_MAX: usize = 1_000;
