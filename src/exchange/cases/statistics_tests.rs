use super::*;
use crate::domain::lifecycle::Move;
use crate::domain::request::{Note, UrgencyLevel};
use crate::domain::statistics::{Dimension, ReturnLine, audit_lines, compare};
use crate::domain::{CaseId, MessageKind};
use crate::exchange::Role;
use crate::exchange::rows::{ShareRow, message_in, put_message};
use crate::exchange::standing::tests::Two;
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk, pair};

use Side::{Requested, Requesting};

async fn figures(lone: &Lone, caller: &Caller, peer: Option<&Lone>) -> Figures {
    let year = Period::year(lone.x().now().year()).expect("a year");
    let counted = Counted { period: year, peer: peer.map(|lone| lone.x().me.clone()) };
    let counted = lone.x().statistics(caller, counted).await;
    counted.map_err(|error| error.to_string()).expect("counted")
}

fn line(of: &Figures, way: Way, dimension: Dimension, value: &str) -> Option<ReturnLine> {
    let is_it = |line: &&ReturnLine| {
        (line.way, line.dimension, line.value.as_str()) == (way, dimension, value)
    };
    of.whole.lines.iter().find(is_it).cloned()
}

fn requests(of: &Figures, way: Way, dimension: Dimension, value: &str) -> u64 {
    line(of, way, dimension, value).and_then(|line| line.requests).unwrap_or(0)
}

/// What one has made is what the other has received, in every line and cell of either. Here no receipts
/// go back, and days pass between the clocks of the two.
fn agree(made: &Figures, received: &Figures) {
    let of = |figures: &Figures, way: Way| {
        let is_told = |line: &&ReturnLine| line.way == way && line.dimension != Dimension::Peer;
        let told = figures.whole.lines.iter().filter(is_told).cloned();
        let lines = told.map(|line| ReturnLine { way: Way::Made, ..line }).collect();
        StatisticsReturn { lines, ..figures.whole.clone() }
    };
    let (made, received) = (of(made, Way::Made), of(received, Way::Received));
    assert!(made.lines.len() > 7, "{}", made.lines.len());
    let mut found = compare(&made, &received, 0);
    found
        .retain(|one| !one.field.starts_with("acknowledgement") && !one.field.ends_with("seconds"));
    assert_eq!(found, []);
}

#[tokio::test]
async fn what_one_has_made_is_what_the_other_has_received() {
    let two = Two::new().await;
    let (a, b) = (&two.a, &two.b);
    a.wait_days(2);
    b.wait_days(2);
    two.does(Requested, Move::Acknowledge).await;
    two.does(Requested, Move::AskInformation).await;
    two.does(Requesting, Move::Inform).await;
    two.does(Requested, Move::Consult).await;
    a.wait_days(3);
    b.wait_days(3);
    two.does(Requested, Move::Refuse).await;
    let (made, received) = (figures(a, &desk(), None).await, figures(b, &desk(), None).await);
    for of in [&made, &received] {
        assert_eq!(audit_lines(&of.whole), []);
        assert_eq!(of.unread, 0);
    }
    agree(&made, &received);
    let day = 24 * 3600;
    let total = line(&received, Way::Received, Dimension::Total, "").expect("a total");
    assert_eq!(total.acknowledgement.median_seconds, Some(2 * day));
    assert_eq!(total.decision.median_seconds, Some(2 * day), "without the wait");
    assert_eq!((total.info_rounds, total.execution.count), (Some(1), Some(0)));
    assert_eq!(requests(&received, Way::Received, Dimension::Ground, "ESSENTIAL_INTERESTS"), 1);
    assert_eq!(requests(&received, Way::Received, Dimension::Outcome, "refused"), 1);
    assert_eq!(requests(&received, Way::Received, Dimension::Peer, "xa.oag"), 1);
    assert_eq!(requests(&received, Way::Made, Dimension::Total, ""), 0);
    assert_eq!(
        requests(&figures(b, &desk(), Some(b)).await, Way::Received, Dimension::Total, ""),
        0
    );
    assert_eq!(
        requests(&figures(b, &desk(), Some(a)).await, Way::Received, Dimension::Total, ""),
        1
    );
}

