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
    /// [`ActionError::Invalid`] where the recipient is not in the directory, or this authority.
    pub fn check_content(
        &self,
        recipient: Option<&AuthorityId>,
        content: &Content,
    ) -> Result<(Vec<Finding>, usize), ActionError> {
        let peer = recipient.map(|id| self.directory.get(id).ok_or_else(|| self.no_recipient(id)));
        let peer = peer.transpose().map_err(|wrong| ActionError::Invalid(vec![wrong]))?;
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

    /// Why nothing goes to whoever is not in the directory.
    pub(super) fn no_recipient(&self, id: &AuthorityId) -> Violation {
        let rule = match *id == self.me {
            true => format!("{id} is this authority: it sends nothing to itself"),
            false => format!("{id} is not in the directory of this node"),
        };
        Violation::new("recipient", rule)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::Event;
    use crate::domain::request::{MlaRequest, Need, request_from_json};
    use crate::domain::{MessageKind, PackageId};
    use crate::exchange::retention::Rules;
    use crate::exchange::submit::Submission;
    use crate::exchange::testing::{Lone, desk};

    fn request(change: impl FnOnce(&mut MlaRequest)) -> Content {
        let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/request-tip.json"));
        let mut request = request_from_json(file).expect("an example");
        request.requesting_authority.id = AuthorityId::parse("xa.oag").ok();
        request.requesting_authority.country = "XA".into();
        change(&mut request);
        Content::request(MessageKind::Request, request)
    }

    async fn pair() -> (Lone, Lone) {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        (a, b)
    }

    #[tokio::test]
    async fn what_no_accepted_language_carries_is_not_submitted() {
        let (a, b) = pair().await;
        let french = request(|r| r.language = "fr".into());
        let (found, left_off) = a.x().check_content(Some(&b.x().me), &french).expect("checked");
        assert_eq!(found.iter().map(|one| one.need).collect::<Vec<_>>(), [Need::AcceptedLanguage]);
        assert_eq!((left_off, a.entries(Event::SubmissionRejection).len()), (0, 0), "no trace");
        let alone = a.x().check_content(None, &french).expect("checked");
        assert_eq!(alone, (Vec::new(), 0), "only the instruments count");
        let submission = Submission { content: french, ..a.submission(&b, &[]) };
        match a.x().submit(&desk(), submission).await.map(|view| view.id) {
            Err(ActionError::Refused { violations, .. }) => {
                assert_eq!(violations.len(), 1);
                assert_eq!(violations[0].field, "content.request.language");
                assert!(violations[0].rule.ends_with("(UNTOC 18(14))"), "{}", violations[0].rule);
            }
            other => panic!("{other:?}"),
        }
        let package = a.upload(b"the request in English").await.id;
        let translated = |exhibit: u32, packages: &[PackageId]| {
            let content = request(|r| {
                r.language = "fr".into();
                r.translations.push(crate::domain::request::Translation {
                    language: "en-GB".into(),
                    certified: true,
                    exhibit: Some(exhibit),
                    ..Default::default()
                });
            });
            let submission = Submission { content, ..a.submission(&b, packages) };
            async { a.x().submit(&desk(), submission).await.map(drop).map_err(|e| e.to_string()) }
        };
        let claimed = translated(0, &[]).await.expect_err("a document that is not there");
        assert!(claimed.contains("translations[0].exhibit: is in no package"), "{claimed}");
        let manifest = translated(1, &[package]).await.expect_err("one behind the last");
        assert!(manifest.contains("is none of the 1 of the package"), "{manifest}");
        assert_eq!(translated(0, &[package]).await, Ok(()));
    }

    #[tokio::test]
    async fn warnings_stay_with_their_message() {
        let (a, b) = pair().await;
        let content = request(|r| r.transnationality = None);
        let submission = Submission { content, ..a.submission(&b, &[]) };
        let view = a.x().submit(&desk(), submission).await.expect("submitted");
        let [kept] = view.details.findings.as_slice() else { panic!("one warning") };
        assert_eq!((kept.need.as_str(), kept.instrument.as_str()), ("transnationality", "UNTOC"));
        assert_eq!(kept.paragraph, "UNTOC 18(1)");
        assert!(!kept.explanation.is_empty());
    }

    #[tokio::test]
    async fn of_too_many_findings_the_errors_are_told_first() {
        let (a, _) = pair().await;
        let content = request(|r| {
            let offence = r.offences[0].clone();
            r.legal_basis.insert(0, crate::domain::request::Instrument::AseanMlat);
            r.offences = vec![offence; 100];
            for offence in &mut r.offences {
                offence.max_penalty.clear();
                offence.statute_text.clear();
                offence.title.clear();
            }
        });
        let (found, left_off) = a.x().check_content(None, &content).expect("checked");
        assert_eq!(found.len(), FINDINGS_MAX);
        assert!(left_off >= 300 - FINDINGS_MAX);
        assert!(found[..100].iter().all(|one| one.severity == Severity::Error));
        assert_eq!(found[100].severity, Severity::Warning);
    }

    #[tokio::test]
    async fn an_authority_that_is_not_known_asks_for_nothing() {
        let (a, _) = pair().await;
        let stranger = AuthorityId::parse("xz.moj").expect("an id");
        let error = a.x().check_content(Some(&stranger), &request(|_| {})).map(drop);
        assert!(matches!(error, Err(ActionError::Invalid(wrong)) if wrong[0].field == "recipient"));
    }
}
