use super::*;
use crate::crypto::keys::{Algorithm, Seed};

fn head() -> PouchHead {
    let authority = |id| AuthorityId::parse(id).expect("valid");
    let created = Timestamp::from_unix_ms(1_800_000_000_000);
    PouchHead { sender: authority("xa.oag"), recipient: authority("xb.pps"), created }
}

fn leaves(byte: u8, len: usize) -> pb::PouchPart {
    let leaves = pb::PouchLeaves { hashes: vec![byte; len].into() };
    pb::PouchPart { part: Some(pb::pouch_part::Part::Leaves(leaves)) }
}

fn secret(n: u8) -> SealingSecret {
    SealingSecret::new(&Seed::from_slice(&[n; 32]).expect("32 bytes"))
}

fn signer(n: u8) -> SigningSecret {
    let seed = Seed::from_slice(&[n; 32]).expect("32 bytes");
    SigningSecret::new(&seed, Algorithm::Ed25519).expect("signs")
}

/// A pouch of these parts to the key of `secret(1)`, signed by `signer(2)`, and its digest.
fn sealed(parts: &[pb::PouchPart]) -> (Vec<u8>, Digest) {
    let to = secret(1);
    let (mut sealer, first) = PouchSealer::new(&head(), &[to.public()]).expect("a key");
    let mut file = first.to_vec();
    for part in parts {
        sealer.part(part).iter().for_each(|chunk| file.extend_from_slice(chunk));
    }
    let (last, digest) = sealer.finish("a checkpoint", &[&signer(2)]);
    file.extend_from_slice(&last);
    (file, digest)
}

/// As [`sealed`], with these bytes in the place of parts and without an end.
fn forged(plain: &[u8]) -> Vec<u8> {
    let to = secret(1);
    let (mut sealer, first) = PouchSealer::new(&head(), &[to.public()]).expect("a key");
    let last = sealer.seal(plain.to_vec(), true);
    [first, last].concat()
}

type Opened = Result<(Vec<pb::PouchPart>, Digest), PouchError>;

fn opened(file: &[u8], piece: usize, secret: &SealingSecret) -> Opened {
    opened_by(file, piece, secret, &signer(2), Suite::One)
}

fn opened_by(
    file: &[u8],
    piece: usize,
    secret: &SealingSecret,
    signer: &SigningSecret,
    suite: Suite,
) -> Opened {
    let mut pieces = file.chunks(piece);
    let mut first = Vec::new();
    let mut opener = loop {
        first.extend_from_slice(pieces.next().ok_or(PouchError::NotAPouch)?);
        if let Some(opener) = PouchOpener::begin(&first, &[secret])? {
            break opener;
        }
    };
    let mut parts = Vec::new();
    for piece in [&[][..]].into_iter().chain(pieces).map(Some).chain([None]) {
        match piece {
            Some(piece) => opener.push(piece)?,
            None => opener.end()?,
        }
        while let Some(part) = opener.part()? {
            parts.push(pb::PouchPart { part: Some(part) });
        }
    }
    let head = opener.head().clone();
    let closed = opener.close()?;
    let held = closed.verify(&head, &[signer.public().clone()], suite)?;
    assert_eq!(held, "a checkpoint");
    Ok((parts, closed.digest))
}

#[test]
fn what_went_in_comes_out_however_the_file_is_cut() {
    // One part that is a chunk to the byte, and others across the borders of chunks.
    let exact = CHUNK_BYTES - leaves(0, 0).encoded_len() - 10;
    for lengths in [vec![], vec![0], vec![exact], vec![100, 700_000, 1, 300_000]] {
        let parts: Vec<_> = (1..).zip(&lengths).map(|(n, len)| leaves(n, *len)).collect();
        let (file, digest) = sealed(&parts);
        assert_eq!(sha256(&file), digest);
        for piece in [7_777, SEALED_CHUNK_BYTES, file.len()] {
            assert_eq!(opened(&file, piece, &secret(1)), Ok((parts.clone(), digest)), "{piece}");
        }
    }
}

