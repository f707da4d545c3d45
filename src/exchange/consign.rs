//! Consigning: opening what was accepted and putting it into the agencies' inbox. What comes of it
//! is a receipt that travels back.

mod check;

use std::sync::Arc;

use prost::Message as _;
use tokio_util::sync::CancellationToken;

use self::check::check;
use super::cases::index;
use super::framework::note_statements;
use super::issue::{issue_consignment, issue_plain};
use super::pieces::piece;
use super::release;
use super::roles::{CaseOf, place};
use super::rows::{
    self, DetailFinding, MessageDetails, MessageRow, OutboxRow, RECEIVED, ReceiptRow, handled,
    message_in, put_message,
};
use super::standing::{self, About};
use super::stored::keep_details;
use super::{ActionError, Exchange, handover};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::HomeKey;
use crate::domain::delivery::DeliveryState;
use crate::domain::kind::MessageKind;
use crate::domain::request::{Content, Handling, UseConsent};
use crate::domain::{AuthorityId, CaseId, MessageId};
use crate::envelope::{AuthenticMessage, OpenedMessage, open};
use crate::store::{BodySlot, Direction, Table, Tx};

/// Messages that are opened at once: opening costs CPU, so no more than cores help.
const AT_ONCE: usize = 16;
/// An annex is about somebody who is no person of the request.
const ANNEX_UNFIT: &str = "ANNEX_UNFIT";
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(30);

