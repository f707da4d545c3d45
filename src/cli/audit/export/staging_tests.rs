use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::audit::Event;
use crate::audit::entry::EntryDraft;
use crate::audit::export::{LeftOut, Source, write_export};
use crate::audit::testing::{TestLog, authority, delivery};
use crate::cli::audit::chain::Alone;
use crate::cli::audit::export::merge;
use crate::cli::audit::verify;
use crate::cli::evidence::files_below;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;

/// A log that grows: a message with a receipt that is recorded every fifty entries.
fn log(entries: usize) -> TestLog {
    grown(TestLog::new("xa.moj", 1), entries)
}

fn grown(mut log: TestLog, entries: usize) -> TestLog {
    while log.entries.len() < entries {
        let number = log.entries.len() as u64;
        let draft = delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number);
        log.push(match number % 50 {
            7 => recorded(number),
            _ => draft,
        });
    }
    log
}

/// The receipt of xb.oag that entry `number` records.
fn receipt(number: u64) -> (String, crate::audit::entry::Coordinates) {
    let mut other = TestLog::new("xb.oag", 2);
    let index = other.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", number));
    let proof = crate::audit::proof::TlogProof {
        extra: other.entries[1].clone(),
        index,
        hashes: other.proof(index, 2),
        checkpoint: other.checkpoint(2).sign(&other.key),
    };
    (proof.to_text(), other.coordinates(index, 2))
}

fn recorded(number: u64) -> EntryDraft {
    let (text, place) = receipt(number);
    let draft = delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", number);
    draft.receipt(crate::crypto::sha256(text.as_bytes())).remote(place)
}

#[path = "staging_chain_tests.rs"]
mod chain;
#[path = "staging_held_tests.rs"]
mod held;
#[path = "staging_parts_tests.rs"]
mod parts;
#[path = "staging_receipts_tests.rs"]
mod receipts;

type Sent = Vec<(String, Vec<u8>)>;

/// What a node sends of the first `size` entries to who says that it holds and has this.
fn sent(log: &TestLog, size: usize, held: &[u8], since: u64) -> Sent {
    sent_in("", log, size, held, since)
}

/// The same in a folder of the export.
fn sent_in(folder: &str, log: &TestLog, size: usize, held: &[u8], since: u64) -> Sent {
    let mut left_out = LeftOut::new(held, since);
    left_out.see(0, &log.entries[..size]);
    let numbers = (0..size as u64).filter(|number| number % 50 == 7);
    let receipts = numbers
        .map(|number| (format!("receipts/{number}.tlog-proof"), receipt(number).0.into_bytes()));
    let card = ("cards/xa.moj.card".to_owned(), card_of(log).text().as_bytes().to_vec());
    let source = Source {
        checkpoint: &log.checkpoint(size as u64).sign(&log.key),
        key: &log.key,
        entries: &mut |from, limit| {
            let rest = log.entries.iter().skip(from as usize).take(limit);
            Ok::<_, Infallible>(rest.cloned().collect())
        },
        extras: &mut receipts.chain([card]).map(Ok),
        progress: &mut |_, _| {},
    };
    let mut files = Sent::new();
    write_export(source, &mut |path, bytes| {
        if path == MANIFEST_PATH || !left_out.leaves_out(folder, path, bytes) {
            files.push((format!("{folder}{path}"), bytes.to_vec()));
        }
        Ok(())
    })
    .expect("exported");
    files
}

fn take_all(staging: &mut Staging, files: &Sent) -> Result<(), Failure> {
    files.iter().try_for_each(|(path, bytes)| staging.take(path, bytes))
}

/// Exports as the command does.
fn export(log: &TestLog, size: usize, dir: &Path) -> Result<Staged, Failure> {
    let mut staging = Staging::open(dir)?;
    let files = sent(log, size, &staging.held(), 0);
    take_all(&mut staging, &files)?;
    staging.finish(Kind::Whole)
}

/// All of a directory.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(dir).expect("a directory");
    files.into_iter().map(|f| (f.name, fs::read(&f.path).expect("there"))).collect()
}

