//! How the node of the tests takes and gives evidence.

use std::pin::Pin;

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::{Answer, Fake};
use crate::crypto::sha256;
use crate::domain::limits::CHUNK_BYTES;
use crate::pb::v1 as pb;
use crate::pb::v1::upload_package_request::Part;

/// What a download gives.
pub(super) type Downloads =
    Pin<Box<dyn Stream<Item = Result<pb::DownloadExhibitResponse, Status>> + Send>>;

impl Fake {
    pub(super) async fn take_upload(
        &self,
        request: Request<Streaming<pb::UploadPackageRequest>>,
    ) -> Answer<pb::Package> {
        if self.refuses_uploads {
            return Err(Status::permission_denied("this agency may not submit"));
        }
        let mut parts = request.into_inner();
        let whole = loop {
            let part = parts.message().await;
            let mut seen = self.seen.lock().expect("not poisoned");
            match part {
                Ok(Some(pb::UploadPackageRequest { part: Some(Part::Exhibit(head)) })) => {
                    seen.exhibits.push((head, Vec::new()));
                }
                Ok(Some(pb::UploadPackageRequest { part: Some(Part::Data(data)) })) => {
                    seen.largest = seen.largest.max(data.len());
                    let (_, bytes) = seen.exhibits.last_mut().expect("an exhibit first");
                    bytes.extend_from_slice(&data);
                    if seen.starts.len() <= self.upload_cuts {
                        return Err(Status::unavailable("the link is cut"));
                    }
                }
                Ok(Some(pb::UploadPackageRequest { part: Some(Part::Start(start)) })) => {
                    seen.starts.push((start.exhibits, start.bytes));
                }
                Ok(Some(pb::UploadPackageRequest { part: Some(Part::End(end)) })) => {
                    break end.exhibits as usize == seen.exhibits.len();
                }
                Ok(_) => break false,
                Err(_) => break false,
            }
        };
        self.seen.lock().expect("not poisoned").whole = Some(whole);
        if !whole {
            return Err(Status::invalid_argument("must be an exhibit or data"));
        }
        let package_id = "01934f3e-0000-7000-8000-00000000000a".to_owned();
        Ok(Response::new(pb::Package { package_id, ..Default::default() }))
    }

    pub(super) fn upload_standing(
        &self,
        request: Request<pb::GetUploadRequest>,
    ) -> Answer<pb::Upload> {
        let mut seen = self.seen.lock().expect("not poisoned");
        let mut digests = Vec::new();
        let mut upload = pb::Upload { name: request.into_inner().name, ..Default::default() };
        // What was begun last may be half; nothing tells the others from whole ones here.
        let Some((_, last)) = seen.exhibits.last() else {
            return Err(Status::not_found("there is no such upload"));
        };
        (upload.bytes, upload.exhibits) = (last.len() as u64, seen.exhibits.len() as u32 - 1);
        digests.extend(seen.exhibits.iter().flat_map(|(_, bytes)| sha256(bytes)));
        upload.sha256 = hex::encode(sha256(&digests));
        if self.upload_differs && seen.starts.len() == 1 {
            upload.sha256 = hex::encode([0; 32]);
            seen.exhibits.clear();
        }
        Ok(Response::new(upload))
    }

    pub(super) fn give_exhibits(
        &self,
        request: Request<pb::DownloadExhibitRequest>,
    ) -> Answer<Downloads> {
        let wanted = request.get_ref().exhibit;
        let found = self.exhibits.iter().find(|(head, _)| head.number == wanted);
        found.ok_or_else(|| Status::not_found("there is none"))?;
        let first_chunk = request.get_ref().first_chunk;
        let one =
            |number: u32| number == wanted || (number > wanted && request.get_ref().following);
        let asked = self.exhibits.iter().filter(|(head, _)| one(head.number));
        let mut all: Vec<_> = asked
            .flat_map(|(head, bytes)| {
                let first = if head.number == wanted { first_chunk } else { 0 };
                parts_of(head.number, bytes, first).into_iter().map(Ok)
            })
            .collect();
        let mut seen = self.seen.lock().expect("not poisoned");
        if seen.downloads.len() < self.cuts {
            all.truncate(1);
            all.push(Err(Status::unavailable("the link is cut")));
        }
        seen.downloads.push((wanted, first_chunk));
        drop(seen);
        if self.stalls {
            self.seen.lock().expect("not poisoned").stalled = true;
            let first = tokio_stream::iter(all.into_iter().take(1));
            return Ok(Response::new(Box::pin(first.chain(tokio_stream::pending()))));
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(all))))
    }
}

/// The parts of an exhibit from a chunk on: whole chunks of a large one, little of a small one.
fn parts_of(exhibit: u32, bytes: &[u8], first_chunk: u32) -> Vec<pb::DownloadExhibitResponse> {
    let from = (first_chunk as usize * CHUNK_BYTES).min(bytes.len());
    let width = if bytes.len() > CHUNK_BYTES { CHUNK_BYTES } else { 7 };
    let mut parts: Vec<_> = bytes[from..]
        .chunks(width)
        .map(|data| pb::DownloadExhibitResponse {
            data: data.to_vec().into(),
            exhibit,
            last: false,
        })
        .collect();
    match parts.last_mut() {
        Some(part) => part.last = true,
        // An empty exhibit has an empty chunk.
        None => {
            parts.push(pb::DownloadExhibitResponse { exhibit, last: true, ..Default::default() })
        }
    }
    parts
}
