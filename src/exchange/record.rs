//! Recording what others prove to us: their receipts for what we sent (I1, I2).

use super::error::rolled_back;
use super::heads::{HeadError, put_head, request};
use super::rows::{
    self, MessageRow, OutboxRow, ReceiptRow, SENT, load_in, message_in, put_message,
};
use super::{ActionError, Exchange, Peer, standing};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::MessageId;
use crate::pb::v1 as pb;
use crate::receipt::{self, Expected, Receipt, ReceiptError, VerifiedReceipt};
use crate::store::{CommitError, Table, Tx};

/// Why a receipt is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It does not verify: the peer's fault.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// Its checkpoint is not the one that was proved on the stream: the peer's fault.
    #[error("the receipt's checkpoint is not the one that was proved on this stream")]
    Unproven,
    /// Its checkpoint does not prove itself an extension of what the peer showed before.
    #[error(transparent)]
    Head(#[from] HeadError),
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
            Self::Unproven => "UNPROVEN_CHECKPOINT",
            Self::Head(error) => error.code(),
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
    /// The checkpoint that it is under, where that is one of the chain of heads.
    head: Option<SignedCheckpoint>,
}

impl Exchange {
    /// Verifies and records a receipt that the peer brought on its own stream; a repeat is fine.
    pub(crate) async fn record(
        &self,
        peer: &Peer,
        text: &str,
        proven: &SignedCheckpoint,
    ) -> Result<(), RecordError> {
        self.check_writable()?;
        let proved = self.prove(peer, &Receipt::parse(text)?, proven.clone())?;
        self.commit_receipt(peer, proved).await
    }

    /// Verifies the receipt in an answer on our own stream, with its checkpoint.
    pub(crate) async fn prove_answer(
        self: &std::sync::Arc<Self>,
        peer: &Peer,
        answer: &pb::SignedReceipt,
    ) -> Result<Proved, RecordError> {
        let receipt = Receipt::parse(&answer.text)?;
        let request = request(answer.from_size, &answer.consistency, receipt.checkpoint_note())?;
        let taken = self.take_head(peer, &request).await?;
        self.prove(peer, &receipt, self.cosign(&taken).head)
    }

    /// The receipt under the checkpoint as this node holds it: with the log's own signatures and
    /// our cosignature, and without whatever else the peer put there (I7).
    fn prove(
        &self,
        peer: &Peer,
        receipt: &Receipt,
        head: SignedCheckpoint,
    ) -> Result<Proved, RecordError> {
        if receipt.checkpoint() != *head.checkpoint() {
            return Err(RecordError::Unproven);
        }
        let receipt = receipt.under(head.to_note())?;
        let id = receipt.facts().entry.message.ok_or(RecordError::UnknownMessage)?;
        let row = rows::message(&self.store, id)?.ok_or(RecordError::UnknownMessage)?;
        if row.direction != SENT || row.peer != peer.authority().as_str() {
            return Err(RecordError::UnknownMessage);
        }
        let expected = Expected {
            issuer: peer.authority(),
            keys: &peer.card.log_keys_of(&receipt.facts().origin),
            message: id,
            envelope: row.digest(),
            peer: &self.me,
        };
        let index = receipt.facts().index;
        let verified = receipt::verify(&receipt, &expected)?;
        let event = verified.event();
        if event.proves().is_none() && event != Event::ContentAccessTracking {
            return Err(RecordError::Irrelevant(event));
        }
        let opened = receipt_annex(&row, verified.receipt().facts().entry.document);
        if event == Event::ContentAccessTracking && !opened {
            return Err(RecordError::Irrelevant(event));
        }
        Ok(Proved { id, head: Some(head), receipt: verified, index })
    }

    /// Verifies and records a receipt that was found in the peer's log, under a checkpoint that was
    /// verified there. It came on no stream, so it does not become the head that is held.
    pub(crate) async fn record_found(
        &self,
        peer: &Peer,
        receipt: &Receipt,
        under: SignedCheckpoint,
    ) -> Result<(), RecordError> {
        self.check_writable()?;
        let proved = self.prove(peer, receipt, under)?;
        self.commit_receipt(peer, Proved { head: None, ..proved }).await
    }

