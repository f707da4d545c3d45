//! What an authority publishes about what it asks of requests, so that who writes one knows before
//! it is sent: UNTOC 18(1), (9), (13)-(14).

use serde::{Deserialize, Serialize};

use super::request::{Instrument, Need, Rule, RuleSource, Scope, Severity, UndertakingKind};

/// What an authority asks of requests. The default says nothing, and then nothing is asked beyond
/// what the instruments ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Instruments to which its State is a party, by code; empty: not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conventions: Vec<Instrument>,
    /// Parts of its State for which it is competent, one line each; empty: all of it, or not
    /// said: UNTOC 18(13).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub territories: Vec<String>,
    /// Undertakings without which it does not assist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undertakings: Vec<UndertakingKind>,
    /// Where it is reached at any hour, one line; empty: not said: UNTOC 18(13).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub urgent_channel: String,
    /// Whether it takes requests that are made orally first: UNTOC 18(14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oral_accepted: Option<bool>,
    /// Whether it takes requests by way of INTERPOL: UNTOC 18(13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpol_accepted: Option<bool>,
    /// Below what it does not assist.
    #[serde(skip_serializing_if = "Thresholds::is_silent")]
    pub thresholds: Thresholds,
    /// What it asks otherwise than the table does, or beyond it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ProfileRule>,
}

/// Below what an authority does not assist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// When the conduct must be an offence in both States: UNTOC 18(9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dual_criminality: Option<DualCriminalityPolicy>,
    /// The highest penalty of the offence must reach this, in months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_penalty_months: Option<u32>,
}

/// When the conduct must be an offence in both States.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DualCriminalityPolicy {
    /// Whatever is asked.
    Always,
    /// Where something coercive is asked: searches, seizures, freezing.
    Coercive,
    /// It need not be.
    Never,
}

/// A rule of one authority, in the form of the data files. It changes the rule of the same
/// instrument and need, or adds one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRule {
    /// Whose rule it changes; `PROFILE` for what the authority asks by itself.
    #[serde(default = "own")]
    pub instrument: RuleSource,
    /// What it asks for.
    pub need: Need,
    /// Where that is said, one line; empty: as before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paragraph: String,
    /// How much it matters.
    pub severity: RuleSeverity,
    /// What it means and what to do, a text; empty: as before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explain: String,
}

fn own() -> RuleSource {
    RuleSource::Profile
}

/// How much a rule of a profile matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleSeverity {
    /// A request that breaks it is not sent.
    Error,
    /// It is sent with a warning.
    Warning,
    /// It is not asked.
    Off,
}

/// Why something is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct ProfileError {
    /// Path of the field, as in `rules[2].paragraph`.
    pub field: String,
    /// Which rule it breaks.
    pub rule: String,
}

impl Profile {
    /// Whether it says nothing.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// Checks lengths and lists.
    ///
    /// # Errors
    /// [`ProfileError`], which names the first field that breaks a rule, and the rule.
    pub fn check(&self) -> Result<(), ProfileError> {
        for (field, entries, most) in [
            ("conventions", self.conventions.len(), CONVENTIONS_MAX),
            ("territories", self.territories.len(), TERRITORIES_MAX),
            ("undertakings", self.undertakings.len(), UndertakingKind::ALL.len()),
            ("rules", self.rules.len(), RULES_MAX),
        ] {
            if entries > most {
                return Err(broken(field, format!("has more than {most} entries")));
            }
        }
        once("conventions", &self.conventions)?;
        once("territories", &self.territories)?;
        once("undertakings", &self.undertakings)?;
        for (number, territory) in self.territories.iter().enumerate() {
            if territory.trim().is_empty() {
                return Err(broken(&format!("territories[{number}]"), "is empty".to_owned()));
            }
            line(&format!("territories[{number}]"), territory)?;
        }
        line("urgent_channel", &self.urgent_channel)?;
        let months = self.thresholds.min_penalty_months;
        if months.is_some_and(|months| !(1..=PENALTY_MAX_MONTHS).contains(&months)) {
            let rule = format!("is not between 1 and {PENALTY_MAX_MONTHS}");
            return Err(broken("thresholds.min_penalty_months", rule));
        }
        self.check_rules()
    }

