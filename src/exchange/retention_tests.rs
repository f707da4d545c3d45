use super::*;
use crate::audit::entry::Event;
use crate::exchange::LinkState;
use crate::exchange::testing::{DAY_MS, Lone, operator};

fn days(sent: Option<i64>, received: Option<i64>) -> Rules {
    let ms = |days: Option<i64>| days.map(|days| days * DAY_MS);
    Rules { sent_ms: ms(sent), received_ms: ms(received) }
}

async fn two(rules: Rules) -> (Lone, Lone) {
    let (a, b) = (Lone::new("xa.oag", rules), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    (a, b)
}

async fn round(lone: &Lone) -> usize {
    lone.x().erase_due().await.expect("a round")
}

#[tokio::test]
async fn what_is_closed_is_erased_when_its_time_is_over_and_nothing_else() {
    let (mut a, b) = two(days(Some(10), None)).await;
    let sent = a.submit(&b, &[]).await;
    let open = a.submit(&b, &[]).await;
    a.becomes(open, DeliveryState::Consigned).await;
    let received = b.submit(&a, &[]).await;
    a.arrives(&b, received).await;
    a.x().consign_all().await.expect("consigned");
    a.becomes(received, DeliveryState::HandedOver).await;
    a.wait_days(20);
    // Counted from the day on which it was closed, however old it is.
    a.becomes(sent, DeliveryState::HandedOver).await;
    assert_eq!(round(&a).await, 0);
    a.wait_days(9);
    assert_eq!(round(&a).await, 0);
    a.restart();
    a.wait_days(1);
    assert_eq!(round(&a).await, 1);
    assert_eq!(a.row(sent).erased.expect("erased").code, "RETENTION_ENDED");
    let logged = a.entries(Event::EraseBody);
    assert_eq!((logged.len(), logged[0].1.who.as_deref()), (1, None), "nobody did it");
    assert!(a.row(open).erased.is_none(), "its peer has not handed it over");
    assert!(a.row(received).erased.is_none(), "no rule is for what was received");
    a.wait_days(4000);
    assert_eq!(round(&a).await, 0, "and never twice");
}

#[tokio::test]
async fn what_is_on_hold_outlives_its_time_and_stands_in_nobodys_way() {
    let (a, b) = two(days(Some(1), None)).await;
    let (held, other) = (a.submit(&b, &[]).await, a.submit(&b, &[]).await);
    for id in [held, other] {
        a.becomes(id, DeliveryState::Rejected).await;
    }
    a.x().set_hold(&operator(), held, None).await.expect("held");
    a.wait_days(2);
    assert_eq!(round(&a).await, 1);
    assert!(a.row(held).erased.is_none() && a.row(other).erased.is_some());
    a.x().release_hold(&operator(), held, None).await.expect("released");
    assert_eq!(round(&a).await, 1);
    assert!(a.row(held).erased.is_some());
}

#[tokio::test]
async fn what_a_late_receipt_opens_again_is_not_due() {
    let (a, b) = two(days(Some(1), None)).await;
    let id = a.submit(&b, &[]).await;
    a.becomes(id, DeliveryState::ExpiredUnknown).await;
    assert_ne!(a.row(id).closed_ms, 0);
    a.becomes(id, DeliveryState::Relayed).await;
    assert_eq!(a.row(id).closed_ms, 0);
    a.wait_days(5);
    assert_eq!(round(&a).await, 0);
    a.becomes(id, DeliveryState::HandedOver).await;
    a.wait_days(2);
    assert_eq!(round(&a).await, 1);
}

#[tokio::test]
async fn a_round_has_an_end() {
    let (a, b) = two(days(Some(1), None)).await;
    for _ in 0..ROUND_MAX + 3 {
        let id = a.submit(&b, &[]).await;
        a.becomes(id, DeliveryState::Rejected).await;
    }
    a.wait_days(2);
    assert_eq!(round(&a).await, ROUND_MAX);
    assert_eq!(round(&a).await, 3);
}

#[tokio::test]
async fn a_clock_that_all_peers_call_wrong_erases_nothing() {
    let (a, b) = two(days(Some(1), None)).await;
    let id = a.submit(&b, &[]).await;
    a.becomes(id, DeliveryState::Rejected).await;
    a.wait_days(400);
    let seen = |offset_days: i64, connected| LinkState {
        connected,
        trouble: String::new(),
        clock_offset_ms: offset_days * DAY_MS,
    };
    a.x().set_link(b.x().me(), seen(-400, true));
    assert_eq!(round(&a).await, 0);
    a.x().set_link(b.x().me(), seen(-400, false));
    assert_eq!(round(&a).await, 1, "what was seen long ago says nothing");
}

#[test]
fn keys_of_the_schedule_come_back() {
    let id = MessageId::new(Timestamp::from_unix_ms(5), [1; 10]);
    let row = MessageRow { direction: RECEIVED, closed_ms: 77, ..MessageRow::default() };
    let key = due_key(&row, id);
    assert_eq!(due(&key).expect("sound"), (Timestamp::from_unix_ms(77), id));
    assert!(due(&key[..20]).is_err() && due(&[]).is_err());
}
