#[path = "year_gossip_tests.rs"]
mod gossip;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::audit::evidence::Evidence;
use crate::audit::replay::State;
use crate::audit::witness::AddCheckpoint;
use crate::domain::{AuthorityId, MessageId};
use crate::exchange::heads::{HeadError, OwnHead, steps};
use crate::exchange::issue::Issued;
use crate::exchange::replayed::WAITED_FOR;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, encoded, pair};
use crate::exchange::{Peer, rows};
use crate::pb::v1 as pb;
use crate::store::{Position, Table};
use prost::Message as _;

const DAYS_TO_2027: i64 = 60;

async fn year_passes(lone: &Lone) -> Arc<Head> {
    lone.wait_days(DAYS_TO_2027);
    lone.x().follow_calendar().await.expect("begun").expect("another year")
}

fn peer_of(lone: &Lone, other: &Lone) -> Arc<Peer> {
    lone.x().directory.get(&other.x().me).expect("trusted")
}

/// What `other` shows of its logs from a place on, as `lone` takes it; gives the last verdict.
async fn shown(lone: &Lone, other: &Lone, from: Position) -> Result<(), HeadError> {
    let peer = peer_of(lone, other);
    let head = other.x().store.head();
    for (_, update) in steps(&other.x().store, from, &head).expect("provable") {
        let taken = lone.x().take_update(&peer, &update).await?;
        let kept = lone.x().keep_head(Some(&peer), lone.x().cosign(&taken)).await;
        kept.expect("kept");
    }
    Ok(())
}

