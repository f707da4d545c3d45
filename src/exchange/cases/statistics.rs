//! Statistics: what the requests of a period add up to, counted when somebody asks.
//!
//! Nothing is kept for them. Where a request stands and how it came there is beside it; what it asks
//! for, and on which grounds it was refused, stands in bodies that are opened for a moment, a request
//! at a time. Nothing of a body is given out but that it counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index;
use crate::domain::lifecycle::{RequestState, Side};
use crate::domain::request::{Body, Content};
use crate::domain::statistics::{Facts, Heard, Period, StatisticsReturn, Tally, Way, What};
use crate::domain::{AuthorityId, MessageId, MessageKind, Timestamp};
use crate::envelope::wire::content_from_pb;
use crate::exchange::agencies::Caller;
use crate::exchange::pieces::piece;
use crate::exchange::query::whole;
use crate::exchange::rows::{self, MessageRow, SENT, StandingRow, decode};
use crate::exchange::standing::OVERTAKEN;
use crate::exchange::{ActionError, Exchange};
use crate::store::{Direction, Table};

/// Requests that one call counts: a hundred years of a large State, in some 15 MB.
pub const REQUESTS_MAX: u64 = 50_000;

/// Rows that one call reads, each once: minutes of work at most.
const ROWS_MAX: u64 = 2_000_000;

/// Requests that are counted before the thread is given back.
const PAGE: usize = 64;

/// Messages of a case that are read at once.
const MESSAGES_PAGE: usize = 256;

/// What is to be counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Requests made in these days.
    pub period: Period,
    /// Only those with this peer.
    pub peer: Option<AuthorityId>,
}

/// What was counted.
pub struct Figures {
    /// The tables, with every count.
    pub whole: StatisticsReturn,
    /// Requests whose content is gone: what they asked for is not known.
    pub unread: u64,
}

/// A count under way.
struct Counting {
    caller: Caller,
    peer: Option<AuthorityId>,
    tally: Tally,
    unread: u64,
    rows: u64,
    /// The last request that was looked at.
    after: Vec<u8>,
    /// The cases that were gone through, each once.
    cases: BTreeMap<String, OfCase>,
    /// Requests of which something is kept there.
    kept: u64,
}

/// What the messages of a case say about its requests that are still to be counted.
type OfCase = BTreeMap<MessageId, Sides>;

/// What messages about a request say: ours, and those of the other side.
#[derive(Default)]
struct Sides {
    sent: Heard,
    received: Heard,
}

impl Counting {
    fn begin(caller: &Caller, Counted { period, peer }: Counted, now: Timestamp) -> Self {
        let after = first_key(period.start());
        Self {
            caller: caller.clone(),
            peer,
            tally: Tally::new(period, now),
            unread: 0,
            rows: 0,
            after,
            cases: BTreeMap::new(),
            kept: 0,
        }
    }

    /// Notes that rows were read.
    fn reads(&mut self, rows: usize) -> Result<(), ActionError> {
        self.rows += rows as u64;
        if self.rows <= ROWS_MAX && self.tally.requests() + self.kept <= REQUESTS_MAX {
            return Ok(());
        }
        let message =
            "there are more requests and messages than one call counts: ask for fewer days";
        Err(ActionError::exhausted("TOO_MUCH_TO_COUNT", message))
    }
}

impl Exchange {
    /// Counts the requests of a period that a caller may see, as they stand now.
    ///
    /// # Errors
    /// [`ActionError::Exhausted`] where they are too many for one call; [`ActionError::Fault`] when a
    /// row or a body cannot be read.
    pub async fn statistics(
        self: &Arc<Self>,
        caller: &Caller,
        counted: Counted,
    ) -> Result<Figures, ActionError> {
        let mut counting = Counting::begin(caller, counted, self.now());
        loop {
            let exchange = self.clone();
            let (next, more) = piece(move || {
                let more = exchange.count_some(&mut counting)?;
                Ok((counting, more))
            })
            .await?;
            counting = next;
            if !more {
                return Ok(Figures { whole: counting.tally.finish(), unread: counting.unread });
            }
        }
    }

    /// Counts the next requests; whether there are more. Requests stand in the order of their ids,
    /// which begin with the time at which they were given.
    fn count_some(&self, counting: &mut Counting) -> Result<bool, ActionError> {
        let (table, after) = (Table::Standings, Some(counting.after.as_slice()));
        let page = self.store.scan(table, b"", after, Direction::Forward, PAGE)?;
        counting.reads(page.len())?;
        for (key, row) in &page {
            let id = MessageId::from_slice(key).map_err(ActionError::fault)?;
            if id.at() >= counting.tally.period().end() {
                return Ok(false);
            }
            let standing: StandingRow = decode(row)?;
            if let Some(facts) = self.facts(counting, id, &standing)? {
                counting.tally.add(&facts);
            }
            counting.after.clone_from(key);
        }
        Ok(!page.is_empty())
    }

