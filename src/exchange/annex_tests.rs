use zeroize::Zeroizing;

use super::*;
use crate::audit::entry::Event;
use crate::card::Official;
use crate::crypto::keys::{Algorithm, Seed};
use crate::crypto::{SealingSecret, random};
use crate::domain::Reason;
use crate::domain::delivery::DeliveryState;
use crate::domain::request::{Content, request_from_toml};
use crate::domain::{MessageKind, RequestId, Timestamp};
use crate::envelope::{AnnexDraft, NamedOfficial, seal_annex};
use crate::exchange::accept::Accepted;
use crate::exchange::heads::{hashes, request};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{DAY_MS, Lone, conflict, desk, encoded, operator, pair};
use crate::exchange::{ActionError, Caller, Role};
use crate::pb::v1 as pb;
use crate::store::Table;

const TEXT: &[u8] = b"{\"persons\":[{\"ref\":\"P3\",\"names\":[{\"text\":\"Canary\"}]}]}";

struct Desk(SealingSecret, NamedOfficial);

fn official(id: &str) -> Desk {
    let seed = Seed::generate();
    let key = seed.public(Algorithm::XWing);
    Desk(SealingSecret::new(&seed), NamedOfficial { id: id.into(), key })
}

impl Desk {
    fn named(&self, days: i64, now: Timestamp) -> Official {
        let (from, until) = (now.plus_ms(-DAY_MS), now.plus_ms(days * DAY_MS));
        Official::new(&self.1.id, "Victim protection desk", &self.1.key, from, until)
    }

    fn same(&self) -> NamedOfficial {
        NamedOfficial { id: self.1.id.clone(), key: self.1.key.clone() }
    }
}

/// Two that trust each other; the second one names an official.
async fn two(desk: &Desk) -> (Lone, Lone) {
    let (a, mut b) = pair().await;
    let now = b.x().now();
    b.name_officials(vec![desk.named(10, now)]);
    let card = b.x().card().as_ref().clone();
    a.x().add_peer(card, "").await.expect("a newer card");
    (a, b)
}

fn sealed_to(from: &Lone, to: &Lone, officials: &[NamedOfficial], refs: &[&str]) -> SealedAnnex {
    let draft = AnnexDraft {
        id: AnnexId::new(from.x().now(), random()),
        sender: from.x().me.clone(),
        recipient: to.x().me.clone(),
        refs: refs.iter().map(|one| (*one).to_owned()).collect(),
        plaintext: Zeroizing::new(TEXT.to_vec()),
    };
    seal_annex(&draft, officials, &to.x().card().sealing_keys(to.x().now())).expect("seals")
}

fn content(from: &Lone, persons: &str) -> Content {
    let file =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/request-surveillance.toml"));
    let mut request = request_from_toml(file).expect("an example");
    request.requesting_authority.id = Some(from.x().me.clone());
    request.requesting_authority.country = from.x().me.country().to_ascii_uppercase();
    if !persons.is_empty() {
        let other = request_from_toml(persons).expect("persons");
        (request.persons, request.role_changes) = (other.persons, other.role_changes);
    }
    Content::request(MessageKind::Request, request)
}

fn submission(from: &Lone, to: &Lone, annexes: &[SealedAnnex]) -> Submission {
    let (content, annexes) = (content(from, ""), annexes.to_vec());
    let request = RequestId::new(random());
    Submission { content, annexes, request, ..from.submission(to, &[]) }
}

async fn submit(from: &Lone, submission: Submission) -> Result<MessageId, String> {
    let submitted = from.x().submit(&desk(), submission).await;
    submitted.map(|view| view.id).map_err(|error| error.to_string())
}

fn delivery(from: &Lone, id: MessageId) -> pb::Deliver {
    let (store, row) = (&from.x().store, from.row(id));
    let size = store.head().checkpoint.size;
    pb::Deliver {
        envelope: store.body(BodySlot(row.body_slot)).expect("readable").expect("there").into(),
        entry: store.entry(row.entry_index).expect("readable").expect("there").into(),
        index: row.entry_index,
        inclusion: hashes(&store.inclusion(row.entry_index, size).expect("a proof")),
        annexes: to_deliver(store, &row).expect("there"),
    }
}

