//! Erasure that is real: what was erased opens with no key that is left, and everything that proves
//! what happened stays. Holds, and the entries about who was given what.

use std::process::Command;

use crate::support::process::ROGATORY;
use crate::support::walker::Walked;
use crate::support::*;
use rogatory::audit::entry::{Entry, Event};
use rogatory::pb::v1 as pb;

use pb::audit_service_client::AuditServiceClient;

const SAID: &str = "the child was seen at the ferry";
const REFERENCE: &str = "file on the ferry, volume 2";

struct Done {
    code: i32,
    data: String,
    talk: String,
}

/// Runs the program; the nodes go on meanwhile.
async fn rogatory(line: &str) -> Done {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let run = move || Command::new(ROGATORY).args(&args).output().expect("it runs");
    let done = tokio::task::spawn_blocking(run).await.expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let code = done.status.code().expect("no signal");
    Done { code, data: text(done.stdout), talk: text(done.stderr) }
}

/// The entries of a node's log, as auditors get them.
async fn entries(node: &Node, event: Event) -> Vec<Entry> {
    let local = rogatory::node::Local::connect(&node.home, None).await.expect("it runs");
    let mut audit = AuditServiceClient::new(local.channel());
    let request = pb::ListEntriesRequest { page_size: 1000, ..Default::default() };
    let listed = audit.list_entries(request).await.expect("listed").into_inner().entries;
    let parsed = listed.iter().map(|entry| Entry::parse(entry).expect("parses"));
    parsed.filter(|entry| entry.event == event).collect()
}

async fn get(agency: &mut Agency, name: &str) -> pb::Message {
    let request = pb::GetMessageRequest { name: name.into() };
    agency.get_message(request).await.expect("readable").into_inner()
}

fn vault(node: &Node) -> usize {
    std::fs::read_dir(node.home.join("data/vault/packages")).expect("there").count()
}

/// Two nodes, and a message with evidence that went from one to the other and was confirmed.
struct Case {
    _dir: tempfile::TempDir,
    a: Node,
    b: Node,
    sender: Agency,
    receiver: Agency,
    sent: pb::Message,
    package: pb::Package,
    key: Vec<u8>,
}

