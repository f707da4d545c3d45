//! What waits for a second official, and who may end the waiting and how.

use zeroize::Zeroizing;

use super::body::{from_body, to_body};
use super::*;
use crate::crypto::keys::{Algorithm, Seed};
use crate::domain::{AnnexId, CaseId, PackageId, Reason, RequestId, Timestamp};
use crate::envelope::{AnnexDraft, NamedOfficial, SealedAnnex, seal_annex};
use crate::exchange::agencies::Agency;
use crate::exchange::retention;
use crate::exchange::testing::{DAY_MS, Lone, desk};
use crate::store::BodySlot;

const KIND: MessageKind = MessageKind::SpontaneousInformation;

fn author() -> Caller {
    Caller { name: "desk".into(), roles: vec![Role::Submit, Role::Read], all_cases: false }
}

fn chief() -> Caller {
    Caller { name: "chief".into(), roles: vec![Role::Read, Role::Approve], all_cases: false }
}

fn stranger() -> Caller {
    Caller { name: "other".into(), ..author() }
}

/// A node whose author's agency is registered, and whom it writes to.
async fn two() -> (Lone, Lone) {
    let rules = retention::Rules::default();
    let (a, b) = (Lone::approving("xa.oag", &[KIND]), Lone::new("xb.pps", rules));
    a.meet(&b).await;
    let agency = Agency {
        name: "desk".into(),
        roles: author().roles,
        all_cases: false,
        key_digest: [1; 32],
        expires: Timestamp::from_unix_ms(9_000_000_000_000),
        revoked: false,
    };
    a.x().add_agency(agency).await.expect("added");
    (a, b)
}

async fn drafted(a: &Lone, b: &Lone, packages: &[PackageId]) -> MessageId {
    let view = a.x().submit(&author(), a.submission(b, packages)).await.map_err(|e| e.to_string());
    let view = view.expect("kept");
    assert_eq!(view.row.state, pb::DeliveryState::AwaitingApproval as i32);
    view.id
}

fn code<T>(result: Result<T, ActionError>) -> &'static str {
    match result.map(drop) {
        Err(ActionError::Conflict { code, .. }) => code,
        Err(ActionError::NotFound(_)) => "NOT_FOUND",
        Err(ActionError::Forbidden(_)) => "FORBIDDEN",
        other => panic!("{other:?}"),
    }
}

fn events(a: &Lone, events: &[Event]) -> Vec<Event> {
    let mut all: Vec<_> = events.iter().flat_map(|event| a.entries(*event)).collect();
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, entry)| entry.event).collect()
}

const LIFE: [Event; 5] = [
    Event::DraftSubmitted,
    Event::AccessFetched,
    Event::DraftApproved,
    Event::DraftRefused,
    Event::SubmissionAcceptance,
];

#[tokio::test]
async fn it_goes_when_somebody_else_has_read_and_approved_it() {
    let (mut a, b) = two().await;
    let id = drafted(&a, &b, &[]).await;
    assert!(a.x().outbox.all().is_empty(), "nothing leaves");
    assert_eq!(code(a.x().approve(&author(), id).await), "OWN_DRAFT");
    assert_eq!(code(a.x().approve(&chief(), id).await), "NOT_READ");
    a.restart();
    let read = a.x().read(&chief(), id).await.map_err(|e| e.to_string()).expect("read");
    let says = read.body.and_then(|body| body.content).expect("a content");
    assert!(format!("{says:?}").contains("What the witness said."), "what is approved is shown");
    assert_eq!(read.row.handling, Handling::Ordinary as i32, "as the message will be handled");
    let slot = a.x().seen_draft(&chief(), id).expect("it waits").body_slot;
    let sent = a.x().approve(&chief(), id).await.map_err(|e| e.to_string()).expect("approved");
    assert_eq!((sent.id, sent.row.approved_by.as_str()), (id, "chief"));
    assert_eq!(sent.row.agency, "desk", "it is its author's");
    assert_eq!(a.x().outbox.all().len(), 1);
    assert!(a.x().store.body(BodySlot(slot)).expect("readable").is_none(), "no draft is left");
    let life = events(&a, &LIFE);
    assert_eq!(life, [LIFE[0], LIFE[1], LIFE[2], LIFE[4]]);
    let (_, approved) = &a.entries(Event::DraftApproved)[0];
    assert_eq!(approved.envelope, Some(sent.row.digest()));
    assert_eq!(approved.who, Some(a.x().handle("chief")));
    assert!(approved.peer.is_none(), "no peer hears of it");
    // Again is the same; and it is a message like others from now on.
    let again = a.x().approve(&chief(), id).await.map_err(|e| e.to_string()).expect("the same");
    assert_eq!(again.row.entry_index, sent.row.entry_index);
    assert_eq!(code(a.x().refuse_draft(&chief(), id, &reason()).await), "NOT_FOUND");
    assert_eq!(a.found().await, Vec::<String>::new());
    b.arrives(&a, id).await;
    b.x().consign_all().await.expect("opened");
    assert_eq!(b.row(id).refusal_code, "", "the other side sees nothing of it");
}

