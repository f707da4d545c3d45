//! What earlier requests and notices of protection of a case say of its persons.

use super::cases::index;
use super::rows::{self, MessageRow, RECEIVED, SENT};
use super::{ActionError, Exchange};
use crate::domain::MessageId;
use crate::domain::request::{Body, KnownRoles, PersonFault};
use crate::envelope::wire::content_from_pb;

/// Requests of ours in one case that are opened to know what its persons are; of more, the newest.
const SENT_MAX: usize = 256;
/// Requests of a peer: what it sends is its to choose, and what that costs is not.
const RECEIVED_MAX: usize = 16;

/// Whose requests of which case.
pub(super) struct CaseOf<'a> {
    /// Sent or received, as a row has it.
    pub direction: u32,
    /// The other authority.
    pub peer: &'a str,
    /// The case.
    pub case: &'a str,
    /// Only requests before this one: when it was created, and its place in our log.
    pub before: Option<Place>,
}

/// In which order requests were made: two of one millisecond in that of our log.
pub(super) type Place = (i64, u64);

pub(super) fn place(row: &MessageRow) -> Place {
    (row.created_ms, row.entry_index)
}

impl Exchange {
    /// Where a request makes a protected person of its case something else without saying so, or a
    /// notice says of somebody what was never so, by what is still here of what came before it. A
    /// notice may be about persons of either side's requests; a request answers for its own side.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub(super) fn check_roles(
        &self,
        of: &CaseOf<'_>,
        body: &Body,
    ) -> Result<Vec<PersonFault>, ActionError> {
        let changes = match body {
            Body::Request(request) => !request.persons.is_empty(),
            Body::Protection(notice) => !notice.role_changes.is_empty(),
            _ => false,
        };
        let mut known = KnownRoles::default();
        if changes && !of.case.is_empty() {
            if matches!(body, Body::Protection(_)) {
                let other = if of.direction == SENT { RECEIVED } else { SENT };
                self.learn(&CaseOf { direction: other, ..*of }, &mut known)?;
            }
            self.learn(of, &mut known)?;
        }
        Ok(known.check(body))
    }

    fn learn(&self, of: &CaseOf<'_>, known: &mut KnownRoles) -> Result<(), ActionError> {
        for (id, row) in self.earlier(of)? {
            let content = self.content(id, &row)?.and_then(|body| body.content);
            match content.map(content_from_pb).transpose() {
                Ok(Some(content)) => known.learn(&content.body),
                // Of what we have sent ourselves nothing may be overlooked.
                Err(error) if of.direction == SENT => {
                    return Err(ActionError::Fault(format!("message {id}: {error}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The newest messages of a case that say what persons are and were not erased, the oldest of
    /// them first.
    fn earlier(&self, of: &CaseOf<'_>) -> Result<Vec<(MessageId, MessageRow)>, ActionError> {
        let side = (of.case, index::ROLES, of.direction, of.peer);
        let most = if of.direction == SENT { SENT_MAX } else { RECEIVED_MAX };
        let wanted = |id| Ok(rows::message(&self.store, id)?.filter(|row| is_of(row, of)));
        let (mut found, _) = index::newest_with(&self.store, &self.home, side, most, wanted)?;
        found.sort_by_key(|(_, row)| place(row));
        Ok(found)
    }
}

fn is_of(row: &MessageRow, of: &CaseOf<'_>) -> bool {
    let here = row.erased.is_none() && row.lost_ms == 0;
    let earlier = of.before.is_none_or(|before| place(row) < before);
    here && earlier
        && row.direction == of.direction
        && row.peer == of.peer
        && row.case_id == of.case
}
