//! Receipts at a better level: the same entry under a later checkpoint with more cosignatures.

use std::sync::Arc;

use prost::Message as _;

use crate::audit::cosigned::SignedCheckpoint;
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::domain::delivery::DeliveryState;
use crate::exchange::agencies::Caller;
use crate::exchange::heads::digests;
use crate::exchange::issue::Issued;
use crate::exchange::pieces::piece;
use crate::exchange::rows::{self, MessageRow, RECEIVED, ReceiptRow};
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::store::v1::BetterReceiptRow;
use crate::pb::v1 as pb;
use crate::receipt::{self, Expected, Receipt};
use crate::store::Table;

/// The longest text that is kept: a row of the store has room for it.
const TEXT_MAX_BYTES: usize = 60 << 10;

impl Exchange {
    /// A receipt that we issued to a peer, at its best level, with the consistency proof between
    /// the size that the peer holds and the receipt's checkpoint.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for a receipt that was not issued to this peer;
    /// [`ActionError::Exhausted`] when the peer asks for too many at once.
    pub async fn receipt_for(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        id: MessageId,
        event: String,
        held: u64,
    ) -> Result<(String, Vec<Digest>), ActionError> {
        let pass = self.gates.receipts.enter(peer.authority().as_str())?;
        let (exchange, peer) = (self.clone(), peer.clone());
        piece(move || {
            let _pass = pass;
            exchange.best_receipt(&peer, id, &event, held)
        })
        .await
    }

    /// Reads the log: blocking.
    fn best_receipt(
        &self,
        peer: &Peer,
        id: MessageId,
        event: &str,
        held: u64,
    ) -> Result<(String, Vec<Digest>), ActionError> {
        let missing = || ActionError::NotFound(format!("there is no {event} for message {id}"));
        let row = rows::message(&self.store, id)?;
        let row =
            row.filter(|row| row.direction == RECEIVED && row.peer == peer.authority().as_str());
        let index = row.and_then(|row| self.own_receipt(&row, event)).ok_or_else(missing)?;
        let head = self.best_head(index, peer.card.witness_keys());
        let size = head.checkpoint.size;
        if self.store.head_of(head.log).is_none_or(|newest| held > newest.checkpoint.size) {
            return Err(ActionError::invalid("held_size", "is larger than this log"));
        }
        let (receipt, _) = Issued::at(index).receipt_under(&self.store, &head)?;
        let proof = self.store.consistency(head.log, held.min(size), held.max(size))?;
        Ok((receipt.text().to_owned(), proof))
    }

    /// Where our receipt of an event about a received message stands.
    fn own_receipt(&self, row: &MessageRow, event: &str) -> Option<u64> {
        let ours =
            |receipt: &&ReceiptRow| receipt.event == event && receipt.issuer == self.me.as_str();
        match event {
            "RelayAcceptance" => Some(row.entry_index),
            _ => row.receipts.iter().find(ours).map(|receipt| receipt.index),
        }
    }

    /// The text of a recorded receipt at a better level, if one was fetched.
    pub(crate) fn better_text(
        &self,
        id: MessageId,
        event: &str,
    ) -> Result<Option<String>, ActionError> {
        let row: Option<BetterReceiptRow> =
            rows::load(&self.store, Table::Receipts, &better_key(id, event))?;
        Ok(row.map(|row| row.text))
    }

    /// Asks the peer of a message for its receipts at their best level, and keeps what is stronger
    /// than what is here. Says how many became stronger.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] when the peer does not answer, or answers with something else.
    pub async fn refresh_receipts(
        self: &Arc<Self>,
        caller: &Caller,
        id: MessageId,
    ) -> Result<usize, ActionError> {
        self.check_writable()?;
        let (row, _) = self.receipts(caller, id)?;
        if matches!(row.delivery(), DeliveryState::Queued | DeliveryState::Held) {
            return Ok(0);
        }
        let gone = || ActionError::NotFound(format!("{} is not in the directory", row.peer));
        let peer = self.directory.get(&row.peer_id()?).ok_or_else(gone)?;
        if let Some(code) = &peer.suspended {
            return Err(ActionError::conflict(
                "SUSPENDED",
                format!("{} is suspended: {code}", peer.authority()),
            ));
        }
        let mut stronger = 0;
        for receipt in row.receipts.iter().filter(|receipt| !receipt.text.is_empty()) {
            stronger += usize::from(self.refresh(&peer, id, &row, receipt).await?);
        }
        Ok(stronger)
    }

