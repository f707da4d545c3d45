use super::*;
use crate::audit::note::NoteError;
use crate::audit::testing::{TestLog, cosigner, secret, verifier};
use crate::audit::witness::Cosigner;
use crate::crypto::keys::Algorithm;

mod defects;
mod model;

const AT: u64 = 1_795_000_000;

fn witness(number: u8) -> Cosigner {
    cosigner(&format!("w{number}.example"), number, Algorithm::Ed25519)
}

/// The key of witness `number`.
fn vkey(number: u8) -> String {
    witness(number).key().to_string()
}

/// Three witnesses, `a`, `b` and `c`, with the keys 1 to 3, and what follows.
fn with_three(rest: &str) -> String {
    let [a, b, c] = [1, 2, 3].map(vkey);
    format!("witness a {a}\nwitness b {b} https://b.example/\nwitness c {c}\n{rest}")
}

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text.as_bytes())
}

/// Who has cosigned, of the witnesses of these numbers.
fn cosigners(numbers: &[u8]) -> Cosigners {
    let log = TestLog::new("xa.moj", 100);
    let all: Vec<Cosigner> = numbers.iter().copied().map(witness).collect();
    let signed = log.cosigned(1, &all.iter().collect::<Vec<_>>(), AT);
    let keys: Vec<WitnessKey> = all.iter().map(|witness| witness.key().clone()).collect();
    signed.cosigners(&keys).expect("sound")
}

#[test]
fn a_policy_has_logs_witnesses_groups_and_a_quorum() {
    let log = verifier("xa.moj/log/2026", &secret(9));
    let text = format!(
        "# who may vouch\n\n \t \n\tlog {log}\thttps://log.example/ \nquorum none\n{}",
        with_three("  # late\n")
    );
    let policy = parse(&text).expect("sound");
    assert_eq!(policy.logs(), [PolicyLog { key: log, url: Some("https://log.example/".into()) }]);
    let names: Vec<&str> = policy.witnesses().iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(policy.witnesses()[0].url, None);
    assert_eq!(policy.witnesses()[1].url.as_deref(), Some("https://b.example/"));
    assert_eq!(policy.witnesses()[2].key, *witness(3).key());
    assert_eq!(policy.digest(), sha256(text.as_bytes()));
    assert!(!policy.has_quorum());
}

#[test]
fn names_are_octets() {
    let [k, kelvin] = [vkey(1), vkey(2)];
    let text = [
        format!("witness K {k}\nwitness \u{212a} {kelvin}\n").into_bytes(),
        b"group \xff\xfe all K\n# \x80\xff\nquorum \xff\xfe\n".to_vec(),
    ]
    .concat();
    let policy = Policy::parse(&text).expect("sound");
    assert!(policy.satisfied(&cosigners(&[1])));
    assert!(!policy.satisfied(&cosigners(&[2])), "a Kelvin sign is no K");
    let not_text = [b"witness a \xff", &vkey(1).into_bytes()[1..], b"\nquorum a\n"].concat();
    assert!(matches!(
        Policy::parse(&not_text),
        Err(PolicyError { line: 1, rule: PolicyRule::Key("witness", _) })
    ));
}

#[test]
fn thirty_two_of_each_and_more() {
    let log = |n: u8| format!("log {}\n", verifier(&format!("log{n}"), &secret(100 + n)));
    let witness = |n: u8| {
        let key = cosigner(&format!("w{n}.example"), n, Algorithm::MlDsa44).key().to_string();
        format!("witness w{n} {key}\ngroup g{n} all w{n}\n")
    };
    let all: String = (1..=40).map(|n| log(n) + &witness(n)).collect();
    let groups: Vec<String> = (1..=40).map(|n| format!("g{n}")).collect();
    let policy = parse(&format!("{all}group q 21 {}\nquorum q\n", groups.join(" ")));
    let policy = policy.expect("sound");
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (40, 40));
}

#[test]
fn the_depth_of_groups_is_no_matter() {
    let mut text = with_three("group g0 all a\n");
    for depth in 1..9000 {
        text += &format!("group g{depth} any g{}\n", depth - 1);
    }
    let policy = parse(&format!("{text}quorum g8999\n")).expect("sound");
    assert!(policy.satisfied(&cosigners(&[1])));
    assert!(!policy.satisfied(&cosigners(&[2, 3])));
    assert_eq!(policy.missing(&cosigners(&[2])), ["a"]);
}

