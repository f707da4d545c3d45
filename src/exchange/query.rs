//! Reading: what an agency may see of messages, and the receipts that prove them.

use super::agencies::Caller;
use super::cases::index;
use super::issue::{Issued, own_entry};
use super::rows::{
    self, MessageDetails, MessageRow, ReceiptRow, SENT, ShareRow, StandingRow, shape_of,
};
use super::stored::erased_error;
use super::{ActionError, Exchange};
use crate::audit::entry::Event;
use crate::audit::note::WitnessKey;
use crate::audit::policy::Level;
use crate::domain::limits::PAGE_SIZE_MAX;
use crate::domain::request::UseLimit;
use crate::domain::{AuthorityId, MessageId, PackageId, Timestamp};
use crate::pb::v1 as pb;
use crate::receipt::Receipt;
use crate::store::vault::PackageShape;
use crate::store::{Direction, Store, Table};

/// A message as its row has it, and its content where that was asked for. Has no `Debug`: it may
/// hold plaintext (I6).
pub struct MessageView {
    /// Its name.
    pub id: MessageId,
    /// Its row.
    pub row: MessageRow,
    /// Reference and warnings; empty once they were erased.
    pub details: MessageDetails,
    /// Its content.
    pub body: Option<pb::MessageBody>,
    /// Where the request stands that it is about; only with the content.
    pub standing: Option<StandingRow>,
    /// What limits its use; only where it is read.
    pub limits: Vec<UseLimit>,
}

/// Which messages are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `Some(true)`: sent; `Some(false)`: received.
    pub sent: Option<bool>,
    /// Only of this peer.
    pub peer: Option<AuthorityId>,
    /// Only of this case.
    pub case_id: Option<String>,
    /// Only in this state.
    pub state: Option<i32>,
}

impl Filter {
    fn fits(&self, row: &MessageRow) -> bool {
        self.sent.is_none_or(|sent| sent == (row.direction == SENT))
            && self.peer.as_ref().is_none_or(|peer| peer.as_str() == row.peer)
            && self.case_id.as_ref().is_none_or(|case| *case == row.case_id)
            && self.state.is_none_or(|state| state == row.state)
    }
}

/// Messages with their rows.
type Rows = Vec<(MessageId, MessageRow)>;

/// A receipt with its proof.
pub struct ReceiptView {
    /// The event.
    pub event: String,
    /// Who issued it.
    pub issuer: String,
    /// When.
    pub at: Timestamp,
    /// Its place in the issuer's log.
    pub index: u64,
    /// The origin of that log.
    pub log: String,
    /// How much stands behind its checkpoint.
    pub level: Level,
    /// The tlog-proof text.
    pub text: String,
}

/// A row as a caller may have it: who else was given the message is for its owner to know. Who was given
/// parts of it sees these, and no more.
pub(crate) fn for_caller(caller: &Caller, mut row: MessageRow) -> MessageRow {
    if owned(caller, &row) {
        return row;
    }
    row.shares.retain(|share| share.agency == caller.name);
    if !whole(caller, &row) {
        let given = |package: &[u8]| row.shares.iter().any(|share| share.package_id == package);
        row.packages.retain(|facts| given(&facts.package_id));
        row.annexes.clear();
    }
    row
}

/// A row as somebody may have it who was given parts of the message: that there is such a message, and
/// nothing of what it is about.
fn in_part(mut row: MessageRow) -> MessageRow {
    row.handling = 0;
    row.request_state = 0;
    row.request.clear();
    row.in_reply_to.clear();
    row.move_notice.clear();
    row.receipts.retain(|receipt| !is_of_annex(receipt));
    row
}

/// A receipt that names an annex, and the official who opened it.
fn is_of_annex(receipt: &ReceiptRow) -> bool {
    receipt.event == Event::ContentAccessTracking.as_str()
}

/// Whether a message is the caller's to act upon: it is its own, or it sees all cases.
pub(crate) fn owned(caller: &Caller, row: &MessageRow) -> bool {
    caller.all_cases || (!row.agency.is_empty() && row.agency == caller.name)
}

/// Whether all of a message is for a caller: it is the caller's, or was shared with it as a whole.
pub(crate) fn whole(caller: &Caller, row: &MessageRow) -> bool {
    let given = |share: &ShareRow| share.agency == caller.name && share.package_id.is_empty();
    owned(caller, row) || row.shares.iter().any(given)
}

/// Whether a caller may see a message: it is the caller's, or was shared with it, at least in part.
pub(crate) fn visible(caller: &Caller, row: &MessageRow) -> bool {
    owned(caller, row) || row.shares.iter().any(|share| share.agency == caller.name)
}

