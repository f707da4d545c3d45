//! The annex of a message: who its persons are. It is sealed where it is written, to named officials
//! of the other authority, and no node ever reads it.

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::translation::is_latin_char;
use super::{Need, PersonFault, opaque_debug};
use crate::domain::limits::{ANNEX_MAX_BYTES, ANNEX_PERSONS_MAX};

/// The particulars of persons of a message.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Annex {
    /// One for each person.
    pub persons: Vec<Particulars>,
}

/// Who a person is. What is not known is left out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Particulars {
    /// How the message refers to the person, as in `P1`. Called `ref` in files.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The names that the person has or goes by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<PersonName>,
    /// Day of birth, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub born: String,
    /// ISO 3166-1 alpha-2, upper case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nationality: String,
    /// Passports and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<IdentityDocument>,
    /// Where the person is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// How to reach the person, and whom to ask for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contact: String,
    /// What the person needs to be safe: Trafficking Protocol 6(3)-(5), UNTOC 24(2).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protection: String,
    /// Whatever else the officials must know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// A name, as it is written and as it is read by who cannot read that. Each spelling in which the
/// person is known is one of the person's names.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonName {
    /// As it is written.
    pub text: String,
    /// The script that it is written in, ISO 15924, as in `Thai`, `Arab`, `Hans` or `Latn`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub script: String,
    /// In Latin letters, where it is written in others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transliteration: String,
    /// How those were found, as in `RTGS`, `ISO 233`, `Pinyin` or `passport`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// The part of the text that is the family's name, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// The part of the text that is the person's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given: String,
    /// Which of the two is said first, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<NameOrder>,
    /// Its language, BCP 47.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
}

/// Which part of a name is said first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOrder {
    /// The family's, as in Chinese or Vietnamese.
    FamilyFirst,
    /// The person's own, as in Thai or English.
    GivenFirst,
}

/// A document that says who somebody is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityDocument {
    /// What it is, as in `passport`. Called `type` in files.
    #[serde(rename = "type")]
    pub document_type: String,
    /// Its number.
    pub number: String,
    /// The country that issued it: ISO 3166-1 alpha-2, upper case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
}

opaque_debug!(Annex, IdentityDocument, Particulars, PersonName);

