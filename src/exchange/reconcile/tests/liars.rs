//! Peers that say what no honest log with one past says: told, logged once, never smoothed over.

use super::*;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Coordinates;
use crate::audit::merkle::{Frontier, consistency_proof, infallible, leaf_hash};

/// A round that ends with a code; it is logged, shown, and stays so.
async fn finds(a: &Node, b: &Node, code: &'static str) -> Reconciliation {
    let done = a.reconcile(b).await;
    assert_eq!(done.code, Some(code), "{done:?}");
    let logged = a.reconciled().pop().expect("logged");
    assert_eq!((logged.code.as_deref(), logged.document), (Some(code), Some(done.digest)));
    let last = a.x().last_reconciled(&b.name()).expect("reads").expect("a round");
    assert_eq!(last.1, code);
    let size = a.size();
    if a.peer(b).suspended.is_none() {
        assert_eq!(a.reconcile(b).await.code, Some(code), "it does not go away");
        assert_eq!(a.size(), size, "and is logged once");
    }
    done
}

fn accepted(by: &Node, from: &Node, id: MessageId, envelope: [u8; 32]) -> EntryDraft {
    let draft = EntryDraft::new(Event::RelayAcceptance).by(by.name()).peer(from.name());
    draft.message(id).envelope(envelope).remote(from.lone.place_of(id))
}

#[tokio::test]
async fn a_message_that_our_log_has_not_is_a_past_that_we_lost() {
    let (a, b) = two().await;
    let id = MessageId::new(a.x().now(), crate::crypto::random());
    b.append(accepted(&b, &a, id, [3; 32])).await;
    let done = finds(&a, &b, "MISSING_AT_SENDER").await;
    assert_eq!((classes(&done), actions(&done)), (vec!["missing_at_sender"], vec![""]));
}

#[tokio::test]
async fn a_peer_that_lost_its_submission_is_found_out() {
    let (a, b) = two().await;
    let id = b.lone.submit(&a.lone, &[]).await;
    carry(&b, &a, id).await;
    // All of its entries about us from there on are not shown.
    a.is_told(move |answer| {
        let about = |entry: &pb::ProvenEntry| {
            Entry::parse(&entry.entry).is_ok_and(|entry| entry.message == Some(id))
        };
        let first = answer.entries.iter().position(about).unwrap_or(answer.entries.len());
        answer.entries.truncate(first);
    });
    finds(&a, &b, "MISSING_AT_SENDER").await;
}

/// It submits message upon message for us, and none of them ever comes.
#[tokio::test]
async fn a_peer_that_only_claims_to_send_fills_no_disk() {
    let (a, b) = two().await;
    for _ in 0..=super::super::read::CLAIMED_MAX {
        let id = MessageId::new(a.x().now(), crate::crypto::random());
        let draft = EntryDraft::new(Event::SubmissionAcceptance).by(b.name()).peer(a.name());
        b.append(draft.message(id).envelope([3; 32]).payload([4; 32])).await;
    }
    finds(&a, &b, "TOO_MANY_OPEN").await;
}

#[tokio::test]
async fn a_page_of_more_than_anybody_asks_for() {
    let (a, b) = two().await;
    a.is_told(|answer| {
        let one = answer.entries[0].clone();
        answer.entries.resize(super::super::serve::PAGE_MAX + 1, one);
    });
    finds(&a, &b, "BAD_PAGE").await;
}

#[tokio::test]
async fn one_message_in_two_envelopes() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    b.append(accepted(&b, &a, id, [3; 32])).await;
    let done = finds(&a, &b, "DIGEST_MISMATCH").await;
    assert!(classes(&done).contains(&"digest_mismatch"));
    assert_eq!(a.state(id), DeliveryState::Queued, "nothing was believed of it");
}

