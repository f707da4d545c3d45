//! A text with holes, `{file} cannot be read`: read back out of what was said, and filled again in
//! another language.

/// What a text is made of.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A value, by its name.
    Hole(String),
}

/// A text with holes. Braces are holes and nothing else: no message has any other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

impl Template {
    pub(super) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, hole)| Some((before, hole.split_once('}')?)))
        {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Hole(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self(pieces)
    }

    pub(super) fn has_holes(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Hole(_)))
    }

    /// How much of it is text, in bytes: of two templates that fit, the one with more says more.
    pub(super) fn weight(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Hole(_) => None,
        })
    }

    /// The values of the holes, each as short as can be; `None` where this is not what was said.
    pub(super) fn read<'s, 't>(&'s self, said: &'t str) -> Option<Vec<(&'s str, &'t str)>> {
        // The text at the end is held to the end, so that a value may have the same words.
        let (pieces, end) = match self.0.split_last() {
            Some((Piece::Text(end), pieces)) => (pieces, end.as_str()),
            _ => (self.0.as_slice(), ""),
        };
        let mut rest = said.strip_suffix(end)?;
        let mut values = Vec::new();
        let mut open: Option<&'s str> = None;
        for piece in pieces {
            match (piece, open) {
                (Piece::Hole(name), _) => {
                    values.extend(open.map(|before| (before, "")));
                    open = Some(name);
                }
                (Piece::Text(text), Some(name)) => {
                    let (value, after) = rest.split_once(text.as_str())?;
                    values.push((name, value));
                    (rest, open) = (after, None);
                }
                (Piece::Text(text), None) => rest = rest.strip_prefix(text.as_str())?,
            }
        }
        match open {
            Some(name) => values.push((name, rest)),
            None if !rest.is_empty() => return None,
            None => {}
        }
        Some(values)
    }

    /// The text with its values; a hole without one stays as it is.
    pub(super) fn fill(&self, values: &[(&str, String)]) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole(name) => {
                let value = values.iter().find(|(of, _)| of == name);
                value.map_or_else(|| format!("{{{name}}}"), |(_, value)| value.clone())
            }
        };
        self.0.iter().map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(template: &'a Template, said: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        template.read(said)
    }

    #[test]
    fn values_are_read_back() {
        for (template, said, values) in [
            ("there are none", "there are none", Some(vec![])),
            ("there are none", "there are none at all", None),
            ("{a} is not {b}", "x is not y", Some(vec![("a", "x"), ("b", "y")])),
            ("{a} is not {b}", "x is y", None),
            ("{a} is gone", "what is gone is gone", Some(vec![("a", "what is gone")])),
            ("from {a} to {b}!", "from x to y to z!", Some(vec![("a", "x"), ("b", "y to z")])),
            ("{a}{b} ends", "xy ends", Some(vec![("a", ""), ("b", "xy")])),
            ("{a} {b}", "xy", None),
            ("no {a}", "no ", Some(vec![("a", "")])),
        ] {
            let template = Template::new(template);
            assert_eq!(read(&template, said), values, "{said}");
        }
    }

    #[test]
    fn a_filling_may_have_another_order_and_keeps_what_it_does_not_know() {
        let filled = Template::new("{b} before {a}, {c}")
            .fill(&[("a", "1".to_owned()), ("b", "2".to_owned())]);
        assert_eq!(filled, "2 before 1, {c}");
    }

    proptest! {
        /// What a template was filled with is read from it, and fills it to the same again.
        #[test]
        fn reading_undoes_filling(a in "[^\u{1}]{0,9}", b in "[^\u{1}]{0,9}") {
            let template = Template::new("\u{1}{a}\u{1}\u{1}{b}\u{1}");
            let said = template.fill(&[("a", a.clone()), ("b", b.clone())]);
            prop_assert_eq!(read(&template, &said), Some(vec![("a", a.as_str()), ("b", b.as_str())]));
        }

        /// Whatever is read from a text fills the template to that text.
        #[test]
        fn filling_undoes_reading(said in "[ab ]{0,12}") {
            let template = Template::new("{x} a{y}b");
            if let Some(values) = read(&template, &said) {
                let values: Vec<_> = values.into_iter().map(|(n, v)| (n, v.to_owned())).collect();
                prop_assert_eq!(template.fill(&values), said.as_str());
            }
        }
    }
}
