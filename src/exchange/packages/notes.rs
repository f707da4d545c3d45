//! What an upload that can be gone on with notes beside its sealed chunks: which exhibits were begun,
//! and what each that ended turned out to be. Sealed under a key of the package's, as all else of it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::manifest::ExhibitInfo;
use crate::crypto::primitives::{AeadKey, hkdf_sha256, pae};
use crate::domain::PackageId;
use crate::domain::custody::CustodyRecord;
use crate::exchange::ActionError;
use crate::store::vault::{KeptNotes, PackageWriter};

/// What an exhibit is called, known before its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub name: String,
    pub media_type: String,
    pub custody: Vec<CustodyRecord>,
}

/// A note.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    Begun(Head),
    Ended(ExhibitInfo),
    /// All exhibits have ended, and the manifest is begun.
    Ending,
}

/// Seals notes, and opens them in the order in which they were sealed.
pub(super) struct Notes {
    key: AeadKey,
    count: u64,
}

impl Notes {
    /// Of a package with this key, of which none was noted.
    pub(super) fn new(package_key: &[u8; 32], package: PackageId) -> Self {
        let info = pae("rogatory/v1/upload-notes", &[package.as_bytes()]);
        let key = hkdf_sha256::<32>(b"rogatory/v1/upload-notes", package_key, &info);
        Self { key: AeadKey::new(&key), count: 0 }
    }

    /// Adds a note.
    pub(super) fn write(
        &mut self,
        note: &Note,
        writer: &mut PackageWriter,
    ) -> Result<(), ActionError> {
        let text = Zeroizing::new(serde_json::to_vec(note).expect("a struct of strings is JSON"));
        // A nonce at random: what is cut off behind a note is written anew with its number.
        let sealed = self.key.seal_random(&self.count.to_le_bytes(), &text);
        self.count += 1;
        Ok(writer.note(&sealed)?)
    }

    /// The next note of those that were written; `None` where it is none, and all behind it neither.
    pub(super) fn read(&mut self, sealed: &[u8]) -> Option<Note> {
        let text = self.key.open_random(&self.count.to_le_bytes(), sealed).ok()?;
        let note = serde_json::from_slice(&text).ok()?;
        self.count += 1;
        Some(note)
    }

    /// How many were written.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Goes back to where so many were written.
    pub(super) fn back_to(&mut self, count: u64) {
        self.count = count;
    }
}

/// The notes of an upload that is taken up again, read one at a time: there may be many.
pub(super) struct Written {
    kept: KeptNotes,
    notes: Notes,
    /// The one behind that which was taken last, and where it ends.
    next: Option<(u64, Note)>,
}

impl Written {
    /// From the first on.
    pub(super) fn begin(kept: KeptNotes, notes: Notes) -> Result<Self, ActionError> {
        let mut written = Self { kept, notes, next: None };
        written.advance()?;
        Ok(written)
    }

    /// The next note and where it ends, if it is one that is wanted.
    pub(super) fn next_if(
        &mut self,
        wanted: impl FnOnce(&Note) -> bool,
    ) -> Result<Option<(u64, Note)>, ActionError> {
        let note = self.next.take_if(|(_, note)| wanted(note));
        if note.is_some() {
            self.advance()?;
        }
        Ok(note)
    }

    fn advance(&mut self) -> Result<(), ActionError> {
        let Some((end, sealed)) = self.kept.next_note()? else { return Ok(()) };
        self.next = self.notes.read(&sealed).map(|note| (end, note));
        Ok(())
    }
}
