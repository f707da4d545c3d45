//! The text of a configuration: every fault of form is found, with its line, and what can be read
//! is read all the same.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Finding, Severity};
use crate::domain::nearest::nearest;

const EVERY_KEY: &str = "docs/configuration.md lists every key";

/// The lines on which keys stand.
pub(super) type Lines = BTreeMap<&'static str, usize>;

/// Reads a file key by key, and gathers what is wrong with it.
pub(super) struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    pub(super) lines: Lines,
    pub(super) findings: Vec<Finding>,
}

/// The keys of one table that nobody has asked for yet.
pub(super) struct Section<'a> {
    name: String,
    line: usize,
    values: BTreeMap<String, (usize, DeValue<'a>)>,
    known: Vec<&'static str>,
}

impl Section<'_> {
    /// A key with the tables that it stands in.
    fn full(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }
}

impl<'a> Reader<'a> {
    /// Begins with the tables of a text; `None` for the tables of a text that is not TOML.
    pub(super) fn begin(path: &'a Path, text: &'a str) -> (Self, Option<Section<'a>>) {
        let (lines, findings) = (Lines::new(), Vec::new());
        let mut reader = Self { path, text, lines, findings };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = error.span().map(|span| reader.line(span.start));
            reader.fault(
                line,
                None,
                error.message(),
                "texts stand in double quotes; https://toml.io has the form",
            );
        }
        let root = errors.is_empty().then(|| reader.section_of("", 1, table.into_inner()));
        (reader, root)
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        before.iter().filter(|b| **b == b'\n').count() + 1
    }

    fn fault(
        &mut self,
        line: Option<usize>,
        key: Option<String>,
        message: impl fmt::Display,
        hint: impl fmt::Display,
    ) {
        self.findings.push(Finding {
            severity: Severity::Error,
            file: Some(self.path.to_owned()),
            line,
            key,
            message: message.to_string(),
            hint: hint.to_string(),
        });
    }

    /// Says that a key's value breaks a rule.
    pub(super) fn refuse(&mut self, key: &'static str, message: impl fmt::Display, hint: &str) {
        self.fault(self.lines.get(key).copied(), Some(key.to_owned()), message, hint);
    }

    fn section_of(&self, name: &str, line: usize, table: DeTable<'a>) -> Section<'a> {
        let values = table.into_iter().map(|(key, value)| {
            let line = self.line(key.span().start);
            (key.into_inner().into_owned(), (line, value.into_inner()))
        });
        Section { name: name.to_owned(), line, values: values.collect(), known: Vec::new() }
    }

    /// A table of the file; empty where there is none.
    pub(super) fn section(&mut self, root: &mut Section<'a>, name: &'static str) -> Section<'a> {
        self.below(root, name)
    }

    /// A table of a table; empty where there is none.
    pub(super) fn below(&mut self, parent: &mut Section<'a>, name: &'static str) -> Section<'a> {
        parent.known.push(name);
        let value = parent.values.remove(name);
        let full = parent.full(name);
        match value {
            Some((line, value)) => self.table(&full, line, value),
            None => self.section_of(&full, parent.line, DeTable::new()),
        }
    }

    /// The tables of a table, whatever they are called.
    pub(super) fn tables(&mut self, parent: Section<'a>) -> Vec<(String, Section<'a>)> {
        let mut tables = Vec::new();
        for (name, (line, value)) in parent.values {
            let table = self.table(&format!("{}.{name}", parent.name), line, value);
            tables.push((name, table));
        }
        tables
    }

    fn table(&mut self, name: &str, line: usize, value: DeValue<'a>) -> Section<'a> {
        match value {
            DeValue::Table(table) => self.section_of(name, line, table),
            _ => {
                let message = format!("must be a table: [{name}] on a line of its own");
                self.fault(Some(line), Some(name.to_owned()), message, EVERY_KEY);
                self.section_of(name, line, DeTable::new())
            }
        }
    }

    /// Says that a table breaks a rule.
    pub(super) fn refuse_section(
        &mut self,
        section: &Section<'a>,
        message: impl fmt::Display,
        hint: &str,
    ) {
        self.fault(Some(section.line), Some(section.name.clone()), message, hint);
    }

    /// A text of a table that may have any name, of which `parse` makes something.
    pub(super) fn parsed<T>(
        &mut self,
        section: &mut Section<'a>,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        hint: &str,
    ) -> Option<T> {
        section.known.push(name);
        let (line, value) = section.values.remove(name)?;
        let parsed = match &value {
            DeValue::String(text) => parse(text),
            _ => Err("must be a text".into()),
        };
        parsed.map_err(|error| self.fault(Some(line), Some(section.full(name)), error, hint)).ok()
    }

    /// A whole number of a table that may have any name.
    pub(super) fn counted(
        &mut self,
        section: &mut Section<'a>,
        name: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Option<u64> {
        section.known.push(name);
        let (line, value) = section.values.remove(name)?;
        let counted = whole_number(&value, &allowed);
        counted
            .map_err(|error| self.fault(Some(line), Some(section.full(name)), error, EVERY_KEY))
            .ok()
    }

    /// The texts in a list of a table that may have any name, each of which `take` takes or refuses.
    pub(super) fn each(
        &mut self,
        section: &mut Section<'a>,
        name: &'static str,
        mut take: impl FnMut(&str) -> Result<(), String>,
        hint: &str,
    ) {
        section.known.push(name);
        let Some((line, value)) = section.values.remove(name) else { return };
        let mut refuse = |error: String| {
            self.fault(Some(line), Some(section.full(name)), error, hint);
        };
        let DeValue::Array(items) = &value else {
            return refuse("must be a list of texts".into());
        };
        for item in items {
            let taken = match item.get_ref() {
                DeValue::String(text) => take(text),
                _ => Err("must be a text".into()),
            };
            taken.unwrap_or_else(&mut refuse);
        }
    }

    /// Takes the value of a key, which is named with its table.
    fn take(&mut self, section: &mut Section<'a>, key: &'static str) -> Option<DeValue<'a>> {
        let name = key.rsplit('.').next().unwrap_or(key);
        section.known.push(name);
        let (line, value) = section.values.remove(name)?;
        self.lines.insert(key, line);
        Some(value)
    }

    /// A text that may be left away.
    pub(super) fn text(&mut self, section: &mut Section<'a>, key: &'static str) -> Option<String> {
        match self.take(section, key)? {
            DeValue::String(text) => Some(text.into_owned()),
            _ => {
                self.refuse(key, "must be a text", "put it into double quotes");
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn needed(
        &mut self,
        section: &mut Section<'a>,
        key: &'static str,
    ) -> Option<String> {
        let there = self.findings.len();
        let text = self.text(section, key);
        if text.is_none() && self.findings.len() == there {
            self.refuse(key, "is missing", "`rogatory init` writes a file that has it");
        }
        text
    }

    /// A whole number.
    pub(super) fn number(
        &mut self,
        section: &mut Section<'a>,
        key: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.take(section, key)?;
        whole_number(&value, &allowed).map_err(|error| self.refuse(key, error, EVERY_KEY)).ok()
    }

    /// A list of texts, each of which `parse` makes something of.
    pub(super) fn texts<T>(
        &mut self,
        section: &mut Section<'a>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let items = match self.take(section, key) {
            None => return Vec::new(),
            Some(DeValue::Array(items)) => items,
            Some(_) => {
                self.refuse(key, "must be a list of texts", "as in [\"one\", \"two\"]");
                return Vec::new();
            }
        };
        let mut parsed = Vec::new();
        for item in items {
            let one = match item.get_ref() {
                DeValue::String(text) => parse(text),
                _ => Err("must be a text".into()),
            };
            match one {
                Ok(one) => parsed.push(one),
                Err(error) => self.refuse(key, error, EVERY_KEY),
            }
        }
        parsed
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, section: &mut Section<'a>, key: &'static str) -> Option<bool> {
        match self.take(section, key)? {
            DeValue::Boolean(flag) => Some(flag),
            _ => {
                self.refuse(key, "must be true or false", "without quotes");
                None
            }
        }
    }

    /// Ends a table: what nobody asked for is refused, so that a misspelt key is not silently
    /// without effect.
    pub(super) fn end(&mut self, section: Section<'a>) {
        let Section { name, values, known, .. } = section;
        for (key, (line, _)) in values {
            let near = nearest(&key, known.iter().copied());
            let (full, place) = match name.as_str() {
                "" => (key, "the file".to_owned()),
                _ => (format!("{name}.{key}"), format!("[{name}]")),
            };
            let all = known.join(", ");
            let hint = match near {
                Some(near) => format!("did you mean {near}? {place} has {all}; {EVERY_KEY}"),
                None => format!("{place} has {all}; {EVERY_KEY}"),
            };
            self.fault(Some(line), Some(full), "is not a key", hint);
        }
    }
}

fn whole_number(value: &DeValue<'_>, allowed: &RangeInclusive<u64>) -> Result<u64, String> {
    let number = match value {
        DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
        _ => None,
    };
    let (least, most) = (allowed.start(), allowed.end());
    let rule = || format!("must be a whole number from {least} to {most}");
    number.filter(|number| allowed.contains(number)).ok_or_else(rule)
}
