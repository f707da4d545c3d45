//! Telling that a duty's time is half used, nearly used, used up.
//!
//! Each is told once, in the traces: the row of the request remembers what was, so that a node that
//! starts again does not tell it again. What is overdue now is counted for whoever asks.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Clock, Duty, Level, Targets};
use crate::domain::{MessageId, Timestamp};
use crate::exchange::pieces::piece;
use crate::exchange::rows::{self, AlertRow, MessageRow, StandingRow, load_in, message_in};
use crate::exchange::{ActionError, Exchange};
use crate::store::{Direction, Table, Tx};

/// How often it is looked for: the shortest target is an hour.
const EVERY: Duration = Duration::from_secs(60);
/// Rows that are read in one piece, and alerts that are told in one commit.
const PAGE: usize = 256;

/// How many duties are overdue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// Of this authority.
    pub ours: usize,
    /// Of peers.
    pub peers: usize,
}

/// An alert: a duty of a request has used so much of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) request: MessageId,
    pub(super) duty: Duty,
    pub(super) level: Level,
    pub(super) is_ours: bool,
    since: Timestamp,
}

/// Looks now and then until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let told = tokio::select! {
            () = stop.cancelled() => return,
            told = exchange.alert() => told,
        };
        if let Err(error) = told {
            tracing::error!(%error, "the clocks of requests cannot be looked at");
        }
    }
}

impl Alert {
    fn trace(&self) {
        let Self { request, duty, level, is_ours, .. } = self;
        let (percent, whose) = (level.percent(), if *is_ours { "ours" } else { "the peer's" });
        match level {
            Level::Over => tracing::warn!(%request, %duty, percent, whose, "a duty is overdue"),
            _ => tracing::info!(%request, %duty, percent, whose, "a duty uses its time"),
        }
    }
}

impl Exchange {
    /// Tells every alert that was not told yet; gives them.
    pub(super) async fn alert(self: &Arc<Self>) -> Result<Vec<Alert>, ActionError> {
        let mut told = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        while self.may_append() {
            let exchange = self.clone();
            let page = piece(move || exchange.to_alert(after.as_deref(), exchange.now()));
            let (some, last) = page.await?;
            if !some.is_empty() {
                told.extend(self.tell(some).await?);
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        Ok(told)
    }

    /// The requests of a page of rows of which something is to be told, and the last row's key.
    fn to_alert(&self, after: Option<&[u8]>, now: Timestamp) -> Result<Page, ActionError> {
        let mut some = Vec::new();
        let last = self.each_open(
            after,
            |id, standing, clocks| {
                if !alerts(id, standing, &clocks).is_empty() {
                    some.push(id);
                }
            },
            now,
        )?;
        Ok((some, last))
    }

    /// Notes and traces the alerts of some requests.
    async fn tell(&self, requests: Vec<MessageId>) -> Result<Vec<Alert>, ActionError> {
        let (targets, now) = (self.settings.targets.clone(), self.now());
        let noting = move |tx: &mut Tx<'_>| {
            let mut told = Vec::new();
            for request in requests {
                told.extend(note(tx, request, &targets, now)?);
            }
            Ok::<_, ActionError>(told)
        };
        let told = self.store.commit(noting).await?.value;
        told.iter().for_each(Alert::trace);
        Ok(told)
    }

    /// How many duties are overdue now.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub async fn overdue(self: &Arc<Self>) -> Result<Overdue, ActionError> {
        let mut overdue = Overdue::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let exchange = self.clone();
            let page = piece(move || {
                let mut some = Overdue::default();
                let last = exchange.each_open(
                    after.as_deref(),
                    |_, standing, clocks| {
                        for clock in clocks.iter().filter(|clock| clock.is_overdue()) {
                            match is_ours(standing, clock.duty) {
                                true => some.ours += 1,
                                false => some.peers += 1,
                            }
                        }
                    },
                    exchange.now(),
                )?;
                Ok((some, last))
            });
            let (some, last) = page.await?;
            overdue.ours += some.ours;
            overdue.peers += some.peers;
            after = last;
            if after.is_none() {
                return Ok(overdue);
            }
        }
    }

    /// Does something with each request of a page of rows of which something is expected still; gives
    /// the last row's key, where there may be more.
    fn each_open(
        &self,
        after: Option<&[u8]>,
        mut does: impl FnMut(MessageId, &StandingRow, Vec<Clock>),
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ActionError> {
        let rows = self.store.scan(Table::Standings, b"", after, Direction::Forward, PAGE)?;
        for (key, row) in &rows {
            let standing: StandingRow = rows::decode(row)?;
            if !standing.is_open() {
                continue;
            }
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            let Some(message) = rows::message(&self.store, id)? else { continue };
            let clocks = standing.clocks(&message, &self.settings.targets, now);
            does(id, &standing, clocks);
        }
        Ok(rows.last().map(|(key, _)| key.clone()))
    }
}

/// Requests, and the key of the row that was looked at last.
type Page = (Vec<MessageId>, Option<Vec<u8>>);

/// Whether a duty in a request is this authority's.
pub(super) fn is_ours(standing: &StandingRow, duty: Duty) -> bool {
    standing.side() == duty.of()
}

/// What is to be told of a request and was not.
fn alerts(request: MessageId, standing: &StandingRow, clocks: &[Clock]) -> Vec<Alert> {
    let told = |clock: &Clock| {
        let same = |row: &&AlertRow| {
            row.duty == clock.duty as u32
                && (!clock.duty.begins_anew() || row.since_ms == clock.started.unix_ms())
        };
        standing.alerts.iter().find(same).map_or(0, |row| row.percent)
    };
    let new = |clock: &&Clock| clock.is_owed() && clock.level().percent() > told(clock);
    let alert = |clock: &Clock| Alert {
        request,
        duty: clock.duty,
        level: clock.level(),
        is_ours: is_ours(standing, clock.duty),
        since: clock.started,
    };
    clocks.iter().filter(new).map(alert).collect()
}

/// Notes in the row of a request what is told of it now.
fn note(
    tx: &mut Tx<'_>,
    request: MessageId,
    targets: &Targets,
    now: Timestamp,
) -> Result<Vec<Alert>, ActionError> {
    let standing = load_in::<StandingRow>(tx, Table::Standings, request.as_bytes())?;
    let Some(mut standing) = standing.filter(StandingRow::is_open) else { return Ok(Vec::new()) };
    let message: MessageRow = message_in(tx, request)?.unwrap_or_default();
    let told = alerts(request, &standing, &standing.clocks(&message, targets, now));
    for alert in &told {
        standing.alerts.retain(|row| row.duty != alert.duty as u32);
        standing.alerts.push(AlertRow {
            duty: alert.duty as u32,
            since_ms: alert.since.unix_ms(),
            percent: alert.level.percent(),
        });
    }
    tx.put(Table::Standings, request.as_bytes(), standing.encode_to_vec());
    Ok(told)
}
