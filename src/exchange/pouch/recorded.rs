//! What a pouch says of receipts that its maker has: over a link they are answered one by one, and by
//! courier the log of whoever recorded them is the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Entry;
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::domain::AuthorityId;
use crate::exchange::heads::{digests, hashes};
use crate::exchange::rows::{OutboxRow, load_in};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use crate::store::{Head, Position, Table};
use pb::pouch_part::Part;

/// Receipts that are said to be here, newest first.
const RECORDED_MAX: usize = 1000;

impl Exchange {
    /// The newest receipts of a peer that stand in our log, proved under these heads.
    pub(super) fn recorded_of(
        &self,
        peer: &AuthorityId,
        heads: &[Arc<Head>],
    ) -> Result<Vec<(u32, Part)>, ActionError> {
        let mut parts = Vec::new();
        self.look_back(peer, |number, position, entry| {
            let Position { log, index } = Position::from_number(position);
            let head = heads.get(log as usize).filter(|head| index < head.checkpoint.size);
            if let Some(head) = head.filter(|_| entry.is_recorded_receipt()) {
                let inclusion = self.store.inclusion(position, head.checkpoint.size)?;
                let entry = pb::ProvenEntry {
                    number,
                    index,
                    entry: self.store.entry(position)?.unwrap_or_default().into(),
                    inclusion: hashes(&inclusion),
                    ..Default::default()
                };
                let origin = head.checkpoint.origin.clone();
                parts.push((log, Part::Recorded(pb::PouchRecorded { origin, entry: Some(entry) })));
            }
            Ok(parts.len() < RECORDED_MAX)
        })?;
        Ok(parts)
    }

    /// Takes receipts of ours out of the queue that a peer's log proves to be there; gives how many.
    pub(super) async fn are_there(
        &self,
        peer: &AuthorityId,
        proven: &BTreeMap<String, SignedCheckpoint>,
        recorded: &[pb::PouchRecorded],
    ) -> Result<u32, ActionError> {
        let keys: Vec<Vec<u8>> =
            recorded.iter().filter_map(|one| self.recorded_key(proven, one)).collect();
        let waits = |key: &Vec<u8>| self.outbox.get(peer.as_str(), key).is_some();
        let keys: Vec<_> = keys.into_iter().filter(waits).collect();
        if keys.is_empty() {
            return Ok(0);
        }
        let (name, deleted) = (peer.to_string(), keys.clone());
        let deleting = self.store.commit(move |tx| {
            for key in &deleted {
                let row = load_in::<OutboxRow>(tx, Table::Outbox, key)?;
                if row.is_some_and(|row| row.peer == name) {
                    tx.delete(Table::Outbox, key);
                }
            }
            Ok::<_, ActionError>(())
        });
        deleting.await?;
        keys.iter().for_each(|key| self.outbox.done(peer.as_str(), key));
        u32::try_from(keys.len()).map_err(ActionError::fault)
    }

    /// The key under which a receipt of ours waits that an entry of the peer's log records; `None` where
    /// that is not proved.
    fn recorded_key(
        &self,
        proven: &BTreeMap<String, SignedCheckpoint>,
        recorded: &pb::PouchRecorded,
    ) -> Option<Vec<u8>> {
        let (under, one) = (proven.get(&recorded.origin)?, recorded.entry.as_ref()?);
        let (size, root) = (under.checkpoint().size, &under.checkpoint().root);
        let proof = digests(&one.inclusion)?;
        verify_inclusion(&leaf_hash(&one.entry), one.index, size, &proof, root).ok()?;
        let entry = Entry::parse(&one.entry).ok()?;
        let ours = entry.is_recorded_receipt() && entry.by.as_ref() == Some(&self.me);
        let row = OutboxRow {
            message_id: entry.message.filter(|_| ours)?.as_bytes().to_vec(),
            event: entry.event.as_str().to_owned(),
            ..OutboxRow::default()
        };
        Some(row.key())
    }
}
