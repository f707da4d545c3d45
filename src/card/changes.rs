//! What one card says otherwise than another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CardBody;

/// A field that two cards say differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path, as in `languages` or `log.keys`.
    pub field: String,
    /// What it was, as JSON; empty where it was absent.
    pub before: String,
    /// What it is, as JSON; empty where it is absent.
    pub after: String,
}

/// Every new card has another of these.
const ALWAYS: [&str; 2] = ["version", "issued"];

impl CardBody {
    /// The fields in which a card differs from one before it, by their paths. Lists are compared as
    /// a whole: what is in the one and not in the other is for the eye to see.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let (before, after) = (fields(before), fields(self));
        let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
        paths.sort();
        paths.dedup();
        let text = |of: &BTreeMap<String, Value>, path: &str| {
            of.get(path).map(Value::to_string).unwrap_or_default()
        };
        let change = |path: &String| Change {
            field: path.clone(),
            before: text(&before, path),
            after: text(&after, path),
        };
        let changed = paths.into_iter().filter(|path| !ALWAYS.contains(&path.as_str()));
        changed.map(change).filter(|change| change.before != change.after).collect()
    }
}

/// What is no table, by its path.
fn fields(body: &CardBody) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // A body is made of texts, numbers, lists and tables with words for keys: all are JSON.
    let value = serde_json::to_value(body).unwrap_or_default();
    gather("", value, &mut found);
    found
}

fn gather(path: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                gather(&path, part, found);
            }
        }
        other => {
            found.insert(path.to_owned(), other);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::card::tests::body;

    #[test]
    fn fields_that_differ_are_named_with_what_they_said() {
        let before = body();
        let mut after = before.clone();
        after.version = 2;
        after.languages.push("th".into());
        after.tls.ca = "eA==".into();
        after.witness_pq.clear();
        let changes = after.changes_since(&before);
        let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["languages", "tls.ca", "witness_pq"]);
        assert_eq!(
            (changes[0].before.as_str(), changes[0].after.as_str()),
            ("[\"en\"]", "[\"en\",\"th\"]")
        );
        assert_eq!(changes[2].after, "", "an empty one is absent");
        assert_eq!(before.changes_since(&before), []);
    }
}
