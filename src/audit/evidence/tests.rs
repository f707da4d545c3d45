use proptest::prelude::*;

use super::*;
use crate::audit::entry::Event;
use crate::audit::merkle::{inclusion_proof, infallible};
use crate::audit::testing::{TestLog, delivery, node_of, secret, verifier};

mod defects;

/// The log of xa.moj, and the other past that its owner has: they part after three entries.
fn two_pasts() -> (TestLog, TestLog) {
    let (mut log, mut fork) = (TestLog::new("xa.moj", 1), TestLog::new("xa.moj", 1));
    for number in 1..13 {
        log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
        let other = if number < 3 { number } else { number + 100 };
        fork.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", other));
    }
    (log, fork)
}

fn keys() -> Vec<VerifierKey> {
    vec![verifier("xb.oag/log/2026", &secret(2)), verifier("xa.moj/log/2026", &secret(1))]
}

fn receipt(log: &TestLog, index: u64, size: u64) -> TlogProof {
    TlogProof {
        extra: log.entries[index as usize].clone(),
        index,
        hashes: log.proof(index, size),
        checkpoint: log.checkpoint(size).sign(&log.key),
    }
}

fn same_size() -> Evidence {
    let (log, fork) = two_pasts();
    Evidence::same_size(&log.signed(7), &fork.signed(7)).expect("two roots")
}

fn other_prefix(first: u64, second: u64) -> Evidence {
    let (log, fork) = two_pasts();
    let root = fork.checkpoint(first).root;
    let path = fork.consistency(first, second);
    Evidence::other_prefix(&log.signed(first), &fork.signed(second), root, path)
        .expect("another beginning")
}

fn other_entry(index: u64, first: u64, second: u64) -> Evidence {
    let (log, fork) = two_pasts();
    let leaf = fork.leaves()[index as usize];
    let receipt = receipt(&log, index, first);
    Evidence::other_entry(&receipt, &fork.signed(second), leaf, fork.proof(index, second))
        .expect("another entry")
}

#[test]
fn each_contradiction_is_proven() {
    let mut all = vec![same_size()];
    for (first, second) in [(4, 5), (5, 8), (7, 13), (8, 13), (12, 13)] {
        all.push(other_prefix(first, second));
    }
    for (index, first, second) in [(3, 4, 13), (3, 13, 4), (5, 7, 7), (12, 13, 13), (6, 8, 12)] {
        all.push(other_entry(index, first, second));
    }
    for evidence in all {
        let verdict = evidence.verify(&keys()).expect("two pasts");
        assert_eq!(verdict.origin(), "xa.moj/log/2026");
        assert_eq!(evidence.origin(), "xa.moj/log/2026");
        let text = evidence.to_text();
        assert_eq!(Evidence::parse(&text), Ok(evidence.clone()));
        assert_eq!(evidence.digest(), sha256(text.as_bytes()));
        let [first, second] = verdict.facts();
        assert_ne!(first, second);
    }
}

#[test]
fn the_text_is_a_claim_and_two_notes() {
    let (log, fork) = two_pasts();
    let (a, b) = (log.checkpoint(7).sign(&log.key), fork.checkpoint(7).sign(&log.key));
    let text = same_size().to_text();
    assert_eq!(text, format!("rogatory/v1/equivocation\nsame-size\n\n{a}\n{b}"));
    assert_eq!(same_size().notes(), (a.as_str(), b.as_str()));
    let text = other_prefix(5, 8).to_text();
    let words: Vec<&str> = text.lines().map(|l| l.split(' ').next().expect("a word")).collect();
    assert_eq!(words[..3], ["rogatory/v1/equivocation", "other-prefix", "root"]);
    assert_eq!(words[3..9], ["hash", "hash", "hash", "hash", "", "xa.moj/log/2026"]);
    let text = other_entry(3, 4, 13).to_text();
    let words: Vec<&str> = text.lines().map(|l| l.split(' ').next().expect("a word")).collect();
    assert_eq!(
        words[..12],
        [
            "rogatory/v1/equivocation",
            "other-entry",
            "index",
            "entry",
            "hash",
            "hash",
            "leaf",
            "hash",
            "hash",
            "hash",
            "hash",
            ""
        ]
    );
}

