//! Issuing receipts. What is not durable, or was not verified, cannot be given one: the types say
//! so (I1, I2).

use super::ActionError;
use super::heads::hashes;
use super::rows::MessageRow;
use crate::audit::entry::Entry;
use crate::crypto::PublicKey;
use crate::envelope::{AuthenticMessage, OpenedMessage, ReleaseContext, Withheld};
use crate::pb::v1 as pb;
use crate::receipt::Receipt;
use crate::store::{Committed, Head, Position, Store};

/// An entry of ours that is a receipt, and durable. Its proof is made when it is sent, under the
/// newest checkpoint; the entry never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    index: u64,
}

/// A RelayAcceptance: these bytes, authentic, are durable here. By which road they came stands behind it.
pub fn issue<T>(_message: &AuthenticMessage, at: &Committed<T>) -> Option<Issued> {
    at.entries().first().map(|(index, _)| Issued { index: *index })
}

/// A ContentConsignment: opened, lawful in form, in an agency's inbox.
pub fn issue_consignment<T>(_message: &OpenedMessage, at: &Committed<T>) -> Option<Issued> {
    newest(at)
}

/// A refusal or a hand-over: needs no verified message, but durability like everything.
pub fn issue_plain<T>(at: &Committed<T>) -> Option<Issued> {
    newest(at)
}

/// The node's part of an annex's key, for one official: only where the log says so, durably.
///
/// # Errors
/// [`ActionError::Fault`] when the commit bore no entry, or the official's key does not seal.
pub fn release<T>(
    withheld: &Withheld,
    official: &PublicKey,
    context: &ReleaseContext,
    at: &Committed<T>,
) -> Result<Released, ActionError> {
    let issued = newest(at).ok_or_else(|| ActionError::fault("a commit bore no entry"))?;
    let sealed = withheld.seal_to(official, context).map_err(ActionError::fault)?;
    Ok(Released { encapsulated: sealed.0, ciphertext: sealed.1, issued })
}

/// The node's part of an annex's key, sealed to the key of one official.
pub struct Released {
    /// Encapsulated secret.
    pub encapsulated: Vec<u8>,
    /// The wrapped part.
    pub ciphertext: Vec<u8>,
    /// ContentAccessTracking.
    pub issued: Issued,
}

fn newest<T>(at: &Committed<T>) -> Option<Issued> {
    at.entries().last().map(|(index, _)| Issued { index: *index })
}

impl Issued {
    /// The receipt that was issued for this row when it was accepted: a repeat gets the same (I5).
    pub(crate) fn again(row: &MessageRow) -> Self {
        Self { index: row.entry_index }
    }

    /// The receipt of an entry that stands in our log.
    pub(crate) fn at(index: u64) -> Self {
        Self { index }
    }

    /// Where it stands in our logs: its position.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Which of our logs it stands in.
    pub(crate) fn log(&self) -> u32 {
        Position::from_number(self.index).log
    }

    /// The receipt, proved under the newest checkpoint of its log.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the log cannot be read.
    pub fn receipt(&self, store: &Store) -> Result<(Receipt, u64), ActionError> {
        let head = store.head_of(self.log());
        let head = head.ok_or_else(|| ActionError::Fault("a log is missing".into()))?;
        self.receipt_under(store, &head)
    }

    /// The same under an earlier checkpoint that covers the entry.
    pub(crate) fn receipt_under(
        &self,
        store: &Store,
        head: &Head,
    ) -> Result<(Receipt, u64), ActionError> {
        let missing = || ActionError::Fault(format!("entry {} is not in the log", self.index));
        let entry = store.entry(self.index)?.ok_or_else(missing)?;
        let proof = store.inclusion(self.index, head.checkpoint.size)?;
        let index = Position::from_number(self.index).index;
        let receipt =
            Receipt::new(&entry, index, proof, head.note.clone()).map_err(ActionError::fault)?;
        Ok((receipt, head.checkpoint.size))
    }

    /// The same for the wire, with the proof that its checkpoint extends the one of `from` entries.
    ///
    /// # Errors
    /// As [`Issued::receipt`].
    pub(crate) fn signed(
        &self,
        store: &Store,
        from_size: u64,
        head: &Head,
    ) -> Result<pb::SignedReceipt, ActionError> {
        let (receipt, size) = self.receipt_under(store, head)?;
        let consistency = hashes(&store.consistency(head.log, from_size, size)?);
        let text = receipt.text().to_owned();
        Ok(pb::SignedReceipt { text, from_size, consistency })
    }
}

/// Reads an entry of our own log.
pub(crate) fn own_entry(store: &Store, index: u64) -> Result<Entry, ActionError> {
    let bytes = store.entry(index)?;
    let bytes = bytes.ok_or_else(|| ActionError::Fault(format!("entry {index} is missing")))?;
    Entry::parse(&bytes).map_err(ActionError::fault)
}
