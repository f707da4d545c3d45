//! What holds on which day, of whom, and who is told.

use super::*;
use crate::audit::entry::Event;
use crate::crypto::random;
use crate::domain::DeliveryState;
use crate::domain::request::{Content, FrameworkUpdate};
use crate::domain::{MessageKind, Reason, RequestId};
use crate::exchange::agencies::Role;
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk, operator, pair};

fn statement(reference: &str, from: &str) -> Statement {
    Statement {
        reference: reference.into(),
        subject: FrameworkSubject::Law,
        instrument: None,
        title: format!("About {reference}"),
        text: "What holds.".into(),
        exhibit: None,
        language: "en".into(),
        effective_from: from.into(),
        effective_until: String::new(),
        supersedes: String::new(),
        url: String::new(),
    }
}

fn update(statements: Vec<Statement>) -> Content {
    let body = Body::Framework(FrameworkUpdate { statements });
    Content::of(MessageKind::FrameworkUpdate, body)
}

/// Submits an update, and has it arrive and be consigned.
async fn tell(from: &Lone, to: &Lone, statements: Vec<Statement>) -> MessageId {
    let submission = Submission {
        request: RequestId::new(random()),
        content: update(statements),
        ..from.submission(to, &[])
    };
    let id =
        from.x().submit(&desk(), submission).await.map_err(|e| e.to_string()).expect("sent").id;
    to.arrives(from, id).await;
    to.x().consign_all().await.expect("consigned");
    from.wait_ms(1000);
    id
}

fn wanted(day: &str) -> Wanted {
    let (authority, subject, reference) = (None, None, None);
    Wanted { authority, subject, reference, day: day.into(), in_effect: false }
}

/// Each as `authority/ref holding`.
async fn known(lone: &Lone, wanted: Wanted) -> Vec<String> {
    let found =
        lone.x().statements(&desk(), wanted).await.map_err(|e| e.to_string()).expect("read");
    assert!(!found.truncated);
    let line = |one: &Stated| {
        format!("{}/{} {}", one.authority, one.statement.reference, one.holding.as_str())
    };
    found.statements.iter().map(line).collect()
}

