use super::*;
use crate::audit::testing::{secret, verifier};
use crate::crypto::keys::Seed;

const NAME: &str = "xa.moj/log/2026";
const TEXT: &str = "first line\n\nafter a blank line\n";

fn keys() -> Vec<VerifierKey> {
    vec![verifier(NAME, &secret(1))]
}

fn note() -> String {
    sign_note(TEXT, NAME, &secret(1)).expect("a sound note")
}

fn check(note: &str) -> Result<String, NoteError> {
    check_with(note, &keys())
}

fn check_with(note: &str, keys: &[VerifierKey]) -> Result<String, NoteError> {
    Ok(Note::parse(note)?.verify(keys)?.text().to_owned())
}

/// One more signature line of this text.
fn line_by(name: &str, seed: u8) -> String {
    sign_note(TEXT, name, &secret(seed)).expect("signs")[TEXT.len() + 1..].to_owned()
}

fn blob() -> Vec<u8> {
    let note = note();
    let base64 = note.trim_end().rsplit(' ').next().expect("a signature");
    STANDARD.decode(base64).expect("base64")
}

fn with_blob(blob: &[u8]) -> String {
    format!("{TEXT}\n{LINE_START}{NAME} {}\n", STANDARD.encode(blob))
}

#[test]
fn a_signed_note_verifies_and_gives_its_text() {
    assert_eq!(check(&note()), Ok(TEXT.to_owned()));
    let parsed = Note::parse(&note()).expect("sound");
    assert_eq!(parsed.signatures().len(), 1);
    assert_eq!(parsed.signatures()[0].name(), NAME);
    assert_eq!(parsed.signatures()[0].key_id(), keys()[0].key_id());
    assert_eq!(parsed.verify(&keys()).expect("signed").signers(), keys());
    assert_eq!(parsed.to_text(), note());
}

#[test]
fn the_example_key_of_the_go_implementation_parses() {
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = VerifierKey::parse(text).expect("the key of golang.org/x/mod/sumdb/note");
    assert_eq!((key.name(), hex::encode(key.key_id())), ("PeterNeumann", "c74f20a3".to_owned()));
    assert_eq!(key.to_string(), text);
    let note = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\n\
                — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    assert!(check_with(note, &[key]).is_ok());
}

#[test]
fn signing_twice_gives_the_same_note() {
    assert_eq!(note(), note());
}

#[test]
fn malformed_notes_are_refused() {
    let good = note();
    let signature = &good[TEXT.len() + 1..];
    let many = signature.repeat(SIGNATURES_MAX + 1);
    for (defect, bad, expected) in [
        ("empty", String::new(), NoteError::NoBlankLine),
        ("no blank line", format!("text\n{signature}"), NoteError::NoBlankLine),
        ("no signature", format!("{TEXT}\n").replace("\n\na", "\na"), NoteError::NoSignature),
        ("only a blank line", "\n\n".to_owned(), NoteError::NoSignature),
        ("no newline at the end", good.trim_end().to_owned(), NoteError::Unterminated),
        ("control character", good.replace("first", "fi\u{1}st"), NoteError::ControlCharacter),
        ("tab", good.replace("first line", "first\tline"), NoteError::ControlCharacter),
        ("carriage return", good.replace("line\n", "line\r\n"), NoteError::ControlCharacter),
        ("hyphen for dash", good.replace('\u{2014}', "-"), NoteError::SignatureLine(1)),
        (
            "no space after the dash",
            good.replace("\u{2014} ", "\u{2014}"),
            NoteError::SignatureLine(1),
        ),
        ("plus in the name", good.replace("xa.moj", "xa+moj"), NoteError::SignatureLine(1)),
        ("space in the name", good.replace("xa.moj", "xa\u{a0}moj"), NoteError::SignatureLine(1)),
        (
            "name without signature",
            format!("{TEXT}\n{LINE_START}{NAME}\n"),
            NoteError::SignatureLine(1),
        ),
        ("no name", good.replace(NAME, ""), NoteError::SignatureLine(1)),
        ("bad base64", good.replace("=\n", "\n"), NoteError::SignatureLine(1)),
        ("only a key id", with_blob(&blob()[..4]), NoteError::SignatureLine(1)),
        ("second line malformed", format!("{good}text\n"), NoteError::SignatureLine(2)),
        ("too many", format!("{TEXT}\n{many}"), NoteError::TooManySignatures),
    ] {
        assert_eq!(check(&bad), Err(expected), "{defect}");
    }
}

