//! What an operator is to know of those who witness, for as long as it is so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::checkpoint::Checkpoint;
use crate::audit::note::VerifierKey;
use crate::exchange::Exchange;

/// Alerts by what they are about. In memory: whatever is not resolved is found again after a start.
#[derive(Default)]
pub(crate) struct Alerts(Mutex<BTreeMap<String, String>>);

impl Alerts {
    /// Says something until it is settled, and traces it when it is new.
    pub(super) fn raise(&self, about: &str, text: String) {
        let mut alerts = self.lock();
        if alerts.get(about) != Some(&text) {
            tracing::error!("{text}");
            alerts.insert(about.to_owned(), text);
        }
    }

    /// It is so no more.
    pub(super) fn settle(&self, about: &str) {
        self.lock().remove(about);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// What an operator is to know of witnesses, of logs that do not prove what they showed, and of
    /// the policy.
    pub fn witness_alerts(&self) -> Vec<String> {
        let raised: Vec<String> = self.alerts.lock().values().cloned().collect();
        self.unlisted_log().into_iter().chain(raised).collect()
    }

    /// That the policy lists logs, and not our newest one: each year has another.
    pub(crate) fn unlisted_log(&self) -> Option<String> {
        let head = self.store.head();
        let origin = &head.checkpoint.origin;
        let listed = self.policy.logs().iter().map(|log| &log.key);
        let listed: Vec<VerifierKey> = listed.filter(|key| key.name() == origin).cloned().collect();
        if self.policy.logs().is_empty() || Checkpoint::verify(&head.note, &listed).is_ok() {
            return None;
        }
        let key = self.card().log_keys_of(origin).first().map(VerifierKey::to_string);
        let key = key.unwrap_or_default();
        Some(format!(
            "the policy of witnesses lists logs, and {origin}, the newest log of this node, is none of \
             them: no receipt of it reaches the quorum: in the file that witness.policy names, put the \
             line `log {key}` in the place of that of the log before, or leave all lines of logs out, \
             and start the node again"
        ))
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
