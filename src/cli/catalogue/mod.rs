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
mod reader;
mod template;

use std::collections::HashMap;

pub use help::{helps, paragraphs};
pub use language::MessageLanguage;
pub(super) use own::is_own;
use polib::po_file::{self, POParseOptions};
use reader::{MOST_DEEP, Reader};
use template::Template;

/// The messages of one language.
#[derive(Default)]
pub(super) struct Catalogue {
    /// Texts without holes.
    whole: HashMap<String, String>,
    /// Texts with holes.
    templates: Vec<(Template, Template)>,
}

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
            false => Reader::of(self).best(english, MOST_DEEP).text,
        }
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
