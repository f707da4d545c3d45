//! The bytes of one file, stored or deflated, held against its size and checksum.

use std::io::{self, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use super::Entry;

/// A file that is being read.
pub struct Reading<'a, F> {
    file: &'a mut F,
    entry: Entry,
    /// Of what is stored.
    left: u64,
    inflate: Option<Box<InflateState>>,
    buffer: Vec<u8>,
    used: usize,
    given: u64,
    checksum: crc32fast::Hasher,
}

impl<F: Read> Read for Reading<'_, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let count = match self.inflate.is_some() {
            true => self.inflated(out)?,
            false => self.stored(out)?,
        };
        self.given += count as u64;
        self.checksum.update(&out[..count]);
        let is_whole = || {
            self.given == self.entry.size && self.checksum.clone().finalize() == self.entry.checksum
        };
        if self.given > self.entry.size || (count == 0 && !is_whole()) {
            return Err(damaged("its bytes are not those that its checksum is of"));
        }
        Ok(count)
    }
}

fn damaged(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<'a, F: Read> Reading<'a, F> {
    /// From where the data of the file begins.
    pub(super) fn new(file: &'a mut F, entry: Entry) -> Self {
        let inflate = entry.deflated.then(|| InflateState::new_boxed(DataFormat::Raw));
        Self {
            left: entry.stored,
            file,
            entry,
            inflate,
            buffer: Vec::new(),
            used: 0,
            given: 0,
            checksum: crc32fast::Hasher::new(),
        }
    }

    fn stored(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let count = self.file.read(&mut out[..most])?;
        if count == 0 && most > 0 {
            return Err(damaged("it is cut off"));
        }
        self.left -= count as u64;
        Ok(count)
    }

    fn inflated(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.used == self.buffer.len() && self.left > 0 {
                let count = self.left.min(64 << 10);
                self.buffer.resize(count as usize, 0);
                self.file.read_exact(&mut self.buffer)?;
                (self.used, self.left) = (0, self.left - count);
            }
            let Some(state) = self.inflate.as_mut() else { return Ok(0) };
            let done = inflate(state, &self.buffer[self.used..], out, MZFlush::None);
            self.used += done.bytes_consumed;
            match done.status {
                Ok(MZStatus::StreamEnd) if done.bytes_written == 0 => {
                    return match self.used == self.buffer.len() && self.left == 0 {
                        true => Ok(0),
                        false => Err(damaged("it has bytes behind its end")),
                    };
                }
                Ok(_) if done.bytes_written > 0 => return Ok(done.bytes_written),
                Ok(_) if done.bytes_consumed > 0 || self.left > 0 => {}
                _ => return Err(damaged("it cannot be unpacked")),
            }
        }
    }
}
