//! Peers whose log has ended, and another followed: read one after the other, with nothing left out
//! between them.

use super::*;
use crate::audit::entry::Coordinates;
use crate::exchange::heads::steps;
use crate::exchange::reconcile::round::Round;
use crate::exchange::reconcile::table::unsettled_key;
use crate::exchange::rows;
use crate::pb::store::v1::UnsettledRow;
use crate::store::Position;

/// As a stream would show all logs of `from`, each of which follows the one before it.
async fn show_logs(from: &Node, to: &Node) {
    let peer = to.peer(from);
    let held = to.x().head_of(&peer).map_or(0, |held| held.checkpoint().size);
    let head = from.x().store.head();
    for (_, update) in steps(&from.x().store, Position::new(0, held), &head).expect("proves") {
        let taken = to.x().take_update(&peer, &update).await;
        let taken = taken.map_err(|error| error.to_string()).expect("follows");
        to.x().keep_head(Some(&peer), to.x().cosign(&taken)).await.expect("kept");
    }
}

/// An entry of `by` about another, which says nothing of a message.
async fn about(by: &Node, other: &Node, number: u8) {
    by.append(EntryDraft::new(Event::PeerUpdated).peer(other.name()).card([number; 32])).await;
}

/// A peer with entries about `a` in both of its logs; gives the number of the last one in the first.
async fn with_two_logs() -> (Node, Node, u64) {
    let (a, b) = two().await;
    about(&b, &a, 1).await;
    about(&b, &a, 2).await;
    let last = b.x().store.last_number(a.name().as_str()).expect("reads");
    b.x().succeed_log(None, None).await.expect("ended");
    about(&b, &a, 3).await;
    show_logs(&b, &a).await;
    (a, b, last)
}

#[tokio::test]
async fn each_log_is_read_to_its_end_and_then_no_more() {
    let (a, b, last) = with_two_logs().await;
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, done.theirs), (None, last + 1));
    let newest = b.x().log_head().checkpoint.origin.clone();
    assert_eq!(a.asked().last().map(|ask| ask.origin.clone()), Some(newest.clone()));
    about(&b, &a, 4).await;
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, done.theirs), (None, last + 2));
    assert!(a.asked().iter().all(|ask| ask.origin == newest), "the first has nothing more to say");
}

#[tokio::test]
async fn what_is_left_out_at_the_end_of_a_log_is_missed_in_the_next() {
    let (a, b, last) = with_two_logs().await;
    let (other, me) = (b.x().clone(), a.name());
    let newest = b.x().log_head().checkpoint.origin.clone();
    a.is_told(move |answer| {
        answer.entries.retain(|entry| entry.number < last);
        if answer.checkpoint.starts_with(&newest) {
            let (from_number, origin) = (last + 1, newest.clone());
            let ask = pb::GetEntriesRequest { from_number, origin, ..Default::default() };
            answer.entries = other.page_for(&me, &ask).expect("honest").entries;
        }
    });
    let done = a.reconcile(&b).await;
    assert_eq!(done.code, Some("SEQUENCE_GAP"), "{done:?}");
}

#[tokio::test]
async fn what_was_kept_back_in_a_log_that_ended_is_read_when_it_is_shown() {
    let (a, b, last) = with_two_logs().await;
    a.is_told(move |answer| answer.entries.retain(|entry| entry.number < last));
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, done.theirs), (None, last - 1), "as if the log said no more");
    a.is_told(|_| {});
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, done.theirs), (None, last + 1));
}

#[tokio::test]
async fn what_was_seen_in_a_log_that_began_meanwhile_keeps_its_place() {
    let (a, b) = two().await;
    let peer = a.peer(&b);
    let round = Round::begin(a.x(), &peer).await.expect("begun");
    b.x().succeed_log(None, None).await.expect("ended");
    let id = b.lone.submit(&a.lone, &[]).await;
    show_logs(&b, &a).await;
    let (sent, seen) = (b.lone.row(id), b.x().log_head().checkpoint.clone());
    let index = Position::from_number(sent.entry_index).index;
    let saw = Coordinates { origin: seen.origin, index, size: seen.size, root: seen.root };
    let accepted = EntryDraft::new(Event::RelayAcceptance).by(a.name()).peer(b.name());
    a.append(accepted.message(id).envelope(sent.digest()).remote(saw)).await;
    let key = unsettled_key(&round.key, id);
    let done = round.run().await.expect("a round");
    assert_eq!((done.code, done.complete), (None, true), "the next round reads the new log");
    let row: Option<UnsettledRow> =
        rows::load(&a.x().store, Table::Unsettled, &key).expect("readable");
    let ours = row.expect("it is open").ours;
    let place = ours[0].seen.as_ref().map(|seen| seen.index);
    assert_eq!((ours.len(), place), (1, Some(sent.entry_index)));
    let done = a.reconcile(&b).await;
    assert_eq!((done.code, classes(&done)), (None, vec!["receipt_in_transit"]), "{done:?}");
}
