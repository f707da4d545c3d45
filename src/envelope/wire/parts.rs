//! The parts of a request on the wire.

use super::WireError;
use super::request::{authority, instrument};
use super::words::{Word as _, word};
use crate::domain::PackageId;
use crate::domain::request as domain;
use crate::pb::v1 as pb;

/// Parts that have the same fields on both sides, all texts, lists of texts and flags: they are
/// moved, and nothing can be wrong with them.
macro_rules! same {
    ($($part:ident { $($field:ident),+ } $to_pb:ident $from_pb:ident;)+) => {$(
        pub(super) fn $to_pb(part: domain::$part) -> pb::$part {
            let domain::$part { $($field),+ } = part;
            pb::$part { $($field),+ }
        }

        pub(super) fn $from_pb(part: pb::$part) -> domain::$part {
            let pb::$part { $($field),+ } = part;
            domain::$part { $($field),+ }
        }
    )+};
}

same! {
    CompetentAuthority { name, functions } competent_authority_to_pb competent_authority_from_pb;
    DualCriminality { asserted, note } dual_criminality_to_pb dual_criminality_from_pb;
    Transnationality { organized_group, link } transnationality_to_pb transnationality_from_pb;
    Deadline { date, reason } deadline_to_pb deadline_from_pb;
    Desk { office, reference, contact } desk_to_pb desk_from_pb;
    Forwarded { to, date } forwarded_to_pb forwarded_from_pb;
    Confidentiality { fact_secret, substance_secret, until, reason }
        confidentiality_to_pb confidentiality_from_pb;
    Authenticity { signature, certifications } authenticity_to_pb authenticity_from_pb;
    PriorContact { date, channel, summary } prior_contact_to_pb prior_contact_from_pb;
    Costs { ordinary, extraordinary_expected } costs_to_pb costs_from_pb;
    Defect { field, text } defect_to_pb defect_from_pb;
    FieldText { field, text } field_text_to_pb field_text_from_pb;
}

pub(super) fn verdict_to_pb(part: domain::ExhibitVerdict) -> pb::ExhibitVerdict {
    let domain::ExhibitVerdict { package, exhibit, verdict, text } = part;
    let package_id = package.as_bytes().to_vec().into();
    pb::ExhibitVerdict { package_id, exhibit, verdict: verdict.number(), text }
}

pub(super) fn verdict_from_pb(
    part: pb::ExhibitVerdict,
) -> Result<domain::ExhibitVerdict, WireError> {
    let pb::ExhibitVerdict { package_id, exhibit, verdict, text } = part;
    let package = PackageId::from_slice(&package_id);
    let package =
        package.map_err(|_| WireError::new("package_id", "is not the id of a package"))?;
    Ok(domain::ExhibitVerdict { package, exhibit, verdict: word(verdict, "verdict")?, text })
}

pub(in crate::envelope) fn use_limit_to_pb(part: domain::UseLimit) -> pb::UseLimit {
    let domain::UseLimit { kind, text, until, package, exhibit } = part;
    let package_id = package.map_or_else(Vec::new, |id| id.as_bytes().to_vec()).into();
    pb::UseLimit { kind: kind.number(), text, until, package_id, exhibit }
}

pub(super) fn use_limit_from_pb(part: pb::UseLimit) -> Result<domain::UseLimit, WireError> {
    let pb::UseLimit { kind, text, until, package_id, exhibit } = part;
    let package = optional_package(&package_id)?;
    Ok(domain::UseLimit { kind: word(kind, "kind")?, text, until, package, exhibit })
}

pub(super) fn translation_to_pb(part: domain::Translation) -> pb::Translation {
    let domain::Translation { language, certified, by, scheme, texts, package, exhibit } = part;
    let texts = texts.into_iter().map(field_text_to_pb).collect();
    let package_id = package.map_or_else(Vec::new, |id| id.as_bytes().to_vec()).into();
    pb::Translation { language, certified, by, scheme, texts, package_id, exhibit }
}

pub(super) fn translation_from_pb(part: pb::Translation) -> Result<domain::Translation, WireError> {
    let pb::Translation { language, certified, by, scheme, texts, package_id, exhibit } = part;
    let texts = texts.into_iter().map(field_text_from_pb).collect();
    let package = optional_package(&package_id)?;
    Ok(domain::Translation { language, certified, by, scheme, texts, package, exhibit })
}

