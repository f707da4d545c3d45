//! The directory: whom this node trusts, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prost::Message as _;
use tokio::sync::watch;

use super::rows::{self, PeerRow, peer_key};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::card::Card;
use crate::domain::{AuthorityId, Timestamp};
use crate::store::{Store, Table};

/// An authority that this node trusts.
pub struct Peer {
    /// Its card.
    pub card: Card,
    /// Since when.
    pub added: Timestamp,
}

impl Peer {
    /// Its name.
    pub fn authority(&self) -> &AuthorityId {
        self.card.authority()
    }
}

type Peers = BTreeMap<AuthorityId, Arc<Peer>>;

/// The peers, readable without a lock; connections and streams look at every use, so a removed
/// peer is out at once.
pub struct Directory {
    peers: ArcSwap<Peers>,
    changed: watch::Sender<u64>,
}

impl Directory {
    pub(super) fn load(store: &Store) -> Result<Self, ActionError> {
        let mut peers = Peers::new();
        for row in rows::all::<PeerRow>(store, Table::Peers)? {
            if !row.removed {
                let card = Card::parse(&row.card).map_err(ActionError::fault)?;
                let added = Timestamp::from_unix_ms(row.added_ms);
                peers.insert(card.authority().clone(), Arc::new(Peer { card, added }));
            }
        }
        Ok(Self { peers: ArcSwap::from_pointee(peers), changed: watch::Sender::new(0) })
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

    fn update(&self, change: impl Fn(&mut Peers)) {
        self.peers.rcu(|peers| {
            let mut peers = Peers::clone(peers);
            change(&mut peers);
            peers
        });
        self.changed.send_modify(|generation| *generation += 1);
    }
}

impl Exchange {
    /// Trusts a card. A new authority's fingerprint must have been compared; a newer card under
    /// the root key that is already trusted needs none.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] names what is wrong with card or fingerprint.
    pub async fn add_peer(&self, card: Card, fingerprint: &str) -> Result<Arc<Peer>, ActionError> {
        self.check_writable()?;
        let known = self.directory.get(card.authority());
        self.check_card(&card, fingerprint, known.as_deref())?;
        let event = if known.is_some() { Event::PeerUpdated } else { Event::PeerAdded };
        let added = known.map_or_else(|| self.now(), |peer| peer.added);
        let row =
            PeerRow { card: card.text().to_owned(), added_ms: added.unix_ms(), removed: false };
        let key = peer_key(&self.home, card.authority());
        let draft = EntryDraft::new(event).peer(card.authority().clone()).card(card.digest());
        self.store
            .commit(move |tx| {
                tx.put(Table::Peers, &key, row.encode_to_vec());
                tx.append(draft);
                Ok::<_, ActionError>(())
            })
            .await?;
        let peer = Arc::new(Peer { card, added });
        self.directory.update(|peers| {
            peers.insert(peer.authority().clone(), peer.clone());
        });
        Ok(peer)
    }

    fn check_card(
        &self,
        card: &Card,
        fingerprint: &str,
        known: Option<&Peer>,
    ) -> Result<(), ActionError> {
        if *card.authority() == self.me {
            return Err(ActionError::invalid("card", "this is the card of this node itself"));
        }
        if card.expires() < self.now() {
            let rule = format!("the card ended at {}: ask for a new one", card.expires());
            return Err(ActionError::invalid("card", rule));
        }
        self.check_keys_of_its_own(card)?;
        match known {
            Some(peer) if peer.card.fingerprint() == card.fingerprint() => {
                let same = card.digest() == peer.card.digest();
                if card.version() < peer.card.version()
                    || (card.version() == peer.card.version() && !same)
                {
                    let rule = format!(
                        "the card is version {}, not newer than version {} in the directory",
                        card.version(),
                        peer.card.version()
                    );
                    return Err(ActionError::invalid("card", rule));
                }
                Ok(())
            }
            _ => check_fingerprint(card, fingerprint),
        }
    }

    /// No two authorities share a key: with the pin of another in its card, a peer could pass for
    /// it, or lock it out.
    fn check_keys_of_its_own(&self, card: &Card) -> Result<(), ActionError> {
        let peers = self.directory.all();
        let others = peers.iter().map(|peer| &peer.card).chain([&self.card]);
        for other in others.filter(|other| other.authority() != card.authority()) {
            let pins = card.tls_pins().iter().any(|pin| other.tls_pins().contains(pin));
            let keys = |card: &Card| {
                let body = card.body();
                let keys = body.signing.iter().chain(&body.sealing);
                keys.map(|key| key.key.clone()).chain([body.root.clone()]).collect::<Vec<_>>()
            };
            let others_keys = keys(other);
            if pins || keys(card).iter().any(|key| others_keys.contains(key)) {
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
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = self.directory.get(authority).ok_or_else(unknown)?;
        let row = PeerRow {
            card: peer.card.text().to_owned(),
            added_ms: peer.added.unix_ms(),
            removed: true,
        };
        let key = peer_key(&self.home, authority);
        let draft = EntryDraft::new(Event::PeerRemoved).peer(authority.clone());
        self.store
            .commit(move |tx| {
                tx.put(Table::Peers, &key, row.encode_to_vec());
                tx.append(draft);
                Ok::<_, ActionError>(())
            })
            .await?;
        self.directory.update(|peers| {
            peers.remove(authority);
        });
        Ok(())
    }
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