/// What a single run into a new directory gives.
fn fresh(log: &TestLog, size: usize) -> BTreeMap<String, Vec<u8>> {
    sent(log, size, &[], 0).into_iter().collect()
}

fn verified(log: &TestLog, dir: &Path) -> u64 {
    let (mut out, ..) = memory(Format::Table);
    let alone = Alone::default();
    let reports = verify::verify(dir, &card_of(log), None, alone, &mut out, &mut |_, _| {});
    reports.expect("sound").iter().map(|report| report.entries).sum()
}

fn partial(dir: &Path) -> PathBuf {
    beside(dir, ".partial")
}

#[test]
fn a_new_export_is_there_when_all_of_it_is() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(600), root.path().join("export"));
    let staged = export(&log, 600, &dir).expect("exported");
    assert_eq!((staged.size, staged.before, staged.kept), (600, None, 0));
    assert_eq!(tree(&dir), fresh(&log, 600));
    assert_eq!(verified(&log, &dir), 600);
    assert!(!partial(&dir).exists());
}

#[test]
fn wherever_it_is_cut_off_it_goes_on_and_fetches_no_whole_file_again() {
    let root = tempfile::tempdir().expect("a directory");
    let log = log(600);
    let all = sent(&log, 600, &[], 0);
    for cut in 0..all.len() {
        let dir = root.path().join(format!("export-{cut}"));
        let mut staging = Staging::open(&dir).expect("opens");
        take_all(&mut staging, &all[..cut].to_vec()).expect("taken");
        // In the middle of the next one.
        let (path, bytes) = &all[cut];
        staging.take(path, &bytes[..bytes.len() / 2]).expect("taken");
        if cut % 2 == 0 || path == MANIFEST_PATH {
            drop(staging);
        } else {
            assert_eq!(staging.finish(Kind::Whole).err().expect("cut").code, Exit::Unavailable);
        }
        assert!(!dir.exists(), "there is no export before all of it is there");
        assert!(!partial(&dir).join(MANIFEST_PATH).exists(), "nor what looks like one");
        let mut staging = Staging::open(&dir).expect("opens again");
        let rest = sent(&log, 600, &staging.held(), 0);
        assert_eq!(rest, all[cut..], "cut at {path}");
        take_all(&mut staging, &rest).expect("taken");
        let staged = staging.finish(Kind::Whole).expect("whole");
        assert_eq!(staged.kept as usize, cut);
        assert_eq!(tree(&dir), fresh(&log, 600));
    }
}

#[test]
fn what_was_damaged_meanwhile_is_fetched_again() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(600), root.path().join("export"));
    let all = sent(&log, 600, &[], 0);
    let mut staging = Staging::open(&dir).expect("opens");
    take_all(&mut staging, &all[..all.len() - 1].to_vec()).expect("taken");
    drop(staging);
    let at = |path: &str| partial(&dir).join(path);
    fs::write(at("tile/0/000"), [0; 32]).expect("written");
    fs::write(at("tile/entries/001"), []).expect("written");
    fs::remove_file(at("checkpoint")).expect("removed");
    fs::write(at("tile/0/002.p/44"), "of a smaller log").expect("written");
    let mut staging = Staging::open(&dir).expect("opens again");
    let rest = sent(&log, 600, &staging.held(), 0);
    let paths: Vec<&str> = rest.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["tile/0/000", "tile/entries/001", "checkpoint", "manifest"]);
    take_all(&mut staging, &rest).expect("taken");
    staging.finish(Kind::Whole).expect("whole");
    assert_eq!(tree(&dir), fresh(&log, 600), "and what is of no use is gone");
}