#[tokio::test]
async fn what_holds_is_known_for_any_day_on_both_sides() {
    let (a, b) = pair().await;
    let ended =
        Statement { effective_until: "2026-12-31".into(), ..statement("L-1", "2020-01-01") };
    tell(&a, &b, vec![ended, statement("L-2", "2021-01-01")]).await;
    let newer = Statement { supersedes: "L-2".into(), ..statement("L-3", "2027-03-01") };
    tell(&a, &b, vec![newer]).await;
    for lone in [&a, &b] {
        assert_eq!(
            known(lone, wanted("2026-06-01")).await,
            ["xa.oag/L-3 not_yet", "xa.oag/L-2 in_effect", "xa.oag/L-1 in_effect"]
        );
        assert_eq!(
            known(lone, wanted("2027-03-01")).await,
            ["xa.oag/L-3 in_effect", "xa.oag/L-2 superseded", "xa.oag/L-1 ended"]
        );
        let then = |day: &str| Wanted { in_effect: true, ..wanted(day) };
        assert_eq!(known(lone, then("2026-12-31")).await.len(), 2, "its last day");
        assert_eq!(known(lone, then("2027-01-01")).await, ["xa.oag/L-2 in_effect"]);
        assert_eq!(known(lone, then("2027-02-28")).await, ["xa.oag/L-2 in_effect"]);
        assert_eq!(known(lone, then("2019-12-31")).await, [""; 0], "before all of them");
        let of_b = Wanted { authority: Some(b.x().me.clone()), ..wanted("2026-06-01") };
        assert_eq!(known(lone, of_b).await, [""; 0]);
        let treaties = Some(FrameworkSubject::Treaty);
        let about = Wanted { subject: treaties, ..wanted("2026-06-01") };
        assert_eq!(known(lone, about).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_statement_that_is_said_again_is_put_right() {
    let (a, b) = pair().await;
    tell(&a, &b, vec![statement("L-1", "2020-01-01")]).await;
    let right = Statement { text: "Put right.".into(), ..statement("L-1", "2020-02-01") };
    let newest = tell(&a, &b, vec![right]).await;
    let one = Wanted { reference: Some("L-1".into()), ..wanted("2026-06-01") };
    let found = b.x().statements(&desk(), one).await.map_err(|e| e.to_string()).expect("read");
    let [stated] = found.statements.as_slice() else { panic!("one statement") };
    assert_eq!((stated.message, stated.statement.text.as_str()), (newest, "Put right."));
    assert_eq!(stated.statement.effective_from, "2020-02-01");
    let listed = b.x().statements(&desk(), wanted("2026-06-01")).await.map_err(|e| e.to_string());
    let listed = listed.expect("read").statements;
    assert_eq!(listed[0].statement.text, "", "a list has no texts");
}

#[tokio::test]
async fn what_was_erased_or_taken_back_is_said_no_more() {
    let (a, b) = pair().await;
    let first = tell(&a, &b, vec![statement("L-1", "2020-01-01")]).await;
    tell(&a, &b, vec![statement("L-2", "2020-01-01")]).await;
    a.becomes(first, DeliveryState::Cancelled).await;
    assert_eq!(known(&a, wanted("2026-06-01")).await, ["xa.oag/L-2 in_effect"]);
    assert_eq!(known(&b, wanted("2026-06-01")).await.len(), 2, "the other has it");
    let reason = Reason::parse("COURT_ORDER").expect("a code");
    b.x().confirm(&desk(), first, b.row(first).digest()).await.expect("handed over");
    b.x().erase(&operator(), first, reason).await.expect("erased");
    assert_eq!(known(&b, wanted("2026-06-01")).await, ["xa.oag/L-2 in_effect"]);
}

/// It is content like any other: whoever is given it is logged, once a day for each message.
#[tokio::test]
async fn who_was_given_statements_stands_in_the_log() {
    let (a, b) = pair().await;
    let law =
        tell(&a, &b, vec![statement("L-1", "2020-01-01"), statement("L-2", "2020-01-01")]).await;
    tell(&a, &b, vec![statement("L-3", "2020-01-01")]).await;
    let reader = Caller { name: "registry".into(), roles: vec![Role::Read], all_cases: false };
    let one = Wanted { reference: Some("L-2".into()), ..wanted("2026-06-01") };
    for _ in 0..2 {
        b.x().statements(&reader, one.clone()).await.map_err(|e| e.to_string()).expect("read");
    }
    let given: Vec<_> = b.entries(Event::AccessFetched).iter().map(|(_, e)| e.message).collect();
    assert_eq!(given, [Some(law)], "and not the one that was not wanted");
    b.x().statements(&reader, wanted("2026-06-01")).await.map_err(|e| e.to_string()).expect("read");
    assert_eq!(b.entries(Event::AccessFetched).len(), 2);
}

#[test]
fn a_statement_that_two_supersede_gives_way_to_the_one_that_has_begun() {
    let stated = |statement: Statement| Stated {
        authority: AuthorityId::parse("xa.oag").expect("valid"),
        message: MessageId::new(Timestamp::from_unix_ms(1), [0; 10]),
        made: Timestamp::from_unix_ms(1),
        statement,
        holding: Holding::InEffect,
        superseded_by: None,
    };
    let by = |reference: &str, from: &str, of: &str| {
        stated(Statement { supersedes: of.into(), ..statement(reference, from) })
    };
    let all = || {
        vec![
            by("L-4", "2030-01-01", "L-1"),
            by("L-3", "2022-01-01", "L-1"),
            by("L-2", "2021-01-01", "L-2"),
            by("L-1", "2020-01-01", ""),
        ]
    };
    let holding = |day: &str| -> Vec<Holding> {
        judge(all(), &wanted(day)).iter().map(|one| one.holding).collect()
    };
    use Holding::{InEffect, NotYet, Superseded};
    assert_eq!(holding("2021-06-01"), [NotYet, NotYet, InEffect, InEffect]);
    assert_eq!(holding("2025-06-01"), [NotYet, InEffect, InEffect, Superseded], "not by itself");
    let one = judge(all(), &wanted("2025-06-01")).pop().expect("the first");
    assert_eq!(one.superseded_by.as_deref(), Some("L-3"));
}
