//! The cards of peers beside the logs of an authority, held against what its entries say of them. Its own
//! card is what an auditor brings: a node whose log is an older copy has a newer one, and its log must be
//! verified all the same.
//!
//! An export has the cards that its owner had when it was made, beside each of its logs. Those beside
//! the newest log are the last ones that the logs name. Those beside a log before it may lie there since
//! an earlier export, so that entries of any log from then on may name them.

use std::collections::BTreeMap;

use super::VerifyFailure;
use crate::audit::entry::{Entry, Event};
use crate::audit::export::{CARDS, earlier_dir};
use crate::crypto::Digest;

/// Why a card does not fit the log that it lies beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardFault {
    /// The log names another one as the last.
    #[error("is not the card that the log has last of this authority")]
    Other,
    /// The log names none.
    #[error("no entry of the log has this card")]
    Unrecorded,
}

/// What was found of cards in one log and those before it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cards {
    owner: String,
    /// The card that the entries name last, by its authority.
    last: BTreeMap<String, Digest>,
    /// Cards beside the log that was looked at last.
    beside: Vec<Card>,
    /// Those beside the logs before it that no entry has named yet, by their paths in the export.
    open: BTreeMap<String, Card>,
    /// Whether entries before the first one at hand may have named cards.
    has_past: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Card {
    /// Whose it is, by the name of its file.
    of: String,
    digest: Digest,
    /// Whether an entry names it.
    named: bool,
}

impl Card {
    fn path(&self) -> String {
        format!("{CARDS}{}.card", self.of)
    }
}

impl Cards {
    /// Before the first log of an authority.
    pub(super) fn of(owner: &str) -> Self {
        Self { owner: owner.to_owned(), ..Self::default() }
    }

    /// Goes on from the log of an origin to the one that follows.
    pub(super) fn after(mut self, origin: &str) -> Self {
        for card in std::mem::take(&mut self.beside).into_iter().filter(|card| !card.named) {
            self.open.insert(format!("{}{}", earlier_dir(origin), card.path()), card);
        }
        self
    }

