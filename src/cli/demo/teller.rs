//! What the demo says: steps for people, or one JSON object each for programs.

use std::time::Instant;

use serde_json::{Value, json};

use super::place::Place;
use crate::cli::out::Out;

/// Marks a text that the teller is told later on, for those who translate what it says.
pub(super) const fn narrated(text: &'static str) -> &'static str {
    text
}

/// Says every step once.
pub(super) struct Teller<'o> {
    out: &'o mut Out,
    begun: Instant,
    chapters: usize,
}

impl<'o> Teller<'o> {
    pub(super) fn new(out: &'o mut Out) -> Self {
        Self { out, begun: Instant::now(), chapters: 0 }
    }

    /// What this is about.
    pub(super) fn title(&mut self, place: &Place) {
        self.text("A case of trafficking in persons, between three invented States.");
        self.text(
            "Corvane found the victims. It asks Arkesh, where they were recruited, and Belmara, \
             through which they were taken, for evidence that its courts can use.",
        );
        let dir = place.dir().display();
        self.text(&match place.kept {
            true => format!("Everything happens on this machine, below {dir}, and stays there."),
            false => {
                format!(
                    "Everything happens on this machine, below {dir}, and is removed afterwards."
                )
            }
        });
    }

    /// A heading. Programs have no use for it.
    pub(super) fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        self.line("");
        self.line(&format!("{}. {}", self.chapters, self.out.told(title)));
    }

    /// A step: its name and its facts for programs, what happens and why it matters for people.
    pub(super) fn step(&mut self, name: &str, what: &str, why: &[&str], facts: Value) {
        let seconds = self.begun.elapsed().as_secs_f64();
        if self.out.is_json() {
            let mut step = json!({ "step": name, "seconds": seconds, "what": what });
            if let (Some(step), Value::Object(facts)) = (step.as_object_mut(), facts) {
                step.extend(facts);
            }
            return self.json(&step);
        }
        let mut margin = format!("{seconds:6.2} s  ");
        for said in [what].iter().chain(why) {
            for line in wrapped(&self.out.told(said)) {
                self.line(&format!("{margin}{line}"));
                margin = " ".repeat(margin.len());
            }
        }
    }

    /// What is said for people, in their language.
    pub(super) fn told(&self, text: &str) -> String {
        self.out.told(text)
    }

    /// A paragraph for people only.
    pub(super) fn text(&mut self, text: &str) {
        wrapped(&self.out.told(text)).iter().for_each(|line| self.line(line));
    }

    /// A line for people only.
    pub(super) fn line(&mut self, text: &str) {
        if !self.out.is_json() {
            self.out.data(text);
        }
    }

    /// A line for programs only.
    pub(super) fn json(&mut self, value: &Value) {
        if self.out.is_json() {
            self.out.json(value);
        }
    }

    /// That all is well, and where to look next.
    pub(super) fn end(&mut self, place: &Place, facts: Value) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut end = json!({ "demo": "ok", "seconds": seconds });
        if place.kept {
            end["dir"] = json!(place.dir());
        }
        if let (Some(end), Value::Object(facts)) = (end.as_object_mut(), facts) {
            end.extend(facts);
        }
        self.json(&end);
        self.line("");
        self.text(&format!("All of it held, in {seconds:.1} seconds. Where to look next:"));
        for (what, why) in next_steps(place) {
            let why = self.told(why);
            self.line(format!("  {what:<32}{why}").trim_end());
        }
    }

    /// The last lines of every node's trace, when something went wrong.
    pub(super) fn show_traces(&mut self, place: &Place) {
        for (name, lines) in place.traces() {
            self.out.talk(&format!("--- {name}"));
            lines.iter().for_each(|line| self.out.talk(line));
        }
    }
}

/// Characters in a line, its margin not counted.
const WIDTH: usize = 88;

/// A text in lines. A word that is longer than a line has one for itself.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Commands and files, and what they are for.
fn next_steps(place: &Place) -> Vec<(String, &'static str)> {
    let audit = ("docs/audit.md".into(), narrated("what an auditor checks, and how"));
    if !place.kept {
        let keeps = narrated("keeps homes, evidence, receipts, logs and traces");
        let api = narrated("the API that the desks used");
        return vec![
            ("rogatory demo --dir demo".into(), keeps),
            audit,
            ("proto/rogatory/v1/agency.proto".into(), api),
        ];
    }
    let dir = place.dir().display();
    let verify =
        |of: &str| format!("rogatory audit verify {dir}/exports/{of} --card {dir}/xa.oag/card.txt");
    vec![
        (verify("xa.oag"), ""),
        (verify("xa.oag-altered"), ""),
        (format!("rogatory serve --config {dir}/xc.moj/rogatory.toml"), ""),
        (format!("ls {dir}/received {dir}/receipts {dir}/traces"), ""),
        audit,
    ]
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, wrapped};

    #[test]
    fn lines_are_as_long_as_they_may_be_and_no_word_is_lost() {
        let text = "nothing is lost ".repeat(20);
        let lines = wrapped(&text);
        assert_eq!(lines.join(" "), text.trim_end());
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        let full = &lines[..lines.len() - 1];
        assert!(full.iter().all(|line| line.len() + " nothing".len() > WIDTH), "{lines:?}");
        let long = "x".repeat(WIDTH + 1);
        assert_eq!(wrapped(&format!("a {long} b")), ["a", &long, "b"]);
        assert!(wrapped(" ").is_empty());
    }
}
