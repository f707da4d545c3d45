//! The catalogue of messages: every message of the program is in it, in every language, and nothing
//! else is.
//!
//! `CATALOGUE=write cargo test --test catalogue` adds what is new, without a translation, and takes
//! away what is no longer said.
#![allow(missing_docs)]

#[path = "catalogue/literals.rs"]
mod literals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use polib::catalog::Catalog;
use polib::message::Message;
use polib::po_file;
use rogatory::cli::{Cli, catalogue};

const LANGUAGES: [&str; 2] = ["id", "th"];

/// Texts that look like messages and are none: file formats, other programs' words.
const NO_MESSAGES: &str = include_str!("catalogue/no_messages.txt");

/// What the argument parser and the operating system say.
const OF_OTHERS: &str = include_str!("catalogue/of_others.txt");

/// What the words of a table are about, for docs/domain.md.
const OF_DOCS: &str = "domain/request/need.rs";

/// What the demo says is what its teller is told; the rest are the messages of its case.
const TELLER: [&str; 4] = ["chapter", "step", "text", "narrated"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn po_path(language: &str) -> PathBuf {
    root().join(format!("src/cli/catalogue/{language}.po"))
}

fn messages(language: &str) -> Catalog {
    let text = fs::read_to_string(po_path(language)).expect("a file");
    // The empty comment with which editors begin a file is more than the library takes.
    let lines: Vec<&str> = text.lines().filter(|line| *line != "#").collect();
    po_file::parse_from_reader(lines.join("\n").as_bytes()).expect("a PO file")
}

/// Every source file but tests, by its path below `src`.
fn sources() -> BTreeMap<String, String> {
    let (mut found, mut left) = (BTreeMap::new(), vec![root().join("src")]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root().join("src")).expect("below src");
            let name = name.to_str().expect("UTF-8").to_owned();
            let of_tests = name.ends_with("tests.rs") || name.ends_with("testing.rs");
            if path.is_dir() {
                let of_tests = name.ends_with("/tests") || name.ends_with("/testing");
                left.extend((!of_tests).then_some(path));
            } else if name.ends_with(".rs") && !of_tests {
                found.insert(name, fs::read_to_string(&path).expect("a file"));
            }
        }
    }
    found
}

/// Words of a language, outside of the holes.
fn words(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some((before, hole)) = rest.split_once('{') {
        words.push_str(before);
        rest = hole.split_once('}').map_or("", |(_, after)| after);
    }
    words + rest
}

/// Whether a text is a sentence, or a part of one. What has several lines is a file.
fn is_message(text: &str) -> bool {
    let words = words(text);
    text.trim().contains(' ')
        && !text.contains('\n')
        && words.chars().filter(char::is_ascii_lowercase).count() > 2
}

/// A label, a heading of a column, a word in a cell: what one word in the command line is.
fn is_word(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| b.is_ascii_lowercase())
}

/// Every message, and where it is said.
fn said() -> BTreeMap<String, BTreeSet<String>> {
    let none: BTreeSet<&str> = NO_MESSAGES.lines().filter(|line| !line.starts_with('#')).collect();
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |text: &str, file: &str| {
        let text = literals::message(text);
        if !none.contains(text.as_str()) {
            said.entry(text).or_default().insert(file.to_owned());
        }
    };
    for (file, source) in sources().into_iter().filter(|(file, _)| file != OF_DOCS) {
        let of_cli = file.starts_with("cli/");
        let texts = match file.starts_with("cli/demo") {
            true => literals::of_calls(&source, &TELLER),
            false => literals::of_file(&source),
        };
        for text in &texts {
            if is_message(text) || (of_cli && is_word(text)) {
                add(text, &file);
            }
        }
    }
    for (file, text) in explanations() {
        add(&text, &file);
    }
    for text in helps() {
        add(&text, "cli/args.rs");
    }
    OF_OTHERS.lines().for_each(|text| add(text, "cli/args.rs"));
    said
}

