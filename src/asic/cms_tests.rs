use super::*;

/// A certificate for a key, by itself; only its form matters here.
pub(crate) fn identity() -> Identity {
    let key = Ecdsa::from_der(&Ecdsa::generate_pkcs8()).expect("a key");
    let certificate = certificate(&key.public(), "desk");
    Identity::new(vec![certificate], key).expect("they belong together")
}

fn name(common: &str) -> Vec<u8> {
    let pair = sequence(&[&oid(&[0x55, 4, 3]), &tagged(der::UTF8_STRING, &[common.as_bytes()])]);
    sequence(&[&tagged(SET, &[&pair])])
}

fn certificate(public: &[u8], common: &str) -> Certificate {
    const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let algorithm = sequence(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    let key = sequence(&[
        &sequence(&[&oid(EC_KEY), &oid(P256)]),
        &tagged(der::BIT_STRING, &[&[0], public]),
    ]);
    let moment = |text: &str| tagged(UTC_TIME, &[text.as_bytes()]);
    let body = sequence(&[
        &tagged(der::context(0), &[&der::unsigned(&[2])]),
        &der::unsigned(&[7]),
        &algorithm,
        &name("agencies"),
        &sequence(&[&moment("260101000000Z"), &moment("360101000000Z")]),
        &name(common),
        &key,
    ]);
    let der = sequence(&[&body, &algorithm, &tagged(der::BIT_STRING, &[&[0], &[0]])]);
    Certificate::parse(&der).expect("a certificate")
}

fn at() -> Timestamp {
    Timestamp::parse("2026-11-28T21:00:07.500Z").expect("a time")
}

#[test]
fn what_is_signed_is_verified() {
    let identity = identity();
    let signed = Signed::parse(&sign(&identity, b"manifest", at())).expect("read");
    let signer = signed.signer(&[]).expect("in it");
    assert_eq!(signer, identity.certificate());
    assert_eq!(signer.subject(), "desk");
    assert_eq!(signed.verify(b"manifest", signer), Ok(()));
    assert_eq!(signed.signing_time().expect("told").to_string(), "2026-11-28T21:00:07.000Z");
    assert_eq!(signed.content(), None);
}

#[test]
fn it_is_over_nothing_else_and_by_nobody_else() {
    let identity = identity();
    let signed = Signed::parse(&sign(&identity, b"manifest", at())).expect("read");
    let signer = identity.certificate();
    assert_eq!(signed.verify(b"manifesT", signer), Err(CmsError::OtherContent));
    assert_eq!(signed.verify_as(TST_INFO, b"manifest", signer), Err(CmsError::OtherContent));
    // The same key in another certificate, as of another name.
    let other = certificate(signer.key(), "judge");
    assert_eq!(signed.verify(b"manifest", &other), Err(CmsError::OtherCertificate));
    let stranger = super::tests::identity();
    let by_other = signed.verify(b"manifest", stranger.certificate());
    assert_eq!(by_other, Err(CertificateError::Signature.into()));
}

#[test]
fn no_byte_of_it_can_be_another() {
    let identity = identity();
    let good = sign(&identity, b"manifest", at());
    let holds = |bytes: &[u8]| {
        let signed = Signed::parse(bytes)?;
        let signer = signed.signer(&[])?.clone();
        signed.verify(b"manifest", &signer)?;
        match signer == *identity.certificate() {
            true => Ok(()),
            false => Err(CmsError::OtherCertificate),
        }
    };
    assert_eq!(holds(&good), Ok(()));
    let mut passed = Vec::new();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        if holds(&bytes).is_ok() {
            passed.push(at);
        }
        assert!(Signed::parse(&good[..at]).is_err(), "cut off at {at}");
    }
    // The two versions, and the digest that a verifier is told to prepare for: none of them says
    // anything that is relied upon.
    assert!(passed.len() <= 32, "{passed:?}");
}

#[test]
fn a_key_and_a_certificate_must_belong_together() {
    let key = || Ecdsa::from_der(&Ecdsa::generate_pkcs8()).expect("a key");
    let (one, other) = (key(), key());
    let of_other = certificate(&other.public(), "x");
    assert_eq!(Identity::new(Vec::new(), one).err(), Some(IdentityError::Empty));
    assert_eq!(Identity::new(vec![of_other.clone()], key()).err(), Some(IdentityError::OtherKey));
    let many = vec![of_other; CERTIFICATES_MAX + 1];
    assert_eq!(Identity::new(many, other).err(), Some(IdentityError::TooMany));
}

#[test]
fn what_cades_asks_for_must_be_there() {
    for (kind, lacks) in [
        (CONTENT_TYPE, "content-type"),
        (MESSAGE_DIGEST, "message-digest"),
        (SIGNING_CERTIFICATE_V2, "signing-certificate-v2"),
    ] {
        let identity = identity();
        let mut signed = Signed::parse(&sign(&identity, b"manifest", at())).expect("read");
        let mut set = Reader::new(&signed.attributes).within(SET).expect("a set");
        let mut kept = Vec::new();
        while let Ok(one) = set.any() {
            let of = Reader::new(one.content).value(OID).expect("a kind");
            if of.content != kind {
                kept.push(one.whole.to_vec());
            }
        }
        signed.attributes = set_of(kept);
        signed.signature = identity.key.sign(&signed.attributes);
        let verified = signed.verify(b"manifest", identity.certificate());
        assert_eq!(verified, Err(CmsError::Lacks(lacks)));
    }
}

#[test]
fn an_attribute_is_there_once() {
    let identity = identity();
    let mut signed = Signed::parse(&sign(&identity, b"manifest", at())).expect("read");
    let twice = vec![attribute(SIGNING_TIME, &time(at())); 2];
    signed.attributes = set_of(twice);
    assert_eq!(signed.checked().err(), Some(CmsError::Malformed));
}

/// A signature that has its content in it.
pub(in crate::asic) fn signed_as(content_type: &[u8], content: &[u8]) -> Vec<u8> {
    let detached = sign(&identity(), content, at());
    let mut info = Reader::new(&detached).within(SEQUENCE).expect("a sequence");
    info.any().expect("its type");
    let mut data = info.within(der::context(0)).and_then(|mut at| at.within(SEQUENCE)).expect("it");
    let head: Vec<u8> =
        (0..2).flat_map(|_| data.any().expect("version, digest").whole.to_vec()).collect();
    data.any().expect("no content");
    let rest: Vec<u8> =
        std::iter::from_fn(|| data.any().ok()).flat_map(|v| v.whole.to_vec()).collect();
    let inner = sequence(&[&oid(content_type), &tagged(der::context(0), &[&octets(content)])]);
    let signed = sequence(&[&head, &inner, &rest]);
    sequence(&[&oid(SIGNED_DATA), &tagged(der::context(0), &[&signed])])
}