fn reason() -> Reason {
    Reason::parse("NOT_COMPLETE").expect("a code")
}

#[tokio::test]
async fn who_has_no_part_in_it_sees_nothing_of_it() {
    let (a, b) = two().await;
    let id = drafted(&a, &b, &[]).await;
    assert_eq!(code(a.x().read(&stranger(), id).await.map(|view| view.id)), "NOT_FOUND");
    assert_eq!(code(a.x().approve(&stranger(), id).await.map(|view| view.id)), "NOT_FOUND");
    assert_eq!(code(a.x().refuse_draft(&stranger(), id, &reason()).await), "NOT_FOUND");
    assert_eq!(code(a.x().cancel(&stranger(), id).await.map(|view| view.id)), "NOT_FOUND");
    assert_eq!(code(a.x().refuse_draft(&author(), id, &reason()).await), "FORBIDDEN");
    assert_eq!(code(a.x().cancel(&chief(), id).await.map(|view| view.id)), "FORBIDDEN");
    let listed = |caller: &Caller| a.x().drafts(caller, false, None, 10).expect("readable").len();
    assert_eq!((listed(&author()), listed(&chief()), listed(&stranger())), (1, 1, 0));
    assert_eq!(events(&a, &LIFE), [Event::DraftSubmitted]);
}

#[tokio::test]
async fn what_is_refused_is_erased_and_never_sent() {
    let (a, b) = two().await;
    let shape = a.upload(b"one").await;
    let id = drafted(&a, &b, &[shape.id]).await;
    let slot = a.x().seen_draft(&author(), id).expect("it waits").body_slot;
    let refused = a.x().refuse_draft(&chief(), id, &reason()).await.expect("refused");
    assert_eq!(
        (refused.row.refused.as_str(), refused.row.refused_by.as_str()),
        ("NOT_COMPLETE", "chief")
    );
    assert!(a.x().store.body(BodySlot(slot)).expect("readable").is_none(), "it is erased");
    assert_eq!(code(a.x().approve(&chief(), id).await.map(|view| view.id)), "NOT_APPROVED");
    assert_eq!(code(a.x().refuse_draft(&chief(), id, &reason()).await), "NOT_APPROVED");
    let view =
        a.x().view(&author(), id, true).map_err(|e| e.to_string()).expect("its author sees it");
    assert_eq!(view.row.state, pb::DeliveryState::NotApproved as i32);
    assert!(view.body.is_none() && view.row.refusal_code == "NOT_COMPLETE");
    assert_eq!(a.x().drafts(&author(), true, None, 10).expect("readable").len(), 1);
    assert_eq!(a.found().await, Vec::<String>::new());
    // What waited with it is free again.
    let again = drafted(&a, &b, &[shape.id]).await;
    a.x().cancel(&author(), again).await.map(drop).expect("taken back");
    let (_, withdrawn) = &a.entries(Event::DraftRefused)[1];
    assert_eq!(withdrawn.code.as_deref(), Some("WITHDRAWN"));
}

