//! What entries about drafts do to their rows.

use prost::Message as _;

use super::{Kept, contradicts};
use crate::audit::entry::Entry;
use crate::exchange::ActionError;
use crate::exchange::packages::free;
use crate::exchange::rows::{DraftRow, load_in};
use crate::store::{BodySlot, Table, Tx};

impl Kept {
    /// A message that waited for an approval, of which only the entry is left. The node ends it: its
    /// agency submits it again.
    pub(super) fn drafted(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        let id = entry.message.ok_or_else(|| contradicts(position, "it names no message"))?;
        let agency = entry.who.as_ref().and_then(|who| self.agencies.get(who));
        let row = DraftRow {
            agency: agency.cloned().unwrap_or_default(),
            created_ms: entry.at.unix_ms(),
            entry_index: position,
            lost: true,
            ..DraftRow::default()
        };
        tx.put(Table::Drafts, id.as_bytes(), row.encode_to_vec());
        Ok(())
    }
}

/// It was approved or refused since the copy was made.
pub(super) fn ends_draft(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), ActionError> {
    let Some(id) = entry.message else { return Ok(()) };
    let row = load_in::<DraftRow>(tx, Table::Drafts, id.as_bytes())?;
    let Some(row) = row.filter(|row| row.refused.is_empty()) else { return Ok(()) };
    if !row.lost {
        tx.erase(BodySlot(row.body_slot));
    }
    row.packages.iter().try_for_each(|package| free(tx, package, id))?;
    tx.delete(Table::Drafts, id.as_bytes());
    Ok(())
}
