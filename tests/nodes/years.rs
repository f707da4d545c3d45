//! A node begins another log while messages flow: peers follow, nothing is lost, and an auditor with
//! the exports and the cards alone verifies, replays and reconciles across the change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::*;
use rogatory::exchange::log::ExportWish;
use rogatory::node::OpenNode;
use rogatory::pb::v1 as pb;
use serde_json::Value;

const MESSAGES: usize = 40;

/// Ends the newest log of a node.
async fn seal(node: &Node) -> Vec<pb::Log> {
    let mut operator = node.operator().await;
    let logs = operator.list_logs(pb::ListLogsRequest {}).await.expect("listed").into_inner().logs;
    let origin = logs.last().expect("one is open").origin.clone();
    operator.seal_log(pb::SealLogRequest { origin }).await.expect("sealed").into_inner().logs
}

/// Two nodes whose logs have each been ended, one twice, while messages went both ways.
async fn flowed(dir: &Path) -> (Node, Node) {
    let (mut a, mut b) = pair(dir).await;
    a.start().await;
    b.start().await;
    let (desk_a, desk_b) = (a.desk().await, b.desk().await);
    let tip = |to: &Node| pb::SubmitMessageRequest {
        content: Some(note(
            pb::MessageKind::SpontaneousInformation,
            "What was seen at the border.",
        )),
        ..submission(to)
    };
    let (to_b, to_a) = (tip(&b), tip(&a));
    let sending = |mut desk: Agency, to: pb::SubmitMessageRequest| async move {
        let mut names = Vec::new();
        for _ in 0..MESSAGES {
            let one = pb::SubmitMessageRequest { request_id: request_id(), ..to.clone() };
            let sent = desk.submit_message(one).await.expect("submitted").into_inner();
            names.push(sent.name);
        }
        (desk, names)
    };
    let (from_a, from_b) =
        (tokio::spawn(sending(desk_a, to_b)), tokio::spawn(sending(desk_b, to_a)));
    seal(&a).await;
    seal(&b).await;
    let logs = seal(&a).await;
    let states: Vec<bool> = logs.iter().map(|log| log.sealed).collect();
    assert_eq!(states, [true, true, false]);
    for sending in [from_a, from_b] {
        let (mut desk, names) = sending.await.expect("no panic");
        for name in names {
            reaches(&mut desk, &name, pb::DeliveryState::Consigned).await;
        }
    }
    (a, b)
}

