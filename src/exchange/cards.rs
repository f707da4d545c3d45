//! Cards over time: publishing ours, taking the newer ones of peers, and what each said from when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost::Message as _;
use tokio::sync::watch;

use super::budgets::Budgets;
use super::rows::{self, CardRow, peer_key};
use super::suspend::distrusted;
use super::{ActionError, Exchange, Peer};
use crate::audit::entry::{EntryDraft, Event};
use crate::card::Card;
use crate::crypto::{HomeKey, sha256};
use crate::domain::{AuthorityId, Timestamp};
use crate::pb::v1 as pb;
use crate::store::{Direction, Position, Table, Tx};

/// Cards of one authority that are shown at once, the newest of them: more than one a month in ten
/// years.
pub const CARDS_SHOWN_MAX: usize = 200;

/// What an authority's card said from an entry of our log on.
#[derive(Clone)]
pub struct CardVersion {
    /// The card; `None` from where the trust in the authority ended.
    pub card: Option<Card>,
    /// Since when, by this node's clock.
    pub since: Timestamp,
    /// The entry that says so. For the card that this home was made with it is the first one of its
    /// log.
    pub position: Position,
}

impl CardVersion {
    /// The entry's index in its log.
    pub fn index(&self) -> u64 {
        self.position.index
    }

    /// Which of our logs has it, from 0.
    pub fn log(&self) -> u32 {
        self.position.log
    }

    fn of_row(key: &[u8], row: &CardRow) -> Result<Self, ActionError> {
        let number = key.get(16..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let number = number.ok_or_else(|| ActionError::fault("the key of a card is damaged"))?;
        let card = match row.card.as_str() {
            "" => None,
            text => Some(Card::parse(text).map_err(ActionError::fault)?),
        };
        let since = Timestamp::from_unix_ms(row.since_ms);
        Ok(Self { card, since, position: Position::from_number(number) })
    }
}

/// Why a card that a peer sends is not taken. The message goes to the peer.
struct NotTaken {
    code: &'static str,
    message: String,
    /// What our own operator is told, where that is more.
    told: Option<String>,
}

/// The code of a card that a newer one has overtaken.
const OLD: &str = "CARD_OLD";

/// Keeps what a card says from an entry on; no card where trust has ended.
pub(super) fn keep_card(
    tx: &mut Tx<'_>,
    home: &HomeKey,
    authority: &AuthorityId,
    card: Option<&Card>,
    (position, since): (u64, Timestamp),
) {
    let key = card_key(home, authority, position);
    let text = card.map(|card| card.text().to_owned()).unwrap_or_default();
    let row = CardRow { card: text, since_ms: since.unix_ms() };
    tx.put(Table::Cards, &key, row.encode_to_vec());
}

fn card_key(home: &HomeKey, authority: &AuthorityId, position: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&peer_key(home, authority));
    key[16..].copy_from_slice(&position.to_be_bytes());
    key
}

impl Exchange {
    /// Tells when a newer card of ours took the place of the one before.
    pub(super) fn card_changes(&self) -> watch::Receiver<u64> {
        self.card_changed.subscribe()
    }

    /// Puts a newer card of ours in the place of the present one, logs that, and has it sent to all
    /// peers. The home has it already: whatever happens, the next start says it.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] for a card that is not ours or not newer; others when the commit fails.
    pub async fn publish_card(&self, card: Card, who: Option<&str>) -> Result<(), ActionError> {
        self.publish_with(who, |_| Ok(Some(card))).await.map(drop)
    }

    /// The same with a card that is made, and written into the home, from the present one when its turn
    /// has come; `None` where there is no other to publish. Gives both.
    ///
    /// # Errors
    /// Those of `make`; others as of [`Exchange::publish_card`].
    pub async fn publish_with(
        &self,
        who: Option<&str>,
        make: impl FnOnce(&Card) -> Result<Option<Card>, ActionError>,
    ) -> Result<(Arc<Card>, Arc<Card>), ActionError> {
        self.check_writable()?;
        let _turn = self.directory.turn().await;
        let before = self.card();
        let made = make(&before)?;
        self.log_card_in_turn(None).await?;
        if let Some(card) = made.filter(|made| made.digest() != before.digest()) {
            self.put_own(card, who).await?;
        }
        Ok((before, self.card()))
    }

