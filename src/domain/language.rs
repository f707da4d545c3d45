//! Language tags (BCP 47) and the ranges that authorities publish (RFC 4647).

/// Bytes of a language tag: RFC 5646 section 4.4.1 says that 35 are enough for any.
pub const LANGUAGE_MAX_BYTES: usize = 35;

/// Whether a text is a language and its subtags as BCP 47 writes them: the shape, not the registry.
pub fn is_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or("");
    let primary_ok =
        (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    let subtag_ok =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= LANGUAGE_MAX_BYTES && primary_ok && subtags.all(subtag_ok)
}

/// Whether a range has a tag in it: basic filtering of RFC 4647 section 3.3.1. `zh` has `zh-Hant`,
/// and not the other way round.
pub fn range_has(range: &str, tag: &str) -> bool {
    let head = tag.get(..range.len()).is_some_and(|head| head.eq_ignore_ascii_case(range));
    head && (tag.len() == range.len() || tag.as_bytes()[range.len()] == b'-')
}

/// Whether two tags are the same: their case says nothing (RFC 5646 section 2.1.1).
pub fn same_tag(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether a tag says that the text is in Latin letters, as `th-Latn` does: the script is the
/// subtag of four letters before any extension (RFC 5646 section 2.2.3).
pub fn is_latin(tag: &str) -> bool {
    let before_extension = tag.split('-').skip(1).take_while(|subtag| subtag.len() > 1);
    before_extension.into_iter().any(|subtag| subtag.eq_ignore_ascii_case("Latn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_variants() {
        for (range, tag, is_in) in [
            ("en", "en", true),
            ("en", "en-GB", true),
            ("EN", "en-gb", true),
            ("zh", "zh-Hant", true),
            ("zh-Hant", "zh", false),
            ("zh-Hant", "zh-Hans", false),
            ("en", "enm", false),
            ("th", "", false),
            ("", "th", false),
            ("é", "e", false),
        ] {
            assert_eq!(range_has(range, tag), is_in, "{range} {tag}");
        }
    }

    #[test]
    fn tags_have_the_shape_of_bcp_47() {
        for (tag, is_one) in [
            ("th", true),
            ("zh-Hant", true),
            ("th-Latn-t-th-m0-bgn", true),
            ("fil", true),
            ("Thai", false),
            ("TH", false),
            ("zh_Hant", false),
            ("th-", false),
            ("th-abcdefghi", false),
            ("", false),
        ] {
            assert_eq!(is_tag(tag), is_one, "{tag}");
        }
        assert!(!is_tag(&format!("th{}", "-abcdefgh".repeat(4))));
    }

    #[test]
    fn a_tag_says_that_it_is_latin() {
        for (tag, is_one) in [
            ("th-Latn", true),
            ("ar-latn-EG", true),
            ("zh-Latn-pinyin", true),
            ("th", false),
            ("en", false),
            ("th-t-und-Latn", false),
            ("Latn", false),
        ] {
            assert_eq!(is_latin(tag), is_one, "{tag}");
        }
        assert!(same_tag("zh-Hant", "zh-hant") && !same_tag("zh", "zh-Hant"));
    }
}
