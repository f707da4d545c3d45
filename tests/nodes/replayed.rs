//! What an auditor computes from exports against what the nodes say of themselves: replayed state,
//! disclosures, two logs.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::support::checked::{auditor, check, traffic};
use crate::support::*;
use prost::Message as _;
use rogatory::audit::Checkpoint;
use rogatory::audit::disclosure::Record;
use rogatory::audit::entry::{Entry, Event};
use rogatory::audit::merkle::leaf_hash;
use rogatory::audit::reconcile::{Class, Log, Options, reconcile};
use rogatory::audit::replay::{Finding, State};
use rogatory::audit::verify::{Before, Trust, verify_export_with};
use rogatory::card::Card;
use rogatory::client::Profile;
use rogatory::domain::MessageId;
use rogatory::pb::v1 as pb;

use pb::audit_service_client::AuditServiceClient;

type Export = BTreeMap<String, Vec<u8>>;

async fn export(node: &Node, without_receipts: bool) -> Export {
    let (mut client, _local) = auditor(node).await;
    let request = pb::ExportLogRequest { without_receipts, ..pb::ExportLogRequest::default() };
    let mut parts = client.export_log(request).await.expect("exports").into_inner();
    let mut export = Export::new();
    while let Some(part) = parts.message().await.expect("goes on") {
        export.entry(part.path).or_default().extend_from_slice(&part.data);
    }
    export
}

/// How many entries an export has by its checkpoint.
fn exported_size(export: &Export) -> u64 {
    let checkpoint = std::str::from_utf8(&export["checkpoint"]).expect("text");
    Checkpoint::parse_unverified(checkpoint).expect("a checkpoint").size
}

/// Verifies an export with a card, and replays it.
fn replayed(export: &Export, card: &Card) -> (State, Vec<Finding>, Vec<Entry>) {
    let list: Vec<String> = export.keys().cloned().collect();
    let mut read = |path: &str| Ok::<_, Infallible>(export.get(path).cloned());
    let trust = Trust {
        origin: card.log_origin().to_owned(),
        keys: card.log_keys().to_vec(),
        authority: card.authority().clone(),
        policy: None,
        before: Before::None,
    };
    let mut state = State::new(card.authority().clone());
    let (mut found, mut entries) = (Vec::new(), Vec::new());
    let mut each = |index: u64, entry: &Entry| {
        found.extend(state.apply(index, entry));
        entries.push(entry.clone());
    };
    verify_export_with(&mut read, &list, &trust, &mut each, &mut |_, _| {}).expect("verifies");
    (state, found, entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_leads_to_what_the_node_says_of_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b, sent) = traffic(dir.path()).await;
    let mut exported = Vec::new();
    for node in [&a, &b] {
        // An export is an entry of the log itself; looked at again where another came in between.
        let (export, status, checked) = loop {
            let export = export(node, false).await;
            let status = node.operator().await.get_status(pb::GetStatusRequest {}).await;
            let status = status.expect("status").into_inner();
            let checked = check(node).await;
            let sizes = [checked.report.size, exported_size(&export)];
            if sizes == [status.log_size; 2] {
                break (export, status, checked);
            }
        };
        let (state, found, entries) = replayed(&export, &node.card);
        assert_eq!(found, []);
        let shown = status.replayed.expect("a short log is replayed at once");
        assert_eq!((shown.size, shown.errors, shown.notices), (state.entries(), 0, 0));
        assert_eq!((shown.size, &shown.root), (status.log_size, &status.log_root));
        assert_eq!(shown.state_digest, hex::encode(state.digest()), "{}", node.authority());
        assert_eq!(checked.divergences, []);
        assert_eq!(checked.report.state_digest, shown.state_digest);
        assert_eq!(checked.report.messages, state.message_count() as u64);
        exported.push((state, entries));
    }
    let id = MessageId::parse(&sent.message_id).expect("an id");
    let states = exported.iter().map(|(state, _)| state.message(&id).expect("known").state);
    let handed_over = rogatory::domain::delivery::DeliveryState::HandedOver;
    assert!(states.clone().all(|state| state == handed_over), "{:?}", states.collect::<Vec<_>>());
    agree(&a, &exported[0].1, &b, &exported[1].1);

    let without = export(&a, true).await;
    assert!(!without.keys().any(|path| path.starts_with("receipts/")));
    let (state, found, _) = replayed(&without, &a.card);
    // The first export is an entry, and this one.
    assert_eq!(found, []);
    assert!(state.entries() > exported[0].0.entries());
    a.stop().await;
    b.stop().await;
}