/// The messages of the help. What is set in and begins with a command is an example.
fn helps() -> Vec<String> {
    let helps = catalogue::helps(&Cli::command());
    let messages = helps.iter().flat_map(|help| catalogue::paragraphs(help)).flatten();
    messages
        .filter(|(before, text)| is_message(text) && (before.is_empty() || !is_example(text)))
        .map(|(_, text)| text)
        .collect()
}

fn is_example(line: &str) -> bool {
    ["rogatory ", "$ ", "ROGATORY_", "--"].iter().any(|start| line.starts_with(start))
}

/// What the rules of the instruments explain.
fn explanations() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("src/domain/request/rules")).expect("the rules") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
        let rules: toml::Table = fs::read_to_string(&path).expect("a file").parse().expect("TOML");
        for rule in rules.get("rules").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = rule.get("explain").and_then(toml::Value::as_str);
            found.extend(text.map(|text| (name.clone(), text.to_owned())));
        }
    }
    found
}

fn holes(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

/// Code in a message, which is the same in every language.
fn codes(text: &str) -> Vec<&str> {
    let mut codes: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    codes.sort_unstable();
    codes
}

/// What is wrong with a translation.
fn faults(english: &str, translated: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if translated.is_empty() {
        faults.push("is not translated".to_owned());
        return faults;
    }
    if holes(english) != holes(translated) {
        faults.push(format!("has other holes: {translated}"));
    }
    if codes(english) != codes(translated) {
        faults.push(format!("quotes other commands: {translated}"));
    }
    if english.ends_with('\n') != translated.ends_with('\n') {
        faults.push("ends in a line feed, or does not, unlike the English".to_owned());
    }
    faults
}

#[test]
fn every_message_has_its_translation_and_nothing_else_does() {
    let said = said();
    if std::env::var("CATALOGUE").is_ok_and(|mode| mode == "write") {
        LANGUAGES.iter().for_each(|language| write(language, &said));
    }
    let mut wrong = String::new();
    for language in LANGUAGES {
        let catalogue = messages(language);
        for english in said.keys() {
            let found = catalogue.find_message(None, english, None);
            let translated = found.and_then(|message| message.msgstr().ok()).unwrap_or_default();
            for fault in faults(english, translated) {
                let _ = writeln!(wrong, "{language}: {english:?} {fault}");
            }
        }
        for message in catalogue.messages().filter(|one| !said.contains_key(one.msgid())) {
            let _ = writeln!(wrong, "{language}: {:?} is said nowhere", message.msgid());
        }
    }
    assert!(wrong.is_empty(), "{wrong}CATALOGUE=write brings the files up to date");
}

/// The file with every message that is said, each with the translation that it has.
fn write(language: &str, said: &BTreeMap<String, BTreeSet<String>>) {
    let old = messages(language);
    let mut new = Catalog::new(old.metadata.clone());
    new.preheader.clone_from(&old.preheader);
    let mut by_file: Vec<_> = said.iter().collect();
    by_file.sort_by_key(|(english, files)| (files.first().cloned(), (*english).clone()));
    for (english, files) in by_file {
        let found = old.find_message(None, english, None);
        let translated = found.and_then(|message| message.msgstr().ok()).unwrap_or_default();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        new.append_or_update(
            Message::build_singular()
                .with_source(files.join("\n"))
                .with_msgid(english.clone())
                .with_msgstr(translated.to_owned())
                .done(),
        );
    }
    po_file::write_to_file(&new, &po_path(language)).expect("a file");
}

/// A template that says too little would be found in what it never said.
#[test]
fn every_template_says_enough_to_be_told_from_others() {
    let few: Vec<String> = said()
        .into_keys()
        .filter(|text| text.contains('{'))
        .filter(|text| words(text).chars().filter(|c| c.is_alphabetic()).count() < 4)
        .collect();
    assert!(few.is_empty(), "{few:#?}");
}
