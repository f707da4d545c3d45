//! Four eyes: what is submitted waits until a second official of the authority has read and
//! approved it. Only then is it judged against what the case has come to, sealed, signed and sent.
//!
//! A draft is a stored body like every content: it can be erased, and is, as soon as it is approved
//! or refused. No peer hears of it: its entries in the log name none.

mod body;
mod end;
mod given;
mod judge;
mod packages;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use prost::Message as _;

use self::body::to_body;
pub(super) use self::judge::Approval;
use super::agencies::{Caller, Role};
use super::packages::reserve;
use super::query::MessageView;
use super::rows::{self, DraftBody, DraftRow, MessageDetails, MessageRow, RequestRow, SENT};
use super::submit::{Submission, first_answer};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::crypto::primitives::random;
use crate::domain::request::Handling;
use crate::domain::{MessageId, MessageKind};
use crate::envelope::wire::{content_from_pb, kind_to_pb};
use crate::pb::v1 as pb;
use crate::store::{Direction, Store, Table, Tx};

/// What needs an approval, and for how long one is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The kinds of message that a second official has to approve.
    pub kinds: BTreeSet<MessageKind>,
    /// How long a draft waits, in milliseconds.
    pub wait_ms: i64,
}

/// A message that waits, or waited and was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The id that the message has, or would have had.
    pub id: MessageId,
    /// Its row.
    pub row: DraftRow,
}

impl DraftRow {
    pub(super) fn waits(&self) -> bool {
        self.refused.is_empty()
    }

    /// Whether a caller may see it: its author, whoever may approve, and whoever sees all cases.
    fn is_seen_by(&self, caller: &Caller) -> bool {
        self.agency == caller.name || caller.all_cases || caller.roles.contains(&Role::Approve)
    }
}

/// A draft of that id.
///
/// # Errors
/// [`ActionError::Fault`] when the row cannot be read.
pub(super) fn draft_of(store: &Store, id: MessageId) -> Result<Option<DraftRow>, ActionError> {
    rows::load(store, Table::Drafts, id.as_bytes())
}

fn draft_in(tx: &mut Tx<'_>, id: MessageId) -> Result<DraftRow, ActionError> {
    let row = rows::load_in(tx, Table::Drafts, id.as_bytes())?;
    row.ok_or_else(|| unknown(id))
}

fn unknown(id: MessageId) -> ActionError {
    ActionError::NotFound(format!("no message {id} waits for an approval"))
}

fn ended(id: MessageId, row: &DraftRow) -> ActionError {
    let message = format!("message {id} does not wait any more: {}", row.refused);
    ActionError::conflict("NOT_APPROVED", message)
}

/// What is written down of a draft when it is submitted.
struct Waiting {
    id: MessageId,
    row: DraftRow,
    body: DraftBody,
    request_key: [u8; 16],
    request: RequestRow,
    entry: EntryDraft,
}

impl Waiting {
    /// On the writer's thread; gives the first answer where there was one.
    fn apply(mut self, tx: &mut Tx<'_>) -> Result<MessageId, ActionError> {
        let known = rows::load_in::<RequestRow>(tx, Table::Requests, &self.request_key)?;
        let digest: Digest = self.request.digest.as_slice().try_into().unwrap_or_default();
        if let Some(first) = first_answer(known, &digest)? {
            return Ok(first);
        }
        for package in &self.row.packages {
            reserve(tx, package, self.id)?;
        }
        self.row.entry_index = tx.append(self.entry);
        self.row.body_slot = tx.body(self.body.encode_to_vec()).0;
        tx.put(Table::Drafts, self.id.as_bytes(), self.row.encode_to_vec());
        tx.put(Table::Requests, &self.request_key, self.request.encode_to_vec());
        Ok(self.id)
    }
}

impl Exchange {
    /// Whether a second official has to approve messages of this kind.
    pub(super) fn needs_approval(&self, kind: MessageKind) -> bool {
        self.settings.approval.kinds.contains(&kind)
    }

    /// Keeps what was submitted, and found without fault, until it is approved.
    pub(super) async fn keep_draft(
        &self,
        caller: &Caller,
        submission: &Submission,
        request_key: [u8; 16],
        digest: Digest,
    ) -> Result<MessageView, ActionError> {
        let now = self.now();
        let id = MessageId::new(now, random());
        let waiting = Waiting {
            id,
            row: DraftRow {
                agency: caller.name.clone(),
                peer: submission.recipient.to_string(),
                kind: kind_to_pb(submission.content.kind) as i32,
                created_ms: now.unix_ms(),
                packages: submission.packages.iter().map(|id| id.as_bytes().to_vec()).collect(),
                ..DraftRow::default()
            },
            body: to_body(submission),
            request_key,
            request: RequestRow { digest: digest.to_vec(), message_id: id.as_bytes().to_vec() },
            entry: EntryDraft::new(Event::DraftSubmitted)
                .message(id)
                .who(&self.handle(&caller.name)),
        };
        let kept = self.store.commit(move |tx| waiting.apply(tx)).await?;
        self.view(caller, kept.value, true)
    }

