//! Which keys are in use, as the log tells it.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::keys::{KeyId, Role};
use crate::exchange::{ActionError, Exchange};
use crate::store::{Table, Tx};

/// Where the keys stand that the log has told of last: a line each, what it is for and its id.
const KEY: &[u8] = b"keys";

/// The keys of a home that the log tells of, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysInUse(BTreeMap<String, String>);

/// What came and went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysChanged {
    /// Ids of keys that came into use.
    pub added: Vec<String>,
    /// Ids of keys that went out of use.
    pub retired: Vec<String>,
}

impl KeysInUse {
    /// Adds one: a role's, or one that is announced for it.
    pub fn add(&mut self, what: &str, id: KeyId) {
        self.0.insert(what.to_owned(), id.to_string());
    }

    /// Logs them in a log that has told of none.
    pub fn log_first(&self, tx: &mut Tx<'_>) {
        self.log_since(&Self::default(), tx);
    }

    /// Logs what has come and gone since `before`.
    fn log_since(&self, before: &Self, tx: &mut Tx<'_>) -> KeysChanged {
        let (now, before): (BTreeSet<_>, BTreeSet<_>) =
            (self.0.values().collect(), before.0.values().collect());
        let ids = |ids: std::collections::btree_set::Difference<'_, &String>| {
            ids.map(|id| (*id).clone()).collect::<Vec<String>>()
        };
        let (added, retired) = (ids(now.difference(&before)), ids(before.difference(&now)));
        for id in &added {
            tx.append(EntryDraft::new(Event::KeyAdded).key(id));
        }
        for id in &retired {
            tx.append(EntryDraft::new(Event::KeyRetired).key(id));
        }
        tx.put(Table::Settings, KEY, self.to_row());
        KeysChanged { added, retired }
    }

    /// Of these, what the log has told of, by the ids that it says are in use: what it lacks is told
    /// at the next start, and what it has too much.
    pub(in crate::exchange) fn as_logged(&self, known: &BTreeSet<&str>) -> Self {
        let told = self.0.iter().filter(|(_, id)| known.contains(id.as_str()));
        let mut told: BTreeMap<_, _> = told.map(|(k, v)| (k.clone(), v.clone())).collect();
        let now: BTreeSet<&String> = self.0.values().collect();
        // The logs' own keys stand there as verifier texts.
        for id in known.iter().filter(|id| !id.contains('+')) {
            let id = (*id).to_owned();
            if !now.contains(&id) {
                told.insert(format!("before-{id}"), id);
            }
        }
        Self(told)
    }

    /// Notes that the log has told of them.
    pub(in crate::exchange) fn note(&self, tx: &mut Tx<'_>) {
        tx.put(Table::Settings, KEY, self.to_row());
    }

    fn to_row(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(what, id)| format!("{what} {id}\n").into_bytes()).collect()
    }

    fn of_row(row: &[u8]) -> Result<Self, ActionError> {
        let text = std::str::from_utf8(row).map_err(ActionError::fault)?;
        let line = |line: &str| {
            let (what, id) = line.split_once(' ')?;
            Some((what.to_owned(), id.to_owned()))
        };
        let lines: Option<_> = text.lines().map(line).collect();
        lines.map(Self).ok_or_else(|| ActionError::fault("the row of the keys is damaged"))
    }

    /// What the log of a home without the row has told of: such a home was made before keys could
    /// be changed, and before there was a [`Role::WitnessPq`]. The commands that change keys log
    /// first what was there before.
    fn of_older_home(&self) -> Self {
        let mut known = self.clone();
        known.0.remove(Role::WitnessPq.as_str());
        known
    }
}

impl Exchange {
    /// Logs which keys came into use, and which went out of it, since that was logged last. Called
    /// at every start, so that a change that was cut off is told all the same.
    ///
    /// # Errors
    /// [`ActionError`] when the commit fails.
    pub async fn log_keys(&self, now: &KeysInUse) -> Result<KeysChanged, ActionError> {
        let row = self.store.get(Table::Settings, KEY)?;
        if row.as_deref() == Some(&now.to_row()) {
            return Ok(KeysChanged::default());
        }
        let before = match row {
            Some(row) => KeysInUse::of_row(&row)?,
            None => now.of_older_home(),
        };
        let now = now.clone();
        let committed =
            self.store.commit(move |tx| Ok::<_, ActionError>(now.log_since(&before, tx))).await?;
        Ok(committed.value)
    }
}

#[cfg(test)]
#[path = "in_use_tests.rs"]
mod tests;
