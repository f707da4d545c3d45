//! What every message says that is not a request.

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Lacks};
use super::opaque_debug;
use super::words::{Decision, LimitKind, Progress, UseConsent, Verdict};
use super::{Need, Target, rules};
use crate::domain::PackageId;

/// The body of every kind of message that is not a request.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Note {
    /// What is said.
    pub text: String,
    /// Its language, BCP 47; needed where there is text: UNTOC 18(14).
    pub language: String,
    /// Codes of the grounds, as in `ESSENTIAL_INTERESTS`: UNTOC 18(21)-(23).
    pub grounds: Vec<String>,
    /// In a decision: which: UNTOC 18(17), (21), (25).
    pub decision: Option<Decision>,
    /// In an evidence package: it is partial, more will come: UNTOC 18(17).
    pub more_to_follow: bool,
    /// In a status report: where the request stands from now on: UNTOC 18(24).
    pub progress: Option<Progress>,
    /// In a postponement: when it is looked at again, `YYYY-MM-DD`: UNTOC 18(25).
    pub review_date: String,
    /// In a proposal: the conditions; in an acceptance: those that bind: UNTOC 18(26).
    pub conditions: Vec<String>,
    /// In a return: what does not conform: UNTOC 18(21)(a).
    pub defects: Vec<Defect>,
    /// In a receipt of evidence: the exhibits that are not whole; what is not named is: ASEAN
    /// MLAT 19.
    pub verdicts: Vec<ExhibitVerdict>,
    /// With what is given: how it may be used: UNTOC 18(5), (19).
    pub use_limits: Vec<UseLimit>,
    /// In a request for consent: what it is to be used for: UNTOC 18(19).
    pub use_purpose: String,
    /// In the answer to one: whether it may be: UNTOC 18(19).
    pub consent: Option<UseConsent>,
    /// In an acknowledgement: who deals with it: UNTOC 18(24).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desk: Option<Desk>,
    /// In a notice of forwarding: to whom it went on: UNTOC 18(13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
}

/// Who deals with a case: UNTOC 18(24).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desk {
    /// The office that is competent.
    pub office: String,
    /// The reference under which it keeps the case.
    pub reference: String,
    /// How to reach it.
    pub contact: String,
}

/// To whom a request went on: UNTOC 18(13).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forwarded {
    /// The office.
    pub to: String,
    /// When, `YYYY-MM-DD`.
    pub date: String,
}

/// How something that is given may be used: all of the message, or a part of what it carries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseLimit {
    /// What kind of limit.
    pub kind: LimitKind,
    /// In words; a restriction and a condition need them.
    #[serde(default)]
    pub text: String,
    /// Until when, `YYYY-MM-DD`; without end where it is empty.
    #[serde(default)]
    pub until: String,
    /// The package that it is about; all of the message where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
    /// The exhibit of that package, from 0; all of it where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhibit: Option<u32>,
}

/// What does not conform in a request that is returned: UNTOC 18(21)(a).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defect {
    /// Path of the field, as in `offences[0].statute_text`.
    pub field: String,
    /// What is wrong with it.
    pub text: String,
}

/// In what condition an exhibit arrived: ASEAN MLAT 19.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExhibitVerdict {
    /// The package.
    pub package: PackageId,
    /// The exhibit's number in it, from 0, as its manifest counts.
    pub exhibit: u32,
    /// In what condition.
    pub verdict: Verdict,
    /// What was found.
    #[serde(default)]
    pub text: String,
}

opaque_debug!(Defect, Desk, ExhibitVerdict, Forwarded, Note, UseLimit);

/// A ground for refusing or postponing assistance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// Its code.
    pub code: &'static str,
    /// Where it stands.
    pub paragraph: &'static str,
    /// Whether a refusal may rest on it: UNTOC 18(21), or the paragraph of another instrument.
    pub refuses: bool,
    /// Whether a postponement may: UNTOC 18(25).
    pub postpones: bool,
    /// A lawyer should confirm it against the text.
    pub confirm: bool,
}

