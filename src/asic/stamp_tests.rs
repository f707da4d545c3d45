use super::*;
use crate::asic::cms::tests::signed_as;

const NONCE: [u8; 16] = [0x80; 16];

fn info(over: &[u8], nonce: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&tagged(OID, &[SHA256]), &tagged(NULL, &[])]);
    let imprint = sequence(&[&algorithm, &tagged(OCTET_STRING, &[&sha256(over)])]);
    sequence(&[
        &der::unsigned(&[1]),
        &tagged(OID, &[&[0x2a, 3]]),
        &imprint,
        &der::unsigned(&[9]),
        &tagged(GENERALIZED_TIME, &[b"20261128210000.25Z"]),
        &sequence(&[&der::unsigned(&[1])]),
        &der::unsigned(nonce),
    ])
}

fn answer(status: u8, text: Option<&str>, reason: Option<&[u8]>, token: &[u8]) -> Vec<u8> {
    let mut said = vec![der::unsigned(&[status])];
    said.extend(text.map(|t| sequence(&[&tagged(der::UTF8_STRING, &[t.as_bytes()])])));
    said.extend(reason.map(|bits| tagged(BIT_STRING, &[bits])));
    let said: Vec<&[u8]> = said.iter().map(Vec::as_slice).collect();
    sequence(&[&sequence(&said), token])
}

#[test]
fn an_answer_is_believed_when_it_answers() {
    let good = signed_as(TST_INFO, &info(b"manifest", &NONCE));
    let answered = token(&answer(0, None, None, &good), b"manifest", &NONCE).expect("a token");
    assert_eq!(answered, good);
    let read = Token::parse(&answered).expect("read");
    assert_eq!(read.at().to_string(), "2026-11-28T21:00:00.250Z");
    assert_eq!(read.is_over(b"manifest"), Ok(()));
    for (why, answer, error) in [
        ("nothing", Vec::new(), StampError::Malformed),
        ("no token", answer(0, None, None, &[]), StampError::Malformed),
        (
            "other bytes",
            answer(0, None, None, &signed_as(TST_INFO, &info(b"x", &NONCE))),
            StampError::OtherImprint,
        ),
        (
            "another question",
            answer(0, None, None, &signed_as(TST_INFO, &info(b"manifest", &[1; 16]))),
            StampError::OtherNonce,
        ),
    ] {
        assert_eq!(token(&answer, b"manifest", &NONCE), Err(error), "{why}");
    }
}

#[test]
fn a_refusal_says_what_the_authority_said() {
    for (text, reason, why) in [
        (Some("no such policy"), Some(&[0, 0, 1][..]), "no such policy, unacceptedPolicy"),
        (None, Some(&[7, 0x80][..]), "badAlg"),
        (Some("not today"), None, "not today"),
        (None, None, "it gave no reason"),
    ] {
        let refused = token(&answer(2, text, reason, &[]), b"manifest", &NONCE);
        assert_eq!(refused, Err(StampError::Refused { status: 2, why: why.to_owned() }));
    }
}

#[test]
fn a_request_has_the_form_of_rfc_3161() {
    let request = request(b"\n", &[0x11; 16]);
    let digest = "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b";
    let nonce = "11".repeat(16);
    let known =
        format!("304b0201013031300d060960864801650304020105000420{digest}0210{nonce}0101ff");
    assert_eq!(hex::encode(request), known);
}
