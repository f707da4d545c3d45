//! Releasing what another authority gave to another agency of this one: within its limits, or with
//! what the law asks for beside. What it rests on stands in the log (`access.shared`).

use super::agencies::Caller;
use super::cases::index;
use super::query::owned;
use super::rows::{
    self, MessageRow, RECEIVED, SENT, ShareRow, StandingRow, Step, message_in, put_message,
};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::RequestState;
use crate::domain::release::{Bearing, Ground, limit_of_persons, limits, limits_of_request};
use crate::domain::request::{Body, Content, Note, ReleasePurpose, UseConsent, UseLimit};
use crate::domain::{MessageId, MessageKind, PackageId};
use crate::envelope::wire::{content_from_pb, release_purpose_to_pb};
use crate::pb::v1 as pb;
use crate::store::{Table, Tx};

/// Agencies that one message is shared with at a time.
const SHARES_MAX: usize = 64;
/// Consents, and notices, that are kept of one message; of more, the newest.
const KEPT_MAX: usize = 64;

/// To whom something is released, and for what.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The agency that is given it.
    pub agency: String,
    /// The package that it is given, and nothing else; all of the message, where none is named.
    pub package: Option<PackageId>,
    /// For what.
    pub purpose: ReleasePurpose,
    /// The USE_CONSENT_RESPONSE that it rests on.
    pub consent: Option<MessageId>,
    /// Advance notice of the sender is not possible: it follows without delay.
    pub notice_follows: bool,
}

impl Exchange {
    /// What limits the use of a message that came from another authority.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when something that it rests on cannot be read.
    pub(super) fn use_limits(
        &self,
        id: MessageId,
        row: &MessageRow,
        body: &pb::MessageBody,
    ) -> Result<Vec<UseLimit>, ActionError> {
        if row.direction != RECEIVED {
            return Ok(Vec::new());
        }
        let content = body.content.clone().map(content_from_pb).transpose();
        let content = content.map_err(|error| ActionError::Fault(error.to_string()))?;
        Ok(match content {
            None => Vec::new(),
            Some(Content {
                body: Body::Framework(_) | Body::Costs(_) | Body::Statistics(_),
                ..
            }) => Vec::new(),
            Some(Content { body: Body::Request(request), .. }) => limits_of_request(&request),
            Some(Content { kind, body: Body::Note(note), .. }) => {
                let (purpose, conditions) = (self.asked_for(row)?, self.accepted(row)?);
                let confirmed = kind.is_police() && self.is_confirmed(id, row)?;
                limits(kind, &note, purpose.as_deref(), &conditions, confirmed)
            }
            // Everything else speaks of persons.
            Some(_) => vec![limit_of_persons()],
        })
    }

    /// Whether a formal request that answers what police have told was executed, wholly or in part.
    fn is_confirmed(&self, id: MessageId, row: &MessageRow) -> Result<bool, ActionError> {
        let executed = |request: MessageId| {
            let answers =
                |asks: &MessageRow| asks.in_reply_to == id.as_bytes() && asks.peer == row.peer;
            if !rows::message(&self.store, request)?.is_some_and(|asks| answers(&asks)) {
                return Ok(None);
            }
            let (table, key) = (Table::Standings, request.as_bytes());
            let standing = rows::load::<StandingRow>(&self.store, table, key)?;
            Ok(standing.filter(|at| at.steps.iter().any(is_executed)))
        };
        let (case, which) = (row.case_id.as_str(), index::REQUESTS);
        let (found, _) = index::newest(&self.store, case, which, 1, executed)?;
        Ok(!found.is_empty())
    }

    fn content_of(&self, id: MessageId, row: &MessageRow) -> Result<Option<Content>, ActionError> {
        let body = self.content(id, row)?;
        let content = body.and_then(|body| body.content).map(content_from_pb).transpose();
        content.map_err(|error| ActionError::Fault(error.to_string()))
    }