async fn case() -> Case {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);
    let package = upload(&mut sender, vec![("ferry.csv", vec![7; 300_000])]).await;
    // Until a message carries it, the key is one of the bodies, and the only one so small.
    let walked = Walked::of(&a.home);
    let keys: Vec<_> = walked.bodies.iter().filter(|body| body.len() == 32).collect();
    assert_eq!(keys.len(), 1);
    let key = keys[0].clone();
    let request = pb::SubmitMessageRequest {
        content: Some(note(pb::MessageKind::SpontaneousInformation, SAID)),
        packages: vec![package.name.clone()],
        reference: REFERENCE.into(),
        ..submission(&b)
    };
    let sent = sender.submit_message(request).await.expect("submitted").into_inner();
    let got = next_in_inbox(&mut receiver, 0).await;
    assert_eq!((got.reference.as_str(), &got.message_id), (REFERENCE, &sent.message_id));
    download(&mut receiver, &got.name, &package.name, 0).await.expect("opens");
    let confirm =
        pb::ConfirmHandoverRequest { name: got.name.clone(), envelope_digest: got.envelope_digest };
    receiver.confirm_handover(confirm).await.expect("confirmed");
    reaches(&mut sender, &sent.name, pb::DeliveryState::HandedOver).await;
    Case { _dir: dir, a, b, sender, receiver, sent, package, key }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_erased_opens_with_the_key_of_the_home() {
    let mut case = case().await;
    let id = &case.sent.message_id;
    let secrets = [case.key.as_slice(), SAID.as_bytes(), REFERENCE.as_bytes()];
    for node in [&case.a, &case.b] {
        let before = Walked::of(&node.home);
        assert!(secrets.iter().all(|secret| before.finds(secret)), "the walker sees what is there");
        assert!(!before.bodies.contains(&case.key), "only in the message by now");
        assert_eq!(vault(node), 1);
        let home = node.home.display();
        let done =
            rogatory(&format!("erase --home {home} --message {id} --reason COURT_ORDER")).await;
        assert_eq!(done.code, 0, "{}", done.talk);
        assert!(done.data.contains("COURT_ORDER"), "{}", done.data);
        assert!(done.talk.contains("data/slots") && done.talk.contains("other authority"));
        let after = Walked::of(&node.home);
        for secret in secrets {
            assert!(!after.finds(secret), "{:?} is still there", String::from_utf8_lossy(secret));
        }
        assert_eq!(after.closed, before.closed + 2, "the envelope, and what lists show of it");
        let again =
            rogatory(&format!("erase --home {home} --message {id} --reason WITHDRAWN")).await;
        assert!(again.code == 0 && again.talk.contains("nothing was changed"), "{}", again.talk);
        assert!(again.data.contains("COURT_ORDER"), "{}", again.data);
    }
    // The bytes of the evidence follow, and at the latest at the next starts.
    for node in [&mut case.a, &mut case.b] {
        node.stop().await;
        node.start().await;
        let gone = async {
            while vault(node) > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, gone).await.expect("the evidence leaves the vault");
        assert!(!Walked::of(&node.home).finds(&case.key));
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_says_so_and_still_proves_everything() {
    let Case { _dir, mut a, mut b, mut sender, mut receiver, sent, package, .. } = case().await;
    let (id, home) = (&sent.message_id, b.home.display().to_string());
    let done =
        rogatory(&format!("erase --home {home} --message {id} --reason DATA_SUBJECT_REQUEST"))
            .await;
    assert_eq!(done.code, 0, "{}", done.talk);

    let left = get(&mut receiver, &sent.name).await;
    let erasure = left.erasure.as_ref().expect("it says so");
    assert_eq!(erasure.reason, "DATA_SUBJECT_REQUEST");
    assert!(left.content.is_none() && left.reference.is_empty() && left.case_id.is_empty());
    assert_eq!(left.state(), pb::DeliveryState::HandedOver);
    assert_eq!(left.envelope_digest, sent.envelope_digest);
    let gone = download(&mut receiver, &sent.name, &package.name, 0).await.expect_err("erased");
    assert_eq!(gone.code(), tonic::Code::FailedPrecondition);
    assert!(gone.message().contains("DATA_SUBJECT_REQUEST"), "{}", gone.message());
    let list = pb::ListExhibitsRequest {
        parent: sent.name.clone(),
        package: package.name.clone(),
        ..pb::ListExhibitsRequest::default()
    };
    assert!(receiver.list_exhibits(list).await.is_err());

    // The command line says it too.
    let profile = b.home.join("desk.toml").display().to_string();
    let shown = rogatory(&format!("show {id} --profile {profile}")).await;
    assert_eq!(shown.code, 1);
    assert!(shown.data.contains("(DATA_SUBJECT_REQUEST)"), "{}", shown.data);
    assert!(shown.talk.contains("was erased at"), "{}", shown.talk);
    let out = b.home.join("fetched").display().to_string();
    let fetched = rogatory(&format!("fetch {id} --out {out} --profile {profile}")).await;
    assert!(fetched.code == 1 && fetched.talk.contains("was erased at"), "{}", fetched.talk);
    assert!(!b.home.join("fetched").exists(), "nothing is made for it");
    let receipts = rogatory(&format!("receipt show {id} --profile {profile}")).await;
    assert_eq!(receipts.code, 0, "{}", receipts.talk);
    assert!(receipts.data.contains("ContentHandover"), "{}", receipts.data);

    // The other side has all of it, and both logs verify.
    assert!(get(&mut sender, &sent.name).await.content.is_some());
    for node in [&a, &b] {
        let home = node.home.display();
        let export = rogatory(&format!("audit export --home {home} --out {home}/export")).await;
        assert_eq!(export.code, 0, "{}", export.talk);
        let verify = format!("audit verify {home}/export --card {home}/card.txt");
        let verified = rogatory(&verify).await;
        assert_eq!(verified.code, 0, "{}", verified.talk);
        let exported = entries(node, Event::AccessExported).await;
        assert_eq!(exported.len(), 1);
        assert!(exported[0].who.is_some());
    }
    let logged = entries(&b, Event::EraseBody).await;
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].message.map(|id| id.to_string()).as_deref(), Some(id.as_str()));
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_stronger_than_an_operator_who_erases() {
    let Case { _dir, mut a, mut b, mut sender, sent, .. } = case().await;
    let (id, home) = (&sent.message_id, a.home.display().to_string());
    let at = async |line: &str| rogatory(&format!("{line} --home {home}")).await;
    let set = at(&format!("hold set --message {id} --reason PROCEEDINGS")).await;
    assert_eq!(set.code, 0, "{}", set.talk);
    let listed = at("hold list").await;
    assert!(listed.data.contains(id) && listed.data.contains("PROCEEDINGS"), "{}", listed.data);
    let refused = at(&format!("erase --message {id} --reason RETENTION_ENDED")).await;
    assert_eq!(refused.code, 1);
    assert!(refused.talk.contains("(ON_HOLD)"), "{}", refused.talk);
    assert!(get(&mut sender, &sent.name).await.content.is_some());
    let released = at(&format!("hold release --message {id}")).await;
    assert_eq!(released.code, 0, "{}", released.talk);
    let erased = at(&format!("erase --message {id} --reason RETENTION_ENDED")).await;
    assert_eq!(erased.code, 0, "{}", erased.talk);
    let held = at(&format!("hold set --message {id}")).await;
    assert!(held.code == 1 && held.talk.contains("(ERASED)"), "{}", held.talk);
    // What still waits is not erased either.
    b.stop().await;
    let waiting = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let refused = at(&format!("erase --message {} --reason WITHDRAWN", waiting.message_id)).await;
    assert!(refused.code == 1 && refused.talk.contains("(STILL_QUEUED)"), "{}", refused.talk);
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_was_given_what_and_what_was_refused() {
    let Case { _dir, mut a, mut b, mut sender, mut receiver, sent, package, .. } = case().await;
    for _ in 0..3 {
        get(&mut receiver, &sent.name).await;
        download(&mut receiver, &sent.name, &package.name, 0).await.expect("opens");
    }
    let fetched = entries(&b, Event::AccessFetched).await;
    let of = |package: Option<&str>| {
        let id = |entry: &Entry| entry.package.map(|id| id.to_string());
        fetched.iter().filter(|entry| id(entry).as_deref() == package).count()
    };
    // Around midnight a day has two.
    assert!((1..=2).contains(&of(None)), "{fetched:?}");
    assert!((1..=2).contains(&of(Some(&package.package_id))), "{fetched:?}");

    let bad = pb::SubmitMessageRequest { reference: "x".repeat(201), ..submission(&b) };
    let mut places = Vec::new();
    for _ in 0..2 {
        use tonic_types::StatusExt as _;
        let refused = sender.submit_message(bad.clone()).await.expect_err("too long");
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        let details = refused.get_error_details();
        let info = details.error_info().expect("a reason").clone();
        assert_eq!(info.metadata["event"], "SubmissionRejection");
        places.push(info.metadata["log_index"].clone());
    }
    assert_eq!(places[0], places[1], "the same refusal");
    let logged = entries(&a, Event::SubmissionRejection).await;
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].code.as_deref(), Some("FORM_INVALID"));
    a.stop().await;
    b.stop().await;
}
