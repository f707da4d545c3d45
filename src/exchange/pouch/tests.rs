use super::*;
use crate::audit::entry::Event;
use crate::domain::delivery::DeliveryState;
use crate::domain::limits::POUCH_ITEMS_MAX;
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::pouch::{PouchHead, PouchSealer};
use crate::exchange::ActionError;
use crate::exchange::accept::Accepted;
use crate::exchange::heads::request;
use crate::exchange::outbox::delivery;
use crate::exchange::testing::{DAY_MS, Lone, conflict, desk, operator, pair};
use crate::pb::v1 as pb;
use crate::store::Table;
use pb::PouchOutcome as Outcome;

async fn pack(from: &Lone, to: &Lone, only: Vec<MessageId>) -> Result<Vec<u8>, ActionError> {
    let to = to.x().me().clone();
    let mut packing = Packing::begin(from.x(), &operator(), &to, only).await?;
    let mut file = Vec::new();
    loop {
        let (again, bytes) = packing.next().await?;
        packing = again;
        match bytes {
            Some(bytes) => file.extend_from_slice(&bytes),
            None => break,
        }
    }
    file.extend_from_slice(&packing.finish().await?);
    Ok(file)
}

async fn pouch(from: &Lone, to: &Lone) -> Vec<u8> {
    pack(from, to, Vec::new()).await.expect("packed")
}

async fn unpack(at: &Lone, file: &[u8]) -> Result<pb::ImportPouchResponse, ActionError> {
    let mut unpacking = Unpacking::begin(at.x())?;
    for piece in file.chunks(100_000) {
        unpacking.push(piece).await?;
    }
    unpacking.finish().await
}

async fn import(at: &Lone, file: &[u8]) -> Vec<(String, Outcome, String)> {
    let response = unpack(at, file).await.expect("a sound pouch");
    assert_eq!(response.digest, hex::encode(crate::crypto::sha256(file)));
    let item = |item: pb::PouchItem| (item.event.clone(), item.outcome(), item.code);
    response.items.into_iter().map(item).collect()
}

fn of_message(outcome: Outcome) -> Vec<(String, Outcome, String)> {
    vec![(String::new(), outcome, String::new())]
}

/// As the relay would deliver it now, if the link came up.
async fn over_the_link(from: &Lone, to: &Lone, id: MessageId) -> u64 {
    let (a, b) = (from.x(), to.x());
    let peer = b.directory().get(a.me()).expect("known");
    let head = a.store.head();
    let held = b.heads().of(&head.checkpoint.origin).map_or(0, |held| held.checkpoint().size);
    let proof = a.store.consistency(head.log, held, head.checkpoint.size).expect("a proof");
    let ask =
        request(held, &crate::exchange::heads::hashes(&proof), &head.note).expect("a request");
    let taken = b.take_head(&peer, &ask).await.expect("an honest log");
    let proven = b.cosign(&taken).head;
    let deliver = delivery(&a.store, &from.row(id), &head).expect("it waits");
    match b.accept(&peer, &proven, deliver).await.expect("judged") {
        Accepted::Issued(issued) => issued.index(),
        Accepted::Retry { code, .. } => panic!("{code}"),
    }
}

/// What waits in the queue for the other.
fn waits(at: &Lone, other: &Lone) -> Vec<String> {
    let mut waits: Vec<_> =
        at.x().outbox().of(other.x().me()).into_iter().map(|item| item.row.event).collect();
    waits.sort();
    waits
}

#[tokio::test]
async fn messages_and_evidence_go_by_courier_and_their_receipts_come_back_so() {
    let (a, b) = pair().await;
    let package = a.upload(b"records of three phones").await;
    let id = a.submit(&b, &[package.id]).await;
    let file = pouch(&a, &b).await;
    assert_eq!(a.entries(Event::RelayToNonErds).len(), 1);
    assert_eq!(import(&b, &file).await, of_message(Outcome::Taken));
    assert!(b.x().vault.contains(&package));
    let came = b.entries(Event::ReceivedFromNonErds);
    let digest = crate::crypto::sha256(&file);
    assert_eq!(came[0].1.document, Some(digest));
    assert_eq!(a.entries(Event::RelayToNonErds)[0].1.document, Some(digest));
    b.x().consign_all().await.expect("opened");
    assert_eq!(waits(&b, &a), ["ContentConsignment", "RelayAcceptance"]);
    assert_eq!(a.row(id).delivery(), DeliveryState::Queued);

    // The way back, and again: what is known is said to be so.
    let back = pouch(&b, &a).await;
    let taken = |outcome| {
        let item = |event: &str| (event.to_owned(), outcome, String::new());
        vec![item("RelayAcceptance"), item("ContentConsignment")]
    };
    assert_eq!(import(&a, &back).await, taken(Outcome::Taken));
    assert_eq!(a.row(id).delivery(), DeliveryState::Consigned);
    assert!(waits(&a, &b).is_empty(), "it left the queue");
    assert_eq!(import(&a, &back).await, taken(Outcome::Known));

    // The next pouch says that the receipts are there, and is made from what they say is held.
    a.submit(&b, &[]).await;
    let next = pouch(&a, &b).await;
    assert_eq!(import(&b, &next).await, of_message(Outcome::Taken));
    assert_eq!(waits(&b, &a), ["RelayAcceptance"], "of the second; the first two are there");
    let nothing: [String; 0] = [];
    for lone in [&a, &b] {
        assert_eq!(lone.found().await, nothing);
    }
}

