use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::audit::bundle::{bundle_bytes, parse_bundle};
use crate::audit::entry::EntryDraft;
use crate::audit::entry::EntryError;
use crate::audit::export::{ExportError, Exported, Source, write_export};
use crate::audit::manifest::ManifestError;
use crate::audit::proof::TlogProof;
use crate::audit::testing::{TestLog, authority, delivery, message, secret, verifier};
use crate::crypto::sha256;

mod defects;
mod receipt_faults;
mod witnessing;

type Export = BTreeMap<String, Vec<u8>>;

const ENTRIES: u64 = 600;

/// What the log of xa.moj looks like after some traffic with xb.oag and xc.moj, and the receipt of
/// xb.oag that it recorded.
fn log() -> (TestLog, String) {
    let mut log = TestLog::new("xa.moj", 1);
    let mut other = TestLog::new("xb.oag", 2);
    let index = other.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", 1));
    let foreign = proof(&other, index, 2);
    log.push(EntryDraft::new(Event::PeerAdded).peer(authority("xb.oag")).card([1; 32]));
    log.push(sent("xb.oag", 1));
    let recorded = delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", 1);
    let digest = sha256(foreign.as_bytes());
    log.push(recorded.receipt(digest).remote(other.coordinates(index, 2)));
    for number in 2.. {
        if log.entries.len() as u64 == ENTRIES {
            break;
        }
        log.push(match number % 3 {
            0 => sent("xb.oag", number),
            1 => delivery(Event::RelayAcceptance, "xa.moj", "xc.moj", number),
            _ => EntryDraft::new(Event::MessageHeld).message(message(number)),
        });
    }
    (log, foreign)
}

fn sent(peer: &str, number: u64) -> EntryDraft {
    delivery(Event::SubmissionAcceptance, "xa.moj", peer, number).payload([8; 32])
}

/// The receipt of an entry under the checkpoint of `size`.
fn proof(log: &TestLog, index: u64, size: u64) -> String {
    let extra = log.entries[index as usize].clone();
    let checkpoint = log.checkpoint(size).sign(&log.key);
    TlogProof { extra, index, hashes: log.proof(index, size), checkpoint }.to_text()
}

fn extras(log: &TestLog, foreign: &str) -> Vec<(String, Vec<u8>)> {
    vec![
        ("cards/xa.moj.card".to_owned(), b"a card".to_vec()),
        ("receipts/own-4.tlog-proof".to_owned(), proof(log, 4, ENTRIES).into_bytes()),
        ("receipts/own-9.tlog-proof".to_owned(), proof(log, 9, 301).into_bytes()),
        ("receipts/xb.oag-1.tlog-proof".to_owned(), foreign.as_bytes().to_vec()),
    ]
}

fn export_with(
    log: &TestLog,
    checkpoint: &Checkpoint,
    extras: &[(String, Vec<u8>)],
) -> Result<(Export, Exported), ExportError<Infallible>> {
    export_note(log, &checkpoint.sign(&log.key), extras)
}

fn export_note(
    log: &TestLog,
    checkpoint: &str,
    extras: &[(String, Vec<u8>)],
) -> Result<(Export, Exported), ExportError<Infallible>> {
    let mut export = Export::new();
    let mut entries = |from: u64, limit: usize| {
        // A source may give fewer than asked for.
        let rest = log.entries.iter().skip(from as usize);
        Ok(rest.take(limit.min(100)).cloned().collect())
    };
    let source = Source {
        checkpoint,
        key: &log.key,
        entries: &mut entries,
        extras: &mut extras.iter().cloned().map(Ok),
        progress: &mut |_, _| {},
    };
    let exported = write_export(source, &mut |path, bytes| {
        assert!(export.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} comes once");
        Ok(())
    })?;
    Ok((export, exported))
}

fn export_of(log: &TestLog, extras: &[(String, Vec<u8>)]) -> Export {
    export_with(log, &log.head(), extras).expect("exports").0
}

fn sound() -> (TestLog, Export) {
    let (log, foreign) = log();
    let export = export_of(&log, &extras(&log, &foreign));
    (log, export)
}

fn trust(log: &TestLog) -> Trust {
    let keys = vec![log.verifier(), verifier("xb.oag/log/2026", &secret(2))];
    let (origin, authority) = (log.origin.clone(), log.authority.clone());
    Trust { origin, keys, authority, policy: None, before: Before::None }
}

fn check(log: &TestLog, export: &Export) -> Result<Report, VerifyFailure> {
    check_with(&trust(log), export)
}

