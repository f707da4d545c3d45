use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::merkle::{consistency_proof, infallible};
use crate::audit::testing::{TestLog, node_of, verifier};

fn log(entries: usize) -> TestLog {
    let mut log = TestLog::new("xa.oag", 1);
    for _ in 1..entries {
        log.push(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"));
    }
    log
}

fn note(log: &TestLog, size: u64) -> String {
    log.checkpoint(size).sign(&log.key)
}

fn proof(log: &TestLog, old: u64, new: u64) -> Vec<Digest> {
    let leaves = log.leaves();
    infallible(consistency_proof(old, new, |node| Ok(node_of(&leaves, node))))
}

/// The same log up to `size` entries, then another.
fn fork(log: &TestLog, size: usize, entries: usize) -> TestLog {
    let mut fork = TestLog::new("xa.oag", 1);
    fork.entries = log.entries[..size].to_vec();
    while fork.entries.len() < entries {
        fork.push(EntryDraft::new(Event::NodeStopped).software("rogatory 0.1.0"));
    }
    fork
}

fn heads() -> Heads {
    Heads { chains: Mutex::default(), advanced: watch::Sender::new(0) }
}

fn take(heads: &Heads, log: &TestLog, from: u64, size: u64) -> Result<u64, HeadError> {
    let asked = asked(log, from, size);
    heads.take(&[log.verifier()], &asked, &|| true).map(|taken| taken.head.checkpoint().size)
}

/// What the log's owner sends, with the proof that it would make.
fn asked(log: &TestLog, from: u64, size: u64) -> AddCheckpoint {
    let proof = if from == 0 { Vec::new() } else { proof(log, from, size) };
    AddCheckpoint::new(from, proof, note(log, size)).expect("a request")
}

#[test]
fn each_head_extends_the_one_before() {
    let (heads, log) = (heads(), log(9));
    assert_eq!(take(&heads, &log, 0, 3), Ok(3));
    assert_eq!(take(&heads, &log, 3, 5), Ok(5));
    assert_eq!(take(&heads, &log, 3, 5), Ok(5), "what is held is no news and no fault");
    assert_eq!(take(&heads, &log, 3, 3), Ok(3), "nor is what was held before");
    assert_eq!(take(&heads, &log, 5, 9), Ok(9));
    let held = heads.of(&log.origin).expect("held");
    assert_eq!(*held.checkpoint(), log.checkpoint(9));
    assert_eq!(take(&heads, &log, 0, 4), Err(HeadError::Shrunk { shown: 4, held: 9 }));
    assert_eq!(heads.of("xb.oag/log/2026"), None);
}

#[test]
fn a_sound_proof_from_what_was_left_behind_does_not_count() {
    let (heads, log) = (heads(), log(9));
    let fork = fork(&log, 5, 9);
    assert_eq!(take(&heads, &log, 0, 5), Ok(5));
    assert_eq!(take(&heads, &log, 5, 7), Ok(7));
    assert_eq!(take(&heads, &fork, 5, 9), Err(HeadError::Base { from: 5, held: 7 }));
    // Its own proof gives it away; one that leads nowhere is only a suspicion.
    let gives_away = take(&heads, &fork, 7, 9);
    assert!(matches!(gives_away, Err(HeadError::Equivocation(_))), "{gives_away:?}");
    let nowhere = AddCheckpoint::new(7, vec![[7; 32]; 3], note(&log, 9)).expect("a request");
    let nowhere = heads.take(&[log.verifier()], &nowhere, &|| true).map(|taken| taken.head);
    assert_eq!(nowhere, Err(HeadError::Inconsistent));
    assert_eq!(take(&heads, &log, 7, 9), Ok(9), "the chain stands");
}

#[test]
fn two_roots_of_one_size_are_two_pasts_and_both_notes_are_kept() {
    let (heads, log) = (heads(), log(9));
    let fork = fork(&log, 5, 9);
    for size in 1..=9 {
        assert_eq!(take(&heads, &log, size - 1, size), Ok(size));
    }
    match take(&heads, &fork, 5, 7) {
        Err(HeadError::Equivocation(evidence)) => {
            let notes = (note(&log, 7), note(&fork, 7));
            assert_eq!(evidence.notes(), (notes.0.as_str(), notes.1.as_str()));
            evidence.verify(&[log.verifier()]).expect("it proves two pasts");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_key_of_the_log_has_signed_is_refused() {
    let (heads, log, other) = (heads(), log(3), TestLog::new("xb.oag", 2));
    let refused = heads.take(&[other.verifier()], &asked(&log, 0, 3), &|| true);
    assert!(matches!(refused, Err(HeadError::UnknownLog(_))), "{refused:?}");
    let forged = verifier(&log.origin, &other.key);
    let refused = heads.take(&[forged], &asked(&log, 0, 3), &|| true);
    assert!(matches!(refused, Err(HeadError::Checkpoint(_))), "{refused:?}");
    assert_eq!(heads.of(&log.origin), None);
}

#[test]
fn a_log_that_is_forgotten_begins_anew() {
    let (heads, log) = (heads(), log(9));
    let fork = fork(&log, 1, 4);
    assert_eq!(take(&heads, &log, 0, 9), Ok(9));
    heads.forget(std::slice::from_ref(&log.origin), || {});
    assert_eq!(take(&heads, &fork, 0, 4), Ok(4));
}

#[tokio::test]
async fn a_proof_waits_for_what_it_starts_from() {
    let (heads, log) = (std::sync::Arc::new(heads()), log(9));
    assert_eq!(take(&heads, &log, 0, 3), Ok(3));
    let (waiting, later, keys) = (heads.clone(), asked(&log, 5, 9), [log.verifier()]);
    let later = tokio::spawn(async move { waiting.take_in_turn(&keys, &later, &|| true).await });
    tokio::task::yield_now().await;
    assert_eq!(take(&heads, &log, 3, 5), Ok(5));
    let taken = later.await.expect("no panic").map(|taken| taken.head.checkpoint().size);
    assert_eq!(taken, Ok(9));
}

#[test]
fn a_card_that_was_replaced_begins_nothing() {
    let (heads, log) = (heads(), log(9));
    let refused = heads.take(&[log.verifier()], &asked(&log, 0, 3), &|| false);
    assert!(matches!(refused, Err(HeadError::UnknownLog(_))), "{refused:?}");
    assert_eq!(heads.of(&log.origin), None);
}
