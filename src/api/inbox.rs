//! The inbox of an agency, as it fills.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::convert;
use crate::exchange::{ActionError, Caller, Exchange};
use crate::pb::v1 as pb;

/// Inbox rows that are read at once for a watcher.
const INBOX_PAGE: usize = 100;

/// Sends what is in the inbox behind `after`, then what comes, until the client has gone.
pub(super) async fn watch(
    exchange: Arc<Exchange>,
    caller: Caller,
    mut after: u64,
    answer: mpsc::Sender<pb::WatchInboxResponse>,
) -> Result<(), ActionError> {
    let mut newest = exchange.watch_inbox();
    loop {
        newest.mark_unchanged();
        let (found, seen) = exchange.inbox(&caller, after, INBOX_PAGE)?;
        for view in found {
            let message = Some(convert::message(view));
            if answer.send(pb::WatchInboxResponse { message }).await.is_err() {
                return Ok(());
            }
        }
        if seen > after {
            after = seen;
            continue;
        }
        tokio::select! {
            () = answer.closed() => return Ok(()),
            changed = newest.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}
