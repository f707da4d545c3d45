use super::*;

#[test]
fn pae_tells_any_two_lists_apart() {
    assert_ne!(pae("d", &[b"ab", b"c"]), pae("d", &[b"a", b"bc"]));
    assert_ne!(pae("d", &[b""]), pae("d", &[]));
    assert_eq!(pae("d", &[b"x"]), b"\x01\0\0\0\0\0\0\0d\x01\0\0\0\0\0\0\0x");
}

#[test]
fn ed25519_matches_rfc_8032_test_1() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let seed: [u8; 32] = hex::decode(seed).expect("hex").try_into().expect("32 bytes");
    let pair = Ed25519::from_seed(&seed);
    assert_eq!(hex::encode(pair.public()), public);
    let sig = pair.sign(b"");
    assert!(hex::encode(sig).starts_with("e5564300c360ac729086e2cc806e828a"));
    assert_eq!(ed25519_verify(&pair.public(), b"", &sig), Ok(()));
    assert_eq!(ed25519_verify(&pair.public(), b"x", &sig), Err(Opaque));
}

#[test]
fn hkdf_matches_rfc_5869_case_1() {
    let okm: Zeroizing<[u8; 42]> = hkdf_sha256(
        &hex::decode("000102030405060708090a0b0c").expect("hex"),
        &[0x0b; 22],
        &hex::decode("f0f1f2f3f4f5f6f7f8f9").expect("hex"),
    );
    assert!(hex::encode(&okm[..]).starts_with("3cb25f25faacd57a90434f64d0362f2a"));
}

#[test]
fn ml_dsa_verifies_only_its_own() {
    for set in [MlDsaSet::MlDsa44, MlDsaSet::MlDsa65] {
        let pair = MlDsa::from_seed(set, &[9; 32]);
        let sig = pair.sign(b"message");
        assert_eq!(pair.public().len(), set.public_bytes());
        assert_eq!(sig.len(), set.signature_bytes());
        assert_eq!(ml_dsa_verify(set, &pair.public(), b"message", &sig), Ok(()));
        assert_eq!(ml_dsa_verify(set, &pair.public(), b"massage", &sig), Err(Opaque));
        assert_eq!(ml_dsa_verify(set, &pair.public(), b"message", &sig[1..]), Err(Opaque));
    }
}

#[test]
fn ml_dsa_parameter_sets_are_not_mixed() {
    let (small, large) = (MlDsaSet::MlDsa44, MlDsaSet::MlDsa65);
    let pair = MlDsa::from_seed(small, &[9; 32]);
    let sig = pair.sign(b"message");
    assert_eq!(ml_dsa_verify(large, &pair.public(), b"message", &sig), Err(Opaque));
    let larger = MlDsa::from_seed(large, &[9; 32]).public();
    assert_eq!(ml_dsa_verify(small, &larger, b"message", &sig), Err(Opaque));
}

#[test]
fn xwing_opens_only_with_its_key_and_info() {
    let public = xwing_public(&[1; 32]);
    assert_eq!(public.len(), XWING_PUBLIC_BYTES);
    let (enc, ct) = xwing_seal(&public, b"info", b"secret").expect("seals");
    assert_eq!(enc.len(), XWING_ENC_BYTES);
    assert_eq!(xwing_open(&[1; 32], &enc, b"info", &ct).expect("opens").as_slice(), b"secret");
    assert!(xwing_open(&[1; 32], &enc, b"other", &ct).is_err());
    assert!(xwing_open(&[2; 32], &enc, b"info", &ct).is_err());
}

#[test]
fn an_aead_refuses_every_altered_bit() {
    let key = AeadKey::new(&[3; 32]);
    let sealed = key.seal_random(b"aad", b"text");
    assert_eq!(key.open_random(b"aad", &sealed).expect("opens").as_slice(), b"text");
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        assert!(key.open_random(b"aad", &bad).is_err(), "byte {at}");
    }
    assert!(key.open_random(b"axd", &sealed).is_err());
    assert!(key.open_random(b"aad", &sealed[..11]).is_err());
}
