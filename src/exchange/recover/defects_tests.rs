//! What must not come back, and what must come back though something is wrong with it.

use super::*;
use crate::audit::entry::EntryDraft;
use crate::crypto::sha256;
use crate::exchange::issue::Issued;
use crate::exchange::rows::PackageRow;
use crate::exchange::submit::Submission;
use crate::exchange::testing::conflict;

#[tokio::test]
async fn a_suspended_peer_gets_no_access_back() {
    let (mut a, _) = pair().await;
    let c = Lone::new("xc.moj", Rules::default());
    let behind = Behind::copy(&mut a);
    let card = c.x().card().as_ref().clone();
    a.x().add_peer(card.clone(), &card.fingerprint().words()).await.expect("trusted");
    a.x().suspend_peer(&c.x().me, "INCIDENT", None).await.expect("suspended");
    // The export has the newest card only, and no entry behind the suspension repeats it.
    let newer = c.card_with_origin(card.log_origin());
    a.x().add_peer(newer.clone(), "").await.expect("updated");
    let behind = behind.go_back(&mut a);
    let recovered = behind.put_back(&a, &[newer]).await;
    assert_eq!(recovered.peers, ["xc.moj"]);
    assert_eq!(divergences(&a).await, [""; 0]);
    a.restart();
    assert!(a.x().directory.get(&c.x().me).is_none());
}

#[tokio::test]
async fn evidence_of_a_message_that_was_erased_stays_so() {
    let (mut a, b) = pair().await;
    let shape = a.upload(b"what was to be erased").await;
    let behind = Behind::copy(&mut a);
    let id = a.submit(&b, &[shape.id]).await;
    a.becomes(id, DeliveryState::HandedOver).await;
    a.x().erase(&operator(), id, reason()).await.expect("erased");
    let behind = behind.go_back(&mut a);
    let slot = {
        let row: Option<PackageRow> =
            load(&a.x().store, Table::Packages, shape.id.as_bytes()).expect("readable");
        BodySlot(row.expect("in the copy").key_slot.expect("its key"))
    };
    behind.put_back(&a, &[]).await;
    a.restart();
    let row: Option<PackageRow> =
        load(&a.x().store, Table::Packages, shape.id.as_bytes()).expect("readable");
    assert_eq!(row, None);
    assert_eq!(a.x().store.body(slot).expect("an erasure says so"), None);
    let removals = a.x().store.scan(Table::Removals, b"", None, Direction::Forward, 9);
    assert_eq!(removals.expect("readable").len(), 1, "its chunks go too");
    assert!(a.x().submit(&desk(), a.submission(&b, &[shape.id])).await.is_err());
}

/// The slot table is the newest, as its own backups are: the key of an erased message is gone.
#[tokio::test]
async fn a_message_that_does_not_open_any_more_keeps_nothing_from_coming_back() {
    let (mut a, b) = pair().await;
    let erased = b.submit(&a, &[]).await;
    a.arrives(&b, erased).await;
    let behind = Behind::copy(&mut a);
    a.x().consign_all().await.expect("consigned");
    a.x().erase(&operator(), erased, reason()).await.expect("erased");
    let newest = a.path().join("data/slots");
    std::fs::copy(newest, behind.kept.path().join("slots")).expect("copied");
    let behind = behind.go_back(&mut a);
    behind.put_back(&a, &[]).await;
    assert!(a.view(erased).row.erased.is_some());
    assert_eq!(divergences(&a).await, [""; 0]);
}

#[tokio::test]
async fn no_place_in_the_inbox_is_given_twice() {
    let (mut a, b) = pair().await;
    let behind = Behind::copy(&mut a);
    let lost = b.submit(&a, &[]).await;
    a.arrives(&b, lost).await;
    a.x().consign_all().await.expect("consigned");
    let position = a.row(lost).inbox_position;
    let behind = behind.go_back(&mut a);
    behind.put_back(&a, &[]).await;
    a.restart();
    let next = b.submit(&a, &[]).await;
    a.arrives(&b, next).await;
    a.x().consign_all().await.expect("consigned");
    let (found, _) = a.x().inbox(&desk(), position, 10).expect("readable");
    assert_eq!(found.iter().map(|view| view.id).collect::<Vec<_>>(), [next]);
}

