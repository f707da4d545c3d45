//! The bytes of one exhibit, from the node to their place in the bag.
//!
//! What has come stays where it is when a fetch is cut off, and the next one goes on behind it, at a
//! whole chunk. Nothing gets its name before all of it fits the digest that its sender sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tonic::Status;

use super::Bag;
use super::place::clear;
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{Partial, create, hashed};
use crate::cli::out::{Out, Progress};
use crate::cli::patience::Patience;
use crate::cli::refusal::reason;
use crate::crypto::{Digest, Sha256};
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::request::Verdict;
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

/// The node's word for it.
const DAMAGED: &str = "EXHIBIT_DAMAGED";

/// Why an exhibit did not come.
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// Set where that lies in the exhibit, and nothing else is to blame.
    pub(super) verdict: Option<Verdict>,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self { failure, verdict: None }
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        let verdict = (reason(&status) == DAMAGED).then_some(Verdict::Damaged);
        Self { failure: status.into(), verdict }
    }
}

/// Where the exhibits of a package come from: one stream of all, as long as it lasts.
pub(super) struct Source<'a> {
    client: &'a mut AgencyClient,
    message: MessageId,
    package: PackageId,
    /// Whether each must come from its beginning in one call: only so the node knows that an official was
    /// given it.
    whole: bool,
    /// Whether none behind it comes on its stream: then what ends that is about this exhibit.
    pub(super) alone: bool,
    stream: Option<Stream>,
}

/// What comes, and what of it comes next.
struct Stream {
    parts: tonic::Streaming<pb::DownloadExhibitResponse>,
    exhibit: u32,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        client: &'a mut AgencyClient,
        message: MessageId,
        package: PackageId,
        whole: bool,
    ) -> Self {
        Self { client, message, package, whole, alone: false, stream: None }
    }

    /// What gives an exhibit from a chunk on, and then those behind it.
    async fn at(&mut self, exhibit: u32, first_chunk: u32) -> Result<&mut Stream, Fault> {
        let follows = !self.alone;
        let goes_on = |stream: &Stream| follows && stream.exhibit == exhibit && first_chunk == 0;
        let stream = match self.stream.take().filter(goes_on) {
            Some(stream) => stream,
            None => {
                let request = pb::DownloadExhibitRequest {
                    parent: format!("messages/{}", self.message),
                    package: format!("packages/{}", self.package),
                    exhibit,
                    first_chunk,
                    following: follows,
                };
                let parts = self.client.download_exhibit(request).await?.into_inner();
                Stream { parts, exhibit }
            }
        };
        Ok(self.stream.insert(stream))
    }
}

/// Fetches an exhibit into the bag, unless it is there. What does not fit its digest never gets its name.
pub(super) async fn exhibit(
    source: &mut Source<'_>,
    exhibit: &pb::Exhibit,
    bag: &mut Bag,
    progress: &Progress,
    out: &mut Out,
) -> Result<(), Fault> {
    // The name is judged before a byte is fetched for it.
    let (name, size) = (&exhibit.original_name, exhibit.size_bytes);
    let path = bag.half(exhibit.number);
    if source.whole {
        bag.forget(name)?;
    } else if let Some(digest) = bag.has(name, size, &exhibit.sha256)? {
        clear(&path)?;
        progress.add(size);
        bag.left(size);
        return Ok(bag.keep(name, &digest, size)?);
    }
    let mut half = Half::open(&path, if source.whole { 0 } else { size })?;
    let goes_on = half.bytes > 0;
    let mut came = whole(source, exhibit, half, bag, progress, out).await;
    if goes_on && came.as_ref().is_err_and(|fault| fault.failure.code == Exit::VerificationFailed) {
        // A loss of power may have damaged what an earlier run has left: nobody is accused before all of
        // it has come anew.
        half = Half::open(&path, 0)?;
        came = whole(source, exhibit, half, bag, progress, out).await;
    }
    Ok(bag.admit(Partial::at(path), name, &came?, size)?)
}

