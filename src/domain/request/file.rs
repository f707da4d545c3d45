//! Requests and contents from files that people write: JSON or TOML.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Content, MlaRequest};
use crate::domain::MessageKind;
use crate::domain::limits::BODY_MAX_BYTES;
use crate::domain::nearest::with_nearest;

/// Why a file could not be read, and where.
///
/// The text of [`Display`](fmt::Display) may quote a word of the file: show it to who wrote the
/// file, and trace [`line`](Self::line) and [`column`](Self::column) only (I6).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct UnreadableFile {
    line: usize,
    column: usize,
    problem: String,
}

impl UnreadableFile {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1: bytes in JSON, characters in TOML.
    pub fn column(&self) -> usize {
        self.column
    }

    fn too_large() -> Self {
        let problem = format!("the file has more than {BODY_MAX_BYTES} bytes, and so can no body");
        Self { line: 1, column: 1, problem }
    }

    fn json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        // The position is said once, in front, in the same words for both formats.
        let bare = text.strip_suffix(&format!(" at line {line} column {column}"));
        let problem = with_nearest(bare.unwrap_or(&text)).into_owned();
        Self { line: line.max(1), column: column.max(1), problem }
    }

    fn toml(error: &toml::de::Error, file: &str) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = file.get(..start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self { line, column, problem: with_nearest(error.message()).into_owned() }
    }
}

impl fmt::Debug for UnreadableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreadableFile {{ line: {}, column: {}, .. }}", self.line, self.column)
    }
}

/// Reads a request from JSON. It may be incomplete; [`MlaRequest::check`] says what it lacks.
///
/// # Errors
/// [`UnreadableFile`]: broken JSON, unknown fields, words and codes, more than
/// [`BODY_MAX_BYTES`].
pub fn request_from_json(file: &str) -> Result<MlaRequest, UnreadableFile> {
    read_json(file)
}

/// Reads a request from TOML, with the same fields as JSON.
///
/// # Errors
/// [`UnreadableFile`]: broken TOML, unknown fields, words and codes, more than
/// [`BODY_MAX_BYTES`].
pub fn request_from_toml(file: &str) -> Result<MlaRequest, UnreadableFile> {
    read_toml(file)
}

/// Reads a content from JSON: `kind` with `request` or `note`; or, where the file has no `kind`,
/// the fields of a request, which then is of the kind `REQUEST`.
///
/// # Errors
/// [`UnreadableFile`], as for [`request_from_json`], and where there is not one body.
pub fn content_from_json(file: &str) -> Result<Content, UnreadableFile> {
    match read_json::<Peek>(file)?.kind {
        Some(_) => read_json(file),
        None => Ok(Content::request(MessageKind::Request, read_json(file)?)),
    }
}

/// Reads a content from TOML, as [`content_from_json`] does from JSON.
///
/// # Errors
/// [`UnreadableFile`], as for [`request_from_toml`], and where there is not one body.
pub fn content_from_toml(file: &str) -> Result<Content, UnreadableFile> {
    match read_toml::<Peek>(file)?.kind {
        Some(_) => read_toml(file),
        None => Ok(Content::request(MessageKind::Request, read_toml(file)?)),
    }
}

/// Looks whether a file says a kind; the rest is read afterwards, strictly.
#[derive(Deserialize)]
struct Peek {
    #[serde(default)]
    kind: Option<IgnoredAny>,
}

fn read_json<T: DeserializeOwned>(file: &str) -> Result<T, UnreadableFile> {
    if file.len() > BODY_MAX_BYTES {
        return Err(UnreadableFile::too_large());
    }
    serde_json::from_str(file).map_err(|error| UnreadableFile::json(&error))
}

fn read_toml<T: DeserializeOwned>(file: &str) -> Result<T, UnreadableFile> {
    if file.len() > BODY_MAX_BYTES {
        return Err(UnreadableFile::too_large());
    }
    toml_of(file)
}

/// Reads any type from TOML, whatever the size.
pub(in crate::domain) fn toml_of<T: DeserializeOwned>(file: &str) -> Result<T, UnreadableFile> {
    toml::from_str(file).map_err(|error| UnreadableFile::toml(&error, file))
}
