//! The change from one log to the next: with the year, or when an operator wants it.
//!
//! One commit ends the old log and begins the new one; messages go on meanwhile. What was logged
//! before keeps its place and is proved under the last checkpoint of its log. Peers are shown that
//! the one follows the other before anything that stands in the new one.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::note::VerifierKey;
use crate::audit::succession::{end_of, next_origin, year_of};
use crate::store::Head;

/// How often the calendar is looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Begins a new log whenever the year (UTC) has changed, until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        if exchange.may_append()
            && let Err(error) = exchange.follow_calendar().await
        {
            tracing::error!(%error, "the log of the new year cannot be begun: tried again");
        }
    }
}

impl Exchange {
    /// Begins the log of the year, if the newest one is of an earlier year.
    ///
    /// # Errors
    /// As [`Exchange::succeed_log`].
    pub async fn follow_calendar(&self) -> Result<Option<Arc<Head>>, ActionError> {
        let current = self.store.head().checkpoint.origin.clone();
        match year_of(&current) {
            Some(year) if year < self.now().year() => {
                self.succeed_log(Some(&current), None).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Ends the newest log and begins the next one; gives how the old one ended. Where `expected` is
    /// given, the newest log must be that one.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] where it is another; others when the commit fails.
    pub async fn succeed_log(
        &self,
        expected: Option<&str>,
        by: Option<&str>,
    ) -> Result<Arc<Head>, ActionError> {
        self.check_writable()?;
        let current = self.store.head().checkpoint.origin.clone();
        if expected.is_some_and(|expected| expected != current) {
            return Err(another(&current));
        }
        let origin = next_origin(&current, self.now().year());
        let key = self.log_key_of(&origin)?.to_string();
        let (software, next) = (self.settings.software.clone(), origin.clone());
        let who = by.map(|name| self.handle(name));
        let ended = self
            .store
            .succeed(move |tx| {
                if tx.origin() != current {
                    return Err(another(&tx.origin()));
                }
                let sealed = EntryDraft::new(Event::LogSealed).key(&key).software(&software);
                let ended = tx.succeed(&next, sealed);
                let opened = EntryDraft::new(Event::LogOpened).key(&key).software(&software);
                tx.append(opened.remote(end_of(&ended)));
                Ok(ended)
            })
            .await?
            .value;
        tracing::info!(ended = ended.origin, size = ended.size, origin, who, "a new log");
        self.begin_round();
        if let Some(alert) = self.unlisted_log() {
            tracing::warn!("{alert}");
        }
        self.store.head_named(&ended.origin).ok_or_else(|| ActionError::Fault("lost".into()))
    }

    /// The key of one of our logs, under its name.
    fn log_key_of(&self, origin: &str) -> Result<VerifierKey, ActionError> {
        let own = self.keys.log.public();
        let keys = self.card().log_keys_of(origin);
        let key = keys.into_iter().find(|key| key.public() == own);
        key.ok_or_else(|| ActionError::Fault("the card does not have this log's key".into()))
    }
}

fn another(current: &str) -> ActionError {
    ActionError::conflict("LOG_SUCCEEDED", format!("the newest log is {current}"))
}

#[cfg(test)]
#[path = "year_tests.rs"]
mod tests;
