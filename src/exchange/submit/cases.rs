//! The numbers of the cases that this authority opens.

use std::sync::{Mutex, PoisonError};

use super::Submission;
use crate::domain::lifecycle::Move;
use crate::domain::request::Body;
use crate::domain::{CaseId, MessageId};
use crate::exchange::agencies::Caller;
use crate::exchange::query::owned;
use crate::exchange::rows::StandingRow;
use crate::exchange::standing::About;
use crate::exchange::{ActionError, Exchange, Violation, rows};
use crate::store::{Store, Table};

/// Gives case numbers. A number that was given and not used is a gap, never a double.
#[derive(Default)]
pub(in crate::exchange) struct CaseNumbers(Mutex<Option<(i32, u64)>>);

impl CaseNumbers {
    pub(super) fn next(&self, store: &Store, year: i32) -> Result<u64, ActionError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match *last {
            Some((known_year, number)) if known_year == year => number,
            _ => stored(store, year)?,
        };
        *last = Some((year, known + 1));
        Ok(known + 1)
    }

    /// The number that was given last in a year; 0 where none was.
    pub(in crate::exchange) fn last(&self, store: &Store, year: i32) -> Result<u64, ActionError> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((known_year, number)) if known_year == year => Ok(number),
            _ => stored(store, year),
        }
    }
}

fn stored(store: &Store, year: i32) -> Result<u64, ActionError> {
    let number = store.get(Table::Settings, &case_key(year))?;
    Ok(number
        .map_or(0, |bytes| u64::from_be_bytes(bytes.as_slice().try_into().unwrap_or_default())))
}

/// Where the number that was given last stands.
pub(super) fn case_key(year: i32) -> Vec<u8> {
    format!("case/{year}").into_bytes()
}

impl Exchange {
    /// Whether it answers a message of which only entries are left: in which case that was, the agency
    /// alone knows.
    fn answers_lost(&self, caller: &Caller, submission: &Submission) -> Result<bool, ActionError> {
        let Some(id) = submission.in_reply_to else { return Ok(false) };
        let row = rows::message(&self.store, id)?.filter(|row| owned(caller, row));
        Ok(row.is_some_and(|row| row.lost_ms != 0))
    }

    /// A case that is named must be one of this node that the caller may see: a number that is yet
    /// to be given would be given twice.
    pub(super) fn check_known_case(
        &self,
        caller: &Caller,
        submission: &Submission,
        wrong: &mut Vec<Violation>,
    ) -> Result<(), ActionError> {
        let Some(case) = &submission.case else { return Ok(()) };
        let kind = submission.content.kind;
        if !kind.belongs_to_case() {
            let rule = format!("must not be given: a {kind} belongs to no case");
            wrong.push(Violation::new("case_id", rule));
            return Ok(());
        }
        self.check_between(submission, wrong);
        if self.answers_lost(caller, submission)? {
            return Ok(());
        }
        // Whoever opened it goes on with it, also where what began it was erased.
        let owner = self.store.get(Table::Cases, case.as_str().as_bytes())?;
        let opened = owner.is_some_and(|owner| owner == caller.name.as_bytes());
        if !opened && !self.sees_case(caller, case)? {
            wrong.push(Violation::new("case_id", format!("{case} is no case of this node")));
        }
        Ok(())
    }

    /// The case of what is answered, where something is.
    pub(super) fn check_case(
        &self,
        caller: &Caller,
        submission: &Submission,
        wrong: &mut Vec<Violation>,
    ) -> Result<Option<String>, ActionError> {
        let kind = submission.content.kind;
        let Some(id) = submission.in_reply_to else {
            if kind.needs_reply_to() {
                let rule = format!("a {} answers a message: reply to it", kind.as_str());
                wrong.push(Violation::new("content.kind", rule));
            } else if submission.case.is_none() && !kind.opens_case() && kind.belongs_to_case() {
                let rule = format!("must be given: a {} opens no case", kind.as_str());
                wrong.push(Violation::new("case_id", rule));
            }
            return Ok(None);
        };
        let row = rows::message(&self.store, id)?.filter(|row| owned(caller, row));
        match row {
            Some(row) if row.peer != submission.recipient.as_str() => {
                wrong.push(Violation::new("in_reply_to", "is a message of another authority"));
                Ok(None)
            }
            // Its case is no longer known.
            Some(row) if row.erased.is_some() => {
                let rule = "its content was erased: answer another message of the case";
                wrong.push(Violation::new("name", rule));
                Ok(None)
            }
            Some(row) if row.lost_ms != 0 => {
                if submission.case.is_none() {
                    let rule = "its case was lost with a disk of the node: name it, in case_id";
                    wrong.push(Violation::new("name", rule));
                }
                Ok(None)
            }
            Some(row) => Ok(Some(row.case_id)),
            None => {
                wrong.push(Violation::new("name", format!("there is no message {id}")));
                Ok(None)
            }
        }
    }

    pub(super) fn case_for(
        &self,
        submission: &Submission,
        answered: Option<String>,
    ) -> Result<(String, Option<(i32, u64)>), ActionError> {
        let given = submission.case.as_ref().map(|case| case.as_str().to_owned());
        if !submission.content.kind.belongs_to_case() {
            return Ok((String::new(), None));
        }
        if let Some(case) = answered.or(given) {
            return Ok((case, None));
        }
        let year = self.now().year();
        let number = self.cases.next(&self.store, year)?;
        Ok((CaseId::new(&self.me, year, number).as_str().to_owned(), Some((year, number))))
    }

    /// The request that it is about: that of what it answers. What it does to it must be legal.
    pub(super) fn check_request(
        &self,
        caller: &Caller,
        submission: &Submission,
        wrong: &mut Vec<Violation>,
    ) -> Result<About, ActionError> {
        let kind = submission.content.kind;
        let made = match &submission.content.body {
            Body::Note(note) => Move::of(kind, note),
            _ => None,
        };
        let (urgency, review) = (submission.content.urgency(), submission.content.review());
        let answers = submission.in_reply_to;
        let mut about = About { request: None, answers, made, told: None, urgency, review };
        if let Some(id) = submission.in_reply_to {
            let row = rows::message(&self.store, id)?.filter(|row| owned(caller, row));
            let request = row.map(|row| row.request).unwrap_or_default();
            about.request = MessageId::from_slice(&request).ok();
        }
        let key = about.request.as_ref().map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let standing = rows::load::<StandingRow>(&self.store, Table::Standings, &key)?;
        match standing {
            _ if kind.is_request() => {}
            Some(standing) => match standing.next(made) {
                Ok(next) => about.told = next.told,
                Err(ActionError::Invalid(illegal)) => wrong.extend(illegal),
                Err(error) => return Err(error),
            },
            None if made.is_some_and(Move::needs_request) => {
                let what = made.map_or("", Move::as_str);
                let rule = format!("a {what} is about a request: answer it, or a message about it");
                wrong.push(Violation::new("content.kind", rule));
            }
            None => about.request = None,
        }
        Ok(about)
    }
}
