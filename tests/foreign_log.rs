//! A log that this project had no hand in: tests/foreign/go/made wrote it, with the Go project's
//! packages for notes and trees. tests/foreign/run holds the program to these bytes.
#![allow(missing_docs)]

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rogatory::audit::checkpoint::Checkpoint;
use rogatory::audit::merkle::{ProofError, verify_consistency};
use rogatory::audit::note::VerifierKey;
use rogatory::audit::proof::TlogProof;
use rogatory::audit::verify::{Report, Trust, VerifyFailure, verify_export};
use rogatory::crypto::Digest;
use rogatory::domain::AuthorityId;

const SIZE: u64 = 260;
const OLD_SIZE: u64 = 100;
const RECEIPTS: [u64; 3] = [255, 256, 259];

fn made(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/made").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(made(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn key() -> VerifierKey {
    VerifierKey::parse(text("key").trim_end()).expect("a key that the Go program made")
}

fn checkpoint(path: &str) -> Checkpoint {
    Checkpoint::verify(&text(path), &[key()]).expect("signed by the Go program")
}

fn files() -> Vec<String> {
    let manifest = text("log/manifest");
    let listed = manifest.lines().filter_map(|line| line.split_once("  "));
    listed.map(|(_, path)| path.to_owned()).chain(["manifest".into()]).collect()
}

/// Verifies the export as `altered` lets it be seen.
fn verify(altered: impl Fn(&str, &mut Vec<u8>)) -> Result<Report, VerifyFailure> {
    let trust = Trust {
        origin: "xz.foreign/log/2026".into(),
        keys: vec![key()],
        authority: AuthorityId::parse("xz.foreign").expect("valid"),
        policy: None,
    };
    let mut read = |path: &str| {
        let mut bytes = fs::read(made("log").join(path)).expect("listed");
        altered(path, &mut bytes);
        Ok::<_, Infallible>(Some(bytes))
    };
    verify_export(&mut read, &files(), &trust, &mut |_, _| {})
}

/// The hashes of the request to a witness that the Go program made.
fn proof() -> Vec<Digest> {
    let request = text("extends");
    let (head, note) = request.split_once("\n\n").expect("a request");
    assert_eq!(note, text("log/checkpoint"));
    let (old, hashes) = head.split_once('\n').expect("a proof");
    assert_eq!(old, format!("old {OLD_SIZE}"));
    let hash = |line: &str| STANDARD.decode(line).expect("base64").try_into().expect("32 bytes");
    hashes.lines().map(hash).collect()
}

#[test]
fn an_export_by_foreign_code_is_accepted_whole() {
    let report = verify(|_, _| {}).expect("sound");
    assert_eq!(report.entries, SIZE);
    assert_eq!(report.checkpoint, checkpoint("log/checkpoint"));
    assert_eq!(report.receipts_issued, RECEIPTS.len() as u64);
}

#[test]
fn a_changed_bit_in_any_file_of_it_is_refused() {
    for file in files() {
        let middle = |path: &str, bytes: &mut Vec<u8>| {
            let at = bytes.len() / 2;
            bytes[at] ^= u8::from(path == file);
        };
        verify(middle).expect_err(&file);
    }
}

#[test]
fn a_foreign_proof_of_consistency_is_accepted_as_it_is_only() {
    let (old, new, proof) = (checkpoint("old"), checkpoint("log/checkpoint"), proof());
    assert_eq!((old.size, new.size), (OLD_SIZE, SIZE));
    let check = |proof: &[Digest], old_root: &Digest, new_root: &Digest| {
        verify_consistency(OLD_SIZE, old_root, SIZE, new_root, proof)
    };
    check(&proof, &old.root, &new.root).expect("consistent");
    for at in 0..proof.len() {
        let mut changed = proof.clone();
        changed[at][0] ^= 1;
        check(&changed, &old.root, &new.root).expect_err("a changed hash");
    }
    check(&proof, &new.root, &old.root).expect_err("the roots changed places");
    let fork = checkpoint("fork");
    let refused = check(&proof, &old.root, &fork.root);
    assert_eq!(refused, Err(ProofError::RootMismatch), "another root that the log has signed");
}

#[test]
fn foreign_proofs_of_inclusion_are_accepted_for_their_entry_only() {
    for index in RECEIPTS {
        let written = text(&format!("log/receipts/{index}.tlog-proof"));
        let proof = TlogProof::parse(&written).expect("written by torchwood");
        assert_eq!(proof.to_text(), written, "both write the same");
        assert_eq!(proof.index, index);
        let verified = proof.verify(&proof.extra, &[key()]).expect("proved");
        assert_eq!(verified, checkpoint("log/checkpoint"));
        proof.verify(b"another entry", &[key()]).expect_err("another entry");
        let moved = TlogProof { index: index ^ 1, ..proof };
        moved.verify(&moved.extra, &[key()]).expect_err("another place");
    }
}
