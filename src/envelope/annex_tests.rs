use super::*;
use crate::crypto::keys::{Algorithm, Seed};
use crate::crypto::random;
use crate::domain::Timestamp;

struct Key(SealingSecret, PublicKey);

fn key() -> Key {
    let seed = Seed::generate();
    Key(SealingSecret::new(&seed), seed.public(Algorithm::XWing))
}

fn draft(text: &[u8]) -> AnnexDraft {
    let authority = |id| AuthorityId::parse(id).expect("an authority");
    AnnexDraft {
        id: AnnexId::new(Timestamp::from_unix_ms(1), random()),
        sender: authority("xa.moj"),
        recipient: authority("xb.pps"),
        refs: vec!["P1".into()],
        plaintext: Zeroizing::new(text.to_vec()),
    }
}

fn sealed(text: &[u8], official: &Key, node: &Key) -> SealedAnnex {
    let named = [NamedOfficial { id: "victims-desk".into(), key: official.1.clone() }];
    seal_annex(&draft(text), &named, std::slice::from_ref(&node.1)).expect("seals")
}

fn message() -> (MessageId, Digest) {
    (MessageId::new(Timestamp::from_unix_ms(2), [7; 10]), [9; 32])
}

fn released(annex: &SealedAnnex, node: &Key, official: &Key) -> (Vec<u8>, Vec<u8>) {
    let (message, envelope) = message();
    let official = official.1.clone();
    let context = ReleaseContext {
        annex: annex.reference().digest,
        message,
        envelope,
        official: official.id(),
    };
    let withheld = annex.withheld(&[&node.0]).expect("the node has its part");
    withheld.seal_to(&official, &context).expect("seals")
}

fn opened(
    annex: &SealedAnnex,
    official: &Key,
    (a, b): &(Vec<u8>, Vec<u8>),
) -> Result<Vec<u8>, AnnexError> {
    let part = annex.official_part(&official.0)?;
    annex.open(&part, &official.0, (a, b), message()).map(|text| text.to_vec())
}

#[test]
fn official_and_node_open_it_together() {
    let (official, node) = (key(), key());
    let annex = sealed(b"particulars", &official, &node);
    let part = annex.official_part(&official.0).expect("named");
    assert!(annex.is_token_of(&official.1.id(), &*part.token));
    assert_eq!(part.official, "victims-desk");
    let release = released(&annex, &node, &official);
    assert_eq!(opened(&annex, &official, &release).expect("opens"), b"particulars");
    let again = SealedAnnex::parse(annex.bytes().clone()).expect("parses");
    assert_eq!(again.reference(), annex.reference());
}

#[test]
fn neither_opens_it_alone() {
    let (official, node, other) = (key(), key(), key());
    let annex = sealed(b"particulars", &official, &node);
    // The node has no official's key, and the official no node's.
    assert_eq!(annex.official_part(&node.0).err(), Some(AnnexError::Sealed));
    assert_eq!(annex.withheld(&[&official.0]).err(), Some(AnnexError::Sealed));
    assert_eq!(annex.official_part(&other.0).err(), Some(AnnexError::Sealed));
    assert!(!annex.is_token_of(&official.1.id(), &[0; 32]));
    assert!(!annex.is_token_of(&other.1.id(), &[0; 32]));
    // Whoever makes up the node's part gets nothing.
    let context = ReleaseContext {
        annex: annex.reference().digest,
        message: message().0,
        envelope: message().1,
        official: official.1.id(),
    };
    let made_up = official.1.seal(&context.info(), &[0; 32]).expect("seals");
    assert_eq!(opened(&annex, &official, &made_up), Err(AnnexError::Sealed));
}

#[test]
fn a_release_fits_one_annex_of_one_message_and_one_official() {
    let (official, second, node) = (key(), key(), key());
    let named =
        [&official, &second].map(|key| NamedOfficial { id: "desk".into(), key: key.1.clone() });
    let annex = seal_annex(&draft(b"a"), &named, std::slice::from_ref(&node.1)).expect("seals");
    let other = seal_annex(&draft(b"b"), &named, std::slice::from_ref(&node.1)).expect("seals");
    let release = released(&annex, &node, &official);
    assert!(opened(&annex, &official, &release).is_ok());
    assert_eq!(opened(&other, &official, &release), Err(AnnexError::Sealed), "another annex's");
    assert_eq!(opened(&annex, &second, &release), Err(AnnexError::Sealed), "another official's");
    let part = annex.official_part(&official.0).expect("named");
    let release = (release.0.as_slice(), release.1.as_slice());
    let moved = (message().0, [8; 32]);
    let opened = annex.open(&part, &official.0, release, moved);
    assert_eq!(opened.err(), Some(AnnexError::Sealed), "another message's");
}

