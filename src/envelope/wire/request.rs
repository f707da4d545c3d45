//! Requests on the wire.

use super::words::{Word as _, optional_word, optional_word_to_pb, word};
use super::{WireError, list, parts};
use crate::domain::request::{Instrument, MlaRequest, RelatedCase, Urgency};
use crate::domain::{AuthorityId, CaseId};
use crate::pb::v1 as pb;

pub(super) fn request_to_pb(request: &MlaRequest) -> pb::MlaRequest {
    let r = request.clone();
    pb::MlaRequest {
        requesting_authority: Some(parts::requesting_authority_to_pb(r.requesting_authority)),
        competent_authority: Some(parts::competent_authority_to_pb(r.competent_authority)),
        subject: r.subject,
        nature: optional_word_to_pb(r.nature),
        stage: r.stage,
        offences: r.offences.into_iter().map(parts::offence_to_pb).collect(),
        dual_criminality: r.dual_criminality.map(parts::dual_criminality_to_pb),
        facts_summary: r.facts_summary,
        assistance: r.assistance.into_iter().map(parts::assistance_to_pb).collect(),
        persons: r.persons.into_iter().map(parts::person_to_pb).collect(),
        purpose: r.purpose,
        transnationality: r.transnationality.map(parts::transnationality_to_pb),
        deadline: r.deadline.map(parts::deadline_to_pb),
        urgency: Some(pb::Urgency { level: r.urgency.level.number(), ground: r.urgency.ground }),
        confidentiality: r.confidentiality.map(parts::confidentiality_to_pb),
        language: r.language,
        translations: r.translations.into_iter().map(parts::translation_to_pb).collect(),
        authenticity: Some(parts::authenticity_to_pb(r.authenticity)),
        undertakings: r.undertakings.into_iter().map(parts::undertaking_to_pb).collect(),
        prior_contacts: r.prior_contacts.into_iter().map(parts::prior_contact_to_pb).collect(),
        related_cases: r.related_cases.iter().map(related_case_to_pb).collect(),
        ne_bis_in_idem: r.ne_bis_in_idem,
        costs: r.costs.map(parts::costs_to_pb),
        legal_basis: r.legal_basis.into_iter().map(String::from).collect(),
        confirms_oral: r.confirms_oral,
        role_changes: r.role_changes.into_iter().map(parts::role_change_to_pb).collect(),
    }
}

pub(super) fn request_from_pb(r: pb::MlaRequest) -> Result<MlaRequest, WireError> {
    Ok(MlaRequest {
        requesting_authority: parts::requesting_authority_from_pb(
            r.requesting_authority.unwrap_or_default(),
        )
        .map_err(|error| error.under("requesting_authority"))?,
        competent_authority: parts::competent_authority_from_pb(
            r.competent_authority.unwrap_or_default(),
        ),
        subject: r.subject,
        nature: optional_word(r.nature, "nature")?,
        stage: r.stage,
        offences: list("offences", r.offences, parts::offence_from_pb)?,
        dual_criminality: r.dual_criminality.map(parts::dual_criminality_from_pb),
        facts_summary: r.facts_summary,
        assistance: list("assistance", r.assistance, parts::assistance_from_pb)?,
        persons: list("persons", r.persons, parts::person_from_pb)?,
        purpose: r.purpose,
        transnationality: r.transnationality.map(parts::transnationality_from_pb),
        deadline: r.deadline.map(parts::deadline_from_pb),
        urgency: urgency_from_pb(r.urgency)?,
        confidentiality: r.confidentiality.map(parts::confidentiality_from_pb),
        language: r.language,
        translations: list("translations", r.translations, parts::translation_from_pb)?,
        authenticity: parts::authenticity_from_pb(r.authenticity.unwrap_or_default()),
        undertakings: list("undertakings", r.undertakings, parts::undertaking_from_pb)?,
        prior_contacts: r.prior_contacts.into_iter().map(parts::prior_contact_from_pb).collect(),
        related_cases: list("related_cases", r.related_cases, related_case_from_pb)?,
        ne_bis_in_idem: r.ne_bis_in_idem,
        costs: r.costs.map(parts::costs_from_pb),
        legal_basis: bases_from_pb(&r.legal_basis)?,
        confirms_oral: r.confirms_oral,
        role_changes: list("role_changes", r.role_changes, parts::role_change_from_pb)?,
    })
}

/// Nothing said is routine; something said must say which.
fn urgency_from_pb(urgency: Option<pb::Urgency>) -> Result<Urgency, WireError> {
    let Some(urgency) = urgency else { return Ok(Urgency::default()) };
    Ok(Urgency { level: word(urgency.level, "urgency.level")?, ground: urgency.ground })
}

fn bases_from_pb(codes: &[String]) -> Result<Vec<Instrument>, WireError> {
    let numbered = codes.iter().enumerate();
    numbered.map(|(n, code)| instrument(code, &format!("legal_basis[{n}]"))).collect()
}

pub(super) fn instrument(code: &str, field: &str) -> Result<Instrument, WireError> {
    Instrument::parse(code).map_err(|_| WireError::new(field, "is not the code of a legal basis"))
}

pub(super) fn authority(id: &str, field: &str) -> Result<AuthorityId, WireError> {
    AuthorityId::parse(id).map_err(|_| WireError::new(field, "is not an authority id"))
}

pub(super) fn related_case_to_pb(case: &RelatedCase) -> pb::RelatedCase {
    pb::RelatedCase {
        relation: case.relation.number(),
        authority: case.authority.as_str().to_owned(),
        case_id: case.case_id.as_ref().map_or_else(String::new, CaseId::to_string),
        reference: case.reference.clone(),
    }
}

pub(super) fn related_case_from_pb(case: pb::RelatedCase) -> Result<RelatedCase, WireError> {
    let case_id = match case.case_id.as_str() {
        "" => None,
        id => Some(CaseId::parse(id).map_err(|_| WireError::new("case_id", "is not a case id"))?),
    };
    Ok(RelatedCase {
        relation: word(case.relation, "relation")?,
        authority: authority(&case.authority, "authority")?,
        case_id,
        reference: case.reference,
    })
}
