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
        if let Some(package) = to_its_end(client, &source, &upload_id, out).await? {
            return Ok((package, blocking(source, Source::differing).await?));
        }
    }
    let message = "the evidence was changed again and again while it was uploaded";
    Err(Failure::new(Exit::BadInput, message)
        .hint("make a copy that nobody writes to, and send that"))
}

/// Uploads until the package is sealed, however often the link is cut; `None` where the node has another
/// thing of it than the files say.
async fn to_its_end(
    client: &mut AgencyClient,
    source: &Arc<Source>,
    upload_id: &str,
    out: &mut Out,
) -> Result<Option<pb::Package>, Failure> {
    let (mut patience, mut had) = (Patience::new(), (0, 0));
    loop {
        let at = standing(client, upload_id).await;
        let came = match &at {
            Ok(at) => std::mem::replace(&mut had, (at.exhibits, at.bytes)) < had,
            Err(_) => false,
        };
        let done = match at {
            Ok(at) => go_on(client, source, upload_id, at).await,
            Err(failure) => Err(failure),
        };
        match done {
            Err(failure) if failure.code == Exit::Unavailable => {
                if !patience.lasts(came, out).await {
                    return Err(failure);
                }
            }
            done => return done,
        }
    }
}

/// What the node has of an upload.
async fn standing(client: &mut AgencyClient, upload_id: &str) -> Result<pb::Upload, Failure> {
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
) -> Result<Option<pb::Package>, Failure> {
    if at.package.is_some() {
        return Ok(at.package);
    }
    let start = pb::UploadStart {
        upload_id: upload_id.to_owned(),
        exhibits: at.exhibits,
        bytes: at.bytes,
        total_bytes: source.walk.bytes(),
    };
    let Some(from) = blocking(source.clone(), move |source| source.behind(&at)).await? else {
        return Ok(None);
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
    Ok(Some(answer.into_inner()))
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
