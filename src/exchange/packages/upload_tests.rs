use super::*;
use crate::domain::Timestamp;
use crate::domain::custody::{Custodian, CustodyAction};
use crate::exchange::packages::{PackageContent, PageToken};
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, desk};

fn stored(at: Timestamp) -> CustodyRecord {
    CustodyRecord {
        action: CustodyAction::Stored,
        at,
        by: Custodian { name: "Clerk".into(), organisation: "Court".into() },
        to: None,
        place: "Evidence room 3".into(),
        reason: "Warrant 2026/113".into(),
        tool: None,
        seals: vec!["A-1".into()],
        digest: "ab".repeat(32),
        note: String::new(),
    }
}

#[tokio::test]
async fn custody_that_breaks_a_rule_is_refused_by_its_field() {
    let lone = Lone::new("xa.oag", Rules::default());
    let now = lone.x().now();
    let handed = CustodyRecord { action: CustodyAction::Transferred, ..stored(now) };
    let tomorrow = stored(now.plus_ms(24 * 3600 * 1000));
    let placeless = CustodyRecord { place: String::new(), ..stored(now) };
    let earlier = stored(now.plus_ms(-1));
    for (field, custody) in [
        ("exhibit.custody[0].to", vec![handed]),
        ("exhibit.custody[0].at", vec![tomorrow]),
        ("exhibit.custody[0].place", vec![placeless]),
        ("exhibit.custody[1].at", vec![stored(now), earlier]),
        ("exhibit.custody", vec![stored(now); 65]),
    ] {
        let mut upload = Upload::begin(lone.x().clone(), &desk()).expect("begun");
        let refused = upload.exhibit("a", "", custody).await;
        let Err(ActionError::Invalid(found)) = refused else { panic!("{field}: {refused:?}") };
        assert_eq!(found[0].field, field);
    }
}

#[tokio::test]
async fn custody_is_sealed_with_its_exhibit_and_a_difference_is_no_fault() {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    let custody = vec![stored(a.x().now())];
    let mut upload = Upload::begin(a.x().clone(), &desk()).expect("begun");
    upload.exhibit("a", "", custody.clone()).await.expect("taken");
    upload.data(b"one"[..].into()).await.expect("taken");
    let shape = upload.finish(1).await.expect("sealed");
    let id = a.submit(&b, &[shape.id]).await;
    let page = PackageContent::open(a.x(), &desk(), id, shape.id)
        .and_then(|mut content| content.exhibits(PageToken::default(), 50))
        .expect("readable");
    assert!(page.exhibits[0].custody == custody && page.exhibits[0].sha256 != custody[0].digest);
}
