//! What a message says, in a language that it was translated into.

use serde_json::{Value, json};

use super::readable;
use crate::cli::out::Out;
use crate::cli::view;
use crate::domain::language::{is_tag, range_has};
use crate::domain::request::{Content, Reading};
use crate::envelope::wire::{content_from_pb, content_to_pb};
use crate::pb::v1 as pb;

/// A language that somebody asks for.
pub(super) fn parse(text: &str) -> Result<String, String> {
    match is_tag(text) {
        true => Ok(text.to_owned()),
        false => Err("it is no language tag of BCP 47, as in en, th or zh-Hant".into()),
    }
}

/// A content in a language, as far as there is one.
pub(super) struct Read {
    content: Content,
    wanted: String,
    readings: Vec<Reading>,
}

impl Read {
    /// A content that can be read, in this language.
    pub(super) fn of(content: &pb::MessageContent, wanted: &str) -> Option<Self> {
        let content = content_from_pb(content.clone()).ok()?;
        let readings = content.readings(wanted);
        Some(Self { content, wanted: wanted.to_owned(), readings })
    }

    /// Each text with its language, the wanted one or another.
    pub(super) fn json(&self) -> Value {
        let one = |one: &Reading| {
            json!({
                "field": one.field,
                "language": one.language,
                "text": one.text,
                "is_wanted": one.is_wanted,
            })
        };
        self.readings.iter().map(one).collect()
    }

    /// The content as a file would have it, and then which of its texts are in another language.
    pub(super) fn print(&self, out: &mut Out) {
        let shown = content_to_pb(&self.content.read_as(&self.readings));
        out.data(&readable(&view::content(&shown)));
        let others: Vec<&Reading> = self.readings.iter().filter(|one| !one.is_wanted).collect();
        if !others.is_empty() {
            out.data("");
            let row = |one: &&Reading| vec![one.field.clone(), one.language.clone()];
            out.list(&["as written", "language"], &others, row, |_| Value::Null);
        }
        self.tell(others.len(), out);
    }

    fn tell(&self, others: usize, out: &mut Out) {
        let into =
            |one: &&crate::domain::request::Translation| range_has(&self.wanted, &one.language);
        let into: Vec<_> = self.content.translations().iter().filter(into).collect();
        for one in into.iter().filter(|one| one.certified && others < self.readings.len()) {
            let language = &one.language;
            out.talk(&match one.by.as_str() {
                "" => format!("note: the translation into {language} is certified"),
                by => format!("note: the translation into {language} is certified, by {by}"),
            });
        }
        for (one, exhibit) in into.iter().filter_map(|one| Some((one, one.exhibit?))) {
            let language = &one.language;
            out.talk(&match one.package {
                None => format!(
                    "note: the translation into {language} is exhibit {exhibit} of the package"
                ),
                Some(id) => format!(
                    "note: the translation into {language} is exhibit {exhibit} of package {id}"
                ),
            });
        }
        if others > 0 {
            // Each statement of a framework update has a language of its own.
            let written = self.readings.iter().filter(|one| !one.is_wanted);
            let languages = self.content.translations().iter().map(|one| one.language.as_str());
            let mut all: Vec<&str> = Vec::new();
            for language in written.map(|one| one.language.as_str()).chain(languages) {
                if !language.is_empty() && !all.contains(&language) {
                    all.push(language);
                }
            }
            out.talk(&format!(
                "note: {others} of {} texts are not there in {}, and shown as they were written; \
                 there is {}",
                self.readings.len(),
                self.wanted,
                all.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::request::content_from_toml;

    const SUMMONS: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/requests/bilateral-service-of-summons.toml"
    ));

    fn read(wanted: &str) -> Read {
        let content = content_from_toml(SUMMONS).expect("an example");
        Read::of(&content_to_pb(&content), wanted).expect("it can be read")
    }

    #[test]
    fn what_is_translated_is_shown_and_the_rest_named() {
        let (mut out, data, talk) = memory(Format::Table);
        read("en").print(&mut out);
        let (data, talk) = (data.text(), talk.text());
        assert!(data.contains("subject = \"Service of a summons to a criminal trial"), "{data}");
        assert!(!data.contains("送达刑事审判传票"), "{data}");
        assert!(data.contains("\nrequesting_authority.name"), "{data}");
        assert!(!data.contains("[[request.translations]]"), "{data}");
        assert!(talk.contains("are not there in en"), "{talk}");
        assert!(talk.contains("is certified, by Translation Division"), "{talk}");
    }

    #[test]
    fn the_language_of_the_original_has_all_of_it() {
        for wanted in ["zh", "zh-Hans"] {
            let read = read(wanted);
            assert!(read.readings.iter().all(|one| one.is_wanted && one.language == "zh-Hans"));
        }
        assert!(read("fr").readings.iter().all(|one| !one.is_wanted));
    }

    #[test]
    fn names_in_latin_letters_are_there_for_who_asks() {
        let json = read("zh-Latn").json();
        let name = json
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["field"] == "requesting_authority.name");
        assert_eq!(name.expect("there")["text"], "Hǎizhōu Gònghéguó Sīfǎbù Guójì Hézuòjú");
    }

    #[test]
    fn a_language_is_asked_for_by_its_tag() {
        assert_eq!(parse("zh-Hant"), Ok("zh-Hant".into()));
        assert!(parse("Thai").is_err() && parse("").is_err());
    }
}
