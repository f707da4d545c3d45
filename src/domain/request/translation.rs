//! Translations of what a message says, side by side with it, and names in Latin letters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::finding::Lacks;
use super::texts::{json_of, role_of, texts_of};
use super::{Body, Content, Form, MlaRequest, Need, TRANSLATED_MAX, Target, opaque_debug};
use crate::domain::{PackageId, language};

/// A translation of a body: UNTOC 18(14). It has the texts, or names the exhibit that has them.
///
/// With a scheme it is a transliteration: names in Latin letters, and nothing else.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Translation {
    /// BCP 47, as in `en`; of a transliteration with its script, as in `th-Latn`.
    pub language: String,
    /// Certified by a sworn translator or an authority.
    pub certified: bool,
    /// The office that has made or certified it, one line; nobody's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// How names are written in Latin letters, one line, as in `RTGS`, `ISO 233` or `Pinyin`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// The texts, each by the path of the field that it translates.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "by_field")]
    pub texts: Vec<FieldText>,
    /// The package that the translated document is in; the first of the message where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
    /// The exhibit that has the translated document, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhibit: Option<u32>,
}

/// A text for a field.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldText {
    /// Path of the field, as in `offences[0].title`.
    pub field: String,
    /// The text.
    pub text: String,
}

opaque_debug!(FieldText, Translation);

impl Translation {
    /// Whether it writes names in Latin letters, and translates nothing.
    pub fn is_transliteration(&self) -> bool {
        !self.scheme.is_empty()
    }

    /// Its text for a field.
    pub fn text_of(&self, field: &str) -> Option<&str> {
        let one = self.texts.iter().find(|one| one.field == field)?;
        Some(one.text.as_str())
    }

    /// The fields that have to be translated and are not, in their order; none where an exhibit
    /// has all of it.
    fn missing<'a>(&self, body: &'a BodyTexts) -> Vec<&'a str> {
        if self.exhibit.is_some() {
            return Vec::new();
        }
        let there = self.texts.iter().filter(|one| !one.text.trim().is_empty());
        let there: BTreeSet<&str> = there.map(|one| one.field.as_str()).collect();
        let lacks = |(field, language): &(&String, &String)| {
            role_of(body.form, field).needed
                && !there.contains(field.as_str())
                && !language::same_tag(language, &self.language)
        };
        body.texts.iter().filter(lacks).map(|(field, _)| field.as_str()).collect()
    }
}

/// A body as its translations see it.
pub(super) struct BodyTexts {
    form: Form,
    language: String,
    /// The language that each of its texts is written in.
    texts: BTreeMap<String, String>,
}

impl BodyTexts {
    pub(super) fn of(body: &Body) -> Self {
        let in_language = |field: String| {
            let language = body.language_of(&field).to_owned();
            (field, language)
        };
        let texts = body.texts().into_keys().map(in_language).collect();
        Self { form: body.form(), language: body.written_in().to_owned(), texts }
    }

    pub(super) fn of_request(request: &MlaRequest) -> Self {
        let (form, language) = (Form::Request, request.language.clone());
        let texts = texts_of(form, json_of(request)).into_keys();
        let texts = texts.map(|field| (field, language.clone())).collect();
        Self { form, language, texts }
    }

    /// Whether all of it is written in a language.
    fn is_in(&self, tag: &str) -> bool {
        language::same_tag(tag, &self.language)
            && self.texts.values().all(|one| language::same_tag(tag, one))
    }
}

impl Content {
    /// The translations that stand beside the body, and whether the other authority can read it. What is
    /// said of persons is no use in a language that nobody reads there: UNTOC 18(14).
    pub(super) fn fits_translations(&self, target: &Target<'_>, found: &mut Lacks) {
        if matches!(self.body, Body::Request(_)) {
            let message = "belong into the request, which has a field for them";
            let there = !self.translations.is_empty();
            return found.add_if(there, "translations", Need::FormElsewhere, message);
        }
        let body = BodyTexts::of(&self.body);
        check(found, &self.translations, &body);
        if self.body.language().is_some_and(|language| !language.is_empty())
            && let Some(message) = refused(target, &self.translations, &body)
        {
            let field = format!("{}.language", self.body.form().as_str());
            found.add(&field, Need::NoteAcceptedLanguage, &message);
        }
    }
}

/// What is wrong with the translations of a body.
pub(super) fn check(found: &mut Lacks, translations: &[Translation], body: &BodyTexts) {
    found.each("translations", translations, |found, one| translation(found, one, body));
    for (number, one) in translations.iter().enumerate() {
        let twice = translations[..number].iter().any(|other| {
            language::same_tag(&other.language, &one.language) && !one.language.is_empty()
        });
        let field = format!("translations[{number}].language");
        found.add_if(twice, &field, Need::FormTranslationTwice, "stands there twice");
    }
}