/// Delivers a message, perhaps with other annexes than its sender's; the code of a refusal.
async fn deliver(
    from: &Lone,
    to: &Lone,
    id: MessageId,
    change: impl FnOnce(&mut pb::Deliver),
) -> Option<String> {
    let sender = to.x().directory.get(&from.x().me).expect("a peer");
    let held = to.x().head_of(&sender).map_or(0, |head| head.checkpoint().size);
    let head = from.x().log_head();
    let proof = from.x().store.consistency(0, held, head.checkpoint.size).expect("a proof");
    let shown = request(held, &hashes(&proof), &head.note).expect("a request");
    let proven = to.x().take_head(&sender, &shown).await.expect("taken").head;
    let mut frame = delivery(from, id);
    change(&mut frame);
    let accepted = to.x().accept(&sender, &proven, frame).await.expect("judged");
    assert!(matches!(accepted, Accepted::Issued(_)), "{accepted:?}");
    let refused = to.entries(Event::RelayRejection);
    refused.into_iter().find(|(_, entry)| entry.message == Some(id)).and_then(|(_, e)| e.code)
}

/// A message with an annex, in the inbox of the other side.
async fn arrived(a: &Lone, b: &Lone, annex: &SealedAnnex) -> MessageId {
    let id = submit(a, submission(a, b, std::slice::from_ref(annex))).await.expect("submitted");
    assert_eq!(deliver(a, b, id, |_| ()).await, None);
    b.x().consign_all().await.expect("consigned");
    assert_eq!(b.row(id).delivery(), DeliveryState::Consigned);
    id
}

fn opening(annex: &SealedAnnex, desk: &Desk) -> Opening {
    let token = annex.official_part(&desk.0).map(|part| part.token.to_vec()).unwrap_or_default();
    Opening { annex: Some(annex.id()), official: desk.1.key.id(), token }
}

async fn open(b: &Lone, id: MessageId, desk_key: &Desk) -> Result<Vec<u8>, ActionError> {
    let stored = b.x().sealed_annex(&desk(), id, None)?;
    let opened = b.x().open_annex(&desk(), id, opening(&stored.sealed, desk_key)).await?;
    let part = stored.sealed.official_part(&desk_key.0).map_err(ActionError::fault)?;
    let released = (opened.encapsulated.as_slice(), opened.ciphertext.as_slice());
    let text = stored.sealed.open(&part, &desk_key.0, released, (id, opened.envelope));
    text.map(|text| text.to_vec()).map_err(ActionError::fault)
}

