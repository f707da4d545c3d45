//! What a case is related to, and the extradition that goes with it.

use super::tests::case_of;
use super::*;
use crate::domain::request::{Body, CaseRelation, Content, ExtraditionNotice, RelatedCase};
use crate::domain::{AuthorityId, DeliveryState, MessageKind, Reason};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{desk, operator, pair};

#[tokio::test]
async fn a_case_names_what_it_is_related_to_until_that_is_erased() {
    let (a, b) = pair().await;
    let related = RelatedCase {
        relation: CaseRelation::Transit,
        authority: AuthorityId::parse("xc.moj").expect("valid"),
        case_id: Some(CaseId::parse("ROG-XC-MOJ-2026-000042").expect("valid")),
        reference: "our file".into(),
    };
    let mut tip = a.submission(&b, &[]);
    tip.content.related_cases = vec![related];
    let sent = a.x().submit(&desk(), tip).await.map_err(|error| error.to_string());
    let id = sent.expect("submitted").id;
    b.arrives(&a, id).await;
    b.x().consign_all().await.expect("opened");
    let own = RelatedCase {
        relation: CaseRelation::Extradition,
        authority: AuthorityId::parse("xb.pps").expect("valid"),
        case_id: None,
        reference: "EX-12/27".into(),
    };
    let arrest = ExtraditionNotice {
        person: "P1".into(),
        arrested_on: "2027-01-10".into(),
        request_due: "2027-02-19".into(),
        language: "en".into(),
        ..ExtraditionNotice::default()
    };
    let link = Content {
        related_cases: vec![own],
        ..Content::of(MessageKind::ExtraditionLinkProvisionalArrest, Body::Extradition(arrest))
    };
    let linking = Submission {
        content: link,
        in_reply_to: Some(id),
        reference: String::new(),
        ..a.submission(&b, &[])
    };
    // Of one millisecond either may stand first; of two the newest does.
    a.wait_ms(1);
    let link = a.x().submit(&desk(), linking).await.map_err(|error| error.to_string());
    let link = link.expect("submitted").id;
    let case = case_of(&a, id);
    for (lone, references, links) in [(&a, 1, 1), (&b, 0, 0)] {
        let view = lone.x().case(&desk(), &case).map_err(|e| e.to_string()).expect("seen");
        assert_eq!((view.references.len(), view.links.len()), (references, links));
        assert_eq!((view.requests.len(), view.peers.len()), (0, 1));
        assert_eq!(
            view.related.len(),
            1 + links,
            "and the extradition, which is a case of its own"
        );
        let related = &view.related[links];
        assert_eq!((related.case_id.as_str(), related.relation), ("ROG-XC-MOJ-2026-000042", 2));
        let extradition = view
            .related
            .first()
            .filter(|_| links == 1)
            .map(|one| (one.relation, one.reference.as_str()));
        assert_eq!(extradition, (links == 1).then_some((6, "EX-12/27")));
    }
    let view = a.x().case(&desk(), &case).map_err(|e| e.to_string()).expect("seen");
    assert_eq!(view.links[0].id, link);
    a.becomes(id, DeliveryState::HandedOver).await;
    a.x().erase(&operator(), id, Reason::retention_ended()).await.expect("erased");
    let view = a.x().case(&desk(), &case).map_err(|e| e.to_string()).expect("seen");
    assert!(view.references.is_empty());
    let left: Vec<&str> = view.related.iter().map(|one| one.reference.as_str()).collect();
    assert_eq!(left, ["EX-12/27"], "what the tip named is gone");
}
