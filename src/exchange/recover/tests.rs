use super::*;
use crate::audit::entry::EntryDraft;
use crate::domain::MessageKind;
use crate::domain::delivery::DeliveryState;
use crate::exchange::agencies::{Agency, Caller, Role};
use crate::exchange::check::Told;
use crate::exchange::keys::KeysInUse;
use crate::exchange::retention::Rules;
use crate::exchange::rows::{MessageRow, PeerRow, load, peer_key};
use crate::exchange::testing::{Lone, desk, operator, pair};
use crate::store::{BodySlot, Direction, Table};

#[path = "defects_tests.rs"]
mod defects;

/// What was there behind a copy of a home.
struct Behind {
    kept: tempfile::TempDir,
    size: u64,
    entries: Vec<Vec<u8>>,
    note: String,
}

impl Behind {
    fn copy(lone: &mut Lone) -> Self {
        let size = lone.x().log_head().checkpoint.size;
        Self { kept: lone.backup(), size, entries: Vec::new(), note: String::new() }
    }

    /// Keeps what was logged since, and goes back to the copy.
    fn go_back(mut self, lone: &mut Lone) -> Self {
        self.entries = lone.x().log_entries(0, self.size, 1000).expect("readable");
        self.note = lone.x().log_head().note.clone();
        lone.restore(self.kept.path(), &self.note);
        self
    }

    fn pages(&self, by: usize) -> impl Iterator<Item = Page> {
        let page = |entries: &[Vec<u8>]| Page { entries: entries.to_vec(), ..Page::default() };
        self.entries.chunks(by).map(page)
    }

    async fn put_back(&self, lone: &Lone, cards: &[Card]) -> Recovered {
        for page in self.pages(2) {
            lone.x().put_back(page, cards).await.expect("put back");
        }
        self.close(lone).await
    }

    async fn close(&self, lone: &Lone) -> Recovered {
        let end = self.size + self.entries.len() as u64;
        let keys = KeysInUse::default();
        let closing = lone.x().close_recovery(end, [7; 32], &keys);
        closing.await.expect("it has everything")
    }
}

/// What the node keeps otherwise than its log says.
async fn divergences(lone: &Lone) -> Vec<String> {
    let x = lone.x().clone();
    let check = move || {
        let mut found = Vec::new();
        let mut tell = |told| {
            match told {
                Told::Divergence(d) => found.push(format!("{}: {}", d.what, d.detail)),
                Told::Finding(finding) => found.push(finding.to_string()),
                _ => {}
            }
            true
        };
        x.check_state(true, &mut tell).expect("checked");
        found
    };
    tokio::task::spawn_blocking(check).await.expect("no panic")
}

#[tokio::test]
async fn what_cannot_come_back_is_ended_for_everybody() {
    let (mut a, b) = pair().await;
    let before = a.submit(&b, &[]).await;
    let behind = Behind::copy(&mut a);
    let (sent, sent_again) = (a.submit(&b, &[]).await, a.submit(&b, &[]).await);
    let case = a.row(sent_again).case_id;
    let received = b.submit(&a, &[]).await;
    a.arrives(&b, received).await;
    let opened = b.submit(&a, &[]).await;
    a.arrives(&b, opened).await;
    a.x().consign_all().await.expect("consigned");
    let behind = behind.go_back(&mut a);
    let recovered = behind.put_back(&a, &[]).await;
    let states: Vec<_> = recovered.lost.iter().map(|l| (l.id, l.sent, l.state)).collect();
    let mut expected = vec![
        (sent, true, DeliveryState::ExpiredUnknown),
        (sent_again, true, DeliveryState::ExpiredUnknown),
        (received, false, DeliveryState::Consigned),
        (opened, false, DeliveryState::Consigned),
    ];
    expected.sort();
    assert_eq!(states, expected);
    assert_eq!(a.entries(Event::LogRecovered).len(), 1);
    assert_eq!(a.entries(Event::RelayFailure).len(), 2);
    assert_eq!(a.entries(Event::ContentHandoverFailure).len(), 2);
    assert_eq!(divergences(&a).await, [""; 0]);
    // No case gets the number of one that was lost.
    assert_ne!(a.row(a.submit(&b, &[]).await).case_id, case);
    // What it has is whole, and what it lacks is nobody else's.
    a.x().erase(&operator(), sent, reason()).await.expect("erased");
    assert!(a.view(before).body.is_some());
    assert!(a.view(sent_again).body.is_none());
    a.restart();
    assert_eq!(divergences(&a).await, [""; 0]);
}

fn reason() -> crate::domain::Reason {
    crate::domain::Reason::parse("COURT_ORDER").expect("a code")
}