async fn export(node: &Node, dir: PathBuf) -> PathBuf {
    let mut auditor = node.auditor().await;
    let files = auditor.export_log(pb::ExportLogRequest::default()).await.expect("exports");
    let mut files = files.into_inner();
    while let Some(piece) = files.message().await.expect("goes on") {
        let path = dir.join(&piece.path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        let mut whole = fs::read(&path).unwrap_or_default();
        whole.extend_from_slice(&piece.data);
        fs::write(path, whole).expect("written");
    }
    fs::write(dir.with_extension("card"), node.card.text()).expect("written");
    dir
}

fn rogatory(args: &[&str]) -> Output {
    let mut command = Command::new(process::ROGATORY);
    command.args(["--output", "json", "audit"]).args(args).output().expect("runs")
}

/// What the command says where it succeeds.
fn json(args: &[&str]) -> Value {
    let output = rogatory(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Why it does not.
fn refused(args: &[&str]) -> String {
    let output = rogatory(args);
    assert_eq!(output.status.code(), Some(6), "{args:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for item in fs::read_dir(from).expect("lists") {
        let item = item.expect("readable");
        let to = to.join(item.file_name());
        match item.file_type().expect("a type").is_dir() {
            true => copy(&item.path(), &to),
            false => drop(fs::copy(item.path(), to).expect("copied")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_follow_each_other_while_messages_flow() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = flowed(dir.path()).await;
    let (x, y) = (dir.path().join("x"), dir.path().join("y"));
    let (x, y) = (export(&a, x).await, export(&b, y).await);
    let (card_a, card_b) = (x.with_extension("card"), y.with_extension("card"));

    let verified = json(&["verify", text(&x), "--card", text(&card_a)]);
    let earlier = verified["earlier"].as_array().expect("a list");
    let label = verified["log_origin"].as_str().expect("an origin");
    assert!(label.ends_with(".3"), "{label}");
    assert_eq!(earlier.len(), 2);
    let origins: Vec<&str> = earlier.iter().filter_map(|log| log["log_origin"].as_str()).collect();
    assert_eq!(origins[0], a.card.log_origin());

    // The auditor comes to the state that the node says it is in.
    let replayed = json(&["replay", text(&x), "--card", text(&card_a)]);
    assert_eq!(replayed["messages"]["sent"]["CONSIGNED"], MESSAGES, "{replayed}");
    assert_eq!(replayed["messages"]["received"]["CONSIGNED"], MESSAGES, "{replayed}");
    assert_eq!(replayed["errors"].as_array().map(Vec::len).unwrap_or_default(), 0, "{replayed}");
    a.stop().await;
    b.stop().await;
    let node = a.open().await;
    let digest = node.exchange.replayed_state_digest().expect("replayed");
    assert_eq!((digest.errors, digest.messages), (0, 2 * MESSAGES as u64));
    drop(digest);
    node.store.stop();
    drop(node);

    // Later receipts may overtake the first, which is then still on its way.
    let both = ["--card-a", text(&card_a), "--card-b", text(&card_b), "--grace", "1h"];
    let reconciled = json(&[&["reconcile", text(&x), text(&y)], &both[..]].concat());
    let count = |class: &str| reconciled["counts"][class].as_u64().unwrap_or_default();
    let told = count("matched") + count("receipt_in_transit");
    assert!(count("matched") > 0 && told >= 2 * MESSAGES as u64, "{reconciled}");
    assert_eq!(reconciled["elsewhere"], 0, "every place was looked up");
}

/// An export while which the log changes once `after` files are written.
async fn export_across(node: &OpenNode, dir: &Path, after: usize) {
    let (exchange, dir) = (node.exchange.clone(), dir.to_owned());
    let now = tokio::runtime::Handle::current();
    let writing = move || {
        let wish = ExportWish { receipts: true, held: Vec::new(), since: Default::default() };
        let mut files = 0;
        let written = exchange.export_log(&wish, &mut |path, bytes| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, bytes).expect("written");
            files += 1;
            if files == after {
                now.block_on(exchange.succeed_log(None, None)).expect("another log");
            }
            true
        });
        written.expect("exported");
    };
    tokio::task::spawn_blocking(writing).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_while_the_log_changes_is_one_of_the_log_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, _b) = pair(dir.path()).await;
    let (node, card) = (a.open().await, dir.path().join("a.card"));
    fs::write(&card, a.card.text()).expect("written");
    // From its first file, through those of the newest log, to those of the logs before it.
    for after in 1..=12 {
        let before = node.exchange.log_head().checkpoint.clone();
        let out = dir.path().join(format!("across-{after}"));
        export_across(&node, &out, after).await;
        let verified = json(&["verify", text(&out), "--card", text(&card)]);
        assert_eq!(verified["log_origin"], before.origin.as_str(), "after {after}");
        assert_eq!(verified["entries"], before.size, "after {after}");
        assert_eq!(
            verified["earlier"].as_array().map(Vec::len),
            Some(node.exchange.log_ends().len() - 1)
        );
    }
    let out = dir.path().join("last");
    export_across(&node, &out, usize::MAX).await;
    let verified = json(&["verify", text(&out), "--card", text(&card)]);
    assert_eq!(verified["log_origin"], node.exchange.log_head().checkpoint.origin.as_str());
    tokio::task::spawn_blocking(move || node.store.stop()).await.expect("stopped");
}

/// What a command of the operator prints with `--output json`.
async fn operates(node: &Node, args: &str) -> Value {
    let home = text(&node.home).to_owned();
    let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
    let run = move || {
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.extend(["--home", &home, "--output", "json"]);
        process::run(&args)
    };
    let printed = tokio::task::spawn_blocking(run).await.expect("it succeeds");
    serde_json::from_str(&printed).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_said_with_the_log_that_it_is_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, b) = pair(dir.path()).await;
    a.start().await;
    let mut desk = a.desk().await;
    let mut names = Vec::new();
    // One message in each of two logs, and what is done to it in the log behind that.
    for log in 0..2 {
        let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
        let request = pb::ListReceiptsRequest { parent: sent.name.clone() };
        let receipts = desk.list_receipts(request).await.expect("listed").into_inner().receipts;
        let origin = match log {
            0 => a.card.log_origin().to_owned(),
            _ => format!("{}.2", a.card.log_origin()),
        };
        assert_eq!(receipts[0].log_origin, origin);
        let cancel = pb::CancelMessageRequest { name: sent.name.clone() };
        desk.cancel_message(cancel).await.expect("withdrawn");
        seal(&a).await;
        let id = &sent.message_id;
        let held = operates(&a, &format!("hold set --message {id}")).await;
        assert_eq!(held["log"], log + 1, "{held}");
        let index = held["log_index"].as_u64().expect("an index");
        let listed = operates(&a, "hold list").await;
        assert_eq!((&listed["log"], &listed["log_index"]), (&held["log"], &held["log_index"]));
        operates(&a, &format!("hold release --message {id}")).await;
        let erased = operates(&a, &format!("erase --message {id} --reason WITHDRAWN")).await;
        assert_eq!(erased["log"], log + 1, "{erased}");
        assert_eq!(erased["log_index"], index + 2, "behind the hold and its release");
        names.push((sent.name, log + 1, index + 2));
    }
    for (name, log, index) in names {
        let shown = desk.get_message(pb::GetMessageRequest { name }).await.expect("shown");
        let erasure = shown.into_inner().erasure.expect("it says so");
        assert_eq!((erasure.log, erasure.log_index), (log, index));
    }
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_that_is_missing_or_another_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = flowed(dir.path()).await;
    let whole = export(&a, dir.path().join("whole")).await;
    let card = whole.with_extension("card");
    a.stop().await;
    b.stop().await;
    let year = a.card.log_origin().rsplit_once('/').expect("a year").1.to_owned();
    let cards = ["--card", text(&card)];
    type Change = fn(&Path, &str);
    let changes: [(&str, &str, Change); 5] = [
        ("dropped", "a log is missing", |dir, year| {
            fs::remove_dir_all(dir.join(format!("earlier/{year}"))).expect("removed");
        }),
        ("all dropped", "a log is missing", |dir, _| {
            fs::remove_dir_all(dir.join("earlier")).expect("removed");
        }),
        ("one too many", "no log of the export goes on from it", |dir, year| {
            copy(&dir.join(format!("earlier/{year}")), &dir.join("earlier/1999"));
        }),
        ("swapped", "", |dir, year| {
            let (one, two) = (format!("earlier/{year}"), format!("earlier/{year}.2"));
            fs::rename(dir.join(&one), dir.join("aside")).expect("moved");
            fs::rename(dir.join(&two), dir.join(&one)).expect("moved");
            fs::rename(dir.join("aside"), dir.join(&two)).expect("moved");
        }),
        ("altered", "checkpoint", |dir, year| {
            let path = dir.join(format!("earlier/{year}/checkpoint"));
            let mut bytes = fs::read(&path).expect("read");
            bytes[20] ^= 1;
            fs::write(path, bytes).expect("written");
        }),
    ];
    for (name, why, change) in changes {
        let dir = dir.path().join(name);
        copy(&whole, &dir);
        change(&dir, &year);
        for command in ["verify", "replay"] {
            let said = refused(&[&[command, text(&dir)], &cards[..]].concat());
            assert!(said.contains(why), "{name}: {said}");
        }
    }
    // One log alone, where that is wanted.
    let newest = dir.path().join("all dropped");
    let alone = ["verify", text(&newest), "--without-earlier"];
    let alone = json(&[&alone[..], &cards[..]].concat());
    assert_eq!(alone["earlier"].as_array().map(Vec::len), Some(0));
    let one = whole.join(format!("earlier/{year}"));
    let said = refused(&[&["verify", text(&one)], &cards[..]].concat());
    assert!(
        said.contains(&format!("{}.2, which follows, is not in the export", a.card.log_origin()))
    );
    let first = json(&[&["verify", text(&one), "--without-later"], &cards[..]].concat());
    assert_eq!(first["log_origin"], a.card.log_origin());
}
