//! Cosignatures on the exported checkpoint, and policies.

use super::*;
use crate::audit::cosignature::CosignatureError;
use crate::audit::export::POLICY_PATH;
use crate::audit::policy::{PolicyError, PolicyFailure, PolicyRule};
use crate::audit::testing::cosigner;
use crate::audit::witness::Cosigner;
use crate::crypto::keys::Algorithm;

const AT: u64 = 1_795_000_000;

fn witnesses() -> [Cosigner; 3] {
    [
        cosigner("xb.oag/witness", 11, Algorithm::Ed25519),
        cosigner("xc.moj/witness", 12, Algorithm::MlDsa44),
        cosigner("auditor.example/w", 13, Algorithm::Ed25519),
    ]
}

fn policy(rest: &str) -> String {
    let [b, c, auditor] = witnesses().map(|witness| witness.key().to_string());
    format!("witness b {b}\nwitness c {c}\nwitness auditor {auditor}\n{rest}")
}

fn trusting(log: &TestLog, policy: &str) -> Trust {
    let policy = Policy::parse(policy.as_bytes()).expect("a sound policy");
    Trust { policy: Some(policy), ..trust(log) }
}

/// An export whose checkpoint the first two witnesses have cosigned, with these policies of the
/// node itself: set in the log, and exported.
fn cosigned_with(set: Option<&str>, exported: Option<&str>) -> (TestLog, Export) {
    let (mut log, _) = log();
    if let Some(policy) = set {
        log.push(EntryDraft::new(Event::PolicySet).document([1; 32]));
        log.push(EntryDraft::new(Event::PolicySet).document(sha256(policy.as_bytes())));
    }
    let [b, c, _] = witnesses();
    let note = log.cosigned(log.entries.len() as u64, &[&b, &c], AT).to_note();
    let extras = exported.map(|policy| (POLICY_PATH.to_owned(), policy.as_bytes().to_vec()));
    let extras: Vec<_> = extras.into_iter().collect();
    let export = export_note(&log, &note, &extras).expect("exports").0;
    (log, export)
}

fn cosigned() -> (TestLog, Export) {
    cosigned_with(None, None)
}

#[test]
fn cosignatures_are_no_matter_to_who_has_no_policy() {
    let (log, export) = cosigned();
    let report = check(&log, &export).expect("sound");
    assert_eq!((report.witnessing, report.policy_set, report.policy_exported), (None, None, None));
}

#[test]
fn a_policy_that_is_satisfied_names_who_has_cosigned() {
    let (log, export) = cosigned();
    for (rest, quorum, missing) in [
        ("group g 2 b c auditor\nquorum g\n", true, &["auditor"][..]),
        ("group g all b c\nquorum g\n", true, &[]),
        ("quorum c\n", true, &[]),
        ("quorum none\n", false, &[]),
    ] {
        let report = check_with(&trusting(&log, &policy(rest)), &export).expect("satisfied");
        let witnessing = report.witnessing.expect("a policy was given");
        assert_eq!(witnessing.policy, sha256(policy(rest).as_bytes()));
        assert_eq!(witnessing.quorum, quorum, "{rest}");
        assert_eq!(witnessing.missing, missing, "{rest}");
        let seen = witnessing.cosigned.iter();
        let seen: Vec<_> = seen.map(|s| (s.witness.name.as_str(), s.at.unix_seconds())).collect();
        assert_eq!(seen, [("b", AT), ("c", AT)], "{rest}");
    }
}

