//! Translations, names in Latin letters, the normal form, and characters that cannot be seen.

use super::*;
use crate::domain::MessageKind;

const BANK: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/requests/asean-mlat-bank-records.toml"
));

fn bank() -> MlaRequest {
    request_from_toml(BANK).expect("an example")
}

fn into(language: &str, texts: &[(&str, &str)]) -> Translation {
    let text = |(field, text): &(&str, &str)| FieldText {
        field: (*field).to_owned(),
        text: (*text).to_owned(),
    };
    let texts = texts.iter().map(text).collect();
    Translation { language: language.into(), texts, ..Translation::default() }
}

fn found_with(change: impl FnOnce(&mut Vec<Translation>)) -> Vec<(String, Need)> {
    let mut request = bank();
    change(&mut request.translations);
    request.check().into_iter().map(|one| (one.field, one.need)).collect()
}

type Change = fn(&mut Vec<Translation>);
const FAULTS: &[(&str, Change, &str, Need)] = &[
    (
        "unknown field",
        |t| t[1].texts = into("", &[("subjekt", "x")]).texts,
        "texts.subjekt",
        Need::FormTranslationField,
    ),
    (
        "a field that is no text",
        |t| t[1].texts = into("", &[("language", "th")]).texts,
        "texts.language",
        Need::FormTranslationField,
    ),
    (
        "a text that is not there",
        |t| t[1].texts = into("", &[("offences[2].title", "x")]).texts,
        "texts.offences[2].title",
        Need::FormTranslationField,
    ),
    (
        "free text for a path",
        |t| t[1].texts = into("", &[("Somebody’s name", "x")]).texts,
        "texts.(no path of a field)",
        Need::FormTranslationField,
    ),
    (
        "an empty text",
        |t| t[1].texts = into("", &[("stage", " ")]).texts,
        "texts.stage",
        Need::FormEmptyItem,
    ),
    (
        "a field twice",
        |t| t[1].texts = into("", &[("stage", "x"), ("stage", "y")]).texts,
        "texts.stage",
        Need::FormTranslationTwice,
    ),
    (
        "a language twice",
        |t| t[1].language = "EN".to_lowercase(),
        "language",
        Need::FormTranslationTwice,
    ),
    ("its own language", |t| t[1].language = "th".into(), "language", Need::FormTranslationSame),
    ("no tag", |t| t[1].language = "Indonesian".into(), "language", Need::FormLanguage),
    (
        "a package alone",
        |t| {
            t[2].package =
                crate::domain::PackageId::parse("01934f3e-0000-7000-8000-000000000001").ok();
        },
        "exhibit",
        Need::FormTranslationExhibit,
    ),
    ("a mere claim", |t| t[1].exhibit = None, "texts", Need::TranslationWhole),
    (
        "a text left out",
        |t| t[0].texts.retain(|one| one.field != "purpose"),
        "texts",
        Need::TranslationWhole,
    ),
    (
        "a name with a break",
        |t| t[2].texts[0].text = "a\nb".into(),
        "texts.competent_authority.name",
        Need::FormControl,
    ),
    (
        "a scheme without script",
        |t| t[2].language = "lo".into(),
        "language",
        Need::FormTransliteration,
    ),
    (
        "a name in its own letters",
        |t| t[2].texts[0].text = "สำนักงาน".into(),
        "texts.competent_authority.name",
        Need::FormTransliteration,
    ),
    (
        "prose in Latin letters",
        |t| t[2].texts = into("", &[("purpose", "x")]).texts,
        "texts.purpose",
        Need::FormTransliteration,
    ),
    (
        "too long",
        |t| t[0].texts[0].text = "x".repeat(TEXT_MAX_CHARS + 1),
        "texts.",
        Need::FormLength,
    ),
];

#[test]
fn one_fault_of_a_translation_is_found() {
    assert_eq!(found_with(|_| ()), []);
    for (what, change, field, need) in FAULTS {
        let found = found_with(change);
        let [(at, one)] = found.as_slice() else { panic!("{what}: {found:?}") };
        assert!(at.contains(field) && at.starts_with("translations["), "{what}: {at}");
        assert_eq!(one, need, "{what}");
    }
}

