//! The commit of a submission, on the writer's thread.

use prost::Message as _;

use crate::audit::entry::EntryDraft;
use crate::crypto::{Digest, HomeKey};
use crate::domain::request::Handling;
use crate::domain::{MessageId, MessageKind, PackageId};
use crate::envelope::SealedAnnex;
use crate::exchange::cases::index;
use crate::exchange::drafts::Approval;
use crate::exchange::framework::note_statements;
use crate::exchange::packages::forget_key;
use crate::exchange::release;
use crate::exchange::rows::{
    MessageDetails, MessageRow, OutboxRow, PackageRow, RequestRow, handled, load_in, put_message,
};
use crate::exchange::standing::{self, About};
use crate::exchange::stored::keep_details;
use crate::exchange::{ActionError, annex};
use crate::store::{Table, Tx};

/// What a request_id that came before leads to.
pub(in crate::exchange) fn first_answer(
    known: Option<RequestRow>,
    digest: &Digest,
) -> Result<Option<MessageId>, ActionError> {
    match known {
        None => Ok(None),
        Some(row) if row.digest == digest => {
            MessageId::from_slice(&row.message_id).map(Some).map_err(ActionError::fault)
        }
        Some(_) => Err(ActionError::conflict(
            "REQUEST_ID_REUSED",
            "this request_id came before with other content: use a new one for a new request",
        )),
    }
}

/// A signed message on its way into the journal.
pub(super) struct Pending {
    pub id: MessageId,
    pub row: MessageRow,
    pub details: MessageDetails,
    pub entry: EntryDraft,
    pub bytes: bytes::Bytes,
    pub packages: Vec<PackageId>,
    pub new_case: Option<(i32, u64)>,
    pub kind: MessageKind,
    pub about: About,
    pub approval: Option<Approval>,
    /// Ours, blinded, where it has statements of law.
    pub framework: Option<[u8; 16]>,
    pub home: HomeKey,
    pub handling: Handling,
    pub annexes: Vec<SealedAnnex>,
    pub request_key: [u8; 16],
    pub request: RequestRow,
}

impl Pending {
    /// On the writer's thread: what was checked before is checked again where two can race.
    pub(super) fn apply(
        self,
        tx: &mut Tx<'_>,
    ) -> Result<(MessageId, Option<OutboxRow>), ActionError> {
        let known = load_in::<RequestRow>(tx, Table::Requests, &self.request_key)?;
        let digest = self.request.digest.as_slice().try_into().unwrap_or_default();
        if let Some(first) = first_answer(known, &digest)?.filter(|_| self.approval.is_none()) {
            return Ok((first, None));
        }
        for id in self.packages {
            let row = load_in::<PackageRow>(tx, Table::Packages, id.as_bytes())?;
            let Some(mut row) = row.filter(|row| row.message_id.is_empty()) else {
                return Err(ActionError::invalid("packages", "one went with another message"));
            };
            row.message_id = self.id.as_bytes().to_vec();
            row.draft_id.clear();
            // It is in the sealed body of this message from now on, and nowhere else.
            forget_key(tx, &mut row);
            tx.put(Table::Packages, id.as_bytes(), row.encode_to_vec());
        }
        if annex::is_known(tx, &self.annexes) {
            let rule = "one has gone with another message: seal it anew";
            return Err(ActionError::invalid("annexes", rule));
        }
        if let Some((year, number)) = self.new_case {
            put_case_number(tx, year, number)?;
        }
        let mut row = self.row;
        if let Some(approval) = self.approval {
            approval.give(tx, &mut row)?;
        }
        standing::sent(tx, self.id, &mut row, self.kind, &self.about)?;
        row.entry_index = tx.append(self.entry);
        row.body_slot = tx.body(self.bytes.to_vec()).0;
        keep_details(tx, &mut row, &self.details);
        annex::keep(tx, self.id, &mut row, &self.annexes);
        row.handling = handled(tx, self.handling, self.about.request)? as i32;
        if self.new_case.is_some() {
            // Its number is ours to give: whatever a peer has said of it before, it is this agency's.
            tx.put(Table::Cases, row.case_id.as_bytes(), row.agency.as_bytes());
        }
        index::note(tx, &self.home, self.id, &row);
        release::notices(tx, self.id, &row)?;
        if let Some(authority) = &self.framework {
            note_statements(tx, authority, self.id);
        }
        put_message(tx, self.id, &row);
        tx.put(Table::Requests, &self.request_key, self.request.encode_to_vec());
        let outbox = OutboxRow {
            peer: row.peer.clone(),
            message_id: self.id.as_bytes().to_vec(),
            event: String::new(),
            entry_index: row.entry_index,
            held: false,
            expires_ms: row.expires_ms,
            created_ms: row.created_ms,
        };
        tx.put(Table::Outbox, &outbox.key(), outbox.encode_to_vec());
        Ok((self.id, Some(outbox)))
    }
}

/// Gives no number of a year again that a lost submission may have been given.
pub(in crate::exchange) fn skip_case_number(tx: &mut Tx<'_>, year: i32) -> Result<(), ActionError> {
    let known = last_case_in(tx, year)?;
    put_case_number(tx, year, known + 1)
}

/// The number of a case that was given last in a year; 0 where none was.
pub(in crate::exchange) fn last_case_in(tx: &mut Tx<'_>, year: i32) -> Result<u64, ActionError> {
    let known = tx.get(Table::Settings, &super::case_key(year));
    let known = known.map_or(Ok(0), |bytes| bytes.as_slice().try_into().map(u64::from_be_bytes));
    known.map_err(ActionError::fault)
}

fn put_case_number(tx: &mut Tx<'_>, year: i32, number: u64) -> Result<(), ActionError> {
    let key = super::case_key(year);
    let known = tx.get(Table::Settings, &key);
    let known =
        known.map_or(0, |b| u64::from_be_bytes(b.as_slice().try_into().unwrap_or_default()));
    tx.put(Table::Settings, &key, number.max(known).to_be_bytes().to_vec());
    Ok(())
}
