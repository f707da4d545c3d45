//! The manifest of a package: what its exhibits are, itself sealed as the last exhibit.
//!
//! JSON Lines, so that a hundred thousand exhibits are written and read one at a time, and anybody
//! who is ever given the plaintext can read it: a first line for the package, one for each exhibit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::custody::{CustodyRecord, check_custody};
use crate::domain::limits::{
    CHUNK_BYTES, EXHIBIT_NAME_MAX_BYTES, EXHIBIT_PAGE_MAX_BYTES, MANIFEST_LINE_MAX_BYTES,
};
use crate::domain::{PackageId, Timestamp};
use crate::exchange::ActionError;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestHead {
    pub v: u32,
    pub package: PackageId,
    pub sealed: Timestamp,
}

/// An exhibit, as its line in the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExhibitInfo {
    /// Its number in the package, from 0.
    pub number: u32,
    /// The original name, kept as data.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// SHA-256 of the plaintext, lower-case hex.
    pub sha256: String,
    /// Its chain of custody, the first step first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custody: Vec<CustodyRecord>,
}

const MEDIA_TYPE_MAX_BYTES: usize = 127;

/// Checks name and media type of an exhibit before its bytes are taken.
pub(super) fn check_head(name: &str, media_type: &str) -> Result<(), ActionError> {
    if name.is_empty() || name.len() > EXHIBIT_NAME_MAX_BYTES || name.chars().any(char::is_control)
    {
        let rule = "must have 1 to 1024 bytes and no control characters";
        return Err(ActionError::invalid("exhibit.original_name", rule));
    }
    // The name is written out again by whoever receives it: it must stay inside a directory.
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) || name.contains('\\') {
        let rule = "must be a relative path with / between its parts, none of them . or ..";
        return Err(ActionError::invalid("exhibit.original_name", rule));
    }
    let media_ok = media_type.len() <= MEDIA_TYPE_MAX_BYTES
        && media_type.split('/').count() == 2
        && media_type.bytes().all(|b| b.is_ascii_graphic());
    match media_ok {
        true => Ok(()),
        false => Err(ActionError::invalid("exhibit.media_type", "must be type/subtype")),
    }
}

/// Where a page of exhibits begins: the number of its first, and where its line begins in the
/// manifest. A token for clients: one that no page gave is found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageToken {
    number: u32,
    at: u64,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.at)
    }
}

/// What a token that no page gave breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the token that the page before gave")]
pub struct NoPageToken;

impl FromStr for PageToken {
    type Err = NoPageToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, at) = text.split_once('-').ok_or(NoPageToken)?;
        let number = number.parse().map_err(|_| NoPageToken)?;
        Ok(Self { number, at: at.parse().map_err(|_| NoPageToken)? })
    }
}

/// A page of exhibits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExhibitPage {
    /// In the package's order.
    pub exhibits: Vec<ExhibitInfo>,
    /// Where the next one begins; none on the last.
    pub next: Option<PageToken>,
}

/// Reads a page of a manifest of `chunks` chunks that `read` gives, and that lists `exhibits`.
pub(super) fn page(
    chunks: u32,
    read: impl FnMut(u32) -> Result<Vec<u8>, ActionError>,
    exhibits: u32,
    from: PageToken,
    limit: usize,
) -> Result<ExhibitPage, ActionError> {
    let mut lines = Lines::from(from.at, chunks, read)?;
    if from == PageToken::default() {
        check_manifest(lines.next()?.unwrap_or_default()).map_err(ActionError::fault)?;
    } else if from.at == 0 || !lines.next()?.is_some_and(|rest| rest.is_empty()) {
        // What ends before a line begins is a line break.
        return Err(ActionError::invalid("page_token", NoPageToken.to_string()));
    }
    let mut page = ExhibitPage { exhibits: Vec::new(), next: None };
    let (mut number, mut bytes) = (from.number, 0);
    loop {
        let at = lines.at;
        let Some(line) = lines.next()? else { break };
        bytes += line.len();
        let is_large = bytes > EXHIBIT_PAGE_MAX_BYTES && !page.exhibits.is_empty();
        if page.exhibits.len() == limit || is_large {
            page.next = Some(PageToken { number, at });
            return Ok(page);
        }
        page.exhibits.push(exhibit(line, number, from)?);
        number = number.saturating_add(1);
    }
    match number == exhibits {
        true => Ok(page),
        false => Err(ActionError::fault("the manifest does not list all exhibits")),
    }
}

