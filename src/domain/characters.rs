//! Characters that cannot be seen, and what they can do: show a text in another order than it is
//! read, or make two names look alike (Unicode TR 36; CVE-2021-42574, "Trojan Source").

/// What an invisible character is called, for people; `None` for one that may stand anywhere.
///
/// Joiners (U+200C, U+200D) are letters' business in Persian, Hindi and Sinhala, and the marks
/// U+200E, U+200F and U+061C move nothing but themselves: all of them stay.
pub fn invisible(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{202d}' | '\u{202e}' => "an override of the direction of writing",
        '\u{202a}'..='\u{202c}' => "an embedding of the direction of writing",
        '\u{2066}'..='\u{2069}' => "an isolate of the direction of writing",
        '\u{200b}' | '\u{2060}' | '\u{feff}' => "a space without width",
        '\u{ad}' => "a soft hyphen",
        '\u{2028}' | '\u{2029}' => "a separator of lines or paragraphs",
        '\u{2061}'..='\u{2064}' | '\u{206a}'..='\u{206f}' => "an invisible operator",
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}'
        | '\u{ffa0}' => "an invisible letter",
        '\u{fff9}'..='\u{fffb}' => "a mark of an annotation",
        '\u{e0000}'..='\u{e007f}' => "an invisible tag",
        _ => return None,
    })
}

/// Whether a character shows the text behind it in another order whatever its letters are.
pub fn is_override(c: char) -> bool {
    matches!(c, '\u{202d}' | '\u{202e}')
}

/// Whether a character opens, closes or marks a run of another direction.
pub fn is_direction(c: char) -> bool {
    is_override(c) || closing(c).is_some() || matches!(c, '\u{202c}' | '\u{2069}')
}

/// The character that closes the run that this one opens.
pub fn closing(c: char) -> Option<char> {
    match c {
        '\u{202a}' | '\u{202b}' => Some('\u{202c}'),
        '\u{2066}'..='\u{2068}' => Some('\u{2069}'),
        _ => None,
    }
}

/// Whether a character is written from right to left: the blocks of Hebrew, Arabic, Syriac and the
/// like (Unicode 16, `DerivedBidiClass`, R and AL).
pub fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_has_a_name() {
        for c in ['\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}', '\u{feff}', '\u{e0041}', '\u{ad}']
        {
            assert!(invisible(c).is_some(), "{:x}", u32::from(c));
        }
        for c in ['a', ' ', 'ก', 'ع', '\u{200c}', '\u{200d}', '\u{200e}', '\u{61c}', '中'] {
            assert!(invisible(c).is_none(), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn every_opening_has_its_closing() {
        for c in '\u{2000}'..'\u{2100}' {
            if let Some(close) = closing(c) {
                assert!(is_direction(c) && is_direction(close) && closing(close).is_none());
            }
        }
        assert!(is_direction('\u{202e}') && !is_direction('\u{200f}'));
        assert!(is_right_to_left('ע') && is_right_to_left('ع') && !is_right_to_left('ก'));
    }
}
