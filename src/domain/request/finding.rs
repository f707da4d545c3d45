//! What a check finds, and the questions that every check asks of a text.

use std::fmt;

use time::Date;
use time::macros::format_description;

use super::{CODE_MAX_CHARS, ITEM_MAX_CHARS, LANGUAGE_MAX_BYTES, LINE_MAX_CHARS, LIST_MAX};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The content may go, but the other side may come back to ask.
    Warning,
    /// The content does not go, and is not taken.
    Error,
}

/// One thing that is wrong with a content.
///
/// It says where and which rule, and never repeats what stands there (I6), so it can be traced
/// and sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, as in `assistance[1].description`.
    pub field: String,
    /// The paragraph that asks for it, as in `UNTOC 18(15)(d)`; `form` where none does.
    pub paragraph: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {} [{}]", self.field, self.message, self.paragraph)
    }
}

/// The paragraph of a rule that is ours and no instrument's: lengths, shapes.
pub(super) const FORM: &str = "form";

/// Gathers findings while a check walks through a content.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    prefix: String,
}

impl Findings {
    pub(super) fn into_list(self) -> Vec<Finding> {
        self.list
    }

    pub(super) fn error(&mut self, field: &str, paragraph: &'static str, message: &str) {
        self.add(field, paragraph, Severity::Error, message);
    }

    pub(super) fn warning(&mut self, field: &str, paragraph: &'static str, message: &str) {
        self.add(field, paragraph, Severity::Warning, message);
    }

    pub(super) fn add(
        &mut self,
        field: &str,
        paragraph: &'static str,
        severity: Severity,
        message: &str,
    ) {
        let field = format!("{}{field}", self.prefix);
        self.list.push(Finding { field, paragraph, severity, message: message.to_owned() });
    }

    /// Runs a check whose field names are those of a part: `part` and a dot come before them.
    pub(super) fn within(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(part);
        self.prefix.push('.');
        check(self);
        self.prefix.truncate(outer);
    }

    /// Runs a check on each entry of a list, and finds the list too long.
    pub(super) fn each<T>(&mut self, list: &str, entries: &[T], check: impl Fn(&mut Self, &T)) {
        self.count(list, entries.len());
        for (number, entry) in entries.iter().enumerate() {
            self.within(&format!("{list}[{number}]"), |found| check(found, entry));
        }
    }

    /// Entries that are texts of one paragraph; an empty one says nothing and is an error.
    pub(super) fn items(&mut self, list: &str, entries: &[String]) {
        self.count(list, entries.len());
        for (number, entry) in entries.iter().enumerate() {
            let field = format!("{list}[{number}]");
            self.required(&field, FORM, entry);
            self.shape(&field, entry, ITEM_MAX_CHARS, Layout::Running);
        }
    }

    pub(super) fn count(&mut self, list: &str, entries: usize) {
        if entries > LIST_MAX {
            self.error(list, FORM, &format!("has more than {LIST_MAX} entries"));
        }
    }

    /// Whether something is there; blanks are nothing.
    pub(super) fn required(&mut self, field: &str, paragraph: &'static str, text: &str) -> bool {
        let there = !text.trim().is_empty();
        if !there {
            self.error(field, paragraph, "is missing");
        }
        there
    }

    pub(super) fn line(&mut self, field: &str, text: &str) {
        self.shape(field, text, LINE_MAX_CHARS, Layout::Line);
    }

    pub(super) fn required_line(&mut self, field: &str, paragraph: &'static str, text: &str) {
        if self.required(field, paragraph, text) {
            self.line(field, text);
        }
    }

    pub(super) fn text(&mut self, field: &str, text: &str) {
        self.shape(field, text, super::TEXT_MAX_CHARS, Layout::Running);
    }

    pub(super) fn required_text(&mut self, field: &str, paragraph: &'static str, text: &str) {
        if self.required(field, paragraph, text) {
            self.text(field, text);
        }
    }

    fn shape(&mut self, field: &str, text: &str, most: usize, layout: Layout) {
        if text.chars().count() > most {
            self.error(field, FORM, &format!("has more than {most} characters"));
        }
        if text.chars().any(|c| layout.refuses(c)) {
            self.error(field, FORM, layout.rule());
        }
    }

    /// A day of the calendar, where one is given.
    pub(super) fn date(&mut self, field: &str, text: &str) {
        let form = format_description!("[year]-[month]-[day]");
        // The length keeps out what the parser tolerates: a sign, a year of other width.
        if !text.is_empty() && (text.len() != 10 || Date::parse(text, form).is_err()) {
            self.error(field, FORM, "is not a day of the calendar in the form YYYY-MM-DD");
        }
    }

    /// A country, where one is given.
    pub(super) fn country(&mut self, field: &str, text: &str) {
        let letters = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        if !text.is_empty() && !letters {
            self.error(field, FORM, "is not two upper-case letters of ISO 3166-1 alpha-2");
        }
    }

    /// A language, where one is given.
    pub(super) fn language(&mut self, field: &str, text: &str) {
        if !text.is_empty() && !is_language(text) {
            self.error(field, FORM, "is not a language tag of BCP 47, as in en, fr or zh-Hant");
        }
    }

    /// A code of capitals, digits and hyphens, where one is given. It needs a digit or a hyphen,
    /// so that it does not become the place where somebody writes a name.
    pub(super) fn code(&mut self, field: &str, text: &str) {
        let mark = |b: u8| b.is_ascii_digit() || b == b'-';
        let shape = text.len() <= CODE_MAX_CHARS
            && text.bytes().all(|b| b.is_ascii_uppercase() || mark(b))
            && text.bytes().any(mark)
            && text.bytes().any(|b| b.is_ascii_alphanumeric());
        if !text.is_empty() && !shape {
            self.error(
                field,
                FORM,
                &format!(
                    "is not a code: capitals, digits and hyphens, a digit or a hyphen among them, \
                     {CODE_MAX_CHARS} at most, as in P1 or VICTIM-1"
                ),
            );
        }
    }
}

#[derive(Clone, Copy)]
enum Layout {
    /// One line.
    Line,
    /// Paragraphs: line breaks and tabs as well.
    Running,
}

impl Layout {
    fn refuses(self, c: char) -> bool {
        // The two overrides show a text in another order than it is read aloud or searched in.
        let overrides = matches!(c, '\u{202d}' | '\u{202e}');
        let allowed = matches!(self, Self::Running) && matches!(c, '\n' | '\t');
        overrides || (c.is_control() && !allowed)
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Line => "has control characters; it is one line",
            Self::Running => "has control characters other than line feeds and tabs",
        }
    }
}

/// A language and its subtags as BCP 47 writes them: the shape, not the registry.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or("");
    let primary_ok =
        (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    let subtag_ok =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= LANGUAGE_MAX_BYTES && primary_ok && subtags.all(subtag_ok)
}
