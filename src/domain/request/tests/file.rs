//! Files: the examples, the samples of the documentation, and what is wrong with others.

use super::*;
use crate::domain::MessageKind;

const TIP: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/request-tip.json"));
const SURVEILLANCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/request-surveillance.toml"));
const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/request.md"));

/// The first fenced block of a language in a section of docs/request.md.
fn sample(section: &str, language: &str) -> &'static str {
    let section = DOCS.split_once(&format!("\n## {section}\n")).expect("the section").1;
    let from = section.split_once(&format!("```{language}\n")).expect("a block").1;
    from.split_once("```").expect("its end").0
}

#[test]
fn the_examples_check_clean() {
    let tip = request_from_json(TIP).expect("request-tip.json");
    let surveillance = request_from_toml(SURVEILLANCE).expect("request-surveillance.toml");
    assert_eq!(short(&tip.check()), []);
    let warnings = short(&surveillance.check()).len();
    assert_eq!(warnings, 0, "request-surveillance.toml");
}

#[test]
fn json_and_toml_of_one_content_are_equal() {
    let json = request_from_json(sample("Samples", "json")).expect("the sample in JSON");
    let toml = request_from_toml(sample("Samples", "toml")).expect("the sample in TOML");
    assert!(json == toml, "the two samples of docs/request.md say the same");
    assert_eq!(json.check(), []);

    let tip = request_from_json(TIP).expect("request-tip.json");
    let as_toml = toml::to_string(&tip).expect("TOML of it");
    assert!(request_from_toml(&as_toml) == Ok(tip));
    let surveillance = request_from_toml(SURVEILLANCE).expect("request-surveillance.toml");
    let as_json = serde_json::to_string(&surveillance).expect("JSON of it");
    assert!(request_from_json(&as_json) == Ok(surveillance));
}

#[test]
fn the_sample_of_a_profile_is_one() {
    let sample = sample("What the requested authority asks", "toml");
    let profile: crate::domain::Profile = toml::from_str(sample).expect("a profile");
    assert_eq!(profile.check(), Ok(()));
    assert_eq!(profile.rules.len(), 2);
}

#[test]
fn a_request_file_is_a_content_of_the_kind_request() {
    let content = content_from_json(TIP).expect("request-tip.json");
    let request = request_from_json(TIP).expect("request-tip.json");
    assert!(content == Content::request(MessageKind::Request, request));
    assert!(content_from_toml(SURVEILLANCE).is_ok());
}

#[test]
fn a_content_file_names_its_kind() {
    let json = r#"{"kind": "DECISION", "note": {"decision": "accept"}}"#;
    let toml = "kind = \"DECISION\"\n[note]\ndecision = \"accept\"\n";
    let content = content_from_json(json).expect("a decision");
    assert!(content_from_toml(toml) == Ok(content.clone()));
    assert_eq!(content.kind, MessageKind::Decision);
    let again = serde_json::to_string(&content).expect("JSON of it");
    assert!(content_from_json(&again) == Ok(content));
}

#[test]
fn errors_say_where() {
    let rows: &[(&str, &str, usize, usize, &str)] = &[
        ("not JSON", "{\n  \"subject\" 1}", 2, 13, "expected `:`"),
        ("ends early", "{\n  \"subject\": \"x\"", 2, 16, "EOF"),
        (
            "unknown field",
            "{\n  \"subjekt\": \"x\"}",
            2,
            11,
            "unknown field `subjekt`: did you mean `subject`?",
        ),
        ("unknown word", "{\n  \"nature\": \"inquest\"}", 2, 21, "unknown variant `inquest`"),
        ("unknown basis", "{\"legal_basis\": [\n\"UN\"]}", 2, 5, "code of a legal basis"),
        ("field twice", "{\"subject\": \"a\",\n \"subject\": \"b\"}", 2, 10, "duplicate field"),
        ("no role", "{\"persons\": [{\"ref\": \"P1\"}]}", 1, 26, "missing field `role`"),
        ("a name", "{\"persons\": [{\"name\": \"\"}]}", 1, 20, "unknown field `name`"),
    ];
    for (defect, file, line, column, says) in rows {
        let error = request_from_json(file).expect_err(defect);
        assert_eq!((error.line(), error.column()), (*line, *column), "{defect}: {error}");
        assert!(error.to_string().contains(says), "{defect}: {error}");
        assert!(!error.to_string().contains(" at line "), "{defect}: {error}");
    }
    let rows: &[(&str, &str, usize, usize, &str)] = &[
        ("not TOML", "subject = \"x\"\nstage\n", 2, 6, ""),
        ("unknown field", "subject = \"é\"\nsubjekt = \"x\"\n", 2, 1, "unknown field `subjekt`"),
        ("unknown word", "nature = \"inquest\"\n", 1, 10, "unknown variant `inquest`"),
        ("field twice", "stage = \"a\"\nstage = \"b\"\n", 2, 1, "duplicate key"),
    ];
    for (defect, file, line, column, says) in rows {
        let error = request_from_toml(file).expect_err(defect);
        assert_eq!((error.line(), error.column()), (*line, *column), "{defect}: {error}");
        assert!(error.to_string().contains(says), "{defect}: {error}");
    }
}

#[test]
fn a_content_file_has_one_body() {
    let rows = [
        ("none", r#"{"kind": "REQUEST"}"#),
        ("two", r#"{"kind": "REQUEST", "note": {}, "request": {}}"#),
        ("unknown kind", r#"{"kind": "request", "request": {}}"#),
        ("kind that is null", r#"{"kind": null, "subject": "x"}"#),
        ("kind in a request", r#"{"kind": "REQUEST", "subject": "x"}"#),
    ];
    for (defect, file) in rows {
        assert!(content_from_json(file).is_err(), "{defect}");
    }
}

#[test]
fn large_and_deep_files_are_refused() {
    let large = format!("{{\"subject\": \"{}\"}}", "x".repeat(512 << 10));
    assert!(request_from_json(&large).is_err());
    assert!(request_from_toml(&format!("#{large}")).is_err());
    let deep = "[".repeat(100_000);
    assert!(request_from_json(&deep).is_err());
    assert!(request_from_toml(&format!("subject = {deep}")).is_err());
    assert!(content_from_json(&deep).is_err());
}

#[test]
fn errors_in_debug_show_a_place_and_no_word() {
    let error = request_from_json(r#"{"nature": "inquest"}"#).expect_err("unknown word");
    assert!(!format!("{error:?}").contains("inquest"));
}

#[test]
fn an_unknown_instrument_is_refused_by_its_name() {
    let error =
        request_from_toml("legal_basis = [\"UNTOC\", \"HAGUE-1907\"]").expect_err("unknown");
    assert!(
        error.to_string().contains("\"HAGUE-1907\" is not the code of a legal basis"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("HAGUE"), "{error:?}");
    let long = format!("{{\"legal_basis\": [\"{}\"]}}", "X".repeat(500));
    let error = request_from_json(&long).expect_err("unknown");
    assert!(!error.to_string().contains(&"X".repeat(41)), "{error}");
}