#[tokio::test]
async fn whichever_road_is_first_delivers_and_the_other_finds_it() {
    let (a, b) = pair().await;
    let by_pouch_first = a.submit(&b, &[]).await;
    let file = pouch(&a, &b).await;
    assert_eq!(import(&b, &file).await, of_message(Outcome::Taken));
    let entry = over_the_link(&a, &b, by_pouch_first).await;
    assert_eq!(b.row(by_pouch_first).entry_index, entry, "the same receipt");
    let by_link_first = a.submit(&b, &[]).await;
    let file = pack(&a, &b, vec![by_link_first]).await.expect("packed");
    let entry = over_the_link(&a, &b, by_link_first).await;
    assert_eq!(import(&b, &file).await, of_message(Outcome::Known), "and the pouch is older");
    assert_eq!(b.row(by_link_first).entry_index, entry);
    assert_eq!(b.entries(Event::RelayAcceptance).len(), 2);
    assert_eq!(b.entries(Event::ReceivedFromNonErds).len(), 1);
}

#[tokio::test]
async fn what_a_pouch_brings_that_is_older_than_the_link_waits_for_the_link() {
    let (a, b) = pair().await;
    let package = a.upload(b"the bulk of it").await;
    let bulky = a.submit(&b, &[package.id]).await;
    let file = pouch(&a, &b).await;
    let small = a.submit(&b, &[]).await;
    over_the_link(&a, &b, small).await;
    let later = vec![(String::new(), Outcome::Later, "CHECKPOINT_TOO_OLD".to_owned())];
    assert_eq!(import(&b, &file).await, later);
    assert!(b.x().vault.contains(&package), "the link need not carry it");
    over_the_link(&a, &b, bulky).await;
}

#[tokio::test]
async fn a_pouch_proves_the_log_from_wherever_its_reader_holds_it() {
    let (a, b) = pair().await;
    for n in 0..6 {
        let id = a.submit(&b, &[]).await;
        match n % 3 {
            0 => drop(over_the_link(&a, &b, id).await),
            1 => assert_eq!(
                import(&b, &pack(&a, &b, vec![id]).await.expect("packed")).await.len(),
                1
            ),
            _ => {}
        }
    }
    let file = pouch(&a, &b).await;
    let outcomes: Vec<_> =
        import(&b, &file).await.into_iter().map(|(_, outcome, _)| outcome).collect();
    let (taken, known): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|outcome| *outcome == Outcome::Taken);
    assert_eq!((taken.len(), known.len()), (2, 4));
    let held = b.x().heads().of(a.x().card().log_origin()).expect("held");
    let head = a.x().store.head();
    assert!(held.checkpoint().size <= head.checkpoint.size);
}

#[tokio::test]
async fn a_pouch_of_another_a_cut_one_and_a_late_one_are_refused_and_nothing_is_lost() {
    let (a, b) = pair().await;
    let id = a.submit(&b, &[]).await;
    let file = pouch(&a, &b).await;
    assert_eq!(field(unpack(&a, &file).await), "pouch.recipient");
    assert_eq!(field(unpack(&b, &file[..file.len() - 1]).await), "pouch");
    let mut changed = file.clone();
    let middle = file.len() - 100;
    changed[middle] ^= 1;
    assert_eq!(field(unpack(&b, &changed).await), "pouch");
    assert!(b.entries(Event::RelayAcceptance).is_empty());
    b.wait_days(31);
    a.wait_days(31);
    let refused = import(&b, &file).await;
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].1, refused[0].2.as_str()), (Outcome::Refused, "MESSAGE_EXPIRED"));
    assert_eq!(waits(&b, &a), ["RelayRejection"], "it goes back");
    let back = pouch(&b, &a).await;
    assert_eq!(import(&a, &back).await[0].1, Outcome::Taken);
    assert_eq!(a.row(id).delivery(), DeliveryState::Rejected);
}

