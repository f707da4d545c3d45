//! The end of delivery windows. It means "unknown", never "rejected": a late acceptance wins.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::rows::{OutboxRow, message_in, put_message};
use super::{ActionError, Exchange, standing};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::delivery::DeliveryState;
use crate::store::Table;

/// How often windows are looked at. They last days, so half a minute late is on time.
const EVERY: Duration = Duration::from_secs(30);

/// Ends delivery windows until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {
                if let Err(error) = exchange.expire_due().await {
                    tracing::error!(%error, "delivery windows cannot be ended");
                }
                if let Err(error) = exchange.fail_handovers().await {
                    tracing::error!(%error, "what was not handed over cannot be said");
                }
            }
        }
    }
}

impl Exchange {
    /// Ends the window of every queued message whose time has come.
    pub(crate) async fn expire_due(&self) -> Result<usize, ActionError> {
        let now = self.now().unix_ms();
        let due = self.outbox.all().into_iter().map(|item| item.row);
        let due: Vec<_> = due.filter(|row| !row.is_receipt() && row.expires_ms < now).collect();
        for row in &due {
            if let Err(error) = self.fail(row).await {
                tracing::error!(%error, "a delivery window cannot be ended");
            }
        }
        Ok(due.len())
    }

    async fn fail(&self, row: &OutboxRow) -> Result<(), ActionError> {
        let (id, me, key) = (row.message()?, self.me.clone(), row.key());
        self.store
            .commit(move |tx| {
                // Answered or withdrawn meanwhile: then nothing expired.
                if tx.get(Table::Outbox, &key).is_none() {
                    return Ok(());
                }
                tx.delete(Table::Outbox, &key);
                let Some(mut message) = message_in(tx, id)? else { return Ok(()) };
                // The peer has it; only the receipt that says so was still awaited.
                if !message.is_queued() {
                    return Ok(());
                }
                tracing::warn!(message = %id, "the delivery window ended without an answer");
                message.learn(DeliveryState::ExpiredUnknown);
                let draft = EntryDraft::new(Event::RelayFailure)
                    .by(me)
                    .peer(message.peer_id()?)
                    .message(id)
                    .envelope(message.digest())
                    .code("DELIVERY_WINDOW_ENDED");
                tx.append(draft);
                standing::expired(tx, id, &message)?;
                put_message(tx, id, &message);
                Ok::<_, ActionError>(())
            })
            .await?;
        self.outbox.done(&row.peer, &row.key());
        Ok(())
    }
}
