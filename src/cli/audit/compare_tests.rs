use std::fs;

use super::*;
use crate::audit::testing::TestLog;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{card_of, export_of};

/// A log with 5 entries, the same with 9, and one with 9 that differs from the fourth on; exports of all.
struct Pasts {
    dir: tempfile::TempDir,
}

impl Pasts {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut log, mut fork) = (TestLog::new("xa.moj", 1), TestLog::new("xa.moj", 1));
        log.push_many(4);
        export_of(&log, &dir.path().join("old"));
        fs::write(dir.path().join("old.checkpoint"), log.signed(5).to_note()).expect("written");
        log.push_many(4);
        export_of(&log, &dir.path().join("new"));
        fs::write(dir.path().join("new.checkpoint"), log.signed(9).to_note()).expect("written");
        fork.push_many(3);
        fork.push_stopped();
        fork.push_many(4);
        export_of(&fork, &dir.path().join("fork"));
        fs::write(dir.path().join("card"), card_of(&log).text()).expect("written");
        let other = TestLog::new("xb.oag", 2);
        fs::write(dir.path().join("other"), card_of(&other).text()).expect("written");
        Self { dir }
    }

    fn args(&self, first: &str, second: &str) -> CompareArgs {
        let path = |name: &str| self.dir.path().join(name);
        let (first, second, card) = (path(first), path(second), path("card"));
        CompareArgs { first, second, card, fingerprint: None, evidence: None }
    }
}

#[test]
fn what_goes_on_from_what_is_told() {
    let pasts = Pasts::new();
    for (first, second, verdict) in [
        ("old", "new", "second_goes_on"),
        ("new", "old", "first_goes_on"),
        ("old.checkpoint", "new", "second_goes_on"),
        ("new", "new", "same"),
        ("new.checkpoint", "new", "same"),
        ("new.checkpoint", "new.checkpoint", "same"),
    ] {
        let (mut out, data, _) = memory(Format::Json);
        run(pasts.args(first, second), &mut out).expect(verdict);
        assert_eq!(data.json()["verdict"], verdict, "{first} {second}");
    }
}

#[test]
fn two_pasts_are_proven_with_a_file_that_verifies_by_itself() {
    let pasts = Pasts::new();
    let card = read_card(&pasts.dir.path().join("card")).expect("a card");
    let pairs =
        [("old", "fork"), ("fork", "new"), ("new.checkpoint", "fork"), ("fork", "old.checkpoint")];
    for (number, (first, second)) in pairs.into_iter().enumerate() {
        let file = pasts.dir.path().join(format!("{number}.equivocation"));
        let args = CompareArgs { evidence: Some(file.clone()), ..pasts.args(first, second) };
        let (mut out, data, _) = memory(Format::Json);
        let failure = run(args, &mut out).expect_err("two pasts");
        assert_eq!(failure.code, Exit::VerificationFailed);
        assert!(failure.message.contains("xa.moj/log/2026 has signed two pasts"), "{failure}");
        assert_eq!(data.json()["verdict"], "two_pasts", "{first} {second}");
        let text = fs::read_to_string(&file).expect("written");
        let evidence = Evidence::parse(&text).expect("evidence");
        evidence.verify(&card.log_keys_of(evidence.origin())).expect("proven");
    }
}

#[test]
fn what_cannot_be_compared_is_told_with_what_to_name() {
    let pasts = Pasts::new();
    let other = pasts.dir.path().join("other");
    let taken = Some(pasts.dir.path().join("card"));
    for (why, code, args) in [
        ("its export is not at hand", Exit::NotFound, pasts.args("old", "new.checkpoint")),
        ("cannot be read", Exit::NotFound, pasts.args("none", "new")),
        (
            "the card",
            Exit::VerificationFailed,
            CompareArgs { card: other, ..pasts.args("old", "new") },
        ),
        ("exists", Exit::Failed, CompareArgs { evidence: taken, ..pasts.args("old", "new") }),
    ] {
        let (mut out, ..) = memory(Format::Table);
        let failure = run(args, &mut out).expect_err(why);
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.message.contains(why), "{failure}");
    }
}

#[test]
fn tiles_that_lead_elsewhere_prove_nothing() {
    let pasts = Pasts::new();
    let tiles = |name: &str| pasts.dir.path().join(name).join("tile/0/000.p/9");
    fs::copy(tiles("fork"), tiles("new")).expect("copied");
    let (mut out, ..) = memory(Format::Table);
    let failure = run(pasts.args("old", "new"), &mut out).expect_err("unsound");
    assert!(failure.message.contains("its tiles prove nothing"), "{failure}");
}
