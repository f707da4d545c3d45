//! Who was given what: an entry before content leaves the node.
//!
//! One for each caller, message and package and day, so that a client that polls does not fill the
//! log; the row that remembers it is all that a later read of the day costs.

use prost::Message as _;

use super::agencies::Caller;
use super::query::{MessageView, whole};
use super::rows::{AccessRow, MessageRow};
use super::stored::erased_error;
use super::{ActionError, Exchange, annex};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::primitives::pae;
use crate::domain::request::{Handling, UseLimit};
use crate::domain::time::DAY_MS;
use crate::domain::{MessageId, PackageId, Timestamp};
use crate::store::{Direction, Table, Tx};

/// Rows of days that are over which a new row takes along: more than one, so that they end.
const FORGOTTEN_AT_ONCE: usize = 8;

const MINUTE_MS: i64 = 60_000;

/// Day, then who read what. Days first, so that those that are over are found together.
type AccessKey = [u8; 20];

impl Exchange {
    /// A message with its content, once the log says who was given it.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see; others when the entry cannot
    /// be made durable: then nothing is given.
    pub async fn read(&self, caller: &Caller, id: MessageId) -> Result<MessageView, ActionError> {
        let row = match self.seen(caller, id) {
            Ok(row) => row,
            Err(missing) => {
                return match self.read_draft(caller, id).await {
                    Err(ActionError::NotFound(_)) => Err(missing),
                    read => read,
                };
            }
        };
        if row.erased.is_none() {
            self.log_access(caller, id, &row, None).await?;
        }
        // What binds the parts of whom no more is told.
        let of_parts = match whole(caller, &row) {
            true => Vec::new(),
            false => self.limits_of_parts(id, &row)?,
        };
        let mut view = self.shown_to(caller, id, row, true)?;
        view.limits = of_parts;
        annex::name_officials(&self.store, &mut view.row)?;
        if let Some(body) = &view.body {
            view.limits = self.use_limits(id, &view.row, body)?;
        }
        Ok(view)
    }

    /// What limits the use of the packages that a row still has, for somebody who was given these alone.
    fn limits_of_parts(
        &self,
        id: MessageId,
        row: &MessageRow,
    ) -> Result<Vec<UseLimit>, ActionError> {
        let Some(body) = self.content(id, row)? else { return Ok(Vec::new()) };
        let mut limits = self.use_limits(id, row, &body)?;
        let given = |package: &PackageId| {
            row.packages.iter().any(|facts| facts.package_id == package.as_bytes())
        };
        limits.retain(|limit| limit.package.as_ref().is_none_or(given));
        Ok(limits)
    }

    /// Logs that the caller is about to be given what is in a package.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when the message carries no such package or is not the caller's to
    /// see; [`ActionError::Conflict`] with code `ERASED`; others as [`Exchange::read`].
    pub async fn read_package(
        &self,
        caller: &Caller,
        id: MessageId,
        package: PackageId,
    ) -> Result<(), ActionError> {
        let row = match self.seen(caller, id) {
            Ok(row) => row,
            Err(gone) => {
                return match self.reads_package_of_draft(caller, id, package).await? {
                    true => Ok(()),
                    false => Err(gone),
                };
            }
        };
        if !row.packages.iter().any(|facts| facts.package_id == package.as_bytes()) {
            return Err(ActionError::NotFound(format!("message {id} carries no {package}")));
        }
        match &row.erased {
            Some(erased) => Err(erased_error(id, erased)),
            None => self.log_access(caller, id, &row, Some(package)).await,
        }
    }

    /// Logs that somebody begins to export the log. A node whose log takes nothing exports without:
    /// what it has is what must be looked at.
    ///
    /// # Errors
    /// [`ActionError`] when the entry cannot be made durable: then nothing is exported.
    pub async fn log_export(&self, caller: &Caller) -> Result<(), ActionError> {
        if !self.may_append() {
            tracing::warn!("the log is exported without an entry: it takes none");
            return Ok(());
        }
        let draft = EntryDraft::new(Event::AccessExported).who(&self.handle(&caller.name));
        let append = move |tx: &mut Tx<'_>| Ok::<_, ActionError>(tx.append(draft));
        self.store.commit(append).await?;
        Ok(())
    }

    pub(super) async fn log_access(
        &self,
        caller: &Caller,
        id: MessageId,
        row: &MessageRow,
        package: Option<PackageId>,
    ) -> Result<(), ActionError> {
        // Where a child is concerned, one a minute and not one a day: a client that asks again and again
        // fills the log with neither.
        let child = row.handling == Handling::ProtectedChild as i32;
        let key = self.access_key(self.now(), caller, id, package, child);
        if self.store.get(Table::Access, &key)?.is_some() {
            return Ok(());
        }
        self.check_writable()?;
        let mut draft = EntryDraft::new(Event::AccessFetched)
            .who(&self.handle(&caller.name))
            .peer(row.peer_id()?)
            .message(id)
            .envelope(row.digest());
        if let Some(package) = package {
            draft = draft.package(package);
        }
        self.store
            .commit(move |tx| {
                // Two at once are one.
                if tx.get(Table::Access, &key).is_none() {
                    forget_other_days(tx, &key);
                    let entry_index = tx.append(draft);
                    tx.put(Table::Access, &key, AccessRow { entry_index }.encode_to_vec());
                }
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    /// The row that says that an access was logged, on its day.
    pub(super) fn access_key(
        &self,
        at: Timestamp,
        caller: &Caller,
        id: MessageId,
        package: Option<PackageId>,
        child: bool,
    ) -> AccessKey {
        let package = package.map_or([0; 16], |package| *package.as_bytes());
        let minute = minute_of(at, child);
        let what = pae("access", &[caller.name.as_bytes(), id.as_bytes(), &package, &minute]);
        self.daily_key(at, &what)
    }

    /// The row that says that a content was disclosed, on its day.
    pub(super) fn disclosure_key(&self, caller: &Caller, id: MessageId, child: bool) -> AccessKey {
        let minute = minute_of(self.now(), child);
        let what = pae("disclosure", &[caller.name.as_bytes(), id.as_bytes(), &minute]);
        self.daily_key(self.now(), &what)
    }

    fn daily_key(&self, at: Timestamp, what: &[u8]) -> AccessKey {
        let day = u32::try_from(at.unix_ms() / DAY_MS).unwrap_or(u32::MAX);
        let mut key = [0; 20];
        key[..4].copy_from_slice(&day.to_be_bytes());
        key[4..].copy_from_slice(&self.home.blind("access", what));
        key
    }
}

/// Where a child is concerned each minute counts by itself.
fn minute_of(at: Timestamp, child: bool) -> [u8; 8] {
    if child { at.unix_ms() / MINUTE_MS } else { 0 }.to_be_bytes()
}

pub(super) fn forget_other_days(tx: &mut Tx<'_>, key: &AccessKey) {
    let oldest = tx.scan(Table::Access, b"", None, Direction::Forward, FORGOTTEN_AT_ONCE);
    for (old, _) in oldest.iter().filter(|(old, _)| old[..] < key[..4]) {
        tx.delete(Table::Access, old);
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
