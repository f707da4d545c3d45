//! The bytes of one exhibit, from the node to their place in the bag.
//!
//! What has come stays where it is when a fetch is cut off, and the next one goes on behind it, at a
//! whole chunk. Nothing gets its name before all of it fits the digest that its sender sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::Bag;
use super::place::clear;
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{Partial, create, hashed};
use crate::cli::out::{Out, Progress};
use crate::crypto::{Digest, Sha256};
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

/// Without a byte for this long, a fetch ends; the next one goes on.
const PATIENCE: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What asks for an exhibit from its beginning.
pub(super) fn request(
    message: MessageId,
    package: PackageId,
    exhibit: &pb::Exhibit,
) -> pb::DownloadExhibitRequest {
    pb::DownloadExhibitRequest {
        parent: format!("messages/{message}"),
        package: format!("packages/{package}"),
        exhibit: exhibit.number,
        first_chunk: 0,
    }
}

/// Where the exhibits of a message come from.
pub(super) struct Source<'a> {
    pub(super) client: &'a mut AgencyClient,
    /// Whether each must come from its beginning in one call: only so the node knows that an official was
    /// given it.
    pub(super) whole: bool,
}

/// Fetches an exhibit into the bag, unless it is there. What does not fit its digest never gets its name.
pub(super) async fn exhibit(
    source: &mut Source<'_>,
    request: pb::DownloadExhibitRequest,
    exhibit: &pb::Exhibit,
    bag: &mut Bag,
    progress: &Progress,
    out: &mut Out,
) -> Result<(), Failure> {
    // The name is judged before a byte is fetched for it.
    let (name, size) = (&exhibit.original_name, exhibit.size_bytes);
    let path = bag.half(exhibit.number);
    if source.whole {
        bag.forget(name)?;
    } else if let Some(digest) = bag.has(name, size, &exhibit.sha256)? {
        clear(&path)?;
        progress.add(size);
        return bag.keep(name, &digest, size);
    }
    let mut half = Half::open(&path, if source.whole { 0 } else { size })?;
    let goes_on = half.bytes > 0;
    let mut came = whole(source, &request, exhibit, half, progress, out).await;
    if goes_on && came.as_ref().is_err_and(|failure| failure.code == Exit::VerificationFailed) {
        // A loss of power may have damaged what an earlier run has left: nobody is accused before all of
        // it has come anew.
        half = Half::open(&path, 0)?;
        came = whole(source, &request, exhibit, half, progress, out).await;
    }
    bag.admit(Partial::at(path), name, &came?, size)
}

/// All that is still to come of an exhibit, however often the link is cut; gives its digest.
async fn whole(
    source: &mut Source<'_>,
    request: &pb::DownloadExhibitRequest,
    exhibit: &pb::Exhibit,
    mut half: Half,
    progress: &Progress,
    out: &mut Out,
) -> Result<Digest, Failure> {
    progress.add(half.bytes);
    let (mut patience, mut most) = (Patience::new(), half.bytes);
    loop {
        let came = stream(source.client, request, exhibit, &mut half, progress).await;
        let Err(failure) = came else { break };
        let further = half.bytes > most;
        most = most.max(half.bytes);
        if failure.code != Exit::Unavailable || !patience.lasts(further, out).await {
            return Err(failure);
        }
        if source.whole || !half.bytes.is_multiple_of(CHUNK_BYTES as u64) {
            half = Half::open(&half.path, if source.whole { 0 } else { exhibit.size_bytes })?;
        }
    }
    let path = half.path.clone();
    let digest = half.finish()?;
    if hex::encode(digest) != exhibit.sha256 {
        drop(Partial::at(path));
        return Err(not_sealed_so(exhibit));
    }
    Ok(digest)
}

async fn stream(
    client: &mut AgencyClient,
    request: &pb::DownloadExhibitRequest,
    exhibit: &pb::Exhibit,
    half: &mut Half,
    progress: &Progress,
) -> Result<(), Failure> {
    let first_chunk = u32::try_from(half.bytes / CHUNK_BYTES as u64)
        .map_err(|_| Failure::new(Exit::Fault, "an exhibit has more chunks than there are"))?;
    let request = pb::DownloadExhibitRequest { first_chunk, ..request.clone() };
    let mut parts = client.download_exhibit(request).await?.into_inner();
    while let Some(part) = parts.message().await? {
        if half.bytes + part.data.len() as u64 > exhibit.size_bytes {
            return half.refuse(exhibit);
        }
        half.take(&part.data)?;
        progress.add(part.data.len() as u64);
    }
    match half.bytes == exhibit.size_bytes {
        true => Ok(()),
        false => half.refuse(exhibit),
    }
}

fn not_sealed_so(exhibit: &pb::Exhibit) -> Failure {
    let pb::Exhibit { original_name, sha256, .. } = exhibit;
    let message = format!(
        "{original_name}: what came is not what its sender sealed: its SHA-256 is not {sha256}"
    );
    Failure::new(Exit::VerificationFailed, message)
        .hint("do not confirm this message: tell the operator, and fetch it again")
}

/// What has come of an exhibit.
struct Half {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Half {
    /// What an earlier call has left, up to its last whole chunk, and at most so many bytes of it.
    fn open(path: &Path, most: u64) -> Result<Self, Failure> {
        let cannot = |e: io::Error| Failure::file(path, "cannot be written", &e);
        let mut file = match left(path) {
            Some(file) => file,
            None => {
                clear(path)?;
                drop(create(path)?);
                left(path)
                    .ok_or_else(|| cannot(io::Error::other("it was made, and is not there")))?
            }
        };
        let there = file.metadata().map_err(cannot)?.len().min(most);
        let bytes = there - there % CHUNK_BYTES as u64;
        file.set_len(bytes).map_err(cannot)?;
        let hash = hashed(&mut file, |_| {}).map_err(cannot)?;
        Ok(Self { path: path.to_owned(), file, hash, bytes })
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(data);
        written.map_err(|e| Failure::file(&self.path, "cannot be written", &e))?;
        self.hash.update(data);
        self.bytes += data.len() as u64;
        Ok(())
    }

    /// What is not the exhibit is not gone on with.
    fn refuse(&mut self, exhibit: &pb::Exhibit) -> Result<(), Failure> {
        drop(Partial::at(self.path.clone()));
        Err(not_sealed_so(exhibit))
    }

    /// The digest of all of it, which is on the disk.
    fn finish(self) -> Result<Digest, Failure> {
        let synced = self.file.sync_all();
        synced.map_err(|e| Failure::file(&self.path, "cannot be written", &e))?;
        Ok(self.hash.finish())
    }
}

/// A file that a command of the same user has left, and nothing else: somebody else's would stay open to
/// them, and a link leads elsewhere.
fn left(path: &Path) -> Option<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok()?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    (found.is_file() && found.nlink() == 1 && ours).then_some(file)
}

/// How long a node is waited for.
struct Patience {
    next: Duration,
    waited: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { next: FIRST_WAIT, waited: Duration::ZERO }
    }

    /// Waits, and longer each time that nothing came meanwhile; false where it has been enough.
    async fn lasts(&mut self, came: bool, out: &mut Out) -> bool {
        if came {
            *self = Self::new();
        }
        if self.waited >= PATIENCE {
            return false;
        }
        if self.waited.is_zero() {
            out.talk(
                "note: the node cannot be reached: going on as soon as it can, for ten minutes",
            );
        }
        tokio::time::sleep(self.next).await;
        self.waited += self.next;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        true
    }
}
