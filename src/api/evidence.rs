//! Evidence packages over the agency API: the long calls, of which each may last as long as the
//! network between lets it, and none holds a thread meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::convert::{self, message_name, optional, package_name};
use super::status::{invalid, to_status, whole};
use crate::exchange::gates::Pass;
use crate::exchange::packages::{PARTS_AHEAD, PackageContent, PageToken, Upload};
use crate::exchange::pieces::{fill, piece};
use crate::exchange::{ActionError, Caller, Exchange};
use crate::pb::v1 as pb;
use pb::upload_package_request::Part;

/// An upload that sends nothing for this long is over: others wait for its place.
const UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(120);
/// A download of which nothing is read for this long is over.
const DOWNLOAD_SILENCE_MAX: Duration = Duration::from_secs(300);

/// Takes the parts of an upload, and seals them.
pub(super) async fn upload(
    exchange: &Arc<Exchange>,
    caller: &Caller,
    mut parts: Streaming<pb::UploadPackageRequest>,
) -> Result<pb::Package, Status> {
    let mut upload = Upload::begin(exchange.clone(), caller).map_err(to_status)?;
    let exhibits = loop {
        // A stream that its client gave up ends like one that is complete, so only an end that
        // says so is one.
        let Ok(part) = tokio::time::timeout(UPLOAD_SILENCE_MAX, parts.message()).await else {
            return Err(to_status(ActionError::Stalled("nothing came for two minutes")));
        };
        let Some(part) = part? else {
            return Err(invalid("end", "must come last: nothing was sealed"));
        };
        let taken = match part.part {
            Some(Part::Exhibit(head)) => {
                let custody = convert::custody(head.custody)?;
                upload.exhibit(&head.original_name, &head.media_type, custody).await
            }
            Some(Part::Data(data)) => upload.data(data).await,
            Some(Part::End(end)) => break end.exhibits,
            None => Err(ActionError::invalid("part", "must be an exhibit, data or the end")),
        };
        taken.map_err(to_status)?;
    };
    let shape = whole(upload.finish(exhibits)).await?;
    Ok(pb::Package {
        name: format!("packages/{}", shape.id),
        package_id: shape.id.to_string(),
        root: hex::encode(shape.root),
        exhibits: shape.exhibits.saturating_sub(1),
        sealed_bytes: shape.sealed_bytes,
    })
}

/// Reads a page of exhibits.
pub(super) async fn list(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::ListExhibitsRequest,
    limit: usize,
    pass: Pass,
) -> Result<pb::ListExhibitsResponse, Status> {
    let message = message_name("parent", &request.parent)?;
    let package = package_name("package", &request.package)?;
    let from: PageToken = optional("page_token", &request.page_token)?.unwrap_or_default();
    // The log says who is given it, before it is (I1).
    exchange.read_package(&caller, message, package).await.map_err(to_status)?;
    let exchange = exchange.clone();
    let reading = piece(move || {
        let _pass = pass;
        PackageContent::open(&exchange, &caller, message, package)?.exhibits(from, limit)
    });
    let page = reading.await.map_err(to_status)?;
    Ok(pb::ListExhibitsResponse {
        exhibits: page.exhibits.into_iter().map(convert::exhibit).collect(),
        next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
    })
}

type Chunks = mpsc::Receiver<pb::DownloadExhibitResponse>;

/// The chunks of an exhibit, and what reads them.
pub(super) async fn download(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::DownloadExhibitRequest,
) -> Result<(impl Future<Output = Result<(), ActionError>> + use<>, Chunks), Status> {
    let message = message_name("parent", &request.parent)?;
    let package = package_name("package", &request.package)?;
    exchange.read_package(&caller, message, package).await.map_err(to_status)?;
    let (to_open, reader) = (exchange.clone(), caller.clone());
    let opening = piece(move || {
        let content = PackageContent::open(&to_open, &reader, message, package)?;
        let chunks = content.chunks(request.exhibit)?;
        Ok((content, chunks))
    });
    let (mut content, chunks) = opening.await.map_err(to_status)?;
    let mut numbers = request.first_chunk..chunks;
    let next = move || {
        let Some(number) = numbers.next() else { return Ok(None) };
        let data = content.chunk(request.exhibit, number)?;
        Ok(Some(pb::DownloadExhibitResponse { data: data.into() }))
    };
    let (chunk, passing) = mpsc::channel(PARTS_AHEAD);
    let exchange = exchange.clone();
    let reading = async move {
        fill(next, &chunk, DOWNLOAD_SILENCE_MAX).await?;
        // Whoever begins behind the first chunk was not given the exhibit by this call.
        if request.first_chunk == 0 && taken(&chunk).await {
            exchange.gave_exhibit(&caller, message, package, request.exhibit).await?;
        }
        Ok(())
    };
    Ok((reading, passing))
}

/// Waits until all that was put into a channel has been taken out; false where nobody takes it any more.
async fn taken(chunks: &mpsc::Sender<pb::DownloadExhibitResponse>) -> bool {
    let all = tokio::time::timeout(DOWNLOAD_SILENCE_MAX, chunks.reserve_many(PARTS_AHEAD)).await;
    matches!(all, Ok(Ok(_)))
}
