use super::*;
use crate::domain::delivery::DeliveryState;
use crate::domain::{MessageId, Reason};
use crate::exchange::retention::Rules;
use crate::exchange::rows::{PackageFacts, message_in, put_message};
use crate::exchange::testing::{Lone, conflict, desk, operator};
use crate::store::Tx;

async fn two() -> (Lone, Lone) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    (a, b)
}

async fn erase(lone: &Lone, id: MessageId) {
    let reason = Reason::parse("COURT_ORDER").expect("a code");
    lone.x().erase(&operator(), id, reason).await.expect("erased");
}

async fn sent_and_received(a: &Lone, b: &Lone) -> (MessageId, PackageShape) {
    let shape = a.upload(b"one, two, three").await;
    let id = a.submit(b, &[shape.id]).await;
    b.arrives(a, id).await;
    b.x().consign_all().await.expect("consigned");
    a.becomes(id, DeliveryState::HandedOver).await;
    (id, shape)
}

/// When what is set aside now may go.
fn later() -> Instant {
    Instant::now() + ASIDE
}

fn left(lone: &Lone) -> usize {
    rows::all::<RemovalRow>(&lone.x().store, Table::Removals).expect("readable").len()
}

#[tokio::test]
async fn evidence_leaves_the_vault_behind_its_message() {
    let (a, b) = two().await;
    let (id, shape) = sent_and_received(&a, &b).await;
    for lone in [&a, &b] {
        let vault = &lone.x().vault;
        lone.x().read_package(&desk(), id, shape.id).await.expect("readable before");
        erase(lone, id).await;
        assert_eq!(conflict(lone.x().read_package(&desk(), id, shape.id).await), "ERASED");
        let opened = lone.x().package_of(&desk(), id, shape.id);
        assert_eq!(conflict(opened.map(|(shape, _)| shape)), "ERASED");
        lone.x().remove_packages(false, Instant::now()).await.expect("a step");
        assert!(vault.is_aside(&shape) && !vault.contains(&shape), "set aside at once");
        // However long ago the erasure was, and whatever the clock says.
        lone.wait_days(1);
        lone.x().remove_packages(false, Instant::now()).await.expect("a step");
        assert!(vault.is_aside(&shape), "and not yet gone");
        let held = vault.hold(&shape);
        lone.x().remove_packages(false, later()).await.expect("a step");
        assert!(vault.is_aside(&shape), "somebody holds it");
        drop(held);
        lone.x().remove_packages(false, later()).await.expect("a step");
        assert!(!vault.is_aside(&shape) && !vault.contains(&shape));
        assert_eq!(left(lone), 0);
    }
}

#[tokio::test]
async fn a_crash_between_commit_and_bytes_is_made_good_at_the_start() {
    let (mut a, b) = two().await;
    let (id, shape) = sent_and_received(&a, &b).await;
    erase(&a, id).await;
    a.restart();
    assert!(a.x().vault.contains(&shape));
    a.x().remove_packages(true, Instant::now()).await.expect("a step");
    assert!(a.x().vault.is_aside(&shape));
    // And between the two steps.
    a.restart();
    a.x().remove_packages(true, Instant::now()).await.expect("a step");
    assert!(!a.x().vault.is_aside(&shape));
    // And between bytes and row.
    let again = RemovalRow { facts: Some(rows::facts_of(&shape)), since_ms: 1 };
    put_removal(&a, &shape, again).await;
    a.x().remove_packages(true, Instant::now()).await.expect("a step");
    assert_eq!(left(&a), 0);
}

async fn put_removal(lone: &Lone, shape: &PackageShape, row: RemovalRow) {
    use prost::Message as _;
    let name = shape.name();
    let put = move |tx: &mut Tx<'_>| {
        tx.put(Table::Removals, name.as_bytes(), row.encode_to_vec());
        Ok::<_, ActionError>(())
    };
    lone.x().store.commit(put).await.expect("committed");
}

/// Has another message name these packages too, as a peer may.
async fn name_too(lone: &Lone, packages: Vec<PackageFacts>, id: MessageId) {
    let also = move |tx: &mut Tx<'_>| {
        let mut row = message_in(tx, id)?.expect("there");
        row.packages = packages;
        put_message(tx, id, &row);
        Ok::<_, ActionError>(())
    };
    lone.x().store.commit(also).await.expect("committed");
}

#[tokio::test]
async fn evidence_stays_as_long_as_another_message_names_it() {
    let (a, b) = two().await;
    let (id, shape) = sent_and_received(&a, &b).await;
    let other = a.submit(&b, &[]).await;
    b.arrives(&a, other).await;
    b.x().consign_all().await.expect("consigned");
    name_too(&b, b.row(id).packages, other).await;
    erase(&b, id).await;
    b.x().remove_packages(false, Instant::now()).await.expect("a step");
    assert!(b.x().vault.contains(&shape));
    assert_eq!(left(&b), 0, "nothing is to be done");
    erase(&b, other).await;
    b.x().remove_packages(false, Instant::now()).await.expect("a step");
    assert!(b.x().vault.is_aside(&shape), "the last one takes it along");
}

#[tokio::test]
async fn evidence_that_was_named_at_the_last_moment_comes_back() {
    let (a, b) = two().await;
    let (id, shape) = sent_and_received(&a, &b).await;
    let other = a.submit(&b, &[]).await;
    b.arrives(&a, other).await;
    b.x().consign_all().await.expect("consigned");
    let before = b.row(id);
    erase(&b, id).await;
    b.x().remove_packages(false, Instant::now()).await.expect("a step");
    assert!(b.x().vault.is_aside(&shape));
    name_too(&b, before.packages, other).await;
    b.x().remove_packages(false, later()).await.expect("a step");
    assert!(b.x().vault.contains(&shape) && !b.x().vault.is_aside(&shape));
    assert_eq!(left(&b), 0);
}