pub(crate) fn newest_inbox_position(store: &Store) -> Result<u64, ActionError> {
    let newest = store.scan(Table::Inbox, b"", None, Direction::Backward, 1)?;
    let position = newest.first().and_then(|(key, _)| key.as_slice().try_into().ok());
    Ok(position.map_or(0, u64::from_be_bytes))
}

impl Exchange {
    pub(in crate::exchange) fn seen(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<MessageRow, ActionError> {
        // What may not be seen is not there: its existence is somebody's secret too.
        rows::message(&self.store, id)?
            .filter(|row| visible(caller, row))
            .map(|row| for_caller(caller, row))
            .ok_or_else(|| ActionError::no_message(id))
    }

    /// The view of a message that the caller sees, at least in part: of one that it was given parts of it
    /// is not told what the message says.
    pub(super) fn shown_to(
        &self,
        caller: &Caller,
        id: MessageId,
        row: MessageRow,
        content: bool,
    ) -> Result<MessageView, ActionError> {
        if whole(caller, &row) {
            return self.shown(id, for_caller(caller, row), content);
        }
        let (row, details) = (in_part(for_caller(caller, row)), MessageDetails::default());
        Ok(MessageView { id, row, details, body: None, standing: None, limits: Vec::new() })
    }

    /// A message, with its content if that is wanted and still there.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see.
    pub fn view(
        &self,
        caller: &Caller,
        id: MessageId,
        content: bool,
    ) -> Result<MessageView, ActionError> {
        match self.seen(caller, id) {
            Ok(row) => self.shown_to(caller, id, row, content),
            // It may still wait for an approval.
            Err(missing) => match self.seen_draft(caller, id) {
                Ok(row) => self.shown_draft(id, &row, content),
                Err(ActionError::NotFound(_)) => Err(missing),
                Err(error) => Err(error),
            },
        }
    }

    /// The view of a message whose row the caller may see.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when what was not erased is not there.
    pub fn shown(
        &self,
        id: MessageId,
        row: MessageRow,
        content: bool,
    ) -> Result<MessageView, ActionError> {
        let details = self.details(id, &row)?;
        let body = match content {
            true => self.content(id, &row)?,
            false => None,
        };
        if content && body.is_none() && row.erased.is_none() {
            // Erased while it was read.
            let row = rows::message(&self.store, id)?.unwrap_or(row);
            let details = MessageDetails::default();
            return Ok(MessageView { id, row, details, body, standing: None, limits: Vec::new() });
        }
        let standing = match content && !row.request.is_empty() {
            true => rows::load(&self.store, Table::Standings, &row.request)?,
            false => None,
        };
        Ok(MessageView { id, row, details, body, standing, limits: Vec::new() })
    }

    /// A page of messages, newest first, from below `after` on.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn list(
        &self,
        caller: &Caller,
        filter: &Filter,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageView>, ActionError> {
        let mut found = Vec::new();
        let mut after = after;
        while found.len() < limit {
            let page = self.before(filter, after)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, row) in page {
                if visible(caller, &row) && filter.fits(&row) && found.len() < limit {
                    found.push(self.shown_to(caller, id, row, false)?);
                }
            }
        }
        Ok(found)
    }

    /// Some messages among which those are that fit a filter, from below `after` on.
    fn before(&self, filter: &Filter, after: Option<MessageId>) -> Result<Rows, ActionError> {
        let (back, most) = (Direction::Backward, PAGE_SIZE_MAX);
        if let Some(case) = &filter.case_id {
            let ids = index::scan(&self.store, case, index::ANY, after, back, most)?;
            // One that was erased since the index was read is none of the case any more.
            let row = |id| rows::message(&self.store, id).map(|row| (id, row.unwrap_or_default()));
            return ids.into_iter().map(row).collect();
        }
        let after = after.map(|id| id.as_bytes().to_vec());
        let rows = self.store.scan(Table::Messages, b"", after.as_deref(), back, most)?;
        let row = |(key, row): &(Vec<u8>, Vec<u8>)| {
            Ok((MessageId::from_slice(key).map_err(ActionError::fault)?, rows::decode(row)?))
        };
        rows.iter().map(row).collect()
    }

