use super::*;
use crate::crypto::random;
use crate::domain::clock::{Duty, Level};
use crate::domain::lifecycle::{Move, Side};
use crate::domain::request::{Content, UrgencyLevel};
use crate::domain::{DeliveryState, MessageKind, Reason, RequestId};
use crate::exchange::Role;
use crate::exchange::query::Filter;
use crate::exchange::standing::tests::{Two, asked, example, note};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{HOUR_MS, Lone, desk, operator, pair};

use RequestState as S;
use Side::{Requested, Requesting};

pub(super) fn days(two: &Two, days: i64) {
    two.a.wait_days(days);
    two.b.wait_days(days);
}

pub(super) fn case_of(lone: &Lone, id: MessageId) -> CaseId {
    CaseId::parse(&lone.row(id).case_id).expect("a case")
}

pub(super) fn only_request(lone: &Lone, request: MessageId) -> RequestView {
    let case = lone.x().case(&desk(), &case_of(lone, request)).map_err(|e| e.to_string());
    let mut requests = case.expect("visible").requests;
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// Days used, and whether it is done.
pub(super) fn clock(lone: &Lone, request: MessageId, duty: Duty) -> Option<(i64, bool)> {
    let view = only_request(lone, request);
    let clock = view.clocks.iter().find(|clock| clock.duty == duty)?;
    Some((clock.used_ms / (24 * HOUR_MS), clock.done.is_some()))
}

pub(super) fn agency(name: &str) -> Caller {
    Caller { name: name.into(), roles: vec![Role::Submit, Role::Read], all_cases: false }
}

pub(super) fn listed(lone: &Lone, caller: &Caller, filter: &CaseFilter) -> Vec<String> {
    let page = lone.x().list_cases(caller, filter, None, 100).map_err(|e| e.to_string());
    let (cases, more) = page.expect("listed");
    assert_eq!(more, None);
    cases.iter().map(|case| case.id.to_string()).collect()
}

#[tokio::test]
async fn the_clocks_of_both_sides_follow_what_was_signed() {
    let two = Two::new().await;
    let (a, b, request) = (&two.a, &two.b, two.request);
    assert_eq!(clock(a, request, Duty::Acknowledgement), None, "nobody says that it arrived");
    assert_eq!(clock(b, request, Duty::Acknowledgement), Some((0, false)));
    days(&two, 3);
    two.does(Requested, Move::Acknowledge).await;
    assert_eq!(clock(b, request, Duty::Acknowledgement), Some((3, true)));
    days(&two, 2);
    two.does(Requested, Move::AskInformation).await;
    days(&two, 20);
    assert_eq!(clock(b, request, Duty::Decision), Some((5, false)), "it stands still");
    assert_eq!(clock(a, request, Duty::Answer), Some((20, false)), "and the other owes an answer");
    let answer = two.sends(Requesting, Move::Inform).await.expect("legal");
    days(&two, 1);
    assert_eq!(clock(a, request, Duty::Answer), Some((20, true)), "it was given");
    assert_eq!(clock(b, request, Duty::Answer), Some((21, false)), "and has not come");
    two.comes(Requesting, answer).await;
    days(&two, 1);
    assert_eq!(clock(b, request, Duty::Decision), Some((6, false)));
    two.does(Requested, Move::Accept).await;
    days(&two, 10);
    for lone in [a, b] {
        assert!(clock(lone, request, Duty::Decision).expect("it ran").1);
        assert_eq!(clock(lone, request, Duty::Execution), Some((10, false)));
    }
}

#[tokio::test]
async fn a_consultation_runs_where_the_one_that_is_asked_has_its_answer() {
    let two = Two::new().await;
    two.does(Requested, Move::Consult).await;
    days(&two, 5);
    assert_eq!(clock(&two.b, two.request, Duty::Decision), Some((0, false)));
    two.does(Requesting, Move::Consult).await;
    days(&two, 5);
    assert_eq!(two.at(Requested).state, S::Consulting as i32);
    assert_eq!(clock(&two.b, two.request, Duty::Decision), Some((5, false)));
    two.does(Requested, Move::Consult).await;
    days(&two, 5);
    assert_eq!(clock(&two.b, two.request, Duty::Decision), Some((5, false)));
    // Talking about something else is no information.
    let two = Two::new().await;
    two.does(Requested, Move::AskInformation).await;
    two.does(Requesting, Move::Consult).await;
    days(&two, 5);
    assert_eq!(clock(&two.a, two.request, Duty::Answer), Some((5, false)));
}

#[tokio::test]
async fn a_postponement_is_due_on_the_day_that_it_names() {
    let two = Two::new().await;
    two.does(Requested, Move::Consult).await;
    let mut content = note(Move::Postpone);
    if let crate::domain::request::Body::Note(note) = &mut content.body {
        note.review_date = "2027-03-01".into();
    }
    let id = two.says(Requested, content, two.request).await.map_err(|error| error.to_string());
    two.comes(Requested, id.expect("legal")).await;
    for lone in [&two.a, &two.b] {
        let view = only_request(lone, two.request);
        let clock = view.clocks.iter().find(|clock| clock.duty == Duty::Review).expect("runs");
        let due = clock.due().expect("it runs").to_string();
        assert_eq!(due, "2027-03-02T00:00:00.000Z");
    }
}

#[tokio::test]
async fn a_status_query_waits_until_anything_is_said() {
    let two = Two::new().await;
    let first = two.sends(Requesting, Move::Query).await.expect("legal");
    two.a.x().cancel(&desk(), first).await.map(drop).expect("it waits still");
    two.does(Requesting, Move::Query).await;
    assert_eq!(clock(&two.a, two.request, Duty::StatusAnswer), None, "nothing has arrived there");
    assert_eq!(clock(&two.b, two.request, Duty::StatusAnswer), Some((0, false)));
    days(&two, 4);
    two.does(Requesting, Move::Query).await;
    days(&two, 4);
    assert_eq!(clock(&two.b, two.request, Duty::StatusAnswer), Some((8, false)));
    assert_eq!(only_request(&two.a, two.request).standing.told_ms, 0, "a silent peer");
    let at = two.a.x().now().unix_ms();
    two.does(Requested, Move::Report).await;
    assert_eq!(clock(&two.b, two.request, Duty::StatusAnswer), Some((8, true)));
    assert_eq!(only_request(&two.a, two.request).standing.told_ms, at);
}

#[tokio::test]
async fn the_urgency_of_a_request_chooses_its_targets() {
    let (a, b) = pair().await;
    let mut content = example(&a);
    if let crate::domain::request::Body::Request(request) = &mut content.body {
        request.urgency.level = UrgencyLevel::Emergency;
    }
    let submission = Submission { content, ..a.submission(&b, &[]) };
    let sent = a.x().submit(&desk(), submission).await.map_err(|error| error.to_string());
    let two = Two { a, b, request: sent.expect("submitted").id };
    two.comes(Requesting, two.request).await;
    for lone in [&two.a, &two.b] {
        assert_eq!(only_request(lone, two.request).standing.urgency(), UrgencyLevel::Emergency);
    }
    let target = only_request(&two.b, two.request).clocks[0].target_ms;
    assert_eq!(target, 2 * HOUR_MS);
}

/// What may not be seen is not there.
#[tokio::test]
async fn another_agency_of_the_node_learns_of_no_case() {
    let two = Two::new().await;
    two.does(Requested, Move::Acknowledge).await;
    let case = case_of(&two.a, two.request);
    let unknown = CaseId::parse("ROG-XA-OAG-2026-999999").expect("valid");
    let told = |lone: &Lone, caller: &Caller, case: &CaseId| {
        let refused = lone.x().case(caller, case).map(drop).expect_err("not there");
        assert!(matches!(refused, ActionError::NotFound(_)));
        refused.to_string().replace(case.as_str(), "")
    };
    for lone in [&two.a, &two.b] {
        let other = agency("other");
        let refused = told(lone, &other, &case);
        assert_eq!(refused, told(lone, &other, &unknown), "the same answer");
        assert!(listed(lone, &other, &CaseFilter::default()).is_empty());
        let overdue = CaseFilter { overdue: true, ..CaseFilter::default() };
        assert!(listed(lone, &other, &overdue).is_empty());
        assert_eq!(listed(lone, &desk(), &CaseFilter::default()), [case.to_string()]);
    }
    // The desk that submitted sees it without seeing all; of what another has in it, nothing.
    let own = agency("desk");
    assert_eq!(listed(&two.a, &own, &CaseFilter::default()), [case.to_string()]);
    assert_eq!(
        two.a.x().case(&own, &case).map_err(|e| e.to_string()).expect("seen").requests.len(),
        1
    );
    // An agency that was given one message of the case sees the case, and not the request.
    let id = two.does(Requested, Move::Report).await;
    let home = two.b.x().home.clone();
    let gives = move |tx: &mut crate::store::Tx<'_>| {
        let mut row = rows::message_in(tx, id)?.expect("there");
        row.agency = "other".into();
        index::note(tx, &home, id, &row);
        rows::put_message(tx, id, &row);
        Ok::<_, ActionError>(())
    };
    two.b.x().store.commit(gives).await.expect("committed");
    let seen = two.b.x().case(&agency("other"), &case).map_err(|e| e.to_string()).expect("seen");
    assert_eq!((seen.requests.len(), seen.peers.len()), (0, 1));
    // What is shared is a message, and no case.
    let shares = move |tx: &mut crate::store::Tx<'_>| {
        let mut row = rows::message_in(tx, id)?.expect("there");
        row.shares.push(rows::ShareRow { agency: "third".into(), ..Default::default() });
        rows::put_message(tx, id, &row);
        Ok::<_, ActionError>(())
    };
    two.b.x().store.commit(shares).await.expect("committed");
    assert!(two.b.x().view(&agency("third"), id, false).is_ok());
    assert!(told(&two.b, &agency("third"), &case).contains("there is no case"));
    assert!(listed(&two.b, &agency("third"), &CaseFilter::default()).is_empty());
}