#[test]
fn the_head_is_read_without_a_key() {
    let (file, _) = sealed(&[leaves(1, 5)]);
    assert_eq!(read_head(&file[..20]), Ok(None), "too short to say");
    let (read, at) = read_head(&file).expect("a pouch").expect("long enough");
    assert_eq!(read, head());
    assert!(at < file.len());
    assert_eq!(read_head(b"PK\x03\x04 another file"), Err(PouchError::NotAPouch));
    let long = [MAGIC, &u32::MAX.to_be_bytes()].concat();
    assert!(matches!(read_head(&long), Err(PouchError::Head(_))));
}

#[test]
fn a_changed_cut_or_foreign_pouch_does_not_open() {
    let (file, _) = sealed(&[leaves(1, 600_000)]);
    let open = |file: &[u8]| opened(file, 100_000, &secret(1)).map(|_| ());
    assert_eq!(open(&file), Ok(()));
    assert_eq!(opened(&file, 100_000, &secret(2)), Err(PouchError::NoKey));
    let (_, at) = read_head(&file).expect("a pouch").expect("whole");
    for byte in [at - 1, at, file.len() - 1] {
        let mut changed = file.clone();
        changed[byte] ^= 1;
        assert!(open(&changed).is_err(), "byte {byte}");
    }
    assert_eq!(open(&file[..file.len() - 1]), Err(PouchError::Chunk(2)));
    assert_eq!(
        open(&file[..at + SEALED_CHUNK_BYTES]),
        Err(PouchError::Chunk(0)),
        "it is not the last"
    );
    let joined = [&file[..], &file[at..]].concat();
    assert!(matches!(open(&joined), Err(PouchError::Chunk(_))));
    // Another head over the same key: the recipient is bound to it.
    let at_recipient = file.windows(6).position(|w| w == b"xb.pps").expect("it is in clear");
    let mut redirected = file;
    redirected[at_recipient + 5] = b't';
    assert_eq!(open(&redirected), Err(PouchError::Head("its key does not open".into())));
}

#[test]
fn only_its_maker_has_made_it() {
    let (file, _) = sealed(&[leaves(1, 5)]);
    let other = opened_by(&file, 4_096, &secret(1), &signer(3), Suite::One);
    assert_eq!(other, Err(PouchError::Signature(head().created)));
    let weak = opened_by(&file, 4_096, &secret(1), &signer(2), Suite::Two);
    assert_eq!(weak, Err(PouchError::Signature(head().created)));
    // Another spelling of the head, or one more key in it, is another file.
    let (_, at) = read_head(&file).expect("a pouch").expect("whole");
    let length = u32::try_from(at - MAGIC.len() - 4 + 3).expect("short").to_be_bytes();
    let begin = &file[MAGIC.len() + 4..at];
    let longer = [MAGIC, &length[..], begin, &[0xf8, 0x01, 0x00], &file[at..]].concat();
    assert!(matches!(read_head(&longer), Err(PouchError::Head(_))));
}

#[test]
fn what_is_no_part_is_refused_before_it_is_held() {
    let to = secret(1);
    let open = |plain: &[u8]| opened(&forged(plain), 4_096, &to);
    let mut length = Vec::new();
    prost::encoding::encode_varint(POUCH_PART_MAX_BYTES as u64 + 1, &mut length);
    assert_eq!(open(&length), Err(PouchError::Part("one is too long")));
    assert_eq!(open(&[0]), Err(PouchError::Part("one says nothing")));
    assert_eq!(open(&[1, 0xff]), Err(PouchError::Part("one does not decode")));
    assert_eq!(open(&[5, 0xff]), Err(PouchError::Part("the last one is cut off")));
    assert_eq!(open(&[]), Err(PouchError::Part("the last one is cut off")), "nobody signed it");
    let end = pb::PouchPart { part: Some(Part::End(pb::PouchEnd::default())) };
    let behind = [end, leaves(1, 1)].map(|part| part.encode_length_delimited_to_vec()).concat();
    assert_eq!(open(&behind), Err(PouchError::Part("one stands behind the end")));
    assert!(PouchSealer::new(&head(), &[]).is_err(), "to nobody");
    let ed25519 = Seed::from_slice(&[1; 32]).expect("32 bytes").public(Algorithm::Ed25519);
    assert!(PouchSealer::new(&head(), &[&ed25519]).is_err(), "to a key that does not seal");
}