#[tokio::test]
async fn what_is_in_a_pouch_is_not_withdrawn_and_what_is_held_back_is_not_in_it() {
    let (a, b) = pair().await;
    let (packed, held) = (a.submit(&b, &[]).await, a.submit(&b, &[]).await);
    a.x().hold(held).await.expect("held");
    let file = pouch(&a, &b).await;
    assert_eq!(import(&b, &file).await, of_message(Outcome::Taken));
    assert_eq!(conflict(a.x().cancel(&desk(), packed).await), "NOT_QUEUED");
    assert_eq!(conflict(pack(&a, &b, vec![held]).await), "MESSAGE_HELD");
}

#[tokio::test]
async fn nobody_is_packed_for_who_is_unknown_or_suspended() {
    let (a, b) = pair().await;
    let stranger = AuthorityId::parse("xc.moj").expect("valid");
    let unknown = Packing::begin(a.x(), &operator(), &stranger, Vec::new()).await;
    assert!(matches!(unknown.map(|_| ()), Err(ActionError::NotFound(_))));
    assert_eq!(conflict(pack(&a, &b, Vec::new()).await), "NOTHING_WAITS");
    a.submit(&b, &[]).await;
    let file = pouch(&a, &b).await;
    for lone in [&a, &b] {
        let other = if std::ptr::eq(lone, &a) { &b } else { &a };
        lone.x().suspend_peer(other.x().me(), "SUSPENDED", None).await.expect("suspended");
    }
    assert_eq!(conflict(pack(&a, &b, Vec::new()).await), "PEER_SUSPENDED");
    assert_eq!(conflict(unpack(&b, &file).await), "PEER_SUSPENDED");
}

#[tokio::test]
async fn a_pouch_that_breaks_off_goes_on_where_the_vault_has_it() {
    let (a, b) = pair().await;
    let content: &'static [u8] = vec![7_u8; 3 << 20].leak();
    let package = a.upload(content).await;
    a.submit(&b, &[package.id]).await;
    let file = pouch(&a, &b).await;
    let mut unpacking = Unpacking::begin(b.x()).expect("begun");
    for piece in file[..file.len() / 2].chunks(100_000) {
        unpacking.push(piece).await.expect("taken");
    }
    drop(unpacking);
    // What it had given to the disk is still being written.
    let whole = loop {
        let ended = unpack(&b, &file).await.expect("a sound pouch");
        if ended.items[0].outcome() != Outcome::Later {
            break ended;
        }
        assert_eq!(ended.items[0].code, "PACKAGES_MISSING");
        tokio::task::yield_now().await;
    };
    assert_eq!(whole.items[0].outcome(), Outcome::Taken);
    assert!(b.x().vault.contains(&package));
}

#[tokio::test]
async fn a_pouch_over_the_turn_of_a_year_proves_both_logs() {
    let (a, b) = pair().await;
    let before = a.submit(&b, &[]).await;
    a.x().succeed_log(None, None).await.expect("another log");
    let after = a.submit(&b, &[]).await;
    let file = pouch(&a, &b).await;
    let taken = import(&b, &file).await;
    assert_eq!(taken.iter().map(|item| item.1).collect::<Vec<_>>(), [Outcome::Taken; 2]);
    for id in [before, after] {
        assert!(b.x().store.get(Table::Messages, id.as_bytes()).expect("readable").is_some());
    }
}

/// A pouch of `from` for `to` whose parts and end somebody else has made.
fn made(from: &Lone, to: &Lone, parts: &[pb::pouch_part::Part], by: &Lone, held: &str) -> Vec<u8> {
    let head = PouchHead {
        sender: from.x().me().clone(),
        recipient: to.x().me().clone(),
        created: from.x().now(),
    };
    let keys = to.x().card().sealing_keys(to.x().now());
    let (mut sealer, first) =
        PouchSealer::new(&head, &keys.iter().collect::<Vec<_>>()).expect("a key");
    let mut file = first.to_vec();
    for part in parts {
        let part = pb::PouchPart { part: Some(part.clone()) };
        sealer.part(&part).iter().for_each(|chunk| file.extend_from_slice(chunk));
    }
    let (last, _) = sealer.finish(held, &by.x().keys.signers());
    file.extend_from_slice(&last);
    file
}

