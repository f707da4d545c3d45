//! What an authority tells others of its law and arrangements: UNTOC 5(3), 16(5), 18(13)-(14).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Lacks};
use super::words::FrameworkSubject;
use super::{Instrument, Need, Target, opaque_debug, rules};

/// The body of a `FRAMEWORK_UPDATE`: statements, each of which says from when on it holds.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrameworkUpdate {
    /// The statements.
    pub statements: Vec<Statement>,
}

/// One statement about the legal framework of a State.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The authority's own code for it, as in `LAW-2026-1`. Said again under the same code, a statement
    /// is put right.
    #[serde(rename = "ref", default)]
    pub reference: String,
    /// What it is about.
    pub subject: FrameworkSubject,
    /// The instrument that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<Instrument>,
    /// In one line.
    #[serde(default)]
    pub title: String,
    /// What holds.
    #[serde(default)]
    pub text: String,
    /// The number of the exhibit that has the text, in the first package of the message, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhibit: Option<u32>,
    /// The language of title and text, BCP 47: UNTOC 18(14).
    #[serde(default)]
    pub language: String,
    /// The first day on which it holds, `YYYY-MM-DD`.
    #[serde(default)]
    pub effective_from: String,
    /// The last day on which it holds; empty where no end is known.
    #[serde(default)]
    pub effective_until: String,
    /// The code of the statement of the same authority in whose place it stands from its first day on.
    #[serde(default)]
    pub supersedes: String,
    /// Where the text is published, https.
    #[serde(default)]
    pub url: String,
}

opaque_debug!(FrameworkUpdate, Statement);

/// Bytes of an address on the web: what browsers take.
const URL_MAX_BYTES: usize = 2_000;

impl FrameworkSubject {
    /// What a statement about it needs.
    pub fn need(self) -> Need {
        match self {
            Self::Law => Need::StatementLaw,
            Self::Treaty => Need::StatementTreaty,
            Self::Authority => Need::StatementAuthority,
            Self::Procedure => Need::StatementProcedure,
            Self::Language => Need::StatementLanguage,
            Self::Threshold => Need::StatementThreshold,
            Self::Other => Need::StatementOther,
        }
    }
}

impl FrameworkUpdate {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Lacks::default();
        self.walk(&mut found);
        rules::judge(found.into_list(), &[], &Target::default())
    }

    pub(super) fn walk(&self, found: &mut Lacks) {
        let none = self.statements.is_empty();
        found.add_if(none, "statements", Need::FormStatements, "are missing: make one at least");
        found.each("statements", &self.statements, statement);
        let mut seen = BTreeSet::new();
        for (number, one) in self.statements.iter().enumerate() {
            let twice = !one.reference.is_empty() && !seen.insert(one.reference.as_str());
            let field = format!("statements[{number}].ref");
            let message = "is the code of an earlier statement";
            found.add_if(twice, &field, Need::FormStatementRef, message);
        }
    }
}

impl Statement {
    /// Whether it holds on a day, `YYYY-MM-DD`, as far as it says itself.
    pub fn holds_on(&self, day: &str) -> bool {
        self.effective_from.as_str() <= day
            && (self.effective_until.is_empty() || day <= self.effective_until.as_str())
    }

    /// Whether it has begun by a day; from then on what it supersedes does not hold.
    pub fn has_begun_on(&self, day: &str) -> bool {
        self.effective_from.as_str() <= day
    }
}

fn statement(found: &mut Lacks, one: &Statement) {
    let need = one.subject.need();
    found.required("ref", Need::FormStatementRef, &one.reference);
    found.code("ref", &one.reference);
    found.required_line("title", need, &one.title);
    found.text("text", &one.text);
    let untold = one.text.trim().is_empty() && one.exhibit.is_none();
    found.add_if(untold, "text", need, "is missing, and so is an exhibit that has it");
    let unnamed = one.subject == FrameworkSubject::Treaty && one.instrument.is_none();
    let message = "is missing: say which treaty it is";
    found.add_if(unnamed, "instrument", Need::StatementInstrument, message);
    found.required("language", Need::StatementTextLanguage, &one.language);
    found.language("language", &one.language);
    days(found, one);
    found.code("supersedes", &one.supersedes);
    let itself = !one.supersedes.is_empty() && one.supersedes == one.reference;
    let message = "is its own code: a statement that is said again is put right anyway";
    found.add_if(itself, "supersedes", Need::FormSupersedes, message);
    url(found, &one.url);
}

fn days(found: &mut Lacks, one: &Statement) {
    let (from, until) = (&one.effective_from, &one.effective_until);
    found.required("effective_from", one.subject.need(), from);
    found.date("effective_from", from);
    found.date("effective_until", until);
    let message = "is before the first day on which it holds";
    found.add_if(!until.is_empty() && until < from, "effective_until", Need::FormPeriod, message);
}

fn url(found: &mut Lacks, url: &str) {
    let printable = url.bytes().all(|b| b.is_ascii_graphic());
    let sound = url.len() <= URL_MAX_BYTES && url.starts_with("https://") && printable;
    let message = format!(
        "is no address on the web: https:// and {URL_MAX_BYTES} bytes of ASCII at most, without blanks"
    );
    found.add_if(!url.is_empty() && !sound, "url", Need::FormUrl, &message);
}
