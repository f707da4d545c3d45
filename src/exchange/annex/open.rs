//! Opening an annex: the log says to whom, durably, before the node's part of its key leaves.

use super::{AnnexId, named};
use crate::audit::entry::{EntryDraft, Event};
use crate::card::{Card, Official};
use crate::crypto::{Digest, KeyId, PublicKey};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::{ReleaseContext, SealedAnnex};
use crate::exchange::consign::issue_draft;
use crate::exchange::issue::release;
use crate::exchange::query::{ReceiptView, whole};
use crate::exchange::rows::{
    AnnexRow, ErasureRow, MessageRow, OutboxRow, RECEIVED, message_in, put_message,
};
use crate::exchange::stored::{erased_error, lost_error};
use crate::exchange::{ActionError, Caller, Exchange};
use crate::store::{BodySlot, Tx};

/// A sealed annex as it is stored.
pub struct StoredAnnex {
    /// Its row.
    pub row: AnnexRow,
    /// SHA-256 of its message's envelope.
    pub envelope: Digest,
    /// The annex.
    pub sealed: SealedAnnex,
    /// Who sent it, and which way.
    message: MessageRow,
}

/// Who opens what.
pub struct Opening {
    /// The annex; where none is named, the only one.
    pub annex: Option<AnnexId>,
    /// Id of the official's key.
    pub official: KeyId,
    /// The token in the official's share.
    pub token: Vec<u8>,
}

impl Opening {
    /// From what the client says.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where the key id is none, or the token has another size.
    pub fn new(annex: Option<AnnexId>, key_id: &str, token: Vec<u8>) -> Result<Self, ActionError> {
        let official = hex::decode(key_id).ok().and_then(|id| KeyId::from_slice(&id));
        let rule = "must be 32 lower-case hex digits";
        let official = official.ok_or_else(|| ActionError::invalid("key_id", rule))?;
        match token.len() {
            32 => Ok(Self { annex, official, token }),
            _ => Err(ActionError::invalid("token", "must have 32 bytes")),
        }
    }
}

/// The node's part of an annex's key, and the receipt of its release.
pub struct OpenedAnnex {
    /// Encapsulated secret.
    pub encapsulated: Vec<u8>,
    /// The wrapped part.
    pub ciphertext: Vec<u8>,
    /// ContentAccessTracking.
    pub receipt: ReceiptView,
    /// SHA-256 of the message's envelope.
    pub envelope: Digest,
}

impl Exchange {
    /// The card of a peer, or our own: to whom an annex can be sealed.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for who is not in the directory.
    pub fn card_of(&self, authority: Option<&AuthorityId>) -> Result<Card, ActionError> {
        let Some(authority) = authority.filter(|authority| **authority != self.me) else {
            return Ok(self.card().as_ref().clone());
        };
        let gone = || ActionError::NotFound(format!("{authority} is not in the directory"));
        self.directory.get(authority).map(|peer| peer.card.clone()).ok_or_else(gone)
    }

    /// A sealed annex as it came, which nobody can read by it.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see; [`ActionError::Conflict`]
    /// with code `ERASED`.
    pub fn sealed_annex(
        &self,
        caller: &Caller,
        id: MessageId,
        annex: Option<AnnexId>,
    ) -> Result<StoredAnnex, ActionError> {
        let message = self.seen(caller, id)?;
        check_there(id, &message, annex)?;
        let (at, annex) = named(id, &message, annex)?;
        let row = message.annexes[at].clone();
        let gone = || ActionError::Fault(format!("annex {annex} is missing without an erasure"));
        let stored = self.store.body(BodySlot(row.slot))?.ok_or_else(gone)?;
        let sealed = SealedAnnex::parse(stored.into()).map_err(ActionError::fault)?;
        Ok(StoredAnnex { row, envelope: message.digest(), sealed, message })
    }

    /// Releases the node's part of an annex's key to an official who is named in the annex and in
    /// the card, and shows that the share was opened. The log says so first; what the sender has not
    /// been told yet is a receipt for it.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see; [`ActionError::Forbidden`]
    /// where it is no such official; [`ActionError::Conflict`] with code `ERASED`, `NOT_RECEIVED`,
    /// `OFFICIAL_REMOVED` or `OFFICIAL_EXPIRED`.
    pub async fn open_annex(
        &self,
        caller: &Caller,
        id: MessageId,
        opening: Opening,
    ) -> Result<OpenedAnnex, ActionError> {
        self.check_writable()?;
        let stored = self.sealed_annex(caller, id, opening.annex)?;
        if stored.message.direction != RECEIVED {
            let message =
                "its sender cannot open an annex: it is sealed to officials of the other side";
            return Err(ActionError::conflict("NOT_RECEIVED", message));
        }
        let (official, key) = self.official(&stored.sealed, &opening)?;
        // Before the entry: it is not to say that what cannot be opened was.
        self.may_act(caller)?;
        let withheld = stored.sealed.withheld(&self.keys.sealed_to()).map_err(|_| unfit())?;
        let context = ReleaseContext {
            annex: stored.sealed.reference().digest,
            message: id,
            envelope: stored.envelope,
            official: key.id(),
        };
        tracing::info!(message = %id, official, "an annex is opened");
        let logging = self.log_opening(caller, id, stored.sealed.id(), &context);
        let committed = logging.await?;
        let released = release(&withheld, &key, &context, &committed)?;
        if let Some(outbox) = &committed.value {
            self.outbox.insert(outbox.clone());
        }
        let counterpart = self.witness_of(&stored.message);
        let receipt = self.own_receipt_view(released.issued.index(), &counterpart)?;
        let (encapsulated, ciphertext) = (released.encapsulated, released.ciphertext);
        Ok(OpenedAnnex { encapsulated, ciphertext, receipt, envelope: stored.envelope })
    }

