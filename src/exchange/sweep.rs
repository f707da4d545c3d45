//! Removing evidence that nobody came for (I7): arrivals that their peer gave up, packages that
//! came whole and whose message never did, uploads that were never submitted.
//!
//! Rows go before bytes: a crash in between leaves bytes that are marked, and swept the next time
//! (I4). What a row names is never removed here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::packages::forget_key;
use super::pieces::piece;
use super::rows::{self, MessageRow, PackageRow, RECEIVED, load_in, shape_of};
use super::{ActionError, Exchange};
use crate::domain::{PackageId, Timestamp};
use crate::store::vault::{Owner, PackageShape, Unclaimed};
use crate::store::{Direction, Table};

/// How often it is looked for. What is kept is kept for days, so an hour late is on time.
const EVERY: Duration = Duration::from_secs(3600);
/// Rows that are read in one piece.
const PAGE: usize = 1000;

/// How long evidence is kept that nobody comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What a peer brought and does not go on with, in milliseconds.
    pub unfinished_ms: i64,
    /// What an agency uploaded and does not submit, in milliseconds.
    pub unsubmitted_ms: i64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Packages of peers.
    pub unfinished: usize,
    /// Packages of agencies.
    pub unsubmitted: usize,
}

/// Sweeps now and then until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    let mut clock = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = exchange.sweep(exchange.now()) => swept,
        };
        match swept {
            Ok(Swept { unfinished: 0, unsubmitted: 0 }) => {}
            Ok(Swept { unfinished, unsubmitted }) => {
                tracing::info!(unfinished, unsubmitted, "evidence that nobody came for is removed");
            }
            Err(error) => tracing::error!(%error, "the vault cannot be swept"),
        }
        match exchange.end_old_drafts(exchange.now()).await {
            Ok(0) => {}
            Ok(drafts) => tracing::info!(drafts, "drafts end that nobody approved"),
            Err(error) => tracing::error!(%error, "drafts cannot be ended"),
        }
    }
}

