//! Cases: what an agency may see of them, their requests, and how much time each duty has left.
//!
//! A case is an agency's to see where one of its messages is that agency's own; whatever it may not see is
//! not there. A message that was shared with it is that message, and no case. Of the requests of a case it
//! sees those whose message it may see.

mod alerts;
pub(super) mod between;
#[cfg(test)]
mod flood_tests;
pub(super) mod index;
mod open;
#[cfg(test)]
mod related_tests;
pub mod statistics;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod withdrawn_tests;

use std::collections::BTreeSet;

pub use self::alerts::{Overdue, run};
use super::agencies::Caller;
use super::query::whole;
use super::rows::{self, MessageDetails, MessageRow, RelatedCaseRow, SENT, StandingRow};
use super::{ActionError, Exchange};
use crate::domain::clock::Clock;
use crate::domain::lifecycle::RequestState;
use crate::domain::{AuthorityId, CaseId, MessageId, Timestamp};
use crate::store::{Direction, Table};

/// Requests of one case that are shown, made by either side: the newest that the caller may see. A case
/// that has more is many cases.
const REQUESTS_MAX: usize = 100;
/// Messages of one case, sent or received, that are looked at for what they name: the newest that the
/// caller may see.
const MESSAGES_MAX: usize = 500;
/// Messages that are looked at for the peer of a case without requests.
const PEERS_MAX: usize = 20;
/// Cases that one call looks at: what it has found by then is its page.
const CASES_MAX: usize = 1000;
/// Messages that one call looks at, likewise.
const WORK_MAX: usize = 4000;
/// Cases whose ids are read at once.
const PAGE: usize = 100;

/// Which cases are asked for.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Only those in which a duty is overdue, whosesoever it is.
    pub overdue: bool,
    /// Only those with this peer.
    pub peer: Option<AuthorityId>,
    /// Only those with a request in this state.
    pub state: Option<RequestState>,
}

impl CaseFilter {
    fn fits(&self, case: &CaseView) -> bool {
        let peer = self.peer.as_ref().map(AuthorityId::as_str);
        let state = self.state.map(|state| state as i32);
        let fits = |request: &RequestView| {
            peer.is_none_or(|peer| peer == request.row.peer)
                && state.is_none_or(|state| state == request.standing.state)
                && (!self.overdue || request.is_overdue())
        };
        match case.requests.is_empty() {
            true => {
                state.is_none() && !self.overdue && peer.is_none_or(|one| case.peers.contains(one))
            }
            false => case.requests.iter().any(fits),
        }
    }
}

/// A request of a case. Has no `Debug`: it has the sender's reference (I6).
pub struct RequestView {
    /// The message that carries it.
    pub id: MessageId,
    /// Its row.
    pub row: MessageRow,
    /// What is kept beside it.
    pub details: MessageDetails,
    /// Where it stands.
    pub standing: StandingRow,
    /// Its clocks.
    pub clocks: Vec<Clock>,
}

impl RequestView {
    /// Whether a duty in it is overdue.
    pub fn is_overdue(&self) -> bool {
        self.clocks.iter().any(Clock::is_overdue)
    }
}

/// A message that links a case to an extradition.
pub struct LinkView {
    /// The message.
    pub id: MessageId,
    /// Its row.
    pub row: MessageRow,
}

/// A case, as far as somebody may see it. Has no `Debug`: it has references (I6).
pub struct CaseView {
    /// Its id.
    pub id: CaseId,
    /// The other authorities.
    pub peers: BTreeSet<String>,
    /// Its requests, the oldest first.
    pub requests: Vec<RequestView>,
    /// What our own agencies call it; with the whole case only.
    pub references: BTreeSet<String>,
    /// The cases that its messages name; with the whole case only.
    pub related: Vec<RelatedCaseRow>,
    /// The extraditions that it is linked to; with the whole case only.
    pub links: Vec<LinkView>,
}

impl Exchange {
    /// Whether a case is one of those that a caller may see.
    pub(super) fn sees_case(&self, caller: &Caller, case: &CaseId) -> Result<bool, ActionError> {
        let id = case.as_str().as_bytes();
        let (table, key) = match caller.all_cases {
            true => (Table::Cases, id.to_vec()),
            false => (Table::AgencyCases, [self.cases_of(caller).as_slice(), id].concat()),
        };
        Ok(self.store.get(table, &key)?.is_some())
    }

    fn cases_of(&self, caller: &Caller) -> [u8; 16] {
        index::agency_prefix(&self.home, &caller.name)
    }

