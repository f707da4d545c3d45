//! A peer that writes far more in a case than anybody reads.

use super::tests::{agency, case_of, days, listed};
use super::*;
use crate::crypto::random;
use crate::domain::RequestId;
use crate::domain::lifecycle::Move;
use crate::domain::lifecycle::Side::Requested;
use crate::exchange::standing::tests::{Two, note};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk};

/// As if a peer had sent many requests in a case, all of them newer than what is there, and all of them
/// given to one agency.
async fn floods(lone: &Lone, of: MessageId, given_to: &str, many: usize) {
    let later = lone.x().now().plus_ms(1000);
    let ids: Vec<_> = (0..many).map(|_| MessageId::new(later, random())).collect();
    let mut row = MessageRow { direction: rows::RECEIVED, ..lone.row(of) };
    given_to.clone_into(&mut row.agency);
    // A commit takes so many rows.
    for some in ids.chunks(50) {
        let (home, flood, row) = (lone.x().home.clone(), some.to_vec(), row.clone());
        let sending = move |tx: &mut crate::store::Tx<'_>| {
            for id in flood {
                index::note(tx, &home, id, &row);
                rows::put_message(tx, id, &row);
                let standing =
                    StandingRow { state: RequestState::Received as i32, ..StandingRow::default() };
                let standing = prost::Message::encode_to_vec(&standing);
                tx.put(Table::Standings, id.as_bytes(), standing);
            }
            Ok::<_, ActionError>(())
        };
        lone.x().store.commit(sending).await.expect("committed");
    }
}

#[tokio::test]
async fn a_peer_that_writes_much_hides_no_request_of_ours() {
    let two = Two::new().await;
    two.does(Requested, Move::Acknowledge).await;
    days(&two, 100);
    let case = case_of(&two.a, two.request);
    let overdue = CaseFilter { overdue: true, ..CaseFilter::default() };
    assert_eq!(listed(&two.a, &agency("desk"), &overdue), [case.to_string()]);
    // Nothing that it may see, and then what it sees.
    for given_to in ["other", "desk"] {
        floods(&two.a, two.request, given_to, MESSAGES_MAX + 1).await;
        assert_eq!(listed(&two.a, &agency("desk"), &overdue), [case.to_string()]);
        let seen = two.a.x().case(&agency("desk"), &case).map_err(|e| e.to_string());
        let seen = seen.expect("seen");
        assert!(seen.requests.iter().any(|request| request.id == two.request));
        assert!(seen.requests.len() <= 2 * REQUESTS_MAX);
        assert!(!seen.references.is_empty());
    }
    // A query is about the one request that is open still, and ours.
    let query = Submission {
        request: RequestId::new(random()),
        content: note(Move::Query),
        case: Some(case),
        ..two.a.submission(&two.b, &[])
    };
    let sent = two.a.x().submit(&desk(), query).await.map_err(|error| error.to_string());
    assert_eq!(two.a.row(sent.expect("submitted").id).in_reply_to, two.request.as_bytes());
}
