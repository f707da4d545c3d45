//! The manifest of an export: the digest of every file, signed by the log's key.
//!
//! Tiles, entries and checkpoint prove each other; receipts, cards, and lines that verifiers of
//! other origins ignore are only held by this list. Without its header it is input for
//! `sha256sum --check`.

use std::collections::BTreeMap;

use super::checkpoint::parse_decimal;
use super::note::{Note, NoteError, VerifierKey, sign_note};
use crate::crypto::{Digest, SigningSecret, sha256};

/// The path of the manifest, which it does not list itself.
pub const MANIFEST_PATH: &str = "manifest";

/// The first line of a manifest. No origin looks like it, so that the signature under a manifest is
/// never one under a checkpoint.
pub const HEADER: &str = "rogatory/v1/export-manifest";

/// Bytes of the largest manifest: about a million files.
pub const MANIFEST_MAX_BYTES: usize = 128 << 20;

/// Bytes of a path in an export.
pub const PATH_MAX_BYTES: usize = 200;

/// What an export consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The log.
    pub origin: String,
    /// Entries in the export.
    pub size: u64,
    /// The SHA-256 of each file, by its path.
    pub files: BTreeMap<String, Digest>,
}

/// Why a text is not a manifest, or not one that is believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not UTF-8, or longer than [`MANIFEST_MAX_BYTES`].
    #[error("it is not a text of at most {MANIFEST_MAX_BYTES} bytes")]
    NotText,
    /// The note is malformed, or nobody known signed it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is of another log.
    #[error("it is of {0:?}")]
    OtherOrigin(String),
    /// A header line is wrong.
    #[error("line {0} is not what the header of a manifest has there")]
    Header(usize),
    /// A line is not `<hex digest>  <path>`, has a path that could lead elsewhere, or does not sort
    /// behind the one before it.
    #[error("line {0} does not list a file, or not in order")]
    Line(usize),
}

/// Whether a path can stand in an export: relative, of plain segments that no shell, tool or
/// file system reads as something else.
pub fn is_export_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let segment = |s: &str| !s.is_empty() && !s.starts_with(['.', '-']) && s.bytes().all(plain);
    path.len() <= PATH_MAX_BYTES && path.split('/').all(segment)
}

/// Bytes of a [`tag`].
pub const TAG_BYTES: usize = 8;

/// Names a file of an export, with what is in it, in a few bytes: so says whoever fetches an export
/// what it has already. Two that share a tag by chance, 2^-64 for a pair, end in an export that
/// lacks one of them, which is noticed.
pub fn tag(path: &str, digest: &Digest) -> [u8; TAG_BYTES] {
    // No path has a zero byte: nothing can be moved from one part to the other.
    let named = [path.as_bytes(), &[0], digest].concat();
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&sha256(&named)[..TAG_BYTES]);
    tag
}

impl Manifest {
    /// The signed note.
    ///
    /// # Errors
    /// [`NoteError`] when the origin is no key name or the key not Ed25519.
    pub fn sign(&self, key: &SigningSecret) -> Result<String, NoteError> {
        let mut text = format!("{HEADER}\n{}\n{}\n", self.origin, self.size);
        self.write_files(&mut text);
        sign_note(&text, &self.origin, key)
    }

    /// A line a file.
    pub(super) fn write_files(&self, text: &mut String) {
        for (path, digest) in &self.files {
            text.push_str(&format!("{}  {path}\n", hex::encode(digest)));
        }
    }

    /// Parses a manifest that the log `origin` has signed with one of `keys`.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn verify(bytes: &[u8], origin: &str, keys: &[VerifierKey]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(bytes).ok().filter(|t| t.len() <= MANIFEST_MAX_BYTES);
        let note = Note::parse(text.ok_or(ManifestError::NotText)?)?;
        let of_this_log = keys.iter().filter(|key| key.name() == origin).cloned();
        let verified = note.verify(&of_this_log.collect::<Vec<_>>());
        // Parsed before it is believed only to name the other log, if that is what is wrong.
        let manifest = Self::parse(note.text());
        match (verified, manifest) {
            (_, Ok(manifest)) if manifest.origin != origin => {
                Err(ManifestError::OtherOrigin(manifest.origin))
            }
            (verified, manifest) => verified.map_err(ManifestError::Note).and(manifest),
        }
    }

    /// Parses a manifest whoever signed it: it says which files there should be, and proves nothing.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse_unverified(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(bytes).ok().filter(|t| t.len() <= MANIFEST_MAX_BYTES);
        Self::parse(Note::parse(text.ok_or(ManifestError::NotText)?)?.text())
    }

    fn parse(text: &str) -> Result<Self, ManifestError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(HEADER) {
            return Err(ManifestError::Header(1));
        }
        let origin = lines.next().ok_or(ManifestError::Header(2))?.to_owned();
        let size = lines.next().and_then(parse_decimal).ok_or(ManifestError::Header(3))?;
        let files = Self::parse_files(lines, 4)?;
        Ok(Self { origin, size, files })
    }

    /// The lines of the files, of which the first is number `first` of the text.
    pub(super) fn parse_files<'a>(
        lines: impl Iterator<Item = &'a str>,
        first: usize,
    ) -> Result<BTreeMap<String, Digest>, ManifestError> {
        let mut files = BTreeMap::<String, Digest>::new();
        for (at, line) in (first..).zip(lines) {
            let (path, digest) = parse_line(line).ok_or(ManifestError::Line(at))?;
            if files.last_key_value().is_some_and(|(last, _)| last.as_str() >= path) {
                return Err(ManifestError::Line(at));
            }
            files.insert(path.to_owned(), digest);
        }
        Ok(files)
    }
}

fn parse_line(line: &str) -> Option<(&str, Digest)> {
    let (digest, path) = line.split_once("  ")?;
    let lower = !digest.bytes().any(|b| b.is_ascii_uppercase());
    let digest = hex::decode(digest).ok()?.try_into().ok()?;
    (lower && is_export_path(path) && path != MANIFEST_PATH).then_some((path, digest))
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