#[test]
fn an_export_that_is_there_is_brought_up_with_what_is_new() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(1300), root.path().join("export"));
    for (size, before) in [(300, None), (301, Some(300)), (512, Some(301)), (1300, Some(512))] {
        let held = Staging::open(&dir).expect("opens").held();
        let paths: Vec<String> =
            sent(&log, size, &held, 0).into_iter().map(|(path, _)| path).collect();
        let staged = export(&log, size, &dir).expect("exported");
        assert_eq!((staged.size, staged.before), (size as u64, before));
        assert_eq!(tree(&dir), fresh(&log, size), "{size} entries");
        assert_eq!(verified(&log, &dir), size as u64);
        if let Some(before) = before {
            let full: Vec<String> = full_paths(before).collect();
            assert!(full.iter().all(|path| !paths.contains(path)), "{paths:?}");
        }
    }
}

#[test]
fn until_the_new_one_is_whole_the_old_one_is_what_it_was() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(900), root.path().join("export"));
    export(&log, 300, &dir).expect("exported");
    let old = tree(&dir);
    let all = {
        let staging = Staging::open(&dir).expect("opens");
        sent(&log, 900, &staging.held(), 0)
    };
    for cut in 0..all.len() {
        let mut staging = Staging::open(&dir).expect("opens");
        take_all(&mut staging, &all[..cut].to_vec()).expect("taken");
        drop(staging);
        assert_eq!(tree(&dir), old, "cut before {}", all[cut].0);
        assert_eq!(verified(&log, &dir), 300);
    }
    export(&log, 900, &dir).expect("goes on");
    assert_eq!(tree(&dir), fresh(&log, 900));
}

#[test]
fn another_log_is_refused_and_so_is_another_past() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(300), root.path().join("export"));
    export(&log, 300, &dir).expect("exported");
    let old = tree(&dir);
    let before = Staging::open(&dir).expect("opens").before().cloned().expect("an export");

    let other = grown(TestLog::new("xc.moj", 3), 400);
    let failure = export(&other, 400, &dir).err().expect("another log");
    assert_eq!(failure.code, Exit::Failed);
    assert!(failure.message.contains("xc.moj/log/2026"), "{failure}");
    let early = past::extends(&before, &other.head(), &[], &dir).expect_err("another log");
    assert_eq!(early.message, failure.message, "known before anything is fetched");

    let mut fork = TestLog::new("xa.moj", 1);
    fork.push(EntryDraft::new(Event::PeerAdded).peer(authority("xz.oag")).card([1; 32]));
    let fork = grown(fork, 400);
    let failure = export(&fork, 400, &dir).err().expect("another past");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("does not begin with the 300 entries"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("two pasts")));
    let proof = fork.consistency(300, 400);
    let early = past::extends(&before, &fork.head(), &proof, &dir).expect_err("another past");
    assert_eq!(early.code, Exit::VerificationFailed);

    let failure = export(&log, 200, &dir).err().expect("a log never shrinks");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("never shrinks"), "{failure}");
    assert_eq!(tree(&dir), old);

    let longer = grown(log, 500);
    let proof = longer.consistency(300, 500);
    assert_eq!(past::extends(&before, &longer.head(), &proof, &dir), Ok(()));
}

#[test]
fn a_log_that_has_ended_since_is_held_to_its_past_in_its_new_place() {
    let root = tempfile::tempdir().expect("a directory");
    let (mut log, dir) = (log(400), root.path().join("export"));
    export(&log, 300, &dir).expect("exported");
    let mut fork = TestLog::new("xa.moj", 1);
    fork.push_stopped();
    let mut fork = grown(fork, 400);
    let both = |old: &mut TestLog| {
        let next = grown(old.succeed(4), 20);
        let earlier = sent_in("earlier/2026/", old, old.entries.len(), &[], 0);
        [sent(&next, 20, &[], 0), earlier].concat()
    };
    let mut staging = Staging::open(&dir).expect("opens");
    take_all(&mut staging, &both(&mut fork)).expect("taken");
    let failure = staging.finish(Kind::Whole).err().expect("another past");
    assert!(failure.message.contains("does not begin with the 300 entries"), "{failure}");
    let both = both(&mut log);
    for size in [None, Some(20)] {
        let mut staging = Staging::open(&dir).expect("opens");
        take_all(&mut staging, &both).expect("taken");
        let staged = staging.finish(Kind::Whole).expect("whole");
        assert_eq!((staged.size, staged.before), (20, size.or(Some(300))));
        assert_eq!(tree(&dir), both.iter().cloned().collect());
    }
    // Only the newest log, where the part before it is there.
    assert_eq!(past::earlier_manifests(&dir).expect("readable").len(), 1);
}

