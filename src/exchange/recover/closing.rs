//! What is logged behind the last entry that was put back: that it was, and what is lost for good.

use std::collections::BTreeSet;

use prost::Message as _;

use super::{PAGE, refused};
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::audit::replay::{PeerView, Standing, State};
use crate::card::Card;
use crate::crypto::Digest;
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::consign::own_receipt;
use crate::exchange::keys::KeysInUse;
use crate::exchange::packages::{forget_key, forget_upload_key};
use crate::exchange::record::learn;
use crate::exchange::rows::{
    self, MessageRow, PackageRow, PeerRow, RemovalRow, SENT, load, peer_key, put_message,
};
use crate::exchange::{ActionError, Caller, Exchange, standing};
use crate::store::{Direction, StillBehind, Table, Tx};

/// Code of the entries that end what waited for a content that is lost.
const CONTENT_LOST: &str = "CONTENT_LOST";
/// Code of the removal of a peer whose card the export does not have.
const CARD_LOST: &str = "CARD_LOST";
/// Code of the revocation of an agency whose certificate is not known here.
const CERTIFICATE_LOST: &str = "CERTIFICATE_LOST";

/// Rows of requests of which one commit takes so many, with all that was done to each.
const STANDINGS_AT_ONCE: usize = 16;

/// A message of which only entries are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The message.
    pub id: MessageId,
    /// Whether it was sent from here.
    pub sent: bool,
    /// The counterpart.
    pub peer: String,
    /// The agency that submitted it, where it is known.
    pub agency: String,
    /// What has become of it.
    pub state: DeliveryState,
}

/// What cannot be put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Messages without content, by id.
    pub lost: Vec<Lost>,
    /// Peers that were removed, since their card is lost: to be added again.
    pub peers: Vec<String>,
    /// Handles of agencies whose access was ended, since their certificate is lost; the name where
    /// it is known.
    pub agencies: Vec<String>,
}

/// An entry that makes the log true again about something that is lost.
enum Closing {
    Recovered(Digest),
    Message(MessageId, Box<MessageRow>, Event),
    Peer(AuthorityId),
    Agency(String),
}

impl Exchange {
    /// Logs that everything was put back up to `end`, and of what is lost for good that it is; takes
    /// commits again then. `document` is the digest of the export's manifest, `keys` the keys of the
    /// home. A second time it goes on where the first was cut off.
    ///
    /// # Errors
    /// [`ActionError::Fault`] where log or rows cannot be read, and where somebody holds a checkpoint
    /// that the log still does not cover: it stays frozen.
    pub async fn close_recovery(
        &self,
        end: u64,
        document: Digest,
        keys: &KeysInUse,
    ) -> Result<Recovered, ActionError> {
        // Behind anything less, the first entry would be a second past.
        if let Some(note) = self.store.frozen() {
            self.store.covers(&note).map_err(still_behind)?;
        }
        let state = self.replayed_state()?;
        let mut closings = Vec::new();
        if !self.has_recovered(end, document)? {
            closings.push(Closing::Recovered(document));
        }
        let rows = self.lost_rows()?;
        let ended = |(id, row): &(MessageId, MessageRow)| {
            ending(row).map(|event| Closing::Message(*id, Box::new(row.clone()), event))
        };
        closings.extend(rows.iter().filter_map(ended));
        let (peers, agencies) = (self.lost_peers(&state)?, self.lost_agencies(&state)?);
        closings.extend(peers.iter().cloned().map(Closing::Peer));
        closings.extend(agencies.iter().cloned().map(Closing::Agency));
        let known: BTreeSet<&str> =
            state.keys().filter(|(_, in_use)| *in_use).map(|(key, _)| key).collect();
        let forgets_uploads = rows.iter().any(|(_, row)| row.direction == SENT);
        self.close(closings, keys.as_logged(&known), forgets_uploads).await?;
        self.store.thaw().map_err(still_behind)?;
        let lost = self.lost_rows()?.into_iter().map(|(id, row)| lost(id, row));
        let names = self.agencies_by_handle()?;
        let name = |who: String| names.get(&who).cloned().unwrap_or(who);
        Ok(Recovered {
            lost: lost.collect(),
            peers: peers.iter().map(AuthorityId::to_string).collect(),
            agencies: agencies.into_iter().map(name).collect(),
        })
    }

