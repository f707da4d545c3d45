//! What other States have written, on a screen: nothing in it moves the cursor, and nothing shows
//! what stands beside it in another order (Unicode TR 9, TR 36).

use std::fmt::Write as _;

use crate::domain::characters::{closing, is_direction, is_override, is_right_to_left};

const FIRST_STRONG_ISOLATE: char = '\u{2068}';
const POP_ISOLATE: char = '\u{2069}';

/// A text without what a terminal would obey. Control characters and overrides of the direction are
/// shown as `�`, and so is what closes a run that was not opened; a run that is not closed ends with
/// its line.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut open: Vec<char> = Vec::new();
    for c in text.chars() {
        match c {
            '\n' => {
                shown.extend(open.drain(..).rev());
                shown.push(c);
            }
            '\t' => shown.push(c),
            c if c.is_control() || is_override(c) || is_tag(c) || is_separator(c) => {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
            c if is_direction(c) => match closing(c) {
                Some(close) => {
                    open.push(close);
                    shown.push(c);
                }
                None if open.last() == Some(&c) => {
                    open.pop();
                    shown.push(c);
                }
                None => shown.push(char::REPLACEMENT_CHARACTER),
            },
            c => shown.push(c),
        }
    }
    shown.extend(open.drain(..).rev());
    shown
}

/// A cell of a table whose right-to-left text moves nothing beside it: each line an isolate of its
/// own. Others stay as they are, so that an id can be copied.
pub(super) fn isolated(cell: &str) -> String {
    let line = |line: &str| match line.chars().any(is_right_to_left) {
        true => format!("{FIRST_STRONG_ISOLATE}{line}{POP_ISOLATE}"),
        false => line.to_owned(),
    };
    cell.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// JSON in which everything that a screen would obey is an escape: the value stays the same.
pub(super) fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => escape(&mut line, c),
            c if is_direction(c) || is_tag(c) || is_separator(c) => escape(&mut line, c),
            c => line.push(c),
        }
    }
    line
}

/// As JSON writes it: in UTF-16.
fn escape(line: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // A string takes whatever is written to it.
        let _ = write!(line, "\\u{unit:04x}");
    }
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_or_ends_with_its_line() {
        for (text, shown) in [
            ("a\u{1b}[2J\tb\n", "a\u{fffd}[2J\tb\n"),
            ("x\u{202e}y\u{202c}", "x\u{fffd}y\u{fffd}"),
            ("\u{2067}عربي\u{2069} x", "\u{2067}عربي\u{2069} x"),
            ("\u{2067}عربي\nx", "\u{2067}عربي\u{2069}\nx"),
            ("\u{2066}a\u{202b}b", "\u{2066}a\u{202b}b\u{202c}\u{2069}"),
            ("a\u{2069}b", "a\u{fffd}b"),
            ("\u{2066}a\u{202c}b", "\u{2066}a\u{fffd}b\u{2069}"),
            ("a\u{e0041}\u{2028}b", "a\u{fffd}\u{fffd}b"),
            ("ห้อง \u{200b}٣ \u{200d}", "ห้อง \u{200b}٣ \u{200d}"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_cell_from_right_to_left_is_alone() {
        assert_eq!(isolated("abc ไทย"), "abc ไทย");
        assert_eq!(isolated("وزارة\nx"), "\u{2068}وزارة\u{2069}\nx");
    }

    proptest! {
        /// On every line, what is opened is closed, and nothing else is; twice is once.
        #[test]
        fn every_line_is_balanced(text in "[a\n\u{202a}-\u{202e}\u{2066}-\u{2069}ع]{0,24}") {
            let shown = printable(&text);
            for line in shown.split('\n') {
                let mut open = Vec::new();
                for c in line.chars() {
                    prop_assert!(!is_override(c));
                    match closing(c) {
                        Some(close) => open.push(close),
                        None if is_direction(c) => prop_assert_eq!(open.pop(), Some(c)),
                        None => {}
                    }
                }
                prop_assert!(open.is_empty());
            }
            prop_assert_eq!(printable(&shown), shown);
        }

        /// JSON says the same before and after.
        #[test]
        fn escapes_change_no_value(text in any::<String>(), mark in "[\u{202a}-\u{202e}\u{e0041}]") {
            let value = serde_json::Value::String(format!("{text}{mark}"));
            let line = escaped(&value.to_string());
            prop_assert!(!line.chars().any(is_direction));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&line).ok(), Some(value));
        }
    }
}