#[test]
fn directories_with_something_else_in_them_are_left_alone() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(300), root.path().join("export"));
    fs::create_dir(&dir).expect("made");
    export(&log, 300, &dir).expect("an empty directory is as good as none");
    fs::write(dir.join("notes.txt"), "mine").expect("written");
    let failure = export(&log, 300, &dir).err().expect("it would be lost");
    assert!(failure.message.contains("notes.txt"), "{failure}");
    fs::remove_file(dir.join("notes.txt")).expect("removed");
    fs::remove_file(dir.join("manifest")).expect("removed");
    let failure = export(&log, 300, &dir).err().expect("no export");
    assert!(failure.message.contains("no manifest"), "{failure}");
    let other = root.path().join("other");
    fs::create_dir_all(partial(&other)).expect("made");
    fs::write(partial(&other).join(".mine"), "mine").expect("written");
    let failure = export(&log, 300, &other).err().expect("it would be lost");
    assert!(failure.message.contains(".mine"), "{failure}");
}

#[test]
fn the_new_one_is_put_together_beside_whatever_the_directory_is_called() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(300), root.path().join("export"));
    export(&log, 256, &dir.join("")).expect("a slash at the end");
    assert_eq!(verified(&log, &dir), 256);
    std::os::unix::fs::symlink(&dir, root.path().join("link")).expect("a link");
    export(&log, 300, &root.path().join("link")).expect("where the link leads to");
    assert_eq!(verified(&log, &dir), 300);
    assert!(root.path().join("link").is_symlink() && !dir.is_symlink());
    let failure = export(&log, 300, Path::new("/")).err().expect("nothing is beside it");
    assert_eq!(failure.code, Exit::Failed);
}

#[test]
fn two_commands_do_not_write_one_export() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("export");
    let first = Staging::open(&dir).expect("opens");
    let failure = Staging::open(&dir).err().expect("one is at it");
    assert!(failure.message.contains("another command"), "{failure}");
    drop(first);
    Staging::open(&dir).expect("it has ended");
}

#[test]
fn what_a_node_must_not_send_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("export");
    for bad in ["../x", "/etc/x", "a/../b", ".hidden", "a//b", ""] {
        let mut staging = Staging::open(&dir).expect("opens");
        assert_eq!(staging.take(bad, b"x").expect_err(bad).code, Exit::VerificationFailed);
    }
    let mut staging = Staging::open(&dir).expect("opens");
    staging.take("a", b"one").expect("taken");
    staging.take("b", b"x").expect("taken");
    assert!(staging.take("a", b"two").is_err(), "twice");
    staging.take(MANIFEST_PATH, b"none").expect("taken");
    assert!(staging.take("c", b"x").is_err(), "behind the manifest");
    assert_eq!(staging.finish(Kind::Whole).err().expect("none").code, Exit::VerificationFailed);
    assert!(!dir.exists());
}

#[test]
fn a_file_that_the_manifest_lists_and_nobody_sent_is_noticed() {
    let root = tempfile::tempdir().expect("a directory");
    let (log, dir) = (log(300), root.path().join("export"));
    for without in ["tile/0/000", "checkpoint", "cards/xa.moj.card", "receipts/7.tlog-proof"] {
        let mut files = sent(&log, 300, &[], 0);
        files.retain(|(path, _)| path != without);
        let mut staging = Staging::open(&dir).expect("opens");
        take_all(&mut staging, &files).expect("taken");
        let failure = staging.finish(Kind::Whole).err().expect(without);
        assert!(failure.message.contains(without), "{failure}");
        assert!(!dir.exists());
        fs::remove_dir_all(partial(&dir)).expect("removed");
    }
}
