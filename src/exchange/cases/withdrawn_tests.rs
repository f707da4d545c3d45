use super::tests::{clock, days, only_request};
use super::*;
use crate::audit::entry::Event;
use crate::domain::clock::Duty;
use crate::domain::lifecycle::{Move, Side};
use crate::exchange::rows::ReceiptRow;
use crate::exchange::standing;
use crate::exchange::standing::tests::Two;
use crate::exchange::testing::Lone;

use RequestState as S;
use Side::{Requested, Requesting};

/// The receipt for it is here: it is in the other's inbox, or was refused at the door.
async fn receipted(lone: &Lone, id: MessageId, event: Event) {
    let at_ms = lone.x().now().unix_ms();
    let committed = lone.x().store.commit(move |tx| {
        let mut row = rows::message_in(tx, id)?.expect("there");
        if let Some(state) = event.proves() {
            row.learn(state);
        }
        let issuer = row.peer.clone();
        let event = event.as_str().to_owned();
        row.receipts.push(ReceiptRow { event, issuer, at_ms, ..ReceiptRow::default() });
        standing::receipted(tx, id, &mut row)?;
        rows::put_message(tx, id, &row);
        Ok::<_, ActionError>(())
    });
    committed.await.expect("committed");
}

#[tokio::test]
async fn a_request_that_was_withdrawn_ends_at_its_own_authority() {
    let two = Two::new().await;
    let (a, request) = (&two.a, two.request);
    two.does(Requested, Move::Acknowledge).await;
    days(&two, 40);
    let overdue = || async { a.x().overdue().await.map_err(|e| e.to_string()).expect("counted") };
    assert_eq!(overdue().await, Overdue { ours: 0, peers: 1 });
    let refused = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    assert_eq!(overdue().await, Overdue::default(), "nobody waits for it");
    days(&two, 10);
    assert_eq!(clock(a, request, Duty::Decision), Some((40, false)));
    let told = a.x().alert().await.map_err(|e| e.to_string()).expect("told");
    assert!(told.is_empty(), "{told:?}");
    receipted(a, refused, Event::RelayRejection).await;
    assert_eq!(clock(a, request, Duty::Decision), Some((50, false)), "it was never withdrawn");
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    let accepted = two.sends(Requested, Move::Accept).await.expect("legal");
    days(&two, 1);
    receipted(a, withdrawal, Event::ContentConsignment).await;
    assert_eq!(clock(a, request, Duty::Decision), Some((50, true)));
    two.comes(Requested, accepted).await;
    assert_eq!(clock(a, request, Duty::Execution), None, "what crossed it makes nothing due");
    assert_eq!(overdue().await, Overdue::default());
    two.comes(Requesting, withdrawal).await;
    two.does(Requested, Move::Report).await;
    assert_eq!(only_request(a, request).standing.state, S::Withdrawn as i32);
    assert_eq!(clock(a, request, Duty::Decision), Some((50, true)));
}
