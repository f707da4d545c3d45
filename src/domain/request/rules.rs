//! What the instruments ask of a content, as a table that is read from data.
//!
//! `rules/` has one file an instrument, so that a lawyer can correct a line without anybody
//! touching the checks. The checks find what a content lacks, each thing by its [`Need`]; the table
//! says which instrument asks for it, in which paragraph, and how much it matters. What a need
//! means in the text is in `check.rs`, `note.rs` and `content.rs`.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Lack, Severity};
use super::{Instrument, Need, Target, UnknownCode};
use crate::domain::profile::{Profile, RuleSeverity};

/// Whose rule it is: a legal basis, or what asks for something without being one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RuleSource {
    /// A legal basis; a bilateral treaty by its name.
    Instrument(Instrument),
    /// `BILATERAL`: any treaty between two States, measured by the UN Model Treaty.
    AnyBilateral,
    /// `CETS-224`: the Second Additional Protocol to the Budapest Convention.
    Cets224,
    /// `PROFILE`: what the requested authority publishes about itself.
    Profile,
    /// `FORM`: how requests are written here, which no instrument says.
    Form,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Where the request names the instrument as a basis.
    #[default]
    Named,
    /// Whatever it rests on.
    Any,
}

/// One line of the table: an instrument, what it needs, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whose rule it is.
    pub source: RuleSource,
    /// What it asks for.
    pub need: Need,
    /// Where it says so, as in `UNTOC 18(15)(d)`.
    pub paragraph: String,
    /// How much it matters.
    pub severity: Severity,
    /// When it holds.
    pub scope: Scope,
    /// It protects somebody or binds whoever writes: no profile of a peer weakens it.
    pub fixed: bool,
    /// A lawyer should confirm it against the text.
    pub confirm: bool,
    /// What it means and what to do about it, for the desk officer who reads the finding.
    pub explain: String,
}

/// The files, UNTOC first: a rule without an explanation has that of the first rule of its need.
const FILES: [(&str, &str); 12] = [
    ("untoc.toml", include_str!("rules/untoc.toml")),
    ("tip-protocol.toml", include_str!("rules/tip-protocol.toml")),
    ("som-protocol.toml", include_str!("rules/som-protocol.toml")),
    ("uncac.toml", include_str!("rules/uncac.toml")),
    ("asean-mlat.toml", include_str!("rules/asean-mlat.toml")),
    ("saarc-mla.toml", include_str!("rules/saarc-mla.toml")),
    ("saarc-tip.toml", include_str!("rules/saarc-tip.toml")),
    ("bilateral.toml", include_str!("rules/bilateral.toml")),
    ("reciprocity.toml", include_str!("rules/reciprocity.toml")),
    ("cets-224.toml", include_str!("rules/cets-224.toml")),
    ("profile.toml", include_str!("rules/profile.toml")),
    ("form.toml", include_str!("rules/form.toml")),
];

static TABLE: LazyLock<Vec<Rule>> =
    LazyLock::new(|| read(&FILES).expect("the rules that are built in can be read: a test does"));

/// Every rule that is built in, file after file.
pub fn rules() -> &'static [Rule] {
    &TABLE
}

/// The files with the rules: the name of each, whose rules it has, and the title of that.
pub fn rule_files() -> Vec<(&'static str, RuleSource, String)> {
    let read = |&(name, text): &(&'static str, &str)| {
        let file: RuleFile = toml::from_str(text).ok()?;
        Some((name, file.instrument, file.title))
    };
    FILES.iter().filter_map(read).collect()
}

/// A file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    instrument: RuleSource,
    title: String,
    rules: Vec<RuleLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleLine {
    need: Need,
    paragraph: String,
    severity: Severity,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    fixed: bool,
    #[serde(default)]
    confirm: bool,
    #[serde(default)]
    explain: String,
}

fn read(files: &[(&str, &str)]) -> Result<Vec<Rule>, String> {
    let mut table: Vec<Rule> = Vec::new();
    for (name, text) in files {
        let file: RuleFile = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        for line in file.rules {
            let said = |rule: &&Rule| rule.need == line.need;
            let inherited = || table.iter().find(said).map(|rule| rule.explain.clone());
            let explain = match line.explain.is_empty() {
                true => inherited().ok_or(format!("{name}: {} has no explanation", line.need))?,
                false => line.explain.trim_end().to_owned(),
            };
            if table.iter().any(|rule| rule.source == file.instrument && rule.need == line.need) {
                return Err(format!("{name}: {} stands there twice", line.need));
            }
            table.push(Rule {
                source: file.instrument.clone(),
                need: line.need,
                paragraph: line.paragraph,
                severity: line.severity,
                scope: line.scope,
                fixed: line.fixed,
                confirm: line.confirm,
                explain,
            });
        }
    }
    Ok(table)
}

