use super::*;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{Fake, message};
use crate::domain::statistics::{Dimension, ReturnLine, Way};

fn figures(year: i32, requests: u64, as_of: &str) -> StatisticsReturn {
    let line = |way, dimension, value: &str| ReturnLine {
        requests: Some(requests),
        ..ReturnLine::new(way, dimension, value)
    };
    StatisticsReturn {
        from: format!("{year}-01-01"),
        until: format!("{year}-12-31"),
        as_of: as_of.into(),
        smallest: 5,
        lines: vec![line(Way::Made, Dimension::Total, "")],
    }
}

fn content(figures: StatisticsReturn) -> Content {
    Content::of(MessageKind::StatisticsReturn, Body::Statistics(figures))
}

/// A message that has them, as the node gives it.
fn had(number: u64, state: DeliveryState, figures: StatisticsReturn) -> pb::Message {
    pb::Message {
        kind: MessageKind::StatisticsReturn as i32,
        state: state as i32,
        content: Some(content_to_pb(&content(figures))),
        ..message(number)
    }
}

async fn sends(had: Vec<pb::Message>) -> (Result<(String, bool), Failure>, String) {
    let (mut client, _) = Fake { messages: had, page: 1, ..Default::default() }.start().await;
    let (mut out, _, talk) = memory(Format::Table);
    let now = content(figures(2024, 7, "2026-02-01T00:00:00.000Z"));
    let period = Period::year(2024).expect("a year");
    let to = AuthorityId::parse("xa.oag").expect("an id");
    let sent = send_one(&mut client, &now, &period, &to, &mut out).await;
    (sent.map(|(message, before)| (message.message_id, before)), talk.text())
}

#[tokio::test]
async fn the_same_figures_are_not_sent_again() {
    let before = had(2, DeliveryState::HandedOver, figures(2024, 7, "2025-01-01T00:00:00.000Z"));
    let other_year = had(3, DeliveryState::Queued, figures(2023, 7, "2025-01-01T00:00:00.000Z"));
    let (sent, talk) = sends(vec![other_year, before.clone()]).await;
    assert_eq!(sent, Ok((before.message_id, true)));
    assert!(talk.starts_with("note: xa.oag was sent these figures"), "{talk}");
}

#[tokio::test]
async fn other_figures_of_the_year_are_sent_with_a_warning() {
    let before = had(2, DeliveryState::HandedOver, figures(2024, 6, "2025-01-01T00:00:00.000Z"));
    // What is made up here takes no messages.
    let (sent, talk) = sends(vec![before]).await;
    assert!(sent.is_err() && talk.starts_with("warning: xa.oag was sent other figures"), "{talk}");
}

#[tokio::test]
async fn what_never_came_is_sent_again_with_an_id_of_its_own() {
    let lost = had(2, DeliveryState::Cancelled, figures(2024, 7, "2025-01-01T00:00:00.000Z"));
    let (sent, talk) = sends(vec![lost.clone()]).await;
    assert!(sent.is_err(), "it is submitted");
    assert_eq!(talk, "");
    let (mut client, _) =
        Fake { messages: vec![lost.clone()], page: 1, ..Default::default() }.start().await;
    let period = Period::year(2024).expect("a year");
    let to = AuthorityId::parse("xa.oag").expect("an id");
    let (before, last) = newest(&mut client, &period, &to).await.expect("looked through");
    assert!(before.is_none(), "nobody has it");
    assert_eq!(last, Some(lost.message_id), "a new one has another id than this");
}

#[test]
fn a_request_id_is_that_of_recipient_figures_and_what_was_before() {
    let id = |to: &str, requests, as_of: &str, before: Option<&str>| {
        let to = AuthorityId::parse(to).expect("an id");
        request_id(&to, &figures(2024, requests, as_of), before)
    };
    let one = id("xa.oag", 7, "2025-01-01T00:00:00.000Z", None);
    assert_eq!(one, id("xa.oag", 7, "2025-01-02T00:00:00.000Z", None), "whenever it is counted");
    for other in [
        id("xb.pps", 7, "2025-01-01T00:00:00.000Z", None),
        id("xa.oag", 8, "2025-01-01T00:00:00.000Z", None),
        id("xa.oag", 7, "2025-01-01T00:00:00.000Z", Some("01934f3e")),
    ] {
        assert_ne!(one, other);
    }
}
