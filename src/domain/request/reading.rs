//! A content in the language of who reads it, as far as it was translated into that.

use std::collections::BTreeMap;

use super::texts::{json_of, visit};
use super::{Body, Content, Translation};
use crate::domain::language::{is_latin, range_has};

/// One text of a body, in the language that was wanted or in another one.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// Path of the field in the body.
    pub field: String,
    /// The language of the text, BCP 47; empty where nobody has said.
    pub language: String,
    /// The text.
    pub text: String,
    /// Whether that is the language that was wanted.
    pub is_wanted: bool,
}

super::opaque_debug!(Reading);

impl Content {
    /// The translations of the body.
    pub fn translations(&self) -> &[Translation] {
        match &self.body {
            Body::Request(request) => &request.translations,
            _ => &self.translations,
        }
    }

    /// Every text of the body in a language (a range, as in `zh`), or as it was written where there
    /// is no translation of it into that. Names in Latin letters are there for who asks for those,
    /// as with `th-Latn`.
    pub fn readings(&self, wanted: &str) -> Vec<Reading> {
        let into = |one: &&Translation| {
            range_has(wanted, &one.language) && (!one.is_transliteration() || is_latin(wanted))
        };
        let into: Vec<&Translation> = self.translations().iter().filter(into).collect();
        let read = |(field, text): (String, String)| {
            let language = self.body.language_of(&field).to_owned();
            if range_has(wanted, &language) {
                return Reading { field, language, text, is_wanted: true };
            }
            let translated = into.iter().find_map(|one| {
                let text = one.text_of(&field).filter(|text| !text.trim().is_empty())?;
                Some((one.language.clone(), text.to_owned()))
            });
            match translated {
                Some((language, text)) => Reading { field, language, text, is_wanted: true },
                None => Reading { field, language, text, is_wanted: false },
            }
        };
        self.body.texts().into_iter().map(read).collect()
    }

    /// The content with these texts in the place of its own, and without translations and originals.
    #[must_use]
    pub fn read_as(&self, readings: &[Reading]) -> Self {
        let form = self.body.form().as_str();
        let texts: BTreeMap<String, &str> = readings
            .iter()
            .map(|one| (format!("{form}.{}", one.field), one.text.as_str()))
            .collect();
        let mut plain = Self { translations: Vec::new(), originals: Vec::new(), ..self.clone() };
        if let Body::Request(request) = &mut plain.body {
            request.translations.clear();
        }
        let mut value = json_of(&plain);
        visit(&mut value, &mut String::new(), &mut |path, text| {
            if let Some(reading) = texts.get(path) {
                (*reading).clone_into(text);
            }
        });
        // Texts take the place of texts, so this reads; where not, as it was written is no lie.
        serde_json::from_value(value).unwrap_or(plain)
    }
}

impl Body {
    /// The language that a text of it is written in; in a framework update each statement has its
    /// own.
    pub(super) fn language_of(&self, field: &str) -> &str {
        let Self::Framework(update) = self else { return self.written_in() };
        let number = field.strip_prefix("statements[").and_then(|rest| rest.split_once(']'));
        let number = number.and_then(|(number, _)| number.parse::<usize>().ok());
        number.and_then(|n| update.statements.get(n)).map_or("", |one| &one.language)
    }
}
