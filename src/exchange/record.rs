//! Recording what others prove to us: their receipts for what we sent (I1, I2).

use super::heads::{Held, digests, put_head, verify_head};
use super::rows::{self, MessageRow, ReceiptRow, SENT, message_in, peer_key, put_message};
use super::{ActionError, Exchange, Peer};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::MessageId;
use crate::pb::v1 as pb;
use crate::receipt::{self, Expected, Receipt, ReceiptError, VerifiedReceipt};
use crate::store::{CommitError, Table};

/// Why a receipt is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It does not verify: the peer's fault.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// Its checkpoint is not the one that was proved on the stream: the peer's fault.
    #[error("the receipt's checkpoint is not one that was proved on this stream: {0}")]
    Unproven(String),
    /// It is for a message that we never sent to that peer: the peer's fault.
    #[error("the receipt is for a message that this node did not send to the peer")]
    UnknownMessage,
    /// It is one that changes nothing at this point: the peer's fault.
    #[error("a receipt of {0} says nothing about what became of the message")]
    Irrelevant(Event),
    /// Ours.
    #[error(transparent)]
    Ours(#[from] ActionError),
}

impl RecordError {
    /// The closed code for the peer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Receipt(_) | Self::Irrelevant(_) => "BAD_RECEIPT",
            Self::Unproven(_) => "UNPROVEN_CHECKPOINT",
            Self::UnknownMessage => "UNKNOWN_MESSAGE",
            Self::Ours(_) => "UNAVAILABLE",
        }
    }
}

/// A receipt that was verified against our own record of what we sent.
pub(crate) struct Proved {
    pub id: MessageId,
    receipt: VerifiedReceipt,
    index: u64,
    head: Held,
}

impl Exchange {
    /// Verifies and records a receipt that the peer brought on its own stream; a repeat is fine.
    pub(crate) async fn record(
        &self,
        peer: &Peer,
        text: &str,
        proven: &Held,
    ) -> Result<(), RecordError> {
        let proved =
            self.prove(peer, text, |checkpoint| match *checkpoint == proven.checkpoint {
                true => Ok(proven.clone()),
                false => Err(RecordError::Unproven("another tree".into())),
            })?;
        self.commit_receipt(peer, proved).await
    }

    /// Verifies the receipt in an answer on our own stream; its checkpoint becomes the peer's
    /// newest head on that stream.
    pub(crate) fn prove_answer(
        &self,
        peer: &Peer,
        answer: &pb::SignedReceipt,
        before: &Checkpoint,
    ) -> Result<(Proved, Held), RecordError> {
        let unproven = |e: String| RecordError::Unproven(e);
        let proof = digests(&answer.consistency)
            .ok_or_else(|| unproven("a hash has not 32 bytes".into()))?;
        let receipt = Receipt::parse(&answer.text)?;
        let note = receipt.checkpoint_note();
        let head = verify_head(peer, note, Some(before), &proof)
            .map_err(|error| unproven(error.to_string()))?;
        let proved = self.prove(peer, &answer.text, |_| Ok(head.clone()))?;
        Ok((proved, head))
    }

    fn prove(
        &self,
        peer: &Peer,
        text: &str,
        head: impl FnOnce(&Checkpoint) -> Result<Held, RecordError>,
    ) -> Result<Proved, RecordError> {
        let receipt = Receipt::parse(text)?;
        let id = receipt.facts().entry.message.ok_or(RecordError::UnknownMessage)?;
        let row = rows::message(&self.store, id)?.ok_or(RecordError::UnknownMessage)?;
        if row.direction != SENT || row.peer != peer.authority().as_str() {
            return Err(RecordError::UnknownMessage);
        }
        let expected = Expected {
            issuer: peer.authority(),
            keys: peer.card.log_keys(),
            message: id,
            envelope: row.digest(),
            peer: &self.me,
        };
        let index = receipt.facts().index;
        let verified = receipt::verify(&receipt, &expected)?;
        if verified.event().proves().is_none() {
            return Err(RecordError::Irrelevant(verified.event()));
        }
        let coordinates = verified.coordinates();
        let checkpoint = Checkpoint {
            origin: coordinates.origin.clone(),
            size: coordinates.size,
            root: coordinates.root,
        };
        Ok(Proved { id, head: head(&checkpoint)?, receipt: verified, index })
    }

    /// Makes a proved receipt durable: entry, row, head, and the outbox row goes.
    pub(crate) async fn commit_receipt(
        &self,
        peer: &Peer,
        proved: Proved,
    ) -> Result<(), RecordError> {
        let head = proved.head.clone();
        let id = proved.id;
        let key = peer_key(&self.home, peer.authority());
        let row = receipt_row(peer, &proved);
        let receipt = proved.receipt;
        let draft = EntryDraft::new(receipt.event())
            .by(peer.authority().clone())
            .peer(peer.authority().clone())
            .message(id)
            .receipt(crate::crypto::sha256(receipt.text().as_bytes()))
            .remote(receipt.coordinates().clone());
        let code = receipt.code().map(str::to_owned);
        let event = receipt.event();
        let committed = self
            .store
            .commit(move |tx| {
                let mut message = message_in(tx, id)?.ok_or(RecordError::UnknownMessage)?;
                put_head(tx, &key, &head)?;
                tx.delete(Table::Outbox, id.as_bytes());
                let known = message.receipts.iter();
                if known.clone().any(|r| r.event == row.event && r.issuer == row.issuer) {
                    return Ok(head);
                }
                let draft = draft.envelope(message.digest()).payload(message.payload());
                let draft = match &code {
                    Some(code) => draft.code(code),
                    None => draft,
                };
                tx.append(draft);
                learn(&mut message, event, code);
                message.receipts.push(row);
                // On their own stream, later receipts may overtake the first.
                message.receipts.sort_by_key(|receipt| (receipt.at_ms, receipt.index));
                put_message(tx, id, &message);
                Ok::<_, RecordError>(head)
            })
            .await
            .map_err(unwrap_commit)?;
        self.raise_head(peer.authority(), &committed.value);
        self.outbox.done(peer.authority().as_str(), id.as_bytes());
        Ok(())
    }
}

fn receipt_row(peer: &Peer, proved: &Proved) -> ReceiptRow {
    ReceiptRow {
        event: proved.receipt.event().as_str().to_owned(),
        issuer: peer.authority().to_string(),
        at_ms: proved.receipt.at().unix_ms(),
        index: proved.index,
        text: proved.receipt.text().to_owned(),
        code: proved.receipt.code().unwrap_or_default().to_owned(),
    }
}

/// What a receipt teaches about a message.
fn learn(row: &mut MessageRow, event: Event, code: Option<String>) {
    if let Some(state) = event.proves() {
        row.learn(state);
    }
    if let Some(code) = code {
        row.refusal_code = code;
    }
}

fn unwrap_commit(error: CommitError<RecordError>) -> RecordError {
    match error {
        CommitError::Rejected(error) => error,
        CommitError::Busy => RecordError::Ours(ActionError::Unavailable("busy".into())),
        other => RecordError::Ours(ActionError::fault(other)),
    }
}
