//! What is wrong with an excerpt is found: by its digest, and without it.

use super::*;

fn text(files: &Files, path: &str) -> String {
    String::from_utf8(files[path].clone()).expect("text")
}

/// The proof of an entry, changed.
fn with_proof(files: &mut Files, index: u64, change: impl FnOnce(&mut TlogProof)) {
    let mut proof = TlogProof::parse(&text(files, &entry_path(index))).expect("a proof");
    change(&mut proof);
    files.insert(entry_path(index), proof.to_text().into_bytes());
}

fn last(files: &Files) -> u64 {
    files.keys().filter_map(|path| entry_of_path(path)).max().expect("entries")
}

#[test]
fn an_entry_that_is_altered_is_found_although_the_manifest_lists_it() {
    let (log, files) = sound();
    let altered = forged(&log, &files, |files| {
        with_proof(files, 4, |proof| {
            let at = proof.extra.len() - 3;
            proof.extra[at] ^= 1;
        });
    });
    let failure = check(&log, &altered).expect_err("altered");
    assert!(matches!(failure, ExcerptFailure::Proof { index: 4, .. }), "{failure}");
    assert_eq!(failure.path(), Some(entry_path(4)));
}

#[test]
fn an_entry_that_is_missing_is_a_gap() {
    let (log, files) = sound();
    let missing = forged(&log, &files, |files| drop(files.remove(&entry_path(7))));
    let failure = check(&log, &missing).expect_err("a gap");
    let ExcerptFailure::Export(VerifyFailure::Sequence { expected, found, .. }) = failure else {
        panic!("{failure}");
    };
    assert_eq!((expected, found), (3, 4));
    // A file that is gone is named without that, too.
    let mut gone = files.clone();
    gone.remove(&entry_path(4));
    let failure = check(&log, &gone).expect_err("missing");
    assert!(matches!(failure, ExcerptFailure::Export(VerifyFailure::Missing { .. })), "{failure}");
}

#[test]
fn the_last_entries_of_a_peer_can_be_kept_back_by_who_has_the_key() {
    // What the documentation says that an excerpt does not prove.
    let (log, files) = sound();
    let shorter = forged(&log, &files, |files| {
        let last = entry_path(last(files));
        files.remove(&last);
    });
    let count = log.seqs[&authority("xb.oag")];
    let report = check(&log, &shorter).expect("sound in itself");
    assert_eq!(report.told.peers[&authority("xb.oag")].last, count - 1);
}

#[test]
fn the_first_entry_is_always_there() {
    let (log, files) = sound();
    let without = forged(&log, &files, |files| drop(files.remove(&entry_path(0))));
    assert_eq!(check(&log, &without), Err(ExcerptFailure::NoFirst));
}

#[test]
fn proofs_that_are_swapped_are_found() {
    let (log, files) = sound();
    let swapped = forged(&log, &files, |files| {
        let (one, two) = (files[&entry_path(1)].clone(), files[&entry_path(4)].clone());
        files.insert(entry_path(1), two);
        files.insert(entry_path(4), one);
    });
    assert_eq!(check(&log, &swapped), Err(ExcerptFailure::OtherIndex { index: 1, found: 4 }));
    let renumbered = forged(&log, &swapped, |files| {
        with_proof(files, 1, |proof| proof.index = 1);
        with_proof(files, 4, |proof| proof.index = 4);
    });
    let failure = check(&log, &renumbered).expect_err("of other places");
    assert!(matches!(failure, ExcerptFailure::Proof { index: 1, .. }), "{failure}");
    let other_path = forged(&log, &files, |files| {
        let hashes = TlogProof::parse(&text(files, &entry_path(1))).expect("a proof").hashes;
        with_proof(files, 4, |proof| proof.hashes = hashes);
    });
    let failure = check(&log, &other_path).expect_err("the path of another");
    assert!(matches!(failure, ExcerptFailure::Proof { index: 4, .. }), "{failure}");
}

#[test]
fn a_checkpoint_in_another_ones_place_is_found() {
    let (log, files) = sound();
    let older = log.checkpoint(200).sign(&log.key).into_bytes();
    let replaced = forged(&log, &files, |files| drop(files.insert("checkpoint".into(), older)));
    let failure = check(&log, &replaced).expect_err("of another size");
    assert!(matches!(failure, ExcerptFailure::Export(VerifyFailure::Size { .. })), "{failure}");
    let mut fork = TestLog::new("xa.moj", 1);
    fork.push_many(log.entries.len() - 1);
    let forked = fork.head().sign(&log.key).into_bytes();
    let replaced = forged(&log, &files, |files| drop(files.insert("checkpoint".into(), forked)));
    assert_eq!(check(&log, &replaced), Err(ExcerptFailure::OtherCheckpoint { index: 0 }));
    let stranger = log.head().sign(&secret(9)).into_bytes();
    let replaced = forged(&log, &files, |files| drop(files.insert("checkpoint".into(), stranger)));
    let failure = check(&log, &replaced).expect_err("of another key");
    let ExcerptFailure::Export(VerifyFailure::Checkpoint(CheckpointError::Note(error))) = failure
    else {
        panic!("{failure}");
    };
    assert!(matches!(error, NoteError::BadSignature(_) | NoteError::NoKnownKey), "{error}");
}