#[tokio::test]
async fn a_case_has_its_messages_and_forgets_what_was_erased() {
    let mut two = Two::new().await;
    let more = two.does(Requested, Move::Acknowledge).await;
    let elsewhere = two.a.submit(&two.b, &[]).await;
    let case = case_of(&two.a, two.request);
    let filter = Filter { case_id: Some(case.to_string()), ..Filter::default() };
    let messages = |lone: &Lone, caller: &Caller| -> Vec<MessageId> {
        let list = lone.x().list(caller, &filter, None, 10).map_err(|error| error.to_string());
        list.expect("listed").iter().map(|view| view.id).collect()
    };
    let newest_first = |ids: [MessageId; 2]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.reverse();
        ids
    };
    assert_eq!(messages(&two.a, &desk()), newest_first([two.request, more]));
    assert_ne!(case_of(&two.a, elsewhere), case);
    assert!(messages(&two.a, &agency("other")).is_empty());
    let first = two.a.x().list(&desk(), &filter, None, 1).map_err(|e| e.to_string()).expect("one");
    let next = two.a.x().list(&desk(), &filter, Some(first[0].id), 1).map_err(|e| e.to_string());
    assert_eq!(next.expect("one").len(), 1);
    two.a.restart();
    assert_eq!(messages(&two.a, &desk()).len(), 2);

    two.a.becomes(two.request, DeliveryState::HandedOver).await;
    let reason = Reason::retention_ended();
    two.a.x().erase(&operator(), two.request, reason).await.expect("erased");
    assert_eq!(messages(&two.a, &desk()), [more]);
    let left = two.a.x().case(&desk(), &case).map_err(|e| e.to_string()).expect("seen");
    assert!(left.requests.is_empty() && left.references.is_empty());
    for which in [index::ANY, index::REQUESTS] {
        let key = index::key(case.as_str(), which, two.request);
        assert_eq!(two.a.x().store.get(Table::CaseMessages, &key).expect("readable"), None);
    }
    let sides = two.a.x().store.scan(
        Table::CaseSides,
        case.as_str().as_bytes(),
        None,
        Direction::Forward,
        10,
    );
    assert_eq!(sides.expect("readable").len(), 1, "the other message");
    assert_eq!(two.b.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn cases_come_in_pages_and_as_they_are_asked_for() {
    let (a, b) = pair().await;
    for _ in 0..5 {
        asked(&a, &b).await;
    }
    let all = listed(&a, &desk(), &CaseFilter::default());
    assert_eq!(all.len(), 5);
    let mut after = None;
    let mut paged = Vec::new();
    loop {
        let page = a.x().list_cases(&agency("desk"), &CaseFilter::default(), after, 2);
        let (cases, more) = page.map_err(|error| error.to_string()).expect("listed");
        assert!(cases.len() <= 2);
        paged.extend(cases.iter().map(|case| case.id.to_string()));
        after = more;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, all, "all of them, each once");
    let of = |peer: &str| CaseFilter {
        peer: Some(AuthorityId::parse(peer).expect("valid")),
        ..CaseFilter::default()
    };
    assert_eq!(listed(&a, &desk(), &of("xb.pps")).len(), 5);
    assert!(listed(&a, &desk(), &of("xc.moj")).is_empty());
    let states = |state| CaseFilter { state: Some(state), ..CaseFilter::default() };
    assert_eq!(listed(&a, &desk(), &states(S::Issued)).len(), 5);
    assert!(listed(&a, &desk(), &states(S::Refused)).is_empty());
}

#[tokio::test]
async fn each_alert_is_told_once_also_by_a_node_that_starts_again() {
    let mut two = Two::new().await;
    let tell = async |lone: &Lone| -> Vec<(Duty, Level, bool)> {
        let told = lone.x().alert().await.map_err(|error| error.to_string()).expect("looked");
        told.iter().map(|alert| (alert.duty, alert.level, alert.is_ours)).collect()
    };
    assert_eq!(tell(&two.b).await, []);
    days(&two, 1);
    assert_eq!(tell(&two.b).await, [(Duty::Acknowledgement, Level::Half, true)]);
    assert_eq!(tell(&two.b).await, []);
    two.b.restart();
    assert_eq!(tell(&two.b).await, []);
    days(&two, 2);
    let told = [(Duty::Acknowledgement, Level::Over, true), (Duty::Decision, Level::Half, true)];
    assert_eq!(tell(&two.b).await, told, "eighty per cent went by unseen, and is not told behind");
    assert_eq!(tell(&two.a).await, [], "nobody has told it that the request arrived");
    let overdue = async |lone: &Lone| lone.x().overdue().await.expect("counted");
    assert_eq!(overdue(&two.b).await, Overdue { ours: 1, peers: 0 });
    assert_eq!(overdue(&two.a).await, Overdue::default());
    let filter = CaseFilter { overdue: true, ..CaseFilter::default() };
    assert_eq!(listed(&two.b, &desk(), &filter).len(), 1);
    two.does(Requested, Move::Acknowledge).await;
    assert_eq!(overdue(&two.b).await, Overdue::default());
    assert!(listed(&two.b, &desk(), &filter).is_empty());

    // What begins anew is told anew.
    for asked in [1, 2] {
        two.does(Requesting, Move::Query).await;
        days(&two, 5);
        let told = tell(&two.a).await;
        let late = (Duty::StatusAnswer, Level::Over, false);
        assert!(told.contains(&late), "{asked}: {told:?}");
        assert!(overdue(&two.a).await.peers >= 1);
        assert!(!tell(&two.a).await.contains(&late));
        two.does(Requested, Move::Report).await;
    }
}

#[tokio::test]
async fn a_query_about_a_case_is_about_its_one_open_request() {
    let two = Two::new().await;
    let case = case_of(&two.a, two.request);
    let query = |case: &CaseId| Submission {
        request: RequestId::new(random()),
        content: note(Move::Query),
        case: Some(case.clone()),
        ..two.a.submission(&two.b, &[])
    };
    let sent = two.a.x().submit(&desk(), query(&case)).await.map_err(|error| error.to_string());
    let row = two.a.row(sent.expect("submitted").id);
    assert_eq!(row.request, two.request.as_bytes());
    assert_eq!(row.in_reply_to, two.request.as_bytes());
    // A second one in the same case.
    days(&two, 1);
    let content = match example(&two.a).body {
        crate::domain::request::Body::Request(request) => {
            Content::request(MessageKind::SupplementaryRequest, *request)
        }
        _ => panic!("a request"),
    };
    let second = two.says(Requesting, content, two.request).await;
    let second = second.map_err(|error| error.to_string()).expect("submitted");
    let refused = two.a.x().submit(&desk(), query(&case)).await.map(drop);
    let Err(ActionError::Refused { violations, .. }) = refused else { panic!("{refused:?}") };
    let rule = &violations[0].rule;
    assert!(rule.contains("2 open requests to xb.pps"), "{rule}");
    assert!(rule.contains(&two.request.to_string()) && rule.contains(&second.to_string()));
    let view = two.a.x().case(&desk(), &case).map_err(|e| e.to_string()).expect("seen");
    assert_eq!(view.requests[1].standing.parent, two.request.as_bytes());
    // Where one of them is over, it is about the other.
    two.does(Requesting, Move::Withdraw).await;
    two.does(Requested, Move::Report).await;
    let sent = two.a.x().submit(&desk(), query(&case)).await.map_err(|error| error.to_string());
    assert_eq!(two.a.row(sent.expect("submitted").id).request, second.as_bytes());
}
