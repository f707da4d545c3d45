//! Tests of profiles: what they may say, and in which forms.

use super::*;

fn whole() -> Profile {
    let text = r#"
        conventions = ["UNTOC", "UNCAC", "BILATERAL:Corvane–Arkesh Treaty of 1998"]
        territories = ["Northern Province", "Isle of Fen"]
        undertakings = ["reciprocity", "no_death_penalty"]
        urgent_channel = "+999 20 555 0199, at any hour, English and French"
        oral_accepted = true
        interpol_accepted = false

        [thresholds]
        dual_criminality = "coercive"
        min_penalty_months = 12

        [[rules]]
        instrument = "UNTOC"
        need = "transnationality"
        severity = "error"

        [[rules]]
        need = "stage"
        paragraph = "Assistance Act, section 9"
        severity = "warning"
        explain = "Say whether there is a trial already."
    "#;
    toml::from_str(text).expect("a profile")
}

#[test]
fn a_profile_goes_through_both_forms_and_an_empty_one_is_silent() {
    let profile = whole();
    assert_eq!(profile.check(), Ok(()));
    assert!(!profile.is_silent());
    let json = serde_json::to_string(&profile).expect("json");
    assert_eq!(serde_json::from_str::<Profile>(&json).expect("back"), profile);
    let text = toml::to_string(&profile).expect("toml");
    assert_eq!(toml::from_str::<Profile>(&text).expect("back"), profile);
    assert!(toml::from_str::<Profile>("").expect("nothing").is_silent());
    assert_eq!(serde_json::to_string(&Profile::default()).expect("json"), "{}");
}

#[test]
fn unknown_words_are_refused() {
    for bad in [
        "convention = []",
        "conventions = [\"UNTOK\"]",
        "undertakings = [\"kindness\"]",
        "[thresholds]\nmin_penalty = 1",
        "[thresholds]\ndual_criminality = \"sometimes\"",
        "[[rules]]\nneed = \"stage\"\nseverity = \"fatal\"",
        "[[rules]]\nneed = \"stages\"\nseverity = \"off\"",
    ] {
        assert!(toml::from_str::<Profile>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_field_that_breaks_a_rule_is_named() {
    type Row = (&'static str, fn(&mut Profile));
    let rows: [Row; 13] = [
        ("conventions", |p| p.conventions = vec![Instrument::Untoc; 129]),
        ("conventions[3]", |p| p.conventions.push(Instrument::Untoc)),
        ("territories", |p| p.territories = vec!["x".into(); 65]),
        ("territories[0]", |p| p.territories[0] = " ".into()),
        ("territories[1]", |p| p.territories[1] = "x".repeat(201)),
        ("undertakings[2]", |p| p.undertakings.push(UndertakingKind::Reciprocity)),
        ("urgent_channel", |p| p.urgent_channel.push('\n')),
        ("thresholds.min_penalty_months", |p| p.thresholds.min_penalty_months = Some(0)),
        ("rules", |p| p.rules = vec![p.rules[0].clone(); 65]),
        ("rules[1].need", |p| p.rules[1] = p.rules[0].clone()),
        ("rules[0].instrument", |p| p.rules[0].instrument = RuleSource::Form),
        ("rules[1].paragraph", |p| p.rules[1].paragraph = "x".repeat(201)),
        ("rules[1].explain", |p| p.rules[1].explain = "x".repeat(601)),
    ];
    for (field, spoil) in rows {
        let mut profile = whole();
        spoil(&mut profile);
        let error = profile.check().expect_err(field);
        assert_eq!(error.field, field, "{error}");
        assert!(!error.rule.is_empty());
    }
}

#[test]
fn what_is_asked_and_what_is_waived_follow_from_the_thresholds() {
    let with = |policy| Profile {
        thresholds: Thresholds { dual_criminality: policy, ..Thresholds::default() },
        ..Profile::default()
    };
    let (any, coercive) = (Need::DualCriminality, Need::DualCriminalityForCoercion);
    for (policy, asks_any, asks_coercive, waives) in [
        (None, false, false, false),
        (Some(DualCriminalityPolicy::Always), true, false, false),
        (Some(DualCriminalityPolicy::Coercive), false, true, false),
        (Some(DualCriminalityPolicy::Never), false, false, true),
    ] {
        let profile = with(policy);
        assert_eq!(profile.asks(any), asks_any, "{policy:?}");
        assert_eq!(profile.asks(coercive), asks_coercive, "{policy:?}");
        assert_eq!(profile.waives(coercive), waives, "{policy:?}");
    }
    assert!(whole().asks(Need::UndertakingNoDeathPenalty));
    assert!(!whole().asks(Need::UndertakingCosts));
    assert!(whole().asks(Need::Stage), "by a rule of its own");
}
