//! Reads back what was said: which message it is, with which values, or which messages were joined.

use std::collections::HashMap;

use super::Catalogue;

/// Parts of a text that are told one by one: a longer text is no message of ours.
const MOST_PARTS: usize = 24;

/// How deep messages may stand in messages.
pub(super) const MOST_DEEP: usize = 4;

/// Texts that are looked for among the messages, of one text. What a peer has said may be made to be
/// read in very many ways; what is left then stays English.
const MOST_LOOKED: usize = 512;

/// Reads one text.
pub(super) struct Reader<'c, 't> {
    catalogue: &'c Catalogue,
    /// What was read already, by how deep more may stand in it.
    known: HashMap<(&'t str, usize), Told>,
    /// How often one may still look.
    left: usize,
}

impl<'c, 't> Reader<'c, 't> {
    pub(super) fn of(catalogue: &'c Catalogue) -> Self {
        Self { catalogue, known: HashMap::new(), left: MOST_LOOKED }
    }

    /// Of all ways to read a text the one that knows most of it.
    pub(super) fn best(&mut self, english: &'t str, depth: usize) -> Told {
        let whole = self.message(english, depth);
        if whole.known == english.len() || depth == 0 {
            return whole;
        }
        let parted = match english.contains('\n') {
            true => {
                let lines = english.split('\n').map(|line| self.best(line, depth - 1));
                lines.reduce(|told, line| told.and("\n").join(line)).unwrap_or_default()
            }
            false => self.parts(english, depth - 1),
        };
        if parted.known > whole.known { parted } else { whole }
    }

    /// One message with its values. What is one word has none.
    fn message(&mut self, english: &'t str, depth: usize) -> Told {
        if let Some(said) = self.catalogue.whole.get(english) {
            return Told { text: said.clone(), known: english.len() };
        }
        if let Some(told) = self.known.get(&(english, depth)) {
            return told.clone();
        }
        if !english.contains(' ') || self.left == 0 {
            return Told::unknown(english);
        }
        self.left -= 1;
        let mut told = self.with_values(english, depth);
        if let Some((text, behind)) = in_brackets(english) {
            let alone = self.message(text, depth).and(behind);
            told = if alone.known > told.known { alone } else { told };
        }
        self.known.insert((english, depth), told.clone());
        told
    }

    /// A value of several words may be a message itself.
    fn with_values(&mut self, english: &'t str, depth: usize) -> Told {
        let mut best = Told::unknown(english);
        let catalogue = self.catalogue;
        for (template, said) in &catalogue.templates {
            let Some(values) = template.read(english) else { continue };
            let mut known = template.weight();
            let mut value = |value: &'t str| {
                let is_message = value.contains(' ') && value.len() < english.len() && depth > 0;
                let told = match is_message {
                    true => self.best(value, depth - 1),
                    false => Told::unknown(value),
                };
                known += told.known;
                told.text
            };
            let values: Vec<_> = values.iter().map(|(name, text)| (*name, value(text))).collect();
            if known > best.known {
                best = Told { text: said.fill(&values), known };
            }
        }
        best
    }

    /// The parts of a line, as many together as are one message. One word alone is left: it names a
    /// field or a file.
    fn parts(&mut self, line: &'t str, depth: usize) -> Told {
        let ends = part_ends(line);
        if ends.len() > MOST_PARTS || ends.len() < 2 {
            return Told::unknown(line);
        }
        let mut begins: Vec<usize> = ends.iter().map(|(_, next)| *next).collect();
        begins.insert(0, 0);
        begins.retain(|begin| *begin < line.len());
        // From the end: what is told from where a part begins.
        let mut told: Vec<(usize, Told)> = vec![(line.len(), Told::default())];
        for begin in begins.into_iter().rev() {
            let mut best: Option<Told> = None;
            for (end, next) in ends.iter().filter(|(end, _)| *end > begin) {
                let Some((_, rest)) = told.iter().find(|(at, _)| at == next) else { continue };
                let way = self.part(&line[begin..*end], depth);
                let way = way.and(&line[*end..*next]).join(rest.clone());
                // The first of those that know as much, which is the one in the smallest parts.
                if best.as_ref().is_none_or(|best| way.known > best.known) {
                    best = Some(way);
                }
            }
            told.push((begin, best.unwrap_or_else(|| Told::unknown(&line[begin..]))));
        }
        told.pop().map(|(_, told)| told).unwrap_or_default()
    }