#[tokio::test]
async fn a_receipt_that_was_given_and_is_in_the_log_no_more() {
    let (a, b) = two().await;
    let id = whole(&a, &b).await;
    a.is_told(move |answer| {
        answer.entries.retain(|entry| {
            let entry = Entry::parse(&entry.entry).expect("parses");
            entry.message != Some(id) || entry.event == Event::RelayAcceptance
        });
        let kept = answer.entries.iter().position(|entry| {
            Entry::parse(&entry.entry).is_ok_and(|entry| entry.message == Some(id))
        });
        answer.entries.truncate(kept.map_or(answer.entries.len(), |kept| kept + 1));
    });
    finds(&a, &b, "STATE_DIFFERS").await;
}

#[tokio::test]
async fn a_receipt_that_is_passed_off_as_the_peers_own_business() {
    let (a, b) = two().await;
    let id = whole(&a, &b).await;
    a.is_told(move |answer| {
        for told in &mut answer.entries {
            let entry = Entry::parse(&told.entry);
            if entry.is_ok_and(|e| e.message == Some(id) && e.event == Event::ContentHandover) {
                told.leaf_hash = leaf_hash(&told.entry).to_vec().into();
                told.entry.clear();
            }
        }
    });
    finds(&a, &b, "STATE_DIFFERS").await;
    let other = b.lone.submit(&a.lone, &[]).await;
    a.is_told(move |answer| {
        for told in &mut answer.entries {
            let entry = Entry::parse(&told.entry);
            if entry.is_ok_and(|entry| entry.message == Some(other)) {
                told.leaf_hash = vec![1; 32].into();
                told.entry.clear();
            }
        }
    });
    assert_eq!(a.reconcile(&b).await.code, Some("BAD_PROOF"), "and a hash needs its proof");
}

#[tokio::test]
async fn entries_that_are_left_out() {
    let (a, b) = two().await;
    whole(&a, &b).await;
    a.is_told(|answer| {
        if answer.entries.len() > 2 {
            answer.entries.remove(1);
        }
    });
    let done = finds(&a, &b, "SEQUENCE_GAP").await;
    assert!(done.detail.contains("where 2 follows"), "{}", done.detail);
    // Renumbering what is left does not help.
    a.is_told(|answer| {
        if answer.entries.len() > 2 {
            answer.entries.remove(1);
            (1..).zip(&mut answer.entries).for_each(|(number, entry)| entry.number = number);
        }
    });
    assert_eq!(a.reconcile(&b).await.code, Some("SEQUENCE_GAP"));
}

#[tokio::test]
async fn an_entry_or_a_proof_that_is_altered() {
    let (a, b) = two().await;
    whole(&a, &b).await;
    let first = |answer: &mut pb::GetEntriesResponse, lie: fn(&mut pb::ProvenEntry)| {
        answer.entries.first_mut().into_iter().for_each(lie);
    };
    a.is_told(move |answer| {
        first(answer, |entry| {
            let text = String::from_utf8(entry.entry.to_vec()).expect("text");
            entry.entry = text.replacen("peer.added", "peer.removed", 1).into();
        });
    });
    finds(&a, &b, "BAD_PROOF").await;
    let lies: [fn(&mut pb::ProvenEntry); 5] = [
        |entry| entry.index += 1,
        |entry| entry.index = u64::MAX,
        |entry| drop(entry.inclusion.pop()),
        |entry| entry.inclusion.push(vec![0; 32].into()),
        |entry| entry.inclusion = vec![vec![1; 31].into()],
    ];
    for lie in lies {
        a.is_told(move |answer| first(answer, lie));
        assert_eq!(a.reconcile(&b).await.code, Some("BAD_PROOF"));
    }
}

#[tokio::test]
async fn an_entry_about_somebody_else() {
    let (a, b) = two().await;
    let other = AuthorityId::parse("xc.moj").expect("valid");
    let index = b.append(EntryDraft::new(Event::PeerAdded).peer(other).card([5; 32])).await;
    let shows = b.x().clone();
    a.is_told(move |answer| {
        let size = shows.store.head().checkpoint.size;
        for told in answer.entries.iter_mut().take(1) {
            let proven = shows.proven_entry(1, index, size).expect("proves");
            *told = proven;
        }
    });
    finds(&a, &b, "BAD_ENTRY").await;
}