/// Whatever is changed, nothing else than an error comes of it.
#[test]
fn what_was_altered_does_not_open() {
    let (official, node) = (key(), key());
    let annex = sealed(b"particulars", &official, &node);
    let alterations: [fn(&mut pb::SealedAnnex); 9] = [
        |a| a.sender = "xc.moj".into(),
        |a| a.recipient = "xc.moj".into(),
        |a| a.refs = vec!["P2".into()],
        |a| {
            a.annex_id =
                AnnexId::new(Timestamp::from_unix_ms(1), [1; 10]).as_bytes().to_vec().into()
        },
        |a| a.officials[0].official = "other-desk".into(),
        |a| a.key_commitment = vec![0; 32].into(),
        |a| a.ciphertext = flipped(&a.ciphertext),
        |a| a.officials[0].ciphertext = flipped(&a.officials[0].ciphertext),
        |a| a.node[0].ciphertext = flipped(&a.node[0].ciphertext),
    ];
    for (number, alter) in alterations.into_iter().enumerate() {
        let mut parts = pb::SealedAnnex::decode(annex.bytes().clone()).expect("decodes");
        alter(&mut parts);
        let altered = SealedAnnex::parse(parts.encode_to_vec().into()).expect("still of the form");
        assert_ne!(altered.reference().digest, annex.reference().digest);
        let whole = || {
            let withheld = altered.withheld(&[&node.0])?;
            let (message, envelope) = message();
            let context = ReleaseContext {
                annex: altered.reference().digest,
                message,
                envelope,
                official: official.1.id(),
            };
            opened(&altered, &official, &withheld.seal_to(&official.1, &context)?)
        };
        assert_eq!(whole(), Err(AnnexError::Sealed), "alteration {number}");
    }
}

fn flipped(bytes: &[u8]) -> bytes::Bytes {
    let mut bytes = bytes.to_vec();
    bytes[0] ^= 1;
    bytes.into()
}

#[test]
fn its_size_says_little_and_has_an_end() {
    let (official, node) = (key(), key());
    let size = |bytes: usize| sealed(&vec![b'x'; bytes], &official, &node).bytes().len();
    assert_eq!(size(1), size(4092));
    assert!(size(4093) > size(4092));
    let official = [NamedOfficial { id: "desk".into(), key: official.1 }];
    let node = [node.1];
    let seal = |bytes: usize| seal_annex(&draft(&vec![b'x'; bytes]), &official, &node);
    assert!(seal(ANNEX_MAX_BYTES).is_ok());
    let over = seal(ANNEX_MAX_BYTES + 1).err();
    assert_eq!(over, Some(AnnexError::TooLarge(ANNEX_MAX_BYTES + 1)));
    assert_eq!(seal_annex(&draft(b""), &[], &node).err(), Some(AnnexError::Officials));
    assert!(SealedAnnex::parse(vec![0; ANNEX_SEALED_MAX_BYTES + 1].into()).is_err());
    assert!(SealedAnnex::parse(vec![0xff; 100].into()).is_err());
}

/// The largest annex that the limits allow is one that is read.
#[test]
fn the_largest_is_no_larger_than_allowed() {
    let (official, node) = (key(), key());
    let named: Vec<_> = (0..ANNEX_OFFICIALS_MAX)
        .map(|_| NamedOfficial { id: "d".repeat(64), key: official.1.clone() })
        .collect();
    let node = vec![node.1; WRAPPED_KEYS_MAX];
    let mut draft = draft(&vec![b'x'; ANNEX_MAX_BYTES]);
    draft.refs = vec!["P".repeat(REF_MAX_BYTES); ANNEX_PERSONS_MAX];
    let sealed = seal_annex(&draft, &named, &node).expect("it fits");
    assert!(sealed.bytes().len() <= ANNEX_SEALED_MAX_BYTES);
}
