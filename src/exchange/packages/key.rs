//! The key of a package between its upload and its message.
//!
//! It is a stored body, never part of a row: rows stay in the journal for ever, and with them would
//! every key, however thoroughly the message was erased that carried it.

use prost::Message as _;
use zeroize::Zeroizing;

use crate::domain::MessageId;
use crate::exchange::ActionError;
use crate::exchange::rows::{PackageRow, load_in};
use crate::store::{BodySlot, Store, Table, Tx};

/// Keeps the key of a package that was just uploaded.
pub(in crate::exchange) fn keep_key(tx: &mut Tx<'_>, row: &mut PackageRow, key: &[u8; 32]) {
    row.key_slot = Some(tx.body(key.to_vec()).0);
}

/// Destroys the key in this commit: because a message carries it from now on, or because none ever
/// will. The row must be written or removed in the same commit.
pub(in crate::exchange) fn forget_key(tx: &mut Tx<'_>, row: &mut PackageRow) {
    if let Some(slot) = row.key_slot.take() {
        tx.erase(BodySlot(slot));
    }
}

/// The key of a package that no message carries yet; `None` once one does.
///
/// # Errors
/// [`ActionError::Fault`] when it is lost.
pub(in crate::exchange) fn key_of(
    store: &Store,
    row: &PackageRow,
) -> Result<Option<Zeroizing<[u8; 32]>>, ActionError> {
    let Some(slot) = row.key_slot else { return Ok(None) };
    let Some(key) = store.body(BodySlot(slot))?.map(Zeroizing::new) else { return Ok(None) };
    let key = key.as_slice().try_into().map_err(ActionError::fault)?;
    Ok(Some(Zeroizing::new(key)))
}

/// Keeps a package for a draft, in its commit.
///
/// # Errors
/// [`ActionError::Invalid`] where it went with another message meanwhile, or waits with another
/// draft.
pub(in crate::exchange) fn reserve(
    tx: &mut Tx<'_>,
    package: &[u8],
    draft: MessageId,
) -> Result<(), ActionError> {
    let row = load_in::<PackageRow>(tx, Table::Packages, package)?;
    let free = row.filter(|row| row.message_id.is_empty() && row.draft_id.is_empty());
    let mut row =
        free.ok_or_else(|| ActionError::invalid("packages", "one went with another message"))?;
    row.draft_id = draft.as_bytes().to_vec();
    tx.put(Table::Packages, package, row.encode_to_vec());
    Ok(())
}

/// Gives a package back that waited with a draft: its agency may submit it again, and has as long for
/// that as if it had uploaded it now.
///
/// # Errors
/// [`ActionError::Fault`] where its row is damaged.
pub(in crate::exchange) fn free(
    tx: &mut Tx<'_>,
    package: &[u8],
    draft: MessageId,
) -> Result<(), ActionError> {
    let row = load_in::<PackageRow>(tx, Table::Packages, package)?;
    let Some(mut row) = row.filter(|row| row.draft_id == draft.as_bytes()) else { return Ok(()) };
    row.draft_id.clear();
    row.created_ms = tx.at().unix_ms();
    tx.put(Table::Packages, package, row.encode_to_vec());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PackageId;
    use crate::exchange::retention::Rules;
    use crate::exchange::rows;
    use crate::exchange::testing::{Lone, desk};

    fn row_of(lone: &Lone, id: PackageId) -> PackageRow {
        let row = rows::load(&lone.x().store, Table::Packages, id.as_bytes());
        row.expect("readable").expect("there")
    }

    #[tokio::test]
    async fn a_key_goes_from_its_slot_into_the_message() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let shape = a.upload(b"one").await;
        let uploaded = row_of(&a, shape.id);
        let key = key_of(&a.x().store, &uploaded).expect("readable").expect("there");
        let id = a.submit(&b, &[shape.id]).await;
        assert_eq!(row_of(&a, shape.id).key_slot, None);
        let gone = key_of(&a.x().store, &uploaded).expect("readable");
        assert!(gone.is_none(), "the slot is erased");
        let (_, carried) = a.x().package_of(&desk(), id, shape.id).expect("carried");
        assert_eq!(carried, key);
        let again = a.x().submit(&desk(), a.submission(&b, &[shape.id])).await.map(drop);
        let text = again.expect_err("it went").to_string();
        assert!(text.contains("packages[0]: went with another message"), "{text}");
    }

    #[tokio::test]
    async fn the_key_of_a_package_that_no_message_will_carry_can_be_destroyed() {
        let a = Lone::new("xa.oag", Rules::default());
        let shape = a.upload(b"one").await;
        let uploaded = row_of(&a, shape.id);
        let mut row = uploaded.clone();
        let forget = move |tx: &mut Tx<'_>| {
            forget_key(tx, &mut row);
            tx.delete(Table::Packages, shape.id.as_bytes());
            Ok::<_, ActionError>(())
        };
        a.x().store.commit(forget).await.expect("committed");
        assert!(key_of(&a.x().store, &uploaded).expect("readable").is_none());
    }
}
