//! What the requested authority publishes, and which of several rules is named.

use super::*;
use crate::domain::Profile;
use Severity::{Error, Warning};

fn bases(codes: &[&str]) -> Vec<Instrument> {
    codes.iter().map(|code| Instrument::parse(code).expect(code)).collect()
}

fn profile(text: &str) -> Profile {
    let profile: Profile = toml::from_str(text).expect(text);
    assert_eq!(profile.check(), Ok(()), "{text}");
    profile
}

/// What a request lacks with an authority of this profile.
fn found_with(text: &str, spoil: fn(&mut MlaRequest)) -> Vec<Finding> {
    let profile = profile(text);
    let mut request = complete();
    spoil(&mut request);
    request.check_for(&Target { profile: Some(&profile), ..Target::default() })
}

#[test]
fn a_profile_asks_for_what_it_says() {
    type Row =
        (&'static str, fn(&mut MlaRequest), &'static [(&'static str, &'static str, Severity)]);
    const DUAL: &str = "profile: thresholds.dual_criminality";
    const PENALTY: &str = "profile: thresholds.min_penalty_months";
    let rows: &[Row] = &[
        ("", |_| {}, &[]),
        ("conventions = [\"UNTOC\", \"UNTOC-TIP-PROTOCOL\"]", |_| {}, &[]),
        ("conventions = [\"UNTOC\"]", |_| {}, &[("legal_basis[1]", "profile: conventions", Error)]),
        ("conventions = [\"UNTOC\"]", |r| r.legal_basis = vec![Instrument::Untoc], &[]),
        ("undertakings = [\"specialty\"]", |_| {}, &[]),
        (
            "undertakings = [\"no_death_penalty\"]",
            |_| {},
            &[("undertakings", "profile: undertakings", Error)],
        ),
        (
            "[thresholds]\ndual_criminality = \"always\"",
            |r| r.dual_criminality = None,
            &[("dual_criminality", DUAL, Error)],
        ),
        ("[thresholds]\ndual_criminality = \"coercive\"", |r| r.dual_criminality = None, &[]),
        (
            "[thresholds]\ndual_criminality = \"coercive\"",
            |r| {
                r.dual_criminality = None;
                r.assistance[0].assistance_type = AssistanceType::SearchSeizureFreezing;
            },
            &[("dual_criminality", DUAL, Error)],
        ),
        (
            "[thresholds]\ndual_criminality = \"never\"",
            |r| {
                r.dual_criminality = None;
                r.assistance[0].assistance_type = AssistanceType::SearchSeizureFreezing;
            },
            &[],
        ),
        (
            "[thresholds]\nmin_penalty_months = 12",
            |_| {},
            &[("offences[0].max_penalty_months", PENALTY, Warning)],
        ),
        (
            "[thresholds]\nmin_penalty_months = 12",
            |r| r.offences[0].max_penalty_months = Some(11),
            &[("offences", PENALTY, Error)],
        ),
        (
            "[thresholds]\nmin_penalty_months = 12",
            |r| r.offences[0].max_penalty_months = Some(12),
            &[],
        ),
        ("oral_accepted = false", |_| {}, &[("confirms_oral", "profile: oral_accepted", Warning)]),
    ];
    for (text, spoil, expected) in rows {
        assert_eq!(short(&found_with(text, *spoil)), *expected, "{text}");
    }
}

#[test]
fn a_profile_changes_rules_adds_some_and_drops_some() {
    let of = |instrument: &str, need: &str, severity: &str| {
        format!(
            "[[rules]]\ninstrument = \"{instrument}\"\nneed = \"{need}\"\nseverity = \"{severity}\"\n"
        )
    };
    let graver = of("UNTOC", "transnationality", "error");
    let found = found_with(&graver, |r| r.transnationality = None);
    assert_eq!(short(&found), [("transnationality", "UNTOC 18(1)", Error)]);
    let dropped = of("UNTOC", "transnationality", "off");
    assert_eq!(found_with(&dropped, |r| r.transnationality = None), []);
    let own = format!("{}paragraph = \"Act, s. 9\"\n", of("PROFILE", "stage", "warning"));
    let found = found_with(&own, |r| r.stage.clear());
    assert_eq!(short(&found), [("stage", "Act, s. 9", Warning)]);
    assert_eq!(found[0].instrument, "PROFILE");
    assert!(!found[0].explanation.is_empty(), "that of the need");
    let milder = of("PROFILE", "min_penalty", "warning") + "[thresholds]\nmin_penalty_months = 12";
    let found = found_with(&milder, |r| r.offences[0].max_penalty_months = Some(1));
    assert_eq!(found[0].severity, Warning);
}