    /// How long a draft waits, in milliseconds.
    pub fn draft_wait_ms(&self) -> i64 {
        self.settings.approval.wait_ms
    }

    /// A draft that the caller may see.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what it may not see.
    pub(super) fn seen_draft(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<DraftRow, ActionError> {
        let row = draft_of(&self.store, id)?.filter(|row| row.is_seen_by(caller));
        row.ok_or_else(|| unknown(id))
    }

    /// A page of the drafts that the caller may see, the oldest first; those that were refused
    /// where `refused` asks for them.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn drafts(
        &self,
        caller: &Caller,
        refused: bool,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Draft>, ActionError> {
        let mut found = Vec::new();
        let mut after = after.map(|id| id.as_bytes().to_vec());
        while found.len() < limit {
            let from = after.as_deref();
            let page = self.store.scan(Table::Drafts, b"", from, Direction::Forward, limit)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, row) in &page {
                let row: DraftRow = rows::decode(row)?;
                if row.is_seen_by(caller) && row.waits() != refused && found.len() < limit {
                    let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
                    found.push(Draft { id, row });
                }
            }
        }
        Ok(found)
    }

    /// A draft as a message that is yet to be sent.
    pub(super) fn shown_draft(
        &self,
        id: MessageId,
        row: &DraftRow,
        content: bool,
    ) -> Result<MessageView, ActionError> {
        let body = match content && row.waits() && !row.lost {
            true => Some(self.draft_body(id, row)?),
            false => None,
        };
        let state = match row.waits() {
            true => pb::DeliveryState::AwaitingApproval,
            false => pb::DeliveryState::NotApproved,
        };
        let packages = if row.waits() { self.packages_of_draft(row)? } else { Vec::new() };
        let annexes = match &body {
            Some(body) => Self::annexes_of_draft(row, body)?,
            None => Vec::new(),
        };
        let (reference, case_id, in_reply_to) =
            body.as_ref().map_or_else(Default::default, |body| {
                (body.reference.clone(), body.case_id.clone(), body.in_reply_to.clone())
            });
        let content = body.map(|body| pb::MessageContent::decode(body.content.as_slice()));
        let content = content.transpose().map_err(ActionError::fault)?;
        let handling = match &content {
            Some(content) => self.handling_of_draft(content, &in_reply_to)?,
            None => 0,
        };
        Ok(MessageView {
            id,
            row: MessageRow {
                direction: SENT,
                peer: row.peer.clone(),
                kind: row.kind,
                case_id: case_id.clone(),
                in_reply_to,
                state: state as i32,
                created_ms: row.created_ms,
                expires_ms: row.created_ms + self.settings.approval.wait_ms,
                agency: row.agency.clone(),
                refusal_code: row.refused.clone(),
                packages,
                annexes,
                handling,
                ..MessageRow::default()
            },
            details: MessageDetails { reference, ..MessageDetails::default() },
            body: content.map(|content| pb::MessageBody {
                content: Some(content),
                case_id,
                ..pb::MessageBody::default()
            }),
            standing: None,
            limits: Vec::new(),
        })
    }

    /// With how much care its message will be handled: with no less than the request that it is about.
    fn handling_of_draft(
        &self,
        content: &pb::MessageContent,
        answers: &[u8],
    ) -> Result<i32, ActionError> {
        let content = content_from_pb(content.clone()).map_err(ActionError::fault)?;
        let own = Handling::of(&content, None);
        let load = |id: &[u8]| match MessageId::from_slice(id) {
            Ok(id) => rows::message(&self.store, id),
            Err(_) => Ok(None),
        };
        let request = match load(answers)? {
            Some(answered) => load(&answered.request)?,
            None => None,
        };
        let of = request.and_then(|row| Handling::from_number(row.handling));
        Ok(of.map_or(own, |of| own.max(of)) as i32)
    }

    /// A draft with what it says, once the log says who was given it.
    pub(super) async fn read_draft(
        &self,
        caller: &Caller,
        id: MessageId,
    ) -> Result<MessageView, ActionError> {
        let row = self.seen_draft(caller, id)?;
        let known = row.agency == caller.name || row.readers.contains(&caller.name);
        if known || !row.waits() {
            return self.shown_draft(id, &row, true);
        }
        self.check_writable()?;
        let (reader, entry) = (caller.name.clone(), EntryDraft::new(Event::AccessFetched));
        let entry = entry.who(&self.handle(&caller.name)).message(id);
        let read = self.store.commit(move |tx| {
            let mut row = draft_in(tx, id)?;
            if row.waits() && !row.readers.contains(&reader) {
                tx.append(entry);
                row.readers.push(reader);
                tx.put(Table::Drafts, id.as_bytes(), row.encode_to_vec());
            }
            Ok::<_, ActionError>(row)
        });
        let row = read.await?.value;
        self.shown_draft(id, &row, true)
    }
}
