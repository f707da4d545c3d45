//! What becomes of a withdrawal of ours: it came, or its time was over.

use super::{load, put, undone};
use crate::audit::entry::Event;
use crate::domain::{MessageId, MessageKind};
use crate::exchange::ActionError;
use crate::exchange::rows::{MessageRow, SENT};
use crate::store::Tx;

/// Does what a receipt says of a message of ours: that it does not reach the other side, or that a
/// withdrawal has.
pub(in crate::exchange) fn receipted(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &mut MessageRow,
) -> Result<(), ActionError> {
    undone(tx, id, row)?;
    let came = row.receipts.iter().find(|receipt| {
        receipt.event == Event::ContentConsignment.as_str() && receipt.issuer == row.peer
    });
    let Some((request, came)) = withdraws(row).zip(came) else { return Ok(()) };
    if let Some(mut at) = load(tx, request)?.filter(|at| at.withdrawal_came_ms == 0) {
        at.withdrawal_came_ms = came.at_ms.max(1);
        // Its time may have been over before the receipt came.
        at.is_withdrawn(row.created_ms);
        put(tx, request, &at);
    }
    Ok(())
}

/// Lets the clocks of a request go on whose withdrawal nobody answered until its time was over: it may
/// never have come. A receipt that comes late ends them all the same.
pub(in crate::exchange) fn expired(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &MessageRow,
) -> Result<(), ActionError> {
    let Some(request) = withdraws(row) else { return Ok(()) };
    let Some(mut at) = load(tx, request)?.filter(|at| !at.is_requested()) else { return Ok(()) };
    let sent = at.sent.iter().find(|sent| sent.message_id == id.as_bytes());
    let sent_ms = sent.map_or(row.created_ms, |sent| sent.at_ms);
    at.is_not_withdrawn(sent_ms);
    put(tx, request, &at);
    Ok(())
}

/// The request that a message of ours withdraws, where it withdraws one.
fn withdraws(row: &MessageRow) -> Option<MessageId> {
    let is_ours = row.kind == MessageKind::Withdrawal as i32 && row.direction == SENT;
    MessageId::from_slice(&row.request).ok().filter(|_| is_ours)
}