    fn check_rules(&self) -> Result<(), ProfileError> {
        for (number, rule) in self.rules.iter().enumerate() {
            let of = |part: &str| format!("rules[{number}].{part}");
            let earlier = &self.rules[..number];
            if earlier.iter().any(|one| one.instrument == rule.instrument && one.need == rule.need)
            {
                return Err(broken(&of("need"), "has a rule of this instrument before".to_owned()));
            }
            if rule.instrument == RuleSource::Form {
                let what = "is FORM, which is the same for all authorities";
                return Err(broken(&of("instrument"), what.to_owned()));
            }
            line(&of("paragraph"), &rule.paragraph)?;
            if rule.explain.chars().count() > EXPLAIN_MAX_CHARS
                || rule.explain.chars().any(|c| c.is_control() && c != '\n')
            {
                let what =
                    format!("has more than {EXPLAIN_MAX_CHARS} characters, or control characters");
                return Err(broken(&of("explain"), what));
            }
        }
        Ok(())
    }

    /// Whether it asks for what a rule of `PROFILE` needs.
    pub fn asks(&self, need: Need) -> bool {
        use DualCriminalityPolicy::{Always, Coercive};
        let dual = self.thresholds.dual_criminality;
        let of_undertaking = |kind: &UndertakingKind| Need::of_undertaking(*kind) == need;
        match need {
            Need::DualCriminality => dual == Some(Always),
            Need::DualCriminalityForCoercion => dual == Some(Coercive),
            Need::DualCriminalityDenied => dual == Some(Always),
            // Found only where the profile says what to measure by.
            Need::MinPenalty | Need::MinPenaltyUnsaid | Need::NotParty | Need::OralAccepted => true,
            _ => {
                self.undertakings.iter().any(of_undertaking)
                    || self.rules.iter().any(|rule| rule.instrument == own() && rule.need == need)
            }
        }
    }

    /// Whether it renounces what the instruments leave to the requested State.
    pub fn waives(&self, need: Need) -> bool {
        let dual =
            [Need::DualCriminality, Need::DualCriminalityForCoercion, Need::DualCriminalityDenied];
        self.thresholds.dual_criminality == Some(DualCriminalityPolicy::Never)
            && dual.contains(&need)
    }
}

impl Thresholds {
    /// Whether there are none.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

impl ProfileRule {
    /// A rule that the table has not, and that holds for whatever its instrument covers.
    pub(super) fn rule(&self, severity: Severity) -> Rule {
        let known = super::request::rules().iter().find(|rule| rule.need == self.need);
        let explain = match (&self.explain, known) {
            (own, Some(known)) if own.is_empty() => known.explain.clone(),
            (own, _) => own.clone(),
        };
        let paragraph = match self.paragraph.is_empty() {
            true => format!("{} rules", self.instrument),
            false => self.paragraph.clone(),
        };
        Rule {
            source: self.instrument.clone(),
            need: self.need,
            paragraph,
            severity,
            scope: Scope::Named,
            fixed: false,
            confirm: false,
            explain,
        }
    }
}

fn broken(field: &str, rule: String) -> ProfileError {
    ProfileError { field: field.to_owned(), rule }
}

fn once<T: PartialEq>(list: &str, entries: &[T]) -> Result<(), ProfileError> {
    match (1..entries.len()).find(|&n| entries[..n].contains(&entries[n])) {
        Some(n) => Err(broken(&format!("{list}[{n}]"), "stands there twice".to_owned())),
        None => Ok(()),
    }
}

fn line(field: &str, text: &str) -> Result<(), ProfileError> {
    if text.chars().count() > LINE_MAX_CHARS || text.chars().any(char::is_control) {
        let rule = format!("has more than {LINE_MAX_CHARS} characters, or control characters");
        return Err(broken(field, rule));
    }
    Ok(())
}

/// Conventions of one State: the fixed codes and more bilateral treaties than any State has on
/// mutual legal assistance.
const CONVENTIONS_MAX: usize = 128;

/// Territories of one authority: federal States have about fifty.
const TERRITORIES_MAX: usize = 64;

/// Rules of one authority: half of the whole table. A card has to stay small enough to be read.
const RULES_MAX: usize = 64;

/// Characters of a line.
const LINE_MAX_CHARS: usize = 200;

/// Characters of an explanation: a paragraph.
const EXPLAIN_MAX_CHARS: usize = 600;

/// A hundred years.
const PENALTY_MAX_MONTHS: u32 = 1200;

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
