use super::*;
use crate::domain::Reason;
use crate::domain::delivery::DeliveryState;
use crate::exchange::agencies::Role;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, conflict, desk, operator};

async fn two() -> (Lone, Lone) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    (a, b)
}

fn other_desk() -> Caller {
    Caller { name: "other".into(), ..desk() }
}

fn rows_of(lone: &Lone) -> usize {
    lone.x().store.scan(Table::Access, b"", None, Direction::Forward, 1000).expect("reads").len()
}

#[tokio::test]
async fn who_reads_is_logged_once_a_day_before_it_is_given() {
    let (a, b) = two().await;
    let shape = a.upload(b"one, two").await;
    let id = a.submit(&b, &[shape.id]).await;
    assert!(a.entries(Event::AccessFetched).is_empty(), "the answer to a submission is no reading");
    a.view(id);
    for caller in [desk(), other_desk(), desk(), other_desk()] {
        let read = a.x().read(&caller, id).await.expect("readable");
        assert!(read.body.is_some());
        a.x().read_package(&caller, id, shape.id).await.expect("readable");
    }
    let logged = a.entries(Event::AccessFetched);
    let of = |name: &str, package| {
        let who = Some(a.x().handle(name));
        let is = |entry: &crate::audit::entry::Entry| entry.who == who && entry.package == package;
        logged.iter().filter(|(_, entry)| is(entry)).count()
    };
    assert_eq!(logged.len(), 4);
    for name in ["desk", "other"] {
        assert_eq!((of(name, None), of(name, Some(shape.id))), (1, 1), "{name}");
    }
    let row = a.row(id);
    assert!(logged.iter().all(|(_, e)| e.message == Some(id) && e.envelope == Some(row.digest())));
    a.wait_days(1);
    a.x().read(&desk(), id).await.expect("readable");
    assert_eq!(a.entries(Event::AccessFetched).len(), 5, "another day");
    assert_eq!(rows_of(&a), 1, "the day before is forgotten");
}

#[tokio::test]
async fn what_is_disclosed_is_logged_once_a_day_beside_what_is_read() {
    let (a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    let auditor = Caller { roles: vec![Role::Audit, Role::Read], ..desk() };
    a.x().read(&auditor, id).await.expect("readable");
    for _ in 0..3 {
        let disclosed = a.x().disclose(&auditor, id).await.map_err(|e| e.to_string());
        assert!(!disclosed.expect("disclosed").body.is_empty());
    }
    let logged = a.entries(Event::AccessExported);
    assert_eq!(logged.len(), 1, "once, though it was read before");
    assert_eq!(logged[0].1.code.as_deref(), Some("DISCLOSED_TO_AUDITOR"));
    // Where a child is concerned each minute counts by itself, as of what is read.
    let keys = |child| a.x().disclosure_key(&auditor, id, child);
    let (other, child) = (keys(false), keys(true));
    a.wait_ms(61_000);
    assert!(keys(false) == other && keys(true) != child);
    a.wait_days(1);
    a.x().disclose(&auditor, id).await.map(drop).map_err(|e| e.to_string()).expect("disclosed");
    assert_eq!(a.entries(Event::AccessExported).len(), 2, "another day");
}

#[tokio::test]
async fn many_at_once_are_logged_once() {
    let (a, b) = two().await;
    let id = a.submit(&b, &[]).await;
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let exchange = a.x().clone();
        reading.spawn(async move { exchange.read(&desk(), id).await.map(drop) });
    }
    while let Some(read) = reading.join_next().await {
        read.expect("ends").expect("readable");
    }
    assert_eq!(a.entries(Event::AccessFetched).len(), 1);
}

#[tokio::test]
async fn nothing_is_logged_where_nothing_is_given() {
    let (a, b) = two().await;
    let shape = a.upload(b"one").await;
    let id = a.submit(&b, &[shape.id]).await;
    let stranger = Caller { all_cases: false, ..other_desk() };
    for refused in [
        a.x().read(&stranger, id).await.map(drop),
        a.x().read_package(&stranger, id, shape.id).await,
        a.x().read_package(&desk(), id, PackageId::new(a.x().now(), [1; 10])).await,
    ] {
        assert!(matches!(refused, Err(ActionError::NotFound(_))), "{refused:?}");
    }
    a.becomes(id, DeliveryState::Rejected).await;
    let reason = Reason::parse("WITHDRAWN").expect("a code");
    a.x().erase(&operator(), id, reason).await.expect("erased");
    let view = a.x().read(&desk(), id).await.expect("what is left");
    assert!(view.body.is_none() && view.row.erased.is_some());
    assert!(a.entries(Event::AccessFetched).is_empty());
}

#[tokio::test]
async fn a_node_that_may_not_append_gives_nothing_anew_and_exports_all_the_same() {
    let (a, b) = two().await;
    let (read, unread) = (a.submit(&b, &[]).await, a.submit(&b, &[]).await);
    a.x().read(&desk(), read).await.expect("readable");
    a.x().log_export(&operator()).await.expect("logged");
    let logged = a.entries(Event::AccessExported);
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].1.who, Some(a.x().handle("operator")));
    a.x().store.freeze("held by a peer").expect("frozen");
    let size = a.x().log_head().checkpoint.size;
    a.x().read(&desk(), read).await.expect("it is logged already");
    assert_eq!(conflict(a.x().read(&desk(), unread).await), "LOG_ROLLED_BACK");
    a.x().log_export(&operator()).await.expect("it must be looked at");
    assert_eq!(a.x().log_head().checkpoint.size, size);
}
