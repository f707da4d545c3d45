//! Uploads that stay when they are cut off: what is on disk of one, and how it is taken up again.
//!
//! ```text
//! vault/incoming/own-<package id>/   its sealed chunks, until it ends
//! vault/uploads/<package id>         notes: what else whoever writes it must know to go on
//! ```
//!
//! Nothing of it is synced before it ends. Whoever takes it up reads all of it back, and cuts it off
//! where a loss of power, or a torn write, has left another thing than was written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::{
    Owner, PackageWriter, SEALED_CHUNK_BYTES, Vault, VaultError, remove_if_there, sync_dir,
};
use crate::domain::limits::MANIFEST_MAX_BYTES;
use crate::domain::{PackageId, Timestamp};

/// What is noted of a package at most: twice what its manifest may be, each note in two parts.
const NOTES_MAX_BYTES: u64 = 3 * MANIFEST_MAX_BYTES;

/// The mark of an upload that is not whole.
pub(super) fn name_of(id: PackageId) -> String {
    format!("own-{id}")
}

impl Vault {
    /// Begins a package of our own that stays when its upload is cut off.
    ///
    /// # Errors
    /// [`VaultError::Full`], [`VaultError::Io`].
    pub fn begin_kept(&self, id: PackageId) -> Result<PackageWriter, VaultError> {
        self.check_room(0)?;
        // Marked before its first byte, so that it is found when nobody comes for it.
        self.mark(&name_of(id), Owner::Own(id), 0)?;
        let notes = options().create_new(true).open(self.notes_of(id))?;
        PackageWriter::begin(self, id).map(|writer| writer.kept(notes))
    }

    /// Takes up a package that was begun so, with nothing of it read back yet; `None` where it is not
    /// there, or has ended.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn reopen(
        &self,
        id: PackageId,
        now: Timestamp,
    ) -> Result<Option<PackageWriter>, VaultError> {
        let dir = self.root.join("incoming").join(name_of(id));
        if !self.ledger.has(&name_of(id)) || !dir.is_dir() {
            return Ok(None);
        }
        self.touch_mark(&name_of(id), now)?;
        let notes = match options().open(self.notes_of(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        PackageWriter::reopen(self, id).map(|writer| Some(writer.kept(notes)))
    }

    /// Whether a package that was begun so is still not whole.
    pub fn is_kept(&self, id: PackageId) -> bool {
        self.ledger.has(&name_of(id))
    }

    /// Removes what is left of a package that was begun so, and has ended or will not go on; false
    /// while somebody is at it.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn end_kept(&self, id: PackageId) -> Result<bool, VaultError> {
        let name = name_of(id);
        if self.ledger.has(&name) && !self.remove(&name)? {
            return Ok(false);
        }
        remove_if_there(&self.notes_of(id))?;
        Ok(true)
    }

    fn notes_of(&self, id: PackageId) -> PathBuf {
        self.root.join("uploads").join(id.to_string())
    }

    /// Removes notes of uploads that are marked no more.
    pub(super) fn sweep_notes(&self) -> Result<(), VaultError> {
        for entry in fs::read_dir(self.root.join("uploads"))? {
            let entry = entry?;
            let name = format!("own-{}", entry.file_name().to_string_lossy());
            if !self.ledger.has(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        sync_dir(&self.root.join("uploads"))
    }
}

/// How notes, and exhibits that are taken up again, are opened.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

impl PackageWriter {
    /// Notes something, for whoever takes it up again.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn note(&mut self, note: &[u8]) -> Result<(), VaultError> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        let len =
            u32::try_from(note.len()).map_err(|_| VaultError::Refused("a note is too long"))?;
        Ok(notes.write_all(&[&len.to_le_bytes(), note].concat())?)
    }

    /// What was noted, as far as it is whole: each with where it ends.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn notes(&mut self) -> Result<Vec<(u64, Vec<u8>)>, VaultError> {
        let Some(file) = &mut self.notes else { return Ok(Vec::new()) };
        let mut text = Vec::new();
        file.rewind()?;
        (&mut *file).take(NOTES_MAX_BYTES).read_to_end(&mut text)?;
        let (mut notes, mut rest, mut at) = (Vec::new(), text.as_slice(), 0);
        while let Some((len, behind)) = rest.split_first_chunk::<4>() {
            let len = u32::from_le_bytes(*len) as usize;
            let Some((note, behind)) = behind.split_at_checked(len) else { break };
            at += 4 + len as u64;
            notes.push((at, note.to_vec()));
            rest = behind;
        }
        Ok(notes)
    }

    /// Forgets the notes behind this place.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn cut_notes(&mut self, end: u64) -> Result<(), VaultError> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        notes.set_len(end)?;
        notes.seek(io::SeekFrom::Start(end))?;
        Ok(())
    }

    /// Takes up the next exhibit with nothing of it read back; false where nothing was written of it.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn reopen_exhibit(&mut self) -> Result<bool, VaultError> {
        match options().open(self.next_exhibit()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            opened => {
                self.exhibit = Some((opened?, 0));
                Ok(true)
            }
        }
    }

    /// Reads what was written behind the chunks that were taken back: one, or what there is of it.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Refused`] when no exhibit was begun.
    pub fn read_back(&self) -> Result<Vec<u8>, VaultError> {
        let (file, size) = self.exhibit.as_ref().ok_or(VaultError::Refused(super::NOT_BEGUN))?;
        let len = file.metadata()?.len().saturating_sub(*size).min(SEALED_CHUNK_BYTES);
        let mut sealed = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut sealed, *size)?;
        Ok(sealed)
    }

    /// Takes a chunk back that was read, and is what it should be.
    ///
    /// # Errors
    /// [`VaultError::Io`]; [`VaultError::Refused`] when no exhibit was begun.
    pub fn take_back(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        self.count(sealed)
    }

    /// Cuts the exhibit off behind the chunks that were taken back: it goes on there.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn cut(&mut self) -> Result<(), VaultError> {
        let Some((file, size)) = &mut self.exhibit else { return Ok(()) };
        file.set_len(*size)?;
        file.seek(io::SeekFrom::Start(*size))?;
        Ok(())
    }

    /// Forgets the exhibit that was begun, of which nothing was written.
    pub fn leave_exhibit(&mut self) {
        self.exhibit = None;
    }

    fn kept(mut self, notes: File) -> Self {
        self.held = Some(self.vault.hold_name(name_of(self.id)));
        self.notes = Some(notes);
        self
    }
}
