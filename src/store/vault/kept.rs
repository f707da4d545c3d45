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
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::{
    Owner, PackageWriter, SEALED_CHUNK_BYTES, Vault, VaultError, remove_if_there, sync_dir,
};
use crate::domain::limits::{MANIFEST_LINE_MAX_BYTES, MANIFEST_MAX_BYTES};
use crate::domain::{PackageId, Timestamp};

/// A note at most: a line of a manifest, sealed, and what JSON puts around it.
const NOTE_MAX_BYTES: u32 = 2 * MANIFEST_LINE_MAX_BYTES as u32;

/// What is noted of a package at most: each line of its manifest twice, and what seals them.
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
        // Held first: a sweep removes it before, or not at all.
        let _held = self.hold_name(name_of(id));
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

    /// Notes that somebody goes on with it.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn touch_kept(&self, id: PackageId, now: Timestamp) -> Result<(), VaultError> {
        self.touch_mark(&name_of(id), now)
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

/// The notes of a package, one after the other.
pub struct KeptNotes {
    file: Option<BufReader<File>>,
    at: u64,
}

impl KeptNotes {
    /// The next note and where it ends; `None` where nothing whole is left.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn next_note(&mut self) -> Result<Option<(u64, Vec<u8>)>, VaultError> {
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut len = [0; 4];
        if !read_whole(file, &mut len)? {
            return Ok(None);
        }
        let len = u32::from_le_bytes(len);
        // What was torn can say any length.
        if len > NOTE_MAX_BYTES {
            return Ok(None);
        }
        let mut note = vec![0; len as usize];
        if !read_whole(file, &mut note)? {
            return Ok(None);
        }
        self.at += 4 + u64::from(len);
        Ok(Some((self.at, note)))
    }
}

/// Fills a buffer; false where there is not so much.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
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
        self.vault.check_room(note.len() as u64)?;
        if notes.stream_position()? > NOTES_MAX_BYTES {
            return Err(VaultError::Refused(
                "an upload has begun too many exhibits: begin it anew",
            ));
        }
        let len = u32::try_from(note.len()).ok().filter(|len| *len <= NOTE_MAX_BYTES);
        let len = len.ok_or(VaultError::Refused("a note is too long"))?;
        Ok(notes.write_all(&[&len.to_le_bytes(), note].concat())?)
    }

    /// What was noted, from the first note on.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn notes(&mut self) -> Result<KeptNotes, VaultError> {
        let Some(notes) = &mut self.notes else { return Ok(KeptNotes { file: None, at: 0 }) };
        notes.rewind()?;
        Ok(KeptNotes { file: Some(BufReader::new(notes.try_clone()?)), at: 0 })
    }

    /// Where the next note will stand.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn notes_end(&mut self) -> Result<u64, VaultError> {
        Ok(self.notes.as_mut().map_or(Ok(0), |notes| notes.stream_position())?)
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
