//! Reading what somebody else has written: all of it is accounted for before a byte is given.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::name::{NameError, Names};
use super::reading::Reading;
use super::*;

/// No line of the directory is longer: a name and its extra fields.
const LINE_TAIL_MAX: usize = 8 << 10;
/// What a deflated file may be larger than what is stored of it, from [`RATIO_FROM`] on.
const RATIO_MAX: u64 = 200;
const RATIO_FROM: u64 = 1 << 20;

/// Why a file is not read as a container.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not of the form.
    #[error("it is not a ZIP file: {0}")]
    Malformed(&'static str),
    /// A name.
    #[error("{name:?} {error}")]
    Name {
        /// Of which file.
        name: String,
        /// Why.
        error: NameError,
    },
    /// A file that a container does not have.
    #[error("{name:?} {why}")]
    Entry {
        /// Which.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// Too many.
    #[error("it has {0} files, and a container has at most {ENTRIES_MAX}")]
    TooMany(u64),
}

/// A file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: u64,
    pub(super) deflated: bool,
    /// Bytes that are stored of it.
    pub(super) stored: u64,
    pub(super) checksum: u32,
    flags: u16,
    /// Of what stands in front of it, then of its data.
    offset: u64,
}

impl Entry {
    /// Whether it is stored as it is.
    pub fn is_stored(&self) -> bool {
        !self.deflated
    }
}

/// A container, whose directory is sound.
pub struct Archive<F> {
    file: F,
    entries: Vec<Entry>,
}

struct End {
    entries: u64,
    offset: u64,
    size: u64,
    /// Where the records of the end begin.
    at: u64,
}

impl<F: Read + Seek> Archive<F> {
    /// Reads the directory of a container, and checks that its files fill it.
    ///
    /// # Errors
    /// [`ZipError`].
    pub fn open(mut file: F) -> Result<Self, ZipError> {
        let end = find_end(&mut file)?;
        if end.entries > ENTRIES_MAX as u64 {
            return Err(ZipError::TooMany(end.entries));
        }
        if end.offset.checked_add(end.size) != Some(end.at) {
            return Err(ZipError::Malformed("its directory is not at its end"));
        }
        file.seek(SeekFrom::Start(end.offset))?;
        let mut reader = BufReader::new(&mut file).take(end.size);
        let (mut names, mut entries) = (Names::default(), Vec::new());
        for _ in 0..end.entries {
            entries.push(directory_line(&mut reader, &mut names)?);
        }
        if reader.limit() > 0 {
            return Err(ZipError::Malformed("its directory has more than it counts"));
        }
        let mut archive = Self { file, entries };
        archive.lay_out(end.offset)?;
        Ok(archive)
    }

    /// The files, in the order in which they lie.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The place of a file of this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == name)
    }

    /// Reads a file piece by piece. It has ended well when it gave all of its size and no error.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, place: usize) -> io::Result<Reading<'_, F>> {
        let entry = self.entries[place].clone();
        self.file.seek(SeekFrom::Start(entry.offset))?;
        Ok(Reading::new(&mut self.file, entry))
    }

    /// Reads a file of at most so many bytes at once.
    ///
    /// # Errors
    /// When it is larger, or cannot be read.
    pub fn whole(&mut self, place: usize, most: u64) -> io::Result<Vec<u8>> {
        if self.entries[place].size > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than it may be"));
        }
        let mut bytes = Vec::new();
        self.read(place)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Goes through what stands in front of each file: it says the same, and each begins where the one
    /// before ends.
    fn lay_out(&mut self, end: u64) -> Result<(), ZipError> {
        self.entries.sort_by_key(|entry| entry.offset);
        let mut at = 0;
        for index in 0..self.entries.len() {
            let entry = self.entries[index].clone();
            let gap = ZipError::Malformed("it has bytes that belong to no file");
            if entry.offset != at {
                return Err(gap);
            }
            let data = local(&mut self.file, &entry)?;
            let next = self.entries.get(index + 1).map_or(end, |next| next.offset);
            at = data.checked_add(entry.stored).filter(|at| *at <= next).ok_or(gap)?;
            if entry.flags & FLAG_BEHIND != 0 {
                at += descriptor(&mut self.file, &entry, at, next)?;
            }
            self.entries[index].offset = data;
        }
        match at == end {
            true => Ok(()),
            false => Err(ZipError::Malformed("it has bytes that belong to no file")),
        }
    }
}

