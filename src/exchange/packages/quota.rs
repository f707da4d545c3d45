//! How much evidence an agency may have here that it has not sent.

use super::unfinished::{UploadKey, is_free};
use crate::exchange::agencies::Caller;
use crate::exchange::rows::{self, PackageRow, UploadRow};
use crate::exchange::{ActionError, Exchange};
use crate::store::{Direction, Table};

/// Rows that are read at once.
const PAGE: usize = 1000;

/// What is left to an upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    most: u64,
    /// What else its agency has here.
    held: u64,
}

impl Quota {
    /// Of an upload of this agency; what it has under `own` is what the upload itself will be.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub(super) fn of(
        exchange: &Exchange,
        caller: &Caller,
        own: Option<&UploadKey>,
    ) -> Result<Self, ActionError> {
        let held = exchange.unsent_of(&caller.name)?;
        let begun = exchange.begun_by(caller, own)?;
        Ok(Self { most: exchange.settings.agency_quota_bytes, held: held.saturating_add(begun) })
    }

    /// That an upload of so many bytes is within it.
    ///
    /// # Errors
    /// [`ActionError::Exhausted`] with code `QUOTA_REACHED`.
    pub(super) fn check(&self, bytes: u64) -> Result<(), ActionError> {
        if self.held.saturating_add(bytes) <= self.most {
            return Ok(());
        }
        let message = format!(
            "the agency may have {} GiB of evidence here that it has not sent, and has {} MiB \
             without this upload: send what is uploaded, or ask the operator for a larger quota",
            self.most >> 30,
            self.held >> 20
        );
        Err(ActionError::exhausted("QUOTA_REACHED", message))
    }
}

impl Exchange {
    /// Sealed bytes of what an agency has uploaded whole and not sent.
    fn unsent_of(&self, agency: &str) -> Result<u64, ActionError> {
        let (mut sum, mut after): (u64, Option<Vec<u8>>) = (0, None);
        loop {
            let from = after.as_deref();
            let page = self.store.scan(Table::Packages, b"", from, Direction::Forward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(sum) };
            after = Some(last.clone());
            for (_, row) in &page {
                let row: PackageRow = rows::decode(row)?;
                if row.agency == agency && is_free(&row) {
                    sum = sum.saturating_add(row.facts.map_or(0, |facts| facts.sealed_bytes));
                }
            }
        }
    }

    /// What an agency has begun to upload, as its clients have said.
    fn begun_by(&self, caller: &Caller, own: Option<&UploadKey>) -> Result<u64, ActionError> {
        let agency = self.home.blind("agency", caller.name.as_bytes());
        let rows = self.store.scan(Table::Uploads, &agency, None, Direction::Forward, PAGE)?;
        let mut sum = 0_u64;
        for (key, row) in rows {
            let row: UploadRow = rows::decode(&row)?;
            if row.key_slot.is_some() && own.is_none_or(|own| key != own[..]) {
                sum = sum.saturating_add(row.total_bytes);
            }
        }
        Ok(sum)
    }
}