    /// Up to `limit` messages of the inbox behind a position, in their order, that the caller may
    /// see; beside them the position that was looked at last.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn inbox(
        &self,
        caller: &Caller,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<MessageView>, u64), ActionError> {
        let from = after.to_be_bytes();
        let rows = self.store.scan(Table::Inbox, b"", Some(&from), Direction::Forward, limit)?;
        let mut seen = after;
        let mut found = Vec::new();
        for (key, id) in rows {
            seen = u64::from_be_bytes(key.as_slice().try_into().unwrap_or_default());
            let id = MessageId::from_slice(&id).map_err(ActionError::fault)?;
            if let Some(row) = rows::message(&self.store, id)?.filter(|row| visible(caller, row)) {
                found.push(self.shown_to(caller, id, row, false)?);
            }
        }
        Ok((found, seen))
    }

    /// All receipts of a message. Our own are proved afresh under our newest checkpoint.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see.
    pub fn receipts(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<(MessageRow, Vec<ReceiptView>), ActionError> {
        let row = self.seen(caller, id)?;
        let row = if whole(caller, &row) { row } else { in_part(row) };
        // Every message has the receipt of its coming here; the others are noted in the row.
        let counterpart = self.witness_of(&row);
        let mut receipts = vec![self.own_receipt_view(row.entry_index, &counterpart)?];
        for receipt in &row.receipts {
            receipts.push(match receipt.text.is_empty() {
                true => self.own_receipt_view(receipt.index, &counterpart)?,
                false => self.recorded(id, receipt)?,
            });
        }
        Ok((row, receipts))
    }

    /// The keys with which the other side of a message cosigns.
    pub(super) fn witness_of(&self, row: &MessageRow) -> Vec<WitnessKey> {
        let peer = row.peer_id().ok().and_then(|peer| self.directory.get(&peer));
        peer.map(|peer| peer.card.witness_keys().to_vec()).unwrap_or_default()
    }

    /// A receipt of ours, proved under the checkpoint with the most behind it.
    pub(super) fn own_receipt_view(
        &self,
        index: u64,
        counterpart: &[WitnessKey],
    ) -> Result<ReceiptView, ActionError> {
        let entry = own_entry(&self.store, index)?;
        let head = self.best_head(index, counterpart);
        let (receipt, _) = Issued::at(index).receipt_under(&self.store, &head)?;
        Ok(ReceiptView {
            event: entry.event.as_str().to_owned(),
            issuer: self.me.to_string(),
            at: entry.at,
            index,
            log: receipt.facts().origin.clone(),
            level: self.strength_of(receipt.checkpoint_note(), counterpart).level,
            text: receipt.text().to_owned(),
        })
    }

    /// A receipt of a peer, by its best proof.
    fn recorded(&self, id: MessageId, receipt: &ReceiptRow) -> Result<ReceiptView, ActionError> {
        let text = self.better_text(id, &receipt.event)?.unwrap_or_else(|| receipt.text.clone());
        let parsed = Receipt::parse(&text).ok();
        let log = parsed.as_ref().map(|parsed| parsed.facts().origin.clone());
        let note = parsed.map(|parsed| parsed.checkpoint_note().to_owned());
        let ours = self.keys.witness_keys();
        Ok(ReceiptView {
            event: receipt.event.clone(),
            issuer: receipt.issuer.clone(),
            at: Timestamp::from_unix_ms(receipt.at_ms),
            index: receipt.index,
            log: log.unwrap_or_default(),
            level: self.strength_of(&note.unwrap_or_default(), &ours).level,
            text,
        })
    }

    /// The package of a message, with its key.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when the message carries no such package;
    /// [`ActionError::Conflict`] with code `ERASED`.
    pub(crate) fn package_of(
        &self,
        caller: &Caller,
        message: MessageId,
        package: PackageId,
    ) -> Result<(PackageShape, zeroize::Zeroizing<[u8; 32]>), ActionError> {
        let missing = || ActionError::NotFound(format!("message {message} carries no {package}"));
        let row = match self.seen(caller, message) {
            Ok(row) => row,
            Err(gone) => return self.package_of_draft(caller, message, package)?.ok_or(gone),
        };
        let facts = row.packages.iter().find(|facts| facts.package_id == package.as_bytes());
        let shape = shape_of(facts.ok_or_else(missing)?)?;
        let MessageView { row, body, .. } = self.shown(message, row, true)?;
        if let Some(erased) = &row.erased {
            return Err(erased_error(message, erased));
        }
        let body = body.ok_or_else(missing)?;
        let key = body.packages.iter().find(|key| key.package_id == package.as_bytes()[..]);
        let key = key.and_then(|key| key.key.as_ref().try_into().ok()).ok_or_else(missing)?;
        Ok((shape, zeroize::Zeroizing::new(key)))
    }
}