/// Reads the record at the end, which has no comment: in one, other programs could find another record,
/// and so another directory.
fn find_end<F: Read + Seek>(file: &mut F) -> Result<End, ZipError> {
    let length = file.seek(SeekFrom::End(0))?;
    let none = ZipError::Malformed("it has no directory");
    let Some(at) = length.checked_sub(END_BYTES as u64) else { return Err(none) };
    let bytes = read_at(file, at, END_BYTES)?;
    let field = |from: usize, count: usize| number(&bytes, from, count);
    if field(0, 4) != u64::from(END) || field(20, 2) != 0 {
        return Err(none);
    }
    let (entries, size, offset) = (field(10, 2), field(12, 4), field(16, 4));
    if field(4, 4) != 0 || field(8, 2) != entries {
        return Err(ZipError::Malformed("it is in several parts"));
    }
    let long = entries == u64::from(u16::MAX) || [size, offset].contains(&u64::from(ELSEWHERE));
    if !long {
        return Ok(End { entries, offset, size, at });
    }
    let bad = || ZipError::Malformed("it has no directory of ZIP64");
    let before = |at: u64, count: usize| at.checked_sub(count as u64).ok_or_else(bad);
    let locator = read_at(file, before(at, LOCATOR64_BYTES)?, LOCATOR64_BYTES)?;
    let at = before(at, LOCATOR64_BYTES + END64_BYTES)?;
    if number(&locator, 0, 4) != u64::from(LOCATOR64) || number(&locator, 8, 8) != at {
        return Err(bad());
    }
    let record = read_at(file, at, END64_BYTES)?;
    if number(&record, 0, 4) != u64::from(END64) || number(&record, 4, 8) != 44 {
        return Err(bad());
    }
    let field = |from| number(&record, from, 8);
    Ok(End { entries: field(32), size: field(40), offset: field(48), at })
}

