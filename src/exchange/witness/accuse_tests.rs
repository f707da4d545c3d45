use super::*;
use crate::exchange::Peer;
use crate::exchange::heads::request;
use crate::exchange::retention::Rules;
use crate::exchange::rows::{HeadRow, head_key};
use crate::exchange::suspend::EQUIVOCATION;
use crate::exchange::testing::Lone;
use crate::exchange::witness::pasts::KEPT_PER_LOG_MAX;

/// One who holds the other's log as it began.
async fn two() -> (Lone, Lone) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    (a, b)
}

fn peer(a: &Lone, b: &Lone) -> Arc<Peer> {
    a.x().directory.get(&b.x().me).expect("a peer")
}

/// A checkpoint of 9 entries that the log of a node has signed, one for each number.
fn past(b: &Lone, n: u8) -> SignedCheckpoint {
    let note = b.signs(9, [n; 32]);
    SignedCheckpoint::verify(&note, b.x().card().log_keys()).expect("signed")
}

async fn accuse(a: &Lone, b: &Lone, held: u8, shown: u8) -> Result<(), ActionError> {
    let evidence = Evidence::same_size(&past(b, held), &past(b, shown)).expect("two pasts");
    a.x().accuse(Some(&b.x().me), &past(b, shown).to_note(), &evidence).await
}

fn kept(a: &Lone) -> usize {
    a.x().accusations().expect("readable").len()
}

fn is_suspended(a: &Lone, b: &Lone) -> bool {
    peer(a, b).suspended.as_deref() == Some(EQUIVOCATION)
}

#[tokio::test]
async fn evidence_and_suspension_are_one_commit() {
    let (mut a, b) = two().await;
    accuse(&a, &b, 1, 2).await.expect("accused");
    assert!(is_suspended(&a, &b));
    let (found, _) = a.entries(Event::WitnessEquivocation)[0];
    let (suspended, entry) = a.entries(Event::PeerSuspended)[0].clone();
    assert_eq!((suspended, entry.code.as_deref()), (found + 1, Some(EQUIVOCATION)));
    let entries = a.x().log_entries(0, found, 2).expect("readable");
    let at = |entry: &[u8]| crate::audit::entry::Entry::parse(entry).expect("sound").at;
    assert_eq!(at(&entries[0]), at(&entries[1]), "one commit");
    a.restart();
    assert!(is_suspended(&a, &b) && kept(&a) == 1);
}

#[tokio::test]
async fn a_fork_that_was_looked_at_accuses_nobody_again() {
    let (mut a, b) = two().await;
    accuse(&a, &b, 1, 2).await.expect("accused");
    a.x().resume_peer(&b.x().me, None).await.expect("resumed");
    // What is held is another checkpoint by now, so it is another evidence of the same fork.
    for _ in 0..2 {
        accuse(&a, &b, 3, 2).await.expect("known");
        assert!(!is_suspended(&a, &b) && kept(&a) == 1);
        a.restart();
    }
    assert!(!is_suspended(&a, &b), "and the start accuses nobody of what an operator has seen");
    assert_eq!(a.entries(Event::PeerSuspended).len(), 1);
    accuse(&a, &b, 3, 4).await.expect("accused");
    assert!(is_suspended(&a, &b) && kept(&a) == 2, "another fork is news");
}

#[tokio::test]
async fn so_much_evidence_is_kept_against_one_log_and_no_more() {
    let (a, b) = two().await;
    let forks = u8::try_from(KEPT_PER_LOG_MAX).expect("few") + 3;
    for fork in 1..=forks {
        accuse(&a, &b, 0, fork).await.expect("accused");
        assert!(is_suspended(&a, &b));
    }
    assert_eq!(kept(&a), KEPT_PER_LOG_MAX);
    assert_eq!(a.entries(Event::WitnessEquivocation).len(), KEPT_PER_LOG_MAX);
}

#[tokio::test]
async fn what_suspends_a_peer_again_is_kept_however_much_there_is() {
    let (mut a, b) = two().await;
    let forks = u8::try_from(KEPT_PER_LOG_MAX).expect("few") + 3;
    for fork in 1..=forks {
        accuse(&a, &b, 0, fork).await.expect("accused");
        assert!(is_suspended(&a, &b), "each suspends");
        a.x().resume_peer(&b.x().me, None).await.expect("resumed");
    }
    assert_eq!(kept(&a), usize::from(forks), "no suspension without its evidence");
    a.restart();
    accuse(&a, &b, 0, forks).await.expect("known");
    assert!(!is_suspended(&a, &b), "the last one is known too");
}

#[tokio::test]
async fn what_the_logs_key_has_not_signed_accuses_nobody() {
    let (a, b) = two().await;
    let other = Lone::new("xb.pps", Rules::default());
    let forged = accuse(&a, &other, 1, 2).await;
    assert!(matches!(forged, Err(ActionError::Invalid(_))), "{forged:?}");
    assert!(!is_suspended(&a, &b) && kept(&a) == 0);
    assert!(a.entries(Event::WitnessEquivocation).is_empty());
}

#[tokio::test]
async fn evidence_that_was_kept_alone_suspends_at_the_start() {
    let (mut a, b) = two().await;
    a.wait_days(1);
    let evidence = Evidence::same_size(&past(&b, 1), &past(&b, 2)).expect("two pasts");
    let row = EvidenceRow { text: evidence.to_text(), at_ms: a.x().now().unix_ms() };
    let put = move |tx: &mut crate::store::Tx<'_>| {
        tx.put(Table::Evidence, &evidence.digest(), row.encode_to_vec());
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(put).await.expect("committed");
    assert!(!is_suspended(&a, &b));
    for _ in 0..2 {
        a.restart();
        assert!(is_suspended(&a, &b), "before anything is appended");
        a.x().log_suspensions().await.expect("logged");
        assert_eq!(a.entries(Event::PeerSuspended).len(), 1, "once");
    }
    a.wait_days(1);
    a.x().resume_peer(&b.x().me, None).await.expect("resumed");
    a.restart();
    assert!(!is_suspended(&a, &b), "an operator has looked since");
}

#[tokio::test]
async fn a_head_of_the_log_before_is_not_written_back() {
    let (a, b) = two().await;
    let old = peer(&a, &b);
    let shown = request(0, &[], &b.x().log_head().note).expect("a request");
    let taken = a.x().take_head(&old, &shown).await.expect("taken");
    // Another log under the same name, whose fingerprint somebody has compared.
    let anew = Lone::new("xb.pps", Rules::default());
    let card = anew.x().card().as_ref().clone();
    let words = card.fingerprint().words();
    a.x().add_peer(card, &words).await.expect("trusted");
    let late = a.x().keep_head(Some(&old), a.x().cosign(&taken)).await;
    assert!(matches!(late, Err(ActionError::Forbidden(_))), "{late:?}");
    let key = head_key(&a.x().home, old.card.log_origin());
    let row: Option<HeadRow> = rows::load(&a.x().store, Table::Heads, &key).expect("readable");
    assert_eq!(row, None);
    // Nor does its stream, which has not ended yet, begin it anew.
    let again = a.x().take_head(&old, &shown).await.map(|taken| taken.head);
    assert!(matches!(again, Err(HeadError::UnknownLog(_))), "{again:?}");
    let shown = request(0, &[], &anew.x().log_head().note).expect("a request");
    a.x().take_head(&peer(&a, &anew), &shown).await.expect("the new one");
}