    /// Appends the closings. With `forgets_uploads`, evidence that was uploaded and not submitted goes:
    /// it may have been submitted since, and erased.
    async fn close(
        &self,
        closings: Vec<Closing>,
        keys: KeysInUse,
        forgets_uploads: bool,
    ) -> Result<(), ActionError> {
        let mut left = closings.into_iter().peekable();
        let note_keys = move |tx: &mut Tx<'_>| {
            keys.note(tx);
            Ok::<_, ActionError>(())
        };
        self.store.put_back(note_keys).await.map_err(refused)?;
        let mut after = None::<Vec<u8>>;
        loop {
            let from = after.clone();
            let count_on =
                move |tx: &mut Tx<'_>| standing::count_on(tx, from.as_deref(), STANDINGS_AT_ONCE);
            after = self.store.put_back(count_on).await.map_err(refused)?.value;
            if after.is_none() {
                break;
            }
        }
        if forgets_uploads {
            while self.store.put_back(forget_uploads).await.map_err(refused)?.value {}
        }
        while left.peek().is_some() {
            let page: Vec<Closing> = left.by_ref().take(PAGE).collect();
            let (me, software) = (self.me.clone(), self.settings.software.clone());
            let (who, home) = (self.handle(Caller::OPERATOR), self.home.clone());
            let closing = self.store.put_back(move |tx: &mut Tx<'_>| {
                page.into_iter().try_for_each(|closing| match closing {
                    Closing::Recovered(document) => {
                        let draft = EntryDraft::new(Event::LogRecovered).software(&software);
                        tx.append(draft.document(document).who(&who));
                        Ok(())
                    }
                    Closing::Message(id, row, event) => end_message(tx, &me, id, *row, event),
                    Closing::Peer(peer) => remove_peer(tx, &peer_key(&home, &peer), peer),
                    Closing::Agency(who) => {
                        let draft = EntryDraft::new(Event::AgencyRevoked).who(&who);
                        tx.append(draft.code(CERTIFICATE_LOST));
                        Ok(())
                    }
                })
            });
            closing.await.map_err(refused)?;
        }
        Ok(())
    }

    /// Whether the log says behind `end` already that the export was put back.
    fn has_recovered(&self, end: u64, document: Digest) -> Result<bool, ActionError> {
        let behind = self.store.entries(end, PAGE)?;
        let parsed = behind.iter().map(|bytes| Entry::parse(bytes).map_err(ActionError::fault));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let says =
            |entry: &Entry| entry.event == Event::LogRecovered && entry.document == Some(document);
        Ok(parsed.iter().any(says))
    }

    /// The messages of which only entries are left.
    fn lost_rows(&self) -> Result<Vec<(MessageId, MessageRow)>, ActionError> {
        let (mut lost, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let from = after.as_deref();
            let page = self.store.scan(Table::Messages, b"", from, Direction::Forward, 1000)?;
            let Some((last, _)) = page.last() else { return Ok(lost) };
            after = Some(last.clone());
            for (key, row) in &page {
                let row: MessageRow = rows::decode(row)?;
                if row.lost_ms != 0 {
                    lost.push((MessageId::from_slice(key).map_err(ActionError::fault)?, row));
                }
            }
        }
    }

    /// Peers that are trusted by the log, and whose card is not the one that is kept.
    ///
    /// # Errors
    /// [`ActionError::Fault`] where log or rows cannot be read.
    pub fn peers_without_card(&self) -> Result<Vec<AuthorityId>, ActionError> {
        self.lost_peers(&self.replayed_state()?)
    }

    /// Peers of the log whose card is not the one that is kept, or who are suspended there only.
    fn lost_peers(&self, state: &State) -> Result<Vec<AuthorityId>, ActionError> {
        let mut lost = Vec::new();
        let stands =
            |peer: &PeerView<'_>| matches!(peer.standing, Standing::Trusted | Standing::Suspended);
        for peer in state.peers().into_iter().filter(stands) {
            let name = AuthorityId::parse(peer.name).map_err(ActionError::fault)?;
            let row: Option<PeerRow> =
                load(&self.store, Table::Peers, &peer_key(&self.home, &name))?;
            let row = row.filter(|row| !row.removed);
            // Why it is suspended stood in an entry whose card is not here any more.
            let suspended = row.as_ref().is_some_and(|row| !row.suspended.is_empty());
            let card = row.map(|row| Card::parse(&row.card));
            let card = card.transpose().map_err(ActionError::fault)?.map(|card| card.digest());
            if card != peer.card || suspended != (peer.standing == Standing::Suspended) {
                lost.push(name);
            }
        }
        Ok(lost)
    }

    /// Handles of agencies that have access by the log, and none here.
    fn lost_agencies(&self, state: &State) -> Result<Vec<String>, ActionError> {
        let kept = self.agencies()?.into_iter().filter(|agency| !agency.revoked);
        let kept: BTreeSet<String> = kept.map(|agency| self.handle(&agency.name)).collect();
        let lost = state.agencies().filter(|agency| !agency.revoked);
        Ok(lost.map(|agency| agency.handle.to_owned()).filter(|who| !kept.contains(who)).collect())
    }
}