#[tokio::test]
async fn an_answer_to_what_is_lost_names_its_case() {
    let (mut a, b) = pair().await;
    let behind = Behind::copy(&mut a);
    let id = a.submit(&b, &[]).await;
    let case = crate::domain::CaseId::parse(&a.row(id).case_id).expect("a case");
    let behind = behind.go_back(&mut a);
    behind.put_back(&a, &[]).await;
    a.restart();
    let answer = Submission { in_reply_to: Some(id), ..a.submission(&b, &[]) };
    let refused = a.x().submit(&desk(), answer.clone()).await.map(|_| ());
    assert!(refused.expect_err("of which case?").to_string().contains("name it"));
    let answer = Submission { case: Some(case.clone()), request: fresh(), ..answer };
    let sent = a.x().submit(&desk(), answer).await.map_err(|e| e.to_string()).expect("submitted");
    assert_eq!(a.row(sent.id).case_id, case.as_str());
}

fn fresh() -> crate::domain::RequestId {
    crate::domain::RequestId::new(crate::crypto::random())
}

/// Each receipt writes the row of its message anew, with the texts of all before it.
#[tokio::test]
async fn a_page_that_is_too_much_for_one_commit_is_put_back_in_several() {
    let (mut a, b) = pair().await;
    let mut sent = Vec::new();
    for _ in 0..PAGE {
        sent.push(a.submit(&b, &[]).await);
    }
    let behind = Behind::copy(&mut a);
    for id in &sent {
        b.arrives(&a, *id).await;
    }
    b.x().consign_all().await.expect("consigned");
    for id in &sent {
        b.x().confirm(&desk(), *id, b.row(*id).digest()).await.expect("confirmed");
    }
    let mut receipts = BTreeMap::new();
    for event in [Event::RelayAcceptance, Event::ContentConsignment, Event::ContentHandover] {
        for (place, entry) in b.entries(event) {
            let (receipt, _) = Issued::at(place).receipt(&b.x().store).expect("a receipt");
            let (text, id) = (receipt.text().to_owned(), entry.message.expect("of a message"));
            let draft = EntryDraft::new(event)
                .by(b.x().me.clone())
                .peer(b.x().me.clone())
                .message(id)
                .envelope(a.row(id).digest())
                .receipt(sha256(text.as_bytes()))
                .remote(receipt.facts().coordinates());
            receipts.insert(sha256(text.as_bytes()), text);
            let recording = a.x().store.commit(move |tx| {
                tx.append(draft);
                Ok::<_, ActionError>(())
            });
            recording.await.expect("recorded");
        }
    }
    let behind = behind.go_back(&mut a);
    for entries in behind.entries.chunks(PAGE) {
        let page =
            Page { entries: entries.to_vec(), receipts: receipts.clone(), ..Page::default() };
        a.x().put_back(page, &[]).await.expect("put back");
    }
    behind.close(&a).await;
    assert!(sent.iter().all(|id| a.row(*id).receipts.len() == 3));
    assert_eq!(divergences(&a).await, [""; 0]);
}

#[tokio::test]
async fn behind_less_than_is_known_nothing_is_closed() {
    let (mut a, b) = pair().await;
    let behind = Behind::copy(&mut a);
    a.submit(&b, &[]).await;
    let behind = behind.go_back(&mut a);
    let more = a.signs(behind.size + 9, [3; 32]);
    a.x().compare_own_head(&more).expect("compared");
    for page in behind.pages(9) {
        a.x().put_back(page, &[]).await.expect("put back");
    }
    let size = a.x().log_head().checkpoint.size;
    let keys = KeysInUse::default();
    let closed = a.x().close_recovery(size, [7; 32], &keys).await;
    assert!(closed.expect_err("somebody holds more").to_string().contains("newer"));
    assert_eq!(a.x().log_head().checkpoint.size, size, "not one entry");
    assert_eq!(conflict(a.x().set_hold(&operator(), a_message(), None).await), "LOG_ROLLED_BACK");
}

fn a_message() -> MessageId {
    MessageId::new(crate::domain::Timestamp::from_unix_ms(1), crate::crypto::random())
}