/// A little-endian number; what is not there is 0.
fn number(bytes: &[u8], from: usize, count: usize) -> u64 {
    let part = bytes.get(from..from + count).unwrap_or_default();
    part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn read_at<F: Read + Seek>(file: &mut F, at: u64, count: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; count];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line of the directory.
fn directory_line(reader: &mut impl Read, names: &mut Names) -> Result<Entry, ZipError> {
    let mut head = [0; CENTRAL_BYTES];
    reader.read_exact(&mut head)?;
    let field = |from, count| number(&head, from, count);
    let lengths = [field(28, 2), field(30, 2), field(32, 2)].map(|count| count as usize);
    let bad = ZipError::Malformed("a line of its directory is none");
    if field(0, 4) != u64::from(CENTRAL) || lengths.iter().sum::<usize>() > LINE_TAIL_MAX {
        return Err(bad);
    }
    let mut tail = vec![0; lengths.iter().sum()];
    reader.read_exact(&mut tail)?;
    let (name, extra) = tail.split_at(lengths[0]);
    let extra = &extra[..lengths[1]];
    let name =
        String::from_utf8(name.to_vec()).map_err(|_| ZipError::Malformed("a name is not UTF-8"))?;
    let refuse = |why| Err(ZipError::Entry { name: name.clone(), why });
    // In a comment, or in another field, other programs could find another name.
    if lengths[2] != 0 || !only_known(extra) {
        return Err(bad);
    }
    let (flags, method) = (field(8, 2) as u16, field(10, 2) as u16);
    // The type of a file as Unix has it, where the writer says that it has one.
    let kind = if field(5, 1) == 3 { field(38, 4) >> 28 } else { 0 };
    let (mut stored, mut size, mut offset) = (field(20, 4), field(24, 4), field(42, 4));
    match long_sizes(extra, [&mut size, &mut stored, &mut offset]) {
        Some(()) => {}
        None => return refuse("has no sizes"),
    }
    if field(34, 2) != 0 {
        return refuse("is in another part");
    }
    if flags & !(FLAG_UTF8 | FLAG_BEHIND | FLAGS_EFFORT) != 0 {
        return refuse("is encrypted or patched");
    }
    if method != STORED && method != DEFLATED {
        return refuse("is packed with another method than deflate");
    }
    if method == STORED && stored != size {
        return refuse("has two sizes");
    }
    if size > RATIO_FROM && size / RATIO_MAX > stored {
        return refuse("unpacks to more than 200 times its size");
    }
    if ![0, 8].contains(&kind) {
        return refuse("is a link or no regular file");
    }
    names.take(&name).map_err(|error| ZipError::Name { name: name.clone(), error })?;
    let (deflated, checksum) = (method == DEFLATED, field(16, 4) as u32);
    Ok(Entry { name, size, deflated, stored, checksum, flags, offset })
}

/// Whether an extra field has nothing but the numbers of ZIP64, once: others give a file another name.
fn only_known(extra: &[u8]) -> bool {
    extra.is_empty()
        || (number(extra, 0, 2) == u64::from(EXTRA64)
            && number(extra, 2, 2) as usize + 4 == extra.len())
}

/// Takes from the extra field of ZIP64 what stands there in place of the numbers.
fn long_sizes(mut extra: &[u8], numbers: [&mut u64; 3]) -> Option<()> {
    let mut found: &[u8] = &[];
    while extra.len() >= 4 {
        let (kind, count) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
        let content = extra.get(4..4 + count)?;
        if kind == u64::from(EXTRA64) {
            found = content;
        }
        extra = &extra[4 + count..];
    }
    for one in numbers {
        if *one == u64::from(ELSEWHERE) {
            let (digits, rest) = found.split_at_checked(8)?;
            *one = number(digits, 0, 8);
            found = rest;
        }
    }
    found.is_empty().then_some(())
}

/// What stands in front of a file must say of it what the directory says; gives where its data begins.
fn local<F: Read + Seek>(file: &mut F, entry: &Entry) -> Result<u64, ZipError> {
    let head = read_at(file, entry.offset, LOCAL_BYTES)?;
    let field = |from, count| number(&head, from, count);
    let (name_bytes, extra_bytes) = (field(26, 2) as usize, field(28, 2) as usize);
    let tail = read_at(file, entry.offset + LOCAL_BYTES as u64, name_bytes + extra_bytes)?;
    let (mut stored, mut size, mut offset) = (field(18, 4), field(22, 4), 0);
    let known = only_known(&tail[name_bytes..]);
    let long = long_sizes(&tail[name_bytes..], [&mut size, &mut stored, &mut offset]);
    let method = if entry.deflated { DEFLATED } else { STORED };
    let told = [field(14, 4), stored, size];
    let behind = entry.flags & FLAG_BEHIND != 0 && (told == [0; 3] || told[0] == 0);
    let fits = field(0, 4) == u64::from(LOCAL)
        && known
        && field(6, 2) == u64::from(entry.flags)
        && field(8, 2) == u64::from(method)
        && tail[..name_bytes] == *entry.name.as_bytes()
        && (behind || told == [u64::from(entry.checksum), entry.stored, entry.size]);
    match fits && (long.is_some() || behind) {
        true => Ok(entry.offset + (LOCAL_BYTES + name_bytes + extra_bytes) as u64),
        false => {
            let why = "is another in front of its data than in the directory";
            Err(ZipError::Entry { name: entry.name.clone(), why })
        }
    }
}

/// Checksum and sizes behind a file, if they are as the directory says; gives how long they are.
fn descriptor<F: Read + Seek>(
    file: &mut F,
    entry: &Entry,
    at: u64,
    next: u64,
) -> Result<u64, ZipError> {
    let bad = || ZipError::Entry { name: entry.name.clone(), why: "does not end as it must" };
    let count = usize::try_from(next - at).ok().filter(|count| [12, 16, 20, 24].contains(count));
    let bytes = read_at(file, at, count.ok_or_else(bad)?)?;
    let signed = number(&bytes, 0, 4) == u64::from(DESCRIPTOR) && bytes.len() % 8 != 4;
    let rest = if signed { &bytes[4..] } else { &bytes };
    let width = (rest.len() - 4) / 2;
    let told = [number(rest, 0, 4), number(rest, 4, width), number(rest, 4 + width, width)];
    match told == [u64::from(entry.checksum), entry.stored, entry.size] {
        true => Ok(bytes.len() as u64),
        false => Err(bad()),
    }
}