#[tokio::test]
async fn drafts_never_count_nor_what_was_taken_back_nor_what_one_may_not_see() {
    let two = Two::new().await;
    let (a, b) = (&two.a, &two.b);
    let draft =
        Note { text: "What would you say?".into(), language: "en".into(), ..Note::default() };
    let content = Content::note(MessageKind::DraftConsultation, draft);
    let submission = Submission { content, ..a.submission(b, &[]) };
    let id = a.x().submit(&desk(), submission).await.map_err(|e| e.to_string()).expect("sent").id;
    two.comes(Requesting, id).await;
    let withdrawn = crate::exchange::standing::tests::asked(a, b).await;
    a.x().cancel(&desk(), withdrawn).await.map(drop).expect("it waits still");
    for (lone, way) in [(a, Way::Made), (b, Way::Received)] {
        let of = figures(lone, &desk(), None).await;
        assert_eq!(requests(&of, way, Dimension::Total, ""), 1, "{way}");
        assert_eq!(requests(&of, way, Dimension::Kind, "REQUEST"), 1);
    }
    let police = Caller { name: "police".into(), roles: vec![Role::Read], all_cases: false };
    assert_eq!(requests(&figures(a, &police, None).await, Way::Made, Dimension::Total, ""), 0);
}

#[tokio::test]
async fn what_was_erased_counts_as_unknown_and_overdue_is_what_the_clocks_say() {
    let two = Two::new().await;
    let b = &two.b;
    b.wait_days(8);
    let of = figures(b, &desk(), None).await;
    let total = line(&of, Way::Received, Dimension::Total, "").expect("a total");
    assert_eq!(total.overdue, Some(1));
    let reason = crate::domain::Reason::parse("COURT_ORDER").expect("a code");
    let operator = crate::exchange::testing::operator();
    b.x()
        .erase(&operator, two.request, reason)
        .await
        .map(drop)
        .map_err(|e| e.to_string())
        .expect("erased");
    let of = figures(b, &desk(), None).await;
    assert_eq!(of.unread, 1);
    assert_eq!(requests(&of, Way::Received, Dimension::Instrument, "unknown"), 1);
    assert_eq!(requests(&of, Way::Received, Dimension::Outcome, "pending"), 1);
    let urgent = UrgencyLevel::Urgent.as_str();
    assert_eq!(requests(&of, Way::Received, Dimension::Urgency, urgent), 1, "kept beside it");
}

#[tokio::test]
async fn requests_of_other_years_are_passed_over() {
    let (a, b) = pair().await;
    let old = crate::exchange::standing::tests::asked(&a, &b).await;
    a.wait_days(400);
    for _ in 0..3 {
        crate::exchange::standing::tests::asked(&a, &b).await;
        a.wait_ms(1000);
    }
    assert_eq!(requests(&figures(&a, &desk(), None).await, Way::Made, Dimension::Total, ""), 3);
    let period = Period::year(old.at().year()).expect("a year");
    let counted = Counted { period, peer: None };
    let then =
        a.x().statistics(&desk(), counted).await.map_err(|e| e.to_string()).expect("counted");
    assert_eq!(requests(&then, Way::Made, Dimension::Total, ""), 1);
}

/// Made up or not: what one agency sees is not what the authority has.
#[tokio::test]
async fn who_does_not_see_all_cases_sends_no_return() {
    let (a, b) = pair().await;
    let whole = figures(&a, &desk(), None).await.whole;
    let sends = async |caller: Caller| {
        let body = crate::domain::request::Body::Statistics(whole.clone());
        let content = crate::domain::request::Content::of(MessageKind::StatisticsReturn, body);
        let submission = Submission { content, ..a.submission(&b, &[]) };
        a.x().submit(&caller, submission).await.map(drop).expect_err("it is not whole").to_string()
    };
    let part = "does not see all cases";
    assert!(sends(Caller { all_cases: false, ..desk() }).await.contains(part));
    assert!(!sends(desk()).await.contains(part), "that it is unsuppressed is another matter");
}

/// Whoever writes many requests into one case does not make it uncountable.
#[tokio::test]
async fn a_case_is_gone_through_once_for_all_its_requests() {
    let two = Two::new().await;
    let (a, b) = (&two.a, &two.b);
    let case = CaseId::parse(&b.row(two.request).case_id).expect("a case");
    for _ in 1..12 {
        let (content, case) = (crate::exchange::standing::tests::example(a), Some(case.clone()));
        let submission = Submission { content, case, ..a.submission(b, &[]) };
        let sent = a.x().submit(&desk(), submission).await;
        two.comes(Requesting, sent.map_err(|e| e.to_string()).expect("sent").id).await;
    }
    two.does(Requested, Move::Acknowledge).await;
    two.does(Requested, Move::AskInformation).await;
    let period = Period::year(b.x().now().year()).expect("a year");
    let mut counting = Counting::begin(&desk(), Counted { period, peer: None }, b.x().now());
    while b.x().count_some(&mut counting).map_err(|e| e.to_string()).expect("counted") {}
    assert_eq!(
        (counting.rows, counting.kept),
        (12 + 14, 0),
        "each request, and each message, once"
    );
    let whole = counting.tally.finish();
    let of = Figures { whole, unread: counting.unread };
    let total = line(&of, Way::Received, Dimension::Total, "").expect("a total");
    assert_eq!((total.requests, total.info_rounds), (Some(12), Some(1)));
}

