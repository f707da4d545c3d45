use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::audit::note::{NAME_MAX_BYTES, Note, VerifierKey};
use crate::audit::testing::{TestLog, cosigner, seconds, secret, verifier};
use crate::audit::witness::Cosigner;
use crate::crypto::keys::Algorithm;

const AT: u64 = 1_795_000_000;
const BOTH: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::MlDsa44];

fn witness(algorithm: Algorithm) -> Cosigner {
    cosigner("xb.oag/witness", 11, algorithm)
}

fn signed(algorithm: Algorithm) -> (Checkpoint, Cosigner, Cosignature) {
    let log = TestLog::new("xa.moj", 1);
    let witness = witness(algorithm);
    let cosignature = log.cosigned_by(&witness, 1, AT);
    (log.head(), witness, cosignature)
}

/// What stands behind the key id.
fn with_bytes(line: &Cosignature, bytes: &[u8]) -> Result<Cosignature, CosignatureError> {
    let blob = [line.line.key_id().as_slice(), bytes].concat();
    Cosignature::parse(&format!("\u{2014} {} {}", line.name(), STANDARD.encode(blob)))
}

#[test]
fn a_cosignature_verifies_and_comes_back_from_its_line() {
    for algorithm in BOTH {
        let (checkpoint, witness, cosignature) = signed(algorithm);
        assert_eq!(cosignature.verify(&checkpoint, witness.key()), Ok(()));
        assert_eq!(cosignature.at().unix_seconds(), AT);
        assert_eq!(cosignature.at().to_string(), "2026-11-18T11:06:40.000Z");
        assert_eq!(Cosignature::parse(&cosignature.to_line()), Ok(cosignature));
    }
}

