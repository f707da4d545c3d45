use super::*;
use crate::audit::testing::{TestLog, cosigner};
use crate::audit::witness::{AddCheckpoint, Cosigner, decide, response_text};
use crate::crypto::keys::Algorithm;
use crate::exchange::retention::Rules;
use crate::exchange::testing::Lone;

const AT: u64 = 1_795_000_000;

/// Both keys of witness `n`.
fn witness(n: u8) -> [Cosigner; 2] {
    let name = format!("w{n}.example/witness");
    [cosigner(&name, n, Algorithm::Ed25519), cosigner(&format!("{name}-pq"), n, Algorithm::MlDsa44)]
}

fn keys(of: &[Cosigner]) -> Vec<WitnessKey> {
    of.iter().map(|cosigner| cosigner.key().clone()).collect()
}

fn lines(log: &TestLog, by: &[Cosigner]) -> Vec<u8> {
    let lines: Vec<_> = by.iter().map(|one| log.cosigned_by(one, 1, AT)).collect();
    response_text(&lines).into_bytes()
}

#[test]
fn two_keys_of_one_witness_stand_beside_each_other() {
    let log = TestLog::new("xa.moj", 10);
    let (witness, mut head) = (witness(1), log.signed(1));
    assert_eq!(take(&mut head, &lines(&log, &witness), &keys(&witness)), Ok(true));
    let cosigners = head.cosigners(&keys(&witness)).expect("sound");
    assert_eq!(cosigners.all().len(), 2);
    assert_eq!(take(&mut head, &lines(&log, &witness), &keys(&witness)), Ok(false), "not new");
    let known = strength(&Policy::none(), &head, &keys(&witness));
    assert_eq!(known, Strength { level: Level::Witnessed, post_quantum: 1 });
    let [ed25519, _] = &witness;
    let short = log.cosigned(1, &[ed25519], AT);
    let with_one = strength(&Policy::none(), &short, &keys(&witness));
    assert!(Strength::NONE < with_one && with_one < known);
}

#[test]
fn a_key_that_the_card_does_not_name_keeps_the_other_line_from_nobody() {
    let log = TestLog::new("xa.moj", 10);
    let (witness, mut head) = (witness(1), log.signed(1));
    let older_card = &keys(&witness)[..1];
    assert_eq!(take(&mut head, &lines(&log, &witness), older_card), Ok(true));
    assert_eq!(head.post_quantum_lines(), 0);
    let stranger = cosigner("w2.example/witness", 2, Algorithm::Ed25519);
    let refused = take(&mut head, &lines(&log, &witness), &keys(&[stranger]));
    assert_eq!(refused, Err(ResponseError::NoKnownKey));
}

#[test]
fn where_there_is_no_room_for_long_lines_the_short_ones_go_in() {
    let log = TestLog::new("xa.moj", 10);
    let mut head = log.signed(1);
    let all: Vec<_> = (1..=30).map(witness).collect();
    for witness in &all {
        assert_eq!(take(&mut head, &lines(&log, witness), &keys(witness)), Ok(true));
    }
    let every: Vec<WitnessKey> = all.iter().flat_map(|witness| keys(witness)).collect();
    let cosigners = head.cosigners(&every).expect("sound");
    let long = head.post_quantum_lines();
    assert_eq!(cosigners.all().len(), 30 + long);
    assert!((10..15).contains(&long), "{long}");
    assert!(head.to_note().len() <= NOTE_MAX_BYTES);
    // One that cosigns with ML-DSA-44 alone changes nothing.
    let (late, before) = (witness(31), head.clone());
    assert_eq!(take(&mut head, &lines(&log, &late[1..]), &keys(&late[1..])), Ok(false));
    assert_eq!(head, before);
}

fn line(lone: &Lone, head: &Head, by: &Cosigner) -> String {
    let request = AddCheckpoint::new(0, Vec::new(), head.note.clone()).expect("a request");
    let accepted = decide(None, lone.x().card().log_keys(), &request).expect("accepted");
    by.cosign(&accepted, lone.x().now()).to_line() + "\n"
}

#[tokio::test]
async fn a_line_is_verified_when_it_comes_and_counts_for_its_key() {
    let mut lone = Lone::new("xa.oag", Rules::default());
    lone.x().log_node(crate::audit::entry::Event::NodeStarted).await.expect("logged");
    let head = lone.x().log_head();
    let [one, other] =
        [1, 2].map(|seed| cosigner(&format!("x{seed}.example/witness"), seed, Algorithm::Ed25519));
    let ours = line(&lone, &head, &one);
    let forged = lone.x().gather_lines(&head, ours.as_bytes(), &[other.key().clone()]).await;
    assert!(forged.is_err(), "another key's");
    lone.x().gather_lines(&head, ours.as_bytes(), &[one.key().clone()]).await.expect("gathered");
    lone.x().gather_lines(&head, ours.as_bytes(), &[one.key().clone()]).await.expect("no news");
    let level = |lone: &Lone, key: &WitnessKey| {
        let key = [key.clone()];
        lone.x().gathered.best(Position::default(), &key).map(|best| best.0.level)
    };
    assert_eq!(level(&lone, one.key()), Some(Level::Witnessed));
    assert_eq!(level(&lone, other.key()), Some(Level::Signed));
    let theirs = line(&lone, &head, &other);
    lone.x()
        .gather_lines(&head, theirs.as_bytes(), &[other.key().clone()])
        .await
        .expect("gathered");
    assert_eq!(level(&lone, one.key()), Some(Level::Witnessed), "both stand");
    assert_eq!(level(&lone, other.key()), Some(Level::Witnessed));
    // After a start, a line counts for the keys of the directory and of the policy.
    lone.restart();
    assert_eq!(level(&lone, one.key()), Some(Level::Signed));
    let again = Gathered::load(&lone.x().store, &Policy::none(), &[one.key().clone()]);
    let best = again
        .expect("loads")
        .best(Position::default(), &[one.key().clone()])
        .map(|best| best.0.level);
    assert_eq!(best, Some(Level::Witnessed));
}

#[test]
fn what_a_counterpart_cosigns_counts_in_a_log_that_the_policy_does_not_list() {
    let log = TestLog::new("xa.moj", 10);
    let [peer, other] = [1, 2].map(|n| cosigner(&format!("w{n}.example"), n, Algorithm::Ed25519));
    let listed = TestLog::new("xb.pps", 11).verifier();
    let policy = format!("log {listed}\nwitness w {}\nquorum w\n", other.key());
    let policy = Policy::parse(policy.as_bytes()).expect("a policy");
    let head = log.cosigned(1, &[&peer, &other], AT);
    let counterpart = [peer.key().clone()];
    let witnessed = Strength { level: Level::Witnessed, post_quantum: 0 };
    let kept = Kept::new(head.clone(), &policy, counterpart.to_vec());
    assert_eq!(kept.strength(&counterpart), witnessed);
    assert_eq!(strength(&policy, &head, &counterpart), witnessed);
    assert_eq!(kept.strength(&[]), Strength::NONE, "its quorum is of other logs");
    assert_eq!(strength(&policy, &head, &[]), Strength::NONE);
}
