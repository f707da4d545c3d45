//! Sends files to the node, where they are sealed into an evidence package.
//!
//! A thread reads, at most a few messages ahead, so memory stays the same whatever the size.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use bytes::{Bytes, BytesMut};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::media::media_type;
use super::{Found, Walk};
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Unit};
use crate::crypto::{Digest, Sha256};
use crate::domain::custody::{CustodyRecord, differs};
use crate::domain::limits::CHUNK_BYTES;
use crate::envelope::wire::custody_to_pb;
use crate::pb::v1 as pb;
use crate::pb::v1::upload_package_request::Part;

type Parts = mpsc::Sender<pb::UploadPackageRequest>;

/// Messages that are read ahead of the network.
const AHEAD: usize = 4;

/// Uploads what a walk found as one package. Gives the files, too, that are not what their last custody
/// record says that they were.
pub(crate) async fn upload(
    client: &mut AgencyClient,
    walk: Walk,
    out: &Out,
) -> Result<(pb::Package, Vec<String>), Failure> {
    let progress = out.progress("uploading", walk.bytes(), Unit::Bytes);
    let bar = progress.handle();
    let (parts, taken) = mpsc::channel(AHEAD);
    let call = client.upload_package(ReceiverStream::new(taken));
    tokio::pin!(call);
    let mut reading = tokio::task::spawn_blocking(move || feed(&walk, &parts, &bar));
    let broke_off = |_| Failure::new(Exit::Fault, "the reading of the files broke off");
    let (answer, read) = tokio::select! {
        answer = &mut call => (answer?, reading.await),
        read = &mut reading => match read {
            Ok(Err(failure)) => {
                // The refusal that was asked for; what went wrong here says more.
                let _ = call.await;
                return Err(failure);
            }
            read => (call.await?, read),
        },
    };
    Ok((answer.into_inner(), read.map_err(broke_off)??))
}

/// Sends all files, and then the end; where reading fails no end comes, and nothing is sealed.
fn feed(walk: &Walk, parts: &Parts, bar: &ProgressBar) -> Result<Vec<String>, Failure> {
    let mut differing = Vec::new();
    for (number, file) in walk.files.iter().enumerate() {
        let custody = walk.custody.of(number);
        let said = custody.last().map_or_else(String::new, |last| last.digest.clone());
        match feed_file(file, custody, parts, bar)? {
            Some(digest) if differs(&said, &hex::encode(digest)) => {
                differing.push(file.name.clone());
            }
            Some(_) => {}
            // The node hung up: its answer says why.
            None => return Ok(differing),
        }
    }
    let exhibits = u32::try_from(walk.files.len()).unwrap_or(u32::MAX);
    send(parts, Part::End(pb::UploadEnd { exhibits }));
    Ok(differing)
}

/// Sends one file, and gives its SHA-256; `None` when nobody takes it any more.
fn feed_file(
    found: &Found,
    custody: Vec<CustodyRecord>,
    parts: &Parts,
    bar: &ProgressBar,
) -> Result<Option<Digest>, Failure> {
    let cannot = |e| Failure::file(&found.path, "cannot be read", &e);
    let changed = || {
        Failure::bad_file(&found.path, "was changed while it was read")
            .hint("make a copy that nobody writes to, and send that")
    };
    let mut file = File::open(&found.path).map_err(cannot)?;
    let data = file.metadata().map_err(cannot)?;
    if (data.dev(), data.ino()) != found.identity {
        return Err(changed());
    }
    let head = pb::ExhibitHead {
        original_name: found.name.clone(),
        media_type: media_type(&found.name).to_owned(),
        custody: custody.into_iter().map(custody_to_pb).collect(),
    };
    if !send(parts, Part::Exhibit(head)) {
        return Ok(None);
    }
    let (mut read, mut hash) = (0, Sha256::new());
    loop {
        let chunk = next_chunk(&mut file).map_err(cannot)?;
        read += chunk.len() as u64;
        if chunk.is_empty() {
            break;
        }
        hash.update(&chunk);
        bar.inc(chunk.len() as u64);
        if !send(parts, Part::Data(chunk)) {
            return Ok(None);
        }
    }
    if read == found.bytes { Ok(Some(hash.finish())) } else { Err(changed()) }
}

fn send(parts: &Parts, part: Part) -> bool {
    parts.blocking_send(pb::UploadPackageRequest { part: Some(part) }).is_ok()
}

/// A full chunk, or what is left of the file.
fn next_chunk(file: &mut File) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(CHUNK_BYTES);
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
