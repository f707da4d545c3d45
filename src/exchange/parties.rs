//! What may pass between two authorities, by what they are.

use super::submit::Submission;
use super::{Exchange, Peer, Violation};
use crate::domain::request::Content;
use crate::domain::{AuthorityKind, MessageKind};

/// Why a message of a kind is refused that does not pass between the two.
pub(super) const KIND_NOT_PERMITTED: &str = "KIND_NOT_PERMITTED";
/// Why one is not consigned that carries what its kind may not carry between the two.
pub(super) const CASE_CONTENT: &str = "CASE_CONTENT";

/// The paragraph by which case content goes between central authorities.
const PARAGRAPH: &str = "UNTOC 18(13)";

impl Exchange {
    /// Whether a submission may go to a peer, by what the two are.
    pub(super) fn check_parties(
        &self,
        peer: &Peer,
        submission: &Submission,
        wrong: &mut Vec<Violation>,
    ) {
        let (ours, theirs) = (self.card().kind(), peer.card.kind());
        let kind = submission.content.kind;
        let which = match theirs {
            AuthorityKind::InternationalOrganisation => peer.authority(),
            AuthorityKind::CentralAuthority => &self.me,
        };
        if !ours.may_exchange(theirs, kind) {
            let rule = format!(
                "a {kind} is case content, and {which} is an international organisation: such content \
                 goes between central authorities only ({PARAGRAPH})"
            );
            wrong.push(Violation::new("content.kind", rule));
        } else if !ours.may_carry(theirs, kind) && !submission.packages.is_empty() {
            let rule = format!(
                "must be none: a {kind} carries no files where {which}, an international organisation, \
                 takes part ({PARAGRAPH})"
            );
            wrong.push(Violation::new("packages", rule));
        } else if !ours.may_annex(theirs, kind) && !submission.annexes.is_empty() {
            let rule = format!(
                "must be none: where {which}, an international organisation, takes part, particulars of \
                 persons go with a referral or a return only ({PARAGRAPH})"
            );
            wrong.push(Violation::new("annexes", rule));
        }
    }

    /// Whether a peer may send what a signed header names: the kind stands there, so that nothing needs
    /// to be opened. A name of no kind is for the opening to judge.
    pub(super) fn permits(&self, peer: &Peer, purpose: &str) -> bool {
        let kind = MessageKind::ALL.iter().copied().find(|kind| kind.purpose() == purpose);
        let (ours, theirs) = (self.card().kind(), peer.card.kind());
        kind.is_none_or(|kind| ours.may_exchange(theirs, kind))
    }

    /// Why what was opened may not be consigned, by what the two are; `None` where it may.
    pub(super) fn forbids(
        &self,
        theirs: AuthorityKind,
        content: &Content,
        (carries, annexed): (bool, bool),
    ) -> Option<&'static str> {
        let ours = self.card().kind();
        if !ours.may_exchange(theirs, content.kind) {
            return Some(KIND_NOT_PERMITTED);
        }
        let kind = content.kind;
        let too_much = (carries && !ours.may_carry(theirs, kind))
            || (annexed && !ours.may_annex(theirs, kind));
        too_much.then_some(CASE_CONTENT)
    }
}

#[cfg(test)]
#[path = "parties_tests.rs"]
mod tests;
