//! Texts that stand in many messages, kept once.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A text of [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

/// Texts by number: a state with millions of messages names few peers and codes.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    numbers: BTreeMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// The text's number, a new one where it has none.
    pub(super) fn of(&mut self, text: &str) -> Name {
        if let Some(name) = self.get(text) {
            return name;
        }
        let text: Arc<str> = text.into();
        let count = u32::try_from(self.texts.len());
        let name =
            Name(count.expect("every text came in an entry of its own, and 2^32 do not fit"));
        self.texts.push(text.clone());
        self.numbers.insert(text, name);
        name
    }

    /// The text's number, if it has one.
    pub(super) fn get(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, name: Name) -> &str {
        &self.texts[name.0 as usize]
    }
}
