use super::*;
use crate::crypto::keys::{Role, Seed};

fn seed(n: u8) -> Seed {
    Seed::from_slice(&[n; 32]).expect("32 bytes")
}

fn secret(n: u8) -> SigningSecret {
    SigningSecret::new(&seed(n), Algorithm::Ed25519).expect("signs")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn key(n: u8, role: Role) -> CardKey {
    CardKey {
        algorithm: role.algorithm(),
        from: at(1_000),
        until: at(5_000),
        key: BASE64.encode(seed(n).public(role.algorithm()).bytes()),
    }
}

fn vkey(name: &str, n: u8) -> String {
    let public = seed(n).public(Algorithm::Ed25519);
    let public = public.bytes().try_into().expect("32 bytes");
    VerifierKey::ed25519(name, public).expect("a name").to_string()
}

fn witness(name: &str, n: u8) -> String {
    let key = WitnessKey::new(name, &seed(n).public(Algorithm::Ed25519));
    key.expect("a name").to_string()
}

fn witness_pq(name: &str, n: u8) -> String {
    let key = WitnessKey::new(name, &seed(n).public(Algorithm::MlDsa44));
    key.expect("a name").to_string()
}

pub(super) fn body() -> CardBody {
    CardBody {
        v: 1,
        authority: AuthorityId::parse("xa.oag").expect("valid"),
        kind: AuthorityKind::CentralAuthority,
        name: "Office of the Attorney General".into(),
        names: Vec::new(),
        country: "XA".into(),
        version: 1,
        issued: at(1_000),
        expires: at(9_000),
        endpoint: "node.example:7443".into(),
        functions: vec!["mla".into()],
        languages: vec!["en".into()],
        profile: Profile::default(),
        min_suite: 1,
        root: BASE64.encode(seed(1).public(Algorithm::Ed25519).bytes()),
        tls: TlsTrust { ca: BASE64.encode(b"certificate"), pins: vec!["ab".repeat(32)] },
        signing: vec![key(2, Role::Signing), key(3, Role::SigningPq)],
        sealing: vec![key(4, Role::Sealing)],
        log: LogKeys { origin: "xa.oag/log/2026".into(), keys: vec![vkey("xa.oag/log/2026", 5)] },
        witness: witness("xa.oag/witness", 6),
        witness_pq: witness_pq("xa.oag/witness-pq", 7),
        officials: Vec::new(),
    }
}

fn official(id: &str, n: u8) -> Official {
    let key = seed(n).public(Algorithm::XWing);
    Official::new(id, "Victim protection desk", &key, at(1_000), at(9_000))
}

#[test]
fn officials_are_read_and_older_cards_have_none() {
    let card = Card::sign(&body(), &secret(1)).expect("signed");
    assert!(!card.text().contains("officials"), "as it was before there were any");
    let named =
        CardBody { officials: vec![official("desk-1", 11), official("desk-2", 12)], ..body() };
    let card = Card::sign(&named, &secret(1)).expect("signed");
    let ids: Vec<&str> = card.officials().iter().map(|(one, _)| one.id.as_str()).collect();
    assert_eq!(ids, ["desk-1", "desk-2"]);
    let key = seed(11).public(Algorithm::XWing);
    assert!(card.public_keys().any(|known| *known == key), "no peer may have it as another key");
}

#[test]
fn officials_that_break_a_rule_are_refused() {
    let sealing = Official { key: key(4, Role::Sealing).key, ..official("desk-3", 11) };
    let refused = [
        (vec![Official { id: "Mary Smith".into(), ..official("x", 11) }], "must have an id"),
        (vec![Official { id: String::new(), ..official("x", 11) }], "must have an id"),
        (vec![Official { office: "a\nb".into(), ..official("x", 11) }], "must have an office"),
        (vec![Official { until: at(1_000), ..official("x", 11) }], "end before they begin"),
        (vec![official("x", 11), official("x", 12)], "have an id twice"),
        (vec![official("x", 11), official("y", 11)], "have a key that is another one's too"),
        (vec![sealing], "have a key that is another one's too"),
        (vec![Official { key: "AA==".into(), ..official("x", 11) }], "has not the length"),
        ((0..17).map(|n| official(&format!("d-{n}"), 20 + n)).collect(), "are more than 16"),
    ];
    for (officials, told) in refused {
        let error = Card::sign(&CardBody { officials, ..body() }, &secret(1)).err();
        let error = error.expect(told).to_string();
        assert!(error.starts_with("the card's officials") && error.contains(told), "{error}");
    }
    let most = (0..16).map(|n| official(&format!("d-{n}"), 20 + n)).collect();
    let most = CardBody { officials: most, ..body() };
    assert!(Card::sign(&most, &secret(1)).is_ok(), "as many as allowed fit into a card");
}

#[test]
fn a_card_comes_back_as_it_was_signed() {
    let card = Card::sign(&body(), &secret(1)).expect("signed");
    let again = Card::parse(card.text()).expect("parsed");
    assert_eq!(*again.body(), body());
    assert_eq!(again.digest(), card.digest());
    assert_eq!(again.tls_pins(), [[0xab; 32]]);
    assert_eq!(again.log_keys().len(), 1);
    let keys: Vec<String> = again.witness_keys().iter().map(WitnessKey::to_string).collect();
    assert_eq!(keys, [body().witness, body().witness_pq]);
    let silent = CardBody { witness: String::new(), witness_pq: String::new(), ..body() };
    let silent = Card::sign(&silent, &secret(1)).expect("signed");
    assert!(silent.witness_keys().is_empty());
}

#[test]
fn names_in_other_letters_are_signed_and_each_says_its_language() {
    let name = |text: &str, language: &str, scheme: &str| CardName {
        text: text.into(),
        language: language.into(),
        scheme: scheme.into(),
    };
    let with = |names: &[CardName]| {
        let card = Card::sign(&CardBody { names: names.to_vec(), ..body() }, &secret(1));
        card.and_then(|card| Card::parse(card.text())).map(|card| card.body().names.clone())
    };
    let fine =
        [name("สำนักงานอัยการสูงสุด", "th", ""), name("Samnakngan Aiyakan Sungsut", "th-Latn", "RTGS")];
    assert_eq!(with(&fine), Ok(fine.to_vec()));
    for faulty in [
        vec![name("", "th", "")],
        vec![name("a\u{202e}b", "th", "")],
        vec![name("x", "Thai", "")],
        vec![name("x", "th", "RTGS")],
        vec![name("x", "th", ""), name("y", "TH".to_lowercase().as_str(), "")],
        (b'a'..=b'i').map(|b| name("x", &format!("a{}", char::from(b)), "")).collect(),
    ] {
        assert!(matches!(with(&faulty), Err(CardError::Field { .. })), "{faulty:?}");
    }
}

#[test]
fn an_older_card_without_the_post_quantum_key_is_read_as_it_was_signed() {
    let older = CardBody { witness_pq: String::new(), ..body() };
    let older = Card::sign(&older, &secret(1)).expect("signed");
    assert!(!older.text().contains("witness_pq"), "the text is that of older programs");
    let again = Card::parse(older.text()).expect("parsed");
    assert_eq!(again.witness_keys().len(), 1);
    // What no program knows is still refused: it would be shown to nobody.
    let text = older.text().replacen("\"witness\"", "\"witness_xy\"", 1);
    assert!(matches!(Card::parse(&text), Err(CardError::Json(_))));
}

#[test]
fn keys_count_only_while_they_are_valid() {
    let card = Card::sign(&body(), &secret(1)).expect("signed");
    assert_eq!(card.signing_keys(at(3_000)).len(), 2);
    assert!(card.signing_keys(at(999)).is_empty());
    assert!(card.sealing_keys(at(5_001)).is_empty());
}

#[test]
fn every_altered_byte_of_a_card_is_noticed() {
    let card = Card::sign(&body(), &secret(1)).expect("signed");
    for position in 0..card.text().len() {
        let mut bytes = card.text().as_bytes().to_vec();
        bytes[position] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        assert!(Card::parse(&text).is_err(), "byte {position}");
    }
}

#[test]
fn a_card_is_signed_by_the_root_that_it_names() {
    assert_eq!(Card::sign(&body(), &secret(9)).err(), Some(CardError::Signature));
}

#[test]
fn what_breaks_a_rule_is_named() {
    type Change = fn(&mut CardBody);
    let cases: [(&str, Change); 24] = [
        ("v", |b| b.v = 2),
        ("name", |b| b.name.clear()),
        ("name", |b| b.name = "a\nb".into()),
        ("country", |b| b.country = "XB".into()),
        ("country", |b| b.country = "xa".into()),
        ("version", |b| b.version = 0),
        ("expires", |b| b.expires = b.issued),
        ("lists", |b| b.signing.clear()),
        ("lists", |b| b.languages = vec!["en".into(); 65]),
        ("functions and languages", |b| b.functions = vec![String::new()]),
        ("endpoint", |b| b.endpoint = "node.example".into()),
        ("endpoint", |b| b.endpoint = "node example:7443".into()),
        ("log.origin", |b| b.log.origin = "xb.pps/log/2026".into()),
        ("signing and sealing keys", |b| b.sealing = vec![key(4, Role::Signing)]),
        ("tls.pins", |b| b.tls.pins = vec!["zz".into()]),
        ("log.keys", |b| b.log.keys = vec![vkey("xa.oag/log/2025", 5)]),
        ("log.keys", |b| b.log.keys = vec![witness("xa.oag/log/2026", 5)]),
        ("witness", |b| b.witness = vkey("xa.oag/witness", 6)),
        ("witness", |b| b.witness = witness("xb.pps/witness", 6)),
        ("witness_pq", |b| b.witness_pq = witness("xa.oag/witness-pq", 7)),
        ("witness_pq", |b| b.witness_pq = vkey("xa.oag/witness-pq", 7)),
        ("witness_pq", |b| b.witness_pq = witness_pq("xb.pps/witness-pq", 7)),
        ("witness_pq", |b| b.witness_pq = witness_pq("xa.oag/witness", 7)),
        ("signing and sealing keys", |b| b.signing[1].algorithm = Algorithm::MlDsa44),
    ];
    for (named, change) in cases {
        let mut body = body();
        change(&mut body);
        match Card::sign(&body, &secret(1)).err() {
            Some(CardError::Field { field, .. }) => assert_eq!(field, named),
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[test]
fn a_fingerprint_is_read_out_in_words_or_digits() {
    let fingerprint = Card::sign(&body(), &secret(1)).expect("signed").fingerprint();
    let (words, hex) = (fingerprint.words(), fingerprint.hex());
    assert_eq!(words.split(' ').filter(|word| *word != "-").count(), 12);
    for same in [
        words.clone(),
        words.replace(" - ", "\n").to_uppercase(),
        hex.clone(),
        hex.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c)).collect::<Vec<_>>().join(":"),
    ] {
        assert_eq!(fingerprint.matches(&same), Ok(true), "{same}");
    }
}

#[test]
fn a_fingerprint_that_is_nearly_right_is_wrong() {
    let fingerprint = Card::sign(&body(), &secret(1)).expect("signed").fingerprint();
    let other = Fingerprint::of(
        &AuthorityId::parse("xa.other").expect("valid"),
        &seed(1).public(Algorithm::Ed25519),
    );
    assert_eq!(fingerprint.matches(&other.words()), Ok(false), "the name is part of it");
    assert_eq!(fingerprint.matches(&other.hex()), Ok(false));
    let hex = fingerprint.hex();
    assert_eq!(fingerprint.matches(&hex[..62]), Err(InvalidFingerprint::Form), "no prefixes");
    assert_eq!(fingerprint.matches("abandon ability"), Err(InvalidFingerprint::Form));
    let swapped = "zoo ".repeat(12);
    assert_eq!(fingerprint.matches(&swapped), Err(InvalidFingerprint::Checksum));
}
