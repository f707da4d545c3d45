//! The directory: whom this node trusts, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prost::Message as _;
use tokio::sync::watch;

use super::cards::keep_card;
use super::rows::{self, PeerRow, head_key, peer_key};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::card::Card;
use crate::crypto::PublicKey;
use crate::domain::{AuthorityId, AuthorityKind, Timestamp};
use crate::store::{Store, Table};

/// An authority that this node trusts.
pub struct Peer {
    /// Its card.
    pub card: Card,
    /// Since when.
    pub added: Timestamp,
    /// Why nothing is exchanged with it at present, as a code.
    pub suspended: Option<String>,
    /// When an operator resumed it last, having looked at what was held against it.
    pub(super) resumed: Option<Timestamp>,
}

impl Peer {
    /// Its name.
    pub fn authority(&self) -> &AuthorityId {
        self.card.authority()
    }

    fn from_row(row: PeerRow) -> Result<Self, ActionError> {
        let card = Card::parse(&row.card).map_err(ActionError::fault)?;
        let added = Timestamp::from_unix_ms(row.added_ms);
        let suspended = (!row.suspended.is_empty()).then_some(row.suspended);
        let resumed = (row.resumed_ms != 0).then(|| Timestamp::from_unix_ms(row.resumed_ms));
        Ok(Self { card, added, suspended, resumed })
    }

    pub(super) fn to_row(&self, removed: bool) -> PeerRow {
        PeerRow {
            card: self.card.text().to_owned(),
            added_ms: self.added.unix_ms(),
            removed,
            suspended: self.suspended.clone().unwrap_or_default(),
            resumed_ms: self.resumed.map_or(0, Timestamp::unix_ms),
        }
    }
}

type Peers = BTreeMap<AuthorityId, Arc<Peer>>;

/// The peers, readable without a lock; connections and streams look at every use, so a removed
/// peer is out at once.
pub struct Directory {
    peers: ArcSwap<Peers>,
    changed: watch::Sender<u64>,
    /// Who changes a row reads it first: a suspension and a new card must not undo each other.
    turn: tokio::sync::Mutex<()>,
}

