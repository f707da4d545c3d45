//! Files of exports and excerpts, as the stream of pieces in which they leave the node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::Status;

use super::answers::{Answers, answers};
use super::standing::Standing;
use super::status::invalid;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::excerpt::{Beside, ExcerptOf};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use pb::export_excerpt_request::Scope;

/// Pieces that may be ahead of the client.
const AHEAD: usize = 8;
/// Bytes of a file in one piece.
const PIECE_BYTES: usize = 256 << 10;
/// An export of which nothing is read for this long is over.
const EXPORT_SILENCE_MAX: Duration = Duration::from_secs(120);

/// What an excerpt is asked of.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(super) fn excerpt_of(request: &pb::ExportExcerptRequest) -> Result<ExcerptOf, Status> {
    match &request.scope {
        None => Err(invalid("scope", "name a peer, a case or a message")),
        Some(Scope::Peer(peer)) => {
            let peer = AuthorityId::parse(peer);
            peer.map(ExcerptOf::Peer).map_err(|error| invalid("peer", error.to_string()))
        }
        Some(Scope::MessageId(id)) => {
            let id = MessageId::parse(id);
            id.map(ExcerptOf::Message).map_err(|error| invalid("message_id", error.to_string()))
        }
        Some(Scope::CaseId(case)) if case.is_empty() => Err(invalid("case_id", "is empty")),
        Some(Scope::CaseId(case)) => Ok(ExcerptOf::Case(case.clone())),
    }
}

/// What is to go along with it.
pub(super) fn beside_of(request: &pb::ExportExcerptRequest) -> Beside {
    Beside { receipts: !request.without_receipts, witnesses: request.with_witnesses }
}

/// The files that `write` gives to its sink, which says false when nobody wants more.
pub(super) async fn files(
    exchange: Arc<Exchange>,
    standing: Standing,
    write: impl FnOnce(&Exchange, &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), ActionError>
    + Send
    + 'static,
) -> Answers<pb::ExportLogResponse> {
    let (written, pieces) = mpsc::channel(1);
    let (piece, passing) = mpsc::channel(AHEAD);
    // What was logged a moment ago is to be cosigned too, where witnesses answer.
    exchange.gather_for_export().await;
    // The one long call that holds a thread to its end, so few are let in: a tree is walked, not
    // cut into steps. It ends when nobody takes its pieces any more.
    let writing = tokio::task::spawn_blocking(move || {
        if !exchange.may_append() && !warn(&written) {
            return Ok(());
        }
        write(&exchange, &mut |path, bytes| send_file(&written, path, bytes))
    });
    let producing = async move {
        pass_on(pieces, piece, EXPORT_SILENCE_MAX).await?;
        writing.await.map_err(|error| ActionError::Fault(error.to_string()))?
    };
    answers(passing, producing, standing)
}

/// Passes on what a thread produces as fast as it is read.
pub(super) async fn pass_on<T>(
    mut from: mpsc::Receiver<T>,
    to: mpsc::Sender<T>,
    silence_max: Duration,
) -> Result<(), ActionError> {
    while let Some(piece) = from.recv().await {
        match tokio::time::timeout(silence_max, to.send(piece)).await {
            Err(_) => return Err(ActionError::Stalled("what was produced was not read")),
            Ok(Err(_)) => return Ok(()),
            Ok(Ok(())) => {}
        }
    }
    Ok(())
}

/// That what follows is an older copy of the log, and that nothing of it is logged. False when the client
/// has gone.
fn warn(written: &mpsc::Sender<pb::ExportLogResponse>) -> bool {
    let warning = "the log takes no entries: it is an older copy of itself. This export ends where the \
                   copy does, and nothing in the log tells of it";
    let piece = pb::ExportLogResponse { warning: warning.to_owned(), ..Default::default() };
    written.blocking_send(piece).is_ok()
}

/// False when the client has gone.
fn send_file(written: &mpsc::Sender<pb::ExportLogResponse>, path: &str, bytes: &[u8]) -> bool {
    let send = |data: &[u8]| {
        let data = bytes::Bytes::copy_from_slice(data);
        let piece = pb::ExportLogResponse { path: path.to_owned(), data, ..Default::default() };
        written.blocking_send(piece).is_ok()
    };
    // An empty file is a file too.
    match bytes.is_empty() {
        true => send(bytes),
        false => bytes.chunks(PIECE_BYTES).all(send),
    }
}
