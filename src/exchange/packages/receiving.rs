//! A package that is being received, as whoever reads the network sees it.

use std::ops::ControlFlow;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::domain::PackageId;
use crate::exchange::ActionError;
use crate::exchange::pieces::Gather;
use crate::pb::v1 as pb;
use crate::store::arrival::{Arrival, Progress};
use crate::store::vault::VaultError;
use pb::push_package_request::Part;

/// A package that is being received.
pub struct Receiving {
    pub(super) id: PackageId,
    /// What was here when it began.
    pub(super) began: Progress,
    pub(super) stop: CancellationToken,
    pub(super) parts: Gather<Part>,
    pub(super) writing: tokio::task::JoinHandle<Result<Progress, ActionError>>,
}

/// A chunk below this is copied out of the frame that it came in, which may have a MiB.
const SMALL_CHUNK_BYTES: usize = 128 << 10;

impl Receiving {
    /// What was here when it began: whether the list, and how many chunks.
    pub fn has(&self) -> (bool, u64) {
        (self.began.listed, self.began.chunks)
    }

    /// Ready when its peer has offered the package again, and so given it up.
    pub fn given_up(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Takes the next part; false when there is no use in more, and [`Receiving::finish`] says why.
    pub async fn part(&mut self, mut part: Part) -> bool {
        // What is kept waiting keeps no frame that is much larger than it says.
        if let Part::Chunk(chunk) = &mut part
            && chunk.data.len() < SMALL_CHUNK_BYTES
        {
            chunk.data = bytes::Bytes::copy_from_slice(&chunk.data);
        }
        let bytes = match &part {
            Part::Start(_) => 0,
            Part::List(list) => list.chunk_hashes.len() + 8 * list.sealed_sizes.len(),
            Part::Chunk(chunk) => chunk.data.len(),
            Part::Piece(piece) => piece.data.len(),
        };
        self.parts.put(part, bytes).await
    }

    /// Has what was taken stored before there is more; false as of [`Receiving::part`].
    pub(super) async fn settle(&mut self) -> bool {
        self.parts.hand_over().await
    }

    /// Ends: what is stored now. Complete means verified and durable.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] names the rule that a part broke; [`ActionError::Exhausted`] when
    /// there is no room for more.
    pub async fn finish(mut self) -> Result<pb::PackageProgress, ActionError> {
        self.parts.hand_over().await;
        drop(self.parts);
        let progress = self.writing.await.map_err(ActionError::fault)??;
        Ok(to_pb(self.id, progress))
    }
}

/// Stores a part.
pub(super) fn take(
    mut arrival: Arrival,
    part: Part,
) -> Result<ControlFlow<Arrival, Arrival>, ActionError> {
    match part {
        Part::List(list) => arrival.list(&list.sealed_sizes, &list.chunk_hashes),
        Part::Chunk(chunk) => arrival.chunk(chunk.number, &chunk.data),
        Part::Start(_) => Err(VaultError::Refused("a push has one start")),
        Part::Piece(_) => Err(VaultError::Refused("pieces come over PushPieces only")),
    }?;
    Ok(ControlFlow::Continue(arrival))
}

pub(super) fn to_pb(id: PackageId, progress: Progress) -> pb::PackageProgress {
    pb::PackageProgress {
        package_id: id.as_bytes().to_vec().into(),
        listed: progress.listed,
        chunks: progress.chunks,
        complete: progress.complete,
        ..Default::default()
    }
}