#[test]
fn a_profile_does_not_weaken_what_protects_a_victim() {
    for severity in ["off", "warning"] {
        let text = format!(
            "[[rules]]\ninstrument = \"UNTOC-TIP-PROTOCOL\"\nneed = \"victim_hidden\"\n\
             severity = \"{severity}\""
        );
        let found = found_with(&text, |r| r.persons[1].nationality = "XA".into());
        let expected = [("persons[1].nationality", "Trafficking Protocol 6(1)", Error)];
        assert_eq!(short(&found), expected, "{severity}");
    }
}

#[test]
fn a_language_that_is_not_accepted_is_an_error() {
    let [th, zh] = [vec!["th".to_owned()], vec!["th".to_owned(), "zh".to_owned()]];
    let found = complete().check_for(&Target { languages: &th, ..Target::default() });
    assert_eq!(short(&found), [("language", "UNTOC 18(14)", Error)]);
    assert!(found[0].message.ends_with("it accepts th"), "{}", found[0].message);
    // The translation is into zh-Hant.
    assert_eq!(complete().check_for(&Target { languages: &zh, ..Target::default() }), []);
    let note = Note { text: "Soon.".into(), language: "en".into(), ..Note::default() };
    let note = Content::note(crate::domain::MessageKind::StatusReport, note);
    let found = note.check_for(&Target { languages: &th, ..Target::default() });
    assert_eq!(short(&found), [("note.language", "UNTOC 18(14)", Warning)]);
}

#[test]
fn an_authority_for_other_things_is_warned_of() {
    let functions = ["extradition".to_owned()];
    let target = Target { functions: &functions, ..Target::default() };
    let request = Content::request(crate::domain::MessageKind::Request, complete());
    assert_eq!(short(&request.check_for(&target)), [("kind", "UNTOC 18(13)", Warning)]);
    let both = ["sea".to_owned(), "MLA".to_owned()];
    assert_eq!(request.check_for(&Target { functions: &both, ..Target::default() }), []);
}

#[test]
fn the_gravest_rule_is_named_and_then_the_governing_one() {
    let paragraph = |codes: &[&str], spoil: fn(&mut MlaRequest)| {
        let mut request = complete();
        request.legal_basis = bases(codes);
        request.transnationality = request.transnationality.filter(|_| codes.contains(&"UNTOC"));
        spoil(&mut request);
        let found = request.check();
        assert_eq!(found.len(), 1, "{:?}", short(&found));
        found[0].paragraph.clone()
    };
    fn no_purpose(r: &mut MlaRequest) {
        r.purpose.clear();
    }
    fn no_statute(r: &mut MlaRequest) {
        r.offences[0].family = OffenceFamily::Corruption;
        r.offences[0].statute_text.clear();
    }
    assert_eq!(paragraph(&["UNTOC"], no_purpose), "UNTOC 18(15)(f)");
    assert_eq!(
        paragraph(&["SAARC-TIP"], |r| {
            r.undertakings[0].kind = UndertakingKind::ReturnOfItems;
            r.purpose.clear();
        }),
        "UNTOC 18(15)(f)"
    );
    let of_both = |r: &mut MlaRequest| {
        r.offences[0].family = OffenceFamily::Corruption;
        r.purpose.clear();
    };
    assert_eq!(paragraph(&["UNCAC", "UNTOC"], of_both), "UNCAC 46(15)(f)");
    assert_eq!(paragraph(&["UNTOC", "UNCAC"], of_both), "UNTOC 18(15)(f)");
    assert_eq!(
        paragraph(&["BILATERAL:Treaty of 1998", "UNTOC"], no_statute),
        "UN Model Treaty 5(1)(c)"
    );
}

#[test]
fn offences_fit_the_instrument() {
    let found = |codes: &[&str], family, months| {
        let mut request = complete();
        request.legal_basis = bases(codes);
        request.offences[0].family = family;
        request.offences[0].max_penalty_months = months;
        request.check().iter().map(|one| one.paragraph.clone()).collect::<Vec<_>>()
    };
    let predicate = OffenceFamily::Predicate;
    let none: [&str; 0] = [];
    assert_eq!(found(&["UNTOC"], predicate, Some(47)), ["UNTOC 2(b)"]);
    assert_eq!(found(&["UNTOC"], predicate, Some(48)), none);
    assert_eq!(found(&["UNTOC"], predicate, None), none);
    assert_eq!(
        found(&["UNTOC", "UNTOC-TIP-PROTOCOL"], predicate, None),
        ["Trafficking Protocol 4"]
    );
    assert_eq!(found(&["UNTOC", "UNTOC-SOM-PROTOCOL"], predicate, None), ["Smuggling Protocol 4"]);
    assert_eq!(found(&["UNTOC", "UNCAC"], predicate, None), ["UNCAC 46(1)"]);
}
