use std::io::{Cursor, Read as _};

use super::*;
use crate::crypto::sha256;
use crate::domain::Timestamp;

fn at() -> Timestamp {
    Timestamp::parse("2026-11-28T21:00:07.500Z").expect("a time")
}

fn written(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), at());
    for (name, bytes) in files {
        assert_eq!(writer.file(name, bytes).expect("written"), sha256(bytes), "{name}");
    }
    writer.finish().expect("written").into_inner()
}

fn opened(bytes: Vec<u8>) -> Result<Archive<Cursor<Vec<u8>>>, ZipError> {
    Archive::open(Cursor::new(bytes))
}

fn refused(bytes: Vec<u8>) -> String {
    opened(bytes).err().map_or_else(|| "it is taken".to_owned(), |error| error.to_string())
}

/// Replaces some bytes by as many others, wherever they stand.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut out, mut at) = (bytes.to_vec(), 0);
    while at + from.len() <= out.len() {
        if out[at..].starts_with(from) {
            out[at..at + to.len()].copy_from_slice(to);
        }
        at += 1;
    }
    out
}

/// Where the directory's line of a file begins.
fn line_of(bytes: &[u8], name: &str) -> usize {
    let is_line = |at: &usize| {
        bytes[*at..].starts_with(&CENTRAL.to_le_bytes())
            && bytes[at + CENTRAL_BYTES..].starts_with(name.as_bytes())
    };
    (0..bytes.len() - CENTRAL_BYTES).find(is_line).expect("it is listed")
}

#[test]
fn what_is_written_is_read() {
    let files: [(&str, &[u8]); 4] =
        [("mimetype", b"x"), ("a/พ.txt", b"one"), ("a/empty", b""), ("b", &[7; 100_000])];
    let bytes = written(&files);
    assert_eq!(&bytes[30..38], b"mimetype", "no extra field stands in front");
    let mut archive = opened(bytes.clone()).expect("sound");
    assert_eq!(bytes, written(&files), "the same files give the same bytes");
    for (place, (name, content)) in files.iter().enumerate() {
        assert_eq!(archive.entries()[place].name, *name);
        assert_eq!(archive.whole(place, 1 << 20).expect("read"), *content, "{name}");
    }
    assert!(archive.whole(3, 99_999).is_err(), "larger than asked for");
}

#[test]
fn a_file_has_the_size_that_it_was_said_to_have() {
    let mut writer = Writer::new(Cursor::new(Vec::new()), at());
    writer.begin("a", 2).expect("begun");
    assert!(writer.write(b"abc").is_err(), "more");
    writer.begin("b", 2).expect("begun");
    writer.write(b"a").expect("a part");
    assert!(writer.end().is_err(), "less");
}

#[test]
fn names_that_lead_elsewhere_or_meet_are_neither_written_nor_read() {
    for (name, error) in [
        ("", NameError::Length),
        ("/etc/x", NameError::Absolute),
        ("c:/x", NameError::Absolute),
        ("../x", NameError::LeadsElsewhere),
        ("a/../x", NameError::LeadsElsewhere),
        ("a//x", NameError::LeadsElsewhere),
        ("./x", NameError::LeadsElsewhere),
        ("a/", NameError::LeadsElsewhere),
        ("a\\x", NameError::Character),
        ("a\nx", NameError::Character),
    ] {
        assert_eq!(check_name(name), Err(error), "{name:?}");
    }
    let mut writer = Writer::new(Cursor::new(Vec::new()), at());
    writer.file("a/b", b"").expect("the first");
    writer.file("a/\u{e9}", b"").expect("composed");
    for taken in ["a/b", "a/B", "A/b", "a/e\u{301}", "a", "a/b/c"] {
        assert!(writer.file(taken, b"").is_err(), "{taken}");
    }
}

#[test]
fn hostile_names_are_refused_by_name() {
    let bytes = written(&[("mimetype", b"x"), ("aaaa", b"one"), ("aaab", b"two")]);
    for (name, why) in [
        ("../x", "leads elsewhere"),
        ("/abs", "is absolute"),
        ("a//b", "leads elsewhere"),
        ("a\\bc", "has a backslash"),
        ("aaab", "is there twice"),
        ("AAAB", "some systems do not tell apart"),
        ("a\0bc", "has a backslash or a control character"),
    ] {
        let refusal = refused(replaced(&bytes, b"aaaa", name.as_bytes()));
        assert!(refusal.contains(why), "{name}: {refusal}");
    }
}