#[test]
fn a_translation_in_part_names_what_it_lacks() {
    let mut request = bank();
    request.translations[0]
        .texts
        .retain(|one| one.field != "purpose" && !one.field.contains("title"));
    let found = request.check();
    let message = &found[0].message;
    assert!(
        message.ends_with("it lacks offences[0].title, offences[1].title, purpose"),
        "{message}"
    );
    request.translations[0].texts.clear();
    let message = request.check()[0].message.clone();
    assert!(message.contains("subject") || message.ends_with("more"), "{message}");
}

#[test]
fn only_a_whole_translation_is_read() {
    let languages = ["en".to_owned()];
    let target = Target { languages: &languages, ..Target::default() };
    let needs = |request: &MlaRequest| -> Vec<Need> {
        request.check_for(&target).into_iter().map(|one| one.need).collect()
    };
    let mut request = bank();
    assert_eq!(needs(&request), []);
    request.translations[0].texts.pop();
    assert_eq!(needs(&request), [Need::TranslationWhole, Need::AcceptedLanguage]);
    let told = request.check_for(&target).pop().expect("found").message;
    assert!(told.ends_with("the translation into en is not whole"), "{told}");
    request.translations[0].exhibit = Some(1);
    assert_eq!(needs(&request), [], "the document has all of it");
    request.translations.remove(0);
    request.translations[1].language = "en-Latn".into();
    assert_eq!(needs(&request), [Need::AcceptedLanguage], "names are no translation");
}

#[test]
fn a_note_is_translated_beside_itself() {
    let note =
        Note { text: "Die Unterlagen sind da.".into(), language: "de".into(), ..Note::default() };
    let mut content = Content::note(MessageKind::StatusReport, note);
    let languages = ["en".to_owned()];
    let target = Target { languages: &languages, ..Target::default() };
    let needs = |content: &Content| -> Vec<Need> {
        content.check_for(&target).into_iter().map(|one| one.need).collect()
    };
    assert_eq!(needs(&content), [Need::NoteAcceptedLanguage]);
    content.translations = vec![into("en", &[("text", "The records are there.")])];
    assert_eq!(needs(&content), []);
    assert_eq!(content.readings("en")[0].text, "The records are there.");
    let shown = content.read_as(&content.readings("en-GB"));
    assert!(shown == Content { translations: Vec::new(), ..content.clone() }, "en is not en-GB");
    let request = Content {
        translations: content.translations,
        ..Content::request(MessageKind::Request, bank())
    };
    let found = request.check();
    assert_eq!((found[0].field.as_str(), found[0].need), ("translations", Need::FormElsewhere));
}

/// A framework update of one law in Thai and one in English.
fn two_laws(translations: Vec<Translation>) -> Content {
    let law = |reference: &str, language: &str| Statement {
        reference: reference.into(),
        title: "An Act".into(),
        text: "Section 1.".into(),
        language: language.into(),
        effective_from: "2027-01-01".into(),
        ..framework_statement()
    };
    let statements = vec![law("LAW-1", "th"), law("LAW-2", "en")];
    let body = Body::Framework(FrameworkUpdate { statements });
    Content { translations, ..Content::of(MessageKind::FrameworkUpdate, body) }
}

fn framework_statement() -> Statement {
    let text = "kind = \"FRAMEWORK_UPDATE\"\n[[framework.statements]]\nsubject = \"law\"";
    let Body::Framework(update) = content_from_toml(text).expect("a content").body else {
        panic!("a framework update")
    };
    update.statements.into_iter().next().expect("a statement")
}

#[test]
fn a_body_in_two_languages_is_translated_into_either() {
    let needs = |translations| -> Vec<(String, Need)> {
        let found = two_laws(translations).check();
        found.into_iter().map(|one| (one.field, one.need)).collect()
    };
    let title = |n: usize| format!("statements[{n}].title");
    let text = |n: usize| format!("statements[{n}].text");
    let of = |language: &str, n: usize| into(language, &[(&title(n), "x"), (&text(n), "x")]);
    assert_eq!(needs(vec![]), []);
    assert_eq!(needs(vec![of("th", 1), of("en", 0)]), [], "each of what the other says");
    let content = two_laws(vec![of("th", 1), of("en", 0)]);
    for wanted in ["th", "en"] {
        assert!(content.readings(wanted).iter().all(|one| one.is_wanted), "{wanted}");
    }
    let lacks = needs(vec![of("th", 0)]);
    let field = |end: &str| format!("translations[0].{end}");
    let known = |end: String| (field(&format!("texts.{end}")), Need::FormTranslationSame);
    assert_eq!(lacks, [known(title(0)), known(text(0)), (field("texts"), Need::TranslationWhole)]);
    assert_eq!(needs(vec![of("fr", 0)]), [(field("texts"), Need::TranslationWhole)]);
    let mut whole = of("fr", 0);
    whole.texts.extend(of("fr", 1).texts);
    assert_eq!(needs(vec![whole]), []);
}

