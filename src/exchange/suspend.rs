//! Suspending a peer, and looking again whether one is trusted before what it sent becomes durable.

use std::sync::Arc;

use prost::Message as _;

use super::directory::Peer;
use super::rows::{self, PeerRow, load_in, peer_key};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::AuthorityId;
use crate::store::{Table, Tx};

/// What a peer is suspended for whose log has signed two pasts.
pub(super) const EQUIVOCATION: &str = "LOG_EQUIVOCATION";

/// The card by which something was judged that a peer sent. Judging takes time, and the directory
/// may change meanwhile.
#[derive(Clone)]
pub(super) struct Trust {
    key: [u8; 16],
    card: String,
}

impl Trust {
    /// On the writer's thread, where no change of the directory comes between.
    pub(super) fn check(&self, tx: &mut Tx<'_>) -> Result<(), ActionError> {
        let row = load_in::<PeerRow>(tx, Table::Peers, &self.key)?;
        let stands =
            |row: &PeerRow| !row.removed && row.suspended.is_empty() && row.card == self.card;
        match row.is_some_and(|row| stands(&row)) {
            true => Ok(()),
            false => Err(distrusted()),
        }
    }
}

/// The directory has changed under a peer.
pub(super) fn distrusted() -> ActionError {
    ActionError::Forbidden("the directory of this node has changed: connect again".into())
}

impl Exchange {
    /// What [`Trust::check`] is to compare.
    pub(super) fn trust_in(&self, peer: &Peer) -> Trust {
        let key = peer_key(&self.home, peer.authority());
        Trust { key, card: peer.card.text().to_owned() }
    }

    /// Whether a peer is trusted now, under the card that it was known by.
    pub(super) fn still_trusts(&self, peer: &Peer) -> bool {
        let now = self.directory.get(peer.authority());
        now.is_some_and(|now| now.suspended.is_none() && now.card.text() == peer.card.text())
    }

    /// Suspends a peer: nothing is exchanged with it until it is resumed; what waits for it waits.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for an authority that is not in the directory.
    pub async fn suspend_peer(
        &self,
        authority: &AuthorityId,
        code: &str,
        who: Option<&str>,
    ) -> Result<Arc<Peer>, ActionError> {
        self.set_suspended(authority, Some(code.to_owned()), who).await
    }

    /// Ends a suspension.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for an authority that is not in the directory;
    /// [`ActionError::Invalid`] where its card names a key that another has named meanwhile.
    pub async fn resume_peer(
        &self,
        authority: &AuthorityId,
        who: Option<&str>,
    ) -> Result<Arc<Peer>, ActionError> {
        self.set_suspended(authority, None, who).await
    }

    async fn set_suspended(
        &self,
        authority: &AuthorityId,
        code: Option<String>,
        who: Option<&str>,
    ) -> Result<Arc<Peer>, ActionError> {
        self.check_writable()?;
        let _turn = self.directory.turn().await;
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = self.directory.get(authority).ok_or_else(unknown)?;
        if peer.suspended == code {
            return Ok(peer);
        }
        if code.is_none() {
            self.check_keys_of_its_own(&peer.card)?;
        }
        let event = if code.is_some() { Event::PeerSuspended } else { Event::PeerResumed };
        let mut draft = EntryDraft::new(event).peer(authority.clone());
        if let Some(code) = &code {
            draft = draft.code(code);
        }
        if let Some(who) = who {
            draft = draft.who(&self.handle(who));
        }
        let resumes = code.is_none();
        let mut changed = peer.with_suspension(code);
        let key = peer_key(&self.home, authority);
        let changing = self.store.commit(move |tx| {
            if resumes {
                changed.resumed = Some(tx.at());
            }
            tx.put(Table::Peers, &key, changed.to_row(false).encode_to_vec());
            tx.append(draft);
            Ok::<_, ActionError>(changed)
        });
        let changed = Arc::new(changing.await?.value);
        self.directory.put(&changed);
        Ok(changed)
    }

    /// Has nothing exchanged with a peer whose log has signed two pasts, in memory: [`suspend_in`]
    /// makes it durable. The caller has the turn.
    pub(super) fn suspend_at_once(&self, authority: &AuthorityId) {
        let peer = self.directory.get(authority).filter(|peer| peer.suspended.is_none());
        if let Some(peer) = peer {
            self.directory.put(&Arc::new(peer.with_suspension(Some(EQUIVOCATION.into()))));
        }
    }

    /// Suspends whoever has evidence against it that no operator has seen: a store of an earlier
    /// version could keep the one without the other. In memory, since nothing may be appended yet.
    pub(super) fn suspend_accused(&self) {
        for peer in self.directory.all() {
            let seen = peer.resumed.map_or(peer.added, |resumed| resumed.max(peer.added));
            if self.pasts.found_last(&peer.card).is_some_and(|found| found > seen) {
                self.suspend_at_once(peer.authority());
            }
        }
    }

    /// Makes durable what was found when the home was opened; called once at start.
    ///
    /// # Errors
    /// [`ActionError`] when the commit fails.
    pub async fn log_suspensions(&self) -> Result<(), ActionError> {
        let _turn = self.directory.turn().await;
        for peer in self.directory.all().into_iter().filter(|peer| peer.suspended.is_some()) {
            let (key, authority) = (peer_key(&self.home, peer.authority()), peer.authority());
            let row: Option<PeerRow> = rows::load(&self.store, Table::Peers, &key)?;
            if row.is_some_and(|row| row.suspended.is_empty()) {
                let authority = authority.clone();
                self.store.commit(move |tx| suspend_in(tx, &key, authority)).await?;
            }
        }
        Ok(())
    }
}

impl Peer {
    fn with_suspension(&self, suspended: Option<String>) -> Self {
        let Self { card, added, resumed, .. } = self;
        Self { card: card.clone(), added: *added, suspended, resumed: *resumed }
    }
}

/// Suspends a peer whose log has signed two pasts, with its entry, unless it is suspended already
/// or no peer any more.
pub(super) fn suspend_in(
    tx: &mut Tx<'_>,
    key: &[u8; 16],
    authority: AuthorityId,
) -> Result<(), ActionError> {
    let row = load_in::<PeerRow>(tx, Table::Peers, key)?;
    let Some(mut row) = row.filter(|row| !row.removed && row.suspended.is_empty()) else {
        return Ok(());
    };
    row.suspended = EQUIVOCATION.to_owned();
    tx.put(Table::Peers, key, row.encode_to_vec());
    tx.append(EntryDraft::new(Event::PeerSuspended).peer(authority).code(EQUIVOCATION));
    Ok(())
}

#[cfg(test)]
#[path = "suspend_tests.rs"]
mod tests;