/// One policy may be for the logs of authorities that witness each other.
#[test]
fn the_witness_key_of_the_logs_own_authority_counts_for_nothing() {
    let mut log = TestLog::new("xa.moj", 1);
    log.push_many(2);
    let own = cosigner("xa.moj/witness", 7, Algorithm::Ed25519);
    let other = cosigner("xb.oag/witness", 8, Algorithm::Ed25519);
    let text = format!(
        "witness a {}\nwitness b {}\ngroup any any a b\nquorum any\n",
        own.key(),
        other.key()
    );
    let policy = parse(&text).expect("sound");
    let by =
        |witness: &Cosigner| policy.level(&log.cosigned(3, &[witness], AT), &[]).expect("listed");
    assert!(by(&other).satisfied);
    let standing = by(&own);
    assert!(!standing.satisfied && standing.missing.contains(&"a".to_owned()), "{standing:?}");
}

#[test]
fn the_quorum_counts_who_has_cosigned() {
    for (rest, cosigned, satisfied, missing) in [
        ("quorum none\n", &[][..], true, &[][..]),
        ("quorum none\n", &[1], true, &[]),
        ("quorum a\n", &[1], true, &[]),
        ("quorum a\n", &[2, 3], false, &["a"]),
        ("group g all a b\nquorum g\n", &[1, 2], true, &[]),
        ("group g all a b\nquorum g\n", &[1, 3], false, &["b"]),
        ("group g any a b\nquorum g\n", &[2], true, &["a"]),
        ("group g any a b\nquorum g\n", &[3], false, &["a", "b"]),
        ("group g 2 a b c\nquorum g\n", &[1, 3], true, &["b"]),
        ("group g 2 a b c\nquorum g\n", &[3], false, &["a", "b"]),
        ("group g any a b\ngroup h all g c\nquorum h\n", &[2, 3], true, &["a"]),
        ("group g any a b\ngroup h all g c\nquorum h\n", &[1, 2], false, &["c"]),
        ("group g any a b\nquorum c\n", &[1, 2], false, &["c"]),
        ("quorum c\n", &[9], false, &["c"]),
    ] {
        let policy = parse(&with_three(rest)).expect("sound");
        let cosigners = cosigners(cosigned);
        assert_eq!(policy.satisfied(&cosigners), satisfied, "{rest} by {cosigned:?}");
        assert_eq!(policy.missing(&cosigners), missing, "{rest} by {cosigned:?}");
    }
}

/// Every line as `github.com/transparency-dev/formats/witness` judges it: `b` and `c` have
/// cosigned, `d` has not.
#[test]
fn the_go_implementation_judges_alike() {
    let log =
        VerifierKey::parse(include_str!("../vectors/keys.txt").lines().next().expect("a line"));
    let log = log.expect("the log's key");
    let note = include_str!("../vectors/cosigned.note");
    let signed = SignedCheckpoint::verify(note, &[log]).expect("signed");
    for (rest, satisfied) in [
        ("quorum none\n", true),
        ("quorum b\n", true),
        ("quorum d\n", false),
        ("group g all b c\nquorum g\n", true),
        ("group g all b c d\nquorum g\n", false),
        ("group g any c d\nquorum g\n", true),
        ("group g 2 b c d\nquorum g\n", true),
        ("group g 3 b c d\nquorum g\n", false),
        ("group g 2 b c\ngroup h all g d\nquorum h\n", false),
        ("group g all b d\ngroup h any g c\nquorum h\n", true),
    ] {
        let policy = parse(&format!("{}{rest}", include_str!("../vectors/policy.txt")));
        let standing = policy.expect("sound").level(&signed, &[]).expect("sound lines");
        assert_eq!(standing.satisfied, satisfied, "{rest}");
        assert_eq!(standing.cosigners.all().len(), 2);
    }
}

#[test]
fn levels_rise_with_who_has_cosigned() {
    let log = TestLog::new("xa.moj", 100);
    let (counterpart, stranger) = (witness(7), witness(8));
    let quorum = parse(&with_three("group g 2 a b c\nquorum g\n")).expect("sound");
    let open = parse(&with_three("quorum none\n")).expect("sound");
    let own = parse(&format!("witness p {}\nquorum p\n", vkey(7))).expect("sound");
    for (what, policy, by, level, satisfied) in [
        ("nobody", &quorum, &[][..], Level::Signed, false),
        ("a stranger", &quorum, &[&stranger], Level::Signed, false),
        ("one of two", &quorum, &[&witness(1)], Level::Signed, false),
        ("the counterpart", &quorum, &[&counterpart], Level::Witnessed, false),
        ("the counterpart and one", &quorum, &[&counterpart, &witness(1)], Level::Witnessed, false),
        ("the quorum", &quorum, &[&witness(1), &witness(3)], Level::Quorum, true),
        ("nobody, and nobody need", &open, &[], Level::Signed, true),
        ("some, and nobody need", &open, &[&witness(1), &witness(2)], Level::Signed, true),
        ("no policy", &Policy::none(), &[&witness(1)], Level::Signed, true),
        ("no policy, the counterpart", &Policy::none(), &[&counterpart], Level::Witnessed, true),
        ("the counterpart is the quorum", &own, &[&counterpart], Level::Quorum, true),
    ] {
        let signed = log.cosigned(1, by, AT);
        let standing =
            policy.level(&signed, std::slice::from_ref(counterpart.key())).expect("sound");
        assert_eq!((standing.level, standing.satisfied), (level, satisfied), "{what}");
    }
    let signed = log.cosigned(1, &[&counterpart], AT);
    let nobody_asked = quorum.level(&signed, &[]).expect("sound");
    assert_eq!(nobody_asked.level, Level::Signed);
    assert!(Level::Signed < Level::Witnessed && Level::Witnessed < Level::Quorum);
    assert_eq!(
        [Level::Signed, Level::Witnessed, Level::Quorum].map(Level::as_str),
        ["L0", "L1", "L2"]
    );
}

