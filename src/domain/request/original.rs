//! Texts are in NFC (Unicode TR 15), so that what looks alike is alike. What was given otherwise is
//! kept beside it, byte for byte, and signed with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::finding::Lacks;
use super::texts::{json_of, visit};
use super::translation::{FieldText, shown};
use super::{Content, Need};

impl Content {
    /// The content with every text in NFC. Each that was not is in `originals` as it was given,
    /// under its path in the content, as in `request.facts_summary`.
    ///
    /// What cannot be put into NFC without becoming something else stays, and the check objects.
    #[must_use]
    pub fn normalised(self) -> Self {
        let mut value = json_of(&self);
        let mut originals = self.originals.clone();
        let known: BTreeSet<&str> = self.originals.iter().map(|one| one.field.as_str()).collect();
        for_texts(&mut value, &mut |path, text| {
            if is_nfc(text) {
                return;
            }
            let given = std::mem::take(text);
            *text = given.nfc().collect();
            if !known.contains(path) {
                originals.push(FieldText { field: path.to_owned(), text: given });
            }
        });
        if originals == self.originals {
            return self;
        }
        match serde_json::from_value::<Self>(value) {
            Ok(content) => Self { originals, ..content },
            Err(_) => self,
        }
    }

    /// What is not in NFC, and originals that are of nothing here.
    pub(super) fn fits_originals(&self, found: &mut Lacks) {
        let mut unfit = BTreeMap::new();
        for (number, original) in self.originals.iter().enumerate() {
            if let Some(twice) = unfit.insert(original.field.as_str(), number) {
                not_original(found, twice);
            }
        }
        for_texts(&mut json_of(self), &mut |path, text| {
            let message = "is not in the normal form C of Unicode";
            found.add_if(!is_nfc(text), shown(path), Need::FormNfc, message);
            let original = unfit.get(path).map(|number| &self.originals[*number].text);
            let fits = |given: &String| given != text && given.nfc().eq(text.chars());
            if original.is_some_and(fits) {
                unfit.remove(path);
            }
        });
        unfit.into_values().for_each(|number| not_original(found, number));
    }
}

fn not_original(found: &mut Lacks, number: usize) {
    let message = "is not what a text of this content was before it was put into NFC";
    found.add(&format!("originals[{number}]"), Need::FormOriginal, message);
}

/// Goes through every text of a content but the originals.
fn for_texts(content: &mut Value, see: &mut impl FnMut(&str, &mut String)) {
    if let Some(fields) = content.as_object_mut() {
        fields.remove("originals");
    }
    visit(content, &mut String::new(), see);
}
