//! Lists that are longer than any may be. They are found before anything else is looked at: checks
//! compare entries with each other, and nobody is to make them do so half a million times (I7).

use serde_json::Value;

use super::finding::Lacks;
use super::texts::{json_of, walk};
use super::{Content, LIST_MAX, Need, TRANSLATED_MAX};

impl Content {
    /// Finds the lists that are too long; true where there is one. What is in them is not looked at.
    pub(super) fn has_too_long_lists(&self, found: &mut Lacks) -> bool {
        let mut any = false;
        walk(&mut json_of(self), &mut String::new(), &mut |list, value| {
            let most = most_of(list);
            let entries = match value {
                Value::Array(entries) => entries.len(),
                // Texts by their paths are written as a table.
                Value::Object(fields) if most == TRANSLATED_MAX => fields.len(),
                _ => 0,
            };
            let is_too_long = entries > most;
            if is_too_long {
                found.add(list, Need::FormCount, &format!("has more than {most} entries"));
            }
            any |= is_too_long;
            !is_too_long
        });
        any
    }
}

/// How many entries a list may have. Originals are as many as there are texts, and are gone through
/// once; the lines of a return have their own rule.
fn most_of(list: &str) -> usize {
    match list {
        "statistics.lines" | "originals" => usize::MAX,
        texts if texts.ends_with("].texts") => TRANSLATED_MAX,
        _ => LIST_MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::MessageKind;
    use crate::domain::request::translation::{FieldText, Translation};
    use crate::domain::request::{Note, Severity};

    fn note() -> Note {
        Note { text: "x".into(), language: "en".into(), ..Note::default() }
    }

    fn told(content: &Content) -> Vec<(String, String)> {
        content.check().into_iter().map(|one| (one.field, one.message)).collect()
    }

    /// Nothing of it is compared with anything: a quarter of a million entries are one finding.
    #[test]
    fn a_list_that_is_far_too_long_is_one_error_and_not_gone_through() {
        let conditions = vec![String::new(); 250_000];
        let long = Content::note(MessageKind::StatusReport, Note { conditions, ..note() });
        let found = long.check();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].field.as_str(), found[0].severity),
            ("note.conditions", Severity::Error)
        );
        assert_eq!(found[0].message, format!("has more than {LIST_MAX} entries"));
    }

    #[test]
    fn translated_texts_have_their_own_bound_in_either_form() {
        for field in [|_: usize| "a".to_owned(), |n: usize| format!("a{n}")] {
            let texts = (0..=TRANSLATED_MAX)
                .map(|n| FieldText { field: field(n), text: "b".into() })
                .collect();
            let one = Translation { language: "th".into(), texts, ..Translation::default() };
            let content = Content::note(MessageKind::StatusReport, note());
            let found = told(&Content { translations: vec![one], ..content });
            let message = format!("has more than {TRANSLATED_MAX} entries");
            assert_eq!(found, [("translations[0].texts".to_owned(), message)]);
        }
    }

    #[test]
    fn what_is_said_twice_is_told_once() {
        let conditions = vec![String::new(); LIST_MAX];
        let content = Content::note(MessageKind::StatusReport, Note { conditions, ..note() });
        let found = told(&content);
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), found.len());
    }
}
