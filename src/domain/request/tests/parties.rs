//! What authorities tell of themselves, and organisations of persons: good, and with one defect each.

use super::*;
use crate::domain::MessageKind;
use Severity::{Error, Warning};

const FRAMEWORK: &str = r#"
    kind = "FRAMEWORK_UPDATE"
    [[framework.statements]]
    ref = "LAW-2026-1"
    subject = "law"
    instrument = "UNTOC-TIP-PROTOCOL"
    title = "Trafficking in persons: the penalty"
    text = "From now on eight to twenty years."
    language = "en"
    effective_from = "2026-07-01"
    effective_until = "2030-12-31"
    supersedes = "LAW-2019-4"
    url = "https://law.example/2026/1"
    [[framework.statements]]
    ref = "LANG-1"
    subject = "language"
    title = "ภาษาที่รับคำร้องขอ"
    exhibit = 0
    language = "th"
    effective_from = "2026-01-01"
"#;

const REFERRAL: &str = r#"
    kind = "PROTECTION_REFERRAL"
    [referral]
    persons = ["V-7F3A", "V-81"]
    child = true
    reason = "She says that she cannot go back."
    needs = ["refugee_status", "interpretation"]
    language = "en"
    [referral.consent]
    given = true
    by = "guardian"
    date = "2026-10-09"
"#;

const RETURN: &str = r#"
    kind = "VOLUNTARY_RETURN_ARRANGEMENT"
    [voluntary_return]
    persons = ["V-7F3A"]
    country = "XA"
    date = "2026-12-01"
    text = "Somebody meets her at the airport."
    language = "en"
    [voluntary_return.consent]
    given = true
    by = "person"
    date = "2026-10-09"
"#;

fn found(file: &str) -> Vec<Finding> {
    content_from_toml(file).map_err(|e| e.to_string()).expect(file).check()
}

/// Each is a line in the place of another, and what is then found.
fn one_defect_each(file: &str, defects: &[(&str, &str, (&str, &str, Severity))]) {
    assert_eq!(found(file), []);
    for (line, with, expected) in defects {
        assert_eq!(file.matches(line).count(), 1, "{line}");
        let broken = found(&file.replace(line, with));
        assert_eq!(short(&broken), [*expected], "{line} -> {with}");
    }
}

