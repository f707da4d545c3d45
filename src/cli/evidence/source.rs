//! The files of an upload: read once where nothing comes between, and again as far as the node has them
//! where it is gone on with.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::media::media_type;
use super::{Found, Walk};
use crate::cli::exit::Failure;
use crate::cli::files::hashed;
use crate::crypto::{Digest, Sha256};
use crate::domain::custody::differs;
use crate::domain::limits::CHUNK_BYTES;
use crate::envelope::wire::custody_to_pb;
use crate::pb::v1 as pb;
use crate::pb::v1::upload_package_request::Part;

type Parts = mpsc::Sender<pb::UploadPackageRequest>;

/// The files, and what is known of them.
pub(super) struct Source {
    pub(super) walk: Walk,
    /// SHA-256 of those that were read to their ends.
    digests: Mutex<Vec<Option<Digest>>>,
    bar: ProgressBar,
}

/// Where an upload goes on: in which file, and what its bytes until there hash to.
pub(super) struct From {
    file: usize,
    /// Of it, that the node has.
    bytes: u64,
    hash: Sha256,
}

impl Source {
    pub(super) fn new(walk: Walk, bar: ProgressBar) -> Self {
        let digests = Mutex::new(vec![None; walk.files.len()]);
        Self { walk, digests, bar }
    }

    fn digests(&self) -> MutexGuard<'_, Vec<Option<Digest>>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to go on; `None` where what the node has is not what the files say.
    pub(super) fn behind(&self, at: &pb::Upload) -> Result<Option<From>, Failure> {
        let (file, bytes) = (at.exhibits as usize, at.bytes);
        let nothing = at.name.is_empty();
        if file > self.walk.files.len() || (bytes > 0 && file == self.walk.files.len()) {
            return Ok(None);
        }
        let (mut all, mut done) = (Sha256::new(), 0);
        for number in 0..file {
            all.update(&self.digest(number)?);
            done += self.walk.files[number].bytes;
        }
        let mut hash = Sha256::new();
        if bytes > 0 {
            let found = &self.walk.files[file];
            hash = hashed(&mut open(found)?.take(bytes), |_| {})
                .map_err(|e| Failure::file(&found.path, "cannot be read", &e))?;
            all.update(&hash.clone().finish());
        }
        self.bar.set_position(done + bytes);
        let same = nothing || hex::encode(all.finish()) == at.sha256;
        Ok(same.then_some(From { file, bytes, hash }))
    }

    /// SHA-256 of a file that is whole.
    fn digest(&self, number: usize) -> Result<Digest, Failure> {
        if let Some(known) = self.digests()[number] {
            return Ok(known);
        }
        let found = &self.walk.files[number];
        let mut read = 0;
        let hash = hashed(&mut open(found)?, |count| read += count)
            .map_err(|e| Failure::file(&found.path, "cannot be read", &e))?;
        if read != found.bytes {
            return Err(changed(found));
        }
        let digest = hash.finish();
        self.digests()[number] = Some(digest);
        Ok(digest)
    }

    /// The files that are not what their last custody record says that they were.
    pub(super) fn differing(&self) -> Result<Vec<String>, Failure> {
        let mut differing = Vec::new();
        for (number, file) in self.walk.files.iter().enumerate() {
            let custody = self.walk.custody.of(number);
            let said = custody.last().map_or("", |last| last.digest.as_str());
            if !said.is_empty() && differs(said, &hex::encode(self.digest(number)?)) {
                differing.push(file.name.clone());
            }
        }
        Ok(differing)
    }

    /// Sends all files from there on, and then the end; where reading fails no end comes, and nothing is
    /// sealed. Ends early when nobody takes it any more: the node hung up, and its answer says why.
    pub(super) fn feed(
        &self,
        start: pb::UploadStart,
        from: From,
        parts: &Parts,
    ) -> Result<(), Failure> {
        if !send(parts, Part::Start(start)) {
            return Ok(());
        }
        let (first, mut from) = (from.file, Some(from));
        for number in first..self.walk.files.len() {
            let from = from.take().filter(|from| from.bytes > 0);
            if !self.feed_file(number, from, parts)? {
                return Ok(());
            }
        }
        let exhibits = u32::try_from(self.walk.files.len()).unwrap_or(u32::MAX);
        send(parts, Part::End(pb::UploadEnd { exhibits }));
        Ok(())
    }

    /// Sends a file, or what the node has not of it; false when nobody takes it any more.
    fn feed_file(&self, number: usize, from: Option<From>, parts: &Parts) -> Result<bool, Failure> {
        let found = &self.walk.files[number];
        let cannot = |e| Failure::file(&found.path, "cannot be read", &e);
        let mut file = open(found)?;
        let (mut read, mut hash) = match from {
            Some(From { bytes, hash, .. }) => {
                file.seek(SeekFrom::Start(bytes)).map_err(cannot)?;
                (bytes, hash)
            }
            None if send(parts, Part::Exhibit(self.head(number))) => (0, Sha256::new()),
            None => return Ok(false),
        };
        loop {
            let chunk = next_chunk(&mut file).map_err(cannot)?;
            read += chunk.len() as u64;
            if chunk.is_empty() {
                break;
            }
            hash.update(&chunk);
            self.bar.inc(chunk.len() as u64);
            if !send(parts, Part::Data(chunk)) {
                return Ok(false);
            }
        }
        // Also one that was written to in its place, before or meanwhile.
        if read != found.bytes || !found.is(&file.metadata().map_err(cannot)?) {
            return Err(changed(found));
        }
        self.digests()[number] = Some(hash.finish());
        Ok(true)
    }

    fn head(&self, number: usize) -> pb::ExhibitHead {
        let found = &self.walk.files[number];
        pb::ExhibitHead {
            original_name: found.name.clone(),
            media_type: media_type(&found.name).to_owned(),
            custody: self.walk.custody.of(number).into_iter().map(custody_to_pb).collect(),
        }
    }
}

/// Opens a file that was found, and no other in its place.
fn open(found: &Found) -> Result<File, Failure> {
    let cannot = |e| Failure::file(&found.path, "cannot be read", &e);
    let file = File::open(&found.path).map_err(cannot)?;
    let data = file.metadata().map_err(cannot)?;
    match found.is(&data) {
        true => Ok(file),
        false => Err(changed(found)),
    }
}

fn changed(found: &Found) -> Failure {
    Failure::bad_file(&found.path, "was changed while it was read")
        .hint("make a copy that nobody writes to, and send that")
}

fn send(parts: &Parts, part: Part) -> bool {
    parts.blocking_send(pb::UploadPackageRequest { part: Some(part) }).is_ok()
}

/// A full chunk, or what is left of the file.
fn next_chunk(file: &mut File) -> io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(CHUNK_BYTES);
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}
