//! Custody records: what was done with an exhibit before it was sealed, by whom, when, where and why.
//!
//! The fields are those that ISO/IEC 27037 has a chain of custody say. An agency writes them; they are
//! sealed with the exhibit, and nobody on the way changes them.

mod file;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::characters::is_override;
use super::limits::{
    CUSTODY_MAX_BYTES, CUSTODY_NOTE_MAX_BYTES, CUSTODY_RECORDS_MAX, CUSTODY_SEAL_MAX_BYTES,
    CUSTODY_SEALS_MAX, CUSTODY_TEXT_MAX_BYTES,
};

pub use file::{Custody, CustodyFileError, custody_from_toml};

/// What was done with an exhibit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustodyAction {
    /// Taken from somebody, or from where it was.
    Seized,
    /// An image was made of it, or data was taken from a system.
    Acquired,
    /// Looked at, or analysed.
    Examined,
    /// Copied.
    Copied,
    /// Handed to somebody else.
    Transferred,
    /// Put where it is kept.
    Stored,
    /// Made ready to be sent.
    Packed,
}

impl CustodyAction {
    /// Every action.
    pub const ALL: [Self; 7] = [
        Self::Seized,
        Self::Acquired,
        Self::Examined,
        Self::Copied,
        Self::Transferred,
        Self::Stored,
        Self::Packed,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seized => "seized",
            Self::Acquired => "acquired",
            Self::Examined => "examined",
            Self::Copied => "copied",
            Self::Transferred => "transferred",
            Self::Stored => "stored",
            Self::Packed => "packed",
        }
    }
}

/// Who has an exhibit in hand.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// A person or a role.
    pub name: String,
    /// The authority or organisation.
    pub organisation: String,
}

/// What something was done with.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyTool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One step of the chain of custody of an exhibit.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyRecord {
    /// What was done.
    pub action: CustodyAction,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Custodian,
    /// Whom it was handed to: of a transfer, and of nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Custodian>,
    /// Where.
    pub place: String,
    /// Why: the legal basis or the purpose.
    pub reason: String,
    /// What with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<CustodyTool>,
    /// Ids of the seals on it afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seals: Vec<String>,
    /// SHA-256 of the exhibit as it was then, lower-case hex; empty where none was taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// What else is to be said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl fmt::Debug for CustodyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustodyRecord").finish_non_exhaustive()
    }
}

/// A field of a custody record and the rule that it breaks. It does not repeat what stands there (I6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct CustodyFault {
    /// Its path, as in `custody[2].by.name`.
    pub field: String,
    /// The rule.
    pub rule: String,
}

impl CustodyFault {
    fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }

    /// The same, seen from outside the record that it is in.
    fn under(self, record: &str) -> Self {
        Self { field: format!("{record}.{}", self.field), rule: self.rule }
    }
}

impl CustodyRecord {
    /// Bytes of all its texts.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.texts().map(|(_, text, _)| text.len()).sum();
        texts + self.seals.iter().map(String::len).sum::<usize>() + self.digest.len()
    }

    /// Every text that has no form of its own, and whether it must be there.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        let to = self.to.iter().flat_map(|to| {
            [("to.name", to.name.as_str(), true), ("to.organisation", &to.organisation, true)]
        });
        let tool = self.tool.iter().flat_map(|tool| {
            [("tool.name", tool.name.as_str(), true), ("tool.version", &tool.version, true)]
        });
        [
            ("by.name", self.by.name.as_str(), true),
            ("by.organisation", &self.by.organisation, true),
            ("place", &self.place, true),
            ("reason", &self.reason, true),
            ("note", &self.note, false),
        ]
        .into_iter()
        .chain(to)
        .chain(tool)
    }

    /// The rules of one record.
    fn check(&self) -> Result<(), CustodyFault> {
        for (field, text, is_needed) in self.texts() {
            let most =
                if field == "note" { CUSTODY_NOTE_MAX_BYTES } else { CUSTODY_TEXT_MAX_BYTES };
            check_text(field, text, is_needed, most)?;
        }
        match (self.action, &self.to) {
            (CustodyAction::Transferred, None) => {
                return Err(CustodyFault::new("to", "must say whom it was handed to"));
            }
            (CustodyAction::Transferred, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                return Err(CustodyFault::new("to", "stands in a transfer only"));
            }
        }
        self.check_seals()?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match self.digest.is_empty() || (self.digest.len() == 64 && self.digest.bytes().all(is_hex))
        {
            true => Ok(()),
            false => {
                let rule = "must be a SHA-256, 64 digits of lower-case hex";
                Err(CustodyFault::new("digest", rule))
            }
        }
    }

    fn check_seals(&self) -> Result<(), CustodyFault> {
        if self.seals.len() > CUSTODY_SEALS_MAX {
            let rule = format!("has more than {CUSTODY_SEALS_MAX} entries");
            return Err(CustodyFault::new("seals", rule));
        }
        for (number, seal) in self.seals.iter().enumerate() {
            check_text(&format!("seals[{number}]"), seal, true, CUSTODY_SEAL_MAX_BYTES)?;
        }
        Ok(())
    }
}

fn check_text(field: &str, text: &str, is_needed: bool, most: usize) -> Result<(), CustodyFault> {
    let refuse = |rule: String| Err(CustodyFault::new(field, rule));
    if is_needed && text.trim().is_empty() {
        return refuse("must not be empty".to_owned());
    }
    if text.len() > most {
        return refuse(format!("has more than {most} bytes"));
    }
    match text.chars().any(|c| c.is_control() || is_override(c)) {
        true => refuse(
            "has a control character, or one that overrides the direction of writing".to_owned(),
        ),
        false => Ok(()),
    }
}

/// Checks the custody records of one exhibit, the first step first.
///
/// # Errors
/// [`CustodyFault`], of the first field that breaks a rule.
pub fn check_custody(records: &[CustodyRecord]) -> Result<(), CustodyFault> {
    if records.len() > CUSTODY_RECORDS_MAX {
        let rule = format!("has more than {CUSTODY_RECORDS_MAX} records");
        return Err(CustodyFault::new("custody", rule));
    }
    let path = |number: usize| format!("custody[{number}]");
    for (number, record) in records.iter().enumerate() {
        record.check().map_err(|fault| fault.under(&path(number)))?;
    }
    if records.iter().map(CustodyRecord::bytes).sum::<usize>() > CUSTODY_MAX_BYTES {
        let rule = format!("has more than {CUSTODY_MAX_BYTES} bytes in all");
        return Err(CustodyFault::new("custody", rule));
    }
    match records.windows(2).position(|two| two[1].at < two[0].at) {
        None => Ok(()),
        Some(number) => {
            let rule = "is earlier than that of the record before it";
            Err(CustodyFault::new(format!("{}.at", path(number + 1)), rule))
        }
    }
}

/// Checks that nothing of it lies ahead of what is the latest that it can be.
///
/// # Errors
/// [`CustodyFault`] at the first record that does.
pub fn check_not_after(records: &[CustodyRecord], latest: Timestamp) -> Result<(), CustodyFault> {
    match records.iter().position(|record| record.at > latest) {
        None => Ok(()),
        Some(number) => {
            let rule = "has not come yet";
            Err(CustodyFault::new(format!("custody[{number}].at"), rule))
        }
    }
}

/// Whether the digest of the last record is another than that of the exhibit as it was sealed. Earlier
/// ones may be of what the exhibit was taken from.
pub fn differs(last_digest: &str, sealed: &str) -> bool {
    !last_digest.is_empty() && last_digest != sealed
}

#[cfg(test)]
#[path = "custody/tests.rs"]
mod tests;