    /// Makes a proved receipt durable: entry, row, head. Once the message is answered, its outbox row
    /// goes.
    pub(crate) async fn commit_receipt(
        &self,
        peer: &Peer,
        proved: Proved,
    ) -> Result<(), RecordError> {
        let id = proved.id;
        let head = proved.head.clone().map(|head| (self.head_key(&head), head));
        let row = receipt_row(peer, &proved);
        let receipt = proved.receipt;
        let draft = EntryDraft::new(receipt.event())
            .by(peer.authority().clone())
            .peer(peer.authority().clone())
            .message(id)
            .receipt(crate::crypto::sha256(receipt.text().as_bytes()))
            .remote(receipt.coordinates().clone());
        let draft = of_annex(draft, &receipt.receipt().facts().entry);
        let code = receipt.code().map(str::to_owned);
        let event = receipt.event();
        let trust = self.trust_in(peer);
        let committing = self.store.commit(move |tx| {
            trust.check(tx)?;
            let mut message = message_in(tx, id)?.ok_or(RecordError::UnknownMessage)?;
            if let Some((key, head)) = &head {
                put_head(tx, key, head)?;
            }
            let known = message.receipts.iter();
            if known.clone().any(|r| r.event == row.event && r.issuer == row.issuer) {
                return Ok((false, leaves_queue(tx, id, &message)?));
            }
            let draft = draft.envelope(message.digest()).payload(message.payload());
            let draft = match &code {
                Some(code) => draft.code(code),
                None => draft,
            };
            let recorded = tx.append(draft);
            learn(&mut message, event, code);
            message.receipts.push(ReceiptRow { recorded, ..row });
            // On their own stream, later receipts may overtake the first.
            message.receipts.sort_by_key(|receipt| (receipt.at_ms, receipt.index));
            standing::receipted(tx, id, &mut message)?;
            put_message(tx, id, &message);
            Ok::<_, RecordError>((true, leaves_queue(tx, id, &message)?))
        });
        let (is_new, leaves) = committing.await.map_err(unwrap_commit)?.value;
        if is_new {
            self.earns_advance(peer.authority());
        }
        if leaves {
            self.outbox.done(peer.authority().as_str(), id.as_bytes());
        }
        Ok(())
    }
}

/// Whether what was opened is an annex of the message; of what was erased or lost that is not known.
fn receipt_annex(row: &MessageRow, document: Option<Digest>) -> bool {
    let unknown = row.erased.is_some() || row.lost_ms != 0;
    let has = |digest: Digest| row.annexes.iter().any(|annex| annex.digest == digest);
    unknown || document.is_some_and(has)
}

/// Which annex it is about, and whose key opened it, where it is about one.
fn of_annex(mut draft: EntryDraft, issued: &Entry) -> EntryDraft {
    if let Some(annex) = issued.document {
        draft = draft.document(annex);
    }
    match &issued.key {
        Some(key) => draft.key(key),
        None => draft,
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
        recorded: 0,
    }
}

/// Takes an answered message out of the queue; whether it waits there no more. A receipt that
/// overtook the answer is none: should the stream break before that comes, the message is delivered
/// again, and a repeat is answered alike (I5).
pub(super) fn leaves_queue(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &MessageRow,
) -> Result<bool, ActionError> {
    let answers = [Event::RelayAcceptance, Event::RelayRejection].map(Event::as_str);
    let is_answer = |r: &ReceiptRow| r.issuer == row.peer && answers.contains(&r.event.as_str());
    let waits = load_in::<OutboxRow>(tx, Table::Outbox, id.as_bytes())?;
    // What an operator keeps back would never be delivered again.
    if waits.is_some_and(|waits| !waits.held) && !row.receipts.iter().any(is_answer) {
        return Ok(false);
    }
    tx.delete(Table::Outbox, id.as_bytes());
    Ok(true)
}

/// What a receipt teaches about a message.
pub(super) fn learn(row: &mut MessageRow, event: Event, code: Option<String>) {
    if let Some(state) = event.proves() {
        row.learn(state);
    }
    // What nobody has taken yet is not refused.
    if let Some(code) = code.filter(|_| event != Event::ContentHandoverFailure) {
        row.refusal_code = code;
    }
}

fn unwrap_commit(error: CommitError<RecordError>) -> RecordError {
    match error {
        CommitError::Rejected(error) => error,
        CommitError::Busy => RecordError::Ours(ActionError::Unavailable("busy".into())),
        CommitError::Frozen => RecordError::Ours(rolled_back()),
        other => RecordError::Ours(ActionError::fault(other)),
    }
}