    async fn put_own(&self, card: Card, who: Option<&str>) -> Result<(), ActionError> {
        let before = self.card();
        if card.authority() != &self.me || card.fingerprint() != before.fingerprint() {
            return Err(ActionError::invalid("card", "is not one of this authority's root key"));
        }
        super::directory::check_follows(&card, &before)?;
        let who = who.map(|who| self.handle(who));
        self.commit_own(&card, who).await?;
        self.card.store(Arc::new(card));
        self.card_changed.send_modify(|generation| *generation += 1);
        Ok(())
    }

    /// Logs our card where it is another one than was logged last: at every start, so that a change
    /// that was cut off, or made while no node ran, is told all the same.
    ///
    /// # Errors
    /// [`ActionError`] when the commit fails.
    pub async fn log_card(&self) -> Result<(), ActionError> {
        let _turn = self.directory.turn().await;
        self.log_card_in_turn(None).await
    }

    async fn log_card_in_turn(&self, who: Option<String>) -> Result<(), ActionError> {
        let card = self.card();
        let newest = self.cards_of(&self.me, 1)?.into_iter().next();
        let logged = newest.and_then(|newest| newest.card);
        match logged {
            Some(logged) if logged.digest() == card.digest() => Ok(()),
            Some(_) => self.commit_own(&card, who).await,
            None => self.keep_first(&card).await,
        }
    }