fn optional_package(package_id: &[u8]) -> Result<Option<PackageId>, WireError> {
    if package_id.is_empty() {
        return Ok(None);
    }
    let package = PackageId::from_slice(package_id);
    package.map(Some).map_err(|_| WireError::new("package_id", "is not the id of a package"))
}

pub(super) fn requesting_authority_to_pb(
    part: domain::RequestingAuthority,
) -> pb::RequestingAuthority {
    let domain::RequestingAuthority { id, name, country, contact, signer } = part;
    let id = id.map_or_else(String::new, String::from);
    pb::RequestingAuthority { id, name, country, contact, signer }
}

pub(super) fn requesting_authority_from_pb(
    part: pb::RequestingAuthority,
) -> Result<domain::RequestingAuthority, WireError> {
    let pb::RequestingAuthority { id, name, country, contact, signer } = part;
    let id = if id.is_empty() { None } else { Some(authority(&id, "id")?) };
    Ok(domain::RequestingAuthority { id, name, country, contact, signer })
}

pub(super) fn offence_to_pb(part: domain::Offence) -> pb::Offence {
    pb::Offence {
        family: part.family.number(),
        instrument: part.instrument.map_or_else(String::new, String::from),
        title: part.title,
        provision: part.provision,
        max_penalty: part.max_penalty,
        max_penalty_months: part.max_penalty_months,
        statute_text: part.statute_text,
    }
}

pub(super) fn offence_from_pb(part: pb::Offence) -> Result<domain::Offence, WireError> {
    let code = part.instrument.as_str();
    Ok(domain::Offence {
        family: word(part.family, "family")?,
        instrument: if code.is_empty() { None } else { Some(instrument(code, "instrument")?) },
        title: part.title,
        provision: part.provision,
        max_penalty: part.max_penalty,
        max_penalty_months: part.max_penalty_months,
        statute_text: part.statute_text,
    })
}

pub(super) fn assistance_to_pb(part: domain::Assistance) -> pb::Assistance {
    pb::Assistance {
        r#type: part.assistance_type.number(),
        description: part.description,
        particular_procedure: part.particular_procedure,
        questions: part.questions,
        items: part.items,
        places: part.places,
        court_order: part.court_order,
    }
}

pub(super) fn assistance_from_pb(part: pb::Assistance) -> Result<domain::Assistance, WireError> {
    Ok(domain::Assistance {
        assistance_type: word(part.r#type, "type")?,
        description: part.description,
        particular_procedure: part.particular_procedure,
        questions: part.questions,
        items: part.items,
        places: part.places,
        court_order: part.court_order,
    })
}

pub(super) fn person_to_pb(part: domain::Person) -> pb::Person {
    let domain::Person { reference, role, alias, nationality, location, child } = part;
    pb::Person { r#ref: reference, role: role.number(), alias, nationality, location, child }
}

pub(super) fn person_from_pb(part: pb::Person) -> Result<domain::Person, WireError> {
    let pb::Person { r#ref: reference, role, alias, nationality, location, child } = part;
    let role = word(role, "role")?;
    Ok(domain::Person { reference, role, alias, nationality, location, child })
}

pub(super) fn role_change_to_pb(part: domain::RoleChange) -> pb::RoleChange {
    let domain::RoleChange { reference, from, to, reason } = part;
    pb::RoleChange { r#ref: reference, from: from.number(), to: to.number(), reason }
}

pub(super) fn role_change_from_pb(part: pb::RoleChange) -> Result<domain::RoleChange, WireError> {
    let pb::RoleChange { r#ref: reference, from, to, reason } = part;
    let (from, to) = (word(from, "from")?, word(to, "to")?);
    Ok(domain::RoleChange { reference, from, to, reason })
}

pub(super) fn undertaking_to_pb(part: domain::Undertaking) -> pb::Undertaking {
    pb::Undertaking { kind: part.kind.number(), text: part.text }
}

pub(super) fn undertaking_from_pb(part: pb::Undertaking) -> Result<domain::Undertaking, WireError> {
    Ok(domain::Undertaking { kind: word(part.kind, "kind")?, text: part.text })
}
