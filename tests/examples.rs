//! The requests and messages in `examples/` are whole: nothing is wrong with any of them, and together
//! they show every instrument, most types of assistance, every kind with fields of its own and several
//! scripts.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rogatory::domain::MessageKind;
use rogatory::domain::limits::BODY_MAX_BYTES;
use rogatory::domain::request::{
    Body, Content, Form, Instrument, MlaRequest, content_from_json, content_from_toml, rules,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Every request in `examples/`, with the text of its file.
fn examples() -> Vec<(PathBuf, String, Content)> {
    let paths = |dir: PathBuf| {
        fs::read_dir(dir).expect("readable").map(|file| file.expect("readable").path())
    };
    let is_request = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("request-"))
    };
    read(paths(root()).filter(is_request).chain(paths(root().join("requests"))))
}

/// Every message in `examples/messages/`, with the text of its file.
fn messages() -> Vec<(PathBuf, String, Content)> {
    let files = fs::read_dir(root().join("messages")).expect("readable");
    read(files.map(|file| file.expect("readable").path()))
}

fn read(paths: impl Iterator<Item = PathBuf>) -> Vec<(PathBuf, String, Content)> {
    let mut all = Vec::new();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_owned);
        let read: fn(&str) -> _ = match ending.as_deref() {
            Some("json") => content_from_json,
            Some("toml") => content_from_toml,
            _ => continue,
        };
        let text = fs::read_to_string(&path).expect("UTF-8");
        let content = read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.push((path, text, content));
    }
    all
}

fn request(content: &Content) -> &MlaRequest {
    match &content.body {
        Body::Request(request) => request,
        _ => panic!("a request"),
    }
}

#[test]
fn nothing_is_wrong_with_any_of_them() {
    let all = examples();
    assert!(all.len() >= 12, "only {}", all.len());
    for (path, text, content) in all {
        assert_eq!(content.check(), [], "{}", path.display());
        assert!(text.len() < BODY_MAX_BYTES);
    }
}

#[test]
fn together_they_show_what_there_is() {
    let all = examples();
    let bases: BTreeSet<Instrument> =
        all.iter().flat_map(|(_, _, content)| request(content).legal_basis.clone()).collect();
    for rule in rules() {
        let Some(wanted) = Instrument::FIXED.iter().find(|one| rule.source.covers(one)) else {
            continue;
        };
        assert!(bases.contains(wanted), "no example rests on {wanted:?}");
    }
    assert!(bases.iter().any(|basis| matches!(basis, Instrument::Bilateral(_))));
    let types: BTreeSet<&str> = all
        .iter()
        .flat_map(|(_, _, content)| &request(content).assistance)
        .map(|asked| asked.assistance_type.as_str())
        .collect();
    assert_eq!(types.len(), 11, "{types:?}");
    let kinds: BTreeSet<MessageKind> = all.iter().map(|(_, _, content)| content.kind).collect();
    for kind in MessageKind::ALL.iter().filter(|kind| kind.is_request()) {
        assert!(kinds.contains(kind), "no example of {kind}");
    }
}

/// The kinds that say their own in fields: those whose body is no note and is written in no request.
fn kinds_with_fields() -> BTreeSet<MessageKind> {
    let own = |kind: &&MessageKind| !matches!(Form::of(**kind), Form::Request | Form::Note);
    let mut kinds: BTreeSet<MessageKind> = MessageKind::ALL.iter().filter(own).copied().collect();
    // `examples/directory/` has those that belong to no case.
    kinds.retain(|kind| kind.belongs_to_case());
    kinds.extend([MessageKind::CaseAcknowledgement, MessageKind::ForwardingNotice]);
    kinds
}

#[test]
fn every_kind_that_says_its_own_in_fields_has_an_example() {
    let all = messages();
    for (path, text, content) in &all {
        assert_eq!(content.check(), [], "{}", path.display());
        assert!(text.len() < BODY_MAX_BYTES);
    }
    let shown: BTreeSet<MessageKind> = all.iter().map(|(_, _, content)| content.kind).collect();
    assert_eq!(shown, kinds_with_fields());
    let languages: BTreeSet<&str> =
        all.iter().filter_map(|(_, _, content)| content.body.language()).collect();
    assert!(languages.len() >= 12, "{languages:?}");
}

#[test]
fn they_are_written_in_several_scripts() {
    let texts: Vec<String> = examples().into_iter().map(|(_, text, _)| text).collect();
    for (script, range) in [
        ("Thai", '\u{e00}'..='\u{e7f}'),
        ("Arabic", '\u{600}'..='\u{6ff}'),
        ("Chinese", '\u{4e00}'..='\u{9fff}'),
    ] {
        let written = |text: &&String| text.chars().filter(|c| range.contains(c)).count() > 100;
        assert!(texts.iter().any(|text| written(&text)), "none in {script}");
    }
    let languages: BTreeSet<String> =
        examples().iter().map(|(_, _, content)| request(content).language.clone()).collect();
    for language in ["ar", "en", "fr", "id", "th", "zh-Hans", "zh-Hant"] {
        assert!(languages.contains(language), "none in {language}");
    }
}