/// The entry that ends what waits for a content that is lost; `None` where nothing does.
fn ending(row: &MessageRow) -> Option<Event> {
    let me_has = |event: Event| {
        row.receipts.iter().any(|r| r.event == event.as_str() && r.issuer != row.peer)
    };
    let waits = matches!(row.delivery(), DeliveryState::Queued | DeliveryState::Held);
    if row.direction == SENT {
        return waits.then_some(Event::RelayFailure);
    }
    let over =
        [Event::ContentConsignmentFailure, Event::ContentHandover, Event::ContentHandoverFailure];
    match over.into_iter().any(me_has) {
        true => None,
        false if me_has(Event::ContentConsignment) => Some(Event::ContentHandoverFailure),
        false => Some(Event::ContentConsignmentFailure),
    }
}

/// Logs it. Whoever sent the message learns it from the receipt.
fn end_message(
    tx: &mut Tx<'_>,
    me: &AuthorityId,
    id: MessageId,
    mut row: MessageRow,
    event: Event,
) -> Result<(), ActionError> {
    match event {
        Event::RelayFailure => {
            row.learn(DeliveryState::ExpiredUnknown);
            let draft = EntryDraft::new(event).by(me.clone()).peer(row.peer_id()?).message(id);
            tx.append(draft.envelope(row.digest()).code(CONTENT_LOST));
        }
        _ => {
            learn(&mut row, event, Some(CONTENT_LOST.to_owned()));
            own_receipt(tx, me, id, &mut row, event, Some(CONTENT_LOST))?;
        }
    }
    put_message(tx, id, &row);
    Ok(())
}

/// Destroys the keys of some uploads; gives whether more are left.
fn forget_uploads(tx: &mut Tx<'_>) -> Result<bool, ActionError> {
    let unfinished = tx.scan(Table::Uploads, b"", None, Direction::Forward, PAGE);
    for (key, row) in &unfinished {
        forget_upload_key(tx, Some(rows::decode(row)?));
        tx.delete(Table::Uploads, key);
    }
    let (mut after, mut forgotten): (Option<Vec<u8>>, _) = (None, unfinished.len());
    loop {
        if forgotten >= PAGE {
            return Ok(true);
        }
        let page = tx.scan(Table::Packages, b"", after.as_deref(), Direction::Forward, PAGE);
        let Some((last, _)) = page.last() else { return Ok(false) };
        after = Some(last.clone());
        for (key, row) in &page {
            let mut row: PackageRow = rows::decode(row)?;
            if !row.message_id.is_empty() {
                continue;
            }
            forget_key(tx, &mut row);
            tx.delete(Table::Packages, key);
            if let Some(facts) = row.facts {
                let name = rows::shape_of(&facts)?.name();
                let removal = RemovalRow { facts: Some(facts), since_ms: tx.at().unix_ms() };
                tx.put(Table::Removals, name.as_bytes(), removal.encode_to_vec());
            }
            forgotten += 1;
        }
    }
}

fn remove_peer(tx: &mut Tx<'_>, key: &[u8; 16], peer: AuthorityId) -> Result<(), ActionError> {
    if let Some(mut row) = rows::load_in::<PeerRow>(tx, Table::Peers, key)? {
        row.removed = true;
        tx.put(Table::Peers, key, row.encode_to_vec());
    }
    tx.append(EntryDraft::new(Event::PeerRemoved).peer(peer).code(CARD_LOST));
    Ok(())
}

fn lost(id: MessageId, row: MessageRow) -> Lost {
    let state = row.delivery();
    Lost { id, sent: row.direction == SENT, peer: row.peer, agency: row.agency, state }
}

fn still_behind(error: StillBehind) -> ActionError {
    ActionError::Fault(error.hinted().to_string())
}
