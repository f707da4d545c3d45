//! What single instruments ask of a request beyond UNTOC 18(15), as a table.
//!
//! It is data, so that a lawyer can correct a line, and a peer's profile can bring its own table
//! ([`MlaRequest::check_with`]), without anybody touching the checks. Lines on ASEAN MLAT Articles
//! 3 and 6 stand as warnings: the treaty's wording decides, and the requested State applies it.

use super::finding::{Findings, Severity};
use super::{AssistanceType, Instrument, MlaRequest, UndertakingKind};

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// How far the matter has come (`stage`).
    Stage,
    /// The highest penalty of each offence.
    MaxPenalty,
    /// The words of the law on each offence.
    StatuteText,
    /// The questions, where statements are asked for.
    Questions,
    /// A word on dual criminality, whatever is asked for.
    DualCriminality,
    /// A word on dual criminality, where something coercive is asked for: types (c) and (j).
    DualCriminalityForCoercion,
    /// Why the offence is transnational and involves a group.
    Transnationality,
    /// An undertaking of this kind.
    Undertaking(UndertakingKind),
}

/// One line of the table: who rests a request on this instrument needs that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The instrument; the rule holds when the request lists it.
    pub instrument: Instrument,
    /// What it asks for.
    pub need: Need,
    /// Where it says so.
    pub paragraph: &'static str,
    /// How much it matters.
    pub severity: Severity,
}

const fn warn(instrument: Instrument, need: Need, paragraph: &'static str) -> Rule {
    Rule { instrument, need, paragraph, severity: Severity::Warning }
}

/// The table that holds where a peer's profile brings no other.
pub const DEFAULT_RULES: &[Rule] = &[
    warn(Instrument::Untoc, Need::Transnationality, "UNTOC 18(1)"),
    warn(Instrument::Untoc, Need::DualCriminalityForCoercion, "UNTOC 18(9)"),
    warn(Instrument::Uncac, Need::DualCriminalityForCoercion, "UNCAC 46(9)"),
    warn(Instrument::AseanMlat, Need::Stage, "ASEAN MLAT 6"),
    warn(Instrument::AseanMlat, Need::MaxPenalty, "ASEAN MLAT 6"),
    warn(Instrument::AseanMlat, Need::StatuteText, "ASEAN MLAT 6"),
    warn(Instrument::AseanMlat, Need::Questions, "ASEAN MLAT 6(2)"),
    undertaking(UndertakingKind::Reciprocity, "ASEAN MLAT 3(1)(g)"),
    undertaking(UndertakingKind::Specialty, "ASEAN MLAT 3(1)(h)"),
    undertaking(UndertakingKind::ReturnOfItems, "ASEAN MLAT 3(1)(i)"),
];

const fn undertaking(kind: UndertakingKind, paragraph: &'static str) -> Rule {
    warn(Instrument::AseanMlat, Need::Undertaking(kind), paragraph)
}

pub(super) fn apply(request: &MlaRequest, rules: &[Rule], found: &mut Findings) {
    for rule in rules.iter().filter(|rule| request.legal_basis.contains(&rule.instrument)) {
        for (field, message) in lacks(request, rule.need) {
            found.add(&field, rule.paragraph, rule.severity, &message);
        }
    }
}

/// What the request lacks of one need: the fields, each with what to say.
fn lacks(request: &MlaRequest, need: Need) -> Vec<(String, String)> {
    let one = |lacking: bool, field: &str, message: &str| {
        if lacking { vec![(field.to_owned(), message.to_owned())] } else { Vec::new() }
    };
    let offences = |text: fn(&super::Offence) -> &str, field: &str, message: &str| {
        let each = request.offences.iter().enumerate();
        let lacking = each.filter(|(_, offence)| text(offence).trim().is_empty());
        lacking.map(|(n, _)| (format!("offences[{n}].{field}"), message.to_owned())).collect()
    };
    let no_word = request.dual_criminality.is_none();
    const DUAL: &str = "is missing: say whether the conduct is an offence in both States";
    match need {
        Need::Stage => one(request.stage.trim().is_empty(), "stage", "is missing"),
        Need::MaxPenalty => offences(|o| &o.max_penalty, "max_penalty", "is missing"),
        Need::StatuteText => offences(
            |o| &o.statute_text,
            "statute_text",
            "is missing: quote the law, or name the exhibit that has it",
        ),
        Need::Questions => questions(request),
        Need::DualCriminality => one(no_word, "dual_criminality", DUAL),
        Need::DualCriminalityForCoercion => {
            one(no_word && is_coercive(request), "dual_criminality", DUAL)
        }
        Need::Transnationality => {
            one(request.transnationality.is_none(), "transnationality", "is missing")
        }
        Need::Undertaking(kind) => {
            one(!undertakes(request, kind), "undertakings", &format!("lack one of the kind {kind}"))
        }
    }
}

fn questions(request: &MlaRequest) -> Vec<(String, String)> {
    let each = request.assistance.iter().enumerate();
    each.filter(|(_, asked)| {
        asked.assistance_type == AssistanceType::Statement && asked.questions.is_empty()
    })
    .map(|(n, _)| (format!("assistance[{n}].questions"), "are missing for a statement".to_owned()))
    .collect()
}

fn is_coercive(request: &MlaRequest) -> bool {
    request.assistance.iter().any(|asked| {
        matches!(
            asked.assistance_type,
            AssistanceType::SearchSeizureFreezing | AssistanceType::AssetFreezing
        )
    })
}

pub(super) fn undertakes(request: &MlaRequest, kind: UndertakingKind) -> bool {
    request.undertakings.iter().any(|undertaking| undertaking.kind == kind)
}
