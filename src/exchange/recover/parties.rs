//! What entries about peers and agencies do to their rows.

use std::collections::BTreeMap;

use prost::Message as _;

use super::Kept;
use crate::audit::entry::{Entry, Event};
use crate::card::Card;
use crate::crypto::Digest;
use crate::exchange::cards::keep_card;
use crate::exchange::rows::{AgencyRow, PeerRow, head_key, load_in, peer_key};
use crate::exchange::{ActionError, Exchange};
use crate::store::{Table, Tx};

impl Exchange {
    /// By the digests of cards under another root than is known: the heads that do not bind their
    /// logs.
    pub(super) fn forgotten(
        &self,
        cards: &[Card],
    ) -> Result<BTreeMap<Digest, Vec<[u8; 16]>>, ActionError> {
        let mut forgotten = BTreeMap::new();
        for card in cards {
            if self.has_new_root(card)? {
                let logs = self.heads.origins().into_iter().filter(|log| card.owns_log(log));
                let heads = logs.map(|log| head_key(&self.home, &log)).collect();
                forgotten.insert(card.digest(), heads);
            }
        }
        Ok(forgotten)
    }
}

impl Kept {
    /// A card was trusted, or a newer one took its place. One that the export does not have any more
    /// changes nothing here: a later entry names the one that it has, or the peer is removed in the
    /// end.
    pub(super) fn peer_card(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        let Some((digest, peer)) = entry.card.zip(entry.peer.as_ref()) else { return Ok(()) };
        let card = self.cards.get(&digest).filter(|card| card.authority() == peer);
        let Some(card) = card else { return Ok(()) };
        keep_card(tx, &self.home, peer, Some(card), (position, entry.at));
        let key = peer_key(&self.home, peer);
        let before: Option<PeerRow> = load_in(tx, Table::Peers, &key)?;
        for head in self.forgotten.get(&digest).into_iter().flatten() {
            tx.delete(Table::Heads, head);
        }
        let row = match before.filter(|_| entry.event == Event::PeerUpdated) {
            Some(row) => PeerRow { card: card.text().to_owned(), removed: false, ..row },
            None => PeerRow {
                card: card.text().to_owned(),
                added_ms: entry.at.unix_ms(),
                ..PeerRow::default()
            },
        };
        tx.put(Table::Peers, &key, row.encode_to_vec());
        Ok(())
    }

    /// A card of ours that the home still has.
    pub(super) fn own_card(&self, tx: &mut Tx<'_>, position: u64, entry: &Entry) {
        let card = entry.card.and_then(|digest| self.cards.get(&digest));
        if let Some(card) = card.filter(|card| *card.authority() == self.me) {
            keep_card(tx, &self.home, &self.me, Some(card), (position, entry.at));
        }
    }

    pub(super) fn peer_standing(
        &self,
        tx: &mut Tx<'_>,
        position: u64,
        entry: &Entry,
    ) -> Result<(), ActionError> {
        let Some(peer) = &entry.peer else { return Ok(()) };
        let key = peer_key(&self.home, peer);
        let Some(mut row) = load_in::<PeerRow>(tx, Table::Peers, &key)? else { return Ok(()) };
        match entry.event {
            Event::PeerRemoved => {
                row.removed = true;
                keep_card(tx, &self.home, peer, None, (position, entry.at));
            }
            Event::PeerSuspended => row.suspended = entry.code.clone().unwrap_or_default(),
            _ => {
                row.suspended.clear();
                row.resumed_ms = entry.at.unix_ms();
            }
        }
        tx.put(Table::Peers, &key, row.encode_to_vec());
        Ok(())
    }

    /// An agency lost its access, or was given a certificate that is not known here: the one that is
    /// known was to be used no more.
    pub(super) fn agency(&self, tx: &mut Tx<'_>, entry: &Entry) -> Result<(), ActionError> {
        let name = entry.who.as_ref().and_then(|who| self.agencies.get(who));
        let Some(name) = name else { return Ok(()) };
        let key = self.home.blind("agency", name.as_bytes());
        if let Some(mut row) = load_in::<AgencyRow>(tx, Table::Agencies, &key)? {
            row.revoked = true;
            tx.put(Table::Agencies, &key, row.encode_to_vec());
        }
        Ok(())
    }
}
