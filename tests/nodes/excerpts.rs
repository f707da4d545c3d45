//! Exports that go on where they were, and excerpts, from real nodes over real TLS.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::process::{Process, run};
use crate::support::*;
use rogatory::audit::manifest::tag;
use rogatory::client::Profile;
use rogatory::crypto::sha256;
use rogatory::pb::v1 as pb;
use tonic::Code;

use pb::audit_service_client::AuditServiceClient;
use pb::export_excerpt_request::Scope;

type Files = BTreeMap<String, Vec<u8>>;

async fn taken(mut parts: tonic::Streaming<pb::ExportLogResponse>) -> Files {
    let mut files = Files::new();
    while let Some(part) = parts.message().await.expect("goes on") {
        files.entry(part.path).or_default().extend_from_slice(&part.data);
    }
    files
}

async fn as_agency(node: &Node, name: &str, roles: &[&str]) -> Auditor {
    node.agency(name, roles, true).await;
    let profile = Profile::read(&node.home.join(format!("{name}.toml"))).expect("a profile");
    AuditServiceClient::new(profile.connect().await.expect("connects"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_have_an_excerpt_of_what() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("submitted").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    let mut auditor = as_agency(&a, "auditor", &["audit"]).await;
    let mut operator = as_agency(&a, "bureau", &["audit", "operate"]).await;
    let request = |scope| pb::ExportExcerptRequest { scope, ..Default::default() };

    let case = Some(Scope::CaseId(sent.case_id.clone()));
    let denied = auditor.export_excerpt(request(case.clone())).await.expect_err("no operator");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let files = operator.export_excerpt(request(case)).await.expect("an excerpt").into_inner();
    let files = taken(files).await;
    assert!(files.keys().any(|path| path.starts_with("receipts/")));
    let told: Vec<u8> = files.into_values().flatten().collect();
    assert!(!String::from_utf8_lossy(&told).contains(&sent.case_id), "the case stays unnamed");

    for scope in [Scope::Peer("xb.pps".into()), Scope::MessageId(sent.message_id)] {
        let files = auditor.export_excerpt(request(Some(scope))).await.expect("an excerpt");
        assert!(taken(files.into_inner()).await.contains_key("manifest"));
    }
    for (scope, code) in [
        (None, Code::InvalidArgument),
        (Some(Scope::Peer("nobody".into())), Code::InvalidArgument),
        (Some(Scope::Peer("xz.oag".into())), Code::NotFound),
        (Some(Scope::MessageId("7".into())), Code::InvalidArgument),
    ] {
        let refused = auditor.export_excerpt(request(scope)).await.expect_err("refused");
        assert_eq!(refused.code(), code, "{refused}");
    }
    let unknown = request(Some(Scope::CaseId("ROG-XZ-MOJ-2026-000001".into())));
    let refused = operator.export_excerpt(unknown).await.expect_err("refused");
    assert_eq!(refused.code(), Code::NotFound);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_held_are_not_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    node.start().await;
    let mut auditor = node.auditor().await;
    let export = async |auditor: &mut Auditor, held: Vec<u8>, since| {
        let request = pb::ExportLogRequest { held: held.into(), since, ..Default::default() };
        auditor.export_log(request).await.map(|parts| parts.into_inner())
    };
    let first = taken(export(&mut auditor, Vec::new(), 0).await.expect("exports")).await;
    let held = first.iter().flat_map(|(path, bytes)| tag(path, &sha256(bytes))).collect();
    let second = taken(export(&mut auditor, held, 0).await.expect("exports")).await;
    assert!(!second.contains_key("cards/xa.oag.card"), "it is as it was");
    assert!(second.contains_key("manifest") && second.contains_key("checkpoint"));
    let all = second.get("manifest").expect("there");
    assert!(
        String::from_utf8_lossy(all).contains("cards/xa.oag.card"),
        "it is listed all the same"
    );
    let refused = export(&mut auditor, Vec::new(), 1 << 40).await.expect_err("no such size");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = export(&mut auditor, vec![0; (8 << 20) + 1], 0).await.expect_err("too much");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let large = export(&mut auditor, vec![0; 8 << 20], 0).await.expect("as much as may be held");
    assert!(taken(large).await.contains_key("manifest"));
    node.stop().await;
}

/// The command line against a home, as its operator types it.
#[test]
fn an_export_is_brought_up_and_parts_are_merged() {
    let dir = tempfile::tempdir().expect("a directory");
    let (xa, xb) = (Process::new(dir.path(), "xa.oag"), Process::new(dir.path(), "xb.pps"));
    xa.trust(&xb);
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let (out, part, old, excerpt) = (at("export"), at("part"), at("old"), at("excerpt"));
    let card = xa.home.join("card.txt");
    let card = card.to_str().expect("UTF-8");
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&run(&[args, &["--output", "json"]].concat())).expect("JSON")
    };
    let first = json(&["audit", "export", "--home", xa.path(), "--out", &out]);
    let size = first["entries"].as_u64().expect("a size");
    copy(Path::new(&out), Path::new(&old));
    let second = json(&["audit", "export", "--home", xa.path(), "--out", &out]);
    assert_eq!(second["entries_before"], size);
    assert!(second["files_kept"].as_u64() > Some(0), "{second}");
    let verified = json(&["audit", "verify", &out, "--card", card]);
    assert_eq!(verified["entries"], second["entries"]);

    let since = size.to_string();
    json(&["audit", "export", "--home", xa.path(), "--out", &part, "--since", &since]);
    let merged = json(&["audit", "merge", &old, &part]);
    assert_eq!(merged["entries_before"], size);
    let verified = json(&["audit", "verify", &old, "--card", card]);
    assert_eq!(verified["entries"], merged["entries"]);

    json(&["audit", "export", "--home", xa.path(), "--out", &excerpt, "--peer", "xb.pps"]);
    let verified = json(&["audit", "verify", &excerpt, "--card", card, "--excerpt"]);
    assert_eq!(verified["excerpt"], "peer xb.pps");
}

