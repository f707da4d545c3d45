//! Any body of a form of its own, complete or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::{consent, instrument, role_change, text, texts};
use crate::domain::request::{
    Body, CostBearer, CostConsultation, CostItem, CostKind, CostStage, ExtraditionNotice,
    HearingArrangement, HearingMeans, HearingStage, NationalityAnswer, NationalityEvidence,
    NationalityFinding, NationalityQuery, NationalityStatus, ProtectiveMeasure, SafeConduct,
    TransferConsent, TransferPurpose, TransferRequest, TransferReturn, TransferTerms,
    VictimProtection,
};

fn some<const N: usize>() -> impl Strategy<Value = [String; N]> {
    std::array::from_fn::<_, N, _>(|_| text().boxed())
}

fn measures() -> impl Strategy<Value = Vec<ProtectiveMeasure>> {
    vec(select(ProtectiveMeasure::ALL), 0..3)
}

fn hearing() -> impl Strategy<Value = Body> {
    let words = (
        option::of(select(HearingStage::ALL)),
        option::of(select(HearingMeans::ALL)),
        measures(),
        option::of(consent()),
    );
    let lists = [texts(), texts(), texts()];
    (words, lists, any::<bool>(), any::<u32>(), some::<8>()).prop_map(
        |(words, lists, child, minutes, texts)| {
            let (stage, means, measures, consent) = words;
            let [persons, attended_by, interpreters] = lists;
            let [start, presided_by, link, link_tested, record, rights, text, language] = texts;
            Body::Hearing(HearingArrangement {
                stage,
                means,
                persons,
                child,
                start,
                minutes,
                presided_by,
                attended_by,
                interpreters,
                measures,
                link,
                link_tested,
                record,
                consent,
                rights,
                text,
                language,
            })
        },
    )
}

fn transfer_request() -> impl Strategy<Value = Body> {
    let purpose = option::of(select(TransferPurpose::ALL));
    (purpose, any::<[bool; 5]>(), some::<5>()).prop_map(|(purpose, terms, texts)| {
        let [kept_in_custody, returned_without_delay, no_extradition_needed, time_counts, acts] =
            terms;
        let terms = TransferTerms {
            kept_in_custody,
            returned_without_delay,
            no_extradition_needed,
            time_counts,
            no_earlier_acts: acts,
        };
        let [person, from, return_by, text, language] = texts;
        Body::TransferRequest(TransferRequest {
            person,
            purpose,
            from,
            return_by,
            terms,
            text,
            language,
        })
    })
}

fn transfer_consent() -> impl Strategy<Value = Body> {
    (any::<[bool; 2]>(), option::of(consent()), texts(), some::<5>()).prop_map(
        |([informed, agreed], consent, conditions, texts)| {
            let [person, from, return_by, text, language] = texts;
            Body::TransferConsent(TransferConsent {
                person,
                informed,
                consent,
                agreed,
                conditions,
                from,
                return_by,
                text,
                language,
            })
        },
    )
}

fn going() -> impl Strategy<Value = Body> {
    let numbers = (any::<[bool; 2]>(), any::<u32>(), option::of(any::<u32>()), any::<bool>());
    (numbers, some::<5>()).prop_map(|((flags, days_to_leave, days_counted, comes), texts)| {
        let [person, from, until, text, language] = texts;
        let [days_agreed, earlier_acts_covered] = flags;
        if comes {
            Body::SafeConduct(SafeConduct {
                person,
                from,
                until,
                days_to_leave,
                days_agreed,
                earlier_acts_covered,
                text,
                language,
            })
        } else {
            let (date, handed_to) = (from, until);
            let back = TransferReturn { person, date, handed_to, days_counted, text, language };
            Body::TransferReturn(back)
        }
    })
}

fn costs() -> impl Strategy<Value = Body> {
    let words = (option::of(select(CostKind::ALL)), option::of(select(CostBearer::ALL)));
    let item = (words, some::<3>()).prop_map(|((kind, bearer), [what, amount, currency])| {
        CostItem { what, amount, currency, kind, bearer }
    });
    (option::of(select(CostStage::ALL)), vec(item, 0..3), some::<2>()).prop_map(
        |(stage, items, [text, language])| {
            Body::Costs(CostConsultation { stage, items, text, language })
        },
    )
}

fn extradition() -> impl Strategy<Value = Body> {
    (option::of(instrument()), texts(), any::<[bool; 2]>(), some::<10>()).prop_map(
        |(instrument, conditions, [returns_to_serve, national], texts)| {
            let [person, reference, arrested, due, requested, to, referred, on, text, language] =
                texts;
            Body::Extradition(ExtraditionNotice {
                person,
                reference,
                instrument,
                arrested_on: arrested,
                request_due: due,
                requested_on: requested,
                referred_to: to,
                referred_on: referred,
                surrendered_on: on,
                conditions,
                returns_to_serve,
                national,
                text,
                language,
            })
        },
    )
}

fn protection() -> impl Strategy<Value = Body> {
    (texts(), any::<bool>(), measures(), vec(role_change(), 0..3), some::<3>()).prop_map(
        |(persons, child, measures, role_changes, [until, text, language])| {
            Body::Protection(VictimProtection {
                persons,
                child,
                measures,
                until,
                role_changes,
                text,
                language,
            })
        },
    )
}

fn nationality() -> impl Strategy<Value = Body> {
    let status = (text(), option::of(select(NationalityFinding::ALL)), text()).prop_map(
        |(person, finding, document_by)| NationalityStatus { person, finding, document_by },
    );
    let lists = (texts(), vec(select(NationalityEvidence::ALL), 0..3), vec(status, 0..3));
    (lists, any::<[bool; 2]>(), some::<2>()).prop_map(|(lists, [child, asks], texts)| {
        let ((persons, evidence, answers), [text, language]) = (lists, texts);
        match asks {
            true => Body::NationalityQuery(NationalityQuery {
                persons,
                child,
                evidence,
                text,
                language,
            }),
            false => Body::NationalityAnswer(NationalityAnswer { answers, child, text, language }),
        }
    })
}

/// One of those that speak of persons or costs and have a form of their own.
pub(super) fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        hearing().boxed(),
        transfer_request().boxed(),
        transfer_consent().boxed(),
        going().boxed(),
        costs().boxed(),
        extradition().boxed(),
        protection().boxed(),
        nationality().boxed(),
    ]
}
