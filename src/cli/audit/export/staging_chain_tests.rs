//! What is new where a log has ended since, and merging it.

use super::*;

/// Three logs, of which two have ended.
fn logs() -> Vec<TestLog> {
    let mut first = log(1300);
    let mut second = grown(first.succeed(1), 420);
    let third = grown(second.succeed(1), 40);
    vec![first, second, third]
}

/// What a node sends of them to who has so many entries of the one of this number.
fn sent_since(logs: &[TestLog], log: usize, entries: u64) -> Sent {
    let since = |at| if at == log { entries } else { 0 };
    let wanted = logs.iter().enumerate().skip(log);
    let of_one = |(at, one): (usize, &TestLog)| {
        sent_in(&folder(logs, at), one, one.entries.len(), &[], since(at))
    };
    wanted.flat_map(of_one).collect()
}

fn folder(logs: &[TestLog], at: usize) -> String {
    match at + 1 == logs.len() {
        true => String::new(),
        false => earlier_dir(&logs[at].origin),
    }
}

/// A part as the command writes it.
fn part(logs: &[TestLog], log: usize, entries: u64, dir: &Path) {
    let mut staging = Staging::open(dir).expect("opens");
    take_all(&mut staging, &sent_since(logs, log, entries)).expect("taken");
    let kind = Kind::Since { entries, origin: &logs[log].origin };
    staging.finish(kind).expect("all that is new");
}

/// An export of the logs up to one, of which it has so many entries.
fn export_up_to(logs: &[TestLog], log: usize, entries: usize, dir: &Path) {
    let mut staging = Staging::open(dir).expect("opens");
    take_all(&mut staging, &sent(&logs[log], entries, &[], 0)).expect("taken");
    for ended in &logs[..log] {
        let folder = earlier_dir(&ended.origin);
        let files = sent_in(&folder, ended, ended.entries.len(), &[], 0);
        take_all(&mut staging, &files).expect("taken");
    }
    staging.finish(Kind::Whole).expect("exported");
}

fn merge(dir: &Path, part: &Path) -> Result<String, Failure> {
    let (mut out, data, _) = memory(Format::Table);
    merge::run(merge::MergeArgs::of(dir, part), &mut out).map(|()| data.text())
}

fn whole(logs: &[TestLog]) -> BTreeMap<String, Vec<u8>> {
    sent_since(logs, 0, 0).into_iter().collect()
}

fn verified_all(logs: &[TestLog], dir: &Path) -> usize {
    let (mut out, ..) = memory(Format::Table);
    let alone = Alone::default();
    let card = card_of(&logs[0]);
    let reports = verify::verify(dir, &card, None, alone, &mut out, &mut |_, _| {});
    reports.expect("sound").len()
}

#[test]
fn the_rest_of_a_log_and_those_that_follow_are_merged() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    for (log, entries, file) in
        [(0, 600, "earlier/2026/tile/entries/001"), (1, 300, "earlier/2027/tile/entries/000")]
    {
        let (dir, new) = (root.path().join(format!("{log}")), root.path().join(format!("{log}n")));
        export_up_to(&logs, log, entries, &dir);
        part(&logs, log, entries as u64, &new);
        assert!(!new.join(file).exists(), "it is there already");
        assert_eq!(new.join("earlier/2026").exists(), log == 0);
        let (mut out, ..) = memory(Format::Table);
        let alone = Alone::default();
        let failure =
            verify::verify(&new, &card_of(&logs[0]), None, alone, &mut out, &mut |_, _| {});
        let failure = failure.expect_err("it is no export by itself");
        assert!(failure.hint.is_some_and(|hint| hint.contains("audit merge")));
        let kept = tree(&new);
        let told = merge(&dir, &new).expect("merged");
        assert!(told.contains("40, in a new log"), "{told}");
        assert_eq!((tree(&dir), tree(&new)), (whole(&logs), kept));
        assert_eq!(verified_all(&logs, &dir), 3);
        // Once more changes nothing.
        merge(&dir, &new).expect("merged");
        assert_eq!(tree(&dir), whole(&logs));
    }
}