/// What is lacking becomes a finding where a rule asks for it: under the gravest rule, and among
/// those of the basis that the request names first.
pub(super) fn judge(lacks: Vec<Lack>, bases: &[Instrument], target: &Target<'_>) -> Vec<Finding> {
    let table = table_of(target.profile);
    let mut found: Vec<Finding> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for lack in lacks {
        let Some(rule) = governing(&table, lack.need, bases, target) else { continue };
        let finding = Finding::new(rule, lack);
        // Two needs may be met by one word: it is asked for once, and as gravely as either does.
        match places.entry((finding.field.clone(), finding.message.clone())) {
            Entry::Occupied(place) if found[*place.get()].severity < finding.severity => {
                found[*place.get()] = finding;
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => {
                place.insert(found.len());
                found.push(finding);
            }
        }
    }
    found
}

fn governing<'a>(
    table: &'a [Rule],
    need: Need,
    bases: &[Instrument],
    target: &Target<'_>,
) -> Option<&'a Rule> {
    let place = |rule: &Rule| bases.iter().position(|basis| rule.source.covers(basis));
    let holds = |rule: &&Rule| match rule.source {
        RuleSource::Profile => target.asks(need),
        _ => rule.scope == Scope::Any || place(rule).is_some(),
    };
    let weight = |rule: &&Rule| (Reverse(rule.severity), place(rule).unwrap_or(usize::MAX));
    table
        .iter()
        .filter(|rule| rule.need == need && !target.waives(need))
        .filter(holds)
        .min_by_key(weight)
}

/// The table with what a profile changes in it.
fn table_of(profile: Option<&Profile>) -> Cow<'static, [Rule]> {
    match profile {
        Some(profile) if !profile.rules.is_empty() => Cow::Owned(changed(profile)),
        _ => Cow::Borrowed(rules()),
    }
}

fn changed(profile: &Profile) -> Vec<Rule> {
    let mut table = rules().to_vec();
    for change in &profile.rules {
        let is_it = |rule: &Rule| rule.source == change.instrument && rule.need == change.need;
        let severity = match change.severity {
            RuleSeverity::Error => Some(Severity::Error),
            RuleSeverity::Warning => Some(Severity::Warning),
            RuleSeverity::Off => None,
        };
        match (table.iter().position(is_it), severity) {
            (Some(at), severity) if table[at].fixed && severity < Some(table[at].severity) => {}
            (Some(at), None) => drop(table.remove(at)),
            (Some(at), Some(severity)) => {
                table[at].severity = severity;
                overwrite(&mut table[at].paragraph, &change.paragraph);
                overwrite(&mut table[at].explain, &change.explain);
            }
            (None, None) => {}
            (None, Some(severity)) => table.push(change.rule(severity)),
        }
    }
    table
}

fn overwrite(text: &mut String, with: &str) {
    if !with.is_empty() {
        with.clone_into(text);
    }
}

impl RuleSource {
    /// Whether it is this basis, or speaks for it.
    pub fn covers(&self, basis: &Instrument) -> bool {
        match self {
            Self::Instrument(own) => own == basis,
            Self::AnyBilateral => matches!(basis, Instrument::Bilateral(_)),
            Self::Cets224 | Self::Profile | Self::Form => false,
        }
    }
}

const WORDS: [(&str, RuleSource); 4] = [
    ("BILATERAL", RuleSource::AnyBilateral),
    ("CETS-224", RuleSource::Cets224),
    ("PROFILE", RuleSource::Profile),
    ("FORM", RuleSource::Form),
];

impl TryFrom<String> for RuleSource {
    type Error = UnknownCode;
    fn try_from(code: String) -> Result<Self, UnknownCode> {
        let word = WORDS.into_iter().find(|(word, _)| *word == code);
        word.map_or_else(|| Instrument::try_from(code).map(Self::Instrument), |(_, own)| Ok(own))
    }
}

impl From<RuleSource> for String {
    fn from(source: RuleSource) -> String {
        source.to_string()
    }
}

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instrument(basis) => basis.fmt(f),
            other => {
                let word = WORDS.iter().find(|(_, own)| own == other).map(|(word, _)| *word);
                f.write_str(word.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_can_be_read_and_every_need_has_a_rule() {
        let table = read(&FILES).expect("readable");
        for need in Need::ALL {
            assert!(table.iter().any(|rule| rule.need == *need), "nothing asks for {need}");
        }
        assert!(table.iter().all(|rule| rule.explain.chars().count() >= 40), "explained");
        assert_eq!(rule_files().len(), FILES.len());
    }

    #[test]
    fn every_legal_basis_has_a_file() {
        let named = Instrument::parse("BILATERAL:Treaty of 1998").expect("a basis");
        for basis in Instrument::FIXED.into_iter().chain([named]) {
            assert!(rules().iter().any(|rule| rule.source.covers(&basis)), "{basis}");
        }
    }

    #[test]
    fn a_bad_file_says_where() {
        let of = |rules: &str| read(&[("x.toml", rules)]).expect_err("bad");
        let head = "instrument = \"UNTOC\"\ntitle = \"T\"\n";
        let line = "[[rules]]\nneed = \"purpose\"\nparagraph = \"1\"\nseverity = \"error\"\n";
        assert!(of(&format!("{head}{line}")).contains("x.toml: purpose has no explanation"));
        let explained = format!("{line}explain = \"Say why.\"\n");
        assert!(of(&format!("{head}{explained}{explained}")).contains("stands there twice"));
        assert!(of("instrument = \"UNTOK\"\ntitle = \"T\"\nrules = []").contains("x.toml"));
    }
}