/// Opens what was accepted, until `stop`.
pub async fn run(exchange: Arc<Exchange>, stop: CancellationToken) {
    loop {
        // Registered before looking, so that what comes while we look wakes us again.
        let woken = exchange.opener.notified();
        if let Err(error) = exchange.consign_all().await {
            tracing::error!(%error, "accepted messages cannot be consigned");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            // What could not be read or committed just now is tried again.
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
    }
}

/// What the content of a message says that is kept beside it.
pub(super) struct Consigned {
    kind: MessageKind,
    case_id: String,
    details: MessageDetails,
    about: About,
    consent: Option<UseConsent>,
    /// Whose statements of law it has, by its blinded name.
    framework: Option<[u8; 16]>,
    content: Content,
}

/// A message that was opened, if it could be, and what it says or why it cannot be consigned.
type Opened = (Option<OpenedMessage>, Result<Consigned, &'static str>);

impl Consigned {
    /// Writes it into the row of a message, and puts the message into the inbox.
    pub(super) fn fill(
        &self,
        tx: &mut Tx<'_>,
        id: MessageId,
        row: &mut MessageRow,
        home: &HomeKey,
    ) -> Result<(), ActionError> {
        row.kind = crate::envelope::wire::kind_to_pb(self.kind) as i32;
        row.case_id.clone_from(&self.case_id);
        keep_details(tx, row, &self.details);
        let own = Handling::of(&self.content, None);
        row.handling = handled(tx, own, self.about.request)? as i32;
        row.agency = answered_agency(tx, row)?;
        index::note(tx, home, id, row);
        standing::received(tx, id, row, self.kind, &self.about)?;
        release::consents(tx, id, row, self.consent)?;
        if let Some(authority) = &self.framework {
            note_statements(tx, authority, id);
        }
        if self.kind != MessageKind::Test {
            row.inbox_position = tx.counter("inbox");
            tx.put(Table::Inbox, &row.inbox_position.to_be_bytes(), id.as_bytes().to_vec());
            handover::awaits(tx, id, row);
        }
        Ok(())
    }
}

impl Exchange {
    /// Consigns everything that was accepted, [`AT_ONCE`] messages at a time. One that cannot be
    /// read stays, and keeps no other from its agency.
    pub(super) async fn consign_all(self: &Arc<Self>) -> Result<(), ActionError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (table, from) = (Table::Unopened, after.as_deref());
            let rows = self.store.scan(table, b"", from, Direction::Forward, AT_ONCE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut tasks = tokio::task::JoinSet::new();
            for (key, _) in rows {
                let (exchange, id) = (self.clone(), MessageId::from_slice(&key));
                tasks.spawn(async move { exchange.consign(id.map_err(ActionError::fault)?).await });
            }
            while let Some(done) = tasks.join_next().await {
                if let Err(error) = done.map_err(ActionError::fault).and_then(|done| done) {
                    tracing::error!(%error, "an accepted message cannot be consigned");
                }
            }
        }
    }

    async fn consign(self: &Arc<Self>, id: MessageId) -> Result<(), ActionError> {
        let missing = || ActionError::Fault(format!("message {id} was accepted and is missing"));
        let row = rows::message(&self.store, id)?.ok_or_else(missing)?;
        let exchange = self.clone();
        // Opening is work, and what a peer has sent before may be opened with it.
        match piece(move || exchange.open_stored(id, &row)).await? {
            (Some(opened), Ok(consigned)) => self.commit_consigned(id, &opened, consigned).await,
            (_, Err(code)) => self.commit_failed(id, code).await,
            (None, Ok(_)) => Err(ActionError::Fault("what was not opened cannot say".into())),
        }
    }

    /// Opens a message that is stored here: what it says, or the code of why it cannot be consigned.
    pub(super) fn open_stored(
        &self,
        id: MessageId,
        row: &MessageRow,
    ) -> Result<Opened, ActionError> {
        let missing = || ActionError::Fault(format!("message {id} was accepted and is missing"));
        let stored = self.store.body(BodySlot(row.body_slot))?;
        let authentic = AuthenticMessage::from_store(stored.ok_or_else(missing)?)
            .map_err(ActionError::fault)?;
        match open(authentic, &self.keys.sealed_to()) {
            Ok(opened) => {
                let (peer, carries) =
                    (row.peer_id()?, (!row.packages.is_empty(), !row.annexes.is_empty()));
                let kind = self.kind_of(&peer)?;
                let mut says = check(&opened, |content| self.forbids(kind, content, carries));
                if let Ok(says) = &mut says
                    && says.kind == MessageKind::FrameworkUpdate
                {
                    says.framework = Some(rows::peer_key(&self.home, &peer));
                }
                let says = match says {
                    Ok(says) => self.check_kept(row, says)?,
                    Err(code) => Err(code),
                };
                Ok((Some(opened), says))
            }
            Err(error) => Ok((None, Err(error.code()))),
        }
    }

    /// What of it must fit what is kept here, and what is to be noted of that. What a request says of
    /// its persons is noted and not refused: what came before may have been erased here.
    fn check_kept(
        &self,
        row: &MessageRow,
        mut says: Consigned,
    ) -> Result<Result<Consigned, &'static str>, ActionError> {
        if !self.annexes_fit(row, &says.content)? {
            return Ok(Err(ANNEX_UNFIT));
        }
        if !self.case_fits(row, &says.case_id)? {
            return Ok(Err("BAD_CASE_ID"));
        }
        let (case, before) = (says.case_id.as_str(), Some(place(row)));
        let of = CaseOf { direction: RECEIVED, peer: &row.peer, case, before };
        let form = says.content.body.form().as_str();
        for one in self.check_roles(&of, &says.content.body)? {
            says.details.findings.push(DetailFinding {
                instrument: "FORM".into(),
                paragraph: one.paragraph.into(),
                need: "role_change".into(),
                field: format!("{form}.{}", one.field),
                message: one.message,
                explanation: "The sender did not say it by an explicit act: ask.".into(),
            });
        }
        Ok(Ok(says))
    }

    /// Whether it names a case in which its sender may write, and what answers a message that one's. What
    /// is not known any more says nothing.
    fn case_fits(&self, row: &MessageRow, case: &str) -> Result<bool, ActionError> {
        if let Ok(case) = CaseId::parse(case)
            && !self.is_between(&row.peer_id()?, &case)?
        {
            return Ok(false);
        }
        let Ok(answered) = MessageId::from_slice(&row.in_reply_to) else { return Ok(true) };
        let answered = rows::message(&self.store, answered)?;
        let known = answered.filter(|one| one.peer == row.peer && !one.case_id.is_empty());
        Ok(known.is_none_or(|one| case.is_empty() || one.case_id == case))
    }

    async fn commit_consigned(
        &self,
        id: MessageId,
        opened: &OpenedMessage,
        consigned: Consigned,
    ) -> Result<(), ActionError> {
        let (me, home) = (self.me.clone(), self.home.clone());
        let committed = self
            .store
            .commit(move |tx| {
                let Some(mut row) = unopened(tx, id)? else { return Ok(None) };
                consigned.fill(tx, id, &mut row, &home)?;
                row.learn(DeliveryState::Consigned);
                let outbox = own_receipt(tx, &me, id, &mut row, Event::ContentConsignment, None)?;
                put_message(tx, id, &row);
                Ok::<_, ActionError>(Some((outbox, row.inbox_position)))
            })
            .await?;
        if let Some((outbox, position)) = &committed.value {
            if issue_consignment(opened, &committed).is_some() {
                self.outbox.insert(outbox.clone());
            }
            self.inbox_has(*position);
        }
        Ok(())
    }

    async fn commit_failed(&self, id: MessageId, code: &'static str) -> Result<(), ActionError> {
        tracing::warn!(message = %id, code, "an accepted message cannot be consigned");
        let me = self.me.clone();
        let committed = self
            .store
            .commit(move |tx| {
                let Some(mut row) = unopened(tx, id)? else { return Ok(None) };
                row.learn(DeliveryState::NotConsigned);
                row.refusal_code = code.to_owned();
                let event = Event::ContentConsignmentFailure;
                let outbox = own_receipt(tx, &me, id, &mut row, event, Some(code))?;
                put_message(tx, id, &row);
                Ok::<_, ActionError>(Some(outbox))
            })
            .await?;
        self.send_receipt(&committed);
        Ok(())
    }

    pub(super) fn send_receipt(&self, committed: &crate::store::Committed<Option<OutboxRow>>) {
        if let (Some(outbox), Some(_)) = (&committed.value, issue_plain(committed)) {
            self.outbox.insert(outbox.clone());
        }
    }
}

