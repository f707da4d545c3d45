//! Each refusal and its answer.

use RefusalReason as R;

use super::*;

type Case = (&'static str, AddCheckpoint, RefusalReason, u16);

/// What a witness that holds `state` says; nothing of it is evidence.
fn check<const N: usize>(state: Option<&SignedCheckpoint>, cases: [Case; N]) {
    for (defect, request, expected, status) in cases {
        let refusal = refused(state, &request);
        assert_eq!((&refusal.reason, refusal.evidence), (&expected, None), "{defect}");
        assert_eq!(expected.status(), status, "{defect}");
        assert_eq!(expected.code(), expected.code().to_uppercase(), "{defect}");
    }
}

fn note(size: u64) -> String {
    let (log, _) = logs();
    log.checkpoint(size).sign(&log.key)
}

fn sign(text: &str) -> String {
    sign_note(text, "xa.moj/log/2026", &secret(1)).expect("signs")
}

/// No entries, and a root of its own.
fn empty() -> String {
    sign(&Checkpoint { size: 0, root: [7; 32], origin: "xa.moj/log/2026".into() }.text())
}

#[test]
fn what_is_no_checkpoint_of_the_log() {
    let (log, _) = logs();
    let held = log.signed(5);
    let proof = |old, new| log.consistency(old, new);
    let (other, nobody) = (TestLog::new("xb.oag", 1), TestLog::new("xc.moj", 3));
    let by_other = log.checkpoint(7).sign(&secret(2));
    let mut altered = note(7);
    altered.replace_range(altered.len() - 8..altered.len() - 6, "00");
    let extension = sign(&(log.checkpoint(7).text() + "extension\n"));
    let no_root = sign("xa.moj/log/2026\n7\nAAAA\n");
    let unknown = |origin: &str| R::UnknownLog { origin: origin.into() };
    check(
        Some(&held),
        [
            ("unknown log", extends(&nobody, 0, 1), unknown("xc.moj/log/2026"), 404),
            (
                "not a note",
                ask(5, proof(5, 7), "text".into()),
                R::Malformed(NoteError::NoBlankLine.into()),
                400,
            ),
            ("no size", ask(5, Vec::new(), no_root), R::Malformed(CheckpointError::Root), 400),
            (
                "signed by another",
                ask(5, proof(5, 7), by_other),
                R::NotSigned(NoteError::NoKnownKey),
                403,
            ),
            (
                "altered signature",
                ask(5, proof(5, 7), altered),
                R::NotSigned(NoteError::BadSignature(log.origin.clone())),
                403,
            ),
            ("extension lines", ask(5, proof(5, 7), extension), R::Extension, 422),
            (
                "smaller than the old size",
                ask(5, Vec::new(), note(3)),
                R::Shrinks { old: 5, size: 3 },
                400,
            ),
        ],
    );
    let key_of_other = extends(&other, 0, 1);
    assert_eq!(refused(None, &key_of_other).reason, R::NotSigned(NoteError::NoKnownKey));
}

#[test]
fn what_does_not_extend_what_is_held() {
    let (log, fork) = logs();
    let held = log.signed(5);
    let proof = |old, new| log.consistency(old, new);
    check(
        Some(&held),
        [
            ("from nothing", ask(0, Vec::new(), note(7)), R::Conflict { held: 5 }, 409),
            ("from a smaller one", extends(&log, 3, 7), R::Conflict { held: 5 }, 409),
            ("from a larger one", extends(&log, 6, 7), R::Conflict { held: 5 }, 409),
            ("empty from nothing", ask(0, Vec::new(), empty()), R::Conflict { held: 5 }, 409),
            ("no proof", ask(5, Vec::new(), note(7)), R::Inconsistent(ProofError::TooShort), 422),
            (
                "proof cut off",
                ask(5, proof(5, 7)[1..].to_vec(), note(7)),
                R::Inconsistent(ProofError::TooShort),
                422,
            ),
            (
                "proof of another size",
                ask(5, proof(5, 8), note(7)),
                R::Inconsistent(ProofError::RootMismatch),
                422,
            ),
            (
                "a hash too many",
                ask(5, [proof(5, 7), vec![[0; 32]]].concat(), note(7)),
                R::Inconsistent(ProofError::TooLong),
                422,
            ),
            (
                "a proof for the same size",
                ask(5, proof(5, 7), note(5)),
                R::Inconsistent(ProofError::TooLong),
                422,
            ),
            (
                "the fork's checkpoint",
                ask(5, proof(5, 7), fork.checkpoint(7).sign(&log.key)),
                R::Inconsistent(ProofError::RootMismatch),
                422,
            ),
        ],
    );
}

#[test]
fn what_is_no_beginning() {
    let (log, _) = logs();
    let proof = log.consistency(3, 7);
    check(
        None,
        [
            ("from something", extends(&log, 3, 7), R::Conflict { held: 0 }, 409),
            (
                "a proof from nothing",
                ask(0, proof, note(7)),
                R::Inconsistent(ProofError::TooLong),
                422,
            ),
            ("empty with a root", ask(0, Vec::new(), empty()), R::EmptyRoot, 422),
        ],
    );
}