fn forbidden<T>(result: Result<T, ActionError>) -> String {
    match result {
        Err(ActionError::Forbidden(message)) => message,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

#[tokio::test]
async fn an_official_opens_it_and_the_log_says_so_before() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let annex = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let id = arrived(&a, &b, &annex).await;
    assert!(b.entries(Event::ContentAccessTracking).is_empty());
    assert_eq!(open(&b, id, &desk_key).await.expect("opens"), TEXT);
    let logged = b.entries(Event::ContentAccessTracking);
    let (position, entry) = &logged[0];
    assert_eq!(entry.document, Some(annex.reference().digest));
    assert_eq!(entry.key, Some(desk_key.1.key.id().to_string()));
    assert_eq!(entry.who, Some(b.x().handle("desk")));
    assert_eq!((entry.message, entry.by.as_ref()), (Some(id), Some(&b.x().me)));
    // The first opening is a receipt that goes to the sender; each is an entry.
    let waits: Vec<_> = b.x().outbox.all().into_iter().map(|item| item.row.event.clone()).collect();
    assert!(waits.contains(&"ContentAccessTracking".to_owned()), "{waits:?}");
    assert_eq!(open(&b, id, &desk_key).await.expect("opens again"), TEXT);
    assert_eq!(b.entries(Event::ContentAccessTracking).len(), 2);
    let receipts: Vec<_> = b.row(id).receipts.into_iter().map(|r| (r.event, r.index)).collect();
    assert_eq!(receipts.last(), Some(&("ContentAccessTracking".to_owned(), *position)));
    assert_eq!(receipts.len(), 2, "{receipts:?}");
    assert_eq!(b.found().await, Vec::<String>::new(), "log and rows agree");
    assert_eq!(a.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_is_no_named_official_gets_nothing_and_no_entry() {
    let (desk_key, other, stranger) = (official("desk-1"), official("desk-2"), official("desk-3"));
    let (a, mut b) = two(&desk_key).await;
    let now = b.x().now();
    b.name_officials(vec![desk_key.named(10, now), other.named(10, now)]);
    let annex = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let id = arrived(&a, &b, &annex).await;
    // Named in the card, and not in the annex; named nowhere; another authority's.
    for not_named in [&other, &stranger] {
        let told = forbidden(open(&b, id, not_named).await);
        assert!(told.contains("not sealed to"), "{told}");
    }
    // Named, without the private key: the node's part is not for whoever asks.
    for token in [vec![0; 32], annex.official_part(&desk_key.0).expect("its").token[..31].to_vec()]
    {
        let opening = Opening { annex: None, official: desk_key.1.key.id(), token };
        assert!(forbidden(b.x().open_annex(&desk(), id, opening).await).contains("private key"));
    }
    // The sender, who has the annex too.
    let its = a.x().open_annex(&desk(), id, opening(&annex, &desk_key)).await;
    assert_eq!(conflict(its), "NOT_RECEIVED");
    // An agency that may not see the message.
    let agency = Caller { name: "other".into(), roles: vec![Role::Read], all_cases: false };
    let unseen = b.x().open_annex(&agency, id, opening(&annex, &desk_key)).await;
    assert!(matches!(unseen, Err(ActionError::NotFound(_))));
    assert!(b.entries(Event::ContentAccessTracking).is_empty());
}

#[tokio::test]
async fn a_removed_or_expired_official_opens_nothing_any_more() {
    let desk_key = official("victims-desk");
    let (a, mut b) = two(&desk_key).await;
    let id = arrived(&a, &b, &sealed_to(&a, &b, &[desk_key.same()], &["P3"])).await;
    b.wait_days(11);
    assert_eq!(conflict(open(&b, id, &desk_key).await), "OFFICIAL_EXPIRED");
    b.name_officials(Vec::new());
    assert_eq!(conflict(open(&b, id, &desk_key).await), "OFFICIAL_REMOVED");
    assert!(b.entries(Event::ContentAccessTracking).is_empty());
    let now = b.x().now();
    b.name_officials(vec![desk_key.named(1, now)]);
    assert_eq!(open(&b, id, &desk_key).await.expect("named again"), TEXT);
}

#[tokio::test]
async fn what_is_not_the_sealed_annex_of_the_signed_header_is_refused() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let annex = || sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let (first, second) = (annex(), annex());
    let one = submit(&a, submission(&a, &b, std::slice::from_ref(&first))).await.expect("one");
    let swapped = deliver(&a, &b, one, |frame| frame.annexes = vec![second.bytes().clone()]).await;
    assert_eq!(swapped.as_deref(), Some(MISMATCH), "another annex");
    let changes: [fn(&mut pb::Deliver); 3] = [
        |frame| frame.annexes.clear(),
        |frame| frame.annexes.push(frame.annexes[0].clone()),
        |frame| {
            let mut altered = frame.annexes[0].to_vec();
            *altered.last_mut().expect("bytes") ^= 1;
            frame.annexes = vec![altered.into()];
        },
    ];
    for change in changes {
        let id = submit(&a, submission(&a, &b, &[annex()])).await.expect("submitted");
        assert_eq!(deliver(&a, &b, id, change).await.as_deref(), Some(MISMATCH));
        assert!(crate::exchange::rows::message(&b.x().store, id).expect("readable").is_none());
    }
}

#[tokio::test]
async fn an_annex_goes_with_one_message_and_is_for_its_recipient() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let annex = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    arrived(&a, &b, &annex).await;
    let again = submit(&a, submission(&a, &b, std::slice::from_ref(&annex))).await;
    assert!(again.expect_err("reused").contains("annexes[0]: has gone with a message"));
    let twice = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let twice = submit(&a, submission(&a, &b, &[twice.clone(), twice])).await;
    assert!(twice.expect_err("twice").contains("annexes[1]: has gone"));
    // A sender that does not care: the recipient does.
    let forget = {
        let id = annex.id();
        move |tx: &mut crate::store::Tx<'_>| {
            tx.delete(Table::Annexes, id.as_bytes());
            Ok::<_, ActionError>(())
        }
    };
    a.x().store.commit(forget).await.expect("committed");
    let copied = submit(&a, submission(&a, &b, std::slice::from_ref(&annex))).await.expect("sent");
    assert_eq!(deliver(&a, &b, copied, |_| ()).await.as_deref(), Some(REUSED));
    // One that another authority has sealed, or that is for another one.
    let backwards = sealed_to(&b, &a, &[desk_key.same()], &["P3"]);
    let wrong = submit(&a, submission(&a, &b, &[backwards])).await.expect_err("not its");
    assert!(wrong.contains("annexes[0]: is sealed from another authority"), "{wrong}");
}

