use prost::Message as _;
use zeroize::Zeroizing;

use super::*;
use crate::crypto::keys::{Algorithm, Role, Seed};
use crate::crypto::{PublicKey, SealingSecret, SigningSecret, sha256};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::pb::v1 as pb;

fn seed(n: u8) -> Seed {
    Seed::from_slice(&[n; 32]).expect("32 bytes")
}

fn signer(n: u8, role: Role) -> SigningSecret {
    SigningSecret::new(&seed(n), role.algorithm()).expect("signs")
}

fn authority(text: &str) -> AuthorityId {
    AuthorityId::parse(text).expect("valid")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn body() -> pb::MessageBody {
    pb::MessageBody { case_id: "ROG-XA-OAG-2026-000001".into(), ..pb::MessageBody::default() }
}

fn draft() -> Draft {
    Draft {
        message: MessageId::new(at(1_000), [1; 10]),
        sender: authority("xa.oag"),
        recipient: authority("xb.pps"),
        purpose: "rogatory.v1.MessageContent/REQUEST".into(),
        created: at(1_000),
        expires: at(9_000),
        in_reply_to: None,
        sender_card_version: 1,
        packages: Vec::new(),
        annexes: Vec::new(),
        plaintext: Zeroizing::new(body().encode_to_vec()),
    }
}

fn recipient() -> SealingSecret {
    SealingSecret::new(&seed(7))
}

fn archive() -> SealingSecret {
    SealingSecret::new(&seed(8))
}

fn signed_with(signers: &[&SigningSecret]) -> SignedMessage {
    let publics: Vec<&PublicKey> = signers.iter().map(|s| s.public()).collect();
    let (theirs, ours) = (recipient(), archive());
    let sealed = seal(draft(), &[theirs.public(), ours.public()], &publics).expect("sealed");
    sign(sealed, signers).expect("signed")
}

fn signed() -> SignedMessage {
    signed_with(&[&signer(2, Role::Signing)])
}

fn receive(bytes: &[u8], min_suite: Suite) -> Result<AuthenticMessage, AuthenticateError> {
    let keys = |_| vec![seed(2).public(Algorithm::Ed25519), seed(3).public(Algorithm::MlDsa65)];
    let peer = authority("xa.oag");
    let trust = SenderTrust { peer: &peer, keys: &keys, min_suite };
    let incoming = Incoming(bytes::Bytes::copy_from_slice(bytes));
    authenticate(incoming, &authority("xb.pps"), &trust, at(2_000))
}

fn refusal(bytes: &[u8], min_suite: Suite) -> Option<AuthenticateError> {
    receive(bytes, min_suite).err()
}

/// The envelope taken apart, changed, and put together again.
fn changed(message: &SignedMessage, change: impl FnOnce(&mut pb::Envelope)) -> Vec<u8> {
    let mut envelope = pb::Envelope::decode(message.bytes().clone()).expect("decodes");
    change(&mut envelope);
    envelope.encode_to_vec()
}

fn with_header(envelope: &mut pb::Envelope, change: impl FnOnce(&mut pb::Header)) {
    let mut header = pb::Header::decode(envelope.header.clone()).expect("decodes");
    change(&mut header);
    envelope.header = header.encode_to_vec().into();
}

#[test]
fn both_suites_go_there_and_open() {
    let (ed, pq) = (signer(2, Role::Signing), signer(3, Role::SigningPq));
    for (signers, suite) in [(vec![&ed], Suite::One), (vec![&ed, &pq], Suite::Two)] {
        let message = signed_with(&signers);
        let authentic = receive(message.bytes(), suite).map_err(|e| e.to_string());
        let authentic = authentic.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(authentic.digest(), message.digest());
        assert_eq!(authentic.header().suite, suite);
        let opened = open(authentic, &[&recipient()]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(*opened.body(), body());
    }
}

#[test]
fn the_archive_key_opens_our_own_copy_and_no_other_does() {
    let message = signed();
    let own = reopen(message.bytes(), &[&archive()]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(own.1, body());
    let other = SealingSecret::new(&seed(9));
    assert_eq!(reopen(message.bytes(), &[&other]).err(), Some(OpenError::NoKey));
}

#[test]
fn what_is_revealed_gives_the_commitment_of_the_header_and_nothing_else_does() {
    let message = signed();
    let revealed = reveal(message.bytes(), &[&archive()]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(revealed.body(), Ok(body()));
    let commit = |salt: &[u8], plaintext: &[u8]| sha256(&[salt, plaintext].concat());
    let commitment = message.header().plaintext_commitment;
    assert_eq!(commit(&revealed.salt, &revealed.plaintext), commitment);
    assert_ne!(commit(&[0; 32], &revealed.plaintext), commitment);
    // Sealed twice, the same content has another salt: nobody guesses it from a commitment.
    let again = reveal(signed().bytes(), &[&archive()]).unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(again.salt, revealed.salt);
    let stranger = SealingSecret::new(&seed(9));
    assert_eq!(reveal(message.bytes(), &[&stranger]).err(), Some(OpenError::NoKey));
}

#[test]
fn every_altered_byte_is_refused() {
    let message = signed();
    for position in 0..message.bytes().len() {
        let mut bytes = message.bytes().to_vec();
        bytes[position] ^= 1;
        assert!(refusal(&bytes, Suite::One).is_some(), "byte {position}");
    }
}

#[test]
fn addresses_times_and_suites_are_judged() {
    let message = signed();
    let peer = authority("xa.oag");
    let keys = |_| vec![seed(2).public(Algorithm::Ed25519)];
    let judge = |me: &str, peer: &AuthorityId, now: i64| {
        let trust = SenderTrust { peer, keys: &keys, min_suite: Suite::One };
        let incoming = Incoming(message.bytes().clone());
        authenticate(incoming, &authority(me), &trust, at(now)).err().map(|error| error.code())
    };
    assert_eq!(judge("xb.pps", &peer, 2_000), None);
    assert_eq!(judge("xc.moj", &peer, 2_000), Some("WRONG_RECIPIENT"));
    assert_eq!(judge("xb.pps", &authority("xc.moj"), 2_000), Some("WRONG_SENDER"));
    assert_eq!(judge("xb.pps", &peer, 9_001), Some("MESSAGE_EXPIRED"));
    assert_eq!(refusal(message.bytes(), Suite::Two), Some(AuthenticateError::WeakSuite));
}

#[test]
fn an_id_is_of_the_time_at_which_its_message_was_made() {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    let (created, keys) = (at(500 * DAY), |_| vec![seed(2).public(Algorithm::Ed25519)]);
    let judge = |given: i64| {
        let message = MessageId::new(at(given), [1; 10]);
        let expires = created.plus_ms(DAY);
        let (key, theirs) = (signer(2, Role::Signing), recipient());
        let draft = Draft { message, created, expires, ..draft() };
        let sealed = seal(draft, &[theirs.public()], &[key.public()]).expect("sealed");
        let signed = sign(sealed, &[&key]).expect("signed");
        let peer = authority("xa.oag");
        let trust = SenderTrust { peer: &peer, keys: &keys, min_suite: Suite::One };
        let incoming = Incoming(signed.bytes().clone());
        let judged = authenticate(incoming, &authority("xb.pps"), &trust, created);
        judged.err().map(|error| error.code())
    };
    let made = created.unix_ms();
    for sound in [made, made + 5 * MINUTE, made - 400 * DAY] {
        assert_eq!(judge(sound), None);
    }
    // The last: the first day of the year 9999.
    for wrong in [made + 5 * MINUTE + 1, made - 400 * DAY - 1, 253_370_764_800_000] {
        assert_eq!(judge(wrong), Some("BAD_MESSAGE_ID"));
    }
}

#[test]
fn a_signature_can_neither_be_stripped_nor_the_suite_rewritten() {
    let (ed, pq) = (signer(2, Role::Signing), signer(3, Role::SigningPq));
    let message = signed_with(&[&ed, &pq]);
    let stripped = changed(&message, |e| e.signatures.truncate(1));
    assert!(matches!(refusal(&stripped, Suite::One), Some(AuthenticateError::Malformed(_))));
    let rewritten = changed(&message, |e| {
        e.signatures.truncate(1);
        with_header(e, |h| {
            h.suite = 1;
            h.signer_key_ids.truncate(1);
        });
    });
    assert_eq!(refusal(&rewritten, Suite::One), Some(AuthenticateError::BadSignature));
    let swapped = changed(&message, |e| {
        e.signatures.swap(0, 1);
        with_header(e, |h| h.signer_key_ids.swap(0, 1));
    });
    assert_eq!(refusal(&swapped, Suite::One), Some(AuthenticateError::WrongSigners));
    let unknown = changed(&message, |e| with_header(e, |h| h.suite = 3));
    assert!(matches!(refusal(&unknown, Suite::One), Some(AuthenticateError::Malformed(_))));
}

#[test]
fn keys_can_neither_be_stripped_nor_spliced() {
    let message = signed();
    let stripped = changed(&message, |e| e.keys.truncate(1));
    assert!(matches!(refusal(&stripped, Suite::One), Some(AuthenticateError::Malformed(_))));
    let other = signed();
    let other = pb::Envelope::decode(other.bytes().clone()).expect("decodes");
    let spliced = changed(&message, |e| e.keys = other.keys);
    assert_eq!(refusal(&spliced, Suite::One), Some(AuthenticateError::BadSignature));
    // Even what a sender itself splices and signs does not open: the key is bound to the header.
    let reopened = reopen(&spliced, &[&recipient()]).err();
    assert_eq!(reopened, Some(OpenError::Sealed));
}

#[test]
fn a_key_that_the_header_does_not_commit_to_opens_nothing() {
    let message = signed();
    let wrong = changed(&message, |e| {
        with_header(e, |h| h.key_commitment = vec![0; 32].into());
    });
    assert_eq!(reopen(&wrong, &[&recipient()]).err(), Some(OpenError::Sealed));
}

#[test]
fn a_signer_that_the_card_does_not_have_is_unknown() {
    let message = signed_with(&[&signer(5, Role::Signing)]);
    let id = seed(5).public(Algorithm::Ed25519).id();
    assert_eq!(refusal(message.bytes(), Suite::One), Some(AuthenticateError::UnknownSigner(id)));
}

#[test]
fn what_breaks_a_rule_is_not_sealed() {
    let (theirs, mine) = (recipient(), signer(2, Role::Signing));
    let attempt = |draft: Draft, keys: &[&PublicKey], signers: &[&PublicKey]| {
        seal(draft, keys, signers).err()
    };
    let ok = [theirs.public()];
    let me = [mine.public()];
    let long = Draft { plaintext: Zeroizing::new(vec![0; (512 << 10) + 1]), ..draft() };
    assert_eq!(attempt(long, &ok, &me), Some(SealError::BodyTooLarge((512 << 10) + 1)));
    let backwards = Draft { expires: at(999), ..draft() };
    assert_eq!(attempt(backwards, &ok, &me), Some(SealError::Window));
    assert_eq!(attempt(draft(), &[], &me), Some(SealError::RecipientKeys));
    assert_eq!(attempt(draft(), &[mine.public()], &me), Some(SealError::RecipientKeys));
    assert_eq!(attempt(draft(), &ok, &[theirs.public()]), Some(SealError::SignerKeys));
}
