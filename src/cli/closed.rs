//! Words of closed lists, as the command line takes them.

use crate::domain::nearest::nearest;

/// That a word is none of those that there are, and which was meant.
pub(crate) fn none_of(given: &str, words: &[&str]) -> String {
    let all = words.join(", ");
    match nearest(given, words.iter().copied()) {
        Some(near) => format!("did you mean {near}? it is one of {all}"),
        None => format!("it is one of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::none_of;

    #[test]
    fn the_word_that_was_meant_comes_first() {
        assert_eq!(
            none_of("pear", &["peer", "kind"]),
            "did you mean peer? it is one of peer, kind"
        );
        assert_eq!(none_of("person", &["year", "kind"]), "it is one of year, kind");
    }
}