/// The row of a message that is still to be opened; `None` if it was meanwhile.
fn unopened(tx: &mut Tx<'_>, id: MessageId) -> Result<Option<MessageRow>, ActionError> {
    if tx.get(Table::Unopened, id.as_bytes()).is_none() {
        return Ok(None);
    }
    tx.delete(Table::Unopened, id.as_bytes());
    message_in(tx, id)
}

/// The agency whose message this one answers: the answer is its to see.
fn answered_agency(tx: &mut Tx<'_>, row: &MessageRow) -> Result<String, ActionError> {
    let Ok(id) = MessageId::from_slice(&row.in_reply_to) else { return Ok(String::new()) };
    let answered = message_in(tx, id)?.filter(|answered| answered.peer == row.peer);
    Ok(answered.map(|answered| answered.agency).unwrap_or_default())
}

pub(super) fn own_receipt(
    tx: &mut Tx<'_>,
    me: &AuthorityId,
    id: MessageId,
    row: &mut MessageRow,
    event: Event,
    code: Option<&str>,
) -> Result<OutboxRow, ActionError> {
    own_receipt_by(tx, me, id, row, event, code, None)
}

/// Logs a receipt of ours about a received message, notes it in the row and queues it.
pub(super) fn own_receipt_by(
    tx: &mut Tx<'_>,
    me: &AuthorityId,
    id: MessageId,
    row: &mut MessageRow,
    event: Event,
    code: Option<&str>,
    who: Option<&str>,
) -> Result<OutboxRow, ActionError> {
    let mut draft = EntryDraft::new(event)
        .by(me.clone())
        .peer(row.peer_id()?)
        .message(id)
        .envelope(row.digest())
        .payload(row.payload());
    if let Some(code) = code {
        draft = draft.code(code);
    }
    if let Some(who) = who {
        draft = draft.who(who);
    }
    Ok(issue_draft(tx, me, id, row, draft))
}

/// The same for an entry that is made already.
pub(super) fn issue_draft(
    tx: &mut Tx<'_>,
    me: &AuthorityId,
    id: MessageId,
    row: &mut MessageRow,
    draft: EntryDraft,
) -> OutboxRow {
    let (event, code) = (draft.event(), draft.reason().unwrap_or_default().to_owned());
    let at = tx.at();
    let entry_index = tx.append(draft);
    row.receipts.push(ReceiptRow {
        event: event.as_str().to_owned(),
        issuer: me.to_string(),
        at_ms: at.unix_ms(),
        index: entry_index,
        text: String::new(),
        code,
        recorded: 0,
    });
    let outbox = OutboxRow {
        peer: row.peer.clone(),
        message_id: id.as_bytes().to_vec(),
        event: event.as_str().to_owned(),
        entry_index,
        held: false,
        expires_ms: 0,
        created_ms: at.unix_ms(),
    };
    tx.put(Table::Outbox, &outbox.key(), outbox.encode_to_vec());
    outbox
}
