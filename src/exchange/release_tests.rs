//! Evidence and information between two nodes, and who else of the one that has it may have it.

#[path = "release_part_tests.rs"]
mod parts;

use super::*;
use crate::crypto::random;
use crate::domain::request::{Confidentiality, LimitKind, Progress, request_from_json};
use crate::domain::{RequestId, Timestamp};
use crate::exchange::agencies::{Agency, Role};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{DAY_MS, Lone, desk, pair};

const REQUEST: &str = include_str!("../../examples/request-tip.json");

fn tax() -> Caller {
    Caller { name: "tax".into(), roles: vec![Role::Submit, Role::Read], all_cases: false }
}

/// A asks and B is asked; A has two desks.
struct Two {
    a: Lone,
    b: Lone,
}

impl Two {
    async fn new() -> Self {
        let (a, b) = pair().await;
        for name in ["desk", "tax"] {
            let agency = Agency {
                name: name.into(),
                roles: tax().roles,
                all_cases: false,
                key_digest: [1; 32],
                expires: Timestamp::from_unix_ms(9_000_000_000_000),
                revoked: false,
            };
            a.x().add_agency(agency).await.expect("added");
        }
        Self { a, b }
    }

    async fn says(
        &self,
        from_a: bool,
        content: Content,
        answers: Option<MessageId>,
    ) -> Result<MessageId, ActionError> {
        let (from, to) = if from_a { (&self.a, &self.b) } else { (&self.b, &self.a) };
        let submission = Submission {
            request: RequestId::new(random()),
            content,
            in_reply_to: answers,
            ..from.submission(to, &[])
        };
        let id = from.x().submit(&desk(), submission).await.map(|view| view.id)?;
        to.arrives(from, id).await;
        to.x().consign_all().await.expect("opened");
        Ok(id)
    }

    async fn sends(&self, from_a: bool, content: Content, answers: MessageId) -> MessageId {
        self.says(from_a, content, Some(answers)).await.expect("sent")
    }

    /// A request of A, which was accepted on a condition.
    async fn accepted(&self) -> MessageId {
        let mut request = request_from_json(REQUEST).expect("an example");
        request.requesting_authority.id = Some(self.a.x().me.clone());
        request.requesting_authority.country = "XA".into();
        let asked = self.says(true, Content::request(MessageKind::Request, request), None).await;
        let asked = asked.expect("asked");
        let note = |kind, note| Content::note(kind, note);
        let said = Note { text: "x".into(), language: "en".into(), ..Note::default() };
        self.sends(false, note(MessageKind::Consultation, said.clone()), asked).await;
        let conditions = vec!["No death penalty.".to_owned()];
        let proposed = Note { conditions, ..Note::default() };
        let proposed =
            self.sends(false, note(MessageKind::ConditionsProposed, proposed), asked).await;
        let accepted = note(MessageKind::ConditionsAccepted, Note::default());
        self.sends(true, accepted, proposed).await;
        asked
    }

    /// Evidence that answers such a request.
    async fn evidence(&self) -> MessageId {
        let note = |kind, note| Content::note(kind, note);
        let asked = self.accepted().await;
        let progress = Note { progress: Some(Progress::InExecution), ..Note::default() };
        self.sends(false, note(MessageKind::StatusReport, progress), asked).await;
        self.sends(false, note(MessageKind::EvidencePackage, Note::default()), asked).await
    }

    async fn share(
        &self,
        id: MessageId,
        purpose: ReleasePurpose,
        consent: Option<MessageId>,
    ) -> Result<MessageRow, ActionError> {
        let wish =
            Wish { agency: "tax".into(), package: None, purpose, consent, notice_follows: false };
        self.a.x().share_message(&desk(), id, wish).await
    }

    async fn reads(&self, id: MessageId) -> bool {
        self.a.x().read(&tax(), id).await.is_ok()
    }

    async fn limits(&self, id: MessageId) -> Vec<(LimitKind, String)> {
        let view = self.a.x().read(&desk(), id).await.map_err(|e| e.to_string()).expect("read");
        view.limits.into_iter().map(|limit| (limit.kind, limit.text)).collect()
    }
}

