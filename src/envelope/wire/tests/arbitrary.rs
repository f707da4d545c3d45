//! Any content at all, complete or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::notes::note;
use crate::domain::request::{
    Assistance, AssistanceType, Authenticity, Body, CaseRelation, CompetentAuthority,
    Confidentiality, Consent, ConsentGiver, Content, Costs, Deadline, DualCriminality, FieldText,
    FrameworkSubject, FrameworkUpdate, Instrument, MlaRequest, Offence, OffenceFamily, Person,
    PersonRole, PriorContact, ProceedingNature, ProtectionNeed, ProtectionReferral, RelatedCase,
    RequestingAuthority, RoleChange, Statement, Translation, Transnationality, Undertaking,
    UndertakingKind, Urgency, UrgencyLevel, VoluntaryReturn,
};
use crate::domain::{AuthorityId, CaseId, MessageKind, PackageId, Timestamp};

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), ".{0,12}", any::<String>()]
}

pub(super) fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn field_text() -> impl Strategy<Value = FieldText> {
    let paths = select(&["text", "facts_summary", "offences[0].title", "e\u{301}"][..]);
    let field = prop_oneof![paths.prop_map(str::to_owned), text()];
    (field, text()).prop_map(|(field, text)| FieldText { field, text })
}

fn translation() -> impl Strategy<Value = Translation> {
    let package = any::<[u8; 10]>()
        .prop_map(|random| PackageId::new(Timestamp::from_unix_ms(1_795_000_000_000), random));
    let exhibit = (option::of(package), option::of(any::<u32>()));
    let lines = [text(), text(), text()];
    (any::<bool>(), lines, vec(field_text(), 0..4), exhibit).prop_map(
        |(certified, [language, by, scheme], texts, (package, exhibit))| Translation {
            language,
            certified,
            by,
            scheme,
            texts,
            package,
            exhibit,
        },
    )
}

fn authority() -> impl Strategy<Value = AuthorityId> {
    "[a-z]{2}\\.[a-z0-9]{1,8}".prop_map(|id| AuthorityId::parse(&id).expect("an authority id"))
}

fn case_id() -> impl Strategy<Value = CaseId> {
    "ROG-[A-Z]{2}-[A-Z0-9]{1,8}-[0-9]{4}-[0-9]{6}"
        .prop_map(|id| CaseId::parse(&id).expect("a case id"))
}

pub(super) fn instrument() -> impl Strategy<Value = Instrument> {
    let bilateral = "BILATERAL:[A-Z][a-zé]{0,20}";
    prop_oneof![
        select(Instrument::FIXED.to_vec()),
        bilateral.prop_map(|code| Instrument::parse(&code).expect("a basis")),
    ]
}

fn offence() -> impl Strategy<Value = Offence> {
    let words = (select(OffenceFamily::ALL), option::of(instrument()), option::of(0_u32..1000));
    (words, [text(), text(), text(), text()]).prop_map(|(words, texts)| {
        let (family, instrument, max_penalty_months) = words;
        let [title, provision, max_penalty, statute_text] = texts;
        Offence {
            family,
            instrument,
            title,
            provision,
            max_penalty,
            max_penalty_months,
            statute_text,
        }
    })
}

fn assistance() -> impl Strategy<Value = Assistance> {
    let lists = [texts(), texts(), texts()];
    (select(AssistanceType::ALL), [text(), text(), text()], lists).prop_map(
        |(assistance_type, texts, lists)| {
            let [description, particular_procedure, court_order] = texts;
            let [questions, items, places] = lists;
            Assistance {
                assistance_type,
                description,
                particular_procedure,
                questions,
                items,
                places,
                court_order,
            }
        },
    )
}

fn person() -> impl Strategy<Value = Person> {
    (select(PersonRole::ALL), [text(), text(), text(), text()], any::<bool>()).prop_map(
        |(role, [reference, alias, nationality, location], child)| Person {
            reference,
            role,
            alias,
            nationality,
            location,
            child,
        },
    )
}

