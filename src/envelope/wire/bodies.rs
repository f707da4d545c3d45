//! Hearings, transfers, costs, extraditions and what protects persons, on the wire.

use super::parties::{consent_from_pb, consent_to_pb};
use super::parts::{role_change_from_pb, role_change_to_pb};
use super::request::instrument;
use super::words::{Word, optional_word, optional_word_to_pb, word};
use super::{WireError, list};
use crate::domain::request as domain;
use crate::pb::v1 as pb;

/// A body or a part of one: the fields that are the same on both sides, then those that have a way out
/// and a way in, which may find that they cannot be read.
macro_rules! messages {
    ($(
        $to:ident $from:ident: $name:ident { $($plain:ident),* }
        $({ $($field:ident: $out:path, $in:path);+ })?;
    )+) => {$(
        pub(super) fn $to(body: &domain::$name) -> pb::$name {
            let body = body.clone();
            pb::$name { $($plain: body.$plain,)* $($($field: $out(body.$field),)+)? }
        }

        pub(super) fn $from(body: pb::$name) -> Result<domain::$name, WireError> {
            Ok(domain::$name {
                $($plain: body.$plain,)*
                $($($field: $in(body.$field, stringify!($field))?,)+)?
            })
        }
    )+};
}

messages! {
    hearing_to_pb hearing_from_pb: HearingArrangement {
        persons, child, start, minutes, presided_by, attended_by, interpreters, link, link_tested,
        record, rights, text, language
    } {
        stage: optional_word_to_pb, optional_word;
        means: optional_word_to_pb, optional_word;
        measures: words_out, words_in;
        consent: consent_out, consent_in
    };
    transfer_request_to_pb transfer_request_from_pb: TransferRequest {
        person, from, return_by, text, language
    } {
        purpose: optional_word_to_pb, optional_word;
        terms: terms_out, terms_in
    };
    transfer_consent_to_pb transfer_consent_from_pb: TransferConsent {
        person, informed, agreed, conditions, from, return_by, text, language
    } {
        consent: consent_out, consent_in
    };
    transfer_return_to_pb transfer_return_from_pb: TransferReturn {
        person, date, handed_to, days_counted, text, language
    };
    safe_conduct_to_pb safe_conduct_from_pb: SafeConduct {
        person, from, until, days_to_leave, days_agreed, earlier_acts_covered, text, language
    };
    costs_to_pb costs_from_pb: CostConsultation { text, language } {
        stage: optional_word_to_pb, optional_word;
        items: items_out, items_in
    };
    item_to_pb item_from_pb: CostItem { what, amount, currency } {
        kind: optional_word_to_pb, optional_word;
        bearer: optional_word_to_pb, optional_word
    };
    extradition_to_pb extradition_from_pb: ExtraditionNotice {
        person, reference, arrested_on, request_due, requested_on, referred_to, referred_on,
        surrendered_on, conditions, returns_to_serve, national, text, language
    } {
        instrument: instrument_out, instrument_in
    };
    protection_to_pb protection_from_pb: VictimProtection {
        persons, child, until, text, language
    } {
        measures: words_out, words_in;
        role_changes: changes_out, changes_in
    };
    nationality_query_to_pb nationality_query_from_pb: NationalityQuery {
        persons, child, text, language
    } {
        evidence: words_out, words_in
    };
    nationality_answer_to_pb nationality_answer_from_pb: NationalityAnswer {
        child, text, language
    } {
        answers: answers_out, answers_in
    };
    status_to_pb status_from_pb: NationalityStatus { person, document_by } {
        finding: optional_word_to_pb, optional_word
    };
}

fn words_out<W: Word>(words: Vec<W>) -> Vec<i32> {
    words.into_iter().map(W::number).collect()
}

fn words_in<W: Word>(numbers: Vec<i32>, field: &str) -> Result<Vec<W>, WireError> {
    let numbered = numbers.into_iter().enumerate();
    numbered.map(|(n, number)| word(number, &format!("{field}[{n}]"))).collect()
}

fn consent_out(consent: Option<domain::Consent>) -> Option<pb::Consent> {
    consent.as_ref().map(consent_to_pb)
}

fn consent_in(
    consent: Option<pb::Consent>,
    _field: &str,
) -> Result<Option<domain::Consent>, WireError> {
    consent.map(consent_from_pb).transpose()
}

fn terms_out(terms: domain::TransferTerms) -> Option<pb::TransferTerms> {
    Some(pb::TransferTerms {
        kept_in_custody: terms.kept_in_custody,
        returned_without_delay: terms.returned_without_delay,
        no_extradition_needed: terms.no_extradition_needed,
        time_counts: terms.time_counts,
        no_earlier_acts: terms.no_earlier_acts,
    })
}

/// Terms of which nothing is said are none.
fn terms_in(
    terms: Option<pb::TransferTerms>,
    _field: &str,
) -> Result<domain::TransferTerms, WireError> {
    let terms = terms.unwrap_or_default();
    Ok(domain::TransferTerms {
        kept_in_custody: terms.kept_in_custody,
        returned_without_delay: terms.returned_without_delay,
        no_extradition_needed: terms.no_extradition_needed,
        time_counts: terms.time_counts,
        no_earlier_acts: terms.no_earlier_acts,
    })
}

fn items_out(items: Vec<domain::CostItem>) -> Vec<pb::CostItem> {
    items.iter().map(item_to_pb).collect()
}

fn items_in(items: Vec<pb::CostItem>, field: &str) -> Result<Vec<domain::CostItem>, WireError> {
    list(field, items, item_from_pb)
}

fn instrument_out(code: Option<domain::Instrument>) -> String {
    code.map_or_else(String::new, String::from)
}

fn instrument_in(code: String, field: &str) -> Result<Option<domain::Instrument>, WireError> {
    if code.is_empty() { Ok(None) } else { instrument(&code, field).map(Some) }
}

fn changes_out(changes: Vec<domain::RoleChange>) -> Vec<pb::RoleChange> {
    changes.into_iter().map(role_change_to_pb).collect()
}

fn changes_in(
    changes: Vec<pb::RoleChange>,
    field: &str,
) -> Result<Vec<domain::RoleChange>, WireError> {
    list(field, changes, role_change_from_pb)
}

fn answers_out(answers: Vec<domain::NationalityStatus>) -> Vec<pb::NationalityStatus> {
    answers.iter().map(status_to_pb).collect()
}

fn answers_in(
    answers: Vec<pb::NationalityStatus>,
    field: &str,
) -> Result<Vec<domain::NationalityStatus>, WireError> {
    list(field, answers, status_from_pb)
}