#[tokio::test]
async fn what_nobody_looks_at_ends_by_itself() {
    let (a, b) = two().await;
    let id = drafted(&a, &b, &[]).await;
    a.wait_days(30);
    assert_eq!(a.x().end_old_drafts(a.x().now()).await, Ok(0));
    a.wait_ms(1);
    assert_eq!(a.x().end_old_drafts(a.x().now()).await, Ok(1));
    assert_eq!(a.x().end_old_drafts(a.x().now()).await, Ok(0));
    let row = a.x().seen_draft(&author(), id).expect("it is told");
    assert_eq!((row.refused.as_str(), row.refused_by.as_str()), ("NOT_APPROVED", ""));
    // It is told for as long as it waited.
    a.wait_ms(30 * DAY_MS + 1);
    assert_eq!(a.x().end_old_drafts(a.x().now()).await, Ok(0));
    assert_eq!(code(a.x().seen_draft(&author(), id)), "NOT_FOUND");
    assert_eq!(a.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_package_waits_with_its_draft() {
    let (a, b) = two().await;
    let shape = a.upload(b"one").await;
    let id = drafted(&a, &b, &[shape.id]).await;
    let second = a.x().submit(&author(), a.submission(&b, &[shape.id])).await.map(drop);
    let text = second.expect_err("it is taken").to_string();
    assert!(text.contains("packages[0]: waits with another message for an approval"), "{text}");
    a.wait_ms(31 * DAY_MS);
    let swept = a.x().sweep(a.x().now()).await.expect("swept");
    assert_eq!(swept.unsubmitted, 0, "it is not given up while it waits");
    let read = a.x().read(&chief(), id).await.map_err(|e| e.to_string()).expect("read");
    assert_eq!(read.row.packages.len(), 1, "whoever approves sees what goes along");
    let unseen = a.x().approve(&chief(), id).await.map(|view| view.id);
    assert_eq!(code(unseen), "PACKAGE_NOT_READ", "and looks into it");
    a.x().read_package(&chief(), id, shape.id).await.expect("logged");
    let listed = a.x().approve(&chief(), id).await.map(|view| view.id);
    assert_eq!(code(listed), "PACKAGE_NOT_READ", "a list of exhibits is not what is in them");
    a.x().gave_exhibits(&stranger(), id, shape.id, 0..1).await.expect("nothing of its");
    a.x().gave_exhibits(&author(), id, shape.id, 0..1).await.expect("it knows them");
    a.x().gave_exhibits(&chief(), id, shape.id, 0..1).await.expect("noted");
    assert!(a.x().package_of(&chief(), id, shape.id).is_ok());
    assert!(a.x().package_of(&stranger(), id, shape.id).is_err());
    let fetched = a.entries(Event::AccessFetched);
    assert_eq!(fetched.last().and_then(|(_, entry)| entry.package), Some(shape.id));
    for caller in [chief(), author(), chief(), author()] {
        a.x().read_package(&caller, id, shape.id).await.expect("readable");
    }
    let again = a.entries(Event::AccessFetched).len();
    assert_eq!(again, fetched.len() + 1, "once a day each: nobody fills the log by it");
    a.x().approve(&chief(), id).await.map(drop).expect("approved");
    assert!(a.x().package_of(&desk(), id, shape.id).is_ok());
    assert!(a.x().package_of(&chief(), id, shape.id).is_err(), "it is another's now");
}

#[tokio::test]
async fn a_repeat_is_the_same_draft_and_then_the_same_message() {
    let (a, b) = two().await;
    let submission = a.submission(&b, &[]);
    let submit = async || a.x().submit(&author(), submission.clone()).await.map(|view| view.id);
    let id = submit().await.expect("kept");
    assert_eq!(submit().await, Ok(id));
    let other = Submission { reference: "other".into(), ..submission.clone() };
    assert_eq!(code(a.x().submit(&author(), other).await.map(|view| view.id)), "REQUEST_ID_REUSED");
    a.x().read(&chief(), id).await.map(drop).expect("read");
    a.x().read(&chief(), id).await.map(drop).expect("read again");
    assert_eq!(a.entries(Event::AccessFetched).len(), 1);
    a.x().approve(&chief(), id).await.map(drop).expect("approved");
    assert_eq!(submit().await, Ok(id));
    assert_eq!(a.entries(Event::DraftSubmitted).len(), 1);
    assert_eq!(a.entries(Event::SubmissionAcceptance).len(), 1);
}

#[tokio::test]
async fn what_breaks_rules_does_not_wait_and_an_author_who_left_sends_nothing() {
    let (a, b) = two().await;
    let wrong = Submission { reference: "x".repeat(201), ..a.submission(&b, &[]) };
    let refused = a.x().submit(&author(), wrong).await.map(drop);
    assert!(matches!(refused, Err(ActionError::Refused { .. })), "{refused:?}");
    let id = drafted(&a, &b, &[]).await;
    a.x().read(&chief(), id).await.map(drop).expect("read");
    a.x().revoke_agency("desk").await.expect("revoked");
    assert_eq!(code(a.x().approve(&chief(), id).await.map(|view| view.id)), "AUTHOR_GONE");
    assert!(a.entries(Event::SubmissionAcceptance).is_empty());
}

#[tokio::test]
async fn only_kinds_that_were_named_wait() {
    let (a, b) = two().await;
    let mut submission = a.submission(&b, &[]);
    submission.content.kind = MessageKind::Test;
    let view = a.x().submit(&author(), submission).await.map_err(|e| e.to_string()).expect("sent");
    assert_eq!(view.row.approved_by, "");
    assert_eq!(events(&a, &LIFE), [Event::SubmissionAcceptance]);
}

fn annex(from: &Lone, to: &Lone) -> SealedAnnex {
    let key = Seed::generate().public(Algorithm::XWing);
    let draft = AnnexDraft {
        id: AnnexId::new(Timestamp::from_unix_ms(1), [4; 10]),
        sender: from.x().me.clone(),
        recipient: to.x().me.clone(),
        refs: vec!["P1".into()],
        plaintext: Zeroizing::default(),
    };
    let official = NamedOfficial { id: "victims-desk".into(), key: key.clone() };
    seal_annex(&draft, &[official], &[key]).expect("seals")
}

#[test]
fn a_draft_is_what_was_submitted() {
    let rules = retention::Rules::default();
    let (a, b) = (Lone::new("xa.oag", rules), Lone::new("xb.pps", rules));
    let at = Timestamp::from_unix_ms(1);
    let least = a.submission(&b, &[]);
    let most = Submission {
        request: RequestId::new([7; 16]),
        packages: vec![PackageId::new(at, [1; 10]), PackageId::new(at, [2; 10])],
        annexes: vec![annex(&a, &b)],
        window_ms: Some(5),
        case: Some(CaseId::new(&a.x().me, 2026, 3)),
        in_reply_to: Some(MessageId::new(at, [3; 10])),
        ..least.clone()
    };
    for submission in [least, most] {
        let row = DraftRow {
            peer: submission.recipient.to_string(),
            packages: submission.packages.iter().map(|id| id.as_bytes().to_vec()).collect(),
            ..DraftRow::default()
        };
        let again =
            from_body(&row, &to_body(&submission)).map_err(|e| e.to_string()).expect("reads");
        assert_eq!(again.digest(), submission.digest());
    }
}

#[tokio::test]
async fn rows_that_say_otherwise_than_the_log_are_found() {
    let (a, b) = two().await;
    let id = drafted(&a, &b, &[]).await;
    assert_eq!(a.found().await, Vec::<String>::new());
    let row = a.x().seen_draft(&author(), id).expect("it waits");
    let put = async |row: Option<DraftRow>| {
        let change = move |tx: &mut Tx<'_>| {
            match row {
                Some(row) => tx.put(Table::Drafts, id.as_bytes(), row.encode_to_vec()),
                None => tx.delete(Table::Drafts, id.as_bytes()),
            }
            Ok::<_, ActionError>(())
        };
        a.x().store.commit(change).await.expect("changed");
        a.found().await.join("; ")
    };
    let place = row.entry_index;
    let what = format!("the draft of entry {place}");
    let gone = put(None).await;
    assert_eq!(gone, format!("{what}: the log has it as waiting, and there is no row"));
    let other = put(Some(DraftRow { agency: "other".into(), ..row.clone() })).await;
    assert_eq!(other, format!("{what}: another agency wrote it"));
    let unlogged = put(Some(DraftRow { entry_index: 0, ..row.clone() })).await;
    assert!(
        unlogged.ends_with("the draft of entry 0: there is a row, and the log knows no such draft")
    );
    assert_eq!(put(Some(row)).await, "");
}