#[tokio::test]
async fn an_annex_that_could_not_be_opened_is_not_sent() {
    let (desk_key, other) = (official("victims-desk"), official("victims-desk"));
    let (a, b) = two(&desk_key).await;
    let refused = async |annex: SealedAnnex| {
        submit(&a, submission(&a, &b, &[annex])).await.expect_err("refused")
    };
    let old = refused(sealed_to(&a, &b, &[other.same()], &["P3"])).await;
    assert!(old.contains("annexes[0].officials: names an official victims-desk whom"), "{old}");
    let stranger = refused(sealed_to(&a, &b, &[desk_key.same()], &["P3", "P9"])).await;
    assert!(stranger.contains("annexes[0].refs: names P9, who is no person"), "{stranger}");
    let draft = AnnexDraft {
        id: AnnexId::new(a.x().now(), random()),
        sender: a.x().me.clone(),
        recipient: b.x().me.clone(),
        refs: vec!["P3".into()],
        plaintext: Zeroizing::new(TEXT.to_vec()),
    };
    let elsewhere =
        seal_annex(&draft, &[desk_key.same()], std::slice::from_ref(&other.1.key)).expect("seals");
    let unfit = refused(elsewhere).await;
    assert!(unfit.contains("annexes[0]: is sealed to no key that the node"), "{unfit}");
    let many = vec![sealed_to(&a, &b, &[desk_key.same()], &["P3"]); 5];
    let many = submit(&a, submission(&a, &b, &many)).await.expect_err("too many");
    assert!(many.contains("annexes: must be 4 at most"), "{many}");
}