fn field(result: Result<pb::ImportPouchResponse, ActionError>) -> String {
    match result {
        Err(ActionError::Invalid(violations)) => violations[0].field.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_makes_a_pouch_in_the_name_of_another_and_nothing_of_it_is_logged() {
    let (a, b) = pair().await;
    let before = b.x().store.head().checkpoint.size;
    let junk = pb::PouchMessage {
        origin: a.x().card().log_origin().to_owned(),
        deliver: Some(pb::Deliver { envelope: vec![7; 50].into(), ..Default::default() }),
    };
    let junk = pb::pouch_part::Part::Message(junk);
    let by_another = made(&a, &b, std::slice::from_ref(&junk), &b, "");
    assert_eq!(field(unpack(&b, &by_another).await), "pouch");
    // Its maker's own junk is refused as on a link, and a log that does not fit itself says nothing.
    let log = pb::PouchLog {
        checkpoint: a.x().store.head().note.clone(),
        from_size: a.x().store.head().checkpoint.size,
        frontier: vec![
            vec![9; 32].into();
            a.x().store.head().checkpoint.size.count_ones() as usize
        ],
        succession: None,
    };
    let unfit = made(&a, &b, &[pb::pouch_part::Part::Log(log)], &a, "");
    assert_eq!(field(unpack(&b, &unfit).await), "pouch");
    assert_eq!(b.x().store.head().checkpoint.size, before, "no entry says anything of it");
    assert!(b.entries(Event::WitnessRefused).is_empty());
}

#[tokio::test]
async fn a_node_that_lost_some_of_its_log_learns_it_from_a_pouch() {
    let (a, b) = pair().await;
    let head = b.x().store.head().checkpoint.clone();
    let longer = b.signs(head.size + 3, [5; 32]);
    let told = made(&a, &b, &[], &a, &longer);
    assert_eq!(conflict(unpack(&b, &told).await), "LOG_ROLLED_BACK");
    assert!(b.x().is_read_only(), "it must not append any more (I3)");
    let foreign = made(&b, &a, &[], &b, &longer);
    assert_eq!(field(unpack(&a, &foreign).await), "pouch", "not of this node's log");
}

#[tokio::test]
async fn what_was_refused_by_one_road_is_not_accepted_by_the_other() {
    let (a, b) = pair().await;
    let id = a.submit(&b, &[]).await;
    let file = pouch(&a, &b).await;
    // The clock of the reader is ahead; later it is right.
    b.wait_days(31);
    let refused = import(&b, &file).await;
    assert_eq!((refused[0].1, refused[0].2.as_str()), (Outcome::Refused, "MESSAGE_EXPIRED"));
    b.wait_days(-31);
    let again = import(&b, &file).await;
    assert_eq!(again, refused, "the same answer");
    over_the_link(&a, &b, id).await;
    assert!(b.entries(Event::RelayAcceptance).is_empty());
}

#[tokio::test]
async fn what_comes_too_early_is_not_refused_for_good() {
    let (a, b) = pair().await;
    a.submit(&b, &[]).await;
    let tomorrow = pouch(&a, &b).await;
    for lone in [&a, &b] {
        lone.wait_days(-1);
    }
    assert_eq!(field(unpack(&b, &tomorrow).await), "pouch");
    let of_tomorrow = pouch(&a, &b).await;
    let later = import(&b, &of_tomorrow).await;
    assert_eq!((later[0].1, later[0].2.as_str()), (Outcome::Later, "MESSAGE_FROM_THE_FUTURE"));
    b.wait_days(1);
    assert_eq!(import(&b, &of_tomorrow).await, of_message(Outcome::Taken));
}

#[tokio::test]
async fn a_pouch_takes_as_many_messages_as_its_bound_says() {
    let (a, b) = pair().await;
    for _ in 0..POUCH_ITEMS_MAX {
        a.submit(&b, &[]).await;
    }
    let file = pouch(&a, &b).await;
    assert_eq!(a.entries(Event::RelayToNonErds).len(), POUCH_ITEMS_MAX);
    let taken = import(&b, &file).await.into_iter().filter(|item| item.1 == Outcome::Taken);
    assert_eq!(taken.count(), POUCH_ITEMS_MAX);
}

#[tokio::test]
async fn more_packages_than_a_peer_may_have_unclaimed_go_in_the_next_pouch() {
    let (a, b) = pair().await;
    for _ in 0..5 {
        let mut packages = Vec::new();
        for _ in 0..16 {
            packages.push(a.upload(b"one of many").await.id);
        }
        a.submit(&b, &packages).await;
    }
    let packing = Packing::begin(a.x(), &operator(), b.x().me(), Vec::new()).await.expect("packs");
    assert_eq!((packing.contents().messages, packing.contents().left), (4, 1));
    drop(packing);
    let file = pouch(&a, &b).await;
    assert_eq!(import(&b, &file).await.len(), 4);
    let next = import(&b, &pouch(&a, &b).await).await;
    let taken = next.iter().filter(|item| item.1 == Outcome::Taken).count();
    assert_eq!(taken, 1, "what was in none yet comes first: {next:?}");
}

#[test]
fn a_pouch_lasts_no_longer_than_its_messages() {
    let now = Timestamp::from_unix_ms(0);
    assert!(now.plus_ms(DAY_MS).to_string() > now.to_string(), "compared as text");
}
