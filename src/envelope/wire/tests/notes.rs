//! Any note, complete or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::{text, texts};
use crate::domain::request::{
    Decision, Defect, Desk, ExhibitVerdict, Forwarded, LimitKind, Note, Progress, UseConsent,
    UseLimit, Verdict,
};
use crate::domain::{PackageId, Timestamp};

pub(super) fn note() -> impl Strategy<Value = Note> {
    let said = (text(), text(), texts(), option::of(select(Decision::ALL)), any::<bool>());
    let parts = (
        option::of(select(Progress::ALL)),
        text(),
        texts(),
        vec((text(), text()).prop_map(|(field, text)| Defect { field, text }), 0..3),
        vec(exhibit_verdict(), 0..3),
    );
    let desk = [text(), text(), text()].prop_map(|[office, reference, contact]| Desk {
        office,
        reference,
        contact,
    });
    let forwarded = [text(), text()].prop_map(|[to, date]| Forwarded { to, date });
    let offices = (option::of(desk), option::of(forwarded));
    let uses = (vec(use_limit(), 0..3), text(), option::of(select(UseConsent::ALL)), offices);
    (said, parts, uses).prop_map(|(said, parts, uses)| {
        let (text, language, grounds, decision, more_to_follow) = said;
        let (progress, review_date, conditions, defects, verdicts) = parts;
        let (use_limits, use_purpose, consent, (desk, forwarded)) = uses;
        Note {
            text,
            language,
            grounds,
            decision,
            more_to_follow,
            progress,
            review_date,
            conditions,
            defects,
            verdicts,
            use_limits,
            use_purpose,
            consent,
            desk,
            forwarded,
        }
    })
}

fn use_limit() -> impl Strategy<Value = UseLimit> {
    let package = option::of(any::<[u8; 10]>());
    (select(LimitKind::ALL), text(), text(), package, option::of(any::<u32>())).prop_map(
        |(kind, text, until, random, exhibit)| {
            let at = Timestamp::from_unix_ms(1_795_000_000_000);
            let package = random.map(|random| PackageId::new(at, random));
            UseLimit { kind, text, until, package, exhibit }
        },
    )
}

fn exhibit_verdict() -> impl Strategy<Value = ExhibitVerdict> {
    (any::<[u8; 10]>(), any::<u32>(), select(Verdict::ALL), text()).prop_map(
        |(random, exhibit, verdict, text)| {
            let package = PackageId::new(Timestamp::from_unix_ms(1_795_000_000_000), random);
            ExhibitVerdict { package, exhibit, verdict, text }
        },
    )
}
