//! Sends files to the node, where they are sealed into an evidence package.
//!
//! A thread reads, at most a few messages ahead, so memory stays the same whatever the size.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Walk;
use super::source::Source;
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Unit};
use crate::cli::patience::Patience;
use crate::cli::refusal::{is_passing, reason};
use crate::pb::v1 as pb;

/// Messages that are read ahead of the network.
const AHEAD: usize = 4;

/// Uploads that are begun anew before it is given up: the files were changed between two commands, and
/// what the node has of them is of no use.
const ATTEMPTS: u32 = 8;

/// Uploads what a walk found as one package, and goes on where an upload by the same command was cut
/// off. Gives the files, too, that are not what their last custody record says that they were.
pub(crate) async fn upload(
    client: &mut AgencyClient,
    walk: Walk,
    command: &str,
    out: &mut Out,
) -> Result<(pb::Package, Vec<String>), Failure> {
    let progress = out.progress("uploading", walk.bytes(), Unit::Bytes);
    let source = Arc::new(Source::new(walk, progress.handle()));
    for attempt in 0..ATTEMPTS {
        let upload_id = source.walk.upload_id(command, attempt).to_string();
        let package = match to_its_end(client, &source, &upload_id, out).await? {
            Done::Differs => continue,
            Done::Sealed(package) => package,
            Done::Before(package) => {
                out.talk(
                    "note: the same command has uploaded this evidence before; where it has sent its \
                     message too, this is that message: another --request-id sends another",
                );
                package
            }
        };
        return Ok((package, blocking(source, Source::differing).await?));
    }
    let message = "the evidence was changed again and again while it was uploaded";
    Err(Failure::new(Exit::BadInput, message)
        .hint("make a copy that nobody writes to, and send that"))
}

/// What comes of an attempt: a package, whether it was there before, or another thing than the files say.
enum Done {
    Sealed(pb::Package),
    Before(pb::Package),
    Differs,
}

/// Why an attempt has failed, and whether the next one may not.
struct Stop {
    failure: Failure,
    again: bool,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { failure, again: false }
    }
}

impl From<tonic::Status> for Stop {
    fn from(status: tonic::Status) -> Self {
        // Somebody else went on with it, or the node took it up from its disk, since it was asked.
        let elsewhere = ["UPLOAD_IS_ELSEWHERE", "UPLOAD_ENDED"];
        let again = is_passing(&status) || elsewhere.contains(&reason(&status).as_str());
        Self { failure: status.into(), again }
    }
}

/// Uploads until the package is sealed, however often the link is cut.
async fn to_its_end(
    client: &mut AgencyClient,
    source: &Arc<Source>,
    upload_id: &str,
    out: &mut Out,
) -> Result<Done, Failure> {
    let (mut patience, mut had) = (Patience::new(), (0, 0));
    loop {
        let mut came = false;
        let done = match standing(client, upload_id).await {
            Ok(at) => {
                came = (at.exhibits, at.bytes) > had;
                had = had.max((at.exhibits, at.bytes));
                go_on(client, source, upload_id, at).await
            }
            Err(stop) => Err(stop),
        };
        match done {
            Ok(done) => return Ok(done),
            Err(Stop { failure, again }) => {
                if !again || !patience.lasts(came, out).await {
                    return Err(failure);
                }
            }
        }
    }
}

/// What the node has of an upload.
async fn standing(client: &mut AgencyClient, upload_id: &str) -> Result<pb::Upload, Stop> {
    let request = pb::GetUploadRequest { name: format!("uploads/{upload_id}") };
    match client.get_upload(request).await {
        Ok(at) => Ok(at.into_inner()),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(pb::Upload::default()),
        Err(status) => Err(status.into()),
    }
}

/// Uploads what the node has not.
async fn go_on(
    client: &mut AgencyClient,
    source: &Arc<Source>,
    upload_id: &str,
    at: pb::Upload,
) -> Result<Done, Stop> {
    if let Some(package) = at.package {
        return Ok(Done::Before(package));
    }
    let start = pb::UploadStart {
        upload_id: upload_id.to_owned(),
        exhibits: at.exhibits,
        bytes: at.bytes,
        total_bytes: source.walk.bytes(),
    };
    let Some(from) = blocking(source.clone(), move |source| source.behind(&at)).await? else {
        return Ok(Done::Differs);
    };
    let (parts, taken) = mpsc::channel(AHEAD);
    let call = client.upload_package(ReceiverStream::new(taken));
    tokio::pin!(call);
    let feeding = source.clone();
    let reading = blocking(feeding, move |source| source.feed(start, from, &parts));
    tokio::pin!(reading);
    let answer = tokio::select! {
        answer = &mut call => answer?,
        read = &mut reading => {
            let answer = call.await;
            // What went wrong here says more than the refusal that was asked for.
            read?;
            answer?
        }
    };
    Ok(Done::Sealed(answer.into_inner()))
}

/// Reads files on a thread for such work.
async fn blocking<T: Send + 'static>(
    source: Arc<Source>,
    work: impl FnOnce(&Source) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(move || work(&source)).await;
    done.map_err(|_| Failure::new(Exit::Fault, "the reading of the files broke off"))?
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
