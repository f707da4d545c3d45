//! Words of closed lists, as the command line takes them.

use crate::domain::nearest::{misspelt, nearest};

/// That a word is none of those that there are, and which was meant.
pub(crate) fn none_of(given: &str, words: &[&str]) -> String {
    let all = words.join(", ");
    match nearest(given, words.iter().copied()) {
        Some(near) => format!("did you mean {near}? it is one of {all}"),
        None => format!("it is one of {all}"),
    }
}

/// Refuses a word that is all but a known one. Of an open list others may be used, and what is sent or
/// logged with a misspelt one stays.
pub(crate) fn not_misspelt<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    match misspelt(given, known) {
        Some(word) if word != given => Err(format!("did you mean {word}?")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_an_open_list_is_a_known_one_or_quite_another() {
        for sound in ["COURT_ORDER", "ARTICLE_17"] {
            assert_eq!(not_misspelt(sound, ["COURT_ORDER", "AUDIT"]), Ok(()));
        }
        let refused = not_misspelt("COURT_ODER", ["COURT_ORDER", "AUDIT"]);
        assert_eq!(refused, Err("did you mean COURT_ORDER?".to_owned()));
    }

    #[test]
    fn the_word_that_was_meant_comes_first() {
        assert_eq!(
            none_of("pear", &["peer", "kind"]),
            "did you mean peer? it is one of peer, kind"
        );
        assert_eq!(none_of("person", &["year", "kind"]), "it is one of year, kind");
    }
}