fn translation(found: &mut Lacks, one: &Translation, body: &BodyTexts) {
    found.required("language", Need::TranslationLanguage, &one.language);
    found.language("language", &one.language);
    let same = !one.language.is_empty() && body.is_in(&one.language);
    let message = "is the language that is translated from";
    found.add_if(same, "language", Need::FormTranslationSame, message);
    found.line("by", &one.by);
    found.line("scheme", &one.scheme);
    let nowhere = one.package.is_some() && one.exhibit.is_none();
    let message = "is missing: say which exhibit of the package has the translation";
    found.add_if(nowhere, "exhibit", Need::FormTranslationExhibit, message);
    if one.texts.len() > TRANSLATED_MAX {
        let message = format!("has more than {TRANSLATED_MAX} entries");
        return found.add("texts", Need::FormCount, &message);
    }
    let mut earlier = BTreeSet::new();
    for text in &one.texts {
        let field = format!("texts.{}", shown(&text.field));
        let twice = !earlier.insert(text.field.as_str());
        found.add_if(twice, &field, Need::FormTranslationTwice, "stands there twice");
        translated(found, &field, text, one, body);
        let itself = body.texts.get(&text.field);
        let known = !same && itself.is_some_and(|of| language::same_tag(of, &one.language));
        let message = "is written in that language itself";
        found.add_if(known, &field, Need::FormTranslationSame, message);
    }
    if one.is_transliteration() {
        let message = "does not say that it is in Latin letters, as th-Latn does";
        let latin = language::is_latin(&one.language);
        found.add_if(!latin, "language", Need::FormTransliteration, message);
        return;
    }
    let missing = one.missing(body);
    if !missing.is_empty() {
        let message = format!("is not whole: it lacks {}", some_of(&missing));
        found.add("texts", Need::TranslationWhole, &message);
    }
}

fn translated(
    found: &mut Lacks,
    field: &str,
    text: &FieldText,
    one: &Translation,
    body: &BodyTexts,
) {
    let transliterates = one.is_transliteration();
    let role = role_of(body.form, &text.field);
    if !role.text || !body.texts.contains_key(&text.field) {
        let message = "is no text of the body that is translated";
        return found.add(field, Need::FormTranslationField, message);
    }
    if transliterates && !role.name {
        let message = "is no name: a transliteration has nothing else";
        return found.add(field, Need::FormTransliteration, message);
    }
    if transliterates {
        found.required_line(field, Need::FormEmptyItem, &text.text);
        let latin = text.text.chars().all(is_latin_char);
        let message = "is not in Latin letters";
        found.add_if(!latin, field, Need::FormTransliteration, message);
    } else {
        found.required_text(field, Need::FormEmptyItem, &text.text);
    }
}

/// Whether a character may stand among Latin letters: these with their marks, the modifier letters
/// with which schemes write an ayn, and what is no letter.
pub(super) fn is_latin_char(c: char) -> bool {
    !c.is_alphabetic()
        || matches!(c, 'A'..='Z' | 'a'..='z' | '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{24f}'
        | '\u{250}'..='\u{2ff}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}')
}

/// Paths are said only where they are of the form of one: what stands there may be anything (I6).
pub(super) fn shown(field: &str) -> &str {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.[]".contains(&b);
    match !field.is_empty() && field.len() <= 128 && field.bytes().all(plain) {
        true => field,
        false => "(no path of a field)",
    }
}

/// The first few of a list: a body can have thousands.
fn some_of(missing: &[&str]) -> String {
    const TOLD: usize = 12;
    let told = missing[..missing.len().min(TOLD)].join(", ");
    match missing.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Why the other authority cannot read a body; `None` where it can, in the original or in a whole
/// translation. A transliteration has names only and counts for nothing.
pub(super) fn refused(
    target: &Target<'_>,
    translations: &[Translation],
    body: &BodyTexts,
) -> Option<String> {
    let translated = translations.iter().filter(|one| !one.is_transliteration());
    let (whole, part): (Vec<_>, Vec<_>) = translated.partition(|one| one.missing(body).is_empty());
    let mut offered = vec![body.language.as_str()];
    offered.extend(whole.iter().map(|one| one.language.as_str()));
    let message = target.refuses_languages(&offered)?;
    let in_part = part.iter().find(|one| target.refuses_languages(&[&one.language]).is_none());
    Some(match in_part {
        Some(one) => format!("{message}; the translation into {} is not whole", one.language),
        None => message,
    })
}

/// In files the texts are a table, from path to text. A list of field and text is read as well, and
/// written where a table could not have all of it: where a field stands there twice.
mod by_field {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        texts: &[FieldText],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let fields: BTreeSet<&str> = texts.iter().map(|one| one.field.as_str()).collect();
        match fields.len() < texts.len() {
            true => serializer.collect_seq(texts),
            false => serializer.collect_map(texts.iter().map(|one| (&one.field, &one.text))),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<FieldText>, D::Error> {
        deserializer.deserialize_any(Texts)
    }

    struct Texts;

    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<FieldText>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("texts by the paths of their fields")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::new();
            while let Some((field, text)) = map.next_entry()? {
                texts.push(FieldText { field, text });
            }
            Ok(texts)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }
}