#[test]
fn a_manifest_that_is_changed_is_found() {
    let (log, files) = sound();
    let manifest = text(&files, MANIFEST_PATH);
    for (from, to) in [
        ("peer xb.oag", "peer xc.oag"),
        ("peer xb.oag", "case"),
        ("\n302\n", "\n301\n"),
        ("checkpoint\n", "checkpoint2\n"),
    ] {
        let mut changed = files.clone();
        let text = manifest.replacen(from, to, 1);
        assert_ne!(text, manifest, "{from}");
        changed.insert(MANIFEST_PATH.into(), text.into_bytes());
        let failure = check(&log, &changed).expect_err(from);
        assert_eq!(failure.path().as_deref(), Some(MANIFEST_PATH), "{from}: {failure}");
    }
    let as_export = manifest.replacen(HEADER, crate::audit::manifest::HEADER, 1);
    let mut changed = files.clone();
    changed.insert(MANIFEST_PATH.into(), as_export.into_bytes());
    let failure = check(&log, &changed).expect_err("an export's");
    let ExcerptFailure::Export(VerifyFailure::Manifest(error)) = failure else {
        panic!("{failure}")
    };
    assert_eq!(error, ManifestError::Header(1));
}

#[test]
fn entries_about_others_do_not_belong_there() {
    let (log, files) = sound();
    let (foreign, receipt) = super::log();
    let other = excerpt_of(&foreign, &receipt, Scope::Peer(authority("xc.secret")), &[]);
    let mixed = forged(&log, &files, |files| {
        files.insert(entry_path(2), other[&entry_path(2)].clone());
    });
    let scope = of_peer();
    assert_eq!(check(&log, &mixed), Err(ExcerptFailure::OutOfScope { index: 2, scope }));
}

#[test]
fn a_receipt_that_no_entry_records_is_found() {
    let (log, files) = sound();
    let other = forged(&log, &files, |files| {
        let text = text(files, "receipts/1.tlog-proof").replacen("index 1", "index 0", 1);
        files.insert("receipts/1.tlog-proof".into(), text.into_bytes());
    });
    let failure = check(&log, &other).expect_err("not recorded");
    let ExcerptFailure::Export(VerifyFailure::Receipt { fault, .. }) = failure else {
        panic!("{failure}");
    };
    assert_eq!(fault, ReceiptFault::Unrecorded);
}

/// A court takes the card from there to check receipts with.
#[test]
fn cards_are_those_that_the_entries_name() {
    let (log, files) = sound();
    let with = |name: &str, bytes: &[u8]| {
        let (path, bytes) = (format!("cards/{name}.card"), bytes.to_vec());
        let files = forged(&log, &files, |files| drop(files.insert(path, bytes)));
        check(&log, &files).expect("sound but for the card").cards_fit()
    };
    for name in ["xb.oag", "zz.none"] {
        let failure = with(name, b"another card").expect_err(name);
        assert!(matches!(failure, VerifyFailure::Card { .. }), "{failure}");
    }
    assert_eq!(with("xa.moj", b"the owner's, which an auditor brings"), Ok(()));
    let whole = |scope| {
        let (log, receipt) = super::log();
        let files = excerpt_of(&log, &receipt, scope, &[1]);
        let files = forged(&log, &files, |files| {
            for name in ["xb.oag", "zz.none"] {
                files.insert(format!("cards/{name}.card"), b"a card".to_vec());
            }
        });
        check(&log, &files).expect("sound but for the card").cards_fit()
    };
    let failure = whole(Scope::Case).expect_err("of nobody");
    assert!(failure.to_string().starts_with("cards/zz.none.card"), "{failure}");
}

#[test]
fn files_too_many_are_named() {
    let (log, files) = sound();
    let mut more = files.clone();
    more.insert("entries/note.txt".into(), b"x".to_vec());
    let failure = check(&log, &more).expect_err("not listed");
    assert!(matches!(failure, ExcerptFailure::Export(VerifyFailure::Unlisted { .. })), "{failure}");
    let listed = forged(&log, &files, |files| drop(files.insert("tile/0/000".into(), vec![0; 32])));
    let failure = check(&log, &listed).expect_err("of no excerpt");
    assert!(
        matches!(failure, ExcerptFailure::Export(VerifyFailure::Unexpected { .. })),
        "{failure}"
    );
}

#[test]
fn thousands_of_flipped_bits_each_fail() {
    let (log, receipt) = super::log();
    let files = excerpt_of(&log, &receipt, Scope::Message(message(1)), &[]);
    check(&log, &files).expect("sound");
    let whole: Vec<(&String, usize)> =
        files.iter().map(|(path, bytes)| (path, bytes.len())).collect();
    let bits: usize = whole.iter().map(|(_, length)| length * 8).sum();
    // Spread over all bits of all files by a stride that is no divisor of their number.
    let stride = (bits / 4500) | 1;
    let (mut at, mut flipped) = (0, 0);
    while at < bits {
        let mut rest = at;
        let (path, _) = whole
            .iter()
            .find(|(_, length)| match rest.checked_sub(length * 8) {
                Some(beyond) => {
                    rest = beyond;
                    false
                }
                None => true,
            })
            .expect("within the files");
        let mut changed = files.clone();
        let bytes = changed.get_mut(*path).expect("there");
        bytes[rest / 8] ^= 1 << (rest % 8);
        assert!(check(&log, &changed).is_err(), "bit {rest} of {path}");
        flipped += 1;
        at += stride;
    }
    assert!(flipped >= 4000, "{flipped}");
}