#[test]
fn a_part_may_begin_in_a_log_before_the_newest_that_is_there() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    let (dir, new) = (root.path().join("export"), root.path().join("part"));
    export_up_to(&logs, 1, 300, &dir);
    part(&logs, 0, 600, &new);
    merge(&dir, &new).expect("merged");
    assert_eq!(tree(&dir), whole(&logs));
}

#[test]
fn a_part_that_begins_later_or_lacks_a_log_is_not_merged() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    let (dir, new) = (root.path().join("export"), root.path().join("part"));
    export_up_to(&logs, 0, 600, &dir);
    let old = tree(&dir);
    part(&logs, 1, 300, &new);
    let failure = merge(&dir, &new).expect_err("of the next log");
    let hint = failure.hint.unwrap_or_default();
    assert!(hint.contains("--since 600 --log xa.moj/log/2026"), "{hint}");
    let lacks = root.path().join("lacks");
    part(&logs, 0, 600, &lacks);
    fs::remove_dir_all(lacks.join("earlier/2027")).expect("removed");
    let failure = merge(&dir, &lacks).expect_err("one is missing");
    assert!(failure.message.contains("no log of the export goes on from it"), "{failure}");
    let more = root.path().join("more");
    part(&logs, 0, 1200, &more);
    let failure = merge(&dir, &more).expect_err("since more than there is");
    assert!(failure.hint.is_some_and(|hint| hint.contains("since no more entries")));
    assert_eq!(tree(&dir), old);
}

#[test]
fn another_past_of_a_log_that_has_ended_is_not_merged() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    let (dir, new) = (root.path().join("export"), root.path().join("part"));
    let mut fork = TestLog::new("xa.moj", 1);
    fork.push_stopped();
    export_up_to(&[grown(fork, 1200)], 0, 1200, &dir);
    let old = tree(&dir);
    // With nothing left out, so that only the past can be wrong.
    part(&logs, 0, 1, &new);
    let failure = merge(&dir, &new).expect_err("another past");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("does not begin with the 1200 entries"), "{failure}");
    assert_eq!(tree(&dir), old);
}

#[test]
fn what_was_cut_off_between_its_manifests_and_its_place_goes_on() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    for newest in [true, false] {
        let dir = root.path().join(format!("{newest}"));
        export_up_to(&logs, 2, 40, &dir);
        fs::rename(&dir, partial(&dir)).expect("it never got its name");
        if !newest {
            fs::remove_file(partial(&dir).join("manifest")).expect("the last one");
        }
        drop(Staging::open(&dir).expect("opens"));
        let left = tree(&partial(&dir));
        assert!(!left.keys().any(|path| path.ends_with("manifest")), "{:?}", left.keys());
        export_up_to(&logs, 2, 40, &dir);
        assert!(tree(&dir) == whole(&logs));
    }
}

#[test]
fn a_whole_export_has_what_was_the_newest_log_from_where_it_lies() {
    let logs = logs();
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("export");
    export_up_to(&logs, 0, 600, &dir);
    let mut staging = Staging::open(&dir).expect("opens");
    staging.move_newest("earlier/2026/");
    let held = staging.held();
    for (at, log) in logs.iter().enumerate() {
        let files = sent_in(&folder(&logs, at), log, log.entries.len(), &held, 0);
        let is_there = |path: &str| files.iter().any(|(sent, _)| sent == path);
        assert!(!is_there("earlier/2026/tile/entries/001"), "it is there already");
        assert_eq!(is_there("earlier/2027/tile/entries/000"), at == 1);
        take_all(&mut staging, &files).expect("taken");
    }
    let staged = staging.finish(Kind::Whole).expect("whole");
    assert!(staged.kept > 2 * 2 + 12, "tiles, bundles and receipts: {}", staged.kept);
    assert_eq!(tree(&dir), whole(&logs));
}