impl Directory {
    pub(super) fn load(store: &Store) -> Result<Self, ActionError> {
        Ok(Self {
            peers: ArcSwap::from_pointee(kept(store)?),
            changed: watch::Sender::new(0),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// A peer.
    pub fn get(&self, authority: &AuthorityId) -> Option<Arc<Peer>> {
        self.peers.load().get(authority).cloned()
    }

    /// All peers, by name.
    pub fn all(&self) -> Vec<Arc<Peer>> {
        self.peers.load().values().cloned().collect()
    }

    /// Tells when peers came or went.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes the turn of whoever changes a row.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The same, for who holds a thread of its own.
    pub(super) fn blocking_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.blocking_lock()
    }

    /// Puts a peer in the place of what was known of it.
    pub(super) fn put(&self, peer: &Arc<Peer>) {
        self.update(|peers| {
            peers.insert(peer.authority().clone(), peer.clone());
        });
    }

    fn update(&self, change: impl Fn(&mut Peers)) {
        self.peers.rcu(|peers| {
            let mut peers = Peers::clone(peers);
            change(&mut peers);
            peers
        });
        self.changed.send_modify(|generation| *generation += 1);
    }
}

fn kept(store: &Store) -> Result<Peers, ActionError> {
    let mut peers = Peers::new();
    for row in rows::all::<PeerRow>(store, Table::Peers)? {
        if !row.removed {
            let peer = Peer::from_row(row)?;
            peers.insert(peer.authority().clone(), Arc::new(peer));
        }
    }
    Ok(peers)
}

impl Exchange {
    /// Reads the peers again from the store, into which they were put back.
    ///
    /// # Errors
    /// [`ActionError::Fault`] where they cannot be read.
    pub fn reload_directory(&self) -> Result<(), ActionError> {
        let peers = kept(&self.store)?;
        self.directory.update(|known| known.clone_from(&peers));
        Ok(())
    }

    /// Trusts a card. A new authority's fingerprint must have been compared; a newer card under
    /// the root key that is already trusted needs none.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] names what is wrong with card or fingerprint.
    pub async fn add_peer(&self, card: Card, fingerprint: &str) -> Result<Arc<Peer>, ActionError> {
        self.check_writable()?;
        let _turn = self.directory.turn().await;
        let known = self.directory.get(card.authority());
        let before = self.card_before(card.authority())?;
        self.check_card(&card, fingerprint, known.is_some(), before.as_ref())?;
        self.replace_card(card, known).await
    }

    /// Puts a card that was checked in the place of what was known of the authority. The caller has the
    /// turn.
    pub(super) async fn replace_card(
        &self,
        card: Card,
        known: Option<Arc<Peer>>,
    ) -> Result<Arc<Peer>, ActionError> {
        let before = self.card_before(card.authority())?;
        let event = if known.is_some() { Event::PeerUpdated } else { Event::PeerAdded };
        let added = known.as_ref().map_or_else(|| self.now(), |peer| peer.added);
        let suspended = known.as_ref().and_then(|peer| peer.suspended.clone());
        let resumed = known.and_then(|peer| peer.resumed);
        let peer = Arc::new(Peer { card, added, suspended, resumed });
        let new_root = is_new_root(&peer.card, before.as_ref());
        let key = peer_key(&self.home, peer.authority());
        let logs: Vec<String> =
            self.heads.origins().into_iter().filter(|log| peer.card.owns_log(log)).collect();
        let heads: Vec<_> = logs.iter().map(|log| head_key(&self.home, log)).collect();
        let row = peer.to_row(false);
        let draft = EntryDraft::new(event).peer(peer.authority().clone()).card(peer.card.digest());
        let (home, kept) = (self.home.clone(), peer.clone());
        self.store
            .commit(move |tx| {
                tx.put(Table::Peers, &key, row.encode_to_vec());
                if new_root {
                    heads.iter().for_each(|log| tx.delete(Table::Heads, log));
                }
                let at = tx.at();
                let place = (tx.append(draft), at);
                keep_card(tx, &home, kept.authority(), Some(&kept.card), place);
                Ok::<_, ActionError>(())
            })
            .await?;
        match new_root {
            true => self.heads.forget(&logs, || self.directory.put(&peer)),
            false => self.directory.put(&peer),
        }
        self.forget_refused_card(peer.authority());
        Ok(peer)
    }

    /// The card by which the authority was known last, also where it was removed since.
    fn card_before(&self, authority: &AuthorityId) -> Result<Option<Card>, ActionError> {
        let key = peer_key(&self.home, authority);
        let row: Option<PeerRow> = rows::load(&self.store, Table::Peers, &key)?;
        row.map(|row| Card::parse(&row.card)).transpose().map_err(ActionError::fault)
    }

    /// What an authority is, as it was known last.
    pub(super) fn kind_of(&self, authority: &AuthorityId) -> Result<AuthorityKind, ActionError> {
        match self.directory.get(authority) {
            Some(peer) => Ok(peer.card.kind()),
            None => Ok(self.card_before(authority)?.map(|card| card.kind()).unwrap_or_default()),
        }
    }

    /// As [`is_new_root`], of the card that is kept.
    pub(super) fn has_new_root(&self, card: &Card) -> Result<bool, ActionError> {
        Ok(is_new_root(card, self.card_before(card.authority())?.as_ref()))
    }

    /// Whether a card may take the place of the one before it. Under one root that binds also where the
    /// authority was removed meanwhile: an old card has keys that were retired.
    fn check_card(
        &self,
        card: &Card,
        fingerprint: &str,
        is_known: bool,
        before: Option<&Card>,
    ) -> Result<(), ActionError> {
        if *card.authority() == self.me {
            return Err(ActionError::invalid("card", "this is the card of this node itself"));
        }
        let before = before.filter(|before| before.fingerprint() == card.fingerprint());
        match before {
            Some(before) => self.check_newer(card, before)?,
            None => self.check_sound(card)?,
        }
        match before.filter(|_| is_known) {
            Some(before) if before.body().kind != card.body().kind => {
                check_kind(card, before, fingerprint)
            }
            Some(_) => Ok(()),
            None => check_fingerprint(card, fingerprint),
        }
    }

    /// Whether a card can be used now, and follows one under the same root.
    pub(super) fn check_newer(&self, card: &Card, before: &Card) -> Result<(), ActionError> {
        self.check_sound(card)?;
        check_follows(card, before)
    }

    fn check_sound(&self, card: &Card) -> Result<(), ActionError> {
        if card.expires() < self.now() {
            let rule = format!("the card ended at {}: ask for a new one", card.expires());
            return Err(ActionError::invalid("card", rule));
        }
        self.check_keys_of_its_own(card)
    }

    /// No two authorities share a key: with the pin of another in its card, a peer could pass for
    /// it, or lock it out; with its witness key, what that one cosigned would count as the peer's.
    /// A suspended one stands in nobody's way: it may be the one that has copied a key.
    pub(super) fn check_keys_of_its_own(&self, card: &Card) -> Result<(), ActionError> {
        let peers = self.directory.all();
        let own = self.card();
        let others = peers.iter().filter(|peer| peer.suspended.is_none()).map(|peer| &peer.card);
        let others = others.chain([&*own]);
        for other in others.filter(|other| other.authority() != card.authority()) {
            let pins = card.tls_pins().iter().any(|pin| other.tls_pins().contains(pin));
            let keys: Vec<&[u8]> = other.public_keys().map(PublicKey::bytes).collect();
            if pins || card.public_keys().any(|key| keys.contains(&key.bytes())) {
                let rule = format!("holds a key of {}", other.authority());
                return Err(ActionError::invalid("card", rule));
            }
        }
        Ok(())
    }

    /// Ends the trust in a peer: from now on it is a stranger. What was exchanged stays.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for an authority that is not in the directory.
    pub async fn remove_peer(&self, authority: &AuthorityId) -> Result<(), ActionError> {
        self.check_writable()?;
        let _turn = self.directory.turn().await;
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = self.directory.get(authority).ok_or_else(unknown)?;
        let row = peer.to_row(true);
        let key = peer_key(&self.home, authority);
        let draft = EntryDraft::new(Event::PeerRemoved).peer(authority.clone());
        let (home, gone) = (self.home.clone(), authority.clone());
        self.store
            .commit(move |tx| {
                tx.put(Table::Peers, &key, row.encode_to_vec());
                let at = tx.at();
                let place = (tx.append(draft), at);
                keep_card(tx, &home, &gone, None, place);
                Ok::<_, ActionError>(())
            })
            .await?;
        self.directory.update(|peers| {
            peers.remove(authority);
        });
        Ok(())
    }
}

/// Whether the authority was known under another root: then its log may be another one under the same
/// name, and what was held of the old one does not bind it. Somebody has compared the new fingerprint.
fn is_new_root(card: &Card, before: Option<&Card>) -> bool {
    before.is_some_and(|before| before.fingerprint() != card.fingerprint())
}

/// Whether a card follows another one under the same root.
pub(super) fn check_follows(card: &Card, before: &Card) -> Result<(), ActionError> {
    let (version, known) = (card.version(), before.version());
    if version < known || (version == known && card.digest() != before.digest()) {
        let rule =
            format!("the card is version {version}, not newer than version {known} before it");
        return Err(ActionError::invalid("card", rule));
    }
    // It would leave its log behind without a succession.
    if card.log_origin() != before.log_origin() {
        let rule = format!(
            "the card names {} as the first log, and the card before it {}",
            card.log_origin(),
            before.log_origin()
        );
        return Err(ActionError::invalid("card", rule));
    }
    Ok(())
}

/// What may be sent to an authority, and taken from it, hangs on what it is.
fn check_kind(card: &Card, before: &Card, fingerprint: &str) -> Result<(), ActionError> {
    if fingerprint.trim().is_empty() {
        let rule = format!(
            "must be given: the card says that {} is {}, and it was added as {}; ask the other side, \
             and compare the fingerprint again",
            card.authority(),
            card.body().kind.about(),
            before.body().kind.about()
        );
        return Err(ActionError::invalid("fingerprint", rule));
    }
    check_fingerprint(card, fingerprint)
}

fn check_fingerprint(card: &Card, given: &str) -> Result<(), ActionError> {
    if given.trim().is_empty() {
        return Err(ActionError::invalid(
            "fingerprint",
            "must be given for an authority that is not yet trusted: compare it with the other \
             side by telephone or in person, never from the message that brought the card",
        ));
    }
    match card.fingerprint().matches(given) {
        Ok(true) => Ok(()),
        Ok(false) => Err(ActionError::invalid(
            "fingerprint",
            format!(
                "is not that of this card, which is {} ({}): either it was misread, or the card \
                 is not from {}",
                card.fingerprint().words(),
                card.fingerprint(),
                card.authority()
            ),
        )),
        Err(error) => Err(ActionError::invalid("fingerprint", error.to_string())),
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
