use super::*;

fn catalogue() -> Catalogue {
    Catalogue::read(
        r#"
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\n"

msgid "is missing"
msgstr "tidak ada"

msgid "subject"
msgstr "perihal"

msgid "{file} cannot be read"
msgstr "tidak dapat membaca {file}"

msgid "{file} cannot be read: it is {size} bytes too long"
msgstr "{file}: kelebihan {size} bita"

msgid "there is no such file"
msgstr "berkas tidak ada"

msgid "one line\nand another"
msgstr "satu baris\ndan satu lagi"

msgid "{more} errors"
msgstr "{more} galat"

msgid "no warnings"
msgstr "tidak ada peringatan"

msgid "{more} warnings"
msgstr "{more} peringatan"

msgid "not yet said"
msgstr ""
"#,
    )
}

#[test]
fn a_text_is_told_whole_or_by_its_parts_and_what_is_unknown_stays() {
    let catalogue = catalogue();
    for (english, said) in [
        ("is missing", "tidak ada"),
        ("subject: is missing", "subject: tidak ada"),
        ("a.toml: subject: is missing", "a.toml: subject: tidak ada"),
        ("a.toml cannot be read: is missing", "tidak dapat membaca a.toml: tidak ada"),
        ("x y cannot be read: it is 7 bytes too long", "x y: kelebihan 7 bita"),
        ("there is no such file cannot be read", "tidak dapat membaca berkas tidak ada"),
        ("is missing (NOT_THERE)", "tidak ada (NOT_THERE)"),
        ("subject: is missing (UNTOC 18(15)(f))", "subject: tidak ada (UNTOC 18(15)(f))"),
        ("is missing; x: is missing (why)", "tidak ada; x: tidak ada (why)"),
        // Not what "{size} warnings" would make of it.
        ("a.toml: 2 errors, no warnings", "a.toml: 2 galat, tidak ada peringatan"),
        ("is missing; there is no such file", "tidak ada; berkas tidak ada"),
        ("x: is missing\ny: is missing", "x: tidak ada\ny: tidak ada"),
        ("one line\nand another", "satu baris\ndan satu lagi"),
        ("not yet said", "not yet said"),
        ("a : b:c", "a : b:c"),
        ("", ""),
        ("subject", "perihal"),
    ] {
        assert_eq!(catalogue.told(english), said, "{english}");
    }
}

#[test]
fn a_text_of_very_many_parts_is_no_message_of_ours() {
    let long = "is missing: ".repeat(1000);
    assert_eq!(catalogue().told(&long), long);
}

#[test]
fn english_has_nothing_to_say_again() {
    assert_eq!(Catalogue::of(MessageLanguage::En).told("is missing"), "is missing");
}

#[test]
fn every_language_is_read() {
    for language in [MessageLanguage::Id, MessageLanguage::Th] {
        let catalogue = Catalogue::of(language);
        assert_ne!(catalogue.told("there are none"), "there are none", "{language:?}");
        assert!(!catalogue.templates.is_empty());
    }
}
