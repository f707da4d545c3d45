//! What a check finds, and the questions that every check asks of a text.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::{CODE_MAX_CHARS, ITEM_MAX_CHARS, LINE_MAX_CHARS, LIST_MAX, Need, Rule};
use crate::domain::{characters, language};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The content may go, but the other side may come back to ask.
    Warning,
    /// The content does not go, and is not taken.
    Error,
}

/// One thing that is wrong with a content.
///
/// It says where and which rule, and never repeats what stands there (I6), so it can be traced
/// and sent back. A bilateral treaty is `BILATERAL` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose rule it is, as in `UNTOC`; `PROFILE` for what the requested authority publishes,
    /// `FORM` for what no instrument asks.
    pub instrument: String,
    /// The paragraph that asks for it, as in `UNTOC 18(15)(d)`; `form` where none does.
    pub paragraph: String,
    /// What is asked for.
    pub need: Need,
    /// Path of the field, as in `assistance[1].description`.
    pub field: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, for people.
    pub message: String,
    /// What the rule means and what to do about it.
    pub explanation: String,
}

impl Finding {
    pub(super) fn new(rule: &Rule, lack: Lack) -> Self {
        Self {
            instrument: rule.source.to_string(),
            paragraph: rule.paragraph.clone(),
            need: rule.need,
            field: lack.field,
            severity: rule.severity,
            message: lack.message,
            explanation: rule.explain.clone(),
        }
    }
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} [{}]", self.severity, self.field, self.message, self.paragraph)
    }
}

/// What a content lacks of one need, before it is known whether anybody asks for it.
pub(super) struct Lack {
    pub(super) need: Need,
    pub(super) field: String,
    pub(super) message: String,
}

/// Gathers what a content lacks while a check walks through it.
#[derive(Default)]
pub(super) struct Lacks {
    list: Vec<Lack>,
    prefix: String,
}

impl Lacks {
    pub(super) fn into_list(self) -> Vec<Lack> {
        self.list
    }

    pub(super) fn add(&mut self, field: &str, need: Need, message: &str) {
        let field = format!("{}{field}", self.prefix);
        self.list.push(Lack { need, field, message: message.to_owned() });
    }

    /// The same, where something is so.
    pub(super) fn add_if(&mut self, is_so: bool, field: &str, need: Need, message: &str) {
        if is_so {
            self.add(field, need, message);
        }
    }

    /// A text that some instruments ask for.
    pub(super) fn asked(&mut self, field: &str, need: Need, text: &str, message: &str) {
        self.add_if(text.trim().is_empty(), field, need, message);
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
            self.required(&field, Need::FormEmptyItem, entry);
            self.shape(&field, entry, ITEM_MAX_CHARS, Layout::Running);
        }
    }

    pub(super) fn count(&mut self, list: &str, entries: usize) {
        if entries > LIST_MAX {
            self.add(list, Need::FormCount, &format!("has more than {LIST_MAX} entries"));
        }
    }

    /// Whether something is there; blanks are nothing.
    pub(super) fn required(&mut self, field: &str, need: Need, text: &str) -> bool {
        let there = !text.trim().is_empty();
        if !there {
            self.add(field, need, "is missing");
        }
        there
    }

    pub(super) fn line(&mut self, field: &str, text: &str) {
        self.shape(field, text, LINE_MAX_CHARS, Layout::Line);
    }

    /// Entries that are lines; an empty one says nothing and is an error.
    pub(super) fn lines(&mut self, list: &str, entries: &[String]) {
        self.count(list, entries.len());
        for (number, entry) in entries.iter().enumerate() {
            self.required_line(&format!("{list}[{number}]"), Need::FormEmptyItem, entry);
        }
    }

    /// Two days, each with its field, of which the second is not before the first.
    pub(super) fn period(&mut self, from: (&str, &str), until: (&str, &str)) {
        self.date(from.0, from.1);
        self.date(until.0, until.1);
        let turned = !from.1.is_empty() && !until.1.is_empty() && until.1 < from.1;
        let message = format!("is before {}", from.0);
        self.add_if(turned, until.0, Need::FormPeriod, &message);
    }

    /// A moment with its offset from UTC, where one is given.
    pub(super) fn time(&mut self, field: &str, text: &str) {
        if !text.is_empty() && OffsetDateTime::parse(text, &Rfc3339).is_err() {
            let message =
                "is no time of RFC 3339 with its offset from UTC, as in 2027-03-01T09:00:00+07:00";
            self.add(field, Need::FormTime, message);
        }
    }

    pub(super) fn required_line(&mut self, field: &str, need: Need, text: &str) {
        if self.required(field, need, text) {
            self.line(field, text);
        }
    }

    pub(super) fn text(&mut self, field: &str, text: &str) {
        self.shape(field, text, super::TEXT_MAX_CHARS, Layout::Running);
    }

    pub(super) fn required_text(&mut self, field: &str, need: Need, text: &str) {
        if self.required(field, need, text) {
            self.text(field, text);
        }
    }

    fn shape(&mut self, field: &str, text: &str, most: usize, layout: Layout) {
        if text.chars().count() > most {
            self.add(field, Need::FormLength, &format!("has more than {most} characters"));
        }
        if text.chars().any(|c| layout.refuses(c)) {
            self.add(field, Need::FormControl, layout.rule());
        }
        if let Some((c, name)) = layout.hidden(text) {
            let message = format!("has U+{:04X}, {name}, which cannot be seen", u32::from(c));
            self.add(field, Need::FormInvisible, &message);
        }
    }

    /// A day of the calendar, where one is given.
    pub(super) fn date(&mut self, field: &str, text: &str) {
        let form = format_description!("[year]-[month]-[day]");
        // The length keeps out what the parser tolerates: a sign, a year of other width.
        if !text.is_empty() && (text.len() != 10 || Date::parse(text, form).is_err()) {
            self.add(field, Need::FormDate, "is not a day of the calendar in the form YYYY-MM-DD");
        }
    }

    /// A country, where one is given.
    pub(super) fn country(&mut self, field: &str, text: &str) {
        let letters = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        if !text.is_empty() && !letters {
            self.add(
                field,
                Need::FormCountry,
                "is not two upper-case letters of ISO 3166-1 alpha-2",
            );
        }
    }

    /// A language, where one is given.
    pub(super) fn language(&mut self, field: &str, text: &str) {
        if !text.is_empty() && !language::is_tag(text) {
            self.add(
                field,
                Need::FormLanguage,
                "is not a language tag of BCP 47, as in en, fr or zh-Hant",
            );
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
            self.add(
                field,
                Need::FormCode,
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
        let allowed = matches!(self, Self::Running) && matches!(c, '\n' | '\t');
        c.is_control() && !allowed
    }

    /// The first character that cannot be seen and does not belong there. In paragraphs of Arabic or
    /// Hebrew, runs in another direction may be marked, and in Thai and Khmer the ends of words; an
    /// override shows any text in another order than it is read aloud or searched in.
    fn hidden(self, text: &str) -> Option<(char, &'static str)> {
        let told = |c: char| characters::invisible(c).map(|name| (c, name));
        let refused = |c: &char| match self {
            Self::Line => true,
            Self::Running => characters::is_override(*c) || matches!(c, '\u{e0000}'..='\u{e007f}'),
        };
        text.chars().filter(refused).find_map(told)
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Line => "has control characters; it is one line",
            Self::Running => "has control characters other than line feeds and tabs",
        }
    }
}
