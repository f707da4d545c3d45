//! A log that this project had no hand in: tests/foreign/go/made wrote it, with the Go project's
//! packages for notes and trees, and tests/foreign/run holds the program to these bytes. Foreign
//! witnesses cosigned it: tests/foreign/cosigned is what tests/foreign/witness once gave.
#![allow(missing_docs)]

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use rogatory::audit::checkpoint::Checkpoint;
use rogatory::audit::cosigned::SignedCheckpoint;
use rogatory::audit::evidence::Evidence;
use rogatory::audit::merkle::{ProofError, verify_consistency};
use rogatory::audit::note::{KeyType, VerifierKey, WitnessKey};
use rogatory::audit::policy::{Level, Policy};
use rogatory::audit::proof::TlogProof;
use rogatory::audit::verify::{Before, Report, Trust, VerifyFailure, verify_export};
use rogatory::audit::witness::{AddCheckpoint, RefusalReason, decide};
use rogatory::crypto::Digest;
use rogatory::domain::AuthorityId;

const SIZE: u64 = 260;
const OLD_SIZE: u64 = 100;
const RECEIPTS: [u64; 3] = [255, 256, 259];

fn foreign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

fn made(path: &str) -> PathBuf {
    foreign().join("made").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(made(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn cosigned(name: &str) -> String {
    fs::read_to_string(foreign().join("cosigned").join(name)).expect(name)
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
        before: Before::None,
    };
    let mut read = |path: &str| {
        let mut bytes = fs::read(made("log").join(path)).expect("listed");
        altered(path, &mut bytes);
        Ok::<_, Infallible>(Some(bytes))
    };
    verify_export(&mut read, &files(), &trust, &mut |_, _| {})
}

/// The request to a witness that the Go program made.
fn request() -> AddCheckpoint {
    let request = AddCheckpoint::parse(text("extends").as_bytes()).expect("a request");
    assert_eq!((request.old(), request.note()), (OLD_SIZE, text("log/checkpoint").as_str()));
    request
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
    let (old, new) = (checkpoint("old"), checkpoint("log/checkpoint"));
    let proof = request().proof().to_vec();
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

#[test]
fn as_its_witness_we_cosign_what_extends_and_no_fork() {
    let old = SignedCheckpoint::verify(&text("old"), &[key()]).expect("signed");
    let accepted = decide(Some(&old), &[key()], &request()).expect("it extends the old one");
    assert_eq!(*accepted.state().checkpoint(), checkpoint("log/checkpoint"));
    let fork = AddCheckpoint::new(SIZE, Vec::new(), text("fork")).expect("a request");
    let refused = decide(Some(accepted.state()), &[key()], &fork).expect_err("two pasts");
    assert_eq!(refused.reason, RefusalReason::OtherRoot { size: SIZE });
    assert!(refused.evidence.is_some(), "both checkpoints are signed: that is proof");
}

#[test]
fn evidence_put_together_by_foreign_code_convicts_its_log_only() {
    for kind in ["same-size", "other-prefix"] {
        let evidence = Evidence::parse(&text(&format!("evidence/{kind}"))).expect(kind);
        assert_eq!(evidence.verify(&[key()]).expect(kind).origin(), "xz.foreign/log/2026");
        let stranger = VerifierKey::ed25519("xz.foreign/log/2026", &[7; 32]).expect("a name");
        evidence.verify(&[stranger]).expect_err("not signed by this key");
    }
}

#[test]
fn cosignatures_of_foreign_witnesses_reach_the_quorum_of_their_policy() {
    let signed = SignedCheckpoint::verify(&cosigned("cosigned"), &[key()]).expect("signed");
    let policy = Policy::parse(cosigned("policy").as_bytes()).expect("a policy");
    let standing = policy.level(&signed, &[]).expect("no wrong line");
    assert_eq!(standing.level, Level::Quorum);
    let kinds = standing.cosigners.all().iter().map(|cosigned| cosigned.key().key_type());
    let (ed25519, ml_dsa) = (KeyType::CosignatureEd25519, KeyType::CosignatureMlDsa44);
    assert_eq!(kinds.collect::<Vec<_>>(), [ed25519, ed25519, ml_dsa]);
}

#[test]
fn a_changed_character_in_any_line_of_a_foreign_witness_is_refused() {
    let note = cosigned("cosigned");
    let keys = cosigned("keys");
    let keys: Vec<WitnessKey> =
        keys.lines().map(|key| WitnessKey::parse(key).expect("a key of a witness")).collect();
    assert_eq!(keys.len(), note.matches("\u{2014} witness.example/").count());
    for line in note.lines().filter(|line| line.starts_with("\u{2014} witness.example/")) {
        let (head, tail) = line.split_at(line.len() - 20);
        let other = if tail.starts_with('A') { "B" } else { "A" };
        let changed = note.replace(line, &format!("{head}{other}{}", &tail[1..]));
        let signed = SignedCheckpoint::verify(&changed, &[key()]).expect("the log's line is whole");
        signed.cosigners(&keys).expect_err(line);
    }
}
