//! Every rule of the checker has two examples in `tests/findings/`, named by its paragraph and by
//! what it asks for: `.ok.toml`, with which nothing is wrong, and `.bad.toml`, with which this is
//! wrong and nothing else. What the check must know of the authorities stands in `.to.toml`.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rogatory::domain::request::{
    Content, Finding, GROUNDS, Need, Rule, RuleSource, Scope, Severity, Target, content_from_toml,
    rule_files, rules,
};
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

/// Behind this line docs/domain.md is written from the rules.
const MARK: &str =
    "<!-- From here on it is written by RULES=write cargo test --test findings. -->\n";

/// The table of one file.
fn table(file: &str, source: &RuleSource, title: &str) -> String {
    let mut text = format!("\n## {title}\n\n`{source}`, `src/domain/request/rules/{file}`\n\n");
    text.push_str("| paragraph | asks for | field | holds | severity | fixed | confirm |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for rule in rules().iter().filter(|rule| rule.source == *source) {
        let name = name_of(rule);
        let found = found(&format!("{name}.bad.toml"), &to(&name));
        let field = found[0].field.replace(|c: char| c.is_ascii_digit(), "");
        let holds = match (&rule.source, rule.scope) {
            (RuleSource::Profile, _) => "asked",
            (_, Scope::Any) => "any",
            (_, Scope::Named) => "named",
        };
        let yes = |is: bool| if is { "yes" } else { "" };
        let (paragraph, need, severity) = (&rule.paragraph, rule.need, rule.severity);
        let (fixed, confirm) = (yes(rule.fixed), yes(rule.confirm));
        writeln!(
            text,
            "| {paragraph} | `{need}` | `{field}` | {holds} | {severity} | {fixed} | {confirm} |"
        )
        .expect("to memory");
    }
    text
}

fn tables() -> String {
    let mut text = String::new();
    for (file, source, title) in rule_files() {
        text.push_str(&table(file, &source, &title));
    }
    text.push_str("\n## Grounds of refusal and postponement\n\n`src/domain/request/note.rs`\n\n");
    text.push_str(
        "| paragraph | code | refusal | postponement | confirm |\n|---|---|---|---|---|\n",
    );
    for ground in GROUNDS {
        let yes = |is: bool| if is { "yes" } else { "" };
        let (refuses, postpones) = (yes(ground.refuses), yes(ground.postpones));
        let confirm = yes(ground.confirm);
        let (paragraph, code) = (ground.paragraph, ground.code);
        writeln!(text, "| {paragraph} | `{code}` | {refuses} | {postpones} | {confirm} |")
            .expect("to memory");
    }
    let (all, open) = (rules().len(), rules().iter().filter(|rule| rule.confirm).count());
    writeln!(text, "\nRules: {all}. For a lawyer to confirm: {open}.").expect("to memory");
    text
}

#[test]
fn the_document_for_lawyers_has_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/domain.md");
    let stands = fs::read_to_string(&path).expect("there");
    let (head, behind) = stands.split_once(MARK).expect("the mark");
    let tables = tables();
    if std::env::var("RULES").is_ok_and(|word| word == "write") {
        fs::write(&path, format!("{head}{MARK}{tables}")).expect("written");
    } else {
        let how = "docs/domain.md is not what the rules say: RULES=write writes it";
        assert!(behind == tables, "{how}");
    }
}

/// Of whom nobody knows that they agree, nobody is told, whatever a lawyer may still say of the rule.
const STOPS_ALL_THE_SAME: [Need; 2] = [Need::ReferralConsent, Need::ReturnConsent];

#[test]
fn no_rule_that_is_unconfirmed_stops_a_request() {
    let unconfirmed = rules().iter().filter(|rule| rule.confirm);
    for rule in unconfirmed.filter(|rule| !STOPS_ALL_THE_SAME.contains(&rule.need)) {
        assert_eq!(rule.severity, Severity::Warning, "{} {}", rule.paragraph, rule.need);
    }
}
