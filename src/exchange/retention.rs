//! Retention: what is done with is erased when its time is over.
//!
//! A message is *closed* when nothing more is expected to become of it. The row notes when that
//! was, by our own clock (a peer's could be set so that we erase what it wants to be gone), and a
//! row in the schedule finds it again in the order of that time. Nothing is erased unless the
//! operator has said how long to keep, and nothing that is on hold.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::rows::{MessageRow, RECEIVED, SENT};
use super::{ActionError, Exchange};
use crate::domain::delivery::DeliveryState;
use crate::domain::limits::ERASING_CLOCK_AHEAD_MAX_MS;
use crate::domain::{MessageId, MessageKind, Reason, Timestamp};
use crate::store::{Direction, Table, Tx};

/// How often it is looked for what is due. Times are in days, so a minute late is on time.
const EVERY: Duration = Duration::from_secs(60);
/// What one round erases at most, so that it never keeps the writer from its work for long.
const ROUND_MAX: usize = 100;
/// Rows of the schedule that are read at once.
const PAGE: usize = 256;

/// For how long content is kept behind the time at which its message was closed, in milliseconds;
/// `None`: until somebody erases it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What was sent from here.
    pub sent_ms: Option<i64>,
    /// What was received here.
    pub received_ms: Option<i64>,
}

/// Erases what is due, and removes the evidence of what was erased, until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    remove(&exchange, true).await;
    // Not at once: a machine that comes up with a wrong clock first hears what its peers say.
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => if let Err(error) = exchange.erase_due().await {
                tracing::error!(%error, "what is due cannot be erased");
            },
            () = exchange.remover.notified() => {}
        }
        remove(&exchange, false).await;
    }
}

async fn remove(exchange: &Arc<Exchange>, at_start: bool) {
    if let Err(error) = exchange.remove_packages(at_start, Instant::now()).await {
        tracing::error!(%error, "packages of erased messages cannot be removed");
    }
}

impl Exchange {
    /// Erases what is due, a round's worth at most; gives how many messages that were.
    pub(super) async fn erase_due(&self) -> Result<usize, ActionError> {
        let rules = self.settings.retention;
        let mut erased = 0;
        for (direction, keep) in [(SENT, rules.sent_ms), (RECEIVED, rules.received_ms)] {
            let Some(keep_ms) = keep else { continue };
            if !self.may_append() || self.is_clock_ahead() {
                tracing::warn!("nothing is erased: the log takes nothing, or the clock is wrong");
                return Ok(erased);
            }
            let until = self.now().plus_ms(-keep_ms);
            erased += self.erase_closed(direction, until, ROUND_MAX - erased).await?;
        }
        if erased > 0 {
            tracing::info!(erased, "contents were erased whose retention has ended");
        }
        Ok(erased)
    }

    /// Erases up to `limit` messages that were closed at `until` or before.
    async fn erase_closed(
        &self,
        direction: u32,
        until: Timestamp,
        limit: usize,
    ) -> Result<usize, ActionError> {
        let prefix = [direction as u8];
        let mut after: Option<Vec<u8>> = None;
        let mut erased = 0;
        loop {
            let (table, from) = (Table::Schedule, after.as_deref());
            let page = self.store.scan(table, &prefix, from, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(erased) };
            after = Some(last.clone());
            for (key, _) in page {
                let (closed, id) = due(&key)?;
                if closed > until || erased == limit {
                    return Ok(erased);
                }
                match self.erase_by(None, id, Reason::retention_ended()).await {
                    Ok(_) => erased += 1,
                    // On hold, most likely: looked at again in the next round.
                    Err(ActionError::Conflict { code, .. }) => {
                        tracing::debug!(message = %id, code, "due, and not erased");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Whether every peer that we are connected to says that our clock is more than a day ahead.
    /// What a wrong clock erases does not come back; that one peer lies does not count.
    fn is_clock_ahead(&self) -> bool {
        let peers = self.directory.all();
        let links = peers.iter().map(|peer| self.link(peer.authority()));
        let mut offsets = links.filter(|link| link.connected).map(|link| link.clock_offset_ms);
        let is_ahead = |offset: i64| offset < -ERASING_CLOCK_AHEAD_MAX_MS;
        offsets.next().is_some_and(is_ahead) && offsets.all(is_ahead)
    }
}

/// Whether nothing more is expected to become of a message. A late receipt may still come.
fn is_closed(row: &MessageRow) -> bool {
    match row.delivery() {
        DeliveryState::HandedOver
        | DeliveryState::Rejected
        | DeliveryState::NotConsigned
        | DeliveryState::ExpiredUnknown
        | DeliveryState::Cancelled => true,
        // Nobody confirms a test.
        DeliveryState::Consigned => row.kind == MessageKind::Test as i32,
        DeliveryState::Queued | DeliveryState::Held | DeliveryState::Relayed => false,
    }
}

/// The row as it is to be written: with the time at which it was closed, and the row that finds it.
pub(super) fn scheduled<'a>(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &'a MessageRow,
) -> Cow<'a, MessageRow> {
    let is_due_some_day = is_closed(row) && row.erased.is_none();
    if is_due_some_day == (row.closed_ms != 0) {
        return Cow::Borrowed(row);
    }
    let mut row = row.clone();
    if is_due_some_day {
        row.closed_ms = tx.at().unix_ms().max(1);
        tx.put(Table::Schedule, &due_key(&row, id), Vec::new());
    } else {
        tx.delete(Table::Schedule, &due_key(&row, id));
        row.closed_ms = 0;
    }
    Cow::Owned(row)
}

/// The direction, when it was closed, the message.
fn due_key(row: &MessageRow, id: MessageId) -> Vec<u8> {
    let mut key = vec![row.direction as u8];
    key.extend_from_slice(&row.closed_ms.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

/// When something is due, and what.
pub(super) fn due(key: &[u8]) -> Result<(Timestamp, MessageId), ActionError> {
    let malformed = || ActionError::Fault("a row of the schedule has a malformed key".into());
    let rest = key.get(1..).ok_or_else(malformed)?;
    let (closed, id) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
    let id = MessageId::from_slice(id).map_err(|_| malformed())?;
    Ok((Timestamp::from_unix_ms(i64::from_be_bytes(*closed)), id))
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