#[tokio::test]
async fn the_calendar_begins_a_log_once_a_year() {
    let (a, b) = pair().await;
    assert_eq!(a.x().follow_calendar().await.expect("looked"), None);
    let first = a.submit(&b, &[]).await;
    let ended = year_passes(&a).await;
    assert_eq!(ended.checkpoint.origin, "xa.oag/log/2026");
    assert_eq!(a.x().log_head().checkpoint.origin, "xa.oag/log/2027");
    assert_eq!(a.x().follow_calendar().await.expect("looked"), None);
    let second = a.submit(&b, &[]).await;
    let (sealed, opened) = (a.entries(Event::LogSealed), a.entries(Event::LogOpened));
    assert_eq!((sealed.len(), opened.len()), (1, 2));
    // Each is proved under its own log, whenever it is asked for.
    for (id, log) in [(first, "xa.oag/log/2026"), (second, "xa.oag/log/2027")] {
        let (receipt, _) = Issued::at(a.row(id).entry_index).receipt(&a.x().store).expect("proved");
        assert_eq!(receipt.facts().origin, log);
    }
    // The numbers with a peer go on.
    let with_b = [Event::PeerAdded, Event::SubmissionAcceptance];
    let numbers = with_b.into_iter().flat_map(|event| a.entries(event));
    assert_eq!(numbers.filter_map(|(_, entry)| entry.peer_seq).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn an_operator_ends_a_log_once() {
    let (a, b) = pair().await;
    a.submit(&b, &[]).await;
    let origin = "xa.oag/log/2026";
    a.x().succeed_log(Some(origin), Some("the operator")).await.expect("ended");
    let again = a.x().succeed_log(Some(origin), None).await.expect_err("not again");
    assert!(again.to_string().contains("xa.oag/log/2026.2"), "{again}");
}

#[tokio::test]
async fn a_peer_follows_from_whatever_it_holds() {
    for held_before in [0, 1, 2] {
        let (a, b) = pair().await;
        a.submit(&b, &[]).await;
        let mut from = Position::default();
        if held_before > 0 {
            shown(&b, &a, from).await.expect("taken");
            from = a.x().log_head().end();
        }
        if held_before > 1 {
            a.submit(&b, &[]).await;
        }
        year_passes(&a).await;
        a.x().succeed_log(None, None).await.expect("ended");
        a.submit(&b, &[]).await;
        shown(&b, &a, from).await.expect("taken");
        let held = b.x().head_of(&peer_of(&b, &a)).expect("held");
        assert_eq!(*held.checkpoint(), a.x().log_head().checkpoint);
        let all = a.x().log_ends();
        assert_eq!(all.len(), 2);
        for ended in all {
            let chain = b.x().heads.of(&ended.checkpoint.origin).expect("held");
            assert_eq!(*chain.checkpoint(), ended.checkpoint, "each to its end");
        }
    }
}

#[tokio::test]
async fn what_was_followed_is_still_followed_after_a_restart() {
    let (a, mut b) = pair().await;
    a.submit(&b, &[]).await;
    year_passes(&a).await;
    shown(&b, &a, Position::default()).await.expect("taken");
    b.restart();
    let held = b.x().head_of(&peer_of(&b, &a)).expect("held");
    assert_eq!(held.checkpoint().origin, "xa.oag/log/2027");
    let mut a = a;
    a.restart();
    assert_eq!(a.x().log_head().checkpoint.origin, "xa.oag/log/2027");
    let note = held.to_note();
    let own = a.x().compare_own_head(&note).expect("read");
    assert_eq!(own, OwnHead::Ours(Position::new(1, held.checkpoint().size)));
}

#[tokio::test]
async fn another_log_without_its_proof_is_not_followed() {
    let (a, b) = pair().await;
    a.submit(&b, &[]).await;
    shown(&b, &a, Position::default()).await.expect("taken");
    let from = a.x().log_head().end();
    year_passes(&a).await;
    let peer = peer_of(&b, &a);
    let all = steps(&a.x().store, from, &a.x().store.head()).expect("provable");
    let [(_, end), (_, begin)] = all.as_slice() else { panic!("two steps") };
    let refused = |update: pb::CheckpointUpdate| {
        let (x, peer) = (b.x().clone(), peer.clone());
        async move { x.take_update(&peer, &update).await.expect_err("refused") }
    };
    let bare = pb::CheckpointUpdate { succession: None, ..begin.clone() };
    assert_eq!(refused(bare).await.code(), "LOG_SUCCESSION");
    assert_eq!(refused(begin.clone()).await.code(), "LOG_SUCCESSION", "the end was not shown yet");
    b.x().take_update(&peer, end).await.expect("the end is an extension as any");
    let mut altered = begin.clone();
    if let Some(succession) = &mut altered.succession {
        succession.opened_inclusion.push(vec![7; 32].into());
    }
    assert_eq!(refused(altered).await.code(), "LOG_SUCCESSION");
    b.x().take_update(&peer, begin).await.expect("followed");
    // From now on the old log has ended for ever.
    let grown = AddCheckpoint::new(0, Vec::new(), begin.checkpoint.clone()).expect("a request");
    assert_eq!(grown.origin(), "xa.oag/log/2027");
}

#[tokio::test]
async fn a_log_that_is_being_left_does_not_grow_and_is_left_once() {
    let (a, b) = pair().await;
    a.submit(&b, &[]).await;
    shown(&b, &a, Position::default()).await.expect("taken");
    let held = b.x().head_of(&peer_of(&b, &a)).expect("held");
    let (heads, origin) = (&b.x().heads, "xa.oag/log/2026");
    assert!(heads.end(&held, "xa.oag/log/2027"));
    assert!(!heads.end(&held, "xa.oag/log/2027.2"), "another one follows already");
    // What comes on another stream while that is made durable.
    a.submit(&b, &[]).await;
    let grown = shown(&b, &a, Position::new(0, held.checkpoint().size)).await;
    assert_eq!(grown.expect_err("ended").code(), "LOG_SUCCESSION");
    heads.go_on(&held);
    shown(&b, &a, Position::new(0, held.checkpoint().size)).await.expect("it goes on");
    assert!(!heads.end(&held, "xa.oag/log/2027"), "it has grown");
    assert!(heads.is_in_line(origin, origin) && !heads.is_in_line(origin, "xa.oag/log/2027"));
}

#[tokio::test]
async fn an_authority_begins_so_many_logs_and_no_more() {
    let (a, b) = pair().await;
    let mut from = Position::default();
    let mut followed = 0;
    let refused = loop {
        let done = shown(&b, &a, from).await;
        match done {
            Ok(()) => followed += 1,
            Err(error) => break error,
        }
        from = a.x().log_head().end();
        a.x().succeed_log(None, None).await.expect("ended");
    };
    assert_eq!((refused.code(), followed), ("UNAVAILABLE", 65));
}

#[tokio::test]
async fn a_newer_card_does_not_leave_the_log_behind() {
    let (a, b) = pair().await;
    let card = a.card_with_origin("xa.oag/log/2030");
    let refused = b.x().add_peer(card, "").await.map(|_| ()).expect_err("refused").to_string();
    assert!(refused.contains("xa.oag/log/2030"), "{refused}");
}

#[tokio::test]
async fn a_copy_from_before_the_year_is_noticed() {
    let (mut a, b) = pair().await;
    a.submit(&b, &[]).await;
    a.x().store.stop();
    let copy = tempfile::tempdir().expect("a directory");
    copy_all(&a.path().join("data"), copy.path());
    a.restart();
    year_passes(&a).await;
    shown(&b, &a, Position::default()).await.expect("taken");
    let held = b.x().head_of(&peer_of(&b, &a)).expect("held").to_note();
    // The whole machine is set back, and the mark with it.
    a.x().store.stop();
    std::fs::remove_dir_all(a.path().join("data")).expect("removed");
    std::fs::remove_file(a.path().join("mark")).expect("removed");
    copy_all(copy.path(), &a.path().join("data"));
    a.restart();
    let own = a.x().compare_own_head(&held).expect("read");
    assert!(matches!(own, OwnHead::NotOurs { .. }), "{own:?}");
    assert!(a.x().is_read_only());
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for item in std::fs::read_dir(from).expect("lists") {
        let item = item.expect("readable");
        let to = to.join(item.file_name());
        match item.file_type().expect("a type").is_dir() {
            true => copy_all(&item.path(), &to),
            false => drop(std::fs::copy(item.path(), to).expect("copied")),
        }
    }
}

#[tokio::test]
async fn replaying_goes_from_log_to_log() {
    let (a, b) = pair().await;
    let before = a.submit(&b, &[]).await;
    year_passes(&a).await;
    let after = a.submit(&b, &[]).await;
    a.x().cancel(&crate::exchange::testing::desk(), before).await.expect("withdrawn");
    let digest = a.x().replayed_state_digest().expect("replayed");
    assert_eq!(digest.checkpoint, a.x().log_head().checkpoint);
    let mut state = State::new(a.x().me.clone());
    let (mut lives, end) = (BTreeMap::new(), a.x().log_head().end().number());
    let fed = state.feed(
        end,
        3,
        &mut |from, limit| a.x().store.entries(from, limit),
        &mut |place, entry, _| {
            if let Some(id) = entry.message {
                lives.entry(id).or_insert_with(Vec::new).push(place);
            }
        },
    );
    fed.expect("reads");
    assert_eq!(state.digest(), digest.digest);
    assert_eq!(state.ended(), [("xa.oag/log/2026".to_owned(), a.x().log_ends()[0].end().index)]);
    assert_eq!(lives[&before].len(), 2, "begun in one log, ended in the next");
    assert!(lives[&after].iter().all(|place| Position::from_number(*place).log == 1));
    let message = state.message(&before).expect("known");
    assert!(!message.earlier, "its beginning was replayed");
    assert_eq!(a.found().await, [""; 0]);
}

/// A row that no log ever had, put behind the log's back.
async fn unlogged(lone: &Lone, table: Table, key: &[u8], row: Vec<u8>) {
    let key = key.to_vec();
    let put = move |tx: &mut crate::store::Tx<'_>| {
        tx.put(table, &key, row);
        Ok::<_, ActionError>(())
    };
    lone.x().store.commit(put).await.expect("put");
}

#[tokio::test]
async fn rows_that_no_log_ever_had_are_found_after_a_change_too() {
    let (a, b) = pair().await;
    let known = a.submit(&b, &[]).await;
    year_passes(&a).await;
    assert_eq!(a.found().await, [""; 0]);
    let c = Lone::new("xc.moj", Rules::default());
    c.meet(&b).await;
    let peer = |name: &AuthorityId| rows::peer_key(&a.x().home, name);
    let met = rows::peer_key(&c.x().home, &b.x().me);
    let met: rows::PeerRow =
        rows::load(&c.x().store, Table::Peers, &met).expect("read").expect("met");
    let stranger = rows::PeerRow { card: c.x().card().text().to_owned(), ..met }.encode_to_vec();
    unlogged(&a, Table::Peers, &peer(&c.x().me), stranger).await;
    let agency = rows::AgencyRow { name: "nobody".into(), ..rows::AgencyRow::default() };
    let key = a.x().home.blind("agency", b"nobody");
    unlogged(&a, Table::Agencies, &key, agency.encode_to_vec()).await;
    let id = MessageId::new(a.x().now(), [7; 10]);
    unlogged(&a, Table::Messages, id.as_bytes(), encoded(&a.row(known))).await;
    let found = a.found().await;
    let says = [
        format!("message {id}: there is a row, and the log knows no such message"),
        "peer xc.moj: the log never added it".to_owned(),
        format!("agency {}: the log never added it", a.x().handle("nobody")),
    ];
    assert_eq!(found, says);
}

#[tokio::test]
async fn a_status_waits_for_no_long_log_that_has_ended() {
    let (mut a, _b) = pair().await;
    for _ in 0..=WAITED_FOR / 100 {
        let many = |tx: &mut crate::store::Tx<'_>| {
            let draft = || EntryDraft::new(Event::NodeStarted).software("rogatory 0.0.0");
            let places: Vec<u64> = (0..100).map(|_| tx.append(draft())).collect();
            Ok::<_, ActionError>(places)
        };
        a.x().store.commit(many).await.expect("logged");
    }
    year_passes(&a).await;
    a.restart();
    let first = a.x().recent_state_digest().await.expect("asked");
    assert_eq!(first, None, "the newest log is short, and all of them are to be replayed");
    let replayed = loop {
        match a.x().recent_state_digest().await.expect("asked") {
            Some(replayed) => break replayed,
            None => tokio::task::yield_now().await,
        }
    };
    let sizes = a.x().log_ends().iter().map(|end| end.checkpoint.size).sum::<u64>();
    assert_eq!(replayed.entries, sizes + a.x().log_head().checkpoint.size);
    assert_eq!(replayed.checkpoint, a.x().log_head().checkpoint);
}