/// Who was given a request learns nothing of the messages about it.
#[tokio::test]
async fn what_one_may_not_read_is_not_counted() {
    let two = Two::new().await;
    let (b, request) = (&two.b, two.request);
    two.does(Requested, Move::Acknowledge).await;
    two.does(Requested, Move::AskInformation).await;
    two.does(Requested, Move::Consult).await;
    two.does(Requested, Move::Refuse).await;
    let shared = b.x().store.commit(move |tx| {
        let mut row = message_in(tx, request)?.expect("there");
        row.shares.push(ShareRow { agency: "tax-desk".into(), ..ShareRow::default() });
        put_message(tx, request, &row);
        Ok::<_, ActionError>(())
    });
    shared.await.expect("committed");
    let tax = Caller { name: "tax-desk".into(), roles: vec![Role::Read], all_cases: false };
    for (caller, rounds, grounds) in [(desk(), 1, 1), (tax, 0, 0)] {
        let of = figures(b, &caller, None).await;
        let total = line(&of, Way::Received, Dimension::Total, "").expect("a total");
        assert_eq!((total.requests, total.info_rounds), (Some(1), Some(rounds)), "{}", caller.name);
        let ground = requests(&of, Way::Received, Dimension::Ground, "ESSENTIAL_INTERESTS");
        assert_eq!(ground, grounds, "{}", caller.name);
    }
}

/// A decision that comes behind a later message is counted by both.
#[tokio::test]
async fn a_decision_that_was_overtaken_has_its_grounds() {
    let two = Two::new().await;
    two.does(Requested, Move::Acknowledge).await;
    two.does(Requested, Move::Consult).await;
    let sent = async |made| two.sends(Requested, made).await.map_err(|e| e.to_string());
    let refused = sent(Move::Refuse).await.expect("legal");
    let report = sent(Move::Report).await.expect("legal");
    two.comes(Requested, report).await;
    two.comes(Requested, refused).await;
    assert_eq!(two.a.row(refused).move_notice, OVERTAKEN);
    for (lone, way) in [(&two.a, Way::Made), (&two.b, Way::Received)] {
        let of = figures(lone, &desk(), None).await;
        assert_eq!(requests(&of, way, Dimension::Ground, "ESSENTIAL_INTERESTS"), 1, "{way}");
        assert_eq!(requests(&of, way, Dimension::Outcome, "refused"), 1, "{way}");
    }
}

/// The last of the evidence comes behind the report that closes the request.
#[tokio::test]
async fn what_was_overtaken_is_counted_by_both() {
    let two = Two::new().await;
    two.does(Requested, Move::Acknowledge).await;
    two.does(Requested, Move::Accept).await;
    let sent = async |made| two.sends(Requested, made).await.map_err(|e| e.to_string());
    let last = sent(Move::DeliverLast).await.expect("legal");
    let closed = sent(Move::Close).await.expect("legal");
    two.comes(Requested, closed).await;
    two.comes(Requested, last).await;
    let (made, received) =
        (figures(&two.a, &desk(), None).await, figures(&two.b, &desk(), None).await);
    assert_eq!(requests(&made, Way::Made, Dimension::Outcome, "executed"), 1);
    agree(&made, &received);
}

/// A requesting node that does not keep to the table says of its own request what is not for it to say.
#[tokio::test]
async fn the_requesting_side_asks_for_no_information_and_sends_no_evidence() {
    let two = Two::new().await;
    for lie in [MessageKind::AdditionalInfoRequest, MessageKind::EvidencePackage] {
        let id = two.does(Requesting, Move::Query).await;
        let told = two.b.x().store.commit(move |tx| {
            let mut row = message_in(tx, id)?.expect("there");
            row.kind = crate::envelope::wire::kind_to_pb(lie) as i32;
            put_message(tx, id, &row);
            Ok::<_, ActionError>(())
        });
        told.await.expect("committed");
    }
    let of = figures(&two.b, &desk(), None).await;
    let total = line(&of, Way::Received, Dimension::Total, "").expect("a total");
    assert_eq!((total.requests, total.info_rounds), (Some(1), Some(0)));
    assert_eq!((total.with_evidence, total.evidence_bytes), (Some(0), Some(0)));
}
