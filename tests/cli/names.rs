//! Names for what differs from run to run.

use std::collections::BTreeMap;
use std::path::Path;

use super::ports::free_port;

/// Values and the names that they were given, in the order in which they were met.
#[derive(Clone)]
pub struct Names {
    dir: String,
    year: String,
    /// Name to value.
    values: BTreeMap<String, String>,
    /// How many there are of a kind.
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    pub fn new(dir: &Path) -> Self {
        let year = time::OffsetDateTime::now_utc().year().to_string();
        let dir = dir.to_str().expect("UTF-8").to_owned();
        Self { dir, year, values: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// A command with the values in the place of their names. A port that has none yet is a free
    /// one.
    pub fn resolve(&mut self, command: &str) -> String {
        for n in 1..=9 {
            let name = format!("[PORT{n}]");
            if command.contains(&name) && !self.values.contains_key(&name) {
                self.values.insert(name, free_port().to_string());
            }
        }
        let given = command.replace("[DIR]", &self.dir).replace("[YEAR]", &self.year);
        self.values.iter().fold(given, |text, (name, value)| text.replace(name, value))
    }

    /// A line that was written, with names in the place of values.
    pub fn name(&mut self, line: &str) -> String {
        let mut text = line.replace(&self.dir, "[DIR]");
        for (name, port) in self.values.iter().filter(|(name, _)| name.starts_with("[PORT")) {
            text = text.replace(&format!(":{port}"), &format!(":{name}"));
        }
        let version = concat!("rogatory ", env!("CARGO_PKG_VERSION"));
        text = text.replace(version, "rogatory [VERSION]");
        for around in ["-YEAR-", "/log/YEAR"] {
            text = text
                .replace(&around.replace("YEAR", &self.year), &around.replace("YEAR", "[YEAR]"));
        }
        self.name_all(&without_places(&text))
    }

    fn name_all(&mut self, text: &str) -> String {
        let mut named = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let glued = named.ends_with(|c: char| c.is_ascii_alphanumeric());
            let found = if glued { None } else { find(rest) };
            let (len, name) = match found {
                Some(("TIME", len)) => (len, "[TIME]".to_owned()),
                Some((kind, len)) => (len, self.name_of(kind, &rest[..len])),
                None => (first.len_utf8(), first.to_string()),
            };
            named.push_str(&name);
            rest = &rest[len..];
        }
        named
    }

    fn name_of(&mut self, kind: &'static str, value: &str) -> String {
        let known = self.values.iter().find(|(_, known)| *known == value);
        if let Some((name, _)) = known {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("[{kind}{count}]");
        self.values.insert(name.clone(), value.to_owned());
        name
    }
}

/// A line without numbers that rise with every entry that a new version of the log has.
fn without_places(line: &str) -> String {
    let (mut told, mut rest) = (String::new(), line);
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let len = digits.max(first.len_utf8());
        let (word, after) = rest.split_at(len);
        let glued = told.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        let is_place = digits > 0 && !glued && is_place(&told, after);
        told.push_str(if is_place { "[N]" } else { word });
        rest = after;
    }
    told
}

fn is_place(before: &str, after: &str) -> bool {
    let behind = ["entry ", "\"index\":", "\"log_index\":", "\"log_size\":"];
    let events = ["Submission", "RelayAcc", "ContentCons", "ContentHand"];
    let is_event = |text: &str| events.iter().any(|event| text.starts_with(event));
    behind.iter().any(|word| before.ends_with(word))
        || after.starts_with(" entries")
        || (before.ends_with(" of ") && before.contains("entry [N]"))
        || (before.ends_with('-') && after.strip_prefix('-').is_some_and(is_event))
}

/// What a text begins with, and its bytes.
fn find(text: &str) -> Option<(&'static str, usize)> {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    let run = |pattern: &str| {
        let fits = |(c, p): (u8, u8)| match p {
            b'h' => hex(c),
            b'd' => c.is_ascii_digit(),
            _ => c == p,
        };
        let len = pattern.len();
        (text.len() >= len && text.bytes().zip(pattern.bytes()).all(fits)).then_some(len)
    };
    let uuid = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    if let Some(len) = run(uuid) {
        return Some(("ID", len));
    }
    if let Some(len) = run(&"h".repeat(64))
        .filter(|len| !text[*len..].starts_with(|c: char| c.is_ascii_alphanumeric()))
    {
        return Some(("HEX", len));
    }
    if run("dddd-dd-ddTdd:dd:dd").is_some() {
        return Some(("TIME", text.find('Z')? + 1));
    }
    words(text).map(|len| ("WORDS", len))
}

/// Three times four words with hyphens between, as fingerprints are told.
fn words(text: &str) -> Option<usize> {
    let (mut at, mut count) = (0, 0);
    for (n, part) in text.split(' ').enumerate().take(14) {
        let hyphen = n == 4 || n == 9;
        let end = part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len());
        let fits = if hyphen { part == "-" } else { (3..=8).contains(&end) };
        if !fits || (n < 13 && !hyphen && end != part.len()) {
            return None;
        }
        at += if n == 13 { end } else { part.len() + 1 };
        count = n + 1;
    }
    (count == 14).then_some(at)
}

#[test]
fn places_in_logs_are_not_told() {
    for (line, named) in [
        (
            "receipt  RelayAcceptance of xa.oag, entry 9",
            "receipt  RelayAcceptance of xa.oag, entry [N]",
        ),
        ("log  xa.oag/log/x, entry 9 of 10", "log  xa.oag/log/x, entry [N] of [N]"),
        ("x, 12 entries, all sound", "x, [N] entries, all sound"),
        ("{\"index\":7,\"log_size\":12}", "{\"index\":[N],\"log_size\":[N]}"),
        ("r/xa.oag-10-RelayAcceptance.tlog-proof", "r/xa.oag-[N]-RelayAcceptance.tlog-proof"),
        ("2 of 2 recorded", "2 of 2 recorded"),
    ] {
        assert_eq!(without_places(line), named);
    }
}

#[test]
fn the_same_value_has_the_same_name() {
    let mut names = Names::new(Path::new("/tmp/x"));
    let id = "01934f3e-0000-7000-8000-000000000001";
    assert_eq!(names.name(&format!("{id} at 2026-01-02T03:04:05.678Z")), "[ID1] at [TIME]");
    assert_eq!(names.name(&format!("/tmp/x/{id}, {}", "ab".repeat(32))), "[DIR]/[ID1], [HEX1]");
    let words = "lizard embody fantasy night - park fringe hold cave - town copper remain enroll";
    assert_eq!(names.name(&format!("is {words}.")), "is [WORDS1].");
    assert_eq!(names.name("one two three four - no"), "one two three four - no");
    assert_eq!(names.resolve("show [ID1] [WORDS1]"), format!("show {id} {words}"));
    let command = names.resolve("127.0.0.1:[PORT1]");
    assert_eq!(names.name(&command), "127.0.0.1:[PORT1]");
}