#[test]
fn the_texts_of_a_translation_are_a_table_in_files() {
    let translation = &bank().translations[2];
    let json = serde_json::to_value(translation).expect("JSON");
    assert_eq!(
        json["texts"]["requesting_authority.signer"],
        "Athibodi Aiyakan, Samnakngan Tang Prathet"
    );
    let twice = into("en", &[("text", "a"), ("text", "b")]);
    let json = serde_json::to_string(&twice).expect("JSON");
    assert!(json.contains("[{"), "{json}");
    assert!(serde_json::from_str::<Translation>(&json).expect("read") == twice);
    assert!(serde_json::from_str::<Translation>(r#"{"texts": 5}"#).is_err());
}

#[test]
fn texts_become_nfc_and_what_was_given_is_kept() {
    let given = "Re\u{301}quisitoire";
    let mut request = bank();
    request.stage = given.into();
    request.translations[0].texts[0].text = given.into();
    let content = Content::request(MessageKind::Request, request.clone());
    let needs: Vec<Need> = content.check().into_iter().map(|one| one.need).collect();
    assert_eq!(
        needs,
        [Need::FormNfc, Need::FormNfc],
        "not in the form, and nobody has put it there"
    );
    let content = content.normalised();
    assert_eq!(content.check(), []);
    let fields: Vec<&str> = content.originals.iter().map(|one| one.field.as_str()).collect();
    let translated =
        format!("request.translations[0].texts.{}", request.translations[0].texts[0].field);
    assert_eq!(fields, ["request.stage", translated.as_str()]);
    assert!(content.originals.iter().all(|one| one.text == given));
    let Body::Request(request) = &content.body else { panic!("a request") };
    assert_eq!(request.stage, "Réquisitoire");
    assert!(content.clone().normalised() == content);
}

#[test]
fn an_original_is_of_a_text_that_is_there() {
    let note = Note { text: "é".into(), language: "fr".into(), ..Note::default() };
    let content = Content::note(MessageKind::StatusReport, note);
    let with = |originals: &[(&str, &str)]| {
        let originals = into("", originals).texts;
        let found = Content { originals, ..content.clone() }.check();
        found.into_iter().map(|one| (one.field, one.need)).collect::<Vec<_>>()
    };
    assert_eq!(with(&[("note.text", "e\u{301}")]), []);
    let faults: &[&[(&str, &str)]] = &[
        &[("note.text", "é")],
        &[("note.text", "e\u{300}")],
        &[("note.nothing", "e\u{301}")],
        &[("note.text", "e\u{301}"), ("note.text", "e\u{301}")],
    ];
    for fault in faults {
        assert_eq!(with(fault), [("originals[0]".into(), Need::FormOriginal)], "{fault:?}");
    }
}

#[test]
fn a_line_has_no_character_that_cannot_be_seen() {
    for (text, hidden) in [
        ("a\u{202e}b", Some("U+202E, an override")),
        ("a\u{2066}b\u{2069}", Some("U+2066, an isolate")),
        ("a\u{200b}b", Some("U+200B, a space")),
        ("a\u{e0041}b", Some("U+E0041, an invisible tag")),
        ("می\u{200c}خواهم", None),
        ("עברית\u{200f}!", None),
    ] {
        let mut request = bank();
        request.stage = text.into();
        let found = request.check();
        match hidden {
            None => assert_eq!(found, [], "{text:?}"),
            Some(told) => {
                assert_eq!((found.len(), found[0].need), (1, Need::FormInvisible), "{text:?}");
                assert!(found[0].message.contains(told), "{}", found[0].message);
            }
        }
    }
    let mut request = bank();
    request.purpose = "a\u{2067}عربي\u{2069}\u{200b}b".into();
    assert_eq!(request.check(), [], "paragraphs may mark a run of another direction");
    request.purpose.push('\u{202d}');
    assert_eq!(request.check()[0].need, Need::FormInvisible);
}