#[tokio::test]
async fn an_annex_is_erased_by_itself_and_proofs_stay() {
    let desk_key = official("victims-desk");
    let (a, mut b) = two(&desk_key).await;
    let annex = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let id = arrived(&a, &b, &annex).await;
    open(&b, id, &desk_key).await.expect("opens");
    let reason = |code: &str| Reason::parse(code).expect("a code");
    let waits = a.x().erase_annex(&operator(), id, None, reason("COURT_ORDER")).await;
    assert_eq!(conflict(waits), "STILL_QUEUED");
    b.x().set_hold(&operator(), id, None).await.expect("held");
    let held = b.x().erase_annex(&operator(), id, None, reason("COURT_ORDER")).await;
    assert_eq!(conflict(held), "ON_HOLD");
    b.x().release_hold(&operator(), id, None).await.expect("released");
    let erased = b.x().erase_annex(&operator(), id, None, reason("RETENTION_ENDED")).await;
    let erased = erased.expect("erased");
    let again = b.x().erase_annex(&operator(), id, Some(annex.id()), reason("OTHER")).await;
    assert_eq!(again.expect("answered"), ErasedAnnex { earlier: true, ..erased.clone() });
    for _ in 0..2 {
        assert_eq!(conflict(open(&b, id, &desk_key).await), "ERASED");
        let slot = BodySlot(b.row(id).annexes[0].slot);
        assert!(b.x().store.body(slot).expect("readable").is_none(), "its key is overwritten");
        assert!(b.view(id).body.is_some(), "the message is there");
        b.restart();
    }
    let logged = b.entries(Event::EraseAnnex);
    assert_eq!((logged.len(), logged[0].0), (1, erased.entry));
    assert_eq!(logged[0].1.document, Some(annex.reference().digest));
    let (_, receipts) = b.x().receipts(&desk(), id).expect("provable");
    assert_eq!(receipts.last().expect("one").event, "ContentAccessTracking");
    assert_eq!(b.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_message_takes_its_annexes_along_when_it_is_erased() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let id = arrived(&a, &b, &sealed_to(&a, &b, &[desk_key.same()], &["P3"])).await;
    b.becomes(id, DeliveryState::HandedOver).await;
    let reason = Reason::parse("COURT_ORDER").expect("a code");
    b.x().erase(&operator(), id, reason).await.expect("erased");
    let slot = BodySlot(b.row(id).annexes[0].slot);
    assert!(b.x().store.body(slot).expect("readable").is_none());
    assert_eq!(conflict(open(&b, id, &desk_key).await), "ERASED");
}

#[tokio::test]
async fn nothing_of_an_annex_stands_in_a_row() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let annex = sealed_to(&a, &b, &[desk_key.same()], &["P3"]);
    let id = arrived(&a, &b, &annex).await;
    for lone in [&a, &b] {
        let row = encoded(&lone.row(id));
        for kept in [&annex.bytes()[annex.bytes().len() - 64..], b"victims-desk"] {
            assert!(!row.windows(kept.len()).any(|window| window == kept));
        }
        assert_eq!(lone.row(id).annexes[0].sealed_bytes as usize, annex.bytes().len());
        let read = lone.x().read(&desk(), id).await.map_err(|e| e.to_string()).expect("read");
        assert_eq!(read.row.annexes[0].officials, ["victims-desk"], "who reads is told for whom");
    }
}

#[tokio::test]
async fn a_child_raises_the_handling_and_reading_is_logged_by_the_minute() {
    let desk_key = official("victims-desk");
    let (a, b) = two(&desk_key).await;
    let id = arrived(&a, &b, &sealed_to(&a, &b, &[desk_key.same()], &["P4"])).await;
    for lone in [&a, &b] {
        assert_eq!(lone.row(id).handling, pb::Handling::ProtectedChild as i32);
    }
    for _ in 0..2 {
        for _ in 0..2 {
            b.x().read(&desk(), id).await.map_err(|e| e.to_string()).expect("read");
        }
        b.wait_ms(60_000);
    }
    assert_eq!(b.entries(Event::AccessFetched).len(), 2, "once a minute, and not once a day");
    // What is about the request is handled alike.
    let answer = Submission { in_reply_to: Some(id), ..b.submission(&a, &[]) };
    let note = crate::domain::request::Note {
        text: "Received.".into(),
        language: "en".into(),
        ..Default::default()
    };
    let content = Content::note(MessageKind::CaseAcknowledgement, note);
    let answer = submit(&b, Submission { content, ..answer }).await.expect("answered");
    assert_eq!(b.row(answer).handling, pb::Handling::ProtectedChild as i32);
}

#[path = "roles_tests.rs"]
mod roles;
