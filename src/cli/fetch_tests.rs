use std::fs;

use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{Fake, id, message};
use crate::crypto::sha256;

pub(super) const PACKAGE: &str = "01934f3e-0000-7000-8000-00000000000a";

pub(super) fn exhibit(number: u32, name: &str, bytes: &[u8]) -> (pb::Exhibit, Vec<u8>) {
    let head = pb::Exhibit {
        number,
        original_name: name.into(),
        media_type: "text/plain".into(),
        size_bytes: bytes.len() as u64,
        sha256: hex::encode(sha256(bytes)),
        custody: Vec::new(),
    };
    (head, bytes.to_vec())
}

/// A node with one message that carries these exhibits, and has a receipt.
pub(super) fn fake(exhibits: Vec<(pb::Exhibit, Vec<u8>)>) -> Fake {
    let package = pb::Package {
        package_id: PACKAGE.into(),
        exhibits: exhibits.len() as u32,
        ..Default::default()
    };
    let peer = "xb.oag".to_owned();
    let message = pb::Message { packages: vec![package], peer, ..message(1) };
    let mut log = TestLog::new("xb.oag", 2);
    let index = log.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", 1));
    let entry = &log.entries[index as usize];
    let checkpoint = log.head().sign(&log.key);
    let receipt = crate::receipt::Receipt::new(entry, index, log.proof(index, 2), checkpoint);
    let text = receipt.expect("a receipt").text().to_owned();
    let receipts = vec![pb::Receipt { text, ..Default::default() }];
    Fake { messages: vec![message], page: 2, exhibits, receipts, ..Default::default() }
}

pub(super) async fn fetched(fake: Fake, dir: &Path) -> Result<Fetched, Failure> {
    let (mut client, _) = fake.start().await;
    let (out, ..) = memory(Format::Table);
    fetch(&mut client, id(1), dir, &out).await
}

pub(super) fn three() -> Vec<(pb::Exhibit, Vec<u8>)> {
    vec![
        exhibit(0, "a/bank records.csv", b"one, two, three, four"),
        exhibit(1, "พยาน.txt", "ü".as_bytes()),
        exhibit(2, "empty", b""),
    ]
}

#[tokio::test]
async fn a_message_is_fetched_with_all_that_it_carries() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case/1");
    let fetched = fetched(fake(three()), &root).await.expect("fetched");
    assert_eq!(fetched.receipts, 1);
    let bag = root.join(PACKAGE);
    let read = |name: &str| fs::read_to_string(bag.join(name)).expect(name);
    assert_eq!(read("data/a/bank records.csv"), "one, two, three, four");
    assert_eq!(read("data/พยาน.txt"), "ü");
    assert_eq!(read("manifest-sha256.txt").lines().count(), 3);
    assert!(read("bag-info.txt").contains("Source-Organization: xb.oag\n"));
    assert!(root.join("receipts/xb.oag-1-RelayAcceptance.tlog-proof").exists());
    let json = fs::read_to_string(root.join(MESSAGE_FILE)).expect("written");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["message_id"], id(1).to_string());
    assert_eq!(json["envelope_digest"], "ab".repeat(32));
    assert_eq!(json["packages"][0]["exhibits"][1]["original_name"], "พยาน.txt");
    let (mut out, data, _) = memory(Format::Json);
    fetched.print(&root, &mut out);
    assert_eq!(data.json()["exhibits"], 3);
}

#[tokio::test]
async fn what_does_not_fit_its_digest_never_gets_its_name() {
    for (defect, bytes) in [
        ("another byte", b"one, two, three, fouR".as_slice()),
        ("cut short", b"one, two"),
        ("more of it", b"one, two, three, four, five"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut exhibits = three();
        exhibits[0].1 = bytes.to_vec();
        let failure = fetched(fake(exhibits), dir.path()).await.err().expect(defect);
        assert_eq!(failure.code, Exit::VerificationFailed, "{defect}");
        assert!(failure.message.contains("a/bank records.csv"), "{failure}");
        let bag = dir.path().join(PACKAGE);
        assert!(!bag.join("data/a/bank records.csv").exists(), "{defect}");
        assert!(!bag.join(".partial").exists(), "{defect}");
        assert!(!dir.path().join(MESSAGE_FILE).exists(), "{defect}");
    }
}

#[tokio::test]
async fn a_package_that_lists_too_little_or_leads_elsewhere_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut short = fake(three());
    short.exhibits.pop();
    let failure = fetched(short, &dir.path().join("a")).await.err().expect("one is missing");
    assert_eq!(failure.code, Exit::VerificationFailed);
    let outside = vec![exhibit(0, "../../../x", b"x")];
    let failure = fetched(fake(outside), &dir.path().join("b")).await.err().expect("outside");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(!dir.path().join("x").exists());
}

#[tokio::test]
async fn a_directory_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("mine"), "x").expect("written");
    let failure = fetched(fake(three()), dir.path()).await.err().expect("in use");
    assert_eq!(failure.code, Exit::Failed);
    assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1);
}