    /// The purpose of the request of ours that a message is about; empty where that was erased or
    /// lost: the limit is there all the same.
    fn asked_for(&self, row: &MessageRow) -> Result<Option<String>, ActionError> {
        let Ok(id) = MessageId::from_slice(&row.request) else { return Ok(None) };
        let request = rows::message(&self.store, id)?.filter(|request| request.direction == SENT);
        let Some(request) = request else { return Ok(None) };
        Ok(Some(match self.content_of(id, &request)?.map(|content| content.body) {
            Some(Body::Request(request)) => request.purpose,
            _ => String::new(),
        }))
    }

    /// The conditions on which the request that a message is about was accepted; an empty text
    /// stands for those that were erased. They bind who is assisted, and not who has set them: UNTOC
    /// 18(26).
    fn accepted(&self, row: &MessageRow) -> Result<Vec<String>, ActionError> {
        let standing = rows::load::<StandingRow>(&self.store, Table::Standings, &row.request)?;
        let standing = standing.filter(|at| !at.is_requested());
        let accepting = standing.and_then(|at| MessageId::from_slice(&at.conditions).ok());
        let Some(id) = accepting else { return Ok(Vec::new()) };
        match rows::message(&self.store, id)? {
            Some(row) => self.conditions_of(id, &row),
            None => Ok(vec![String::new()]),
        }
    }

    /// What an acceptance binds to: what it says itself, or what was proposed.
    fn conditions_of(&self, id: MessageId, row: &MessageRow) -> Result<Vec<String>, ActionError> {
        let mut from = (id, row.clone());
        loop {
            let said = match self.content_of(from.0, &from.1)?.map(|content| content.body) {
                Some(Body::Note(note)) => note.conditions,
                _ => vec![String::new()],
            };
            let proposal = MessageId::from_slice(&from.1.in_reply_to);
            let is_proposal = from.0 != id;
            let (false, false, Ok(proposal)) = (!said.is_empty(), is_proposal, proposal) else {
                return Ok(said);
            };
            let Some(row) = rows::message(&self.store, proposal)? else {
                return Ok(vec![String::new()]);
            };
            from = (proposal, row);
        }
    }

    /// Gives another agency of this authority a message to read, with what it carries; or one package of
    /// it, which no limit of another part binds.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] for what the caller may not give; [`ActionError::Invalid`] where the
    /// purpose needs what is not there: consent, or notice (UNTOC 18(5), (19)).
    pub async fn share_message(
        &self,
        caller: &Caller,
        id: MessageId,
        wish: Wish,
    ) -> Result<MessageRow, ActionError> {
        self.check_writable()?;
        let row = rows::message(&self.store, id)?.filter(|row| owned(caller, row));
        let row = row.ok_or_else(|| ActionError::no_message(id))?;
        self.check_grantee(&wish.agency, &row)?;
        check_part(wish.package, &row)?;
        let body = self.content(id, &row)?;
        let body = body.ok_or_else(|| {
            ActionError::conflict("ERASED", format!("what message {id} says is gone"))
        })?;
        let bearing = Bearing {
            limits: of_part(wish.package, self.use_limits(id, &row, &body)?),
            consented: wish.consent.is_some_and(|consent| has(&row.consents, consent)),
            notified: self.is_notified(&row)?,
        };
        if wish.consent.is_some() && !bearing.consented {
            let rule = "is no USE_CONSENT_RESPONSE that grants another use of this message";
            return Err(ActionError::invalid("consent", rule));
        }
        let today = self.now().to_string();
        let today = today.get(..10).unwrap_or_default();
        let ground = bearing.permits(wish.purpose, today, wish.notice_follows);
        let ground = ground.map_err(|lack| ActionError::invalid("purpose", lack.to_string()))?;
        self.may_act(caller)?;
        self.commit_share(caller, id, wish, ground).await
    }

