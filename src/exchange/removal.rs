//! Evidence of messages whose content was erased leaves the vault.
//!
//! The commit of the erasure names what is to go; the bytes follow it, here, and a crash between
//! the two is made good at the next start. Their keys are gone already. A package stays as long as
//! another message names it. One that is to go is first set aside and only later removed: whoever
//! saw that it was there, just before, has by then committed the message that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rows::{self, MessageRow, RemovalRow, shape_of};
use super::{ActionError, Exchange};
use crate::store::vault::PackageShape;
use crate::store::{Direction, Table};

/// How long a package is set aside: far beyond what accepting a message takes.
const ASIDE_MS: i64 = 50_000;
/// Message rows that are read at once.
const PAGE: usize = 256;

/// A package that is to go.
struct Doomed {
    shape: PackageShape,
    since_ms: i64,
}

impl Exchange {
    /// Takes the next step with each package that is to go. `at_start`: nothing has begun to be
    /// accepted since those that are set aside were.
    pub(super) async fn remove_packages(
        self: &Arc<Self>,
        at_start: bool,
    ) -> Result<(), ActionError> {
        let doomed = self.doomed()?;
        if doomed.is_empty() || !self.may_append() {
            return Ok(());
        }
        let exchange = self.clone();
        let stepping = tokio::task::spawn_blocking(move || exchange.step(&doomed, at_start));
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

    fn doomed(&self) -> Result<BTreeMap<String, Doomed>, ActionError> {
        let mut doomed = BTreeMap::new();
        for row in rows::all::<RemovalRow>(&self.store, Table::Removals)? {
            let shape = shape_of(&row.facts.unwrap_or_default())?;
            doomed.insert(shape.name(), Doomed { shape, since_ms: row.since_ms });
        }
        Ok(doomed)
    }

    /// Blocking. Gives the names of those with which nothing more is to be done.
    fn step(
        &self,
        doomed: &BTreeMap<String, Doomed>,
        at_start: bool,
    ) -> Result<Vec<String>, ActionError> {
        let named = self.named_by_others(doomed)?;
        let now = self.now().unix_ms();
        let mut done = Vec::new();
        for (name, Doomed { shape, since_ms }) in doomed {
            let is_over = at_start || now.saturating_sub(*since_ms) >= ASIDE_MS;
            match (self.vault.is_aside(shape), named.contains(name)) {
                (true, true) => self.vault.put_back(shape)?,
                (true, false) if is_over => self.vault.remove_aside(shape)?,
                (true, false) => continue,
                (false, false) if self.vault.contains(shape) => {
                    self.vault.set_aside(shape)?;
                    continue;
                }
                (false, _) => {}
            }
            done.push(name.clone());
        }
        Ok(done)
    }

    /// Which of the packages a message names that was not erased.
    fn named_by_others(
        &self,
        doomed: &BTreeMap<String, Doomed>,
    ) -> Result<BTreeSet<String>, ActionError> {
        let ids: BTreeSet<&[u8]> =
            doomed.values().map(|doomed| doomed.shape.id.as_bytes().as_slice()).collect();
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