    async fn refresh(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        id: MessageId,
        row: &MessageRow,
        receipt: &ReceiptRow,
    ) -> Result<bool, ActionError> {
        // Of the log that the receipt is in, which may have ended since.
        let recorded = Receipt::parse(&receipt.text).map_err(ActionError::fault)?;
        let held = self.heads.of(&recorded.facts().origin);
        let held = held.ok_or_else(|| ActionError::fault("no checkpoint of the peer is held"))?;
        let ask = pb::GetReceiptRequest {
            message_id: id.as_bytes().to_vec().into(),
            event: receipt.event.clone(),
            held_size: held.checkpoint().size,
        };
        let answer = self.courier()?.receipt(peer.clone(), ask).await;
        let answer = answer.map_err(|trouble| ActionError::Unavailable(trouble.0))?;
        let worthless = |why: &dyn std::fmt::Display| {
            ActionError::Unavailable(format!("the peer answers with a receipt that is none: {why}"))
        };
        let better = Receipt::parse(&answer.text).map_err(|error| worthless(&error))?;
        let keys = peer.card.log_keys_of(&better.facts().origin);
        let head = SignedCheckpoint::verify(better.checkpoint_note(), &keys);
        let head = head.map_err(|error| worthless(&error))?;
        // Whatever the receipt is worth: this way too a log may show another past.
        let proof = digests(&answer.consistency).unwrap_or_default();
        let compared = self.compare(peer, &held, &head.clone().bare(&keys), proof).await;
        compared.map_err(|error| worthless(&error))?;
        self.check_better(peer, row, receipt, &better).map_err(|why| worthless(&why))?;
        let ours = self.keys.witness_keys();
        let known = self.better_text(id, &receipt.event)?.unwrap_or_else(|| receipt.text.clone());
        let known = Receipt::parse(&known).map_err(ActionError::fault)?;
        let strength = self.strength_of(&head.to_note(), &ours);
        if strength <= self.strength_of(known.checkpoint_note(), &ours)
            || answer.text.len() > TEXT_MAX_BYTES
        {
            return Ok(false);
        }
        let row = BetterReceiptRow { text: answer.text };
        let key = better_key(id, &receipt.event);
        self.store
            .commit(move |tx| {
                tx.put(Table::Receipts, &key, row.encode_to_vec());
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(true)
    }

    /// The same entry in the same place, under a checkpoint of the same log.
    fn check_better(
        &self,
        peer: &Peer,
        row: &MessageRow,
        receipt: &ReceiptRow,
        better: &Receipt,
    ) -> Result<(), String> {
        let known = Receipt::parse(&receipt.text).map_err(|error| error.to_string())?;
        let same = known.facts().entry == better.facts().entry
            && known.facts().index == better.facts().index
            && known.facts().origin == better.facts().origin;
        if !same {
            return Err("it is another entry than the one that was recorded".into());
        }
        let keys = peer.card.log_keys_of(&better.facts().origin);
        let expected = Expected {
            issuer: peer.authority(),
            keys: &keys,
            message: known.facts().entry.message.ok_or("it names no message")?,
            envelope: row.digest(),
            peer: &self.me,
        };
        receipt::verify(better, &expected).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn better_key(id: MessageId, event: &str) -> Vec<u8> {
    [id.as_bytes().as_slice(), event.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::retention::Rules;
    use crate::exchange::testing::Lone;

    #[tokio::test]
    async fn a_peer_asks_for_so_many_receipts_at_once() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let peer = a.x().directory.get(&b.x().me).expect("a peer");
        let id = MessageId::new(a.x().now(), [0; 10]);
        let ask = async || {
            let event = "RelayAcceptance".to_owned();
            a.x().receipt_for(&peer, id, event, 0).await.expect_err("no such receipt")
        };
        let asking: Vec<_> =
            std::iter::from_fn(|| a.x().gates.receipts.enter("xb.pps").ok()).collect();
        let refused = ask().await;
        assert!(matches!(refused, ActionError::Exhausted { .. }), "{refused:?}");
        drop(asking);
        assert!(matches!(ask().await, ActionError::NotFound(_)));
    }
}