    fn check_grantee(&self, agency: &str, row: &MessageRow) -> Result<(), ActionError> {
        let known = self.agency(agency)?.is_some_and(|agency| !agency.revoked);
        if !known {
            return Err(ActionError::invalid("agency", "is no agency that has access"));
        }
        if row.agency == agency {
            return Err(ActionError::invalid("agency", "has the message already: it is its own"));
        }
        Ok(())
    }

    /// Whether a notice about the message has arrived at its sender.
    fn is_notified(&self, row: &MessageRow) -> Result<bool, ActionError> {
        for id in &row.notices {
            let id = MessageId::from_slice(id).map_err(ActionError::fault)?;
            let arrived =
                [DeliveryState::Relayed, DeliveryState::Consigned, DeliveryState::HandedOver];
            let notice = rows::message(&self.store, id)?;
            if notice.is_some_and(|notice| arrived.contains(&notice.delivery())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn commit_share(
        &self,
        caller: &Caller,
        id: MessageId,
        wish: Wish,
        ground: Ground,
    ) -> Result<MessageRow, ActionError> {
        let (caller_in, who) = (caller.clone(), self.handle(&caller.name));
        let sharing = self.store.commit(move |tx| {
            let row = message_in(tx, id)?.filter(|row| owned(&caller_in, row));
            let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
            let consent = wish.consent.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            // Taken back this very moment.
            if row.erased.is_some() || (!consent.is_empty() && !row.consents.contains(&consent)) {
                return Err(ActionError::conflict("MOVED", "it changed this moment: try again"));
            }
            let package = wish.package.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            row.shares
                .retain(|share| share.agency != wish.agency || is_other_part(share, &package));
            if row.shares.len() >= SHARES_MAX {
                let message = format!("message {id} is shared with {SHARES_MAX} agencies already");
                return Err(ActionError::exhausted("TOO_MANY_SHARES", message));
            }
            let draft = EntryDraft::new(Event::AccessShared).message(id).who(&who);
            let draft = draft.code(ground.code());
            let entry_index = tx.append(match wish.package {
                Some(package) => draft.package(package),
                None => draft,
            });
            row.shares.push(ShareRow {
                agency: wish.agency,
                purpose: release_purpose_to_pb(wish.purpose) as i32,
                ground: ground.code().to_owned(),
                at_ms: tx.at().unix_ms(),
                entry_index,
                consent,
                package_id: package,
            });
            put_message(tx, id, &row);
            Ok(row)
        });
        Ok(sharing.await?.value)
    }

    /// Takes a message back from an agency that it was shared with. What that has read it has read.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] where it was not shared with it.
    pub async fn unshare_message(
        &self,
        caller: &Caller,
        id: MessageId,
        agency: String,
    ) -> Result<MessageRow, ActionError> {
        self.check_writable()?;
        // Whoever shared it has paid for both, and nothing may keep it from being taken back.
        let (caller, who) = (caller.clone(), self.handle(&caller.name));
        let ending = self.store.commit(move |tx| {
            let row = message_in(tx, id)?.filter(|row| owned(&caller, row));
            let mut row = row.ok_or_else(|| ActionError::no_message(id))?;
            let before = row.shares.len();
            row.shares.retain(|share| share.agency != agency);
            if row.shares.len() == before {
                let message = format!("message {id} is not shared with {agency:?}");
                return Err(ActionError::NotFound(message));
            }
            tx.append(EntryDraft::new(Event::AccessUnshared).message(id).who(&who));
            put_message(tx, id, &row);
            Ok(row)
        });
        Ok(ending.await?.value)
    }
}

fn is_executed(step: &Step) -> bool {
    let executed = [RequestState::PartlyExecuted, RequestState::Executed];
    RequestState::from_number(step.state).is_some_and(|state| executed.contains(&state))
}

fn has(ids: &[Vec<u8>], id: MessageId) -> bool {
    ids.iter().any(|one| one == id.as_bytes())
}

fn keep(ids: &mut Vec<Vec<u8>>, id: MessageId) {
    if ids.len() >= KEPT_MAX {
        ids.remove(0);
    }
    ids.push(id.as_bytes().to_vec());
}

/// Notes, in the commit of a notice of ours, which message it tells the sender of.
pub(super) fn notices(tx: &mut Tx<'_>, id: MessageId, row: &MessageRow) -> Result<(), ActionError> {
    let is_notice = MessageKind::from_number(row.kind) == Some(MessageKind::ExculpatoryNotice);
    let (true, Ok(about)) = (is_notice, MessageId::from_slice(&row.in_reply_to)) else {
        return Ok(());
    };
    let told = message_in(tx, about)?;
    if let Some(mut told) = told.filter(|told| told.direction == RECEIVED) {
        keep(&mut told.notices, id);
        put_message(tx, about, &told);
    }
    Ok(())
}

/// Notes, in the commit that consigns the answer to a request for consent, what may be used. A
/// later refusal to the same request takes an earlier consent back.
pub(super) fn consents(
    tx: &mut Tx<'_>,
    id: MessageId,
    row: &MessageRow,
    consent: Option<UseConsent>,
) -> Result<(), ActionError> {
    let (Some(consent), Ok(asked)) = (consent, MessageId::from_slice(&row.in_reply_to)) else {
        return Ok(());
    };
    let is_asking = |asking: &MessageRow| {
        let kind = MessageKind::from_number(asking.kind);
        asking.direction == SENT
            && asking.peer == row.peer
            && kind == Some(MessageKind::UseConsentRequest)
    };
    let Some(asking) = message_in(tx, asked)?.filter(is_asking) else { return Ok(()) };
    let Ok(about) = MessageId::from_slice(&asking.in_reply_to) else { return Ok(()) };
    let given = message_in(tx, about)?;
    let Some(mut given) = given.filter(|given| given.direction == RECEIVED) else { return Ok(()) };
    match consent {
        UseConsent::Granted => keep(&mut given.consents, id),
        UseConsent::Refused => {
            let mut left = Vec::new();
            for earlier in std::mem::take(&mut given.consents) {
                let of = MessageId::from_slice(&earlier).map_err(ActionError::fault)?;
                let answers = message_in(tx, of)?.map(|row| row.in_reply_to);
                if answers.as_deref() != Some(&asked.as_bytes()[..]) {
                    left.push(earlier);
                }
            }
            given.consents = left;
            let (kept, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut given.shares)
                .into_iter()
                .partition(|s| s.consent.is_empty() || given.consents.contains(&s.consent));
            given.shares = kept;
            for _ in ended {
                tx.append(EntryDraft::new(Event::AccessUnshared).message(about));
            }
        }
    }
    put_message(tx, about, &given);
    Ok(())
}

/// Whether a note answers a request for consent, and how.
pub(super) fn consent_of(kind: MessageKind, note: &Note) -> Option<UseConsent> {
    note.consent.filter(|_| kind == MessageKind::UseConsentResponse)
}

/// A package that is to be shared alone is one of the message.
fn check_part(package: Option<PackageId>, row: &MessageRow) -> Result<(), ActionError> {
    let Some(package) = package else { return Ok(()) };
    match row.packages.iter().any(|facts| facts.package_id == package.as_bytes()) {
        true => Ok(()),
        false => Err(ActionError::invalid("package", "is no package of this message")),
    }
}

/// The limits that bind a package: those of the message, and its own. One of an exhibit binds the package,
/// which is shared as a whole.
fn of_part(package: Option<PackageId>, mut limits: Vec<UseLimit>) -> Vec<UseLimit> {
    if package.is_some() {
        limits.retain(|limit| limit.package.is_none() || limit.package == package);
    }
    limits
}

/// Whether a share stays when its agency is given a part, or all where that is empty: only one of another
/// part does, beside a part.
fn is_other_part(share: &ShareRow, package: &[u8]) -> bool {
    !package.is_empty() && !share.package_id.is_empty() && share.package_id != package
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
