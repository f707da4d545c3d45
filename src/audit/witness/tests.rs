use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audit::checkpoint::{Checkpoint, CheckpointError};
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::merkle::{ProofError, empty_root, verify_consistency};
use crate::audit::note::{VerifierKey, sign_note};
use crate::audit::testing::{TestLog, cosigner, seconds, secret, verifier};
use crate::crypto::Digest;
use crate::crypto::keys::Algorithm;

mod refusals;
mod requests;
mod responses;

const AT: u64 = 1_795_000_000;

/// A log of 13 entries, and one of the same owner that parts from it after the fifth.
fn logs() -> (TestLog, TestLog) {
    let (mut log, mut fork) = (TestLog::new("xa.moj", 1), TestLog::new("xa.moj", 1));
    log.push_many(12);
    fork.push_many(4);
    for _ in 0..8 {
        fork.push_stopped();
    }
    (log, fork)
}

fn ask(old: u64, proof: Vec<Digest>, note: String) -> AddCheckpoint {
    AddCheckpoint::new(old, proof, note).expect("within bounds")
}

/// What an honest log asks.
fn extends(log: &TestLog, old: u64, new: u64) -> AddCheckpoint {
    ask(old, log.consistency(old, new), log.checkpoint(new).sign(&log.key))
}

fn keys() -> Vec<VerifierKey> {
    vec![verifier("xa.moj/log/2026", &secret(1)), verifier("xb.oag/log/2026", &secret(2))]
}

fn refused(state: Option<&SignedCheckpoint>, request: &AddCheckpoint) -> WitnessRefusal {
    decide(state, &keys(), request).expect_err("refused")
}

#[test]
fn a_log_that_grows_is_cosigned() {
    let (log, _) = logs();
    let mut state: Option<SignedCheckpoint> = None;
    let mut before = 0;
    for size in [1, 2, 3, 3, 7, 8, 13] {
        let accepted = decide(state.as_ref(), &keys(), &extends(&log, before, size));
        let accepted = accepted.expect("it grows");
        assert_eq!(accepted.state().checkpoint(), &log.checkpoint(size));
        assert_eq!(accepted.changed(), size != before, "{size}");
        let witness = cosigner("xb.oag/witness", 11, Algorithm::Ed25519);
        let line = witness.cosign(&accepted, seconds(AT));
        assert_eq!(line.verify(&log.checkpoint(size), witness.key()), Ok(()));
        (state, before) = (Some(accepted.state().clone()), size);
    }
}

#[test]
fn a_log_without_entries_is_cosigned() {
    let empty = Checkpoint { size: 0, root: empty_root(), origin: "xa.moj/log/2026".into() };
    let request = || ask(0, Vec::new(), empty.sign(&secret(1)));
    let first = decide(None, &keys(), &request()).expect("nothing is wrong with it");
    assert!(first.changed());
    let again = decide(Some(first.state()), &keys(), &request()).expect("the same");
    assert!(!again.changed());
    let (log, _) = logs();
    assert!(decide(Some(first.state()), &keys(), &extends(&log, 0, 5)).is_ok_and(|a| a.changed()));
}

#[test]
fn what_is_kept_is_the_logs_own() {
    let (log, _) = logs();
    let junk = "\u{2014} xd.moj/witness AAAAAAAA\n".repeat(20);
    let note = format!("{}{junk}", log.checkpoint(3).sign(&log.key));
    let accepted = decide(None, &keys(), &ask(0, Vec::new(), note)).expect("sound");
    assert_eq!(accepted.state().to_note(), log.checkpoint(3).sign(&log.key));
}

#[test]
fn a_known_key_that_fails_spoils_the_request() {
    let (log, _) = logs();
    let rotated = vec![keys().remove(0), verifier(&log.origin, &secret(9))];
    let both = |line: &str| format!("{}{line}", log.checkpoint(1).sign(&log.key));
    let new_line = |text: &str| {
        let note = sign_note(text, &log.origin, &secret(9)).expect("signs");
        note.rsplit_once("\n\n").expect("two parts").1.to_owned()
    };
    let good = ask(0, Vec::new(), both(&new_line(&log.checkpoint(1).text())));
    let accepted = decide(None, &rotated, &good).expect("both keys of the log have signed");
    assert_eq!(accepted.state().to_note(), good.note());
    let bad = ask(0, Vec::new(), both(&new_line("another text\n")));
    let reason = decide(None, &rotated, &bad).expect_err("one has not").reason;
    assert_eq!(reason.status(), 403);
    assert!(decide(None, &keys(), &bad).is_ok(), "for who does not know that key");
}

#[test]
fn the_state_of_another_log_is_never_signed_on() {
    let (log, _) = logs();
    let other = TestLog::new("xb.oag", 2).signed(1);
    for old in [0, 1] {
        let refusal = refused(Some(&other), &extends(&log, old, 7));
        assert_eq!(refusal.reason.status(), 404);
    }
}