/// Holds the two logs against each other.
fn agree(a: &Node, entries_a: &[Entry], b: &Node, entries_b: &[Entry]) {
    let hash =
        |(index, entry): (u64, &Entry)| Ok::<_, Infallible>((index, leaf_hash(&entry.encode())));
    let mut items = Vec::new();
    let summary = reconcile(
        &Log {
            from_first: true,
            authority: a.authority(),
            origins: &[a.card.log_origin().to_owned()],
            entries: &|| Box::new((0..).zip(entries_a.iter().cloned()).map(Ok)),
            leaves: &|| Box::new((0..).zip(entries_a).map(hash)),
        },
        &Log {
            from_first: true,
            authority: b.authority(),
            origins: &[b.card.log_origin().to_owned()],
            entries: &|| Box::new((0..).zip(entries_b.iter().cloned()).map(Ok)),
            leaves: &|| Box::new((0..).zip(entries_b).map(hash)),
        },
        &Options::default(),
        &mut |item| items.push(item),
    )
    .expect("two logs");
    assert!(!summary.is_wrong(), "{items:?}");
    let classes: Vec<Class> = items.iter().map(|item| item.class).collect();
    assert_eq!(classes, [Class::NotRelayed], "what was withdrawn: {items:?}");
    assert_eq!(summary.counts[&Class::Matched], 2);
}

/// An export of the whole log names no message.
fn is_disclosure(entry: &Entry) -> bool {
    entry.event == Event::AccessExported && entry.message.is_some()
}

async fn auditing_agency(node: &Node, name: &str, roles: &[&str], all_cases: bool) -> Auditor {
    node.agency(name, roles, all_cases).await;
    let profile = Profile::read(&node.home.join(format!("{name}.toml"))).expect("a profile");
    AuditServiceClient::new(profile.connect().await.expect("connects"))
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_are_disclosed_to_whoever_audits_and_reads_and_to_nobody_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b, sent) = traffic(dir.path()).await;
    let request = || pb::DiscloseMessageRequest { name: sent.name.clone() };
    for (name, roles, all_cases, code) in [
        ("audits", ["audit"].as_slice(), true, tonic::Code::PermissionDenied),
        ("reads", &["read"], true, tonic::Code::PermissionDenied),
        ("elsewhere", &["audit", "read"], false, tonic::Code::NotFound),
    ] {
        let mut agency = auditing_agency(&a, name, roles, all_cases).await;
        let refused = agency.disclose_message(request()).await.expect_err(name);
        assert_eq!(refused.code(), code, "{name}: {refused}");
    }
    let (mut operator, _local) = auditor(&a).await;
    let refused = operator.disclose_message(request()).await.expect_err("operates");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let before = replayed(&export(&a, false).await, &a.card).2;
    assert!(!before.iter().any(is_disclosure));

    let mut both = auditing_agency(&a, "both", &["audit", "read"], true).await;
    let disclosed = both.disclose_message(request()).await.expect("disclosed").into_inner();
    let (state, found, entries) = replayed(&export(&a, false).await, &a.card);
    assert_eq!(found, []);
    let logged = entries.iter().find(|entry| is_disclosure(entry));
    let logged = logged.expect("it is in the log");
    assert_eq!(logged.message.map(|id| id.to_string()), Some(sent.message_id.clone()));
    assert!(logged.who.is_some());

    let mut envelope_digest = [0; 32];
    hex::decode_to_slice(&disclosed.envelope_digest, &mut envelope_digest).expect("hex");
    let record = Record {
        message_id: MessageId::parse(&disclosed.message_id).expect("an id"),
        case_id: disclosed.case_id.clone(),
        envelope_digest,
        salt: disclosed.salt.as_ref().try_into().expect("32 bytes"),
        body: disclosed.body.to_vec(),
        request_unknown: disclosed.request_unknown,
        in_reply_to: MessageId::parse(&disclosed.in_reply_to).ok(),
    };
    assert_eq!(record.case_id, sent.case_id);
    let entry = record.prove(&state).expect("proved");
    assert_eq!(entries[entry as usize].event, Event::SubmissionAcceptance);
    let body = pb::MessageBody::decode(record.body.as_slice()).expect("a body");
    assert_eq!(body.content, Some(example_request()));
    let false_record = Record { body: [record.body.as_slice(), b"x"].concat(), ..record };
    assert!(false_record.prove(&state).is_err());

    let anchors = both.get_anchors(pb::GetAnchorsRequest {}).await.expect("given").into_inner();
    assert_eq!(anchors.card, a.card.text());
    assert_eq!(anchors.peers.iter().map(|p| p.card.as_str()).collect::<Vec<_>>(), [b.card.text()]);
    a.stop().await;
    b.stop().await;
}

