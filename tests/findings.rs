//! Every rule of the checker has two examples in `tests/findings/`, named by its paragraph and by
//! what it asks for: `.ok.toml`, with which nothing is wrong, and `.bad.toml`, with which this is
//! wrong and nothing else. What the check must know of the authorities stands in `.to.toml`.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rogatory::domain::request::{Content, Finding, Rule, Target, content_from_toml, rules};
use rogatory::domain::{AuthorityId, Profile};
use serde::Deserialize;

/// What is known of the authorities of an example.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct To {
    sender: Option<AuthorityId>,
    languages: Vec<String>,
    functions: Vec<String>,
    profile: Option<Profile>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings")
}

/// As in `untoc-18-15-f-purpose`.
fn name_of(rule: &Rule) -> String {
    let mut name = String::new();
    for c in format!("{} {}", rule.paragraph, rule.need).to_ascii_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name
}

fn read(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn content(name: &str) -> Content {
    content_from_toml(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn found(name: &str, to: &To) -> Vec<Finding> {
    let target = Target {
        sender: to.sender.as_ref(),
        languages: &to.languages,
        functions: &to.functions,
        profile: to.profile.as_ref(),
    };
    content(name).check_for(&target)
}

fn to(name: &str) -> To {
    let file = format!("{name}.to.toml");
    match directory().join(&file).exists() {
        true => toml::from_str(&read(&file)).unwrap_or_else(|error| panic!("{file}: {error}")),
        false => To::default(),
    }
}

#[test]
fn every_rule_finds_its_bad_example_and_nothing_in_the_good_one() {
    for rule in rules() {
        let name = name_of(rule);
        let to = to(&name);
        let in_good = found(&format!("{name}.ok.toml"), &to);
        assert_eq!(in_good, [], "{name}.ok.toml");
        let in_bad = found(&format!("{name}.bad.toml"), &to);
        let [one] = in_bad.as_slice() else { panic!("{name}.bad.toml: not one: {in_bad:#?}") };
        assert_eq!(one.instrument, rule.source.to_string(), "{name}.bad.toml");
        assert_eq!((&one.paragraph, one.need), (&rule.paragraph, rule.need), "{name}.bad.toml");
        assert_eq!(one.severity, rule.severity, "{name}.bad.toml");
        assert_eq!(one.explanation, rule.explain, "{name}.bad.toml");
        assert!(!one.message.is_empty() && !one.field.is_empty(), "{name}.bad.toml");
    }
}

#[test]
fn no_example_is_without_its_rule() {
    let names: BTreeSet<String> = rules().iter().map(name_of).collect();
    assert_eq!(names.len(), rules().len(), "two rules have one name");
    for file in fs::read_dir(directory()).expect("readable") {
        let file = file.expect("readable").file_name().into_string().expect("UTF-8");
        let (name, end) = file.split_once('.').expect("an ending");
        assert!(names.contains(name), "{file} is an example of no rule");
        assert!(["ok.toml", "bad.toml", "to.toml"].contains(&end), "{file}");
    }
}
