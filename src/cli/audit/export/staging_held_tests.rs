//! What the export that is there holds is not lost to another that only looks as if it went on from it.

use super::*;
use crate::audit::testing::secret;
use crate::crypto::{SigningSecret, sha256};

/// An export with 600 entries, and what is new up to 1300, as whoever has the node may write it.
struct Case {
    root: tempfile::TempDir,
    log: TestLog,
    dir: PathBuf,
}

impl Case {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let (log, dir) = (log(1300), root.path().join("export"));
        export(&log, 600, &dir).expect("exported");
        Self { root, log, dir }
    }

    /// Has a part list other files than the log's, under the signature of a key.
    fn part(&self, key: &SigningSecret, change: impl Fn(&mut Sent)) -> PathBuf {
        let mut files = sent(&self.log, 1300, &[], 600);
        let listed = files.pop().map(|(_, manifest)| Manifest::parse_unverified(&manifest));
        let mut manifest = listed.expect("a manifest").expect("sound");
        change(&mut files);
        for (path, bytes) in &files {
            manifest.files.insert(path.clone(), sha256(bytes));
        }
        files.push((MANIFEST_PATH.into(), manifest.sign(key).expect("signed").into_bytes()));
        let part = self.root.path().join("part");
        write(&part, &files);
        part
    }

    /// Merges it, which is refused.
    fn refused(&self, part: &Path) -> Failure {
        let old = tree(&self.dir);
        let (mut out, ..) = memory(Format::Table);
        let failure = merge::run(merge::MergeArgs::of(&self.dir, part), &mut out);
        assert!(tree(&self.dir) == old, "it is what it was");
        let failure = failure.expect_err("refused");
        assert_eq!(failure.code, Exit::VerificationFailed);
        assert!(failure.hint.is_some());
        failure
    }
}

fn write(dir: &Path, files: &Sent) {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

fn rubbish(files: &mut Sent) {
    files.push(("tile/entries/000".into(), b"rubbish".to_vec()));
}

#[test]
fn bundles_that_do_not_lead_to_the_tiles_are_refused_whoever_has_signed_them() {
    let case = Case::new();
    let failure = case.refused(&case.part(&case.log.key, rubbish));
    assert!(failure.message.contains("tile/entries/000: does not hold exactly 256"), "{failure}");
    // New ones too.
    let last = |files: &mut Sent| {
        let (_, bytes) =
            files.iter_mut().find(|(path, _)| path == "tile/entries/003").expect("new");
        bytes[40] ^= 1;
    };
    case.refused(&case.part(&case.log.key, last));
}

#[test]
fn another_key_than_that_of_the_export_signs_nothing_that_takes_its_place() {
    let case = Case::new();
    for change in [rubbish, |_: &mut Sent| {}] {
        let failure = case.refused(&case.part(&secret(9), change));
        assert!(failure.message.contains("manifest: no signature"), "{failure}");
    }
    let checkpoint = |files: &mut Sent| {
        let note = case.log.head().sign(&secret(9)).into_bytes();
        files.iter_mut().find(|(path, _)| path == "checkpoint").expect("there").1 = note;
    };
    let failure = case.refused(&case.part(&case.log.key, checkpoint));
    assert!(failure.message.contains("checkpoint: no signature"), "{failure}");
}

#[test]
fn an_export_that_is_signed_by_no_key_of_its_own_is_not_gone_on_from() {
    let case = Case::new();
    let note = case.log.checkpoint(600).sign(&secret(9));
    fs::write(case.dir.join("checkpoint"), note).expect("written");
    let failure = case.refused(&case.part(&case.log.key, |_| {}));
    assert!(failure.message.contains("not signed with any key that it names"), "{failure}");
}

#[test]
fn a_bundle_that_was_changed_since_is_not_thrown_away_unseen() {
    let case = Case::new();
    fs::write(case.dir.join("tile/entries/001"), b"changed").expect("written");
    let old = tree(&case.dir);
    let failure = export(&case.log, 1300, &case.dir).err().expect("changed");
    assert!(failure.message.contains("tile/entries/001: does not hold the entries"), "{failure}");
    assert_eq!(tree(&case.dir), old);
}

#[test]
fn the_key_of_a_log_that_has_begun_since_is_the_one_that_the_log_before_names() {
    let root = tempfile::tempdir().expect("a directory");
    let mut first = log(600);
    let dir = root.path().join("export");
    export(&first, 600, &dir).expect("exported");
    let mut next = grown(first.succeed(4), 20);
    let both = |newest: &TestLog| {
        let earlier = sent_in("earlier/2026/", &first, first.entries.len(), &[], 0);
        [sent(newest, 20, &[], 0), earlier].concat()
    };
    let honest = both(&next);
    let newest_alone = sent(&next, 20, &[], 0);
    next.key = secret(9);
    let take = |files: &Sent| {
        let mut staging = Staging::open(&dir).expect("opens");
        take_all(&mut staging, files).expect("taken");
        staging.finish(Kind::Whole)
    };
    let old = tree(&dir);
    let failure = take(&both(&next)).err().expect("another key");
    assert!(failure.message.contains("manifest: no signature"), "{failure}");
    assert_eq!(tree(&dir), old);
    take(&honest).expect("the one that it names");
    assert_eq!(tree(&dir), honest.iter().cloned().collect());

    // The log before is not left out of what follows.
    let failure = take(&newest_alone).err().expect("one is missing");
    assert!(failure.message.contains("has the log xa.moj/log/2026, which"), "{failure}");
    assert_eq!(tree(&dir), honest.iter().cloned().collect());
}
