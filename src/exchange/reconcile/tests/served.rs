//! What a peer is given to read.

use super::*;
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::exchange::heads::digests;
use crate::exchange::testing::operator;

async fn page(of: &Node, by: &Node, ask: pb::GetEntriesRequest) -> Result<Vec<Entry>, ActionError> {
    let page = of.x().entries_for(&of.peer(by), ask).await?;
    let head = of.x().store.head();
    let entry = |told: &pb::ProvenEntry| {
        let proof = digests(&told.inclusion).expect("hashes");
        let (size, root) = (head.checkpoint.size, head.checkpoint.root);
        let leaf = leaf_hash(&told.entry);
        verify_inclusion(&leaf, told.index, size, &proof, &root).expect("proven");
        Entry::parse(&told.entry).expect("parses")
    };
    Ok(page.entries.iter().map(entry).collect())
}

fn ask(from_number: u64) -> pb::GetEntriesRequest {
    pb::GetEntriesRequest { from_number, ..Default::default() }
}

#[tokio::test]
async fn a_peer_reads_what_is_about_itself_and_nothing_else() {
    let (a, b) = two().await;
    let c = Node::new("xc.moj");
    a.lone.meet(&c.lone).await;
    whole(&a, &b).await;
    let to_c = a.lone.submit(&c.lone, &[]).await;
    let of_b = page(&a, &b, ask(1)).await.expect("served");
    assert!(of_b.iter().all(|entry| entry.peer == Some(b.name())));
    let numbers: Vec<_> = of_b.iter().map(|entry| entry.peer_seq).collect();
    assert_eq!(numbers, (1..=of_b.len() as u64).map(Some).collect::<Vec<_>>());
    let of_c = page(&a, &c, ask(1)).await.expect("served");
    assert_eq!(of_c.iter().map(|entry| entry.message).collect::<Vec<_>>(), [None, Some(to_c)]);
    assert_eq!(page(&a, &c, ask(3)).await.expect("served"), []);
}

#[tokio::test]
async fn of_what_is_our_own_business_a_peer_gets_a_hash() {
    let (a, b) = two().await;
    let id = whole(&b, &a).await;
    a.x().set_hold(&operator(), id, None).await.expect("held");
    a.x().suspend_peer(&b.name(), "SUSPENDED", None).await.expect("suspended");
    a.x().resume_peer(&b.name(), None).await.expect("resumed");
    let page = a.x().entries_for(&a.peer(&b), ask(1)).await.expect("served");
    let [.., held, suspended, resumed] = page.entries.as_slice() else { panic!("three more") };
    for hidden in [held, suspended, resumed] {
        assert_eq!((hidden.entry.len(), hidden.leaf_hash.len()), (0, 32));
    }
    let done = b.reconcile(&a).await;
    assert_eq!((done.code, done.theirs), (None, resumed.number), "its number has its place");
}

#[tokio::test]
async fn a_page_has_a_size_and_a_question_has_rules() {
    let (a, b) = two().await;
    whole(&a, &b).await;
    let two = pb::GetEntriesRequest { page_size: 2, ..ask(2) };
    let numbers = page(&a, &b, two).await.expect("served");
    assert_eq!(numbers.iter().map(|e| e.peer_seq).collect::<Vec<_>>(), [Some(2), Some(3)]);
    let size = a.size();
    for (wrong, field) in [
        (ask(0), "from_number"),
        (pb::GetEntriesRequest { size: size + 1, ..ask(1) }, "size"),
        (pb::GetEntriesRequest { held_size: size + 1, ..ask(1) }, "held_size"),
        (pb::GetEntriesRequest { held_size: 3, size: 2, ..ask(1) }, "held_size"),
    ] {
        match page(&a, &b, wrong).await {
            Err(ActionError::Invalid(violations)) => assert_eq!(violations[0].field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let early = pb::GetEntriesRequest { size: 1, ..ask(1) };
    let page = a.x().entries_for(&a.peer(&b), early).await.expect("served");
    assert!(page.entries.len() <= 1 && page.checkpoint.is_empty(), "no further than was asked");
}

#[tokio::test]
async fn a_peer_has_so_many_pages_at_once() {
    let (a, b) = two().await;
    let gate = a.x().gates().entry_pages.clone();
    let _passes = [gate.enter(b.name().as_str()), gate.enter(b.name().as_str())];
    let refused = page(&a, &b, ask(1)).await;
    assert!(matches!(refused, Err(ActionError::Exhausted { code: "TOO_MANY_AT_ONCE", .. })));
}

#[tokio::test]
async fn an_older_store_answers_once_it_is_numbered() {
    let node = Node::new("xa.oag");
    let other = Node::new("xb.pps");
    node.lone.meet(&other.lone).await;
    let early = page(&node, &other, ask(1)).await;
    assert!(matches!(early, Err(ActionError::Unavailable(_))), "{early:?}");
    number_all(node.x()).await;
    assert_eq!(page(&node, &other, ask(1)).await.expect("served").len(), 1);
}