fn check_manifest(head: &[u8]) -> Result<(), &'static str> {
    let head: ManifestHead =
        serde_json::from_slice(head).map_err(|_| "the manifest's first line is malformed")?;
    if head.v == 1 { Ok(()) } else { Err("the manifest has an unknown version") }
}

fn exhibit(line: &[u8], number: u32, from: PageToken) -> Result<ExhibitInfo, ActionError> {
    let exhibit: ExhibitInfo = serde_json::from_slice(line)
        .map_err(|_| ActionError::fault("a line of the manifest is malformed"))?;
    if exhibit.number != number && number == from.number && from.at > 0 {
        return Err(ActionError::invalid("page_token", NoPageToken.to_string()));
    }
    let fits = exhibit.number == number
        && exhibit.sha256.len() == 64
        && check_head(&exhibit.name, &exhibit.media_type).is_ok()
        && check_custody(&exhibit.custody).is_ok();
    match fits {
        true => Ok(exhibit),
        false => Err(ActionError::fault("a line of the manifest breaks a rule")),
    }
}

/// The lines of a manifest, of which no more than a chunk and a line is in memory.
struct Lines<R> {
    read: R,
    next_chunk: u32,
    chunks: u32,
    text: Zeroizing<Vec<u8>>,
    /// Where in `text` the next line begins, and where in the manifest.
    begins: usize,
    at: u64,
}

impl<R: FnMut(u32) -> Result<Vec<u8>, ActionError>> Lines<R> {
    /// From the byte before `at` on, which ends the line before.
    fn from(at: u64, chunks: u32, read: R) -> Result<Self, ActionError> {
        let at = at.saturating_sub(1);
        let chunk = at / CHUNK_BYTES as u64;
        let next_chunk = u32::try_from(chunk).ok().filter(|chunk| *chunk < chunks);
        let next_chunk = next_chunk
            .ok_or_else(|| ActionError::invalid("page_token", NoPageToken.to_string()))?;
        let mut lines =
            Self { read, next_chunk, chunks, text: Zeroizing::default(), begins: 0, at };
        lines.more()?;
        lines.begins = (at % CHUNK_BYTES as u64) as usize;
        Ok(lines)
    }

    /// The next line without its end; `None` behind the last.
    fn next(&mut self) -> Result<Option<&[u8]>, ActionError> {
        let mut looked_at = self.begins;
        loop {
            let rest = self.text.get(looked_at..).unwrap_or_default();
            if let Some(len) = rest.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.take(looked_at + len, 1)));
            }
            if self.text.len().saturating_sub(self.begins) > MANIFEST_LINE_MAX_BYTES {
                return Err(ActionError::fault("a line of the manifest is too long"));
            }
            if self.next_chunk == self.chunks {
                let over = self.begins >= self.text.len();
                return Ok((!over).then(|| self.take(self.text.len(), 0)));
            }
            looked_at = self.text.len().saturating_sub(self.begins);
            self.more()?;
        }
    }

    fn take(&mut self, end: usize, line_break: usize) -> &[u8] {
        let begins = self.begins;
        self.begins = end + line_break;
        self.at += (self.begins - begins) as u64;
        &self.text[begins..end]
    }

    /// Reads the next chunk behind what is left of the last one.
    fn more(&mut self) -> Result<(), ActionError> {
        let chunk = Zeroizing::new((self.read)(self.next_chunk)?);
        self.next_chunk += 1;
        let rest = self.text.get(self.begins..).unwrap_or_default();
        let mut text = Zeroizing::new(Vec::with_capacity(rest.len() + chunk.len()));
        text.extend_from_slice(rest);
        text.extend_from_slice(&chunk);
        self.text = text;
        self.begins = 0;
        Ok(())
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