#[test]
fn a_policy_that_is_not_satisfied_names_who_is_missing() {
    let (log, export) = cosigned();
    for (rest, missing) in [
        ("quorum auditor\n", &["auditor"][..]),
        ("group g all b c auditor\nquorum g\n", &["auditor"]),
        ("group g any b c\ngroup h all g auditor\nquorum h\n", &["auditor"]),
    ] {
        let failure = check_with(&trusting(&log, &policy(rest)), &export).expect_err(rest);
        let missing: Vec<String> = missing.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(failure, VerifyFailure::Quorum { missing }, "{rest}");
        assert_eq!(failure.path(), Some(CHECKPOINT_PATH));
        assert!(failure.to_string().contains("not cosigned it: auditor"), "{failure}");
    }
    let (log, _) = self::log();
    let bare = export_of(&log, &[]);
    let failure = check_with(&trusting(&log, &policy("quorum b\n")), &bare).expect_err("nobody");
    assert_eq!(failure, VerifyFailure::Quorum { missing: vec!["b".into()] });
    assert!(check_with(&trusting(&log, &policy("quorum none\n")), &bare).is_ok());
}

#[test]
fn a_policy_for_other_logs_is_not_satisfied() {
    let (log, export) = cosigned();
    let listing = |key: String| format!("log {key}\n{}", policy("quorum b\n"));
    let own = trusting(&log, &listing(log.verifier().to_string()));
    assert!(check_with(&own, &export).is_ok());
    let other = trusting(&log, &listing(verifier("xb.oag/log/2026", &secret(2)).to_string()));
    let unlisted = PolicyFailure::UnlistedLog { origin: log.origin.clone() };
    assert_eq!(check_with(&other, &export), Err(VerifyFailure::Policy(unlisted)));
}

#[test]
fn a_wrong_line_of_a_known_witness_is_found_though_the_owner_signs_the_list() {
    let (log, mut export) = cosigned();
    let note = String::from_utf8(export[CHECKPOINT_PATH].clone()).expect("a text");
    // The cosignature of an earlier state in the place of the one of this state.
    let old = log.cosigned_by(&witnesses()[0], 599, AT).to_line();
    let new = log.cosigned_by(&witnesses()[0], ENTRIES, AT).to_line();
    export.insert(CHECKPOINT_PATH.to_owned(), note.replace(&new, &old).into_bytes());
    resign(&log, &mut export);
    let invalid = CosignatureError::Invalid("xb.oag/witness".into());
    let failure = VerifyFailure::Policy(PolicyFailure::Cosignature(invalid));
    for rest in ["quorum c\n", "quorum none\n"] {
        let trust = trusting(&log, &policy(rest));
        assert_eq!(check_with(&trust, &export), Err(failure.clone()), "{rest}");
    }
    assert!(check(&log, &export).is_ok(), "to who knows no witness it is an unknown line");
}

#[test]
fn the_nodes_own_policy_is_told_and_believed_by_nobody() {
    let own = policy("quorum none\n");
    for (set, exported) in [(true, true), (true, false), (false, true)] {
        let (set, exported) = (set.then_some(own.as_str()), exported.then_some(own.as_str()));
        let (log, export) = cosigned_with(set, exported);
        let report = check(&log, &export).expect("sound");
        assert_eq!(report.policy_set, set.map(|policy| sha256(policy.as_bytes())), "the last one");
        assert_eq!(report.policy_exported, exported.map(|policy| sha256(policy.as_bytes())));
        let strict = trusting(&log, &policy("quorum auditor\n"));
        let failure = check_with(&strict, &export).expect_err("the auditor's own policy counts");
        assert!(matches!(failure, VerifyFailure::Quorum { .. }));
    }
}

#[test]
fn an_exported_policy_that_is_none_is_found() {
    let (log, export) = cosigned_with(None, Some("quorum nobody\n"));
    let rule = PolicyRule::NameUnknown("nobody".into());
    let failure = VerifyFailure::ExportedPolicy(PolicyError { line: 1, rule });
    assert_eq!(check(&log, &export), Err(failure.clone()));
    assert_eq!(failure.path(), Some(POLICY_PATH));
    let (log, mut export) = cosigned_with(None, Some("quorum none\n"));
    export.insert(POLICY_PATH.to_owned(), b"quorum none\n#\n".to_vec());
    let altered = VerifyFailure::Altered { path: POLICY_PATH.into(), entry: None };
    assert_eq!(check(&log, &export), Err(altered));
}
