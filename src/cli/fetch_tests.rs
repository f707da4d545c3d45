use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{Fake, id, message};
use crate::crypto::sha256;
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::request::Verdict;

pub(crate) const PACKAGE: &str = "01934f3e-0000-7000-8000-00000000000a";

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
pub(crate) fn fake(exhibits: Vec<(pb::Exhibit, Vec<u8>)>) -> Fake {
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

pub(in crate::cli) async fn fetched(fake: Fake, dir: &Path) -> Result<Fetched, Failure> {
    let (mut client, _) = fake.start().await;
    let (mut out, ..) = memory(Format::Table);
    fetch(&mut client, id(1), (dir, true), &mut out).await
}

/// What was asked for, exhibit and first chunk, and what came of it.
async fn asked(fake: Fake, dir: &Path) -> (Vec<(u32, u32)>, Result<Fetched, Failure>) {
    let seen = fake.seen.clone();
    let fetched = fetched(fake, dir).await;
    let downloads = seen.lock().expect("not poisoned").downloads.clone();
    (downloads, fetched)
}

/// One exhibit of two whole chunks and a part, and one that is small.
fn large() -> Vec<(pb::Exhibit, Vec<u8>)> {
    let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 100).map(|at| (at % 251) as u8).collect();
    vec![exhibit(0, "image.raw", &bytes), exhibit(1, "small", b"twelve bytes")]
}

/// A chain of custody that ends with this digest.
pub(super) fn held(digest: &str) -> Vec<pb::CustodyRecord> {
    let who = |name: &str| pb::Custodian { name: name.into(), organisation: "Police".into() };
    let record = pb::CustodyRecord {
        action: pb::CustodyAction::Transferred.into(),
        at: "2026-11-20T09:15:00.000Z".into(),
        by: Some(who("Officer 1")),
        to: Some(who("Clerk")),
        place: "Post of North Ford".into(),
        reason: "Warrant 2026/113".into(),
        seals: vec!["A-1".into(), "A-2".into()],
        ..pb::CustodyRecord::default()
    };
    let acquired = pb::CustodyRecord {
        action: pb::CustodyAction::Acquired.into(),
        to: None,
        tool: Some(pb::CustodyTool { name: "imager".into(), version: "1".into() }),
        digest: digest.into(),
        note: "-1 degree in the room".into(),
        ..record.clone()
    };
    vec![record, acquired]
}

pub(crate) fn three() -> Vec<(pb::Exhibit, Vec<u8>)> {
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
    let second = read("manifest-sha512.txt");
    // Of no bytes: FIPS 180-4.
    assert!(second.contains("cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e  data/empty\n"), "{second}");
    assert_eq!(second.lines().count(), 3);
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
async fn the_chain_of_custody_comes_with_it_and_a_difference_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut exhibits = three();
    exhibits[0].0.custody = held(&exhibits[0].0.sha256);
    exhibits[1].0.custody = held(&"ab".repeat(32));
    let fetched = fetched(fake(exhibits), dir.path()).await.expect("fetched");
    let read = |name: &str| fs::read_to_string(dir.path().join(PACKAGE).join(name)).expect(name);
    assert_eq!(read("metadata/custody.csv").lines().count(), 5);
    let case: Value = serde_json::from_str(&read("metadata/case.jsonld")).expect("JSON");
    assert_eq!(case["@graph"].as_array().map(Vec::len), Some(1 + 3 * 2 + 4 + 1));
    let tags = read("tagmanifest-sha256.txt");
    for name in ["metadata/custody.csv", "metadata/case.jsonld"] {
        let digest = hex::encode(sha256(read(name).as_bytes()));
        assert!(tags.contains(&format!("{digest}  {name}\n")), "{tags}");
    }
    let json = fs::read_to_string(dir.path().join(MESSAGE_FILE)).expect("written");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let said = &json["packages"][0]["exhibits"];
    assert_eq!(said[0]["custody"][0]["to"]["name"], "Clerk");
    assert_eq!(
        (&said[0]["custody_differs"], &said[1]["custody_differs"]),
        (&json!(false), &json!(true))
    );
    let (mut out, data, told) = memory(Format::Json);
    fetched.print(dir.path(), &mut out);
    assert_eq!(data.json()["custody_records"], 4);
    assert_eq!(data.json()["custody_differences"][0]["number"], 1);
    assert!(told.text().contains("พยาน.txt: its last custody record"), "{}", told.text());
}