    /// The official whose key it is, by the annex and by our card as it is now.
    fn official(
        &self,
        annex: &SealedAnnex,
        opening: &Opening,
    ) -> Result<(String, PublicKey), ActionError> {
        let id = opening.official;
        if !annex.officials().any(|(_, key)| key == id) {
            let message = format!("the annex is not sealed to an official with the key {id}");
            return Err(ActionError::Forbidden(message));
        }
        let card = self.card();
        let known = card.officials().iter().find(|(_, key)| key.id() == id);
        let Some((official, key)) = known else {
            let message =
                format!("the card of {} names no official with the key {id} any more", self.me);
            return Err(ActionError::conflict("OFFICIAL_REMOVED", message));
        };
        check_valid(official, self.now())?;
        if !annex.is_token_of(&id, &opening.token) {
            let message = "whoever opens an annex must show that it has the official's private key";
            return Err(ActionError::Forbidden(message.into()));
        }
        Ok((official.id.clone(), key.clone()))
    }

    async fn log_opening(
        &self,
        caller: &Caller,
        id: MessageId,
        annex: AnnexId,
        context: &ReleaseContext,
    ) -> Result<crate::store::Committed<Option<OutboxRow>>, ActionError> {
        let (me, who, caller) = (self.me.clone(), self.handle(&caller.name), caller.clone());
        let draft = EntryDraft::new(Event::ContentAccessTracking)
            .by(me.clone())
            .message(id)
            .document(context.annex)
            .key(&context.official.to_string())
            .who(&who);
        let logged = self.store.commit(move |tx: &mut Tx<'_>| {
            let row = message_in(tx, id)?.filter(|row| whole(&caller, row));
            let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
            // Erased since it was read.
            check_there(id, &row, Some(annex))?;
            let draft = draft.envelope(row.digest()).payload(row.payload()).peer(row.peer_id()?);
            if row.has_receipt(Event::ContentAccessTracking.as_str(), &me) {
                tx.append(draft);
                return Ok(None);
            }
            let outbox = issue_draft(tx, &me, id, &mut row, draft);
            put_message(tx, id, &row);
            Ok::<_, ActionError>(Some(outbox))
        });
        Ok(logged.await?)
    }
}

fn check_valid(official: &Official, now: Timestamp) -> Result<(), ActionError> {
    if (official.from..=official.until).contains(&now) {
        return Ok(());
    }
    let (id, from, until) = (&official.id, official.from, official.until);
    let message = format!("the official {id} is one from {from} to {until}, and not now");
    Err(ActionError::conflict("OFFICIAL_EXPIRED", message))
}

/// Whether the annex is there to be opened.
fn check_there(id: MessageId, row: &MessageRow, annex: Option<AnnexId>) -> Result<(), ActionError> {
    if let Some(erased) = &row.erased {
        return Err(erased_error(id, erased));
    }
    if row.lost_ms != 0 {
        return Err(lost_error(id, row));
    }
    let consigned = row.receipts.iter().any(|r| r.event == Event::ContentConsignment.as_str());
    if row.direction == RECEIVED && !consigned {
        let message = format!("message {id} was not consigned: nothing of it is opened");
        return Err(ActionError::conflict("NOT_CONSIGNED", message));
    }
    let (at, annex) = named(id, row, annex)?;
    match &row.annexes[at].erased {
        Some(erased) => Err(erased_annex(annex, erased)),
        None => Ok(()),
    }
}

fn erased_annex(annex: AnnexId, erased: &ErasureRow) -> ActionError {
    let at = Timestamp::from_unix_ms(erased.at_ms);
    let message = format!("annex {annex} was erased at {at} ({})", erased.code);
    ActionError::conflict("ERASED", message)
}

/// It came sealed to no key of this node: its sender's client had another card.
fn unfit() -> ActionError {
    let message = "the annex has no part of its key for this node: ask its sender to send it again";
    ActionError::conflict("ANNEX_UNFIT", message)
}
