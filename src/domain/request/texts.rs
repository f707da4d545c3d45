//! Which fields of a body are texts: what a translation has to have, and what it may have.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, Form};

/// The texts of one form of body, as paths with `[]` for any entry of a list.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TextTable {
    needed: Vec<String>,
    other: Vec<String>,
    names: Vec<String>,
}

static TABLES: LazyLock<BTreeMap<String, TextTable>> = LazyLock::new(|| {
    toml::from_str(include_str!("rules/texts.toml"))
        .expect("the table that is built in can be read: a test does")
});

/// What a field of a body is to whoever translates it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TextRole {
    /// A whole translation has it.
    pub(super) needed: bool,
    /// A translation may have it.
    pub(super) text: bool,
    /// A transliteration may have it.
    pub(super) name: bool,
}

/// What the field at a path is, as in `offences[0].title`.
pub(super) fn role_of(form: Form, path: &str) -> TextRole {
    let Some(table) = TABLES.get(form.as_str()) else { return TextRole::default() };
    let pattern = pattern(path);
    let among = |list: &[String]| list.contains(&pattern);
    let (needed, name) = (among(&table.needed), among(&table.names));
    TextRole { needed, text: needed || name || among(&table.other), name }
}

/// A path without the numbers of its entries.
fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside && c.is_ascii_digit() => continue,
            _ => {}
        }
        pattern.push(c);
    }
    pattern
}

/// Something of a content as a file has it.
pub(super) fn json_of(part: &impl Serialize) -> Value {
    // Nothing in a content fails to be JSON: its keys are all texts.
    serde_json::to_value(part).unwrap_or_default()
}

impl Body {
    /// Its texts that are there, by their paths.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let value = match self {
            Self::Request(request) => json_of(request),
            Self::Framework(framework) => json_of(framework),
            Self::Referral(referral) => json_of(referral),
            Self::VoluntaryReturn(going) => json_of(going),
            Self::Hearing(body) => json_of(body),
            Self::TransferRequest(body) => json_of(body),
            Self::TransferConsent(body) => json_of(body),
            Self::TransferReturn(body) => json_of(body),
            Self::SafeConduct(body) => json_of(body),
            Self::Costs(body) => json_of(body),
            Self::Extradition(body) => json_of(body),
            Self::Protection(body) => json_of(body),
            Self::NationalityQuery(body) => json_of(body),
            Self::NationalityAnswer(body) => json_of(body),
            Self::Note(note) => json_of(note),
            // Figures and words of a list: every language has them.
            Self::Statistics(_) => Value::Null,
        };
        texts_of(self.form(), value)
    }
}

/// The texts of a body of a form that are there, by their paths.
pub(super) fn texts_of(form: Form, mut body: Value) -> BTreeMap<String, String> {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("translations");
    }
    let mut texts = BTreeMap::new();
    visit(&mut body, &mut String::new(), &mut |path, text| {
        if role_of(form, path).text && !text.trim().is_empty() {
            texts.insert(path.to_owned(), std::mem::take(text));
        }
    });
    texts
}

/// Goes through every string of a value with its path.
pub(super) fn visit(value: &mut Value, path: &mut String, see: &mut impl FnMut(&str, &mut String)) {
    walk(value, path, &mut |path, value| {
        if let Value::String(text) = value {
            see(path, text);
        }
        true
    });
}

/// Shows a value and everything in it with its path, the outer before the inner; what is in it only where
/// that is wanted.
pub(super) fn walk(
    value: &mut Value,
    path: &mut String,
    see: &mut impl FnMut(&str, &mut Value) -> bool,
) {
    let length = path.len();
    if !see(path, value) {
        return;
    }
    match value {
        Value::Array(entries) => {
            for (number, entry) in entries.iter_mut().enumerate() {
                path.push_str(&format!("[{number}]"));
                walk(entry, path, see);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                walk(field, path, see);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_path_is_found_by_its_pattern() {
        let of = |path| role_of(Form::Request, path);
        assert!(of("offences[12].title").needed && of("assistance[0].questions[3]").needed);
        assert!(of("stage").text && !of("stage").needed);
        assert!(of("requesting_authority.name").name && !of("requesting_authority.name").needed);
        for path in ["language", "persons[0].ref", "offences[0]", "offences[x].title", ""] {
            assert_eq!(of(path), TextRole::default(), "{path}");
        }
    }

    #[test]
    fn every_table_is_that_of_a_form() {
        let of = |kind: &crate::domain::MessageKind| Form::of(*kind).as_str();
        let forms: BTreeSet<&str> = crate::domain::MessageKind::ALL.iter().map(of).collect();
        let tables: BTreeSet<&str> = TABLES.keys().map(String::as_str).collect();
        let without: Vec<_> = forms.symmetric_difference(&tables).collect();
        assert_eq!(without, [&Form::Statistics.as_str()], "it has no text");
    }
}