#[test]
fn equivocation_is_handed_back_with_both_notes() {
    let (log, fork) = logs();
    let conflict = RefusalReason::Conflict { held: 7 };
    let other_root = RefusalReason::OtherRoot { size: 7 };
    let shown = fork.checkpoint(7).sign(&log.key);
    for (defect, held, request, expected) in [
        ("same size", 7, ask(7, Vec::new(), shown.clone()), other_root),
        ("same size, said to be the first", 7, ask(0, Vec::new(), shown), conflict),
        (
            "the fork proves its own past",
            7,
            extends(&fork, 7, 13),
            RefusalReason::Inconsistent(ProofError::OldRootMismatch),
        ),
    ] {
        let held = log.signed(held);
        let refusal = refused(Some(&held), &request);
        assert_eq!(refusal.reason, expected, "{defect}");
        let evidence = refusal.evidence.expect("two pasts");
        assert_eq!(evidence.notes().0, held.to_note(), "{defect}");
        assert_eq!(evidence.notes().1, request.note(), "{defect}");
        assert!(evidence.verify(&keys()).is_ok(), "{defect}");
    }
    // A proof cannot show a past that it does not go through: no evidence, but no cosignature.
    let refusal = refused(Some(&log.signed(8)), &extends(&fork, 8, 13));
    assert_eq!(refusal.reason.status(), 422);
    assert_eq!(refusal.evidence, None);
}

/// The answers of `filippo.io/torchwood` to the same requests, and its cosignatures.
#[test]
fn litewitness_answers_alike() {
    let mut transcript = include_str!("../vectors/litewitness.txt").split("=== ");
    let key = WitnessKey::parse(transcript.next().expect("its key").trim()).expect("a key");
    let ours = cosigner("lite.example/w", 14, Algorithm::Ed25519);
    assert_eq!(&key, ours.key());
    let mut state: Option<SignedCheckpoint> = None;
    let mut statuses = Vec::new();
    for step in transcript {
        let (name, step) = step.split_once('\n').expect("a name");
        let (body, answer) = step.split_once("--- ").expect("an answer");
        let (status, answer) = answer.split_once('\n').expect("a status");
        let status: u16 = status.split(' ').next().expect("a number").parse().expect("a number");
        statuses.push(status);
        let Ok(request) = AddCheckpoint::parse(body.as_bytes()) else {
            assert_eq!(status, 400, "{name}");
            continue;
        };
        assert_eq!(request.to_text(), body, "{name}");
        match decide(state.as_ref(), &keys()[..1], &request) {
            Ok(accepted) => {
                assert_eq!(status, 200, "{name}");
                let mut signed = accepted.state().clone();
                let taken =
                    take_response(&mut signed, answer.as_bytes(), std::slice::from_ref(&key));
                assert_eq!(taken, Ok(1), "{name}");
                let at = signed.cosigners(std::slice::from_ref(&key)).expect("sound").all()[0].at();
                let line = response_text(&[ours.cosign(&accepted, at.timestamp())]);
                assert_eq!(line, answer, "{name}: the same key signs the same");
                state = Some(accepted.state().clone());
            }
            Err(refusal) => {
                assert_eq!(refusal.reason.status(), status, "{name}: {refusal}");
                if let RefusalReason::Conflict { held } = refusal.reason {
                    assert_eq!(conflict_text(held), answer, "{name}");
                    assert_eq!(parse_conflict(answer.as_bytes()), Some(held));
                }
            }
        }
    }
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 400, 403, 409, 422], "nothing was left out");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever an owner of two pasts asks in whatever order, no witness signs both, and what it
    /// holds only grows.
    #[test]
    fn a_witness_signs_one_past(
        steps in vec((any::<bool>(), any::<bool>(), 0u64..14, 1u64..14), 1..24)
    ) {
        let (log, fork) = logs();
        let mut state: Option<SignedCheckpoint> = None;
        for (forked, knowing, old, new) in steps {
            let from = if forked { &fork } else { &log };
            let held = state.as_ref().map_or(0, |state| state.checkpoint().size);
            let old = if knowing { held } else { old };
            let request = extends(from, old, new);
            match decide(state.as_ref(), &keys(), &request) {
                Ok(accepted) => {
                    let next = accepted.state().checkpoint().clone();
                    prop_assert_eq!(old, held);
                    if let Some(before) = &state {
                        let before = before.checkpoint();
                        prop_assert!(next.size >= before.size);
                        let proof = from.consistency(before.size, next.size);
                        let extends = verify_consistency(
                            before.size, &before.root, next.size, &next.root, &proof,
                        );
                        prop_assert_eq!(extends, Ok(()));
                        prop_assert_eq!(accepted.changed(), next != *before);
                    }
                    state = Some(accepted.state().clone());
                }
                Err(refusal) => {
                    if let Some(evidence) = &refusal.evidence {
                        prop_assert!(evidence.verify(&keys()).is_ok());
                    }
                    // What is true, and starts from what is held, is never refused.
                    let honest = state.as_ref().is_none_or(|state| {
                        let Checkpoint { size, root, .. } = state.checkpoint();
                        from.checkpoint(*size).root == *root
                    });
                    prop_assert!(!(honest && old == held && new >= held), "{}", refusal);
                }
            }
        }
    }
}
