//! The request that a question about a case is about, where the case has one that is open.

use std::borrow::Cow;

use crate::domain::lifecycle::Side;
use crate::domain::{MessageId, MessageKind};
use crate::exchange::agencies::Caller;
use crate::exchange::query::owned;
use crate::exchange::submit::Submission;
use crate::exchange::{ActionError, Exchange, Violation};

/// Requests that are named to somebody who must choose.
const NAMED_MAX: usize = 10;

impl Exchange {
    /// What is submitted, with what it is taken to answer: a status query about a case is about its open
    /// request, the one that we made to this authority.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where there are several, with their ids.
    pub(in crate::exchange) fn meant<'a>(
        &self,
        caller: &Caller,
        submission: &'a Submission,
    ) -> Result<Cow<'a, Submission>, ActionError> {
        Ok(match self.open_request(caller, submission)? {
            None => Cow::Borrowed(submission),
            request => Cow::Owned(Submission { in_reply_to: request, ..submission.clone() }),
        })
    }

    fn open_request(
        &self,
        caller: &Caller,
        submission: &Submission,
    ) -> Result<Option<MessageId>, ActionError> {
        let asks =
            submission.content.kind == MessageKind::StatusQuery && submission.in_reply_to.is_none();
        let Some(case) = submission.case.as_ref().filter(|_| asks) else { return Ok(None) };
        if !self.sees_case(caller, case)? {
            return Ok(None);
        }
        let mut open = Vec::new();
        for request in self.requests_of(caller, case, self.now())?.0 {
            let is_ours = request.standing.side() == Side::Requesting;
            // What was shared with it is to be read, and not to be asked about.
            let is_its = owned(caller, &request.row);
            if request.standing.is_open()
                && is_ours
                && is_its
                && request.row.peer == submission.recipient.as_str()
            {
                open.push(request.id);
            }
        }
        match open.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => {
                let named: Vec<String> =
                    several.iter().take(NAMED_MAX).map(MessageId::to_string).collect();
                let rule = format!(
                    "has {} open requests to {}: answer the one that is meant, of {}",
                    several.len(),
                    submission.recipient,
                    named.join(", ")
                );
                Err(ActionError::Invalid(vec![Violation::new("case_id", rule)]))
            }
        }
    }
}
