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

/// An export of 600 entries, and a part with the rest.
fn two(root: &Path) -> (TestLog, PathBuf, PathBuf) {
    let (log, dir, part) = (log(1300), root.join("export"), root.join("part"));
    export(&log, 600, &dir).expect("exported");
    let mut staging = Staging::open(&part).expect("opens");
    take_all(&mut staging, &sent(&log, 1300, &[], 600)).expect("taken");
    let kind = Kind::Since { entries: 600, origin: "xa.moj/log/2026" };
    staging.finish(kind).expect("all that is new");
    (log, dir, part)
}

fn merged(dir: &Path, part: &Path) -> Result<(), Failure> {
    let (mut out, ..) = memory(Format::Table);
    merge::run(merge::MergeArgs::of(dir, part), &mut out)
}

#[test]
fn nobody_who_can_write_the_part_can_write_what_was_merged() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir, part) = two(root.path());
    merged(&dir, &part).expect("merged");
    for file in files_below(&part).expect("a directory") {
        let mut open = fs::OpenOptions::new().append(true).open(&file.path).expect("writable");
        open.write_all(b"more").expect("written");
    }
    assert_eq!(tree(&dir), fresh(&log, 1300));
}

#[test]
fn a_part_that_a_merge_would_remove_is_refused_and_stays() {
    let root = tempfile::tempdir().expect("a directory");
    let (_, dir, part) = two(root.path());
    let old = tree(&dir);
    for place in ["export.partial", "export.before", "export.partial/in", "export/in"] {
        let place = root.path().join(place);
        fs::create_dir_all(place.parent().expect("a parent")).expect("made");
        fs::rename(&part, &place).expect("renamed");
        let kept = tree(&place);
        let failure = merged(&dir, &place).expect_err("it would be lost");
        assert!(failure.message.contains("is, or lies in,"), "{failure}");
        assert_eq!(tree(&place), kept);
        fs::rename(&place, &part).expect("renamed");
        let _ = fs::remove_dir(partial(&dir));
    }
    assert!(merged(&dir, &dir.join("")).is_err(), "itself");
    assert_eq!(tree(&dir), old);
    merged(&dir, &part).expect("merged");
}

#[test]
fn an_excerpt_is_named_as_such() {
    let root = tempfile::tempdir().expect("a directory");
    let (_, dir, part) = two(root.path());
    let excerpt = "rogatory/v1/excerpt-manifest\nxa.moj/log/2026\n9\ncase\n";
    fs::write(part.join(MANIFEST_PATH), excerpt).expect("written");
    let failure = merged(&dir, &part).expect_err("an excerpt");
    assert_eq!(failure.code, Exit::BadInput);
    assert!(failure.message.contains("is an excerpt"), "{failure}");
}

#[test]
fn where_nothing_came_nothing_is_left_behind() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("export");
    drop(Staging::open(&dir).expect("opens"));
    assert!(!partial(&dir).exists());
    let mut staging = Staging::open(&dir).expect("opens");
    staging.take("policy", b"x").expect("taken");
    drop(staging);
    assert!(partial(&dir).join("policy").exists(), "the next run goes on from it");
}