/// What a command prints with `--output json`.
async fn command(args: &[&str]) -> serde_json::Value {
    let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
    args.extend(["--output".into(), "json".into()]);
    let run = move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        process::run(&args)
    };
    let printed = tokio::task::spawn_blocking(run).await.expect("it succeeds");
    let last = printed.lines().last().expect("something is printed");
    serde_json::from_str(last).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_all_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b, sent) = traffic(dir.path()).await;
    let path = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let home = |node: &Node| node.home.to_str().expect("UTF-8").to_owned();
    let card = |node: &Node| node.home.join("card.txt").to_str().expect("UTF-8").to_owned();

    a.agency("both", &["audit", "read"], true).await;
    let profile = a.home.join("both.toml");
    let profile = profile.to_str().expect("UTF-8");
    let (file, id) = (path("case.jsonl"), sent.message_id.as_str());
    let disclosed =
        command(&["disclose", "--message", id, "--out", &file, "--profile", profile]).await;
    assert_eq!(disclosed["case_id"], sent.case_id.as_str());

    for (node, name) in [(&a, "a"), (&b, "b")] {
        command(&["audit", "export", "--home", &home(node), "--out", &path(name)]).await;
    }
    let replay = ["audit", "replay", &path("a"), "--card", &card(&a), "--message", id];
    let replayed = command(&[&replay[..], &["--disclosure", &file]].concat()).await;
    assert_eq!((&replayed["ok"], &replayed["notices"]), (&true.into(), &0.into()));
    assert_eq!(replayed["proved"][0]["case_id"], sent.case_id.as_str());
    assert_eq!(replayed["proved"][0]["kind"], "REQUEST");
    let moments = replayed["message"]["entries"].as_array().expect("entries");
    let mut events: Vec<_> = moments.iter().filter_map(|moment| moment["event"].as_str()).collect();
    // Receipts may overtake each other; and a child is concerned, so that readings are logged by the
    // minute.
    events.sort_unstable();
    events.dedup();
    assert_eq!(
        events,
        [
            "ContentConsignment",
            "ContentHandover",
            "RelayAcceptance",
            "SubmissionAcceptance",
            "access.exported",
            "access.fetched"
        ]
    );
    let status = command(&["status", "--home", &home(&a)]).await;
    assert_eq!(status["replayed"]["state_digest"], replayed["state_digest"]);
    let checked = command(&["audit", "check", "--home", &home(&a), "--bodies"]).await;
    assert_eq!(checked["state_digest"], replayed["state_digest"]);

    let (card_a, card_b) = (card(&a), card(&b));
    let cards = ["--card-a", &card_a, "--card-b", &card_b];
    let reconcile = ["audit", "reconcile", &path("a"), &path("b")];
    let reconciled = command(&[&reconcile[..], &cards].concat()).await;
    assert_eq!(reconciled["counts"], serde_json::json!({ "matched": 2, "not_relayed": 1 }));

    let out = path("anchors");
    let anchors = command(&["audit", "anchors", "--home", &home(&a), "--out", &out]).await;
    assert_eq!(anchors["fingerprint"], b.card.fingerprint().hex());
    let readme = std::fs::read_to_string(dir.path().join("anchors/README.txt")).expect("written");
    assert!(readme.contains(&a.card.fingerprint().words()));
    a.stop().await;
    b.stop().await;
}