    fn part(&mut self, part: &'t str, depth: usize) -> Told {
        match part.contains(' ') {
            true => self.message(part, depth),
            false => Told::unknown(part),
        }
    }
}

/// A text in another language, and how many bytes of the English one are known.
#[derive(Clone, Default)]
pub(super) struct Told {
    pub(super) text: String,
    known: usize,
}

impl Told {
    fn unknown(english: &str) -> Self {
        Self { text: english.to_owned(), known: 0 }
    }

    fn and(mut self, behind: &str) -> Self {
        self.text.push_str(behind);
        self
    }

    fn join(self, behind: Self) -> Self {
        Self { known: self.known + behind.known, ..self.and(&behind.text) }
    }
}

/// Where parts of a line end, and where the next ones begin.
fn part_ends(line: &str) -> Vec<(usize, usize)> {
    let joints =
        line.match_indices([':', ';', ',']).filter(|(at, _)| line[at + 1..].starts_with(' '));
    let mut ends: Vec<_> = joints.map(|(at, _)| (at, at + 2)).collect();
    ends.push((line.len(), line.len()));
    ends
}

/// A text and what stands behind it in brackets: a code, as in `it is there (AGENCY_EXISTS)`, or a
/// paragraph.
fn in_brackets(text: &str) -> Option<(&str, &str)> {
    let mut open = 0;
    let start = text.ends_with(')').then(|| {
        text.rmatch_indices(['(', ')']).find_map(|(at, bracket)| {
            open += if bracket == ")" { 1 } else { -1 };
            (open == 0).then_some(at)
        })
    });
    let (before, _) = text.split_at(start??);
    let before = before.strip_suffix(' ')?;
    Some(text.split_at(before.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::catalogue::MessageLanguage;

    /// Nobody waits for what a peer has written to be read in all ways in which it can be.
    #[test]
    fn a_text_that_can_be_read_in_very_many_ways_is_read_in_some() {
        let phrase =
            "the card of x is not y: z cannot be read: it is not w, and v ends at u; t has s";
        let text = phrase.repeat(4);
        let catalogue = Catalogue::of(MessageLanguage::Id);
        let mut reader = Reader { left: 20, ..Reader::of(&catalogue) };
        let told = reader.best(&text, MOST_DEEP);
        assert_eq!(reader.left, 0, "there are more ways than are tried");
        assert!(told.text.contains("tidak dapat dibaca") || told.known == 0, "{}", told.text);
        let mut reader = Reader::of(&catalogue);
        assert!(reader.best(&text, MOST_DEEP).known >= told.known, "more looks know no less");
    }

    #[test]
    fn what_stands_in_brackets_behind_a_text_is_no_part_of_it() {
        for (text, parts) in [
            ("is missing (NOT_THERE)", Some(("is missing", " (NOT_THERE)"))),
            ("is missing (UNTOC 18(15)(f))", Some(("is missing", " (UNTOC 18(15)(f))"))),
            ("f(x)", None),
            ("(x)", None),
            ("a) b)", None),
            ("a (b) c", None),
        ] {
            assert_eq!(in_brackets(text), parts, "{text}");
        }
    }

    #[test]
    fn what_is_really_said_is_read_with_far_fewer_looks() {
        let catalogue = Catalogue::of(MessageLanguage::Th);
        for text in [
            "bad.json: 2 errors, no warnings",
            "subject: has more than 500 characters (UNTOC 18(15)(b))",
            "`rogatory directory list` shows the authorities that the node knows; the refusal is entry 7 of \
             xc.moj/log/2026 (SubmissionRejection)",
            "the node of xc.moj at 127.0.0.1:1 is not reachable: Connection refused",
        ] {
            let mut reader = Reader::of(&catalogue);
            let told = reader.best(text, MOST_DEEP);
            assert!(told.known > text.len() / 4, "{}", told.text);
            assert!(reader.left > MOST_LOOKED / 2, "{text}: {}", MOST_LOOKED - reader.left);
        }
    }
}
