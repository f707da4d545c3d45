//! The known word that somebody meant who wrote another.

use std::borrow::Cow;

/// As alike as two words must be, of 1.0: `subjekt` and `subject` are, `inquest` and `status` are not.
const ALIKE: f64 = 0.8;
/// Whoever gives a part of a word with so many bytes means it: `acknowledgement`.
const PART: usize = 5;
/// Letters in which a misspelt word differs from the one that was meant.
const MISSPELT: usize = 2;
/// No known word has more characters; what is longer is no misspelling, and costs time to compare.
const LONGEST: usize = 64;

/// Of these words the one that is most like what was given, if any is like it. Case, and whether
/// `-` or `_` stands between words, makes no difference.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.chars().count() > LONGEST {
        return None;
    }
    let given = plain(given);
    let alike = known.into_iter().map(|word| (likeness(&given, &plain(word)), word));
    let best = alike.filter(|(alike, _)| *alike >= ALIKE);
    best.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, word)| word)
}

/// Of these words the one that was misspelt: at most two letters are other ones, or there are so many
/// more or less.
pub fn misspelt<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.chars().count() > LONGEST {
        return None;
    }
    let given = plain(given);
    let edits =
        known.into_iter().map(|word| (strsim::damerau_levenshtein(&given, &plain(word)), word));
    edits
        .filter(|(edits, _)| *edits <= MISSPELT)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

fn likeness(given: &str, word: &str) -> f64 {
    let is_part = given.len() >= PART && word.contains(given);
    strsim::jaro(given, word).max(if is_part { ALIKE } else { 0.0 })
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// What a format's reader says of a word that it does not know, with the one that was meant in the
/// place of all that there are. Whatever else it says stays as it is.
pub fn with_nearest(problem: &str) -> Cow<'_, str> {
    let meant = |start| {
        let (given, known) = problem.strip_prefix(start)?.split_once("`, expected ")?;
        Some((given, nearest(given, known.split('`').skip(1).step_by(2))?))
    };
    match (meant("unknown field `"), meant("unknown variant `")) {
        (Some((given, near)), _) => {
            Cow::Owned(format!("unknown field `{given}`: did you mean `{near}`?"))
        }
        (None, Some((given, near))) => {
            Cow::Owned(format!("unknown word `{given}`: did you mean `{near}`?"))
        }
        (None, None) => Cow::Borrowed(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["subject", "stage", "CASE_ACKNOWLEDGEMENT", "STATUS_REPORT"];

    #[test]
    fn a_misspelt_word_has_a_nearest_one_and_another_has_none() {
        for (given, meant) in [
            ("subjekt", Some("subject")),
            ("Subject", Some("subject")),
            ("acknowledgement", Some("CASE_ACKNOWLEDGEMENT")),
            ("status-raport", Some("STATUS_REPORT")),
            ("LETTER", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, KNOWN), meant, "{given:?}");
        }
        assert_eq!(nearest(&"subject".repeat(40), KNOWN), None);
        assert_eq!(nearest("subject", []), None);
    }

    #[test]
    fn what_readers_say_of_unknown_words_is_made_short() {
        for (problem, told) in [
            (
                "unknown field `subjekt`, expected one of `stage`, `subject`",
                "unknown field `subjekt`: did you mean `subject`?",
            ),
            (
                "unknown variant `rutine`, expected `routine` or `urgent`",
                "unknown word `rutine`: did you mean `routine`?",
            ),
        ] {
            assert_eq!(with_nearest(problem), told);
        }
        for other in ["unknown field `x`, expected `stage`", "unknown field `x`", "missing field"] {
            assert_eq!(with_nearest(other), other);
        }
    }

    #[test]
    fn a_misspelt_code_is_told_from_another_one() {
        const CODES: [&str; 3] = ["ESSENTIAL_INTERESTS", "MILITARY", "NO_RECIPROCITY_UNDERTAKING"];
        assert_eq!(misspelt("ESSENTIAL_INTEREST", CODES), Some("ESSENTIAL_INTERESTS"));
        assert_eq!(misspelt("militray", CODES), Some("MILITARY"));
        for other in ["NO_RECIPROCITY", "TREATY_7_2", "", &"MILITARY".repeat(40)] {
            assert_eq!(misspelt(other, CODES), None, "{other}");
        }
    }
}
