//! The manifest of an excerpt: what it is of, and the digest of every file, signed by the log's key.

use super::Scope;
use crate::audit::checkpoint::parse_decimal;
use crate::audit::manifest::{MANIFEST_MAX_BYTES, Manifest, ManifestError};
use crate::audit::note::{Note, NoteError, VerifierKey, sign_note};
use crate::crypto::SigningSecret;
use crate::domain::Timestamp;

/// The first line of the manifest of an excerpt. It is no export's, so that nobody takes a part for
/// the whole.
pub const HEADER: &str = "rogatory/v1/excerpt-manifest";

/// Which excerpt it is: its parts of the logs that follow each other have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Random: nobody joins the parts of two.
    pub id: [u8; 16],
    /// When, by its owner's clock.
    pub at: Timestamp,
}

/// What an excerpt consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// What its entries concern.
    pub scope: Scope,
    /// Which excerpt it is.
    pub made: Made,
    /// The log, the entries that its checkpoint has, and the files.
    pub list: Manifest,
}

/// Whether bytes begin as the manifest of an excerpt does. It proves nothing.
pub fn is_excerpt(manifest: &[u8]) -> bool {
    let rest = manifest.strip_prefix(HEADER.as_bytes());
    rest.is_some_and(|rest| rest.first() == Some(&b'\n'))
}

impl Excerpt {
    /// The signed note: header, origin, size, scope, id and time, then a line a file.
    ///
    /// # Errors
    /// [`NoteError`] when the origin is no key name or the key not Ed25519.
    pub fn sign(&self, key: &SigningSecret) -> Result<String, NoteError> {
        let Manifest { origin, size, .. } = &self.list;
        let (id, at) = (hex::encode(self.made.id), self.made.at);
        let mut text = format!("{HEADER}\n{origin}\n{size}\n{}\n{id}\n{at}\n", self.scope);
        self.list.write_files(&mut text);
        sign_note(&text, origin, key)
    }

    /// Parses the manifest of an excerpt that the log `origin` has signed with one of `keys`.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn verify(bytes: &[u8], origin: &str, keys: &[VerifierKey]) -> Result<Self, ManifestError> {
        let excerpt = Self::parse_unverified(bytes)?;
        if excerpt.list.origin != origin {
            return Err(ManifestError::OtherOrigin(excerpt.list.origin));
        }
        let of_this_log = keys.iter().filter(|key| key.name() == origin).cloned();
        text_of(bytes)?.verify(&of_this_log.collect::<Vec<_>>())?;
        Ok(excerpt)
    }

    /// Parses the manifest of an excerpt whoever signed it: it proves nothing.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse_unverified(bytes: &[u8]) -> Result<Self, ManifestError> {
        let note = text_of(bytes)?;
        let text = note.text();
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(HEADER) {
            return Err(ManifestError::Header(1));
        }
        let origin = lines.next().ok_or(ManifestError::Header(2))?.to_owned();
        let size = lines.next().and_then(parse_decimal).ok_or(ManifestError::Header(3))?;
        let scope = lines.next().and_then(Scope::parse).ok_or(ManifestError::Header(4))?;
        let id = lines.next().and_then(id_of).ok_or(ManifestError::Header(5))?;
        let at = lines.next().and_then(time_of).ok_or(ManifestError::Header(6))?;
        let files = Manifest::parse_files(lines, 7)?;
        Ok(Self { scope, made: Made { id, at }, list: Manifest { origin, size, files } })
    }
}

fn id_of(text: &str) -> Option<[u8; 16]> {
    let id = hex::decode(text).ok()?.try_into().ok()?;
    (hex::encode(id) == text).then_some(id)
}

fn time_of(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok().filter(|at| at.to_string() == text)
}

fn text_of(bytes: &[u8]) -> Result<Note, ManifestError> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| t.len() <= MANIFEST_MAX_BYTES);
    Ok(Note::parse(text.ok_or(ManifestError::NotText)?)?)
}
