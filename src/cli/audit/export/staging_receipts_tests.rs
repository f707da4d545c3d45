//! Receipts that only the export that is there may have.

use super::*;

const DROP: Consent = Consent { drop_receipts: true, drop_cards: false, drop_cosignatures: false };

/// What a node sends to whoever wants no receipts.
fn without_receipts(log: &TestLog, size: usize, since: u64) -> Sent {
    let mut files = sent(log, size, &[], since);
    let manifest = files.pop().map(|(_, manifest)| Manifest::parse_unverified(&manifest));
    let mut manifest = manifest.expect("a manifest").expect("sound");
    manifest.files.retain(|path, _| !path.starts_with("receipts/"));
    files.retain(|(path, _)| !path.starts_with("receipts/"));
    files.push((MANIFEST_PATH.into(), manifest.sign(&log.key).expect("signed").into_bytes()));
    files
}

#[test]
fn a_part_without_receipts_drops_those_that_are_there_only_where_that_is_said() {
    let root = tempfile::tempdir().expect("a directory");
    let log = log(1300);
    let (dir, part) = (root.path().join("export"), root.path().join("part"));
    export(&log, 600, &dir).expect("exported");
    let mut staging = Staging::open(&part).expect("opens");
    take_all(&mut staging, &without_receipts(&log, 1300, 600)).expect("taken");
    staging.finish(Kind::Since { entries: 600, origin: "xa.moj/log/2026" }).expect("all of it");
    let old = tree(&dir);
    let args = || merge::MergeArgs::of(&dir, &part);

    let (mut out, ..) = memory(Format::Table);
    let failure = merge::run(args(), &mut out).expect_err("they would be lost");
    assert_eq!(failure.code, Exit::Failed);
    assert!(failure.message.contains("lacks 12 receipts that"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("--drop-receipts")));
    assert!(tree(&dir) == old, "it is what it was");

    let (mut out, data, _) = memory(Format::Json);
    merge::run(args().dropping(DROP), &mut out).expect("merged");
    assert_eq!(data.json()["receipts_dropped"], 12);
    assert_eq!(verified(&log, &dir), 1300);
    assert!(!dir.join("receipts").exists());
}

#[test]
fn a_later_export_without_receipts_drops_those_that_are_there_only_where_that_is_said() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(300), root.path().join("export"));
    export(&log, 60, &dir).expect("exported");
    for may_go in [false, true] {
        let mut staging = Staging::open(&dir).expect("opens");
        if may_go {
            staging.let_go(DROP);
        }
        take_all(&mut staging, &without_receipts(&log, 300, 0)).expect("taken");
        match staging.finish(Kind::Whole) {
            Ok(staged) => {
                let fields = staged.dropped.fields(&dir);
                assert_eq!((may_go, fields), (true, vec![("receipts dropped", "2".to_owned())]));
            }
            Err(failure) => {
                assert!(!may_go && failure.message.contains("lacks 2 receipts"), "{failure}");
                assert!(tree(&dir) == fresh(&log, 60), "it is what it was");
            }
        }
    }
    assert_eq!(verified(&log, &dir), 300);
}
