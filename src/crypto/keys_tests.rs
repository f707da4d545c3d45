use super::*;

#[test]
fn a_key_id_depends_on_the_algorithm_and_the_key() {
    let seed = Seed::from_slice(&[5; 32]).expect("32 bytes");
    let a = seed.public(Algorithm::Ed25519);
    let b = PublicKey { algorithm: Algorithm::MlDsa65, bytes: a.bytes().to_vec() };
    assert_ne!(a.id(), b.id());
    assert_eq!(a.id(), seed.public(Algorithm::Ed25519).id());
}

#[test]
fn keys_do_only_what_their_algorithm_does() {
    let seed = Seed::generate();
    assert!(SigningSecret::new(&seed, Algorithm::XWing).is_err());
    assert!(seed.public(Algorithm::Ed25519).seal(b"", b"x").is_err());
    assert!(seed.public(Algorithm::XWing).verify(b"", b"").is_err());
    assert!(PublicKey::new(Algorithm::Ed25519, vec![0; 31]).is_err());
}

#[test]
fn the_signature_algorithms_sign_and_verify() {
    for algorithm in [Algorithm::Ed25519, Algorithm::MlDsa44, Algorithm::MlDsa65] {
        let key = SigningSecret::new(&Seed::generate(), algorithm).expect("signs");
        let sig = key.sign(b"m");
        assert!(key.public().verify(b"m", &sig).is_ok());
        assert!(key.public().verify(b"n", &sig).is_err());
    }
}

#[test]
fn blinded_names_differ_by_label_and_home() {
    let (one, two) = (HomeKey::generate(), HomeKey::generate());
    assert_eq!(one.blind("peer", b"th.oag"), one.blind("peer", b"th.oag"));
    assert_ne!(one.blind("peer", b"th.oag"), one.blind("agency", b"th.oag"));
    assert_ne!(one.blind("peer", b"th.oag"), two.blind("peer", b"th.oag"));
}
