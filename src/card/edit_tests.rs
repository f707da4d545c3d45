use super::*;
use crate::card::tests::body;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

#[test]
fn what_is_not_said_stays() {
    let edit = CardEdit::parse("languages = [\"th\", \"en\"]\nname = \"Another\"").expect("sound");
    let (before, now) = (body(), at(2_000));
    let after = edit.apply(&before, now).expect("a change");
    assert_eq!((after.version, after.issued), (before.version + 1, now));
    assert_eq!(after.languages, ["th", "en"]);
    assert_eq!(after.name, "Another");
    let back = CardBody { languages: before.languages.clone(), name: before.name.clone(), ..after };
    let back = CardBody { version: before.version, issued: before.issued, ..back };
    assert_eq!(back, before);
}

#[test]
fn nothing_new_is_no_new_version() {
    for same in ["", "name = \"Office of the Attorney General\"", "functions = [\"mla\"]"] {
        let edit = CardEdit::parse(same).expect("sound");
        assert_eq!(edit.apply(&body(), at(2_000)), None, "{same}");
    }
}

#[test]
fn keys_that_end_with_the_card_end_with_the_next_one() {
    let mut before = body();
    before.signing[0].until = before.expires;
    let edit = CardEdit { expires: Some(at(90_000)), ..CardEdit::default() };
    let after = edit.apply(&before, at(2_000)).expect("a change");
    assert_eq!(after.signing[0].until, at(90_000));
    assert_eq!(after.signing[1].until, before.signing[1].until, "it ends for itself");
}

#[test]
fn a_broken_file_is_told_with_its_line() {
    for (file, line) in [
        ("name = \"a\"\nversion = 7", 2),
        ("root = \"x\"", 1),
        ("\n\nlanguages = \"th\"", 3),
        ("kind = \"state\"", 1),
    ] {
        let error = CardEdit::parse(file).expect_err(file);
        assert!(error.to_string().starts_with(&format!("line {line}: ")), "{file}: {error}");
    }
    let long = format!("# {}", "x".repeat(CARD_MAX_BYTES));
    assert_eq!(CardEdit::parse(&long), Err(CardEditError::TooLarge));
}

#[test]
fn the_example_is_one() {
    let file =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/directory/card-changes.toml"));
    let edit = CardEdit::parse(file).expect("an example");
    let body = edit.apply(&body(), at(2_000)).expect("a change");
    assert_eq!(body.check(), Ok(()));
    assert_eq!(body.profile.conventions.len(), 3);
}