#[test]
fn what_is_not_signed_is_refused() {
    let bad = NoteError::BadSignature(NAME.to_owned());
    assert_eq!(check(&note().replace("first", "other")), Err(bad.clone()), "another text");
    for at in [4, 30, 67] {
        let mut blob = blob();
        blob[at] ^= 1;
        assert_eq!(check(&with_blob(&blob)), Err(bad.clone()), "flipped bit in byte {at}");
    }
    assert_eq!(check(&with_blob(&blob()[..67])), Err(bad.clone()), "truncated signature");
    assert_eq!(check(&with_blob(&[blob(), vec![0]].concat())), Err(bad), "trailing byte");
}

#[test]
fn unknown_keys_are_ignored_but_never_enough() {
    let mut blob = blob();
    blob[0] ^= 1;
    assert_eq!(check(&with_blob(&blob)), Err(NoteError::NoKnownKey), "wrong key id");
    assert_eq!(check_with(&note(), &[]), Err(NoteError::NoKnownKey), "no keys at all");
    let other_name = [verifier("xb.moj/log/2026", &secret(1))];
    assert_eq!(check_with(&note(), &other_name), Err(NoteError::NoKnownKey), "other name");
    let both = format!("{}{}", note(), line_by("xb.oag/witness", 2));
    assert_eq!(check(&both), Ok(TEXT.to_owned()), "unknown line after a known one");
    let both = format!("{TEXT}\n{}{}", line_by("xb.oag/witness", 2), line_by(NAME, 1));
    assert_eq!(check(&both), Ok(TEXT.to_owned()), "unknown line before a known one");
}

#[test]
fn a_bad_line_of_a_known_key_spoils_the_note() {
    let keys = [verifier(NAME, &secret(1)), verifier("xb.oag/witness", &secret(2))];
    let good = format!("{}{}", note(), line_by("xb.oag/witness", 2));
    assert!(check_with(&good, &keys).is_ok());
    let mut bad_blob = blob();
    bad_blob[20] ^= 1;
    let bad = format!("{}{}", with_blob(&bad_blob), line_by("xb.oag/witness", 2));
    assert_eq!(check_with(&bad, &keys), Err(NoteError::BadSignature(NAME.to_owned())));
}

#[test]
fn sixteen_signatures_are_accepted() {
    let lines: String = (1..=16).map(|seed| line_by(NAME, seed)).collect();
    let keys: Vec<VerifierKey> = (1..=16).map(|seed| verifier(NAME, &secret(seed))).collect();
    let note = Note::parse(&format!("{TEXT}\n{lines}")).expect("sound");
    assert_eq!(note.verify(&keys).expect("signed").signers().len(), 16);
}

#[test]
fn verifier_keys_have_one_spelling() {
    let good = keys()[0].to_string();
    assert_eq!(VerifierKey::parse(&good), Ok(keys()[0].clone()));
    let (name, rest) = good.split_once('+').expect("a name");
    let (id, key) = rest.split_once('+').expect("an id");
    let blob = STANDARD.decode(key).expect("base64");
    let with_type = |kind: u8| STANDARD.encode([&[kind], &blob[1..]].concat());
    for (defect, bad) in [
        ("empty", String::new()),
        ("no id", format!("{name}+{key}")),
        ("wrong id", format!("{name}+00000000+{key}")),
        ("upper-case id", format!("{name}+{}+{key}", id.to_uppercase())),
        ("long id", format!("{name}+0{id}+{key}")),
        ("no name", format!("+{id}+{key}")),
        ("other name", format!("xb.moj+{id}+{key}")),
        ("space in the name", format!("a b+{id}+{key}")),
        ("cosignature type", format!("{name}+{id}+{}", with_type(4))),
        ("ML-DSA-44 type", format!("{name}+{id}+{}", with_type(6))),
        ("ECDSA type", format!("{name}+{id}+{}", with_type(2))),
        ("short key", format!("{name}+{id}+{}", STANDARD.encode(&blob[..32]))),
        ("no key", format!("{name}+{id}+")),
        ("bad base64", format!("{name}+{id}+{key}=")),
    ] {
        assert!(VerifierKey::parse(&bad).is_err(), "{defect}");
    }
    assert_eq!(
        VerifierKey::parse(&format!("{name}+{id}+{}", with_type(2))),
        Err(NoteError::KeyType(2))
    );
}