const fn refuses(code: &'static str, paragraph: &'static str) -> Ground {
    Ground { code, paragraph, refuses: true, postpones: false, confirm: false }
}

const fn unconfirmed(code: &'static str, paragraph: &'static str) -> Ground {
    Ground { confirm: true, ..refuses(code, paragraph) }
}

const fn postpones(code: &'static str, paragraph: &'static str) -> Ground {
    Ground { refuses: false, postpones: true, ..refuses(code, paragraph) }
}

const fn forbidden(code: &'static str, paragraph: &'static str) -> Ground {
    Ground { refuses: false, ..refuses(code, paragraph) }
}

/// The grounds that have a code here, and what may rest on each. Treaties between two States may have
/// others, so an unknown code is a warning, and anything may rest on it.
pub const GROUNDS: &[Ground] = &[
    refuses("NON_CONFORMITY", "UNTOC 18(21)(a)"),
    refuses("ESSENTIAL_INTERESTS", "UNTOC 18(21)(b)"),
    refuses("PROHIBITED_DOMESTICALLY", "UNTOC 18(21)(c)"),
    refuses("CONTRARY_TO_LEGAL_SYSTEM", "UNTOC 18(21)(d)"),
    refuses("NO_DUAL_CRIMINALITY", "UNTOC 18(9)"),
    unconfirmed("NE_BIS_IN_IDEM", "ASEAN MLAT 3(1)"),
    unconfirmed("POLITICAL", "ASEAN MLAT 3(1)"),
    unconfirmed("MILITARY", "ASEAN MLAT 3(1)"),
    unconfirmed("DISCRIMINATION", "ASEAN MLAT 3(1)"),
    unconfirmed("NO_RECIPROCITY_UNDERTAKING", "ASEAN MLAT 3(1)(g)"),
    unconfirmed("NO_SPECIALTY_UNDERTAKING", "ASEAN MLAT 3(1)(h)"),
    unconfirmed("NO_RETURN_UNDERTAKING", "ASEAN MLAT 3(1)(i)"),
    unconfirmed("PREJUDICE_TO_SAFETY", "ASEAN MLAT 3(2)"),
    unconfirmed("EXCESSIVE_BURDEN", "ASEAN MLAT 3(2)"),
    refuses("DE_MINIMIS", "UNCAC 46(9)(b)"),
    refuses("AVAILABLE_OTHERWISE", "UNCAC 46(9)(b)"),
    unconfirmed("DEATH_PENALTY", "domestic law"),
    unconfirmed("TORTURE", "domestic law"),
    postpones("POSTPONE_ONGOING_PROCEEDING", "UNTOC 18(25)"),
    forbidden("BANK_SECRECY", "UNTOC 18(8)"),
    forbidden("FISCAL", "UNTOC 18(22)"),
];

