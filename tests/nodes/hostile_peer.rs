//! What a peer with valid credentials may not do, each with the reason that it is told. Refusals of
//! messages are signed and logged, once however often the same bytes come.

use crate::support::hostile::{Hostile, at, receipt_of, refusal_of};
use crate::support::*;
use rogatory::audit::entry::{EntryDraft, Event};
use rogatory::domain::{AuthorityId, MessageId};
use rogatory::pb::v1 as pb;

use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

async fn hostile_and_victim(root: &std::path::Path) -> (Hostile, Node) {
    let (a, mut b) = pair(root).await;
    b.start().await;
    let hostile = Hostile::new(&a, &b).await;
    (hostile, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_message_is_accepted_once_however_often_it_comes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let signed = peer.signed(peer.draft());
    let (id, bytes) = (signed.header().message, signed.bytes().clone());
    let payload = signed.header().plaintext_commitment;
    let first = peer.deliver_logged(id, bytes.clone(), payload).await;
    let first = receipt_of(&first);
    assert_eq!(first.facts().entry.event, Event::RelayAcceptance);
    // Again, on the same stream and under another entry of the sender's log.
    let again = peer.deliver_logged(id, bytes, payload).await;
    assert_eq!(receipt_of(&again).facts().index, first.facts().index, "the same receipt");
    // The same id with other content is a conflict.
    let other = rogatory::envelope::Draft { message: id, ..peer.draft() };
    assert_eq!(refusal_of(&peer.deliver_draft(other).await), "MESSAGE_ID_CONFLICT");
    let mut desk = b.desk().await;
    let list = desk.list_messages(pb::ListMessagesRequest::default()).await.expect("listed");
    assert_eq!(list.into_inner().messages.len(), 1);
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_break_a_rule_are_refused_by_its_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let other = AuthorityId::parse("xz.moj").expect("valid");
    let cases = [
        ("WRONG_RECIPIENT", rogatory::envelope::Draft { recipient: other.clone(), ..peer.draft() }),
        ("WRONG_SENDER", rogatory::envelope::Draft { sender: other, ..peer.draft() }),
        (
            "MESSAGE_EXPIRED",
            rogatory::envelope::Draft {
                created: at(-7_200_000),
                expires: at(-3_600_000),
                ..peer.draft()
            },
        ),
        (
            "MESSAGE_FROM_THE_FUTURE",
            rogatory::envelope::Draft {
                created: at(3_600_000),
                expires: at(7_200_000),
                ..peer.draft()
            },
        ),
    ];
    for (code, draft) in cases {
        assert_eq!(refusal_of(&peer.deliver_draft(draft).await), code);
    }
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_messages_are_refused_and_logged_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let signed = peer.signed(peer.draft());
    let (id, payload) = (signed.header().message, signed.header().plaintext_commitment);
    let mut altered = signed.bytes().to_vec();
    *altered.last_mut().expect("not empty") ^= 1;
    let altered = bytes::Bytes::from(altered);
    // Logged as it was signed, delivered altered: the log proof does not fit.
    let index = peer.log_submission(id, signed.bytes(), payload).await;
    peer.show().await;
    let refused = peer.deliver(altered.clone(), index).await;
    assert_eq!(refusal_of(&refused), "BAD_LOG_PROOF");
    // Logged and delivered altered: the signature does not.
    let mut ciphertext = signed.bytes().to_vec();
    let middle = ciphertext.len() / 2;
    ciphertext[middle] ^= 1;
    let ciphertext = bytes::Bytes::from(ciphertext);
    let first = peer.deliver_logged(id, ciphertext.clone(), payload).await;
    assert_eq!(refusal_of(&first), "BAD_SIGNATURE");
    let again = peer.deliver_logged(id, ciphertext, payload).await;
    assert_eq!(receipt_of(&again).facts().index, receipt_of(&first).facts().index, "one entry");
    // No message at all.
    let junk = bytes::Bytes::from_static(b"\xff\xff\xff");
    let refused = peer.deliver_logged(id, junk, payload).await;
    assert_eq!(refusal_of(&refused), "MALFORMED_ENVELOPE");
    // Too large a one.
    let huge = bytes::Bytes::from(vec![0; 700 << 10]);
    let refused = peer.deliver_logged(id, huge, payload).await;
    assert_eq!(refusal_of(&refused), "MESSAGE_TOO_LARGE");
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_begin_wrongly_are_ended_with_the_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    let hello = peer.hello();
    for (code, first) in [
        ("UNEXPECTED_FRAME", Ask::Ping(pb::Ping {})),
        ("NO_COMMON_VERSION", Ask::Hello(pb::Hello { versions: vec![9], ..hello.clone() })),
        ("WRONG_RECIPIENT", Ask::Hello(pb::Hello { recipient: "xz.moj".into(), ..hello.clone() })),
        (
            "BAD_CHECKPOINT",
            Ask::Hello(pb::Hello {
                held_checkpoint: peer.node.store.head().note.clone(),
                ..hello.clone()
            }),
        ),
    ] {
        match peer.open(first).await.expect("answered") {
            Answer::Refused(refusal) => assert_eq!(refusal.code, code),
            other => panic!("{code}: {other:?}"),
        }
    }
    peer.open(Ask::Hello(hello)).await.expect("answered");
    let deliver = Ask::Deliver(pb::Deliver::default());
    match peer.ask(deliver).await.expect("answered") {
        Answer::Refused(refusal) => assert_eq!(refusal.code, "NO_CHECKPOINT"),
        other => panic!("{other:?}"),
    }
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_extend_what_was_shown_is_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    peer.log(EntryDraft::new(Event::NodeStarted).software("hostile")).await;
    let honest = peer.update();
    let mut bad_proof = honest.clone();
    bad_proof.consistency = vec![vec![7; 32].into(); 3];
    let mut forged = honest.clone();
    forged.checkpoint = forged.checkpoint.replace("xa.oag/log", "xa.oag/lag");
    let mut wrong_start = honest.clone();
    wrong_start.from_size = 1;
    for (code, update) in
        [("LOG_INCONSISTENT", bad_proof), ("UNKNOWN_LOG", forged), ("CHECKPOINT_BASE", wrong_start)]
    {
        match peer.ask(Ask::Checkpoint(update)).await.expect("answered") {
            Answer::Refused(refusal) => assert_eq!(refusal.code, code),
            other => panic!("{code}: {other:?}"),
        }
        let answer = peer.open(Ask::Hello(peer.hello())).await.expect("a new stream");
        assert!(matches!(answer, Answer::Hello(_)));
    }
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pasts_on_two_streams_never_both_get_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let size = peer.node.store.head().checkpoint.size;
    peer.log(EntryDraft::new(Event::NodeStarted).software("hostile")).await;
    peer.show().await;
    // A sound proof, but from what an earlier stream has left behind.
    peer.open(Ask::Hello(peer.hello())).await.expect("a second stream");
    let other_past = Ask::Checkpoint(peer.fork(size, size + 2));
    assert_eq!(refused(peer.ask(other_past).await), "CHECKPOINT_BASE");
    peer.open(Ask::Hello(peer.hello())).await.expect("a third stream");
    peer.equivocates(size, size + 1).await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_messages_costs_few_entries() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let mut refusals = 0;
    loop {
        let id = MessageId::new(at(0), rogatory::crypto::random());
        let junk = bytes::Bytes::from(id.as_bytes().to_vec());
        match peer.deliver_logged(id, junk, [0; 32]).await {
            pb::deliver_reply::Outcome::Receipt(_) => refusals += 1,
            pb::deliver_reply::Outcome::Retry(retry) => {
                assert_eq!(retry.code, "TOO_MANY_REFUSALS");
                break;
            }
        }
        assert!(refusals < 100, "the flood has no end");
    }
    let good = peer.draft();
    let receipt = receipt_of(&peer.deliver_draft(good).await);
    assert_eq!(receipt.facts().entry.event, Event::RelayAcceptance, "what is good gets in");
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_conflicts_costs_few_entries() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    peer.greet().await;
    let taken = peer.draft();
    let message = taken.message;
    receipt_of(&peer.deliver_draft(taken).await);
    let mut refused = Vec::new();
    loop {
        let signed = peer.signed(rogatory::envelope::Draft { message, ..peer.draft() });
        let payload = signed.header().plaintext_commitment;
        let bytes = signed.bytes().clone();
        match peer.deliver_logged(message, bytes.clone(), payload).await {
            pb::deliver_reply::Outcome::Retry(retry) => {
                assert_eq!(retry.code, "TOO_MANY_REFUSALS");
                break;
            }
            receipt => assert_eq!(refusal_of(&receipt), "MESSAGE_ID_CONFLICT"),
        }
        refused.push((bytes, payload));
        assert!(refused.len() < 100, "the flood has no end");
    }
    assert!(refused.len() >= 64, "as many as of other refusals: {}", refused.len());
    // What was refused already has its receipt still, and what is good gets in.
    let (bytes, payload) = refused.swap_remove(0);
    let again = peer.deliver_logged(message, bytes, payload).await;
    assert_eq!(refusal_of(&again), "MESSAGE_ID_CONFLICT");
    let good = peer.draft();
    let receipt = receipt_of(&peer.deliver_draft(good).await);
    assert_eq!(receipt.facts().entry.event, Event::RelayAcceptance);
    b.stop().await;
}

fn refused(answer: Result<Answer, rogatory::exchange::courier::Trouble>) -> String {
    match answer.expect("answered") {
        Answer::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_prove_nothing_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    let mut desk = b.desk().await;
    let mut request = submission(&b);
    request.recipient = peer.me().to_string();
    request.content = Some(note(pb::MessageKind::SpontaneousInformation, "Two vessels sail."));
    let one = desk.submit_message(request.clone()).await.expect("submitted").into_inner();
    request.request_id = request_id();
    let two = desk.submit_message(request).await.expect("submitted").into_inner();
    let digest = |message: &pb::Message| {
        let bytes = hex::decode(&message.envelope_digest).expect("hex");
        <[u8; 32]>::try_from(bytes.as_slice()).expect("32 bytes")
    };
    let accepted = |id: MessageId, envelope: [u8; 32], by: &AuthorityId| {
        EntryDraft::new(Event::RelayAcceptance)
            .by(by.clone())
            .peer(b.authority().clone())
            .message(id)
            .envelope(envelope)
            .remote(rogatory::audit::entry::Coordinates {
                origin: format!("{}/log/2026", b.authority()),
                index: 0,
                size: 1,
                root: [0; 32],
            })
    };
    let id = |message: &pb::Message| MessageId::parse(&message.message_id).expect("an id");
    let me = peer.me().clone();
    let good = peer.log(accepted(id(&one), digest(&one), &me)).await;
    let mixed = peer.log(accepted(id(&one), digest(&two), &me)).await;
    let unknown_id = MessageId::new(at(0), [9; 10]);
    let unknown = peer.log(accepted(unknown_id, digest(&one), &me)).await;
    peer.greet().await;
    let altered = peer.receipt(good).replacen("index ", "index 1", 1);
    for (code, text) in [
        ("BAD_RECEIPT", altered),
        ("BAD_RECEIPT", "no receipt".to_owned()),
        ("BAD_RECEIPT", peer.receipt(mixed)),
        ("UNKNOWN_MESSAGE", peer.receipt(unknown)),
    ] {
        match peer.deliver_receipt(text).await {
            Answer::Refused(refusal) => assert_eq!(refusal.code, code, "{refusal:?}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    let waiting = pb::GetMessageRequest { name: one.name.clone() };
    let waiting = desk.get_message(waiting).await.expect("readable").into_inner();
    assert_eq!(waiting.state(), pb::DeliveryState::Queued, "none of it counted");
    let text = peer.receipt(good);
    let answer = peer.deliver_receipt(text).await;
    assert!(matches!(answer, Answer::Receipt(_)), "{answer:?}");
    reaches(&mut desk, &one.name, pb::DeliveryState::Relayed).await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_removed_peers_do_not_get_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut peer, mut b) = hostile_and_victim(dir.path()).await;
    // A stranger that knows B, but whom B does not know.
    let stranger = Node::new(dir.path(), "xs.moj").await;
    stranger.trust(&b).await;
    let mut stranger = Hostile::new(&stranger, &b).await;
    let refused = stranger.open(Ask::Hello(stranger.hello())).await;
    assert!(refused.is_err(), "{refused:?}");
    // A peer that is removed while its stream is open.
    peer.greet().await;
    let remove = pb::RemovePeerRequest { authority: peer.me().to_string() };
    b.operator().await.remove_peer(remove).await.expect("removed");
    let ended = async { while peer.ask(Ask::Ping(pb::Ping {})).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, ended).await.expect("its stream ends");
    assert!(peer.open(Ask::Hello(peer.hello())).await.is_err(), "and it does not come back");
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_certificate_of_another_authority_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    let mut c = Node::new(dir.path(), "xc.moj").await;
    a.trust(&c).await;
    c.trust(&a).await;
    // C answers where B's card says that B is.
    c.take_place_of(&mut b);
    c.start().await;
    a.start().await;
    let mut operator = a.operator().await;
    let trouble = async {
        loop {
            let status = operator.get_status(pb::GetStatusRequest {}).await.expect("answered");
            let peers = status.into_inner().peers;
            let of_b = peers.into_iter().find(|peer| peer.authority == "xb.pps").expect("a peer");
            if !of_b.trouble.is_empty() {
                return of_b.trouble;
            }
            tokio::task::yield_now().await;
        }
    };
    let trouble = tokio::time::timeout(DEADLINE, trouble).await.expect("it is told");
    assert!(trouble.contains("the certificate is that of xc.moj, not of xb.pps"), "{trouble}");
    a.stop().await;
    c.stop().await;
}

/// A card travels by whoever holds the stream: an older one has keys that were retired.
#[tokio::test(flavor = "multi_thread")]
async fn no_stream_brings_an_older_card_back_or_makes_a_peer_something_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    let older = a.card.clone();
    b.start().await;
    let newer = a.claims_name("Another name");
    let card = newer.text().to_owned();
    let added = pb::AddPeerRequest { card, fingerprint: String::new() };
    b.operator().await.add_peer(added).await.expect("a newer card of a known peer");
    let organisation = a.claims(rogatory::domain::AuthorityKind::InternationalOrganisation);
    let organisation = rogatory::card::CardBody { version: 7, ..organisation.body().clone() };
    let organisation = a.sign_card(&organisation);
    let mut peer = Hostile::new(&a, &b).await;
    peer.greet().await;
    let garbage = "no card".to_owned();
    let of_the_victim = b.card.text().to_owned();
    for (card, code) in [
        (older.text().to_owned(), "CARD_OLD"),
        (organisation.text().to_owned(), "CARD_KIND_CHANGED"),
        (of_the_victim, "BAD_CARD"),
        (garbage, "BAD_CARD"),
        ("x".repeat(200_000), "BAD_CARD"),
    ] {
        let answer = peer.ask(Ask::Card(pb::CardUpdate { card })).await.expect("answered");
        let Answer::Card(reply) = answer else { panic!("{answer:?}") };
        assert_eq!(reply.refused.map(|refused| refused.code).unwrap_or_default(), code);
        assert_eq!(reply.version, newer.version());
    }
    // The stream goes on, and nothing was logged.
    peer.show().await;
    let updated = events(&b).await.into_iter().filter(|event| *event == Event::PeerUpdated);
    assert_eq!(updated.count(), 1, "the one by the operator");
    b.stop().await;
}
