//! Sealed annexes: beside their message, each in a slot of its own, so that it can be erased by
//! itself. Nothing here can read one.

mod check;
mod erase;
mod open;

pub use erase::ErasedAnnex;
pub(super) use erase::recover_erased;
pub use open::{OpenedAnnex, Opening, StoredAnnex};

use super::ActionError;
use super::rows::{AnnexRow, MessageRow};
use crate::crypto::sha256;
use crate::domain::{AnnexId, MessageId};
use crate::envelope::{Header, SealedAnnex};
use crate::store::{BodySlot, Store, Table, Tx};

/// Why a message is refused whose annex has gone with another one.
pub(super) const REUSED: &str = "ANNEX_REUSED";
/// Why a message is refused whose annexes are not those that its header names.
const MISMATCH: &str = "ANNEX_MISMATCH";

/// The annexes that came with a message: those that its signed header names, byte for byte, from its
/// sender and for its recipient. Otherwise a closed code.
pub(super) fn check_delivered(
    header: &Header,
    parts: Vec<bytes::Bytes>,
) -> Result<Vec<SealedAnnex>, &'static str> {
    if parts.len() != header.annexes.len() {
        return Err(MISMATCH);
    }
    let mut annexes = Vec::with_capacity(parts.len());
    for (part, named) in parts.into_iter().zip(&header.annexes) {
        let annex = SealedAnnex::parse(part).map_err(|_| MISMATCH)?;
        let parties = *annex.sender() == header.sender && *annex.recipient() == header.recipient;
        if !parties || annex.reference() != *named {
            return Err(MISMATCH);
        }
        annexes.push(annex);
    }
    let mut ids: Vec<AnnexId> = annexes.iter().map(SealedAnnex::id).collect();
    ids.sort_unstable();
    ids.dedup();
    match ids.len() == annexes.len() {
        true => Ok(annexes),
        false => Err(MISMATCH),
    }
}

/// Whether one of them goes with a message that is here.
pub(super) fn is_known(tx: &mut Tx<'_>, annexes: &[SealedAnnex]) -> bool {
    annexes.iter().any(|annex| tx.get(Table::Annexes, annex.id().as_bytes()).is_some())
}

/// Keeps the annexes of a message that is new here.
pub(super) fn keep(tx: &mut Tx<'_>, id: MessageId, row: &mut MessageRow, annexes: &[SealedAnnex]) {
    for annex in annexes {
        let reference = annex.reference();
        tx.put(Table::Annexes, annex.id().as_bytes(), id.as_bytes().to_vec());
        row.annexes.push(AnnexRow {
            annex_id: annex.id().as_bytes().to_vec(),
            digest: reference.digest.to_vec(),
            sealed_bytes: reference.sealed_bytes,
            slot: tx.body(annex.bytes().to_vec()).0,
            erased: None,
            officials: Vec::new(),
        });
    }
}

/// Says of the annexes of a message to whom they are sealed, where they are still there.
///
/// # Errors
/// [`ActionError::Fault`] when one cannot be read.
pub(super) fn name_officials(store: &Store, row: &mut MessageRow) -> Result<(), ActionError> {
    for kept in row.annexes.iter_mut().filter(|annex| annex.erased.is_none()) {
        if let Some(bytes) = store.body(BodySlot(kept.slot))? {
            kept.officials =
                officials(&SealedAnnex::parse(bytes.into()).map_err(ActionError::fault)?);
        }
    }
    Ok(())
}

/// To whom an annex is sealed.
pub(super) fn officials(annex: &SealedAnnex) -> Vec<String> {
    annex.officials().map(|(name, _)| name.to_owned()).collect()
}

/// Destroys the annexes of a message whose content is lost: nobody knows any more to whom they may
/// be shown.
pub(super) fn drop_all(tx: &mut Tx<'_>, row: &mut MessageRow) {
    for annex in row.annexes.drain(..).filter(|annex| annex.erased.is_none()) {
        tx.erase(BodySlot(annex.slot));
    }
}

/// The bytes of the annexes of a message that is to be delivered.
///
/// # Errors
/// [`ActionError::Fault`] when one is gone: what its header names must go with it.
pub(super) fn to_deliver(
    store: &Store,
    row: &MessageRow,
) -> Result<Vec<bytes::Bytes>, ActionError> {
    let gone = || ActionError::fault("an annex of a queued message is missing from the store");
    let one = |annex: &AnnexRow| Ok(store.body(BodySlot(annex.slot))?.ok_or_else(gone)?.into());
    row.annexes.iter().map(one).collect()
}

/// What is kept of the annexes otherwise than the row says, for a check of the store.
pub(super) fn difference(store: &Store, row: &MessageRow) -> Option<String> {
    if row.lost_ms != 0 {
        return None;
    }
    row.annexes.iter().find_map(|annex| {
        let id = AnnexId::from_slice(&annex.annex_id).map_or_else(|_| "?".into(), String::from);
        match (store.body(BodySlot(annex.slot)), annex.erased.is_some()) {
            (Err(error), _) => Some(format!("annex {id} cannot be read: {error}")),
            (Ok(Some(_)), true) => Some(format!("annex {id} is there, and was erased")),
            (Ok(None), false) => Some(format!("annex {id} is gone, and no entry says so")),
            (Ok(Some(bytes)), _) if sha256(&bytes)[..] != annex.digest[..] => {
                Some(format!("annex {id} is not the one that its message names"))
            }
            _ => None,
        }
    })
}

/// The annex of that name; where none is named, the only one.
fn named(
    id: MessageId,
    row: &MessageRow,
    annex: Option<AnnexId>,
) -> Result<(usize, AnnexId), ActionError> {
    let found = match (annex, row.annexes.as_slice()) {
        (Some(annex), all) => {
            let at = all.iter().position(|one| one.annex_id == annex.as_bytes());
            at.ok_or_else(|| ActionError::NotFound(format!("message {id} has no annex {annex}")))?
        }
        (None, [_]) => 0,
        (None, []) => {
            return Err(ActionError::NotFound(format!("message {id} has no annex")));
        }
        (None, all) => {
            let rule = format!("must be given: message {id} has {} annexes", all.len());
            return Err(ActionError::invalid("annex", rule));
        }
    };
    let annex = AnnexId::from_slice(&row.annexes[found].annex_id).map_err(ActionError::fault)?;
    Ok((found, annex))
}

#[cfg(test)]
#[path = "annex_tests.rs"]
mod tests;