#[test]
fn a_verdict_names_both_facts() {
    let (log, fork) = two_pasts();
    let hex = |log: &TestLog, size| hex::encode(log.checkpoint(size).root);
    let verdict = same_size().verify(&keys()).expect("two pasts").to_string();
    assert_eq!(
        verdict,
        format!(
            "The holder of the key of xa.moj/log/2026 has signed two pasts.\n\
             First: it signed a log of 7 entries with the root {}.\n\
             Second: it signed a log of 7 entries with the root {}.\n\
             Both cannot be true of a log that only grows.",
            hex(&log, 7),
            hex(&fork, 7)
        )
    );
    let verdict = other_prefix(5, 8).verify(&keys()).expect("two pasts");
    let beginning = format!("the first 5 entries of that log have the root {}", hex(&fork, 5));
    assert!(verdict.facts()[0].ends_with(&hex(&log, 5)), "{verdict}");
    assert!(verdict.facts()[1].ends_with(&beginning), "{verdict}");
    let verdict = other_entry(3, 4, 13).verify(&keys()).expect("two pasts");
    let about = "entry 3 of that log is RelayAcceptance of 2026-11-18T11:06:40.030Z about message ";
    assert!(verdict.facts()[0].contains(about), "{verdict}");
    let other = hex::encode(fork.leaves()[3]);
    assert!(verdict.facts()[1].ends_with(&other), "{verdict}");
}

#[test]
fn an_entry_that_is_none_is_named_by_its_hash() {
    let (log, fork) = two_pasts();
    let leaves = [leaf_hash(b"one"), leaf_hash(b"two"), leaf_hash(b"three")];
    let root = crate::audit::merkle::root_of([b"one".as_slice(), b"two", b"three"]);
    let head = Checkpoint { origin: log.origin.clone(), size: 3, root };
    let hashes = infallible(inclusion_proof(1, 3, |node| Ok(node_of(&leaves, node))));
    let (extra, checkpoint) = (b"two".to_vec(), head.sign(&log.key));
    let receipt = TlogProof { extra, index: 1, hashes, checkpoint };
    let leaf = fork.leaves()[1];
    let evidence = Evidence::other_entry(&receipt, &fork.signed(9), leaf, fork.proof(1, 9));
    let verdict = evidence.expect("another entry").verify(&keys()).expect("two pasts");
    let hash = hex::encode(leaves[1]);
    assert!(verdict.facts()[0].ends_with(&format!("is the one with the leaf hash {hash}")));
}

#[test]
fn both_keys_of_a_log_that_changed_its_key_accuse_it() {
    let (log, fork) = two_pasts();
    let newer = TestLog { key: secret(9), ..fork };
    let evidence = Evidence::same_size(&log.signed(7), &newer.signed(7)).expect("two roots");
    assert!(evidence.verify(&[log.verifier(), newer.verifier()]).is_ok());
    assert!(evidence.verify(&[log.verifier()]).is_err(), "as far as both keys are known");
}

/// Composed by the Go program that made the other vectors, with `sumdb/tlog` for the paths.
#[test]
fn what_go_composed_is_proven() {
    for (text, facts) in [
        (include_str!("../vectors/same-size.equivocation"), ["7 entries", "7 entries"]),
        (
            include_str!("../vectors/other-prefix.equivocation"),
            ["8 entries", "the first 8 entries"],
        ),
        (include_str!("../vectors/other-entry.equivocation"), ["entry 5", "entry 5"]),
    ] {
        let evidence = Evidence::parse(text).expect("evidence");
        assert_eq!(evidence.to_text(), text);
        let verdict = evidence.verify(&keys()).expect("two pasts");
        for (told, fact) in verdict.facts().iter().zip(facts) {
            assert!(told.contains(fact), "{told}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No evidence against a log that only grew can be made of what it signed.
    #[test]
    fn an_honest_log_is_never_accused(
        first in 1u64..13, second in 1u64..13, index in 0u64..13, flip in any::<u8>(),
    ) {
        let (log, _) = two_pasts();
        let (a, b) = (log.signed(first), log.signed(second));
        prop_assert!(Evidence::same_size(&a, &b).is_err());
        let path = log.consistency(first, second);
        let mut root = log.checkpoint(first).root;
        prop_assert!(Evidence::other_prefix(&a, &b, root, path.clone()).is_err());
        root[usize::from(flip) % 32] ^= 1;
        prop_assert!(Evidence::other_prefix(&a, &b, root, path).is_err());
        if index < first.min(second) {
            let receipt = receipt(&log, index, first);
            let mut leaf = log.leaves()[index as usize];
            let path = log.proof(index, second);
            prop_assert!(Evidence::other_entry(&receipt, &b, leaf, path.clone()).is_err());
            leaf[usize::from(flip) % 32] ^= 1;
            prop_assert!(Evidence::other_entry(&receipt, &b, leaf, path).is_err());
        }
    }

    #[test]
    fn every_evidence_comes_back(kind in 0u8..3, first in 4u64..13, more in 1u64..9, index in 3u64..12) {
        let evidence = match kind {
            0 => same_size(),
            1 => other_prefix(first, (first + more).min(13)),
            _ => other_entry(index, (index + more).min(13), 13),
        };
        let again = Evidence::parse(&evidence.to_text()).expect("its own text");
        prop_assert_eq!(again.to_text(), evidence.to_text());
        prop_assert!(again.verify(&keys()).is_ok());
    }
}