#[test]
fn parts_and_excerpts_go_from_a_log_to_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let (xa, xb) = (Process::new(dir.path(), "xa.oag"), Process::new(dir.path(), "xb.pps"));
    xa.trust(&xb);
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let (out, part, old, excerpt) = (at("export"), at("part"), at("old"), at("excerpt"));
    let card = xa.home.join("card.txt");
    let card = card.to_str().expect("UTF-8");
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&run(&[args, &["--output", "json"]].concat())).expect("JSON")
    };
    let export = ["audit", "export", "--home", xa.path(), "--out"];
    let since = json(&[&export[..], &[&out]].concat())["entries"].to_string();
    copy(Path::new(&out), Path::new(&old));
    let shown = json(&["card", "show", card]);
    let log = shown["log_origin"].as_str().expect("an origin");
    run(&["log", "seal", log, "--home", xa.path()]);

    let said = refused(&[&export[..], &[&part, "--since", "1000000"]].concat());
    assert!(said.contains(".2 has") && said.contains("with --log"), "{said}");
    json(&[&export[..], &[&part, "--since", &since, "--log", log]].concat());
    let merged = json(&["audit", "merge", &old, &part]);
    assert_eq!(merged["entries_before"].to_string(), since);
    let verified = json(&["audit", "verify", &old, "--card", card]);
    assert_eq!(
        (&verified["entries"], &verified["earlier"][0]["log_origin"]),
        (&merged["entries"], &log.into())
    );
    // The whole of it, where it lies since before the change.
    let whole = json(&[&export[..], &[&out]].concat());
    assert!(whole["files_kept"].as_u64() > Some(0), "{whole}");
    json(&["audit", "verify", &out, "--card", card]);

    json(&[&export[..], &[&excerpt, "--peer", "xb.pps"]].concat());
    let verify = ["audit", "verify", &excerpt, "--card", card, "--excerpt"];
    let verified = json(&verify);
    // Opened, xb.pps added, sealed; then opened, and this excerpt.
    assert_eq!((&verified["earlier"][0]["entries"], &verified["entries"]), (&3.into(), &2.into()));
    let numbers = &verified["peers"]["xb.pps"];
    assert_eq!((&numbers["from"], &numbers["last"]), (&1.into(), &2.into()));
    std::fs::remove_dir_all(Path::new(&excerpt).join("earlier")).expect("removed");
    assert!(refused(&verify).contains("a log is missing"));
}

/// What the program says where it refuses.
fn refused(args: &[&str]) -> String {
    let done = std::process::Command::new(crate::support::process::ROGATORY).args(args).output();
    let done = done.expect("it runs");
    assert!(!done.status.success(), "{args:?}");
    String::from_utf8(done.stderr).expect("UTF-8")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("made");
    for item in std::fs::read_dir(from).expect("a directory") {
        let path = item.expect("readable").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, &to).expect("copied")),
        }
    }
}