/// The rule that a share breaks.
fn broken(result: Result<MessageRow, ActionError>) -> String {
    match result {
        Err(ActionError::Invalid(violations)) => {
            format!("{}: {}", violations[0].field, violations[0].rule)
        }
        other => panic!("{other:?}"),
    }
}

fn information(until: &str, kind: LimitKind) -> Content {
    let limit = UseLimit {
        kind,
        text: "Not in open court.".into(),
        until: until.into(),
        package: None,
        exhibit: None,
    };
    let (text, language) = ("Four boats.".into(), "en".into());
    let note = Note { text, language, use_limits: vec![limit], ..Note::default() };
    Content::note(MessageKind::SpontaneousInformation, note)
}

fn consent(granted: bool) -> Content {
    let consent = Some(if granted { UseConsent::Granted } else { UseConsent::Refused });
    Content::note(MessageKind::UseConsentResponse, Note { consent, ..Note::default() })
}

fn asks() -> Content {
    let note = Note { use_purpose: "Assessment of tax.".into(), ..Note::default() };
    Content::note(MessageKind::UseConsentRequest, note)
}

#[tokio::test]
async fn a_condition_does_not_bind_who_has_set_it() {
    let two = Two::new().await;
    let asked = two.accepted().await;
    let said = |kind| {
        let note = Note { text: "x".into(), language: "en".into(), ..Note::default() };
        Content::note(kind, note)
    };
    let question = two.sends(false, said(MessageKind::AdditionalInfoRequest), asked).await;
    let answer = two.sends(true, said(MessageKind::AdditionalInfoResponse), question).await;
    let view = two.b.x().read(&desk(), answer).await.map_err(|e| e.to_string()).expect("read");
    assert!(view.limits.is_empty(), "{:?}", view.limits);
}

