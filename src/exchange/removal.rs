//! Evidence of messages whose content was erased leaves the vault.
//!
//! The commit of the erasure names what is to go; the bytes follow it, here, and a crash between
//! the two is made good at the next start. Their keys are gone already. A package stays as long as
//! another message names it. One that is to go is first set aside and only later removed: whoever
//! saw that it was there, just before, has by then committed the message that names it. What somebody
//! holds stays until it is let go of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::rows::{self, MessageRow, RemovalRow, shape_of};
use super::{ActionError, Exchange};
use crate::store::vault::PackageShape;
use crate::store::{Direction, Table};

/// How long a package is set aside, from when it was: far beyond what accepting a message takes.
const ASIDE: Duration = Duration::from_secs(50);
/// Message rows that are read at once.
const PAGE: usize = 256;

/// Since when each package is set aside, by a clock that nobody sets. What an earlier process has
/// set aside goes at the start.
#[derive(Default)]
pub(super) struct SetAside(Mutex<BTreeMap<String, Instant>>);

impl SetAside {
    /// How long ago that was; none at all where nobody knows, and from now on it is known.
    fn age(&self, name: &str, now: Instant) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(*all.entry(name.to_owned()).or_insert(now))
    }

    fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Exchange {
    /// Takes the next step with each package that is to go. `at_start`: nothing has begun to be
    /// accepted since those that are set aside were.
    pub(super) async fn remove_packages(
        self: &Arc<Self>,
        at_start: bool,
        now: Instant,
    ) -> Result<(), ActionError> {
        let doomed = self.doomed()?;
        if doomed.is_empty() || !self.may_append() {
            return Ok(());
        }
        let exchange = self.clone();
        let stepping = tokio::task::spawn_blocking(move || exchange.step(&doomed, at_start, now));
        let done = stepping.await.map_err(ActionError::fault)??;
        if !done.is_empty() {
            self.store
                .commit(move |tx| {
                    done.iter().for_each(|name| tx.delete(Table::Removals, name.as_bytes()));
                    Ok::<_, ActionError>(())
                })
                .await?;
        }
        Ok(())
    }

    fn doomed(&self) -> Result<BTreeMap<String, PackageShape>, ActionError> {
        let mut doomed = BTreeMap::new();
        for row in rows::all::<RemovalRow>(&self.store, Table::Removals)? {
            let shape = shape_of(&row.facts.unwrap_or_default())?;
            doomed.insert(shape.name(), shape);
        }
        Ok(doomed)
    }

    /// Blocking. Gives the names of those with which nothing more is to be done.
    fn step(
        &self,
        doomed: &BTreeMap<String, PackageShape>,
        at_start: bool,
        now: Instant,
    ) -> Result<Vec<String>, ActionError> {
        // Before it is looked who names them: who held one until then has committed its message.
        let held: BTreeSet<&String> =
            doomed.iter().filter(|(_, shape)| self.vault.is_held(shape)).map(|(n, _)| n).collect();
        let named = self.named_by_others(doomed)?;
        let mut done = Vec::new();
        for (name, shape) in doomed {
            let is_over = || {
                let aside = self.set_aside.age(name, now);
                !held.contains(name) && (at_start || aside >= ASIDE)
            };
            match (self.vault.is_aside(shape), named.contains(name)) {
                (true, true) => self.vault.put_back(shape)?,
                (true, false) if is_over() && self.vault.remove_aside(shape)? => {}
                (true, false) => continue,
                (false, false) if self.vault.contains(shape) => {
                    self.vault.set_aside(shape)?;
                    self.set_aside.age(name, now);
                    continue;
                }
                (false, _) => {}
            }
            self.set_aside.forget(name);
            done.push(name.clone());
        }
        Ok(done)
    }

    /// Which of the packages a message names that was not erased.
    fn named_by_others(
        &self,
        doomed: &BTreeMap<String, PackageShape>,
    ) -> Result<BTreeSet<String>, ActionError> {
        let ids: BTreeSet<&[u8]> =
            doomed.values().map(|shape| shape.id.as_bytes().as_slice()).collect();
        let mut named = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (table, from) = (Table::Messages, after.as_deref());
            let page = self.store.scan(table, b"", from, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(named) };
            after = Some(last.clone());
            for (_, row) in &page {
                let row: MessageRow = rows::decode(row)?;
                let facts = row.packages.iter().filter(|_| row.erased.is_none());
                for facts in facts.filter(|facts| ids.contains(facts.package_id.as_slice())) {
                    named.insert(shape_of(facts)?.name());
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