    /// What is counted of a request; nothing where it is none of those, or never came to anybody.
    fn facts(
        &self,
        counting: &mut Counting,
        id: MessageId,
        standing: &StandingRow,
    ) -> Result<Option<Facts>, ActionError> {
        let row = rows::message(&self.store, id)?;
        let counts = |row: &MessageRow| counts(row) && whole(&counting.caller, row);
        let Some(row) = row.filter(|row| standing.state != 0 && counts(row)) else {
            return Ok(None);
        };
        let (peer, kind) = (row.peer_id()?, MessageKind::from_number(row.kind));
        let Some(kind) = kind.filter(|kind| kind.is_request()) else { return Ok(None) };
        if counting.peer.as_ref().is_some_and(|only| *only != peer) {
            return Ok(None);
        }
        let way = if standing.side() == Side::Requesting { Way::Made } else { Way::Received };
        let urgency = standing.urgency();
        let track = self.settings.targets.of(peer.as_str(), urgency);
        let mut facts = Facts { urgency, track, ..Facts::new(id, way, peer, kind) };
        facts.history = standing.history(&row);
        match self.said(id, &row)?.map(|content| content.body) {
            Some(Body::Request(request)) => facts.what = What::of(&request),
            _ => counting.unread += 1,
        }
        let Sides { sent, received } = self.heard(counting, id, &row)?;
        facts.hears(standing.side(), sent);
        facts.hears(standing.side().other(), received);
        Ok(Some(facts))
    }

    /// What the messages of its case say about a request.
    fn heard(
        &self,
        counting: &mut Counting,
        request: MessageId,
        row: &MessageRow,
    ) -> Result<Sides, ActionError> {
        if !counting.cases.contains_key(&row.case_id) {
            let all = self.heard_in(counting, &row.case_id)?;
            counting.cases.insert(row.case_id.clone(), all);
        }
        let heard = counting.cases.get_mut(&row.case_id).and_then(|all| all.remove(&request));
        counting.kept -= u64::from(heard.is_some());
        Ok(heard.unwrap_or_default())
    }

    /// What the messages of a case say, by the request that they are about. Went one through them for
    /// each request, whoever may write in the case would make it endless.
    fn heard_in(&self, counting: &mut Counting, case: &str) -> Result<OfCase, ActionError> {
        let (mut all, mut after) = (OfCase::new(), None);
        loop {
            let forward = Direction::Forward;
            let page = index::scan(&self.store, case, index::ANY, after, forward, MESSAGES_PAGE)?;
            counting.reads(page.len())?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(*last);
            for id in page {
                // What one may not read is not counted for one either.
                let counts = |row: &MessageRow| counts(row) && whole(&counting.caller, row);
                let Some(row) = rows::message(&self.store, id)?.filter(counts) else { continue };
                let request = MessageId::from_slice(&row.request).ok();
                let in_period = |request: &MessageId| counting.tally.period().has(request.at());
                let Some(request) = request.filter(in_period) else { continue };
                let kind = MessageKind::from_number(row.kind).filter(|kind| !kind.is_request());
                let Some(kind) = kind else { continue };
                counting.kept += u64::from(!all.contains_key(&request));
                let sides: &mut Sides = all.entry(request).or_default();
                let is_sent = row.direction == SENT;
                let heard = if is_sent { &mut sides.sent } else { &mut sides.received };
                self.hear_message(id, &row, kind, heard)?;
            }
        }
    }

    fn hear_message(
        &self,
        id: MessageId,
        row: &MessageRow,
        kind: MessageKind,
        heard: &mut Heard,
    ) -> Result<(), ActionError> {
        let has_grounds = kind == MessageKind::Decision && gives_grounds(row);
        let content = if has_grounds { self.said(id, row)? } else { None };
        let bytes = row.packages.iter().map(|package| package.sealed_bytes).sum::<u64>();
        heard.takes(kind, content.as_ref(), bytes);
        Ok(())
    }

    /// The content of a message; `None` where it is gone.
    fn said(&self, id: MessageId, row: &MessageRow) -> Result<Option<Content>, ActionError> {
        if row.erased.is_some() || row.lost_ms != 0 {
            return Ok(None);
        }
        let content = self.content(id, row)?.and_then(|body| body.content);
        content.map(content_from_pb).transpose().map_err(ActionError::fault)
    }
}

/// The key behind which the requests of a time stand.
fn first_key(at: Timestamp) -> Vec<u8> {
    let ms = at.unix_ms().to_be_bytes();
    [&ms[2..], &[0; 10]].concat()
}

/// Whether a message came to be: it was not taken back, and not refused.
fn counts(row: &MessageRow) -> bool {
    row.direction != SENT || !row.delivery().never_came()
}

/// Whether a decision left the request where one is due to say why, or may have if it was overtaken:
/// its author counts it all the same.
fn gives_grounds(row: &MessageRow) -> bool {
    if row.move_notice == OVERTAKEN {
        return true;
    }
    let state = RequestState::from_number(row.request_state);
    matches!(state, Some(RequestState::Refused | RequestState::Postponed))
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
