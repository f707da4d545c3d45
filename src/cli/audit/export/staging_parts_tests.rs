//! What is new of a log, and merging it.

use super::*;

#[test]
fn what_is_new_is_merged_into_what_came_before() {
    let root = tempfile::tempdir().expect("a directory");
    let log = log(1300);
    let (dir, part) = (root.path().join("export"), root.path().join("part"));
    export(&log, 600, &dir).expect("exported");
    let mut staging = Staging::open(&part).expect("opens");
    let files = sent(&log, 1300, &staging.held(), 600);
    let paths: Vec<&String> = files.iter().map(|(path, _)| path).collect();
    assert!(!paths.iter().any(|path| *path == "tile/entries/001" || *path == "tile/0/000"));
    assert!(!paths.iter().any(|path| *path == "receipts/557.tlog-proof"), "an old receipt");
    assert!(paths.iter().any(|path| *path == "receipts/607.tlog-proof"), "a new one");
    take_all(&mut staging, &files).expect("taken");
    staging
        .finish(Kind::Since { entries: 600, origin: "xa.moj/log/2026" })
        .expect("all that is new");

    let (mut out, ..) = memory(Format::Table);
    let (card, alone) = (card_of(&log), Alone::default());
    let failure = verify::verify(&part, &card, None, alone, &mut out, &mut |_, _| {});
    let failure = failure.expect_err("it is no export by itself");
    assert!(failure.hint.is_some_and(|hint| hint.contains("audit merge")));
    let kept = tree(&part);
    let (mut out, ..) = memory(Format::Table);
    merge::run(merge::MergeArgs::of(&dir, &part), &mut out).expect("merged");
    assert_eq!(tree(&dir), fresh(&log, 1300));
    assert_eq!(tree(&part), kept);
    assert_eq!(verified(&log, &dir), 1300);
}

#[test]
fn what_does_not_follow_on_the_export_is_not_merged() {
    let root = tempfile::tempdir().expect("a directory");
    let log = log(1300);
    let (dir, part) = (root.path().join("export"), root.path().join("part"));
    let mut staging = Staging::open(&part).expect("opens");
    take_all(&mut staging, &sent(&log, 1300, &[], 1100)).expect("taken");
    staging
        .finish(Kind::Since { entries: 1100, origin: "xa.moj/log/2026" })
        .expect("all that is new");
    let merge = |dir: &Path| {
        let (mut out, ..) = memory(Format::Table);
        merge::run(merge::MergeArgs::of(dir, &part), &mut out).expect_err("it does not follow")
    };
    assert_eq!(merge(&dir).code, Exit::NotFound);
    export(&log, 600, &dir).expect("exported");
    let old = tree(&dir);
    let failure = merge(&dir);
    assert!(failure.hint.is_some_and(|hint| hint.contains("since no more entries")));
    assert_eq!(tree(&dir), old);
    let mut fork = TestLog::new("xa.moj", 1);
    fork.push_stopped();
    let forked = root.path().join("fork");
    export(&grown(fork, 1200), 1200, &forked).expect("exported");
    assert_eq!(merge(&forked).code, Exit::VerificationFailed);
}
