//! A node whose disk was restored from an older backup gets back from an export what it once had:
//! nobody sees a second past, and what is lost for good is said to whoever waits for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::{Process, ROGATORY, connect, run};
use crate::support::*;
use rogatory::audit::manifest::Manifest;
use rogatory::crypto::SigningSecret;
use rogatory::crypto::keys::{Algorithm, Role};
use rogatory::home::HomeKeys;
use rogatory::pb::v1 as pb;
use serde_json::Value;

use pb::DeliveryState as D;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn json(args: &[&str]) -> Value {
    let args = [args, &["--output", "json"]].concat();
    serde_json::from_str(&run(&args)).expect("JSON")
}

/// What a command says that is refused.
fn refused(args: &[&str]) -> String {
    let done = Command::new(ROGATORY).args(args).output().expect("it runs");
    assert!(!done.status.success(), "{args:?}");
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.expect("cp runs").success());
}

/// Two nodes, an agency at each, and what they said to each other.
struct Case {
    dir: tempfile::TempDir,
    a: Process,
    b: Process,
    at_a: PathBuf,
    at_b: PathBuf,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (Process::new(dir.path(), "xa.oag"), Process::new(dir.path(), "xb.pps"));
        a.trust(&b);
        b.trust(&a);
        let (at_a, at_b) = (a.agency("desk", "submit,read"), b.agency("desk", "submit,read"));
        for node in [&a, &b] {
            quick_retries(&node.home);
        }
        Self { dir, a, b, at_a, at_b }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&mut self) {
        self.a.start();
        self.b.start();
    }

    fn stop(&mut self) {
        self.a.stop();
        self.b.stop();
    }

    async fn submits(&self, from: &Path, to: &Process) -> pb::Message {
        let request = pb::SubmitMessageRequest {
            request_id: request_id(),
            recipient: to.authority.into(),
            content: Some(note(pb::MessageKind::SpontaneousInformation, "What the witness said.")),
            ..pb::SubmitMessageRequest::default()
        };
        connect(from).await.submit_message(request).await.expect("submitted").into_inner()
    }

    /// A has heard that its log is an older copy.
    async fn is_read_only(&self, at_a: &Path) {
        let refused = async {
            loop {
                let request = pb::SubmitMessageRequest {
                    request_id: request_id(),
                    recipient: self.b.authority.into(),
                    content: Some(note(pb::MessageKind::SpontaneousInformation, "More.")),
                    ..pb::SubmitMessageRequest::default()
                };
                match connect(at_a).await.submit_message(request).await {
                    Err(status) if status.message().contains("rogatory recover") => return,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(DEADLINE, refused).await.expect("it hears of it");
    }

    /// A message that was consigned, as the sender knows.
    async fn sent(&self, from: &Path, to: &Process) -> pb::Message {
        let sent = self.submits(from, to).await;
        reaches(&mut connect(from).await, &sent.name, D::Consigned).await
    }

    async fn confirms(&self, at: &Path, message: &pb::Message) {
        let request = pb::ConfirmHandoverRequest {
            name: message.name.clone(),
            envelope_digest: message.envelope_digest.clone(),
        };
        connect(at).await.confirm_handover(request).await.expect("confirmed");
    }

    fn export(&self) -> PathBuf {
        let out = self.path("export");
        run(&["audit", "export", "--home", self.a.path(), "--out", text(&out)]);
        out
    }

    fn operate(&self, args: &[&str]) {
        run(&[args, &["--home", self.a.path()]].concat());
    }

    fn recover(&self, export: &Path) -> Value {
        json(&["recover", text(export), "--home", self.a.path(), "--unasked"])
    }

    /// What A keeps is what its log says, and the log is sound.
    fn is_sound(&self) {
        let checked = json(&["audit", "check", "--home", self.a.path()]);
        assert_eq!(checked["divergences"], serde_json::json!([]), "{checked:#}");
        assert_eq!(checked["errors"], 0, "{checked:#}");
        self.a.verify_log();
    }

    /// Both logs say the same of each other.
    fn reconciles(&self) {
        let exports = [&self.a, &self.b].map(|node| {
            let out = self.path(&format!("of-{}", node.authority));
            run(&["audit", "export", "--home", node.path(), "--out", text(&out)]);
            out
        });
        let [of_a, of_b] = exports.each_ref().map(|path| text(path));
        run(&["audit", "reconcile", of_a, of_b]);
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> =
        list.as_array().expect("a list").iter().filter_map(|l| l["message_id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

/// Everything that a node logs happens behind the copy, and a year ends; then the disk is the copy
/// again, and the mark is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restored_disk_lacks_comes_back_from_an_export() {
    let mut case = Case::new();
    case.operate(&["agency", "add", "leaves", "--roles", "read"]);
    case.operate(&["agency", "add", "renewed", "--roles", "read"]);
    case.start();
    let (at_a, at_b) = (case.at_a.clone(), case.at_b.clone());
    let erased = case.sent(&at_a, &case.b).await;
    let confirmed = case.sent(&at_b, &case.a).await;
    let held = case.sent(&at_b, &case.a).await;
    case.stop();
    let kept = case.path("kept");
    copy(&case.a.home.join("data"), &kept);
    case.start();

    let sent = case.sent(&at_a, &case.b).await;
    case.confirms(&at_b, &sent).await;
    reaches(&mut connect(&at_a).await, &sent.name, D::HandedOver).await;
    case.operate(&["log", "seal", &origin(&case.a)]);
    let handed_over = case.sent(&at_b, &case.a).await;
    case.confirms(&at_a, &handed_over).await;
    reaches(&mut connect(&at_b).await, &handed_over.name, D::HandedOver).await;
    let in_inbox = case.sent(&at_b, &case.a).await;
    case.confirms(&at_a, &confirmed).await;
    reaches(&mut connect(&at_b).await, &confirmed.name, D::HandedOver).await;
    case.operate(&["erase", "--message", &erased.message_id, "--reason", "COURT_ORDER"]);
    case.operate(&["hold", "set", "--message", &held.message_id, "--reason", "PROCEEDINGS"]);
    case.operate(&["agency", "revoke", "leaves"]);
    case.operate(&["agency", "renew", "renewed", "--replace"]);
    case.operate(&["agency", "add", "came-later", "--roles", "read"]);
    case.b.stop();
    let queued = case.submits(&at_a, &case.b).await;
    case.a.stop();
    let older = case.export();
    let too_old = case.path("too-old");
    copy(&older, &too_old);
    let export = case.export();
    let size = verified(&case.a, &export)["entries"].as_u64().expect("a number");

    std::fs::remove_dir_all(case.a.home.join("data")).expect("removed");
    copy(&kept, &case.a.home.join("data"));
    let says = refused(&["audit", "check", "--home", case.a.path()]);
    assert!(says.contains("rogatory recover"), "{says}");
    let says = refused(&["recover", text(&too_old), "--home", case.a.path()]);
    assert!(says.contains("give an export that is newer"), "{says}");
    let says = refused(&["recover", text(&export), "--home", case.a.path()]);
    assert!(says.contains("not told what they hold of this log: xb.pps"), "{says}");
    let done = case.recover(&export);
    let mut lost = [&sent, &handed_over, &in_inbox, &queued].map(|m| m.message_id.as_str());
    lost.sort_unstable();
    assert_eq!(ids(&done["lost"]), lost, "{done:#}");
    let agencies = done["agencies_revoked"].as_array().expect("a list");
    assert_eq!(agencies.len(), 2, "{done:#}");
    assert!(agencies.iter().any(|name| name == "renewed"), "{done:#}");
    case.is_sound();
    assert!(case.a.verify_log()["entries"].as_u64() > Some(size));

    // A second time nothing is lacking, and nothing is logged.
    let size = |case: &Case| json(&["status", "--home", case.a.path()])["log_size"].clone();
    let before = size(&case);
    let again = case.recover(&export);
    assert_eq!((&again["put_back"], &again["recovered"]), (&0.into(), &false.into()));
    assert_eq!(size(&case), before);

    case.start();
    // Peers take it for the same node, and messages go on both ways.
    case.sent(&at_a, &case.b).await;
    case.sent(&at_b, &case.a).await;
    // Nobody waits for what does not come.
    let mut desk = connect(&at_a).await;
    assert_eq!(reaches(&mut desk, &queued.name, D::ExpiredUnknown).await.case_id, "");
    assert_eq!(reaches(&mut desk, &sent.name, D::HandedOver).await.state(), D::HandedOver);
    let told = async {
        let mut sender = connect(&at_b).await;
        loop {
            let request = pb::GetMessageRequest { name: in_inbox.name.clone() };
            let message = sender.get_message(request).await.expect("readable").into_inner();
            if message.receipts.iter().any(|r| r.starts_with("ContentHandoverFailure ")) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, told).await.expect("the sender is told");
    let says = refused(&[
        "erase",
        "--message",
        &held.message_id,
        "--reason",
        "X",
        "--home",
        case.a.path(),
    ]);
    assert!(says.contains("on hold"), "{says}");
    let says = refused(&["show", &erased.message_id, "--profile", text(&at_a)]);
    assert!(says.contains("COURT_ORDER"), "{says}");
    let says = refused(&["show", &sent.message_id, "--profile", text(&at_a)]);
    assert!(says.contains("was lost with a disk"), "{says}");
    // What a receipt was lost of on the way is put right over the wire.
    for (node, peer) in [(&case.a, &case.b), (&case.b, &case.a)] {
        run(&["peer", "reconcile", peer.authority, "--home", node.path()]);
    }
    case.stop();
    case.is_sound();
    case.reconciles();
}

/// Nobody has what the home lacks: the authority begins anew under a root key that peers compare, and
/// the old home proves what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_new_enough_the_authority_begins_anew() {
    let mut case = Case::new();
    case.start();
    let (at_a, at_b) = (case.at_a.clone(), case.at_b.clone());
    case.sent(&at_a, &case.b).await;
    case.stop();
    let older = case.path("older");
    copy(&case.export(), &older);
    let kept = case.path("kept");
    copy(&case.a.home, &kept);
    case.start();
    case.sent(&at_a, &case.b).await;
    case.a.stop();
    // The whole machine goes back, mark and all: only the peer knows.
    copy(&kept, &case.a.home);
    let says = refused(&["recover", text(&older), "--home", case.a.path()]);
    assert!(says.contains("does not go as far"), "{says}");
    case.a.start();
    case.is_read_only(&at_a).await;
    let export = case.export();
    case.a.stop();
    // Its own export lacks the same.
    let says = refused(&["recover", text(&export), "--home", case.a.path()]);
    assert!(says.contains("does not go as far"), "{says}");
    let anew = Process::new(&case.path("anew"), case.a.authority);
    let old = std::mem::replace(&mut case.a, anew);
    case.a.trust(&case.b);
    case.b.trust(&case.a);
    let at_anew = case.a.agency("desk", "submit,read");
    case.a.start();
    case.sent(&at_anew, &case.b).await;
    case.sent(&at_b, &case.a).await;
    case.stop();
    case.is_sound();
    case.b.verify_log();
    let proved = verified(&old, &export);
    assert!(proved["receipts_received"].as_u64() > Some(0), "{proved:#}");
}

/// The copy was made before there was any peer, or there is none: whom to ask comes back with the
/// entries, and is asked before anything is added to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_come_back_with_the_entries_are_asked_too() {
    let mut case = Case::new();
    case.start();
    case.sent(&case.at_a, &case.b).await;
    case.a.stop();
    let older = case.path("older");
    copy(&case.export(), &older);
    case.a.start();
    case.sent(&case.at_a, &case.b).await;
    case.a.stop();
    let export = case.export();
    for lost in ["data", "high-water"] {
        let lost = case.a.home.join(lost);
        let gone = if lost.is_dir() { std::fs::remove_dir_all } else { std::fs::remove_file };
        gone(&lost).expect("removed");
    }
    let from_nothing =
        |export| ["recover", text(export), "--from-nothing", "--home", case.a.path()];
    let says = refused(&from_nothing(&older));
    assert!(says.contains("the export does not go as far"), "{says}");
    // Whoever holds more is not there to say so now; what it has said stays.
    case.b.stop();
    let says = refused(&[&from_nothing(&older)[..], &["--unasked"]].concat());
    assert!(says.contains("the export does not go as far"), "{says}");
    let says = refused(&from_nothing(&export));
    assert!(says.contains("not told what they hold of this log: xb.pps"), "{says}");
    case.b.start();
    run(&from_nothing(&export));
    case.is_sound();
    case.a.start();
    case.sent(&case.at_b, &case.a).await;
}

/// Without its card there is no way to a peer: no second try goes on as if it had been asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_card_is_lost_counts_as_silent_however_often_it_is_tried() {
    let mut case = Case::new();
    case.start();
    case.sent(&case.at_a, &case.b).await;
    case.stop();
    let export = case.export();
    std::fs::remove_file(export.join("cards/xb.pps.card")).expect("removed");
    let manifest = std::fs::read(export.join("manifest")).expect("readable");
    let mut manifest = Manifest::parse_unverified(&manifest).expect("a manifest");
    manifest.files.remove("cards/xb.pps.card");
    let keys = HomeKeys::unlock(&case.a.home.join("keys"), None).expect("unlocked");
    let log = SigningSecret::new(&keys.seed(Role::Log).expect("the key"), Algorithm::Ed25519);
    let manifest = manifest.sign(&log.expect("signs")).expect("signed");
    std::fs::write(export.join("manifest"), manifest).expect("written");
    std::fs::remove_dir_all(case.a.home.join("data")).expect("removed");
    let recover = ["recover", text(&export), "--from-nothing", "--home", case.a.path()];
    for _ in 0..3 {
        let says = refused(&recover);
        assert!(says.contains("not told what they hold of this log: xb.pps"), "{says}");
    }
    let done = json(&[&recover[..], &["--unasked"]].concat());
    assert_eq!(done["peers_removed"], serde_json::json!(["xb.pps"]), "{done:#}");
    case.is_sound();
}

/// What a peer holds is another past, and no longer than the export: nothing is put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shorter_fork_at_a_peer_is_heard_before_anything_changes() {
    let mut case = Case::new();
    let machine = case.path("machine");
    copy(&case.a.home, &machine);
    case.start();
    case.sent(&case.at_a, &case.b).await;
    case.stop();
    copy(&machine, &case.a.home);
    for number in 0..40 {
        case.operate(&["agency", "add", &format!("one{number}"), "--roles", "read"]);
    }
    let export = case.export();
    copy(&machine, &case.a.home);
    case.b.start();
    let size = || json(&["status", "--home", case.a.path()])["log_size"].clone();
    let before = size();
    for _ in 0..2 {
        let says = refused(&["recover", text(&export), "--home", case.a.path()]);
        assert!(says.contains("knows another past than the export"), "{says}");
        assert_eq!(size(), before);
    }
}

/// Behind an older copy the home has entries of its own, more than the export has, and a log more.
#[test]
fn a_home_that_went_on_by_itself_is_told_so_however_long_it_is() {
    for seals in [false, true] {
        let case = Case::new();
        let machine = case.path("machine");
        copy(&case.a.home, &machine);
        case.operate(&["agency", "add", "one", "--roles", "read"]);
        let export = case.export();
        copy(&machine, &case.a.home);
        case.operate(&["agency", "add", "two", "--roles", "read"]);
        case.operate(&["agency", "add", "three", "--roles", "read"]);
        if seals {
            case.operate(&["log", "seal", &origin(&case.a)]);
        }
        let says = refused(&["recover", text(&export), "--unasked", "--home", case.a.path()]);
        assert!(says.contains("gone on by itself"), "{says}");
        // What it would append now is known to be a second past.
        let says = refused(&["log", "seal", &origin(&case.a), "--home", case.a.path()]);
        assert!(says.contains("LOG_ROLLED_BACK"), "{says}");
    }
}

#[test]
fn an_export_that_is_only_older_than_the_home_changes_nothing() {
    let case = Case::new();
    let export = case.export();
    case.operate(&["log", "seal", &origin(&case.a)]);
    let recover = ["recover", text(&export), "--unasked", "--home", case.a.path()];
    assert_eq!(json(&recover)["recovered"], false);
    case.operate(&["agency", "add", "one", "--roles", "read"]);
}

fn verified(node: &Process, export: &Path) -> Value {
    let card = node.home.join("card.txt");
    json(&["audit", "verify", text(export), "--card", text(&card)])
}

/// The origin of a node's newest log.
fn origin(node: &Process) -> String {
    let listed = run(&["log", "list", "--home", node.path(), "--output", "json"]);
    let newest: Value = serde_json::from_str(listed.lines().last().expect("a log")).expect("JSON");
    newest["log_origin"].as_str().expect("text").to_owned()
}