fn related_case() -> impl Strategy<Value = RelatedCase> {
    (select(CaseRelation::ALL), authority(), option::of(case_id()), text()).prop_map(
        |(relation, authority, case_id, reference)| RelatedCase {
            relation,
            authority,
            case_id,
            reference,
        },
    )
}

/// The fields that are single texts.
fn plain_fields() -> impl Strategy<Value = MlaRequest> {
    let authority = (option::of(authority()), [text(), text(), text(), text()]);
    let texts = [text(), text(), text(), text(), text(), text(), text(), text()];
    (authority, texts, texts_of_authenticity()).prop_map(
        |((id, [name, country, contact, signer]), t, authenticity)| {
            let [competent, functions, subject, stage, facts, purpose, language, ne_bis] = t;
            MlaRequest {
                requesting_authority: RequestingAuthority { id, name, country, contact, signer },
                competent_authority: CompetentAuthority { name: competent, functions },
                subject,
                stage,
                facts_summary: facts,
                purpose,
                language,
                ne_bis_in_idem: ne_bis,
                authenticity,
                ..MlaRequest::default()
            }
        },
    )
}

fn texts_of_authenticity() -> impl Strategy<Value = Authenticity> {
    (text(), texts())
        .prop_map(|(signature, certifications)| Authenticity { signature, certifications })
}

/// The fields that are lists of parts.
fn listed_fields() -> impl Strategy<Value = MlaRequest> {
    let undertaking =
        (select(UndertakingKind::ALL), text()).prop_map(|(kind, text)| Undertaking { kind, text });
    let contact = (text(), text(), text()).prop_map(|(date, channel, summary)| PriorContact {
        date,
        channel,
        summary,
    });
    (
        vec(offence(), 0..3),
        vec(assistance(), 0..3),
        vec(person(), 0..3),
        vec(translation(), 0..3),
        vec(undertaking, 0..3),
        vec(contact, 0..3),
        vec(related_case(), 0..3),
        vec(instrument(), 0..3),
        vec(role_change(), 0..3),
    )
        .prop_map(
            |(
                offences,
                assistance,
                persons,
                translations,
                undertakings,
                contacts,
                cases,
                bases,
                role_changes,
            )| {
                MlaRequest {
                    offences,
                    assistance,
                    persons,
                    translations,
                    undertakings,
                    prior_contacts: contacts,
                    related_cases: cases,
                    legal_basis: bases,
                    role_changes,
                    ..MlaRequest::default()
                }
            },
        )
}

/// The fields that may be absent, and the words.
fn optional_fields() -> impl Strategy<Value = MlaRequest> {
    let dual =
        (any::<bool>(), text()).prop_map(|(asserted, note)| DualCriminality { asserted, note });
    let why = (any::<bool>(), text())
        .prop_map(|(organized_group, link)| Transnationality { organized_group, link });
    let deadline = (text(), text()).prop_map(|(date, reason)| Deadline { date, reason });
    let urgency =
        (select(UrgencyLevel::ALL), text()).prop_map(|(level, ground)| Urgency { level, ground });
    let secrecy = (any::<bool>(), any::<bool>(), text(), text()).prop_map(
        |(fact_secret, substance_secret, until, reason)| Confidentiality {
            fact_secret,
            substance_secret,
            until,
            reason,
        },
    );
    let costs = (text(), any::<bool>())
        .prop_map(|(ordinary, extraordinary_expected)| Costs { ordinary, extraordinary_expected });
    (
        option::of(select(ProceedingNature::ALL)),
        option::of(dual),
        option::of(why),
        option::of(deadline),
        urgency,
        option::of(secrecy),
        option::of(costs),
        any::<bool>(),
    )
        .prop_map(|(nature, dual, why, deadline, urgency, secrecy, costs, confirms_oral)| {
            MlaRequest {
                nature,
                dual_criminality: dual,
                transnationality: why,
                deadline,
                urgency,
                confidentiality: secrecy,
                costs,
                confirms_oral,
                ..MlaRequest::default()
            }
        })
}