impl Note {
    /// Everything that is wrong with it, whatever its kind of message.
    /// [`Content::check`](super::Content::check) adds what the kind asks for.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Lacks::default();
        self.walk(&mut found);
        rules::judge(found.into_list(), &[], &Target::default())
    }

    pub(super) fn walk(&self, found: &mut Lacks) {
        found.text("text", &self.text);
        if !self.text.trim().is_empty() {
            found.required("language", Need::NoteLanguage, &self.language);
        }
        found.language("language", &self.language);
        self.known_grounds(found);
        self.reasons(found);
        found.date("review_date", &self.review_date);
        found.items("conditions", &self.conditions);
        found.each("defects", &self.defects, |found, defect| {
            found.required_line("field", Need::DefectField, &defect.field);
            found.required_text("text", Need::DefectText, &defect.text);
        });
        found.each("verdicts", &self.verdicts, |found, one| found.text("text", &one.text));
        found.each("use_limits", &self.use_limits, use_limit);
        found.text("use_purpose", &self.use_purpose);
        self.desks(found);
    }

    fn desks(&self, found: &mut Lacks) {
        if let Some(desk) = &self.desk {
            found.required_line("desk.office", Need::DeskOffice, &desk.office);
            found.line("desk.reference", &desk.reference);
            found.line("desk.contact", &desk.contact);
        }
        if let Some(forwarded) = &self.forwarded {
            found.required_line("forwarded.to", Need::ForwardedTo, &forwarded.to);
            found.asked("forwarded.date", Need::ForwardedDate, &forwarded.date, "is missing");
            found.date("forwarded.date", &forwarded.date);
        }
        let named = self.desk.is_some() || self.forwarded.is_some();
        if named && self.text.trim().is_empty() {
            found.required("language", Need::NoteLanguage, &self.language);
        }
    }

    /// Whether a receipt of evidence complains of something.
    pub fn has_damage(&self) -> bool {
        self.verdicts.iter().any(|one| one.verdict != Verdict::Ok)
    }

    fn known_grounds(&self, found: &mut Lacks) {
        found.count("grounds", self.grounds.len());
        for (number, code) in self.grounds.iter().enumerate() {
            let field = format!("grounds[{number}]");
            if !is_ground_code(code) {
                found.add(
                    &field,
                    Need::FormGround,
                    &format!(
                        "is not a code: capitals, digits and underscores, {GROUND_MAX_BYTES} at \
                         most, as in ESSENTIAL_INTERESTS"
                    ),
                );
            } else if find(code).is_none() {
                found.add(&field, Need::GroundKnown, "is a ground without a known code");
            }
            if self.grounds[..number].contains(code) {
                found.add(&field, Need::FormGroundTwice, "stands there twice");
            }
        }
    }

    fn reasons(&self, found: &mut Lacks) {
        let Some(decision) = self.decision.filter(|decision| decision.needs_reasons()) else {
            return;
        };
        found.required("text", Need::Reasons, &self.text);
        if self.grounds.is_empty() {
            found.add("grounds", Need::Grounds, "none is given: name one at least");
        } else if decision == Decision::Refuse {
            self.grounds_of_refusal(found);
        } else {
            let message = "are none that a postponement may rest on";
            let none = self.first_of_none(|ground| ground.postpones).is_some();
            found.add_if(none, "grounds", Need::GroundPostponement, message);
        }
    }

    /// Bank secrecy and fiscal matters are no grounds to refuse on, nor is a proceeding that goes on,
    /// alone or together.
    fn grounds_of_refusal(&self, found: &mut Lacks) {
        let Some(first) = self.first_of_none(|ground| ground.refuses) else { return };
        let need = match first.code {
            "FISCAL" => Need::GroundFiscal,
            "BANK_SECRECY" => Need::GroundBankSecrecy,
            _ => Need::GroundRefusal,
        };
        found.add("grounds", need, "are none that a refusal may rest on");
    }

    /// The first of the grounds, where a decision may rest on none of them. What is not known may be
    /// the ground of a treaty.
    fn first_of_none(&self, may: impl Fn(&Ground) -> bool) -> Option<&'static Ground> {
        let is_none = |code: &String| find(code).filter(|ground| !may(ground));
        let all: Option<Vec<&'static Ground>> = self.grounds.iter().map(is_none).collect();
        all?.first().copied()
    }
}

fn use_limit(found: &mut Lacks, limit: &UseLimit) {
    match limit.kind {
        LimitKind::Restricted => {
            found.required_text("text", Need::RestrictionText, &limit.text);
        }
        LimitKind::Condition => {
            found.required_text("text", Need::ConditionText, &limit.text);
        }
        LimitKind::Specialty | LimitKind::Confidential | LimitKind::LeadOnly => {
            found.text("text", &limit.text);
        }
    }
    found.date("until", &limit.until);
    if limit.exhibit.is_some() && limit.package.is_none() {
        found.add("package", Need::FormPart, "is missing: an exhibit is one of a package");
    }
}

fn find(code: &str) -> Option<&'static Ground> {
    GROUNDS.iter().find(|ground| ground.code == code)
}

fn is_ground_code(code: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    code.len() <= GROUND_MAX_BYTES
        && code.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && code.bytes().all(allowed)
}

/// Bytes of the code of a ground: as long as a refusal code in the audit log may be.
const GROUND_MAX_BYTES: usize = 64;