#[tokio::test]
async fn custody_that_cannot_be_read_is_no_custody() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut exhibits = three();
    exhibits[0].0.custody = held("");
    exhibits[0].0.custody[0].action = 99;
    let failure = fetched(fake(exhibits), dir.path()).await.err().expect("no such action");
    assert_eq!(failure.code, Exit::VerificationFailed, "{failure}");
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
        assert!(!bag.join(".partial-0").exists(), "{defect}");
        assert!(!dir.path().join(MESSAGE_FILE).exists(), "{defect}");
        assert!(bag.join("data/พยาน.txt").exists(), "{defect}: the others come");
    }
}

#[tokio::test]
async fn what_is_not_whole_is_named_in_a_receipt_and_nothing_else_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    let node = || {
        let mut exhibits = three();
        exhibits[0].1 = b"one, two".to_vec();
        let mut node = fake(exhibits);
        node.messages[0].kind = pb::MessageKind::EvidencePackage.into();
        node
    };
    let failure = fetched(node(), &root).await.err().expect("one is cut short");
    let hint = failure.hint.expect("a hint");
    assert!(hint.contains(&format!("rogatory reply {} --fetched", id(1))), "{hint}");
    let (mut client, _) = node().start().await;
    let (out, ..) = memory(Format::Table);
    let said = verdicts(&mut client, id(1), &root, &out).await.expect("the others are whole");
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].exhibit, said[0].verdict), (0, Verdict::Damaged));
    assert!(said[0].text.contains("is not what its sender sealed"), "{}", said[0].text);
    // What is written down there makes no verdict.
    fs::write(root.join(DEFECTS), "{}").expect("written");
    assert_eq!(verdicts(&mut client, id(1), &root, &out).await, Ok(said));
    // What was lost here is nothing that its sender has to be told of.
    fs::remove_file(root.join(PACKAGE).join("data/พยาน.txt")).expect("there");
    let lost = verdicts(&mut client, id(1), &root, &out).await.expect_err("one is gone");
    assert!(lost.hint.expect("a hint").contains("fetch the message again"), "{}", lost.message);
    std::os::unix::fs::symlink("/dev/null", root.join(PACKAGE).join("data/link")).expect("linked");
    let link = verdicts(&mut client, id(1), &root, &out).await.expect_err("a link");
    assert!(link.message.contains("symbolic link"), "{link}");
    fs::remove_file(root.join(PACKAGE).join("data/link")).expect("there");
    // It is mended, and fetched again: then all of it is whole.
    let (mut client, _) = fake(three()).start().await;
    fetched(fake(three()), &root).await.expect("goes on");
    assert!(!root.join(DEFECTS).exists());
    assert_eq!(verdicts(&mut client, id(1), &root, &out).await.expect("whole"), Vec::new());
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
async fn a_link_that_is_cut_again_and_again_costs_no_whole_chunk() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    let (downloads, fetched) = asked(Fake { cuts: 3, ..fake(large()) }, &root).await;
    fetched.expect("fetched");
    // The third part is the last: the next call begins with the next exhibit.
    assert_eq!(downloads, [(0, 0), (0, 1), (0, 2), (1, 0)]);
    let bytes = fs::read(root.join(PACKAGE).join("data/image.raw")).expect("there");
    assert_eq!(bytes, large()[0].1);
    assert!(!root.join(".fetching").exists());
}

#[tokio::test]
async fn a_fetch_that_was_killed_goes_on_behind_what_came() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    let (small, image) = (exhibit(0, "small", b"twelve bytes"), &large()[0].1);
    let exhibits = vec![small, exhibit(1, "image.raw", image)];
    // One exhibit is whole, a chunk and a half of the other has come, and tag files were begun.
    drop(Place::take(&root, &message(1)).expect("a new directory"));
    let mut bag = Bag::create(&root.join(PACKAGE)).expect("a bag");
    fs::write(bag.half(0), b"twelve bytes").expect("written");
    let whole = crate::cli::files::Partial::at(bag.half(0));
    bag.admit(whole, "small", &sha256(b"twelve bytes"), 12).expect("admitted");
    fs::write(bag.half(1), &image[..CHUNK_BYTES * 3 / 2]).expect("written");
    fs::write(root.join(PACKAGE).join("bagit.txt"), "begun").expect("written");
    let (downloads, came) = asked(fake(exhibits.clone()), &root).await;
    came.expect("fetched");
    assert_eq!(downloads, [(1, 1)], "what is whole is not asked for");
    let bag = root.join(PACKAGE);
    assert_eq!(fs::read(bag.join("data/image.raw")).expect("there"), *image);
    assert_eq!(
        fs::read_to_string(bag.join("manifest-sha256.txt")).expect("there").lines().count(),
        2
    );
    let again = fetched(fake(exhibits), &root).await.err().expect("whole, and left alone");
    assert!(again.message.contains("is not empty"), "{again}");
}

