//! The text of evidence: the claim, a blank line, one note, a blank line, the other note.
//!
//! A checkpoint has no blank line but the one before its signatures, so the text has exactly four.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Claim, Evidence, EvidenceError, OtherEntry};
use crate::audit::checkpoint::{parse_decimal, parse_hash};
use crate::audit::note::quoted;
use crate::audit::proof::PATH_MAX;
use crate::crypto::Digest;
use crate::domain::limits::EVIDENCE_MAX_BYTES;

/// The first line of the text.
pub const HEADER: &str = "rogatory/v1/equivocation";

const SAME_SIZE: &str = "same-size";
const OTHER_PREFIX: &str = "other-prefix";
const OTHER_ENTRY: &str = "other-entry";

impl Evidence {
    /// The text; the customary extension of its file is `.equivocation`.
    pub fn to_text(&self) -> String {
        let claim = match &self.claim {
            Claim::SameSize => format!("{SAME_SIZE}\n"),
            Claim::OtherPrefix { root, path } => {
                let root = STANDARD.encode(root);
                format!("{OTHER_PREFIX}\nroot {root}\n{}", hash_lines(path))
            }
            Claim::OtherEntry(other) => format!(
                "{OTHER_ENTRY}\nindex {}\nentry {}\n{}leaf {}\n{}",
                other.index,
                STANDARD.encode(&other.entry),
                hash_lines(&other.path),
                STANDARD.encode(other.leaf),
                hash_lines(&other.leaf_path)
            ),
        };
        format!("{HEADER}\n{claim}\n{}\n{}", self.first, self.second)
    }

    /// Parses the text, in the one spelling that [`Evidence::to_text`] writes. Nothing in it is
    /// verified here.
    ///
    /// # Errors
    /// [`EvidenceError`], which names the line.
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        if text.len() > EVIDENCE_MAX_BYTES {
            return Err(EvidenceError::TooLarge(text.len()));
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(EvidenceError::Header)?;
        let parts: Vec<&str> = rest.split("\n\n").collect();
        let [claim, a, a_lines, b, b_lines] = parts.as_slice() else {
            return Err(EvidenceError::Parts);
        };
        let claim = parse_claim(claim)?;
        let (first, second) = (format!("{a}\n\n{a_lines}\n"), format!("{b}\n\n{b_lines}"));
        let evidence = Self { first, second, claim };
        evidence.checkpoints()?;
        Ok(evidence)
    }
}

fn hash_lines(hashes: &[Digest]) -> String {
    hashes.iter().map(|hash| format!("hash {}\n", STANDARD.encode(hash))).collect()
}

fn parse_claim(text: &str) -> Result<Claim, EvidenceError> {
    let (kind, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut lines = Lines { rest: rest.split('\n').collect(), at: 0 };
    // `split` gives one empty line for nothing at all.
    lines.rest.retain(|line| !line.is_empty() || !rest.is_empty());
    let claim = match kind {
        SAME_SIZE => Claim::SameSize,
        OTHER_PREFIX => {
            Claim::OtherPrefix { root: lines.word("root ", parse_hash)?, path: lines.hashes()? }
        }
        OTHER_ENTRY => Claim::OtherEntry(Box::new(OtherEntry {
            index: lines.word("index ", parse_decimal)?,
            entry: lines.word("entry ", |text| STANDARD.decode(text).ok())?,
            path: lines.hashes()?,
            leaf: lines.word("leaf ", parse_hash)?,
            leaf_path: lines.hashes()?,
        })),
        other => return Err(EvidenceError::Claim(quoted(other))),
    };
    match lines.at == lines.rest.len() {
        true => Ok(claim),
        false => Err(lines.fault()),
    }
}

/// The lines of a claim behind its name, which is line 2 of the text.
struct Lines<'a> {
    rest: Vec<&'a str>,
    at: usize,
}

impl Lines<'_> {
    fn fault(&self) -> EvidenceError {
        EvidenceError::Line(self.at + 3)
    }

    /// The next line, which begins with `word`.
    fn word<T>(
        &mut self,
        word: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, EvidenceError> {
        let line = self.rest.get(self.at).and_then(|line| line.strip_prefix(word));
        let value = line.and_then(parse).ok_or_else(|| self.fault())?;
        self.at += 1;
        Ok(value)
    }

    /// The next lines, as long as they are hashes.
    fn hashes(&mut self) -> Result<Vec<Digest>, EvidenceError> {
        let mut hashes = Vec::new();
        while self.rest.get(self.at).is_some_and(|line| line.starts_with("hash ")) {
            if hashes.len() == PATH_MAX {
                return Err(self.fault());
            }
            hashes.push(self.word("hash ", parse_hash)?);
        }
        Ok(hashes)
    }
}