#[test]
fn hostile_lines_are_refused() {
    let bytes = written(&[("mimetype", b"x"), ("aaaa", b"one")]);
    let line = line_of(&bytes, "aaaa");
    let with = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        refused(bytes)
    };
    for (at, value, why) in [
        (38, &(0o120_777_u32 << 16).to_le_bytes()[..], "is a link"),
        (38, &(0o040_755_u32 << 16).to_le_bytes(), "is a link or no regular file"),
        (8, &[1, 0], "is encrypted"),
        (10, &[12, 0], "another method"),
        (20, &[9, 0, 0, 0], "has two sizes"),
        (16, &[9, 9, 9, 9], "another in front of its data"),
        (24, &[0xff; 4], "has no sizes"),
        (34, &[1, 0], "another part"),
        (42, &[0; 4], "belong to no file"),
        (0, &[0], "a line of its directory is none"),
    ] {
        let refusal = with(line + at, value);
        assert!(refusal.contains(why), "{at}: {refusal}");
    }
    let both = replaced(&bytes, &[3, 0, 0, 0, 3, 0, 0, 0], &[3, 0, 0, 0, 0, 0, 0, 64]);
    assert!(refused(both).contains("two sizes"));
    let mut ratio = bytes.clone();
    ratio[line + 10] = 8;
    ratio[line + 24..line + 28].copy_from_slice(&[0, 0, 0, 64]);
    assert!(refused(ratio).contains("more than 200 times"));
}

#[test]
fn every_byte_belongs_to_a_file() {
    let bytes = written(&[("mimetype", b"x"), ("aaaa", b"one")]);
    let end = bytes.len() - END_BYTES;
    let mut before = b"#!/bin/sh\n".to_vec();
    before.extend_from_slice(&bytes);
    assert!(refused(before).contains("not at its end"));
    let mut behind = bytes.clone();
    behind.push(0);
    assert!(refused(behind).contains("no directory"));
    let mut fewer = bytes.clone();
    for at in [8, 10] {
        fewer[end + at] = 1;
    }
    assert!(refused(fewer).contains("more than it counts"));
    let mut many = bytes.clone();
    for at in [8, 9, 10, 11] {
        many[end + at] = 0xff;
    }
    assert!(refused(many).contains("ZIP64"));
    for cut in 0..bytes.len() {
        assert!(opened(bytes[..cut].to_vec()).is_err(), "cut off at {cut}");
    }
}

#[test]
fn changed_bytes_do_not_fit_their_checksum() {
    let bytes = written(&[("mimetype", b"x"), ("aaaa", b"one two three")]);
    let changed = replaced(&bytes, b"two", b"twO");
    let mut archive = opened(changed).expect("its directory is sound");
    let error = archive.whole(1, 100).expect_err("another byte");
    assert!(error.to_string().contains("checksum"), "{error}");
}

