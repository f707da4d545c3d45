//! What is taken back, repeated, overtaken or runs out of time, and the clocks.

use super::*;
use crate::audit::entry::Event;
use crate::domain::clock::Turn;
use crate::exchange::rows::ReceiptRow;

fn turns(two: &Two, side: Side, wanted: &[Turn]) -> Vec<u32> {
    let turns = two.at(side).turns.into_iter().map(|row| row.turn);
    turns.filter(|turn| wanted.iter().any(|one| *one as u32 == *turn)).collect()
}

#[tokio::test]
async fn a_question_that_was_repeated_stands_when_the_first_is_taken_back() {
    let two = Two::new().await;
    let first = two.sends(Requesting, Move::Query).await.expect("legal");
    let second = two.sends(Requesting, Move::Query).await.expect("legal");
    two.a.x().cancel(&desk(), first).await.map(drop).expect("it waits still");
    two.comes(Requesting, second).await;
    for side in [Requesting, Requested] {
        assert_eq!(turns(&two, side, &[Turn::Queried]), [Turn::Queried as u32], "{side:?}");
    }
}

#[tokio::test]
async fn questions_without_end_push_out_nothing_that_was_said_first() {
    let two = Two::new().await;
    two.does(Requested, Move::AskInformation).await;
    let mut at = two.at(Requesting);
    for number in 0..200 {
        at.says(Requesting, Some(Move::Query), two.request, number);
    }
    assert_eq!(at.turns.len(), 64);
    at.says(Requesting, Some(Move::Inform), two.request, 200);
    let last = at.turns.last().map(|row| row.turn);
    assert_eq!(last, Some(Turn::Answered as u32));
}

#[tokio::test]
async fn an_answer_stands_although_its_question_comes_after_it() {
    let two = Two::new().await;
    let question = two.sends(Requested, Move::AskInformation).await.expect("legal");
    two.does(Requested, Move::Report).await;
    assert_eq!(two.states()[0], S::InfoPending, "by what overtook the question");
    two.does(Requesting, Move::Inform).await;
    two.comes(Requested, question).await;
    let said = turns(&two, Requesting, &[Turn::Asked, Turn::Answered]);
    assert_eq!(said, [Turn::Asked as u32, Turn::Answered as u32]);
}

#[tokio::test]
async fn a_withdrawal_that_nobody_answered_in_time_stops_no_clock() {
    let two = Two::new().await;
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    assert_ne!(two.at(Requesting).withdrawn_ms, 0);
    two.a.wait_days(500);
    assert_ne!(two.a.x().expire_due().await, Ok(0));
    assert_eq!(two.a.row(withdrawal).delivery(), DeliveryState::ExpiredUnknown);
    assert_eq!(two.at(Requesting).withdrawn_ms, 0, "nobody knows whether it came");
    // A receipt that comes late says that it had.
    let came = ReceiptRow {
        event: Event::ContentConsignment.as_str().to_owned(),
        issuer: two.b.x().me.to_string(),
        at_ms: two.a.x().now().unix_ms(),
        ..ReceiptRow::default()
    };
    let comes = move |tx: &mut Tx<'_>| {
        let mut row = message_in(tx, withdrawal)?.expect("there");
        row.receipts.push(came);
        receipted(tx, withdrawal, &mut row)
    };
    two.a.x().store.commit(comes).await.expect("committed");
    let (at, row) = (two.at(Requesting), two.a.row(withdrawal));
    assert_eq!(at.withdrawn_ms, row.created_ms, "it was withdrawn all the time");
    assert!(at.withdrawal_came_ms > row.created_ms && !at.is_open());
}

#[tokio::test]
async fn what_was_executed_and_confirmed_is_not_withdrawn() {
    let two = Two::new().await;
    let last = two.does(Requested, Move::DeliverLast).await;
    assert!(two.at(Requesting).legal().contains(&Move::Withdraw), "as long as it is not confirmed");
    let receipt = two.says(Requesting, note(Move::ConfirmEvidence), last).await.expect("legal");
    assert!(!two.at(Requesting).legal().contains(&Move::Withdraw));
    let told = two.refused(Requesting, Move::Withdraw).await;
    assert!(told.contains("CLOSED"), "{told}");
    two.comes(Requesting, receipt).await;
    assert_eq!(two.states()[1], S::Closed);
}

#[tokio::test]
async fn a_receipt_for_a_part_of_what_was_executed_lets_it_be_withdrawn() {
    let two = Two::new().await;
    let part = two.does(Requested, Move::Deliver).await;
    two.does(Requested, Move::DeliverLast).await;
    two.says(Requesting, note(Move::ConfirmEvidence), part).await.map(drop).expect("legal");
    assert!(two.at(Requesting).legal().contains(&Move::Withdraw));
}

/// Whatever becomes of the message that says so first.
#[tokio::test]
async fn what_was_judged_is_told_until_it_has_come() {
    let two = Two::new().await;
    two.does(Requested, Move::AskInformation).await;
    two.does(Requesting, Move::Inform).await;
    assert_eq!(two.at(Requesting).sent.len(), 1);
    let first = two.sends(Requested, Move::Report).await.expect("legal");
    two.b.x().cancel(&desk(), first).await.map(drop).expect("it waits still");
    two.does(Requested, Move::Report).await;
    assert_eq!(two.at(Requesting).sent, []);
}

#[tokio::test]
async fn a_request_that_never_left_is_told_so() {
    let (a, b) = pair().await;
    let request = asked(&a, &b).await;
    let two = Two { a, b, request };
    two.a.x().cancel(&desk(), request).await.map(drop).expect("it waits still");
    let told = two.refused(Requesting, Move::Query).await;
    assert!(told.contains("it never came to the other authority: send a new request"), "{told}");
}
