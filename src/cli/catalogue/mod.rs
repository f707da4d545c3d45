//! What people are told, in their language.
//!
//! Everything is said in English first, by whoever has something to say: a node as well as this
//! program, so that what a node of another version says is told too. The catalogue reads the
//! English text back by its templates and says it again; what it does not know stays English.
//! Only [`super::out`] asks it, for what goes to people: data that another State wrote, JSON and
//! the log are never touched.

mod help;
mod language;
mod own;
mod template;

use std::collections::HashMap;

pub use help::{helps, paragraphs};
pub use language::MessageLanguage;
pub(super) use own::is_own;
use polib::po_file::{self, POParseOptions};
use template::Template;

/// The messages of one language.
#[derive(Default)]
pub(super) struct Catalogue {
    /// Texts without holes.
    whole: HashMap<String, String>,
    /// Texts with holes.
    templates: Vec<(Template, Template)>,
}

/// Parts of a text that are told one by one: a longer text is no message of ours.
const MOST_PARTS: usize = 24;

/// How deep messages may stand in messages.
const MOST_DEEP: usize = 4;

impl Catalogue {
    /// The catalogue of a language; that of English is empty.
    pub(super) fn of(language: MessageLanguage) -> Self {
        language.messages().map(Self::read).unwrap_or_default()
    }

    /// Reads a PO file. One that cannot be read is as good as none: tests hold ours to be good.
    fn read(po: &str) -> Self {
        let options = POParseOptions { message_body_only: true, ..POParseOptions::default() };
        let mut catalogue = Self::default();
        let read = po_file::parse_from_reader_with_option(po.as_bytes(), &options);
        for message in read.iter().flat_map(|all| all.messages()) {
            let (english, said) = (message.msgid(), message.msgstr().unwrap_or_default());
            if !said.is_empty() {
                catalogue.add(english, said);
            }
        }
        catalogue
    }

    fn add(&mut self, english: &str, said: &str) {
        let template = Template::new(english);
        if template.has_holes() {
            self.templates.push((template, Template::new(said)));
        } else {
            self.whole.insert(english.to_owned(), said.to_owned());
        }
    }

    /// A text in this language: whole, or by the parts that are joined with `: `, `; ` or `, `.
    pub(super) fn told(&self, english: &str) -> String {
        match self.whole.is_empty() {
            true => english.to_owned(),
            false => self.best(english, MOST_DEEP).text,
        }
    }

    /// Of all ways to read a text the one that knows most of it.
    fn best(&self, english: &str, depth: usize) -> Told {
        let whole = self.message(english, depth);
        if whole.known == english.len() || depth == 0 {
            return whole;
        }
        let parted = match (with_code(english), english.contains('\n')) {
            (Some((text, code)), _) => self.best(text, depth).and(code),
            (None, true) => {
                let lines = english.split('\n').map(|line| self.best(line, depth - 1));
                lines.reduce(|told, line| told.and("\n").join(line)).unwrap_or_default()
            }
            (None, false) => self.parts(english, depth - 1),
        };
        if parted.known > whole.known { parted } else { whole }
    }

    /// One message with its values. A value of several words may be a message itself.
    fn message(&self, english: &str, depth: usize) -> Told {
        if let Some(said) = self.whole.get(english) {
            return Told { text: said.clone(), known: english.len() };
        }
        let mut best = Told::unknown(english);
        for (template, said) in &self.templates {
            let Some(values) = template.read(english) else { continue };
            let mut known = template.weight();
            let mut value = |value: &str| {
                let is_message = value.contains(' ') && value.len() < english.len() && depth > 0;
                let told = match is_message {
                    true => self.best(value, depth - 1),
                    false => Told::unknown(value),
                };
                known += told.known;
                told.text
            };
            let values: Vec<_> = values.iter().map(|(name, text)| (*name, value(text))).collect();
            if known > best.known {
                best = Told { text: said.fill(&values), known };
            }
        }
        best
    }

    /// The parts of a line, as many together as are one message. One word alone is left: it names a
    /// field or a file.
    fn parts(&self, line: &str, depth: usize) -> Told {
        let ends = part_ends(line);
        if ends.len() > MOST_PARTS || ends.len() < 2 {
            return Told::unknown(line);
        }
        let part = |from: usize, to: usize| match line[from..to].contains(' ') {
            true => self.message(&line[from..to], depth),
            false => Told::unknown(&line[from..to]),
        };
        // From the end: what is told from where a part begins.
        let mut told: Vec<(usize, Told)> = vec![(line.len(), Told::default())];
        let begins = std::iter::once(0).chain(ends.iter().map(|(_, next)| *next));
        for begin in
            begins.filter(|begin| *begin < line.len()).collect::<Vec<_>>().into_iter().rev()
        {
            let ways = ends.iter().filter(|(end, _)| *end > begin).filter_map(|(end, next)| {
                let (_, rest) = told.iter().find(|(at, _)| at == next)?;
                Some(part(begin, *end).and(&line[*end..*next]).join(rest.clone()))
            });
            // The first of those that know as much, which is the one in the smallest parts.
            let best = ways.reduce(|best, way| if way.known > best.known { way } else { best });
            told.push((begin, best.unwrap_or_else(|| Told::unknown(&line[begin..]))));
        }
        told.pop().map(|(_, told)| told).unwrap_or_default()
    }
}

/// A text in another language, and how many bytes of the English one are known.
#[derive(Clone, Default)]
struct Told {
    text: String,
    known: usize,
}

impl Told {
    fn unknown(english: &str) -> Self {
        Self { text: english.to_owned(), known: 0 }
    }

    fn and(mut self, behind: &str) -> Self {
        self.text.push_str(behind);
        self
    }

    fn join(self, behind: Self) -> Self {
        Self { known: self.known + behind.known, ..self.and(&behind.text) }
    }
}

/// Where parts of a line end, and where the next ones begin.
fn part_ends(line: &str) -> Vec<(usize, usize)> {
    let joints =
        line.match_indices([':', ';', ',']).filter(|(at, _)| line[at + 1..].starts_with(' '));
    let mut ends: Vec<_> = joints.map(|(at, _)| (at, at + 2)).collect();
    ends.push((line.len(), line.len()));
    ends
}

/// A text and the code that stands behind it, as in `it is there (AGENCY_EXISTS)`.
fn with_code(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(" (")?;
    let code = text[at + 2..].strip_suffix(')')?;
    let is_code = code.len() > 2 && code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_code.then(|| text.split_at(at))
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