/// The same container as another tool would pack it.
fn deflated(name: &str, content: &[u8], claimed: usize, flags: u16) -> Vec<u8> {
    let packed = miniz_oxide::deflate::compress_to_vec(content, 6);
    let checksum = crc32fast::hash(content).to_le_bytes();
    let sizes = [(packed.len() as u32).to_le_bytes(), (claimed as u32).to_le_bytes()].concat();
    let told = [checksum.as_slice(), &sizes].concat();
    let head = |sum: &[u8]| {
        let words: Vec<u8> =
            [20, flags, DEFLATED, 0, 0].iter().flat_map(|w: &u16| w.to_le_bytes()).collect();
        let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        [words.as_slice(), sum, &lengths].concat()
    };
    let behind = flags & FLAG_BEHIND != 0;
    let mut out = LOCAL.to_le_bytes().to_vec();
    out.extend(head(if behind { &[0; 12] } else { &told }));
    out.extend(name.as_bytes());
    out.extend(&packed);
    if behind {
        out.extend(DESCRIPTOR.to_le_bytes());
        out.extend(&told);
    }
    let offset = out.len() as u32;
    let mut line = CENTRAL.to_le_bytes().to_vec();
    line.extend([20, 3]);
    line.extend(head(&told));
    line.extend([0; 14]);
    line.extend(name.as_bytes());
    let size = (line.len() as u32).to_le_bytes();
    out.extend(line);
    out.extend(END.to_le_bytes());
    out.extend([0, 0, 0, 0, 1, 0, 1, 0]);
    out.extend([size, offset.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

#[test]
fn what_another_tool_has_packed_is_read() {
    let content: Vec<u8> = (0..300_000_u32).flat_map(|n| (n % 977).to_le_bytes()).collect();
    for flags in [0, FLAG_BEHIND, FLAGS_EFFORT] {
        let mut archive = opened(deflated("a", &content, content.len(), flags)).expect("sound");
        assert!(!archive.entries()[0].is_stored());
        let mut read = Vec::new();
        archive.read(0).expect("begun").read_to_end(&mut read).expect("read");
        assert!(read == content, "flags {flags}");
    }
    for claimed in [content.len() - 1, content.len() + 1] {
        let mut archive = opened(deflated("a", &content, claimed, 0)).expect("sound");
        assert!(archive.whole(0, 1 << 30).is_err(), "it has not the size that it claims");
    }
    assert!(opened(deflated("a", &vec![0; 8 << 20], 8 << 20, 0)).is_err(), "far too small");
}

/// A file of which nothing is kept but the ends, so that it can be large.
struct Sparse {
    at: u64,
    length: u64,
    kept: std::collections::BTreeMap<u64, Vec<u8>>,
}

impl std::io::Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() < 1 << 20 {
            self.kept.insert(self.at, bytes.to_vec());
        }
        self.at += bytes.len() as u64;
        self.length = self.length.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Seek for Sparse {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            std::io::SeekFrom::Start(at) => at,
            std::io::SeekFrom::End(by) => self.length.saturating_add_signed(by),
            std::io::SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

impl std::io::Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = (self.length.saturating_sub(self.at) as usize).min(out.len());
        out[..count].fill(0);
        for (from, bytes) in &self.kept {
            for (index, byte) in bytes.iter().enumerate() {
                let place = from + index as u64;
                if (self.at..self.at + count as u64).contains(&place) {
                    out[(place - self.at) as usize] = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

#[test]
fn what_is_larger_than_four_gibibytes_has_its_numbers_in_the_extra_field() {
    let sparse = Sparse { at: 0, length: 0, kept: std::collections::BTreeMap::new() };
    let mut writer = Writer::new(sparse, at());
    let (piece, pieces) = (vec![0; 64 << 20], 65);
    let size = (piece.len() * pieces) as u64;
    writer.file("mimetype", b"x").expect("written");
    writer.begin("large", size).expect("begun");
    for _ in 0..2 {
        writer.write(&piece).expect("written");
    }
    // What comes is not looked at: the size alone is what is tested.
    writer.pretend(size);
    writer.end().expect("ended");
    writer.file("behind", b"one").expect("written");
    let archive = Archive::open(writer.finish().expect("written")).expect("sound");
    let sizes: Vec<u64> = archive.entries().iter().map(|entry| entry.size).collect();
    assert_eq!(sizes, [1, size, 3]);
}

#[test]
fn there_is_no_place_for_a_second_reading() {
    let good = written(&[("a", b"one")]);
    let end = good.len() - END_BYTES;
    // A comment that is another container: what looks from the end finds that one.
    let mut hidden = written(&[("b", b"forged")]);
    let mut commented = good.clone();
    commented[end + 20..].copy_from_slice(&(hidden.len() as u16).to_le_bytes());
    commented.append(&mut hidden);
    assert_ne!(refused(commented), "it is taken");
    let mut comment = good.clone();
    comment[end + 20] = 1;
    comment.push(b'x');
    assert!(refused(comment).contains("it has no directory"));
    // Another name in the extra field of the directory, as Info-ZIP reads it.
    let field =
        [&0x7075_u16.to_le_bytes()[..], &6_u16.to_le_bytes(), &[1, 0, 0, 0, 0, b'b']].concat();
    let mut renamed = good.clone();
    let line = line_of(&renamed, "a");
    renamed[line + 30] = field.len() as u8;
    renamed.splice(end..end, field.iter().copied());
    renamed[end + field.len() + 12] += field.len() as u8;
    assert!(refused(renamed).contains("a line of its directory is none"));
}
