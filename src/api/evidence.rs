//! Evidence packages over the agency API: the long calls, of which each may last as long as the
//! network between lets it, and none holds a thread meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::convert::{self, message_name, optional, package_name, parse};
use super::status::{invalid, to_status, whole};
use crate::domain::UploadId;
use crate::exchange::gates::Pass;
use crate::exchange::packages::{
    Download, DownloadPart, PARTS_AHEAD, PackageContent, PageToken, Standing, Taken, Upload,
    UploadFrom,
};
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
    let mut first = Some(next_part(&mut parts).await?);
    let mut upload = match first.take_if(|part| matches!(part, Part::Start(_))) {
        Some(Part::Start(start)) => {
            let id = parse("start.upload_id", &start.upload_id)?;
            let pb::UploadStart { exhibits, bytes, total_bytes, .. } = start;
            let from = UploadFrom { id, exhibits, bytes, total_bytes };
            Upload::go_on(exchange.clone(), caller, from).await.map_err(to_status)?
        }
        _ => Upload::begin(exchange.clone(), caller).map_err(to_status)?,
    };
    let exhibits = loop {
        let part = match first.take() {
            Some(part) => part,
            None => next_part(&mut parts).await?,
        };
        let taken = match part {
            Part::Exhibit(head) => {
                let custody = convert::custody(head.custody)?;
                upload.exhibit(&head.original_name, &head.media_type, custody).await
            }
            Part::Data(data) => upload.data(data).await,
            Part::End(end) => break end.exhibits,
            Part::Start(_) => Err(ActionError::invalid("start", "must come first")),
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

/// The next part of an upload. A stream that its client gave up ends like one that is complete, so only
/// an end that says so is one.
async fn next_part(parts: &mut Streaming<pb::UploadPackageRequest>) -> Result<Part, Status> {
    let Ok(part) = tokio::time::timeout(UPLOAD_SILENCE_MAX, parts.message()).await else {
        return Err(to_status(ActionError::Stalled("nothing came for two minutes")));
    };
    let part = part?.ok_or_else(|| invalid("end", "must come last: nothing was sealed"))?;
    part.part.ok_or_else(|| invalid("part", "must be a start, an exhibit, data or the end"))
}

/// How far an upload is.
pub(super) async fn standing(
    exchange: &Arc<Exchange>,
    caller: &Caller,
    request: pb::GetUploadRequest,
) -> Result<pb::Upload, Status> {
    let id: UploadId = parse("name", request.name.strip_prefix("uploads/").unwrap_or_default())?;
    let name = format!("uploads/{id}");
    Ok(match exchange.upload_standing(caller, id).await.map_err(to_status)? {
        Standing::Unfinished(Taken { exhibits, bytes, sha256 }) => {
            pb::Upload { name, exhibits, bytes, sha256: hex::encode(sha256), package: None }
        }
        Standing::Sealed(facts) => {
            pb::Upload { name, package: Some(convert::package(&facts)), ..pb::Upload::default() }
        }
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

/// The proof that an exhibit belongs to its package.
pub(super) async fn prove(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::GetExhibitProofRequest,
    pass: Pass,
) -> Result<pb::ExhibitProof, Status> {
    let message = message_name("parent", &request.parent)?;
    let package = package_name("package", &request.package)?;
    exchange.read_package(&caller, message, package).await.map_err(to_status)?;
    let exchange = exchange.clone();
    let proving = piece(move || {
        let _pass = pass;
        exchange.exhibit_proof(&caller, message, package, request.exhibit)
    });
    proving.await.map_err(to_status)
}

type Chunks = mpsc::Receiver<pb::DownloadExhibitResponse>;

/// The chunks of exhibits, and what reads them.
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
        Download::begin(content, request.exhibit, request.first_chunk, request.following)
    });
    let mut download = opening.await.map_err(to_status)?;
    let given = download.given();
    let next = move || Ok(download.next_part()?.map(to_pb));
    let (chunk, passing) = mpsc::channel(PARTS_AHEAD);
    let exchange = exchange.clone();
    let reading = async move {
        let filled = fill(next, &chunk, DOWNLOAD_SILENCE_MAX).await;
        if filled.is_ok() && taken(&chunk).await {
            given.all();
        }
        exchange.gave_exhibits(&caller, message, package, given.exhibits()).await?;
        filled
    };
    Ok((reading, passing))
}

fn to_pb(part: DownloadPart) -> pb::DownloadExhibitResponse {
    let DownloadPart { exhibit, last, data } = part;
    pb::DownloadExhibitResponse { data: data.into(), exhibit, last }
}

/// Waits until all that was put into a channel has been taken out; false where nobody takes it any more.
async fn taken(chunks: &mpsc::Sender<pb::DownloadExhibitResponse>) -> bool {
    let all = tokio::time::timeout(DOWNLOAD_SILENCE_MAX, chunks.reserve_many(PARTS_AHEAD)).await;
    matches!(all, Ok(Ok(_)))
}