/// Why a file is no annex. It says where and never what: whoever is told may not be one of the
/// officials (I6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAnnex {
    /// The file can be no annex.
    #[error("the file has more than {ANNEX_MAX_BYTES} bytes, and so can be no annex")]
    TooLarge,
    /// It is broken there.
    #[error("line {line}, column {column}: the file is no {format} there")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// JSON or TOML.
        format: &'static str,
    },
    /// A field or a value there is none of an annex.
    #[error("line {line}, column {column}: an annex has no such field or value there")]
    Form {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

impl Annex {
    /// Reads an annex from JSON.
    ///
    /// # Errors
    /// [`UnreadableAnnex`].
    pub fn from_json(file: &str) -> Result<Self, UnreadableAnnex> {
        check_size(file)?;
        serde_json::from_str(file).map_err(|error| {
            let (line, column) = (error.line().max(1), error.column().max(1));
            match error.is_data() {
                true => UnreadableAnnex::Form { line, column },
                false => UnreadableAnnex::Syntax { line, column, format: "JSON" },
            }
        })
    }

    /// Reads an annex from TOML, with the same fields as JSON.
    ///
    /// # Errors
    /// [`UnreadableAnnex`].
    pub fn from_toml(file: &str) -> Result<Self, UnreadableAnnex> {
        check_size(file)?;
        let place = |error: &toml::de::Error| {
            let before = file.get(..error.span().map_or(0, |span| span.start)).unwrap_or("");
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            (before.matches('\n').count() + 1, column)
        };
        let table: toml::Table = toml::from_str(file).map_err(|error| {
            let (line, column) = place(&error);
            UnreadableAnnex::Syntax { line, column, format: "TOML" }
        })?;
        drop(table);
        toml::from_str(file).map_err(|error| {
            let (line, column) = place(&error);
            UnreadableAnnex::Form { line, column }
        })
    }

    /// The references of its persons, in their order.
    pub fn refs(&self) -> Vec<String> {
        self.persons.iter().map(|person| person.reference.clone()).collect()
    }

    /// Everything that is wrong with it as the annex of a body that speaks of these persons; `None`
    /// where the body has no field for them. Fields are called `persons[0].…`; nothing that is in them is quoted.
    pub fn check(&self, spoken_of: Option<&[&str]>) -> Vec<PersonFault> {
        let persons = &self.persons;
        if !(1..=ANNEX_PERSONS_MAX).contains(&persons.len()) {
            let message = format!("are not 1 to {ANNEX_PERSONS_MAX}");
            return vec![PersonFault { field: "persons".into(), paragraph: FORM, message }];
        }
        let mut lacks = Lacks::default();
        lacks.each("persons", persons, particulars);
        let lacks = lacks.into_list().into_iter();
        let mut found: Vec<PersonFault> =
            lacks.map(|lack| person_fault(lack.field, FORM, &lack.message)).collect();
        for (number, person) in persons.iter().enumerate() {
            let (field, reference) = (format!("persons[{number}].ref"), &person.reference);
            if persons[..number].iter().any(|other| other.reference == *reference) {
                found.push(person_fault(field.clone(), FORM, "stands there twice"));
            }
            let known = spoken_of.is_none_or(|all| all.contains(&reference.as_str()));
            if !known {
                let message = "is the ref of no person of the message";
                found.push(person_fault(field, "UNTOC 18(15)(e)", message));
            }
        }
        found
    }
}

const FORM: &str = "form";

fn person_fault(field: String, paragraph: &'static str, message: &str) -> PersonFault {
    PersonFault { field, paragraph, message: message.to_owned() }
}

fn check_size(file: &str) -> Result<(), UnreadableAnnex> {
    match file.len() > ANNEX_MAX_BYTES {
        true => Err(UnreadableAnnex::TooLarge),
        false => Ok(()),
    }
}

fn particulars(found: &mut Lacks, person: &Particulars) {
    found.required("ref", Need::FormEmptyItem, &person.reference);
    found.code("ref", &person.reference);
    found.each("names", &person.names, |found, name| {
        person_name(found, name);
    });
    found.date("born", &person.born);
    found.country("nationality", &person.nationality);
    found.each("documents", &person.documents, |found, document| {
        found.required_line("type", Need::FormEmptyItem, &document.document_type);
        found.required_line("number", Need::FormEmptyItem, &document.number);
        found.country("country", &document.country);
    });
    found.text("location", &person.location);
    found.text("contact", &person.contact);
    found.text("protection", &person.protection);
    found.text("notes", &person.notes);
}

fn person_name(found: &mut Lacks, name: &PersonName) {
    found.required_line("text", Need::FormEmptyItem, &name.text);
    let script = &name.script;
    let is_script = script.len() == 4 && script.bytes().all(|b| b.is_ascii_alphabetic());
    let message = "is not four letters of ISO 15924, as in Thai, Arab or Latn";
    found.add_if(!script.is_empty() && !is_script, "script", Need::FormLanguage, message);
    found.line("transliteration", &name.transliteration);
    let latin = name.transliteration.chars().all(is_latin_char);
    let message = "is not in Latin letters";
    found.add_if(!latin, "transliteration", Need::FormTransliteration, message);
    found.line("scheme", &name.scheme);
    let schemeless = !name.scheme.is_empty() && name.transliteration.is_empty();
    let message = "is that of a transliteration, and there is none";
    found.add_if(schemeless, "scheme", Need::FormTransliteration, message);
    for (field, part) in [("family", &name.family), ("given", &name.given)] {
        let foreign = !name.text.contains(part.as_str());
        found.add_if(foreign, field, Need::FormPart, "is no part of the text of the name");
    }
    let whole = !name.family.is_empty() && !name.given.is_empty();
    let message = "is that of a family's and a given name, and one of them is missing";
    found.add_if(name.order.is_some() && !whole, "order", Need::FormPart, message);
    found.language("language", &name.language);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::content_from_toml;

    const EXAMPLE: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/annex-surveillance.toml"));

    fn fields(annex: &Annex, request: Option<&[&str]>) -> Vec<String> {
        annex.check(request).into_iter().map(|one| one.field).collect()
    }

    #[test]
    fn the_example_fits_its_request() {
        let request = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/request-surveillance.toml"
        ));
        let request = content_from_toml(request).expect("an example");
        let persons = request.body.persons().expect("a request has persons");
        let annex = Annex::from_toml(EXAMPLE).expect("an example");
        assert_eq!(fields(&annex, Some(&persons)), Vec::<String>::new());
        let json = serde_json::to_string(&annex).expect("JSON");
        assert!(Annex::from_json(&json).expect("the same form") == annex);
    }

    #[test]
    fn every_rule_has_a_field() {
        let annex = Annex::from_json(
            r#"{"persons":[{"ref":"P1","born":"1 May","nationality":"xb","names":[{}],
                "documents":[{"type":"passport"}]},{"ref":"P1"},{"ref":"mary"}]}"#,
        );
        let expected = [
            "persons[0].names[0].text",
            "persons[0].born",
            "persons[0].nationality",
            "persons[0].documents[0].number",
            "persons[2].ref",
            "persons[1].ref",
        ];
        assert_eq!(fields(&annex.expect("of the form"), None), expected);
        assert_eq!(fields(&Annex::default(), None), ["persons"]);
        let persons = vec![Particulars { reference: "P1".into(), ..Default::default() }];
        let annex = Annex { persons };
        assert_eq!(fields(&annex, Some(&[])), ["persons[0].ref"]);
    }

    #[test]
    fn a_name_has_parts_of_itself_in_latin_letters_too() {
        let faults = |name: &str| {
            let json = format!(r#"{{"persons":[{{"ref":"P1","names":[{name}]}}]}}"#);
            fields(&Annex::from_json(&json).expect("of the form"), None)
        };
        let fine = r#"{"text":"陈 小明","script":"Hans","transliteration":"Chén Xiǎomíng",
            "scheme":"Pinyin","family":"陈","given":"小明","order":"family_first","language":"zh"}"#;
        assert_eq!(faults(fine), Vec::<String>::new());
        for (name, field) in [
            (r#"{"text":"陈","script":"Chinese"}"#, "script"),
            (r#"{"text":"陈","transliteration":"陈"}"#, "transliteration"),
            (r#"{"text":"陈","scheme":"Pinyin"}"#, "scheme"),
            (r#"{"text":"陈","family":"李"}"#, "family"),
            (r#"{"text":"陈","family":"陈","order":"family_first"}"#, "order"),
            ("{\"text\":\"a\u{202e}b\"}", "text"),
        ] {
            assert_eq!(faults(name), [format!("persons[0].names[0].{field}")], "{name}");
        }
        let unknown = Annex::from_json(r#"{"persons":[{"names":[{"order":"any"}]}]}"#);
        assert!(matches!(unknown, Err(UnreadableAnnex::Form { .. })));
    }

    #[test]
    fn an_error_never_says_what_is_in_the_file() {
        let secret = "Canary Name";
        let files = [
            format!("{{\"persons\":[{{\"{secret}\":1}}]}}"),
            format!("{{\"persons\":[{{\"names\":\"{secret}\"}}]}}"),
            format!("{{\"persons\": {secret}"),
            format!("{{\"persons\":[{{\"ref\":\"P1\",\"born\":\"{secret}\"}}]}}"),
        ];
        for file in files {
            let told = match Annex::from_json(&file) {
                Err(error) => format!("{error} {error:?}"),
                Ok(annex) => format!("{:?} {annex:?}", annex.check(None)),
            };
            assert!(!told.contains("Canary") && !told.is_empty(), "{told}");
        }
        for file in [format!("[[persons]]\n{secret} = 1"), format!("[[persons]]\nborn = {secret}")]
        {
            let told = Annex::from_toml(&file).expect_err("no annex").to_string();
            assert!(told.starts_with("line 2") && !told.contains("Canary"), "{told}");
        }
        let unknown = Annex::from_toml("[[persons]]\nnickname = \"Canary\"").expect_err("no field");
        assert_eq!(unknown, UnreadableAnnex::Form { line: 2, column: 1 });
        assert_eq!(
            Annex::from_json(&" ".repeat(ANNEX_MAX_BYTES + 1)),
            Err(UnreadableAnnex::TooLarge)
        );
    }
}