#[test]
fn a_cosignature_is_for_one_checkpoint_time_and_witness() {
    for algorithm in BOTH {
        let (good, witness, cosignature) = signed(algorithm);
        let invalid = Err(CosignatureError::Invalid("xb.oag/witness".into()));
        for (defect, bad) in [
            ("another log", Checkpoint { origin: "xa.moj/log/2027".into(), ..good.clone() }),
            ("another size", Checkpoint { size: good.size + 1, ..good.clone() }),
            ("another root", Checkpoint { root: [9; 32], ..good.clone() }),
        ] {
            assert_eq!(cosignature.verify(&bad, witness.key()), invalid, "{defect}");
        }
        let mut bytes = cosignature.line.bytes().to_vec();
        bytes[7] ^= 1;
        let later = with_bytes(&cosignature, &bytes).expect("well formed");
        assert_eq!(later.verify(&good, witness.key()), invalid, "another time");
        for (defect, other) in [
            ("another key", cosigner("xb.oag/witness", 12, algorithm)),
            ("another name", cosigner("xc.oag/witness", 11, algorithm)),
        ] {
            let refused = cosignature.verify(&good, other.key());
            assert_eq!(
                refused,
                Err(CosignatureError::OtherKey("xb.oag/witness".into())),
                "{defect}"
            );
        }
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    for algorithm in BOTH {
        let (checkpoint, witness, cosignature) = signed(algorithm);
        let bytes = cosignature.line.bytes();
        // The first 80 bytes have every kind; of the long signature then every seventh.
        for at in (0..bytes.len()).filter(|at| *at < 80 || at % 7 == 0) {
            let mut bad = bytes.to_vec();
            bad[at] ^= 0x80;
            let accepted = with_bytes(&cosignature, &bad)
                .is_ok_and(|bad| bad.verify(&checkpoint, witness.key()).is_ok());
            assert!(!accepted, "byte {at} of {algorithm:?}");
        }
    }
}

#[test]
fn malformed_lines_are_refused() {
    use CosignatureError::*;
    let name = || "xb.oag/witness".to_owned();
    for algorithm in BOTH {
        let (_, _, good) = signed(algorithm);
        let line = good.to_line();
        for (defect, bad) in [
            ("nothing", String::new()),
            ("a newline at the end", format!("{line}\n")),
            ("a hyphen for the dash", line.replace('\u{2014}', "-")),
            ("no name", line.replace("xb.oag/witness ", "")),
            ("plus in the name", line.replace("xb.oag", "xb+oag")),
            ("URL-safe base64", line.replace(['+', '/'], "_")),
        ] {
            assert_eq!(Cosignature::parse(&bad), Err(Line), "{defect}");
        }
        let bytes = good.line.bytes();
        let time = |time: u64| [&time.to_be_bytes(), &bytes[8..]].concat();
        for (defect, bad, expected) in [
            ("one byte less", bytes[..bytes.len() - 1].to_vec(), Length(name())),
            ("one byte more", [bytes, &[0]].concat(), Length(name())),
            ("no signature", bytes[..8].to_vec(), Length(name())),
            ("without a time", bytes[8..].to_vec(), Length(name())),
            ("time zero", time(0), Time(name())),
            ("time 2^63", time(1 << 63), Time(name())),
            ("the largest time", time(u64::MAX), Time(name())),
        ] {
            assert_eq!(with_bytes(&good, &bad), Err(expected), "{defect}");
        }
        assert!(with_bytes(&good, &time(i64::MAX as u64)).is_ok(), "2^63 - 1");
    }
}

#[test]
fn no_key_signs_for_another_type() {
    let log = TestLog::new("xa.moj", 1);
    let (checkpoint, key) = (log.head(), secret(11));
    let name = "xb.oag/witness";
    let ed25519 = witness(Algorithm::Ed25519);
    // What the same key signs as the key of a log, under the id that it has as a witness.
    let as_log = [&AT.to_be_bytes(), key.sign(checkpoint.text().as_bytes()).as_slice()].concat();
    let cosignature = with_bytes(&log.cosigned_by(&ed25519, 1, AT), &as_log).expect("well formed");
    let invalid = Err(CosignatureError::Invalid(name.into()));
    assert_eq!(cosignature.verify(&checkpoint, ed25519.key()), invalid);
    // A cosignature of one type under the id of the other.
    let ml_dsa = witness(Algorithm::MlDsa44);
    let (short, long) = (log.cosigned_by(&ed25519, 1, AT), log.cosigned_by(&ml_dsa, 1, AT));
    for (of, bytes, key) in
        [(&long, short.line.bytes(), ml_dsa.key()), (&short, long.line.bytes(), ed25519.key())]
    {
        let mixed = with_bytes(of, bytes).expect("well formed");
        assert_eq!(mixed.verify(&checkpoint, key), invalid);
    }
    // A cosignature is no signature of a log, even where the key is the log's own.
    let own = cosigner(&log.origin, 1, Algorithm::Ed25519);
    let line = log.cosigned_by(&own, 1, AT).to_line();
    let note = format!("{}\n{line}\n", checkpoint.text());
    assert!(Checkpoint::verify(&note, &[log.verifier()]).is_err());
    assert!(Note::parse(&note).expect("a note").verify(&[verifier(name, &key)]).is_err());
}

#[test]
fn the_time_is_whole_seconds_and_never_none() {
    assert_eq!(CosignedAt::from_unix_seconds(0), None);
    assert_eq!(CosignedAt::from_unix_seconds(1 << 63), None);
    let last = CosignedAt::from_unix_seconds(i64::MAX as u64).expect("the last");
    assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z", "as far as a time can be shown");
    let at = CosignedAt::from(Timestamp::from_unix_ms(1_795_000_000_999));
    assert_eq!(at.unix_seconds(), AT);
    assert_eq!(at.timestamp(), seconds(AT));
    assert_eq!(CosignedAt::from(Timestamp::from_unix_ms(0)).unix_seconds(), 1);
}

#[test]
fn what_go_signed_is_what_we_sign() {
    let note = Note::parse(include_str!("vectors/cosigned.note")).expect("a note");
    let checkpoint = Checkpoint::parse_text(note.text()).expect("a checkpoint");
    let mut keys = include_str!("vectors/keys.txt").lines();
    let log = VerifierKey::parse(keys.next().expect("the log")).expect("a key");
    assert_eq!(log, verifier("xa.moj/log/2026", &secret(1)));
    assert!(Checkpoint::verify(include_str!("vectors/cosigned.note"), &[log]).is_ok());
    let ours = [
        cosigner("xb.oag/witness", 11, Algorithm::Ed25519),
        cosigner("xc.pps/witness", 12, Algorithm::MlDsa44),
    ];
    for ((line, key), ours) in note.signatures()[1..].iter().zip(keys).zip(ours) {
        let key = WitnessKey::parse(key).expect("the key of a witness");
        assert_eq!(key, *ours.key(), "one seed gives one key");
        let theirs = Cosignature::from_line(line).expect("a cosignature");
        assert_eq!(theirs.verify(&checkpoint, &key), Ok(()));
        if ours.key().key_type() == KeyType::CosignatureEd25519 {
            let again = Cosignature::sign(&checkpoint, &key, &secret(11), theirs.at());
            assert_eq!(again, Ok(theirs), "byte for byte: Ed25519 has one signature");
        }
    }
}

#[test]
fn what_python_signed_verifies() {
    let note = Note::parse(include_str!("vectors/cosigned.note")).expect("a note");
    let checkpoint = Checkpoint::parse_text(note.text()).expect("a checkpoint");
    let lines: Vec<&str> = include_str!("vectors/python.txt").lines().collect();
    assert_eq!(lines.len(), 4);
    for pair in lines.chunks(2) {
        let key = WitnessKey::parse(pair[0]).expect("the key of a witness");
        let cosignature = Cosignature::parse(pair[1]).expect("a cosignature");
        assert_eq!(cosignature.verify(&checkpoint, &key), Ok(()), "{}", key.name());
        assert_eq!(cosignature.at().unix_seconds(), AT);
    }
}

#[test]
fn an_origin_that_no_checkpoint_has_is_not_signed_with_its_length() {
    let (_, ml_dsa, cosignature) = signed(Algorithm::MlDsa44);
    for origin in [String::new(), "x".repeat(NAME_MAX_BYTES + 1)] {
        let bad = Checkpoint { origin, size: 1, root: [1; 32] };
        assert_eq!(message(&bad, ml_dsa.key(), cosignature.at()), None);
        assert!(cosignature.verify(&bad, ml_dsa.key()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_cosignature_comes_back(
        name in "[a-z0-9./é]{1,60}",
        origin in "[a-z0-9./é]{1,60}",
        size in any::<u64>(),
        root in any::<[u8; 32]>(),
        at in 1..=i64::MAX as u64,
        post_quantum in any::<bool>(),
    ) {
        let secret = crate::crypto::SigningSecret::new(
            &crate::crypto::keys::Seed::from_slice(&root).expect("32 bytes"),
            BOTH[usize::from(post_quantum)],
        ).expect("it signs");
        let key = WitnessKey::new(&name, secret.public()).expect("a name");
        let checkpoint = Checkpoint { origin, size, root };
        let at = CosignedAt::from_unix_seconds(at).expect("in range");
        let made = Cosignature::sign(&checkpoint, &key, &secret, at).expect("it signs");
        prop_assert_eq!(made.verify(&checkpoint, &key), Ok(()));
        let again = Cosignature::parse(&made.to_line()).expect("its own line");
        prop_assert_eq!((again.at(), again.name()), (at, name.as_str()));
        prop_assert_eq!(&again, &made);
        prop_assert_eq!(WitnessKey::parse(&key.to_string()), Ok(key));
    }
}
