//! The bytes of one exhibit, from the node to their place in the bag.

use std::io::Write as _;

use super::Bag;
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::Partial;
use crate::cli::out::Progress;
use crate::crypto::{Digest, Sha256};
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

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

/// Fetches an exhibit into the bag. What does not fit its digest never gets its name.
pub(super) async fn exhibit(
    client: &mut AgencyClient,
    request: pb::DownloadExhibitRequest,
    exhibit: &pb::Exhibit,
    bag: &mut Bag,
    progress: &Progress,
) -> Result<(), Failure> {
    // The name is judged before a byte is fetched for it.
    bag.check_name(&exhibit.original_name)?;
    let partial = bag.partial();
    let digest = stream(client, request, exhibit, &partial, progress).await?;
    bag.admit(partial, &exhibit.original_name, &digest, exhibit.size_bytes)
}

async fn stream(
    client: &mut AgencyClient,
    request: pb::DownloadExhibitRequest,
    exhibit: &pb::Exhibit,
    partial: &Partial,
    progress: &Progress,
) -> Result<Digest, Failure> {
    let cannot = |e| Failure::file(partial.path(), "cannot be written", &e);
    let mut file = partial.create()?;
    let mut parts = client.download_exhibit(request).await?.into_inner();
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(part) = parts.message().await? {
        bytes += part.data.len() as u64;
        if bytes > exhibit.size_bytes {
            break;
        }
        hash.update(&part.data);
        file.write_all(&part.data).map_err(cannot)?;
        progress.add(part.data.len() as u64);
    }
    file.sync_all().map_err(cannot)?;
    let digest = hash.finish();
    match bytes == exhibit.size_bytes && hex::encode(digest) == exhibit.sha256 {
        true => Ok(digest),
        false => Err(Failure::new(
            Exit::VerificationFailed,
            format!(
                "{}: what came is not what its sender sealed: its SHA-256 is not {}",
                exhibit.original_name, exhibit.sha256
            ),
        )
        .hint("do not confirm this message: tell the operator, and fetch it again")),
    }
}
