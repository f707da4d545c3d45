//! What authorities tell of themselves, and organisations of persons, on the wire.

use super::request::instrument;
use super::words::{Word as _, word};
use super::{WireError, list};
use crate::domain::request as domain;
use crate::pb::v1 as pb;

/// Statements for the wire.
pub fn framework_to_pb(update: &domain::FrameworkUpdate) -> pb::FrameworkUpdate {
    pb::FrameworkUpdate { statements: update.statements.iter().map(statement_to_pb).collect() }
}

pub(super) fn framework_from_pb(
    update: pb::FrameworkUpdate,
) -> Result<domain::FrameworkUpdate, WireError> {
    let statements = list("statements", update.statements, statement_from_pb)?;
    Ok(domain::FrameworkUpdate { statements })
}

fn statement_to_pb(one: &domain::Statement) -> pb::FrameworkStatement {
    let one = one.clone();
    pb::FrameworkStatement {
        r#ref: one.reference,
        subject: one.subject.number(),
        instrument: one.instrument.map_or_else(String::new, String::from),
        title: one.title,
        text: one.text,
        exhibit: one.exhibit,
        language: one.language,
        effective_from: one.effective_from,
        effective_until: one.effective_until,
        supersedes: one.supersedes,
        url: one.url,
    }
}

fn statement_from_pb(one: pb::FrameworkStatement) -> Result<domain::Statement, WireError> {
    let code = one.instrument.as_str();
    Ok(domain::Statement {
        reference: one.r#ref,
        subject: word(one.subject, "subject")?,
        instrument: if code.is_empty() { None } else { Some(instrument(code, "instrument")?) },
        title: one.title,
        text: one.text,
        exhibit: one.exhibit,
        language: one.language,
        effective_from: one.effective_from,
        effective_until: one.effective_until,
        supersedes: one.supersedes,
        url: one.url,
    })
}

pub(super) fn referral_to_pb(referral: &domain::ProtectionReferral) -> pb::ProtectionReferral {
    pb::ProtectionReferral {
        persons: referral.persons.clone(),
        child: referral.child,
        consent: referral.consent.as_ref().map(consent_to_pb),
        reason: referral.reason.clone(),
        needs: referral.needs.iter().map(|need| need.number()).collect(),
        language: referral.language.clone(),
    }
}

pub(super) fn referral_from_pb(
    referral: pb::ProtectionReferral,
) -> Result<domain::ProtectionReferral, WireError> {
    Ok(domain::ProtectionReferral {
        persons: referral.persons,
        child: referral.child,
        consent: referral.consent.map(consent_from_pb).transpose()?,
        reason: referral.reason,
        needs: needs(referral.needs)?,
        language: referral.language,
    })
}

pub(super) fn return_to_pb(going: &domain::VoluntaryReturn) -> pb::VoluntaryReturn {
    pb::VoluntaryReturn {
        persons: going.persons.clone(),
        child: going.child,
        consent: going.consent.as_ref().map(consent_to_pb),
        country: going.country.clone(),
        date: going.date.clone(),
        text: going.text.clone(),
        needs: going.needs.iter().map(|need| need.number()).collect(),
        language: going.language.clone(),
    }
}

pub(super) fn return_from_pb(
    going: pb::VoluntaryReturn,
) -> Result<domain::VoluntaryReturn, WireError> {
    Ok(domain::VoluntaryReturn {
        persons: going.persons,
        child: going.child,
        consent: going.consent.map(consent_from_pb).transpose()?,
        country: going.country,
        date: going.date,
        text: going.text,
        needs: needs(going.needs)?,
        language: going.language,
    })
}

pub(super) fn consent_to_pb(consent: &domain::Consent) -> pb::Consent {
    let domain::Consent { given, by, date } = consent;
    pb::Consent { given: *given, by: by.number(), date: date.clone() }
}

pub(super) fn consent_from_pb(consent: pb::Consent) -> Result<domain::Consent, WireError> {
    let pb::Consent { given, by, date } = consent;
    let by = word(by, "by").map_err(|error| error.under("consent"))?;
    Ok(domain::Consent { given, by, date })
}

fn needs(numbers: Vec<i32>) -> Result<Vec<domain::ProtectionNeed>, WireError> {
    let numbered = numbers.into_iter().enumerate();
    numbered.map(|(n, number)| word(number, &format!("needs[{n}]"))).collect()
}
