use prost::Message as _;

use super::*;
use crate::domain::AuthorityId;
use crate::exchange::retention::Rules;
use crate::exchange::rows::{HoldRow, MessageRow, peer_key};
use crate::exchange::testing::{Lone, operator};

/// A node with a message that it has sent and one that it has received, the second on hold, and a
/// peer that is suspended; and the other.
async fn lived() -> (Lone, Lone, MessageId, MessageId) {
    let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
    a.meet(&b).await;
    let (sent, received) = (a.submit(&b, &[]).await, b.submit(&a, &[]).await);
    a.arrives(&b, received).await;
    a.x().consign_all().await.expect("consigned");
    a.x().set_hold(&operator(), received, None).await.expect("held");
    a.x().suspend_peer(&b.x().me, "LOOKED_AT", None).await.expect("suspended");
    assert_eq!(a.found().await, [""; 0]);
    (a, b, sent, received)
}

/// What is found once a row is changed behind the log, and that nothing is once it is as before.
async fn found(lone: &Lone, table: Table, key: Vec<u8>, to: Option<Vec<u8>>) -> Vec<String> {
    let before = lone.x().store.get(table, &key).expect("readable");
    put(lone, table, &key, to).await;
    let found = lone.found().await;
    put(lone, table, &key, before).await;
    assert_eq!(lone.found().await, [""; 0]);
    found
}

async fn put(lone: &Lone, table: Table, key: &[u8], value: Option<Vec<u8>>) {
    let key = key.to_vec();
    let change = move |tx: &mut Tx<'_>| {
        match value {
            Some(value) => tx.put(table, &key, value),
            None => tx.delete(table, &key),
        }
        Ok::<_, ActionError>(())
    };
    lone.x().store.commit(change).await.expect("changed");
}

fn key(id: MessageId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

#[tokio::test]
async fn a_hold_that_only_one_of_log_and_rows_has_is_found() {
    let (a, _b, sent, received) = lived().await;
    let lost = found(&a, Table::Holds, key(received), None).await;
    let says = format!("message {received}: the log has it on hold, and there is no hold");
    assert_eq!(lost, [says]);
    let hold = HoldRow::default().encode_to_vec();
    let unlogged = found(&a, Table::Holds, key(sent), Some(hold.clone())).await;
    assert_eq!(unlogged, [format!("message {sent}: it is on hold, and the log has no hold")]);
    let nobody = MessageId::new(a.x().now(), [7; 10]);
    let of_nothing = found(&a, Table::Holds, key(nobody), Some(hold)).await;
    assert_eq!(of_nothing, [format!("message {nobody}: it is on hold, and there is no row")]);
}

#[tokio::test]
async fn what_is_missing_in_the_inbox_or_does_not_belong_there_is_found() {
    let (a, _b, sent, received) = lived().await;
    let place = a.row(received).inbox_position;
    let at = |position: u64| position.to_be_bytes().to_vec();
    let missing = found(&a, Table::Inbox, at(place), None).await;
    let says = "the log has consigned it, and the inbox does not have it";
    assert_eq!(missing, [format!("message {received}: {says}")]);
    let doubled = found(&a, Table::Inbox, at(place + 1), Some(key(received))).await;
    let says = |id| format!("it has message {id}, whose row does not stand there");
    assert_eq!(doubled, [format!("inbox position {}: {}", place + 1, says(received))]);
    let other = found(&a, Table::Inbox, at(place + 1), Some(key(sent))).await;
    assert_eq!(other, [format!("inbox position {}: {}", place + 1, says(sent))]);
    let claims = MessageRow { inbox_position: place, ..a.row(sent) }.encode_to_vec();
    let claims = found(&a, Table::Messages, key(sent), Some(claims)).await;
    let says = "it has a place in the inbox, and the log has not consigned it there";
    assert_eq!(claims, [format!("message {sent}: {says}")]);
}

#[tokio::test]
async fn a_case_that_is_gone_and_a_suspension_that_is_not_logged_are_found() {
    let (a, b, sent, _received) = lived().await;
    let case = a.row(sent).case_id;
    let says = format!("message {sent}: its row names a case that the node does not know");
    assert_eq!(found(&a, Table::Cases, case.into_bytes(), None).await, [says]);

    let peer: AuthorityId = b.x().me.clone();
    let key = peer_key(&a.x().home, &peer).to_vec();
    let row: PeerRow =
        rows::load(&a.x().store, Table::Peers, &key).expect("readable").expect("a row");
    let lifted = PeerRow { suspended: String::new(), ..row.clone() }.encode_to_vec();
    let lifted = found(&a, Table::Peers, key.clone(), Some(lifted)).await;
    assert_eq!(lifted, [format!("peer {peer}: suspended by the log, not by the row")]);
    a.x().resume_peer(&peer, None).await.expect("resumed");
    let unlogged = found(&a, Table::Peers, key, Some(row.encode_to_vec())).await;
    assert_eq!(unlogged, [format!("peer {peer}: suspended by the row, not by the log")]);
}
