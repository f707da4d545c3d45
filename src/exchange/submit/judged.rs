//! What a content says, judged by the instruments that it names and by what its recipient publishes.

use std::cmp::Reverse;

use crate::domain::AuthorityId;
use crate::domain::limits::FINDINGS_MAX;
use crate::domain::request::{Content, Finding, Severity, Target};
use crate::exchange::{ActionError, Exchange, Peer, Violation};
use crate::pb::store::v1::DetailFinding;

/// What is wrong with a content.
pub struct Judged {
    /// What it must not go with.
    pub(super) wrong: Vec<Violation>,
    /// What it may go with, and the agency is told.
    pub(super) warnings: Vec<Finding>,
}

impl Exchange {
    /// Checks a content and does nothing else: everything that is wrong with it, up to
    /// [`FINDINGS_MAX`], and how much more there is. Without a recipient only the instruments count.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where the recipient is not in the directory.
    pub fn check_content(
        &self,
        recipient: Option<&AuthorityId>,
        content: &Content,
    ) -> Result<(Vec<Finding>, usize), ActionError> {
        let peer = recipient.map(|id| self.directory.get(id).ok_or_else(|| unknown(id)));
        let peer = peer.transpose()?;
        let mut findings = self.findings(content, peer.as_deref());
        let left_off = findings.len().saturating_sub(FINDINGS_MAX);
        if left_off > 0 {
            findings.sort_by_key(|one| Reverse(one.severity));
            findings.truncate(FINDINGS_MAX);
        }
        Ok((findings, left_off))
    }

    pub(super) fn judge_content(&self, content: &Content, peer: Option<&Peer>) -> Judged {
        let findings = self.findings(content, peer).into_iter();
        let (errors, mut warnings): (Vec<_>, Vec<_>) =
            findings.partition(|one| one.severity == Severity::Error);
        let violation = |one: Finding| {
            let rule = format!("{} ({})", one.message, one.paragraph);
            Violation::new(format!("content.{}", one.field), rule)
        };
        warnings.truncate(FINDINGS_MAX);
        Judged { wrong: errors.into_iter().map(violation).collect(), warnings }
    }

    fn findings(&self, content: &Content, peer: Option<&Peer>) -> Vec<Finding> {
        let target = peer.map(Peer::target).unwrap_or_default();
        content.check_for(&Target { sender: Some(&self.me), ..target })
    }
}

impl Peer {
    /// What its card says of the messages that it takes.
    fn target(&self) -> Target<'_> {
        let body = self.card.body();
        Target {
            languages: &body.languages,
            functions: &body.functions,
            profile: self.card.profile(),
            ..Target::default()
        }
    }
}

fn unknown(id: &AuthorityId) -> ActionError {
    ActionError::invalid("recipient", format!("{id} is not in the directory of this node"))
}

/// A warning as it is kept with its message.
pub(super) fn detail(found: &Finding) -> DetailFinding {
    DetailFinding {
        instrument: found.instrument.clone(),
        paragraph: found.paragraph.clone(),
        need: found.need.to_string(),
        field: found.field.clone(),
        message: found.message.clone(),
        explanation: found.explanation.clone(),
    }
}
