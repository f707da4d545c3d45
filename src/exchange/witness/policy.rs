//! The policy of witnesses that this node goes by.

use crate::audit::entry::{EntryDraft, Event};
use crate::audit::policy::Policy;
use crate::crypto::Digest;
use crate::exchange::{ActionError, Exchange};
use crate::store::{Table, Tx};

/// Where the digest of the policy that was set last stands.
const KEY: &[u8] = b"policy";

/// Notes that the log has told of a policy.
pub(in crate::exchange) fn note_set(tx: &mut Tx<'_>, digest: Option<Digest>) {
    if let Some(digest) = digest {
        tx.put(Table::Settings, KEY, digest.to_vec());
    }
}

impl Exchange {
    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Logs that another policy than the last one is in force; called once at start.
    ///
    /// # Errors
    /// [`ActionError`] when the commit fails.
    pub async fn log_policy(&self) -> Result<(), ActionError> {
        let digest = self.policy.digest();
        let known = self.store.get(Table::Settings, KEY)?;
        let unset = known.is_none() && self.policy == Policy::none();
        if unset || known.as_deref() == Some(&digest) {
            return Ok(());
        }
        self.store
            .commit(move |tx| {
                tx.put(Table::Settings, KEY, digest.to_vec());
                tx.append(EntryDraft::new(Event::PolicySet).document(digest));
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }
}
