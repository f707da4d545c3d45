//! The manifest of a package: what its exhibits are, itself sealed as the last exhibit.
//!
//! JSON Lines, so that a hundred thousand exhibits are written and read one at a time, and anybody
//! who is ever given the plaintext can read it: a first line for the package, one for each exhibit.

use serde::{Deserialize, Serialize};

use crate::domain::limits::EXHIBIT_NAME_MAX_BYTES;
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

/// Reads a manifest.
pub(super) fn parse(text: &[u8]) -> Result<Vec<ExhibitInfo>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "the manifest is not UTF-8")?;
    let mut lines = text.lines();
    let head = lines.next().ok_or("the manifest is empty")?;
    let head: ManifestHead =
        serde_json::from_str(head).map_err(|_| "the manifest's first line is malformed")?;
    if head.v != 1 {
        return Err("the manifest has an unknown version");
    }
    let mut exhibits = Vec::new();
    for (number, line) in lines.enumerate() {
        let exhibit: ExhibitInfo =
            serde_json::from_str(line).map_err(|_| "a line of the manifest is malformed")?;
        let fits = exhibit.number as usize == number
            && exhibit.sha256.len() == 64
            && check_head(&exhibit.name, &exhibit.media_type).is_ok();
        if !fits {
            return Err("a line of the manifest breaks a rule");
        }
        exhibits.push(exhibit);
    }
    Ok(exhibits)
}