#[test]
fn a_key_of_one_type_is_no_key_of_another() {
    let seed = Seed::from_slice(&[1; 32]).expect("32 bytes");
    let ed25519 = WitnessKey::new(NAME, &seed.public(Algorithm::Ed25519)).expect("a name");
    let ml_dsa = WitnessKey::new(NAME, &seed.public(Algorithm::MlDsa44)).expect("a name");
    let log = keys().remove(0);
    assert_eq!(log.public(), ed25519.public(), "the same bytes");
    for (text, kind) in [(ed25519.to_string(), 4), (ml_dsa.to_string(), 6)] {
        assert_eq!(VerifierKey::parse(&text), Err(NoteError::KeyType(kind)));
        assert!(WitnessKey::parse(&text).is_ok_and(|key| key.key_type().byte() == kind));
        assert!(is_key_text(&text));
    }
    assert_eq!(WitnessKey::parse(&log.to_string()), Err(NoteError::KeyType(1)));
    assert_ne!(log.key_id(), ed25519.key_id(), "the type is in the id");
    // The line of a log under the id that its key would have as a witness is not the log's.
    let as_witness = with_blob(&[ed25519.key_id().as_slice(), &blob()[4..]].concat());
    assert_eq!(check(&as_witness), Err(NoteError::NoKnownKey));
    for algorithm in [Algorithm::MlDsa65, Algorithm::XWing] {
        let refused = WitnessKey::new(NAME, &seed.public(algorithm));
        assert_eq!(refused, Err(NoteError::KeyType(0xff)));
    }
}

#[test]
fn witness_keys_have_one_spelling() {
    let seed = Seed::from_slice(&[1; 32]).expect("32 bytes");
    for algorithm in [Algorithm::Ed25519, Algorithm::MlDsa44] {
        let key = WitnessKey::new("xb.oag/witness", &seed.public(algorithm)).expect("a name");
        let good = key.to_string();
        assert_eq!(WitnessKey::parse(&good), Ok(key.clone()));
        let (name, rest) = good.split_once('+').expect("a name");
        let (id, base64) = rest.split_once('+').expect("an id");
        let bytes = STANDARD.decode(base64).expect("base64");
        let with_type = |kind: u8| STANDARD.encode([&[kind], &bytes[1..]].concat());
        let other = if key.key_type().byte() == 4 { 6 } else { 4 };
        for (defect, bad) in [
            ("wrong id", format!("{name}+00000000+{base64}")),
            ("other name", format!("xc.oag/witness+{id}+{base64}")),
            ("key of the other type", format!("{name}+{id}+{}", with_type(other))),
            ("short key", format!("{name}+{id}+{}", STANDARD.encode(&bytes[..bytes.len() - 1]))),
            ("long key", format!("{name}+{id}+{}", STANDARD.encode([&bytes[..], &[0]].concat()))),
            ("no key", format!("{name}+{id}+{}", STANDARD.encode(&bytes[..1]))),
            ("nothing", String::new()),
        ] {
            assert!(WitnessKey::parse(&bad).is_err(), "{defect}");
        }
    }
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let key = secret(1);
    assert_eq!(sign_note("text", NAME, &key), Err(NoteError::Unterminated));
    assert_eq!(sign_note("", NAME, &key), Err(NoteError::Unterminated));
    assert_eq!(sign_note("te\txt\n", NAME, &key), Err(NoteError::ControlCharacter));
    for name in ["", "a b", "a+b", "a\nb", &"a".repeat(NAME_MAX_BYTES + 1)] {
        assert!(matches!(sign_note(TEXT, name, &key), Err(NoteError::Name(_))), "{name:?}");
    }
    let ml_dsa = SigningSecret::new(&Seed::generate(), Algorithm::MlDsa65).expect("signs");
    assert!(matches!(sign_note(TEXT, NAME, &ml_dsa), Err(NoteError::KeyType(_))));
}
