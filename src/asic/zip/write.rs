//! Writing: every file once, stored, with its checksum put in front of it afterwards.

use std::io::{self, Seek, SeekFrom, Write};

use super::name::Names;
use super::*;
use crate::crypto::{Digest, Sha256};
use crate::domain::Timestamp;

/// A file had not the size that it was said to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has another size than it had before")]
pub struct Changed;

/// A container that is being written.
pub struct Writer<W> {
    out: W,
    at: u64,
    /// Time and date as ZIP has them, of every file.
    moment: (u16, u16),
    names: Names,
    central: Vec<u8>,
    entries: u64,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    name: String,
    offset: u64,
    size: u64,
    written: u64,
    checksum: crc32fast::Hasher,
    hash: Sha256,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins one at the beginning of an empty file; `at` is the time that its files get.
    pub fn new(out: W, at: Timestamp) -> Self {
        Self {
            out,
            at: 0,
            moment: moment(at),
            names: Names::default(),
            central: Vec::new(),
            entries: 0,
            open: None,
        }
    }

    /// Begins a file of this size.
    ///
    /// # Errors
    /// When the name is none that a container may have, or it cannot be written.
    pub fn begin(&mut self, name: &str, size: u64) -> io::Result<()> {
        self.names.take(name).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} {error}"))
        })?;
        self.entries += 1;
        let head = self.local(name, size, 0);
        self.out.write_all(&head)?;
        let open = Open {
            name: name.to_owned(),
            offset: self.at,
            size,
            written: 0,
            checksum: crc32fast::Hasher::new(),
            hash: Sha256::new(),
        };
        self.at += head.len() as u64;
        self.open = Some(open);
        Ok(())
    }

    /// Writes a piece of the file.
    ///
    /// # Errors
    /// When it is more than the file was said to have, or cannot be written.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let open = self.open.as_mut().ok_or_else(|| io::Error::other("no file was begun"))?;
        open.written += piece.len() as u64;
        if open.written > open.size {
            return Err(io::Error::other(Changed));
        }
        open.checksum.update(piece);
        open.hash.update(piece);
        self.at += piece.len() as u64;
        self.out.write_all(piece)
    }

    /// Ends the file; gives its SHA-256.
    ///
    /// # Errors
    /// When it is less than it was said to be, or cannot be written.
    pub fn end(&mut self) -> io::Result<Digest> {
        let open = self.open.take().ok_or_else(|| io::Error::other("no file was begun"))?;
        if open.written != open.size {
            return Err(io::Error::other(Changed));
        }
        let checksum = open.checksum.finalize();
        self.out.seek(SeekFrom::Start(open.offset + 14))?;
        self.out.write_all(&checksum.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(self.at))?;
        self.central(&open.name, open.size, checksum, open.offset);
        Ok(open.hash.finish())
    }

    /// Writes a file that is at hand.
    ///
    /// # Errors
    /// As [`Writer::begin`].
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<Digest> {
        self.begin(name, bytes.len() as u64)?;
        self.write(bytes)?;
        self.end()
    }

    /// Ends the container.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let (offset, size) = (self.at, self.central.len() as u64);
        let mut end = Vec::new();
        if offset >= u64::from(u32::MAX) || self.entries >= u64::from(u16::MAX) {
            put(&mut end, &[&END64.to_le_bytes(), &(END64_BYTES as u64 - 12).to_le_bytes()]);
            put(&mut end, &[&made_by(45), &45_u16.to_le_bytes(), &[0; 8]]);
            let numbers = [self.entries, self.entries, size, offset];
            numbers.iter().for_each(|number| put(&mut end, &[&number.to_le_bytes()]));
            let at = offset + size;
            put(&mut end, &[&LOCATOR64.to_le_bytes(), &[0; 4], &at.to_le_bytes()]);
            put(&mut end, &[&1_u32.to_le_bytes()]);
        }
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX).to_le_bytes();
        put(&mut end, &[&END.to_le_bytes(), &[0; 4], &entries, &entries]);
        put(&mut end, &[&short(size).to_le_bytes(), &short(offset).to_le_bytes(), &[0; 2]]);
        self.out.write_all(&self.central)?;
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// What stands in front of a file. Its checksum is at byte 14.
    fn local(&self, name: &str, size: u64, checksum: u32) -> Vec<u8> {
        let large = size >= u64::from(u32::MAX);
        let mut head = LOCAL.to_le_bytes().to_vec();
        self.common(&mut head, name, size, checksum, large);
        let extra: u16 = if large { 20 } else { 0 };
        put(&mut head, &[&(name.len() as u16).to_le_bytes(), &extra.to_le_bytes()]);
        put(&mut head, &[name.as_bytes()]);
        if large {
            put(&mut head, &[&EXTRA64.to_le_bytes(), &16_u16.to_le_bytes()]);
            put(&mut head, &[&size.to_le_bytes(), &size.to_le_bytes()]);
        }
        head
    }

    /// Its line in the directory at the end.
    fn central(&mut self, name: &str, size: u64, checksum: u32, offset: u64) {
        let large = size >= u64::from(u32::MAX);
        let mut extra = Vec::new();
        if large {
            put(&mut extra, &[&size.to_le_bytes(), &size.to_le_bytes()]);
        }
        if offset >= u64::from(u32::MAX) {
            put(&mut extra, &[&offset.to_le_bytes()]);
        }
        let long = !extra.is_empty();
        let mut line = CENTRAL.to_le_bytes().to_vec();
        put(&mut line, &[&made_by(version(long))]);
        self.common(&mut line, name, size, checksum, long);
        let extra_bytes = if long { extra.len() as u16 + 4 } else { 0 };
        put(&mut line, &[&(name.len() as u16).to_le_bytes(), &extra_bytes.to_le_bytes()]);
        // A regular file that its owner writes and all read.
        put(&mut line, &[&[0; 6], &(0o100_644_u32 << 16).to_le_bytes()]);
        put(&mut line, &[&short(offset).to_le_bytes(), name.as_bytes()]);
        if long {
            put(&mut line, &[&EXTRA64.to_le_bytes(), &(extra.len() as u16).to_le_bytes(), &extra]);
        }
        self.central.extend_from_slice(&line);
    }

    /// What the two have in common, from the version that is needed to the sizes.
    fn common(&self, head: &mut Vec<u8>, name: &str, size: u64, checksum: u32, long: bool) {
        let flags = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        let (time, date) = self.moment;
        let words = [version(long), flags, STORED, time, date];
        words.iter().for_each(|word| put(head, &[&word.to_le_bytes()]));
        let size = short(size).to_le_bytes();
        put(head, &[&checksum.to_le_bytes(), &size, &size]);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn version(long: bool) -> u16 {
    if long { 45 } else { 20 }
}

/// On a system with the modes of Unix.
fn made_by(version: u16) -> [u8; 2] {
    (3 << 8 | version).to_le_bytes()
}

/// A number, or the word that it stands elsewhere.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(ELSEWHERE)
}

/// Time and date of MS-DOS, which begin in 1980 and go by two seconds.
fn moment(at: Timestamp) -> (u16, u16) {
    let at = at.date_time();
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let years = (year - 1980).clamp(0, 127) as u16;
    let time = u16::from(hour) << 11 | u16::from(minute) << 5 | u16::from(second) >> 1;
    (time, years << 9 | u16::from(u8::from(month)) << 5 | u16::from(day))
}

#[cfg(test)]
impl<W: Write + Seek> Writer<W> {
    /// Goes to where a file of this size would end.
    pub(super) fn pretend(&mut self, size: u64) {
        let open = self.open.as_mut().expect("a file was begun");
        self.at += size - open.written;
        open.written = size;
        self.out.seek(SeekFrom::Start(self.at)).expect("a place");
    }
}