#[tokio::test]
async fn a_fetch_goes_on_with_its_own_message_and_with_nothing_that_was_changed() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    let take = |message: &pb::Message| Place::take(&root, message);
    let lock = take(&message(1)).expect("new");
    let failure = take(&message(1)).err().expect("locked");
    assert!(failure.message.contains("another command is fetching"), "{failure}");
    drop(lock);
    let failure = take(&message(2)).err().expect("of another");
    assert!(failure.message.contains("holds another message"), "{failure}");
    let bag = root.join(PACKAGE);
    let long = vec![exhibit(0, "a/long", &vec![7; 1 << 20])];
    fs::create_dir_all(bag.join("data/a")).expect("made");
    fs::write(bag.join("data/a/long"), vec![6; 1 << 20]).expect("written");
    let failure = fetched(fake(long.clone()), &root).await.err().expect("changed");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("is not the exhibit that was fetched there"), "{failure}");
    fs::remove_file(bag.join("data/a/long")).expect("removed");
    fetched(fake(long), &root).await.expect("goes on");
}

#[tokio::test]
async fn what_was_left_damaged_comes_anew_before_anybody_is_accused() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    drop(Place::take(&root, &message(1)).expect("new"));
    let bag = Bag::create(&root.join(PACKAGE)).expect("a bag");
    // As a loss of power leaves it: the length is there, and the bytes are not.
    fs::write(bag.half(0), vec![0; 2 * CHUNK_BYTES]).expect("written");
    fs::set_permissions(bag.half(0), fs::Permissions::from_mode(0o600)).expect("set");
    let (downloads, came) = asked(fake(large()), &root).await;
    came.expect("fetched");
    assert_eq!(downloads, [(0, 2), (0, 0)]);
}

/// What is small is synced with all others: a loss of power before that can leave anything of it.
#[tokio::test]
async fn what_is_small_and_was_left_damaged_comes_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("case");
    drop(Place::take(&root, &message(1)).expect("new"));
    let data = root.join(PACKAGE).join("data");
    fs::create_dir_all(data.join("a")).expect("made");
    for (damaged, bytes) in [("a/bank records.csv", &b""[..]), ("empty", b"\0\0")] {
        fs::write(data.join(damaged), bytes).expect("written");
    }
    fetched(fake(three()), &root).await.expect("goes on");
    for (head, bytes) in three() {
        assert_eq!(fs::read(data.join(&head.original_name)).expect("there"), bytes);
    }
}

#[tokio::test]
async fn nothing_is_written_through_a_link_that_lies_in_the_directory() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().expect("a directory");
    let (root, victim) = (dir.path().join("case"), dir.path().join("victim"));
    fs::write(&victim, vec![7; 300_000]).expect("written");
    drop(Place::take(&root, &message(1)).expect("new"));
    let half = Bag::create(&root.join(PACKAGE)).expect("a bag").half(0);
    symlink(&victim, &half).expect("linked");
    fetched(fake(large()), &root).await.expect("fetched beside it");
    assert_eq!(fs::read(&victim).expect("there"), vec![7; 300_000]);
    let image = root.join(PACKAGE).join("data/image.raw");
    assert!(image.symlink_metadata().expect("there").is_file());

    let other = dir.path().join("other");
    drop(Place::take(&other, &message(1)).expect("new"));
    symlink(dir.path(), other.join(PACKAGE)).expect("linked");
    let failure = fetched(fake(large()), &other).await.err().expect("a link");
    assert!(failure.message.contains("is a link"), "{failure}");
}

/// Only a call from the first chunk to the last tells the node that an official was given an exhibit.
#[tokio::test]
async fn what_waits_for_an_approval_comes_from_its_beginning() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = fake(large());
    node.messages[0].state = pb::DeliveryState::AwaitingApproval as i32;
    let (downloads, fetched) = asked(Fake { cuts: 2, ..node }, &dir.path().join("case")).await;
    fetched.expect("fetched");
    assert_eq!(downloads, [(0, 0), (0, 0), (0, 0)]);
}

#[tokio::test]
async fn a_directory_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("mine"), "x").expect("written");
    let failure = fetched(fake(three()), dir.path()).await.err().expect("in use");
    assert_eq!(failure.code, Exit::Failed);
    assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1);
}