/// All that is still to come of an exhibit, however often the link is cut; gives its digest.
async fn whole(
    source: &mut Source<'_>,
    exhibit: &pb::Exhibit,
    mut half: Half,
    bag: &mut Bag,
    progress: &Progress,
    out: &mut Out,
) -> Result<Digest, Fault> {
    progress.add(half.bytes);
    let (mut patience, mut most) = (Patience::new(), half.bytes);
    loop {
        let came = stream(source, exhibit, &mut half, progress).await;
        let Err(fault) = came else { break };
        let further = half.bytes > most;
        most = most.max(half.bytes);
        if fault.failure.code != Exit::Unavailable || !patience.lasts(further, out).await {
            return Err(fault);
        }
        if source.whole || !half.bytes.is_multiple_of(CHUNK_BYTES as u64) {
            half = Half::open(&half.path, if source.whole { 0 } else { exhibit.size_bytes })?;
        }
    }
    let path = half.path.clone();
    let digest = half.finish(bag)?;
    if hex::encode(digest) != exhibit.sha256 {
        drop(Partial::at(path));
        return Err(not_sealed_so(exhibit));
    }
    Ok(digest)
}

/// What comes of an exhibit until the link is cut. A stream that ends well goes on with the next one.
async fn stream(
    source: &mut Source<'_>,
    exhibit: &pb::Exhibit,
    half: &mut Half,
    progress: &Progress,
) -> Result<(), Fault> {
    if half.bytes > 0 && half.bytes == exhibit.size_bytes {
        return Ok(());
    }
    let first_chunk = u32::try_from(half.bytes / CHUNK_BYTES as u64)
        .map_err(|_| Failure::new(Exit::Fault, "an exhibit has more chunks than there are"))?;
    let stream = source.at(exhibit.number, first_chunk).await?;
    let came = loop {
        let part = match stream.parts.message().await {
            Ok(Some(part)) => part,
            Ok(None) => break half.refuse(exhibit),
            Err(status) => break Err(status.into()),
        };
        let more = part.data.len() as u64;
        if part.exhibit != exhibit.number || half.bytes + more > exhibit.size_bytes {
            break half.refuse(exhibit);
        }
        half.take(&part.data)?;
        progress.add(more);
        if part.last {
            break match half.bytes == exhibit.size_bytes {
                true => Ok(()),
                false => half.refuse(exhibit),
            };
        }
    };
    stream.exhibit = exhibit.number.saturating_add(1);
    if came.is_err() || source.alone {
        source.stream = None;
    }
    came
}

/// Reads an exhibit from the node, and keeps nothing of it: whether it is what its sender sealed.
pub(super) async fn probe(
    source: &mut Source<'_>,
    exhibit: &pb::Exhibit,
    progress: &Progress,
) -> Result<(), Fault> {
    source.alone = true;
    let stream = source.at(exhibit.number, 0).await?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(part) = stream.parts.message().await? {
        bytes += part.data.len() as u64;
        hash.update(&part.data);
        progress.add(part.data.len() as u64);
    }
    match bytes == exhibit.size_bytes && hex::encode(hash.finish()) == exhibit.sha256 {
        true => Ok(()),
        false => Err(not_sealed_so(exhibit)),
    }
}

fn not_sealed_so(exhibit: &pb::Exhibit) -> Fault {
    let sha256 = &exhibit.sha256;
    let message = format!("what came is not what its sender sealed: its SHA-256 is not {sha256}");
    let failure = Failure::new(Exit::VerificationFailed, message);
    Fault { failure, verdict: Some(Verdict::Damaged) }
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
    fn refuse(&mut self, exhibit: &pb::Exhibit) -> Result<(), Fault> {
        drop(Partial::at(self.path.clone()));
        Err(not_sealed_so(exhibit))
    }

    /// The digest of all of it, which is on the disk or will be when the bag is finished.
    fn finish(self, bag: &mut Bag) -> Result<Digest, Failure> {
        let synced = bag.written(&self.file, self.bytes);
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
