//! What the node keeps, behind entries that are put back into the log of an older copy (I3).
//!
//! A copy lacks the end of its log, and the rows that came with it. The entries are put back as they
//! were; from each of them comes what its commit did to the rows, as far as an entry tells. What no
//! entry tells is gone: the content of messages that came or were submitted since the copy was made,
//! certificates of agencies, cards that the export does not have. The log then says so, to everybody
//! whom it concerns (`closing`), so that log and rows agree again and nobody waits for what
//! does not come.

mod closing;
mod drafts;
mod messages;
mod parties;

use std::collections::BTreeMap;

use super::consign::Consigned;
use super::rows::message;
use super::{ActionError, Exchange, annex};
use crate::audit::entry::{Entry, Event};
use crate::card::Card;
use crate::crypto::{Digest, HomeKey};
use crate::domain::{AuthorityId, MessageId};
use crate::store::{CommitError, Misuse, Position, Tx};

use self::drafts::ends_draft;
pub use closing::{Lost, Recovered};

/// Entries that are put back in one commit, or in several where it becomes too much.
pub const PAGE: usize = 64;

/// Some entries of the log, in their order, and what the export keeps beside them.
#[derive(Clone, Default)]
pub struct Page {
    /// Where a log ends before them: its last entry, and the origin of the one that follows.
    pub ends: Option<(Vec<u8>, String)>,
    /// At most [`PAGE`], verbatim.
    pub entries: Vec<Vec<u8>>,
    /// The texts of the receipts that they record, by their digest.
    pub receipts: BTreeMap<Digest, String>,
}

impl Page {
    /// Where it is too much for one commit.
    fn halves(mut self) -> (Self, Self) {
        let entries = self.entries.split_off(self.entries.len() / 2);
        let second = Self { ends: None, entries, receipts: self.receipts.clone() };
        (self, second)
    }
}

/// What entries are understood with.
struct Kept {
    me: AuthorityId,
    home: HomeKey,
    receipts: BTreeMap<Digest, String>,
    /// The cards that the export brings, by their digest.
    cards: BTreeMap<Digest, Card>,
    /// Names of agencies that are known here, by their handle.
    agencies: BTreeMap<String, String>,
    /// What messages say that are here and were opened since.
    opened: BTreeMap<MessageId, Consigned>,
    /// Heads of the logs of peers that have another root now.
    forgotten: BTreeMap<Digest, Vec<[u8; 16]>>,
}

impl Exchange {
    /// Puts back a page of the log, in one commit. The log stands then as it did behind the last of
    /// them.
    ///
    /// # Errors
    /// [`ActionError::Fault`] where they are not what follows in this log, or contradict what is
    /// kept; nothing is put back then.
    pub async fn put_back(&self, page: Page, cards: &[Card]) -> Result<(), ActionError> {
        match self.try_put_back(&page, cards).await {
            Err(CommitError::Misuse(Misuse::TooMuch(_))) if page.entries.len() > 1 => {
                let (first, second) = page.halves();
                Box::pin(self.put_back(first, cards)).await?;
                Box::pin(self.put_back(second, cards)).await
            }
            tried => tried.map_err(refused),
        }
    }

    async fn try_put_back(
        &self,
        page: &Page,
        cards: &[Card],
    ) -> Result<(), CommitError<ActionError>> {
        let Page { ends, entries, receipts } = page.clone();
        let parsed = entries.iter().map(|bytes| Entry::parse(bytes)).collect::<Result<Vec<_>, _>>();
        let parsed = parsed.map_err(|error| CommitError::Rejected(ActionError::fault(error)))?;
        let kept = Kept {
            me: self.me.clone(),
            home: self.home.clone(),
            receipts,
            cards: cards.iter().map(|card| (card.digest(), card.clone())).collect(),
            agencies: self.agencies_by_handle().map_err(CommitError::Rejected)?,
            opened: self.opened_since(&parsed).map_err(CommitError::Rejected)?,
            forgotten: self.forgotten(cards).map_err(CommitError::Rejected)?,
        };
        let putting = self.store.put_back(move |tx: &mut Tx<'_>| {
            if let Some((sealed, origin)) = &ends {
                tx.put_back_end(origin, sealed);
            }
            for (bytes, entry) in entries.iter().zip(&parsed) {
                let position = tx.put_back(bytes);
                kept.apply(tx, position, entry)?;
            }
            Ok::<_, ActionError>(())
        });
        putting.await?;
        Ok(())
    }

    fn agencies_by_handle(&self) -> Result<BTreeMap<String, String>, ActionError> {
        let agencies = self.agencies()?.into_iter();
        Ok(agencies.map(|agency| (self.handle(&agency.name), agency.name)).collect())
    }

    /// What the messages say that are here, and of which these entries say that they were opened.
    fn opened_since(
        &self,
        entries: &[Entry],
    ) -> Result<BTreeMap<MessageId, Consigned>, ActionError> {
        let mut opened = BTreeMap::new();
        let ours = |entry: &&Entry| {
            entry.event == Event::ContentConsignment && entry.by.as_ref() == Some(&self.me)
        };
        for id in entries.iter().filter(ours).filter_map(|entry| entry.message) {
            let row = message(&self.store, id)?.filter(|row| row.lost_ms == 0);
            let Some(row) = row else { continue };
            // Erased since, or sealed to a key that is gone: then nothing is there to be filled in.
            if let Ok((_, Ok(what))) = self.open_stored(id, &row) {
                opened.insert(id, what);
            }
        }
        Ok(opened)
    }
}

impl Kept {
    /// Does to the rows what the commit of an entry did, as far as the entry tells.
    fn apply(&self, tx: &mut Tx<'_>, position: u64, entry: &Entry) -> Result<(), ActionError> {
        match entry.event {
            event if event.is_receipt() => self.delivery(tx, position, entry),
            Event::MessageCancelled | Event::MessageHeld | Event::MessageReleased => {
                self.queue(tx, entry)
            }
            Event::EraseBody => self.erased(tx, position, entry),
            Event::EraseAnnex => annex::recover_erased(tx, position, entry),
            Event::HoldSet | Event::HoldReleased => self.hold(tx, position, entry),
            Event::DraftSubmitted => self.drafted(tx, position, entry),
            Event::DraftApproved | Event::DraftRefused => ends_draft(tx, entry),
            Event::PeerAdded | Event::PeerUpdated => self.peer_card(tx, position, entry),
            Event::PeerRemoved | Event::PeerSuspended | Event::PeerResumed => {
                self.peer_standing(tx, position, entry)
            }
            Event::CardPublished => {
                self.own_card(tx, position, entry);
                Ok(())
            }
            Event::AgencyRevoked | Event::AgencyRenewed => self.agency(tx, entry),
            Event::PolicySet => {
                super::witness::policy::note_set(tx, entry.document);
                Ok(())
            }
            // Nothing is kept of these but the entry.
            _ => Ok(()),
        }
    }
}

fn refused(error: CommitError<ActionError>) -> ActionError {
    match error {
        CommitError::Rejected(error) => error,
        other => ActionError::fault(other),
    }
}

/// A fault that names the entry.
fn contradicts(position: u64, what: &str) -> ActionError {
    let place = Position::from_number(position);
    ActionError::Fault(format!("entry {place} cannot be put back: {what}"))
}

#[cfg(test)]
mod tests;