#[test]
fn a_counterpart_counts_once_with_any_of_its_keys() {
    let log = TestLog::new("xa.moj", 100);
    let ed25519 = cosigner("xb.oag/witness", 7, Algorithm::Ed25519);
    let ml_dsa = cosigner("xb.oag/witness-pq", 7, Algorithm::MlDsa44);
    let keys = [ed25519.key().clone(), ml_dsa.key().clone()];
    let both = format!("witness b {}\nwitness b-pq {}\n", keys[0], keys[1]);
    let once = parse(&format!(
        "{both}witness a {}\ngroup b-any any b b-pq\ngroup q all a b-any\nquorum q\n",
        vkey(1)
    ));
    let once = once.expect("sound");
    let strict = parse(&format!("{both}group q all b b-pq\nquorum q\n")).expect("sound");
    for (by, of_both, strictly) in [
        (&[&ed25519][..], Level::Witnessed, Level::Witnessed),
        (&[&ml_dsa], Level::Witnessed, Level::Witnessed),
        (&[&ed25519, &ml_dsa], Level::Witnessed, Level::Quorum),
        (&[&witness(1), &ml_dsa], Level::Quorum, Level::Witnessed),
    ] {
        let signed = log.cosigned(1, by, AT);
        assert_eq!(once.level(&signed, &keys).expect("sound").level, of_both);
        assert_eq!(strict.level(&signed, &keys).expect("sound").level, strictly);
    }
}

#[test]
fn a_policy_that_lists_logs_accepts_no_other() {
    let log = TestLog::new("xa.moj", 100);
    let signed = log.signed(1);
    let other = |key: &VerifierKey| format!("log {key}\nquorum none\n");
    let origin = log.origin.clone();
    let unlisted = Err(PolicyFailure::UnlistedLog { origin });
    for (what, key, accepted) in [
        ("this log", log.verifier(), true),
        ("another log", verifier("xb.oag/log/2026", &secret(2)), false),
        ("another key of this log", verifier(&log.origin, &secret(2)), false),
        ("its key under another name", verifier("xb.oag/log/2026", &log.key), false),
    ] {
        let standing = parse(&other(&key)).expect("sound").level(&signed, &[]);
        match accepted {
            true => assert!(standing.is_ok(), "{what}"),
            false => assert_eq!(standing, unlisted, "{what}"),
        }
    }
}

#[test]
fn a_wrong_line_of_a_known_witness_is_refused_even_where_others_are_enough() {
    let log = TestLog::new("xa.moj", 100);
    let [good, bad] = [witness(1), witness(2)];
    let line = log.cosigned_by(&bad, 1, AT).to_line();
    let later = log.cosigned_by(&good, 1, AT).to_line();
    // The signature of one witness under the name and id of another.
    let blob = |line: &str| line.rsplit(' ').next().expect("base64")[8..].to_owned();
    let mixed = line.replace(&blob(&line), &blob(&later));
    let note = format!("{}{later}\n{mixed}\n", log.signed(1).to_note());
    let signed = SignedCheckpoint::verify(&note, &[log.verifier()]).expect("signed by its log");
    let policy = parse(&with_three("quorum a\n")).expect("sound");
    assert!(matches!(policy.level(&signed, &[]), Err(PolicyFailure::Cosignature(_))));
    let unknowing = parse(&format!("witness a {}\nquorum a\n", vkey(1))).expect("sound");
    assert_eq!(unknowing.level(&signed, &[]).expect("sound").level, Level::Quorum);
    let as_counterpart = unknowing.level(&signed, std::slice::from_ref(bad.key()));
    assert!(matches!(as_counterpart, Err(PolicyFailure::Cosignature(_))));
}