fn check_with(trust: &Trust, export: &Export) -> Result<Report, VerifyFailure> {
    let list: Vec<String> = export.keys().cloned().collect();
    let mut read = |path: &str| Ok::<_, Infallible>(export.get(path).cloned());
    verify_export(&mut read, &list, trust, &mut |_, _| {})
}

/// Lists what is there now and signs it, as a dishonest owner of the log could.
fn resign(log: &TestLog, export: &mut Export) {
    let size = log.entries.len() as u64;
    let listed = export.iter().filter(|(path, _)| *path != MANIFEST_PATH);
    let files = listed.map(|(path, bytes)| (path.clone(), sha256(bytes))).collect();
    let manifest = Manifest { origin: log.origin.clone(), size, files };
    let note = manifest.sign(&log.key).expect("signs");
    export.insert(MANIFEST_PATH.to_owned(), note.into_bytes());
}

#[test]
fn an_export_has_the_files_of_tlog_tiles() {
    let (_, export) = sound();
    let paths: Vec<&str> = export.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "cards/xa.moj.card",
            "checkpoint",
            "manifest",
            "receipts/own-4.tlog-proof",
            "receipts/own-9.tlog-proof",
            "receipts/xb.oag-1.tlog-proof",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/88",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88",
        ]
    );
    assert_eq!(export["tile/0/000"].len(), 8192);
}

#[test]
fn a_sound_export_verifies() {
    let (log, export) = sound();
    let list: Vec<String> = export.keys().cloned().collect();
    let mut read = |path: &str| Ok::<_, Infallible>(export.get(path).cloned());
    let mut steps = Vec::new();
    let mut progress = |done, total| steps.push((done, total));
    let report = verify_export(&mut read, &list, &trust(&log), &mut progress).expect("sound");
    assert_eq!(steps, [(256, 600), (512, 600), (600, 600)]);
    assert_eq!((report.entries, &report.checkpoint), (ENTRIES, &log.head()));
    assert_eq!(report.events.values().sum::<u64>(), ENTRIES);
    assert_eq!(report.events[&Event::LogOpened], 1);
    assert_eq!(
        report.peers.keys().map(AuthorityId::as_str).collect::<Vec<_>>(),
        ["xb.oag", "xc.moj"]
    );
    assert_eq!((report.receipts_issued, report.receipts_received), (2, 1));
    assert_eq!(report.receipts_recorded, 1);
    assert_eq!(report.last_at.unix_ms() - report.first_at.unix_ms(), 10 * (ENTRIES as i64 - 1));
}

#[test]
fn logs_of_all_widths_verify() {
    let mut log = TestLog::new("xa.moj", 1);
    for size in [1, 2, 255, 256, 257, 511, 512, 513] {
        while (log.entries.len() as u64) < size {
            log.push(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"));
        }
        let export = export_of(&log, &[]);
        assert_eq!(check(&log, &export).expect("sound").entries, size);
        for at in [0, size / 2, size - 1] {
            let receipt = proof(&log, at, size).into_bytes();
            let export = export_of(&log, &[("receipts/r.tlog-proof".to_owned(), receipt)]);
            assert_eq!(check(&log, &export).expect("sound").receipts_issued, 1);
        }
    }
}

#[test]
fn an_export_of_an_earlier_state_verifies() {
    let (log, _) = sound();
    let (export, exported) = export_with(&log, &log.checkpoint(300), &[]).expect("exports");
    assert_eq!(exported.files, export.len() as u64);
    assert_eq!(exported.bytes, export.values().map(|b| b.len() as u64).sum::<u64>());
    assert_eq!(check(&log, &export).expect("sound").entries, 300);
}

#[test]
fn what_does_not_fit_is_not_exported() {
    let (log, _) = sound();
    let wrong_root = Checkpoint { root: [0; 32], ..log.head() };
    assert_eq!(export_with(&log, &wrong_root, &[]).err(), Some(ExportError::Root));
    let longer = Checkpoint { size: ENTRIES + 1, ..log.head() };
    assert_eq!(export_with(&log, &longer, &[]).err(), Some(ExportError::Entry(ENTRIES)));
    for path in
        ["cards/../x.card", "cards/.card", "cards/a/b.card", "x", "receipts/x", "checkpoint"]
    {
        let extra = [(path.to_owned(), Vec::new())];
        let result = export_with(&log, &log.head(), &extra).err();
        assert_eq!(result, Some(ExportError::Path(path.to_owned())));
    }
    let twice = ("cards/xa.moj.card".to_owned(), Vec::new());
    let result = export_with(&log, &log.head(), &[twice.clone(), twice.clone()]).err();
    assert_eq!(result, Some(ExportError::Path(twice.0)));
}