#[tokio::test]
async fn cut_off_behind_any_page_it_goes_on() {
    let (mut a, b) = pair().await;
    let behind = Behind::copy(&mut a);
    let sent = a.submit(&b, &[]).await;
    a.x().set_hold(&operator(), sent, Some(reason())).await.expect("set");
    let erased = a.submit(&b, &[]).await;
    a.x().cancel(&desk(), erased).await.expect("withdrawn");
    a.x().erase(&operator(), erased, reason()).await.expect("erased");
    let behind = behind.go_back(&mut a);
    for page in behind.pages(1) {
        a.x().put_back(page, &[]).await.expect("put back");
        a.reopen_behind(&behind.note);
    }
    behind.close(&a).await;
    // As if it had been cut off before it thawed.
    a.x().store.freeze(&behind.note).expect("frozen");
    behind.close(&a).await;
    assert_eq!(a.entries(Event::LogRecovered).len(), 1);
    assert_eq!(a.x().holds(None, 9).expect("read").len(), 1);
    assert_eq!(a.row(erased).erased.expect("erased").code, "COURT_ORDER");
    assert_eq!(divergences(&a).await, [""; 0]);
}

#[tokio::test]
async fn a_peer_comes_back_with_its_card_and_goes_without() {
    for with_card in [true, false] {
        let (mut a, _) = pair().await;
        let c = Lone::new("xc.moj", Rules::default());
        let behind = Behind::copy(&mut a);
        let card = c.x().card().as_ref().clone();
        a.x().add_peer(card.clone(), &card.fingerprint().words()).await.expect("trusted");
        a.x().suspend_peer(&c.x().me, "INCIDENT", None).await.expect("suspended");
        let behind = behind.go_back(&mut a);
        let cards = if with_card { vec![card] } else { Vec::new() };
        let recovered = behind.put_back(&a, &cards).await;
        let row: Option<PeerRow> =
            load(&a.x().store, Table::Peers, &peer_key(&a.x().home, &c.x().me)).expect("readable");
        match with_card {
            true => assert_eq!(row.expect("a row").suspended, "INCIDENT"),
            false => assert_eq!((row, recovered.peers), (None, vec!["xc.moj".to_owned()])),
        }
        assert_eq!(divergences(&a).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_contradicts_the_rows_is_not_put_back() {
    let (mut a, b) = pair().await;
    let behind = Behind::copy(&mut a);
    let sent = a.submit(&b, &[]).await;
    let behind = behind.go_back(&mut a);
    // A row that the copy cannot have.
    let stray = move |tx: &mut Tx<'_>| {
        super::super::rows::put_message(tx, sent, &MessageRow::default());
        Ok::<_, ActionError>(())
    };
    a.x().store.put_back(stray).await.expect("put");
    let size = a.x().log_head().checkpoint.size;
    let page = behind.pages(9).next().expect("a page");
    let refused = a.x().put_back(page, &[]).await.expect_err("a contradiction");
    assert!(refused.to_string().contains("its message is here already"), "{refused}");
    assert_eq!(a.x().log_head().checkpoint.size, size);
}

#[tokio::test]
async fn what_waited_for_an_approval_is_ended_and_what_was_approved_waits_no_more() {
    let kind = MessageKind::SpontaneousInformation;
    let (mut a, b) = (Lone::approving("xa.oag", &[kind]), Lone::new("xb.pps", Rules::default()));
    let key = a.x().card().log_keys()[0].to_string();
    let open = move |tx: &mut Tx<'_>| {
        tx.append(EntryDraft::new(Event::LogOpened).key(&key));
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(open).await.expect("opened");
    a.meet(&b).await;
    a.x().add_agency(Agency { name: "desk".into(), ..agency() }).await.expect("added");
    let shape = a.upload(b"one").await;
    let (before, refused) = (a.submit(&b, &[shape.id]).await, a.submit(&b, &[]).await);
    let behind = Behind::copy(&mut a);
    let chief = Caller { name: "chief".into(), roles: vec![Role::Read, Role::Approve], ..desk() };
    a.x().read(&chief, before).await.map(drop).expect("read");
    a.x().gave_exhibits(&chief, before, shape.id, 0..1).await.expect("looked into");
    a.x().approve(&chief, before).await.map(drop).expect("approved");
    a.x().refuse_draft(&chief, refused, &reason()).await.map(drop).expect("refused");
    let since = a.submit(&b, &[]).await;
    let behind = behind.go_back(&mut a);
    behind.put_back(&a, &[]).await;
    assert_eq!(divergences(&a).await, [""; 0]);
    let waits: Vec<_> = a.x().drafts(&desk(), false, None, 9).expect("readable");
    assert_eq!(waits.iter().map(|draft| draft.id).collect::<Vec<_>>(), [since]);
    assert!(a.view(since).body.is_none(), "it is told without what it says");
    let lost = a.x().read(&chief, since).await.map(drop);
    lost.expect("it is told");
    assert!(a.x().approve(&chief, since).await.is_err());
    assert_eq!(a.x().end_old_drafts(a.x().now()).await, Ok(1));
    let (_, ended) = a.entries(Event::DraftRefused).pop().expect("it is logged");
    assert_eq!((ended.message, ended.code.as_deref()), (Some(since), Some("CONTENT_LOST")));
    assert_eq!(divergences(&a).await, [""; 0]);
}

fn agency() -> Agency {
    Agency {
        name: String::new(),
        roles: vec![Role::Submit],
        all_cases: true,
        key_digest: [1; 32],
        expires: crate::domain::Timestamp::from_unix_ms(9_000_000_000_000),
        revoked: false,
    }
}