    /// Takes the files that lie beside the log, as its manifest lists them.
    pub(super) fn beside<'a>(&mut self, files: impl Iterator<Item = (&'a str, Digest)>) {
        for (path, digest) in files {
            let name = path.strip_prefix(CARDS).and_then(|name| name.strip_suffix(".card"));
            if let Some(of) = name.filter(|of| *of != self.owner).map(str::to_owned) {
                let named = self.last.get(&of) == Some(&digest);
                self.beside.push(Card { of, digest, named });
            }
        }
    }

    /// The first entry goes on from a log that is not at hand.
    pub(super) fn goes_on(&mut self) {
        self.has_past = true;
    }

    /// Sees an entry pass.
    pub(super) fn see(&mut self, entry: &Entry) {
        let is_told = matches!(entry.event, Event::PeerAdded | Event::PeerUpdated);
        let (Some(of), Some(digest)) = (entry.peer.as_ref().filter(|_| is_told), entry.card) else {
            return;
        };
        let of = of.to_string();
        let is_it = |card: &Card| card.of == of && card.digest == digest;
        self.beside.iter_mut().filter(|card| is_it(card)).for_each(|card| card.named = true);
        self.open.retain(|_, card| !is_it(card));
        self.last.insert(of, digest);
    }

    /// Whether each card is of somebody who is `known`.
    ///
    /// # Errors
    /// [`VerifyFailure::Card`], the first that is not.
    pub(super) fn are_of(&self, known: &dyn Fn(&str) -> bool) -> Result<(), VerifyFailure> {
        let beside = self.beside.iter().map(|card| (card.path(), card));
        let open = self.open.iter().map(|(path, card)| (path.clone(), card));
        match beside.chain(open).find(|(_, card)| !known(&card.of)) {
            Some((path, _)) => Err(VerifyFailure::Card { path, fault: CardFault::Unrecorded }),
            None => Ok(()),
        }
    }

    /// Whether all cards of an export fit its logs, of which the newest one was looked at last.
    ///
    /// # Errors
    /// [`VerifyFailure::Card`], the first that does not.
    pub fn fit(&self) -> Result<(), VerifyFailure> {
        let failed = |path: String, fault| Err(VerifyFailure::Card { path, fault });
        for card in &self.beside {
            match self.last.get(&card.of) {
                Some(last) if *last != card.digest => return failed(card.path(), CardFault::Other),
                None if !self.has_past => {
                    return failed(card.path(), CardFault::Unrecorded);
                }
                _ => {}
            }
        }
        let unnamed = self.open.iter().find(|_| !self.has_past);
        match unnamed {
            Some((path, _)) => failed(path.clone(), CardFault::Unrecorded),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::EntryDraft;
    use crate::audit::testing::{TestLog, authority};

    fn added(event: Event, card: u8) -> EntryDraft {
        EntryDraft::new(event).peer(authority("xb.oag")).card([card; 32])
    }

    /// The entries of a log, and the cards beside it.
    type Beside<'a> = (&'a [EntryDraft], &'a [(&'a str, u8)]);

    /// What is found in logs with these entries, each with these cards beside it.
    fn found(logs: &[Beside<'_>]) -> Result<(), String> {
        let mut cards = Cards::of("xa.moj");
        for (number, (entries, beside)) in (0u32..).zip(logs) {
            let files = beside.iter().map(|(path, card)| (*path, [*card; 32]));
            cards.beside(files);
            let mut log = TestLog::new("xa.moj", 1);
            for draft in *entries {
                log.push(draft.clone());
            }
            log.entries.iter().for_each(|e| cards.see(&Entry::parse(e).expect("sound")));
            if number as usize + 1 < logs.len() {
                cards = cards.after(&format!("xa.moj/log/{}", 2026 + number));
            }
        }
        cards.fit().map_err(|failure| failure.to_string())
    }

    const XB: &str = "cards/xb.oag.card";

    #[test]
    fn the_card_of_a_peer_is_the_last_one_that_the_log_names() {
        let two = [added(Event::PeerAdded, 1), added(Event::PeerUpdated, 2)];
        assert_eq!(found(&[(&two, &[(XB, 2)])]), Ok(()));
        for card in [1, 9] {
            let failure = found(&[(&two, &[(XB, card)])]).expect_err("another");
            assert!(failure.starts_with("cards/xb.oag.card: is not the card that"), "{failure}");
        }
        let failure = found(&[(&two, &[("cards/xc.moj.card", 2)])]).expect_err("never added");
        assert_eq!(failure, "cards/xc.moj.card: no entry of the log has this card");
        assert_eq!(found(&[(&two, &[])]), Ok(()), "an export may have none");
    }

    #[test]
    fn the_owners_card_is_the_auditors_to_bring() {
        let own = "cards/xa.moj.card";
        let published = [EntryDraft::new(Event::CardPublished).card([8; 32])];
        for card in [7, 8] {
            assert_eq!(found(&[(&published, &[(own, card)])]), Ok(()), "{card}");
        }
    }

    #[test]
    fn beside_an_earlier_log_lies_a_card_that_any_later_entry_may_name() {
        let first = [added(Event::PeerAdded, 1)];
        let second = [added(Event::PeerUpdated, 2), added(Event::PeerUpdated, 3)];
        for card in [1, 2, 3] {
            let logs: [Beside<'_>; 2] = [(&first, &[(XB, card)]), (&second, &[(XB, 3)])];
            assert_eq!(found(&logs), Ok(()), "{card}");
        }
        let failure = found(&[(&first, &[(XB, 9)]), (&second, &[(XB, 3)])]).expect_err("forged");
        assert_eq!(failure, "earlier/2026/cards/xb.oag.card: no entry of the log has this card");
        // Nothing new of it: the one of the log before is still the last.
        assert_eq!(found(&[(&first, &[]), (&[], &[(XB, 1)])]), Ok(()));
        assert!(found(&[(&first, &[]), (&[], &[(XB, 2)])]).is_err());
    }

    #[test]
    fn what_a_log_that_is_not_at_hand_may_have_named_is_not_refused() {
        let mut cards = Cards::of("xa.moj");
        cards.goes_on();
        cards.beside([(XB, [5; 32])].into_iter());
        assert_eq!(cards.fit(), Ok(()));
    }
}
