use super::*;
use crate::audit::testing::{TestLog, cosigner};
use crate::cli::testing::export_of;
use crate::crypto::keys::Algorithm;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn digests(paths: &[&str]) -> BTreeMap<String, Digest> {
    paths.iter().map(|path| ((*path).to_owned(), [0; 32])).collect()
}

/// What is missing in a side that has these files.
fn lacking(kind: &str, old: &[&str], new: &[&str]) -> BTreeSet<String> {
    let (old, new, dir) = (digests(old), digests(new), Path::new("x"));
    missing(kind, &Side { dir, digests: &old }, &Side { dir, digests: &new })
}

#[test]
fn a_receipt_that_became_a_stronger_one_in_the_next_log_is_not_lost() {
    let old = ["checkpoint", "receipts/m.tlog-proof", "earlier/2026/receipts/n.tlog-proof"];
    let moved = ["earlier/2026/receipts/m.tlog-proof", "receipts/n.tlog-proof"];
    assert_eq!(lacking(RECEIPTS, &old, &moved), names(&[]));
    assert_eq!(lacking(RECEIPTS, &old, &moved[1..]), names(&["receipts/m.tlog-proof"]));
    assert_eq!(lacking(RECEIPTS, &old, &["cards/m.tlog-proof"]).len(), 2);
}

#[test]
fn a_card_is_lost_where_no_log_has_one_of_its_authority() {
    let old = ["cards/xa.moj.card", "earlier/2026/cards/xb.oag.card"];
    assert_eq!(lacking(CARDS, &old, &["cards/xb.oag.card"]), names(&["cards/xa.moj.card"]));
    assert_eq!(
        lacking(CARDS, &old, &["earlier/2026/cards/xa.moj.card"]),
        names(&["cards/xb.oag.card"])
    );
}

/// An export of a log whose checkpoint has these lines.
fn cosigned(log: &TestLog, by: &[&str], dir: &Path) -> BTreeMap<String, Digest> {
    export_of(log, dir);
    let by: Vec<_> = by.iter().map(|name| cosigner(name, 78, Algorithm::Ed25519)).collect();
    let note = log.cosigned(log.head().size, &by.iter().collect::<Vec<_>>(), 1_795_000_001);
    std::fs::write(dir.join(CHECKPOINT_PATH), note.to_note()).expect("written");
    digests(&["checkpoint", "cards/xa.moj.card"])
}

#[test]
fn a_witness_is_lost_where_the_new_checkpoint_has_no_line_of_it_that_verifies() {
    let root = tempfile::tempdir().expect("a directory");
    let (old, new) = (root.path().join("old"), root.path().join("new"));
    let mut log = TestLog::new("xa.moj", 1);
    // The first is one of the card's, the other of a key that nobody here knows.
    let both = ["xa.moj/witness", "court.example/w1"];
    let had = cosigned(&log, &both, &old);
    let stale = std::fs::read_to_string(old.join(CHECKPOINT_PATH)).expect("there");
    log.push_many(3);
    let lost = |digests: &BTreeMap<String, Digest>| {
        let (old, new) = (Side { dir: &old, digests: &had }, Side { dir: &new, digests });
        Lost::between(&old, &new).expect("readable")
    };
    let has = cosigned(&log, &both, &new);
    assert_eq!(lost(&has), Lost::default());
    let has = cosigned(&log, &both[..1], &new);
    assert_eq!(lost(&has).cosigners, names(&["court.example/w1"]));

    // Lines of another checkpoint are none.
    let lines: Vec<&str> = stale.lines().filter(|line| line.contains("witness")).collect();
    let bare = log.signed(log.head().size).to_note();
    std::fs::write(new.join(CHECKPOINT_PATH), format!("{bare}{}\n", lines[0])).expect("written");
    let gone = lost(&has);
    assert_eq!(gone.cosigners, names(&both));

    // Nothing is refused for that alone: what they have cosigned is kept beside.
    let gone = gone.agreed(&Consent::default(), &old).expect("may go");
    for _ in 0..2 {
        gone.keep_checkpoints(&old).expect("kept");
    }
    let [path] = &gone.checkpoints_beside(&old)[..] else { panic!("one checkpoint") };
    assert!(path.contains("old.2026-1-"), "{path}");
    assert_eq!(std::fs::read_to_string(path).expect("there"), stale);
}

#[test]
fn a_quorum_that_was_reached_is_not_given_away_unasked() {
    let root = tempfile::tempdir().expect("a directory");
    let (old, new) = (root.path().join("old"), root.path().join("new"));
    let mut log = TestLog::new("xa.moj", 1);
    let witness = cosigner("court.example/w1", 78, Algorithm::Ed25519);
    let policy = format!("witness w {}\nquorum w\n", witness.key());
    let with_policy = |dir: &Path, mut digests: BTreeMap<String, Digest>| {
        std::fs::write(dir.join(POLICY_PATH), &policy).expect("written");
        digests.insert(POLICY_PATH.to_owned(), [0; 32]);
        digests
    };
    let had = with_policy(&old, cosigned(&log, &["court.example/w1"], &old));
    log.push_many(3);
    let lost = |digests: &BTreeMap<String, Digest>| {
        let (old, new) = (Side { dir: &old, digests: &had }, Side { dir: &new, digests });
        Lost::between(&old, &new).expect("readable")
    };
    let has = with_policy(&new, cosigned(&log, &[], &new));
    assert!(lost(&has).quorum);
    assert!(lost(&has).agreed(&Consent::default(), &old).is_err());
    let has = with_policy(&new, cosigned(&log, &["court.example/w1"], &new));
    assert_eq!(lost(&has), Lost::default());
    let has = cosigned(&log, &["court.example/w1"], &new);
    assert_eq!(lost(&has).cards, names(&["policy"]));
}

#[test]
fn what_is_lost_is_named_until_it_is_said_that_it_may_go() {
    let lost = Lost {
        receipts: names(&["receipts/m.tlog-proof"]),
        cards: names(&["cards/xb.oag.card", "policy"]),
        cosigners: names(&["xb.oag/witness"]),
        quorum: true,
        ..Lost::default()
    };
    let refused =
        |consent: Consent| lost.clone().agreed(&consent, Path::new("x")).expect_err("lost");
    let mut consent = Consent::default();
    assert!(refused(consent).message.contains("lacks 1 receipt that x has"));
    consent.drop_receipts = true;
    let failure = refused(consent);
    assert!(failure.message.ends_with("cards/xb.oag.card, policy"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("--drop-cards")));
    consent.drop_cards = true;
    let failure = refused(consent);
    assert!(failure.message.ends_with("xb.oag/witness"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("--drop-cosignatures")));
    consent.drop_cosignatures = true;
    assert_eq!(lost.clone().agreed(&consent, Path::new("x")), Ok(lost));
}
