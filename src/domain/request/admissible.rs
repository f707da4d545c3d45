//! What a request lacks under the instruments that it names, and with the authority that it goes
//! to: whether it fits them at all.

use super::finding::Lacks;
use super::translation::{self, BodyTexts};
use super::words::{AssistanceType, OffenceFamily, UndertakingKind};
use super::{Instrument, MlaRequest, Need, Target};
use crate::domain::Profile;

/// A serious crime has this maximum at least: four years (UNTOC 2(b)).
const SERIOUS_MONTHS: u32 = 48;

/// Offences that UNCAC has States establish, as far as they are counted apart: Articles 15 to 25.
const OF_UNCAC: [OffenceFamily; 3] = [
    OffenceFamily::Corruption,
    OffenceFamily::MoneyLaundering,
    OffenceFamily::ObstructionOfJustice,
];

impl MlaRequest {
    /// Whether the offences are of those that the instruments cover.
    pub(super) fn admissible_offences(&self, target: &Target<'_>, found: &mut Lacks) {
        if self.offences.is_empty() {
            return;
        }
        let has = |families: &[OffenceFamily]| {
            self.offences.iter().any(|offence| families.contains(&offence.family))
        };
        for (families, need, message) in [
            (
                &[OffenceFamily::TraffickingInPersons][..],
                Need::OffenceOfTrafficking,
                "name none of trafficking in persons",
            ),
            (
                &[OffenceFamily::SmugglingOfMigrants],
                Need::OffenceOfSmuggling,
                "name none of smuggling of migrants",
            ),
            (
                &OF_UNCAC,
                Need::OffenceOfCorruption,
                "name none of corruption, money laundering or obstruction of justice",
            ),
        ] {
            found.add_if(!has(families), "offences", need, message);
        }
        let slight = self.offences.iter().all(|offence| {
            offence.family == OffenceFamily::Predicate
                && offence.max_penalty_months.is_some_and(|months| months < SERIOUS_MONTHS)
        });
        let message =
            format!("name no serious crime: none has a maximum of {SERIOUS_MONTHS} months");
        found.add_if(slight, "offences", Need::SeriousCrime, &message);
        let least = target.profile.and_then(|profile| profile.thresholds.min_penalty_months);
        if let Some(least) = least {
            self.penalties(least, found);
        }
    }

    /// One offence that reaches the threshold is enough: the others go with it.
    fn penalties(&self, least: u32, found: &mut Lacks) {
        let months = || self.offences.iter().map(|offence| offence.max_penalty_months);
        if months().flatten().any(|months| months >= least) {
            return;
        }
        let unsaid = months().enumerate().filter(|(_, months)| months.is_none());
        let mut is_unsaid = false;
        for (number, _) in unsaid {
            is_unsaid = true;
            let field = format!("offences[{number}].max_penalty_months");
            let message = format!("is missing, and the authority asks for {least} months at least");
            found.add(&field, Need::MinPenaltyUnsaid, &message);
        }
        let message = format!(
            "name none with a maximum of {least} months at least, which the authority asks for"
        );
        found.add_if(!is_unsaid, "offences", Need::MinPenalty, &message);
    }

    /// Whether the conduct is an offence in both States.
    pub(super) fn dual(&self, found: &mut Lacks) {
        let Some(dual) = &self.dual_criminality else {
            let message = "is missing: say whether the conduct is an offence in both States";
            found.add("dual_criminality", Need::DualCriminality, message);
            if self.is_coercive() {
                found.add("dual_criminality", Need::DualCriminalityForCoercion, message);
            }
            return;
        };
        found.text("dual_criminality.note", &dual.note);
        let message = "is false: the other State may decline for want of dual criminality";
        let denied = !dual.asserted;
        found.add_if(denied, "dual_criminality.asserted", Need::DualCriminalityDenied, message);
    }

    /// Whether what is asked is within the instruments, and has what its type needs.
    pub(super) fn admissible_assistance(&self, found: &mut Lacks) {
        let covered = self
            .legal_basis
            .iter()
            .any(|basis| matches!(basis, Instrument::Uncac | Instrument::Bilateral(_)));
        for (number, asked) in self.assistance.iter().enumerate() {
            let field = |part: &str| format!("assistance[{number}].{part}");
            let need = match asked.assistance_type {
                AssistanceType::AssetFreezing => Some(Need::AssetFreezingBasis),
                AssistanceType::AssetRecovery => Some(Need::AssetRecoveryBasis),
                _ => None,
            };
            if let Some(need) = need.filter(|_| !covered) {
                let message = "is a type of UNCAC, which is no legal basis here";
                found.add(&field("type"), need, message);
            }
            let unordered =
                is_coercive(asked.assistance_type) && asked.court_order.trim().is_empty();
            let message =
                "is missing for a coercive measure: give the order, or say that none is needed";
            found.add_if(unordered, &field("court_order"), Need::CourtOrderForCoercion, message);
        }
        let asks = |kind| self.assistance.iter().any(|asked| asked.assistance_type == kind);
        let nobody = asks(AssistanceType::ServiceOfDocuments) && self.persons.is_empty();
        let message = "name nobody on whom documents could be served";
        found.add_if(nobody, "persons", Need::ServiceAddressee, message);
        let unsafe_there =
            asks(AssistanceType::Appearance) && !self.undertakes(UndertakingKind::SafeConduct);
        let message = "lack a safe conduct for who is to appear";
        found.add_if(unsafe_there, "undertakings", Need::SafeConductForAppearance, message);
    }