pub(super) fn role_change() -> impl Strategy<Value = RoleChange> {
    (text(), select(PersonRole::ALL), select(PersonRole::ALL), text())
        .prop_map(|(reference, from, to, reason)| RoleChange { reference, from, to, reason })
}

fn request() -> impl Strategy<Value = MlaRequest> {
    let fields = (plain_fields().boxed(), listed_fields().boxed(), optional_fields().boxed());
    fields.prop_map(|(plain, listed, optional)| MlaRequest {
        offences: listed.offences,
        assistance: listed.assistance,
        persons: listed.persons,
        translations: listed.translations,
        undertakings: listed.undertakings,
        prior_contacts: listed.prior_contacts,
        related_cases: listed.related_cases,
        legal_basis: listed.legal_basis,
        role_changes: listed.role_changes,
        nature: optional.nature,
        dual_criminality: optional.dual_criminality,
        transnationality: optional.transnationality,
        deadline: optional.deadline,
        urgency: optional.urgency,
        confidentiality: optional.confidentiality,
        costs: optional.costs,
        confirms_oral: optional.confirms_oral,
        ..plain
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    let of = (select(FrameworkSubject::ALL), option::of(instrument()), option::of(any::<u32>()));
    let texts = std::array::from_fn::<_, 8, _>(|_| text().boxed());
    (of, texts).prop_map(|((subject, instrument, exhibit), texts)| {
        let [reference, title, text, language, from, until, supersedes, url] = texts;
        let (effective_from, effective_until) = (from, until);
        Statement {
            reference,
            subject,
            instrument,
            title,
            text,
            exhibit,
            language,
            effective_from,
            effective_until,
            supersedes,
            url,
        }
    })
}

pub(super) fn consent() -> impl Strategy<Value = Consent> {
    (any::<bool>(), select(ConsentGiver::ALL), text()).prop_map(|(given, by, date)| Consent {
        given,
        by,
        date,
    })
}

fn referral() -> impl Strategy<Value = ProtectionReferral> {
    let needs = vec(select(ProtectionNeed::ALL), 0..3);
    (texts(), any::<bool>(), option::of(consent()), text(), needs, text()).prop_map(
        |(persons, child, consent, reason, needs, language)| ProtectionReferral {
            persons,
            child,
            consent,
            reason,
            needs,
            language,
        },
    )
}

pub(super) fn content() -> impl Strategy<Value = Content> {
    let body = prop_oneof![
        request().boxed().prop_map(|request| Body::Request(Box::new(request))).boxed(),
        note().boxed().prop_map(Body::Note).boxed(),
        vec(statement(), 0..3)
            .prop_map(|statements| Body::Framework(FrameworkUpdate { statements }))
            .boxed(),
        referral().prop_map(Body::Referral).boxed(),
        super::bodies::body().boxed(),
        super::figures::figures().prop_map(Body::Statistics).boxed(),
        super::bodies::body().boxed(),
        (referral(), [text(), text(), text()])
            .prop_map(|(like, texts)| {
                let [country, date, text] = texts;
                let ProtectionReferral { persons, child, consent, needs, language, .. } = like;
                let going = VoluntaryReturn {
                    persons,
                    child,
                    consent,
                    country,
                    date,
                    text,
                    needs,
                    language,
                };
                Body::VoluntaryReturn(going)
            })
            .boxed(),
    ];
    let beside = (vec(related_case(), 0..3), vec(translation(), 0..3), vec(field_text(), 0..3));
    (select(MessageKind::ALL), body, beside).prop_map(|(kind, body, beside)| {
        let (related_cases, translations, originals) = beside;
        Content { kind, body, related_cases, translations, originals }
    })
}