    /// A case, with everything that its messages name.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] also for what the caller may not see.
    pub fn case(&self, caller: &Caller, id: &CaseId) -> Result<CaseView, ActionError> {
        if !self.sees_case(caller, id)? {
            return Err(ActionError::NotFound(format!("there is no case {id}")));
        }
        let (mut case, _) = self.case_at(caller, id.clone(), self.now())?;
        for message in self.messages_seen(caller, id, index::ANY, MESSAGES_MAX)?.0 {
            let (id, row) = message;
            let details = self.details(id, &row)?;
            if row.direction == SENT && !details.reference.is_empty() {
                case.references.insert(details.reference);
            }
            for related in details.related {
                if case.related.len() < MESSAGES_MAX && !case.related.contains(&related) {
                    case.related.push(related);
                }
            }
            case.peers.insert(row.peer);
        }
        let (links, _) = self.messages_seen(caller, id, index::EXTRADITION, MESSAGES_MAX)?;
        case.links = links.into_iter().map(|(id, row)| LinkView { id, row }).collect();
        Ok(case)
    }

    /// A page of cases behind `after`, in the order of their ids from the last on; beside it the case
    /// that was looked at last, where there are more. A page may be short, and even empty, where much
    /// was looked at that does not fit.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn list_cases(
        &self,
        caller: &Caller,
        filter: &CaseFilter,
        mut after: Option<CaseId>,
        limit: usize,
    ) -> Result<(Vec<CaseView>, Option<CaseId>), ActionError> {
        let (mut found, mut looked, mut work) = (Vec::new(), 0, 0);
        let now = self.now();
        loop {
            let page = self.case_ids(caller, after.as_ref())?;
            if page.is_empty() {
                return Ok((found, None));
            }
            for id in page {
                if found.len() >= limit || looked >= CASES_MAX || work >= WORK_MAX {
                    return Ok((found, after));
                }
                after = Some(id.clone());
                let (case, messages) = self.case_at(caller, id, now)?;
                looked += 1;
                work += 1 + messages;
                if filter.fits(&case) {
                    found.push(case);
                }
            }
        }
    }

    /// Ids of cases that a caller may see, from below `after` on.
    fn case_ids(
        &self,
        caller: &Caller,
        after: Option<&CaseId>,
    ) -> Result<Vec<CaseId>, ActionError> {
        let (table, prefix) = match caller.all_cases {
            true => (Table::Cases, Vec::new()),
            false => (Table::AgencyCases, self.cases_of(caller).to_vec()),
        };
        let after = after.map(|id| [prefix.as_slice(), id.as_str().as_bytes()].concat());
        let rows = self.store.scan(table, &prefix, after.as_deref(), Direction::Backward, PAGE)?;
        let id = |(key, _): &(Vec<u8>, Vec<u8>)| {
            let text = std::str::from_utf8(&key[prefix.len()..]).map_err(ActionError::fault)?;
            CaseId::parse(text).map_err(ActionError::fault)
        };
        rows.iter().map(id).collect()
    }

    /// A case with its requests; beside it how many messages were looked at for it.
    fn case_at(
        &self,
        caller: &Caller,
        id: CaseId,
        now: Timestamp,
    ) -> Result<(CaseView, usize), ActionError> {
        let (mut requests, mut looked) = self.requests_of(caller, &id, now)?;
        requests.reverse();
        let mut peers: BTreeSet<String> =
            requests.iter().map(|request| request.row.peer.clone()).collect();
        if peers.is_empty() {
            let (seen, more) = self.messages_seen(caller, &id, index::ANY, PEERS_MAX)?;
            looked += more;
            peers.extend(seen.into_iter().map(|(_, row)| row.peer));
        }
        let (references, related, links) = Default::default();
        Ok((CaseView { id, peers, requests, references, related, links }, looked))
    }

    /// The requests of a case that a caller may see, the newest first; beside them how many messages
    /// were looked at.
    fn requests_of(
        &self,
        caller: &Caller,
        case: &CaseId,
        now: Timestamp,
    ) -> Result<(Vec<RequestView>, usize), ActionError> {
        let mut requests = Vec::new();
        let (seen, looked) = self.messages_seen(caller, case, index::REQUESTS, REQUESTS_MAX)?;
        for (id, row) in seen {
            let standing = rows::load::<StandingRow>(&self.store, Table::Standings, id.as_bytes())?;
            let Some(standing) = standing else { continue };
            let details = self.details(id, &row)?;
            let clocks = standing.clocks(&row, &self.settings.targets, now);
            requests.push(RequestView { id, row, details, standing, clocks });
        }
        Ok((requests, looked))
    }

    /// Messages of a case that a caller may see, the newest first: up to `most` of those sent, and of
    /// those received.
    fn messages_seen(
        &self,
        caller: &Caller,
        case: &CaseId,
        which: u8,
        most: usize,
    ) -> Result<index::Found<MessageRow>, ActionError> {
        index::newest(&self.store, case.as_str(), which, most, |id| {
            // Erased since the index was read.
            let seen = |row: &MessageRow| whole(caller, row) && row.erased.is_none();
            Ok(rows::message(&self.store, id)?.filter(seen))
        })
    }
}