#[tokio::test]
async fn two_logs_after_one_cannot_both_be_shown() {
    // The same log is continued twice, as by a copied machine: the ends of the old log differ.
    let (a, b) = pair().await;
    a.submit(&b, &[]).await;
    let c = Lone::new("xc.moj", Rules::default());
    c.meet(&a).await;
    let from = Position::default();
    shown(&b, &a, from).await.expect("taken");
    let held = b.x().head_of(&peer_of(&b, &a)).expect("held");
    year_passes(&a).await;
    shown(
        &b,
        &a,
        a.x().store.head_of(0).map_or(from, |_| Position::new(0, held.checkpoint().size)),
    )
    .await
    .expect("taken");
    let ended = b.x().heads.of("xa.oag/log/2026").expect("held");
    let other = crate::audit::Checkpoint { root: [7; 32], ..ended.checkpoint().clone() };
    let other = other.sign(&a.x().keys.log);
    let keys = peer_of(&b, &a).card.log_keys_of("xa.oag/log/2026");
    let other = crate::audit::SignedCheckpoint::verify(&other, &keys).expect("signed");
    assert!(Evidence::same_size(&ended, &other).is_ok(), "which is proof of two pasts");
    let row: Option<rows::HeadRow> =
        rows::load(&b.x().store, Table::Heads, &rows::head_key(&b.x().home, "xa.oag/log/2026"))
            .expect("read");
    assert_eq!(row.expect("there").successor, "xa.oag/log/2027");
}