    /// Why UNTOC applies.
    pub(super) fn transnational(&self, found: &mut Lacks) {
        let Some(why) = &self.transnationality else {
            found.add("transnationality", Need::Transnationality, "is missing");
            return;
        };
        found.required_text("transnationality.link", Need::TransnationalityLink, &why.link);
        let outside = !self.legal_basis.iter().any(Instrument::is_untoc);
        let message = "matters only under UNTOC";
        found.add_if(outside, "transnationality", Need::TransnationalityOutside, message);
    }

    /// Whether the other authority can read it.
    pub(super) fn accepted_language(
        &self,
        target: &Target<'_>,
        body: &BodyTexts,
        found: &mut Lacks,
    ) {
        if self.language.is_empty() {
            return;
        }
        if let Some(message) = translation::refused(target, &self.translations, body) {
            found.add("language", Need::AcceptedLanguage, &message);
        }
        let oral = target.profile.and_then(|profile| profile.oral_accepted);
        let message = "confirms an oral request, which the authority says it does not take";
        let spoken = self.confirms_oral && oral == Some(false);
        found.add_if(spoken, "confirms_oral", Need::OralAccepted, message);
    }

    /// What is not undertaken.
    pub(super) fn undertaken(&self, found: &mut Lacks) {
        for &kind in UndertakingKind::ALL {
            let message = format!("lack one of the kind {kind}");
            let lacking = !self.undertakes(kind);
            found.add_if(lacking, "undertakings", Need::of_undertaking(kind), &message);
        }
        let bases = &self.legal_basis;
        let no_treaty = !bases.is_empty() && bases.iter().all(|b| *b == Instrument::Reciprocity);
        found.add_if(
            no_treaty && !self.undertakes(UndertakingKind::Reciprocity),
            "undertakings",
            Need::ReciprocityWithoutTreaty,
            "lack one of reciprocity, and there is no treaty to rest on",
        );
    }

    /// What it rests on.
    pub(super) fn bases(&self, target: &Target<'_>, found: &mut Lacks) {
        let bases = &self.legal_basis;
        found.count("legal_basis", bases.len());
        found.add_if(
            bases.is_empty(),
            "legal_basis",
            Need::LegalBasis,
            "is missing: name one at least",
        );
        for (number, basis) in bases.iter().enumerate() {
            let field = format!("legal_basis[{number}]");
            let twice = bases[..number].contains(basis);
            found.add_if(twice, &field, Need::FormBasisTwice, "stands there twice");
            let foreign = target.profile.is_some_and(|profile| is_foreign(profile, basis));
            let message = format!("is {}, to which the other State is not a party", shown(basis));
            found.add_if(foreign, &field, Need::NotParty, &message);
        }
        found.add_if(
            !bases.is_sorted_by_key(Instrument::rank),
            "legal_basis",
            Need::BasisOrder,
            "is out of order: a treaty between the two States, a regional one, a convention, \
             reciprocity",
        );
    }

    fn is_coercive(&self) -> bool {
        self.assistance.iter().any(|asked| is_coercive(asked.assistance_type))
    }

    fn undertakes(&self, kind: UndertakingKind) -> bool {
        self.undertakings.iter().any(|undertaking| undertaking.kind == kind)
    }
}

fn is_coercive(kind: AssistanceType) -> bool {
    matches!(kind, AssistanceType::SearchSeizureFreezing | AssistanceType::AssetFreezing)
}

/// Whether an authority that says what its State is a party to does not say this. Bilateral
/// treaties go by whatever name either side gives them, and of reciprocity nobody is a party.
fn is_foreign(profile: &Profile, basis: &Instrument) -> bool {
    let open = matches!(basis, Instrument::Reciprocity | Instrument::Bilateral(_));
    !open && !profile.conventions.is_empty() && !profile.conventions.contains(basis)
}

/// A fixed code; the name of a treaty is the content's (I6).
fn shown(basis: &Instrument) -> String {
    format!("{basis:?}")
}

impl Need {
    /// The need of an undertaking of a kind.
    pub fn of_undertaking(kind: UndertakingKind) -> Self {
        match kind {
            UndertakingKind::Reciprocity => Self::UndertakingReciprocity,
            UndertakingKind::Specialty => Self::UndertakingSpecialty,
            UndertakingKind::ReturnOfItems => Self::UndertakingReturnOfItems,
            UndertakingKind::Costs => Self::UndertakingCosts,
            UndertakingKind::NoDeathPenalty => Self::UndertakingNoDeathPenalty,
            UndertakingKind::SafeConduct => Self::UndertakingSafeConduct,
        }
    }
}