impl Exchange {
    /// Removes what, at the time `now`, nobody came for long enough. May be dropped at any await.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when store or vault cannot be read or written.
    pub async fn sweep(self: &Arc<Self>, now: Timestamp) -> Result<Swept, ActionError> {
        let Keep { unfinished_ms, unsubmitted_ms } = self.settings.keep;
        let (unfinished, unsubmitted) = (now.plus_ms(-unfinished_ms), now.plus_ms(-unsubmitted_ms));
        if self.is_read_only() {
            // Restored from an older copy, perhaps: rows may be missing that name what is here.
            return Ok(Swept::default());
        }
        self.unfinished.forget_idle();
        let vault = self.vault.clone();
        let left = piece(move || Ok(vault.unclaimed()?)).await?;
        let (own, of_peers): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|left| matches!(left.owner, Owner::Own(_)));
        let of_peers = self.sweep_peers(of_peers, unfinished).await?;
        let mut of_agencies = 0;
        // Marks before rows: a row that goes below would make its mark look like a second loss.
        for left in own {
            of_agencies += usize::from(self.sweep_own(left, unsubmitted).await?);
        }
        of_agencies += self.sweep_uploads(unsubmitted).await?;
        self.forget_uploads(unsubmitted).await?;
        Ok(Swept { unfinished: of_peers, unsubmitted: of_agencies })
    }

    async fn sweep_peers(
        self: &Arc<Self>,
        left: Vec<Unclaimed>,
        before: Timestamp,
    ) -> Result<usize, ActionError> {
        let complete = left.iter().filter(|left| left.complete);
        let named = self.named(complete.map(|left| left.name.clone()).collect()).await?;
        let is_old = |left: &&Unclaimed| left.touched < before && !named.contains(&left.name);
        let old: Vec<String> = left.iter().filter(is_old).map(|left| left.name.clone()).collect();
        self.offers.forget_idle(&old);
        let vault = self.vault.clone();
        piece(move || {
            // Their message was accepted, and a crash came before the mark went.
            named.iter().try_for_each(|name| vault.claim(name))?;
            let mut swept = 0;
            for name in &old {
                swept += usize::from(vault.remove(name)?);
            }
            Ok(swept)
        })
        .await
    }

    /// Which of these packages a received message names.
    async fn named(
        self: &Arc<Self>,
        names: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, ActionError> {
        let mut named = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        while named.len() < names.len() {
            let (exchange, wanted) = (self.clone(), names.clone());
            let page = piece(move || {
                let (store, from) = (&exchange.store, after.as_deref());
                let rows = store.scan(Table::Messages, b"", from, Direction::Forward, PAGE)?;
                let mut found = Vec::new();
                for (_, row) in &rows {
                    let row: MessageRow = rows::decode(row)?;
                    // An erased one holds nothing any more: what comes again of it is swept like what
                    // was never carried.
                    let holds = row.direction == RECEIVED && row.erased.is_none();
                    for facts in row.packages.iter().filter(|_| holds) {
                        found.push(shape_of(facts)?.name());
                    }
                }
                found.retain(|name| wanted.contains(name));
                Ok((found, rows.last().map(|(key, _)| key.clone())))
            });
            let (found, last) = page.await?;
            named.extend(found);
            after = last;
            if after.is_none() {
                break;
            }
        }
        Ok(named)
    }

    /// A mark of an upload: its row is there, or yet to come, or nothing will come.
    async fn sweep_own(
        self: &Arc<Self>,
        left: Unclaimed,
        before: Timestamp,
    ) -> Result<bool, ActionError> {
        let Owner::Own(id) = left.owner else { return Ok(false) };
        let exchange = self.clone();
        piece(move || match exchange.store.get(Table::Packages, id.as_bytes())? {
            Some(_) => Ok(exchange.vault.claim(&left.name).map(|()| false)?),
            None if left.touched < before && !left.complete => {
                // One that was cut off has notes, too.
                Ok(exchange.vault.remove(&left.name)? && exchange.vault.end_kept(id)?)
            }
            None if left.touched < before => Ok(exchange.vault.remove(&left.name)?),
            None => Ok(false),
        })
        .await
    }

    async fn sweep_uploads(self: &Arc<Self>, before: Timestamp) -> Result<usize, ActionError> {
        let mut swept = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let exchange = self.clone();
            let page = piece(move || exchange.unsubmitted(after.as_deref(), before));
            let (old, last) = page.await?;
            for (id, shape) in old {
                swept += usize::from(self.drop_upload(id, shape).await?);
            }
            if last.is_none() {
                return Ok(swept);
            }
            after = last;
        }
    }

    /// Uploads of a page of rows that were never submitted, and the last row's key.
    fn unsubmitted(&self, after: Option<&[u8]>, before: Timestamp) -> Result<Page, ActionError> {
        let rows = self.store.scan(Table::Packages, b"", after, Direction::Forward, PAGE)?;
        let mut old = Vec::new();
        for (key, row) in &rows {
            let row: PackageRow = rows::decode(row)?;
            if let (true, Some(facts)) = (is_old(&row, before), &row.facts) {
                let id = PackageId::from_slice(key).map_err(ActionError::fault)?;
                old.push((id, shape_of(facts)?));
            }
        }
        Ok((old, rows.last().map(|(key, _)| key.clone())))
    }

    async fn drop_upload(&self, id: PackageId, shape: PackageShape) -> Result<bool, ActionError> {
        let (vault, name) = (self.vault.clone(), shape.name());
        // Marked before the row goes: from here on a crash leaves what the next sweep settles.
        piece(move || Ok(vault.give_up(&shape)?)).await?;
        let committed = self.store.commit(move |tx| {
            // Submitted meanwhile: then it is a message's, and stays.
            let row = load_in::<PackageRow>(tx, Table::Packages, id.as_bytes())?;
            let unsent = row.filter(|row| row.message_id.is_empty() && row.draft_id.is_empty());
            let Some(mut row) = unsent else { return Ok(false) };
            forget_key(tx, &mut row);
            tx.delete(Table::Packages, id.as_bytes());
            Ok::<_, ActionError>(true)
        });
        let unsent = committed.await?.value;
        let vault = self.vault.clone();
        piece(move || match unsent {
            true => Ok(vault.remove(&name)?),
            false => Ok(vault.claim(&name).map(|()| false)?),
        })
        .await
    }
}

/// Uploads, and the key of the row that was looked at last.
type Page = (Vec<(PackageId, PackageShape)>, Option<Vec<u8>>);

fn is_old(row: &PackageRow, before: Timestamp) -> bool {
    row.message_id.is_empty() && row.draft_id.is_empty() && row.created_ms < before.unix_ms()
}
