//! What is done to a sound export, and what the verifier then names.

use super::*;
use crate::audit::entry::{Entry, Field};
use crate::audit::note::NoteError;

/// Replaces the entries of a bundle.
fn edit_bundle(export: &mut Export, path: &str, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let entries = parse_bundle(&export[path]).expect("a sound bundle");
    let mut entries = entries.into_iter().map(<[u8]>::to_vec).collect();
    edit(&mut entries);
    export.insert(path.to_owned(), bundle_bytes(&entries).expect("still a bundle"));
}

/// An export of the log with one entry rewritten, signed by its owner: all hashes fit.
fn rewritten(index: usize, edit: impl FnOnce(&mut Entry)) -> Result<Report, VerifyFailure> {
    let (mut log, _) = log();
    let mut entry = Entry::parse(&log.entries[index]).expect("a sound entry");
    edit(&mut entry);
    log.entries[index] = entry.encode();
    check(&log, &export_of(&log, &[]))
}

#[test]
fn a_flipped_byte_in_any_file_is_found_and_named() {
    let (log, export) = sound();
    for (path, bytes) in &export {
        let last = bytes.len() - 1;
        for at in [0, 1, 2, last / 3, last / 2, last - 1, last] {
            let mut bad = export.clone();
            bad.get_mut(path).expect("this file")[at] ^= 1;
            let failure = check(&log, &bad).expect_err(&format!("byte {at} of {path}"));
            assert_eq!(failure.path(), Some(path.as_str()), "byte {at}: {failure}");
            assert!(failure.to_string().starts_with(path), "{failure}");
        }
    }
}

#[test]
fn a_flipped_byte_in_a_bundle_names_the_entry() {
    let (log, export) = sound();
    for (path, first) in [("tile/entries/000", 0), ("tile/entries/002.p/88", 512)] {
        let mut offset = 0;
        let entries = parse_bundle(&export[path]).expect("sound");
        for (at, entry) in entries.iter().enumerate() {
            for inside in [0, 1, 2, entry.len() / 2, entry.len() + 1] {
                let mut bad = export.clone();
                bad.get_mut(path).expect("this file")[offset + inside] ^= 1;
                let expected =
                    VerifyFailure::Altered { path: path.into(), entry: Some(first + at as u64) };
                if at % 29 == 0 {
                    assert_eq!(check(&log, &bad), Err(expected), "byte {inside} of entry {at}");
                }
            }
            offset += 2 + entry.len();
        }
    }
}

#[test]
fn a_removed_file_is_missing() {
    let (log, export) = sound();
    for path in export.keys() {
        let mut bad = export.clone();
        bad.remove(path);
        assert_eq!(check(&log, &bad), Err(VerifyFailure::Missing { path: path.clone() }));
    }
}