#[tokio::test]
async fn evidence_stays_in_its_proceeding_until_its_sender_consents() {
    let two = Two::new().await;
    let id = two.evidence().await;
    let limits = two.limits(id).await;
    assert_eq!(
        limits.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        [LimitKind::Specialty, LimitKind::Condition]
    );
    assert!(!limits[0].1.is_empty() && limits[1].1 == "No death penalty.", "{limits:?}");
    assert!(!two.reads(id).await, "it is another agency's");
    let lacks = broken(two.share(id, ReleasePurpose::OtherPurpose, None).await);
    assert!(lacks.starts_with("purpose: its use is limited (specialty)"), "{lacks}");
    let asked = two.sends(true, asks(), id).await;
    let refused = two.sends(false, consent(false), asked).await;
    let lacks = broken(two.share(id, ReleasePurpose::OtherPurpose, Some(refused)).await);
    assert!(lacks.starts_with("consent: is no USE_CONSENT_RESPONSE"), "{lacks}");
    let granted = two.sends(false, consent(true), asked).await;
    let shared = two.share(id, ReleasePurpose::OtherPurpose, Some(granted)).await.expect("shared");
    assert_eq!((shared.shares.len(), shared.shares[0].ground.as_str()), (1, "CONSENT"));
    assert!(two.reads(id).await);
    let logged = two.a.entries(Event::AccessShared);
    assert_eq!(logged[0].1.code.as_deref(), Some("CONSENT"));
    assert_eq!(logged[0].1.who, Some(two.a.x().handle("desk")));
    assert!(logged[0].1.peer.is_none(), "the sender does not learn who else has it");
    assert_eq!(two.a.found().await, Vec::<String>::new());
    // Taken back by its sender, it is no ground any more.
    two.sends(false, consent(false), asked).await;
    two.share(id, ReleasePurpose::OtherPurpose, Some(granted)).await.expect_err("taken back");
    assert!(!two.reads(id).await, "nor is it shared any more");
    let ended = two.a.entries(Event::AccessUnshared);
    assert_eq!((ended.len(), ended[0].1.who.clone()), (1, None));
    assert_eq!(two.a.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_consent_to_one_message_is_none_to_another() {
    let two = Two::new().await;
    let (one, other) = (two.evidence().await, two.evidence().await);
    let asked = two.sends(true, asks(), one).await;
    let granted = two.sends(false, consent(true), asked).await;
    two.share(other, ReleasePurpose::OtherPurpose, Some(granted)).await.expect_err("another's");
    two.share(one, ReleasePurpose::OtherPurpose, Some(granted)).await.expect("shared");
    // Nor is one that answers no question.
    let unasked = two.says(false, consent(true), Some(other)).await;
    assert!(unasked.is_ok());
    let unasked = unasked.expect("sent");
    two.share(other, ReleasePurpose::OtherPurpose, Some(unasked)).await.expect_err("no question");
}

#[tokio::test]
async fn whoever_it_is_shared_with_reads_and_does_nothing_else() {
    let two = Two::new().await;
    let id = two.evidence().await;
    two.share(id, ReleasePurpose::SameProceeding, None).await.expect("shared");
    let x = two.a.x();
    let view = x.read(&tax(), id).await.map_err(|e| e.to_string()).expect("read");
    assert_eq!(view.limits.len(), 2, "with its limits");
    let wish = Wish {
        agency: "desk".into(),
        package: None,
        purpose: ReleasePurpose::SameProceeding,
        consent: None,
        notice_follows: false,
    };
    assert!(x.share_message(&tax(), id, wish).await.is_err());
    assert!(x.confirm(&tax(), id, view.row.digest()).await.is_err());
    assert!(x.unshare_message(&tax(), id, "tax".into()).await.is_err());
    let reply =
        Submission { content: asks(), in_reply_to: Some(id), ..two.a.submission(&two.b, &[]) };
    assert!(x.submit(&tax(), reply).await.is_err());
    assert_eq!(x.list(&tax(), &Default::default(), None, 10).map(|l| l.len()), Ok(1));
    x.unshare_message(&desk(), id, "tax".into()).await.expect("taken back");
    assert!(!two.reads(id).await);
    assert!(x.unshare_message(&desk(), id, "tax".into()).await.is_err(), "it is not shared");
    assert_eq!(two.a.entries(Event::AccessUnshared).len(), 1);
    assert_eq!(two.a.found().await, Vec::<String>::new());
}

/// Each is two entries for ever: a program that goes round and round fills no log.
#[tokio::test]
async fn nobody_fills_the_log_by_sharing_and_taking_back() {
    let two = Two::new().await;
    let id = two.evidence().await;
    // What ends nothing is no entry, and costs nothing.
    for _ in 0..300 {
        let ended = two.a.x().unshare_message(&desk(), id, "tax".into()).await;
        assert!(matches!(ended, Err(ActionError::NotFound(_))));
    }
    let refused = loop {
        if let Err(refused) = two.share(id, ReleasePurpose::SameProceeding, None).await {
            break refused;
        }
        let ended = two.a.x().unshare_message(&desk(), id, "tax".into()).await;
        ended.expect("what was shared can be taken back");
    };
    assert!(matches!(refused, ActionError::Exhausted { code: "TOO_MANY_ACTS", .. }), "{refused}");
    let entries = [Event::AccessShared, Event::AccessUnshared].map(|e| two.a.entries(e).len());
    assert_eq!(entries, [256, 256]);
    two.a.wait_ms(10_000);
    two.share(id, ReleasePurpose::SameProceeding, None).await.expect("one more");
}

#[tokio::test]
async fn information_is_bound_as_its_sender_says_and_as_long() {
    let two = Two::new().await;
    let until = two.a.x().now().to_string()[..10].to_owned();
    let bound = two.says(false, information(&until, LimitKind::Restricted), None).await;
    let bound = bound.expect("sent");
    assert_eq!(two.limits(bound).await, [(LimitKind::Restricted, "Not in open court.".into())]);
    let lacks = broken(two.share(bound, ReleasePurpose::OtherPurpose, None).await);
    assert!(lacks.contains("restricted"), "{lacks}");
    two.a.wait_ms(DAY_MS);
    let shared = two.share(bound, ReleasePurpose::OtherPurpose, None).await.expect("over");
    assert_eq!(shared.shares[0].ground, "NO_LIMIT");
}

#[tokio::test]
async fn what_exculpates_is_given_once_its_sender_was_told() {
    let two = Two::new().await;
    let id = two.evidence().await;
    let lacks = broken(two.share(id, ReleasePurpose::Exculpatory, None).await);
    assert!(lacks.starts_with("purpose: its sender has not been told"), "{lacks}");
    let urgent = Wish {
        agency: "tax".into(),
        package: None,
        purpose: ReleasePurpose::Exculpatory,
        consent: None,
        notice_follows: true,
    };
    let shared = two.a.x().share_message(&desk(), id, urgent).await.expect("it cannot wait");
    assert_eq!(shared.shares[0].ground, "NOTICE_FOLLOWS");
    let (text, language) = ("It clears the accused.".into(), "en".into());
    let note = Note { text, language, ..Note::default() };
    let notice = Content::note(MessageKind::ExculpatoryNotice, note);
    let notice = two.sends(true, notice, id).await;
    broken(two.share(id, ReleasePurpose::Exculpatory, None).await);
    two.a.becomes(notice, DeliveryState::Relayed).await;
    let shared = two.share(id, ReleasePurpose::Exculpatory, None).await.expect("it was told");
    assert_eq!((shared.shares.len(), shared.shares[0].ground.as_str()), (1, "NOTICE"));
}

#[tokio::test]
async fn whom_it_cannot_be_shared_with_is_named() {
    let two = Two::new().await;
    let id = two.evidence().await;
    let to = async |agency: &str| {
        let purpose = ReleasePurpose::SameProceeding;
        let agency = agency.to_owned();
        let wish = Wish { agency, package: None, purpose, consent: None, notice_follows: false };
        broken(two.a.x().share_message(&desk(), id, wish).await)
    };
    assert_eq!(to("nobody").await, "agency: is no agency that has access");
    assert_eq!(to("desk").await, "agency: has the message already: it is its own");
    two.a.x().revoke_agency("tax").await.expect("revoked");
    assert_eq!(to("tax").await, "agency: is no agency that has access");
}

#[tokio::test]
async fn a_request_that_is_secret_stays_with_those_who_execute_it() {
    let two = Two::new().await;
    let mut request = request_from_json(REQUEST).expect("an example");
    request.requesting_authority.id = Some(two.b.x().me.clone());
    request.requesting_authority.country = "XB".into();
    let secrecy = Confidentiality::default();
    request.confidentiality = Some(Confidentiality { fact_secret: true, ..secrecy });
    let id = two.says(false, Content::request(MessageKind::Request, request), None).await;
    let id = id.expect("asked");
    broken(two.share(id, ReleasePurpose::OtherPurpose, None).await);
    two.share(id, ReleasePurpose::SameProceeding, None).await.expect("to execute it");
}

#[tokio::test]
async fn what_police_tell_is_a_lead_until_a_formal_request_has_confirmed_it() {
    let two = Two::new().await;
    let (text, language) = ("The number was seen in port.".into(), "en".into());
    let note = Note { text, language, ..Note::default() };
    let tip = Content::note(MessageKind::PoliceInformation, note.clone());
    let tip = two.says(false, tip, None).await.expect("sent");
    let other = Content::note(MessageKind::PoliceInformation, note);
    let other = two.sends(false, other, tip).await;
    let lead = [(LimitKind::LeadOnly, String::new())];
    assert_eq!(two.limits(tip).await, lead);
    broken(two.share(tip, ReleasePurpose::OtherPurpose, None).await);
    let mut request = request_from_json(REQUEST).expect("an example");
    request.requesting_authority.id = Some(two.a.x().me.clone());
    request.requesting_authority.country = "XA".into();
    let formal = Content::request(MessageKind::Request, request);
    let formal = two.sends(true, formal, tip).await;
    assert_eq!(two.a.row(formal).case_id, two.a.row(tip).case_id, "in the same case");
    assert_eq!(two.limits(tip).await, lead, "to ask is not to confirm");
    let evidence = Content::note(MessageKind::EvidencePackage, Note::default());
    two.sends(false, evidence, formal).await;
    assert_eq!(two.limits(tip).await, []);
    assert_eq!(two.limits(other).await, lead, "another tip is not confirmed with it");
}