#[test]
fn a_statement_says_what_holds_from_when_on() {
    let at = "framework.statements[0]";
    let field = |name: &str| -> &'static str { format!("{at}.{name}").leak() };
    one_defect_each(
        FRAMEWORK,
        &[
            (r#"ref = "LAW-2026-1""#, r#"ref = """#, (field("ref"), "form", Error)),
            (r#"ref = "LAW-2026-1""#, r#"ref = "the law""#, (field("ref"), "form", Error)),
            (
                r#"ref = "LANG-1""#,
                r#"ref = "LAW-2026-1""#,
                ("framework.statements[1].ref", "form", Error),
            ),
            (
                "title = \"Trafficking in persons: the penalty\"",
                "",
                (field("title"), "UNTOC 5(3)", Error),
            ),
            (
                "text = \"From now on eight to twenty years.\"",
                "",
                (field("text"), "UNTOC 5(3)", Error),
            ),
            ("exhibit = 0", "", ("framework.statements[1].text", "UNTOC 18(14)", Error)),
            (r#"language = "th""#, "", ("framework.statements[1].language", "UNTOC 18(14)", Error)),
            (r#"language = "en""#, r#"language = "English""#, (field("language"), "form", Error)),
            (
                r#"effective_from = "2026-07-01""#,
                "",
                (field("effective_from"), "UNTOC 5(3)", Error),
            ),
            (
                r#"effective_from = "2026-07-01""#,
                r#"effective_from = "2026-7-1""#,
                (field("effective_from"), "form", Error),
            ),
            (
                r#"effective_until = "2030-12-31""#,
                r#"effective_until = "2026-06-30""#,
                (field("effective_until"), "form", Error),
            ),
            (
                r#"supersedes = "LAW-2019-4""#,
                r#"supersedes = "LAW-2026-1""#,
                (field("supersedes"), "form", Error),
            ),
            ("https://law.example/2026/1", "http://law.example", (field("url"), "form", Error)),
            ("https://law.example/2026/1", "https://law example", (field("url"), "form", Error)),
        ],
    );
    let treaty = FRAMEWORK.replace("subject = \"law\"", "subject = \"treaty\"");
    let unnamed = treaty.replace("instrument = \"UNTOC-TIP-PROTOCOL\"", "");
    assert_eq!(short(&found(&unnamed)), [(field("instrument"), "UNTOC 16(5)", Warning)]);
    let none = "kind = \"FRAMEWORK_UPDATE\"\n[framework]\nstatements = []";
    assert_eq!(short(&found(none)), [("framework.statements", "form", Error)]);
}

/// Nobody is referred without a yes that is recorded.
#[test]
fn a_referral_needs_consent() {
    let paragraph = "Trafficking Protocol 6, 14";
    one_defect_each(
        REFERRAL,
        &[
            ("given = true", "given = false", ("referral.consent.given", paragraph, Error)),
            ("date = \"2026-10-09\"", "", ("referral.consent.date", paragraph, Error)),
            (
                "\"guardian\"",
                "\"person\"",
                ("referral.consent.by", "Trafficking Protocol 6(4)", Warning),
            ),
            ("\"V-81\"", "\"Anna\"", ("referral.persons[1]", "form", Error)),
            ("\"V-81\"", "\"V-7F3A\"", ("referral.persons[1]", "form", Error)),
            ("[\"V-7F3A\", \"V-81\"]", "[]", ("referral.persons", "form", Error)),
            (
                "reason = \"She says that she cannot go back.\"",
                "",
                ("referral.reason", "Trafficking Protocol 14(1)", Error),
            ),
            (
                "[\"refugee_status\", \"interpretation\"]",
                "[]",
                ("referral.needs", "Trafficking Protocol 6(3)", Warning),
            ),
            ("\"interpretation\"", "\"refugee_status\"", ("referral.needs[1]", "form", Error)),
            ("language = \"en\"", "", ("referral.language", "form", Error)),
        ],
    );
    let head = REFERRAL.split("[referral.consent]").next().expect("a head");
    assert_eq!(short(&found(head)), [("referral.consent", paragraph, Error)]);
}

#[test]
fn who_goes_home_wants_to() {
    one_defect_each(
        RETURN,
        &[
            (
                "given = true",
                "given = false",
                ("voluntary_return.consent.given", "Trafficking Protocol 8(2)", Error),
            ),
            (
                "country = \"XA\"",
                "",
                ("voluntary_return.country", "Trafficking Protocol 8(1)", Error),
            ),
            ("country = \"XA\"", "country = \"xa\"", ("voluntary_return.country", "form", Error)),
            ("date = \"2026-12-01\"", "date = \"soon\"", ("voluntary_return.date", "form", Error)),
            (
                "text = \"Somebody meets her at the airport.\"",
                "",
                ("voluntary_return.text", "Trafficking Protocol 8(2)", Error),
            ),
        ],
    );
    let head = RETURN.split("[voluntary_return.consent]").next().expect("a head");
    let missing = [("voluntary_return.consent", "Trafficking Protocol 8(2)", Error)];
    assert_eq!(short(&found(head)), missing);
}

#[test]
fn what_belongs_to_no_case_names_none() {
    let related = complete().related_cases;
    for file in [FRAMEWORK, REFERRAL, RETURN] {
        let content = content_from_toml(file).expect("sound");
        assert!(!content.kind.belongs_to_case());
        let named = Content { related_cases: related.clone(), ..content };
        assert_eq!(short(&named.check()), [("related_cases", "form", Error)]);
    }
}

#[test]
fn one_body_and_the_right_one() {
    let wrong = REFERRAL.replace("PROTECTION_REFERRAL", "FRAMEWORK_UPDATE");
    assert_eq!(short(&found(&wrong)), [("referral", "form", Error)]);
    let both = format!("{RETURN}\n[note]\ntext = \"a\"\nlanguage = \"en\"");
    let error = content_from_toml(&both).expect_err("two bodies").to_string();
    assert!(error.contains("a content has one body"), "{error}");
    assert_eq!(Form::of(MessageKind::StatisticsReturn), Form::Statistics);
}

#[test]
fn nothing_of_a_person_is_shown_for_debugging() {
    let content = content_from_toml(REFERRAL).expect("sound");
    let Body::Referral(referral) = &content.body else { panic!("a referral") };
    let shown = format!("{content:?} {referral:?} {:?}", referral.consent);
    assert!(!shown.contains("V-7F3A") && !shown.contains("cannot"), "{shown}");
}