#[test]
fn an_added_file_is_not_listed() {
    let (log, export) = sound();
    for path in ["tile/0/003", "receipts/x.tlog-proof", "x", "tile/0/002.p/87", "../x"] {
        let mut bad = export.clone();
        bad.insert(path.to_owned(), Vec::new());
        assert_eq!(check(&log, &bad), Err(VerifyFailure::Unlisted { path: path.into() }));
        if path != "../x" {
            resign(&log, &mut bad);
            let failure = check(&log, &bad).expect_err("listed, but not of an export");
            assert_eq!(failure.path(), Some(path), "{failure}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let (log, export) = sound();
    let list: Vec<String> = export.keys().cloned().collect();
    let mut read = |path: &str| match path {
        "tile/0/001" => Err("bad sector"),
        path => Ok(export.get(path).cloned()),
    };
    let (path, why) = ("tile/0/001".to_owned(), "bad sector".to_owned());
    assert_eq!(
        verify_export(&mut read, &list, &trust(&log), &mut |_, _| {}),
        Err(VerifyFailure::Unreadable { path, why })
    );
}

#[test]
fn a_file_in_the_place_of_another_is_found() {
    let (log, export) = sound();
    for (a, b) in [("tile/0/000", "tile/0/001"), ("tile/entries/000", "tile/entries/001")] {
        let mut bad = export.clone();
        bad.insert(a.to_owned(), export[b].clone());
        bad.insert(b.to_owned(), export[a].clone());
        assert_eq!(check(&log, &bad).expect_err("swapped").path(), Some(a));
    }
}

#[test]
fn an_export_of_another_log_or_key_is_refused() {
    let (log, export) = sound();
    let other = Trust { origin: "xa.moj/log/2025".to_owned(), ..trust(&log) };
    let of_2026 = ManifestError::OtherOrigin(log.origin.clone());
    assert_eq!(check_with(&other, &export), Err(VerifyFailure::Manifest(of_2026)));
    let keys = vec![verifier(&log.origin, &secret(9))];
    let unknown = VerifyFailure::Manifest(ManifestError::Note(NoteError::NoKnownKey));
    assert_eq!(check_with(&Trust { keys, ..trust(&log) }, &export), Err(unknown.clone()));
    assert_eq!(check_with(&Trust { keys: Vec::new(), ..trust(&log) }, &export), Err(unknown));
}

#[test]
fn a_checkpoint_of_another_state_is_found() {
    let (log, mut export) = sound();
    let older = log.checkpoint(599).sign(&log.key);
    export.insert(CHECKPOINT_PATH.to_owned(), older.into_bytes());
    resign(&log, &mut export);
    let size = VerifyFailure::Size { manifest: 600, checkpoint: 599 };
    assert_eq!(check(&log, &export), Err(size));
    let other = Checkpoint { root: [1; 32], ..log.head() }.sign(&log.key);
    export.insert(CHECKPOINT_PATH.to_owned(), other.into_bytes());
    resign(&log, &mut export);
    assert_eq!(check(&log, &export), Err(VerifyFailure::Root));
    let unsigned = log.head().sign(&secret(9));
    export.insert(CHECKPOINT_PATH.to_owned(), unsigned.into_bytes());
    resign(&log, &mut export);
    assert!(matches!(check(&log, &export), Err(VerifyFailure::Checkpoint(_))));
}

#[test]
fn a_truncated_log_is_found_though_its_owner_signs_the_list() {
    let (log, export) = sound();
    let mut bad = export.clone();
    let path = "tile/entries/002.p/88".to_owned();
    bad.remove(&path);
    resign(&log, &mut bad);
    assert_eq!(check(&log, &bad), Err(VerifyFailure::Missing { path: path.clone() }));
    let mut bad = export.clone();
    edit_bundle(&mut bad, &path, |entries| entries.truncate(80));
    resign(&log, &mut bad);
    let cut = VerifyFailure::Bundle { path: path.clone(), expected: 88, entry: 592 };
    assert_eq!(check(&log, &bad), Err(cut));
    let mut bad = export.clone();
    edit_bundle(&mut bad, &path, |entries| entries.push(entries[0].clone()));
    resign(&log, &mut bad);
    let long = VerifyFailure::Bundle { path: path.clone(), expected: 88, entry: 600 };
    assert_eq!(check(&log, &bad), Err(long));
    let mut bad = export;
    bad.get_mut(&path).expect("this file").pop();
    resign(&log, &mut bad);
    let torn = VerifyFailure::Bundle { path, expected: 88, entry: 599 };
    assert_eq!(check(&log, &bad), Err(torn));
}

#[test]
fn reordered_entries_are_found_though_their_owner_signs_the_list() {
    let (log, mut export) = sound();
    edit_bundle(&mut export, "tile/entries/001", |entries| entries.swap(10, 11));
    let path = "tile/entries/001".to_owned();
    let altered = VerifyFailure::Altered { path, entry: Some(266) };
    assert_eq!(check(&log, &export), Err(altered));
    resign(&log, &mut export);
    let failure = check(&log, &export).expect_err("reordered");
    assert_eq!(failure.entry(), Some(267), "the second now is the older: {failure}");
}

#[test]
fn an_entry_that_is_not_in_the_tree_is_found_though_its_owner_signs_the_list() {
    let (log, mut export) = sound();
    edit_bundle(&mut export, "tile/entries/001", |entries| {
        let mut entry = Entry::parse(&entries[10]).expect("sound");
        entry.nonce = [0; 16];
        entries[10] = entry.encode();
    });
    resign(&log, &mut export);
    let tile = VerifyFailure::Tile { path: "tile/0/001".to_owned(), entry: Some(266) };
    assert_eq!(check(&log, &export), Err(tile));
}

#[test]
fn a_wrong_upper_tile_is_found_though_its_owner_signs_the_list() {
    let (log, mut export) = sound();
    export.get_mut("tile/1/000.p/2").expect("this file")[40] ^= 1;
    resign(&log, &mut export);
    let tile = VerifyFailure::Tile { path: "tile/1/000.p/2".to_owned(), entry: None };
    assert_eq!(check(&log, &export), Err(tile));
}

#[test]
fn malformed_entries_are_named_though_all_hashes_fit() {
    let (mut log, _) = log();
    let text = String::from_utf8(log.entries[300].clone()).expect("JSON");
    log.entries[300] = text.replace(",\"v\":1", ", \"v\":1").into_bytes();
    let failure = check(&log, &export_of(&log, &[])).expect_err("a space");
    let source = EntryError::NotCanonical;
    assert_eq!(failure, VerifyFailure::Entry { index: 300, source });
    assert!(rewritten(300, |_| {}).is_ok(), "the other tests rewrite what is sound");
    let result = rewritten(2, |entry| entry.payload = None);
    let (event, field) = (Event::SubmissionAcceptance, Field::Payload);
    let source = EntryError::Missing { event, field };
    assert_eq!(result, Err(VerifyFailure::Entry { index: 2, source }));
}

#[test]
fn entries_that_break_the_order_are_named() {
    let result = rewritten(300, |entry| entry.at = entry.at.plus_ms(-11));
    assert!(matches!(result, Err(VerifyFailure::TimeRunsBack { index: 300, .. })), "{result:?}");
    assert!(rewritten(300, |entry| entry.at = entry.at.plus_ms(-10)).is_ok(), "equal is allowed");
    let result = rewritten(300, |entry| entry.at = entry.at.plus_ms(11));
    assert!(matches!(result, Err(VerifyFailure::TimeRunsBack { index: 301, .. })), "{result:?}");
    let second = |by: u64| rewritten(2, move |entry| entry.peer_seq = Some(2 + by - 1));
    let peer = authority("xb.oag");
    let sequence =
        |found| VerifyFailure::Sequence { index: 2, peer: peer.clone(), expected: 2, found };
    assert_eq!(second(0), Err(sequence(1)), "repeated");
    assert_eq!(second(2), Err(sequence(3)), "gap");
    let result = rewritten(1, |entry| entry.peer_seq = Some(2));
    assert!(matches!(result, Err(VerifyFailure::Sequence { index: 1, expected: 1, .. })));
}

#[test]
fn a_statement_in_a_third_name_is_named() {
    let result = rewritten(2, |entry| entry.by = Some(authority("xc.moj")));
    let by = authority("xc.moj");
    assert_eq!(result, Err(VerifyFailure::Attribution { index: 2, by }));
}

#[test]
fn a_log_is_opened_first_and_sealed_last() {
    let opened = |log: &TestLog| EntryDraft::new(Event::LogOpened).key(&log.verifier().to_string());
    let mut log = TestLog::new("xa.moj", 1);
    log.push(opened(&log));
    let event = Event::LogOpened;
    assert_eq!(
        check(&log, &export_of(&log, &[])),
        Err(VerifyFailure::Misplaced { index: 1, event })
    );
    let mut log = TestLog::new("xa.moj", 1);
    let next = log.verifier().to_string();
    log.push(EntryDraft::new(Event::LogSealed).key(&next));
    assert!(check(&log, &export_of(&log, &[])).is_ok());
    log.push(EntryDraft::new(Event::NodeStopped).software("rogatory 0.1.0"));
    let event = Event::NodeStopped;
    assert_eq!(
        check(&log, &export_of(&log, &[])),
        Err(VerifyFailure::Misplaced { index: 2, event })
    );
    let mut log = TestLog::new("xa.moj", 1);
    log.entries.remove(0);
    log.push(EntryDraft::new(Event::NodeStopped).software("rogatory 0.1.0"));
    assert_eq!(check(&log, &export_of(&log, &[])), Err(VerifyFailure::NotOpened { event }));
}

#[test]
fn a_log_opened_under_another_name_is_refused() {
    let mut log = TestLog::new("xa.moj", 1);
    log.entries.clear();
    let other = verifier("xa.moj/log/2025", &secret(1)).to_string();
    log.push(EntryDraft::new(Event::LogOpened).key(&other));
    let event = Event::LogOpened;
    assert_eq!(check(&log, &export_of(&log, &[])), Err(VerifyFailure::NotOpened { event }));
}

#[test]
fn an_empty_log_is_refused() {
    let mut log = TestLog::new("xa.moj", 1);
    log.entries.clear();
    assert_eq!(check(&log, &export_of(&log, &[])), Err(VerifyFailure::Empty));
}

/// Whoever has only the log takes its key from there.
#[test]
fn a_log_is_opened_with_its_own_key() {
    let mut log = TestLog::new("xa.moj", 1);
    let foreign = verifier("xa.moj/log/2026", &secret(9)).to_string();
    let mut first = Entry::parse(&log.entries[0]).expect("sound");
    first.key = Some(foreign.clone());
    log.entries[0] = first.encode();
    let failure = check(&log, &export_of(&log, &[]));
    assert_eq!(failure, Err(VerifyFailure::OpenedWith { key: foreign }));
}

#[test]
fn what_was_set_in_a_log_before_holds_until_it_is_set_anew() {
    let mut first = TestLog::new("xa.moj", 1);
    first.push(EntryDraft::new(Event::PolicySet).document([7; 32]));
    let second = first.succeed(1);
    let before = check(&first, &export_of(&first, &[])).expect("sound");
    assert_eq!(before.policy_set, Some([7; 32]));
    let before = Before::Verified(Box::new(before));
    let after = check_with(&Trust { before, ..trust(&second) }, &export_of(&second, &[]));
    assert_eq!(after.expect("sound").policy_set, Some([7; 32]));
}