#[tokio::test]
async fn a_checkpoint_of_nobody_or_of_another_log() {
    let (a, b) = two().await;
    a.is_told(|answer| answer.checkpoint.clear());
    assert_eq!(a.reconcile(&b).await.code, Some("BAD_CHECKPOINT"));
    let signs = a.x().clone();
    a.is_told(move |answer| answer.checkpoint = signs.store.head().note.clone());
    assert_eq!(a.reconcile(&b).await.code, Some("BAD_CHECKPOINT"));
    a.is_told(|answer| answer.consistency = vec![vec![9; 32].into()]);
    b.append(EntryDraft::new(Event::NodeStarted).software("rogatory 0.0.0")).await;
    assert_eq!(a.reconcile(&b).await.code, Some("LOG_INCONSISTENT"));
    assert_eq!(a.lone.entries(Event::WitnessRefused).len(), 1, "the witness's way");
}

#[tokio::test]
async fn two_pasts_are_kept_as_evidence_and_end_the_exchange() {
    let (a, b) = two().await;
    show(&b, &a).await;
    let signs = b.x().clone();
    a.is_told(move |answer| {
        let head = signs.store.head().checkpoint.clone();
        let other = Checkpoint { root: [6; 32], ..head };
        answer.checkpoint = other.sign(&signs.keys.log);
        answer.consistency.clear();
    });
    finds(&a, &b, "LOG_EQUIVOCATION").await;
    assert_eq!(a.x().accusations().expect("reads").len(), 1);
    assert_eq!(a.peer(&b).suspended.as_deref(), Some("LOG_EQUIVOCATION"));
}

#[tokio::test]
async fn what_a_round_was_shown_binds_the_streams_too() {
    let (a, b) = two().await;
    a.reconcile(&b).await;
    let held = b.size();
    show(&b, &a).await;
    // A checkpoint with an entry that the streams never show.
    let mut leaves = leaves(&b);
    leaves.push([8; 32]);
    let (root, proof) = (root(&leaves), extension(&leaves));
    let signs = b.x().clone();
    a.is_told(move |answer| {
        let origin = signs.card().log_origin().to_owned();
        let other = Checkpoint { origin, size: held + 1, root };
        answer.checkpoint = other.sign(&signs.keys.log);
        answer.consistency = hashes(&proof);
    });
    let done = a.reconcile(&b).await;
    assert_eq!(done.code, None, "it extends what is held, and nobody has seen another");
    a.is_told(|_| ());
    b.append(EntryDraft::new(Event::NodeStarted).software("rogatory 0.0.0")).await;
    show(&b, &a).await;
    finds(&a, &b, "LOG_EQUIVOCATION").await;
}

fn leaves(of: &Node) -> Vec<[u8; 32]> {
    let entries = of.x().store.entries(0, 1000).expect("reads");
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The proof that a tree extends the same without its last leaf.
fn extension(leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let new = leaves.len() as u64;
    let proof = consistency_proof(new - 1, new, |node| {
        let first = (node.index << node.level) as usize;
        Ok(root(&leaves[first..first + (1 << node.level)]))
    });
    infallible(proof)
}

#[tokio::test]
async fn a_state_of_our_log_that_never_was() {
    let (a, b) = two().await;
    let origin = a.x().card().log_origin().to_owned();
    let seen = Coordinates { origin, index: 0, size: 1, root: [4; 32] };
    b.append(EntryDraft::new(Event::WitnessCosigned).peer(a.name()).remote(seen)).await;
    let done = finds(&a, &b, "OTHER_PAST").await;
    assert!(done.detail.contains("which it never had"), "{}", done.detail);
}

#[tokio::test]
async fn a_log_that_says_more_of_a_message_than_can_happen_to_one() {
    let (a, b) = two().await;
    let id = a.lone.submit(&b.lone, &[]).await;
    for n in 0..20 {
        b.append(accepted(&b, &a, id, [n; 32])).await;
    }
    assert_eq!(a.reconcile(&b).await.code, Some("BAD_ENTRY"));
}