    /// The card that the home was made with is no change: it stands under the first entry of the log.
    async fn keep_first(&self, card: &Card) -> Result<(), ActionError> {
        let (home, me, card) = (self.home.clone(), self.me.clone(), card.clone());
        self.store
            .commit(move |tx| {
                let first = (Position::default().number(), card.body().issued);
                keep_card(tx, &home, &me, Some(&card), first);
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    async fn commit_own(&self, card: &Card, who: Option<String>) -> Result<(), ActionError> {
        let mut draft = EntryDraft::new(Event::CardPublished).card(card.digest());
        if let Some(who) = &who {
            draft = draft.who(who);
        }
        let (home, me, card) = (self.home.clone(), self.me.clone(), card.clone());
        self.store
            .commit(move |tx| {
                let at = tx.at();
                let position = tx.append(draft);
                keep_card(tx, &home, &me, Some(&card), (position, at));
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    /// What the cards of an authority have said, the newest first; [`CARDS_SHOWN_MAX`] of them at most.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn card_history(&self, authority: &AuthorityId) -> Result<Vec<CardVersion>, ActionError> {
        self.cards_of(authority, CARDS_SHOWN_MAX)
    }

    fn cards_of(
        &self,
        authority: &AuthorityId,
        most: usize,
    ) -> Result<Vec<CardVersion>, ActionError> {
        let prefix = peer_key(&self.home, authority);
        let rows = self.store.scan(Table::Cards, &prefix, None, Direction::Backward, most)?;
        let read = |(key, row): (Vec<u8>, Vec<u8>)| CardVersion::of_row(&key, &rows::decode(&row)?);
        rows.into_iter().map(read).collect()
    }

    /// Takes the card that a peer sends of itself, if it is a newer one under the root key that is
    /// trusted. What else it changes than an operator has agreed to is left to the operator.
    ///
    /// # Errors
    /// [`ActionError`]: ours, the weather's, or the peer is trusted no more.
    pub(super) async fn take_card(
        &self,
        peer: &Peer,
        text: &str,
    ) -> Result<pb::CardReply, ActionError> {
        self.check_writable()?;
        let _turn = self.directory.turn().await;
        let known = self.directory.get(peer.authority()).filter(|peer| peer.suspended.is_none());
        let known = known.ok_or_else(distrusted)?;
        let version = known.card.version();
        // Every stream brings the card that is known: that costs nothing.
        if sha256(text.as_bytes()) == known.card.digest() {
            return Ok(pb::CardReply { version, refused: None });
        }
        // Before it is judged: what is refused costs as much, and a trace line for each.
        if !self.cards_sent.budget.take(peer.authority().as_str(), self.now()) {
            let message = "so many cards are not taken in so short a time".to_owned();
            let refused = Some(pb::Refusal { code: "TOO_MANY_CARDS".into(), message });
            return Ok(pb::CardReply { version, refused });
        }
        match self.judge_card(&known, text) {
            Ok(card) => {
                let version = card.version();
                self.replace_card(card, Some(known)).await?;
                tracing::info!(peer = %peer.authority(), version, "a newer card of the peer");
                Ok(pb::CardReply { version, refused: None })
            }
            Err(NotTaken { code, message, told }) => {
                let why = told.as_ref().unwrap_or(&message);
                tracing::warn!(peer = %peer.authority(), code, why, "a card of the peer is not taken");
                // One that is overtaken by a newer one is nobody's trouble.
                if code != OLD {
                    let why = format!("{code}: {why}");
                    self.cards_sent.refused().insert(peer.authority().clone(), why);
                }
                let refused = Some(pb::Refusal { code: code.into(), message });
                Ok(pb::CardReply { version, refused })
            }
        }
    }

    fn judge_card(&self, known: &Peer, text: &str) -> Result<Card, NotTaken> {
        let not = |code, message: &str| NotTaken { code, message: message.into(), told: None };
        let card = Card::parse(text).map_err(|error| not("BAD_CARD", &error.to_string()))?;
        if card.authority() != known.authority() {
            return Err(not("BAD_CARD", "this is the card of another authority"));
        }
        if card.fingerprint() != known.card.fingerprint() {
            let message = "another root key: its fingerprint must be compared by the operators";
            return Err(not("CARD_ROOT_CHANGED", message));
        }
        if card.version() <= known.card.version() {
            let known = known.card.version();
            return Err(not(OLD, &format!("version {known} is known here")));
        }
        if card.body().kind != known.card.body().kind {
            let message = "it was added as something else: an operator must confirm what it is";
            return Err(not("CARD_KIND_CHANGED", message));
        }
        // Which other authority has the key is not this one's to know.
        self.check_newer(&card, &known.card).map_err(|error| NotTaken {
            told: Some(error.to_string()),
            ..not("BAD_CARD", "it cannot be taken as it is: an operator must look")
        })?;
        Ok(card)
    }

    /// Notes which version of our card a peer goes by.
    pub(super) fn note_our_card_at(&self, authority: &AuthorityId, version: u64) {
        self.cards_sent.ours().insert(authority.clone(), version);
    }

    /// The version of our card that a peer says in its Hello that it goes by, noted; `None` where it says
    /// none.
    pub(super) fn our_card_said_at(&self, authority: &AuthorityId, version: u64) -> Option<u64> {
        let said = (version > 0).then_some(version)?;
        self.note_our_card_at(authority, said);
        Some(said)
    }

    /// Which version of our card a peer goes by, where it has said so since the start.
    pub fn our_card_at(&self, authority: &AuthorityId) -> Option<u64> {
        self.cards_sent.ours().get(authority).copied()
    }

    /// Forgets which card was not taken: a newer one is here.
    pub(super) fn forget_refused_card(&self, authority: &AuthorityId) {
        self.cards_sent.refused().remove(authority);
    }

    /// Why the last card that a peer has sent is not taken, where it is not.
    pub fn refused_card(&self, authority: &AuthorityId) -> Option<String> {
        self.cards_sent.refused().get(authority).cloned()
    }
}

/// What peers send of cards: how many of each are taken, and which was not.
pub(super) struct CardsSent {
    budget: Budgets,
    /// Why the last of a peer was not taken; until one is. For the operator, who may be the only one to
    /// know that two of them name one key.
    refused: Mutex<BTreeMap<AuthorityId, String>>,
    /// Which version of ours each has said that it goes by, since the start.
    ours: Mutex<BTreeMap<AuthorityId, u64>>,
}

impl Default for CardsSent {
    fn default() -> Self {
        let (refused, ours) = Default::default();
        Self { budget: Budgets::new(super::budgets::CARDS), refused, ours }
    }
}

impl CardsSent {
    fn refused(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ours(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, u64>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "cards_tests.rs"]
mod tests;
